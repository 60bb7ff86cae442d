"""Finds tables without rules: numbers that line up in columns and rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from digits.reading import layout
from digits.reading.rules import Rules
from digits.reading.tables import Grid, measure_digit_height

# All widths are in digit heights. Chosen on the kinds of `benchmarks.tables` without rules, and so
# that lines of sums, telephone numbers and dates, with blanks of at most about 1, are no columns.
TYPICAL_GAP = 1.25  # median between the numbers of two columns; no number has a wider gap inside
MIN_CHANNEL = 0.4  # width that is free in all rows between two columns
MAX_CROSSING = 0.17  # share of rows, such as a heading, that reach from one column into the next
FARTHEST_CROSSING = 0.6  # of a number that is still in the former column
LEANS = (0, -3, 3, -6, 6, -9, 9)  # degrees by which columns lean, as in perspective
# Share of the numbers whose left or right edge, middle or point is as near to their column's.
MIN_ALIGNED, OFF_COLUMN = 0.75, 0.75
# Numbers of one row are written higher and lower, the more so the further apart rows are. In shares
# of the distance between rows: parts of one row, and the median step between neighbours in a row;
# the latter is limited to so many digit heights.
SAME_ROW, MAX_STEP, STEPS = 0.45, 0.2, (0.35, 0.5)
MAX_OVERLAP = 0.3  # of two numbers in a row
SPLIT = 0.3  # wider gaps inside what `make_lines` takes for a number may be between two columns
MIN_RATIO = 2.0  # of the median gap between columns to nearly all inside numbers
MIN_TURN = 0.003  # radians; 0.1 digit heights over the width of a usual page
MIN_ROWS, MIN_COLUMNS = 3, 2
MIN_ROWS_IF_WIDE, WIDE = 2, 4  # two rows do if there are so many columns
MIN_CELLS = 5
MIN_FILLED = 0.6  # share of the cells
MIN_ROWS_FILLED = 0.5  # share of the rows with numbers in two columns
MIN_INSIDE = 0.7  # share of the page's digits that are in the table
MIN_PLACED = 0.85  # share of the digits in its rows that are in one column
MAX_CROWDED = 0.1  # share of the cells with more than one number
MAX_OPERATORS = 0.2  # share of the pairs of neighbours in a row with an operator between them
MAX_TRIMMED = 3  # rows above and below the table that are none of it
NO_OPERATORS = (".", ",")
NEAR_DASH = 1.0  # a dash further from both its neighbours says that a cell is empty


@dataclasses.dataclass(frozen=True, eq=False)
class _Units:
    """Numbers, in rows, on a page turned so that its rows are level; lengths in digit heights.

    Attributes:
        indices: of the symbols of each number.
        boxes: float array of shape (n, 4): left, top, right, bottom.
        points: float array of shape (n,): x of the decimal point, infinite if none.
        rows: integers of shape (n,), counted from the top.
        parts: integers of shape (n,): which part of the lines it is, or a piece of.
        pitch: distance between rows.
    """

    indices: list[list[int]]
    boxes: np.ndarray
    points: np.ndarray
    rows: np.ndarray
    parts: np.ndarray
    pitch: float

    def __getitem__(self, kept: np.ndarray) -> _Units:
        indices = [self.indices[index] for index in np.flatnonzero(kept)]
        return _Units(
            indices,
            self.boxes[kept],
            self.points[kept],
            self.rows[kept],
            self.parts[kept],
            self.pitch,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of numbers.

    Attributes:
        borders: float array of shape (n - 1,): x where lines between them are at y = 0.
        shear: by how much x grows on these lines with y.
        columns: integers of shape (m,): column of each number, -1 for those in more than one.
        channel: width of the narrowest free space between two columns.
    """

    borders: np.ndarray
    shear: float
    columns: np.ndarray
    channel: float


