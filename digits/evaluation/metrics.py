"""Scores predictions."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import binomtest, norm
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digits.mnist import NUM_CLASSES

NUM_BINS = 15  # of certainty


def wilson_interval(num_correct, num_images, confidence=0.95):
    """Confidence interval of an accuracy.

    Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22, 1927), which stays inside [0, 1] close to 100% too.

    Args:
        num_correct: images classified right.
        num_images: images in all, at least 1.
        confidence: between 0 and 1.

    Returns:
        `(low, high)`, floats in [0, 1].
    """
    test = binomtest(int(num_correct), int(num_images))
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def expected_calibration_error(labels, probabilities, num_bins=NUM_BINS):
    """Mean gap between how sure the network is and how often it is right.

    Images are put into bins of equal width by the largest probability; the gap of each bin counts
    by its share of the images. With 15 bins as in C. Guo et al., "On calibration of modern neural
    networks", ICML 2017.

    Args:
        labels: integers of shape (n,).
        probabilities: floats of shape (n, 10), rows adding up to 1.
        num_bins: bins between 0 and 1.

    Returns:
        float in [0, 1]; 0 is perfect.
    """
    confidences = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    # Bins are open below and closed above, so a confidence of 1 falls into the last one.
    bins = np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=correct - confidences.astype(np.float64), minlength=num_bins)
    return float(np.abs(gaps).sum() / len(labels))


def fit_temperature(labels, logits):
    """Find the number to divide logits by so that they are as sure as they are right.

    The one that gives the least cross-entropy (C. Guo et al., "On calibration of modern neural
    networks", ICML 2017, section 4.2). It changes no answer, only how sure each is.

    Args:
        labels: integers of shape (n,), of images that the network was not trained on.
        logits: floats of shape (n, 10).

    Returns:
        float between 0.1 and 10; above 1 the network was too sure.
    """
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        return -log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean()

    bounds = np.log([0.1, 10])
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))


def score(labels, probabilities):
    """Score a network's predictions of a set of images.

    Args:
        labels: integers 0-9 of shape (n,), n at least 1.
        probabilities: floats of shape (n, 10), rows adding up to 1.

    Returns:
        dict of plain numbers and lists, ready for JSON: `accuracy`, `accuracy_interval` (95%),
        `num_correct`, `num_images`, `loss` (mean cross-entropy in nats), `ece`, `per_digit` (a
        list of dicts with `digit`, `precision`, `recall`, `f1`, `num_images`; 0 where it is not
        defined) and `confusion_matrix` (row: true digit, column: predicted).
    """
    predictions = probabilities.argmax(axis=1)
    num_correct = int((predictions == labels).sum())
    digits = np.arange(NUM_CLASSES)
    per_digit = precision_recall_fscore_support(labels, predictions, labels=digits, zero_division=0)
    true_class = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "accuracy": num_correct / len(labels),
        "accuracy_interval": wilson_interval(num_correct, len(labels)),
        "num_correct": num_correct,
        "num_images": len(labels),
        "loss": float(-np.log(np.maximum(true_class, 1e-7)).mean()),  # 1e-7: as Keras clips
        "ece": expected_calibration_error(labels, probabilities),
        "per_digit": [
            {
                "digit": int(digit),
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "num_images": int(support),
            }
            for digit, precision, recall, f1, support in zip(digits, *per_digit, strict=True)
        ],
        "confusion_matrix": confusion_matrix(labels, predictions, labels=digits).tolist(),
    }


def compare(labels, first, second):
    """Compare two networks on the same images.

    The test is McNemar's (Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions", Psychometrika 12, 1947) in its exact form: were the networks equally
    good, each image that only one of them gets right would fall to either like a tossed coin.
    The interval is that of A. Agresti and Y. Min ("Simple improved confidence intervals for
    comparing matched proportions", Statistics in Medicine 24, 2005): Wald's after half an image
    is added to each of the four counts.

    Args:
        labels: integers 0-9 of shape (n,), n at least 1.
        first: predicted digits of one network, of shape (n,).
        second: those of the other.

    Returns:
        dict of plain numbers: `both_right`, `only_first_right`, `only_second_right`,
        `both_wrong` (images), `difference` (accuracy of the second less that of the first),
        `difference_interval` (95%) and `p_value` (two-sided).
    """
    first_right, second_right = np.equal(first, labels), np.equal(second, labels)
    only_first = int((first_right & ~second_right).sum())
    only_second = int((~first_right & second_right).sum())
    discordant = only_first + only_second
    p_value = binomtest(only_second, discordant).pvalue if discordant else 1.0
    size = len(labels) + 2
    centre = (only_second - only_first) / size
    error = np.sqrt((discordant + 1) / size - centre**2) / np.sqrt(size)
    margin = norm.ppf(0.975) * error
    return {
        "both_right": int((first_right & second_right).sum()),
        "only_first_right": only_first,
        "only_second_right": only_second,
        "both_wrong": int((~first_right & ~second_right).sum()),
        "difference": (only_second - only_first) / len(labels),
        "difference_interval": (float(centre - margin), float(centre + margin)),
        "p_value": float(p_value),
    }


def format_accuracy(num_correct, num_images):
    """Accuracy as it is reported everywhere: "98.91% (9,891/10,000), 95% interval ..."."""
    low, high = wilson_interval(num_correct, num_images)
    return (
        f"{num_correct / num_images:.2%} ({num_correct:,}/{num_images:,}), "
        f"95% interval {low:.2%} to {high:.2%}"
    )


def format_report(scores):
    """Format what `score` returned as a few lines and a table of digits."""
    lines = [
        f"Test accuracy: {format_accuracy(scores['num_correct'], scores['num_images'])}",
        f"Test loss: {scores['loss']:.4f}",
        f"Expected calibration error: {scores['ece']:.2%}",
        "",
        "digit  precision  recall      F1  images",
    ]
    for row in scores["per_digit"]:
        lines.append(
            f"{row['digit']:>5}  {row['precision']:>9.2%}  {row['recall']:>6.2%}  {row['f1']:>6.2%}"
            f"  {row['num_images']:>6,}"
        )
    return "\n".join(lines)


def format_comparison(paths, scores, comparison):
    """Format what `score` and `compare` returned for two models as a table."""
    first, second = map(str, paths)
    width = max(len(first), len(second))
    lines = [
        f"{path:<{width}}  {format_accuracy(row['num_correct'], row['num_images'])}, "
        f"loss {row['loss']:.4f}, calibration error {row['ece']:.2%}"
        for path, row in zip((first, second), scores, strict=True)
    ]
    low, high = comparison["difference_interval"]
    better = second if comparison["difference"] > 0 else first
    p_value = comparison["p_value"]
    p_value = f"= {p_value:.2g}" if p_value >= 1e-4 else "< 0.0001"
    verdict = (
        f"{better} is better: two equally good models would rarely (p < 0.05) differ this much."
        if comparison["p_value"] < 0.05
        else "These images do not tell which is better: chance alone may explain the difference."
    )
    return "\n".join(
        [
            *lines,
            "",
            f"both right {comparison['both_right']:,}, both wrong {comparison['both_wrong']:,}, "
            f"only the first right {comparison['only_first_right']:,}, "
            f"only the second right {comparison['only_second_right']:,}",
            f"second less first: {100 * comparison['difference']:+.2f} percentage points, "
            f"95% interval {100 * low:+.2f} to {100 * high:+.2f}; "
            f"exact McNemar test: p {p_value}",
            verdict,
        ]
    )
