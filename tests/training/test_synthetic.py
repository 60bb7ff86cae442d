import numpy as np
import pytest

import data
from digits.networks import detector
from digits.training.synthetic import pages, photograph, strokes


@pytest.fixture(scope="module")
def digits():
    """A hundred training digits, traced, and their labels."""
    images, labels = data.load_train()
    return strokes.trace_digits(images[:100], labels[:100], np.random.default_rng(0)), labels[:100]


def test_a_tracing_is_the_distance_from_the_middle_of_the_stroke():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 13:15] = 255  # a 1 of two pixels' width: in the tracing four, 26 to 29
    traced = strokes.trace_digits(image, [4], np.random.default_rng(1))[0] / strokes.UNIT
    assert traced.shape == (56, 56)
    middle = traced[28].argmin()
    assert traced[28, middle] == 0
    assert middle in (27, 28)
    assert list(traced[28, middle : middle + 4]) == [0, 1, 2, 3]


def test_a_pen_draws_strokes_of_its_width(digits):
    tracings, _ = digits
    distance = tracings / strokes.UNIT
    thin, thick = (distance < 1).mean(), (distance < 3).mean()
    assert 4 < thick / thin < 8  # lines one pixel wide, and five


def test_some_ones_get_flags_and_some_sevens_bars():
    images, labels = data.load_train()
    for digit in (1, 7):
        chosen = images[labels == digit][:40]
        added = strokes.trace_digits(chosen, np.full(40, digit), np.random.default_rng(0))
        bare = strokes.trace_digits(chosen, np.full(40, 4), np.random.default_rng(0))
        grown = ((added == 0).sum(axis=(1, 2)) > (bare == 0).sum(axis=(1, 2)) + 5).mean()
        assert 0.05 < grown < 0.6


@pytest.mark.parametrize("seed", range(12))
def test_a_note_holds_what_it_says(digits, seed):
    photo, boxes, labels, visible = pages.make_note(np.random.default_rng(seed), *digits)
    assert photo.shape == (160, 160)
    assert photo.dtype == np.float32
    assert 0 <= photo.min() <= photo.max() <= 1
    assert len(boxes) == len(labels) == len(visible)
    assert set(labels) <= {*range(10), pages.UNKNOWN}
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert ((visible >= 0) & (visible <= 1)).all()


def test_the_same_seed_makes_the_same_note(digits):
    first, again, other = (
        pages.make_note(np.random.default_rng(seed), *digits)[0] for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_boxes_hold_the_ink(digits):
    """Ink lies inside the boxes of the digits written, and each of these has some."""
    hand = pages.Hand(np.random.default_rng(0), 30, *digits, (200, 200))
    for place in (50, 100, 150):
        hand.write("digits", place, place, 30, 0.0)
    outside = hand.ink.copy()
    for left, top, right, bottom in hand.boxes:
        assert (hand.ink[top:bottom, left:right] > 0.5).any()
        outside[top:bottom, left:right] = 0
    assert outside.max() < 0.5
    assert hand.visible == [1, 1, 1]


def test_a_digit_cut_off_by_the_edge_says_how_much_is_seen(digits):
    hand = pages.Hand(np.random.default_rng(0), 40, *digits, (100, 100))
    index = int(np.flatnonzero(digits[1] == 0)[0])
    hand.write("digits", 50, 0, 40, 0.0, index)
    assert 0.3 < hand.visible[0] < 0.7


@pytest.mark.parametrize("seed", range(6))
def test_a_note_on_its_side_has_no_digits_to_find_but_round_ones(seed):
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    photo = np.zeros((100, 160), np.float32)
    photo[20:60, 10:30] = 1
    arguments = photo, boxes, np.array([8]), np.ones(1)
    turned, found, unknown, _ = pages._lay_on_side(np.random.default_rng(seed), *arguments)
    left, top, right, bottom = found[0].astype(int)
    assert turned.shape == (160, 100)
    assert turned[top:bottom, left:right].all()
    assert turned.sum() == (bottom - top) * (right - left)
    assert unknown.tolist() == [pages.UNKNOWN]
    arguments = photo, boxes, np.array([4]), np.ones(1)
    assert len(pages._lay_on_side(np.random.default_rng(seed), *arguments)[1]) == 0


def test_what_may_be_a_digit_counts_for_nothing():
    boxes, visible = np.array([[40, 40, 60, 70]]), np.ones(1)
    classes = detector.make_targets(boxes, np.array([pages.UNKNOWN]), visible, (160, 160))[..., 0]
    assert set(np.unique(classes)) == {detector.NOTHING, detector.UNUSED}


def test_paper_without_ink_is_a_photo_too():
    photos = [
        photograph.photograph(np.random.default_rng(s), np.zeros((64, 64), np.float32), 20)
        for s in range(5)
    ]
    assert all(photo.shape == (64, 64) and np.isfinite(photo).all() for photo in photos)


def test_ink_is_darker_than_its_paper():
    ink = np.zeros((80, 80), np.float32)
    ink[30:50, 30:50] = 1
    darker = 0
    for seed in range(40):
        photo = photograph.photograph(np.random.default_rng(seed), ink, 20)
        darker += photo[34:46, 34:46].mean() < photo[20:60, 20:60].mean()
    assert darker >= 38
