import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from digits.reading import layout, tables
from digits.reading.rules import NO_RULES, Rules, find_rules

DIGIT = 20  # pixels, height of a digit
NO_SIGNS = np.zeros((0, 4))


def draw_page(lines, boxes=(), ink=0.3, thickness=1, shape=(400, 600)):
    """Paper with lines, and with a stroke for each digit in its box."""
    page = Image.new("L", (2 * shape[1], 2 * shape[0]), 230)
    draw = ImageDraw.Draw(page)
    for line in lines:
        draw.line([2 * x for x in line], fill=round(230 - 230 * ink), width=2 * thickness)
    for left, top, right, bottom in boxes:
        draw.line([2 * left, 2 * top, 2 * right, 2 * bottom], fill=40, width=5)
        draw.line([2 * right, 2 * top, 2 * left, 2 * bottom], fill=40, width=5)
    small = page.resize(shape[::-1], Image.Resampling.BOX)
    noise = np.random.default_rng(0).normal(0, 0.01, shape)
    return (np.asarray(small, np.float32) / 255 + noise).astype(np.float32)


def make_table(rows=5, columns=4, pitch=(60, 100), start=(40, 60)):
    """Lines of a grid, and boxes of two digits in each cell with their rows and columns."""
    height, width = pitch
    top, left = start
    bottom, right = top + rows * height, left + columns * width
    lines = [(left, top + n * height, right, top + n * height) for n in range(rows + 1)]
    lines += [(left + n * width, top, left + n * width, bottom) for n in range(columns + 1)]
    boxes, places = [], []
    for row in range(rows):
        for column in range(columns):
            x, y = left + (column + 0.5) * width, top + (row + 0.5) * height
            boxes += [(x - 16, y - 10, x - 4, y + 10), (x + 4, y - 10, x + 16, y + 10)]
            places += [(row, column)] * 2
    return lines, boxes, places


def bend(points, angle=0.0, perspective=0.0):
    """Turn and distort points (x, y) about the middle of the page."""
    x, y = np.asarray(points, float).reshape(-1, 2).T - [[300], [200]]
    x, y = x * (1 + perspective * y / 200), y * (1 + perspective * y / 400)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([300 + x * cos - y * sin, 200 + x * sin + y * cos], axis=1)


def move(boxes, **how):
    middles = bend((np.array(boxes)[:, :2] + np.array(boxes)[:, 2:]) / 2, **how)
    sizes = np.array(boxes)[:, 2:] - np.array(boxes)[:, :2]
    return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)


def find_grid(page, boxes, sign_boxes=NO_SIGNS):
    return tables.find_grid(find_rules(page, DIGIT), boxes, sign_boxes)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"angle": 0.03},
        {"angle": -0.04},
        {"perspective": 0.06},
        {"angle": 0.02, "perspective": -0.05},
    ],
)
@pytest.mark.parametrize("ink", [0.08, 0.9])
def test_each_digit_gets_the_row_and_column_of_its_cell(how, ink):
    lines, boxes, places = make_table()
    lines = [bend(line, **how).ravel().tolist() for line in lines]
    moved = move(boxes, **how)
    grid = find_grid(draw_page(lines, moved, ink), moved)
    assert grid.shape == (5, 4)
    assert grid.places.tolist() == [list(place) for place in places]


def test_empty_cells_keep_their_place_and_empty_edges_are_left_out():
    lines, boxes, places = make_table()
    kept = [n for n, (row, column) in enumerate(places) if row > 0 and (row, column) != (2, 1)]
    boxes, places = np.array(boxes, float)[kept], np.array(places)[kept]
    grid = find_grid(draw_page(lines, boxes), boxes)
    assert grid.shape == (4, 4)
    assert (grid.places == places - [1, 0]).all()


