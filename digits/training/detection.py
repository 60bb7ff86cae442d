"""What the detector is to learn: targets, loss and metrics."""

import numpy as np

from digits.keras_quietly import keras
from digits.networks.detector import BACKGROUND, CELL, LARGEST, SMALLEST, TYPICAL

MARGIN = 0.27  # share of these sizes beyond which a digit is certainly to be left alone
IGNORED = 255  # the class of cells that count for nothing in training


def make_targets(boxes, labels, visible, shape):
    """Say what the network is to answer for a page.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.
        labels: digits in them, integers of shape (n,); above 10 what may be found or not.
        visible: float array of shape (n,), share of each digit's ink that is on the page.
        shape: (height, width) of the page, multiples of `CELL`.

    Returns:
        float32 array of shape (height / 4, width / 4, 5): class, and box as of `build_finder`.
    """
    rows, columns = shape[0] // CELL, shape[1] // CELL
    targets = np.zeros((rows, columns, 5), np.float32)
    targets[..., 0] = BACKGROUND
    nearest = np.full((rows, columns), np.inf)
    y, x = (np.indices((rows, columns)) + 0.5) * CELL
    for (left, top, right, bottom), label, share in zip(boxes, labels, visible, strict=True):
        width, height = right - left, bottom - top
        size = max(width, height)
        across, down = (left + right) / 2 - x, (top + bottom) / 2 - y
        if not SMALLEST * (1 - MARGIN) < size < LARGEST * (1 + MARGIN) or share < 0.5:
            continue
        rim = (abs(across) < max(0.36 * width, 4.1)) & (abs(down) < max(0.36 * height, 4.1))
        core = (abs(across) < max(0.22 * width, 2.1)) & (abs(down) < max(0.2 * height, 2.1))
        # Cells at the rim, and digits of sizes between, may be found or not.
        targets[rim & (targets[..., 0] == BACKGROUND), 0] = IGNORED
        if not SMALLEST <= size <= LARGEST or share < 0.9 or label > BACKGROUND:
            continue
        distance = (across / width) ** 2 + (down / height) ** 2
        core &= distance < nearest
        nearest[core] = distance[core]
        sizes = np.log(np.array([width, height]) / TYPICAL)
        place = np.stack([across[core], down[core]], axis=-1) / (2 * CELL)
        targets[core] = np.column_stack(
            [np.full(len(place), label), place, np.broadcast_to(sizes, place.shape)]
        )
    return targets


def loss(y_true, y_pred):
    """Cross-entropy of the classes and absolute error of the boxes, a digit's cell on average.

    Args:
        y_true: tensor of shape (batch, rows, columns, 5) from `make_targets`.
        y_pred: tensor of shape (batch, rows, columns, 15), the network's answer.

    Returns:
        float32 scalar.
    """
    classes = keras.ops.cast(y_true[..., 0], "int32")
    used = keras.ops.cast(classes <= BACKGROUND, "float32")
    in_digit = keras.ops.cast(classes < BACKGROUND, "float32")
    entropy = keras.ops.sparse_categorical_crossentropy(
        keras.ops.minimum(classes, BACKGROUND), y_pred[..., : BACKGROUND + 1], from_logits=True
    )
    box = keras.ops.sum(keras.ops.abs(y_true[..., 1:] - y_pred[..., BACKGROUND + 1 :]), axis=-1)
    total = keras.ops.sum(entropy * used * (1 + in_digit)) + 0.7 * keras.ops.sum(box * in_digit)
    return total / (1 + keras.ops.sum(in_digit))


def share_right(y_true, y_pred):
    """Share of the cells in digits whose digit is named right, a Keras metric."""
    classes, named = _compare(y_true, y_pred)
    in_digit = keras.ops.cast(classes < BACKGROUND, "float32")
    right = keras.ops.cast(keras.ops.equal(classes, named), "float32")
    return keras.ops.sum(right * in_digit) / (keras.ops.sum(in_digit) + 1e-6)


def share_false(y_true, y_pred):
    """Share of the cells in no digit that are taken for one, a Keras metric."""
    classes, named = _compare(y_true, y_pred)
    in_none = keras.ops.cast(keras.ops.equal(classes, BACKGROUND), "float32")
    return keras.ops.sum(keras.ops.cast(named < BACKGROUND, "float32") * in_none) / (
        keras.ops.sum(in_none) + 1e-6
    )


def _compare(y_true, y_pred):
    return keras.ops.cast(y_true[..., 0], "int32"), keras.ops.argmax(
        y_pred[..., : BACKGROUND + 1], axis=-1
    )
