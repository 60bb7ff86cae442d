"""Reduces digits, signs and letters to their strokes, so that any pen can write them again.

A digit is thinned to its skeleton, and the distance of each pixel from the skeleton is kept. A
threshold on this distance gives the digit again, written with a pen of any width, sharp at any
size.
"""

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.symbols import SIGNS

SIDE = 56  # pixels, of a distance map: twice MNIST's
DIGIT_HEIGHT = 40  # pixels, of most digits in it
STEPS_PER_PIXEL = 16  # of a distance map's values
# Letters that look like digits are written inside words only. Fonts are those of matplotlib.
LETTERS = "acdefhijkmnprtuvwxyACEFHJKLMNPQRTUVWXY"
LOOKALIKES = "bgloqszBDGIOSZ"
OTHER_SIGNS = "#*?!$√±→&<>{}[]@~^"  # those that are not read
LETTER_FONTS = (
    "DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono", "cmr10", "STIXGeneral",
    "STIXGeneralItalic", "cmmi10", "cmss10",
)  # fmt: skip
SIGN_FONTS = ("DejaVuSans", "STIXGeneral")
SIGNS_DRAWN = 40  # of each sign, as people draw it
# Many people write a 1 with a flag and perhaps a foot, and a 7 with a bar; few in MNIST do.
SHARE_FLAGGED, SHARE_FOOTED, SHARE_BARRED = 0.35, 0.4, 0.25  # footed: of those with a flag
LONGEST_FLAG = 0.65  # of the height of a 1
SHARE_BROKEN = 0.1  # of all digits: the pen was lifted, or did not write


def trace_digits(
    images: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
    share_broken: float = SHARE_BROKEN,
) -> np.ndarray:
    """Trace the strokes of digits, and add a flag to some of the 1s and a bar to some of the 7s.

    Args:
        images: uint8 array of shape (n, 28, 28).
        labels: integers 0-9 of shape (n,).
        rng: random generator.
        share_broken: share of the digits that get a gap.

    Returns:
        Distance maps, uint8 of shape (n, 56, 56): distance from the skeleton in 1/16 pixels, at
        most 255.

    Raises:
        ValueError: an image shows no digit.
    """
    distances = np.empty((len(images), SIDE, SIDE), np.uint8)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        larger = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        skeleton = skeletonize(np.asarray(larger) > 110)
        if not skeleton.any():
            raise ValueError(
                f"received image {index} with no pixel above 110, expected a digit: leave it out"
            )
        if label == 1 and rng.random() < SHARE_FLAGGED:
            skeleton = _add_flag(skeleton, rng)
        if label == 7 and rng.random() < SHARE_BARRED:
            skeleton = _add_bar(skeleton, rng)
        if rng.random() < share_broken:
            skeleton = _break(skeleton, rng)
        distances[index] = _measure_distance(skeleton)
    return distances


@functools.cache
def trace_symbols() -> dict[str, np.ndarray]:
    """Trace printed letters and signs that are not read, which look a little like digits.

    Returns:
        Distance maps like those of `trace_digits`, by "letters", "lookalikes" and "others".
    """
    kinds = {
        "letters": (LETTERS, LETTER_FONTS),
        "lookalikes": (LOOKALIKES, LETTER_FONTS),
        "others": (OTHER_SIGNS, SIGN_FONTS),
    }
    traced = {}
    for kind, (symbols, names) in kinds.items():
        skeletons = [_thin(symbol, name) for name in names for symbol in symbols]
        traced[kind] = np.stack([_measure_distance(s) for s in skeletons if s.any()])
    return traced


@functools.cache
def trace_signs() -> tuple[np.ndarray, np.ndarray]:
    """Draw the strokes of the signs that are read, and trace those of printed ones.

    There is no MNIST of signs: each is drawn as `SIGNS_DRAWN` different hands might, at the place
    where it stands beside a digit in the middle of the map.

    Returns:
        `(distances, signs)`: distance maps like those of `trace_digits`, and the index in `SIGNS`
        of each, int64.
    """
    rng = np.random.default_rng(0)
    skeletons, numbers = [], []
    for number, sign in enumerate(SIGNS):
        made = [_draw_sign(sign, rng) for _ in range(SIGNS_DRAWN)]
        made += [_thin(sign, name) for name in SIGN_FONTS]
        skeletons += made
        numbers += [number] * len(made)
    return np.stack([_measure_distance(skeleton) for skeleton in skeletons]), np.array(numbers)


