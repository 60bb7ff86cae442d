import numpy as np
import pytest

from digits.evaluation import detection
from digits.evaluation.detection import FALSE, IGNORED, DetectedBoxes, TrueBoxes, match, score
from digits.symbols import SYMBOLS

NO_BOXES = np.zeros((0, 4))


def true(*rows):
    """Boxes on a page, each (left, top, right, bottom, symbol); "?" may be detected or not."""
    boxes = np.array([row[:4] for row in rows], float).reshape(-1, 4)
    return TrueBoxes(boxes, np.array([SYMBOLS.find(row[4]) % 256 for row in rows], int))


def detected(*rows):
    """Detections on a page, each (left, top, right, bottom, symbol, score)."""
    boxes = np.array([row[:4] for row in rows], float).reshape(-1, 4)
    labels = np.array([SYMBOLS.index(row[4]) for row in rows], int)
    return DetectedBoxes(boxes, np.array([row[5] for row in rows], float), labels)


def get_counts(there, found, name="digits"):
    (row,) = (row for row in score([there], [found]) if row.name == name)
    return row.num_true, row.num_detected, row.num_recognized, row.num_false


def test_each_box_is_matched_once_by_the_surest_detection():
    boxes = np.array([[0, 0, 20, 20], [100, 0, 120, 20]])
    found = np.array([[0, 0, 20, 18], [0, 0, 20, 20], [100, 0, 110, 20], [100, 0, 109, 20]])
    scores = np.array([0.9, 0.8, 0.7, 0.99])
    # The second is of a box that is matched already; the last overlaps its box by 0.45.
    assert match(boxes, NO_BOXES, found, scores).tolist() == [0, FALSE, 1, FALSE]
    scores[0] = 0.1
    assert match(boxes, NO_BOXES, found, scores).tolist() == [FALSE, 0, 1, FALSE]


def test_a_detection_gets_the_box_it_overlaps_most_of_those_left():
    boxes = np.array([[0, 0, 20, 20], [4, 0, 24, 20]])
    found = np.array([[1, 0, 21, 20], [0, 0, 20, 20]])
    assert match(boxes, NO_BOXES, found, np.array([0.9, 0.8])).tolist() == [0, 1]


def test_what_may_be_detected_or_not_is_neither_missed_nor_false():
    ignored = np.array([[0, 0, 100, 100]])
    found = np.array([[10, 10, 30, 30], [90, 0, 110, 20], [91, 0, 111, 20]])
    # Of the second half lies in it, of the last less.
    matches = match(NO_BOXES, ignored, found, np.full(3, 0.9))
    assert matches.tolist() == [IGNORED, IGNORED, FALSE]
    there = true((0, 0, 100, 100, "?"), (40, 40, 60, 60, "3"))
    assert get_counts(there, detected()) == (1, 0, 0, 0)
    # A true box takes precedence over one to be ignored around it.
    found = detected((40, 40, 60, 60, "3", 0.9), (0, 0, 20, 20, "5", 0.9))
    assert get_counts(there, found) == (1, 1, 1, 0)


def test_detections_count_for_the_size_of_their_true_box_and_false_ones_for_their_own():
    there = true((0, 0, 10, 23, "1"), (50, 50, 90, 94, "2"))
    found = detected(
        (0, 0, 10, 25, "7", 0.9),  # larger than its true box, and with another label
        (50, 50, 90, 94, "2", 0.9),
        (300, 0, 305, 9, "1", 0.9),  # smaller than any class
        (0, 300, 200, 500, "0", 0.8),  # larger than any class
        (300, 300, 320, 320, "4", 0.8),
    )
    rows = {row.name: row for row in score([there, true()], [found, detected()])}
    assert list(rows) == ["11-16", "16-24", "24-44", "44-88", "88-176", "digits"]
    counts = {
        name: (row.num_true, row.num_detected, row.num_recognized, row.num_false)
        for name, row in rows.items()
    }
    assert counts == {
        "11-16": (0, 0, 0, 1),
        "16-24": (1, 1, 0, 1),
        "24-44": (0, 0, 0, 0),
        "44-88": (1, 1, 1, 0),
        "88-176": (0, 0, 0, 1),
        "digits": (2, 2, 1, 3),
    }
    total = rows["digits"].to_dict()
    assert (total["recall"], total["precision"]) == (1, 0.4)
    assert (total["recall_with_label"], total["precision_with_label"]) == (0.5, 0.2)
    assert rows["24-44"].recall == rows["24-44"].precision == 0  # not defined
    table = detection.format_table(list(rows.values())).splitlines()
    assert table[-1].split() == ["digits", "2", "100.0%", "40.0%", "50.0%", "20.0%"]


@pytest.mark.parametrize("size", [10, 176])
def test_digits_of_other_sizes_are_neither_missed_nor_false(size):
    there = true((0, 0, size, size, "1"))
    assert get_counts(there, detected()) == (0, 0, 0, 0)
    assert get_counts(there, detected((0, 0, size, size, "1", 0.9))) == (0, 0, 0, 0)


def test_signs_are_scored_apart_from_digits_and_at_any_size():
    there = true((0, 0, 4, 4, "."), (50, 0, 70, 30, "1"), (100, 0, 120, 30, "%"))
    # "/" instead of the digit, a digit instead of "%".
    found = detected((0, 0, 4, 4, ",", 0.9), (50, 0, 70, 30, "/", 0.9), (100, 0, 120, 30, "8", 0.9))
    assert get_counts(there, found) == (1, 0, 0, 1)
    assert get_counts(there, found, "signs") == (2, 1, 0, 1)


def test_the_sum_of_all_pages_is_scored():
    rng = np.random.default_rng(0)
    pages = []
    for _ in range(4):
        corners = rng.uniform(0, 300, (6, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(11, 80, (6, 2))], axis=1)
        pages.append(TrueBoxes(boxes, rng.integers(0, 12, 6)))
    found = [DetectedBoxes(page.boxes, rng.random(6), page.labels) for page in pages]
    *sizes, digits, signs = score(pages, found)
    num_digits = sum((page.labels < 10).sum() for page in pages)
    assert digits.num_true == digits.num_recognized == num_digits
    assert signs.num_true == signs.num_recognized == 24 - num_digits
    assert digits.num_false == signs.num_false == 0
    assert sum(row.num_true for row in sizes) == num_digits
