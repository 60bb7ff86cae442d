"""Measures how many cells of tables are read right.

    python -m benchmarks.tables [--kind KIND] [--results-file FILE]

The sheets are written with the 5,000 digits held out for validation, by the generator that the
detector was trained on; their rules are drawn here: thin and thick, faint and dark, broken, double,
turned and in perspective.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

import data
from digits import cli, files
from digits.evaluation.metrics import wilson_interval
from digits.reading import Photo
from digits.training.synthetic import marks, pages, photograph, strokes

SHEETS = 200
SHAPE = (700, 900)  # height, width in pixels
# Without rules between columns, numbers stand at the left or right of their columns, in the middle,
# or with their decimal points below each other.
KINDS = ("ruled", "no rules", "horizontal rules only")


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A photo of a table.

    Attributes:
        photo: of it.
        cells: the texts in it, by row and column, "" where a cell is empty.
    """

    photo: Photo
    cells: list[list[str]]


def main(argv: list[str] | None = None) -> None:
    """Read the sheets, and print how many cells are right."""
    parser = cli.Parser(__doc__.split("\n")[0])
    cli.add_model_flags(parser, default="cnn")
    cli.add_photo_flags(parser)
    cli.add_results_flag(parser)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="of the sheets' rules")
    args = parser.parse_args(argv)
    cli.check_writable(args.results_file)
    from digits.networks import find_model, load_classifier, load_detector
    from digits.reading import Reader

    with cli.one_line_errors():
        detector = load_detector(args.detector_path)
        reader = Reader(detector, load_classifier(find_model(args.model, args.model_path)))
        _, (images, labels) = data.split_validation(*data.load_train())
    traced = strokes.trace_digits(images, labels, np.random.default_rng(0))
    sheets = (
        make_sheet(np.random.default_rng((1, n)), traced, labels, args.kind) for n in range(SHEETS)
    )
    counts = []
    for sheet in sheets:
        page = reader.read(sheet.photo)
        counts.append(count_cells(sheet.cells, page.table.texts if page.table else []))
    true, right, found = np.sum(counts, axis=0).tolist()
    missed = sum(found == 0 for _, _, found in counts)
    low, high = wilson_interval(right, true)
    print(
        f"{SHEETS} sheets ({args.kind}) with {detector.path}: "
        f"{right:,} of {true:,} filled cells right "
        f"({right / true:.1%}, 95% interval {low:.1%} to {high:.1%}), {found:,} filled in all; "
        f"no table found on {missed}"
    )
    if args.results_file:
        result = {
            "kind": args.kind,
            "sheets": SHEETS,
            "cells": true,
            "right": right,
            "filled": found,
        }
        files.write_json(args.results_file, result | {"without_table": missed})
        print(f"Wrote {args.results_file}")


def make_sheet(
    rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray, kind: str = KINDS[0]
) -> Sheet:
    """Make a sheet: numbers of up to three digits, some with a decimal point or a minus.

    Args:
        rng: random generator.
        traced: distance maps of digits from `strokes.trace_digits`.
        labels: their digits.
        kind: one of `KINDS`.

    Returns:
        The sheet; its first and last rows and columns are not empty.
    """
    num_rows, num_columns = int(rng.integers(3, 11)), int(rng.integers(2, 8))
    height, width = SHAPE[0] * 0.86 / num_rows, SHAPE[1] * 0.86 / num_columns
    size = min(rng.uniform(0.4, 0.75) * height, 0.28 * width, 60)
    writer = pages.Writer(rng, size, traced, labels, SHAPE)
    writer.pen = size * rng.uniform(0.05, 0.15)
    writer.share_circled = writer.share_crossed_out = writer.share_overwritten = 0
    top, left = 0.07 * SHAPE[0], 0.07 * SHAPE[1]
    cells = [[make_text(rng) for _ in range(num_columns)] for _ in range(num_rows)]
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        cells[row][column] = str(rng.integers(1, 100))
    if kind != "ruled":  # nothing shows an empty row or column
        cells = [texts for texts in cells if any(texts)]
        cells = [
            list(t) for t in zip(*(t for t in zip(*cells, strict=True) if any(t)), strict=True)
        ]
    starts = None if kind == "ruled" else align(rng, cells)
    for row, texts in enumerate(cells):
        for column, text in enumerate(texts):
            length = 0.62 * size * len(text)
            x = left + (column + 0.5) * width - length / 2 + rng.normal(0, 0.03 * width)
            if starts is not None:
                x = left + (column + 0.5) * width + 0.62 * size * starts[row][column]
                x += rng.normal(0, 0.15 * size)
            y = top + (row + 0.5) * height + rng.normal(0, 0.06 * height)
            writer.write_text(text, np.array([x, y]), np.array([1.0, 0]), 0.08, 0.03)
    ink = bend(rng, np.stack([writer.ink, draw_rules(rng, num_rows, num_columns, kind)]))
    ink = np.maximum(ink[0], rng.uniform(0.2, 1) * ink[1])
    grey = photograph.photograph(rng, ink, size)
    pixels = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2)
    return Sheet(Photo(pixels), cells)