def _draw_sign(sign, rng):
    """Draw the skeleton of a sign; a digit beside it would reach from 8 down to 48 pixels."""
    middle = SIDE / 2

    def dot(x, y):
        # Dots are bolder than strokes: the pen rests on them, or makes a small circle.
        long, bold = rng.uniform(0, 3.5), rng.uniform(0, 2.5)
        end = (x + rng.normal(0, 0.4) * long, y + long)
        return [(x, y), end, (x + bold, y), (x + bold, y + bold), (x, y + bold), (x, y)]

    def dash(y, shortest, longest):
        half = rng.uniform(shortest, longest) / 2
        rise = rng.normal(0, 0.1) * half
        return [(middle - half, y + rise), (middle + half, y - rise)]

    def slash(height, width):
        height, width = rng.uniform(*height) / 2, rng.uniform(*width) / 2
        return [(middle + width, middle - height), (middle - width, middle + height)]

    def arc(direction):
        half, bow = rng.uniform(18, 27), direction * rng.uniform(4, 12)
        down = np.linspace(-1, 1, 12)
        return list(zip(middle + bow * (down**2 - 0.5), middle + half * down, strict=True))

    def ring(x, y):
        radius, angles = rng.uniform(2.5, 6), np.linspace(0, 2 * np.pi, 13)
        return list(zip(x + radius * np.cos(angles), y + radius * np.sin(angles), strict=True))

    level = middle + rng.normal(0, 3)
    if sign == ".":
        lines = [dot(middle, rng.uniform(42, 49))]
    elif sign == ",":
        y, down = rng.uniform(42, 48), rng.uniform(5, 12)
        back = rng.uniform(0.1, 0.6) * down
        bend = (middle - 0.25 * back, y + 0.6 * down)
        lines = [[(middle, y), bend, (middle - back, y + down)]]
    elif sign == "-":
        lines = [dash(level, 10, 36)]
    elif sign == "+":
        height = rng.uniform(8, 17)
        lean = rng.normal(0, 1.5)
        upright = [(middle + lean, level - height), (middle - lean, level + height)]
        lines = [dash(level + rng.normal(0, 1.5), 16, 36), upright]
    elif sign == "/":
        lines = [slash((34, 54), (12, 36))]
    elif sign == ":":
        lines = [dot(middle, rng.uniform(18, 26)), dot(middle + rng.normal(0, 1), 41)]
    elif sign == "×":
        down, up = slash((14, 30), (14, 28)), slash((14, 30), (14, 28))
        lines = [down, [(SIDE - x, y) for x, y in up]]
    elif sign == "÷":
        apart = rng.uniform(7, 13)
        lines = [dash(level, 16, 34)]
        lines += [dot(middle + rng.normal(0, 2), level + side * apart) for side in (-1, 1)]
    elif sign == "=":
        apart = rng.uniform(4, 8)
        lines = [dash(level - apart, 16, 34), dash(level + apart, 16, 34)]
    elif sign == "%":
        lines = [slash((30, 46), (14, 30)), ring(middle - 9, middle - 11)]
        lines.append(ring(middle + 9, middle + 11))
    else:
        lines = [arc(1 if sign == "(" else -1)]
    return _add_lines(np.zeros((SIDE, SIDE), bool), lines)


def _thin(symbol, font_name):
    """Thin a printed symbol to its skeleton."""
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font_name}.ttf")
    return skeletonize(_draw_symbol(symbol, ImageFont.truetype(str(path), 46)) > 110)


def _measure_distance(skeleton):
    distance = ndimage.distance_transform_edt(~skeleton) if skeleton.any() else np.inf
    return np.broadcast_to(np.minimum(distance * STEPS_PER_PIXEL, 255), skeleton.shape).astype(
        np.uint8
    )


def _draw_symbol(symbol, font):
    canvas = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(canvas).text((SIDE / 2, SIDE / 2), symbol, 255, font=font, anchor="mm")
    return np.asarray(canvas)


def _add_flag(skeleton, rng):
    rows, columns = np.nonzero(skeleton)
    first, last = rows.argmin(), rows.argmax()
    height = rows[last] - rows[first]
    x, y = columns[first], rows[first]
    angle = np.arctan2(x - columns[last], height) + np.radians(rng.uniform(20, 55))
    length = height * rng.uniform(0.2, LONGEST_FLAG)
    lines = [[(x, y), (x - length * np.sin(angle), y + length * np.cos(angle))]]
    if rng.random() < SHARE_FOOTED:
        x, y, rise = columns[last], rows[last], rng.uniform(-0.1, 0.15)
        left, right = height * rng.uniform(0.12, 0.35, 2)
        lines.append([(x - left, y + rise * left), (x + right, y - rise * right)])
    return _add_lines(skeleton, lines)


def _add_bar(skeleton, rng):
    rows, columns = np.nonzero(skeleton)
    y = rows.min() + np.ptp(rows) * rng.uniform(0.42, 0.62)
    x = columns[abs(rows - y) < 2].mean() if (abs(rows - y) < 2).any() else columns.mean()
    half, rise = np.ptp(columns) * rng.uniform(0.25, 0.5), rng.uniform(-0.2, 0.25)
    return _add_lines(skeleton, [[(x - half, y + rise * half), (x + half, y - rise * half)]])


def _break(skeleton, rng):
    spots = np.argwhere(skeleton)
    y, x = spots[rng.integers(len(spots))]
    rows, columns = np.indices(skeleton.shape)
    return skeleton & (np.hypot(rows - y, columns - x) > rng.uniform(1.5, 4))


def _add_lines(skeleton, lines):
    canvas = Image.fromarray(skeleton.astype(np.uint8))
    for line in lines:
        ImageDraw.Draw(canvas).line(line, fill=1)
    return np.asarray(canvas) > 0
