"""Finds tables: which row and column of a grid of rules each symbol on a page stands in."""

from __future__ import annotations

import dataclasses

import numpy as np

from digits.reading import unseen_rules
from digits.reading.rules import Rules, interpolate

MIN_PITCH = 0.7  # digit heights between two rules: nearer ones are one double rule
# In a table, columns are so many digit heights wide (on squared paper they are not), and at most
# this share of the digits stands on a rule.
MIN_COLUMN, MAX_ON_RULES = 1.25, 0.2
MIN_INSIDE = 0.5  # share of a page's digits that are in its table
MIN_FILLED = 3  # cells
# The side of an empty box looks like a 1 that reaches from one rule to the next: so narrow, and so
# near to both, in its own heights. Some 1s on ruled paper do too, so the sides of boxes must be so
# many, and more than this share of the digits.
WIDEST_SIDE, NEAR_RULE = 0.4, 0.2
MIN_SIDES, MIN_SIDE_SHARE = 4, 0.5
# A sudoku: so many square cells each way at least, all about as large; its rules end at the outer
# ones, or by so many cells beyond or before; its cells are at least so many digit heights wide, and
# hold a digit each, but for this share of the filled ones.
MIN_SQUARES, OFF_FRAME = 4, 0.4
MIN_SQUARE, MAX_SHARED = 1.1, 0.15
# What looks like a 1 is a piece of a rule between columns if it is narrow, so near to the rule and
# so little beyond its ends, in digit heights, and the rule is so many times as long.
ON_RULE, BEYOND_RULE, MIN_RULE = 0.12, 0.5, 2.2
# But 1s above each other make a rule of their own: so narrow, in their own heights, and so near to
# it, in digit heights, they are more than this share of its length.
WIDEST_ONE, OFF_ONES, MAX_ONES = 0.5, 0.2, 0.55


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The rows and columns of a table.

    Attributes:
        places: integers of shape (n, 2): row and column of each symbol, counted from 0; -1 outside
            the table.
        shape: number of rows and of columns.
        rules: between them, in pixels of the page.
        is_ruled: whether they are drawn on it, rather than between numbers that line up.
    """

    places: np.ndarray
    shape: tuple[int, int]
    rules: Rules
    is_ruled: bool = True

    def count_filled(self, num_digits: int) -> int:
        """Count the cells with a digit, of which there are so many before the signs."""
        places = self.places[:num_digits]
        return len(np.unique(places[places[:, 0] >= 0], axis=0))


def are_sides_of_boxes(rules: Rules, boxes: np.ndarray) -> np.ndarray:
    """Tell which detections are no digits but the sides of boxes on a form.

    Args:
        rules: on the page.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels.

    Returns:
        bool array of shape (n,).
    """
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    is_side = sizes[:, 0] < WIDEST_SIDE * sizes[:, 1]
    for edge in (1, 3):
        distances = abs(interpolate(rules.rows, middles[:, 0]) - boxes[:, edge])
        is_side &= distances.min(axis=0, initial=np.inf) < NEAR_RULE * sizes[:, 1]
    return is_side & (is_side.sum() >= max(MIN_SIDES, MIN_SIDE_SHARE * len(boxes)))


def leave_out_ones(rules: Rules, boxes: np.ndarray) -> Rules:
    """Leave out rules between columns that are the strokes of 1s above each other.

    Args:
        rules: on the page.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels, n at
            least 1.
    """
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    across = rules.columns[:, [1, 0, 3, 2]]
    apart = abs(interpolate(across, middles[:, 1]) - middles[:, 0])
    is_one = apart < OFF_ONES * measure_digit_height(boxes)
    is_one &= sizes[:, 0] < WIDEST_ONE * sizes[:, 1]
    starts, ends = (
        np.maximum(across[:, :1], boxes[:, 1]),
        np.minimum(across[:, 2:3], boxes[:, 3]),
    )
    covered = np.where(is_one, np.maximum(ends - starts, 0), 0).sum(axis=1)
    is_kept = covered < MAX_ONES * (across[:, 2] - across[:, 0])
    return dataclasses.replace(rules, columns=rules.columns[is_kept])


def are_pieces_of_rules(rules: Rules, boxes: np.ndarray) -> np.ndarray:
    """Tell which detections are no digits but pieces of the rules between columns.

    Args:
        rules: on the page.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels, n at
            least 1.

    Returns:
        bool array of shape (n,).
    """
    digit_height = measure_digit_height(boxes)
    sizes = boxes[:, 2:] - boxes[:, :2]
    middles = boxes[:, [0, 2]].mean(axis=1)
    across = rules.columns[:, [1, 0, 3, 2]]
    is_on = across[:, 2:3] - across[:, :1] > MIN_RULE * sizes[:, 1]
    margin = BEYOND_RULE * digit_height
    for y in (boxes[:, 1], boxes[:, 3]):
        is_on &= abs(interpolate(across, y) - middles) < ON_RULE * digit_height
        is_on &= (across[:, :1] - margin < y) & (y < across[:, 2:3] + margin)
    return is_on.any(axis=0) & (sizes[:, 0] < WIDEST_SIDE * sizes[:, 1])


def are_in_empty_cells(rules: Rules, boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which detections are in cells between rules in which nothing else is.

    Several of them may be in one cell, as the digits of a number are.

    Args:
        rules: on the page.
        boxes: float array of shape (n, 4): left, top, right, bottom of each in pixels.
        others: float array of shape (m, 4), of what else is on the page.

    Returns:
        bool array of shape (n,).
    """
    cells, filled = (rules.locate((each[:, :2] + each[:, 2:]) / 2) for each in (boxes, others))
    is_filled = (cells[:, None] == filled).all(axis=2).any(axis=1)
    return rules.are_enclosed(cells) & ~is_filled


