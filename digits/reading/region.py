"""Describes the part of a photo that is read."""

from __future__ import annotations

import dataclasses
import math

from digits.reading.photos import Photo

MIN_SIDE = 8  # pixels of the photo: no digit is smaller
EXPECTED = "expected X Y WIDTH HEIGHT, all as shares of the photo (0 to 1) or all in pixels"


@dataclasses.dataclass(frozen=True)
class Region:
    """A rectangle on a photo that is upright as its EXIF data say.

    All four are shares of the photo's width and height if none is above 1, and pixels of its file
    otherwise.

    Attributes:
        x: of its left edge, from the photo's left edge.
        y: of its top edge, from the photo's top edge.
        width: above 0.
        height: above 0.

    Raises:
        ValueError: on creation, where there can be no such rectangle on any photo.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self):
        """Check what can be checked without a photo."""
        values = self.x, self.y, self.width, self.height
        if not all(math.isfinite(value) for value in values):
            raise ValueError(f"received the region {self}, {EXPECTED}: give four numbers")
        if min(self.x, self.y) < 0:
            raise ValueError(
                f"received the region {self}, {EXPECTED}: X and Y are at least 0, counted from the "
                "photo's left and top edge"
            )
        if min(self.width, self.height) <= 0:
            raise ValueError(
                f"received the region {self}, {EXPECTED}: WIDTH and HEIGHT are above 0"
            )
        # A thousandth is room for numbers that were rounded.
        if self.is_relative and max(self.x + self.width, self.y + self.height) > 1.001:
            raise ValueError(
                f"received the region {self}, {EXPECTED}: X + WIDTH and Y + HEIGHT of shares are "
                "at most 1"
            )

    def __str__(self) -> str:
        """Its four numbers, with blanks between them."""
        return f"{self.x:g} {self.y:g} {self.width:g} {self.height:g}"

    @property
    def is_relative(self) -> bool:
        """Whether it is given in shares of the photo, not in pixels."""
        return max(self.x, self.y, self.width, self.height) <= 1

    def locate(self, photo: Photo) -> tuple[int, int, int, int]:
        """Find where it is on a photo.

        Args:
            photo: the photo.

        Returns:
            Left, top, right and bottom edge in whole pixels of the photo, on it.

        Raises:
            ValueError: it is not on the photo, or smaller than `MIN_SIDE` pixels there.
        """
        height, width = photo.pixels.shape[:2]
        x_scale, y_scale = (width, height) if self.is_relative else (1 / photo.scale,) * 2
        left, top = self.x * x_scale, self.y * y_scale
        right, bottom = left + self.width * x_scale, top + self.height * y_scale
        name = f" of {photo.title}" if photo.name else ""
        if not self.is_relative and (right > width + 1 or bottom > height + 1):
            size = f"{width * photo.scale:.0f} x {height * photo.scale:.0f}"
            raise ValueError(
                f"received the region {self}{name}, expected one on the photo's {size} pixels: "
                "make it smaller, or give shares from 0 to 1"
            )
        right, bottom = min(right, width), min(bottom, height)
        box = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        if min(right - left, bottom - top) < min(MIN_SIDE, width, height):
            raise ValueError(
                f"received the region {self}{name}, which has {max(0, box[2] - box[0])} x "
                f"{max(0, box[3] - box[1])} pixels, expected at least {MIN_SIDE} x {MIN_SIDE}: "
                "make it larger"
            )
        return box
