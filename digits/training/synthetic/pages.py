"""Makes synthetic pages of handwriting: MNIST's digits and drawn signs, written with other pens."""

import dataclasses
import math

import numpy as np
from PIL import Image

from digits.networks.detector import AMBIGUOUS_ON_SIDE, AMBIGUOUS_UPSIDE_DOWN, TURNED
from digits.symbols import DIGITS, SYMBOLS
from digits.training.synthetic import marks, photograph, texts
from digits.training.synthetic.strokes import (
    DIGIT_HEIGHT,
    SIDE,
    STEPS_PER_PIXEL,
    trace_signs,
    trace_symbols,
)

# Label of a symbol that may be detected or not, and class of the cells in it.
IGNORED = 255
# Shares of the pages that lie on their left or right side or upside down.
SHARES_TURNED = {1: 0.06, 2: 0.06, 3: 0.06}
MAX_SYMBOLS = 40  # digits and signs on a page, about: more take long to write
# Space that a sign takes on each side of its middle, in digit heights; 0.3 for a digit.
HALF_WIDTHS = {".": 0.08, ",": 0.1, ":": 0.1, "(": 0.15, ")": 0.15, "/": 0.2}


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticPage:
    """A photo of a page, and the digits and signs on it.

    Attributes:
        photo: float32 array of shape (height, width), 0 black to 1 white.
        boxes: float32 array of shape (n, 4): left, top, right, bottom of each symbol in pixels.
        labels: int64 array of shape (n,): index in `SYMBOLS`, or `TURNED` and up for digits on a
            page that is not upright (see `digits.networks.detector`), or `IGNORED`.
        sizes: float32 array of shape (n,): longer side of a digit; of a sign, height of a digit
            beside it; in pixels.
        visible: float32 array of shape (n,), share of each symbol's ink that is on the page.
    """

    photo: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
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
        The page. Some pages are turned; their digits have labels that say so, unless they look
        like digits in that view too.
    """
    kind = rng.choice(
        ["lines", "cells", "scattered", "no digits", "giant", "tiny", "single"],
        p=[0.36, 0.22, 0.09, 0.13, 0.07, 0.03, 0.1],
    )
    smallest, largest = {"giant": (55, 190), "tiny": (4.5, 7.5), "single": (14, 120)}.get(
        kind, (10, 46)
    )
    size = np.exp(rng.uniform(np.log(smallest), np.log(largest)))
    writer = Writer(rng, size, strokes, labels, shape)
    if kind == "cells":
        writer.write_cells(share_empty=rng.uniform(0, 0.5))
    elif kind == "scattered":
        writer.scatter(int(rng.integers(3, 14)))
    elif kind == "single":
        writer.write_single()
    elif kind == "no digits":
        writer.write_no_digits()
    else:
        writer.write_lines()
    if rng.random() < 0.15:  # a pen that runs dry
        fading = 1.2 + 0.7 * photograph.smooth_noise(rng, shape, int(rng.integers(8, 50)))
        writer.ink *= np.clip(fading, 0.1, 1)
    if rng.random() < 0.3:
        np.maximum(writer.ink, marks.scribble(rng, shape, size, writer.pen), out=writer.ink)
    page = SyntheticPage(
        photograph.photograph(rng, writer.ink, size),
        np.array(writer.boxes, np.float32).reshape(-1, 4),
        np.array(writer.written, np.int64),
        np.array(writer.sizes, np.float32),
        np.array(writer.visible, np.float32),
    )
    chosen, total = rng.random(), 0.0
    for turns, share in SHARES_TURNED.items():
        total += share
        if chosen < total:
            return _turn(page, turns)
    return page


def _turn(page: SyntheticPage, turns: int) -> SyntheticPage:
    """Turn a page so that so many quarter turns anticlockwise would make it upright again."""
    height, width = page.photo.shape
    left, top, right, bottom = page.boxes.T
    if turns == 1:
        boxes = np.stack([height - bottom, left, height - top, right], axis=1)
    elif turns == 2:
        boxes = np.stack([width - right, height - bottom, width - left, height - top], axis=1)
    else:
        boxes = np.stack([top, width - right, bottom, width - left], axis=1)
    ambiguous = AMBIGUOUS_UPSIDE_DOWN if turns == 2 else AMBIGUOUS_ON_SIDE
    is_clear = (page.labels < len(DIGITS)) & ~np.isin(page.labels, ambiguous)
    labels = np.where(is_clear, TURNED + turns - 1, IGNORED)
    photo = np.ascontiguousarray(np.rot90(page.photo, -turns))
    return SyntheticPage(photo, boxes, labels, page.sizes, page.visible)


class Writer:
    """Writes digits, signs and other symbols on a page, with one pen and in one handwriting.

    Attributes:
        ink: float32 array of shape (height, width), 0 no ink to 1.
        boxes: (left, top, right, bottom) in pixels of each digit and sign written.
        written: label of each, index in `SYMBOLS`, or `IGNORED`.
        sizes: longer side of each digit; for a sign, height of a digit beside it; in pixels.
        visible: share of each one's ink that is on the page.
        pen: width of the strokes in pixels.
        font: file name of the font of printed words.
        font_size: of it, in pixels.
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
        self.rng, self.size, self.shape = rng, size, shape
        signs, numbers = trace_signs()
        self.strokes = {"digits": strokes, "signs": signs, **trace_symbols()}
        self.labels = {"digits": labels, "signs": len(DIGITS) + numbers}
        self.pen = max(0.4, size * np.exp(rng.uniform(np.log(0.02), np.log(0.22))))
        self.softness = rng.uniform(0.7, 1.6) + 0.02 * size
        level = rng.random() < 0.85
        self.slope = np.radians(rng.normal(0, 5) if level else rng.uniform(-42, 42))
        self.turn = self.slope * rng.choice([1, rng.uniform(0.3, 1)])
        self.style = str(rng.choice(["numbers", "words", "signs"], p=[0.4, 0.22, 0.38]))
        self.font = str(rng.choice(marks.PRINT_FONTS))
        self.font_size = max(5.0, size * rng.uniform(0.8, 1.7))
        self.share_of_ones = rng.choice([0, 0.4], p=[0.88, 0.12])
        self.share_circled = rng.choice([0, 0.3, 0.7], p=[0.84, 0.1, 0.06])
        self.share_crossed_out = rng.choice([0, 0.25], p=[0.93, 0.07])
        self.share_overwritten = rng.choice([0, 0.25], p=[0.93, 0.07])
        self.ink = np.zeros(shape, np.float32)
        self.boxes: list[tuple[int, int, int, int]] = []
        self.written: list[int] = []
        self.sizes: list[float] = []
        self.visible: list[float] = []

    def write(
        self, kind: str, x: float, y: float, height: float, angle: float, index: int | None = None
    ) -> int:
        """Write a symbol.

        Args:
            kind: "digits", "signs", "letters", "lookalikes" or "others".
            x: pixels from the left edge of the page to the symbol's centre.
            y: pixels from the top edge to the middle of a digit; a sign is placed beside it.
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
        if kind == "digits" and self.rng.random() < self.share_overwritten:
            dx, dy = self.rng.normal(0, 0.04 * height, 2)
            again = self._draw(self.strokes[kind][index], height, angle + self.rng.normal(0, 0.05))
            _stamp(self.ink, again, x + dx, y + dy)
        if kind in self.labels:
            self.boxes.append(box)
            self.written.append(int(self.labels[kind][index]))
            is_digit = kind == "digits"
            self.sizes.append(max(box[2] - box[0], box[3] - box[1]) if is_digit else height)
            self.visible.append(visible)
        return box[2] - box[0]

    def write_symbol(self, symbol: str, x: float, y: float, height: float, angle: float) -> int:
        """Write a symbol of `texts.compose`, in any of the ways in which it is written."""
        if symbol in texts.KINDS:
            return self.write(texts.KINDS[symbol], x, y, height, angle)
        kind = "digits" if symbol in DIGITS else "signs"
        tried = self.rng.integers(len(self.labels[kind]), size=60)
        matches = np.flatnonzero(self.labels[kind][tried] == SYMBOLS.index(symbol))
        return self.write(kind, x, y, height, angle, int(tried[matches[0] if len(matches) else 0]))

    def write_lines(self) -> None:
        """Fill the page with lines of texts."""
        rng, size = self.rng, self.size
        centre = np.array(self.shape[::-1]) / 2
        along = np.array([np.cos(self.slope), -np.sin(self.slope)])
        down = np.array([np.sin(self.slope), np.cos(self.slope)])
        reach = (0.75 if abs(self.slope) > 0.3 else 0.56) * max(self.shape)
        pitch = size * rng.uniform(1.1, 2.2)
        spacing = rng.choice([rng.uniform(-0.06, 0.15), rng.uniform(0.1, 0.5)], p=[0.6, 0.4])
        text_spacing = spacing + rng.choice([rng.uniform(0, 0.3), rng.uniform(0.3, 2)])
        jitter = rng.uniform(0, 0.12)
        for row in rng.permutation(np.arange(-reach + rng.uniform(0, pitch), reach, pitch)):
            place = -reach + rng.uniform(0, 1.5 * size)
            end = reach * rng.uniform(0.3, 1.2)
            while place < end and len(self.boxes) < MAX_SYMBOLS:
                text = texts.compose(rng, self.style, self.share_of_ones)
                start = centre + along * place + down * row
                length = self.write_text(text, start, along, spacing, jitter)
                place += length + size * text_spacing * rng.uniform(0.6, 1.4)

    def write_text(
        self, text: str, start: np.ndarray, along: np.ndarray, spacing: float, jitter: float
    ) -> float:
        """Write a text, and perhaps a circle around it, or cross it out.

        Args:
            text: as `texts.compose` returns.
            start: float array of shape (2,), x and y where its middle line starts, in pixels.
            along: float array of shape (2,), direction of the line, of length 1.
            spacing: gap between symbols, in digit heights.
            jitter: standard deviation across the line, in digit heights.

        Returns:
            Its length in pixels.
        """
        rng, size, num_before = self.rng, self.size, len(self.boxes)
        down = np.array([-along[1], along[0]])
        gap = rng.uniform(-0.1, 0.25) if texts.LETTER in text else spacing
        place = 0.0
        for symbol in text:
            if symbol in (texts.JOINED, texts.PRINTED):
                make = self._write_joined if symbol == texts.JOINED else self._print_word
                place += make(start + along * place, along)
                continue
            if symbol == " ":
                place += size * rng.uniform(0.1, 0.5)
                continue
            half = HALF_WIDTHS.get(symbol, 0.3) * size
            place += half
            x, y = start + along * place + down * size * jitter * rng.normal()
            height = size * np.exp(rng.normal(0, 0.07))
            width = 0.5 * size
            if -size < x < self.shape[1] + size and -size < y < self.shape[0] + size:
                width = self.write_symbol(symbol, x, y, height, self.turn + rng.normal(0, 0.06))
            gaps = gap * rng.uniform(0.6, 1.4) * size
            place += max(0.5 * width + gaps, 0.15 * size - half, 0)
        if len(self.boxes) > num_before:
            if rng.random() < self.share_circled:
                self._circle(num_before)
            elif rng.random() < self.share_crossed_out:
                self._cross_out(num_before)
        return place

    def write_cells(self, share_empty: float) -> None:
        """Fill the page with a table, or with boxes for a digit each.

        Args:
            share_empty: share of the cells in which nothing is written.
        """
        rng, size = self.rng, self.size
        slope = rng.normal(0, 0.03)
        along, down = (
            np.array([np.cos(slope), -np.sin(slope)]),
            np.array([np.sin(slope), np.cos(slope)]),
        )
        one_each = rng.random() < 0.4
        pitch = size * (rng.uniform(0.85, 1.6) if one_each else rng.uniform(1.5, 4))
        row_pitch = size * rng.uniform(1.0, 2.2)
        centre, reach = np.array(self.shape[::-1]) / 2, 0.56 * max(self.shape)
        rows = np.arange(-reach - rng.uniform(0, row_pitch), reach, row_pitch)
        columns = np.arange(-reach - rng.uniform(0, pitch), reach, pitch)
        ends = np.array([-reach - pitch, reach + pitch])
        grid = [[centre + along * end + down * row for end in ends] for row in rows]
        if rng.random() < 0.85:
            grid += [[centre + along * column + down * end for end in ends] for column in columns]
        thickness = self.pen if rng.random() < 0.3 else rng.uniform(0.5, 2)
        lines = marks.draw_lines(self.shape, grid, thickness)
        np.maximum(self.ink, rng.uniform(0.15, 1) * lines, out=self.ink)
        if rng.random() < 0.15:  # double rules
            apart = down * rng.uniform(1.5, 4)
            np.maximum(
                self.ink,
                rng.uniform(0.3, 1)
                * marks.draw_lines(
                    self.shape, [[end + apart for end in rule] for rule in grid], thickness
                ),
                out=self.ink,
            )
        jitter = rng.uniform(0.02, 0.12)
        for row in rng.permutation(rows):
            for column in columns:
                if rng.random() < share_empty or len(self.boxes) >= MAX_SYMBOLS:
                    continue
                if one_each:
                    has_digits = self.style != "words only"
                    text = str(rng.integers(10)) if has_digits else texts.LETTER
                else:
                    text = texts.compose(rng, self.style, self.share_of_ones).replace(" ", "")
                    text = text[: max(1, int(pitch / size / 0.6))]
                middle = centre + along * (column + pitch / 2) + down * (row + row_pitch / 2)
                middle = middle + rng.normal(0, jitter * size, 2)
                start = middle - along * 0.29 * size * len(text)
                self.write_text(text, start, along, rng.uniform(-0.05, 0.1), 0.03)

    def scatter(self, count: int) -> None:
        """Write up to `count` symbols, most of them digits, anywhere but over another."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            centres = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in self.boxes]
            if all(math.dist((x, y), centre) > 1.2 * self.size for centre in centres):
                kind = self.rng.choice(
                    ["digits", "letters", "signs", "others"], p=[0.72, 0.12, 0.08, 0.08]
                )
                height = self.size * np.exp(self.rng.normal(0, 0.2))
                self.write(kind, x, y, height, self.slope + self.rng.normal(0, 0.12))

    def write_single(self) -> None:
        """Write one digit alone, with a pen of up to a third of its height, perhaps with gaps."""
        rng = self.rng
        self.pen = self.size * np.exp(rng.uniform(np.log(0.03), np.log(0.33)))
        x, y = np.array(self.shape[::-1]) * rng.uniform(0.3, 0.7, 2)
        self.write("digits", x, y, self.size, rng.normal(0, 0.12))
        if rng.random() < 0.4:
            self.ink *= 1 - marks.gaps(rng, self.ink, 0.08 * self.size, int(rng.integers(1, 4)))

    def write_no_digits(self) -> None:
        """Write words, an empty form, or a few letters and signs that are not read, or nothing."""
        kind = self.rng.choice(["nothing", "others", "words", "cells"], p=[0.25, 0.3, 0.3, 0.15])
        if kind == "others":
            self.scatter_others(int(self.rng.integers(1, 8)))
        elif kind == "words":
            self.style = "words only"
            self.write_lines()
        elif kind == "cells":
            self.style = "words only"
            self.write_cells(share_empty=self.rng.choice([1.0, self.rng.uniform(0.5, 1)]))

    def scatter_others(self, count: int) -> None:
        """Write `count` signs that are not read, and letters, anywhere and at any angle."""
        for _ in range(count):
            x, y = self.rng.uniform(0, 1, 2) * self.shape[::-1]
            kind = self.rng.choice(["others", "letters"])
            self.write(kind, x, y, self.size, self.rng.uniform(-3, 3))

    def _circle(self, first: int) -> None:
        """Draw a circle around what was written from the symbol numbered `first` on."""
        left, top, right, bottom = _surround(self.boxes[first:])
        width, height = right - left, bottom - top
        size = max(0.7 * self.size, height)
        around = self.rng.uniform(1.15, 1.7) * np.array([width + 0.35 * size, size + 0.1 * width])
        middle = np.array([left + right, top + bottom]) / 2 + self.rng.normal(0, 0.05 * size, 2)
        if self.rng.random() < 0.8:
            ring = marks.ring(self.rng, middle, *around)
        else:
            ring = marks.frame(self.rng, middle, *around)
        np.maximum(self.ink, marks.draw_lines(self.shape, [ring], self.pen), out=self.ink)

    def _write_joined(self, start: np.ndarray, along: np.ndarray) -> float:
        """Write a word in joined handwriting from a point on; returns its length in pixels."""
        word = marks.joined_letters(self.rng) * self.size * self.rng.uniform(0.8, 1.2)
        base = start + np.array([-along[1], along[0]]) * 0.5 * self.size
        points = base + word[:, :1] * along + word[:, 1:] * [-along[1], along[0]]
        np.maximum(self.ink, marks.draw_lines(self.shape, [points], self.pen), out=self.ink)
        return float(word[:, 0].max())

    def _print_word(self, start: np.ndarray, along: np.ndarray) -> float:
        """Print a word from a point on; returns its length in pixels."""
        word = marks.print_word(self.rng, self.font_size, self.font)
        angle = math.degrees(math.atan2(-along[1], along[0]))
        tile = Image.fromarray((255 * word).astype(np.uint8)).rotate(
            angle, Image.Resampling.BILINEAR, expand=True
        )
        x, y = start + along * word.shape[1] / 2 - np.array(tile.size) / 2
        _paste(self.ink, np.asarray(tile, np.float32) / 255, round(x), round(y))
        return float(word.shape[1])

    def _cross_out(self, first: int) -> None:
        """Cross out what was written: under a zigzag it is gone, under a line perhaps not."""
        left, top, right, bottom = _surround(self.boxes[first:])
        middle = np.array([left + right, top + bottom]) / 2
        width, height = 1.15 * (right - left) + 0.2 * self.size, 0.9 * (bottom - top)
        if self.rng.random() < 0.65:
            line = marks.zigzag(self.rng, middle, width, height)
            for part in (self.boxes, self.written, self.sizes, self.visible):
                del part[first:]
        else:
            half = np.array([width / 2, self.rng.normal(0, 0.3) * height])
            line = [middle - half, middle + half]
            self.written[first:] = [IGNORED] * (len(self.written) - first)
        np.maximum(self.ink, marks.draw_lines(self.shape, [line], self.pen), out=self.ink)

    def _draw(self, distance_map, height, angle):
        """Draw a symbol, stretched and sheared at random, as a square tile of ink, 0 to 1."""
        scale = height / DIGIT_HEIGHT
        cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
        stretch, shear = math.exp(self.rng.normal(0, 0.18)), self.rng.normal(0, 0.12)
        # The inverse of [[cos, sin], [-sin, cos]] @ [[stretch, shear], [0, 1]].
        a, b = cos * stretch, cos * shear + sin
        c, d = -sin * stretch, cos - sin * shear
        determinant = a * d - b * c
        a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
        side = math.ceil(height * 1.75) + 4
        x, y = SIDE / 2 - (a + b) * side / 2, SIDE / 2 - (c + d) * side / 2
        tile = Image.fromarray(distance_map).transform(
            (side, side),
            Image.Transform.AFFINE,
            (a, b, x, c, d, y),
            Image.Resampling.BILINEAR,
            fillcolor=255,
        )
        ink = np.array(tile, np.float32)
        ink *= np.float32(-scale / STEPS_PER_PIXEL / self.softness)
        ink += np.float32(0.5 + self.pen / 2 / self.softness)
        return np.clip(ink, 0, 1, out=ink)


def _paste(ink, tile, left, top):
    """Draw a tile of ink, its corner at (left, top), as far as it lies on the page."""
    height, width = tile.shape
    rows = slice(max(0, top), max(0, top + height))
    columns = slice(max(0, left), max(0, left + width))
    there = ink[rows, columns]
    part = tile[max(0, -top) :, max(0, -left) :][: there.shape[0], : there.shape[1]]
    np.maximum(there, part, out=there)


def _surround(boxes):
    edges = np.array(boxes)
    return (*edges[:, :2].min(axis=0), *edges[:, 2:].max(axis=0))


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
