"""Detects digits and signs of any size, by showing a page to the detector at several scales."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.networks import Detections, Detector
from digits.networks.detector import LARGEST, PADDING, SMALLEST, TURNED
from digits.symbols import DIGITS, SYMBOLS
from digits.transforms import to_mnist

# Pixels of a page at its largest scale, with the detector's padding: 60 lines of digits.
MAX_PIXELS = 1_000_000
# Scale of the enlarged copy of a page that is so small that this has no more pixels, and mean
# confidence of the digits detected there, at least: of small letters it is 0.4 to 0.8, of digits of
# 6 to 12 pixels 0.8 to 0.95.
ENLARGED, MIN_SMALL_CONFIDENCE = 2.0, 0.8
MIN_CELL_SCORE = 0.35  # of a cell of the page, that it lies in a digit or a sign
# Overlaps of boxes as intersection over union: above the first they are fused, above the second
# the one with the lower score is removed; and so it is if more of either lies in the other than the
# third, as a share of its area.
MIN_FUSED_OVERLAP, MAX_OVERLAP, MAX_COVERED = 0.5, 0.25, 0.6
# Width of a box over its height, at least, where overlaps are measured: two detections of a 1 may
# lie beside each other.
MIN_ASPECT = 0.35
MIN_SCORE = 0.7  # of a detection, that there is an upright digit
# The same in an empty cell of a table, and beside a digit of at least the second: without it,
# another number would be read (hysteresis thresholding, after J. Canny, "A computational approach
# to edge detection", IEEE TPAMI 8, 1986). Beside means in the same line, and at most so many
# heights of that digit away. What overlaps with the digit is rather a part of it, or of a ring
# around it.
MIN_SCORE_BESIDE, CLEAR_SCORE, WIDEST_BESIDE = 0.6, 0.9, 0.6
MIN_SIGN_SCORE = 0.35  # of a detection, that there is a sign and that it is the most likely one
# A page is mostly written with one pen, at one size: what is far fainter or smaller than the rest
# is taken for the paper's texture.
MIN_CONTRAST, MIN_SIZE = 0.3, 0.4
# Percentiles of the brightness around a digit: of its paper, and of its ink, of which there is
# little in a thin 1.
PAPER_PERCENTILE, INK_PERCENTILE = 80, 2
MAX_DIGITS = 1000  # the surest are kept
# A copy of the page is shown to the detector only if digits of its size could be among the others,
# or if there is more ink outside the digits detected so far than this share of the ink in them.
# These digits have so high a score: a whole table may look a little like one.
MAX_INK_OUTSIDE, MIN_WHOLE_SCORE = 0.1, 0.8
AROUND = 0.15  # of a digit's size: ink that is so near belongs to it
SURROUNDINGS = 61  # pixels to a side, over which the paper's brightness is averaged


def detect(detector: Detector, page: np.ndarray, largest_digit: float = math.inf) -> Detections:
    """Detect digits and signs of any size: on small copies of the page, then on larger ones.

    Each copy has twice the size of the one before. Larger ones are left out if all ink is in digits
    that were detected already, and so large that what would be detected there would be taken for
    the paper's texture.

    Args:
        detector: detects digits of `SMALLEST` to `LARGEST` pixels, and signs beside them.
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        largest_digit: pixels, longer side of the largest digit that may be on it.

    Returns:
        A detection for each digit and sign, after non-maximum suppression with box fusion, the
        surest first.
    """
    found, resized = Detections.concatenate([]), page
    for scale in reversed(_list_scales(page.shape, largest_digit)):
        if _has_all_ink(fuse(found), page, resized, LARGEST / scale):
            break
        resized = _resize(page, scale)
        found = Detections.concatenate([_detect_at_scale(detector, resized, scale), found])
    return fuse(found)


def add_small(detector: Detector, page: np.ndarray, found: Detections) -> Detections:
    """Add digits that are too small to be detected, if a page is small: those on an enlarged copy.

    Small letters look like digits too, so these are added only if most of them are clear.

    Args:
        detector: detects digits of `SMALLEST` to `LARGEST` pixels, and signs beside them.
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        found: what was detected on it at its own size.

    Returns:
        The detections, after non-maximum suppression with box fusion, the surest first.
    """
    is_small = _find_largest_scale(page.shape) >= ENLARGED
    if not is_small or _has_all_ink(found, page, page, LARGEST / ENLARGED):
        return found
    here = fuse(_detect_at_scale(detector, _resize(page, ENLARGED), ENLARGED))
    digits = here[(here.labels < len(DIGITS)) & (here.scores > MIN_SCORE)]
    confidences = digits.scores * digits.probabilities.max(axis=1, initial=0)
    if not len(digits) or confidences.mean() < MIN_SMALL_CONFIDENCE:
        return found
    return fuse(Detections.concatenate([here, found]))


def _detect_at_scale(detector: Detector, resized: np.ndarray, scale: float) -> Detections:
    """Detect what is on a resized copy of a page; boxes in pixels of the page."""
    here = detector.detect(resized, MIN_CELL_SCORE)
    return Detections(here.boxes / scale, here.scores, here.probabilities)


def _resize(page: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in page.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(page).resize((width, height), method))


def _has_all_ink(
    found: Detections, page: np.ndarray, resized: np.ndarray, largest_digit: float
) -> bool:
    """Whether the digits detected on a page have nearly all of its ink, and are large.

    Args:
        found: detections on the page, in any orientation.
        page: the page.
        resized: the copy of it on which ink is measured.
        largest_digit: pixels of the page; so large a digit must be small beside the others.
    """
    probabilities = found.probabilities
    of_digits = probabilities[:, : len(DIGITS)].sum(axis=1) + probabilities[:, TURNED:].sum(axis=1)
    digits = found[found.scores * of_digits > MIN_WHOLE_SCORE]
    sizes = _measure_sizes(digits)
    if largest_digit > MIN_SIZE * sizes.max(initial=0):
        return False
    contrasts = measure_contrasts(page, digits.boxes)
    inks = _weigh_inks(digits, contrasts)
    if largest_digit > MIN_SIZE * _find_usual(sizes, inks):
        return False
    paper = ndimage.uniform_filter(resized, SURROUNDINGS, mode="nearest")
    ink = paper - resized > 0.5 * _find_usual(contrasts, inks)
    outside = ink.copy()
    around = AROUND * sizes[:, None] * [-1, -1, 1, 1]
    scale = resized.shape[1] / page.shape[1]
    for left, top, right, bottom in np.maximum(scale * (digits.boxes + around), 0).astype(int):
        outside[top : bottom + 1, left : right + 1] = False
    return bool(outside.sum() <= MAX_INK_OUTSIDE * (ink.sum() - outside.sum()))


def fuse(candidates: Detections) -> Detections:
    """Fuse the detections of the same digit: non-maximum suppression with box fusion.

    In order of decreasing score, a candidate's box and probabilities become the mean of its own and
    of those of the candidates that overlap much with it, weighted by their scores; candidates that
    overlap with it, are covered by it or cover it are dropped (after R. Solovyev et al., "Weighted
    boxes fusion", Image and Vision Computing 107, 2021).

    Args:
        candidates: any number of them.

    Returns:
        What is left, the surest first; probabilities add up to 1.
    """
    boxes, scores, probabilities = candidates.boxes, candidates.scores, candidates.probabilities
    widened = _widen(boxes)
    areas = (widened[:, 2:] - widened[:, :2]).prod(axis=1)
    is_left = np.ones(len(boxes), bool)
    fused = []
    for index in np.argsort(-scores, kind="stable"):
        if not is_left[index]:
            continue
        starts = np.maximum(widened[:, :2], widened[index, :2])
        ends = np.minimum(widened[:, 2:], widened[index, 2:])
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
        # A point that lies within a digit's box leaves the digit.
        is_sign = len(DIGITS) <= fused[-1].labels[0] < len(SYMBOLS)
        covered = shared / (areas if is_sign else np.minimum(areas, areas[index]))
        is_left &= (covered <= MAX_COVERED) & (overlaps <= MAX_OVERLAP)
        is_left[index] = False
    return Detections.concatenate(fused)


def _widen(boxes: np.ndarray) -> np.ndarray:
    """Widen boxes that are narrower than `MIN_ASPECT`, around their middles."""
    left, top, right, bottom = boxes.T
    more = np.maximum(MIN_ASPECT * (bottom - top) - (right - left), 0) / 2
    return np.stack([left - more, top, right + more, bottom], axis=1)


def select_written(page: np.ndarray, found: Detections) -> tuple[Detections, Detections]:
    """Keep detections with a high score whose contrast and size are similar to the others'.

    Args:
        page: float32 array of shape (height, width), dark ink on light paper.
        found: detections on it, the surest first.

    Returns:
        The digits and signs kept, the surest first. And weak detections of digits, with a score
        from `MIN_SCORE_BESIDE` to `MIN_SCORE` and also similar, which are not beside a clear digit,
        for places where a digit is likely; none if no digits are kept. Both together are at most
        `MAX_DIGITS`.
    """
    found = found[found.labels < len(SYMBOLS)]
    is_digit = found.labels < len(DIGITS)
    upright = found.scores * found.probabilities[:, : len(SYMBOLS)].sum(axis=1)
    as_labelled = found.scores * found.probabilities.max(axis=1, initial=0)
    kept = np.where(is_digit, upright > MIN_SCORE, as_labelled > MIN_SIGN_SCORE)
    # The table of all gaps is kept small: noise has thousands of weak detections.
    doubtful = np.flatnonzero(is_digit & ~kept & (upright > MIN_SCORE_BESIDE))[:MAX_DIGITS]
    clear = found.boxes[is_digit & (upright >= CLEAR_SCORE)][:MAX_DIGITS]
    nearest = measure_gaps(found.boxes[doubtful], clear).min(axis=1, initial=np.inf)
    is_beside = (nearest >= 0) & (nearest < WIDEST_BESIDE)
    kept[doubtful[is_beside]] = True
    is_weak = np.zeros(len(found), bool)
    is_weak[doubtful[~is_beside]] = True
    contrasts, sizes = measure_contrasts(page, found.boxes), _measure_sizes(found)
    digits = kept & is_digit
    inks = _weigh_inks(found[digits], contrasts[digits])
    is_dark = contrasts > MIN_CONTRAST * _find_usual(contrasts[digits], inks)
    digits &= is_dark
    inks = _weigh_inks(found[digits], contrasts[digits])
    is_large = sizes > MIN_SIZE * _find_usual(sizes[digits], inks)
    digits &= is_large
    kept &= is_dark & (is_large | ~is_digit)
    is_weak &= is_dark & is_large & digits.any()
    written = found[np.flatnonzero(kept)[:MAX_DIGITS]]
    return written, found[np.flatnonzero(is_weak)[: MAX_DIGITS - len(written)]]


def measure_gaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Measure how far boxes are from others in the same line.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.
        others: float array of shape (m, 4).

    Returns:
        float array of shape (n, m), in heights of the others; negative where both overlap across,
        infinite where the other is in another line.
    """
    heights, other_heights = (each[:, 3] - each[:, 1] for each in (boxes, others))
    starts = np.maximum(boxes[:, None], others)
    ends = np.minimum(boxes[:, None], others)
    gaps, shared = starts[..., 0] - ends[..., 2], ends[..., 3] - starts[..., 1]
    is_in_line = shared > 0.5 * np.maximum(heights[:, None], other_heights)
    return np.where(is_in_line, gaps / np.maximum(other_heights, 1e-9), np.inf)


def _measure_sizes(found: Detections) -> np.ndarray:
    """Measure the longer sides of boxes, in pixels."""
    return (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1, initial=0)


def _weigh_inks(found: Detections, contrasts: np.ndarray) -> np.ndarray:
    """Weigh digits by about how much ink each has."""
    return found.scores * contrasts * _measure_sizes(found)


def _find_usual(values: np.ndarray, inks: np.ndarray) -> float:
    """Find the value that half of the ink is at or above, 0 if there is no ink."""
    if not inks.any():
        return 0.0
    return float(np.quantile(values, 0.5, weights=inks, method="inverted_cdf"))


def measure_contrasts(page: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Measure by how much ink is darker than paper.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        float array of shape (n,), 0 to 1.
    """
    regions = [to_mnist.cut_region(page, box, margin=0.15) for box in boxes]
    percentiles = PAPER_PERCENTILE, INK_PERCENTILE
    return np.array([np.subtract(*np.percentile(each, percentiles)) for each in regions])


def _list_scales(shape: tuple[int, ...], largest_digit: float) -> list[float]:
    """List the scales at which to show a page, the largest first, each half of the one before.

    The first is 1, or less for a page that would have more than `MAX_PIXELS` with its padding. The
    last is the first at which the largest digit is not too large, or at which another half would
    leave the whole page smaller than any digit.
    """
    scales = [min(1.0, _find_largest_scale(shape))]
    while max(shape) * scales[-1] / 2 >= SMALLEST and largest_digit * scales[-1] > LARGEST:
        scales.append(scales[-1] / 2)
    return scales


def _find_largest_scale(shape: tuple[int, ...]) -> float:
    """Find the scale at which a page has `MAX_PIXELS` with its padding."""
    (height, width), border = shape, 2 * PADDING
    # (scale height + border) (scale width + border) = MAX_PIXELS, solved for the scale.
    half = border * (height + width) / (2 * height * width)
    return float(np.sqrt(half**2 + (MAX_PIXELS - border**2) / (height * width)) - half)
