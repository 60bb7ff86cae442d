"""Reduces digits and letters to their strokes, so that any pen can write them again.

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

SIDE = 56  # pixels, of a distance map: twice MNIST's
DIGIT_HEIGHT = 40  # pixels, of most digits in it
STEPS_PER_PIXEL = 16  # of a distance map's values
# Letters that look like digits are written inside words only. Fonts are those of matplotlib.
LETTERS = "acdefhijkmnprtuvwxyACEFHJKLMNPQRTUVWXY"
LOOKALIKES = "bgloqszBDGIOSZ"
OPERATORS = "+-×÷=()%#*?!$√±→&<>{}[]"
LETTER_FONTS = (
    "DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono", "cmr10", "STIXGeneral",
    "STIXGeneralItalic", "cmmi10", "cmss10",
)  # fmt: skip
OPERATOR_FONTS = ("DejaVuSans", "STIXGeneral")
# Many people write a 1 with a flag and perhaps a foot, and a 7 with a bar; few in MNIST do.
SHARE_FLAGGED, SHARE_FOOTED, SHARE_BARRED = 0.25, 0.5, 0.25  # footed: of those with a flag
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
    """Trace printed letters and operators, which the detector must tell from digits.

    Returns:
        Distance maps like those of `trace_digits`, by "letters", "lookalikes" and "operators".
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    kinds = {
        "letters": (LETTERS, LETTER_FONTS),
        "lookalikes": (LOOKALIKES, LETTER_FONTS),
        "operators": (OPERATORS, OPERATOR_FONTS),
    }
    traced = {}
    for kind, (symbols, names) in kinds.items():
        fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), 46) for name in names]
        drawn = [_draw_symbol(symbol, font) for font in fonts for symbol in symbols]
        skeletons = [skeletonize(image > 110) for image in drawn]
        traced[kind] = np.stack([_measure_distance(s) for s in skeletons if s.any()])
    return traced


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
    angle = np.arctan2(x - columns[last], height) + np.radians(rng.uniform(20, 50))
    length = height * rng.uniform(0.2, 0.5)
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
