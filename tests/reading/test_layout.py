import numpy as np
import pytest

from digits.reading import layout


def make_box(x, y, width=12, height=20):
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def turn(boxes, degrees):
    """Turn the middles of boxes about the page's corner, downwards to the right."""
    boxes = np.array(boxes, float)
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    angle = np.radians(degrees)
    middles = middles @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return np.concatenate([middles - halves, middles + halves], axis=1)


def flatten(lines):
    return [[index for number in line for index in number] for line in lines]


def test_no_digits_give_no_lines():
    assert layout.make_lines(np.zeros((0, 4))) == []


def test_one_digit_gives_one_line():
    assert layout.make_lines(np.array([make_box(5, 5)])) == [[[0]]]


@pytest.mark.parametrize("degrees", [-30, -10, 0, 10, 30])
def test_lines_are_read_from_the_top_and_the_left_however_they_slant(degrees):
    boxes = [make_box(20 * column, 40 * row) for row in range(3) for column in range(8)]
    shuffled = np.random.default_rng(0).permutation(len(boxes))
    lines = layout.make_lines(turn(boxes, degrees)[shuffled])
    assert [list(shuffled[line]) for line in flatten(lines)] == [
        list(range(8 * row, 8 * row + 8)) for row in range(3)
    ]


def test_the_slope_of_a_line_is_measured():
    boxes = turn([make_box(20 * column, 0) for column in range(8)], 25)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    slope = layout.measure_slope(middles, np.full(len(boxes), 20.0))
    assert np.degrees(slope) == pytest.approx(25, abs=1)


def test_rows_are_distinguished_from_columns():
    boxes = np.array([make_box(20 * x, 50 * row) for row in range(3) for x in range(6)], float)
    assert layout.measure_rows(boxes) == 1
    assert layout.measure_rows(boxes[:, [1, 0, 3, 2]]) == 0
    assert layout.measure_rows(boxes[:1]) == 0.5


def test_a_grid_of_digits_is_level():
    boxes = np.array([make_box(30 * column, 30 * row) for row in range(6) for column in range(6)])
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert layout.measure_slope(middles, np.full(len(boxes), 20.0)) == 0


@pytest.mark.parametrize("shift", [-18, -14, 14])
def test_partial_products_are_lines_although_each_is_shifted(shift):
    boxes = [make_box(100 + shift * row + 14 * x, 27 * row) for row in range(3) for x in range(2)]
    assert flatten(layout.make_lines(np.array(boxes))) == [[0, 1], [2, 3], [4, 5]]


def test_digits_far_apart_do_not_count_for_the_slope():
    slopes = []
    for seed in range(20):
        middles = np.random.default_rng(seed).uniform(0, 800, (5, 2))
        slopes.append(abs(layout.measure_slope(middles, np.full(5, 20.0))))
    assert np.mean(np.degrees(slopes) > 5) < 0.15


def test_digits_that_jump_up_and_down_stay_on_their_line():
    jumps = np.random.default_rng(0).uniform(-5, 5, 10)
    boxes = np.array([make_box(18 * column, jumps[column]) for column in range(10)])
    assert flatten(layout.make_lines(boxes)) == [list(range(10))]


def test_a_line_that_bends_stays_one():
    boxes = np.array([make_box(18 * x, 0.6 * (x - 8) ** 2) for x in range(17)])
    assert flatten(layout.make_lines(boxes)) == [list(range(17))]


def test_wide_gaps_separate_numbers():
    places = [0, 15, 30, 70, 85, 125, 140]
    lines = layout.make_lines(np.array([make_box(x, 0) for x in places]))
    assert lines == [[[0, 1, 2], [3, 4], [5, 6]]]


def test_equal_gaps_separate_no_numbers_however_wide():
    lines = layout.make_lines(np.array([make_box(45 * x, 0) for x in range(6)]))
    assert lines == [[[0, 1, 2, 3, 4, 5]]]


def test_numbers_far_apart_are_lines_of_their_own():
    boxes = [make_box(x, 0) for x in (0, 14, 28, 130, 144)]
    boxes += [make_box(x, 60) for x in (70, 84)]
    assert layout.make_lines(np.array(boxes)) == [[[0, 1, 2]], [[3, 4]], [[5, 6]]]


def test_scattered_digits_are_numbers_of_their_own():
    places = [(0, 0, 23), (28, 8, 13), (50, -11, 19), (64, 6, 16), (88, -3, 29)]
    scattered = [make_box(x, y, 9, height) for x, y, height in places]
    assert sorted(flatten(layout.make_lines(np.array(scattered)))) == [[n] for n in range(5)]
    # Also where two pairs of them happen to be on parallel lines.
    places = [(0, 0, 35), (42, 13, 19), (74, -17, 26), (96, 9, 23), (131, -5, 44)]
    scattered = [make_box(x, y, 14, height) for x, y, height in places]
    assert sorted(flatten(layout.make_lines(np.array(scattered)))) == [[n] for n in range(5)]
    # As far apart on a line that slants, they are one number.
    aligned = [make_box(28 * place, 4 * place) for place in range(5)]
    assert flatten(layout.make_lines(np.array(aligned))) == [[0, 1, 2, 3, 4]]


