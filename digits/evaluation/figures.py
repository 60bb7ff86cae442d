"""Draws what was measured of classifiers, and what they have learned.

Each function writes one PNG file, whole or not at all, and raises OSError if it cannot be written.
What takes long to import is imported by the functions that need it: predict.py draws one figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from digits import plotting
from digits.evaluation import metrics
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

if TYPE_CHECKING:
    from digits.evaluation.calibration import Reliability, RiskCoverage
    from digits.evaluation.robustness import ModelRobustness

MAX_PREDICTIONS = 50  # images in a figure of predictions
MAX_UNITS = 256  # of a first layer that are drawn
MAX_LABELLED = 42  # images in a figure of labelled images
NUM_EXAMPLES = 8  # of each kind of out-of-distribution images
MAX_REJECTED = 0.1  # share at the right end of a risk-coverage curve
MAX_NAMED = 60  # mistakes that there is room to name in an embedding
MIN_HEIGHT = 0.015  # of a band, so that its number fits into it
NEGATIVE_TO_POSITIVE = LinearSegmentedColormap.from_list(
    "negative_to_positive", [plotting.VERMILLION, "white", plotting.BLUE]
)
# A digit's shape says which it is, where colours are hard to tell apart. Okabe and Ito's, and three
# of P. Tol's ("Colour schemes", 2021).
DIGIT_COLORS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666", "#56B4E9", "#CC79A7", "#332288",
    "#882255", "#999933",
)  # fmt: skip


def draw_confusion_matrix(confusion_matrix: np.ndarray, path: Path, title: str) -> None:
    """Draw a confusion matrix; the colour shows the mistakes, which the diagonal would drown.

    Args:
        confusion_matrix: 10x10 counts, row: true digit, column: predicted digit.
        path: PNG file to write.
        title: heading of the figure.
    """
    counts = np.asarray(confusion_matrix)
    mistakes = counts * (1 - np.eye(len(counts)))
    figure = Figure(figsize=(7, 6.4), **plotting.STYLE)
    axes = figure.subplots()
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(mistakes.max(), 1))
    for (row, column), count in np.ndenumerate(counts):
        dark = mistakes[row, column] > 0.6 * mistakes.max()
        color = plotting.BLUE if row == column else "white" if dark else "black"
        text = f"{count:,}" if count else "·"
        weight = "bold" if row == column else "normal"
        axes.text(column, row, text, ha="center", va="center", color=color, fontweight=weight)
    ticks = range(len(counts))
    axes.set(xticks=ticks, yticks=ticks, xlabel="predicted digit", ylabel="true digit")
    axes.set_title("\n".join(textwrap.wrap(title, 70)), fontsize=11)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="mistakes (images)")
    bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    plotting.save(figure, path)


def draw_predictions(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    probabilities: np.ndarray,
    captions: Sequence[str],
    path: Path,
    title: str,
    threshold: float,
    num_columns: int = 5,
) -> None:
    """Draw images with the classifier's predictions; wrong ones are framed and say so.

    Args:
        images: array of shape (n, 28, 28); at most `MAX_PREDICTIONS` are drawn.
        labels: true digits, integers of shape (n,).
        probabilities: floats of shape (n, 10).
        captions: n short texts, such as "test image 7".
        path: PNG file to write.
        title: heading of the figure.
        threshold: probability below which a prediction is not sure and gets a question mark.
        num_columns: images a row.
    """
    num_images = min(len(images), MAX_PREDICTIONS)
    num_columns = min(num_columns, max(num_images, 3))
    num_rows = max(1, -(-num_images // num_columns))
    figure = Figure(figsize=(1.75 * num_columns, 2.5 * num_rows + 0.4), **plotting.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes[num_images:]:
        axes.set_axis_off()
    for axes, image, label, row, caption in zip(
        all_axes, images, labels, probabilities, captions, strict=False
    ):
        first, second, third = np.argsort(-row, kind="stable")[:3]
        wrong = first != label
        color = plotting.VERMILLION if wrong else plotting.GREY
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=color, linewidth=4 if wrong else 0.8)
        mark = "?" if row[first] < threshold else ""
        axes.set_title(
            f"{first}{mark}  {plotting.format_probability(row[first])}",
            fontsize=12,
            fontweight="bold",
            color=plotting.VERMILLION if wrong else plotting.BLUE,
        )
        verdict = f"WRONG: label {label}" if wrong else f"correct: label {label}"
        axes.set_xlabel(
            f"then {second} {plotting.format_probability(row[second])}, "
            f"{third} {plotting.format_probability(row[third])}\n{verdict}\n{caption}",
            fontsize=8.5,
            color=plotting.VERMILLION if wrong else "black",
            linespacing=1.4,
        )
    figure.suptitle("\n".join(textwrap.wrap(title, 15 * num_columns)), fontsize=12)
    plotting.save(figure, path)


def draw_labelled_images(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    captions: Sequence[str],
    path: Path,
    title: str,
    num_columns: int = 7,
) -> None:
    """Draw images with their labels and each classifier's prediction, without a verdict.

    Args:
        images: array of shape (n, 28, 28); at most `MAX_LABELLED` are drawn.
        labels: digits of the dataset, integers of shape (n,).
        probabilities: floats of shape (n, 10) by name of the classifier.
        captions: n short texts, such as "image 7".
        path: PNG file to write.
        title: heading of the figure.
        num_columns: images a row.
    """
    num_images = min(len(images), MAX_LABELLED)
    num_rows = max(1, -(-num_images // num_columns))
    row_height = 1.95 + 0.17 * len(probabilities)
    figure = Figure(figsize=(1.45 * num_columns, row_height * num_rows + 0.5), **plotting.STYLE)
    figure.get_layout_engine().set(hspace=0.06)  # type: ignore[union-attr, call-arg]
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes[num_images:]:
        axes.set_axis_off()
    for place, axes in enumerate(all_axes[:num_images]):
        axes.imshow(images[place], cmap="gray_r", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=plotting.GREY, linewidth=0.8)
        axes.set_title(
            f"label {labels[place]}", fontsize=12, fontweight="bold", color=plotting.BLUE
        )
        lines = []
        for name, rows in probabilities.items():
            digit = rows[place].argmax()
            lines.append(f"{name}: {digit}  {plotting.format_probability(rows[place, digit])}")
        axes.set_xlabel(
            "\n".join([*lines, captions[place]]), fontsize=9, linespacing=1.4, color="black"
        )
    if num_images < len(images):
        title += f": the first {num_images}"
    figure.suptitle("\n".join(textwrap.wrap(title, 13 * num_columns)), fontsize=12)
    plotting.save(figure, path)


def draw_calibration(without: Reliability, tempered: Reliability, path: Path, title: str) -> None:
    """Draw accuracy against confidence, without and with temperature scaling.

    Args:
        without: of the classifier before temperature scaling.
        tempered: of the same classifier after it.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 5), **plotting.STYLE)
    all_axes = figure.subplots(2, 2, sharex=True, height_ratios=[3, 1])
    for column, (name, row) in enumerate([("Without", without), ("With", tempered)]):
        above, below = all_axes[:, column]
        above.plot([0, 1], [0, 1], color=plotting.GREY, lw=1, ls="--", label="perfect calibration")
        accuracy, interval = np.array(row.accuracy), np.array(row.interval).T
        errors = np.abs(interval - accuracy)
        above.errorbar(
            row.confidence, accuracy, errors, color=plotting.BLUE, marker="o", ms=5, lw=1.5,
            capsize=3, label="measured, 95% interval",
        )  # fmt: skip
        below.bar(row.confidence, row.num_images, width=0.04, color=plotting.BLUE)
        for place, count in zip(row.confidence, row.num_images, strict=True):
            below.text(
                place, 1.25 * count, f"{count:,}", ha="center", fontsize=7, color=plotting.GREY
            )
        above.set_title(
            f"{name} temperature scaling: calibration error {row.ece:.2%}\n"
            f"(95% interval {metrics.format_interval(row.ece_interval)})",
            fontsize=9.5,
        )
        above.set(xlim=(0, 1.04), ylim=(0, 1.04))
        below.set(yscale="log", ylim=(0.7, 12 * max(row.num_images)), xlabel="confidence")
        below.xaxis.set_major_formatter(PercentFormatter(1))
        above.yaxis.set_major_formatter(PercentFormatter(1))
        for axes in (above, below):
            _style_axes(axes)
    all_axes[0, 0].set_ylabel("accuracy")
    all_axes[1, 0].set_ylabel("images")
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(title, fontsize=12)
    plotting.save(figure, path)


