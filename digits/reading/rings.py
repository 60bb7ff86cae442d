"""Finds rings around digits and takes them off: on score cards and forms, digits are circled."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from digits.reading.rules import Rules, cut_box, separate_writing
from digits.transforms import to_mnist

# A ring around what is written is looked for among ellipses: their middles and radii, as shares of
# the height of what is within, and the largest ratio of the radii. Chosen, as all below, on
# labelled photos of score cards.
MIDDLES, RADII = np.linspace(-0.2, 0.2, 5), np.linspace(0.5, 1.1, 7)
MAX_RATIO_OF_RADII = 1.6
AROUND = 0.45, 0.42  # least radii, as shares of the width and the height of what is within
POINTS = 48  # of an ellipse, at which ink is looked for
# Share of the points with ink; the second where strokes beside a digit look like parts of a ring.
MIN_INKED, MIN_INKED_WITH_PARTS = 0.85, 0.8
MIN_ON_PAGE = 0.7  # share of the points that are on the page
# Heights of what is within: that a ring may be off an ellipse; and in the box, from its edge, what
# may be ink of a ring.
UNEVEN, OWN_INK = 0.07, 0.04
# As shares of a radius, and of the ink of a part: so near an ellipse, ink belongs to it, and what
# has so much of its ink there is a part of the ring.
NEAR_RING, MIN_ON_RING = 0.25, 0.6
TAKEN_OFF = 0.8  # radii from the middle, from where on ink is taken off
PAPER = 0.7  # quantile of the brightness around a digit that is taken for the paper's
SURROUNDINGS = 1.0  # heights around a box that rings around it are in
STROKES = tuple("1().,/-")  # what parts of a ring look like
CLEAR_STROKE = 0.9  # probability from which on a stroke is no part of a ring
FARTHEST_STROKE = 0.6  # heights of a digit, from its box to a part of the ring around it

# The same where a box holds the ring too. Distances from the middle are shares of half the width
# and half the height of the ink, so that an ellipse around it is at 1.
DIRECTIONS = 72  # in which ink is looked for, from outside
STEP = 0.01  # distance from one place looked at to the next
OUTERMOST = 1.25  # distance at which looking starts
RING = 0.78, 1.15  # distances of the outer edge of a ring
MIN_AROUND = 0.7  # share of the directions in which there must be a ring
MAX_THICKNESS = 0.24  # of a ring, in these distances
PEELED = 1.2  # of a ring's median thickness: strokes vary
MIN_SIDE = 20  # pixels, of the ink, and largest ratio of its sides
MAX_RATIO = 1.67
MIN_HEIGHT = 0.6  # of what is within, as a share of the ring's
MIN_PART = 0.15  # size of a part within as a share of the largest: smaller ones are rests of a ring


@dataclasses.dataclass(frozen=True)
class Ring:
    """An ellipse of ink around what is written.

    Attributes:
        x: of its middle, in pixels.
        y: of its middle, in pixels.
        across: half its width in pixels.
        down: half its height in pixels.
    """

    x: float
    y: float
    across: float
    down: float

    def has_part(self, ink: np.ndarray, corner: tuple[int, int]) -> bool:
        """Tell whether some ink is part of the ring.

        Args:
            ink: bool array of shape (height, width), True where there is ink.
            corner: column and row of the page that its first ones are.

        Returns:
            Whether there is any, and 60% of it is within a quarter of a radius of the ellipse.
        """
        is_near = np.abs(self.measure_distances(ink.shape, corner) - 1) < NEAR_RING
        return bool((ink & is_near).sum() >= max(MIN_ON_RING * ink.sum(), 1))

    def measure_distances(self, shape: tuple[int, ...], corner: tuple[int, int]) -> np.ndarray:
        """Measure how far pixels are from the middle of the ring.

        Args:
            shape: (height, width) of the pixels.
            corner: column and row of the page that their first ones are.

        Returns:
            float array of that shape, 1 on the ring itself.
        """
        rows, columns = np.indices(shape) + 0.5
        across, down = columns + corner[0] - self.x, rows + corner[1] - self.y
        return np.hypot(across / self.across, down / self.down)


def find_ring(
    page: np.ndarray, rules: Rules, box: np.ndarray, min_inked: float = MIN_INKED
) -> Ring | None:
    """Find a ring around a box: of all ellipses around it, the one with most ink.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: on it; they are no part of a ring.
        box: float array of shape (4,): left, top, right, bottom of what is written, in pixels.
        min_inked: share of the ring's points, at least, with ink.

    Returns:
        The ellipse; None if no one has so much ink.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    x, y, across, down = (
        each.reshape(-1, 1) * height for each in np.meshgrid(MIDDLES, MIDDLES, RADII, RADII)
    )
    is_around = (across - np.abs(x) >= AROUND[0] * width) & (down - np.abs(y) >= AROUND[1] * height)
    is_around &= np.maximum(across, down) < MAX_RATIO_OF_RADII * np.minimum(across, down)
    x, y = x + (left + right) / 2, y + (top + bottom) / 2
    angles = np.arange(POINTS) * 2 * np.pi / POINTS
    columns, rows = x + across * np.cos(angles), y + down * np.sin(angles)
    own = OWN_INK * height
    is_own = (columns > left + own) & (columns < right - own)
    is_own &= (rows > top + own) & (rows < bottom - own)
    is_on = (rows >= 0) & (rows < page.shape[0]) & (columns >= 0) & (columns < page.shape[1])
    ink, (first_column, first_row) = _separate_ink(page, rules, box)
    thick = ndimage.maximum_filter(ink, 2 * max(1, round(UNEVEN * height)) + 1)
    columns = np.floor(columns).astype(int).clip(first_column, first_column + ink.shape[1] - 1)
    rows = np.floor(rows).astype(int).clip(first_row, first_row + ink.shape[0] - 1)
    is_inked = is_on & ~is_own & thick[rows - first_row, columns - first_column]
    num_on = is_on.sum(axis=1)
    shares = is_inked.sum(axis=1) / np.maximum(num_on, 1)
    shares[~is_around[:, 0] | (num_on < MIN_ON_PAGE * POINTS)] = 0
    best = shares.argmax()
    if shares[best] < min_inked:
        return None
    return Ring(*(float(each[best, 0]) for each in (x, y, across, down)))


