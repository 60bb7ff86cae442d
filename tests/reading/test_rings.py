"""Rings around digits are taken off, and digits without one are left alone."""

import numpy as np
import pytest
from PIL import Image

import data
from digits.networks import load_classifier
from digits.networks.storage import RELEASED_MODELS
from digits.reading import recognize, rings
from digits.reading.rules import NO_RULES, Rules
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
    within = {index: rings.take_off_ring(ink) for index, ink in enumerate(inks)}
    within = {index: ink for index, ink in within.items() if ink is not None}
    again = recognize.recognize_again(classifier, within, circled)
    assert (circled.probabilities.argmax(axis=1) == labels).mean() < 0.3
    assert (again.probabilities.argmax(axis=1) == labels).mean() > 0.6
    assert again.images.shape == circled.images.shape
    first = {index: ink for index, ink in within.items() if index < 5}
    some = recognize.recognize_again(classifier, first, circled)
    assert (some.probabilities[5:] == circled.probabilities[5:]).all()
    assert (some.probabilities[:5] == again.probabilities[:5]).all()
    assert recognize.recognize_again(classifier, {}, circled) is circled


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


# Of a ring that leaves the box of a digit of 40 pixels free.
RADII = 34.0, 30.0  # down and across


def write(digit, side=120, height=40):
    """A page with an MNIST digit of that height in its middle."""
    ink = digit[np.flatnonzero(digit.any(axis=1))][:, np.flatnonzero(digit.any(axis=0))]
    size = round(height * ink.shape[1] / ink.shape[0]), height
    large = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))
    page = np.full((side, side), 255, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    page[top : top + size[1], left : left + size[0]] = 255 - large
    return page / np.float32(255), np.array([left, top, left + size[0], top + size[1]], float)


@pytest.fixture(scope="module")
def written():
    images, labels = data.load_test()
    return [write(images[index]) for index in range(30)], labels[:30]


def test_a_ring_around_a_box_is_found_where_it_is(written):
    for page, box in written[0]:
        ring = rings.find_ring(draw_ring(page, RADII, 3), NO_RULES, box)
        assert np.hypot(ring.x - 60, ring.y - 60) < 5
        assert abs(ring.across - RADII[1]) < 5 and abs(ring.down - RADII[0]) < 5
    page, box = written[0][0]
    assert rings.find_ring(draw_ring(page, RADII, 3, gap=50), NO_RULES, box) is not None
    assert rings.find_ring(draw_ring(page, RADII, 3, gap=160), NO_RULES, box) is None


def test_digits_alone_and_in_a_cell_have_no_ring(written):
    edges = 38.0, 82.0  # so near that the cell looks like a ring
    cell = Rules(
        np.array([[0, edge, 120, edge] for edge in edges]),
        np.array([[edge, 0, edge, 120] for edge in edges]),
    )
    for page, box in written[0]:
        assert rings.find_ring(page, NO_RULES, box) is None
        ruled = page.copy()
        for edge in map(int, edges):
            ruled[edge - 1 : edge + 1] = ruled[:, edge - 1 : edge + 1] = 0.2
        assert rings.find_ring(ruled, NO_RULES, box) is not None
        assert rings.find_ring(ruled, cell, box) is None


def test_a_digit_in_a_ring_is_cut_out_as_without_it(written):
    differences = []
    for page, box in written[0][:10]:
        plain = to_mnist.cut_out(page, box)
        circled = draw_ring(page, (24.0, 21.0), 3)
        ink = to_mnist.cut_out(circled, box)
        within = rings.cut_out_within(circled, NO_RULES, box, ink)
        assert rings.cut_out_within(page, NO_RULES, box, plain) is None
        differences.append([(each != plain).mean() for each in (within, ink)])
    without_ring, with_ring = np.mean(differences, axis=0)
    assert without_ring < 0.02 and with_ring > 2 * without_ring


def test_parts_of_a_ring_are_told_from_digits_beside_it(written):
    page, box = written[0][0]
    circled = draw_ring(page, (30.0, 24.0), 3)
    circled[50:75, 92:95] = 0.1  # a 1 beside the ring
    left, beside = np.array([33.0, 48, 40, 72]), np.array([91.0, 49, 96, 76])
    boxes, texts = np.stack([left, box, beside]), np.array(["1", "7", "1"])
    doubtful = np.array([0.7, 0.95, 0.7])
    is_part, is_circled = rings.find_parts(circled, NO_RULES, boxes, texts, doubtful)
    assert is_part.tolist() == [True, False, False]
    assert is_circled.tolist() == [False, True, False]
    for changed in (page, draw_ring(page, (30.0, 24.0), 3, gap=160)):
        assert not np.any(rings.find_parts(changed, NO_RULES, boxes, texts, doubtful))
    # What looks like no stroke, or is clearly one, is no part of a ring.
    others = np.array(["8", "7", "5"])
    assert not np.any(rings.find_parts(circled, NO_RULES, boxes, others, doubtful))
    assert not np.any(rings.find_parts(circled, NO_RULES, boxes, texts, np.full(3, 0.95)))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_pages_without_ink_and_boxes_beside_the_page_have_no_rings(level):
    page = np.full((40, 60), level, np.float32)
    boxes = np.array([[10.0, 10, 20, 30], [-30, -30, -20, -10], [200, 5, 204, 25], [0, 0, 60, 40]])
    assert [rings.find_ring(page, NO_RULES, box) for box in boxes] == [None] * 4
    texts = np.array(["1", "1", "(", "8"])
    assert not np.any(rings.find_parts(page, NO_RULES, boxes, texts, np.full(4, 0.5)))
    nothing = rings.find_parts(page, NO_RULES, np.zeros((0, 4)), np.zeros(0, np.str_), np.zeros(0))
    assert [each.shape for each in nothing] == [(0,), (0,)]