def align(rng: np.random.Generator, cells: list[list[str]]) -> list[list[float]]:
    """Choose how each column is aligned.

    Args:
        rng: random generator.
        cells: texts by row and column.

    Returns:
        Where each text starts, in characters from the middle of its column; the longest of a
        column are in its middle.
    """
    starts = []
    for texts in zip(*cells, strict=True):
        how = rng.choice(["left", "right", "middle", "point"])
        before = [text.find(".") if "." in text else len(text) for text in texts]
        moved = {
            "left": [0.0] * len(texts),
            "right": [-float(len(text)) for text in texts],
            "middle": [-len(text) / 2 for text in texts],
            "point": [-float(length) for length in before],
        }[how]
        ends = [start + len(text) for start, text in zip(moved, texts, strict=True) if text]
        middle = (min(moved) + max(ends)) / 2 if ends else 0.0
        starts.append([start - middle for start in moved])
    return [list(row) for row in zip(*starts, strict=True)]


def make_text(rng: np.random.Generator) -> str:
    """Make up what stands in a cell; in some nothing does."""
    kind = rng.choice(["empty", "whole", "decimal", "negative"], p=[0.2, 0.6, 0.12, 0.08])
    if kind == "empty":
        return ""
    number = str(rng.integers(0, rng.choice([10, 100, 1000])))
    if kind == "decimal":
        return f"{number[:2]}.{rng.integers(0, 10)}"
    return f"-{number[:2]}" if kind == "negative" else number


def draw_rules(
    rng: np.random.Generator, num_rows: int, num_columns: int, kind: str = KINDS[0]
) -> np.ndarray:
    """Draw the rules of a table, float32 of `SHAPE`, 0 to 1; some are double or broken."""
    if kind == "no rules":
        return np.zeros(SHAPE, np.float32)
    (height, width), thickness = SHAPE, rng.uniform(0.6, 3)
    ys = 0.07 * height + np.arange(num_rows + 1) * 0.86 * height / num_rows
    xs = 0.07 * width + np.arange(num_columns + 1) * 0.86 * width / num_columns
    if rng.random() < 0.15:
        ys, xs = np.append(ys, ys[1] + 5), np.append(xs, xs[1] + 5)
    lines = [[(xs[0], y), (xs[num_columns], y)] for y in ys]
    if kind == "ruled":
        lines += [[(x, ys[0]), (x, ys[num_rows])] for x in xs]
    rules = marks.draw_lines(SHAPE, lines, thickness)
    if rng.random() < 0.2:  # worn off in places
        rules *= photograph.smooth_noise(rng, SHAPE, 12) < 0.9
    return rules


def bend(rng: np.random.Generator, layers: np.ndarray) -> np.ndarray:
    """Turn layers of ink a little, and distort them as a camera does that is held at an angle."""
    angle, tilt = rng.normal(0, 0.02), rng.normal(0, 0.04, 2)
    middle = np.array(SHAPE)[:, None, None] / 2
    y, x = (np.indices(SHAPE) - middle) / max(SHAPE)
    nearer = 1 + tilt[0] * y + tilt[1] * x
    y, x = y / nearer, x / nearer
    turned = np.stack(
        [y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)]
    )
    places = turned * max(SHAPE) + middle
    return np.stack([ndimage.map_coordinates(layer, places, order=1) for layer in layers])


def count_cells(true: list[list[str]], found: list[list[str]]) -> tuple[int, int, int]:
    """Compare the cells of a table with those that were read.

    Args:
        true: texts by row and column.
        found: the same, of any shape.

    Returns:
        How many filled cells there are, how many of them were read right in their row and column,
        and how many were read as filled.
    """
    texts = {(r, c): text for r, row in enumerate(true) for c, text in enumerate(row) if text}
    read = {(r, c): text for r, row in enumerate(found) for c, text in enumerate(row) if text}
    right = sum(read.get(place) == text for place, text in texts.items())
    return len(texts), right, len(read)


if __name__ == "__main__":
    cli.run(main)
