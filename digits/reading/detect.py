"""Detects digits of any size on a page, by showing it to the detector at several scales."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from digits.networks import Detections, Detector
from digits.networks.detector import LARGEST, PADDING, SMALLEST
from digits.transforms import to_mnist

# Pixels of a page at its largest scale, with the detector's padding: 60 lines of digits.
MAX_PIXELS = 1_000_000
COARSE_PIXELS = 300_000  # of a page at a coarse scale
MIN_CELL_SCORE = 0.35  # of a cell of the page, that it lies in a digit
# Overlaps of boxes as intersection over union: above the first they are fused, above the second
# the one with the lower score is removed; and so is one covered by more than the third of itself.
MIN_FUSED_OVERLAP, MAX_OVERLAP, MAX_COVERED = 0.5, 0.35, 0.6
MIN_SCORE = 0.7  # of a detection, that there is a digit
# A page is mostly written with one pen, at one size: what is far fainter or smaller than the rest
# is taken for the paper's texture.
MIN_CONTRAST, MIN_SIZE = 0.3, 0.4
MAX_DIGITS = 1000  # the surest are kept


class Pyramid:
    """A page at several scales, each half of the one before, so that digits of any size are found.

    Detections at a scale are remembered, so `full` after `coarse` computes no scale twice.

    Attributes:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
    """

    def __init__(self, detector: Detector, page: np.ndarray, largest_digit: float = math.inf):
        """Prepare a page; the detector is run on demand.

        Args:
            detector: detects digits of `SMALLEST` to `LARGEST` pixels.
            page: float32 array of shape (height, width).
            largest_digit: pixels, longer side of the largest digit that may be on it.
        """
        self.page = page
        self._detector = detector
        self._scales = _list_scales(page.shape, largest_digit)
        self._remembered: dict[float, Detections] = {}

    def coarse(self) -> Detections:
        """Detect digits at the scales at which the page has few pixels: fast, for large digits.

        Returns:
            As `full`.
        """
        few = [scale for scale in self._scales if self.page.size * scale**2 < COARSE_PIXELS]
        return self._detect(few or self._scales[-1:])

    def full(self) -> Detections:
        """Detect digits at all scales.

        Returns:
            A detection for each digit, after non-maximum suppression with box fusion, the surest
            first.
        """
        return self._detect(self._scales)

    def _detect(self, scales: list[float]) -> Detections:
        return fuse(Detections.concatenate([self._detect_at(scale) for scale in scales]))

    def _detect_at(self, scale: float) -> Detections:
        if scale not in self._remembered:
            height, width = (max(1, round(side * scale)) for side in self.page.shape)
            method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
            resized = np.asarray(Image.fromarray(self.page).resize((width, height), method))
            found = self._detector.detect(resized, MIN_CELL_SCORE)
            self._remembered[scale] = Detections(
                found.boxes / scale, found.scores, found.probabilities
            )
        return self._remembered[scale]


def fuse(candidates: Detections) -> Detections:
    """Fuse the detections of the same digit: non-maximum suppression with box fusion.

    In order of decreasing score, a candidate's box and probabilities become the mean of its own and
    of those of the candidates that overlap much with it, weighted by their scores; candidates that
    overlap with it or are covered by it are dropped (after R. Solovyev et al., "Weighted boxes
    fusion", Image and Vision Computing 107, 2021).

    Args:
        candidates: any number of them.

    Returns:
        What is left, the surest first; probabilities add up to 1.
    """
    boxes, scores, probabilities = candidates.boxes, candidates.scores, candidates.probabilities
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    is_left = np.ones(len(boxes), bool)
    fused = []
    for index in np.argsort(-scores, kind="stable"):
        if not is_left[index]:
            continue
        starts = np.maximum(boxes[:, :2], boxes[index, :2])
        ends = np.minimum(boxes[:, 2:], boxes[index, 2:])
        shared = np.clip(ends - starts, 0, None).prod(axis=1)
        overlaps = shared / (areas + areas[index] - shared)
        same = is_left & (overlaps > MIN_FUSED_OVERLAP)
        weights = scores[same] / scores[same].sum()
        mean_probabilities = weights @ probabilities[same]
        fused.append(
            Detections(
                (weights @ boxes[same])[None],
                scores[[index]],
                (mean_probabilities / mean_probabilities.sum())[None],
            )
        )
        is_left &= (shared / areas <= MAX_COVERED) & (overlaps <= MAX_OVERLAP)
        is_left[index] = False
    return Detections.concatenate(fused)


def select_written(page: np.ndarray, found: Detections) -> Detections:
    """Keep detections with a high score whose contrast and size are similar to the others'.

    Args:
        page: float32 array of shape (height, width), dark ink on light paper.
        found: detections on it, the surest first.

    Returns:
        Those kept, at most `MAX_DIGITS`, the surest first.
    """
    contrasts = np.array([measure_contrast(page, box) for box in found.boxes])
    sizes = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1, initial=0)
    kept = found.scores > MIN_SCORE
    if kept.any():
        surest = np.argsort(-contrasts * found.scores)[:5]
        kept &= contrasts > MIN_CONTRAST * np.median(contrasts[surest])
    if kept.any():
        # The size that half of the ink is at or above.
        inks = (found.scores * contrasts * sizes)[kept]
        usual = np.quantile(sizes[kept], 0.5, weights=inks, method="inverted_cdf")
        kept &= sizes > MIN_SIZE * usual
    return found[np.flatnonzero(kept)[:MAX_DIGITS]]


def _list_scales(shape: tuple[int, ...], largest_digit: float) -> list[float]:
    """List the scales at which to show a page, the largest first, each half of the one before.

    The first is 1, or less for a page that would have more than `MAX_PIXELS` with its padding. The
    last is the first at which the largest digit is not too large, or at which another half would
    leave the whole page smaller than any digit.
    """
    (height, width), border = shape, 2 * PADDING
    # (scale height + border) (scale width + border) = MAX_PIXELS, solved for the scale.
    half = border * (height + width) / (2 * height * width)
    scale = np.sqrt(half**2 + (MAX_PIXELS - border**2) / (height * width)) - half
    scales = [min(1.0, float(scale))]
    while max(shape) * scales[-1] / 2 >= SMALLEST and largest_digit * scales[-1] > LARGEST:
        scales.append(scales[-1] / 2)
    return scales


def measure_contrast(page: np.ndarray, box: np.ndarray) -> float:
    """Measure by how much ink is darker than paper.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        box: left, top, right, bottom in pixels.

    Returns:
        0 to 1.
    """
    region = to_mnist.cut_region(page, box, margin=0.15)
    return float(np.percentile(region, 80) - np.percentile(region, 4))
