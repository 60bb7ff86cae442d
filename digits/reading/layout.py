"""Arranges digits and signs on a page in lines and numbers, in reading order."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

MAX_SLOPE = 45  # degrees
FARTHEST_NEIGHBOUR = 3.5  # digit heights
WIDEST_INSIDE = 3.0  # digit heights: no number has a wider gap inside
WIDEST_SPACE = 1.5  # digit heights, between the numbers of a line
# Digits are scattered on a page, rather than in lines, if most that are further than the first from
# the next in their row are higher or lower by more than the second, or if none stands above another
# and they are off the straight line that fits best by more than the third, all in digit heights.
APART, OFF_LINE, OFF_BEST_LINE = 0.5, 0.35, 0.3
# Digit heights between a sign and the digit that it belongs to: of a sign inside a number, as in
# "3.75" and "08:45"; of a percent sign; of a minus or plus before a number; of a point that starts
# one, as in ".5".
WIDEST_BESIDE = 0.6
WIDEST_BEFORE_PERCENT = 0.8
WIDEST_AFTER_PREFIX = 0.9
WIDEST_AFTER_POINT = 0.4
# A minus or plus after a number belongs to the next one if it is so many digit heights from the
# former, and so many times as far from it as from the latter.
FAR_BEFORE_PREFIX, TIMES_BEFORE_PREFIX = 0.7, 3.0

# Lines in reading order, each a list of parts, each a list of indices of symbols: a number of at
# least one digit, or a single sign.
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
    np.fill_diagonal(apart, np.inf)
    # The nearest digits count most; distant ones, in other rows and numbers, do not count.
    near = apart < FARTHEST_NEIGHBOUR
    across, down, mean_height = across[near], down[near], mean_height[near]
    weights = np.exp(-apart[near])
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


def measure_page_slope(boxes: np.ndarray) -> float:
    """Measure by how much lines of digits slant, from the digits' boxes.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        As `measure_slope`.
    """
    return measure_slope((boxes[:, :2] + boxes[:, 2:]) / 2, _measure_heights(boxes))


def measure_offsets(
    sign_boxes: np.ndarray, digit_boxes: np.ndarray, slope: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure where signs are relative to digits.

    Args:
        sign_boxes: float array of shape (m, 4): left, top, right, bottom in pixels.
        digit_boxes: float array of shape (n, 4).
        slope: radians by which lines of digits go down to the right.

    Returns:
        Three float arrays of shape (m, n): gap along the row between sign and digit, in heights of
        the digit; -1 where the digit is to the left of the sign, 1 where it is to its right; and
        by how much the sign's middle is below the digit's, in heights of the digit.
    """
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (sign_boxes, digit_boxes)]
    widths = [boxes[:, 2] - boxes[:, 0] for boxes in (sign_boxes, digit_boxes)]
    heights = digit_boxes[:, 3] - digit_boxes[:, 1]
    across, down = np.moveaxis(middles[1] - middles[0][:, None], 2, 0)
    along = across * np.cos(slope) + down * np.sin(slope)
    off_row = across * np.sin(slope) - down * np.cos(slope)
    gaps = (abs(along) - (widths[0][:, None] + widths[1]) / 2) / heights
    return gaps, np.where(along < 0, -1.0, 1.0), off_row / heights


def group_rows(boxes: np.ndarray, slope: float | None = None) -> list[list[int]]:
    """Group digits into rows.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.
        slope: radians by which rows go down to the right; None to measure it.

    Returns:
        Rows from top to bottom, each a list of indices of its digits from left to right.
    """
    if not len(boxes):
        return []
    angle = measure_page_slope(boxes) if slope is None else slope
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    across = centres @ [np.cos(angle), np.sin(angle)]
    # Lists: NumPy takes longer for single numbers.
    down = (centres @ [-np.sin(angle), np.cos(angle)]).tolist()
    heights = _measure_heights(boxes).tolist()
    rows: list[list[int]] = []
    for index in np.argsort(across, kind="stable").tolist():
        best_row, best_distance = None, 0.55
        for row in rows:
            # From the last digit, since lines bend, or from the mean of the last few, since digits
            # stand now higher and now lower.
            last = [down[place] for place in row[-4:]]
            places = last[-1], sum(last) / len(last)
            height = max(heights[index], heights[row[-1]])
            distance = min(abs(down[index] - place) for place in places) / height
            if distance < best_distance:
                best_row, best_distance = row, distance
        if best_row is None:
            rows.append([index])
        else:
            best_row.append(index)
    return sorted(rows, key=lambda row: np.mean([down[index] for index in row]))


