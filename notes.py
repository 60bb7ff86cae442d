"""Makes handwritten notes, to learn and to test reading from: MNIST's digits in other pens.

A digit is thinned to its middle line, and what is kept is how far each pixel is from that. A
threshold on this distance is the digit again, written with a pen of any width, sharp at any size.
"""

import functools
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.morphology import skeletonize

import paper

SIDE = 56  # pixels of a tracing, twice MNIST's
TRACED_HEIGHT = 40  # pixels of most digits in it
UNIT = 16  # steps of a tracing's values to a pixel of it
# Signs that no hand writes like a digit. Fonts are matplotlib's.
LETTERS = "abcdefhijkmnprtuvwxyACDEFGHJKLMNPQRTUVWXY"
OPERATORS = "+-×÷=()%#*?!$√±→&<>{}[]"
LETTER_FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono", "cmr10")
LETTER_FONTS += ("STIXGeneral", "STIXGeneralItalic", "cmmi10", "cmss10")
OPERATOR_FONTS = ("DejaVuSans", "STIXGeneral")
# Many people write a 1 with a flag and perhaps a foot, and a 7 with a bar; few in MNIST do.
SHARE_FLAGGED, SHARE_FOOTED, SHARE_BARRED = 0.25, 0.5, 0.25
SHARE_BROKEN = 0.1  # of all digits: the pen was lifted, or did not write


def trace_digits(images, labels, rng):
    """Trace digits, giving some of the 1s a flag and some of the 7s a bar.

    Args:
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        rng: `numpy.random.Generator`.

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
        if rng.random() < SHARE_BROKEN:
            middle = _break(middle, rng)
        tracings[index] = _measure_distance(middle)
    return tracings


@functools.cache
def trace_signs():
    """Trace printed letters and operators, which are to be told from digits.

    Returns:
        dict of "letters" and "operators", each as `trace_digits` returns.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    kinds = {"letters": (LETTERS, LETTER_FONTS), "operators": (OPERATORS, OPERATOR_FONTS)}
    traced = {}
    for kind, (signs, names) in kinds.items():
        fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), 46) for name in names]
        drawn = [_draw_sign(sign, font) for font in fonts for sign in signs]
        middles = [skeletonize(image > 110) for image in drawn]
        traced[kind] = np.stack([_measure_distance(m) for m in middles if m.any()])
    return traced


def make_note(rng, tracings, labels, shape=(160, 160)):
    """Make part of a note at random, with digits of any size and other strokes among them.

    Args:
        rng: `numpy.random.Generator`.
        tracings: digits to write with, from `trace_digits`.
        labels: which they are, integers of shape (n,).
        shape: (height, width) of the photo in pixels.

    Returns:
        `(photo, boxes, labels, visible)`: float32 photo, 0 black to 1 white; of each digit written
        the box (left, top, right, bottom) in pixels, its label, and the share of it in the photo.
    """
    kind = rng.choice(["lines", "apart", "none", "giant", "tiny"], p=[0.67, 0.12, 0.09, 0.09, 0.03])
    size = {"giant": rng.uniform(55, 190), "tiny": rng.uniform(6, 10)}.get(kind)
    size = size or np.exp(rng.uniform(np.log(13), np.log(46)))
    hand = Hand(rng, size, tracings, labels, shape)
    if kind == "apart":
        hand.write_apart(rng.integers(3, 14))
    elif kind == "none":
        hand.write_signs(rng.choice([0, rng.integers(1, 8)]))
    else:
        hand.write_lines()
    if rng.random() < 0.15:  # a drying pen
        fading = 1.2 + 0.7 * paper.smooth_noise(rng, shape, int(rng.integers(8, 50)))
        hand.ink *= np.clip(fading, 0.1, 1)
    if rng.random() < 0.3:
        np.maximum(hand.ink, paper.scribble(rng, shape, size, hand.pen), out=hand.ink)
    boxes = np.array(hand.boxes, np.float32).reshape(-1, 4)
    photo = paper.photograph(rng, hand.ink, size)
    return photo, boxes, np.array(hand.written, np.int64), np.array(hand.visible, np.float32)


