"""Draws a network, layer by layer, from the model itself."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from figures import BLUE, GREY, STYLE, save


def draw_network(model, path, max_units=11):
    """Draw a network, layer by layer, from the model itself.

    Args:
        model: a built `keras.Model` whose layers follow one another.
        path: PNG file to write.
        max_units: circles a layer at most; a larger layer is drawn with a gap.
    """
    columns = [("image", "input", model.input_shape[1:], "", 0)]
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        shape = layer.output.shape[1:]
        kind = type(layer).__name__
        columns.append(
            (layer.name, kind, shape, getattr(activation, "__name__", ""), layer.count_params())
        )
    figure = Figure(figsize=(max(8, 1.7 * len(columns)), 4.6), **STYLE)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_aspect("equal")
    spacing, centres = 3.2, []
    for column, (_, _, shape, _, _) in enumerate(columns):
        units = shape[-1] if len(shape) == 1 else 1
        shown = min(units, max_units)
        heights = (np.arange(shown) - (shown - 1) / 2) * 0.62
        if units > max_units:
            heights = np.delete(heights, shown // 2)
        centres.append([(column * spacing, height) for height in heights])
    for left, right in itertools.pairwise(centres[1:]):
        for x_left, y_left in left:
            for x_right, y_right in right:
                axes.plot([x_left, x_right], [y_left, y_right], color=GREY, lw=0.3, alpha=0.5)
    for column, (name, kind, shape, activation, parameters) in enumerate(columns):
        size = "×".join(map(str, shape))
        if column == 0:
            _draw_input(axes, shape)
        else:
            _draw_units(axes, centres[column], gap=shape[-1] > max_units)
        detail = f"{kind}, {activation}" if activation else kind
        lines = [size, name, detail, f"{parameters:,} parameters" if parameters else ""]
        axes.text(column * spacing, -3.7, lines[0], ha="center", va="top", fontsize=13, color=BLUE)
        axes.text(
            column * spacing,
            -4.4,
            "\n".join(lines[1:]),
            ha="center",
            va="top",
            fontsize=9,
            linespacing=1.5,
        )
    for digit, (x, y) in enumerate(reversed(centres[-1])):
        axes.text(x + 0.5, y, str(digit), va="center", fontsize=9)
    axes.set_xlim(-1.6, (len(columns) - 1) * spacing + 1.6)
    axes.set_ylim(-6.3, 3.6)
    axes.set_title(f"{model.name}: {model.count_params():,} parameters", fontsize=12)
    save(figure, path)


def _draw_input(axes, shape):
    rows, columns = shape[:2]
    edges = np.linspace(-1.2, 1.2, rows + 1), np.linspace(-1.2, 1.2, columns + 1)
    axes.hlines(edges[0], -1.2, 1.2, color=GREY, lw=0.3)
    axes.vlines(edges[1], -1.2, 1.2, color=GREY, lw=0.3)


def _draw_units(axes, centres, gap):
    for centre in centres:
        axes.add_patch(Circle(centre, 0.24, facecolor="white", edgecolor=BLUE, lw=1.4, zorder=2))
    if gap:
        axes.text(centres[0][0], 0, "⋮", ha="center", va="center", fontsize=14, zorder=3)
