"""Draws what a network has learned."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter
from scipy import stats

import figures
import metrics
from data import IMAGE_SHAPE, NUM_CLASSES

AGAINST_TO_FOR = LinearSegmentedColormap.from_list(
    "against_to_for", [figures.VERMILLION, "white", figures.BLUE]
)

# A digit's shape says which it is, where colours are hard to tell apart. Okabe and Ito's, and three
# of P. Tol's ("Colour schemes", 2021).
DIGIT_COLORS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666", "#56B4E9", "#CC79A7", "#332288",
    "#882255", "#999933",
)  # fmt: skip
MAX_NAMED = 60  # mistakes that there is room to name
LOWEST_NAMED = 0.015  # height of a band that its number fits into


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


def draw_embedding(places, labels, predictions, path, title):
    """Draw images as small digits in a plane, those read wrong crossed, with what was read.

    Args:
        places: float array of shape (n, 2).
        labels: true digits, integers of shape (n,).
        predictions: digits read, integers of shape (n,).
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 7), **figures.STYLE)
    axes = figure.subplots()
    wrong = np.flatnonzero(labels != predictions)
    outline = [withStroke(linewidth=3, foreground="white")]
    for digit in range(NUM_CLASSES):
        chosen = places[labels == digit]
        color = DIGIT_COLORS[digit]
        axes.scatter(*chosen.T, s=13, marker=f"${digit}$", color=color, lw=0, alpha=0.7)
    present = np.unique(labels)
    middles = _spread(np.array([np.median(places[labels == digit], axis=0) for digit in present]))
    for digit, middle in zip(present, middles, strict=True):
        axes.text(
            *middle, str(digit), fontsize=20, fontweight="bold", ha="center", va="center",
            color=DIGIT_COLORS[digit], path_effects=outline, zorder=4,
        )  # fmt: skip
    axes.scatter(*places[wrong].T, s=30, marker="x", color="black", lw=1.2)
    for index in wrong[:MAX_NAMED]:
        axes.annotate(
            f"{labels[index]}→{predictions[index]}", places[index], xytext=(4, 3), fontsize=7,
            textcoords="offset points", path_effects=outline,
        )  # fmt: skip
    named = f", the first {MAX_NAMED} named" if len(wrong) > MAX_NAMED else ""
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(
        f"{len(labels):,} images, as their digits; crosses: {len(wrong):,} read wrong{named}"
    )
    axes.set_title(title, fontsize=12)
    figures.save(figure, path)


