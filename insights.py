"""Draws what a network has learned."""

import textwrap

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import figures
from corruptions import CORRUPTIONS
from data import IMAGE_SHAPE

AGAINST_TO_FOR = LinearSegmentedColormap.from_list(
    "against_to_for", [figures.VERMILLION, "white", figures.BLUE]
)

LINES = (
    (figures.BLUE, "o", "-"),
    (figures.VERMILLION, "s", "--"),
    (figures.GREEN, "^", "-."),
    (figures.ORANGE, "D", ":"),
    (figures.GREY, "v", "-"),
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


def draw_robustness(results, path, num_columns=3):
    """Draw accuracy against growing corruption, one plot for each kind.

    Args:
        results: what `corruptions.score` returned, at most 5 networks.
        path: PNG file to write.
        num_columns: plots a row.
    """
    num_rows = -(-len(CORRUPTIONS) // num_columns)
    figure = Figure(figsize=(8, 2.3 * num_rows + 0.9), **figures.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    for place, (kind, (_, unit, none, amounts)) in enumerate(CORRUPTIONS.items()):
        axes = all_axes.ravel()[place]
        for (name, row), (color, marker, style) in zip(results.items(), LINES, strict=False):
            accuracies = [row["clean"], *row["accuracy"][kind]]
            axes.plot(
                [none, *amounts], accuracies, color=color, marker=marker, ls=style, ms=4, label=name
            )
        if amounts[-1] < none:
            axes.invert_xaxis()
        axes.set_title(kind, fontsize=11)
        axes.set_xlabel(unit, fontsize=9)
        axes.set(ylim=(0, 1.03), xticks=[none, *amounts])
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
    for row in all_axes:
        row[0].set_ylabel("images read right", fontsize=9)
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    means = ", ".join(f"{name} {row['mean']:.1%}" for name, row in results.items())
    title = f"Where it breaks; mean of all: {means}"
    figure.suptitle("\n".join(textwrap.wrap(title, 80)), fontsize=12)
    figures.save(figure, path)
