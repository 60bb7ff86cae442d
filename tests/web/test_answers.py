import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from digits import plotting
from digits.reading.canvas import CanvasReading
from digits.web import answers

THRESHOLDS = {"dense": 0.8, "tiny": 0.8, "cnn": 0.9}
IMAGE = np.full((28, 28), 0.5, np.float32)


def make_row(digit, probability):
    row = np.full(10, (1 - probability) / 9)
    row[digit] = probability
    return row


def make_probabilities(**predicted):
    """Arrays by name of the network from lists of pairs of a digit and its probability."""
    return {
        name: np.array([make_row(*pair) for pair in pairs]).reshape(-1, 10)
        for name, pairs in predicted.items()
    }


def make_reading(explained=0, is_digit=None, **predicted):
    probabilities = make_probabilities(**predicted)
    num_digits = len(next(iter(probabilities.values()), []))
    return CanvasReading(
        images=np.tile(IMAGE, (num_digits, 1, 1)),
        probabilities=probabilities,
        is_digit=np.ones(num_digits, bool) if is_digit is None else np.array(is_digit, bool),
        explained=explained,
        attributions=dict.fromkeys(probabilities, IMAGE) if num_digits else {},
    )


def format_html(**options):
    reading = make_reading(**options)
    return answers.format_answers(reading, answers.make_answers(reading, THRESHOLDS))


def test_answers_are_exported_as_plain_values():
    made = answers.make_answers(
        make_reading(dense=[(7, 0.9), (1, 0.8)], cnn=[(7, 1.0), (4, 1.0)], is_digit=[1, 0]),
        {"dense": 0.85, "cnn": 0.9},
    )
    exported = {name: answer.to_dict() for name, answer in made.items()}
    assert exported["dense"]["text"] == "71" and exported["cnn"]["text"] == "74"
    digit = exported["dense"]["digits"][0]
    assert digit.keys() == {"label", "probability", "is_digit", "is_sure", "probabilities"}
    assert (digit["label"], digit["probability"]) == (7, 0.9)
    for name in ("dense", "cnn"):
        for key in ("is_digit", "is_sure"):
            assert [digit[key] for digit in exported[name]["digits"]] == [True, False]
    assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_a_probability_equal_to_the_threshold_is_sure():
    reading = make_reading(cnn=[(7, 0.75)])
    for threshold, is_sure in ((0.75, True), (0.7501, False)):
        made = answers.make_answers(reading, {"cnn": threshold})
        assert made["cnn"].is_sure is is_sure


def strip_tags(text):
    return re.sub("<[^>]+>", "", text)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ({}, "Draw a digit, or several."),
        ({"dense": [], "cnn": []}, "Draw a digit, or several."),
        ({"dense": [(7, 0.99)], "cnn": [(7, 0.99)]}, "This is 7"),
        ({"dense": [(7, 0.99), (2, 0.9)], "cnn": [(7, 0.9), (2, 0.9)]}, "This is 72"),
        ({"dense": [(7, 0.6)], "cnn": [(7, 0.99)]}, "Perhaps 7, but dense is not sure"),
        ({"dense": [(7, 0.6)], "cnn": [(7, 0.89)]}, "Perhaps 7, but none of the networks is sure"),
        (
            {"dense": [(7, 0.79)], "tiny": [(7, 0.6)], "cnn": [(7, 1)]},
            "Perhaps 7, but dense and tiny are not sure",
        ),
        ({"dense": [(1, 0.9)], "cnn": [(7, 0.9)]}, "The networks disagree: dense 1, cnn 7"),
    ],
)
def test_the_summary_is_a_sentence(predicted, expected):
    made = answers.make_answers(make_reading(**predicted), THRESHOLDS)
    assert strip_tags(answers.format_summary(made)) == expected


@pytest.mark.parametrize(
    ("is_digit", "predicted", "expected"),
    [
        ([0], {"dense": [(4, 1)], "cnn": [(4, 1)]}, "This does not look like a digit (nearest: 4)"),
        (
            [0],
            {"dense": [(0, 1)], "cnn": [(9, 1)]},
            "This does not look like a digit (nearest: 0 or 9)",
        ),
        ([0, 0], {"cnn": [(7, 1), (4, 1)]}, "These do not look like digits (nearest: 74)"),
        (
            [1, 0],
            {"cnn": [(7, 1), (4, 1)]},
            "Perhaps 74, but part 2 does not look like a digit",
        ),
        (
            [0, 1, 0],
            {"dense": [(7, 1), (4, 1), (1, 1)], "cnn": [(7, 1), (4, 1), (2, 1)]},
            "Perhaps 741 or 742, but parts 1, 3 do not look like digits",
        ),
    ],
)
def test_what_is_no_digit_is_said_to_be_none(is_digit, predicted, expected):
    made = answers.make_answers(make_reading(is_digit=is_digit, **predicted), THRESHOLDS)
    assert strip_tags(answers.format_summary(made)) == expected
    assert not any(answer.is_sure for answer in made.values())


def test_the_nearest_digit_of_what_is_none_is_shown_without_its_probability():
    text = format_html(cnn=[(4, 0.9999)], is_digit=[0])
    assert "nearest <b>4</b></p>" in text and "cnn 4?" in text
    assert "nearest" not in format_html(cnn=[(4, 0.9999)])


def test_every_digit_gets_a_bar_from_every_network():
    text = format_html(dense=[(7, 0.9)], tiny=[(7, 0.75)], cnn=[(7, 0.5)])
    assert text.count("<th scope='row'>") == 30
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", text)]
    assert [widths[7], widths[17], widths[27]] == [90, 75, 50]
    assert sum(widths) == pytest.approx(300, abs=2)


def test_a_blank_canvas_takes_the_same_room():
    text = format_html(dense=[(7, 0.9)], cnn=[(7, 0.9)])
    blank = format_html(dense=[], cnn=[])
    tags = "<table", "<tr", "<section", "class='attribution'", "class='sums'", "class='answer'"
    for tag in tags:
        assert blank.count(tag) == text.count(tag) > 0
    assert "%<" in text and "%<" not in blank


def test_of_several_digits_the_explained_one_is_marked():
    text = format_html(cnn=[(7, 0.9), (3, 0.5)], explained=1)
    items = re.findall("<li.*?</li>", text)
    assert ["explained" in item for item in items] == [False, True]
    assert "digit 2, the least sure" in text and "<b>3</b>" in text


def test_pixels_that_speak_for_a_digit_are_blue_and_those_against_it_orange():
    image, attribution = np.zeros((28, 28)), np.zeros((28, 28))
    image[0, :3] = 1
    attribution[0, 0], attribution[0, 1] = 2, -2
    painted = answers.paint_attribution(image, attribution)
    blue, orange = (
        [round(255 * part) for part in to_rgb(colour)]
        for colour in (plotting.BLUE, plotting.VERMILLION)
    )
    assert painted[0, 0].tolist() == blue and painted[0, 1].tolist() == orange
    grey = painted[0, 2]
    assert len(set(grey.tolist())) == 1 and 0 < grey[0] < 255
    assert (painted[5] == 255).all()
