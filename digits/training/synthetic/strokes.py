"""Traces digits and letters, so that any pen can write them again.

A digit is thinned to its middle line, and what is kept is how far each pixel is from that. A
threshold on this distance is the digit again, written with a pen of any width, sharp at any size.
"""

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.morphology import skeletonize

SIDE = 56  # pixels of a tracing, twice MNIST's
TRACED_HEIGHT = 40  # pixels of most digits in it
UNIT = 16  # steps of a tracing's values to a pixel of it
# Letters that look like digits are none inside a word. Fonts are matplotlib's.
LETTERS = "acdefhijkmnprtuvwxyACEFHJKLMNPQRTUVWXY"
LOOKALIKES = "bgloqszBDGIOSZ"
OPERATORS = "+-×÷=()%#*?!$√±→&<>{}[]"
LETTER_FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono", "cmr10")
LETTER_FONTS += ("STIXGeneral", "STIXGeneralItalic", "cmmi10", "cmss10")
OPERATOR_FONTS = ("DejaVuSans", "STIXGeneral")
# Many people write a 1 with a flag and perhaps a foot, and a 7 with a bar; few in MNIST do.
SHARE_FLAGGED, SHARE_FOOTED, SHARE_BARRED = 0.25, 0.5, 0.25
SHARE_BROKEN = 0.1  # of all digits: the pen was lifted, or did not write


def trace_digits(images, labels, rng, share_broken=SHARE_BROKEN):
    """Trace digits, giving some of the 1s a flag and some of the 7s a bar.

    Args:
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        rng: `numpy.random.Generator`.
        share_broken: share of the digits that get a gap.

    Returns:
        uint8 array of shape (n, 56, 56): distance from the middle line in 1/16 pixels, 255 beyond.
    """
    tracings = np.empty((len(images), SIDE, SIDE), np.uint8)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        larger = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        middle = skeletonize(np.asarray(larger) > 110)
        if not middle.any():
            raise ValueError(
                f"received image {index} with no pixel above 110, expected a digit: leave it out"
            )
        if label == 1 and rng.random() < SHARE_FLAGGED:
            middle = _add_flag(middle, rng)
        if label == 7 and rng.random() < SHARE_BARRED:
            middle = _add_bar(middle, rng)
        if rng.random() < share_broken:
            middle = _break(middle, rng)
        tracings[index] = _measure_distance(middle)
    return tracings


@functools.cache
def trace_signs():
    """Trace printed letters and operators, which are to be told from digits.

    Returns:
        dict of "letters", "lookalikes" and "operators", each as `trace_digits` returns.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    kinds = {
        "letters": (LETTERS, LETTER_FONTS),
        "lookalikes": (LOOKALIKES, LETTER_FONTS),
        "operators": (OPERATORS, OPERATOR_FONTS),
    }
    traced = {}
    for kind, (signs, names) in kinds.items():
        fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), 46) for name in names]
        drawn = [_draw_sign(sign, font) for font in fonts for sign in signs]
        middles = [skeletonize(image > 110) for image in drawn]
        traced[kind] = np.stack([_measure_distance(m) for m in middles if m.any()])
    return traced


def _measure_distance(middle):
    distance = ndimage.distance_transform_edt(~middle) if middle.any() else np.inf
    return np.broadcast_to(np.minimum(distance * UNIT, 255), middle.shape).astype(np.uint8)


def _draw_sign(sign, font):
    canvas = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(canvas).text((SIDE / 2, SIDE / 2), sign, 255, font=font, anchor="mm")
    return np.asarray(canvas)


def _add_flag(middle, rng):
    rows, columns = np.nonzero(middle)
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
    return _add_lines(middle, lines)


def _add_bar(middle, rng):
    rows, columns = np.nonzero(middle)
    y = rows.min() + np.ptp(rows) * rng.uniform(0.42, 0.62)
    x = columns[abs(rows - y) < 2].mean() if (abs(rows - y) < 2).any() else columns.mean()
    half, rise = np.ptp(columns) * rng.uniform(0.25, 0.5), rng.uniform(-0.2, 0.25)
    return _add_lines(middle, [[(x - half, y + rise * half), (x + half, y - rise * half)]])


def _break(middle, rng):
    spots = np.argwhere(middle)
    y, x = spots[rng.integers(len(spots))]
    rows, columns = np.indices(middle.shape)
    return middle & (np.hypot(rows - y, columns - x) > rng.uniform(1.5, 4))


def _add_lines(middle, lines):
    canvas = Image.fromarray(middle.astype(np.uint8))
    for line in lines:
        ImageDraw.Draw(canvas).line(line, fill=1)
    return np.asarray(canvas) > 0
