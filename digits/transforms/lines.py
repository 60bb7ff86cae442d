"""Draws lines across images of digits: rules, edges of boxes and strike-throughs, of any pen."""

import itertools

import numpy as np

from digits.mnist import IMAGE_SHAPE

# A digit of MNIST is 20 pixels high. Written 8 mm high, a pixel is 0.4 mm, and a line of one of
# these pens is 0.25 to 1 mm wide.
THICKNESS = 0.6, 2.6  # pixels
DASHED_SHARE = 0.3  # of the lines, dotted ones among them
DASH = 0.7, 4.0  # pixels, of a dash, and of the gap after it
MAX_LINES = 3  # in an image
MIDDLE = 5.0, 23.0  # pixels, row and column of the middle of a line
STRIKE = 12.0, 36.0  # pixels, length of a strike-through
TILT = 4.0  # degrees, standard deviation of rules and edges from the horizontal and the vertical
ZIGZAG = 1.5, 5.0  # pixels, from the middle of a zigzag line to its corners
CORNERS = 3, 7  # of a zigzag line, its ends included

ROWS, COLUMNS = IMAGE_SHAPE
CENTRES = (np.indices(IMAGE_SHAPE).reshape(2, -1) + 0.5).astype(np.float32)  # row, column
LONG = 2 * max(IMAGE_SHAPE)  # pixels: a line of this length through an image leaves it


def draw_random_lines(rng: np.random.Generator, num_images: int) -> np.ndarray:
    """Draw one to `MAX_LINES` lines in each image, near where a digit would be.

    Args:
        rng: random generator; the same state gives the same lines.
        num_images: number of images.

    Returns:
        float32 array of shape (num_images, 28, 28), 0 paper to 1 ink; of a line, a pixel's value is
        the share of it that the line covers.
    """
    drawn = np.zeros((num_images, *IMAGE_SHAPE), np.float32)
    for image, num_lines in zip(drawn, rng.integers(1, MAX_LINES + 1, num_images), strict=True):
        for _ in range(num_lines):
            line = draw_random_line(rng, rng.uniform(*MIDDLE, 2), rng.uniform(*THICKNESS))
            np.maximum(image, line, out=image)
    return drawn


def draw_random_line(rng: np.random.Generator, middle: np.ndarray, thickness: float) -> np.ndarray:
    """Draw a line: half of them are rules or edges of boxes, which run through the image.

    The others are short and of any direction, straight or zigzag, as people strike out.

    Args:
        rng: random generator; the same state gives the same line, but for its thickness.
        middle: row and column in pixels of its middle.
        thickness: in pixels.

    Returns:
        float32 array of shape (28, 28), 0 paper to 1 ink.
    """
    kind = rng.choice(["rule", "edge", "strike", "zigzag"], p=[0.3, 0.2, 0.25, 0.25])
    angle = {"rule": 0.0, "edge": 90.0}.get(kind, rng.uniform(-90, 90))
    angle = np.radians(angle + rng.normal(0, TILT))
    direction = np.array([np.sin(angle), np.cos(angle)])
    length = LONG if kind in ("rule", "edge") else rng.uniform(*STRIKE)
    num_corners = int(rng.integers(*CORNERS, endpoint=True)) if kind == "zigzag" else 2
    places = np.linspace(-length / 2, length / 2, num_corners)
    aside = np.zeros(num_corners)
    if kind == "zigzag":
        aside = rng.uniform(*ZIGZAG, num_corners) * np.resize([1, -1], num_corners)
    corners = middle + np.outer(places, direction) + np.outer(aside, direction[::-1] * [1, -1])
    dash = tuple(rng.uniform(*DASH, 2)) if rng.random() < DASHED_SHARE else None
    return draw_line(corners, thickness, dash)


def draw_line(
    corners: np.ndarray, thickness: float, dash: tuple[float, float] | None = None
) -> np.ndarray:
    """Draw a line of straight pieces with smooth edges.

    Args:
        corners: float array of shape (n, 2), row and column in pixels of its ends and of the
            corners between them; pixel (0, 0) spans 0 to 1 in both.
        thickness: in pixels.
        dash: lengths in pixels of dashes and of the gaps between them; None for none.

    Returns:
        float32 array of shape (28, 28), 0 paper to 1 ink.
    """
    covered = np.zeros(ROWS * COLUMNS, np.float32)
    before = 0.0  # pixels, length of the pieces before
    for start, end in itertools.pairwise(corners):
        length = max(float(np.hypot(*(end - start))), 1e-6)
        direction = (end - start) / length
        offset = CENTRES - start[:, None]
        along = direction @ offset
        away = np.hypot(*(offset - direction[:, None] * np.clip(along, 0, length)))
        piece = np.clip(0.5 + thickness / 2 - away, 0, min(1.0, thickness))
        if dash:
            middle = (before + along) % sum(dash) - sum(dash) / 2
            piece *= np.clip(0.5 + dash[0] / 2 - np.abs(middle), 0, 1)
        np.maximum(covered, piece, out=covered)
        before += length
    return covered.reshape(IMAGE_SHAPE)