class Hand:
    """A pen, a way of writing, and the ink so far."""

    def __init__(self, rng, size, tracings, labels, shape):
        """Choose pen and way of writing at random.

        Args:
            rng: `numpy.random.Generator`.
            size: height of the digits in pixels.
            tracings: digits to write with, from `trace_digits`.
            labels: which they are.
            shape: (height, width) of the page in pixels.
        """
        self.rng, self.size, self.labels, self.shape = rng, size, labels, shape
        self.tracings = {"digits": tracings, **trace_signs()}
        self.pen = max(0.6, size * np.exp(rng.uniform(np.log(0.03), np.log(0.22))))  # pixels
        self.softness = rng.uniform(0.7, 1.6) + 0.02 * size  # pixels from no ink to full
        level = rng.random() < 0.85
        self.slope = np.radians(rng.normal(0, 5) if level else rng.uniform(-42, 42))
        self.ink = np.zeros(shape, np.float32)
        self.boxes, self.written, self.visible = [], [], []

    def write(self, kind, x, y, height, angle, index=None):
        """Write a sign with its middle at (x, y); returns the width of its ink in pixels."""
        if index is None:
            index = self.rng.integers(len(self.tracings[kind]))
        tile = self._draw(self.tracings[kind][index], height, angle)
        box, visible = _stamp(self.ink, tile, x, y)
        if box is None:
            return 0
        if kind == "digits":
            self.boxes.append(box)
            self.written.append(self.labels[index])
            self.visible.append(visible)
        return box[2] - box[0]

    def write_lines(self):
        """Cover the page with lines of digits, among them words and operators."""
        rng, size = self.rng, self.size
        middle = np.array(self.shape[::-1]) / 2
        along = np.array([np.cos(self.slope), -np.sin(self.slope)])
        down = np.array([np.sin(self.slope), np.cos(self.slope)])
        reach = (0.75 if abs(self.slope) > 0.3 else 0.56) * max(self.shape)
        pitch = size * rng.uniform(1.1, 2.2)
        spacing = [rng.uniform(-0.06, 0.15), rng.uniform(0.1, 0.6), rng.uniform(0.4, 1.6)]
        spacing, dance = rng.choice(spacing), rng.uniform(0, 0.12)
        turn = self.slope * rng.choice([1, rng.uniform(0.3, 1)])
        share_of_signs = rng.choice([0.0, 0.08, 0.5], p=[0.45, 0.4, 0.15])
        for row in np.arange(-reach + rng.uniform(0, pitch), reach, pitch):
            place = -reach + rng.uniform(0, 1.5 * size)
            end = reach * rng.uniform(0.3, 1.2)
            kind = "digits"
            while place < end:
                if rng.random() < 0.03:
                    place += size * rng.uniform(0.5, 2.5)
                if kind != "letters" or rng.random() < 0.2:  # words are of five letters
                    signs = "letters" if rng.random() < 0.6 else "operators"
                    kind = signs if rng.random() < share_of_signs else "digits"
                x, y = middle + along * place + down * (row + size * dance * rng.normal())
                height = size * np.exp(rng.normal(0, 0.07))
                width = 0.5 * size
                if -size < x < self.shape[1] + size and -size < y < self.shape[0] + size:
                    width = self.write(kind, x, y, height, turn + rng.normal(0, 0.06))
                gap = 0.12 if kind == "letters" else spacing * rng.uniform(0.6, 1.4)
                place += max(0.28 * size, 0.5 * width + 0.3 * size + gap * size)

    def write_apart(self, count):
        """Scatter signs over the page."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in self.boxes]
            if all(math.dist((x, y), middle) > 1.2 * self.size for middle in middles):
                kind = self.rng.choice(["digits", "letters", "operators"], p=[0.75, 0.12, 0.13])
                height = self.size * np.exp(self.rng.normal(0, 0.2))
                self.write(kind, x, y, height, self.slope + self.rng.normal(0, 0.12))

    def write_signs(self, count):
        """Scatter operators, turned anyhow."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            self.write("operators", x, y, self.size, self.rng.uniform(-3, 3))

    def _draw(self, tracing, height, angle):
        scale = height / TRACED_HEIGHT
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        stretch, shear = np.exp(self.rng.normal(0, 0.18)), self.rng.normal(0, 0.12)
        forward = np.array([[cos, sin], [-sin, cos]]) @ [[stretch, shear], [0, 1]]
        inverse = np.linalg.inv(forward)
        side = math.ceil(height * 1.75) + 4
        offset = SIDE / 2 - inverse @ [side / 2, side / 2]
        tile = Image.fromarray(tracing).transform(
            (side, side),
            Image.Transform.AFFINE,
            np.column_stack([inverse, offset]).ravel(),
            Image.Resampling.BILINEAR,
            fillcolor=255,
        )
        distance = np.asarray(tile, np.float32) * np.float32(scale / UNIT)
        return np.clip(0.5 + (self.pen / 2 - distance) / self.softness, 0, 1)


def _stamp(ink, tile, x, y):
    """Add a tile to the ink, its middle at (x, y); returns its box and the share on the page."""
    side = len(tile)
    left, top = round(x - side / 2), round(y - side / 2)
    inside = (
        slice(max(0, -top), max(0, min(side, ink.shape[0] - top))),
        slice(max(0, -left), max(0, min(side, ink.shape[1] - left))),
    )
    part = tile[inside]
    there = ink[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    np.maximum(there, part, out=there)
    strong = tile > 0.35 * max(tile.max(), 0.3)
    rows, columns = strong.any(axis=1).nonzero()[0], strong.any(axis=0).nonzero()[0]
    if not part.size or not len(rows):
        return None, 0.0
    box = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    return box, strong[inside].sum() / strong.sum()


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