def cut_out_within(
    page: np.ndarray, rules: Rules, box: np.ndarray, ink: np.ndarray
) -> np.ndarray | None:
    """Cut a digit out of a page without the ring around it.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: on it.
        box: float array of shape (4,): left, top, right, bottom of the digit in pixels, with or
            without the ring.
        ink: bool array, what `to_mnist.cut_out` cut out with the ring.

    Returns:
        As `to_mnist.cut_out`; None where there is no ring.
    """
    ring = find_ring(page, rules, box)
    if ring is None:
        return take_off_ring(ink)
    part, corner = _cut_around(page, box)
    is_within = ring.measure_distances(part.shape, corner) < TAKEN_OFF
    paper = np.quantile(part, PAPER)
    without = np.where(is_within, part, np.maximum(part, paper)).astype(np.float32)
    return to_mnist.cut_out(without, box - np.tile(corner, 2))


def take_off_ring(ink: np.ndarray) -> np.ndarray | None:
    """Take a ring off the digit within it, both of which are in the digit's box.

    In most directions, what is met first from outside must be a stroke at about the distance of an
    ellipse. As much as this stroke is thick is removed all around, also where the digit touches it.

    Args:
        ink: bool array of shape (height, width), True where there is ink.

    Returns:
        bool array, smaller than `ink` or as large: the ink within; None where there is no ring, or
        nothing within.
    """
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(ink.shape) < MIN_SIDE or max(ink.shape) > MAX_RATIO * min(ink.shape):
        return None
    outer, thicknesses = _measure_rim(ink)
    is_ring = (outer > RING[0]) & (outer < RING[1])
    if is_ring.mean() < MIN_AROUND:
        return None
    thickness = np.median(thicknesses[is_ring])
    if thickness > MAX_THICKNESS:
        return None
    down, across = (np.indices(ink.shape) + 0.5) / np.array(ink.shape).reshape(2, 1, 1) * 2 - 1
    turn = np.arctan2(down, across) / (2 * np.pi) % 1
    nearest = np.round(turn * DIRECTIONS).astype(int) % DIRECTIONS
    edge = np.where(is_ring, outer, 1.0)[nearest]
    within = ink & (np.hypot(down, across) < edge - PEELED * thickness)
    parts, num_parts = ndimage.label(within, np.ones((3, 3)))
    if not num_parts:
        return None
    numbers = np.arange(1, num_parts + 1)
    sizes = ndimage.sum_labels(within, parts, numbers)
    within = np.isin(parts, numbers[sizes > MIN_PART * sizes.max()])
    left = np.flatnonzero(within.any(axis=1))
    return within if np.ptp(left) + 1 > MIN_HEIGHT * len(ink) else None


