import time

import numpy as np
import pytest

from digits.reading import layout
from digits.reading.alignment import find_aligned

HEIGHT, WIDTH, PITCH = 20, 12, 14  # pixels: size of a digit, and distance of two in a number
NO_SIGNS = np.zeros((0, 4))


def write(rows, step=40, columns=(60, 200, 340, 480), align="left"):
    """Boxes and texts of the symbols of rows of texts, and each one's row and column."""
    boxes, texts, places = [], [], []
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            before = {
                "left": 0,
                "right": len(text),
                "middle": len(text) / 2,
                "point": len(text.split(".")[0]),
            }[align]
            for place, symbol in enumerate(text):
                x, y = columns[column] + PITCH * (place - before), 40 + step * row
                if symbol == " ":
                    continue
                box = [x, y, x + WIDTH, y + HEIGHT]
                if symbol == ".":
                    box = [x + 4, y + 16, x + 8, y + 20]
                elif not symbol.isdigit():
                    box = [x, y + 6, x + WIDTH, y + 14]
                boxes.append(box)
                texts.append("" if symbol.isdigit() else symbol)
                places.append((row, column))
    order = sorted(range(len(texts)), key=lambda index: texts[index] != "")
    return (
        np.array(boxes, float).reshape(-1, 4)[order],
        [texts[index] for index in order],
        [places[index] for index in order],
    )


def find(boxes, texts, slope=0.0):
    count = texts.count("")
    signs = texts[count:]
    lines = layout.make_lines(boxes[:count], signs, boxes[count:], slope)
    return find_aligned(boxes[:count], signs, boxes[count:], lines, slope)


def turn(boxes, degrees):
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middles = middles @ np.array([[cos, sin], [-sin, cos]])
    return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)


ROWS = [
    ["12", "345", "6", "70"],
    ["8", "", "91", "203"],
    ["456", "7", "89", ""],
    ["1", "20", "3", "4"],
]


@pytest.mark.parametrize("align", ["left", "right", "middle"])
def test_numbers_that_line_up_get_rows_and_columns_and_empty_cells_stay(align):
    boxes, texts, places = write(ROWS, align=align)
    grid = find(boxes, texts)
    assert grid.shape == (4, 4)
    assert not grid.is_ruled
    assert [tuple(place) for place in grid.places.tolist()] == places


@pytest.mark.parametrize("degrees", [-8, -3, 3, 8])
def test_slanted_rows_have_the_same_places_and_lines_between_them(degrees):
    boxes, texts, places = write(ROWS)
    grid = find(turn(boxes, degrees), texts, np.radians(degrees))
    assert [tuple(place) for place in grid.places.tolist()] == places
    left, top, right, bottom = grid.rules.rows.T
    np.testing.assert_allclose(np.degrees(np.arctan2(bottom - top, right - left)), degrees, atol=1)
    found = grid.rules.locate(turn(boxes, degrees).reshape(-1, 2, 2).mean(axis=1))
    assert [tuple(place) for place in found.tolist()] == places


@pytest.mark.parametrize("degrees", [-3, 3])
def test_the_slope_of_sparse_digits_is_corrected(degrees):
    rows = [[str(10 + (7 * row + 3 * column) % 90) for column in range(4)] for row in range(6)]
    boxes, texts, places = write(rows, columns=(60, 260, 460, 660))
    grid = find(turn(boxes, degrees), texts, 0.0)
    assert [tuple(place) for place in grid.places.tolist()] == places


def test_decimal_points_line_up_and_belong_to_their_cells():
    rows = [["1.5", "20.25"], ["12.75", "3.5"], ["300.5", "1.25"], ["4.25", "150.5"]]
    boxes, texts, places = write(rows, columns=(90, 260), align="point")
    grid = find(boxes, texts)
    assert grid.shape == (4, 2)
    assert [tuple(place) for place in grid.places.tolist()] == places


def test_a_list_of_two_columns_and_two_rows_of_four_are_tables():
    assert find(*write([["2", "450"], ["12", "95"], ["1", "1200"]])[:2]).shape == (3, 2)
    assert find(*write(ROWS[:1] + ROWS[3:])[:2]).shape == (2, 4)


NOTES = {
    "sums": [["12 + 30 = 42"], ["25 + 31 = 56"], ["14 + 22 = 36"], ["11 + 18 = 29"]],
    "sums written wide": [["12", "+ 30", "= 42"], ["25", "+ 31", "= 56"], ["14", "+ 22", "= 36"]],
    "telephone numbers": [["079 123 45 67"], ["078 555 12 34"], ["031 987 65 43"]],
    "dates": [["24 11 2026"], ["25 12 2026"], ["31 01 2027"]],
    "lines": [["1234567"], ["89"], ["12345"], ["6789012"]],
    "two rows of two": [["12", "34"], ["56", "78"]],
    "a column": [["12"], ["345"], ["6"], ["78"]],
    "sparse": [["1", "", "", ""], ["", "2", "", ""], ["", "", "3", ""], ["4", "", "", "5"]],
}


@pytest.mark.parametrize("rows", NOTES.values(), ids=NOTES)
def test_notes_are_no_tables(rows):
    columns = (60, 110, 180) if len(rows[0]) == 3 else (60, 200, 340, 480)
    assert find(*write(rows, columns=columns)[:2]) is None


def test_numbers_of_any_place_are_no_table():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        corners = rng.uniform(0, 500, (25, 2))
        found += (
            find(np.concatenate([corners, corners + np.array([WIDTH, HEIGHT])], axis=1), [""] * 25)
            is not None
        )
    assert found == 0


def test_a_heading_is_outside():
    boxes, texts, places = write([["2026" * 4], *ROWS, *ROWS])
    grid = find(boxes, texts)
    assert grid.places.tolist() == [
        [-1, -1] if row == 0 else [row - 1, column] for row, column in places
    ]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_few_digits_are_no_table(count):
    boxes = np.array([[40 * n, 0, 40 * n + WIDTH, HEIGHT] for n in range(count)], float)
    assert find(boxes.reshape(-1, 4), [""] * count) is None


def test_a_thousand_digits_take_little_time():
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 2000, (1000, 2))
    boxes = np.concatenate([corners, corners + np.array([WIDTH, HEIGHT])], axis=1)
    lines = layout.make_lines(boxes, slope=0.0)
    start = time.perf_counter()
    find_aligned(boxes, [], NO_SIGNS, lines, 0.0)
    assert time.perf_counter() - start < 6  # 2 s on one of two idle cores
