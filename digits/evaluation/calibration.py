"""Measures what a classifier's confidence is worth.

Calibration: does it equal the accuracy? Selective classification: which accuracy is reached if the
least confident predictions are rejected? Out-of-distribution detection: is it lower for images that
show no digit?
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import bootstrap, rankdata

from digits.evaluation import metrics
from digits.evaluation.metrics import Interval

COVERAGES = (0.99, 0.98, 0.95, 0.9)  # shares of the images that are not rejected
NUM_RESAMPLES = 1000  # of the bootstrap, for 95% intervals


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence, in the bins of the expected calibration error.

    Attributes:
        confidence: mean confidence of each bin that is not empty.
        accuracy: accuracy of each of these bins.
        interval: its 95% interval (Wilson's).
        num_images: images in each of these bins.
        ece: expected calibration error, 0 to 1.
        ece_interval: its 95% interval (bootstrap).
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    interval: tuple[Interval, ...]
    num_images: tuple[int, ...]
    ece: float
    ece_interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers and lists, ready for JSON."""
        return dataclasses.asdict(self)


def measure_reliability(labels: np.ndarray, probabilities: np.ndarray) -> Reliability:
    """Compare a classifier's confidence with its accuracy.

    Args:
        labels: integers of shape (n,), n at least 2.
        probabilities: floats of shape (n, 10).

    Returns:
        The comparison, bin by bin.
    """
    bins = metrics.bin_by_confidence(labels, probabilities)
    num_images, num_correct, confidence = (row[bins.num_images > 0] for row in bins)

    def measure_ece(chosen: np.ndarray) -> float:
        return metrics.expected_calibration_error(labels[chosen], probabilities[chosen])

    return Reliability(
        confidence=tuple((confidence / num_images).tolist()),
        accuracy=tuple((num_correct / num_images).tolist()),
        interval=tuple(map(metrics.wilson_interval, num_correct, num_images)),
        num_images=tuple(num_images.astype(int).tolist()),
        ece=metrics.expected_calibration_error(labels, probabilities),
        ece_interval=_bootstrap((np.arange(len(labels)),), measure_ece),
    )


def scale_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Compute the probabilities that result if the logits are divided by a temperature.

    Args:
        probabilities: floats of shape (n, 10).
        temperature: float above 0; above 1 it lowers the confidence.

    Returns:
        float64 array of shape (n, 10).
    """
    powers = np.maximum(np.asarray(probabilities, np.float64), 1e-30) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the confidence, below which predictions are rejected, and what it gives.

    Attributes:
        coverage: share of the images that are not rejected.
        threshold: lowest confidence that is not rejected.
        num_correct: images classified correctly, of those not rejected.
        num_covered: images not rejected.
        accuracy_interval: 95% interval of the accuracy on these.
    """

    coverage: float
    threshold: float
    num_correct: int
    num_covered: int
    accuracy_interval: Interval

    @property
    def accuracy(self) -> float:
        """Share of the images not rejected that are classified correctly."""
        return self.num_correct / self.num_covered

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Accuracy when the least confident predictions are rejected: a risk-coverage curve.

    Attributes:
        accuracies: float array of shape (n,): accuracy on the image with the highest confidence,
            on the two with the highest, ... on all.
        points: one for each of `COVERAGES` that rejects an image at least.
    """

    accuracies: np.ndarray
    points: tuple[OperatingPoint, ...]


def measure_risk_coverage(labels: np.ndarray, probabilities: np.ndarray) -> RiskCoverage:
    """Measure how accuracy grows when the least confident predictions are rejected.

    The curve is that of Y. Geifman and R. El-Yaniv, "Selective classification for deep neural
    networks", NeurIPS 2017; risk is 1 minus the accuracy here.

    Args:
        labels: integers of shape (n,), n at least 1.
        probabilities: floats of shape (n, 10).

    Returns:
        The curve.
    """
    confidences = probabilities.max(axis=1)
    order = np.argsort(-confidences, kind="stable")
    num_correct = np.cumsum(probabilities.argmax(axis=1)[order] == np.asarray(labels)[order])
    points = []
    for coverage in COVERAGES:
        num_covered = round(len(labels) * coverage)
        if not 0 < num_covered < len(labels):
            continue
        last = num_covered - 1
        points.append(
            OperatingPoint(
                coverage=coverage,
                threshold=float(confidences[order[last]]),
                num_correct=int(num_correct[last]),
                num_covered=num_covered,
                accuracy_interval=metrics.wilson_interval(num_correct[last], num_covered),
            )
        )
    return RiskCoverage(num_correct / np.arange(1, len(labels) + 1), tuple(points))


def measure_auroc(inside: np.ndarray, outside: np.ndarray) -> tuple[float, Interval]:
    """Measure how well a score separates digits from images that show none.

    Args:
        inside: floats of shape (n,), scores of digits; n at least 2.
        outside: floats of shape (m,), scores of images that show no digit; m at least 2.

    Returns:
        `(auroc, (low, high))`: the area under the ROC curve, which is the probability that a digit
        has the higher score of the two, and its 95% bootstrap interval.
    """

    # Mann and Whitney's U, divided by the number of pairs: a tenth of the time of roc_auc_score.
    def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
        n, m = len(inside), len(outside)
        ranks = rankdata(np.concatenate([inside, outside]))
        return (ranks[:n].sum() - n * (n + 1) / 2) / (n * m)

    return float(auroc(inside, outside)), _bootstrap((inside, outside), auroc)


def _bootstrap(samples: tuple, statistic: Callable[..., float]) -> Interval:
    resampled = bootstrap(
        samples, statistic, n_resamples=NUM_RESAMPLES, method="percentile", vectorized=False, rng=0
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
