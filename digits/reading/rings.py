"""Takes rings off digits: on score cards and forms, digits are circled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Distances from the middle are shares of half the width and half the height of the ink, so that an
# ellipse around it is at 1. Chosen on labelled photos of score cards.
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


def take_off_ring(ink: np.ndarray) -> np.ndarray | None:
    """Take a ring off the digit within it.

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