def make_lines(
    boxes: np.ndarray,
    signs: Sequence[str] = (),
    sign_boxes: np.ndarray | None = None,
    slope: float | None = None,
    places: np.ndarray | None = None,
    box_rows: np.ndarray | None = None,
) -> Lines:
    """Arrange digits and signs in lines, and those of a line in numbers and signs between them.

    Numbers that are far apart in a row are lines of their own, unless numbers stand in columns.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels.
        signs: which sign each of m signs is, none if there are no digits.
        sign_boxes: float array of shape (m, 4); None if there are no signs.
        slope: radians by which lines go down to the right; None to measure it.
        places: integers of shape (n + m, 2): row and column in a table of each digit and sign, -1
            outside; None if there is no table. A cell's digits are one number, and none reaches
            into another cell.
        box_rows: integers of shape (n + m,): in which row of boxes for a digit each every one is,
            -1 in none; None if there are no boxes. What is in such a row is one number.

    Returns:
        The lines in reading order. Indices from n on are those of signs.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    if not len(boxes):
        return []
    if slope is None:
        slope = measure_page_slope(boxes)
    height = np.median(boxes[:, 3] - boxes[:, 1])
    in_boxes = np.full(len(boxes) + len(signs), -1) if box_rows is None else box_rows
    rows = _split_scattered(group_rows(boxes, slope), boxes, slope, in_boxes)
    if places is not None:
        rows = _group_by_table(rows, boxes, places[: len(boxes), 0])
    texts = [""] * len(boxes) + list(signs)
    if len(signs) and sign_boxes is not None:
        rows = _insert_signs(rows, boxes, sign_boxes, slope)
        boxes = np.concatenate([boxes, sign_boxes])

    def measure_gap(one: int, other: int) -> float:
        width = (boxes[[one, other], 2] - boxes[[one, other], 0]).mean()
        offsets = (boxes[other] - boxes[one]).reshape(2, 2)
        if texts[one] or texts[other]:  # signs stand higher or lower than digits
            along = offsets.mean(axis=0) @ [np.cos(slope), np.sin(slope)]
            return float((along - width) / height)
        apart = np.abs(offsets).mean(axis=0)
        # Distance along the line between their middles, minus the width of the digits on it.
        steepness = min(1.0, apart[0] / max(apart[1], 1e-9))
        return float((np.hypot(*apart) - steepness * width) / height)

    def has_digits(parts: list[list[int]]) -> bool:
        return any(texts[index] == "" for part in parts for index in part)

    pairs = [pair for row in rows for pair in itertools.pairwise(row)]
    between_digits = [pair for pair in pairs if texts[pair[0]] == texts[pair[1]] == ""]
    # Gaps between boxes do not tell how wide they are between others.
    between_digits = [pair for pair in between_digits if (in_boxes[[*pair]] < 0).all()]
    widest_inside = _measure_widest_inside([measure_gap(*pair) for pair in between_digits])

    def measure_limit(one: int, other: int) -> float:
        """Widest gap between two digits of one number."""
        if (in_boxes[[one, other]] >= 0).any():
            return np.inf if in_boxes[one] == in_boxes[other] else -np.inf
        if places is None or (places[[one, other]] < 0).all():
            return widest_inside
        return WIDEST_INSIDE if (places[one] == places[other]).all() else -np.inf

    split = [_split(row, texts, measure_gap, measure_limit, in_boxes) for row in rows]
    if _stand_in_columns(boxes, texts, split, height):
        return split if places is None else _split_at_empty_columns(split, places)
    lines: Lines = []
    for parts in split:
        lines.append([parts[0]])
        for one, other in itertools.pairwise(parts):
            if measure_gap(one[-1], other[0]) > WIDEST_SPACE and has_digits(lines[-1]):
                lines.append([])
            lines[-1].append(other)
        if not has_digits(lines[-1]):
            lines[-2:] = [lines[-2] + lines[-1]]
    return lines


def _group_by_table(
    rows: list[list[int]], boxes: np.ndarray, table_rows: np.ndarray
) -> list[list[int]]:
    """Put the digits of a table's row into one row, whose middle may differ from cell to cell.

    Args:
        rows: of the page's digits.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit in pixels.
        table_rows: integers of shape (n,): row of the table in which each digit is, -1 outside.

    Returns:
        Rows from top to bottom.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    grouped: dict[int, list[int]] = {}
    made: list[list[int]] = []
    for row in rows:
        inside = [index for index in row if table_rows[index] >= 0]
        if not inside:
            made.append(row)
        for index in row if inside else ():
            # What stands beside the table belongs to the row of the nearest digit in it.
            apart = abs(middles[inside, 0] - middles[index, 0])
            nearest = inside[int(apart.argmin())]
            grouped.setdefault(int(table_rows[nearest]), []).append(index)
    made += [sorted(row, key=lambda index: middles[index, 0]) for row in grouped.values()]
    return sorted(made, key=lambda row: middles[row, 1].mean())


