"""Says which pixels speak for a digit and which against it: integrated gradients."""

import functools

import numpy as np

from digits.keras_quietly import keras, tf
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

NUM_STEPS = 32


def attribute(classifier, images, digits, num_steps=NUM_STEPS):
    """Share out a network's certainty of a digit among the pixels of an image.

    The gradient of the digit's log odds is averaged along the straight way from blank paper to
    this image and multiplied by the ink, so that the shares add up to the difference between the
    two (M. Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017). The way
    starts behind the layer that normalizes each image: before it, all images on the way but the
    first would look alike. So the paper has the grey that this image's paper is given.

    Args:
        classifier: trained network of `model.BUILDERS`.
        images: float array of shape (n, 28, 28), 0 to 1.
        digits: integers 0-9 of shape (n,), one to explain for each image.
        num_steps: on the way; with more of them the sum is nearer to the difference.

    Returns:
        `(shares, differences)`: float32 arrays of shape (n, 28, 28), in logits, above 0 where ink
        speaks for the digit, and (n,), its log odds less those on the blank paper.
    """
    images = np.asarray(images, np.float32)
    epsilon = classifier.get_layer("normalize").epsilon
    deviation = np.sqrt(images.var(axis=(1, 2), keepdims=True) + epsilon)
    paper, ink = -images.mean(axis=(1, 2), keepdims=True) / deviation, images / deviation
    # Midpoints of the steps, then both ends.
    places = np.concatenate([(np.arange(num_steps) + 0.5) / num_steps, [0, 1]])
    way = paper[:, None] + ink[:, None] * places.astype(np.float32)[:, None, None]
    wanted = np.repeat(np.asarray(digits, np.int32), len(places))
    odds, gradients = _differentiate(classifier)(way.reshape(-1, *images.shape[1:]), wanted)
    odds = odds.numpy().reshape(len(images), -1)
    gradients = gradients.numpy().reshape(way.shape)[:, :num_steps]
    return ink * gradients.mean(axis=1), odds[:, -1] - odds[:, -2]


@functools.lru_cache(maxsize=8)
def _differentiate(classifier):
    """Make the function from normalized images and digits to log odds and their gradients."""
    names = [layer.name for layer in classifier.layers]
    logits_model = keras.Sequential(classifier.layers[names.index("normalize") + 1 : -1])

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