def test_broken_and_double_rules_are_one_and_signs_have_places_too():
    lines, boxes, places = make_table()
    lines += [(left + 4, top + 4, right + 4, bottom + 4) for left, top, right, bottom in lines]
    page = draw_page(lines, boxes)
    page[:, 250:258] = page[:, 450:456] = 0.9  # gaps in the rules of rows
    sign = np.array([boxes[3]]) + np.array([14, 12, 6, 2])
    grid = find_grid(page, np.array(boxes, float), sign)
    assert grid.places.tolist() == [*map(list, places), [0, 1]]


def test_what_is_above_a_table_is_outside_it():
    lines, boxes, _ = make_table(rows=4, start=(120, 60))
    boxes += [(90, 30, 102, 50), (105, 30, 117, 50)]
    grid = find_grid(draw_page(lines, boxes), np.array(boxes, float))
    assert grid.places[-2:].tolist() == [[-1, -1]] * 2
    assert grid.places[0].tolist() == [0, 0]


def make_ruled():
    return [(0, y, 600, y) for y in range(30, 400, 30)], make_table()[1]


def make_squared():
    _, boxes, _ = make_table(pitch=(60, 90))
    squares = [(0, y, 600, y) for y in range(5, 400, 18)]
    return squares + [(x, 0, x, 400) for x in range(3, 600, 18)], boxes


def make_underlined():
    return [(60, 350, 500, 350), (60, 356, 500, 356)], make_table()[1]


@pytest.mark.parametrize(
    "make", [make_ruled, make_squared, make_underlined, lambda: ([], make_table()[1])]
)
def test_notes_on_ruled_squared_and_plain_paper_are_no_tables(make):
    lines, boxes = make()
    assert find_grid(draw_page(lines, boxes), np.array(boxes, float)) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_digits_are_no_table(count):
    lines, boxes, _ = make_table()
    few = np.array(boxes[:count], float).reshape(-1, 4)
    assert find_grid(draw_page(lines, few), few) is None


def test_rules_are_where_they_were_drawn():
    lines, boxes, _ = make_table()
    rules = find_rules(draw_page(lines, boxes), DIGIT)
    np.testing.assert_allclose(rules.rows[:, 1], [40 + 60 * n for n in range(6)], atol=1.5)
    np.testing.assert_allclose(rules.columns[:, 0], [60 + 100 * n for n in range(5)], atol=1.5)
    blank = find_rules(np.full((90, 120), 0.8, np.float32), DIGIT)
    assert blank.rows.shape == blank.columns.shape == (0, 4)
    noise = np.random.default_rng(1).uniform(0.6, 1, (300, 400)).astype(np.float32)
    found = find_rules(ndimage.gaussian_filter(noise, 1), DIGIT)
    assert found.rows.shape == found.columns.shape == (0, 4)


def test_the_edge_of_a_shadow_is_no_rule():
    across = [(60, y, 540, y) for y in (60, 120, 180, 240)]
    page = draw_page([*across, *((x, 60, x, 240) for x in (60, 180, 300, 420, 540))])
    y, x = np.indices(page.shape)
    shadow = 0.6 / (1 + np.exp((250 + 0.7 * (y - 150) - x) / 5))
    rules = find_rules((page * (1 - shadow)).astype(np.float32), DIGIT)
    assert rules.columns[:, 0] == pytest.approx([60, 180, 300, 420, 540], abs=5)
    # The rules of a table that is photographed at an angle lean, but do not meet.
    leaning = [(90 + 80 * n, 60, 61 + 91.5 * n, 240) for n in range(6)]
    assert len(find_rules(draw_page([*across, *leaning]), DIGIT).columns) == 6