def _split_scattered(
    rows: list[list[int]], boxes: np.ndarray, slope: float, in_boxes: np.ndarray
) -> list[list[int]]:
    """Split rows between digits that are apart, if digits are scattered on the page."""
    heights = _measure_heights(boxes)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    across, down = (
        middles @ [np.cos(slope), np.sin(slope)],
        middles @ [-np.sin(slope), np.cos(slope)],
    )

    def are_apart(one: int, other: int) -> bool:
        if in_boxes[one] == in_boxes[other] >= 0:
            return False
        width = (boxes[[one, other], 2] - boxes[[one, other], 0]).mean()
        return bool(across[other] - across[one] - width > APART * heights[[one, other]].mean())

    steps = [
        abs(down[one] - down[other]) / heights[[one, other]].mean()
        for row in rows
        for one, other in itertools.pairwise(row)
        if are_apart(one, other)
    ]
    is_off = bool(steps) and np.median(steps) > OFF_LINE
    if not is_off and _measure_off_best_line(boxes) < OFF_BEST_LINE:
        return rows
    split: list[list[int]] = []
    for row in rows:
        split.append(row[:1])
        for one, other in itertools.pairwise(row):
            if are_apart(one, other):
                split.append([])
            split[-1].append(other)
    return split


def _measure_off_best_line(boxes: np.ndarray) -> float:
    """Measure how far digits are from one straight line; 0 if some stand above others.

    Args:
        boxes: float array of shape (n, 4): left, top, right, bottom in pixels.

    Returns:
        Root of the mean square of the distances, in digit heights.
    """
    boxes = boxes[np.argsort(boxes[:, 0])]
    if len(boxes) < 3 or (boxes[1:, 0] < boxes[:-1, 2]).any():
        return 0.0
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
    off = y - np.polyval(np.polyfit(x, y, 1), x)
    return float(np.sqrt((off**2).mean()) / _measure_heights(boxes).mean())


def _measure_heights(boxes: np.ndarray) -> np.ndarray:
    sizes = boxes[:, 2:] - boxes[:, :2]
    return np.maximum(sizes[:, 1], 0.6 * sizes[:, 0])


def _insert_signs(
    rows: list[list[int]], boxes: np.ndarray, sign_boxes: np.ndarray, slope: float
) -> list[list[int]]:
    """Insert each sign into the row of the nearest digit, with indices that follow the digits'."""
    gaps, _, drops = measure_offsets(sign_boxes, boxes, slope)
    nearest = (np.maximum(gaps, 0) + abs(drops)).argmin(axis=1)
    both = np.concatenate([boxes, sign_boxes])
    across = (both[:, :2] + both[:, 2:]) / 2 @ [np.cos(slope), np.sin(slope)]
    return [
        sorted(
            row + [len(boxes) + sign for sign, digit in enumerate(nearest) if digit in row],
            key=lambda index: across[index],
        )
        for row in rows
    ]


