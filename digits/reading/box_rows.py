"""Finds rows of boxes for a digit each, as forms have them for roll numbers and dates."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from scipy import ndimage

from digits.reading.rules import Rules, find_ink, interpolate

# In digit heights: how tall and how wide boxes for a digit are. Forms have them from 0.85 wide on;
# a digit that fills its box or is cut off at the top measures less than the others.
MIN_HEIGHT, MAX_HEIGHT = 0.95, 2.6
MIN_WIDTH, MAX_WIDTH = 0.75, 1.9
MIN_BOXES = 3  # in a row: fewer may be strokes of writing
MIN_DIGITS = 2  # in a row of boxes
SAMPLES = 24  # heights between the rules of a row at which its sides are looked for
MARGIN = 0.08  # of the height of a row, at its rules, where they are not
# A side has ink at so many of these heights, within so many digit heights of a line, and all sides
# of a row on average: they are worn off and slant, and faint ones vanish beside dark ink. Some 1s
# have as much ink, but they do not stand at equal distances.
MIN_SIDE, MEAN_SIDE, SIDE_BAND = 0.45, 0.6, 0.05
# Digit heights beyond the ends of both rules at which there may be boxes: rules are cut short.
LONGER = 0.5
# Of the samples next to either rule, a side has ink at so large a share: digits end before.
END, MIN_END = 4, 0.5
NEAREST_PEAKS = 0.2  # digit heights between two places that may be sides
OFF_PITCH = 0.17  # of a box's width: by how much a side is off its place at most
MIN_SIDES = 0.8  # share of the sides of a row that are seen
# Shares of the digits in a row: in a box with another one; on a side.
MAX_SHARED, MAX_ON_SIDES = 0.2, 0.2
MIN_FILLED = 0.25  # share of a row's boxes with a digit
# Where so many rows hang together, these are not boxes but a table or squared paper, if less than
# this share of the boxes has a digit, or if there are about as many boxes in a row as rows.
MANY_ROWS, MIN_STACK_FILLED, SQUARE_ROWS, MAX_ROWS = 3, 0.4, 4, 20
MAX_STACK_WIDTH = 1.6  # digit heights: in a table of single digits, columns are wider
SAME_EDGE = 0.15  # heights of a row between two edges that are one rule
STICK_OUT = 0.15  # heights of a row by which the middle of a digit in it is above or below
# Beyond the last side that is seen, a digit whose middle is so far from both sides, as a share of
# the box's width, stands in another box: faint sides end early.
INSIDE = 0.2
# A detection is a side of a box if it is narrower than this share of its height, within this share
# of a box's width of where the side is, and taller than this share of the row's height.
WIDEST_SIDE, NEAR_SIDE, MIN_TALL = 0.4, 0.2, 0.8
# A stroke may be wider and shorter, since often only a part of a side is detected. Beside a digit
# in its box, it may be farther from the side and shorter still. Chosen on 60 synthetic forms,
# numbers 100 to 159 of those of benchmarks/tables.py.
WIDEST_STROKE = 0.5
NEAR_STROKE, MIN_STROKE = 0.1, 0.7
NEAR_STROKE_BESIDE, MIN_STROKE_BESIDE = 0.25, 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class BoxRow:
    """A row of adjacent boxes of one width.

    Attributes:
        sides: float array of shape (k + 1, 4), from left to right: x and y of the upper and of the
            lower end of each side of its k boxes, in pixels of the page.
    """

    sides: np.ndarray

    @property
    def width(self) -> float:
        """Usual width of a box in pixels."""
        return float(np.median(np.diff(self.sides[:, [0, 2]].mean(axis=1))))

    def locate(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Tell in which of its boxes points are.

        Args:
            points: float array of shape (n, 2), x and y in pixels.
            margin: by how much they may be above or below, in heights of the row.

        Returns:
            Integers of shape (n,), counted from 0; -1 in none.
        """
        sides = self.sides
        edges = np.stack(
            [
                np.concatenate([sides[0, :2], sides[-1, :2]]),
                np.concatenate([sides[0, 2:], sides[-1, 2:]]),
            ]
        )
        top, bottom = interpolate(edges, points[:, 0])
        left = (interpolate(sides[:, [1, 0, 3, 2]], points[:, 1]) < points[:, 0]).sum(axis=0)
        more = margin * (bottom - top)
        inside = (
            (points[:, 1] > top - more)
            & (points[:, 1] < bottom + more)
            & (left > 0)
            & (left < len(sides))
        )
        return np.where(inside, left - 1, -1)

    def get_box(self, index: int) -> np.ndarray:
        """Return left, top, right and bottom of one of its boxes, in pixels of the page."""
        ends = self.sides[index : index + 2].reshape(-1, 2)
        return np.concatenate([ends.min(axis=0), ends.max(axis=0)])


