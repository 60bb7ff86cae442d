"""Trains what tells digits from other drawings, on the feature maps of a small classifier."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from digits.keras_quietly import keras
from digits.networks.rejection import Rejection
from digits.symbols import SIGNS
from digits.training.synthetic import marks, strokes
from digits.transforms import to_mnist

SIDE = 160  # pixels of the square on which a drawing is made
HEIGHT = 100  # pixels, about, of a drawing in it
# Width of the pen for this height: the page's pen has 18 pixels and digits are 100 to 250 high.
THINNEST, WIDEST = 7.2, 18.0
READ_AS_ONE = "/()"  # signs that nobody can tell from a 1 where they stand alone
HIDDEN, EPOCHS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 20, 40, 256, 3e-3, 0.02
LEAST_DEVIATION = 1e-2  # of a feature, so that those that are nearly always 0 are not blown up

Line = np.ndarray  # float array of shape (n, 2), x and y


def draw_digits(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw MNIST's digits again with the page's pen.

    Args:
        images: uint8 array of shape (n, 28, 28).
        rng: random generator.

    Returns:
        float32 array of shape (n, 28, 28), in MNIST's format.
    """
    # Labelled 2, so that no 1 gets a flag and no 7 a bar.
    traced = strokes.trace_digits(images, np.full(len(images), 2), rng, share_broken=0.0)
    return np.concatenate([to_mnist.to_mnist(_write(tile, rng)) for tile in traced])


def draw_others(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw letters, signs, dots, lines and doodles with the page's pen.

    Args:
        number: how many.
        rng: random generator.

    Returns:
        float32 array of shape (number, 28, 28), in MNIST's format.
    """
    kinds = rng.choice(len(_KINDS), number, p=[share for share, _ in _KINDS])
    return np.concatenate([to_mnist.to_mnist(_KINDS[kind][1](rng)) for kind in kinds])


def fit(digits: np.ndarray, others: np.ndarray, seed: int) -> Rejection:
    """Train a rejection to tell digits from other drawings.

    Args:
        digits: float array of shape (n, num_features), `FeatureExtractor`'s of digits.
        others: the same of other drawings.
        seed: the same seed gives the same weights on the same machine.

    Returns:
        The rejection, its weights rounded to half precision, its threshold 0.
    """
    features = np.concatenate([digits, others])
    is_digit = np.repeat([1.0, 0.0], [len(digits), len(others)])
    mean = features.mean(axis=0)
    deviation = np.maximum(features.std(axis=0), LEAST_DEVIATION)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input(features.shape[1:]),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    num_steps = EPOCHS * -(-len(features) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, num_steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    scaled = (features - mean) / deviation
    model.fit(scaled, is_digit, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    kernels, bias, output, (output_bias,) = model.get_weights()
    kernels = kernels / deviation[:, None]  # so that features need not be scaled
    fitted = Rejection(kernels, bias - mean @ kernels, output[:, 0], float(output_bias))
    return Rejection.from_dict(fitted.to_dict())


def _write(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Write a traced symbol: ink of shape (SIDE, SIDE)."""
    scale = HEIGHT / strokes.DIGIT_HEIGHT
    angle, stretch = rng.normal(0, 0.06), np.exp(rng.normal(0, 0.1))
    cos, sin = np.cos(angle), np.sin(angle)
    inverse = np.linalg.inv(scale * np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, stretch]))
    offset = np.full(2, strokes.SIDE / 2) - inverse @ np.full(2, SIDE / 2)
    distance = ndimage.affine_transform(
        tile.astype(np.float32), inverse, offset, (SIDE, SIDE), order=1, cval=255
    )
    return _ink(distance * scale / strokes.STEPS_PER_PIXEL, rng)


