"""Reads photo files: prints the lines, draws each photo, writes JSON and CSV.

`digits read` is `main`; predict.py calls `read_files`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from digits import cli, files
from digits.networks import find_model, load_classifier, load_detector
from digits.reading.photos import explain_missing, find_photos, load_photo
from digits.reading.reader import SURE, Reader
from digits.reading.region import Region
from digits.reading.results import COLUMNS, Digit, Page, printable


def main(argv: Sequence[str] | None = None) -> int:
    """Run `digits read`.

    Args:
        argv: words of the command line after `digits read`; None for those of the process.

    Returns:
        Exit status, as `read_files` returns.
    """
    parser = cli.Parser("Read the digits on photos of handwritten notes.", prog="digits read")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="PHOTO",
        help="photos (PNG, JPEG, WebP, BMP, TIFF, GIF) and folders of photos",
    )
    cli.add_model_flags(parser, default="cnn")
    cli.add_plots_flag(parser)
    cli.add_results_flag(parser)
    cli.add_photo_flags(parser)
    args = parser.parse_args(argv)
    if not all(args.inputs):
        parser.error("received an empty name, expected a photo's: is a variable not set?")
    with cli.one_line_errors():
        model_path = find_model(args.model, args.model_path)
    return read_files(
        args.inputs,
        args.detector_path,
        model_path,
        args.plots_dir,
        args.results_file,
        args.csv,
        args.turn,
        args.table,
        args.region,
        args.ink,
    )


def read_files(
    inputs: Iterable[str | Path],
    detector_path: Path | None,
    model_path: Path | None,
    plots_dir: Path,
    results_file: Path | None = None,
    csv_file: Path | None = None,
    turn: int | None = None,
    table_file: Path | None = None,
    region: Sequence[float] | None = None,
    ink: str | None = None,
) -> int:
    """Read photos, print what is on them and draw it.

    Files that cannot be written and networks that cannot be loaded end the program with one line
    and status 2.

    Args:
        inputs: names of photos and of folders of photos.
        detector_path: `.keras` file; None for the user's own detector, else the released one.
        model_path: `.keras` file; None for the user's own cnn, else the released one.
        plots_dir: folder of the figures, one for each photo.
        results_file: JSON to write, or None.
        csv_file: CSV to write, or None.
        turn: degrees anticlockwise after which the photos are upright, or None to find out.
        table_file: CSV to write with the cells of the photos' tables, or None.
        region: the four numbers of a `Region`, the part that is read of each photo; None for all.
        ink: the only one that is read, "red", "blue" or "dark"; None for any.

    Returns:
        Exit status: 0, 1 if some photos could not be read, 2 if none could.
    """
    with cli.one_line_errors():
        part = Region(*region) if region else None
    paths = find_photos(inputs)
    figure_paths = name_figures(paths, plots_dir)
    cli.check_writable(plots_dir / "reading.png", results_file, csv_file, table_file)
    if not any(os.path.isfile(path) for path in paths):  # before TensorFlow is loaded
        _print_errors([explain_missing(path) for path in paths])
        return 2

    with cli.one_line_errors():
        reader = Reader(load_detector(detector_path), load_classifier(model_path))
    pages, errors = _read_and_draw(reader, paths, figure_paths, turn, part, ink)
    _print_errors(errors)
    # Written before anything is printed: a closed pipe, as after `| head`, ends the program.
    with cli.one_line_errors():
        written = _write_results(list(pages.values()), results_file, csv_file, table_file)
    if pages:
        print(
            f"Read with {reader.detector.path} and {reader.classifier.path}, "
            f"not sure below {SURE:.0%}."
        )
    for figure_path, page in pages.items():
        print(f"{printable(page.photo_name)}: {describe(page)}")
        print(format_lines(page), end="")
        if table_file:
            print(describe_table(page))
        print(f"Wrote {printable(figure_path)}")
    for path in written:
        print(f"Wrote {path}")
    return (1 if pages else 2) if errors else 0


def name_figures(paths: Sequence[Path], plots_dir: Path) -> list[Path]:
    """Choose a path for each photo's figure that is neither another's nor a photo's.

    Args:
        paths: of the photos.
        plots_dir: folder of the figures.

    Returns:
        A path for each photo.
    """
    named, taken = [], {path.resolve() for path in paths}
    for path in paths:
        stem, number = path.stem[:100], 1  # file systems allow some 255 bytes
        name = plots_dir / f"{stem}_reading.png"
        while name.resolve() in taken:
            number += 1
            name = plots_dir / f"{stem}_reading_{number}.png"
        taken.add(name.resolve())
        named.append(name)
    return named


def describe(page: Page) -> str:
    """Say how much was read on a page, and what was done to read it."""
    return f"{page.summary()}, {page.note}" if page.note else page.summary()


def format_lines(page: Page) -> str:
    """Format the lines of a page for printing, each with what on it is not sure."""
    text = ""
    for line in page.lines:
        unsure = [
            f"{symbol.text} {symbol.probability:.0%}"
            + (f", or {symbol.runner_up}" if isinstance(symbol, Digit) else "")
            for symbol in line.symbols
            if not symbol.is_sure
        ]
        text += f"  {line.text}" + (f"   (not sure: {'; '.join(unsure)})" if unsure else "") + "\n"
    return text


def describe_table(page: Page) -> str:
    """Say which cells of a page's table are not sure, since a spreadsheet does not show it."""
    if page.table is None:
        return "  no table found on it: its rows must be separated by lines, and its columns too"
    rows: dict[int, list[str]] = {}
    for row, column in page.table.unsure:
        rows.setdefault(row, []).append(str(column))
    unsure = [f"row {row}: {', '.join(columns)}" for row, columns in rows.items()]
    return f"  columns of the cells that are not sure: {'; '.join(unsure) or 'none'}"


