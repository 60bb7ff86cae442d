"""Tells which of the detected signs can be signs, by their size and place beside digits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from digits.reading.layout import measure_offsets

FARTHEST_DIGIT = 1.5  # digit heights along the row: signs stand at most so far from a digit
FARTHEST_OFF_ROW = 1.0  # digit heights between the middles of a sign and of a digit in its row
MARGIN = 0.15  # digit heights outside a range of `FORMS`, within which a sign is kept but not sure
# Shares of a sign's area: above the first inside a digit's box, it is a part of that digit; above
# the second shared with a more probable sign, it is dropped.
MAX_INSIDE_DIGIT, MAX_SHARED = 0.6, 0.5
# Points whose middles are so near are one, in digit heights; and so are a point and a colon that
# are nearer than the second downwards.
SAME_POINT, SAME_COLON = 0.25, 0.6
# Minuses above each other that are nearer than this downwards are one, in digit heights: the bars
# of "=" are farther apart.
SAME_BAR = 0.2


@dataclasses.dataclass(frozen=True)
class Form:
    """How large a sign is and where it stands, as ranges in heights of the digits beside it.

    Attributes:
        width: of its box.
        height: of its box.
        drop: of its middle below the middle of the digits.
    """

    width: tuple[float, float]
    height: tuple[float, float]
    drop: tuple[float, float]


FORMS = {
    ".": Form(width=(0.0, 0.45), height=(0.0, 0.45), drop=(0.2, 0.7)),
    ",": Form(width=(0.0, 0.5), height=(0.0, 0.7), drop=(0.2, 0.9)),
    "-": Form(width=(0.2, 1.3), height=(0.0, 0.4), drop=(-0.35, 0.35)),
    "+": Form(width=(0.25, 1.3), height=(0.25, 1.3), drop=(-0.4, 0.4)),
    "/": Form(width=(0.1, 1.2), height=(0.6, 1.9), drop=(-0.4, 0.4)),
    ":": Form(width=(0.0, 0.5), height=(0.2, 1.0), drop=(-0.3, 0.45)),
    "×": Form(width=(0.2, 1.2), height=(0.2, 1.2), drop=(-0.35, 0.5)),
    "÷": Form(width=(0.25, 1.3), height=(0.25, 1.3), drop=(-0.4, 0.4)),
    "=": Form(width=(0.2, 1.4), height=(0.1, 0.9), drop=(-0.4, 0.4)),
    "%": Form(width=(0.35, 1.8), height=(0.4, 1.6), drop=(-0.45, 0.45)),
    "(": Form(width=(0.1, 0.8), height=(0.6, 2.0), drop=(-0.4, 0.4)),
    ")": Form(width=(0.1, 0.8), height=(0.6, 2.0), drop=(-0.4, 0.4)),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Signs:
    """Signs detected on a page.

    Attributes:
        texts: string array of shape (n,), which sign each is.
        probabilities: float array of shape (n,).
        is_sure: bool array of shape (n,).
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.
    """

    texts: np.ndarray
    probabilities: np.ndarray
    is_sure: np.ndarray
    boxes: np.ndarray

    def __len__(self) -> int:
        """Number of signs."""
        return len(self.texts)

    def __getitem__(self, chosen: Any) -> Signs:
        """Some of the signs, chosen as rows of a NumPy array are: mask, indices or slice."""
        return Signs(
            self.texts[chosen],
            self.probabilities[chosen],
            self.is_sure[chosen],
            self.boxes[chosen],
        )


def select(signs: Signs, digit_boxes: np.ndarray, slope: float) -> Signs:
    """Select the signs that stand beside digits, with the size and in the place that they have.

    Parts are combined first: two minuses above each other are "=", two points ":", a minus between
    points is "÷".

    Args:
        signs: detected.
        digit_boxes: float array of shape (n, 4), of the digits on the same page.
        slope: radians by which lines of digits go down to the right.

    Returns:
        Those selected, combined ones last; those of a borderline size or place are not sure.
    """
    if not len(signs) or not len(digit_boxes):
        return signs[:0]
    heights = digit_boxes[:, 3] - digit_boxes[:, 1]
    height = float(np.median(heights))
    signs = combine(_drop_near_bars(_drop_near_points(signs, height), height), height)
    misfits = measure_misfits(signs, digit_boxes, slope)
    signs = dataclasses.replace(signs, is_sure=signs.is_sure & (misfits == 0))
    return _drop_doubles(signs[misfits <= MARGIN])


def combine(signs: Signs, height: float) -> Signs:
    """Combine signs that are parts of one: "=" of minuses, ":" of points, "÷" of all three.

    Args:
        signs: any number of them.
        height: of the digits on the page, in pixels.

    Returns:
        The signs without the parts, followed by those combined; these have the lowest probability
        of their parts.
    """
    middles = (signs.boxes[:, :2] + signs.boxes[:, 2:]) / 2 / height
    reach = (signs.boxes[:, 2] - signs.boxes[:, 0]) / 2 / height
    is_bar, is_point = signs.texts == "-", signs.texts == "."
    across, down = np.moveaxis(middles - middles[:, None], 2, 0)
    is_below = (down > 0.05) & (down < 0.7)  # the second index below the first
    gaps = signs.boxes[:, 1] - signs.boxes[:, 3][:, None]
    is_apart = (down >= SAME_BAR) & (gaps > 0)
    over = is_point[:, None] & is_bar & is_below & (abs(across) < reach)
    under = is_bar[:, None] & is_point & is_below & (abs(across) < reach[:, None])
    is_over = is_below & is_apart & (abs(across) < np.minimum.outer(reach, reach))
    two_bars = is_bar[:, None] & is_bar & is_over
    two_points = is_point[:, None] & is_point & is_below & (abs(across) < 0.25)
    candidates: list[tuple[str, tuple[int, ...]]] = [
        ("÷", (above, bar, below))
        for bar in np.flatnonzero(over.any(axis=0) & under.any(axis=1)).tolist()
        for above in np.flatnonzero(over[:, bar]).tolist()
        for below in np.flatnonzero(under[bar]).tolist()
    ]
    candidates += [("=", tuple(pair)) for pair in np.argwhere(two_bars).tolist()]
    candidates += [(":", tuple(pair)) for pair in np.argwhere(two_points).tolist()]
    combined: list[tuple[str, tuple[int, ...]]] = []
    used: set[int] = set()
    for text, parts in candidates:
        if not used.intersection(parts):
            used.update(parts)
            combined.append((text, parts))
    kept = [index for index in range(len(signs)) if index not in used]
    if not combined:
        return signs
    groups = [signs[list(parts)] for _, parts in combined]
    return Signs(
        np.array([*signs.texts[kept], *(text for text, _ in combined)]),
        np.array([*signs.probabilities[kept], *(group.probabilities.min() for group in groups)]),
        np.array([*signs.is_sure[kept], *(group.is_sure.all() for group in groups)]),
        np.array(
            [
                *signs.boxes[kept],
                *(
                    [*group.boxes[:, :2].min(axis=0), *group.boxes[:, 2:].max(axis=0)]
                    for group in groups
                ),
            ]
        ),
    )


def measure_misfits(signs: Signs, digit_boxes: np.ndarray, slope: float) -> np.ndarray:
    """Measure by how much signs are of another size or elsewhere than `FORMS` says.

    A sign is compared with the nearest digit to its left and that to its right in its row.

    Args:
        signs: any number of them.
        digit_boxes: float array of shape (n, 4), n at least 1.
        slope: radians by which lines of digits go down to the right.

    Returns:
        float array of shape (len(signs),): digit heights, 0 for signs that fit, infinite for those
        that are parts of a digit or have no digit near them in their row.
    """
    gaps, sides, drops = measure_offsets(signs.boxes, digit_boxes, slope)
    heights = digit_boxes[:, 3] - digit_boxes[:, 1]
    misfits = np.full(len(signs), np.inf)
    for index, (text, box) in enumerate(zip(signs.texts, signs.boxes, strict=True)):
        is_near = (gaps[index] <= FARTHEST_DIGIT) & (abs(drops[index]) <= FARTHEST_OFF_ROW)
        distances = np.maximum(gaps[index], 0) + abs(drops[index])
        beside = [
            candidates[distances[candidates].argmin()]
            for side in (-1, 1)
            if len(candidates := np.flatnonzero(is_near & (sides[index] == side)))
        ]
        # A point stands inside the box of a 7 or a 4 at times.
        if not beside or (text not in ".," and _is_inside(box, digit_boxes)):
            continue
        width, height = (box[2:] - box[:2]) / heights[beside].mean()
        form = FORMS[str(text)]
        misfits[index] = max(
            max(low - value, value - high, 0.0)
            for value, (low, high) in (
                (width, form.width),
                (height, form.height),
                (drops[index, beside].mean(), form.drop),
            )
        )
    return misfits


def _is_inside(box: np.ndarray, digit_boxes: np.ndarray) -> bool:
    shared = _share_areas(box, digit_boxes)
    return bool((shared > MAX_INSIDE_DIGIT * (box[2:] - box[:2]).prod()).any())


def _drop_near_points(signs: Signs, height: float) -> Signs:
    """Of points, commas and colons at one place, keep the most probable.

    Their boxes are so small that those of one point may not overlap. What is kept is not sure if
    another kind is half as probable.
    """
    middles = (signs.boxes[:, :2] + signs.boxes[:, 2:]) / 2 / height
    is_sure = signs.is_sure.copy()
    kept: list[int] = []
    for index in np.argsort(-signs.probabilities, kind="stable").tolist():
        text = signs.texts[index]
        for other in kept:
            if text not in ".,:" or signs.texts[other] not in ".,:":
                continue
            across, down = abs(middles[other] - middles[index])
            is_other_kind = (text == ":") != (signs.texts[other] == ":")
            if across < SAME_POINT and down < (SAME_COLON if is_other_kind else SAME_POINT):
                is_half = signs.probabilities[index] > 0.5 * signs.probabilities[other]
                is_sure[other] &= not (is_half and signs.texts[other] != text)
                break
        else:
            kept.append(index)
    return dataclasses.replace(signs, is_sure=is_sure)[sorted(kept)]


def _drop_near_bars(signs: Signs, height: float) -> Signs:
    """Of minuses at one place, keep the most probable: thin boxes of one may hardly overlap."""
    middles = (signs.boxes[:, 1] + signs.boxes[:, 3]) / 2 / height
    lefts, rights = signs.boxes[:, 0], signs.boxes[:, 2]
    kept: list[int] = []
    for index in np.argsort(-signs.probabilities, kind="stable").tolist():
        others = [other for other in kept if signs.texts[other] == signs.texts[index] == "-"]
        shared = np.minimum(rights[others], rights[index])
        shared -= np.maximum(lefts[others], lefts[index])
        is_same = (abs(middles[others] - middles[index]) < SAME_BAR) & (shared > 0)
        if not is_same.any():
            kept.append(index)
    return signs[sorted(kept)]


def _drop_doubles(signs: Signs) -> Signs:
    """Of signs at one place, keep the most probable."""
    areas = (signs.boxes[:, 2:] - signs.boxes[:, :2]).prod(axis=1)
    kept: list[int] = []
    for index in np.argsort(-signs.probabilities, kind="stable"):
        shared = _share_areas(signs.boxes[index], signs.boxes[kept])
        if (shared <= MAX_SHARED * np.minimum(areas[kept], areas[index])).all():
            kept.append(int(index))
    return signs[sorted(kept)]


def _share_areas(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Area that a box of shape (4,) shares with each of several, of shape (n, 4)."""
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    return np.clip(sides, 0, None).prod(axis=1)