def measure_digit_height(boxes: np.ndarray) -> float:
    """Measure how tall a usual digit is, from boxes of shape (n, 4), n at least 1, in pixels."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    return float(np.median(np.maximum(sizes[:, 1], 0.6 * sizes[:, 0])))


def find_grid(rules: Rules, boxes: np.ndarray, sign_boxes: np.ndarray) -> Grid | None:
    """Find the table on a page, if digits stand in one with rules.

    Empty rows and columns at its edges are left out, as they may be the margins of the page. A
    sudoku keeps them: its squares are all of one size, and its rules end at the outer ones.

    Args:
        rules: on the page, as `find_rules` finds them.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels.
        sign_boxes: float array of shape (m, 4), of signs.

    Returns:
        The places of digits and signs, in this order, or None where there is no table.
    """
    if len(boxes) < MIN_FILLED:
        return None
    digit_height = measure_digit_height(boxes)
    distance = MIN_PITCH * digit_height
    rules = Rules(_thin_out(rules.rows, 1, distance), _thin_out(rules.columns, 0, distance))
    if not len(rules.columns) or len(rules.rows) + len(rules.columns) < 3:
        return None
    columns = rules.columns[:, [0, 2]].mean(axis=1)
    rules = unseen_rules.complete_sudoku(rules)
    is_sudoku = _is_sudoku(rules, boxes)
    narrowest = (MIN_SQUARE if is_sudoku else MIN_COLUMN) * digit_height
    if len(columns) > 1 and np.median(np.diff(columns)) < narrowest:
        return None
    both = np.concatenate([boxes, sign_boxes])
    middles = (both[:, :2] + both[:, 2:]) / 2
    inside = _is_inside(rules, middles, digit_height)
    on_rules = _are_on_rules(rules, boxes)
    digits_inside = inside[: len(boxes)]
    if digits_inside.mean() < MIN_INSIDE or on_rules[digits_inside].mean() > MAX_ON_RULES:
        return None
    rules = unseen_rules.add_between_rows(rules, boxes[digits_inside], digit_height)
    places = rules.locate(middles)
    filled = places[: len(boxes)][digits_inside]
    if len(np.unique(filled, axis=0)) < MIN_FILLED:
        return None
    first, last = filled.min(axis=0), filled.max(axis=0)
    if is_sudoku:
        first, last = np.array([1, 1]), np.array([len(rules.rows), len(rules.columns)]) - 1
    inside &= ((places >= first) & (places <= last)).all(axis=1)
    places = np.where(inside[:, None], places - first, -1)
    rows, columns = (last - first + 1).tolist()
    return Grid(places, (rows, columns), rules)


def _is_sudoku(rules: Rules, boxes: np.ndarray) -> bool:
    """Whether rules are a closed grid of squares of one size, with a digit in each at most."""
    rows, columns = rules.rows, rules.columns
    if min(len(rows), len(columns)) <= MIN_SQUARES:
        return False
    heights = np.diff(rows[:, [1, 3]].mean(axis=1))
    widths = np.diff(columns[:, [0, 2]].mean(axis=1))
    side = np.median(np.append(heights, widths))
    if (abs(np.append(heights, widths) - side) > unseen_rules.OFF_SQUARE * side).any():
        return False
    # Rules that are cut short may end before the outer ones, but for a stray one none goes on.
    across = columns[:, [1, 0, 3, 2]]
    beyond = [
        interpolate(across[:1], rows[:, 1])[0] - rows[:, 0],
        rows[:, 2] - interpolate(across[-1:], rows[:, 3])[0],
        interpolate(rows[:1], columns[:, 0])[0] - columns[:, 1],
        columns[:, 3] - interpolate(rows[-1:], columns[:, 2])[0],
    ]
    if any(abs(np.sort(ends)[-2]) > OFF_FRAME * side for ends in beyond):
        return False
    places = rules.locate((boxes[:, :2] + boxes[:, 2:]) / 2)
    inside = ((places > 0) & (places < [len(rows), len(columns)])).all(axis=1)
    if not inside.any():
        return False
    _, counts = np.unique(places[inside], axis=0, return_counts=True)
    return bool((counts > 1).mean() <= MAX_SHARED)


def _thin_out(lines: np.ndarray, axis: int, distance: float) -> np.ndarray:
    """Keep one of the rules that are nearer to each other than that."""
    kept: list[np.ndarray] = []
    for line in lines:
        if not kept or (line - kept[-1])[[axis, axis + 2]].mean() >= distance:
            kept.append(line)
    return np.array(kept).reshape(-1, 4)


def _is_inside(rules: Rules, points: np.ndarray, margin: float) -> np.ndarray:
    """Whether points are between the ends of the rules."""
    inside = np.ones(len(points), bool)
    for lines, axis in ((rules.rows, 0), (rules.columns, 1)):
        if len(lines):
            start, end = lines[:, axis].min() - margin, lines[:, axis + 2].max() + margin
            inside &= (points[:, axis] > start) & (points[:, axis] < end)
    return inside


def _are_on_rules(rules: Rules, boxes: np.ndarray) -> np.ndarray:
    """Whether a rule crosses the inner half of digits."""
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return (rules.locate(middles - sizes / 4) != rules.locate(middles + sizes / 4)).any(axis=1)
