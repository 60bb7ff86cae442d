"""Spoils digits on purpose, by known amounts, to see where a network breaks."""

import numpy as np
from scipy import ndimage

from digits.mnist import IMAGE_SHAPE

CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)
SIDES = (1, 2)  # axes of an image's rows and columns


def rotate(images, degrees, rng):
    """Rotate each image by so many degrees to the left or to the right."""
    rotated = np.empty_like(images)
    turns = rng.choice([-1, 1], len(images))
    for turn in (-1, 1):
        rotated[turns == turn] = ndimage.rotate(
            images[turns == turn], turn * degrees, axes=SIDES, reshape=False, order=1
        )
    return rotated


def shift(images, pixels, rng):
    """Shift each image by so many pixels in some direction."""
    angles = rng.uniform(0, 2 * np.pi, len(images))
    moves = pixels * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.stack(
        [ndimage.shift(image, move, order=1) for image, move in zip(images, moves, strict=True)]
    )


def scale(images, factor, rng):
    """Make each image's digit so many times as large."""
    middle = (np.array(IMAGE_SHAPE) - 1) / 2
    return ndimage.affine_transform(
        images, [1, 1 / factor, 1 / factor], [0, *(middle - middle / factor)], order=1
    )


def blur(images, sigma, rng):
    """Blur by a Gaussian of so many pixels' standard deviation."""
    return ndimage.gaussian_filter(images, sigma, axes=SIDES)


def add_noise(images, sigma, rng):
    """Add Gaussian noise of this standard deviation, of 1 from black to white, to every pixel."""
    return np.clip(images + rng.normal(0, sigma, images.shape), 0, 1)


def lose_contrast(images, share, rng):
    """Lose this share of the contrast: what is black and what is white both draw near to grey."""
    return images * (1 - share) + share / 2


def thicken(images, pixels, rng):
    """Make strokes thicker by so many pixels on each side."""
    return _grow(images, pixels, ndimage.grey_dilation)


def thin(images, pixels, rng):
    """Make strokes thinner by so many pixels on each side."""
    return _grow(images, pixels, ndimage.grey_erosion)


def occlude(images, side, rng):
    """Blank a square of so many pixels a side, its middle somewhere on the ink of each image."""
    occluded = images.copy()
    for image in occluded:
        row, column = rng.choice(np.argwhere(image >= image.max() / 2))
        top, left = max(0, row - side // 2), max(0, column - side // 2)
        image[top : top + side, left : left + side] = 0
    return occluded


def _grow(images, pixels, step):
    """Grow or shrink by a pixel at a time; parts of a pixel lie between two such steps."""
    while pixels > 0:
        images = images + min(pixels, 1) * (step(images, footprint=CROSS) - images)
        pixels -= 1
    return images


# Function, unit, the amount that changes nothing, and amounts from little to a lot: people still
# read most of them.
CORRUPTIONS = {
    "rotation": (rotate, "degrees", 0, (10, 20, 30, 40)),
    "shift": (shift, "pixels", 0, (1, 2, 3, 4)),
    "scale": (scale, "times as large", 1, (0.9, 0.8, 0.7, 0.6)),
    "blur": (blur, "sigma, pixels", 0, (0.5, 1, 1.5, 2)),
    "noise": (add_noise, "sigma, white is 1", 0, (0.1, 0.2, 0.3, 0.4)),
    "contrast loss": (lose_contrast, "share lost", 0, (0.2, 0.4, 0.6, 0.8)),
    "thick strokes": (thicken, "pixels more a side", 0, (0.5, 1, 1.5, 2)),
    "thin strokes": (thin, "pixels less a side", 0, (0.25, 0.5, 0.75, 1)),
    "occlusion": (occlude, "side of the square, pixels", 0, (2, 4, 6, 8)),
}


def corrupt(images, name, amount, seed=0):
    """Spoil images.

    Args:
        images: float array of shape (n, 28, 28), 0 paper to 1 ink.
        name: key of `CORRUPTIONS`.
        amount: of it, in its unit.
        seed: of what is random in it.

    Returns:
        float32 array of the same shape, 0 to 1.
    """
    function = CORRUPTIONS[name][0]
    spoiled = function(np.asarray(images, np.float32), amount, np.random.default_rng(seed))
    return np.clip(spoiled, 0, 1).astype(np.float32)
