"""Scores detections: recall and precision by size, of digits and of signs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from digits.symbols import DIGITS, SYMBOLS

SIZES = (11, 16, 24, 44, 88, 176)  # pixels, limits of the classes of a box's longer side
# Intersection over union at which a detection is of a true box (M. Everingham et al., "The Pascal
# visual object classes (VOC) challenge", IJCV 88, 2010, section 4.2).
MIN_OVERLAP = 0.5
FALSE, IGNORED = -1, -2  # what `match` returns for detections that are of no true box


@dataclasses.dataclass(frozen=True, eq=False)
class TrueBoxes:
    """What is on a page.

    Attributes:
        boxes: floats of shape (n, 4): left, top, right, bottom in pixels.
        labels: integers of shape (n,), indices of `SYMBOLS`; any other for what may be detected or
            not.
    """

    boxes: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class DetectedBoxes:
    """What was detected on a page.

    Attributes:
        boxes: floats of shape (n, 4): left, top, right, bottom in pixels.
        scores: floats of shape (n,); of two detections of one box the one with the higher score
            counts.
        labels: integers of shape (n,), indices of `SYMBOLS`; any other does not count.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class DetectionScores:
    """How well boxes of one size are detected; a share is 0 where it is not defined.

    Attributes:
        name: "11-16" and so on, pixels of the longer side; "digits" for those of all sizes;
            "signs".
        num_true: true boxes.
        num_detected: those of them that are detected.
        num_recognized: those of them that are detected with the right label.
        num_false: detections of nothing, or of what was detected already.
    """

    name: str
    num_true: int
    num_detected: int
    num_recognized: int
    num_false: int

    @property
    def recall(self) -> float:
        """Share of the true boxes that are detected."""
        return self.num_detected / max(1, self.num_true)

    @property
    def precision(self) -> float:
        """Share of the detections that are of a true box."""
        return self.num_detected / max(1, self.num_detected + self.num_false)

    @property
    def recall_with_label(self) -> float:
        """Share of the true boxes that are detected with the right label."""
        return self.num_recognized / max(1, self.num_true)

    @property
    def precision_with_label(self) -> float:
        """Share of the detections that are of a true box and have its label."""
        return self.num_recognized / max(1, self.num_detected + self.num_false)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, ready for JSON."""
        shares = ("recall", "precision", "recall_with_label", "precision_with_label")
        counts = ("num_true", "num_detected", "num_recognized", "num_false")
        return {name: round(getattr(self, name), 4) for name in (*counts, *shares)}


def score(true: Sequence[TrueBoxes], detected: Sequence[DetectedBoxes]) -> list[DetectionScores]:
    """Score the detections on some pages.

    Digits and signs are scored apart: a sign detected where a digit is counts as a missed digit and
    a false sign. Among digits the label does not matter for a box to be detected. Digits outside
    `SIZES` count neither as missed nor as false.

    Args:
        true: what is on each page.
        detected: what was detected on each.

    Returns:
        Scores of the digits of each size and of all, and of the signs if there are any. A detection
        belongs to the size of its true box, a false one to that of its own, or the nearest.
    """
    digits = _count(true, detected, range(len(DIGITS)), SIZES)
    signs = _count(true, detected, range(len(DIGITS), len(SYMBOLS)), (0, np.inf))
    names = [f"{low}-{high}" for low, high in itertools.pairwise(SIZES)]
    rows = [*zip(names, digits, strict=True), ("digits", digits.sum(axis=0))]
    if signs.any():
        rows.append(("signs", signs[0]))
    return [DetectionScores(name, *map(int, counts)) for name, counts in rows]


def _count(
    true: Sequence[TrueBoxes],
    detected: Sequence[DetectedBoxes],
    symbols: range,
    sizes: Sequence[float],
) -> np.ndarray:
    """Count the boxes of some symbols, as `DetectionScores` does, a row a size."""
    counts = np.zeros((len(sizes) - 1, 4), int)
    for there, found in zip(true, detected, strict=True):
        side, found_side = (
            (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
            for boxes in (there.boxes, found.boxes)
        )
        is_symbol, is_other = (
            np.isin(there.labels, kind)
            for kind in (symbols, np.setdiff1d(range(len(SYMBOLS)), symbols))
        )
        wanted = is_symbol & (side >= sizes[0]) & (side < sizes[-1])
        chosen = np.isin(found.labels, symbols)
        matches = match(
            there.boxes[wanted],
            there.boxes[~wanted & ~is_other],
            found.boxes[chosen],
            found.scores[chosen],
        )
        matched = matches[matches >= 0]
        is_right = found.labels[chosen][matches >= 0] == there.labels[wanted][matched]
        rows = np.digitize(side[wanted], sizes) - 1
        false = np.digitize(found_side[chosen][matches == FALSE], sizes[1:-1])
        for column, row in enumerate((rows, rows[matched], rows[matched][is_right], false)):
            counts[:, column] += np.bincount(row, minlength=len(counts))
    return counts


def match(
    boxes: np.ndarray, ignored: np.ndarray, found: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Match detections to true boxes, one to one.

    In order of decreasing score, a detection gets the box that it overlaps most of those left, if
    it overlaps it enough.

    Args:
        boxes: floats of shape (n, 4), true boxes.
        ignored: floats of shape (m, 4), boxes of what may be detected or not.
        found: floats of shape (k, 4), detections.
        scores: floats of shape (k,), of the detections.

    Returns:
        Integers of shape (k,): the index of each detection's box; `FALSE` without one, or `IGNORED`
        if half of the detection lies in an ignored box (as in the crowds of COCO; T.-Y. Lin et al.,
        "Microsoft COCO: Common objects in context", ECCV 2014, and its `pycocotools`).
    """
    shared, area, found_area = _intersect(found, boxes)
    overlaps = shared / (area + found_area - shared)
    shared, _, found_area = _intersect(found, ignored)
    is_ignored = (shared / found_area >= MIN_OVERLAP).any(axis=1)
    matches = np.where(is_ignored, IGNORED, FALSE)
    for index in np.argsort(-scores, kind="stable"):
        if len(boxes) and overlaps[index].max() >= MIN_OVERLAP:
            matches[index] = overlaps[index].argmax()
            overlaps[:, matches[index]] = 0
    return matches


def format_table(rows: Sequence[DetectionScores]) -> str:
    """Format scores as a table, a row a size."""
    lines = ["pixels  boxes  recall  precision  with the right label: recall  precision"]
    for row in rows:
        lines.append(
            f"{row.name:<6}  {row.num_true:>5,}  {row.recall:>6.1%}  {row.precision:>9.1%}"
            f"  {row.recall_with_label:>28.1%}  {row.precision_with_label:>9.1%}"
        )
    return "\n".join(lines)


def _intersect(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas that boxes share, of shape (len(left), len(right)), of `right`, and of `left`."""
    starts = np.maximum(left[:, None, :2], right[:, :2])
    ends = np.minimum(left[:, None, 2:], right[:, 2:])
    shared = np.clip(ends - starts, 0, None).prod(axis=2)
    left_area, right_area = ((part[:, 2:] - part[:, :2]).prod(axis=1) for part in (left, right))
    return shared, right_area, left_area[:, None]
