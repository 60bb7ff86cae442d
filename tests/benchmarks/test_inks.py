import types

import numpy as np

from benchmarks import inks
from digits.training.synthetic import strokes


def test_pages_have_digits_in_each_ink():
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 13:16] = images[1, 4:24, 8:11] = images[1, 4:7, 8:20] = 255
    labels = np.array([1, 7])
    traced = strokes.trace_digits(images, labels, np.random.default_rng(0), share_broken=0)
    photo, written = inks.make_page(np.random.default_rng(1), traced, labels)
    again, _ = inks.make_page(np.random.default_rng(1), traced, labels)
    np.testing.assert_array_equal(photo.pixels, again.pixels)
    assert set(written) == {"red", "blue", "dark"}
    for ink, (pen, boxes, digits) in written.items():
        assert pen in inks.PENS[ink] and len(boxes) == len(digits) > 5
        colours = []
        for left, top, right, bottom in boxes.astype(int):
            inside = photo.pixels[top:bottom, left:right].reshape(-1, 3)
            colours.append(inside[inside.sum(axis=1).argmin()].astype(int))
        red, _, blue = np.median(colours, axis=0)
        assert {"red": red > blue + 20, "blue": blue > red + 10, "dark": abs(red - blue) < 40}[ink]


def test_digits_are_counted_by_their_middles():
    boxes, labels = (
        np.array([[0, 0, 10, 20], [20, 0, 30, 20], [40, 0, 50, 20]]),
        np.array([1, 2, 3]),
    )
    found = [(1, (1, 1, 9, 19)), (7, (21, 0, 29, 22)), (5, (100, 0, 110, 20))]
    digits = [types.SimpleNamespace(label=label, box=box) for label, box in found]
    page = types.SimpleNamespace(digits=digits)
    assert inks.count(page, boxes, labels).tolist() == [1, 2, 3]
    assert inks.count(types.SimpleNamespace(digits=[]), boxes, labels).tolist() == [0, 0, 3]
