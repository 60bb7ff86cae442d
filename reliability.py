"""Draws how far a network can be relied on: its certainty, and spoiled images."""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import figures
import metrics
from corruptions import CORRUPTIONS
from figures import BLUE, GREY, LINES, VERMILLION

EXAMPLES = 8  # of each kind of thing that is no digit
MOST_REFUSED = 0.1  # share at the right end


def draw_calibration(before, after, path, title):
    """Draw how often a network is right against how sure it is, before and after its temperature.

    Args:
        before: what `certainty.measure_reliability` returned for the network without its
            temperature.
        after: the same for the network as it is.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 5), **figures.STYLE)
    all_axes = figure.subplots(2, 2, sharex=True, height_ratios=[3, 1])
    for column, (name, row) in enumerate([("without", before), ("with", after)]):
        above, below = all_axes[:, column]
        above.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="as sure as right")
        accuracy, interval = np.array(row["accuracy"]), np.array(row["interval"]).T
        errors = np.abs(interval - accuracy)
        above.errorbar(
            row["confidence"], accuracy, errors, color=BLUE, marker="o", ms=5, lw=1.5, capsize=3,
            label="measured, 95% interval",
        )  # fmt: skip
        below.bar(row["confidence"], row["num_images"], width=0.04, color=BLUE)
        for place, count in zip(row["confidence"], row["num_images"], strict=True):
            below.text(place, 1.25 * count, f"{count:,}", ha="center", fontsize=7, color=GREY)
        low, high = row["ece_interval"]
        above.set_title(
            f"{name} temperature: calibration error {row['ece']:.2%}\n"
            f"(95% interval {low:.2%} to {high:.2%})",
            fontsize=10,
        )
        above.set(xlim=(0, 1.04), ylim=(0, 1.04))
        below.set(yscale="log", ylim=(0.7, 12 * max(row["num_images"])), xlabel="how sure it is")
        below.xaxis.set_major_formatter(PercentFormatter(1))
        above.yaxis.set_major_formatter(PercentFormatter(1))
        for axes in (above, below):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
    all_axes[0, 0].set_ylabel("how often it is right")
    all_axes[1, 0].set_ylabel("images")
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(title, fontsize=12)
    figures.save(figure, path)


def draw_refusal(curves, path, title):
    """Draw accuracy against the share of images that is refused, the least sure first.

    Args:
        curves: dict by name of what `certainty.measure_refusal` returned.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 3.8), **figures.STYLE)
    axes = figure.subplots()
    for (name, curve), (color, _, style) in zip(curves.items(), LINES, strict=False):
        accuracies = curve["accuracies"][::-1]
        refused = np.arange(len(accuracies)) / len(accuracies)
        shown = refused <= MOST_REFUSED
        axes.plot(refused[shown], accuracies[shown], color=color, ls=style, lw=2, label=name)
        for row in curve["refused"]:
            axes.vlines(row["share"], *row["interval"], color=color, lw=1, alpha=0.6)
    axes.set(xlabel="images refused, those it is least sure of", xlim=(0, 1.02 * MOST_REFUSED))
    axes.set_ylabel("of the others, read right")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.axhline(1, color=GREY, lw=0.8, ls=":")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", title="vertical lines: 95% intervals", fontsize=9)
    axes.set_title(title, fontsize=12)
    figures.save(figure, path)


def draw_outsiders(images, confidences, threshold, path, title):
    """Draw digits and things that are none, and how sure a network is of what it reads.

    Args:
        images: dict by kind, "digits" among them, of float arrays of shape (n, 28, 28).
        confidences: dict by the same kinds of float arrays of shape (m,), largest probabilities.
        threshold: below it the network is said to be not sure.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 1.1 * len(images) + 0.9), **figures.STYLE)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1])
    pictures = left.subplots(len(images), EXAMPLES, gridspec_kw={"wspace": 0.04})
    histograms = right.subplots(len(images), 1, sharex=True)
    for axes in pictures.ravel():
        axes.set_axis_off()
    for kind, row, axes in zip(images, pictures, histograms, strict=True):
        values = confidences[kind]
        for place, image in zip(row, images[kind], strict=False):
            place.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        row[0].set_title(kind, fontsize=11, loc="left", color=BLUE)
        color = BLUE if kind == "digits" else VERMILLION
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values, bins=40, range=(0, 1), weights=weights, color=color)
        axes.axvline(threshold, color="black", lw=1.2, ls="--")
        axes.set_title(f"{(values < threshold).mean():.1%} not sure", fontsize=9, loc="left")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    histograms[-1].xaxis.set_major_formatter(PercentFormatter(1))
    histograms[-1].set_xlabel(f"how sure it is; dashed: not sure, below {threshold:.1%}")
    figure.suptitle(title, fontsize=12)
    figures.save(figure, path)


def draw_robustness(results, path, num_columns=3):
    """Draw accuracy against growing corruption, one plot for each kind.

    Args:
        results: what `robustness.score` returned, at most 5 networks.
        path: PNG file to write.
        num_columns: plots a row.
    """
    num_rows = -(-len(CORRUPTIONS) // num_columns)
    figure = Figure(figsize=(8, 2.3 * num_rows + 0.9), **figures.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    lowest = min(min(values) for row in results.values() for values in row["accuracy"].values())
    for place, (kind, (_, unit, none, amounts)) in enumerate(CORRUPTIONS.items()):
        axes = all_axes.ravel()[place]
        for (name, row), (color, marker, style) in zip(results.items(), LINES, strict=False):
            accuracies = np.array([row["clean"], *row["accuracy"][kind]])
            num_images = row["num_images"]
            intervals = [
                metrics.wilson_interval(round(x * num_images), num_images) for x in accuracies
            ]
            axes.fill_between([none, *amounts], *np.transpose(intervals), color=color, alpha=0.2)
            axes.plot(
                [none, *amounts], accuracies, color=color, marker=marker, ls=style, ms=4, label=name
            )
        if amounts[-1] < none:
            axes.invert_xaxis()
        axes.set_title(kind, fontsize=11)
        axes.set_xlabel(unit, fontsize=9)
        axes.set(ylim=(max(0, lowest - 0.05), 1.01), xticks=[none, *amounts])
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
    for row in all_axes:
        row[0].set_ylabel("images read right", fontsize=9)
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    means = ", ".join(f"{name} {row['mean']:.1%}" for name, row in results.items())
    title = textwrap.wrap(f"mean of all: {means}", 80)
    figure.suptitle("\n".join(["Where it breaks, with 95% intervals", *title]), fontsize=12)
    figures.save(figure, path)
