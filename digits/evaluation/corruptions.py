"""Corrupts images of digits by known amounts, to measure how robust a classifier is."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from digits.mnist import IMAGE_SHAPE
from digits.transforms import lines

CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)
SIDES = (1, 2)  # axes of an image's rows and columns
Generator = np.random.Generator


def rotate(images: np.ndarray, degrees: float, rng: Generator) -> np.ndarray:
    """Rotate each image by so many degrees to the left or to the right."""
    rotated = np.empty_like(images)
    turns = rng.choice([-1, 1], len(images))
    for turn in (-1, 1):
        rotated[turns == turn] = ndimage.rotate(
            images[turns == turn], turn * degrees, axes=SIDES, reshape=False, order=1
        )
    return rotated


def shift(images: np.ndarray, pixels: float, rng: Generator) -> np.ndarray:
    """Shift each image by so many pixels in a random direction."""
    angles = rng.uniform(0, 2 * np.pi, len(images))
    moves = pixels * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.stack(
        [ndimage.shift(image, move, order=1) for image, move in zip(images, moves, strict=True)]
    )


def scale(images: np.ndarray, factor: float, rng: Generator) -> np.ndarray:
    """Scale each image about its centre by a factor."""
    middle = (np.array(IMAGE_SHAPE) - 1) / 2
    return ndimage.affine_transform(
        images, [1, 1 / factor, 1 / factor], [0, *(middle - middle / factor)], order=1
    )


def blur(images: np.ndarray, sigma: float, rng: Generator) -> np.ndarray:
    """Blur by a Gaussian of so many pixels' standard deviation."""
    return ndimage.gaussian_filter(images, sigma, axes=SIDES)


def add_noise(images: np.ndarray, sigma: float, rng: Generator) -> np.ndarray:
    """Add Gaussian noise of this standard deviation to every pixel."""
    return np.clip(images + rng.normal(0, sigma, images.shape), 0, 1)


def lose_contrast(images: np.ndarray, share: float, rng: Generator) -> np.ndarray:
    """Reduce the contrast by this share: every pixel moves towards the middle grey."""
    return images * (1 - share) + share / 2


def thicken(images: np.ndarray, pixels: float, rng: Generator) -> np.ndarray:
    """Make strokes thicker by so many pixels on each side."""
    return _change_strokes(images, pixels, ndimage.grey_dilation)


def thin(images: np.ndarray, pixels: float, rng: Generator) -> np.ndarray:
    """Make strokes thinner by so many pixels on each side."""
    return _change_strokes(images, pixels, ndimage.grey_erosion)


def occlude(images: np.ndarray, side: float, rng: Generator) -> np.ndarray:
    """Blank a square of so many pixels to a side, centred on a random inked pixel of each image."""
    occluded, pixels = images.copy(), int(side)
    for image in occluded:
        row, column = rng.choice(np.argwhere(image >= image.max() / 2))
        top, left = max(0, row - pixels // 2), max(0, column - pixels // 2)
        image[top : top + pixels, left : left + pixels] = 0
    return occluded


def draw_lines(images: np.ndarray, thickness: float, rng: Generator) -> np.ndarray:
    """Draw a rule, box edge or strike-through of this thickness across a random inked pixel."""
    crossed = images.copy()
    for image in crossed:
        middle = rng.choice(np.argwhere(image >= image.max() / 2)) + 0.5
        np.maximum(image, lines.draw_random_line(rng, middle, thickness), out=image)
    return crossed


def outline(images: np.ndarray, share: float, rng: Generator) -> np.ndarray:
    """Draw a line around the strokes, and take this share of their ink away inside it."""
    around = ndimage.grey_dilation(images, footprint=CROSS) - images
    return images + share * (around - images)


def _change_strokes(images, pixels, step):
    """Dilate or erode by a pixel at a time; fractions of a pixel are interpolated."""
    while pixels > 0:
        images = images + min(pixels, 1) * (step(images, footprint=CROSS) - images)
        pixels -= 1
    return images


@dataclasses.dataclass(frozen=True)
class Corruption:
    """One kind of corruption, and the amounts of it that are applied.

    Attributes:
        apply: function of images, amount and random generator that returns corrupted images.
        unit: what an amount is measured in.
        neutral: amount that changes nothing.
        amounts: from little to much; people still recognize most digits at the largest.
    """

    apply: Callable[[np.ndarray, float, Generator], np.ndarray]
    unit: str
    neutral: float
    amounts: tuple[float, ...]


CORRUPTIONS = {
    "rotation": Corruption(rotate, "degrees", 0, (10, 20, 30, 40)),
    "shift": Corruption(shift, "pixels", 0, (1, 2, 3, 4)),
    "scale": Corruption(scale, "factor", 1, (0.9, 0.8, 0.7, 0.6)),
    "blur": Corruption(blur, "sigma, pixels", 0, (0.5, 1, 1.5, 2)),
    "noise": Corruption(add_noise, "sigma, white is 1", 0, (0.1, 0.2, 0.3, 0.4)),
    "contrast loss": Corruption(lose_contrast, "share lost", 0, (0.2, 0.4, 0.6, 0.8)),
    "thick strokes": Corruption(thicken, "pixels added to each side", 0, (0.5, 1, 1.5, 2)),
    "thin strokes": Corruption(thin, "pixels removed from each side", 0, (0.25, 0.5, 0.75, 1)),
    "occlusion": Corruption(occlude, "side of the square, pixels", 0, (2, 4, 6, 8)),
    "lines": Corruption(draw_lines, "thickness, pixels", 0, (0.75, 1.5, 2.25, 3)),
    "outlined": Corruption(outline, "share of the ink inside lost", 0, (0.25, 0.5, 0.75, 1)),
}


def corrupt(images: np.ndarray, kind: str, amount: float, seed: int = 0) -> np.ndarray:
    """Corrupt images.

    Args:
        images: float array of shape (n, 28, 28), 0 paper to 1 ink.
        kind: key of `CORRUPTIONS`.
        amount: of it, in its unit.
        seed: the same seed gives the same corruptions.

    Returns:
        float32 array of the same shape, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    corrupted = CORRUPTIONS[kind].apply(np.asarray(images, np.float32), amount, rng)
    return np.clip(corrupted, 0, 1).astype(np.float32)
