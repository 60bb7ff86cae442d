"""What was read on a photo: a page of lines, of numbers and signs, of digits."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np

from digits.reading.photos import make_title

NO_IMAGE = np.zeros((0, 0), np.float32)
# A box: left, top, right and bottom edge, in pixels of the photo.
Box = tuple[float, float, float, float]
# Of a table of numbers, the keys of the rows of `Page.to_rows`.
COLUMNS = (
    "file", "page", "line", "number", "row", "column", "text", "value", "probability", "is_sure",
    "left", "top", "right", "bottom",
)  # fmt: skip
# Signs between the numbers of a line that are written without a blank before or after them.
NO_BLANK_BEFORE, NO_BLANK_AFTER = (".", ",", "%", ")"), ("(",)


@dataclasses.dataclass(frozen=True, eq=False)
class Digit:
    """A digit on a photo.

    Attributes:
        label: which digit it is, 0 to 9.
        probability: that there is a digit, and that it is this one.
        is_sure: whether the probability is high, and it is not nearly as likely a sign.
        runner_up: the second most likely digit.
        box: left, top, right and bottom edge in pixels of the photo.
        image: float32 array of shape (28, 28), 0 paper to 1 ink: the classifier's input.
    """

    label: int
    probability: float
    is_sure: bool
    runner_up: int
    box: Box
    image: np.ndarray

    @property
    def text(self) -> str:
        """Its label as text."""
        return str(self.label)


@dataclasses.dataclass(frozen=True, eq=False)
class Sign:
    """A sign on a photo: a decimal point, a plus, a bracket.

    Attributes:
        text: which sign it is, one of `digits.symbols.SIGNS`.
        probability: that there is a sign, and that it is this one.
        is_sure: whether the probability is high, and such a sign can stand there.
        box: left, top, right and bottom edge in pixels of the photo.
    """

    text: str
    probability: float
    is_sure: bool
    box: Box


@dataclasses.dataclass(frozen=True, eq=False)
class Gap:
    """An empty box between filled ones, in a number that is written in boxes.

    Attributes:
        box: left, top, right and bottom edge in pixels of the photo.
    """

    box: Box

    @property
    def text(self) -> str:
        """A low line."""
        return "_"


@dataclasses.dataclass(frozen=True, eq=False)
class Number:
    """Adjacent digits and the signs that belong to them, such as "-3.75", from left to right.

    Attributes:
        symbols: at least one digit among them; between them also the empty boxes of a form.
    """

    symbols: tuple[Digit | Sign | Gap, ...]

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Its digits, without signs."""
        return tuple(symbol for symbol in self.symbols if isinstance(symbol, Digit))

    @property
    def text(self) -> str:
        """Its symbols, such as "042", "-3.75", "50%", "24/11/2026", or "12_4" with an empty box."""
        return "".join(symbol.text for symbol in self.symbols)

    @property
    def value(self) -> int | float | None:
        """The number that its text stands for, as `parse_value` returns; None with a gap."""
        return parse_value(self.text)

    @property
    def box(self) -> Box:
        """The smallest box around all its symbols, in pixels of the photo."""
        lefts, tops, rights, bottoms = zip(*(symbol.box for symbol in self.symbols), strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    @property
    def probability(self) -> float:
        """The lowest probability of its digits and signs."""
        return min(symbol.probability for symbol in self.read)

    @property
    def is_sure(self) -> bool:
        """Whether all its digits and signs are sure."""
        return all(symbol.is_sure for symbol in self.read)

    @property
    def read(self) -> tuple[Digit | Sign, ...]:
        """Its digits and signs, without gaps."""
        return tuple(symbol for symbol in self.symbols if not isinstance(symbol, Gap))


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """Numbers on one line and the signs between them, from left to right.

    Attributes:
        parts: at least one number among them.
    """

    parts: tuple[Number | Sign, ...]

    @property
    def text(self) -> str:
        """Its parts with blanks between them, such as "12 + 30 = 42" or "2 × (3.5 - 1)"."""
        text = ""
        for part in self.parts:
            is_tight = part.text in NO_BLANK_BEFORE or text.endswith(NO_BLANK_AFTER)
            text += part.text if is_tight or not text else f" {part.text}"
        return text

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Its numbers, from left to right."""
        return tuple(part for part in self.parts if isinstance(part, Number))

    @property
    def symbols(self) -> tuple[Digit | Sign, ...]:
        """All its digits and signs, from left to right."""
        return tuple(
            symbol
            for part in self.parts
            for symbol in (part.read if isinstance(part, Number) else (part,))
        )

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of all its numbers, from left to right."""
        return tuple(symbol for symbol in self.symbols if isinstance(symbol, Digit))

    @property
    def is_sure(self) -> bool:
        """Whether all its symbols are sure."""
        return all(symbol.is_sure for symbol in self.symbols)

    @property
    def unsure(self) -> str:
        """What on it is not sure, such as "7 60%, or 1; × 55%"; "" for nothing."""
        return "; ".join(
            f"{symbol.text} {symbol.probability:.0%}"
            + (f", or {symbol.runner_up}" if isinstance(symbol, Digit) else "")
            for symbol in self.symbols
            if not symbol.is_sure
        )

    @property
    def signs(self) -> tuple[Sign, ...]:
        """Its signs, those inside numbers too, from left to right."""
        return tuple(symbol for symbol in self.symbols if isinstance(symbol, Sign))


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A table on a photo.

    Attributes:
        cells: its rows from top to bottom, each of as many cells from left to right: what stands in
            it, None where that is nothing.
        rules: the lines between its rows and columns, each from one end (x, y) to the other in
            pixels of the photo.
        is_ruled: whether these are rules on the paper, by which it was found, rather than drawn
            between numbers that line up.
    """

    cells: tuple[tuple[Line | None, ...], ...]
    rules: tuple[tuple[float, float, float, float], ...] = ()
    is_ruled: bool = True

    @property
    def texts(self) -> list[list[str]]:
        """The texts of its cells, by row and column, "" where a cell is empty."""
        return [["" if cell is None else cell.text for cell in row] for row in self.cells]

    @property
    def unsure(self) -> list[tuple[int, int]]:
        """Rows and columns, counted from 1, of the cells in which something is not sure."""
        return [
            (row_number, column_number)
            for row_number, row in enumerate(self.cells, start=1)
            for column_number, cell in enumerate(row, start=1)
            if cell is not None and not cell.is_sure
        ]

    def locate(self, number: Number) -> tuple[int, int] | None:
        """Tell in which row and column a number of it stands, counted from 1; None in none."""
        for row_number, row in enumerate(self.cells, start=1):
            for column_number, cell in enumerate(row, start=1):
                if cell is not None and any(part is number for part in cell.parts):
                    return row_number, column_number
        return None


@dataclasses.dataclass(frozen=True, eq=False)
class Page:
    """All that was read on a photo.

    Attributes:
        photo_name: name of the photo's file, "" where it came from none.
        scale: pixels of the file to a pixel of the photo, as in `Photo`.
        lines: in reading order; none if there are no digits.
        turns: quarter turns anticlockwise after which the page is upright: 0, 1, 2 or 3.
        is_inverted: whether its ink is lighter than its paper, as chalk on a blackboard is.
        table: the table on it, None where there is none. What is in it is also in `lines`, a line
            for each row.
        page_number: which page of its file it is, counted from 1.
        num_pages: how many pages the file has.
        region: the part of the photo that was read, None for all of it.
        ink: the only ink that was read, "red", "blue" or "dark"; None for any.
        has_ink: whether there is such ink where it was read.
        skew: degrees anticlockwise by which the upright page was rotated so that its rules are
            level; 0 if it was not.
    """

    photo_name: str
    scale: float
    lines: tuple[Line, ...]
    turns: int
    is_inverted: bool
    table: Table | None = None
    page_number: int = 1
    num_pages: int = 1
    region: Box | None = None
    ink: str | None = None
    has_ink: bool = True
    skew: float = 0.0

    @property
    def title(self) -> str:
        """The name of its file, and which page of it, if it has several: "scan.pdf, page 3"."""
        return make_title(self.photo_name, self.page_number, self.num_pages)

    @property
    def text(self) -> str:
        """Its lines, with a newline between them."""
        return "\n".join(line.text for line in self.lines)

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers of all its lines, in reading order."""
        return tuple(number for line in self.lines for number in line.numbers)

    @property
    def symbols(self) -> tuple[Digit | Sign, ...]:
        """The digits and signs of all its lines, in reading order."""
        return tuple(symbol for line in self.lines for symbol in line.symbols)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of all its lines, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def signs(self) -> tuple[Sign, ...]:
        """The signs of all its lines, in reading order."""
        return tuple(sign for line in self.lines for sign in line.signs)

    @property
    def turned(self) -> int:
        """Degrees anticlockwise by which the photo was turned for reading: 0, 90, 180 or 270."""
        return 90 * self.turns

    @property
    def note(self) -> str:
        """What was done to the photo for reading, in words; "" for nothing."""
        notes = []
        if self.region:
            left, top, right, bottom = (round(edge * self.scale) for edge in self.region)
            notes.append(f"only the region from ({left}, {top}) to ({right}, {bottom})")
        if self.ink:
            notes.append(f"{self.ink} ink only" if self.has_ink else f"no {self.ink} ink found")
        if self.turned:
            direction = "" if self.turned == 180 else " anticlockwise"
            notes.append(f"read turned by {self.turned}°{direction}")
        if self.skew:
            direction = "anticlockwise" if self.skew > 0 else "clockwise"
            notes.append(f"straightened by {abs(self.skew):.0f}° {direction}")
        if self.is_inverted:
            notes.append("light ink on dark paper")
        return ", ".join(notes)

    def summary(self) -> str:
        """Count its digits in words: "14 digits in 3 lines", "no digits found"."""
        if not self.digits:
            return "no digits found"
        counts = (len(self.digits), "digit"), (len(self.lines), "line")
        text = " in ".join(f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in counts)
        if self.table:
            num_rows, num_columns = len(self.table.cells), len(self.table.cells[0])
            text += f", a table of {num_rows} x {num_columns} cells"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Export it as plain values, ready for JSON.

        Returns:
            dict of `file`, the photo's name, `page` (its number in the file), `turned` (degrees
            anticlockwise), `skew` (degrees anticlockwise by which it was then rotated so that its
            rules are level, 0 for most photos), `inverted` (whether ink is lighter than paper),
            `region` (the box that was read, None for the whole photo), `ink` (the only one that was
            read, None for any) and `lines`: dicts of `text`, `numbers` (`text`, `value`, `is_sure`
            and `box` each), `digits` (`label`, `probability`, `is_sure` and `box`) and `signs`
            (`text`, `probability`, `is_sure` and `box`). A box is [left, top, right, bottom] in
            pixels of the file, of a PDF file in points (1/72 inch). Where there is a table, also
            `table`, the texts of its cells by row and column, and of each number `row` and
            `column`, counted from 1; None beside the table.
        """
        exported: dict[str, Any] = {
            "file": self.photo_name,
            "page": self.page_number,
            "turned": self.turned,
            "skew": self.skew,
            "inverted": self.is_inverted,
            "region": self._to_file_pixels(self.region) if self.region else None,
            "ink": self.ink,
            "lines": [
                {
                    "text": line.text,
                    "numbers": [
                        {
                            "text": number.text,
                            "value": number.value,
                            "is_sure": number.is_sure,
                            "box": self._to_file_pixels(number.box),
                            **(self._locate(number) if self.table else {}),
                        }
                        for number in line.numbers
                    ],
                    "digits": [
                        {"label": digit.label, **self._describe(digit)} for digit in line.digits
                    ],
                    "signs": [{"text": sign.text, **self._describe(sign)} for sign in line.signs],
                }
                for line in self.lines
            ],
        }
        if self.table:
            exported["table"] = self.table.texts
        return exported

    def to_rows(self) -> list[dict[str, Any]]:
        """Export its numbers as rows of a table.

        Returns:
            A dict for each number, in reading order: `file`, `page`, `line`, `number` in it, `row`
            and `column` in the table (counted from 1; None beside it), `text`, `value` (None for
            what is no plain number), `probability` (the lowest of its symbols), `is_sure` (whether
            all of them are), `left`, `top`, `right` and `bottom` of its box in pixels of the file.
        """
        rows = []
        for line_number, line in enumerate(self.lines, start=1):
            for number_number, number in enumerate(line.numbers, start=1):
                left, top, right, bottom = self._to_file_pixels(number.box)
                rows.append(
                    {
                        "file": printable(self.photo_name),
                        "page": self.page_number,
                        "line": line_number,
                        "number": number_number,
                        **self._locate(number),
                        "text": number.text,
                        "value": number.value,
                        "probability": round(number.probability, 4),
                        "is_sure": number.is_sure,
                        "left": left,
                        "top": top,
                        "right": right,
                        "bottom": bottom,
                    }
                )
        return rows

    def without_images(self) -> Page:
        """Make the same page without the images of its digits, to keep many in little memory."""
        made: dict[int, Number | Sign] = {}  # a number stands in a line and in a table

        def strip(part: Number | Sign) -> Number | Sign:
            if isinstance(part, Number) and id(part) not in made:
                symbols = (
                    dataclasses.replace(symbol, image=NO_IMAGE)
                    if isinstance(symbol, Digit)
                    else symbol
                    for symbol in part.symbols
                )
                made[id(part)] = Number(tuple(symbols))
            return made.get(id(part), part)

        def strip_line(line: Line) -> Line:
            return Line(tuple(map(strip, line.parts)))

        table = self.table
        if table is not None:
            cells = (tuple(cell and strip_line(cell) for cell in row) for row in table.cells)
            table = dataclasses.replace(table, cells=tuple(cells))
        return dataclasses.replace(self, lines=tuple(map(strip_line, self.lines)), table=table)

    def _locate(self, number: Number) -> dict[str, int | None]:
        place = self.table.locate(number) if self.table else None
        return dict(zip(("row", "column"), place or (None, None), strict=True))

    def _describe(self, symbol: Digit | Sign) -> dict[str, Any]:
        return {
            "probability": round(symbol.probability, 4),
            "is_sure": symbol.is_sure,
            "box": self._to_file_pixels(symbol.box),
        }

    def _to_file_pixels(self, box: Box) -> list[float]:
        return [round(edge * self.scale, 1) for edge in box]


def parse_value(text: str) -> int | float | None:
    """Parse what is written as a plain number.

    Args:
        text: digits and signs, such as "042", "-14", "3.75" or "3,75".

    Returns:
        An int for a whole number, a float for one with a decimal point or comma. None for what is
        no plain number ("24/11/2026", "08:45", "50%"), and for "1.234" and "1,234", which may have
        a decimal point or comma or one that separates thousands. Where others in the same number
        tell, as in "1,234.50" or "1.234.567", these are understood.
    """
    sign, unsigned = (-1 if text.startswith("-") else 1), re.sub(r"^[+-]", "", text)
    if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", unsigned):
        return None
    for thousands, decimal in (",.", ".,"):
        if re.fullmatch(rf"[1-9]\d{{0,2}}(\{thousands}\d{{3}})+(\{decimal}\d+)?", unsigned):
            unsigned = unsigned.replace(thousands, "")
    if re.fullmatch(r"\d+", unsigned):
        return sign * int(unsigned)
    if not re.fullmatch(r"\d*[.,]\d+", unsigned):
        return None
    value = sign * float(unsigned.replace(",", "."))
    return value if math.isfinite(value) else None


def printable(name: object) -> str:
    """A file's name as text that can be printed and written, "?" for bytes that are no text."""
    return str(name).encode("utf-8", "replace").decode("utf-8")
