import functools

import numpy as np
import pytest

import data
import explain
import storage


@functools.cache
def load(name):
    return storage.load(storage.RELEASED_MODELS / f"{name}.keras")


@functools.cache
def load_images():
    images, labels = data.load_test()
    return data.normalize(images[:40]), labels[:40]


def measure_odds(classifier, images, digits):
    probabilities = np.asarray(classifier(images), np.float64)
    chosen = probabilities[np.arange(len(images)), digits]
    return np.log(chosen) - np.log1p(-chosen)


@pytest.mark.parametrize("name", ["dense", "tiny", "cnn"])
def test_shares_add_up_to_the_log_odds(name):
    images, labels = load_images()
    shares, differences = explain.attribute(load(name), images, labels, num_steps=128)
    assert shares.shape == images.shape and differences.shape == labels.shape
    errors = np.abs(shares.sum(axis=(1, 2)) - differences) / np.abs(differences)
    assert np.median(errors) < 0.02


def test_differences_are_those_of_the_networks_answers():
    images, labels = load_images()
    unsure = images * 0.3  # so that float32 probabilities still tell how sure
    _, differences = explain.attribute(load("dense"), unsure, labels)
    blank = np.zeros_like(images)
    expected = measure_odds(load("dense"), unsure, labels)
    expected -= measure_odds(load("dense"), blank, labels)
    np.testing.assert_allclose(differences, expected, atol=0.02)


def test_of_a_linear_network_shares_are_weights_times_ink():
    keras = pytest.importorskip("keras")
    network = keras.Sequential(
        [
            keras.layers.Input(data.IMAGE_SHAPE),
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
    shares, differences = explain.attribute(network, image.reshape(1, 28, 28), [3])
    expected = np.zeros(784)
    expected[5], expected[6] = 2, -0.5
    np.testing.assert_allclose(shares[0].ravel(), expected, atol=1e-5)
    assert differences[0] == pytest.approx(1.5, abs=1e-5)


@pytest.mark.parametrize("name", ["dense", "tiny", "cnn"])
def test_what_speaks_for_a_digit_matters_more_than_other_ink(name):
    images, labels = load_images()
    shares, _ = explain.attribute(load(name), images, labels)
    rng = np.random.default_rng(0)
    best, random = images.copy(), images.copy()
    for index, share in enumerate(shares):
        inked = np.flatnonzero(images[index].ravel() > 0.3)
        num_erased = len(inked) // 4
        strongest = inked[np.argsort(-share.ravel()[inked])[:num_erased]]
        best[index].ravel()[strongest] = 0
        random[index].ravel()[rng.choice(inked, num_erased, replace=False)] = 0
    odds_best = measure_odds(load(name), best, labels)
    odds_random = measure_odds(load(name), random, labels)
    assert np.median(odds_random - odds_best) > 2


def test_no_ink_has_no_share():
    images, labels = load_images()
    shares, _ = explain.attribute(load("tiny"), images, labels)
    assert not shares[images == 0].any()
