"""The network that detects digits on a page: small and fully convolutional."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits.keras_quietly import keras, tf
from digits.networks.batch_norm import FusedBatchNormalization, fold_weights
from digits.networks.detector import NUM_OUTPUTS

LIGHT_BLOCK = 8  # pixels to a side over which brightness is averaged before it is smoothed
SMOOTHED_BLOCKS = 5


@keras.saving.register_keras_serializable("digits")
class LocalContrastNormalization(keras.layers.Layer):
    """Subtracts the local brightness of a page and divides by the local contrast.

    Both are means over some 40 pixels. What remains is ink, about 0 where there is paper and up to
    3 where there is ink, whatever the light (after K. Jarrett et al., "What is the best multi-stage
    architecture for object recognition?", ICCV 2009, section 2.2).
    """

    def call(self, page: Any) -> Any:
        """Normalize pages, float32 of shape (batch, height, width, 1), sides multiples of 8."""
        ink = self._local_mean(page) - page
        contrast = keras.ops.sqrt(self._local_mean(keras.ops.square(ink))) + 0.01
        return keras.ops.clip(ink / contrast, -3, 6) / 2

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input, said here since Keras cannot trace a page of unknown size."""
        return input_shape

    def _local_mean(self, x):
        size = tf.shape(x)[1:3]
        x = keras.ops.average_pool(x, LIGHT_BLOCK)
        x = keras.ops.average_pool(x, SMOOTHED_BLOCKS, strides=1, padding="same")
        # Keras 3.15's resize cannot be compiled for pages of any size.
        return tf.image.resize(x, size, "bilinear")


def build_detector(folded: bool = False) -> keras.Model:
    """Build the detector, 323,518 parameters; 321,790 once folded.

    Convolutions at a half, a quarter and an eighth of the page's size; the last see enough around
    a digit to tell it from part of something larger.

    Args:
        folded: without batch normalization, in float32, for use; else in its form for training,
            under Keras's global dtype policy.

    Returns:
        An uncompiled `keras.Model`: grey float32 pages of shape (batch, height, width, 1), 0 black
        to 1 white, sides multiples of 8, dark ink on light paper, to float32 of shape
        (batch, height / 4, width / 4, 30): logits of 22 symbols, of digits turned in three ways and
        of background; centre of the box from that of the cell, across and down, in 8 pixels;
        logarithm of its width and height over 24 pixels. `digits.networks.detector` says what these
        numbers mean.
    """
    dtype = "float32" if folded else None

    def convolve(x, name, filters, size, stride=1):
        x = keras.layers.Conv2D(
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
            x = keras.layers.ReLU(name=f"relu_{name}")(x)
        return x

    page = keras.layers.Input((None, None, 1), name="page")
    x = LocalContrastNormalization(dtype="float32", name="local_contrast")(page)
    x = convolve(x, "half_1", 32, 5, stride=2)
    x = convolve(x, "half_2", 32, 3)
    x = convolve(x, "quarter_1", 64, 5, stride=2)
    quarter = convolve(x, "quarter_2", 64, 3)
    x = convolve(quarter, "eighth_1", 64, 3, stride=2)
    for number in (2, 3, 4):
        x = convolve(x, f"eighth_{number}", 64, 3)
    x = keras.layers.UpSampling2D(2, dtype=dtype, name="larger")(x)
    x = keras.layers.Add(dtype=dtype, name="sum")([quarter, x])
    x = convolve(x, "quarter_3", 64, 3)
    x = convolve(x, "quarter_4", 64, 3)
    cells = keras.layers.Conv2D(NUM_OUTPUTS, 1, dtype="float32", name="cells")(x)
    return keras.Model(page, cells, name="detector")


def fold_detector(network: keras.Model) -> keras.Model:
    """Fold batch normalization into the convolutions, for use.

    Args:
        network: as `build_detector` returns, trained.

    Returns:
        A new float32 `keras.Model` that answers alike.
    """
    folded = build_detector(folded=True)
    fold_weights(network, folded)
    return folded


def start_from(paths: Sequence[str | Path]) -> keras.Model:
    """Build a detector to train further, on the weights of another one, or on the mean of several.

    The mean of the weights of networks that were trained from the same weights on is often better
    than each (M. Wortsman et al., "Model soups", ICML 2022).

    Args:
        paths: `.keras` files of detectors, also of ones that detect other classes.

    Returns:
        A folded `keras.Model`; a layer whose shape differs from that of another detector starts
        anew.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or none of its layers fits.
    """
    from digits.networks import storage

    weights = []
    for path in paths:
        other = storage.load_network(Path(path), "train_detector.py")
        weights.append({layer.name: layer.get_weights() for layer in other.layers})
    network, num_copied = build_detector(folded=True), 0
    for layer in network.layers:
        copied = [each.get(layer.name, []) for each in weights]
        shapes = [weight.shape for weight in layer.get_weights()]
        if shapes and all([weight.shape for weight in each] == shapes for each in copied):
            layer.set_weights([np.mean(same, axis=0) for same in zip(*copied, strict=True)])
            num_copied += 1
    if not num_copied:
        names = ", ".join(map(str, paths))
        raise ValueError(f"{names}: no layer is one of the detector's, expected other detectors")
    return network
