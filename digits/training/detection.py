"""What the detector learns from: synthetic pages, targets, loss and metrics."""

from typing import Any

import numpy as np

from digits.keras_quietly import keras
from digits.networks.detector import BACKGROUND, CELL, LARGEST, SMALLEST, TYPICAL
from digits.symbols import DIGITS, SYMBOLS
from digits.training.synthetic import pages, strokes
from digits.training.synthetic.pages import IGNORED

# Digits up to this share beyond the sizes that are detected may be detected or not.
MARGIN = 0.27
# A digit of usual size has about so many cells. Those of a sign that has fewer count more, so that
# a point counts as much as a digit.
USUAL_CELLS = 3


class SyntheticPages(keras.utils.PyDataset):
    """Batches of synthetic pages and their targets, made while the detector trains."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        batches_per_epoch: int,
        batch_size: int,
        seed: int,
        new_each_epoch: bool,
    ):
        """Take the digits to write with.

        Args:
            images: uint8 array of shape (n, 28, 28).
            labels: integers 0-9 of shape (n,).
            batches_per_epoch: batches in an epoch.
            batch_size: pages per batch.
            seed: the same seed gives the same pages.
            new_each_epoch: whether each epoch has other pages.

        Raises:
            ValueError: an image shows no digit.
        """
        super().__init__(workers=1)  # one thread makes pages while TensorFlow trains
        self.strokes = strokes.trace_digits(images, labels, np.random.default_rng(seed))
        self.labels = labels
        self.batches_per_epoch, self.batch_size, self.seed = batches_per_epoch, batch_size, seed
        self.new_each_epoch = new_each_epoch
        self.epoch = 0

    def __len__(self) -> int:
        """Number of batches per epoch."""
        return self.batches_per_epoch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch.

        Args:
            index: which one of the epoch.

        Returns:
            `(pages, targets)`: float32 of shape (batch, 160, 160, 1), 0 black to 1 white, and
            float32 of shape (batch, 40, 40, 6) from `make_targets`.
        """
        rng = np.random.default_rng((self.seed, self.epoch, index))
        made = [pages.make_page(rng, self.strokes, self.labels) for _ in range(self.batch_size)]
        targets = [
            make_targets(page.boxes, page.labels, page.sizes, page.visible, page.photo.shape)
            for page in made
        ]
        return np.stack([page.photo for page in made])[..., None], np.stack(targets)

    def on_epoch_end(self) -> None:
        """Go on to the pages of the next epoch, if these are others."""
        self.epoch += self.new_each_epoch


def make_targets(
    boxes: np.ndarray,
    labels: np.ndarray,
    sizes: np.ndarray,
    visible: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Make the outputs that the detector learns for a page.

    Args:
        boxes: floats of shape (n, 4): left, top, right, bottom in pixels.
        labels: what is in the boxes, integers of shape (n,) below `BACKGROUND`; above for what may
            be detected or not.
        sizes: floats of shape (n,): longer side of a digit; of a sign, height of the digits beside
            it; in pixels.
        visible: floats of shape (n,), share of each one's ink that is on the page.
        shape: (height, width) of the page, multiples of 4 pixels.

    Returns:
        float32 array of shape (height / 4, width / 4, 6). Of each cell: class (up to `BACKGROUND`
        or `IGNORED`); centre of the box from that of the cell, across and down, in 8 pixels;
        logarithm of its width and height over 24 pixels; weight in the loss.
    """
    rows, columns = shape[0] // CELL, shape[1] // CELL
    targets = np.zeros((rows, columns, 6), np.float32)
    targets[..., 0], targets[..., 5] = BACKGROUND, 1
    nearest = np.full((rows, columns), np.inf)
    y, x = (np.indices((rows, columns)) + 0.5) * CELL
    for box, label, size, share in zip(boxes, labels, sizes, visible, strict=True):
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        across, down = (left + right) / 2 - x, (top + bottom) / 2 - y
        if not SMALLEST * (1 - MARGIN) < size < LARGEST * (1 + MARGIN) or share < 0.5:
            continue
        rim = (abs(across) < max(0.36 * width, 4.1)) & (abs(down) < max(0.36 * height, 4.1))
        core = (abs(across) < max(0.22 * width, 2.1)) & (abs(down) < max(0.2 * height, 2.1))
        # Cells around the core are ignored, and all cells of a digit that is ambiguous, partly off
        # the page, or of a size within the margin.
        targets[rim & (targets[..., 0] == BACKGROUND), 0] = IGNORED
        if not SMALLEST <= size <= LARGEST or share < 0.9 or label > BACKGROUND:
            continue
        distance = (across / width) ** 2 + (down / height) ** 2
        core &= distance < nearest
        nearest[core] = distance[core]
        sizes = np.log(np.array([width, height]) / TYPICAL)
        place = np.stack([across[core], down[core]], axis=-1) / (2 * CELL)
        is_sign = len(DIGITS) <= label < len(SYMBOLS)
        weight = max(1.0, USUAL_CELLS / max(len(place), 1)) if is_sign else 1.0
        targets[core] = np.column_stack(
            [
                np.full(len(place), label),
                place,
                np.broadcast_to(sizes, place.shape),
                np.full(len(place), weight),
            ]
        )
    return targets


def loss(y_true: Any, y_pred: Any) -> Any:
    """Cross-entropy of the classes and absolute error of the boxes, per cell in a digit.

    Args:
        y_true: tensor of shape (batch, rows, columns, 6) from `make_targets`.
        y_pred: tensor of shape (batch, rows, columns, 30), the detector's outputs.

    Returns:
        float32 scalar.
    """
    classes = keras.ops.cast(y_true[..., 0], "int32")
    weights = y_true[..., 5]
    used = weights * keras.ops.cast(classes <= BACKGROUND, "float32")
    in_digit = weights * keras.ops.cast(classes < BACKGROUND, "float32")
    entropy = keras.ops.sparse_categorical_crossentropy(
        keras.ops.minimum(classes, BACKGROUND), y_pred[..., : BACKGROUND + 1], from_logits=True
    )
    box = keras.ops.sum(keras.ops.abs(y_true[..., 1:5] - y_pred[..., BACKGROUND + 1 :]), axis=-1)
    total = keras.ops.sum(entropy * (used + in_digit)) + 0.7 * keras.ops.sum(box * in_digit)
    return total / (1 + keras.ops.sum(in_digit))


def cell_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of the cells in digits whose digit is predicted correctly, a Keras metric."""
    classes, predicted = _compare(y_true, y_pred)
    in_digit = keras.ops.cast(classes < BACKGROUND, "float32")
    correct = keras.ops.cast(keras.ops.equal(classes, predicted), "float32")
    return keras.ops.sum(correct * in_digit) / (keras.ops.sum(in_digit) + 1e-6)


def false_positive_rate(y_true: Any, y_pred: Any) -> Any:
    """Share of the background cells for which a digit is predicted, a Keras metric."""
    classes, predicted = _compare(y_true, y_pred)
    in_background = keras.ops.cast(keras.ops.equal(classes, BACKGROUND), "float32")
    false = keras.ops.cast(predicted < BACKGROUND, "float32") * in_background
    return keras.ops.sum(false) / (keras.ops.sum(in_background) + 1e-6)


def _compare(y_true, y_pred):
    classes = keras.ops.cast(y_true[..., 0], "int32")
    return classes, keras.ops.argmax(y_pred[..., : BACKGROUND + 1], axis=-1)
