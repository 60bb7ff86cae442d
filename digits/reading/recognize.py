"""Recognizes digits that were cut out, of photos and of drawings alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import Classifier
from digits.reading import rings
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


def recognize_within_rings(
    classifier: Classifier,
    inks: Sequence[np.ndarray],
    recognized: Recognition,
    indices: np.ndarray,
) -> Recognition:
    """Recognize circled digits again, without the ring around them.

    Args:
        classifier: of digits.
        inks: n bool arrays of shape (height, width), True where there is ink.
        recognized: what `recognize` said of them.
        indices: of those that may be circled.

    Returns:
        The same, but where a ring could be taken off and what is within is more probable.
    """
    within = {index: rings.take_off_ring(inks[index]) for index in indices.tolist()}
    digits = {index: ink for index, ink in within.items() if ink is not None}
    if not digits:
        return recognized
    indices = np.array(list(digits))
    again = recognize(classifier, prepare(list(digits.values())))
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
