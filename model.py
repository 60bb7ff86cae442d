"""Builds the networks: the dense 784-128-64-10 one, and three convolutional ones."""

from __future__ import annotations

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import find_model, load_classifier, load_detector

__all__ = ["BUILDERS", "build_cnn", "build_dense", "build_lenet", "build_tiny"]
__all__ += ["find_model", "load_classifier", "load_detector"]


def build_dense() -> keras.Sequential:
    """Build the dense 784-128-64-10 network, 109,386 parameters.

    Returns:
        An uncompiled `keras.Sequential`: float32 images of shape (batch, 28, 28) in [0, 1] to
        probabilities of shape (batch, 10); the layer before, `logits`, is their logarithm up to
        a constant.
    """
    return keras.Sequential(
        [
            keras.layers.Input(IMAGE_SHAPE, name="image"),
            _image_normalization(),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(128, activation="relu", name="hidden_1"),
            keras.layers.Dense(64, activation="relu", name="hidden_2"),
            keras.layers.Dense(NUM_CLASSES, name="logits", dtype="float32"),
            keras.layers.Softmax(name="probabilities", dtype="float32"),
        ],
        name="dense",
    )


def build_lenet() -> keras.Sequential:
    """Build a small network of two convolutions and two dense layers, 215,194 parameters.

    It learns fastest, in an epoch or two. Its layers are of the kind of Y. LeCun et al.,
    "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86 (1998),
    and of the sizes of https://github.com/tuomaso/train_mnist_fast.

    Returns:
        As `build_dense`.
    """
    return keras.Sequential(
        [
            keras.layers.Input(IMAGE_SHAPE, name="image"),
            _image_normalization(),
            keras.layers.Reshape((*IMAGE_SHAPE, 1), name="channel"),
            # Pooled before the ReLU, which gives the same with a quarter of the work.
            keras.layers.Conv2D(24, 5, name="conv_1"),
            keras.layers.MaxPooling2D(name="pool_1"),
            keras.layers.ReLU(name="relu_1"),
            keras.layers.Conv2D(32, 3, name="conv_2"),
            keras.layers.MaxPooling2D(name="pool_2"),
            keras.layers.ReLU(name="relu_2"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(256, activation="relu", name="hidden"),
            keras.layers.Dense(NUM_CLASSES, name="logits", dtype="float32"),
            keras.layers.Softmax(name="probabilities", dtype="float32"),
        ],
        name="lenet",
    )


def build_cnn() -> keras.Sequential:
    """Build the convolutional network, 268,234 parameters once folded.

    Two stages of 3x3 convolutions, each ended by a 5x5 one of stride 2, then the mean of each of
    128 feature maps. This is its form for training, under Keras's global dtype policy; for use,
    `digits.networks.batch_norm.fold_classifier` folds the batch normalizations away.

    Returns:
        As `build_dense`.
    """
    # Built first: each layer draws its seed when it is made, and the order is part of the recipe.
    dropout = keras.layers.Dropout(0.3, name="dropout")
    widths = [(32, 3, 1), (32, 3, 1), (32, 5, 2), (64, 3, 1), (64, 3, 1), (64, 5, 2), (128, 3, 1)]
    return _build_convolutional("cnn", widths, [dropout])


def build_tiny() -> keras.Sequential:
    """Build the tiny convolutional network, 9,866 parameters once folded.

    Sixteen feature maps throughout, as many as a processor handles at once, and only 14x14 pixels
    of them from the first layer on: it trains some six times as fast as 10 to 12 maps of 28x28
    pixels with about as many parameters.

    Returns:
        As `build_dense`.
    """
    widths = [(16, 5, 2), (16, 3, 1), (16, 3, 2), (16, 3, 1), (16, 3, 1)]
    return _build_convolutional("tiny", widths, [])


BUILDERS = {
    "dense": build_dense,
    "lenet": build_lenet,
    "tiny": build_tiny,
    "cnn": build_cnn,
}


def _image_normalization():
    """Bring each image to mean 0 and variance 1: pale ink on grey paper looks like any other."""
    # A floor under the variance, so that a page without ink is not blown up to noise.
    return keras.layers.LayerNormalization(
        axis=(1, 2), center=False, scale=False, epsilon=1e-4, dtype="float32", name="normalize"
    )


def _build_convolutional(name, widths, head):
    """Build a network of convolutions of `widths`: filters, kernel size and stride of each."""
    # Imported here since a subclass of a Keras layer loads Keras.
    from digits.networks.batch_norm import FusedBatchNormalization

    stack = []
    for number, (filters, size, stride) in enumerate(widths, start=1):
        stack += [
            keras.layers.Conv2D(
                filters, size, stride, "same", use_bias=False, name=f"conv_{number}"
            ),
            # A momentum for trainings of hundreds of steps: Keras's .99 would remember the start.
            FusedBatchNormalization(momentum=0.9, name=f"norm_{number}"),
            keras.layers.ReLU(name=f"relu_{number}"),
        ]
    return keras.Sequential(
        [
            keras.layers.Input(IMAGE_SHAPE, name="image"),
            _image_normalization(),
            keras.layers.Reshape((*IMAGE_SHAPE, 1), name="channel"),
            *stack,
            keras.layers.GlobalAveragePooling2D(name="mean"),
            *head,
            keras.layers.Dense(NUM_CLASSES, name="logits", dtype="float32"),
            keras.layers.Softmax(name="probabilities", dtype="float32"),
        ],
        name=name,
    )
