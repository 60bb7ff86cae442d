"""Recognizes digits that were cut out, of photos and of drawings alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import Classifier
from digits.transforms import to_mnist

# Relative widths at which a digit is classified, the last the original: people write more and less
# widely than those who wrote MNIST.
WIDTHS = (0.65, 0.8, 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Recognition:
    """What n digits are.

    Attributes:
        images: float32 array of shape (n, 28, 28), each at its own width.
        probabilities: float array of shape (n, 10), rows adding up to 1.
    """

    images: np.ndarray
    probabilities: np.ndarray


def recognize(
    classifier: Classifier, images: np.ndarray, detected: np.ndarray | None = None
) -> Recognition:
    """Recognize digits: average the classifier's probabilities over several widths.

    Args:
        classifier: of digits.
        images: float32 array of shape (n, len(WIDTHS), 28, 28), what `prepare` returned.
        detected: float array of shape (n, 10), the detector's probabilities of the same digits; the
            result is the mean of these and the classifier's. The detector uses the surroundings of
            a digit and the classifier its details, so their errors differ.

    Returns:
        A recognition of each.
    """
    flat = classifier.probabilities(images.reshape(-1, *IMAGE_SHAPE))
    own = flat.reshape(*images.shape[:2], NUM_CLASSES).mean(axis=1)
    probabilities = own if detected is None else (detected + own) / 2
    return Recognition(images[:, -1], probabilities)


def recognize_again(
    classifier: Classifier, inks: Mapping[int, np.ndarray], recognized: Recognition
) -> Recognition:
    """Recognize some digits again, without what may have been taken for a part of them.

    Args:
        classifier: of digits.
        inks: bool arrays of shape (height, width), True where there is ink, by the digits' indices.
        recognized: what `recognize` said of all digits.

    Returns:
        The same, but where what is left is more probable.
    """
    if not inks:
        return recognized
    indices = np.array(list(inks))
    again = recognize(classifier, prepare(list(inks.values())))
    is_better = again.probabilities.max(axis=1) > recognized.probabilities[indices].max(axis=1)
    images, probabilities = recognized.images.copy(), recognized.probabilities.copy()
    images[indices[is_better]] = again.images[is_better]
    probabilities[indices[is_better]] = again.probabilities[is_better]
    return Recognition(images, probabilities)


def prepare(inks: Sequence[np.ndarray]) -> np.ndarray:
    """Bring digits into MNIST's format, at each of `WIDTHS`.

    Args:
        inks: bool or float arrays of shape (height, width), 1 where there is ink.

    Returns:
        float32 array of shape (n, len(WIDTHS), 28, 28), 0 paper to 1 ink.
    """
    images = [to_mnist.to_mnist(ink, WIDTHS) for ink in inks]
    return np.array(images, np.float32).reshape(-1, len(WIDTHS), *IMAGE_SHAPE)