def find_parts(
    page: np.ndarray,
    rules: Rules,
    boxes: np.ndarray,
    texts: np.ndarray,
    probabilities: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the symbols that are parts of rings around digits, and the digits in these rings.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: on it.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit and sign, in
            pixels.
        texts: str array of shape (n,), what they were read as.
        probabilities: float array of shape (n,), of these.

    Returns:
        Two bool arrays of shape (n,): whether each is part of a ring, and whether in such a ring.
    """
    is_part, is_circled = np.zeros(len(boxes), bool), np.zeros(len(boxes), bool)
    strokes = np.flatnonzero(np.isin(texts, STROKES) & (probabilities < CLEAR_STROKE))
    for index in np.flatnonzero(np.char.isdigit(texts)) if len(strokes) else ():
        reach = FARTHEST_STROKE * (boxes[index, 3] - boxes[index, 1])
        starts = np.maximum(boxes[index, :2] - reach, boxes[strokes, :2])
        ends = np.minimum(boxes[index, 2:] + reach, boxes[strokes, 2:])
        near = strokes[(starts < ends).all(axis=1) & (strokes != index)]
        ring = find_ring(page, rules, boxes[index], MIN_INKED_WITH_PARTS) if len(near) else None
        if ring is None:
            continue
        ink, corner = _separate_ink(page, rules, boxes[index])
        for stroke in near:
            moved = boxes[stroke] - np.tile(corner, 2)
            left, top = np.maximum(np.round(moved[:2]), 0).astype(int) + corner
            if ring.has_part(cut_box(ink, moved), (left, top)):
                is_part[stroke] = is_circled[index] = True
    return is_part, is_circled & ~is_part


def _separate_ink(
    page: np.ndarray, rules: Rules, box: np.ndarray
) -> tuple[np.ndarray, tuple[int, int]]:
    """Separate ink around a box from the paper and from rules.

    Returns:
        bool array, True where there is ink, and the column and row that its first ones are.
    """
    part, (left, top) = _cut_around(page, box)
    shift = np.array([left, top, left, top])
    moved = Rules(rules.rows - shift, rules.columns - shift)
    ink = separate_writing(part, moved, (box - shift)[None], box[3] - box[1])
    return ink, (left, top)


def _cut_around(page: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut out a box with all that rings around it may be in; also its first column and row."""
    middle, height = (box[:2] + box[2:]) / 2, box[3] - box[1]
    reach = (SURROUNDINGS * height + (box[2:] - box[:2]) / 2).round()
    last = np.array(page.shape[::-1]) - 1
    left, top = np.clip(middle - reach, 0, last).astype(int).tolist()
    right, bottom = np.clip(middle + reach, 0, last).astype(int).tolist()
    return page[top : bottom + 1, left : right + 1], (left, top)


def _measure_rim(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure the outermost stroke in each direction: its distance and thickness, 0 for none."""
    angles = np.arange(DIRECTIONS)[:, None] * 2 * np.pi / DIRECTIONS
    distances = np.arange(OUTERMOST, 0, -STEP)
    height, width = ink.shape
    rows = np.floor((1 + np.sin(angles) * distances) * height / 2).astype(int)
    columns = np.floor((1 + np.cos(angles) * distances) * width / 2).astype(int)
    is_on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    met = is_on & ink[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    first = met.argmax(axis=1)
    is_end = (np.arange(len(distances)) > first[:, None]) & ~met
    ends = np.where(is_end.any(axis=1), is_end.argmax(axis=1), len(distances))
    has_ink = met.any(axis=1)
    return np.where(has_ink, distances[first], 0), np.where(has_ink, (ends - first) * STEP, 0)
