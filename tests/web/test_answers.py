import re

import numpy as np
import pytest

from digits import plotting
from digits.web import answers


def make_row(digit, probability):
    row = np.full(10, (1 - probability) / 9)
    row[digit] = probability
    return row


THRESHOLDS = {"dense": 0.8, "tiny": 0.8, "cnn": 0.9}


def make_answers(**digits):
    return {
        name: np.array([make_row(*pair) for pair in pairs]).reshape(-1, 10)
        for name, pairs in digits.items()
    }


def test_answers_are_described_as_plain_values():
    said = make_answers(dense=[(7, 0.9), (1, 0.8)], cnn=[(7, 1.0), (4, 1.0)])
    described = answers.describe(said, THRESHOLDS | {"dense": 0.85})
    assert described["dense"]["text"] == "71" and described["cnn"]["text"] == "74"
    digit = described["dense"]["digits"][0]
    assert (digit["label"], digit["probability"]) == (7, 0.9)
    assert [digit["sure"] for digit in described["dense"]["digits"]] == [True, False]
    assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-3)


def strip_tags(text):
    return re.sub("<[^>]+>", "", text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "Draw a digit, or several."),
        ({"dense": [], "cnn": []}, "Draw a digit, or several."),
        ({"dense": [(7, 0.99)], "cnn": [(7, 0.99)]}, "This is 7"),
        ({"dense": [(7, 0.99), (2, 0.9)], "cnn": [(7, 0.9), (2, 0.9)]}, "This is 72"),
        ({"dense": [(7, 0.6)], "cnn": [(7, 0.99)]}, "Perhaps 7, but dense is not sure"),
        ({"dense": [(7, 0.6)], "cnn": [(7, 0.89)]}, "Perhaps 7, but none of them is sure"),
        (
            {"dense": [(7, 0.79)], "tiny": [(7, 0.6)], "cnn": [(7, 1)]},
            "Perhaps 7, but dense and tiny are not sure",
        ),
        ({"dense": [(1, 0.9)], "cnn": [(7, 0.9)]}, "They disagree: dense 1, cnn 7"),
    ],
)
def test_the_reading_is_a_sentence(said, expected):
    assert strip_tags(answers.format_reading(make_answers(**said), THRESHOLDS)) == expected


def test_every_digit_gets_a_bar_from_every_network():
    said = make_answers(dense=[(7, 0.9)], tiny=[(7, 0.75)], cnn=[(7, 0.5)])
    image = np.full((28, 28), 0.5)
    text = answers.format_answers([image], said, 0, dict.fromkeys(said, image))
    assert text.count("<th scope='row'>") == 30
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", text)]
    assert [widths[7], widths[17], widths[27]] == [90, 75, 50]
    assert sum(widths) == pytest.approx(300, abs=2)


def test_a_blank_canvas_takes_the_same_room():
    said = make_answers(dense=[(7, 0.9)], cnn=[(7, 0.9)])
    image = np.full((28, 28), 0.5)
    text = answers.format_answers([image], said, 0, dict.fromkeys(said, image))
    blank = answers.format_answers([], dict.fromkeys(said), 0, {})
    for tag in ("<table", "<tr", "<section", "class='seen'", "class='share'", "class='answer'"):
        assert blank.count(tag) == text.count(tag)
    assert "%<" not in blank


def test_of_several_digits_the_explained_one_is_marked():
    said = make_answers(cnn=[(7, 0.9), (3, 0.5)])
    image = np.full((28, 28), 0.5)
    text = answers.format_answers([image, image], said, 1, {"cnn": image})
    items = re.findall("<li.*?</li>", text)
    assert ["explained" in item for item in items] == [False, True]
    assert "number 2, the least sure" in text and "<b>3</b>" in text


def test_ink_that_speaks_for_a_digit_is_blue_and_against_it_orange():
    image, shares = np.zeros((28, 28)), np.zeros((28, 28))
    image[0, :3] = 1
    shares[0, 0], shares[0, 1] = 2, -2
    painted = answers.paint_shares(image, shares)
    blue, orange = (
        [int(color[start : start + 2], 16) for start in (1, 3, 5)]
        for color in (plotting.BLUE, plotting.VERMILLION)
    )
    assert painted[0, 0].tolist() == blue and painted[0, 1].tolist() == orange
    grey = painted[0, 2]
    assert len(set(grey.tolist())) == 1 and 0 < grey[0] < 255
    assert (painted[5] == 255).all()
