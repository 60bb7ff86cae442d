"""Makes a photo of ink: paper, ruled lines, strokes that are no digits, light, blur and noise."""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SUPERSAMPLING = 2  # lines are drawn so many times as large and averaged, for smooth edges


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
        darkness = np.maximum(darkness, min(strength, 0.9) * draw_rules(rng, shape, size))
    photo = _light(rng, shape) * (1 - darkness)
    blur = rng.uniform(0, 1.1)
    if blur > 0.35:
        photo = ndimage.gaussian_filter(photo, blur, truncate=2.5)
    # Ink must be darker than noise; without ink the noise may be stronger.
    strongest = 0.25 * contrast if ink.any() else 0.15
    photo += _noise(rng, shape) * _log_uniform(rng, 0.002, max(0.004, min(0.06, strongest)))
    photo = np.clip(photo, 0, 1)
    if rng.random() < 0.3:
        photo = _compress(photo, quality=int(rng.integers(25, 85)))
    return photo.astype(np.float32)


def draw_rules(rng: np.random.Generator, shape: tuple[int, int], size: float) -> np.ndarray:
    """Draw the lines of ruled or squared paper, or of a table.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.
        size: height of the writing in pixels.

    Returns:
        float32 array of that shape, 0 to 1.
    """
    height, width = SUPERSAMPLING * shape[0], SUPERSAMPLING * shape[1]
    page, draw = _blank(shape)
    slope, dotted, dot_distance = rng.normal(0, 0.03), rng.random() < 0.3, rng.uniform(4, 12)
    thickness = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.2, 0.1]))
    down = SUPERSAMPLING * size * rng.uniform(0.5, 2.6)
    kind = rng.choice(["rules", "squares", "table"], p=[0.45, 0.4, 0.15])
    across = {"rules": None, "squares": down, "table": down * rng.uniform(0.5, 3)}[kind]

    def draw_line(start, end):
        if not dotted:
            draw.line([start, end], fill=255, width=thickness)
            return
        for share in np.linspace(0, 1, int(np.hypot(*np.subtract(end, start)) / dot_distance)):
            spot = np.add(start, share * np.subtract(end, start))
            draw.ellipse([*(spot - thickness / 2), *(spot + thickness / 2)], fill=255)

    for y in np.arange(-rng.uniform(0, down), height + down, down):
        draw_line((0, y), (width, y + slope * width))
    if across:
        for x in np.arange(-rng.uniform(0, across), width + across, across):
            draw_line((x, 0), (x - slope * height, height))
    return _shrink(page, shape)


def scribble(
    rng: np.random.Generator, shape: tuple[int, int], size: float, pen: float
) -> np.ndarray:
    """Draw strokes that are no digits: underlines, curves, specks, blots.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.
        size: height of the writing in pixels.
        pen: width of its strokes in pixels.

    Returns:
        float32 array of that shape, 0 to 1.
    """
    page, draw = _blank(shape)
    size, thickness = SUPERSAMPLING * size, max(1, round(SUPERSAMPLING * pen))
    kinds = ["line", "curve", "specks", "blot"]
    for kind in rng.choice(kinds, rng.integers(1, 4), p=[0.3, 0.2, 0.3, 0.2]):
        start = rng.uniform(0, SUPERSAMPLING, 2) * shape[::-1]
        if kind == "line":
            angle, length = rng.normal(0, 0.12), rng.uniform(1, 10) * size
            points = [start, start + length * np.array([np.cos(angle), np.sin(angle)])]
        elif kind == "curve":
            turns = np.cumsum(rng.normal(0, 0.6 * size, (rng.integers(4, 9), 2)), axis=0)
            points = ndimage.gaussian_filter1d(turns.repeat(8, axis=0), 3, axis=0) + start
        elif kind == "blot":
            radii = rng.uniform(0.2, 0.9, 2) * size
            corners = [*(start - radii), *(start + radii)]
            if rng.random() < 0.4:
                draw.ellipse(corners, fill=255)
            else:
                filled = 255 if rng.random() < 0.6 else None
                sides, turn = int(rng.integers(3, 7)), rng.uniform(0, 360)
                circle = (*start, radii.mean())
                draw.regular_polygon(circle, sides, turn, fill=filled, outline=255, width=thickness)
            continue
        else:
            for spot in rng.uniform(0, SUPERSAMPLING, (rng.integers(1, 25), 2)) * shape[::-1]:
                radius = rng.uniform(0.5, 0.07 * size + 0.7) * rng.uniform(0.7, 1.2, 2)
                draw.ellipse([*(spot - radius), *(spot + radius)], fill=255)
            continue
        draw.line([tuple(point) for point in points], fill=255, width=thickness, joint="curve")
    return _shrink(page, shape)


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
    if rng.random() < 0.6:
        noise = ndimage.gaussian_filter(noise, rng.uniform(0.4, 2.5), truncate=2)
        noise /= noise.std()
    return noise


def _compress(photo, quality):
    file = io.BytesIO()
    Image.fromarray((photo * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255


def _blank(shape):
    page = Image.new("L", (SUPERSAMPLING * shape[1], SUPERSAMPLING * shape[0]))
    return page, ImageDraw.Draw(page)


def _shrink(page, shape):
    return np.asarray(page.resize(shape[::-1], Image.Resampling.BOX), np.float32) / 255
