"""Adds rules of a table that are not seen: of a sudoku, and between rows of numbers."""

from __future__ import annotations

import dataclasses

import numpy as np

from digits.reading import layout
from digits.reading.rules import Rules, interpolate

# A grid of so many squares each way is complete where so many of its rules each way are not seen;
# its cells are by this share of the usual one at most wider or narrower.
SUDOKU, MAX_MISSING, OFF_SQUARE = 9, 4, 0.2
# A rule between two rows of numbers was not seen if this share of the columns that have numbers
# between the rules above and below has them in several rows. Rows have numbers in this share of
# these columns at least, and are so many digit heights from each other.
MIN_STACKED, MIN_ROW_SHARE, MIN_ROW_STEP = 0.5, 0.3, 0.6


def complete_sudoku(rules: Rules) -> Rules:
    """Add rules of a sudoku that are not seen between others; other rules are not changed."""
    rows, columns = _fill_in(rules.rows, 1), _fill_in(rules.columns, 0)
    if len(rows) != len(columns) or len(rows) != SUDOKU + 1:
        return rules
    return Rules(rows, columns)


def _fill_in(lines: np.ndarray, axis: int) -> np.ndarray:
    """Add lines where the next one is about two or more times as far as others are."""
    if len(lines) < SUDOKU + 1 - MAX_MISSING:
        return lines
    steps = np.diff(lines[:, [axis, axis + 2]].mean(axis=1))
    pitch = steps.sum() / max(round(steps.sum() / np.median(steps)), 1)
    counts = np.round(steps / pitch).astype(int)
    if (counts < 1).any() or (abs(steps / counts - pitch) > OFF_SQUARE * pitch).any():
        return lines
    filled = [
        before + (after - before) * share / count
        for before, after, count in zip(lines, lines[1:], counts, strict=False)
        for share in range(count)
    ]
    return np.array([*filled, lines[-1]])


def add_between_rows(rules: Rules, boxes: np.ndarray, digit_height: float) -> Rules:
    """Add rules between rows of digits that stand above each other between the same two rules.

    Args:
        rules: of a table, of which those of columns are at least one.
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels of the digits in the
            table.
        digit_height: pixels, of a usual digit.

    Returns:
        The rules, with one in the middle between two such rows, parallel to the rule above.
    """
    cells = rules.locate((boxes[:, :2] + boxes[:, 2:]) / 2)
    ends = rules.columns[:, [0, 2]].min(), rules.columns[:, [0, 2]].max()
    level_rule = np.array([ends[0], 0.0, ends[1], 0.0])
    added = [rules.rows]
    for above in np.unique(cells[:, 0]):
        here = cells[:, 0] == above
        rule = rules.rows[max(above - 1, 0)] if len(rules.rows) else level_rule
        downs = _find_rows(boxes[here], cells[here, 1], rule, digit_height)
        for middle in (downs[:-1] + downs[1:]) / 2:
            added.append((rule + np.array([0, middle, 0, middle]))[None])
    rows = np.concatenate(added)
    return dataclasses.replace(rules, rows=rows[np.argsort(rows[:, [1, 3]].mean(axis=1))])


def _find_rows(
    boxes: np.ndarray, columns: np.ndarray, rule: np.ndarray, digit_height: float
) -> np.ndarray:
    """Find rows of digits between two rules: how many pixels below a rule each is.

    Returns:
        float array of shape (number of rows,), increasing; empty where most columns have one row.
    """
    level = boxes.copy()
    level[:, [1, 3]] -= interpolate(rule[None], boxes[:, [0, 2]].mean(axis=1)).T
    middles = level[:, [1, 3]].mean(axis=1)
    rows: list[list[int]] = []
    for row in layout.group_rows(level, 0.0):
        # A row that wanders is found in parts.
        if rows and middles[row].mean() - middles[rows[-1]].mean() < MIN_ROW_STEP * digit_height:
            rows[-1] += row
        else:
            rows.append(row)
    num_columns = len(np.unique(columns))
    rows = [row for row in rows if len(np.unique(columns[row])) >= MIN_ROW_SHARE * num_columns]
    filled = [column for row in rows for column in np.unique(columns[row])]
    is_stacked = np.unique(filled, return_counts=True)[1] > 1
    # The edges of the paper around a note make one column.
    if num_columns < 2 or is_stacked.sum() < MIN_STACKED * num_columns:
        return np.zeros(0)
    return np.array([middles[row].mean() for row in rows])