def find_box_rows(
    page: np.ndarray,
    rules: Rules,
    digit_boxes: np.ndarray,
    are_strokes: np.ndarray,
    digit_height: float,
) -> list[BoxRow]:
    """Find rows of boxes with a digit each at most.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: on the page, as `find_rules` finds them.
        digit_boxes: float array of shape (n, 4): left, top, right, bottom in pixels of each digit,
            and of each stroke that may be one.
        are_strokes: bool array of shape (n,), whether each looks like a single stroke, as a 1 does.
        digit_height: pixels, of a usual digit.

    Returns:
        The rows from top to bottom; none for tables with wider columns, for sudokus and for squared
        paper.
    """
    strips = [
        (top, bottom)
        for top, bottom in itertools.permutations(np.concatenate([rules.rows, rules.short_rows]), 2)
        if _is_strip(top, bottom, digit_boxes, digit_height)
    ]
    if not strips:
        return []
    mask, scale = find_ink(page, digit_height)
    rows = [
        BoxRow(sides)
        for top, bottom in strips
        for sides in _find_sides(mask, top * scale, bottom * scale, digit_height * scale)
    ]
    found, thick = [], ndimage.binary_dilation(mask, np.ones((3, 5)))
    for row in _leave_out_overlapping(rows):
        above, below = _count_rows(thick, row, -1), _count_rows(thick, row, 1)
        row = BoxRow(row.sides / scale)
        is_filled = _is_filled(row, digit_boxes, are_strokes)
        if is_filled and _are_boxes(row, above, below, digit_boxes, digit_height, page.shape):
            found.append(row)
    return [_extend(row, digit_boxes) for row in found]


def locate(rows: list[BoxRow], boxes: np.ndarray) -> np.ndarray:
    """Tell in which row and box the middles of digits or signs are.

    Args:
        rows: from `find_box_rows`.
        boxes: float array of shape (n, 4): left, top, right, bottom of each in pixels.

    Returns:
        Integers of shape (n, 2), counted from 0; -1 in none.
    """
    places = np.full((len(boxes), 2), -1)
    # What sticks out of a row, and is in no other one, is in it.
    for margin, (number, row) in itertools.product((STICK_OUT, 0.0), enumerate(rows)):
        here = row.locate((boxes[:, :2] + boxes[:, 2:]) / 2, margin)
        places[here >= 0] = np.stack([np.full(len(here), number), here], axis=1)[here >= 0]
    return places


def are_stacked(rows: list[BoxRow]) -> bool:
    """Tell whether most rows share a rule with another one, as those of a table do."""
    if len(rows) < MANY_ROWS:
        return False
    edges = [(row.sides[:, 1].mean(), row.sides[:, 3].mean()) for row in rows]
    num_stacked = sum(
        any(
            min(abs(bottom - other), abs(top - below)) < SAME_EDGE * (bottom - top)
            for other, below in edges[:index] + edges[index + 1 :]
        )
        for index, (top, bottom) in enumerate(edges)
    )
    return num_stacked > len(rows) / 2


