"""Turns a digit on a page into an image as MNIST has them: 28x28 pixels."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

from digits.mnist import IMAGE_SHAPE

HEIGHT = 56  # pixels, longer side of a region while ink is separated from paper
PAPER = 0.3  # share of a region's pixels that is taken for paper: the brightest
NUM_FITS = 6  # iterations of the fit of the paper's brightness; later ones hardly change it
DIGIT_HEIGHT = 20  # pixels, longer side of a digit in an image of 28x28
EDGE = 5.0  # pixels of the 56 from no ink to full ink: MNIST's strokes have soft edges
MIN_CONTRAST = 0.02  # of a region from its darkest to its brightest pixel for there to be ink
MIN_INSIDE = (
    0.5  # share of a connected part of the ink inside the box; others reach into it from outside
)
MIN_PART = 0.04  # size of a part of the ink as a share of the largest: smaller ones are specks
MARGIN = 0.1  # around a box that is cut out, as a share of its longer side
# Pixels of the 56 that ink of a digit reaches out of its box at most: what goes on is a rule, or a
# digit beside it.
MAX_BEYOND = 2


def cut_region(page: np.ndarray, box: Sequence[float] | np.ndarray, margin: float) -> np.ndarray:
    """Cut a box out of a page, with a margin, and scale it to 56 pixels.

    Args:
        page: float32 array of shape (height, width).
        box: left, top, right, bottom in pixels, at least partly on the page.
        margin: added on each side, as a share of the box's longer side.

    Returns:
        float32 array, its longer side 56 pixels.
    """
    left, top, right, bottom = _bound(page.shape, box, margin)
    return _resize(page[top:bottom, left:right])


def cut_out(page: np.ndarray, box: Sequence[float] | np.ndarray) -> np.ndarray:
    """Cut a digit out of a page and separate its ink from the paper.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        box: left, top, right, bottom of the digit in pixels.

    Returns:
        bool array, its longer side 56 pixels: where there is ink. What only reaches into the box
        from outside, what goes on beyond it, and specks, are left out.
    """
    region = _subtract_light(cut_region(page, box, MARGIN))
    ink = region <= threshold_otsu(region) if np.ptp(region) > MIN_CONTRAST else region < -1
    ink = _select_parts(ink)
    left, top, right, bottom = _bound(page.shape, box, MARGIN)
    scale = np.array(ink.shape) / (bottom - top, right - left)
    start = scale * (box[1] - top, box[0] - left) - MAX_BEYOND
    end = scale * (box[3] - top, box[2] - left) + MAX_BEYOND
    first_row, first_column = np.maximum(np.round(start), 0).astype(int)
    last_row, last_column = np.round(end).astype(int)
    ink[:first_row] = ink[last_row + 1 :] = False
    ink[:, :first_column] = ink[:, last_column + 1 :] = False
    return ink


def _bound(
    shape: tuple[int, ...], box: Sequence[float] | np.ndarray, margin: float
) -> tuple[int, int, int, int]:
    """Bound a box with a margin: its first column and row, and those after its last ones."""
    left, top, right, bottom = box
    margin = margin * max(right - left, bottom - top)
    left, top = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = max(int(right + margin), left) + 1, max(int(bottom + margin), top) + 1
    left, top = min(left, shape[1] - 1), min(top, shape[0] - 1)
    return left, top, min(right, shape[1]), min(bottom, shape[0])


def _select_parts(ink: np.ndarray) -> np.ndarray:
    """Leave out specks, and parts that only reach into the box from outside."""
    parts, num_parts = ndimage.label(ink, np.ones((3, 3)))
    if num_parts < 2:
        return ink
    inner = np.zeros_like(ink)
    rim = [max(1, int(0.12 * side)) for side in ink.shape]
    inner[rim[0] : -rim[0], rim[1] : -rim[1]] = True
    numbers = np.arange(1, num_parts + 1)
    sizes = ndimage.sum_labels(ink, parts, numbers)
    inside = ndimage.sum_labels(ink & inner, parts, numbers)
    kept = (inside > MIN_INSIDE * sizes) & (sizes > MIN_PART * sizes.max())
    return np.isin(parts, numbers[kept]) if kept.any() else ink


def to_mnist(ink: np.ndarray, widths: Sequence[float] = (1.0,)) -> np.ndarray:
    """Scale a digit into 20x20 pixels and centre its mass in 28x28, as MNIST's makers did.

    Their description is in Y. LeCun et al., "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (1998), section III.A.

    Args:
        ink: bool or float array of shape (height, width), True or 1 where there is ink.
        widths: an image is made for each; the digit's own width is multiplied by it before
            scaling.

    Returns:
        float32 array of shape (len(widths), 28, 28), 0 paper to 1 ink; all 0 if there is no ink.
    """
    images = np.zeros((len(widths), *IMAGE_SHAPE), np.float32)
    cut = _crop(np.asarray(ink, np.float32))
    if not cut.size:
        return images
    resized = _resize(np.pad(cut, 2))
    # Paper farther than 2 pixels from ink is cropped off below.
    inside = np.pad(resized > threshold_otsu(np.pad(resized, 8)), 2)
    # Distance to the edge of a stroke, so that the edge can be drawn again as a soft one.
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    depth -= np.where(inside, 0.5, -0.5)
    soft = Image.fromarray(_crop(np.clip(0.5 + depth / EDGE, 0, 1).astype(np.float32)))
    for image, width in zip(images, widths, strict=True):
        scale = DIGIT_HEIGHT / max(soft.width * width, soft.height)
        size = max(1, round(soft.width * width * scale)), max(1, round(soft.height * scale))
        small = np.asarray(soft.resize(size, Image.Resampling.BOX))
        middle = ndimage.center_of_mass(small)
        corner = np.round(np.array(IMAGE_SHAPE) / 2 - middle).astype(int)
        top, left = np.clip(corner, 0, np.subtract(IMAGE_SHAPE, small.shape))
        image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return images


def _subtract_light(region: np.ndarray) -> np.ndarray:
    """Subtract a plane fitted to the paper's brightness.

    Light may fall off across a region by more than a thin stroke is darker than the paper.
    """
    height, width = region.shape
    down, across = np.indices(region.shape).reshape(2, -1)
    centred = down - (height - 1) / 2, across - (width - 1) / 2
    planes, values = np.stack([np.ones(region.size), *centred]), region.ravel().astype(float)
    is_paper, residual = np.ones(region.size, bool), values
    rank = math.ceil((1 - PAPER) * (region.size - 1))
    for _ in range(NUM_FITS):
        # The normal equations: three unknowns are found several times as fast as from all pixels.
        on_paper = planes * is_paper
        plane = np.linalg.lstsq(on_paper @ planes.T, on_paper @ values)[0]
        residual = values - plane @ planes
        is_paper = residual >= np.partition(residual, rank)[rank]
    return residual.reshape(region.shape)


def _crop(ink: np.ndarray) -> np.ndarray:
    inked = ink > 0.3 * ink.max(initial=0)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resize(image: np.ndarray) -> np.ndarray:
    scale = HEIGHT / max(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.asarray(image, np.float32)).resize(size, method))