def find_aligned(
    boxes: np.ndarray,
    texts: Sequence[str],
    sign_boxes: np.ndarray,
    lines: layout.Lines,
    slope: float,
) -> Grid | None:
    """Find the table on a page without rules between columns, if numbers line up in one.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels.
        texts: which sign each of m signs is.
        sign_boxes: float array of shape (m, 4), of signs.
        lines: those that `layout.make_lines` makes of them where there is no table.
        slope: radians by which lines of digits go down to the right.

    Returns:
        The places of digits and signs, in this order, and lines between rows and columns; None
        where there is no table.
    """
    if len(boxes) < MIN_CELLS:
        return None
    unit = measure_digit_height(boxes)
    both = np.concatenate([boxes, sign_boxes])
    all_texts = [""] * len(boxes) + list(texts)
    # The slope of digits that are far apart is uncertain; their rows tell it better.
    level = _turn(both, slope) / unit
    units = _make_units(level, all_texts, lines)
    turn = _measure_turn(units)
    if abs(turn) > MIN_TURN:
        slope += turn
        level = _turn(both, slope) / unit
        units = _make_units(level, all_texts, lines)
    count = int(units.rows.max()) + 1
    for trimmed in range(MAX_TRIMMED + 1):
        for top in range(trimmed + 1):
            first, last = top, count - 1 - (trimmed - top)
            if last - first + 1 < MIN_ROWS_IF_WIDE:
                continue
            kept = units[(units.rows >= first) & (units.rows <= last)]
            num_digits = sum(index < len(boxes) for part in kept.indices for index in part)
            if num_digits < MIN_INSIDE * len(boxes):
                continue
            columns = _choose_columns(kept)
            if columns is None:
                continue
            lone = _take_lone_signs(lines, all_texts)
            if _count_operators(kept, columns, level, all_texts, lone) > MAX_OPERATORS:
                continue
            return _make_grid(kept, columns, level, all_texts, lines, slope, unit)
    return None


def _turn(boxes: np.ndarray, angle: float) -> np.ndarray:
    """Boxes of the same sizes, their middles turned about the origin against that angle."""
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    middles = middles @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)


def _make_units(level: np.ndarray, texts: list[str], lines: layout.Lines) -> _Units:
    """Take the numbers of lines, split where their digits are apart, and put them in rows."""
    indices, parts = [], []
    for number, part in enumerate(itertools.chain(*lines)):
        pieces = [[part[0]]]
        for one, other in itertools.pairwise(part):
            if level[other, 0] - level[one, 2] > SPLIT:
                pieces.append([])
            pieces[-1].append(other)
        for piece in pieces:
            if any(not texts[index] for index in piece):
                indices.append(piece)
                parts.append(number)
    ends = np.array(
        [[*level[piece, :2].min(axis=0), *level[piece, 2:].max(axis=0)] for piece in indices]
    )
    points = [
        next((level[index, 0] for index in piece if texts[index] in (".", ",")), np.inf)
        for piece in indices
    ]
    pitch = _measure_pitch(ends)
    rows = _number_rows(ends, pitch)
    return _Units(indices, ends, np.array(points), rows, np.array(parts), pitch)


def _number_rows(boxes: np.ndarray, pitch: float) -> np.ndarray:
    """Number the rows of numbers, as `layout.group_rows`, but numbers may wander more."""
    heights = boxes[:, 3] - boxes[:, 1]
    squares = boxes.copy()  # so that wide numbers are as high as digits
    middles = boxes[:, [0, 2]].mean(axis=1)
    squares[:, 0], squares[:, 2] = middles - heights / 2, middles + heights / 2
    down = boxes[:, [1, 3]].mean(axis=1)
    limit = SAME_ROW * pitch
    merged: list[list[int]] = []
    for row in layout.group_rows(squares, 0.0):
        if merged:
            last = merged[-1]
            overlaps = np.minimum(boxes[row, None, 2], boxes[last, 2]) - np.maximum(
                boxes[row, None, 0], boxes[last, 0]
            )
            if down[row].mean() - down[last].mean() < limit and overlaps.max() < MAX_OVERLAP:
                merged[-1] = last + row
                continue
        merged.append(row)
    rows = np.zeros(len(boxes), int)
    for number, row in enumerate(merged):
        rows[row] = number
    return rows


