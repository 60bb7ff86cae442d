"""Draws photos of notes with what was read on them."""

import itertools
import textwrap
import warnings

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image, ImageDraw, ImageFont

from digits import plotting
from digits.plotting import BLUE, GREY, STYLE, VERMILLION
from digits.reading import layout

WIDTH = 8.0  # inches
MARKED_SIDES = 1000, 1600  # pixels, longer side at least and at most
MAX_CROPS = 60
CROPS_A_ROW = 15


def draw_note(photo, lines, path, title):
    """Draw a photo with each digit's box and label, and below what the classifier saw of each.

    Args:
        photo: uint8 array of shape (height, width, 3).
        lines: what `reader.read` returned for it.
        path: PNG file to write.
        title: heading of the figure.
    """
    digits = layout.list_digits(lines)
    num_rows = -(-min(len(digits), MAX_CROPS) // CROPS_A_ROW)
    photo_height = float(np.clip(WIDTH * photo.shape[0] / photo.shape[1], 0.8, 10))
    heights = [photo_height, 0.3 + 0.85 * num_rows] if digits else [photo_height]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.8), **STYLE)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    axes = parts[0].subplots()
    axes.imshow(photo)
    axes.set_axis_off()
    points_a_pixel = 72 * min(WIDTH / photo.shape[1], photo_height / photo.shape[0])
    for digit in digits:
        _draw_digit(axes, digit, points_a_pixel)
    if digits:
        _draw_crops(parts[1], digits[:MAX_CROPS], num_rows)
    note = "vermillion, dashed, with a ?: not sure"
    if not all(digit["sure"] for digit in digits):
        axes.text(0, -0.01, note, transform=axes.transAxes, va="top", color=VERMILLION, fontsize=9)
    # A file's name may have signs that mean formulas, or that no font has.
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=11, parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plotting.save(figure, path)


def mark(photo, lines):
    """Mark each digit on a photo with its box and label; those not sure are dashed, with a ?.

    Args:
        photo: uint8 array of shape (height, width, 3).
        lines: what `reader.read` returned for it.

    Returns:
        uint8 array of the same proportions, its longer side 1,000 to 1,600 pixels.
    """
    scale = np.clip(1.0, *(side / max(photo.shape) for side in MARKED_SIDES))
    size = [max(1, round(side * scale)) for side in photo.shape[1::-1]]
    marked = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(marked)
    for digit in layout.list_digits(lines):
        unsure = not digit["sure"]
        color = VERMILLION if unsure else BLUE
        x, y, width, height = (side * scale for side in digit["box"])
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        for start, end in itertools.pairwise(corners):
            _draw_side(draw, start, end, color, dashed=unsure)
        font = ImageFont.load_default(float(np.clip(0.45 * height, 22, 48)))
        text = f"{digit['label']}{'?' if unsure else ''}"
        draw.text(
            (x, max(y, 24)), text, color, font, anchor="lb", stroke_width=2, stroke_fill="white"
        )
    return np.asarray(marked)


def draw_steps(photo, ink, lines, path):
    """Draw the steps from a photo to 28x28 pixels.

    Args:
        photo: uint8 array of shape (height, width, 3).
        ink: float array of any size, what the finder makes of the page before it looks for digits.
        lines: what `reader.read` returned for the photo.
        path: PNG file to write.
    """
    digits = layout.list_digits(lines)
    num_rows = -(-min(len(digits), MAX_CROPS) // CROPS_A_ROW)
    height = WIDTH / 3 * photo.shape[0] / photo.shape[1] + 0.3
    heights = [height, 0.5 + 0.85 * num_rows]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.1), **STYLE)
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    titles = ("1  the photo", "2  light evened out", "3  digits found, put into lines")
    for axes, shown, title in zip(above.subplots(1, 3), (photo, ink, photo), titles, strict=True):
        axes.imshow(shown, cmap="gray_r")
        axes.set_axis_off()
        axes.set_title(title, fontsize=10, loc="left")
    for line in lines:
        boxes = np.array([digit["box"] for digit in line["digits"]])
        middles = boxes[:, :2] + boxes[:, 2:] / 2
        above.axes[2].plot(*middles.T, color=GREY, lw=0.8, alpha=0.7)
        for digit in line["digits"]:
            _draw_box(above.axes[2], digit["box"], BLUE if digit["sure"] else VERMILLION, "-")
    below.suptitle(
        "4  each cut out, scaled into 20x20, its mass in the middle of 28x28, and read",
        fontsize=10,
        x=0.01,
        ha="left",
    )
    _draw_crops(below, digits[:MAX_CROPS], num_rows)
    plotting.save(figure, path)


def _draw_digit(axes, digit, points_a_pixel):
    unsure = not digit["sure"]
    color = VERMILLION if unsure else BLUE
    x, y, _, height = digit["box"]
    _draw_box(axes, digit["box"], color, "--" if unsure else "-")
    size = float(np.clip(0.4 * height * points_a_pixel, 6, 12))
    _write(axes, x, y, f"{digit['label']}{'?' if unsure else ''}", color, size)


def _draw_side(draw, start, end, color, dashed):
    start, end = np.array(start), np.array(end)
    num_dashes = max(1, int(np.hypot(*(end - start)) / 12)) if dashed else 1
    for number in range(num_dashes):
        places = number / num_dashes, (number + (0.6 if dashed else 1)) / num_dashes
        ends = [tuple(start + place * (end - start)) for place in places]
        draw.line(ends, color, width=3)


def _draw_crops(figure, digits, num_rows):
    all_axes = figure.subplots(num_rows, CROPS_A_ROW, squeeze=False).ravel()
    for axes in all_axes[len(digits) :]:
        axes.set_axis_off()
    for axes, digit in zip(all_axes, digits, strict=False):
        unsure = not digit["sure"]
        color = VERMILLION if unsure else BLUE
        axes.imshow(digit["image"], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=color if unsure else GREY, lw=1.5 if unsure else 0.6)
        text = f"{digit['label']}{'?' if unsure else ''}"
        axes.set_title(text, fontsize=10, fontweight="bold", color=color, pad=2)
        probability = plotting.format_probability(digit["probability"])
        axes.set_xlabel(probability, fontsize=7, color=color, labelpad=2)


def _draw_box(axes, box, color, style):
    x, y, width, height = box
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]])
    axes.plot(*corners.T, color=color, lw=1.2, ls=style)


def _write(axes, x, y, text, color, size):
    axes.text(
        x,
        y,
        text,
        color=color,
        fontsize=size,
        fontweight="bold",
        va="bottom",
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
