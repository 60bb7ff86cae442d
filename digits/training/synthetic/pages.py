"""Makes synthetic pages of handwriting: MNIST's digits written with other pens."""

import dataclasses
import math

import numpy as np
from PIL import Image

from digits.training.synthetic import photograph
from digits.training.synthetic.strokes import (
    DIGIT_HEIGHT,
    SIDE,
    STEPS_PER_PIXEL,
    trace_symbols,
)

SHARE_SIDEWAYS = 0.12  # of the pages
# Label of a symbol that may be detected as a digit or not, and class of the cells in it.
IGNORED = 255
WORD_KINDS = ("letters", "lookalikes")


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticPage:
    """A photo of a page, and the digits on it.

    Attributes:
        photo: float32 array of shape (height, width), 0 black to 1 white.
        boxes: float32 array of shape (n, 4): left, top, right, bottom of each digit in pixels.
        labels: int64 array of shape (n,): digits 0-9, or `IGNORED`.
        visible: float32 array of shape (n,), share of each digit's ink that is on the page.
    """

    photo: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    visible: np.ndarray


def make_page(
    rng: np.random.Generator,
    strokes: np.ndarray,
    labels: np.ndarray,
    shape: tuple[int, int] = (160, 160),
) -> SyntheticPage:
    """Make a random part of a page, with digits of any size and other symbols among them.

    Args:
        rng: random generator.
        strokes: distance maps of digits from `strokes.trace_digits`.
        labels: their digits, integers 0-9 of shape (n,).
        shape: (height, width) of the photo in pixels.

    Returns:
        The page. Some pages lie on their side: what is written on these does not count as digits,
        so that the detector can tell which way up a page is.
    """
    kind = rng.choice(
        ["lines", "scattered", "no digits", "giant", "tiny"], p=[0.67, 0.12, 0.09, 0.09, 0.03]
    )
    size = {"giant": rng.uniform(55, 190), "tiny": rng.uniform(6, 10)}.get(kind)
    size = size or np.exp(rng.uniform(np.log(13), np.log(46)))
    writer = Writer(rng, size, strokes, labels, shape)
    if kind == "scattered":
        writer.scatter(int(rng.integers(3, 14)))
    elif kind == "no digits":
        writer.scatter_operators(int(rng.choice([0, int(rng.integers(1, 8))])))
    else:
        writer.write_lines()
    if rng.random() < 0.15:  # a pen that runs dry
        fading = 1.2 + 0.7 * photograph.smooth_noise(rng, shape, int(rng.integers(8, 50)))
        writer.ink *= np.clip(fading, 0.1, 1)
    if rng.random() < 0.3:
        np.maximum(writer.ink, photograph.scribble(rng, shape, size, writer.pen), out=writer.ink)
    page = SyntheticPage(
        photograph.photograph(rng, writer.ink, size),
        np.array(writer.boxes, np.float32).reshape(-1, 4),
        np.array(writer.written, np.int64),
        np.array(writer.visible, np.float32),
    )
    return _lay_on_side(rng, page) if rng.random() < SHARE_SIDEWAYS else page


def _lay_on_side(rng: np.random.Generator, page: SyntheticPage) -> SyntheticPage:
    """Turn a page by a quarter; 0 and 8, which look like digits on their side, are ambiguous."""
    left, top, right, bottom = page.boxes.T
    if rng.random() < 0.5:
        photo = np.rot90(page.photo)
        boxes = np.stack([top, len(photo) - right, bottom, len(photo) - left], axis=1)
    else:
        photo = np.rot90(page.photo, -1)
        boxes = np.stack([photo.shape[1] - bottom, left, photo.shape[1] - top, right], axis=1)
    round_digits = np.isin(page.labels, (0, 8))
    labels = np.full(round_digits.sum(), IGNORED)
    return SyntheticPage(photo, boxes[round_digits], labels, page.visible[round_digits])


