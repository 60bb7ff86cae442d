"""Makes a photo of ink: paper, ruled lines, light, blur, noise and compression."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.training.synthetic import marks


def photograph(rng: np.random.Generator, ink: np.ndarray, size: float) -> np.ndarray:
    """Make a photo of ink on paper; paper, light and camera are random.

    Args:
        rng: random generator.
        ink: float32 array of shape (height, width), 0 no ink to 1.
        size: height of the writing in pixels, by which lines are spaced.

    Returns:
        float32 array of the shape of `ink`, 0 black to 1 white.
    """
    shape = ink.shape
    contrast = rng.uniform(0.12, 0.5) if rng.random() < 0.35 else rng.uniform(0.4, 0.95)
    darkness = ink * contrast
    if rng.random() < 0.35:
        strength = contrast * _log_uniform(rng, 0.12, 1.1)
        darkness = np.maximum(darkness, min(strength, 0.9) * marks.draw_rules(rng, shape, size))
    photo = _light(rng, shape) * (1 - darkness)
    blur = rng.uniform(0, 1.1)
    if blur > 0.35:
        photo = ndimage.gaussian_filter(photo, blur, truncate=2.5)
    # Ink must be darker than noise; without ink the noise may be stronger.
    strongest = 0.25 * contrast if ink.any() else 0.15
    strongest = max(0.004, min(0.06, strongest))
    photo += _noise(rng, shape) * _log_uniform(rng, 0.002, strongest)
    if rng.random() < 0.1:
        photo += marks.fibres(rng, shape) * _log_uniform(rng, 0.003, max(0.006, 1.5 * strongest))
    photo = np.clip(photo, 0, 1)
    if rng.random() < 0.3:
        photo = _compress(photo, quality=int(rng.integers(25, 85)))
    return photo.astype(np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Make smooth random values: bicubic interpolation of a grid of Gaussian noise.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.
        cells: rows and columns of the grid.

    Returns:
        float32 array of that shape, of mean 0 and variance about 1.
    """
    coarse = Image.fromarray(rng.standard_normal((cells, cells), np.float32))
    return np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC))


def _log_uniform(rng, low, high):
    """Draw a number whose logarithm is uniform between those of `low` and `high`."""
    return np.float32(np.exp(rng.uniform(np.log(low), np.log(high))))


def _light(rng, shape):
    cells = rng.integers(3, 6)
    uneven = 1 + np.float32(rng.uniform(0, 0.18)) * smooth_noise(rng, shape, cells)
    light = np.float32(rng.uniform(0.4, 1.0)) * uneven
    if rng.random() < 0.2:  # a shadow, or the edge of the paper
        angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        y, x = np.indices(shape, dtype=np.float32) / max(shape) - 0.5
        beyond = (y * np.sin(angle) + x * np.cos(angle) - place) * max(shape)
        share = 1 / (1 + np.exp(-np.clip(beyond / rng.uniform(1, 12), -30, 30)))
        light *= 1 - rng.uniform(0.2, 0.9) * share
    return light


def _noise(rng, shape):
    """Make noise of variance 1, often blurred, as in photos that were resized."""
    noise = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.7:
        # Often the same in both directions; the grain of paper under light from a side is not.
        across = rng.uniform(0.4, 2.5)
        down = across * np.exp(rng.normal(0, 1)) if rng.random() < 0.3 else across
        noise = ndimage.gaussian_filter(noise, (down, across), truncate=2)
        noise /= noise.std()
    return noise


def _compress(photo, quality):
    file = io.BytesIO()
    Image.fromarray((photo * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255
