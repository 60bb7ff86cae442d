"""Draws every figure, in one visual language.

Each function writes one PNG and returns nothing. Colours are Okabe and Ito's, which colour-blind
people can tell apart too ("Color universal design", 2008), and no colour stands alone: a mark or
a word says the same.
"""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, PercentFormatter

import files

BLUE, ORANGE, GREEN, VERMILLION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
LINES = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (ORANGE, "D", ":"),
    (GREY, "v", "-"),
)
STYLE = {
    "dpi": 150,
    "layout": "constrained",
}
MAX_PREDICTIONS = 50
MAX_READINGS = 42


def draw_samples(images, labels, path, per_digit=15):
    """Draw the first images of each digit, one digit a row.

    Args:
        images: array of shape (n, 28, 28).
        labels: integers 0-9 of shape (n,).
        path: PNG file to write.
        per_digit: images a row, fewer where there are fewer.
    """
    figure = Figure(figsize=(8, 5.6), **STYLE)
    all_axes = figure.subplots(10, per_digit, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for digit, row in enumerate(all_axes):
        indices = np.flatnonzero(labels == digit)[:per_digit]
        for axes in row:
            axes.set_axis_off()
        for axes, index in zip(row, indices, strict=False):
            axes.imshow(images[index], cmap="gray_r", interpolation="nearest")
        row[0].text(
            -0.3,
            0.5,
            str(digit),
            fontsize=13,
            color=BLUE,
            transform=row[0].transAxes,
            ha="right",
            va="center",
        )
    figure.suptitle(f"Training images: the first {per_digit} of each digit", fontsize=12)
    save(figure, path)


def draw_warps(images, warped, path):
    """Draw images beside warped copies of them.

    Args:
        images: array of shape (n, 28, 28), n at least 2.
        warped: array of shape (n, copies, 28, 28).
        path: PNG file to write.
    """
    num_columns = 1 + warped.shape[1]
    figure = Figure(figsize=(8, 8 * len(images) / num_columns + 0.7), **STYLE)
    all_axes = figure.subplots(len(images), num_columns)
    for row, image, copies in zip(all_axes, images, warped, strict=True):
        for axes, shown in zip(row, [image, *copies], strict=True):
            axes.imshow(shown, cmap="gray_r", interpolation="nearest", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=BLUE if axes is row[0] else "#CCCCCC", linewidth=1)
        row[0].spines[:].set_linewidth(2.5)
    all_axes[0, 0].set_title("as written", fontsize=10, color=BLUE)
    all_axes[0, num_columns // 2].set_title("as the network sees it while training", fontsize=10)
    save(figure, path)


def draw_history(history, path, training_label="training"):
    """Draw accuracy and loss over the epochs, on training and validation images.

    Args:
        history: dict of lists, one value an epoch: `accuracy`, `val_accuracy`, `loss`, `val_loss`.
        path: PNG file to write.
        training_label: name of the training curves.
    """
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(8, 3.4), **STYLE)
    for axes, key in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        marker = "o" if len(epochs) <= 20 else None
        axes.plot(epochs, history[key], color=BLUE, marker=marker, ms=4, label=training_label)
        axes.plot(
            epochs,
            history[f"val_{key}"],
            color=VERMILLION,
            marker=marker,
            ms=4,
            ls="--",
            label="validation",
        )
        axes.set(xlabel="epoch", title=key)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    figure.axes[0].set_ylabel("images classified right")
    figure.axes[1].set_ylabel("loss (validation: cross-entropy, nats)")
    # The first epochs of a long training are far below the rest, and would flatten it.
    later = np.array([history["accuracy"], history["val_accuracy"]])[:, len(epochs) // 10 :]
    margin = 0.15 * max(later.max() - later.min(), 0.01)
    figure.axes[0].set_ylim(later.min() - margin, later.max() + margin)
    later = np.array([history["loss"], history["val_loss"]])[:, len(epochs) // 10 :]
    figure.axes[1].set_ylim(0, 1.1 * later.max())
    figure.axes[0].legend(loc="lower right")
    above = history["val_accuracy"][-1] >= history["accuracy"][-1]
    figure.axes[0].annotate(
        f"{history['val_accuracy'][-1]:.2%}",
        (epochs[-1], history["val_accuracy"][-1]),
        xytext=(0, 6 if above else -8),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        color=VERMILLION,
    )
    save(figure, path)


def draw_confusion_matrix(confusion_matrix, path, title):
    """Draw a confusion matrix; the colour shows the mistakes, which the diagonal would drown.

    Args:
        confusion_matrix: 10x10 counts, row: true digit, column: predicted digit.
        path: PNG file to write.
        title: what was scored.
    """
    counts = np.asarray(confusion_matrix)
    mistakes = counts * (1 - np.eye(len(counts)))
    figure = Figure(figsize=(7, 6.4), **STYLE)
    axes = figure.subplots()
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(mistakes.max(), 1))
    for (row, column), count in np.ndenumerate(counts):
        dark = mistakes[row, column] > 0.6 * mistakes.max()
        color = BLUE if row == column else "white" if dark else "black"
        text = f"{count:,}" if count else "·"
        weight = "bold" if row == column else "normal"
        axes.text(column, row, text, ha="center", va="center", color=color, fontweight=weight)
    ticks = range(len(counts))
    axes.set(xticks=ticks, yticks=ticks, xlabel="predicted digit", ylabel="true digit")
    axes.set_title("\n".join(textwrap.wrap(title, 70)), fontsize=11)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="mistakes (images)")
    bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    save(figure, path)


def draw_predictions(
    images, probabilities, labels, captions, path, title, threshold=0.0, num_columns=5
):
    """Draw images with what the network makes of them; wrong ones are framed and say so.

    Args:
        images: array of shape (n, 28, 28); at most `MAX_PREDICTIONS` are drawn.
        probabilities: floats of shape (n, 10).
        labels: true digits, integers of shape (n,).
        captions: n short texts, such as "test image 7".
        path: PNG file to write.
        title: heading of the figure.
        threshold: probability below which a prediction gets a question mark.
        num_columns: images a row.
    """
    num_images = min(len(images), MAX_PREDICTIONS)
    num_columns = min(num_columns, max(num_images, 3))
    num_rows = max(1, -(-num_images // num_columns))
    figure = Figure(figsize=(1.75 * num_columns, 2.5 * num_rows + 0.4), **STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes[num_images:]:
        axes.set_axis_off()
    for axes, image, row, label, caption in zip(
        all_axes, images, probabilities, labels, captions, strict=False
    ):
        first, second, third = np.argsort(-row, kind="stable")[:3]
        wrong = first != label
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=VERMILLION if wrong else GREY, linewidth=4 if wrong else 0.8)
        axes.set_title(
            f"{first}{'?' if row[first] < threshold else ''}  {format_probability(row[first])}",
            fontsize=12,
            fontweight="bold",
            color=VERMILLION if wrong else BLUE,
        )
        verdict = f"WRONG: it is {label}" if wrong else f"right: it is {label}"
        axes.set_xlabel(
            f"then {second} {format_probability(row[second])}, "
            f"{third} {format_probability(row[third])}\n{verdict}\n{caption}",
            fontsize=8.5,
            color=VERMILLION if wrong else "black",
            linespacing=1.4,
        )
    figure.suptitle("\n".join(textwrap.wrap(title, 15 * num_columns)), fontsize=12)
    save(figure, path)


def draw_readings(images, readings, labels, captions, path, title, num_columns=7):
    """Draw images with their label and what each network reads, without saying who is right.

    Args:
        images: array of shape (n, 28, 28); at most `MAX_READINGS` are drawn.
        readings: dict of probabilities of shape (n, 10) by name of the network.
        labels: digits of the dataset, integers of shape (n,).
        captions: n short texts, such as "test image 7".
        path: PNG file to write.
        title: heading of the figure.
        num_columns: images a row.
    """
    num_images = min(len(images), MAX_READINGS)
    num_rows = max(1, -(-num_images // num_columns))
    row_height = 1.95 + 0.17 * len(readings)
    figure = Figure(figsize=(1.45 * num_columns, row_height * num_rows + 0.5), **STYLE)
    figure.get_layout_engine().set(hspace=0.06)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes[num_images:]:
        axes.set_axis_off()
    for place, axes in enumerate(all_axes[:num_images]):
        axes.imshow(images[place], cmap="gray_r", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=GREY, linewidth=0.8)
        axes.set_title(f"label {labels[place]}", fontsize=12, fontweight="bold", color=BLUE)
        lines = []
        for name, probabilities in readings.items():
            digit = probabilities[place].argmax()
            lines.append(f"{name}: {digit}  {format_probability(probabilities[place, digit])}")
        axes.set_xlabel(
            "\n".join([*lines, captions[place]]), fontsize=9, linespacing=1.4, color="black"
        )
    if num_images < len(images):
        title += f": the first {num_images}"
    figure.suptitle("\n".join(textwrap.wrap(title, 13 * num_columns)), fontsize=12)
    save(figure, path)


def format_probability(probability):
    """Format a probability so that only a certainty reads as one: ">99.9%", "97.3%", "<0.1%"."""
    if 0.9995 <= probability < 1:
        return ">99.9%"
    if 0 < probability < 0.0005:
        return "<0.1%"
    return f"{probability:.1%}"


def save(figure, path):
    """Write a figure as PNG, whole or not at all."""
    for text in figure.findobj(Text):
        # Of a file's name; formulas here have a backslash.
        if "$" in text.get_text() and "\\" not in text.get_text():
            text.set_parse_math(False)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png")
