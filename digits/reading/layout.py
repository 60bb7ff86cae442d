"""Arranges digits on a page in lines and numbers, in reading order."""

import itertools
from collections.abc import Callable

import numpy as np

MAX_SLOPE = 45  # degrees
FARTHEST_NEIGHBOUR = 3.5  # digit heights
WIDEST_INSIDE = 3.0  # digit heights: no number has a wider gap inside
WIDEST_SPACE = 1.5  # digit heights, between the numbers of a line

# Lines in reading order, each a list of numbers, each a list of indices of digits.
Lines = list[list[list[int]]]


def measure_slope(centres: np.ndarray, heights: np.ndarray) -> float:
    """Measure by how much lines of digits slant: the angle at which their rows are sharpest.

    Args:
        centres: float array of shape (n, 2), x and y of each digit in pixels.
        heights: float array of shape (n,), in pixels.

    Returns:
        Angle in radians, positive where lines go down to the right, within 45 degrees.
    """
    if len(centres) < 2:
        return 0.0
    across, down = np.moveaxis(centres[:, None] - centres, 2, 0)
    mean_height = (heights[:, None] + heights) / 2
    apart = np.hypot(across, down) / mean_height
    # The nearest digits count most; distant ones, in other rows and numbers, do not count.
    weights = np.exp(-apart) * (apart < FARTHEST_NEIGHBOUR)
    np.fill_diagonal(weights, 0)
    angles = np.radians(np.arange(-MAX_SLOPE, MAX_SLOPE + 1))
    sharpness = []
    for angle in angles:
        off_row = (down * np.cos(angle) - across * np.sin(angle)) / mean_height
        together = (weights * np.exp(-0.5 * (off_row / 0.3) ** 2)).sum()
        # Slightly in favour of level lines: a grid of digits has rows in many directions.
        sharpness.append(together / max(weights.sum(), 1e-9) - 0.15 * abs(angle))
    return float(angles[np.argmax(sharpness)])


def measure_rows(boxes: np.ndarray) -> float:
    """Measure how many digits stand in rows, as they are written, rather than in columns.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        Share of the digits whose nearest one is beside them, not above or below; 0.5 if there are
        fewer than two digits.
    """
    if len(boxes) < 2:
        return 0.5
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    apart = np.abs(middles[:, None] - middles)
    distances = np.hypot(*np.moveaxis(apart, 2, 0))
    np.fill_diagonal(distances, np.inf)
    across, down = apart[np.arange(len(boxes)), distances.argmin(axis=1)].T
    return float((across > down).mean())


def group_rows(boxes: np.ndarray) -> list[list[int]]:
    """Group digits into rows.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        Rows from top to bottom, each a list of indices of its digits from left to right.
    """
    if not len(boxes):
        return []
    sizes = boxes[:, 2:] - boxes[:, :2]
    heights = np.maximum(sizes[:, 1], 0.6 * sizes[:, 0])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    angle = measure_slope(centres, heights)
    across = centres @ [np.cos(angle), np.sin(angle)]
    down = centres @ [-np.sin(angle), np.cos(angle)]
    rows: list[list[int]] = []
    for index in np.argsort(across, kind="stable"):
        best_row, best_distance = None, 0.55
        for row in rows:
            # From the last digit, since lines bend, or from the mean of the last few, since digits
            # stand now higher and now lower.
            places = down[row[-1]], down[row[-4:]].mean()
            height = max(heights[index], heights[row[-1]])
            distance = min(abs(down[index] - place) for place in places) / height
            if distance < best_distance:
                best_row, best_distance = row, distance
        if best_row is None:
            rows.append([int(index)])
        else:
            best_row.append(int(index))
    return sorted(rows, key=lambda row: down[row].mean())


def make_lines(boxes: np.ndarray) -> Lines:
    """Arrange digits in lines, and the digits of a line in numbers.

    Numbers that are far apart in a row are lines of their own, unless numbers stand in columns.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        The lines in reading order.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    height = np.median(boxes[:, 3] - boxes[:, 1]) if len(boxes) else 1.0
    rows = group_rows(boxes)

    def measure_gap(one: int, other: int) -> float:
        sizes = boxes[[one, other], 2:] - boxes[[one, other], :2]
        apart = np.abs(boxes[other] - boxes[one]).reshape(2, 2).mean(axis=0)
        # Distance along the line between their middles, minus the width of the digits on it.
        steepness = min(1.0, apart[0] / max(apart[1], 1e-9))
        return float((np.hypot(*apart) - steepness * sizes[:, 0].mean()) / height)

    gaps = [measure_gap(*pair) for row in rows for pair in itertools.pairwise(row)]
    widest_inside = _measure_widest_inside(gaps)
    split = [_split(row, measure_gap, widest_inside) for row in rows]
    if _stand_in_columns(boxes, split, height):
        return split
    lines: Lines = []
    for numbers in split:
        lines.append([numbers[0]])
        for one, other in itertools.pairwise(numbers):
            if measure_gap(one[-1], other[0]) > WIDEST_SPACE:
                lines.append([])
            lines[-1].append(other)
    return lines


def _split(
    row: list[int], measure_gap: Callable[[int, int], float], widest_inside: float
) -> list[list[int]]:
    """Split a row into numbers where a gap is wider than gaps inside numbers are."""
    numbers = [[row[0]]]
    for one, other in itertools.pairwise(row):
        if measure_gap(one, other) > widest_inside:
            numbers.append([])
        numbers[-1].append(other)
    return numbers


def _stand_in_columns(boxes: np.ndarray, rows: Lines, height: float) -> bool:
    """Whether most numbers have one in another row above or below them, as in a table."""
    middles = [[boxes[number][:, [0, 2]].mean() for number in row] for row in rows]
    aligned = []
    for index, row in enumerate(middles):
        others = np.array([x for other in middles[:index] + middles[index + 1 :] for x in other])
        aligned += [bool((abs(others - middle) < 0.6 * height).any()) for middle in row]
    return len(rows) > 1 and bool(np.mean(aligned) > 0.6)


def _measure_widest_inside(gaps: list[float]) -> float:
    """Width in digit heights between the narrow gaps, inside numbers, and the wide ones."""
    ordered = np.sort(np.clip(gaps, 0, WIDEST_INSIDE))
    best = WIDEST_INSIDE
    widest_step = 0.25
    for count in range(1, len(ordered)):
        narrow, wide = ordered[count - 1], ordered[count]
        if wide - narrow > widest_step and wide > max(0.7, 2 * ordered[:count].mean()):
            best, widest_step = float((narrow + wide) / 2), float(wide - narrow)
    return best