def _read_and_draw(
    reader: Reader,
    paths: Sequence[Path],
    figure_paths: Sequence[Path],
    turn: int | None,
    region: Region | None,
    ink: str | None,
) -> tuple[dict[Path, Page], list[Exception]]:
    """Read each photo and draw it; returns pages by their figures' paths, and errors."""
    from digits.keras_quietly import keras
    from digits.reading import figures

    progress = keras.utils.Progbar(len(paths), unit_name="photo") if len(paths) > 1 else None
    pages: dict[Path, Page] = {}
    errors: list[Exception] = []
    for path, figure_path in zip(paths, figure_paths, strict=True):
        try:
            photo = load_photo(path)
            if region:
                region.locate(photo)
        except (ValueError, OSError) as error:
            errors.append(error)
        else:
            page = pages[figure_path] = reader.read(photo, turn, region, ink)
            title = f"{printable(path.name)}: {describe(page)}"
            with cli.one_line_errors():
                figures.draw_page(photo, page, figure_path, title)
        if progress:
            progress.add(1)
    return pages, errors


def _print_errors(errors: Iterable[object]) -> None:
    for error in errors:
        print(f"error: {' '.join(printable(error).split())}", file=sys.stderr)


def _write_results(
    pages: Sequence[Page],
    results_file: Path | None,
    csv_file: Path | None,
    table_file: Path | None,
) -> list[Path]:
    """Write the files that were asked for; returns their paths."""
    if results_file:
        files.write_json(results_file, [page.to_dict() for page in pages])
    if csv_file:
        rows = [row for page in pages for row in page.to_rows()]
        files.write_csv(csv_file, {name: [row[name] for row in rows] for name in COLUMNS})
    if table_file:
        files.write_csv_rows(table_file, make_sheet(pages))
    return [path for path in (results_file, csv_file, table_file) if path]


def make_sheet(pages: Sequence[Page]) -> list[list[str]]:
    """Make the rows of a spreadsheet of the tables on pages.

    Args:
        pages: of one photo or of several.

    Returns:
        The cells' texts; of several photos below each other, with the photo's name before each row.
    """
    tables = [(page.photo_name, page.table.texts) for page in pages if page.table]
    if len(pages) == 1:
        return [row for _, rows in tables for row in rows]
    return [[printable(name), *row] for name, rows in tables for row in rows]
