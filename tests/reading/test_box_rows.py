import numpy as np
import pytest

from digits.reading import box_rows, layout
from digits.reading.rules import NO_RULES, find_rules
from tests.reading.test_tables import DIGIT, bend, draw_page, move

NO_STROKES = np.zeros(8, bool)


def make_boxes(count=8, pitch=24, height=32, start=(60, 100), filled=None):
    """Lines of a row of boxes, and a digit's box in each of those that are filled."""
    left, top = start
    right, bottom = left + count * pitch, top + height
    lines = [(left, y, right, y) for y in (top, bottom)]
    lines += [(left + n * pitch, top, left + n * pitch, bottom) for n in range(count + 1)]
    middles = [left + (n + 0.5) * pitch for n in (range(count) if filled is None else filled)]
    y = top + height / 2
    return lines, [(x - 6, y - 10, x + 6, y + 10) for x in middles]


def find(lines, boxes, how=None, **look):
    how = how or {}
    lines = [bend(line, **how).ravel().tolist() for line in lines]
    boxes = move(boxes, **how)
    page = draw_page(lines, boxes, **look)
    rules, are_strokes = find_rules(page, DIGIT), np.zeros(len(boxes), bool)
    return box_rows.find_box_rows(page, rules, boxes, are_strokes, DIGIT), boxes


@pytest.mark.parametrize("pitch", [0.85, 1.0, 1.25, 1.6])
@pytest.mark.parametrize("how", [{}, {"angle": 0.05, "perspective": 0.04}, {"angle": -0.05}])
@pytest.mark.parametrize("ink", [0.4, 0.9])
def test_each_digit_is_in_its_box(pitch, how, ink):
    filled = [0, 1, 3, 4, 6, 7]
    lines, boxes = make_boxes(pitch=pitch * DIGIT, filled=filled)
    rows, moved = find(lines, boxes, how, ink=ink)
    assert [len(row.sides) for row in rows] == [9]
    assert rows[0].width == pytest.approx(pitch * DIGIT, rel=0.08)
    assert box_rows.locate(rows, moved).tolist() == [[0, n] for n in filled]


def test_rows_of_a_form_are_apart_and_may_be_short_or_hang_together():
    long_lines, long_boxes = make_boxes(count=16, start=(60, 40))
    short_lines, short_boxes = make_boxes(count=3, start=(300, 110))
    lower_lines, lower_boxes = make_boxes(count=6, start=(60, 200))
    last_lines, last_boxes = make_boxes(count=6, start=(60, 232))
    lines = long_lines + short_lines + lower_lines + last_lines
    rows, moved = find(lines, long_boxes + short_boxes + lower_boxes + last_boxes)
    assert [len(row.sides) - 1 for row in rows] == [16, 3, 6, 6]
    expected = [[row, n] for row, count in enumerate((16, 3, 6, 6)) for n in range(count)]
    assert box_rows.locate(rows, moved).tolist() == expected


@pytest.mark.parametrize("how", [{}, {"angle": 0.05, "perspective": 0.04}])
def test_digits_in_boxes_whose_sides_are_not_seen_are_in_the_row(how):
    lines, boxes = make_boxes(filled=[0, 1, 2, 4, 6, 7])
    outer = [lines[2], lines[3], lines[-1]]
    seen = [line for line in lines if line not in outer]
    beside = [(60 + 11 * 24 - 6, 106, 60 + 11 * 24 + 6, 126)]
    rows, moved = find(seen, boxes + beside, how)
    assert [len(row.sides) for row in rows] == [9]
    expected = [[0, n] for n in (0, 1, 2, 4, 6, 7)]
    assert box_rows.locate(rows, moved).tolist() == [*expected, [-1, -1]]


def make_squares(num_rows, num_columns, pitch, start, filled):
    left, top = start
    right, bottom = left + num_columns * pitch, top + num_rows * pitch
    lines = [(left, top + n * pitch, right, top + n * pitch) for n in range(num_rows + 1)]
    lines += [(left + n * pitch, top, left + n * pitch, bottom) for n in range(num_columns + 1)]
    middles = [(left + (c + 0.5) * pitch, top + (r + 0.5) * pitch) for r, c in filled]
    return lines, [(x - 6, y - 10, x + 6, y + 10) for x, y in middles]


def make_paper():
    """Squared paper all over the page, under notes with a digit in each square."""
    filled = [(row, column) for row in (3, 6, 9) for column in range(4, 16)]
    return make_squares(16, 24, 25, (0, 0), filled)


def make_sparse():
    """Squared paper that ends on the page, with few notes on it."""
    return make_squares(8, 14, 26, (60, 60), [(2, n) for n in range(2, 10)])


def make_sudoku():
    return make_squares(
        9, 9, 30, (60, 60), [(n, (4 * n + k) % 9) for n in range(9) for k in (0, 2)]
    )


def make_wide():
    """A table of two rows of single digits."""
    return make_squares(2, 6, 40, (60, 60), [(row, n) for row in (0, 1) for n in range(6)])


def make_full():
    """Boxes with two digits each."""
    lines, boxes = make_boxes(pitch=32)
    moves = [(-7, 0, -9, 0), (9, 0, 7, 0)]
    return lines, [np.add(box, move) for box in boxes for move in moves]


