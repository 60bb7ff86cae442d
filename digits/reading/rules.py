"""Finds the rules of a table: the lines, printed or drawn, between its rows and columns."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

# The page is scaled so that its digits are about so tall, if they are smaller or larger: thin rules
# vanish when they are shrunk.
SMALLEST_DIGIT, LARGEST_DIGIT = 24.0, 48.0  # pixels
MAX_PIXELS = 2_500_000  # of the scaled page
# In heights of a digit: over how much brightness is averaged, as ink is darker than this mean; how
# long a piece of a rule is at least; between two ridges; standard deviation of a piece from a
# straight line at most; and between two pieces of one rule at most.
LOCAL, SHORTEST, RIDGE, MAX_BEND, SAME_RULE = 1.3, 1.7, 0.35, 0.17, 0.37
MIN_FILLED = 0.75  # share of a piece with ink
MIN_COVERED = 0.4  # share of a rule's length, from its first piece to its last, with pieces
MIN_LENGTH = 0.35  # of the longest rule in its direction
# The rules of a table do not meet others of their direction, the edge of a shadow or of the paper
# does: it is nearer to one than so many digit heights, and its slope differs by so much from the
# median of at least three.
MEETING, MIN_SLANT = 0.7, 0.14
THICKEST_RULE = 0.12  # digit heights
MIN_DARKNESS = 0.4  # of what is written, as a share of the darkest of a usual symbol
# Digit heights that a rule is seen to extend: strokes that the page's edge cuts off are shorter.
MIN_EXTENT = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
    """Rules of a table, as straight lines across the page.

    Attributes:
        rows: float array of shape (m, 4), from top to bottom: x and y of the left and the right end
            of each, in pixels of the page.
        columns: float array of shape (n, 4), from left to right: x and y of the top and the bottom
            end of each.
        short_rows: as `rows`, lines that are too short for the rules of a table beside these.
    """

    rows: np.ndarray
    columns: np.ndarray
    short_rows: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 4)))

    def locate(self, points: np.ndarray) -> np.ndarray:
        """Tell between which rules points are.

        Args:
            points: float array of shape (k, 2), x and y in pixels.

        Returns:
            Integers of shape (k, 2): how many of the rules of rows are above each, and how many of
            those of columns are to its left.
        """
        return self.locate_merged(points, np.inf)

    def locate_merged(self, points: np.ndarray, beyond: float) -> np.ndarray:
        """Tell between which rules points are, where rules end at merged cells.

        Args:
            points: float array of shape (k, 2), x and y in pixels.
            beyond: pixels beyond its ends that a rule still bounds.

        Returns:
            Integers of shape (k, 2), as those of `locate`, but of the rules that bound each point:
            the same for two points in one row that no rule of a column separates.
        """
        x, y = points.T
        across = self.columns[:, [1, 0, 3, 2]]
        above = _bound(self.rows, x, beyond) & (interpolate(self.rows, x) < y)
        left = _bound(across, y, beyond) & (interpolate(across, y) < x)
        return np.stack([above.sum(axis=0), left.sum(axis=0)], axis=1)

    def are_enclosed(self, cells: np.ndarray) -> np.ndarray:
        """Tell which cells have rules on all sides.

        Args:
            cells: integers of shape (k, 2), as `locate` returns.

        Returns:
            bool array of shape (k,).
        """
        return np.all((cells > 0) & (cells < [len(self.rows), len(self.columns)]), axis=1)


NO_RULES = Rules(np.zeros((0, 4)), np.zeros((0, 4)))


def find_rules(page: np.ndarray, digit_height: float) -> Rules:
    """Find the rules of tables on a page, also faint, broken and slanted ones.

    Ink that is straight for longer than any stroke of a digit is a piece of a rule; pieces in one
    line are one rule.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        digit_height: pixels, of a usual digit on it.

    Returns:
        The rules; none in a direction are an array of shape (0, 4).
    """
    mask, scale = find_ink(page, digit_height)
    unit = digit_height * scale
    rows, short_rows = _find_lines(mask, unit)
    columns, _ = _find_lines(mask.T, unit)
    return Rules(rows / scale, columns[:, [1, 0, 3, 2]] / scale, short_rows / scale)


def find_ink(page: np.ndarray, digit_height: float) -> tuple[np.ndarray, float]:
    """Find ink, of faint rules too, on a page that is scaled so that digits have a usual size.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        digit_height: pixels, of a usual digit on it.

    Returns:
        bool array of the shape of the scaled page, and by how much it was scaled.
    """
    scale = float(np.clip(1.0, SMALLEST_DIGIT / digit_height, LARGEST_DIGIT / digit_height))
    scale = min(scale, np.sqrt(MAX_PIXELS / page.size), 3.0)
    shape = [max(1, round(side * scale)) for side in page.shape]
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(page).resize(shape[::-1], method))
    return separate_ink(scaled, digit_height * scale), scale


def separate_ink(page: np.ndarray, digit_height: float) -> np.ndarray:
    """Separate ink from paper: it is darker than the mean around it, by more than noise is.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        digit_height: pixels, of a usual digit on it.

    Returns:
        bool array of shape (height, width).
    """
    darkness = measure_darkness(page, digit_height)
    noise = 1.48 * np.median(np.abs(darkness))
    return darkness > max(1.5 * noise, 0.015)


def measure_darkness(page: np.ndarray, digit_height: float) -> np.ndarray:
    """Measure by how much pixels are darker than the mean around them.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        digit_height: pixels, of a usual digit on it: the mean is over 1.3 of it.

    Returns:
        float32 array of shape (height, width), negative for lighter pixels.
    """
    size = max(1, round(LOCAL * digit_height))
    return ndimage.uniform_filter(page, size, mode="nearest") - page


def separate_writing(
    page: np.ndarray, rules: Rules, boxes: np.ndarray, digit_height: float
) -> np.ndarray:
    """Separate what is written from the paper and from rules.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: on it.
        boxes: float array of shape (n, 4): left, top, right, bottom of digits and signs, in pixels,
            n at least 1; what is far fainter than a usual one of them is left out.
        digit_height: pixels, of a usual digit.

    Returns:
        bool array of shape (height, width).
    """
    darkness = measure_darkness(page, digit_height)
    usual = np.median([cut_box(darkness, box).max(initial=0) for box in boxes])
    ink = separate_ink(page, digit_height) & (darkness > MIN_DARKNESS * usual)
    return ink & ~draw_rules(rules, page.shape, THICKEST_RULE * digit_height)


def draw_rules(rules: Rules, shape: tuple[int, ...], thickness: float) -> np.ndarray:
    """Draw rules.

    Args:
        rules: in pixels.
        shape: (height, width) of the page in pixels.
        thickness: of the lines, in pixels.

    Returns:
        bool array of that shape.
    """
    thickness = max(1, round(thickness))
    drawn = np.zeros(shape, bool)
    _draw_across(drawn, rules.rows, thickness)
    _draw_across(drawn.T, rules.columns[:, [1, 0, 3, 2]], thickness)
    return drawn


def _draw_across(drawn: np.ndarray, lines: np.ndarray, thickness: int) -> None:
    """Draw lines that are about level, to a part of a pixel, which Pillow does not."""
    height, width = drawn.shape
    for left, y, right, y_right in lines:
        slope = (y_right - y) / max(right - left, 1e-9)
        first, last = max(0, int(np.floor(left + 0.5))), min(width - 1, int(np.floor(right + 0.5)))
        columns = np.arange(first, last + 1)
        middles = y + (columns - left) * slope
        reach = thickness / 2 * np.hypot(1, slope)
        starts = np.ceil(middles - reach).astype(int)
        for step in range(int(np.ceil(2 * reach)) + 1):
            rows = starts + step
            is_on = (rows < middles + reach) & (rows >= 0) & (rows < height)
            drawn[rows[is_on], columns[is_on]] = True


def cut_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a box out of an image, as a view of it.

    Args:
        image: array of shape (height, width).
        box: float array of shape (4,): left, top, right, bottom in pixels.

    Returns:
        Array of the part of the box that is on the image; it may be empty.
    """
    left, top, right, bottom = np.maximum(0, np.round(box)).astype(int)
    return image[top:bottom, left:right]


