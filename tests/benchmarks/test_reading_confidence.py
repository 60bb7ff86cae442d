import numpy as np
import pytest

from benchmarks import reading_confidence
from benchmarks.reading_confidence import Reading
from digits.networks.detector import TURNED
from digits.reading.results import Digit, Line, Number, Page
from digits.training.synthetic import pages, strokes


def make_digit(label, probability=0.9, box=(0, 0, 1, 1)):
    return Digit(label, probability, probability >= 0.8, (label + 1) % 10, box, np.zeros((28, 28)))


def make_result(*digits):
    return Page("a.png", 1.0, tuple(Line((Number((digit,)),)) for digit in digits), 0, False)


class Reader:
    """Reads what it is given, a page after the other."""

    def __init__(self, results):
        self.results = iter(results)

    def read(self, photo):
        return next(self.results)


@pytest.fixture
def written(monkeypatch):
    """Make all pages one with a 3, a 7 that is partly off the page, and a plus."""
    page = pages.SyntheticPage(
        photo=np.ones((48, 64), np.float32),
        boxes=np.array([[0, 0, 20, 20], [30, 0, 50, 20], [50, 30, 60, 40]], np.float32),
        labels=np.array([3, 7, 15]),
        sizes=np.array([20.0, 20, 20]),
        visible=np.array([1, 0.5, 1]),
    )
    made = [page]
    monkeypatch.setattr(strokes, "trace_digits", lambda *args: None)
    monkeypatch.setattr(pages, "make_page", lambda *args: made[0])
    return made


def read(*results):
    images, labels = np.zeros((200, 28, 28), np.uint8), np.arange(200) % 10
    return reading_confidence.read_synthetic_pages(Reader(results), images, labels, len(results))


def test_a_digit_is_correct_if_its_box_and_its_label_are(written):
    reading = read(
        make_result(make_digit(3, 0.9, (1, 1, 20, 20))),
        make_result(make_digit(8, 0.7, (1, 1, 20, 20))),  # another label
        make_result(make_digit(3, 0.6, (15, 1, 35, 20))),  # between two digits
        make_result(make_digit(1, 0.85, (50, 30, 60, 40))),  # a sign
        # Twice the same, and what may be read or not.
        make_result(
            make_digit(3, 0.9, (0, 0, 20, 20)),
            make_digit(3, 0.5, (1, 0, 20, 20)),
            make_digit(1, 0.95, (31, 0, 50, 20)),
        ),
    )
    assert reading.is_correct.tolist() == [True, False, False, False, True, False]
    assert reading.probabilities.tolist() == [0.9, 0.7, 0.6, 0.85, 0.9, 0.5]
    assert reading.is_sure.tolist() == [True, False, False, True, True, False]


def test_pages_that_are_turned_are_left_out(written):
    written[0].labels[0] = TURNED
    with pytest.raises(ValueError):  # there is no digit at all
        read(make_result(make_digit(3, 0.9, (1, 1, 20, 20))))


def test_digits_of_photos_are_aligned_with_the_true_ones(tmp_path):
    results = [make_result(*map(make_digit, (1, 2, 9, 4))), make_result(make_digit(7))]
    labels = [
        {"file": "a.png", "layout": "lines", "lines": ["12-3", "4"]},
        {"file": "b.png", "layout": "table", "lines": ["5"]},  # without an order
        {"file": "c.png", "layout": "single", "lines": ["7"]},
    ]
    reading = reading_confidence.read_photos(Reader(results), {tmp_path: labels})
    assert reading.is_correct.tolist() == [True, True, False, True, True]


def test_figures_are_those_of_the_digits(tmp_path):
    probabilities = np.array([0.99] * 90 + [0.5] * 10)
    is_correct = np.array([True] * 88 + [False] * 2 + [True] * 5 + [False] * 5)
    reading = Reading(probabilities, is_correct, probabilities >= 0.8)
    row = reading.to_dict()
    assert (row["num_digits"], row["num_wrong"], row["num_sure"]) == (100, 7, 90)
    assert row["num_sure_and_wrong"] == 2
    # |88 - 89.1| of the sure ones, and none of the others.
    assert row["ece"] == pytest.approx(0.011)
    table = reading_confidence.format_table({"pages": reading})
    assert "| pages | 100 | 93.00% | 94.10% | 1.10% | 90.0% | 2 of 90 |" in table
    reading_confidence.draw({"pages": reading}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
