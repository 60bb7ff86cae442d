import numpy as np
import pytest

import model as models
from digits.keras_quietly import keras
from digits.networks import batch_norm, detector_model

layers = keras.layers


def shake(network):
    """Give a network normalizations that are far from doing nothing."""
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return network


def test_a_folded_classifier_answers_alike_and_has_nothing_to_normalize():
    images = np.random.default_rng(1).random((20, 28, 28), np.float32)
    trained = shake(models.build_cnn())
    folded = batch_norm.fold_classifier(trained)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), trained.predict(images, verbose=0), atol=1e-5
    )
    assert {type(layer).__name__ for layer in folded.layers} <= {
        "LayerNormalization", "Reshape", "Conv2D", "GlobalAveragePooling2D", "Dense", "Softmax"
    }  # fmt: skip
    low_precision = batch_norm.fold_classifier(folded, "mixed_bfloat16").predict(images, verbose=0)
    np.testing.assert_allclose(low_precision, folded.predict(images, verbose=0), atol=0.02)


def test_a_relu_after_pooling_stays_a_layer():
    images = np.random.default_rng(1).random((20, 28, 28), np.float32)
    trained = models.build_lenet()
    folded = batch_norm.fold_classifier(trained)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), trained.predict(images, verbose=0), atol=1e-5
    )


def test_a_folded_detector_answers_alike():
    keras.utils.set_random_seed(0)
    trained = shake(detector_model.build_detector())
    page = np.random.default_rng(1).random((2, 64, 96, 1)).astype(np.float32)
    folded = detector_model.fold_detector(trained)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)
    expected = keras.ops.convert_to_numpy(trained(page, training=False))
    found = keras.ops.convert_to_numpy(folded(page))
    assert found.shape == (2, 16, 24, 30)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(("name", "size"), [("cnn", 268_234), ("tiny", 9_866)])
def test_the_convolutional_networks_keep_to_their_size(name, size):
    assert batch_norm.fold_classifier(models.BUILDERS[name]()).count_params() == size


def test_fused_normalization_computes_what_keras_does():
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


def test_a_model_of_another_make_cannot_be_folded():
    with pytest.raises(ValueError, match="expected this project's logits"):
        batch_norm.fold_classifier(
            keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Softmax()])
        )
