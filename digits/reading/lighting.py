"""Evens out the light on a photo: ink in a deep shadow is as clear as elsewhere."""

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.reading.orientation import looks_inverted

# Pixels, longer side: of the copy of a page on which the paper's brightness is measured, and of the
# smallest pages that are evened out, since smaller ones show little but a digit.
COPY_SIDE, MIN_SIDE = 120, 240
# The paper's brightness is this percentile within a window of so many pixels of the copy: most of
# it is paper.
PERCENTILE, WINDOW = 75, 11
# Light is uneven if the darkest twentieth of the paper is below this share of the brightest: the
# detector does not see ink in so deep a shadow, but copes with slighter ones.
MIN_EVENNESS = 0.4
DARKEST = 0.1  # of paper: what is darker is not made brighter than that would be


def even_out(page: np.ndarray) -> np.ndarray:
    """Divide a page in uneven light by the brightness of its paper (flat-field correction).

    Light multiplies the brightness of paper and ink, so both are right after a division. Where the
    edge of a shadow is sharp, a narrow strip along it stays dark.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.

    Returns:
        The same with paper of the median brightness everywhere; unchanged if its light is about
        even, if its ink seems to be light, or if it is smaller than `MIN_SIDE`.
    """
    height, width = page.shape
    longer = max(page.shape)
    if longer < MIN_SIDE:
        return page
    size = [max(1, round(side * COPY_SIDE / longer)) for side in (width, height)]
    copy = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    levels = np.round(255 * copy).astype(np.uint8)
    levels = ndimage.percentile_filter(levels, PERCENTILE, WINDOW, mode="nearest")
    dark, light = np.quantile(levels, (0.05, 0.95))
    if dark >= MIN_EVENNESS * light or looks_inverted(page):
        return page
    paper = np.maximum(levels.astype(np.float32) / 255, DARKEST)
    large = Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(page * (np.median(paper) / np.asarray(large)), 0, 1)