def are_sides(rows: list[BoxRow], boxes: np.ndarray, are_strokes: np.ndarray) -> np.ndarray:
    """Tell which detections are no digits but sides of the boxes.

    Args:
        rows: from `find_box_rows`.
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels of each digit, and of
            each stroke that may be one.
        are_strokes: bool array of shape (n,), whether each looks like a single stroke, as a 1 does.

    Returns:
        bool array of shape (n,).
    """
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    found = np.zeros(len(boxes), bool)
    for row in rows:
        x = interpolate(row.sides[:, [1, 0, 3, 2]], middles[:, 1])
        apart = abs(x - middles[:, 0]).min(axis=0) / row.width
        height = row.sides[:, 3].mean() - row.sides[:, 1].mean()
        is_beside = abs(middles[:, 1] - row.sides[:, [1, 3]].mean()) < height
        tall, narrow = sizes[:, 1] / height, sizes[:, 0] / np.maximum(sizes[:, 1], 1e-9)
        places = row.locate(middles)
        is_beside_digit = (places >= 0) & np.isin(places, places[~are_strokes])
        is_stroke = (apart < NEAR_STROKE) & (tall > MIN_STROKE)
        is_stroke |= is_beside_digit & (apart < NEAR_STROKE_BESIDE) & (tall > MIN_STROKE_BESIDE)
        is_side = (narrow < WIDEST_SIDE) & (apart < NEAR_SIDE) & (tall > MIN_TALL)
        found |= is_beside & (is_side | are_strokes & (narrow < WIDEST_STROKE) & is_stroke)
    return found


def are_on_sides(rows: list[BoxRow], boxes: np.ndarray) -> np.ndarray:
    """Tell which digits or signs are in a row and on a side of its boxes.

    Args:
        rows: from `find_box_rows`.
        boxes: float array of shape (n, 4): left, top, right, bottom of each in pixels.

    Returns:
        bool array of shape (n,).
    """
    middles, found = (boxes[:, :2] + boxes[:, 2:]) / 2, np.zeros(len(boxes), bool)
    for row in rows:
        x = interpolate(row.sides[:, [1, 0, 3, 2]], middles[:, 1])
        is_on = ((boxes[:, 0] <= x) & (x <= boxes[:, 2])).any(axis=0)
        found |= is_on & (row.locate(middles, STICK_OUT) >= 0)
    return found


def _is_strip(
    top: np.ndarray, bottom: np.ndarray, digit_boxes: np.ndarray, digit_height: float
) -> bool:
    """Whether there may be boxes with digits between two rules."""
    left, right = max(top[0], bottom[0]), min(top[2], bottom[2])
    if right - left < (MIN_BOXES - 1) * MIN_WIDTH * digit_height:
        return False
    middles = (digit_boxes[:, :2] + digit_boxes[:, 2:]) / 2
    upper, lower = interpolate(np.stack([top, bottom]), np.append(middles[:, 0], [left, right]))
    heights = (lower - upper) / digit_height
    if not ((heights[-2:] > MIN_HEIGHT) & (heights[-2:] < MAX_HEIGHT)).all():
        return False
    x, y = middles.T
    inside = (upper[:-2] < y) & (y < lower[:-2]) & (left - digit_height < x)
    return bool((inside & (x < right + digit_height)).sum() >= MIN_DIGITS)


