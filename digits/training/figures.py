"""Draws how a training went: its data, its augmentation, its curves, a detector's results."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from digits import plotting
from digits.networks import Detections
from digits.networks.detector import TURNED
from digits.symbols import DIGITS, SYMBOLS
from digits.training.recipes import Recipe
from digits.transforms import degrade, warp

AUGMENTED_DIGITS = (2, 3, 4, 7, 8)  # whose first image is drawn
NUM_COPIES = 9
LABEL_SIZE = 8, 12  # pixels of a page, width and height of a detection's label


def draw_samples(
    images: np.ndarray, labels: np.ndarray, path: str | Path, per_digit: int = 15
) -> None:
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


def draw_augmentation(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int, path: str | Path
) -> None:
    """Draw the first image of some digits beside augmented copies.

    Every copy is warped; where the recipe degrades images, every other copy is degraded too.

    Args:
        images: uint8 array of shape (n, 28, 28).
        labels: integers 0-9 of shape (n,).
        recipe: how the network is trained.
        seed: seed of the augmentation.
        path: PNG file to write.
    """
    originals = images[[int((labels == digit).argmax()) for digit in AUGMENTED_DIGITS]]
    originals = originals.astype(np.float32) / 255
    rng = np.random.default_rng(seed)
    warps = warp.random_warps(rng, len(originals) * NUM_COPIES, recipe.warp_strength)
    if recipe.degraded_rotation is not None:
        warps[1::2] = warp.random_warps(
            rng, len(warps[1::2]), recipe.warp_strength, recipe.degraded_rotation
        )
    copies = np.array(warp.warp_images(originals.repeat(NUM_COPIES, axis=0), warps))
    title = "warped as in training"
    if recipe.degraded_share:
        degradations = degrade.random_degradations(
            rng, len(copies[1::2]), recipe.outlined_share, recipe.lined_share
        )
        textures = degrade.make_textures(seed, recipe.has_lines)
        copies[1::2] = degrade.degrade_images(copies[1::2], degradations, textures)
        title = "warped, or warped and degraded, as in training"

    num_columns = 1 + NUM_COPIES
    figure = Figure(figsize=(8, 8 * len(originals) / num_columns + 0.7), **plotting.STYLE)
    all_axes = figure.subplots(len(originals), num_columns)
    copies = copies.reshape(len(originals), NUM_COPIES, *originals.shape[1:])
    for row, original, augmented in zip(all_axes, originals, copies, strict=True):
        for axes, shown in zip(row, [original, *augmented], strict=True):
            axes.imshow(shown, cmap="gray_r", interpolation="nearest", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=plotting.BLUE if axes is row[0] else "#CCCCCC", linewidth=1)
        row[0].spines[:].set_linewidth(2.5)
    all_axes[0, 0].set_title("unmodified", fontsize=10, color=plotting.BLUE)
    all_axes[0, num_columns // 2].set_title(title, fontsize=10)
    plotting.save(figure, path)


def draw_history(
    history: Mapping[str, Sequence[float]], path: str | Path, training_label: str = "training"
) -> None:
    """Draw accuracy and loss over the epochs, on training and validation images.

    Args:
        history: lists of one value per epoch: `accuracy`, `val_accuracy`, `loss`, `val_loss`.
        path: PNG file to write.
        training_label: name of the training curves.
    """
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(8, 3.4), **plotting.STYLE)
    for axes, key in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        marker = "o" if len(epochs) <= 20 else None
        axes.plot(
            epochs,
            history[key],
            color=plotting.BLUE,
            marker=marker,
            ms=4,
            label=textwrap.fill(training_label, 20),
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
    figure.axes[0].set_ylabel("images classified correctly")
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


def draw_detections(
    pages: np.ndarray, detections: Sequence[Detections], path: str | Path, num_columns: int = 4
) -> None:
    """Draw pages with what is detected on them: digits, signs, and digits that are turned.

    Args:
        pages: float array of shape (n, height, width), 0 black to 1 white.
        detections: those on each page.
        path: PNG file to write.
        num_columns: pages a row.
    """
    num_rows = -(-len(pages) // num_columns)
    figure = Figure(figsize=(8.0, 8.0 * num_rows / num_columns + 0.4), **plotting.STYLE)
    all_axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.set_axis_off()
    for axes, page, found in zip(all_axes, pages, detections, strict=False):
        axes.imshow(page, cmap="gray", vmin=0, vmax=1)
        for (left, top, right, bottom), label in zip(found.boxes, found.labels, strict=True):
            size = right - left, bottom - top
            text, color = _describe_class(label)
            axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=color, lw=1.2))
            # Kept on the page if its box reaches beyond: elsewhere it would seem another page's.
            axes.text(
                np.clip(left, 0, page.shape[1] - LABEL_SIZE[0]),
                max(top, LABEL_SIZE[1]),
                text,
                color=color,
                fontsize=8,
                fontweight="bold",
                va="bottom",
                path_effects=[withStroke(linewidth=2, foreground="white")],
                in_layout=False,  # a label beyond the edge would move the pages apart
            )
        axes.set(xlim=(-0.5, page.shape[1] - 0.5), ylim=(page.shape[0] - 0.5, -0.5))
    title = "Synthetic pages of the validation set, and what is detected: digits (blue), signs\n"
    title += "(vermillion), and digits on pages to be turned by so many degrees (grey)"
    figure.suptitle(title, fontsize=11)
    plotting.save(figure, path)


def _describe_class(label: int) -> tuple[str, str]:
    """Text and colour of a class of the detector."""
    if label >= TURNED:
        return f"{90 * (label - TURNED + 1)}°", plotting.GREY
    return SYMBOLS[label], plotting.BLUE if label < len(DIGITS) else plotting.VERMILLION
