import numpy as np
import pytest
from keras import layers

import model as models
from digits.keras_quietly import keras
from digits.networks import batch_norm, heads


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


@pytest.mark.parametrize("name", models.BUILDERS)
def test_grey_paper_and_pale_ink_change_no_answer(name):
    network = models.BUILDERS[name]()
    images = np.random.default_rng(0).random((5, 28, 28), np.float32)
    answers = network.predict(images, verbose=0)
    for changed in (0.5 * images, 0.3 * images + 0.5):
        np.testing.assert_allclose(network.predict(changed, verbose=0), answers, atol=0.01)
    assert np.isfinite(network.predict(np.zeros_like(images), verbose=0)).all()


@pytest.fixture
def shaken_cnn():
    """A convolutional network whose normalizations are far from doing nothing."""
    network = models.build_cnn()
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return network


def test_folding_changes_no_answer_and_leaves_nothing_to_normalize(shaken_cnn):
    images = np.random.default_rng(1).random((20, 28, 28), np.float32)
    folded = batch_norm.fold_classifier(shaken_cnn)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), shaken_cnn.predict(images, verbose=0), atol=1e-5
    )
    assert {type(layer).__name__ for layer in folded.layers} <= {
        "LayerNormalization", "Reshape", "Conv2D", "GlobalAveragePooling2D", "Dense", "Softmax"
    }  # fmt: skip
    low_precision = batch_norm.fold_classifier(folded, "mixed_bfloat16").predict(images, verbose=0)
    np.testing.assert_allclose(low_precision, folded.predict(images, verbose=0), atol=0.02)


@pytest.mark.parametrize(("name", "size"), [("cnn", 268_234), ("tiny", 9_866)])
def test_the_convolutional_networks_keep_to_their_size(name, size):
    assert batch_norm.fold_classifier(models.BUILDERS[name]()).count_params() == size


def test_fused_normalization_is_keras_own():
    ours = batch_norm.FusedBatchNormalization(momentum=0.9)
    theirs = layers.BatchNormalization(momentum=0.9)
    images = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 8)).astype(np.float32)
    for layer in (ours, theirs):
        layer.build(images.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 8))
        layer.beta.assign(np.linspace(-1, 1, 8))
    for training, tolerance in ((True, 1e-4), (True, 1e-4), (False, 0.02)):
        np.testing.assert_allclose(
            ours(images, training=training), theirs(images, training=training), atol=tolerance
        )
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-4)
    # The fused operation keeps the unbiased variance: n / (n - 1) times the other.
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=5e-3)


def test_logits_are_the_logarithm_of_the_probabilities(shaken_cnn):
    images = np.random.default_rng(1).random((5, 28, 28), np.float32)
    logits = heads.logits_model(shaken_cnn).predict(images, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shaken_cnn.predict(images, verbose=0), expected, rtol=1e-4)


def test_dividing_the_logits_changes_how_sure_a_network_is_but_no_answer(shaken_cnn):
    images = np.random.default_rng(1).random((5, 28, 28), np.float32)
    network = batch_norm.fold_classifier(shaken_cnn)
    before = heads.logits_model(network).predict(images, verbose=0)
    heads.scale_logits(network, 2)
    np.testing.assert_allclose(heads.logits_model(network).predict(images, verbose=0), before / 2)


def test_the_mean_of_networks_is_that_of_their_probabilities(shaken_cnn):
    images = np.random.default_rng(1).random((5, 28, 28), np.float32)
    networks = [shaken_cnn, models.build_dense(), models.build_tiny(), models.build_tiny()]
    logits = heads.mean_logits_model(networks).predict(images, verbose=0)
    expected = np.mean([network.predict(images, verbose=0) for network in networks], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4)


def test_a_model_of_another_make_cannot_be_folded():
    with pytest.raises(ValueError, match="expected this project's logits"):
        batch_norm.fold_classifier(
            keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Softmax()])
        )
