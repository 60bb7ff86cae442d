"""Draws the steps from a photo of a page to what was read on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from digits import plotting
from digits.plotting import GREY, STYLE
from digits.reading.annotate import IMAGES_A_ROW, MAX_IMAGES, choose_color, format_label
from digits.reading.photos import Photo
from digits.reading.results import Digit, Page, Sign

WIDTH = 8.0  # inches


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


def _count_rows(page: Page) -> int:
    return -(-min(len(page.digits), MAX_IMAGES) // IMAGES_A_ROW)


def _draw_images(figure: SubFigure, page: Page) -> None:
    """Draw the classifier's input for each digit, with its label and probability."""
    all_axes = figure.subplots(_count_rows(page), IMAGES_A_ROW, squeeze=False).ravel()
    digits = page.digits[:MAX_IMAGES]
    for axes in all_axes[len(digits) :]:
        axes.set_axis_off()
    for axes, digit in zip(all_axes, digits, strict=False):
        color = choose_color(digit)
        axes.imshow(digit.image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        frame = {"color": GREY, "lw": 0.6} if digit.is_sure else {"color": color, "lw": 1.5}
        axes.spines[:].set(**frame)
        axes.set_title(format_label(digit), fontsize=10, fontweight="bold", color=color, pad=2)
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
            edgecolor=choose_color(symbol),
            lw=1.2,
            ls=line_style,
        )
    )
