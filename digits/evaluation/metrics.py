"""Scores predictions: accuracy, cross-entropy, calibration error, precision and recall."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from digits.mnist import NUM_CLASSES

NUM_BINS = 15  # of confidence, as in C. Guo et al. (see `expected_calibration_error`)

Interval = tuple[float, float]  # lower and upper limit


@dataclasses.dataclass(frozen=True)
class DigitScores:
    """How well one digit is recognized; a value is 0 where it is not defined.

    Attributes:
        digit: 0-9.
        precision: share of the predictions of this digit that are correct.
        recall: share of the images of this digit that are predicted as it.
        f1: harmonic mean of precision and recall.
        num_images: images of this digit.
    """

    digit: int
    precision: float
    recall: float
    f1: float
    num_images: int

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of the predictions of a set of images.

    Attributes:
        num_correct: images whose most probable digit is their label.
        num_images: images in all.
        accuracy_interval: 95% interval of the accuracy.
        loss: mean cross-entropy in nats.
        ece: expected calibration error, 0 to 1.
        per_digit: scores of each of the ten digits.
        confusion_matrix: int array of shape (10, 10); row: true digit, column: predicted digit.
    """

    num_correct: int
    num_images: int
    accuracy_interval: Interval
    loss: float
    ece: float
    per_digit: tuple[DigitScores, ...]
    confusion_matrix: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of the images that are classified correctly."""
        return self.num_correct / self.num_images

    def format_accuracy(self) -> str:
        """Format the accuracy: "98.91% (9,891/10,000), 95% interval 98.69% to 99.10%"."""
        return format_accuracy(self.num_correct, self.num_images)

    def format(self) -> str:
        """Format the scores as a few lines and a table of the digits."""
        lines = [
            f"Test accuracy: {self.format_accuracy()}",
            f"Test loss: {self.loss:.4f}",
            f"Expected calibration error: {self.ece:.2%}",
            "",
            "digit  precision  recall      F1  images",
        ]
        for row in self.per_digit:
            lines.append(
                f"{row.digit:>5}  {row.precision:>9.2%}  {row.recall:>6.2%}  {row.f1:>6.2%}"
                f"  {row.num_images:>6,}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers and lists, ready for JSON, as scores of a test set."""
        return {
            "test_accuracy": self.accuracy,
            "accuracy_interval": self.accuracy_interval,
            "num_correct": self.num_correct,
            "num_images": self.num_images,
            "test_loss": self.loss,
            "ece": self.ece,
            "per_digit": [row.to_dict() for row in self.per_digit],
            "confusion_matrix": self.confusion_matrix.tolist(),
        }


def score(labels: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Score a classifier's predictions of a set of images.

    Args:
        labels: integers 0-9 of shape (n,), n at least 1.
        probabilities: floats of shape (n, 10), rows adding up to 1.

    Returns:
        The scores.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # a second

    predictions = probabilities.argmax(axis=1)
    num_correct = int((predictions == labels).sum())
    digits = np.arange(NUM_CLASSES)
    per_digit = precision_recall_fscore_support(labels, predictions, labels=digits, zero_division=0)
    true_class = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Scores(
        num_correct=num_correct,
        num_images=len(labels),
        accuracy_interval=wilson_interval(num_correct, len(labels)),
        loss=float(-np.log(np.maximum(true_class, 1e-7)).mean()),  # 1e-7: as Keras clips
        ece=expected_calibration_error(labels, probabilities),
        per_digit=tuple(
            DigitScores(int(digit), float(precision), float(recall), float(f1), int(support))
            for digit, precision, recall, f1, support in zip(digits, *per_digit, strict=True)
        ),
        confusion_matrix=confusion_matrix(labels, predictions, labels=digits),
    )


def wilson_interval(num_correct: int, num_images: int, confidence: float = 0.95) -> Interval:
    """Compute the confidence interval of an accuracy.

    Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22, 1927), which stays inside [0, 1] close to 100% too.

    Args:
        num_correct: images classified correctly.
        num_images: images in all, at least 1.
        confidence: between 0 and 1.

    Returns:
        `(low, high)`, floats in [0, 1].
    """
    from scipy.stats import binomtest  # takes half a second

    test = binomtest(int(num_correct), int(num_images))
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def format_accuracy(num_correct: int, num_images: int) -> str:
    """Format an accuracy: "98.91% (9,891/10,000), 95% interval 98.69% to 99.10%"."""
    return (
        f"{num_correct / num_images:.2%} ({num_correct:,}/{num_images:,}), "
        f"95% interval {format_interval(wilson_interval(num_correct, num_images))}"
    )


def format_interval(interval: Interval) -> str:
    """Format an interval of shares: "98.69% to 99.10%"."""
    low, high = interval
    return f"{low:.2%} to {high:.2%}"


class Bins(NamedTuple):
    """Images counted in bins of equal width by the confidence of their prediction.

    Attributes:
        num_images: float array of shape (15,), images in each bin.
        num_correct: float array of shape (15,), those of them that are classified correctly.
        confidence: float array of shape (15,), sum of the confidences in each bin.
    """

    num_images: np.ndarray
    num_correct: np.ndarray
    confidence: np.ndarray


def bin_by_confidence(labels: np.ndarray, probabilities: np.ndarray) -> Bins:
    """Count images in 15 bins of equal width by confidence, the largest probability.

    Args:
        labels: integers 0-9 of shape (n,).
        probabilities: floats of shape (n, 10).

    Returns:
        The counts of each bin.
    """
    return count_in_bins(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def count_in_bins(confidences: np.ndarray, is_correct: np.ndarray) -> Bins:
    """Count predictions in 15 bins of equal width by confidence.

    A bin is open below and closed above, so that a confidence of 1 belongs to the last one.

    Args:
        confidences: floats in [0, 1] of shape (n,).
        is_correct: bools of shape (n,).

    Returns:
        The counts of each bin.
    """
    bins = np.clip(np.ceil(confidences * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    values = np.ones(len(confidences)), is_correct, confidences
    return Bins(*(np.bincount(bins, value, minlength=NUM_BINS) for value in values))


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Compute the mean gap between a classifier's confidence and its accuracy.

    The gap of each bin of confidence counts by the bin's share of the images (C. Guo et al., "On
    calibration of modern neural networks", ICML 2017).

    Args:
        labels: integers of shape (n,), n at least 1.
        probabilities: floats of shape (n, 10), rows adding up to 1.

    Returns:
        float in [0, 1]; 0 is perfect.
    """
    bins = bin_by_confidence(labels, probabilities)
    return float(np.abs(bins.num_correct - bins.confidence).sum() / len(labels))
