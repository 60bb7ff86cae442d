"""What was read on a photo: a page of lines, of numbers, of digits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

# A box: left, top, right and bottom edge, in pixels of the photo.
Box = tuple[float, float, float, float]
# Of a table of numbers, the keys of the rows of `Page.to_rows`.
COLUMNS = (
    "file", "line", "number", "text", "probability", "is_sure", "left", "top", "right", "bottom",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Digit:
    """A digit on a photo.

    Attributes:
        label: which digit it is, 0 to 9.
        probability: that there is a digit, and that it is this one.
        is_sure: whether the classifier alone gives `label` at least its threshold's probability.
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


@dataclasses.dataclass(frozen=True, eq=False)
class Number:
    """Adjacent digits, from left to right; at least one."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """Its digits, such as "042"."""
        return "".join(str(digit.label) for digit in self.digits)

    @property
    def value(self) -> int:
        """The whole number that its digits make."""
        return int(self.text)

    @property
    def box(self) -> Box:
        """The smallest box around all its digits, in pixels of the photo."""
        lefts, tops, rights, bottoms = zip(*(digit.box for digit in self.digits), strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    @property
    def probability(self) -> float:
        """The lowest probability of its digits."""
        return min(digit.probability for digit in self.digits)

    @property
    def is_sure(self) -> bool:
        """Whether all its digits are sure."""
        return all(digit.is_sure for digit in self.digits)


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """Numbers on one line, from left to right; at least one."""

    numbers: tuple[Number, ...]

    @property
    def text(self) -> str:
        """Its numbers with a space between them, such as "12 30 42"."""
        return " ".join(number.text for number in self.numbers)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of all its numbers, from left to right."""
        return tuple(digit for number in self.numbers for digit in number.digits)


@dataclasses.dataclass(frozen=True, eq=False)
class Page:
    """All that was read on a photo.

    Attributes:
        photo_name: name of the photo's file, "" where it came from none.
        scale: pixels of the file to a pixel of the photo, as in `Photo`.
        lines: in reading order; none if there are no digits.
        turns: quarter turns anticlockwise after which the page is upright: 0, 1 or 3.
        is_inverted: whether its ink is lighter than its paper, as chalk on a blackboard is.
    """

    photo_name: str
    scale: float
    lines: tuple[Line, ...]
    turns: int
    is_inverted: bool

    @property
    def text(self) -> str:
        """Its lines, with a newline between them."""
        return "\n".join(line.text for line in self.lines)

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers of all its lines, in reading order."""
        return tuple(number for line in self.lines for number in line.numbers)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of all its lines, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    def summary(self) -> str:
        """Count its digits in words: "14 digits in 3 lines", "no digits found"."""
        if not self.digits:
            return "no digits found"
        counts = (len(self.digits), "digit"), (len(self.lines), "line")
        return " in ".join(f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in counts)

    def to_dict(self) -> dict[str, Any]:
        """Export it as plain values, ready for JSON.

        Returns:
            dict of `file`, the photo's name, and `lines`: dicts of `text` and `digits`, which are
            dicts of `label`, `probability`, `is_sure` and `box` ([left, top, right, bottom] in
            pixels of the file).
        """
        return {
            "file": self.photo_name,
            "lines": [
                {
                    "text": line.text,
                    "digits": [
                        {
                            "label": digit.label,
                            "probability": round(digit.probability, 4),
                            "is_sure": digit.is_sure,
                            "box": self._to_file_pixels(digit.box),
                        }
                        for digit in line.digits
                    ],
                }
                for line in self.lines
            ],
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """Export its numbers as rows of a table.

        Returns:
            A dict for each number, in reading order: `file`, `line` and `number` (both counted from
            1), `text`, `probability` (the lowest of its digits), `is_sure` (whether all of them
            are), `left`, `top`, `right` and `bottom` of its box in pixels of the file.
        """
        rows = []
        for line_number, line in enumerate(self.lines, start=1):
            for number_number, number in enumerate(line.numbers, start=1):
                left, top, right, bottom = self._to_file_pixels(number.box)
                rows.append(
                    {
                        "file": printable(self.photo_name),
                        "line": line_number,
                        "number": number_number,
                        "text": number.text,
                        "probability": round(number.probability, 4),
                        "is_sure": number.is_sure,
                        "left": left,
                        "top": top,
                        "right": right,
                        "bottom": bottom,
                    }
                )
        return rows

    def _to_file_pixels(self, box: Box) -> list[float]:
        return [round(edge * self.scale, 1) for edge in box]


def printable(name: object) -> str:
    """A file's name as text that can be printed and written, "?" for bytes that are no text."""
    return str(name).encode("utf-8", "replace").decode("utf-8")
