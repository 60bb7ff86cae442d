"""Notices data that is off: images transposed, inverted or shifted, labels shuffled or renamed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import Classifier, load_classifier
from digits.networks.storage import RELEASED_MODELS

SAMPLE_SIZE = 1000  # images that are looked at, spread over all
MIN_IMAGES, MIN_LABELS = 20, 200  # fewer tell too little of the images, of labels against chance
# On 1,000 test images of MNIST, the network has an accuracy of 99%, and of 11% transposed, 58%
# inverted and 41% shifted by 4 pixels, with mean probabilities of 99%, 81%, 68% and 73%
# (tests/datasets/test_check.py). On what are no digits, no way of looking reaches these.
MIN_ACCURACY, MIN_GAIN = 0.8, 0.15  # of another way of looking at the images
MIN_CONFIDENCE, MAX_CONFIDENCE = 0.95, 0.9  # of another way, and as they are, without labels
MAX_AGREEMENT = 0.3  # of shuffled labels
MAX_DEPENDENCE = 1e-3  # p-value below which labels have to do with the images
FLAGS = {"transposed": ["--transpose"], "inverted": ["--invert"]}
FLAGS["transposed and inverted"] = FLAGS["transposed"] + FLAGS["inverted"]
CENTRED = "with each centre of mass in the middle"


def find_problem(
    images: np.ndarray,
    labels: np.ndarray | None,
    given: Mapping[str, bool] | None = None,
    classifier: Classifier | None = None,
) -> str | None:
    """Ask a network whether images are digits the right way up and labels are theirs.

    Images that the network does not take for digits in any way, such as clothes or letters, and
    their labels are never said to be off.

    Args:
        images: uint8 of shape (n, 28, 28), of which at most `SAMPLE_SIZE` are looked at.
        labels: integers of shape (n,), 0-9; without them, probabilities alone are compared.
        given: flags that were applied to the images, such as `{"--invert": True}`.
        classifier: the network; None for the released dense one.

    Returns:
        What is off, with the figures and what mends it, in one line; None if nothing is, there are
        too few images, or the network is missing.
    """
    if len(images) < MIN_IMAGES:
        return None
    try:
        classifier = classifier or load_classifier(RELEASED_MODELS / "dense.keras")
    except OSError:
        return None
    chosen = np.linspace(0, len(images) - 1, min(SAMPLE_SIZE, len(images))).astype(int)
    if labels is not None and len(images) > SAMPLE_SIZE:
        # Files are often sorted by class, or in turns of the ten classes.
        chosen = np.random.default_rng(0).choice(len(images), SAMPLE_SIZE, replace=False)
    images = images[chosen]
    transposed = images.swapaxes(1, 2)
    ways = {
        "transposed": transposed,
        "inverted": 255 - images,
        "transposed and inverted": 255 - transposed,
        CENTRED: _centre(images),
    }
    looked = {way: _ask(classifier, each) for way, each in ways.items()}
    probabilities = _ask(classifier, images)
    given = given or {}
    if labels is None:
        return _compare_confidences(probabilities, looked, given)
    labels = labels[chosen]
    return _compare_accuracies(probabilities, looked, labels, given) or _find_wrong_labels(
        probabilities, labels
    )


def _ask(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    return classifier.probabilities(np.asarray(images, np.float32) / np.float32(255))


def _centre(images: np.ndarray) -> np.ndarray:
    """Move the centre of mass of each image to its middle; what leaves an edge enters opposite."""
    weights = images.astype(np.float64) + 1e-9  # so that an image of zeros has a centre
    totals = weights.sum(axis=(1, 2))
    rows = (weights.sum(axis=2) @ np.arange(IMAGE_SHAPE[0])) / totals
    columns = (weights.sum(axis=1) @ np.arange(IMAGE_SHAPE[1])) / totals
    middle = np.subtract(IMAGE_SHAPE, 1) / 2
    shifts = np.rint(middle - np.stack([rows, columns], axis=1)).astype(int)
    return np.stack(
        [np.roll(image, shift, (0, 1)) for image, shift in zip(images, shifts, strict=True)]
    )


def _compare_accuracies(
    probabilities: np.ndarray,
    looked: Mapping[str, np.ndarray],
    labels: np.ndarray,
    given: Mapping[str, bool],
) -> str | None:
    accuracy = _score(probabilities, labels)
    accuracies = {way: _score(each, labels) for way, each in looked.items()}
    best = max(accuracies, key=lambda way: accuracies[way])
    if accuracies[best] < max(MIN_ACCURACY, accuracy + MIN_GAIN):
        return None
    return (
        f"the released network recognizes {accuracy:.1%} of {len(labels):,} images as they are, "
        f"{accuracies[best]:.1%} {best}: {_mend(best, given)}"
    )


def _compare_confidences(
    probabilities: np.ndarray, looked: Mapping[str, np.ndarray], given: Mapping[str, bool]
) -> str | None:
    confidence = _mean_confidence(probabilities)
    confidences = {way: _mean_confidence(each) for way, each in looked.items()}
    best = max(confidences, key=lambda way: confidences[way])
    if confidence > MAX_CONFIDENCE or confidences[best] < MIN_CONFIDENCE:
        return None
    return (
        f"the released network's mean probability is {confidence:.1%} for the images as they are, "
        f"{confidences[best]:.1%} {best}: {_mend(best, given)}"
    )


def _mend(way: str, given: Mapping[str, bool]) -> str:
    """Say which flags mend images that are right when they are looked at in a way."""
    if way == CENTRED:
        return "centre the images"
    flags = FLAGS[way]
    missing = " and ".join(flag for flag in flags if not given.get(flag))
    superfluous = " and ".join(flag for flag in flags if given.get(flag))
    parts = [f"add {missing}"] if missing else []
    return ", ".join(parts + ([f"leave {superfluous} out"] if superfluous else []))


def _find_wrong_labels(probabilities: np.ndarray, labels: np.ndarray) -> str | None:
    """Find labels that are not those of images which the network takes for digits."""
    # Late, since they take half a second to import.
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import chi2_contingency

    confidence, accuracy = _mean_confidence(probabilities), _score(probabilities, labels)
    if len(labels) < MIN_LABELS or confidence < MIN_CONFIDENCE or accuracy > MAX_AGREEMENT:
        return None
    counts = np.zeros((NUM_CLASSES, NUM_CLASSES), int)  # by predicted digit and label
    np.add.at(counts, (probabilities.argmax(axis=1), labels), 1)
    start = (
        f"the released network is sure of the digits (mean probability {confidence:.1%}), but "
        f"{accuracy:.1%} of {len(labels):,} labels agree"
    )
    digits, renamed = linear_sum_assignment(counts, maximize=True)
    renamed_accuracy = counts[digits, renamed].sum() / len(labels)
    if renamed_accuracy >= MIN_ACCURACY:
        names = ", ".join(
            f"{digit} as {label}"
            for digit, label in zip(digits, renamed, strict=True)
            if digit != label
        )
        return (
            f"{start}, {renamed_accuracy:.1%} if digits are labelled otherwise ({names}): rename "
            "the labels"
        )
    used = counts[np.ix_(counts.any(axis=1), counts.any(axis=0))]
    if chi2_contingency(used).pvalue < MAX_DEPENDENCE:
        return None
    return (
        f"{start}, as by chance: the labels are shuffled, or not those of these images; save both "
        "in the same order"
    )


def _score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def _mean_confidence(probabilities: np.ndarray) -> float:
    return float(probabilities.max(axis=1).mean())
