import dataclasses
import json

import numpy as np
import pytest

from digits.reading import Digit, Gap, Line, Number, Page, Sign, Table
from digits.reading.results import COLUMNS, parse_value
from digits.symbols import SIGNS

IMAGE = np.zeros((28, 28), np.float32)


def make_number(text, left=0.0, **changes):
    """A number whose symbols are 10 pixels wide, 20 high and 12 apart; the last one is changed."""
    boxes = [(left + 12 * place, 5, left + 12 * place + 10, 25) for place in range(len(text))]
    symbols = [
        Digit(int(symbol), 0.99, True, 0, box, IMAGE)
        if symbol.isdecimal()
        else make_sign(symbol, box=box)
        for symbol, box in zip(text, boxes, strict=True)
    ]
    symbols[-1] = dataclasses.replace(symbols[-1], **changes)
    return Number(tuple(symbols))


def make_sign(text, **changes):
    return dataclasses.replace(Sign(text, 0.9, True, (3, 10, 8, 15)), **changes)


def make_line(text):
    """A line of parts that blanks separate in a text."""
    return Line(
        tuple(make_sign(part) if part in SIGNS else make_number(part) for part in text.split())
    )


def make_page(*lines, scale=1.0, name="a.png", turns=0, is_inverted=False, skew=0.0):
    lines = tuple(Line(tuple(numbers)) for numbers in lines)
    return Page(name, scale, lines, turns, is_inverted, skew=skew)


def test_a_number_sums_up_its_digits():
    number = make_number("042", left=3, probability=0.4, is_sure=False)
    assert (number.text, number.value) == ("042", 42)
    assert number.box == (3, 5, 37, 25)
    assert (number.probability, number.is_sure) == (0.4, False)
    assert make_number("042").is_sure


def test_the_box_of_a_number_reaches_around_digits_of_any_height():
    assert make_number("12", box=(11, 2, 25, 21)).box == (0, 2, 25, 25)


def test_a_page_has_its_text_in_reading_order():
    page = make_page([make_number("12"), make_number("345")], [make_number("7")])
    assert page.text == "12 345\n7"
    assert [line.text for line in page.lines] == ["12 345", "7"]
    assert [digit.label for digit in page.lines[0].digits] == [1, 2, 3, 4, 5]
    assert [digit.label for digit in page.digits] == [1, 2, 3, 4, 5, 7]
    assert [number.value for number in page.numbers] == [12, 345, 7]


def test_a_number_has_its_signs_in_their_place():
    number = make_number("-3.75")
    assert number.text == "-3.75" and number.value == -3.75
    assert [digit.label for digit in number.digits] == [3, 7, 5]
    doubtful = dataclasses.replace(number.symbols[2], probability=0.5, is_sure=False)
    symbols = (*number.symbols[:2], doubtful, *number.symbols[3:])
    assert (Number(symbols).probability, Number(symbols).is_sure) == (0.5, False)
    percent = make_sign("%", box=(60, 3, 75, 26))
    assert Number((*number.symbols[1:], percent)).box == (12, 3, 75, 26)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("042", 42),
        ("3.75", 3.75),
        ("3,75", 3.75),
        ("12.50", 12.5),
        ("3.0", 3.0),
        (".5", 0.5),
        ("-14", -14),
        ("+14", 14),
        ("-0,25", -0.25),
        ("0.375", 0.375),
        ("3.1416", 3.1416),
        ("1234.567", 1234.567),
        ("1,234.50", 1234.5),
        ("-1.234,5", -1234.5),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        # A decimal mark, or one between thousands?
        ("1.234", None),
        ("1,234", None),
        ("24.11.2026", None),
        ("1,23,456", None),
        ("1,234.567,8", None),
        ("0.123.456", None),
        ("24/11/2026", None),
        ("08:45", None),
        ("50%", None),
        ("--5", None),
        ("1.", None),
        ("9" * 400 + ".5", None),
    ],
)
def test_values_are_those_of_plain_numbers(text, value):
    parsed = parse_value(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ("12 + 30 = 42", "12 + 30 = 42"),
        ("8 × 5 + 12 - 2", "8 × 5 + 12 - 2"),
        ("2 × ( 3.5 - 1 ) ÷ 4", "2 × (3.5 - 1) ÷ 4"),
        ("( ( 12 ) + 3 )", "((12) + 3)"),
        ("7 - -14", "7 - -14"),
        ("1 , 2 , 3 .", "1, 2, 3."),
        ("12 : 3", "12 : 3"),
        ("20 50% 7 %", "20 50% 7%"),
        ("- 5", "- 5"),
        ("24/11/2026 08:45", "24/11/2026 08:45"),
    ],
)
def test_a_line_is_written_with_blanks_where_people_write_them(parts, text):
    assert make_line(parts).text == text


