"""Tells inks apart by their colour: leaves only the red, blue or dark strokes on a photo."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

INKS = ("red", "blue", "dark")
# The paper is estimated in blocks whose side is this share of the photo's longer side, and at least
# so many pixels: its colour there is that of a pixel lighter than most.
BLOCK_SHARE, MIN_BLOCK, PAPER_PERCENTILE = 1 / 48, 8, 70
MIN_PAPER = 40  # of 255: noise on darker paper is not taken for ink
# JPEG stores colour at half the resolution, so it is judged on a Gaussian average.
COLOUR_BLUR = 2.5  # pixels, standard deviation
# Absorption from which on there is ink, not paper, and from which on it is certain.
FAINT, CLEAR = 0.06, 0.12
# How much more of other light is absorbed than of red (of blue), as a share of what is absorbed
# most: from the first on, ink begins to count as red (blue), from the second on it does. For dark
# ink, the difference between most and least: up to the first it is dark, from the second on not.
RED, BLUE, DARK = (0.25, 0.4), (0.08, 0.16), (0.12, 0.2)
MIN_PIXELS = 12  # of ink: fewer are no stroke


def separate(pixels: np.ndarray, ink: str) -> np.ndarray:
    """Leave only the strokes of one ink on a photo, dark on white.

    What the ink absorbs of the light is measured against the paper around it, so neither the
    paper's colour nor the light's matters. A pixel at the edge of a stroke is paper in part. By the
    Murray-Davies equation (A. Murray, Monochrome reproduction in photoengraving, Journal of the
    Franklin Institute 221, 1936), absorption grows in proportion to the part that is ink, in all
    colours alike. So the ratios of the colours are the ink's own also at edges, in a blur, and in
    colours stored at half the resolution; those of optical densities (Beer-Lambert law) are not.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.
        ink: "red", "blue" or "dark". Dark are black, grey and pencil. Ink lighter than its paper,
            such as chalk, is none of them.

    Returns:
        float32 array of shape (height, width), 0 black to 1 white: 1 where there is no such ink.

    Raises:
        ValueError: `ink` is another.
    """
    check_ink(ink)
    paper = estimate_paper(pixels)
    absorbed = (paper - pixels) / np.maximum(paper, MIN_PAPER)
    blur = (COLOUR_BLUR, COLOUR_BLUR, 0)
    red, green, blue = np.moveaxis(ndimage.gaussian_filter(absorbed, blur), -1, 0)
    strongest = np.maximum(np.maximum(red, green), blue)
    if ink == "red":
        coloured, thresholds = np.minimum(green, blue) - red, RED
    elif ink == "blue":
        coloured, thresholds = np.minimum(red, green) - blue, BLUE
    else:
        coloured, thresholds = strongest - np.minimum(np.minimum(red, green), blue), DARK
    share = _ramp(coloured / np.maximum(strongest, 1e-3), *thresholds)
    if ink == "dark":
        share = 1 - share
    share *= _ramp(strongest, FAINT, CLEAR)
    return np.clip(1 - share * absorbed.max(axis=2), 0, 1).astype(np.float32)


def has_ink(separated: np.ndarray) -> bool:
    """Whether what `separate` returns, shape (height, width), has more than specks of ink."""
    return int((separated < 1 - CLEAR).sum()) >= MIN_PIXELS


def check_ink(ink: object) -> None:
    """Check the name of an ink.

    Raises:
        ValueError: it is not one of `INKS`.
    """
    if not isinstance(ink, str) or ink not in INKS:
        raise ValueError(f"received ink={str(ink)[:20]!r}, expected one of {', '.join(INKS)}")


def estimate_paper(pixels: np.ndarray) -> np.ndarray:
    """Estimate the paper's colour at each pixel, under the light that falls there.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (height, width, 3), 0 to 255.
    """
    height, width = pixels.shape[:2]
    side = max(MIN_BLOCK, round(max(height, width) * BLOCK_SHARE))
    rows, columns = -(-height // side), -(-width // side)
    missing = (0, rows * side - height), (0, columns * side - width), (0, 0)
    blocks = np.pad(pixels, missing, mode="edge").reshape(rows, side, columns, side, 3)
    blocks = blocks.swapaxes(1, 2).reshape(rows, columns, side * side, 3)
    # The pixel itself of that rank, which is faster than an interpolated percentile.
    rank = (side * side - 1) * PAPER_PERCENTILE // 100
    paper = np.partition(blocks, rank, axis=2)[:, :, rank].astype(np.float32)
    paper = ndimage.median_filter(paper, (5, 5, 1), mode="nearest")
    size = columns * side, rows * side
    smooth = [
        np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BILINEAR))
        for channel in np.moveaxis(paper, -1, 0)
    ]
    return np.stack(smooth, axis=2)[:height, :width]


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1)
