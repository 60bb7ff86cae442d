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
    # Five at 0.9 of which four are right: a gap of 0.1. Five at 0.5, one right: a gap of 0.3.
    labels = np.array([1, 1, 1, 1, 0, 1, 0, 0, 0, 0])
    ones = np.ones(5, int)
    probabilities = np.concatenate([one_hot_like(ones, 0.9), one_hot_like(ones, 0.5)])
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(0.2)


def test_calibration_error_of_certainty_is_the_error_rate():
    predictions = np.arange(10)
    labels = np.where(predictions < 3, 9 - predictions, predictions)
    probabilities = one_hot_like(predictions, 1)
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(0.3)


def test_score_against_hand_worked_numbers():
    # Digit 3: five true, four found, one 5 taken for it: precision 4/5, recall 4/5.
    # Digit 5: three true, two found, none wrong: precision 1, recall 2/3, F1 4/5.
    labels = np.array([3, 3, 3, 3, 3, 5, 5, 5])
    predictions = np.array([3, 3, 3, 3, 8, 5, 5, 3])
    scores = metrics.score(labels, one_hot_like(predictions, 0.91))
    assert (scores["num_correct"], scores["num_images"]) == (6, 8)
    assert scores["accuracy"] == 0.75
    assert scores["loss"] == pytest.approx(-(6 * np.log(0.91) + 2 * np.log(0.01)) / 8, rel=1e-5)
    assert scores["ece"] == pytest.approx(0.91 - 0.75)
    three, five, eight = (scores["per_digit"][digit] for digit in (3, 5, 8))
    assert three == {
        "digit": 3,
        "precision": pytest.approx(0.8),
        "recall": pytest.approx(0.8),
        "f1": pytest.approx(0.8),
        "num_images": 5,
    }
    assert (five["precision"], five["recall"], five["f1"]) == pytest.approx((1, 2 / 3, 0.8))
    assert (eight["precision"], eight["recall"], eight["f1"], eight["num_images"]) == (0, 0, 0, 0)
    matrix = np.array(scores["confusion_matrix"])
    assert matrix.sum() == 8
    assert (matrix[3, 3], matrix[3, 8], matrix[5, 5], matrix[5, 3]) == (4, 1, 2, 1)


def test_a_certain_mistake_has_a_finite_loss():
    assert metrics.score(np.array([1]), one_hot_like([2], 1))["loss"] == pytest.approx(16.118, 1e-3)


def test_accuracy_is_reported_with_counts_and_interval():
    text = metrics.format_accuracy(9891, 10000)
    assert text == "98.91% (9,891/10,000), 95% interval 98.69% to 99.10%"


def test_comparison_against_hand_worked_numbers():
    # Ten images that only the second reads, two that only the first does: of 12 tosses, 10 or
    # more alike: 2 (1 + 12 + 66) / 4096.
    labels = np.zeros(100, int)
    first, second = np.zeros((2, 100), int)
    first[:10], second[10:12] = 1, 1
    first[12:15], second[12:15] = 2, 3
    result = metrics.compare(labels, first, second)
    assert result["both_right"] == 85
    assert result["both_wrong"] == 3
    assert result["only_first_right"] == 2
    assert result["only_second_right"] == 10
    assert result["difference"] == pytest.approx(0.08)
    assert result["p_value"] == pytest.approx(2 * 79 / 4096)
    # 8/102 -+ 1.959964 sqrt(13/102 - (8/102)^2) / sqrt(102)
    assert result["difference_interval"] == pytest.approx((0.0108421, 0.1460206), abs=1e-6)


def test_a_model_differs_from_itself_in_nothing():
    labels = np.arange(10)
    result = metrics.compare(labels, labels, labels)
    assert result["p_value"] == 1
    assert result["difference"] == 0
    assert result["difference_interval"][0] < 0 < result["difference_interval"][1]


def test_swapping_two_models_swaps_the_comparison():
    rng = np.random.default_rng(0)
    labels, first, second = rng.integers(0, 3, (3, 200))
    forth, back = metrics.compare(labels, first, second), metrics.compare(labels, second, first)
    assert forth["p_value"] == pytest.approx(back["p_value"])
    assert forth["difference"] == -back["difference"]
    assert forth["only_first_right"] == back["only_second_right"]


def test_the_temperature_of_labels_drawn_at_a_temperature_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (50_000, 10))
    for temperature in (0.5, 1, 2.5):
        # Gumbel's trick draws a label from the softmax of the logits.
        labels = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=1)
        assert metrics.fit_temperature(labels, logits) == pytest.approx(temperature, rel=0.03)