def _find_sides(
    mask: np.ndarray, top: np.ndarray, bottom: np.ndarray, unit: float
) -> list[np.ndarray]:
    """Find the sides of boxes between two rules, (n, 4) for each row of boxes."""
    left = max(top[0], bottom[0]) - LONGER * unit
    right = min(top[2], bottom[2]) + LONGER * unit
    x = np.arange(left, right)
    upper, lower = interpolate(np.stack([top, bottom]), x)
    shares = np.linspace(MARGIN, 1 - MARGIN, SAMPLES)[:, None]
    slope = np.mean([(line[3] - line[1]) / max(line[2] - line[0], 1e-9) for line in (top, bottom)])
    down = shares * (lower - upper)
    across = x - slope * (down - (lower - upper) / 2)
    seen = ndimage.map_coordinates(
        mask.astype(np.float32), np.stack([upper + down, across]), order=1, mode="constant"
    )
    band = 2 * round(SIDE_BAND * unit) + 1
    has_ink = ndimage.maximum_filter1d(seen, band, axis=1) > 0.4
    filled = has_ink.mean(axis=0)
    reaches = (has_ink[:END].mean(axis=0) >= MIN_END) & (has_ink[-END:].mean(axis=0) >= MIN_END)
    smooth = ndimage.gaussian_filter1d(filled, SIDE_BAND * unit)
    highest = ndimage.maximum_filter1d(smooth, 2 * round(NEAREST_PEAKS * unit) + 1)
    is_peak = (smooth == highest) & (filled >= MIN_SIDE) & reaches
    peaks = list(zip(x[is_peak].tolist(), filled[is_peak].tolist(), strict=True))
    found = []
    for chain in _find_chains(peaks, MIN_WIDTH * unit, MAX_WIDTH * unit):
        ends = interpolate(np.stack([top, bottom]), chain)
        shift = slope * (ends[1] - ends[0]) / 2
        found.append(np.stack([chain + shift, ends[0], chain - shift, ends[1]], axis=1))
    return found


def _find_chains(
    peaks: list[tuple[float, float]], narrowest: float, widest: float
) -> list[np.ndarray]:
    """Find places at equal distances, the best chains first; places may be missing in one.

    Args:
        peaks: places from left to right, and how much ink is at each, 0 to 1.
        narrowest: distance between two places.
        widest: distance between two places.
    """
    found: list[np.ndarray] = []
    while len(peaks) > MIN_BOXES:
        chains = [
            _follow(peaks[number:], second[0] - first[0])
            for number, first in enumerate(peaks)
            for second in peaks[number + 1 :]
            if narrowest <= second[0] - first[0] <= widest
        ]
        places, ink = max(chains, key=lambda chain: chain[1], default=([], 0.0))
        if len(places) <= MIN_BOXES or ink < MEAN_SIDE * MIN_SIDES * len(places):
            break
        found.append(np.array(places))
        first, last = places[0] - narrowest / 4, places[-1] + narrowest / 4
        peaks = [peak for peak in peaks if not first <= peak[0] <= last]
    return found


def _follow(peaks: list[tuple[float, float]], pitch: float) -> tuple[list[float], float]:
    """Follow places at that distance from the first; returns them, and the ink at all of them."""
    (place, ink), *others = peaks
    chain, num_seen, num_missed = [place], 1, 0
    while place < peaks[-1][0] and num_missed < 2:
        expected = place + pitch
        nearest, here = min(others, key=lambda peak: abs(peak[0] - expected))
        if abs(nearest - expected) <= OFF_PITCH * pitch:
            pitch = 0.8 * pitch + 0.2 * (nearest - place)
            place, ink, num_seen, num_missed = nearest, ink + here, num_seen + 1, 0
        else:
            place, num_missed = expected, num_missed + 1
        chain.append(place)
    chain = chain[: len(chain) - num_missed]
    return (chain, ink) if num_seen >= MIN_SIDES * len(chain) else ([], 0.0)


def _leave_out_overlapping(rows: list[BoxRow]) -> list[BoxRow]:
    """Of rows that overlap, keep the longest, or the lowest; they are sorted from top to bottom."""
    kept: list[BoxRow] = []
    for row in sorted(rows, key=lambda row: (-len(row.sides), np.ptp(row.sides[0, [1, 3]]))):
        middles = row.sides.reshape(-1, 2, 2).mean(axis=1)
        if not any(
            (one.locate(middles) >= 0).any()
            or (row.locate(one.sides.reshape(-1, 2, 2).mean(axis=1)) >= 0).any()
            for one in kept
        ):
            kept.append(row)
    return sorted(kept, key=lambda row: row.sides[:, 1].mean())


