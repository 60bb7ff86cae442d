"""Draws the layers of a network and their shapes."""

import itertools
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from digits.keras_quietly import keras
from digits.plotting import BLUE, GREY, STYLE, save

# In units of the axes.
SPACING = 3.0  # between layers
SIDE = 2.4  # of an image as large as the input
MAP_OFFSET = 0.13  # between feature maps
MAX_MAPS = 5  # drawn of a layer


def draw_network(model: keras.Model, path: str | Path, max_units: int = 11) -> None:
    """Draw the layers of a network and their shapes.

    Args:
        model: a built `keras.Model` whose layers follow one another.
        path: PNG file to write.
        max_units: circles per layer at most; a larger layer is drawn with a gap.
    """
    input_shape = model.input_shape[1:]
    columns = [(input_shape, ["image"])]
    columns += [
        (layer.output.shape[1:], _describe(layer))
        for layer in model.layers
        if type(layer).__name__ != "Reshape"
    ]
    figure = Figure(figsize=(max(8, 1.35 * len(columns)), 4.4), **STYLE)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_aspect("equal")
    units = [
        _place_units(column * SPACING, shape[0], max_units) if len(shape) == 1 else []
        for column, (shape, _) in enumerate(columns)
    ]
    for left, right in itertools.pairwise(units):
        for start in left:
            for end in right:
                axes.plot(*zip(start, end, strict=True), color=GREY, lw=0.3, alpha=0.5)
    for column, (shape, lines) in enumerate(columns):
        x = column * SPACING
        if len(shape) == 2:
            _draw_image(axes, x, shape)
        elif len(shape) == 1:
            _draw_units(axes, units[column], gap=shape[0] > max_units)
        else:
            _draw_maps(axes, x, SIDE * shape[0] / input_shape[0], shape[-1])
        size = "×".join(map(str, shape))
        axes.text(x, -3.7, size, ha="center", va="top", fontsize=13, color=BLUE)
        text = "\n".join(lines)
        axes.text(x, -4.5, text, ha="center", va="top", fontsize=10, linespacing=1.4)
    for digit, (x, y) in enumerate(reversed(units[-1])):
        axes.text(x + 0.5, y, str(digit), va="center", fontsize=10)
    axes.set_xlim(-1.6, (len(columns) - 1) * SPACING + 1.6)
    axes.set_ylim(-7.9, 3.6)
    axes.set_title(f"{model.name}: {model.count_params():,} parameters", fontsize=13)
    save(figure, path)


def _describe(layer: keras.Layer) -> list[str]:
    kind = type(layer).__name__
    kind = {
        "GlobalAveragePooling2D": "mean of\neach map",
        "LayerNormalization": "mean 0,\nvariance 1",
    }.get(kind, kind)
    lines = [layer.name if kind == "Dense" else kind]
    if kind == "Conv2D":
        stride = layer.strides[0]
        lines = ["Conv2D {}×{}".format(*layer.kernel_size)]
        lines += [f"stride {stride}"] if stride > 1 else []
    elif kind == "Dense":
        lines.append("Dense")
    activation = getattr(layer, "activation", None)
    activation = getattr(activation, "__name__", "linear")
    if activation != "linear" and kind != "Softmax":
        lines.append(activation)
    if layer.count_params():
        lines += [f"{layer.count_params():,}", "parameters"]
    return lines


def _place_units(x, count, max_units):
    shown = min(count, max_units)
    heights = (np.arange(shown) - (shown - 1) / 2) * 0.62
    if count > max_units:
        heights = np.delete(heights, shown // 2)
    return [(x, height) for height in heights]


def _draw_image(axes, x, shape):
    edges = [np.linspace(-SIDE / 2, SIDE / 2, size + 1) for size in shape]
    axes.hlines(edges[0], x - SIDE / 2, x + SIDE / 2, color=GREY, lw=0.3)
    axes.vlines(x + edges[1], -SIDE / 2, SIDE / 2, color=GREY, lw=0.3)


def _draw_maps(axes, x, side, count):
    shown = min(count, MAX_MAPS)
    for place in range(shown):
        offset = (place - (shown - 1) / 2) * MAP_OFFSET
        corner = x - side / 2 + offset * 0.7, -side / 2 - offset
        axes.add_patch(Rectangle(corner, side, side, facecolor="white", edgecolor=BLUE, lw=1.1))


def _draw_units(axes, centres, gap):
    for centre in centres:
        axes.add_patch(Circle(centre, 0.24, facecolor="white", edgecolor=BLUE, lw=1.4, zorder=2))
    if gap:
        axes.text(centres[0][0], 0, "⋮", ha="center", va="center", fontsize=14, zorder=3)
