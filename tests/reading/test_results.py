import dataclasses

import numpy as np
import pytest

from digits.reading import Digit, Line, Number, Page
from digits.reading.command import COLUMNS

IMAGE = np.zeros((28, 28), np.float32)


def make_number(text, left=0.0, **changes):
    """A number whose digits are 10 pixels wide, 20 high and 12 apart; the last one is changed."""
    digits = [
        Digit(int(sign), 0.99, True, 0, (left + 12 * place, 5, left + 12 * place + 10, 25), IMAGE)
        for place, sign in enumerate(text)
    ]
    digits[-1] = dataclasses.replace(digits[-1], **changes)
    return Number(tuple(digits))


def make_page(*lines, scale=1.0, name="a.png"):
    return Page(name, scale, tuple(Line(tuple(numbers)) for numbers in lines), 0, False)


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
    rows = make_page([make_number("12"), doubtful], [make_number("7")], name="x/a.png").to_rows()
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [tuple(row.values()) for row in rows] == [
        ("x/a.png", 1, 1, "12", 0.99, True, 0, 5, 22, 25),
        ("x/a.png", 1, 2, "345", 0.4124, False, 24, 5, 58, 25),
        ("x/a.png", 2, 1, "7", 0.99, True, 0, 5, 10, 25),
    ]


def test_exported_boxes_are_in_pixels_of_the_file():
    page = make_page([make_number("1", left=3)], scale=2.5)
    assert page.to_dict() == {
        "file": "a.png",
        "lines": [
            {
                "text": "1",
                "digits": [
                    {
                        "label": 1,
                        "probability": 0.99,
                        "is_sure": True,
                        "box": [7.5, 12.5, 32.5, 62.5],
                    }
                ],
            }
        ],
    }
    (row,) = page.to_rows()
    assert [row[edge] for edge in ("left", "top", "right", "bottom")] == [7.5, 12.5, 32.5, 62.5]
    assert page.digits[0].box == (3, 5, 13, 25)
