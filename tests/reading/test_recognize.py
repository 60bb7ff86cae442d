from pathlib import Path

import numpy as np
import pytest

import data
from digits.networks import Classifier, load_classifier, storage
from digits.reading.recognize import WIDTHS, prepare, recognize
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def cnn():
    return load_classifier(storage.RELEASED_MODELS / "cnn.keras")


def make_classifier(answers, threshold=0.8):
    """A classifier that gives these answers to the images that it is asked about, in order."""

    def engine(images):
        assert images.shape == (len(answers), 28, 28)
        return np.array(answers, np.float32)

    return Classifier(engine, Path("x.keras"), {"threshold": threshold})


def make_row(**probabilities):
    row = np.zeros(10)
    for name, probability in probabilities.items():
        row[int(name.removeprefix("p"))] = probability
    return row


INK = np.ones((30, 20), bool)


def test_no_digits_can_be_recognized(cnn):
    for detected in (None, np.zeros((0, 10))):
        recognized = recognize(cnn, prepare([]), detected)
        assert recognized.images.shape == (0, 28, 28)
        assert recognized.probabilities.shape == (0, 10)


def test_each_digit_is_prepared_at_several_widths_the_last_its_own():
    images = prepare([INK, np.ones((30, 30), bool)])
    assert images.shape == (2, len(WIDTHS), 28, 28) and images.dtype == np.float32
    columns = (images[1] > 0.5).any(axis=1).sum(axis=1)
    assert columns == pytest.approx(20 * np.array(WIDTHS), abs=2)
    recognized = recognize(make_classifier([make_row(p1=1)] * 3), prepare([INK]))
    np.testing.assert_array_equal(recognized.images, images[:1, -1])


def test_the_answers_to_all_widths_are_averaged():
    answers = [make_row(p7=0.9, p1=0.1), make_row(p7=0.3, p1=0.7), make_row(p7=0.6, p1=0.4)]
    recognized = recognize(make_classifier(answers), prepare([INK]))
    assert recognized.probabilities[0, [1, 7]] == pytest.approx([0.4, 0.6])


def test_the_detectors_probabilities_count_as_much_as_the_classifiers():
    detected = make_row(p1=0.8, p7=0.2)[None]
    classifier = make_classifier([make_row(p7=0.7, p1=0.3)] * 3)
    recognized = recognize(classifier, prepare([INK]), detected)
    assert recognized.probabilities[0, [1, 7]] == pytest.approx([0.55, 0.45])


@pytest.mark.parametrize(
    ("name", "share", "is_inverted"), [("semeion", 0.95, False), ("hwd1000", 0.995, True)]
)
def test_digits_of_other_sources_are_recognized(cnn, name, share, is_inverted):
    path = ROOT.parent / "shared" / "digits" / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"needs {path}, which the project does not ship")
    with np.load(path) as digits:
        images, labels = digits["images"] / np.float32(255), digits["labels"]
    recognized = recognize(cnn, prepare(list(1 - images if is_inverted else images)))
    assert (recognized.probabilities.argmax(axis=1) == labels).mean() >= share


def test_mnist_is_recognized_as_well_after_its_preparation(cnn):
    images, labels = data.load_train()
    _, (images, labels) = data.split_validation(images, labels)
    recognized = recognize(cnn, prepare(list(images[:500] / np.float32(255))))
    assert (recognized.probabilities.argmax(axis=1) == labels[:500]).mean() >= 0.99