def make_ruled():
    return [(0, y, 600, y) for y in range(30, 400, 32)], make_boxes(start=(60, 94))[1]


def make_on_sides():
    """A number across a row of boxes, whose digits are nearer to each other than the sides."""
    lines, boxes = make_boxes(count=10)
    return lines, [np.add(boxes[0], [17 * n, 0, 17 * n, 0]) for n in range(10)]


@pytest.mark.parametrize(
    "make",
    [make_paper, make_sparse, make_sudoku, make_wide, make_full, make_ruled, make_on_sides],
)
def test_other_rules_are_no_boxes(make):
    lines, boxes = make()
    assert find(lines, boxes)[0] == []


def test_a_blank_page_and_one_digit_have_no_boxes():
    lines, boxes = make_boxes()
    assert find(lines, boxes[:1])[0] == []
    blank = np.full((40, 60), 0.9, np.float32)
    assert box_rows.find_box_rows(blank, NO_RULES, np.zeros((0, 4)), NO_STROKES[:0], DIGIT) == []
    assert box_rows.locate([], np.array(boxes, float)).tolist() == [[-1, -1]] * 8
    assert not box_rows.are_sides([], np.array(boxes, float), NO_STROKES).any()
    assert not box_rows.are_on_sides([], np.array(boxes, float)).any()


def test_sides_are_no_digits_and_ones_are():
    lines, boxes = make_boxes()
    rows, _ = find(lines, boxes)
    side, one = [82, 101, 87, 131], [93, 103, 99, 129]  # the side is at 84, a box's middle at 96
    below, wide = [82, 201, 87, 231], [74, 101, 94, 131]
    found = box_rows.are_sides(rows, np.array([side, one, below, wide], float), NO_STROKES[:4])
    assert found.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("stroke", "is_side", "is_side_beside_a_digit"),
    [
        ([80, 105, 87, 129], True, True),  # on the side at 84, most of its height
        ([80, 110, 87, 128], False, False),  # on it, a little of it, in the box before the digit's
        ([85, 112, 92, 130], False, True),  # near it, a part of it
        ([85, 118, 90, 132], False, False),  # near it, a little of it
        ([91, 105, 98, 129], False, False),  # beside it
    ],
)
def test_a_part_of_a_side_is_no_1(stroke, is_side, is_side_beside_a_digit):
    lines, boxes = make_boxes(filled=[0, 3, 4, 6])
    rows, _ = find(lines, boxes)
    both = np.array([stroke, [92, 106, 104, 126]], float)
    assert box_rows.are_sides(rows, both[:1], np.array([True])).tolist() == [is_side]
    found = box_rows.are_sides(rows, both, np.array([True, False]))
    assert found.tolist() == [is_side_beside_a_digit, False]
    assert not box_rows.are_sides(rows, both, NO_STROKES[:2]).any()  # 9s may be as narrow
    # Two strokes in one box may be two 1s.
    assert box_rows.are_sides(rows, both, np.array([True, True])).tolist() == [is_side, False]


def test_what_is_on_sides_is_told():
    lines, boxes = make_boxes()
    rows, _ = find(lines, boxes)
    on_side, on_corner, beside, above = (
        [82, 122, 88, 128], [82, 130, 86, 135], [87, 122, 93, 128], [82, 90, 88, 94],
    )  # fmt: skip
    found = box_rows.are_on_sides(rows, np.array([on_side, on_corner, beside, above], float))
    assert found.tolist() == [True, True, False, False]


def test_a_digit_that_sticks_out_is_in_its_box():
    lines, boxes = make_boxes()
    rows, _ = find(lines, boxes)
    high, far = np.add(boxes[2], [0, -19, 0, -19]), np.add(boxes[2], [0, -40, 0, -40])
    assert box_rows.locate(rows, np.array([high, far])).tolist() == [[0, 2], [-1, -1]]


def test_a_row_of_boxes_is_one_number_of_its_line():
    boxes = np.array([[x, 10, x + 10, 30] for x in (0, 14, 60, 84, 156, 220)], float)
    in_boxes = np.array([-1, -1, 0, 0, 0, -1])
    assert layout.make_lines(boxes, box_rows=in_boxes) == [[[0, 1]], [[2, 3, 4]], [[5]]]
    sign = np.array([[120, 10, 130, 30]], float)
    lines = layout.make_lines(boxes, ["/"], sign, box_rows=np.append(in_boxes, 0))
    assert lines == [[[0, 1]], [[2, 3, 6, 4]], [[5]]]


def test_rows_that_share_their_rules_are_a_table():
    def make_row(top, height=30):
        x = np.arange(5) * 20.0
        return box_rows.BoxRow(
            np.stack([x, np.full(5, top), x, np.full(5, top + height)], axis=1).astype(float)
        )

    assert box_rows.are_stacked([make_row(30 * n) for n in range(4)])
    assert not box_rows.are_stacked([make_row(45 * n) for n in range(4)])
    assert not box_rows.are_stacked([make_row(30 * n) for n in range(2)])
    assert not box_rows.are_stacked([])