def _split(
    row: list[int],
    texts: Sequence[str],
    measure_gap: Callable[[int, int], float],
    measure_limit: Callable[[int, int], float],
    in_boxes: np.ndarray,
) -> list[list[int]]:
    """Split a row into numbers and the signs between them.

    Digits are of one number unless the gap between them is wider than gaps inside numbers are.
    """
    gaps, limits = [np.inf], [-np.inf]
    for pair in itertools.pairwise(row):
        limits.append(measure_limit(*pair))
        gaps.append(measure_gap(*pair) if limits[-1] > -np.inf else np.inf)
    gaps.append(np.inf)
    named = [None, *(texts[index] for index in row), None]
    parts = [[row[0]]]
    for place in range(1, len(row)):
        if in_boxes[row[place - 1]] == in_boxes[row[place]] >= 0:
            is_joined = True
        elif named[place] == named[place + 1] == "":
            is_joined = gaps[place] <= limits[place]
        else:
            is_joined = _belongs_right(named, gaps, place - 1) or _belongs_left(named, gaps, place)
        if not is_joined:
            parts.append([])
        parts[-1].append(row[place])
    return parts


def _belongs_left(named: Sequence[str | None], gaps: Sequence[float], place: int) -> bool:
    """Whether a symbol is a sign that is part of the number to its left.

    Args:
        named: None, the symbols of a row ("" for a digit, else which sign it is), None.
        gaps: before the first symbol, between the symbols and after the last, in digit heights.
        place: of the symbol, counted from 0.
    """
    left, sign, right = named[place : place + 3]
    if sign == "%":
        return left == "" and gaps[place] <= WIDEST_BEFORE_PERCENT
    is_inside = left == right == "" and max(gaps[place : place + 2]) <= WIDEST_BESIDE
    return is_inside and sign in (".", ",", "/", ":")


def _belongs_right(named: Sequence[str | None], gaps: Sequence[float], place: int) -> bool:
    """Whether a symbol is a sign that is part of the number to its right, as `_belongs_left`."""
    left, sign, right = named[place : place + 3]
    gap_left, gap_right = gaps[place : place + 2]
    if sign in ("-", "+") and right in ("", ".", ","):
        if left not in ("", ")", "%"):
            return gap_right <= WIDEST_AFTER_PREFIX
        is_far = gap_left >= max(FAR_BEFORE_PREFIX, TIMES_BEFORE_PREFIX * gap_right)
        return is_far and gap_right <= WIDEST_BESIDE
    starts_number = sign in (".", ",") and (left != "" or gap_left > WIDEST_BESIDE)
    if starts_number and right == "":
        return gap_right <= WIDEST_AFTER_POINT
    return sign != "%" and _belongs_left(named, gaps, place)


def _stand_in_columns(boxes: np.ndarray, texts: Sequence[str], rows: Lines, height: float) -> bool:
    """Whether most numbers have one in another row above or below them, as in a table."""
    middles = [
        [boxes[part][:, [0, 2]].mean() for part in row if any(not texts[index] for index in part)]
        for row in rows
    ]
    aligned = []
    for index, row in enumerate(middles):
        others = np.array([x for other in middles[:index] + middles[index + 1 :] for x in other])
        aligned += [bool((abs(others - middle) < 0.6 * height).any()) for middle in row]
    return len(rows) > 1 and bool(np.mean(aligned) > 0.6)


def _split_at_empty_columns(rows: Lines, places: np.ndarray) -> Lines:
    """Split rows between two tables beside each other, with an empty column between them.

    A single filled column beside an empty one, such as totals, is no table of its own.
    """
    filled = np.unique(places[places[:, 1] >= 0, 1])
    blocks = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1)
    ends = {
        int(left[-1])
        for left, right in itertools.pairwise(blocks)
        if min(len(left), len(right)) > 1
    }
    lines: Lines = []
    for row in rows:
        lines.append([row[0]])
        for one, other in itertools.pairwise(row):
            before, after = places[one[-1], 1], places[other[0], 1]
            if before >= 0 and any(before <= end < after for end in ends):
                lines.append([])
            lines[-1].append(other)
    return lines


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