def test_a_number_ends_at_the_edge_of_its_cell():
    boxes = np.array([[10 + 14 * n, 10, 20 + 14 * n, 30] for n in range(6)], float)
    places = np.array([[0, 0], [0, 0], [0, 1], [0, 2], [0, 2], [-1, -1]])
    assert layout.make_lines(boxes) == [[[0, 1, 2, 3, 4, 5]]]
    lines = layout.make_lines(boxes, places=places)
    assert lines == [[[0, 1], [2], [3, 4], [5]]]
    apart = boxes + np.array([[0]] * 5 + [[20]]) * [1, 0, 1, 0]
    assert layout.make_lines(apart) == [[[0, 1, 2, 3, 4], [5]]]
    assert layout.make_lines(apart, places=np.array([[0, 0]] * 6)) == [[[0, 1, 2, 3, 4, 5]]]


@pytest.mark.parametrize(
    ("columns", "num_lines"),
    [
        ((0, 1, 4, 5), 2),  # two tables beside each other
        ((0, 1, 5), 1),  # a table with totals
        ((0, 1, 2, 3), 1),
    ],
)
def test_rows_are_split_between_tables_beside_each_other(columns, num_lines):
    places = np.array([[row, column] for row in range(3) for column in columns])
    boxes = np.concatenate([places, places], axis=1)[:, [1, 0, 3, 2]] * 60.0 + [0, 0, 10, 20]
    lines = layout.make_lines(boxes, places=places)
    count = len(columns)
    assert [len(line) for line in lines] == [count // num_lines] * 3 * num_lines
    assert [index for line in lines for part in line for index in part] == list(range(3 * count))


def test_the_sides_of_empty_boxes_are_no_digits():
    lines, boxes, _ = make_table(pitch=(40, 50))
    rules = find_rules(draw_page(lines, boxes), 36)
    sides = [[106, 41, 114, 79], [158, 121, 163, 158], [57, 81, 62, 119], [207, 41, 212, 80]]
    others = [[120, 45, 126, 70], [180, 52, 186, 79], [112, 41, 158, 79]]
    found = tables.are_sides_of_boxes(rules, np.array(sides + others, float))
    assert found.tolist() == [True] * 4 + [False] * 3
    # A few 1s in a note reach from rule to rule.
    for boxes in (sides[:3] + others[:1], sides + others + [[400, 100, 420, 140]] * 2):
        assert not tables.are_sides_of_boxes(rules, np.array(boxes, float)).any()
    assert not tables.are_sides_of_boxes(NO_RULES, np.array(sides, float)).any()


def test_what_is_alone_in_a_cell_between_rules_is_told():
    lines, boxes, places = make_table(rows=3, columns=2)
    rules = find_rules(draw_page(lines, boxes), DIGIT)
    boxes = np.array(boxes, float)
    is_empty = (np.array(places) == [1, 0]).all(axis=1)
    alone = tables.are_in_empty_cells(rules, boxes, boxes[~is_empty])
    assert alone.tolist() == is_empty.tolist() and alone.sum() == 2
    assert tables.are_in_empty_cells(rules, boxes, boxes[:0]).all()
    # Beside, above and below the table, rules are not on all sides.
    for moved in ([-90, 0], [300, 0], [0, -45], [0, 190]):
        assert not tables.are_in_empty_cells(rules, boxes[:1] + moved * 2, boxes[:0]).any()
    assert not tables.are_in_empty_cells(NO_RULES, boxes, boxes[:0]).any()


def make_sudoku(filled, pitch=34, missing=()):
    """Lines of 9 x 9 squares, without those numbered `missing`, and a digit in each filled one."""
    left, top, size = 100, 30, 9 * pitch
    seen = [n for n in range(10) if n not in missing]
    lines = [(left, top + n * pitch, left + size, top + n * pitch) for n in seen]
    lines += [(left + n * pitch, top, left + n * pitch, top + size) for n in seen]
    middles = [(left + (c + 0.5) * pitch, top + (r + 0.5) * pitch) for r, c in filled]
    return lines, [(x - 6, y - 10, x + 6, y + 10) for x, y in middles]


# 24 of 81 cells, none in the first row and the last column.
SPARSE = [(row, (5 * row + step) % 8) for row in range(1, 9) for step in (0, 2, 3)]


@pytest.mark.parametrize(
    "how", [{}, {"angle": 0.052}, {"angle": -0.052, "perspective": 0.06}, {"perspective": -0.08}]
)
@pytest.mark.parametrize("ink", [0.4, 0.9])
@pytest.mark.parametrize("pitch", [28, 38])
def test_a_sudoku_keeps_its_empty_rows_and_columns(how, ink, pitch):
    lines, boxes = make_sudoku(SPARSE, pitch)
    lines = [bend(line, **how).ravel().tolist() for line in lines]
    moved = move(boxes, **how)
    rules = find_rules(draw_page(lines, moved, ink), DIGIT)
    assert (len(rules.rows), len(rules.columns)) == (10, 10)
    grid = tables.find_grid(rules, moved, NO_SIGNS)
    assert grid.shape == (9, 9)
    assert grid.places.tolist() == [list(place) for place in SPARSE]


def test_rules_of_a_sudoku_that_are_not_seen_are_added():
    lines, boxes = make_sudoku(SPARSE, missing=(2, 5, 6))
    grid = find_grid(draw_page(lines, boxes), np.array(boxes, float))
    assert grid.shape == (9, 9)
    assert grid.places.tolist() == [list(place) for place in SPARSE]


def test_digits_beside_a_sudoku_are_outside_it():
    lines, boxes = make_sudoku(SPARSE)
    boxes += [(70, 40, 82, 60), (420, 200, 432, 220), (200, 8, 212, 26)]
    grid = find_grid(draw_page(lines, boxes), np.array(boxes, float))
    assert grid.shape == (9, 9)
    assert grid.places[-3:].tolist() == [[-1, -1]] * 3


def test_tables_that_are_no_sudokus_leave_out_empty_edges():
    lines, boxes = make_sudoku(SPARSE)
    # Rules that go on to the edges of the page: the outer cells are its margins.
    long = [(0, y, 600, y) if y == bottom else (x, 0, x, 400) for x, y, _, bottom in lines]
    assert find_grid(draw_page(long, boxes), np.array(boxes, float)).shape == (8, 8)
    two_each = [np.add(box, (shift, 0, shift, 0)) for box in boxes for shift in (-6, 6)]
    assert find_grid(draw_page(lines, two_each), np.array(two_each, float)).shape == (8, 8)


def test_pieces_of_rules_between_columns_are_no_ones():
    lines, boxes, _ = make_table()
    rules = find_rules(draw_page(lines, boxes), DIGIT)
    pieces = [(157, 70, 163, 92), (258, 38, 262, 62), (357, 318, 363, 342)]
    # A 1 beside a rule, one that is wider, and one below the table.
    ones = [(164, 70, 170, 92), (256, 150, 265, 172), (158, 361, 162, 382)]
    every = np.array([*boxes, *pieces, *ones], float)
    found = tables.are_pieces_of_rules(rules, every)
    assert np.flatnonzero(found).tolist() == [len(boxes) + n for n in range(len(pieces))]
    assert not tables.are_pieces_of_rules(NO_RULES, every).any()


def test_ones_above_each_other_are_no_rule():
    rows = np.array([[40, 60 + 30 * n, 440, 60 + 30 * n] for n in range(4)], float)
    columns = np.array([[x, 60, x, 150] for x in (40, 90, 140, 440)], float)
    ones = np.array([[87, 62 + 30 * n, 93, 85 + 30 * n] for n in range(3)], float)
    others = np.array([[180, 65, 194, 85], [134, 62, 146, 80]], float)
    kept = tables.leave_out_ones(Rules(rows, columns), np.concatenate([ones, others]))
    assert kept.columns[:, 0].tolist() == [40, 140, 440]
    assert (kept.rows == rows).all()
    assert tables.leave_out_ones(Rules(rows, columns), others).columns[:, 0].tolist() == [
        40,
        90,
        140,
        440,
    ]
