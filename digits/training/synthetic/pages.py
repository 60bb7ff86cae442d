"""Makes handwritten notes, to learn and to test reading from: MNIST's digits in other pens."""

import math

import numpy as np
from PIL import Image

from digits.training.synthetic import photograph
from digits.training.synthetic.strokes import SIDE, TRACED_HEIGHT, UNIT, trace_signs

SHARE_SIDEWAYS = 0.12  # of notes
UNKNOWN = 255
WORDS = ("letters", "lookalikes")


def make_note(rng, tracings, labels, shape=(160, 160)):
    """Make part of a note at random, with digits of any size and other strokes among them.

    Args:
        rng: `numpy.random.Generator`.
        tracings: digits to write with, from `trace_digits`.
        labels: which they are, integers of shape (n,).
        shape: (height, width) of the photo in pixels.

    Returns:
        `(photo, boxes, labels, visible)`: float32 photo, 0 black to 1 white; of each digit written
        the box (left, top, right, bottom) in pixels, its label (`UNKNOWN` if it may be taken for
        a digit or not), and the share of it in the photo. A note that lies on its side is to be
        told from one that does not, so what is written on it are no digits.
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
        fading = 1.2 + 0.7 * photograph.smooth_noise(rng, shape, int(rng.integers(8, 50)))
        hand.ink *= np.clip(fading, 0.1, 1)
    if rng.random() < 0.3:
        np.maximum(hand.ink, photograph.scribble(rng, shape, size, hand.pen), out=hand.ink)
    photo = photograph.photograph(rng, hand.ink, size)
    boxes = np.array(hand.boxes, np.float32).reshape(-1, 4)
    labels, visible = np.array(hand.written, np.int64), np.array(hand.visible, np.float32)
    if rng.random() < SHARE_SIDEWAYS:
        return _lay_on_side(rng, photo, boxes, labels, visible)
    return photo, boxes, labels, visible


def _lay_on_side(rng, photo, boxes, labels, visible):
    """Turn a note by a quarter: of its digits only some still look like digits, like which?"""
    left, top, right, bottom = boxes.T
    if rng.random() < 0.5:
        photo = np.rot90(photo)
        boxes = np.stack([top, len(photo) - right, bottom, len(photo) - left], axis=1)
    else:
        photo = np.rot90(photo, -1)
        boxes = np.stack([photo.shape[1] - bottom, left, photo.shape[1] - top, right], axis=1)
    like_digits = np.isin(labels, (0, 8))
    unknown = np.full(like_digits.sum(), UNKNOWN)
    return photo, boxes[like_digits], unknown, visible[like_digits]


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
        self.pen = max(0.4, size * np.exp(rng.uniform(np.log(0.02), np.log(0.22))))  # pixels
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
        word_spacing = rng.uniform(-0.1, 0.25)
        turn = self.slope * rng.choice([1, rng.uniform(0.3, 1)])
        share_of_signs = rng.choice([0.0, 0.08, 0.5], p=[0.45, 0.4, 0.15])
        for row in np.arange(-reach + rng.uniform(0, pitch), reach, pitch):
            place = -reach + rng.uniform(0, 1.5 * size)
            end = reach * rng.uniform(0.3, 1.2)
            kind = "digits"
            while place < end:
                if rng.random() < 0.03:
                    place += size * rng.uniform(0.5, 2.5)
                if kind in WORDS and rng.random() < 0.8:  # words are of five letters
                    kind = rng.choice(WORDS, p=[0.7, 0.3])
                else:
                    signs = "letters" if rng.random() < 0.6 else "operators"
                    kind = signs if rng.random() < share_of_signs else "digits"
                x, y = middle + along * place + down * (row + size * dance * rng.normal())
                height = size * np.exp(rng.normal(0, 0.07))
                width = 0.5 * size
                if -size < x < self.shape[1] + size and -size < y < self.shape[0] + size:
                    width = self.write(kind, x, y, height, turn + rng.normal(0, 0.06))
                gap = word_spacing if kind in WORDS else spacing * rng.uniform(0.6, 1.4)
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
