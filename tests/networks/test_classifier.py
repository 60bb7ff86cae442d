import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import data
from digits import mnist
from digits.keras_quietly import keras
from digits.networks import Classifier, load_classifier, mean_probabilities, storage
from digits.networks.classifier import BATCH_SIZE
from digits.networks.keras_engine import KerasEngine
from digits.networks.onnx_engine import OnnxEngine
from digits.transforms import warp
from tests.conftest import ROOT


class Sums:
    """An engine that is no network: it answers with the sum of each image, and keeps count."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(len(images))
        return np.repeat(images.sum(axis=(1, 2))[:, None], 10, axis=1)


@pytest.mark.parametrize("num_images", [0, 1, BATCH_SIZE, 2 * BATCH_SIZE + 3])
def test_any_engine_answers_in_batches_of_bounded_size_and_in_order(num_images):
    engine = Sums()
    images = np.random.default_rng(0).random((num_images, 28, 28), np.float32)
    answers = Classifier(engine, Path("sums.other")).probabilities(images)
    assert answers.shape == (num_images, 10) and answers.dtype == np.float32
    np.testing.assert_array_equal(answers[:, 0], images.sum(axis=(1, 2)))
    assert sum(engine.batches) == num_images
    assert max(engine.batches, default=0) <= BATCH_SIZE


def test_views_are_averaged_and_the_first_is_the_image_itself():
    images = data.normalize(data.load_test()[0][:7])
    classifier = load_classifier(storage.RELEASED_MODELS / "tiny.keras")
    views = [images, warp.warp_slightly(images, 1), warp.warp_slightly(images, 2)]
    expected = np.mean([classifier.probabilities(view) for view in views], axis=0)
    np.testing.assert_allclose(classifier.probabilities(images, views=3), expected, atol=1e-6)
    assert not np.allclose(expected, classifier.probabilities(images), atol=1e-6)


def test_an_ensemble_is_the_mean_of_its_members():
    images = data.normalize(data.load_test()[0][:7])
    members = [load_classifier(storage.RELEASED_MODELS / f"{n}.keras") for n in ("dense", "tiny")]
    expected = np.mean([member.probabilities(images) for member in members], axis=0)
    np.testing.assert_allclose(mean_probabilities(members, images), expected, atol=1e-7)


def test_what_is_known_of_a_classifier_comes_from_its_json():
    known = {"threshold": 0.6, "temperature": 1.5}
    classifier = Classifier(Sums(), Path("a/mine.keras"), known)
    assert (classifier.name, classifier.threshold, classifier.temperature) == ("mine", 0.6, 1.5)
    unknown = Classifier(Sums(), Path("mine.keras"))
    assert (unknown.threshold, unknown.temperature) == (0.8, None)


def test_only_networks_of_this_project_can_be_looked_into(dense_path, tmp_path):
    load_classifier(dense_path).check_layers()
    layers = keras.layers
    foreign = [layers.Input((28, 28)), layers.Flatten(), layers.Dense(10), layers.Softmax()]
    keras.Sequential(foreign).save(tmp_path / "foreign.keras")
    with pytest.raises(ValueError, match=r"foreign.keras has the layers flatten.*, expected norm"):
        load_classifier(tmp_path / "foreign.keras").check_layers()
    with pytest.raises(FileNotFoundError, match=r"x\.other does not exist"):
        Classifier(Sums(), Path("x.other")).check_layers()


@pytest.mark.parametrize("name", mnist.RELEASED)
def test_each_engine_answers_as_the_keras_model_does(name):
    images = data.normalize(data.load_test()[0][:30])
    classifier = load_classifier(storage.RELEASED_MODELS / f"{name}.keras")
    assert isinstance(classifier.engine, OnnxEngine)
    expected = keras.ops.convert_to_numpy(classifier.keras_model(images, training=False))
    np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-5)
    by_keras = Classifier(KerasEngine(classifier.keras_model), classifier.path)
    np.testing.assert_allclose(by_keras.probabilities(images), expected, atol=1e-5)


def test_an_engine_other_than_keras_needs_no_keras():
    code = (
        "import sys, numpy as np, pathlib\n"
        "from digits.networks import Classifier, Detector, find_model, load_classifier\n"
        "engine = lambda images: np.full((len(images), 10), 0.1, np.float32)\n"
        "classifier = Classifier(engine, pathlib.Path('x'))\n"
        "assert classifier.probabilities(np.zeros((3, 28, 28))).shape == (3, 10)\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & sys.modules.keys()\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
