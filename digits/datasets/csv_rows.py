"""Reads CSV files with a row for each image, as those of Kaggle's digit recognizer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.datasets.source import BLOCK_SIZE, Block, Source, explained, opened

NUM_PIXELS = 784
LABELS = ("label", "labels", "class", "digit", "target", "y")
# Columns that count the rows, of pandas (the empty name) and of other competitions of Kaggle.
NUMBERS = ("", "id", "imageid", "index", "unnamed: 0")
MAX_LINE = 100_000  # characters: 785 numbers of 16 digits are 14,000


class Columns(NamedTuple):
    """Which columns there are: how many, those of the pixels, and that of the labels."""

    num_columns: int
    pixels: list[int]
    label: int | None
    has_header: bool


def open_csv(path: Path) -> Source:
    """Open a file of rows `label,pixel0..pixel783`, or without the label; a header may be missing.

    All rows are counted, which checks their number of columns.

    Raises:
        ValueError: the file has other columns, or rows of other lengths.
        OSError: it cannot be read.
    """
    columns = _find_columns(path)
    num_rows = sum(1 for _ in _list_rows(path, columns))
    if num_rows == 0:
        raise ValueError(f"{path} has no rows, expected one for each image: add some")
    has_labels = columns.label is not None
    form = "rows of a label and 784 pixels" if has_labels else "rows of 784 pixels"
    return Source(str(path), form, num_rows, has_labels, lambda: _read_blocks(path, columns))


def _find_columns(path: Path) -> Columns:
    first = next(_list_lines(path), None)
    if first is None:
        raise ValueError(f"{path} is empty, expected a row for each image: download it again")
    names = [name.strip().lower() for name in next(csv.reader([first[1]]))]
    expected = "expected label,pixel0..pixel783 or pixel0..pixel783, separated by commas"
    if len(names) == 1:
        raise ValueError(
            f"{path} has no commas in its first line, {names[0][:20]!r}, {expected}: save it as CSV"
        )
    if all(_is_number(name) for name in names):
        if len(names) == NUM_PIXELS:
            return Columns(len(names), list(range(NUM_PIXELS)), None, False)
        if len(names) == NUM_PIXELS + 1:
            return Columns(len(names), list(range(1, NUM_PIXELS + 1)), 0, False)
        raise ValueError(
            f"{path} has {len(names):,} columns, {expected}: save each image of 28x28 pixels as a "
            "row"
        )
    labels = [number for number, name in enumerate(names) if name in LABELS]
    if len(labels) > 1:
        raise ValueError(
            f"{path} has {len(labels)} columns of labels, {names[labels[0]]} and "
            f"{names[labels[1]]}, expected one: delete the other"
        )
    others = {*labels, *(number for number, name in enumerate(names) if name in NUMBERS)}
    pixels = [number for number in range(len(names)) if number not in others]
    if len(pixels) != NUM_PIXELS:
        raise ValueError(
            f"{path} has {len(names):,} columns from {names[0][:20]!r} to {names[-1][:20]!r}, "
            f"{expected}: name the column of the labels label, and delete others"
        )
    return Columns(len(names), pixels, labels[0] if labels else None, True)


def _list_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines that are not blank, each with its number, counted from 1."""
    with opened(path) as file, io.TextIOWrapper(file, "utf-8-sig") as text, explained(str(path)):
        number = 0
        while line := text.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE:
                raise ValueError(f"line {number} is longer than {MAX_LINE:,} characters")
            if line.strip():
                yield number, line


def _list_rows(path: Path, columns: Columns) -> Iterator[tuple[int, str]]:
    lines = _list_lines(path)
    if columns.has_header:
        next(lines, None)
    for number, line in lines:
        found = line.count(",") + 1
        if found != columns.num_columns:
            raise ValueError(
                f"{path}: line {number} has {found:,} columns, expected {columns.num_columns} "
                "as in the first line: correct or download it again"
            )
        yield number, line


def _read_blocks(path: Path, columns: Columns) -> Iterator[Block]:
    rows: list[tuple[int, str]] = []
    for row in _list_rows(path, columns):
        rows.append(row)
        if len(rows) == BLOCK_SIZE:
            yield _parse(path, rows, columns)
            rows = []
    if rows:
        yield _parse(path, rows, columns)


def _parse(path: Path, rows: Sequence[tuple[int, str]], columns: Columns) -> Block:
    label = [] if columns.label is None else [columns.label]
    lines = [line for _, line in rows]
    for dtype in (np.uint8, np.float32):  # NumPy parses integers ten times as fast as floats
        try:
            values = np.loadtxt(
                lines,
                dtype,
                comments=None,
                delimiter=",",
                usecols=label + columns.pixels,
                ndmin=2,
                quotechar='"',
            )
        except ValueError:
            continue
        return (values[:, 1:], values[:, 0]) if label else (values, None)
    raise ValueError(f"{path}: {_find_mistake(rows, label + columns.pixels)}")


def _find_mistake(rows: Sequence[tuple[int, str]], numbers: Sequence[int]) -> str:
    """Say which cell is no number."""
    for line_number, line in rows:
        cells = next(csv.reader([line]))
        for number in numbers:
            if number >= len(cells) or not _is_number(cells[number]):
                received = repr(cells[number].strip()[:20]) if number < len(cells) else "nothing"
                return (
                    f"line {line_number}, column {number + 1}: received {received}, expected a "
                    "number: correct or download it again"
                )
    return f"a number near line {rows[0][0]} cannot be read: save it with plain numbers"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
