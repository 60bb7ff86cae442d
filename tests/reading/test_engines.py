"""The reader gives the same readings whichever engine runs its networks."""

import json
import os

import numpy as np
import pytest

import data
from digits.networks import Classifier, Detector, storage
from digits.networks.keras_engine import KerasEngine
from digits.networks.onnx_engine import OnnxEngine
from digits.reading import Reader, load_photo
from digits.training.synthetic import pages, strokes
from tests.conftest import ROOT

SHARED = ROOT.parent / "shared" / "photos"


@pytest.fixture(scope="module")
def readers():
    """Readers with the released networks, run by ONNX Runtime and by Keras."""
    detector, cnn = (storage.RELEASED_MODELS / f"{name}.keras" for name in ("detector", "cnn"))
    by_keras = Reader(
        Detector(KerasEngine(storage.load_detector_model(detector)), detector),
        Classifier(KerasEngine(storage.load_classifier_model(cnn)), cnn),
    )
    by_onnx = Reader()
    assert isinstance(by_onnx.detector.engine, OnnxEngine)
    assert isinstance(by_onnx.classifier.engine, OnnxEngine)
    return by_onnx, by_keras


def read_text(reader, photo):
    page = reader.read(photo)
    return page.text, page.turns, page.table and page.table.texts


@pytest.mark.parametrize("name", ["note", "blackboard", "sideways", "sheet"])
def test_the_examples_are_read_alike(readers, name):
    by_onnx, by_keras = (read_text(each, ROOT / "examples" / f"{name}.jpg") for each in readers)
    assert by_onnx == by_keras and by_onnx[0]


def test_synthetic_pages_are_read_alike(readers):
    images, labels = data.split_validation(*data.load_train())[1]
    traced = strokes.trace_digits(images[:300], labels[:300], np.random.default_rng(0))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        grey = pages.make_page(rng, traced, labels[:300], (320, 320)).photo
        photo = np.repeat(np.uint8(255 * grey)[..., None], 3, axis=2)
        by_onnx, by_keras = (read_text(reader, photo) for reader in readers)
        assert by_onnx == by_keras


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(SHARED), reason="the labelled photos are not here")
def test_labelled_photos_are_read_alike(readers):
    rows = json.loads((SHARED / "labels.json").read_text(encoding="utf-8"))
    for row in rows:
        photo = load_photo(SHARED / row["file"])
        by_onnx, by_keras = (read_text(reader, photo) for reader in readers)
        assert by_onnx == by_keras, row["file"]