def _measure_pitch(boxes: np.ndarray) -> float:
    """Median distance of numbers from the nearest one below them; 1 if none is below another."""
    down = boxes[:, [1, 3]].mean(axis=1)
    overlaps = np.minimum(boxes[:, None, 2], boxes[:, 2]) > np.maximum(
        boxes[:, None, 0], boxes[:, 0]
    )
    steps = np.where(overlaps, down - down[:, None], np.inf)
    steps[steps < 0.7] = np.inf
    nearest = steps.min(axis=1)
    return float(np.median(nearest[np.isfinite(nearest)])) if np.isfinite(nearest).any() else 1.0


def _measure_turn(units: _Units) -> float:
    """By how much rows still slant, in radians: the slope that fits all of them best."""
    middles = units.boxes.reshape(-1, 2, 2).mean(axis=1)
    counts = np.bincount(units.rows)
    means = np.stack([np.bincount(units.rows, axis) / counts for axis in middles.T], axis=1)
    across, down = (middles - means[units.rows]).T
    return float(np.arctan((across * down).sum() / max((across**2).sum(), 1e-9)))


def _choose_columns(units: _Units) -> _Columns | None:
    """Choose the most columns for which there is enough evidence, with the widest space between."""
    num_rows = len(np.unique(units.rows))
    best = None
    for crossing in sorted({0, int(MAX_CROSSING * num_rows)}):
        for lean in LEANS:
            columns = _find_columns(units, crossing, float(np.tan(np.radians(lean))))
            if columns is None or not _is_table(units, columns):
                continue
            # A lean must widen the space clearly.
            score = len(columns.borders), -crossing, columns.channel - 0.03 * abs(lean)
            if best is None or score > best[0]:
                best = score, columns
    return best[1] if best else None


def _find_columns(units: _Units, crossing: int, shear: float) -> _Columns | None:
    """Find columns between spaces that no more than so many numbers reach into."""
    boxes = units.boxes - (shear * units.boxes[:, [1, 3]].mean(axis=1))[:, None] * [1, 0, 1, 0]
    places = np.concatenate([boxes[:, 0], boxes[:, 2]])
    steps = np.repeat([1, -1], len(boxes))
    order = np.lexsort((-steps, places))
    covered, places = np.cumsum(steps[order]), places[order]
    is_full = covered > crossing
    starts = np.flatnonzero(is_full & ~np.append(False, is_full[:-1]))
    ends = np.flatnonzero(~is_full & np.append(False, is_full[:-1]))
    spans = np.stack([places[starts], places[ends]], axis=1)
    kept = [spans[0]] if len(spans) else []
    for span in spans[1:]:
        border = (kept[-1][1] + span[0]) / 2
        if span[0] - kept[-1][1] < MIN_CHANNEL or (
            _measure_gap(units.rows, boxes, border) < TYPICAL_GAP
        ):
            kept[-1] = np.array([kept[-1][0], span[1]])
        else:
            kept.append(span)
    if len(kept) < MIN_COLUMNS:
        return None
    ordered = np.array(kept)
    borders = (ordered[:-1, 1] + ordered[1:, 0]) / 2
    first = (boxes[:, :1] + FARTHEST_CROSSING > borders).sum(axis=1)
    last = (boxes[:, 2:3] - FARTHEST_CROSSING > borders).sum(axis=1)
    middle = (boxes[:, [0, 2]].mean(axis=1)[:, None] > borders).sum(axis=1)
    channel = float((ordered[1:, 0] - ordered[:-1, 1]).min())
    return _Columns(borders, shear, np.where(first >= last, middle, -1), channel)