def test_a_line_has_its_numbers_digits_and_signs_from_left_to_right():
    line = make_line("12 + 3.5 = ( 8 )")
    assert [number.text for number in line.numbers] == ["12", "3.5", "8"]
    assert [sign.text for sign in line.signs] == ["+", ".", "=", "(", ")"]
    assert [digit.label for digit in line.digits] == [1, 2, 3, 5, 8]
    assert "".join(symbol.text for symbol in line.symbols) == "12+3.5=(8)"


@pytest.mark.parametrize(
    ("turns", "is_inverted", "skew", "note"),
    [
        (0, False, 0.0, ""),
        (1, False, 0.0, "read turned by 90° anticlockwise"),
        (2, False, 0.0, "read turned by 180°"),
        (3, True, 0.0, "read turned by 270° anticlockwise, light ink on dark paper"),
        (0, True, 0.0, "light ink on dark paper"),
        (0, False, 6.75, "straightened by 7° anticlockwise"),
        (2, False, -12.0, "read turned by 180°, straightened by 12° clockwise"),
    ],
)
def test_what_was_done_to_a_photo_is_said(turns, is_inverted, skew, note):
    page = make_page(turns=turns, is_inverted=is_inverted, skew=skew)
    assert page.note == note
    exported = page.to_dict()
    assert exported["turned"] == 90 * turns
    assert (exported["inverted"], exported["skew"]) == (is_inverted, skew)


@pytest.mark.parametrize(
    ("lines", "summary"),
    [
        ([], "no digits found"),
        (["1"], "1 digit in 1 line"),
        (["12", "3"], "3 digits in 2 lines"),
    ],
)
def test_digits_and_lines_are_counted_in_words(lines, summary):
    assert make_page(*([make_number(text)] for text in lines)).summary() == summary


def test_numbers_are_exported_as_rows_with_their_boxes():
    doubtful = make_number("345", left=24, probability=0.41238, is_sure=False)
    lines = [make_number("12"), make_sign("-"), doubtful], [make_number("7"), make_number("50%")]
    rows = make_page(*lines, name="x/a.png").to_rows()
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [tuple(row.values()) for row in rows] == [
        ("x/a.png", 1, 1, 1, None, None, "12", 12, 0.99, True, 0, 5, 22, 25),
        ("x/a.png", 1, 1, 2, None, None, "345", 345, 0.4124, False, 24, 5, 58, 25),
        ("x/a.png", 1, 2, 1, None, None, "7", 7, 0.99, True, 0, 5, 10, 25),
        ("x/a.png", 1, 2, 2, None, None, "50%", None, 0.9, True, 0, 5, 34, 25),
    ]


def make_page_with_table():
    """Two rows of three cells, two of them empty, and a line below."""
    first, second = make_number("12"), make_number("3", probability=0.5, is_sure=False)
    third, below = make_number("45"), make_number("6")
    cells = [[Line((first,)), None, Line((second,))], [None, Line((third, make_sign("-"))), None]]
    page = make_page([first, second], [third], [below])
    return dataclasses.replace(page, table=Table(tuple(map(tuple, cells))))


def test_a_table_has_its_cells_by_row_and_column():
    page = make_page_with_table()
    exported = page.to_dict()
    assert exported["table"] == [["12", "", "3"], ["", "45 -", ""]]
    assert page.table.unsure == [(1, 3)]
    places = [(1, 1), (1, 3), (2, 2), (None, None)]
    assert [(row["row"], row["column"]) for row in page.to_rows()] == places
    numbers = [number for line in exported["lines"] for number in line["numbers"]]
    assert [(number["row"], number["column"]) for number in numbers] == places
    assert page.summary() == "6 digits in 3 lines, a table of 2 x 3 cells"
    assert "table" not in make_page([make_number("1")]).to_dict()