def test_a_row_of_a_table_stays_one_line():
    boxes = [
        make_box(x + 60 * column, 40 * row)
        for row in range(3)
        for column in range(4)
        for x in (0, 14)
    ]
    lines = layout.make_lines(np.array(boxes))
    assert [len(line) for line in lines] == [4, 4, 4]
    assert flatten(lines) == [list(range(8)), list(range(8, 16)), list(range(16, 24))]


def test_a_thousand_digits_are_arranged():
    corners = np.random.default_rng(0).uniform(0, 2000, (1000, 2))
    lines = layout.make_lines(np.concatenate([corners, corners + np.array([12, 20])], axis=1))
    assert sorted(i for line in lines for number in line for i in number) == list(range(1000))


WIDTHS = {".": 3, ",": 4, "-": 12, "/": 10, ":": 4, "%": 18, "(": 6, ")": 6}


def write(text, left=0.0, top=0.0, gap=2.0, blank=13.0):
    """Boxes of symbols written one after the other, digits 12 wide and 20 high: (text, box)s."""
    symbols = []
    for symbol in text:
        if symbol == " ":
            left += blank
            continue
        width = WIDTHS.get(symbol, 12)
        middle, height = {".": (18, 3), ",": (20, 7), "-": (10, 2)}.get(symbol, (10, 20))
        box = [left, top + middle - height / 2, left + width, top + middle + height / 2]
        symbols.append((symbol, box))
        left += width + gap
    return symbols


def arrange(symbols, degrees=0):
    """The texts of the parts of each line."""
    symbols = sorted(symbols, key=lambda symbol: not symbol[0].isdecimal())
    texts = [text for text, _ in symbols]
    boxes = turn([box for _, box in symbols], degrees)
    num_digits = sum(text.isdecimal() for text in texts)
    lines = layout.make_lines(boxes[:num_digits], texts[num_digits:], boxes[num_digits:])
    return [["".join(texts[index] for index in part) for part in line] for line in lines]


@pytest.mark.parametrize("degrees", [-20, 0, 20])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("12 + 30 = 42", "12 + 30 = 42"),
        ("8×5+12-2", "8 × 5 + 12 - 2"),
        ("12.50 3,75 .5", "12.50 3,75 .5"),
        ("24/11/2026 08:45", "24/11/2026 08:45"),
        ("-14", "-14"),
        ("- 14", "-14"),
        ("-   14", "- 14"),
        ("7 × -14 = -98", "7 × -14 = -98"),
        ("(-3.5+2)", "( -3.5 + 2 )"),
        ("12  -14  +15", "12 -14 +15"),
        ("12 - 14", "12 - 14"),
        ("(12) - (3)", "( 12 ) - ( 3 )"),
        ("50% -5%", "50% -5%"),
        ("1, 2, 3", "1 , 2 , 3"),
        ("12 / 30", "12 / 30"),
        ("-.5", "-.5"),
    ],
)
def test_signs_join_digits_to_numbers_or_separate_them(text, parts, degrees):
    assert arrange(write(text), degrees) == [parts.split()]


def test_a_number_is_joined_by_a_point_although_the_gap_there_is_wide():
    apart = write("12", gap=2) + write(".", left=34) + write("50", left=46)
    assert arrange(apart) == [["12.50"]]
    assert arrange([symbol for symbol in apart if symbol[0] != "."]) == [["12", "50"]]


def test_an_operator_keeps_numbers_on_one_line_that_would_be_far_apart_without_it():
    symbols = write("12  +  30", blank=12)
    assert arrange(symbols) == [["12", "+", "30"]]
    assert arrange([symbol for symbol in symbols if symbol[0] != "+"]) == [["12"], ["30"]]


def test_every_line_has_a_digit():
    symbols = write("12") + write("-", left=70) + write(")", left=120)
    assert arrange(symbols) == [["12", "-", ")"]]
    assert arrange(write("(", left=0) + write("-", left=50) + write("12", left=100)) == [
        ["(", "-", "12"]
    ]


def test_signs_go_into_the_row_of_the_nearest_digit():
    symbols = write("1.5 + 2") + write("30 - 4.25", top=27) + write("6 = 6", top=54)
    assert arrange(symbols) == [["1.5", "+", "2"], ["30", "-", "4.25"], ["6", "=", "6"]]


def test_a_row_of_a_table_with_signs_stays_one_line():
    cells = [["1.5", "-2", "30%"], ["4.5", "12", "7%"], ["0.25", "-14", "100%"]]
    symbols = [
        symbol
        for row, texts in enumerate(cells)
        for column, text in enumerate(texts)
        for symbol in write(text, left=120 * column, top=40 * row)
    ]
    assert arrange(symbols) == cells


def test_signs_alone_make_no_line():
    assert layout.make_lines(np.zeros((0, 4)), ["-"], np.array([[0, 0, 9, 2]])) == []