def _measure_gap(rows: np.ndarray, boxes: np.ndarray, border: float) -> float:
    """Median over rows of the space between the last number before a border and the next."""
    middles = boxes[:, [0, 2]].mean(axis=1)
    ends = np.full((2, rows.max() + 1), np.nan)
    is_left = middles < border
    ends[0] = -np.inf
    np.maximum.at(ends[0], rows[is_left], boxes[is_left, 2])
    ends[1] = np.inf
    np.minimum.at(ends[1], rows[~is_left], boxes[~is_left, 0])
    gaps = ends[1] - ends[0]
    return float(np.median(gaps[np.isfinite(gaps)])) if np.isfinite(gaps).any() else np.inf


def _is_table(units: _Units, columns: _Columns) -> bool:
    """Whether there is enough evidence that columns are those of a table."""
    inside = columns.columns >= 0
    kept, column = units[inside], columns.columns[inside]
    places = np.stack([kept.rows, column], axis=1)
    cells, cell = np.unique(places, axis=0, return_inverse=True)
    cell = cell.ravel()
    num_columns = len(columns.borders) + 1
    rows, filled = np.unique(cells[:, 0], return_counts=True)
    least = MIN_ROWS_IF_WIDE if num_columns >= WIDE else MIN_ROWS
    if (
        len(cells) < MIN_CELLS
        or len(rows) < least
        or len(cells) < MIN_FILLED * len(rows) * num_columns
        or (filled > 1).mean() < MIN_ROWS_FILLED
        or len(np.unique(cells[:, 1])) < num_columns
    ):
        return False
    numbers = np.unique(np.stack([cell, kept.parts], axis=1), axis=0)[:, 0]
    boxes = np.stack(
        [np.full(len(cells), start) for start in (np.inf, np.inf, -np.inf, -np.inf)], axis=1
    )
    np.minimum.at(boxes[:, :2], cell, kept.boxes[:, :2])
    np.maximum.at(boxes[:, 2:], cell, kept.boxes[:, 2:])
    points = np.full(len(cells), np.inf)
    np.minimum.at(points, cell, kept.points)
    points = np.where(np.isfinite(points), points, boxes[:, 2])
    shift = columns.shear * boxes[:, [1, 3]].mean(axis=1)
    edges = boxes[:, 0] - shift, boxes[:, 2] - shift, points - shift
    num_placed = sum(len(indices) for indices in kept.indices)
    num_symbols = sum(len(indices) for indices in units.indices)
    return bool(
        num_placed >= MIN_PLACED * num_symbols
        and (np.bincount(numbers) > 1).mean() <= MAX_CROWDED
        and _measure_ratio(kept, cell) >= MIN_RATIO
        and _measure_aligned(cells[:, 1], *edges) >= MIN_ALIGNED
        and _measure_step(boxes, cells[:, 0]) <= np.clip(MAX_STEP * units.pitch, *STEPS)
    )


def _measure_ratio(units: _Units, cells: np.ndarray) -> float:
    """Median gap between the numbers of two columns, to nearly all between digits in a cell."""
    order = np.lexsort((units.boxes[:, 0], units.rows))
    gaps = units.boxes[order[1:], 0] - units.boxes[order[:-1], 2]
    is_beside = np.diff(units.rows[order]) == 0
    is_same = np.diff(cells[order]) == 0
    inside, between = gaps[is_beside & is_same], gaps[is_beside & ~is_same]
    inside = np.append(np.full(len(cells) - len(inside), 0.0), inside)
    widest = max(float(np.quantile(inside, 0.95)), 0.1)
    return float(np.median(between)) / widest if len(between) else 0.0


