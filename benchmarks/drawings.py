"""Makes drawings as the page's canvas gives them: of digits, and of what is no digit.

The fonts and shapes are not those that the detector is trained with: letters are of other fonts,
and dots, dashes, ticks, crosses and doodles are made here only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import interpolate, ndimage
from skimage.morphology import skeletonize

from digits.training.synthetic.strokes import (
    DIGIT_HEIGHT,
    LETTERS,
    LOOKALIKES,
    SIDE,
    STEPS_PER_PIXEL,
    trace_digits,
)

SHAPE = 320, 480  # height and width of the page's canvas in pixels
PEN = 18  # pixels, width of its pen
ENLARGED = 3  # times at which lines are drawn, so that they have soft edges
LARGEST_REACH = 255 / STEPS_PER_PIXEL  # of a distance map, in its pixels
# Of matplotlib; `digits.training.synthetic.strokes` uses others.
FONTS = ("DejaVuSerif-Italic", "DejaVuSansMono-Oblique", "cmb10", "cmtt10", "cmti10")

# Points of a line: float array of shape (n, 2), x and y, about -1 to 1.
Line = np.ndarray


def draw_digits(images: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw MNIST's digits again with the canvas's pen.

    Args:
        images: uint8 array of shape (n, 28, 28).
        rng: random generator.

    Returns:
        uint8 arrays of shape (320, 480, 3), black on white.
    """
    # As 2s, so that no 1 gets a flag and no 7 a bar: these are MNIST's own digits.
    traced = trace_digits(images, np.full(len(images), 2), rng, share_broken=0.0)
    return [draw_traced(strokes, rng) for strokes in traced]