def _extend(row: BoxRow, digit_boxes: np.ndarray) -> BoxRow:
    """Add boxes at both ends as long as there is a digit in the last one and in the next."""
    middles = (digit_boxes[:, :2] + digit_boxes[:, 2:]) / 2
    sides = row.sides
    step = np.tile((sides[-1, :2] - sides[0, :2]) / (len(sides) - 1), 2)
    inwards = INSIDE * np.stack([step, -step])

    def is_filled(left: np.ndarray) -> bool:
        return bool((BoxRow(np.stack([left, left + step]) + inwards).locate(middles) >= 0).any())

    while is_filled(sides[0]) and is_filled(sides[0] - step):
        sides = np.concatenate([[sides[0] - step], sides])
    while is_filled(sides[-1] - step) and is_filled(sides[-1]):
        sides = np.concatenate([sides, [sides[-1] + step]])
    return BoxRow(sides)


def _shift(row: BoxRow, count: int) -> BoxRow:
    """Move a row by so many times its height, downwards where that is positive."""
    down = row.sides[:, 2:] - row.sides[:, :2]
    return BoxRow(row.sides + count * np.tile(down, 2))


def _count_rows(thick: np.ndarray, row: BoxRow, direction: int) -> int:
    """Count the rows above it (-1) or below it (1) to which its sides go on, without a gap."""
    shares = np.linspace(MARGIN, 1 - MARGIN, SAMPLES)[:, None, None]
    for count in range(1, MAX_ROWS):
        sides = _shift(row, direction * count).sides
        x, y = np.moveaxis(sides[:, :2] + shares * (sides[:, 2:] - sides[:, :2]), 2, 0)
        seen = ndimage.map_coordinates(thick, np.stack([y, x]), order=0, mode="constant")
        if np.median(seen.mean(axis=0)) < MEAN_SIDE:
            return count - 1
    return MAX_ROWS


def _are_boxes(
    row: BoxRow,
    above: int,
    below: int,
    digit_boxes: np.ndarray,
    digit_height: float,
    shape: tuple[int, ...],
) -> bool:
    """Whether a row is one of boxes, rather than of a table, a sudoku or squared paper.

    Args:
        row: in pixels of the page.
        above: how many rows hang together with it above.
        below: how many do below.
        digit_boxes: of the digits on the page, of shape (n, 4).
        digit_height: pixels.
        shape: of the page.
    """
    num_rows, num_boxes = above + 1 + below, len(row.sides) - 1
    if num_rows > 1:
        if row.width > MAX_STACK_WIDTH * digit_height:
            return False
        if num_rows >= SQUARE_ROWS and abs(num_rows - num_boxes) <= 1:
            return False
        ends = np.concatenate([_shift(row, -above).sides[:, :2], _shift(row, below).sides[:, 2:]])
        room = np.concatenate([ends.min(axis=0), np.array(shape[1::-1]) - ends.max(axis=0)])
        if (room[[0, 2]] < row.width).all() and (room[[1, 3]] < row.width).any():
            return False
        if num_rows >= MANY_ROWS:
            middles = (digit_boxes[:, :2] + digit_boxes[:, 2:]) / 2
            places = [_shift(row, count).locate(middles) for count in range(-above, below + 1)]
            num_filled = sum(len(np.unique(here[here >= 0])) for here in places)
            if num_filled < MIN_STACK_FILLED * num_rows * num_boxes:
                return False
    return True


def _is_filled(row: BoxRow, digit_boxes: np.ndarray, are_strokes: np.ndarray) -> bool:
    """Whether boxes have a digit each, and none stands on a side."""
    digits = digit_boxes[~are_sides([row], digit_boxes, are_strokes)]
    places = row.locate((digits[:, :2] + digits[:, 2:]) / 2)
    inside, places = digits[places >= 0], places[places >= 0]
    if len(inside) < MIN_DIGITS:
        return False
    counts = np.bincount(places)
    quarters = (inside[:, 2:] - inside[:, :2]) * [0.25, 0]
    middles = (inside[:, :2] + inside[:, 2:]) / 2
    on_sides = row.locate(middles - quarters) != row.locate(middles + quarters)
    return bool(
        (counts[counts > 0] > 1).mean() <= MAX_SHARED
        and on_sides.mean() <= MAX_ON_SIDES
        and (counts > 0).sum() >= MIN_FILLED * (len(row.sides) - 1)
    )
