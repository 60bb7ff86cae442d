"""Turns a digit cut out of a page into what the networks know: 28x28 pixels, as MNIST has them."""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE

HEIGHT = 56  # pixels of the longer side while ink is told from paper
PAPER = 0.3  # share of a box's pixels that is taken for paper: the brightest
FITS = 6  # of the light on it, after which the pixels taken for paper hardly change
BOX = 20  # pixels of the longer side in the end
EDGE = 5.0  # pixels of the 56 from no ink to full: MNIST's strokes have soft edges
BATCH_SIZE = 300
STRETCHES = (0.65, 0.8, 1.0)  # widths at which a digit is read; hands differ more than MNIST's
MIN_CONTRAST = 0.02


def cut_region(page, box, margin):
    """Cut a box out of a page, with a margin, scaled to 56 pixels.

    Args:
        page: float32 array of shape (height, width).
        box: left, top, right, bottom in pixels, at least partly on the page.
        margin: added on each side, as a share of the box's longer side.

    Returns:
        float32 array, its longer side 56 pixels.
    """
    left, top, right, bottom = box
    margin = margin * max(right - left, bottom - top)
    left, top = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = max(int(right + margin), left) + 1, max(int(bottom + margin), top) + 1
    left, top = min(left, page.shape[1] - 1), min(top, page.shape[0] - 1)
    return _resize(page[top:bottom, left:right])


def cut_out(page, box):
    """Cut a digit out of a page and tell its ink from the paper.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        box: left, top, right, bottom of the digit in pixels.

    Returns:
        bool array, its longer side about 56 pixels: where there is ink. What only touches the
        box's edge, and specks, are left out.
    """
    region = _take_shade_away(cut_region(page, box, margin=0.1))
    ink = region <= threshold_otsu(region) if np.ptp(region) > MIN_CONTRAST else region < -1
    parts, num_parts = ndimage.label(ink, np.ones((3, 3)))
    if num_parts < 2:
        return ink
    inner = np.zeros_like(ink)
    rim = [max(1, int(0.12 * side)) for side in ink.shape]
    inner[rim[0] : -rim[0], rim[1] : -rim[1]] = True
    numbers = np.arange(1, num_parts + 1)
    sizes = ndimage.sum_labels(ink, parts, numbers)
    inside = ndimage.sum_labels(ink & inner, parts, numbers)
    kept = (inside > 0.5 * sizes) & (sizes > 0.04 * sizes.max())
    return np.isin(parts, numbers[kept]) if kept.any() else ink


def to_mnist(ink, stretches=(1.0,)):
    """Scale a digit into 20x20 pixels and centre its mass in 28x28, as MNIST's makers did.

    Their description is in Y. LeCun et al., "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (1998), section III.A.

    Args:
        ink: bool or float array of shape (height, width), True or 1 where there is ink.
        stretches: for each an image is made whose width is multiplied by it before scaling.

    Returns:
        float32 array of shape (len(stretches), 28, 28), 0 to 1; all 0 where there is no ink.
    """
    images = np.zeros((len(stretches), *IMAGE_SHAPE), np.float32)
    cut = _crop(np.asarray(ink, np.float32))
    if not cut.size:
        return images
    cut = np.pad(_resize(np.pad(cut, 2)), 8)
    inside = cut > threshold_otsu(cut)
    # Distance to the edge of a stroke, which is drawn again as a soft one.
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    depth -= np.where(inside, 0.5, -0.5)
    soft = Image.fromarray(_crop(np.clip(0.5 + depth / EDGE, 0, 1).astype(np.float32)))
    for image, stretch in zip(images, stretches, strict=True):
        scale = BOX / max(soft.width * stretch, soft.height)
        size = max(1, round(soft.width * stretch * scale)), max(1, round(soft.height * scale))
        small = np.asarray(soft.resize(size, Image.Resampling.BOX))
        middle = ndimage.center_of_mass(small)
        corner = np.round(np.array(IMAGE_SHAPE) / 2 - middle).astype(int)
        top, left = np.clip(corner, 0, np.subtract(IMAGE_SHAPE, small.shape))
        image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return images


def classify(classifier, inks):
    """Read digits: the mean answer to each at several widths.

    Args:
        classifier: `keras.Model`, images of shape (batch, 28, 28) to probabilities.
        inks: list of arrays as `to_mnist` takes.

    Returns:
        `(probabilities, images)`: float32 of shape (n, 10); the images at full width, (n, 28, 28).
    """
    if not len(inks):
        return np.zeros((0, 10), np.float32), np.zeros((0, *IMAGE_SHAPE), np.float32)
    images = np.stack([to_mnist(ink, STRETCHES) for ink in inks])
    flat = images.reshape(-1, *IMAGE_SHAPE)
    # Called as it is: of so few images, predict's preparations would take longer than the answers.
    parts = [flat[start : start + BATCH_SIZE] for start in range(0, len(flat), BATCH_SIZE)]
    answers = [keras.ops.convert_to_numpy(classifier(part, training=False)) for part in parts]
    probabilities = np.concatenate(answers)
    return probabilities.reshape(len(inks), len(STRETCHES), -1).mean(axis=1), images[:, -1]


def _take_shade_away(region):
    """Less a plane through its paper: light may fall off by more than a thin stroke is darker."""
    down, across = np.indices(region.shape).reshape(2, -1)
    planes, values = np.stack([np.ones(region.size), down, across], axis=1), region.ravel()
    paper, left = np.ones(region.size, bool), values
    for _ in range(FITS):
        left = values - planes @ np.linalg.lstsq(planes[paper], values[paper])[0]
        paper = left >= np.quantile(left, 1 - PAPER)
    return left.reshape(region.shape)


def _crop(ink):
    inked = ink > 0.3 * ink.max(initial=0)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resize(image):
    scale = HEIGHT / max(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.asarray(image, np.float32)).resize(size, method))
