"""Rings around digits are taken off, and digits without one are left alone."""

import numpy as np
import pytest

import data
from digits.networks import load_classifier
from digits.networks.storage import RELEASED_MODELS
from digits.reading import recognize, rings
from digits.transforms import to_mnist


@pytest.fixture(scope="module")
def digits():
    images, labels = data.load_test()
    papers = np.pad(255 - images[:60], [(0, 0), (4, 4), (4, 4)], constant_values=255)
    return papers / np.float32(255), labels[:60]


def draw_ring(page, radii=(14.5, 13.0), thickness=2.0, gap=None):
    """Draw an ellipse on a page, less an angle in degrees at its right if `gap` is given."""
    down, across = np.indices(page.shape) - (np.array(page.shape).reshape(2, 1, 1) - 1) / 2
    distance = np.hypot(down / radii[0], across / radii[1])
    is_ring = np.abs(distance - 1) * min(radii) < thickness / 2
    if gap is not None:
        is_ring &= np.abs(np.degrees(np.arctan2(down, across))) > gap / 2
    return np.where(is_ring, np.float32(0.1), page)


def cut(page):
    return to_mnist.cut_out(page, [0, 0, *page.shape])


def test_circled_digits_are_recognized_without_their_ring(digits):
    pages, labels = digits
    classifier = load_classifier(RELEASED_MODELS / "cnn.keras")
    inks = [cut(draw_ring(page)) for page in pages]
    circled = recognize.recognize(classifier, recognize.prepare(inks))
    everyone = np.arange(len(inks))
    again = recognize.recognize_within_rings(classifier, inks, circled, everyone)
    assert (circled.probabilities.argmax(axis=1) == labels).mean() < 0.3
    assert (again.probabilities.argmax(axis=1) == labels).mean() > 0.6
    assert again.images.shape == circled.images.shape
    some = recognize.recognize_within_rings(classifier, inks, circled, everyone[:5])
    assert (some.probabilities[5:] == circled.probabilities[5:]).all()
    assert (some.probabilities[:5] == again.probabilities[:5]).all()


def test_what_is_within_is_the_digit(digits):
    page = digits[0][0]  # a 7
    within = rings.take_off_ring(cut(draw_ring(page)))
    plain = to_mnist.to_mnist(cut(page))[0]
    found = to_mnist.to_mnist(within)[0]
    assert np.corrcoef(plain.ravel(), found.ravel())[0, 1] > 0.85


def test_a_ring_may_have_a_gap_but_not_be_half_open(digits):
    page = digits[0][0]
    assert rings.take_off_ring(cut(draw_ring(page, gap=40))) is not None
    assert rings.take_off_ring(cut(draw_ring(page, gap=200))) is None


def test_digits_without_a_ring_are_left_alone(digits):
    assert [rings.take_off_ring(cut(page)) for page in digits[0]] == [None] * 60


@pytest.mark.parametrize(
    "ink",
    [
        np.zeros((40, 40), bool),
        np.ones((40, 40), bool),
        np.ones((1, 1), bool),
        np.ones((3, 56), bool),
        np.eye(56, dtype=bool),
        draw_ring(np.ones((36, 36), np.float32)) < 0.5,  # nothing within
    ],
    ids=["empty", "full", "one pixel", "flat", "stroke", "ring alone"],
)
def test_what_is_no_circled_digit_gives_none(ink):
    assert rings.take_off_ring(ink) is None
