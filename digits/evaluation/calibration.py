"""Says how far a network's certainty can be relied on: calibration, refusing, no digits at all."""

import numpy as np
from scipy.stats import binned_statistic, bootstrap
from sklearn.metrics import roc_auc_score

from digits.evaluation import metrics

REFUSED = 0.01  # share of the held-out digits that a network may be not sure of
SHARES = (0.01, 0.02, 0.05, 0.1)  # of the images, refused
NUM_RESAMPLES = 1000  # of the bootstrap, for 95% intervals


def choose_threshold(probabilities):
    """Choose the certainty below which a network is said to be not sure.

    Args:
        probabilities: floats of shape (n, 10), of held-out digits that the network was not trained
            on.

    Returns:
        float in [0, 1].
    """
    return float(np.quantile(probabilities.max(axis=1), REFUSED))


def measure_reliability(labels, probabilities):
    """Compare how sure a network is with how often it is right, in the bins of `metrics`' error.

    Args:
        labels: integers of shape (n,), n at least 2.
        probabilities: floats of shape (n, 10).

    Returns:
        dict of lists, one value for each bin that is not empty: `confidence` (mean), `accuracy`,
        `interval` (95%, Wilson's), `num_images`; of `ece`, a float in [0, 1], and `ece_interval`
        (95%, of the bootstrap).
    """
    confidences = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    sums, _, _ = binned_statistic(
        confidences,
        [right, confidences, np.ones(len(labels))],
        "sum",
        metrics.NUM_BINS,
        (0, 1),
    )
    num_right, sum_of_confidences, num_images = sums[:, sums[2] > 0]

    def measure_ece(chosen):
        return metrics.expected_calibration_error(labels[chosen], probabilities[chosen])

    return {
        "confidence": (sum_of_confidences / num_images).tolist(),
        "accuracy": (num_right / num_images).tolist(),
        "interval": [
            metrics.wilson_interval(*counts) for counts in zip(num_right, num_images, strict=True)
        ],
        "num_images": num_images.astype(int).tolist(),
        "ece": metrics.expected_calibration_error(labels, probabilities),
        "ece_interval": _bootstrap((np.arange(len(labels)),), measure_ece),
    }


def temper(probabilities, temperature):
    """Give the probabilities that the logits divided by a temperature would have given.

    Args:
        probabilities: floats of shape (n, 10).
        temperature: float above 0.

    Returns:
        float64 array of shape (n, 10).
    """
    powers = np.maximum(np.asarray(probabilities, np.float64), 1e-30) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def measure_refusal(labels, probabilities):
    """Measure how accuracy grows when the images that a network is least sure of are refused.

    Known as the risk-coverage curve (Y. Geifman and R. El-Yaniv, "Selective classification for deep
    neural networks", NeurIPS 2017).

    Args:
        labels: integers of shape (n,).
        probabilities: floats of shape (n, 10).

    Returns:
        dict of `accuracies` (array of shape (n,): of the surest image, of the two surest, ... of
        all), and `refused`, a list of dicts for each of `SHARES` that is an image at least:
        `share`, `threshold` (the certainty of the least sure that is answered), `num_right`,
        `num_answered`, `interval` (95%).
    """
    confidences = probabilities.max(axis=1)
    order = np.argsort(-confidences, kind="stable")
    num_right = np.cumsum(probabilities.argmax(axis=1)[order] == np.asarray(labels)[order])
    rows = []
    for share in SHARES:
        answered = len(labels) - round(len(labels) * share)
        if answered == len(labels):
            continue
        rows.append(
            {
                "share": share,
                "threshold": float(confidences[order[answered - 1]]),
                "num_right": int(num_right[answered - 1]),
                "num_answered": answered,
                "interval": metrics.wilson_interval(num_right[answered - 1], answered),
            }
        )
    return {"accuracies": num_right / np.arange(1, len(labels) + 1), "refused": rows}


def measure_auroc(inside, outside):
    """Measure how well a score tells digits from what is none.

    Args:
        inside: floats of shape (n,), scores of digits; n at least 2.
        outside: floats of shape (m,), scores of things that are none; m at least 2.

    Returns:
        `(auroc, (low, high))`: the chance that a digit has a higher score than a thing that is
        none, and its 95% bootstrap interval.
    """

    def auroc(inside, outside):
        is_digit = np.repeat([1, 0], [len(inside), len(outside)])
        return roc_auc_score(is_digit, np.concatenate([inside, outside]))

    return float(auroc(inside, outside)), _bootstrap((inside, outside), auroc)


def _bootstrap(samples, statistic):
    resampled = bootstrap(
        samples, statistic, n_resamples=NUM_RESAMPLES, method="percentile", vectorized=False, rng=0
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
