import numpy as np
import pytest

import model as models
from digits.networks import heads


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((5, 28, 28), np.float32)


def test_probabilities_are_the_softmax_of_the_logits(images):
    network = models.build_cnn()
    logits = heads.logits_model(network).predict(images, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, rtol=1e-4)


def test_a_temperature_divides_the_logits(images):
    network = models.build_tiny()
    before = heads.logits_model(network).predict(images, verbose=0)
    heads.scale_logits(network, 2)
    after = heads.logits_model(network).predict(images, verbose=0)
    np.testing.assert_allclose(after, before / 2, atol=1e-6)


def test_the_mean_of_several_networks_is_that_of_their_probabilities(images):
    networks = [models.build_cnn(), models.build_dense(), models.build_tiny(), models.build_tiny()]
    logits = heads.mean_logits_model(networks).predict(images, verbose=0)
    expected = np.mean([network.predict(images, verbose=0) for network in networks], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4)
