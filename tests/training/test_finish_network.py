import numpy as np
import pytest

import data
import model as models
from digits.keras_quietly import keras
from digits.networks import storage
from digits.training.finish import finish


@pytest.fixture
def overconfident():
    """A convolutional network whose logits are far too large, and images with labels."""
    keras.utils.set_random_seed(0)
    network = models.build_tiny()
    layer = network.get_layer("logits")
    layer.set_weights([20 * weights for weights in layer.get_weights()])
    images, labels = data.load_test()
    return network, data.normalize(images[:300]), labels[:300]


def test_a_finished_classifier_has_no_normalization_and_predicts_the_same(overconfident, tmp_path):
    network, images, labels = overconfident
    before = network.get_weights()
    expected = network.predict(images, verbose=0)
    classifier = finish(network, images, labels, tmp_path / "tiny.keras")
    layers = classifier.keras_model.layers
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    found = classifier.probabilities(images)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert all((a == b).all() for a, b in zip(before, network.get_weights(), strict=True))
    assert list(tmp_path.iterdir()) == []  # saving is another step


def test_a_finished_classifier_is_calibrated(overconfident, tmp_path):
    network, images, labels = overconfident
    classifier = finish(network, images, labels, tmp_path / "tiny.keras")

    def cross_entropy(probabilities):
        return -np.log(np.maximum(probabilities[range(300), labels], 1e-30)).mean()

    assert classifier.temperature > 1
    expected = network.predict(images, verbose=0)
    assert cross_entropy(classifier.probabilities(images)) < cross_entropy(expected) - 0.1


def test_one_percent_of_the_validation_images_is_below_the_threshold(overconfident, tmp_path):
    network, images, labels = overconfident
    classifier = finish(network, images, labels, tmp_path / "tiny.keras")
    confidences = classifier.probabilities(images).max(axis=1)
    assert (confidences < classifier.threshold).sum() == 3
    path, *_ = storage.save(classifier.keras_model, classifier.path, classifier.metadata)
    assert storage.read_metadata(path) == classifier.metadata
