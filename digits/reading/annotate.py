"""Annotates photos with what was read on them, with Pillow: a tenth of matplotlib's time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits import files, plotting
from digits.plotting import BLUE, GREEN, GREY, ORANGE, VERMILLION
from digits.reading.photos import Photo
from digits.reading.results import Digit, Page, Sign

MARKED_SIDES = 1000, 1600  # pixels, longer side at least and at most
FADED = 0.45  # contrast of what is outside of the region that was read
MAX_IMAGES = 60
IMAGES_A_ROW = 15
FONT = Path(__file__).with_name("fonts") / "DejaVuSans-Bold-subset.ttf"
# Of the classifier's inputs below a photo, in pixels.
IMAGE_SIDE, CELL_WIDTH, CELL_HEIGHT = 56, 66, 112
NOTE_HEIGHT = 36
NOTE = "orange, dashed, with a ?: not sure"
COMPRESSION = 1  # of PNG files: the default takes three times as long for a tenth less


def draw_page(photo: Photo, page: Page, path: Path) -> None:
    """Draw a photo with a box and text at each symbol, and below the classifier's input of digits.

    Args:
        photo: the photo.
        page: what was read on it.
        path: PNG file to write.

    Raises:
        OSError: the file cannot be written.
    """
    marked = Image.fromarray(mark(photo, page))
    is_sure = all(symbol.is_sure for symbol in page.symbols)
    images = _draw_images(page, marked.width)
    height = marked.height + (0 if is_sure else NOTE_HEIGHT) + (images.height if images else 0)
    drawn = Image.new("RGB", (marked.width, height), "white")
    drawn.paste(marked)
    if not is_sure:
        place = 8, marked.height + NOTE_HEIGHT / 2
        ImageDraw.Draw(drawn).text(place, NOTE, VERMILLION, _load_font(18), anchor="lm")
    if images:
        drawn.paste(images, (0, height - images.height))
    with files.replacing(path) as temporary:
        drawn.save(temporary, "PNG", compress_level=COMPRESSION)


def mark(photo: Photo, page: Page) -> np.ndarray:
    """Mark each symbol on a photo with its box and text; those not sure are dashed, with a ?.

    Texts of digits are above their boxes, those of signs below.

    Args:
        photo: the photo.
        page: what was read on it.

    Returns:
        uint8 array of shape (height, width, 3) with the photo's proportions, its longer side 1,000
        to 1,600 pixels.
    """
    height, width = photo.pixels.shape[:2]
    longer_side = max(height, width)
    scale = float(np.clip(1.0, *(side / longer_side for side in MARKED_SIDES)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    marked = Image.fromarray(_fade(photo.pixels, page)).resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(marked)
    if page.region:
        draw.rectangle([scale * edge for edge in page.region], outline=GREY, width=3)
    if page.table:
        for rule in page.table.rules:
            x, y, other_x, other_y = (scale * place for place in rule)
            is_dashed = not page.table.is_ruled
            _draw_side(draw, (x, y), (other_x, other_y), ORANGE, is_dashed, width=2)
    for symbol in page.symbols:
        color = choose_color(symbol)
        left, top, right, bottom = (edge * scale for edge in symbol.box)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for start, end in itertools.pairwise(corners):
            _draw_side(draw, start, end, color, is_dashed=not symbol.is_sure)
        font_size = float(np.clip(0.45 * scale * _measure_height(symbol, page), 22, 48))
        font = _load_font(font_size)
        is_digit = isinstance(symbol, Digit)
        place = (left, max(top, 24)) if is_digit else (left, min(bottom, size[1] - 24))
        draw.text(
            place,
            format_label(symbol),
            color,
            font,
            anchor="lb" if is_digit else "la",
            stroke_width=2,
            stroke_fill="white",
        )
    return np.asarray(marked)


def format_label(symbol: Digit | Sign) -> str:
    """The text of a symbol, with a ? if it is not sure."""
    return symbol.text if symbol.is_sure else f"{symbol.text}?"


def choose_color(symbol: Digit | Sign) -> str:
    """The colour of a symbol: digits, signs, and what is not sure have different ones."""
    if not symbol.is_sure:
        return VERMILLION
    return BLUE if isinstance(symbol, Digit) else GREEN


def _draw_images(page: Page, width: int) -> Image.Image | None:
    """Draw the classifier's input for each digit, with its label and probability."""
    digits = page.digits[:MAX_IMAGES]
    if not digits:
        return None
    num_a_row = max(1, min(IMAGES_A_ROW, width // CELL_WIDTH))
    num_rows = -(-len(digits) // num_a_row)
    drawn = Image.new("RGB", (width, num_rows * CELL_HEIGHT), "white")
    draw = ImageDraw.Draw(drawn)
    label_font, probability_font = _load_font(20), _load_font(13)
    for index, digit in enumerate(digits):
        row, column = divmod(index, num_a_row)
        left = round((column + 0.5) * width / num_a_row - IMAGE_SIDE / 2)
        top = row * CELL_HEIGHT + 30
        image = Image.fromarray((255 - 255 * np.clip(digit.image, 0, 1)).astype(np.uint8))
        drawn.paste(image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.NEAREST), (left, top))
        color = choose_color(digit)
        frame = left - 1, top - 1, left + IMAGE_SIDE, top + IMAGE_SIDE
        outline, line_width = (GREY, 1) if digit.is_sure else (color, 2)
        draw.rectangle(frame, outline=outline, width=line_width)
        middle = left + IMAGE_SIDE / 2
        draw.text((middle, top - 4), format_label(digit), color, label_font, anchor="mb")
        probability = plotting.format_probability(digit.probability)
        draw.text((middle, top + IMAGE_SIDE + 4), probability, color, probability_font, anchor="mt")
    return drawn


def _load_font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def _fade(pixels: np.ndarray, page: Page) -> np.ndarray:
    """Make paler what is outside of the region that was read, if that is a part of the photo."""
    if page.region is None:
        return pixels
    left, top, right, bottom = (int(edge) for edge in page.region)
    faded = (255 - FADED * (255 - pixels.astype(np.float32))).astype(np.uint8)
    faded[top:bottom, left:right] = pixels[top:bottom, left:right]
    return faded


def _measure_height(symbol: Digit | Sign, page: Page) -> float:
    """Height of a digit, or of the digits on the page that a sign is on, in pixels of the photo."""
    digits = (symbol,) if isinstance(symbol, Digit) else page.digits
    return float(np.median([digit.box[3] - digit.box[1] for digit in digits]))


def _draw_side(
    draw: ImageDraw.ImageDraw,
    start: Sequence[float],
    end: Sequence[float],
    color: str,
    is_dashed: bool,
    width: int = 3,
) -> None:
    first, last = np.array(start), np.array(end)
    num_dashes = max(1, int(np.hypot(*(last - first)) / 12)) if is_dashed else 1
    for number in range(num_dashes):
        places = number / num_dashes, (number + (0.6 if is_dashed else 1)) / num_dashes
        draw.line([tuple(first + place * (last - first)) for place in places], color, width=width)
