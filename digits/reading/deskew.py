"""Deskews a page whose rules, or whose edges, are tilted: rotates it so that they are level."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

LONGEST = 600  # pixels, longer side of the copy on which the skew is measured
LOCAL = 15  # pixels of it over which brightness is averaged: ink is darker than this mean
MIN_DARKNESS = 0.02  # of ink, where the paper has less noise
# Degrees: the largest skew that is looked for, and the smallest that is corrected (`find_rules`
# finds rules that are tilted by less); steps of the first search, and of the one around its best.
MAX_SKEW, MIN_SKEW, COARSE, FINE = 20, 2.5, 1.0, 0.25
# How many times as sharp rows and columns of ink must be at the skew as at the median angle, and as
# on the page before. Rules and edges of paper reach 5 to 300, lines of digits mostly below 4.
MIN_PEAK, MIN_GAIN = 5.0, 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class Deskewed:
    """A page that may have been rotated, with paper added at its corners.

    Attributes:
        page: float32 array of shape (height, width), 0 black to 1 white.
        skew: degrees anticlockwise by which it was rotated; 0 if it was not.
        shape: height and width of the page before, in pixels.
    """

    page: np.ndarray
    skew: float
    shape: tuple[int, ...]

    def turn_back(self, boxes: np.ndarray) -> np.ndarray:
        """Find where boxes are on the page before. They stay upright and as large.

        Args:
            boxes: float array of shape (n, 4): left, top, right, bottom in pixels of `page`.

        Returns:
            float array of shape (n, 4), in pixels of the page before.
        """
        if not self.skew:
            return boxes
        half_sizes = (boxes[:, 2:] - boxes[:, :2]) / 2
        here, there = (np.array(shape[::-1]) / 2 for shape in (self.page.shape, self.shape))
        cos, sin = np.cos(np.radians(self.skew)), np.sin(np.radians(self.skew))
        middles = (boxes[:, :2] + half_sizes - here) @ [[cos, sin], [-sin, cos]] + there
        return np.concatenate([middles - half_sizes, middles + half_sizes], axis=1)


def deskew(page: np.ndarray, skew: float) -> Deskewed:
    """Rotate a page.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        skew: degrees anticlockwise by which to rotate it.
    """
    if not skew:
        return Deskewed(page, 0.0, page.shape)
    cos, sin = np.cos(np.radians(skew)), np.sin(np.radians(skew))
    sides = np.array(page.shape)
    shape = np.ceil(sides * cos + sides[::-1] * abs(sin)).astype(int)
    # From y and x on the rotated page to those on the page.
    matrix = np.array([[cos, sin], [-sin, cos]])
    offset = (sides - 1) / 2 - matrix @ ((shape - 1) / 2)
    paper = float(np.median(page))
    rotated = ndimage.affine_transform(
        page, matrix, offset, tuple(shape.tolist()), order=1, mode="constant", cval=paper
    )
    return Deskewed(rotated, skew, page.shape)


def measure_skew(page: np.ndarray) -> float:
    """Measure the skew of a page from its projection profiles.

    Where rules are level, rows of pixels are full of ink or empty, and so are columns: the squared
    differences between the ink of neighbouring rows, and of columns, are largest there (after
    W. Postl, "Detection of linear oblique structures and skew scan in digitized documents", ICPR
    1986).

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.

    Returns:
        Degrees anticlockwise by which the page must be rotated, within 21; 0 where that is less
        than `MIN_SKEW` or not clear.
    """
    scale = min(1.0, LONGEST / max(page.shape))
    size = [max(1, round(side * scale)) for side in page.shape[::-1]]
    small = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    darkness = ndimage.uniform_filter(small, LOCAL, mode="nearest") - small
    noise = 1.48 * np.median(np.abs(darkness))
    y, x = np.nonzero(darkness > max(1.5 * noise, MIN_DARKNESS))
    if not len(y):
        return 0.0
    angles = np.arange(-MAX_SKEW, MAX_SKEW + COARSE, COARSE)
    sharpness = np.array([_measure_sharpness(x, y, angle) for angle in angles])
    best = angles[sharpness.argmax()]
    if sharpness.max() < MIN_PEAK * np.median(sharpness):
        return 0.0
    near = best + np.arange(FINE - COARSE, COARSE, FINE)
    near_sharpness = np.array([_measure_sharpness(x, y, angle) for angle in near])
    skew = float(near[near_sharpness.argmax()])
    is_clear = near_sharpness.max() >= MIN_GAIN * _measure_sharpness(x, y, 0.0)
    return skew if is_clear and abs(skew) >= MIN_SKEW else 0.0


def _measure_sharpness(x: np.ndarray, y: np.ndarray, angle: float) -> float:
    """Measure how sharp rows and columns of ink at x and y are after a rotation by that angle."""
    slope = np.tan(np.radians(angle))
    total = 0.0
    for along, across in ((x, y), (-y, x)):
        places = np.floor(across - along * slope).astype(int)
        counts = np.bincount(places - places.min())
        total += float((np.diff(counts) ** 2).sum())
    return total
