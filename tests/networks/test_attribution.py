import functools

import numpy as np
import pytest

import data
from digits import mnist
from digits.keras_quietly import keras
from digits.networks import attribution, storage


@functools.cache
def load(name):
    return storage.load_classifier_model(storage.RELEASED_MODELS / f"{name}.keras")


@functools.cache
def load_images():
    images, labels = data.load_test()
    return data.normalize(images[:40]), labels[:40]


def measure_log_odds(network, images, digits):
    probabilities = np.asarray(network(images), np.float64)
    chosen = probabilities[np.arange(len(images)), digits]
    return np.log(chosen) - np.log1p(-chosen)


@pytest.mark.parametrize("name", ["dense", "tiny", "cnn"])
def test_attributions_add_up_to_the_log_odds(name):
    images, labels = (array[:8] for array in load_images())
    attributions, differences = attribution.attribute(load(name), images, labels, num_steps=128)
    assert attributions.shape == images.shape and differences.shape == labels.shape
    errors = np.abs(attributions.sum(axis=(1, 2)) - differences) / np.abs(differences)
    assert np.median(errors) < 0.02


def test_differences_are_those_of_the_log_odds():
    """Of the image, and of paper as grey as what `normalize` makes of this image's paper."""
    images, labels = load_images()
    network = load("dense")
    _, differences = attribution.attribute(network, images, labels)
    deviation = np.sqrt(images.var(axis=(1, 2)) + network.get_layer("normalize").epsilon)
    rest = (-images.mean(axis=(1, 2)) / deviation)[:, None] * np.ones(784)
    for name in ("hidden_1", "hidden_2", "logits"):
        kernel, bias = network.get_layer(name).get_weights()
        rest = rest @ kernel + bias
        rest = np.maximum(rest, 0) if name != "logits" else rest
    paper = np.exp(rest) / np.exp(rest).sum(axis=1, keepdims=True)
    chosen = paper[np.arange(len(images)), labels]
    expected = measure_log_odds(network, images, labels) - np.log(chosen) + np.log1p(-chosen)
    certain = np.asarray(network(images)).max(axis=1) > 1 - 1e-4  # beyond what float32 tells apart
    assert (~certain).sum() > 3
    np.testing.assert_allclose(differences[~certain], expected[~certain], atol=0.02)


def test_paler_ink_has_the_same_attributions():
    images, labels = load_images()
    attributions, _ = attribution.attribute(load("dense"), images, labels)
    paler, _ = attribution.attribute(load("dense"), 0.5 * images, labels)
    np.testing.assert_allclose(paler, attributions, atol=0.03)


def test_of_a_linear_network_attributions_are_weights_times_normalized_ink():
    network = keras.Sequential(
        [
            keras.layers.Input(mnist.IMAGE_SHAPE),
            keras.layers.LayerNormalization((1, 2), center=False, scale=False, name="normalize"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, name="logits"),
            keras.layers.Softmax(name="probabilities"),
        ]
    )
    kernel = np.zeros((784, 10), np.float32)
    kernel[5, 3], kernel[6, 3], kernel[7, 3] = 2, -1, 4
    # The others stay at 0, but one: then the odds are against that one alone.
    bias = np.full(10, -100, np.float32)
    bias[3] = bias[4] = 0
    network.get_layer("logits").set_weights([kernel, bias])
    image = np.zeros((1, 784), np.float32)
    image[0, 5], image[0, 6] = 1, 0.5
    deviation = np.sqrt(image.var() + network.get_layer("normalize").epsilon)
    attributions, differences = attribution.attribute(network, image.reshape(1, 28, 28), [3])
    expected = np.zeros(784)
    expected[5], expected[6] = 2 / deviation, -0.5 / deviation
    np.testing.assert_allclose(attributions[0].ravel(), expected, rtol=1e-5)
    assert differences[0] == pytest.approx(1.5 / deviation, rel=1e-5)


@pytest.mark.parametrize("name", ["dense", "tiny", "cnn"])
def test_what_speaks_for_a_digit_matters_more_than_other_ink(name):
    images, labels = (array[:12] for array in load_images())
    attributions, _ = attribution.attribute(load(name), images, labels)
    rng = np.random.default_rng(0)
    best, random = images.copy(), images.copy()
    for index, pixels in enumerate(attributions):
        inked = np.flatnonzero(images[index].ravel() > 0.3)
        num_erased = len(inked) // 4
        strongest = inked[np.argsort(-pixels.ravel()[inked])[:num_erased]]
        best[index].ravel()[strongest] = 0
        random[index].ravel()[rng.choice(inked, num_erased, replace=False)] = 0
    odds_best = measure_log_odds(load(name), best, labels)
    odds_random = measure_log_odds(load(name), random, labels)
    assert np.median(odds_random - odds_best) > 2


def test_paper_has_no_attribution():
    images, labels = load_images()
    attributions, _ = attribution.attribute(load("tiny"), images, labels)
    assert not attributions[images == 0].any()