def draw_risk_coverage(curves: Mapping[str, RiskCoverage], path: Path, title: str) -> None:
    """Draw accuracy against the share of images rejected, those of the lowest confidence first.

    Args:
        curves: by name of the classifier.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 3.8), **plotting.STYLE)
    axes = figure.subplots()
    for (name, curve), (color, _, style) in zip(curves.items(), plotting.LINES, strict=False):
        accuracies = curve.accuracies[::-1]
        rejected = np.arange(len(accuracies)) / len(accuracies)
        shown = rejected <= MAX_REJECTED
        axes.plot(rejected[shown], accuracies[shown], color=color, ls=style, lw=2, label=name)
        for point in curve.points:
            axes.vlines(1 - point.coverage, *point.accuracy_interval, color=color, lw=1, alpha=0.6)
    axes.set(xlabel="rejected images, lowest confidence first", xlim=(0, 1.02 * MAX_REJECTED))
    axes.set_ylabel("accuracy on the other images")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.axhline(1, color=plotting.GREY, lw=0.8, ls=":")
    _style_axes(axes)
    axes.legend(loc="lower right", title="vertical lines: 95% intervals", fontsize=9)
    axes.set_title(title, fontsize=12)
    plotting.save(figure, path)


def draw_ood(
    images: Mapping[str, np.ndarray],
    confidences: Mapping[str, np.ndarray],
    threshold: float,
    path: Path,
    title: str,
) -> None:
    """Draw digits and out-of-distribution images, and a classifier's confidence on each.

    Args:
        images: by kind, "digits" among them, float arrays of shape (n, 28, 28).
        confidences: by the same kinds, float arrays of shape (m,): largest probabilities.
        threshold: confidence below which a prediction is not sure.
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 1.1 * len(images) + 0.9), **plotting.STYLE)
    left, right = figure.subfigures(1, 2)  # type: ignore[misc]
    pictures = left.subplots(len(images), NUM_EXAMPLES, gridspec_kw={"wspace": 0.04})
    histograms = right.subplots(len(images), 1, sharex=True)
    for axes in pictures.ravel():
        axes.set_axis_off()
    for kind, row, axes in zip(images, pictures, histograms, strict=True):
        values = confidences[kind]
        for place, image in zip(row, images[kind], strict=False):
            place.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        row[0].set_title(kind, fontsize=11, loc="left", color=plotting.BLUE)
        color = plotting.BLUE if kind == "digits" else plotting.VERMILLION
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values, bins=40, range=(0, 1), weights=weights, color=color)
        axes.axvline(threshold, color="black", lw=1.2, ls="--")
        axes.set_title(f"{(values < threshold).mean():.1%} not sure", fontsize=9, loc="left")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    histograms[-1].xaxis.set_major_formatter(PercentFormatter(1))
    histograms[-1].set_xlabel(f"confidence; not sure below {threshold:.1%} (dashed)")
    figure.suptitle(title, fontsize=12)
    plotting.save(figure, path)


