"""Draws what a network has learned."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

import figures
from data import IMAGE_SHAPE

AGAINST_TO_FOR = LinearSegmentedColormap.from_list(
    "against_to_for", [figures.VERMILLION, "white", figures.BLUE]
)


def draw_weights(weights, path, num_columns=16):
    """Draw the weights of a first layer as images, one a unit, the strongest units first.

    Args:
        weights: float array of shape (784, units).
        path: PNG file to write.
        num_columns: units a row.
    """
    order = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")
    num_rows = -(-len(order) // num_columns)
    figure = Figure(figsize=(8, 8 * num_rows / num_columns + 1.0), **figures.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False)
    # The few strongest weights would leave all others pale.
    limit = float(np.quantile(np.abs(weights), 0.995)) or 1.0
    for axes in all_axes.ravel():
        axes.set_axis_off()
    for axes, unit in zip(all_axes.ravel(), order, strict=False):
        pattern = weights[:, unit].reshape(IMAGE_SHAPE)
        image = axes.imshow(
            pattern, cmap=AGAINST_TO_FOR, vmin=-limit, vmax=limit, interpolation="nearest"
        )
    bar = figure.colorbar(
        image, ax=all_axes, location="bottom", shrink=0.5, aspect=40, extend="both"
    )
    bar.set_label("weight: ink here silences the unit (orange) or makes it speak (blue)")
    figure.suptitle(f"What the {len(order)} units of the first layer look for", fontsize=12)
    figures.save(figure, path)