class Writer:
    """Writes digits and other symbols on a page, with one pen and in one handwriting.

    Attributes:
        ink: float32 array of shape (height, width), 0 no ink to 1.
        boxes: (left, top, right, bottom) in pixels of each digit written.
        written: label of each digit written.
        visible: share of each digit's ink that is on the page.
        pen: width of the strokes in pixels.
        softness: pixels across the edge of a stroke, from no ink to full.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size: float,
        strokes: np.ndarray,
        labels: np.ndarray,
        shape: tuple[int, int],
    ):
        """Choose pen and handwriting at random.

        Args:
            rng: random generator.
            size: height of the digits in pixels.
            strokes: distance maps of digits from `strokes.trace_digits`.
            labels: their digits.
            shape: (height, width) of the page in pixels.
        """
        self.rng, self.size, self.labels, self.shape = rng, size, labels, shape
        self.strokes = {"digits": strokes, **trace_symbols()}
        self.pen = max(0.4, size * np.exp(rng.uniform(np.log(0.02), np.log(0.22))))
        self.softness = rng.uniform(0.7, 1.6) + 0.02 * size
        level = rng.random() < 0.85
        self.slope = np.radians(rng.normal(0, 5) if level else rng.uniform(-42, 42))
        self.ink = np.zeros(shape, np.float32)
        self.boxes: list[tuple[int, int, int, int]] = []
        self.written: list[int] = []
        self.visible: list[float] = []

    def write(
        self, kind: str, x: float, y: float, height: float, angle: float, index: int | None = None
    ) -> int:
        """Write a symbol.

        Args:
            kind: "digits", "letters", "lookalikes" or "operators".
            x: pixels from the left edge of the page to the symbol's centre.
            y: pixels from the top edge.
            height: of a digit of usual size, in pixels.
            angle: radians, anticlockwise.
            index: which symbol of its kind; None for a random one.

        Returns:
            Width of its ink in pixels, 0 if none is on the page.
        """
        if index is None:
            index = int(self.rng.integers(len(self.strokes[kind])))
        tile = self._draw(self.strokes[kind][index], height, angle)
        box, visible = _stamp(self.ink, tile, x, y)
        if box is None:
            return 0
        if kind == "digits":
            self.boxes.append(box)
            self.written.append(int(self.labels[index]))
            self.visible.append(visible)
        return box[2] - box[0]

    def write_lines(self) -> None:
        """Fill the page with lines of digits, and words and operators among them."""
        rng, size = self.rng, self.size
        centre = np.array(self.shape[::-1]) / 2
        along = np.array([np.cos(self.slope), -np.sin(self.slope)])
        down = np.array([np.sin(self.slope), np.cos(self.slope)])
        reach = (0.75 if abs(self.slope) > 0.3 else 0.56) * max(self.shape)
        pitch = size * rng.uniform(1.1, 2.2)
        spacing = [rng.uniform(-0.06, 0.15), rng.uniform(0.1, 0.6), rng.uniform(0.4, 1.6)]
        spacing, jitter = rng.choice(spacing), rng.uniform(0, 0.12)
        word_spacing = rng.uniform(-0.1, 0.25)
        turn = self.slope * rng.choice([1, rng.uniform(0.3, 1)])
        share_of_symbols = rng.choice([0.0, 0.08, 0.5], p=[0.45, 0.4, 0.15])
        for row in np.arange(-reach + rng.uniform(0, pitch), reach, pitch):
            place = -reach + rng.uniform(0, 1.5 * size)
            end = reach * rng.uniform(0.3, 1.2)
            kind = "digits"
            while place < end:
                if rng.random() < 0.03:
                    place += size * rng.uniform(0.5, 2.5)
                if kind in WORD_KINDS and rng.random() < 0.8:  # words of five letters on average
                    kind = rng.choice(WORD_KINDS, p=[0.7, 0.3])
                else:
                    symbols = "letters" if rng.random() < 0.6 else "operators"
                    kind = symbols if rng.random() < share_of_symbols else "digits"
                x, y = centre + along * place + down * (row + size * jitter * rng.normal())
                height = size * np.exp(rng.normal(0, 0.07))
                width = 0.5 * size
                if -size < x < self.shape[1] + size and -size < y < self.shape[0] + size:
                    width = self.write(kind, x, y, height, turn + rng.normal(0, 0.06))
                gap = word_spacing if kind in WORD_KINDS else spacing * rng.uniform(0.6, 1.4)
                place += max(0.28 * size, 0.5 * width + 0.3 * size + gap * size)

    def scatter(self, count: int) -> None:
        """Write up to `count` symbols, most of them digits, anywhere but over a digit."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            centres = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in self.boxes]
            if all(math.dist((x, y), centre) > 1.2 * self.size for centre in centres):
                kind = self.rng.choice(["digits", "letters", "operators"], p=[0.75, 0.12, 0.13])
                height = self.size * np.exp(self.rng.normal(0, 0.2))
                self.write(kind, x, y, height, self.slope + self.rng.normal(0, 0.12))

    def scatter_operators(self, count: int) -> None:
        """Write `count` operators anywhere and at any angle."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            self.write("operators", x, y, self.size, self.rng.uniform(-3, 3))

    def _draw(self, distance_map, height, angle):
        """Draw a symbol, stretched and sheared at random, as a square tile of ink, 0 to 1."""
        scale = height / DIGIT_HEIGHT
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        stretch, shear = np.exp(self.rng.normal(0, 0.18)), self.rng.normal(0, 0.12)
        forward = np.array([[cos, sin], [-sin, cos]]) @ [[stretch, shear], [0, 1]]
        inverse = np.linalg.inv(forward)
        side = math.ceil(height * 1.75) + 4
        offset = SIDE / 2 - inverse @ [side / 2, side / 2]
        tile = Image.fromarray(distance_map).transform(
            (side, side),
            Image.Transform.AFFINE,
            np.column_stack([inverse, offset]).ravel().tolist(),
            Image.Resampling.BILINEAR,
            fillcolor=255,
        )
        distance = np.asarray(tile, np.float32) * np.float32(scale / STEPS_PER_PIXEL)
        return np.clip(0.5 + (self.pen / 2 - distance) / self.softness, 0, 1)


def _stamp(ink, tile, x, y):
    """Add a tile to the ink, its centre at (x, y); returns its box and the share on the page."""
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
