import numpy as np

import data
from benchmarks import tables
from digits.training.synthetic import strokes


def test_cells_are_right_in_their_place_only():
    true = [["1", "", "2.5"], ["", "30", "-4"]]
    assert tables.count_cells(true, true) == (4, 4, 4)
    assert tables.count_cells(true, [["1", "2.5"], ["", "30", "4"], ["7"]]) == (4, 2, 5)
    assert tables.count_cells(true, []) == (4, 0, 0)


def test_sheets_repeat_and_have_filled_corners(tiny_data):
    images, labels = data.load_train(tiny_data)
    traced = strokes.trace_digits(images, labels, np.random.default_rng(0))
    one, again, other = (
        tables.make_sheet(np.random.default_rng(seed), traced, labels) for seed in (1, 1, 2)
    )
    assert (one.photo.pixels == again.photo.pixels).all() and one.cells == again.cells
    assert one.cells != other.cells
    assert one.photo.pixels.shape == (*tables.SHAPE, 3)
    assert all(one.cells[row][column] for row in (0, -1) for column in (0, -1))