def test_exported_boxes_are_in_pixels_of_the_file():
    symbols = (*make_number("2", left=3).symbols, make_sign("%", box=(13, 5, 23, 25)))
    page = make_page([Number(symbols)], scale=2.5)
    rest = {"is_sure": True, "box": [7.5, 12.5, 32.5, 62.5]}
    percent = {"probability": 0.9, "is_sure": True, "box": [32.5, 12.5, 57.5, 62.5]}
    exported = page.to_dict()
    assert exported == {
        "file": "a.png",
        "page": 1,
        "turned": 0,
        "skew": 0.0,
        "inverted": False,
        "region": None,
        "ink": None,
        "lines": [
            {
                "text": "2%",
                "numbers": [{"text": "2%", "value": None, **rest, "box": [7.5, 12.5, 57.5, 62.5]}],
                "digits": [{"label": 2, "probability": 0.99, **rest}],
                "signs": [{"text": "%", **percent}],
            }
        ],
    }
    assert json.loads(json.dumps(exported)) == exported
    (row,) = page.to_rows()
    assert [row[edge] for edge in ("left", "top", "right", "bottom")] == [7.5, 12.5, 57.5, 62.5]
    assert page.digits[0].box == (3, 5, 13, 25)


def test_a_page_of_several_says_which_it_is():
    page = make_page([make_number("7")], name="scan.pdf")
    assert page.title == "scan.pdf"
    page = dataclasses.replace(page, page_number=3, num_pages=4)
    assert page.title == "scan.pdf, page 3"
    assert (page.to_dict()["file"], page.to_dict()["page"]) == ("scan.pdf", 3)
    assert [(row["file"], row["page"]) for row in page.to_rows()] == [("scan.pdf", 3)]


def test_a_page_without_images_is_the_same_but_for_them():
    page = make_page_with_table()
    small = page.without_images()
    assert all(digit.image.size == 0 for digit in small.digits)
    assert all(digit.image.size == 28 * 28 for digit in page.digits)
    assert small.to_dict() == page.to_dict()
    assert small.to_rows() == page.to_rows()
    assert small.table.unsure == page.table.unsure


def test_a_line_says_what_on_it_is_not_sure():
    doubtful = make_number("27", probability=0.6, is_sure=False, runner_up=1)
    times = make_sign("×", probability=0.55, is_sure=False)
    line = Line((make_number("3"), times, doubtful))
    assert (line.is_sure, line.unsure) == (False, "× 55%; 7 60%, or 1")
    assert (make_line("3 × 5").is_sure, make_line("3 × 5").unsure) == (True, "")


def test_a_page_says_which_part_and_ink_were_read():
    page = dataclasses.replace(make_page(scale=2.5, turns=1), region=(10, 20, 30, 40), ink="red")
    assert page.note == (
        "only the region from (25, 50) to (75, 100), red ink only, read turned by 90° anticlockwise"
    )
    exported = page.to_dict()
    assert (exported["region"], exported["ink"]) == ([25, 50, 75, 100], "red")
    assert dataclasses.replace(make_page(), ink="red", has_ink=False).note == "no red ink found"


def test_an_empty_box_is_a_gap_in_the_text_and_nothing_else():
    digit = Digit(4, 0.9, True, 9, (0, 0, 8, 12), IMAGE)
    number = Number((digit, Gap((10, -2, 20, 14)), dataclasses.replace(digit, box=(20, 0, 28, 12))))
    assert (number.text, number.value, number.probability, number.is_sure) == (
        "4_4",
        None,
        0.9,
        True,
    )
    assert number.box == (0, -2, 28, 14)
    line = Line((number,))
    assert line.text == "4_4" and line.symbols == line.digits == number.digits and not line.signs
    page = Page("form.png", 1.0, (line,), 0, False)
    (row,) = page.to_rows()
    assert (row["text"], row["value"]) == ("4_4", None)
    assert page.to_dict()["lines"][0]["numbers"][0]["text"] == "4_4"
    assert page.without_images().text == "4_4"