def _measure_aligned(
    columns: np.ndarray, left: np.ndarray, right: np.ndarray, points: np.ndarray
) -> float:
    """Share of the cells that are where most of their column are."""
    aligned = 0
    for column in np.unique(columns):
        here = columns == column
        aligned += max(
            (abs(places[here] - np.median(places[here])) < OFF_COLUMN).sum()
            for places in (left, right, (left + right) / 2, points)
        )
    return aligned / len(columns)


def _measure_step(boxes: np.ndarray, rows: np.ndarray) -> float:
    """Median of how far numbers are above or below the one beside them."""
    middles = boxes[:, [1, 3]].mean(axis=1)
    order = np.lexsort((boxes[:, 0], rows))
    steps = abs(np.diff(middles[order]))[np.diff(rows[order]) == 0]
    return float(np.median(steps)) if len(steps) else 0.0


def _take_lone_signs(lines: layout.Lines, texts: list[str]) -> list[int]:
    return [part[0] for line in lines for part in line if len(part) == 1 and texts[part[0]]]


def _count_operators(
    units: _Units, columns: _Columns, level: np.ndarray, texts: list[str], lone: list[int]
) -> float:
    """Share of the neighbours in rows that an operator, equals sign or bracket stands between."""
    pairs = operators = 0
    middles = level[lone].reshape(-1, 2, 2).mean(axis=1)
    for row in np.unique(units.rows):
        boxes = units.boxes[units.rows == row]
        boxes = boxes[np.argsort(boxes[:, 0])]
        for one, other in itertools.pairwise(boxes):
            pairs += 1
            top, bottom = min(one[1], other[1]), max(one[3], other[3])
            for index, (x, y) in zip(lone, middles, strict=True):
                if (
                    one[2] < x < other[0]
                    and top <= y <= bottom
                    and texts[index] not in NO_OPERATORS
                ):
                    gaps = level[index, 0] - one[2], other[0] - level[index, 2]
                    if texts[index] != "-" or min(gaps) < NEAR_DASH:
                        operators += 1
                        break
    return operators / max(pairs, 1)


def _make_grid(
    units: _Units,
    columns: _Columns,
    level: np.ndarray,
    texts: list[str],
    lines: layout.Lines,
    slope: float,
    unit: float,
) -> Grid:
    """Number rows and columns, place the symbols in them, and draw lines between them."""
    places = np.full((len(level), 2), -1)
    inside = columns.columns >= 0
    rows = np.unique(units.rows[inside], return_inverse=True)[1]
    kept = units[inside]
    for row, column, indices in zip(rows, columns.columns[inside], kept.indices, strict=True):
        places[indices] = row, column
    middles = level.reshape(-1, 2, 2).mean(axis=1)
    for line in lines:
        members = list(itertools.chain(*line))
        placed = [index for index in members if places[index, 0] >= 0]
        for part in line:
            if placed and len(part) == 1 and texts[part[0]]:
                x, y = middles[part[0]]
                nearest = placed[int(abs(middles[placed, 0] - x).argmin())]
                column = int((x - columns.shear * y > columns.borders).sum())
                places[part[0]] = places[nearest, 0], column
    count = int(rows.max()) + 1
    boxes = kept.boxes
    top, bottom = boxes[:, 1].min(), boxes[:, 3].max()
    left, right = boxes[:, 0].min(), boxes[:, 2].max()
    between = [
        (boxes[rows == row, 3].mean() + boxes[rows == row + 1, 1].mean()) / 2
        for row in range(count - 1)
    ]
    row_lines = np.array([[left, y, right, y] for y in between]).reshape(-1, 4)
    column_lines = np.array(
        [
            [x + columns.shear * top, top, x + columns.shear * bottom, bottom]
            for x in columns.borders
        ]
    )
    turned = [_turn_ends(ends * unit, -slope) for ends in (row_lines, column_lines)]
    return Grid(places, (count, len(columns.borders) + 1), Rules(*turned), is_ruled=False)


def _turn_ends(lines: np.ndarray, angle: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (lines.reshape(-1, 2) @ turn).reshape(-1, 4)
