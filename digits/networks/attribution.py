"""Measures how much each pixel speaks for a digit or against it: integrated gradients."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from digits.keras_quietly import keras, tf
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

NUM_STEPS = 32


def attribute(
    model: keras.Model, images: np.ndarray, digits: Sequence[int], num_steps: int = NUM_STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Attribute a classifier's log odds of a digit to the pixels of an image.

    The gradient of the digit's log odds is averaged along the straight line from blank paper to
    the image and multiplied by the ink, so that the attributions add up to the difference between
    the log odds at its two ends (M. Sundararajan et al., "Axiomatic attribution for deep networks",
    ICML 2017). The line starts behind the layer that normalizes each image: before it, all images
    on the line but the first would look alike. So the blank paper has the grey that the paper of
    this image is given.

    Args:
        model: trained network of `model.BUILDERS`.
        images: float array of shape (n, 28, 28), 0 paper to 1 ink.
        digits: integers 0-9 of shape (n,), the digit to explain for each image.
        num_steps: points on the line; with more of them the sum is nearer to the difference.

    Returns:
        `(attributions, differences)`: float32 arrays of shape (n, 28, 28), in logits, above 0 where
        ink speaks for the digit, and (n,), its log odds minus those on the blank paper.
    """
    images = np.asarray(images, np.float32)
    epsilon = model.get_layer("normalize").epsilon
    deviation = np.sqrt(images.var(axis=(1, 2), keepdims=True) + epsilon)
    paper, ink = -images.mean(axis=(1, 2), keepdims=True) / deviation, images / deviation
    # Midpoints of the steps, then both ends.
    positions = np.concatenate([(np.arange(num_steps) + 0.5) / num_steps, [0, 1]])
    line = paper[:, None] + ink[:, None] * positions.astype(np.float32)[:, None, None]
    repeated = np.repeat(np.asarray(digits, np.int32), len(positions))
    odds, gradients = _differentiate(model)(line.reshape(-1, *images.shape[1:]), repeated)
    odds = odds.numpy().reshape(len(images), -1)
    gradients = gradients.numpy().reshape(line.shape)[:, :num_steps]
    return ink * gradients.mean(axis=1), odds[:, -1] - odds[:, -2]


@functools.lru_cache(maxsize=8)
def _differentiate(model: keras.Model) -> Callable:
    """Make the function from normalized images and digits to log odds and their gradients."""
    names = [layer.name for layer in model.layers]
    logits_model = keras.Sequential(model.layers[names.index("normalize") + 1 : -1])

    # Compiled it takes 18 ms for an image and the large network, instead of 52.
    @tf.function(
        input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE]), tf.TensorSpec([None], tf.int32)]
    )
    def differentiate(images, digits):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = logits_model(images, training=False)
            chosen = tf.one_hot(digits, NUM_CLASSES, on_value=True, off_value=False)
            others = tf.reduce_logsumexp(tf.where(chosen, -np.inf, logits), axis=1)
            odds = tf.reduce_sum(tf.where(chosen, logits, 0.0), axis=1) - others
        return odds, tape.gradient(odds, images)

    return differentiate
