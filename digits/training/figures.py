"""Draws how a training went: its data, its augmentation, its curves."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from digits import plotting


def draw_samples(images, labels, path, per_digit=15):
    """Draw the first images of each digit, one digit a row.

    Args:
        images: array of shape (n, 28, 28).
        labels: integers 0-9 of shape (n,).
        path: PNG file to write.
        per_digit: images a row, fewer where there are fewer.
    """
    figure = Figure(figsize=(8, 5.6), **plotting.STYLE)
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
            color=plotting.BLUE,
            transform=row[0].transAxes,
            ha="right",
            va="center",
        )
    figure.suptitle(f"Training images: the first {per_digit} of each digit", fontsize=12)
    plotting.save(figure, path)


def draw_warps(images, warped, path):
    """Draw images beside warped copies of them.

    Args:
        images: array of shape (n, 28, 28), n at least 2.
        warped: array of shape (n, copies, 28, 28).
        path: PNG file to write.
    """
    num_columns = 1 + warped.shape[1]
    figure = Figure(figsize=(8, 8 * len(images) / num_columns + 0.7), **plotting.STYLE)
    all_axes = figure.subplots(len(images), num_columns)
    for row, image, copies in zip(all_axes, images, warped, strict=True):
        for axes, shown in zip(row, [image, *copies], strict=True):
            axes.imshow(shown, cmap="gray_r", interpolation="nearest", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=plotting.BLUE if axes is row[0] else "#CCCCCC", linewidth=1)
        row[0].spines[:].set_linewidth(2.5)
    all_axes[0, 0].set_title("as written", fontsize=10, color=plotting.BLUE)
    all_axes[0, num_columns // 2].set_title("as the network sees it while training", fontsize=10)
    plotting.save(figure, path)


def draw_history(history, path, training_label="training"):
    """Draw accuracy and loss over the epochs, on training and validation images.

    Args:
        history: dict of lists, one value an epoch: `accuracy`, `val_accuracy`, `loss`, `val_loss`.
        path: PNG file to write.
        training_label: name of the training curves.
    """
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(8, 3.4), **plotting.STYLE)
    for axes, key in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        marker = "o" if len(epochs) <= 20 else None
        axes.plot(
            epochs, history[key], color=plotting.BLUE, marker=marker, ms=4, label=training_label
        )
        axes.plot(
            epochs,
            history[f"val_{key}"],
            color=plotting.VERMILLION,
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
        color=plotting.VERMILLION,
    )
    plotting.save(figure, path)


def draw_practice(photos, findings, path, num_columns=4):
    """Draw made-up notes with the digits that the finder finds on them.

    Args:
        photos: float array of shape (n, height, width), 0 black to 1 white.
        findings: n pairs of boxes (left, top, right, bottom) and labels.
        path: PNG file to write.
        num_columns: notes a row.
    """
    num_rows = -(-len(photos) // num_columns)
    figure = Figure(figsize=(8.0, 8.0 * num_rows / num_columns + 0.4), **plotting.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.set_axis_off()
    for axes, photo, (boxes, labels) in zip(all_axes, photos, findings, strict=False):
        axes.imshow(photo, cmap="gray", vmin=0, vmax=1)
        axes.set(xlim=(-0.5, photo.shape[1] - 0.5), ylim=(photo.shape[0] - 0.5, -0.5))
        for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
            _draw_box(axes, [left, top, right - left, bottom - top], plotting.BLUE, "-")
            _write(axes, left, top, str(label), plotting.BLUE, 8)
    figure.suptitle("Made-up notes, and the digits found on them", fontsize=12)
    plotting.save(figure, path)


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
