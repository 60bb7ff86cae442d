"""Enlarges the smallest pictures, in which a digit would be too small for the detector."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from skimage.filters import threshold_otsu

SMALL = 56  # pixels, shorter side: pictures below it are enlarged to it
MAX_FACTOR = 4.0  # more only blurs
MAX_LONGER_SIDE = 1000  # pixels of what is enlarged: a strip stays a strip
MARGIN = 0.25  # paper added on each side, as a share of the shorter side


@dataclasses.dataclass(frozen=True, eq=False)
class Enlarged:
    """A page that may have been enlarged, with paper added around it.

    Attributes:
        page: float32 array of shape (height, width), 0 black to 1 white.
        factor: pixels of it to a pixel of the photo, at least 1.
        margin: pixels of paper added on each side.
        shape: height and width of the photo in pixels.
    """

    page: np.ndarray
    factor: float
    margin: int
    shape: tuple[int, int]

    def to_photo(self, boxes: np.ndarray) -> np.ndarray:
        """Find where boxes are on the photo.

        Args:
            boxes: float array of shape (n, 4): left, top, right, bottom in pixels of `page`.

        Returns:
            float array of shape (n, 4), in pixels of the photo, cut off at its edges.
        """
        height, width = self.shape
        return np.clip((boxes - self.margin) / self.factor, 0, [width, height, width, height])


def enlarge(page: np.ndarray) -> Enlarged:
    """Enlarge a page of which the shorter side is below `SMALL`, and add paper around it.

    The strokes of such a picture often reach its edge, where the detector needs paper.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.

    Returns:
        The page enlarged; others as they are.
    """
    height, width = page.shape
    short, long = min(page.shape), max(page.shape)
    factor = min(SMALL / short, MAX_FACTOR, MAX_LONGER_SIDE / long)
    if factor <= 1:
        return Enlarged(page, 1.0, 0, (height, width))
    size = round(width * factor), round(height * factor)
    large = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BICUBIC))
    margin = round(MARGIN * factor * short)
    padded = np.pad(np.clip(large, 0, 1), margin, constant_values=_estimate_paper(page))
    return Enlarged(padded, factor, margin, (height, width))


def _estimate_paper(page: np.ndarray) -> float:
    """Estimate the paper's brightness: the median of the light or dark pixels, as its edge is.

    Ink may cover most of a picture that is cut off at its edge, but not most of the edge.
    """
    if np.ptp(page) == 0:
        return float(page.flat[0])
    is_light = page > threshold_otsu(page)
    edge = np.concatenate([is_light[0], is_light[-1], is_light[:, 0], is_light[:, -1]])
    return float(np.median(page[is_light if edge.mean() > 0.5 else ~is_light]))
