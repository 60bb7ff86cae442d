import json

import numpy as np
import pytest

from digits.evaluation import metrics


def one_hot_like(predictions, confidence):
    """Probabilities with `confidence` on each prediction and the rest on the other nine."""
    probabilities = np.full((len(predictions), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(predictions)), predictions] = confidence
    return probabilities


def test_wilson_interval_against_worked_values():
    # Worked by hand from the formula with z = 1.959964.
    assert metrics.wilson_interval(8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert metrics.wilson_interval(10, 10) == pytest.approx((0.722467, 1), abs=1e-6)
    assert metrics.wilson_interval(0, 10) == pytest.approx((0, 0.277533), abs=1e-6)


def test_calibration_error_against_hand_worked_bins():
    # Five at 0.9 of which four are correct: a gap of 0.1. Five at 0.5, one correct: a gap of 0.3.
    labels = np.array([1, 1, 1, 1, 0, 1, 0, 0, 0, 0])
    ones = np.ones(5, int)
    probabilities = np.concatenate([one_hot_like(ones, 0.9), one_hot_like(ones, 0.5)])
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(0.2)


def test_calibration_error_at_full_confidence_is_the_error_rate():
    predictions = np.arange(10)
    labels = np.where(predictions < 3, 9 - predictions, predictions)
    probabilities = one_hot_like(predictions, 1)
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(0.3)


def test_bins_are_closed_above():
    """A confidence between two bins belongs to the lower one, 1 to the last."""
    probabilities = np.zeros((4, 10))
    probabilities[:, 3] = [3 / 15, 3.01 / 15, 14 / 15, 1]
    labels = np.array([3, 3, 3, 4])
    bins = metrics.bin_by_confidence(labels, probabilities)
    assert np.flatnonzero(bins.num_images).tolist() == [2, 3, 13, 14]
    assert bins.num_correct.sum() == 3 and bins.num_correct[14] == 0
    np.testing.assert_allclose(bins.confidence[[2, 14]], [0.2, 1])


def test_score_against_hand_worked_numbers():
    # Digit 3: five true, four found, one 5 taken for it: precision 4/5, recall 4/5.
    # Digit 5: three true, two found, none wrong: precision 1, recall 2/3, F1 4/5.
    labels = np.array([3, 3, 3, 3, 3, 5, 5, 5])
    predictions = np.array([3, 3, 3, 3, 8, 5, 5, 3])
    scores = metrics.score(labels, one_hot_like(predictions, 0.91))
    assert (scores.num_correct, scores.num_images) == (6, 8)
    assert scores.accuracy == 0.75
    assert scores.loss == pytest.approx(-(6 * np.log(0.91) + 2 * np.log(0.01)) / 8, rel=1e-5)
    assert scores.ece == pytest.approx(0.91 - 0.75)
    three, five, eight = (scores.per_digit[digit] for digit in (3, 5, 8))
    assert three.to_dict() == {
        "digit": 3,
        "precision": pytest.approx(0.8),
        "recall": pytest.approx(0.8),
        "f1": pytest.approx(0.8),
        "num_images": 5,
    }
    assert (five.precision, five.recall, five.f1) == pytest.approx((1, 2 / 3, 0.8))
    assert (eight.precision, eight.recall, eight.f1, eight.num_images) == (0, 0, 0, 0)
    matrix = scores.confusion_matrix
    assert matrix.sum() == 8
    assert (matrix[3, 3], matrix[3, 8], matrix[5, 5], matrix[5, 3]) == (4, 1, 2, 1)


def test_scores_are_ready_for_json_under_the_names_of_a_test_set():
    scores = metrics.score(np.array([3, 5]), one_hot_like(np.array([3, 3]), 0.91))
    written = json.loads(json.dumps(scores.to_dict()))
    assert list(written) == [
        "test_accuracy",
        "accuracy_interval",
        "num_correct",
        "num_images",
        "test_loss",
        "ece",
        "per_digit",
        "confusion_matrix",
    ]
    assert (written["test_accuracy"], written["test_loss"]) == (0.5, scores.loss)
    assert written["accuracy_interval"] == list(metrics.wilson_interval(1, 2))
    assert written["per_digit"][3]["precision"] == 0.5
    assert written["confusion_matrix"][5][3] == 1


def test_scores_are_printed_with_a_row_for_each_digit():
    lines = metrics.score(np.array([3, 5]), one_hot_like(np.array([3, 3]), 0.91)).format()
    lines = lines.splitlines()
    assert lines[0] == f"Test accuracy: {metrics.format_accuracy(1, 2)}"
    assert lines[2] == "Expected calibration error: 41.00%"
    assert lines[-7].split() == ["3", "50.00%", "100.00%", "66.67%", "1"]
    assert len(lines) == 5 + 10


def test_a_mistake_at_full_confidence_has_a_finite_loss():
    scores = metrics.score(np.array([1]), one_hot_like([2], 1))
    assert scores.loss == pytest.approx(16.118, 1e-3)


def test_accuracy_is_formatted_with_counts_and_interval():
    text = metrics.format_accuracy(9891, 10000)
    assert text == "98.91% (9,891/10,000), 95% interval 98.69% to 99.10%"