def draw_traced(strokes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a digit or letter with the canvas's pen, anywhere on it.

    Args:
        strokes: uint8 array of shape (56, 56), distance map as `strokes.trace_digits` returns.
        rng: random generator.

    Returns:
        uint8 array of shape (320, 480, 3), black on white.
    """
    height = rng.uniform(100, 250)
    scale = height / DIGIT_HEIGHT
    angle, stretch = rng.normal(0, 0.06), np.exp(rng.normal(0, 0.1))
    cos, sin = np.cos(angle), np.sin(angle)
    forward = scale * np.array([[cos * stretch, -sin], [sin * stretch, cos]])
    inverse = np.linalg.inv(forward)
    middle = _choose_middle(rng, height)
    offset = SIDE / 2 - inverse @ middle
    tile = Image.fromarray(strokes).transform(
        SHAPE[::-1],
        Image.Transform.AFFINE,
        np.column_stack([inverse, offset]).ravel().tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=255,
    )
    distance = np.asarray(tile, np.float32) * np.float32(scale / STEPS_PER_PIXEL)
    return _to_canvas(np.clip(0.5 + PEN / 2 - distance, 0, 1))


def draw_lines(lines: list[Line], height: float, middle: np.ndarray) -> np.ndarray:
    """Draw lines with the canvas's round pen.

    Args:
        lines: of coordinates from about -1 to 1.
        height: pixels from -1 to 1.
        middle: x and y in pixels of the place (0, 0).

    Returns:
        uint8 array of shape (320, 480, 3), black on white.
    """
    size = SHAPE[1] * ENLARGED, SHAPE[0] * ENLARGED
    image = Image.new("L", size)
    pen = ImageDraw.Draw(image)
    for line in lines:
        places = [tuple(place) for place in ENLARGED * (middle + line * height / 2)]
        pen.line(places, 255, PEN * ENLARGED, joint="curve")
        reach = PEN * ENLARGED / 2
        for x, y in (places[0], places[-1]):
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), 255)
    return _to_canvas(np.asarray(image.reduce(ENLARGED), np.float32) / 255)


def make_letter(rng: np.random.Generator) -> np.ndarray:
    """Draw a letter that is not shaped like a digit."""
    traced = _trace_letters(LETTERS)
    return draw_traced(traced[rng.integers(len(traced))], rng)


def make_lookalike(rng: np.random.Generator) -> np.ndarray:
    """Draw a letter that is shaped like a digit, as O, l and Z are."""
    traced = _trace_letters(LOOKALIKES)
    return draw_traced(traced[rng.integers(len(traced))], rng)


def make_dot(rng: np.random.Generator) -> np.ndarray:
    """Draw a dot: a click, or a small movement."""
    reach = rng.uniform(0, 10) * (rng.random() < 0.6)
    line = np.cumsum(rng.normal(0, 0.5, (int(rng.integers(2, 9)), 2)), axis=0)
    return draw_lines([line - line.mean(axis=0)], reach, _choose_middle(rng, 60))


def make_dash(rng: np.random.Generator) -> np.ndarray:
    """Draw a dash, level within 20 degrees and nearly straight."""
    x = np.linspace(-1, 1, 9)
    line = np.stack([x, rng.normal(0, 0.08) * (1 - x**2)], axis=1)
    length = rng.uniform(50, 260)
    return draw_lines([_turn(line, rng.uniform(-20, 20))], length, _choose_middle(rng, length))


def make_tick(rng: np.random.Generator) -> np.ndarray:
    """Draw a tick: a short stroke down, a long one up."""
    bottom = np.array([rng.uniform(-0.5, -0.1), 0.8])
    short, long = rng.uniform(0.4, 0.8), rng.uniform(1.2, 1.9)
    left, right = np.radians(rng.uniform(20, 60)), np.radians(rng.uniform(25, 60))
    line = np.array(
        [
            bottom + short * np.array([-np.sin(left), -np.cos(left)]),
            bottom,
            bottom + long * np.array([np.sin(right), -np.cos(right)]),
        ]
    )
    return _draw_shape([line], rng)


def make_cross(rng: np.random.Generator) -> np.ndarray:
    """Draw a cross, upright or diagonal."""
    arms = [np.array([[-1, 0], [1, 0]]), np.array([[0, -1], [0, 1]])]
    turn = rng.choice([0, 45]) + rng.normal(0, 5)
    return _draw_shape([_turn(arm * rng.uniform(0.7, 1), turn) for arm in arms], rng)


def make_doodle(rng: np.random.Generator) -> np.ndarray:
    """Draw a curve, spiral, zigzag, star, heart, polygon, wave, scribble or filled circle."""
    shapes: list[Callable[[np.random.Generator], list[Line]]] = [
        _curve, _spiral, _zigzag, _star, _heart, _polygon, _wave, _scribble, _circle,
    ]  # fmt: skip
    lines = shapes[rng.integers(len(shapes))](rng)
    turn = rng.normal(0, 8)
    return _draw_shape([_turn(line, turn) for line in lines], rng)


# What is no digit; "lookalikes" are reported, but cannot be told from digits.
KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "letters": make_letter,
    "dots": make_dot,
    "dashes": make_dash,
    "ticks": make_tick,
    "crosses": make_cross,
    "doodles": make_doodle,
    "lookalikes": make_lookalike,
}


@functools.cache
def _trace_letters(letters: str) -> np.ndarray:
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    traced = []
    for name in FONTS:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 46)
        for letter in letters:
            image = Image.new("L", (SIDE, SIDE))
            ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), letter, 255, font=font, anchor="mm")
            skeleton = skeletonize(np.asarray(image) > 110)
            distance = np.minimum(ndimage.distance_transform_edt(~skeleton), LARGEST_REACH)
            traced.append((distance * STEPS_PER_PIXEL).astype(np.uint8))
    return np.stack(traced)


def _choose_middle(rng: np.random.Generator, size: float) -> np.ndarray:
    """Choose a place at which a drawing of a size in pixels is mostly on the canvas."""
    room = np.maximum(np.array(SHAPE[::-1]) - size - 2 * PEN, 0) / 2
    return np.array(SHAPE[::-1]) / 2 + rng.uniform(-room, room)


def _draw_shape(lines: list[Line], rng: np.random.Generator) -> np.ndarray:
    stretch = np.exp(rng.normal(0, 0.12))
    height = rng.uniform(100, 250)
    shaken = [line * [stretch, 1] + rng.normal(0, 0.015, line.shape) for line in lines]
    return draw_lines(shaken, height, _choose_middle(rng, height))


def _to_canvas(ink: np.ndarray) -> np.ndarray:
    grey = np.round(255 * (1 - ink)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _turn(line: Line, degrees: float) -> Line:
    angle = np.radians(degrees)
    return line @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _smooth(points: Line, is_closed: bool = False) -> Line:
    knots, _ = interpolate.splprep(points.T, s=0, per=is_closed, k=min(3, len(points) - 1))
    return np.stack(interpolate.splev(np.linspace(0, 1, 80), knots), axis=1)


def _round(radius: np.ndarray | float, turns: float, start: float) -> Line:
    angle = start + np.linspace(0, 2 * np.pi * turns, 90)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _curve(rng):
    return [np.clip(_smooth(rng.uniform(-1, 1, (int(rng.integers(6, 12)), 2))), -1.2, 1.2)]


def _spiral(rng):
    turns = rng.uniform(2, 3.5) * rng.choice([-1, 1])
    return [_round(np.linspace(0.05, 1, 90), turns, rng.uniform(0, 6.3))]


def _zigzag(rng):
    number = int(rng.integers(4, 9))
    y = np.where(np.arange(number) % 2, 1, -1) * rng.uniform(0.3, 0.9)
    return [np.stack([np.linspace(-1, 1, number), y], axis=1)]


def _star(rng):
    corners = int(rng.choice([5, 7]))
    angle = -np.pi / 2 + 4 * np.pi * np.arange(corners + 1) / corners
    return [np.stack([np.cos(angle), np.sin(angle)], axis=1)]


def _heart(rng):
    t = np.linspace(0, 2 * np.pi, 80)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([np.sin(t) ** 3, -y / 15], axis=1)]


def _polygon(rng):
    corners = int(rng.integers(3, 6))
    start = rng.uniform(0, 6.3)
    angle = start + 2 * np.pi * np.arange(corners + 1) / corners
    lines = [np.stack([np.cos(angle), np.sin(angle)], axis=1)]
    if rng.random() < 0.3:  # a diagonal
        lines.append(lines[0][[0, 2]])
    return lines


def _wave(rng):
    x = np.linspace(-1, 1, 80)
    periods, depth = rng.uniform(1.5, 4), rng.uniform(0.2, 0.6)
    return [np.stack([1.3 * x, depth * np.sin(np.pi * periods * x)], axis=1)]


def _scribble(rng):
    number = int(rng.integers(14, 30))
    return [_smooth(rng.uniform(-0.9, 0.9, (number, 2)))]


def _circle(rng):
    """A circle with something in it: eyes and a mouth, a cross, a dot, or another circle."""
    ring = _round(1, 1, rng.uniform(0, 6.3))
    eye = np.array([[0, 0], [0.03, 0.03]])
    left = np.array([-0.4, -0.3])
    mouth = _round(0.55, 0.5, 0.0)
    inside = [
        [eye + left, eye - left * [1, -1], mouth],
        [np.array([[-0.9, 0], [0.9, 0]]), np.array([[0, -0.9], [0, 0.9]])],
        [eye],
        [0.45 * _round(1, 1, 0.0)],
    ]
    return [ring, *inside[rng.integers(len(inside))]]
