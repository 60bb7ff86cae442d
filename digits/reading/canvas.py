"""Reads digits drawn on a canvas: tells them apart, asks several networks, explains an answer."""

import base64
import functools
import io

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import attribution
from digits.reading import detect, layout, photos
from digits.transforms import to_mnist

# Pixels at which digits are told apart, for drawn ones are large. At these scales the finder knows
# digits from 1/5 of the height to all of it.
PAGE_SHAPE = (80, 120)
SCALES = (1.0, 0.5)
MAX_CHARACTERS = 1_000_000  # of what a canvas sends
MAX_SIDE = 480  # pixels; more would tell no more
MAX_STROKES = 50  # the largest are kept
MIN_INK = 0.35  # of full black: fainter pixels are the soft edges of strokes
MIN_SCORE = 0.5  # of the finder, that something is a digit
MIN_PART = 0.3  # of a stroke that lies in a digit's box for the digit to have a claim on it
MIN_SIZE = 0.25  # of the largest digit's longer side: what is smaller, alone, is a slip of the pen
WIDE = 1.2  # times as wide as high: strokes less wide are not parts of two digits


def decode(text):
    """Decode what the canvas sends: a PNG as a data URL, or nothing.

    Args:
        text: "data:image/png;base64,...", or "" or None.

    Returns:
        uint8 array of shape (height, width, 3), on white where it is transparent; None for nothing.

    Raises:
        ValueError: it is something else, or too large.
    """
    if not text:
        return None
    head, _, body = str(text)[: MAX_CHARACTERS + 1].partition(",")
    if not head.startswith("data:image/") or len(str(text)) > MAX_CHARACTERS:
        raise ValueError("The drawing is no picture as the canvas sends it: draw it again")
    try:
        file = io.BytesIO(base64.b64decode(body, validate=True))
    except ValueError:
        raise ValueError("The drawing arrived damaged: draw it again") from None
    return photos.decode(file, "The drawing")[0]


def read(canvas, finder, classifiers):
    """Read a drawing with each network, and explain the digit that they are least sure of.

    Args:
        canvas: uint8 array of shape (height, width, 3), or None.
        finder: trained network as `finder.build_finder` builds.
        classifiers: dict of trained networks of `model.BUILDERS` by name.

    Returns:
        `(images, probabilities, explained, shares)`, as `answers.format_answers` takes them.
    """
    images = np.zeros((0, *IMAGE_SHAPE), np.float32)
    if canvas is not None:
        images = cut_digits(canvas, finder)
    if not len(images):
        return images, {name: np.zeros((0, NUM_CLASSES), np.float32) for name in classifiers}, 0, {}
    said = {name: _compile(network)(images).numpy() for name, network in classifiers.items()}
    explained = int(np.argmin(sum(row.max(axis=1) for row in said.values())))
    shares = {}
    for name, network in classifiers.items():
        digits = said[name][explained].argmax(keepdims=True)
        shares[name] = attribution.attribute(network, images[[explained]], digits)[0][0]
    return images, said, explained, shares


def cut_digits(canvas, finder):
    """Bring the digits of a drawing into what the classifiers know.

    Args:
        canvas: uint8 array of shape (height, width, 3), dark on light or light on dark.
        finder: trained network as `finder.build_finder` builds.

    Returns:
        float32 array of shape (n, 28, 28), 0 to 1: each digit in reading order. n is 0 if nothing
        is drawn, else at least 1: whatever it is, it is taken for a digit.
    """
    image = Image.fromarray(canvas).convert("L")
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    ink = 1 - np.asarray(image, np.float32) / 255
    if np.median(ink) > 0.5:  # most of a canvas is paper, so it is dark, as MNIST's is
        ink = 1 - ink
    images = [to_mnist.to_mnist(digit)[0] for digit in split(ink, finder)]
    return np.array(images, np.float32).reshape(-1, *IMAGE_SHAPE)


