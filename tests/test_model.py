import numpy as np
import pytest

import model as models
from digits import mnist
from digits.training import recipes


def test_the_dense_network_is_784_128_64_10():
    network = models.build_dense()
    assert network.count_params() == 109_386
    assert [layer.name for layer in network.layers] == [
        "normalize",
        "flatten",
        "hidden_1",
        "hidden_2",
        "logits",
        "probabilities",
    ]
    assert [w.shape for w in network.weights] == [
        (784, 128),
        (128,),
        (128, 64),
        (64,),
        (64, 10),
        (10,),
    ]


def test_the_dense_network_computes_what_its_weights_say():
    network = models.build_dense()
    images = np.random.default_rng(0).random((5, 28, 28), np.float32)
    w1, b1, w2, b2, w3, b3 = network.get_weights()
    pixels = images.reshape(5, 784)
    pixels = pixels - pixels.mean(axis=1, keepdims=True)
    pixels /= np.sqrt(np.square(pixels).mean(axis=1, keepdims=True) + 1e-4)
    hidden = np.maximum(pixels @ w1 + b1, 0)
    logits = np.maximum(hidden @ w2 + b2, 0) @ w3 + b3
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, atol=1e-5)


def test_lenet_has_two_convolutions_with_pooling_and_two_dense_layers():
    network = models.build_lenet()
    assert network.count_params() == 215_194
    shapes = {layer.name: layer.output.shape[1:] for layer in network.layers}
    assert shapes["conv_1"] == (24, 24, 24) and shapes["pool_1"] == (12, 12, 24)
    assert shapes["conv_2"] == (10, 10, 32) and shapes["pool_2"] == (5, 5, 32)
    assert shapes["hidden"] == (256,)


@pytest.mark.parametrize("name", models.BUILDERS)
def test_grey_paper_and_pale_ink_change_no_answer(name):
    network = models.BUILDERS[name]()
    images = np.random.default_rng(0).random((5, 28, 28), np.float32)
    answers = network.predict(images, verbose=0)
    for changed in (0.5 * images, 0.3 * images + 0.5):
        np.testing.assert_allclose(network.predict(changed, verbose=0), answers, atol=0.01)
    assert np.isfinite(network.predict(np.zeros_like(images), verbose=0)).all()


def test_each_network_of_the_table_can_be_built_and_trained():
    assert set(models.BUILDERS) == set(mnist.NETWORKS) == set(recipes.RECIPES)
    for name, build in models.BUILDERS.items():
        assert build().name == name