def _find_lines(mask: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Find lines that are about level: (left, y there, right, y there) each, from top to bottom.

    Returns:
        Two arrays of shape (n, 4): the long ones, and those that are too short beside them.
    """
    length = round(SHORTEST * unit)
    thick = ndimage.binary_dilation(mask, np.ones((3, 1))).astype(np.float32)
    filled = ndimage.uniform_filter1d(thick, length, axis=1)
    strength = ndimage.gaussian_filter1d(
        ndimage.uniform_filter1d(mask.astype(np.float32), length, axis=1), 1.0, axis=0
    )
    # A ridge one pixel wide, so that rules that are crossed by others do not hang together.
    highest = ndimage.maximum_filter1d(strength, round(RIDGE * unit), axis=0)
    ridge = (filled > MIN_FILLED) & (strength == highest)
    labels, count = ndimage.label(ndimage.binary_dilation(ridge, np.ones((1, 5))), np.ones((3, 3)))
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    for part in ndimage.find_objects(labels, count):
        number = len(pieces) + 1
        y, x = np.nonzero(labels[part] == number)
        pieces.append((x + part[1].start, y + part[0].start))
    straight = [piece for piece in pieces if _measure_bend(*piece) < MAX_BEND * unit]
    straight.sort(key=lambda piece: -np.ptp(piece[0]))
    return _join(straight, unit)


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Fit a line: its slope and its height at x = 0."""
    middle = x.mean()
    slope = ((x - middle) * (y - y.mean())).sum() / max(((x - middle) ** 2).sum(), 1e-9)
    return float(slope), float(y.mean() - slope * middle)


def _measure_bend(x: np.ndarray, y: np.ndarray) -> float:
    slope, start = _fit(x, y)
    return float(np.std(y - slope * x - start))


def _join(
    pieces: list[tuple[np.ndarray, np.ndarray]], unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Join the pieces of each rule, the longest first; returns long and short rules."""
    rules: list[list[np.ndarray]] = []
    for x, y in pieces:
        for rule in rules:
            slope, start = _fit(rule[0], rule[1])
            if abs(np.mean(y - slope * x - start)) < SAME_RULE * unit:
                rule[0], rule[1] = np.append(rule[0], x), np.append(rule[1], y)
                break
        else:
            rules.append([x, y])
    lines, covered = [], []
    for x, y in rules:
        slope, start = _fit(x, y)
        lines.append((x.min(), slope * x.min() + start, x.max(), slope * x.max() + start))
        covered.append(len(np.unique(x)) / (np.ptp(x) + 1))
    found = np.array(lines, float).reshape(-1, 4)
    lengths = found[:, 2] - found[:, 0]
    found = found[(np.array(covered) > MIN_COVERED) & (lengths > MIN_EXTENT * unit)]
    found = found[np.argsort(found[:, [1, 3]].mean(axis=1))]
    found = found[~_are_edges(found, unit)]
    lengths = found[:, 2] - found[:, 0]
    is_long = lengths > MIN_LENGTH * lengths.max(initial=0)
    return found[is_long], found[~is_long]


def _are_edges(lines: np.ndarray, unit: float) -> np.ndarray:
    """Tell which of lines of shape (n, 4) are edges of a shadow or of the paper."""
    if len(lines) < 3:
        return np.zeros(len(lines), bool)
    left, top, right, bottom = lines.T
    slopes = (bottom - top) / (right - left)
    is_slanted = abs(slopes - np.median(slopes)) > MIN_SLANT
    starts, ends = np.maximum(left[:, None], left), np.minimum(right[:, None], right)
    intercepts = top - slopes * left
    apart = [
        (slopes[:, None] - slopes) * x + intercepts[:, None] - intercepts for x in (starts, ends)
    ]
    meets = (apart[0] * apart[1] < 0) | (np.abs(apart).min(axis=0) < MEETING * unit)
    return is_slanted & (meets & (starts < ends) & ~is_slanted).any(axis=1)


def _bound(lines: np.ndarray, x: np.ndarray, beyond: float) -> np.ndarray:
    """Whether each of lines of shape (n, 4) reaches each x, or ends so many pixels before."""
    return (lines[:, :1] - beyond < x) & (x < lines[:, 2:3] + beyond)


def interpolate(lines: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolate lines, extended at both ends.

    Args:
        lines: float array of shape (n, 4): x and y of both ends of each.
        x: float array of shape (k,).

    Returns:
        float array of shape (n, k): y of each line at each x.
    """
    left, top, right, bottom = lines.T[..., None]
    return top + (x - left) * (bottom - top) / np.maximum(right - left, 1e-9)
