"""Draws photos with what was read on them."""

from __future__ import annotations

import itertools
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image, ImageDraw, ImageFont

from digits import plotting
from digits.plotting import BLUE, GREEN, GREY, ORANGE, STYLE, VERMILLION
from digits.reading.photos import Photo
from digits.reading.results import Digit, Page, Sign

WIDTH = 8.0  # inches
MARKED_SIDES = 1000, 1600  # pixels, longer side at least and at most
FADED = 0.45  # contrast of what is outside of the region that was read
MAX_IMAGES = 60
IMAGES_A_ROW = 15
FONT = matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans-Bold.ttf"  # Pillow's own has no × and ÷


def draw_page(photo: Photo, page: Page, path: Path, title: str) -> None:
    """Draw a photo with a box and text at each symbol, and below the classifier's input of digits.

    Args:
        photo: the photo.
        page: what was read on it.
        path: PNG file to write.
        title: heading of the figure.

    Raises:
        OSError: the file cannot be written.
    """
    height, width = photo.pixels.shape[:2]
    photo_height = float(np.clip(WIDTH * height / width, 0.8, 10))
    images_height = 0.3 + 0.85 * _count_rows(page)
    heights = [photo_height, images_height] if page.digits else [photo_height]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.8), **STYLE)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    axes = parts[0].subplots()
    axes.imshow(_fade(photo.pixels, page))
    axes.set_axis_off()
    if page.region:
        left, top, right, bottom = page.region
        frame = Rectangle((left, top), right - left, bottom - top, fill=False, ec=GREY, lw=1.5)
        axes.add_patch(frame)
    if page.table:
        for x, y, other_x, other_y in page.table.rules:
            style = "-" if page.table.is_ruled else "--"
            axes.plot([x, other_x], [y, other_y], style, color=ORANGE, lw=0.8, alpha=0.7)
    points_a_pixel = 72 * min(WIDTH / width, photo_height / height)
    for symbol in page.symbols:
        _draw_box(axes, symbol, "-" if symbol.is_sure else "--")
        height = points_a_pixel * _measure_height(symbol, page)
        _write_label(axes, symbol, float(np.clip(0.4 * height, 6, 12)))
    if page.digits:
        _draw_images(parts[1], page)
    note = "vermillion, dashed, with a ?: not sure"
    if not all(symbol.is_sure for symbol in page.symbols):
        axes.text(0, -0.01, note, transform=axes.transAxes, va="top", color=VERMILLION, fontsize=9)
    # A file's name may have characters that mean formulas, or that no font has.
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=11, parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plotting.save(figure, path)


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
        color = _choose_color(symbol)
        left, top, right, bottom = (edge * scale for edge in symbol.box)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for start, end in itertools.pairwise(corners):
            _draw_side(draw, start, end, color, is_dashed=not symbol.is_sure)
        font_size = float(np.clip(0.45 * scale * _measure_height(symbol, page), 22, 48))
        font = ImageFont.truetype(FONT, font_size)
        is_digit = isinstance(symbol, Digit)
        place = (left, max(top, 24)) if is_digit else (left, min(bottom, size[1] - 24))
        draw.text(
            place,
            _format_label(symbol),
            color,
            font,
            anchor="lb" if is_digit else "la",
            stroke_width=2,
            stroke_fill="white",
        )
    return np.asarray(marked)


def draw_steps(photo: Photo, ink: np.ndarray, page: Page, path: Path) -> None:
    """Draw the steps from a photo to images of 28x28 pixels.

    Args:
        photo: the photo.
        ink: float array of any size, the page after the detector's local contrast normalization.
        page: what was read on it.
        path: PNG file to write.

    Raises:
        OSError: the file cannot be written.
    """
    height = WIDTH / 3 * photo.pixels.shape[0] / photo.pixels.shape[1] + 0.3
    heights = [height, 0.5 + 0.85 * _count_rows(page)]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.1), **STYLE)
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel()
    titles = ("1  the photo", "2  local contrast normalized", "3  detected, in lines")
    images = (photo.pixels, ink, photo.pixels)
    all_axes = above.subplots(1, 3)
    for axes, title, image in zip(all_axes, titles, images, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_axis_off()
        axes.set_title(title, fontsize=10, loc="left")
    for line in page.lines:
        boxes = np.array([digit.box for digit in line.digits])
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        all_axes[2].plot(*middles.T, color=GREY, lw=0.8, alpha=0.7)
        for symbol in line.symbols:
            _draw_box(all_axes[2], symbol, "-")
    below.suptitle(
        "4  each cut out, scaled into 20x20 pixels, centred by its mass in 28x28, and recognized",
        fontsize=10,
        x=0.01,
        ha="left",
    )
    _draw_images(below, page)
    plotting.save(figure, path)


def _fade(pixels: np.ndarray, page: Page) -> np.ndarray:
    """Make paler what is outside of the region that was read, if that is a part of the photo."""
    if page.region is None:
        return pixels
    left, top, right, bottom = (int(edge) for edge in page.region)
    faded = (255 - FADED * (255 - pixels.astype(np.float32))).astype(np.uint8)
    faded[top:bottom, left:right] = pixels[top:bottom, left:right]
    return faded


def _count_rows(page: Page) -> int:
    return -(-min(len(page.digits), MAX_IMAGES) // IMAGES_A_ROW)


def _measure_height(symbol: Digit | Sign, page: Page) -> float:
    """Height of a digit, or of the digits on the page that a sign is on, in pixels of the photo."""
    digits = (symbol,) if isinstance(symbol, Digit) else page.digits
    return float(np.median([digit.box[3] - digit.box[1] for digit in digits]))


def _choose_color(symbol: Digit | Sign) -> str:
    if not symbol.is_sure:
        return VERMILLION
    return BLUE if isinstance(symbol, Digit) else GREEN


def _format_label(symbol: Digit | Sign) -> str:
    return symbol.text if symbol.is_sure else f"{symbol.text}?"


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


def _draw_images(figure: SubFigure, page: Page) -> None:
    """Draw the classifier's input for each digit, with its label and probability."""
    all_axes = figure.subplots(_count_rows(page), IMAGES_A_ROW, squeeze=False).ravel()
    digits = page.digits[:MAX_IMAGES]
    for axes in all_axes[len(digits) :]:
        axes.set_axis_off()
    for axes, digit in zip(all_axes, digits, strict=False):
        color = _choose_color(digit)
        axes.imshow(digit.image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        frame = {"color": GREY, "lw": 0.6} if digit.is_sure else {"color": color, "lw": 1.5}
        axes.spines[:].set(**frame)
        axes.set_title(_format_label(digit), fontsize=10, fontweight="bold", color=color, pad=2)
        probability = plotting.format_probability(digit.probability)
        axes.set_xlabel(probability, fontsize=7, color=color, labelpad=2)


def _draw_box(axes: Axes, symbol: Digit | Sign, line_style: str) -> None:
    left, top, right, bottom = symbol.box
    axes.add_patch(
        Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fill=False,
            edgecolor=_choose_color(symbol),
            lw=1.2,
            ls=line_style,
        )
    )


def _write_label(axes: Axes, symbol: Digit | Sign, font_size: float) -> None:
    left, top, _, bottom = symbol.box
    is_digit = isinstance(symbol, Digit)
    axes.text(
        left,
        top if is_digit else bottom,
        _format_label(symbol),
        color=_choose_color(symbol),
        fontsize=font_size,
        fontweight="bold",
        va="bottom" if is_digit else "top",
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