def split(ink, finder):
    """Split a drawing into its digits.

    A single stroke is one digit unless it is wide. Of several the finder says how they belong
    together.

    Args:
        ink: float32 array of shape (height, width), 0 nothing to 1 ink.
        finder: trained network as `finder.build_finder` builds.

    Returns:
        list of float32 arrays like `ink`, each with the ink of one digit, in reading order.
    """
    strokes, num_strokes = ndimage.label(ink > MIN_INK, np.ones((3, 3)))
    if not num_strokes:
        return []
    if num_strokes > MAX_STROKES:
        sizes = np.bincount(strokes.ravel())
        sizes[0] = 0
        ink = np.where(np.isin(strokes, np.argsort(-sizes)[:MAX_STROKES]), ink, 0)
        strokes, num_strokes = ndimage.label(ink > MIN_INK, np.ones((3, 3)))
    if num_strokes == 1 and not _is_wide(strokes == 1):
        return [ink]
    boxes = _find_boxes(ink, finder)
    if len(boxes) < 2:
        return [ink]
    owners = _assign(strokes, num_strokes, boxes)
    digits = [np.where(owners == number, ink, 0) for number in np.unique(owners[owners >= 0])]
    if not digits:
        return [ink]
    edges = np.array([_measure(digit > MIN_INK) for digit in digits], float)
    sizes = (edges[:, 2:] - edges[:, :2]).max(axis=1)
    kept = np.flatnonzero(sizes > MIN_SIZE * sizes.max())
    return [digits[kept[index]] for row in layout.find_rows(edges[kept]) for index in row]


def _find_boxes(ink, finder):
    scale = min(1.0, *np.divide(PAGE_SHAPE, ink.shape))
    size = [max(1, round(side * scale)) for side in ink.shape[::-1]]
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX))
    page = np.ones(PAGE_SHAPE, np.float32)
    page[: size[1], : size[0]] -= small
    boxes, scores, _ = detect.merge(detect.look(_compile_finder(finder), page, SCALES))
    return boxes[scores > MIN_SCORE] / scale


@functools.lru_cache(maxsize=2)
def _compile_finder(finder):
    """Compile a network; of pages of this one shape it takes 5 ms at a scale then, not 24."""
    return tf.function(finder)


@functools.lru_cache(maxsize=8)
def _compile(classifier):
    """Compile a network for any number of images; it takes 1.5 ms for one then, not 10 (cnn)."""
    signature = [tf.TensorSpec([None, *IMAGE_SHAPE])]
    return tf.function(lambda images: classifier(images, training=False), input_signature=signature)


def _assign(strokes, num_strokes, boxes):
    """Say of each pixel whose it is, -1 where there is none: wide strokes may be several's."""
    rows, columns = np.nonzero(strokes)
    numbers = strokes[rows, columns]
    left, top, right, bottom = boxes.T[:, :, None]
    across = np.maximum(np.maximum(left - columns, columns - right), 0)
    down = np.maximum(np.maximum(top - rows, rows - bottom), 0)
    distances = np.hypot(across, down)  # of each box to each pixel
    to_middles = np.hypot((left + right) / 2 - columns, (top + bottom) / 2 - rows)
    nearest = (distances + 0.001 * to_middles).argmin(axis=0)
    owners = np.full(strokes.shape, -1)
    largest = (boxes[:, 2:] - boxes[:, :2]).max()
    for number in range(1, num_strokes + 1):
        mine = numbers == number
        inside = (distances[:, mine] == 0).mean(axis=1)
        if not inside.any() and _get_size(strokes == number) < MIN_SIZE * largest:
            continue
        if _is_wide(strokes == number) and (inside > MIN_PART).sum() > 1:
            owners[rows[mine], columns[mine]] = nearest[mine]
        else:
            best = inside.argmax() if inside.any() else distances[:, mine].mean(axis=1).argmin()
            owners[rows[mine], columns[mine]] = best
    return owners


def _is_wide(inked):
    left, top, right, bottom = _measure(inked)
    return right - left > WIDE * (bottom - top)


def _get_size(inked):
    left, top, right, bottom = _measure(inked)
    return max(right - left, bottom - top)


def _measure(inked):
    """Left, top, right and bottom edge of what is inked."""
    places = np.argwhere(inked)
    if not len(places):
        return 0, 0, 0, 0
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
    return left, top, right, bottom