def draw_means(images, labels, path):
    """Draw each digit's mean image, how much its pixels vary, and the nearest to and farthest off.

    Args:
        images: float array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        path: PNG file to write.
    """
    names = ("mean", "varies\nhere", "most\ntypical", "least\ntypical")
    figure = Figure(figsize=(8, 3.7), **figures.STYLE)
    all_axes = figure.subplots(len(names), NUM_CLASSES)
    for axes in all_axes.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color="#CCCCCC")
    for digit, column in enumerate(all_axes.T):
        chosen = images[labels == digit]
        column[0].set_title(str(digit), fontsize=13, color=figures.BLUE)
        if not len(chosen):
            continue
        mean = chosen.mean(axis=0)
        distance = np.square(chosen - mean).sum(axis=(1, 2))
        shown = mean, chosen.std(axis=0), chosen[distance.argmin()], chosen[distance.argmax()]
        for axes, image in zip(column, shown, strict=True):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=image.max() or 1)
    for axes, name in zip(all_axes[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=10, rotation=0, ha="right", va="center")
    figure.suptitle(f"What the digits look like, of {len(images):,} test images", fontsize=12)
    figures.save(figure, path)


def draw_flow(confusion_matrix, path):
    """Draw where the mistakes go: bands from the true digits to those read instead.

    Args:
        confusion_matrix: 10x10 counts, row: true digit, column: predicted digit.
        path: PNG file to write.
    """
    counts = np.array(confusion_matrix)
    images = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    total = max(int(counts.sum()), 1)
    figure = Figure(figsize=(8, 6), **figures.STYLE)
    axes = figure.subplots()
    gap = 0.045
    starts = [_stack(counts.sum(axis=side) / total, gap) for side in (1, 0)]
    filled = [list(row) for row in starts]
    for true, read in np.argwhere(counts):
        size = counts[true, read] / total
        ends = filled[0][true], filled[1][read]
        filled[0][true], filled[1][read] = (end + size for end in ends)
        most = counts[true, read] == counts.max()
        _draw_band(axes, *ends, size, figures.VERMILLION if most else figures.BLUE)
        if counts[true, read] > 1 and size > LOWEST_NAMED:
            text = f"{counts[true, read]}"
            axes.text(0.05, ends[0] + size / 2, text, fontsize=7, va="center", ha="left")
    for digit in range(NUM_CLASSES):
        missed, taken = counts[digit].sum(), counts[:, digit].sum()
        middles = [starts[side][digit] + (missed, taken)[side] / total / 2 for side in (0, 1)]
        said = f"{missed:,} of {images[digit]:,} missed", f"{taken:,} others read as it"
        for x, middle, text, ha in zip(
            (-0.02, 1.02), middles, said, ("right", "left"), strict=True
        ):
            words = (
                f"{text}   $\\bf{{{digit}}}$" if ha == "right" else f"$\\bf{{{digit}}}$   {text}"
            )
            axes.text(x, middle, words, ha=ha, va="center", fontsize=10)
    axes.set(xlim=(-0.5, 1.5), ylim=(1 + gap * NUM_CLASSES, -gap))
    axes.set_axis_off()
    axes.text(-0.02, -gap, "true digit", ha="right", fontsize=10, color=figures.GREY)
    axes.text(1.02, -gap, "read as", ha="left", fontsize=10, color=figures.GREY)
    axes.set_title(f"Where the {counts.sum():,} mistakes go", fontsize=12)
    figures.save(figure, path)


def draw_learning_curve(curves, path, own=None):
    """Draw the share of images misread against the number of training images.

    Args:
        curves: dict by name of lists of dicts: `num_images`, and `accuracies` of two seeds or more;
            rows with fewer are left out.
        path: PNG file to write.
        own: `(name, number of training images, right, test images)` of a network to set beside
            them; or None.
    """
    figure = Figure(figsize=(8, 4.2), **figures.STYLE)
    axes = figure.subplots()
    for (name, rows), (color, marker, style) in zip(curves.items(), figures.LINES, strict=False):
        rows = [row for row in rows if len(row["accuracies"]) > 1]
        sizes = [row["num_images"] for row in rows]
        errors = [1 - np.mean(row["accuracies"]) for row in rows]
        seeds = np.array([len(row["accuracies"]) for row in rows])
        deviations = np.array([stats.sem(row["accuracies"]) for row in rows])
        margins = deviations * stats.t.ppf(0.975, seeds - 1)
        axes.errorbar(
            sizes, errors, margins, color=color, marker=marker, ls=style, capsize=3, label=name
        )
        for size, error in zip(sizes, errors, strict=True):
            axes.annotate(
                f"{error:.1%}", (size, error), xytext=(5, 4), textcoords="offset points",
                fontsize=8, color=color,
            )  # fmt: skip
    if own:
        name, size, num_correct, num_images = own
        error = 1 - num_correct / num_images
        low, high = metrics.wilson_interval(num_images - num_correct, num_images)
        margins = [[error - low], [high - error]]
        axes.errorbar(size, error, margins, color="black", marker="*", ms=12, ls="", label=name)
    axes.set(xscale="log", yscale="log", xlabel="training images", ylabel="test images misread")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_minor_formatter("")
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="bars: 95% intervals")
    axes.set_title("What data is worth", fontsize=12)
    figures.save(figure, path)


def _spread(places):
    """Move places apart until none hides another; the figure is about 25 letters wide and high."""
    scale = np.maximum(np.ptp(places, axis=0), 1e-9) * 1.8
    places = places / scale
    for _ in range(50):
        offsets = places[:, None] - places
        distances = np.linalg.norm(offsets, axis=2, keepdims=True)
        near = (distances < 0.04) & (distances > 0)
        places = places + 0.01 * (near * offsets / np.maximum(distances, 1e-9)).sum(axis=1)
    return places * scale


def _stack(sizes, gap):
    return np.cumsum([0, *sizes[:-1]]) + gap * np.arange(len(sizes))


def _draw_band(axes, left, right, size, color):
    corners = [(0, left), (0.5, left), (0.5, right), (1, right)]
    lower = [(x, y + size) for x, y in reversed(corners)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    axes.add_patch(PathPatch(Path([*corners, *lower], codes), color=color, alpha=0.45, lw=0))