def draw_robustness(
    models: Mapping[str, ModelRobustness], path: Path, num_columns: int = 3
) -> None:
    """Draw accuracy against the amount of corruption, one plot for each kind.

    Args:
        models: by name of the classifier, at most 5.
        path: PNG file to write.
        num_columns: plots a row.
    """
    from digits.evaluation.corruptions import CORRUPTIONS

    num_rows = -(-len(CORRUPTIONS) // num_columns)
    figure = Figure(figsize=(8, 2.3 * num_rows + 0.9), **plotting.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    lowest = min(min(values) for model in models.values() for values in model.accuracy.values())
    for axes, (kind, corruption) in zip(all_axes.ravel(), CORRUPTIONS.items(), strict=False):
        amounts = [corruption.neutral, *corruption.amounts]
        for (name, model), (color, marker, style) in zip(
            models.items(), plotting.LINES, strict=False
        ):
            accuracies = np.array([model.clean, *model.accuracy[kind]])
            intervals = [
                metrics.wilson_interval(round(accuracy * model.num_images), model.num_images)
                for accuracy in accuracies
            ]
            axes.fill_between(amounts, *np.transpose(intervals), color=color, alpha=0.2)
            axes.plot(amounts, accuracies, color=color, marker=marker, ls=style, ms=4, label=name)
        if amounts[-1] < amounts[0]:
            axes.invert_xaxis()
        axes.set_title(kind, fontsize=11)
        axes.set_xlabel(corruption.unit, fontsize=9)
        axes.set(ylim=(max(0, lowest - 0.05), 1.01), xticks=amounts)
        axes.tick_params(labelsize=8)
        _style_axes(axes)
    for axes in all_axes.ravel()[len(CORRUPTIONS) :]:
        axes.remove()
    all_axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
    for row in all_axes:
        row[0].set_ylabel("accuracy", fontsize=9)
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    means = ", ".join(f"{name} {model.mean:.1%}" for name, model in models.items())
    title = textwrap.wrap(f"mean over all corruptions: {means}", 80)
    figure.suptitle("\n".join(["Accuracy on corrupted images, 95% intervals", *title]), fontsize=12)
    plotting.save(figure, path)


def draw_weights(weights: np.ndarray, path: Path, num_columns: int = 16) -> None:
    """Draw the weights of a first layer as images, the `MAX_UNITS` units of largest norm first.

    Args:
        weights: float array of shape (784, units).
        path: PNG file to write.
        num_columns: units a row.
    """
    order = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[:MAX_UNITS]
    num_rows = -(-len(order) // num_columns)
    figure = Figure(figsize=(8, 8 * num_rows / num_columns + 1.0), **plotting.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False)
    # The few largest weights would leave all others pale.
    limit = float(np.quantile(np.abs(weights), 0.995)) or 1.0
    for axes in all_axes.ravel():
        axes.set_axis_off()
    for axes, unit in zip(all_axes.ravel(), order, strict=False):
        pattern = weights[:, unit].reshape(IMAGE_SHAPE)
        image = axes.imshow(
            pattern, cmap=NEGATIVE_TO_POSITIVE, vmin=-limit, vmax=limit, interpolation="nearest"
        )
    bar = figure.colorbar(
        image, ax=all_axes, location="bottom", shrink=0.5, aspect=40, extend="both"
    )
    bar.set_label("weight: ink here inhibits the unit (orange) or activates it (blue)")
    which = "" if len(order) == weights.shape[1] else " of largest norm"
    figure.suptitle(f"Weights of the {len(order)} units{which} of the first layer", fontsize=12)
    plotting.save(figure, path)


def draw_embedding(
    places: np.ndarray, labels: np.ndarray, predictions: np.ndarray, path: Path, title: str
) -> None:
    """Draw images as small digits in a plane; misclassified ones are crossed, with the prediction.

    Args:
        places: float array of shape (n, 2).
        labels: true digits, integers of shape (n,).
        predictions: predicted digits, integers of shape (n,).
        path: PNG file to write.
        title: heading of the figure.
    """
    figure = Figure(figsize=(8, 7), **plotting.STYLE)
    axes = figure.subplots()
    wrong = np.flatnonzero(labels != predictions)
    outline = [withStroke(linewidth=3, foreground="white")]
    for digit in range(NUM_CLASSES):
        x, y = places[labels == digit].T
        color = DIGIT_COLORS[digit]
        axes.scatter(x, y, s=13, marker=f"${digit}$", color=color, lw=0, alpha=0.7)
    present = np.unique(labels)
    middles = _spread(np.array([np.median(places[labels == digit], axis=0) for digit in present]))
    for digit, (x, y) in zip(present, middles, strict=True):
        axes.text(
            x, y, str(digit), fontsize=20, fontweight="bold", ha="center", va="center",
            color=DIGIT_COLORS[digit], path_effects=outline, zorder=4,
        )  # fmt: skip
    x, y = places[wrong].T
    axes.scatter(x, y, s=30, marker="x", color="black", lw=1.2)
    for index in wrong[:MAX_NAMED]:
        axes.annotate(
            f"{labels[index]}→{predictions[index]}", tuple(places[index]), xytext=(4, 3),
            fontsize=7, textcoords="offset points", path_effects=outline,
        )  # fmt: skip
    named = f"the first {MAX_NAMED} with " * (len(wrong) > MAX_NAMED) + "label→prediction"
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(
        f"{len(labels):,} images, drawn as their labels; crosses: {len(wrong):,} misclassified, "
        f"{named}"
    )
    axes.set_title(title, fontsize=12)
    plotting.save(figure, path)


def draw_means(images: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw each digit's mean, its pixels' standard deviation, and its most and least typical image.

    Args:
        images: float array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        path: PNG file to write.
    """
    names = ("mean", "standard\ndeviation", "most\ntypical", "least\ntypical")
    figure = Figure(figsize=(8, 3.7), **plotting.STYLE)
    all_axes = figure.subplots(len(names), NUM_CLASSES)
    for axes in all_axes.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color="#CCCCCC")
    for digit, column in enumerate(all_axes.T):
        chosen = images[labels == digit]
        column[0].set_title(str(digit), fontsize=13, color=plotting.BLUE)
        if not len(chosen):
            continue
        mean = chosen.mean(axis=0)
        distance = np.square(chosen - mean).sum(axis=(1, 2))
        shown = mean, chosen.std(axis=0), chosen[distance.argmin()], chosen[distance.argmax()]
        for axes, image in zip(column, shown, strict=True):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=image.max() or 1)
    for axes, name in zip(all_axes[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=10, rotation=0, ha="right", va="center")
    figure.suptitle(f"{len(images):,} test images by digit", fontsize=12)
    plotting.save(figure, path)


def draw_flow(confusion_matrix: np.ndarray, path: Path) -> None:
    """Draw the mistakes as bands from the true digits to the digits predicted instead.

    Args:
        confusion_matrix: 10x10 counts, row: true digit, column: predicted digit.
        path: PNG file to write.
    """
    counts = np.array(confusion_matrix)
    images = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    total = max(int(counts.sum()), 1)
    figure = Figure(figsize=(8, 6), **plotting.STYLE)
    axes = figure.subplots()
    gap = 0.045
    starts = [_stack(counts.sum(axis=side) / total, gap) for side in (1, 0)]
    filled = [list(row) for row in starts]
    for true, predicted in np.argwhere(counts):
        size = counts[true, predicted] / total
        ends = filled[0][true], filled[1][predicted]
        filled[0][true], filled[1][predicted] = (end + size for end in ends)
        most = counts[true, predicted] == counts.max()
        _draw_band(axes, *ends, size, plotting.VERMILLION if most else plotting.BLUE)
        if counts[true, predicted] > 1 and size > MIN_HEIGHT:
            text = f"{counts[true, predicted]}"
            axes.text(0.05, ends[0] + size / 2, text, fontsize=7, va="center", ha="left")
    for digit in range(NUM_CLASSES):
        missed, taken = int(counts[digit].sum()), int(counts[:, digit].sum())
        middles = [starts[side][digit] + (missed, taken)[side] / total / 2 for side in (0, 1)]
        # $\bf{}$ is a formula in bold.
        left = f"{missed:,} of {images[digit]:,} misclassified   $\\bf{{{digit}}}$"
        right = f"$\\bf{{{digit}}}$   {taken:,} false positive{'s' * (taken != 1)}"
        axes.text(-0.02, middles[0], left, ha="right", va="center", fontsize=10)
        axes.text(1.02, middles[1], right, ha="left", va="center", fontsize=10)
    axes.set(xlim=(-0.5, 1.5), ylim=(1 + gap * NUM_CLASSES, -gap))
    axes.set_axis_off()
    axes.text(-0.02, -gap, "true digit", ha="right", fontsize=10, color=plotting.GREY)
    axes.text(1.02, -gap, "predicted digit", ha="left", fontsize=10, color=plotting.GREY)
    axes.set_title(f"{counts.sum():,} misclassified images", fontsize=12)
    plotting.save(figure, path)


class OwnPoint(NamedTuple):
    """A classifier to set beside the learning curves.

    Attributes:
        name: of the classifier.
        num_train: training images.
        num_correct: test images that it classifies correctly.
        num_images: test images in all.
    """

    name: str
    num_train: int
    num_correct: int
    num_images: int


def draw_learning_curve(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, own: OwnPoint | None = None
) -> None:
    """Draw the test error against the number of training images.

    Args:
        curves: by name, a list of dicts of `num_images` and `accuracies`, those of two seeds or
            more; rows with fewer are left out.
        path: PNG file to write.
        own: a classifier to set beside them.
    """
    from scipy import stats

    figure = Figure(figsize=(8, 4.2), **plotting.STYLE)
    axes = figure.subplots()
    for (name, rows), (color, marker, style) in zip(curves.items(), plotting.LINES, strict=False):
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
        error = 1 - own.num_correct / own.num_images
        low, high = metrics.wilson_interval(own.num_images - own.num_correct, own.num_images)
        axes.errorbar(
            own.num_train, error, [[error - low], [high - error]], color="black", marker="*",
            ms=12, ls="", label=own.name,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="training images", ylabel="test error")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_minor_formatter("")
    _style_axes(axes)
    axes.grid(alpha=0.3, which="both")
    axes.legend(title="bars: 95% intervals")
    axes.set_title("Test error against the number of training images", fontsize=12)
    plotting.save(figure, path)


def _style_axes(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


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
    """Stack parts of these sizes with a gap after each; returns where each begins."""
    return np.cumsum([0, *sizes[:-1]]) + gap * np.arange(len(sizes))


def _draw_band(axes, left, right, size, color):
    corners = [(0, left), (0.5, left), (0.5, right), (1, right)]
    lower = [(x, y + size) for x, y in reversed(corners)]
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3]
    outline = Outline([*corners, *lower], codes)
    axes.add_patch(PathPatch(outline, color=color, alpha=0.45, lw=0))
