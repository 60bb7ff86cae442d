"""Looks for digits on a page with the finder: at several sizes, each half of the one before."""

import numpy as np
from PIL import Image
from scipy.special import softmax

from digits.keras_quietly import keras
from digits.mnist import NUM_CLASSES
from digits.networks import detector

PADDING = 24  # pixels around the page, of its own edge, so that digits there have surroundings
MAX_PIXELS = 1_000_000  # of a page at its largest, with its surroundings: 60 lines of digits
MIN_PROBABILITY = 0.35
MIN_OVERLAP, MAX_OVERLAP, MAX_COVERED = 0.5, 0.35, 0.6


def find(network, page):
    """Find the digits of a page, at whatever size.

    Args:
        network: as `detector.build_finder` returns.
        page: float32 array of shape (height, width), dark ink on light paper.

    Returns:
        `(boxes, scores, probabilities)`: float arrays of shape (n, 4), left, top, right and bottom
        in pixels; (n,), probability that it is a digit; (n, 10), of each digit.
    """
    return merge(look(network, page, list_scales(page.shape)))


def list_scales(shape):
    """List the scales at which to look at a page of this shape, the largest first.

    The first is 1, or less for a page that would have more than `MAX_PIXELS` with its surroundings;
    each other one is half the one before.
    """
    (height, width), border = shape, 2 * PADDING
    # (scale height + border) (scale width + border) = MAX_PIXELS, solved for the scale.
    half = border * (height + width) / (2 * height * width)
    scale = np.sqrt(half**2 + (MAX_PIXELS - border**2) / (height * width)) - half
    scales = [min(1.0, scale)]
    while max(shape) * scales[-1] / 2 >= detector.SMALLEST:
        scales.append(scales[-1] / 2)
    return scales


def look(network, page, scales):
    """Look for digits at some scales; `merge` what is found at all of them.

    Args:
        network: as `detector.build_finder` returns.
        page: as of `find`.
        scales: some of `list_scales`.

    Returns:
        float array of shape (n, 15), what each cell in a digit says of it: box, score, digits.
    """
    return np.concatenate(
        [np.zeros((0, 4 + 1 + NUM_CLASSES)), *(_look_at(network, page, s) for s in scales)]
    )


def even_out(network, page):
    """What the network makes of a page before it looks for digits: ink, without the light.

    Args:
        network: as `detector.build_finder` returns.
        page: as of `find`.

    Returns:
        float32 array of the shape of `page`, about 0 where there is paper, up to 3 where ink.
    """
    evened = keras.Model(network.inputs[0], network.get_layer("conv_half_1").input)
    ink = keras.ops.convert_to_numpy(evened(_pad(page)[None, ..., None]))[0, ..., 0]
    return ink[PADDING : PADDING + page.shape[0], PADDING : PADDING + page.shape[1]]


def _pad(page):
    return np.pad(page, [(PADDING, PADDING + -side % 8) for side in page.shape], "edge")


def _look_at(network, page, scale):
    height, width = (max(1, round(side * scale)) for side in page.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    resized = np.asarray(Image.fromarray(page).resize((width, height), method))
    cells = keras.ops.convert_to_numpy(network(_pad(resized)[None, ..., None], training=False))[0]
    probabilities = softmax(cells[..., : detector.NOTHING + 1].astype(np.float32), axis=-1)
    scores = 1 - probabilities[..., detector.NOTHING]
    rows, columns = np.nonzero(scores > MIN_PROBABILITY)
    place = np.stack([columns, rows], axis=1) * detector.CELL + detector.CELL / 2 - PADDING
    boxes = cells[rows, columns, detector.NOTHING + 1 :]
    middles = place + 2 * detector.CELL * boxes[:, :2]
    halves = detector.TYPICAL / 2 * np.exp(np.clip(boxes[:, 2:], -3, 3))
    edges = np.concatenate([middles - halves, middles + halves], axis=1) / scale
    scores = scores[rows, columns]
    said = np.column_stack([edges, scores, probabilities[rows, columns, : detector.NOTHING]])
    # Strokes that the page's edge cuts off look like 1s in its surroundings.
    return said[((middles >= 0) & (middles <= [width, height])).all(axis=1)]


def merge(found):
    """Merge what cells say of the same digit, the surest first; drop what these cover.

    Args:
        found: as `look` returns.

    Returns:
        As `find`.
    """
    boxes, scores, probabilities = found[:, :4], found[:, 4], found[:, 5:]
    sizes = boxes[:, 2:] - boxes[:, :2]
    areas = sizes[:, 0] * sizes[:, 1]
    left = np.ones(len(boxes), bool)
    merged = []
    for index in np.argsort(-scores, kind="stable"):
        if not left[index]:
            continue
        starts = np.maximum(boxes[:, :2], boxes[index, :2])
        ends = np.minimum(boxes[:, 2:], boxes[index, 2:])
        shared = np.clip(ends - starts, 0, None).prod(axis=1)
        overlaps = shared / (areas + areas[index] - shared)
        same = left & (overlaps > MIN_OVERLAP)
        weights = scores[same] / scores[same].sum()
        merged.append([*(weights @ boxes[same]), scores[index], *(weights @ probabilities[same])])
        covered = shared / areas > MAX_COVERED
        left &= ~(covered | (overlaps > MAX_OVERLAP))
        left[index] = False
    merged = np.array(merged).reshape(-1, 4 + 1 + NUM_CLASSES)
    digits = merged[:, 5:] / merged[:, 5:].sum(axis=1, keepdims=True)
    return merged[:, :4], merged[:, 4], digits
