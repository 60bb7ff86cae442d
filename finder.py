"""The network that finds digits on a page, and what it is to learn.

Small and fully convolutional: every cell of 4x4 pixels says whether it lies in the middle of a
digit that is 15 to 44 pixels tall, which one, and where that digit's box is.
"""

import keras
import numpy as np
from keras import layers, ops

from data import NUM_CLASSES
from model import FusedBatchNormalization, fold_normalization

CELL = 4  # pixels, to a side
SMALLEST, LARGEST = 15, 44  # pixels, longer side of the digits that the network is to find
MARGIN = 0.27  # share of these sizes beyond which a digit is certainly to be left alone
TYPICAL = 24.0  # pixels, about their mean: boxes are learned in terms of it
NOTHING = NUM_CLASSES  # the class of cells that are in no digit
UNUSED = 255  # the class of cells that count for nothing in training


def build_finder(folded=False):
    """Build the network, 322,543 parameters.

    Convolutions at a half, a quarter and an eighth of the page's size; the last see enough around
    a digit to tell it from part of something larger.

    Args:
        folded: without batch normalization, in float32, for use; else in its form for training,
            under Keras's global dtype policy.

    Returns:
        An uncompiled `keras.Model`: grey float32 pages of shape (batch, height, width, 1), sides
        multiples of 8, dark ink on light paper, to float32 of shape (batch, height / 4, width / 4,
        15): logits of ten digits and of nothing; centre of the box from that of the cell, across
        and down, in 8 pixels; logarithm of its width and height over 24 pixels.
    """
    dtype = "float32" if folded else None

    def convolve(x, name, filters, size, stride=1):
        x = layers.Conv2D(
            filters,
            size,
            stride,
            "same",
            use_bias=folded,
            activation="relu" if folded else None,
            dtype=dtype,
            name=f"conv_{name}",
        )(x)
        if not folded:
            x = FusedBatchNormalization(momentum=0.95, name=f"norm_{name}")(x)
            x = layers.ReLU(name=f"relu_{name}")(x)
        return x

    page = layers.Input((None, None, 1), name="page")
    x = convolve(_even_out(page), "half_1", 32, 5, stride=2)
    x = convolve(x, "half_2", 32, 3)
    x = convolve(x, "quarter_1", 64, 5, stride=2)
    quarter = convolve(x, "quarter_2", 64, 3)
    x = convolve(quarter, "eighth_1", 64, 3, stride=2)
    for number in (2, 3, 4):
        x = convolve(x, f"eighth_{number}", 64, 3)
    x = layers.UpSampling2D(2, dtype=dtype, name="larger")(x)
    x = layers.Add(dtype=dtype, name="sum")([quarter, x])
    x = convolve(x, "quarter_3", 64, 3)
    x = convolve(x, "quarter_4", 64, 3)
    cells = layers.Conv2D(NUM_CLASSES + 1 + 4, 1, dtype="float32", name="cells")(x)
    return keras.Model(page, cells, name="finder")


def _even_out(page):
    """Subtract the paper's shade and divide by the contrast, both means over some 40 pixels."""

    def blur(x):
        x = layers.AveragePooling2D(8, dtype="float32")(x)
        x = layers.AveragePooling2D(5, 1, "same", dtype="float32")(x)
        return layers.UpSampling2D(8, interpolation="bilinear", dtype="float32")(x)

    ink = layers.Subtract(dtype="float32")([blur(page), page])
    contrast = ops.sqrt(blur(ops.square(ink))) + 0.01
    return ops.clip(ink / contrast, -3, 6) / 2


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
    targets[..., 0] = NOTHING
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
        targets[rim & (targets[..., 0] == NOTHING), 0] = UNUSED
        if not SMALLEST <= size <= LARGEST or share < 0.9 or label > NOTHING:
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
    classes = ops.cast(y_true[..., 0], "int32")
    used = ops.cast(classes <= NOTHING, "float32")
    in_digit = ops.cast(classes < NOTHING, "float32")
    entropy = ops.sparse_categorical_crossentropy(
        ops.minimum(classes, NOTHING), y_pred[..., : NOTHING + 1], from_logits=True
    )
    box = ops.sum(ops.abs(y_true[..., 1:] - y_pred[..., NOTHING + 1 :]), axis=-1)
    total = ops.sum(entropy * used * (1 + in_digit)) + 0.7 * ops.sum(box * in_digit)
    return total / (1 + ops.sum(in_digit))


def share_right(y_true, y_pred):
    """Share of the cells in digits whose digit is named right, a Keras metric."""
    classes, named = _compare(y_true, y_pred)
    in_digit = ops.cast(classes < NOTHING, "float32")
    right = ops.cast(ops.equal(classes, named), "float32")
    return ops.sum(right * in_digit) / (ops.sum(in_digit) + 1e-6)


def share_false(y_true, y_pred):
    """Share of the cells in no digit that are taken for one, a Keras metric."""
    classes, named = _compare(y_true, y_pred)
    in_none = ops.cast(ops.equal(classes, NOTHING), "float32")
    return ops.sum(ops.cast(named < NOTHING, "float32") * in_none) / (ops.sum(in_none) + 1e-6)


def _compare(y_true, y_pred):
    return ops.cast(y_true[..., 0], "int32"), ops.argmax(y_pred[..., : NOTHING + 1], axis=-1)


def fold(network):
    """Fold batch normalization into the convolutions, as `model.fold` does.

    Args:
        network: as `build_finder` returns, trained.

    Returns:
        A new float32 `keras.Model` that answers alike.
    """
    folded = build_finder(folded=True)
    for layer in folded.layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        weights = network.get_layer(layer.name).get_weights()
        if len(weights) == 1:  # no bias: a normalization follows
            norm = network.get_layer(layer.name.replace("conv", "norm"))
            weights = fold_normalization(weights[0], norm)
        layer.set_weights(weights)
    return folded