def _draw(lines: Sequence[Line], rng: np.random.Generator, height: float = HEIGHT) -> np.ndarray:
    """Draw lines of coordinates from -1 to 1 with a round pen: ink of shape (SIDE, SIDE)."""
    stretch = np.exp(rng.normal(0, 0.12))
    is_paper = np.ones((SIDE, SIDE), bool)
    for line in lines:
        points = SIDE / 2 + np.clip(line * [stretch, 1], -1.35, 1.35) * height / 2
        for start, end in itertools.pairwise(points):
            steps = np.linspace(0, 1, 2 + int(np.hypot(*(end - start))))[:, None]
            columns, rows = np.round(start + steps * (end - start)).astype(int).T
            is_paper[rows, columns] = False
    return _ink(ndimage.distance_transform_edt(is_paper), rng)


def _ink(distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pen = np.exp(rng.uniform(np.log(THINNEST), np.log(WIDEST)))
    return np.clip(0.5 + pen / 2 - distance, 0, 1).astype(np.float32)


def _turn(line: Line, angle: float) -> Line:
    return line @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _fit(line: Line) -> Line:
    """Move and scale a line to lie between -1 and 1."""
    low, high = line.min(axis=0), line.max(axis=0)
    return 2 * (line - (low + high) / 2) / max((high - low).max(), 1e-6)


def _letter(rng):
    traced = strokes.trace_symbols()["letters"]
    return _write(traced[rng.integers(len(traced))], rng)


def _other_symbol(rng):
    traced = strokes.trace_symbols()["others"]
    return _write(traced[rng.integers(len(traced))], rng)


def _sign(rng):
    tiles, numbers = strokes.trace_signs()
    kept = np.flatnonzero(~np.isin(numbers, [SIGNS.index(sign) for sign in READ_AS_ONE]))
    return _write(tiles[rng.choice(kept)], rng)


def _dot(rng):
    return _draw([rng.normal(0, 1, (4, 2))], rng, height=rng.uniform(0, 6))


def _line(rng):
    """A line that is level or slopes by less than 50 degrees: steeper ones are like a 1."""
    x = np.linspace(-1, 1, 9)
    line = np.stack([x, rng.normal(0, 0.1) * (1 - x**2)], axis=1)
    return _draw([_turn(line, np.radians(rng.uniform(-50, 50)))], rng, rng.uniform(30, HEIGHT))


def _tick(rng):
    bottom = np.array([rng.uniform(-0.6, 0), 0.9])
    left, right = np.radians(rng.uniform([15, 20], [70, 65]))
    start = bottom - rng.uniform(0.3, 0.9) * np.array([np.sin(left), np.cos(left)])
    end = bottom + rng.uniform(1.2, 2) * np.array([np.sin(right), -np.cos(right)])
    return _draw([_turn(np.stack([start, bottom, end]), rng.normal(0, 0.1))], rng)


def _arms(rng):
    """Two to four lines through about one place: a plus, a cross, an asterisk."""
    number = int(rng.choice([2, 2, 2, 3, 4]))
    turn = rng.choice([0, np.pi / 4]) + rng.normal(0, 0.12)
    angles = turn + np.pi * np.arange(number) / number
    arm = np.array([[-1.0, 0], [1, 0]])
    lines = [_turn(arm * rng.uniform(0.6, 1), angle) for angle in angles]
    return _draw([line + rng.normal(0, 0.08, 2) for line in lines], rng)


def _doodle(rng):
    return _draw([marks.doodle(rng)], rng)


def _zigzag(rng):
    width, height = rng.uniform(1, 2), rng.uniform(0.4, 2)
    zigzag = np.stack(marks.zigzag(rng, np.zeros(2), width, height))
    return _draw([_turn(_fit(zigzag), rng.normal(0, 0.3))], rng)


def _word(rng):
    word = marks.joined_letters(rng)
    return _draw([_fit(word[: int(rng.integers(24, 80))])], rng)


def _curve(rng):
    turns = np.cumsum(rng.normal(0, 0.6, (int(rng.integers(5, 14)), 2)), axis=0)
    return _draw([_fit(ndimage.gaussian_filter1d(turns.repeat(8, axis=0), 3, axis=0))], rng)


def _tangle(rng):
    points = rng.uniform(-1, 1, (int(rng.integers(6, 30)), 2)).repeat(8, axis=0)
    return _draw([_fit(ndimage.gaussian_filter1d(points, rng.uniform(0.5, 4), axis=0))], rng)


def _wave(rng):
    x = np.linspace(0, 1, 80)
    y = rng.uniform(0.1, 0.4) * np.sin(2 * np.pi * rng.uniform(1, 4.5) * x + rng.uniform(0, 6.3))
    return _draw([_turn(_fit(np.stack([x, y], axis=1)), rng.normal(0, 0.3))], rng)


def _frame(rng):
    """A box, a triangle or another polygon; some with a line inside."""
    if rng.random() < 0.4:
        corners = np.stack(marks.frame(rng, np.zeros(2), 2 * rng.uniform(0.6, 1.2), 2))
    else:
        number = int(rng.integers(3, 8))
        angles = rng.uniform(0, 6.3) + 2 * np.pi * np.arange(number + 1) / number
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        corners += rng.normal(0, 0.05, corners.shape)
    lines = [_fit(corners)]
    if rng.random() < 0.3:
        lines.append(lines[0][rng.choice(len(corners) - 1, 2, replace=False)])
    return _draw(lines, rng)


def _heart(rng):
    """Two arcs that meet in a point below, as a heart, a leaf or a drop."""
    angles = np.linspace(0, 2 * np.pi, 80)
    dent, tip = rng.uniform(0, 0.7), rng.uniform(0.3, 1.2)
    radius = 1 - dent * np.exp(-(((angles - np.pi / 2) / 0.5) ** 2))
    line = radius[:, None] * np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    line[:, 1] += tip * np.exp(-(((angles - 3 * np.pi / 2) / 0.6) ** 2))
    return _draw([_turn(_fit(line), rng.normal(0, 0.1))], rng)


def _ring_with_marks(rng):
    """A circle with lines, dots, rays or a smaller circle: a face, a sun, a wheel."""
    ring = np.stack(marks.ring(rng, np.zeros(2), 2, 2))
    kind = rng.integers(4)
    lines = [ring]
    if kind == 0:
        eye = np.array([[0, 0], [0.02, 0.02]])
        mouth = np.linspace(-1, 1, 9)
        mouth = np.stack([0.5 * mouth, 0.3 + rng.normal(0, 0.25) * (1 - mouth**2)], axis=1)
        lines += [eye - (0.4, 0.3), eye - (-0.4, 0.3), mouth]
    elif kind == 1:
        for angle in rng.uniform(0, np.pi, int(rng.integers(1, 4))):
            lines.append(_turn(np.array([[-1.0, 0], [1, 0]]), angle))
    elif kind == 2:
        lines.append(rng.uniform(0.1, 0.6) * ring + rng.normal(0, 0.1, 2))
    else:
        lines[0] = 0.6 * ring
        for angle in 2 * np.pi * np.arange(8) / 8:
            lines.append(_turn(np.array([[0.65, 0], [1, 0]]), angle))
    return _draw(lines, rng)


def _filled(rng):
    """A filled patch: the pen goes to and fro."""
    rows = np.linspace(-1, 1, 40)
    columns = np.where(np.arange(40) % 2, 1, -1) * rng.uniform(0.3, 1)
    if rng.random() < 0.6:
        columns = columns * np.sqrt(1 - rows**2)
    return _draw([_turn(np.stack([columns, rows], axis=1), rng.uniform(0, 3.2))], rng)


# Share of each kind of drawing among those that are no digit.
_KINDS: list[tuple[float, Callable[[np.random.Generator], np.ndarray]]] = [
    (0.40, _letter),
    (0.06, _other_symbol),
    (0.06, _sign),
    (0.03, _dot),
    (0.05, _line),
    (0.05, _tick),
    (0.04, _arms),
    (0.05, _doodle),
    (0.04, _zigzag),
    (0.03, _word),
    (0.05, _curve),
    (0.04, _tangle),
    (0.02, _wave),
    (0.03, _frame),
    (0.02, _heart),
    (0.02, _ring_with_marks),
    (0.01, _filled),
]
