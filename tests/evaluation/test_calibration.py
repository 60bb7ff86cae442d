import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import mannwhitneyu
from sklearn.calibration import calibration_curve

from digits.evaluation import calibration, metrics


def make_probabilities(*confidences):
    """Rows with these probabilities of digit 3, and the rest divided among the others."""
    rows = np.repeat((1 - np.array(confidences))[:, None] / 9, 10, axis=1)
    rows[:, 3] = confidences
    return rows


@pytest.fixture(scope="module")
def many():
    """Labels, and probabilities of a classifier whose confidence is too high."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 3000)
    logits = rng.normal(size=(3000, 10)) * 2
    logits[np.arange(3000), labels] += 3
    return labels, softmax(logits * 2, axis=1)


def test_reliability_by_hand():
    labels = np.array([3, 3, 4, 3, 5])
    probabilities = make_probabilities(0.92, 0.98, 0.96, 0.65, 0.61)
    measured = calibration.measure_reliability(labels, probabilities)
    # Bins of 1/15: 0.6 to 0.667, 0.867 to 0.933, 0.933 to 1.
    assert measured.num_images == (2, 1, 2)
    assert measured.confidence == pytest.approx([0.63, 0.92, 0.97])
    assert measured.accuracy == pytest.approx([1 / 2, 1, 1 / 2])
    intervals = [metrics.wilson_interval(*counts) for counts in ((1, 2), (1, 1), (1, 2))]
    assert measured.interval == tuple(intervals)
    assert measured.ece == pytest.approx((2 * 0.13 + 0.08 + 2 * 0.47) / 5)
    low, high = measured.ece_interval
    assert 0 < low < measured.ece < high < 1


def test_reliability_agrees_with_scikit_learn(many):
    labels, probabilities = many
    measured = calibration.measure_reliability(labels, probabilities)
    correct = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(correct, probabilities.max(axis=1), n_bins=15)
    np.testing.assert_allclose(measured.accuracy, accuracy)
    np.testing.assert_allclose(measured.confidence, confidence)
    assert sum(measured.num_images) == len(labels)


def test_the_diagram_and_the_error_use_the_same_bins():
    """Also for confidences that lie between two bins."""
    rng = np.random.default_rng(0)
    edges = rng.integers(8, 16, 200) / 15
    labels = np.where(rng.random(200) < edges, 3, 4)
    measured = calibration.measure_reliability(labels, make_probabilities(*edges))
    gaps = np.abs(np.subtract(measured.accuracy, measured.confidence))
    assert measured.ece == pytest.approx((gaps * measured.num_images).sum() / 200)
    np.testing.assert_allclose(measured.confidence, np.unique(edges))


def test_a_confidence_of_1_is_counted():
    measured = calibration.measure_reliability(np.array([3, 3]), make_probabilities(1.0, 1.0))
    assert (measured.num_images, measured.accuracy) == ((2,), (1.0,))


def test_a_temperature_divides_the_logits():
    logits = np.random.default_rng(0).normal(size=(20, 10)) * 5
    tempered = calibration.scale_temperature(softmax(logits, axis=1), 1.7)
    np.testing.assert_allclose(tempered, softmax(logits / 1.7, axis=1), rtol=1e-6)


def test_risk_coverage_by_hand():
    """Ten images, the two of lowest confidence misclassified, and the one of highest too."""
    confidences = np.array([0.5, 0.99, 0.9, 0.91, 0.92, 0.93, 0.4, 0.94, 0.95, 0.96])
    labels = np.full(10, 3)
    labels[[0, 1, 6]] = 7
    curve = calibration.measure_risk_coverage(labels, make_probabilities(*confidences))
    expected = [0, 1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 6, 6 / 7, 7 / 8, 7 / 9, 7 / 10]
    np.testing.assert_allclose(curve.accuracies, expected)
    (point,) = curve.points  # a tenth rejected; smaller shares are less than an image
    assert point.coverage == 0.9
    assert (point.num_covered, point.num_correct) == (9, 7)
    assert point.accuracy == 7 / 9
    assert point.threshold == pytest.approx(0.5)
    assert point.accuracy_interval == metrics.wilson_interval(7, 9)


def test_auroc_by_hand():
    value, (low, high) = calibration.measure_auroc([3.0, 2.0], [1.0, 2.5])
    assert value == 3 / 4  # of the four pairs only 2 and 2.5 are in the wrong order
    assert low <= value <= high


def test_auroc_is_the_u_statistic_and_more_data_narrow_its_interval():
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(1, 1, 2000), rng.normal(0, 1, 1000)
    value, (low, high) = calibration.measure_auroc(inside, outside)
    statistic = mannwhitneyu(inside, outside).statistic
    assert value == pytest.approx(statistic / (2000 * 1000))
    assert low < value < high
    # Hanley and McNeil's standard error, 1982, from the same counts.
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + 1999 * (q1 - value**2) + 999 * (q2 - value**2)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(variance / 2e6), rel=0.3)
    _, (few_low, few_high) = calibration.measure_auroc(inside[:100], outside[:100])
    assert few_high - few_low > 2 * (high - low)
    same = calibration.measure_auroc(inside, outside)
    assert same == (value, (low, high))


def test_scores_that_separate_perfectly_have_an_auroc_of_1():
    assert calibration.measure_auroc([2.0, 3.0, 4.0], [0.0, 1.0]) == (1.0, (1.0, 1.0))
