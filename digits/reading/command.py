"""Reads photo files: prints the lines, draws each page, writes JSON, CSV and workbooks.

`digits read` is `main`; predict.py calls `read_files`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digits import cli, files
from digits.networks import find_model, load_classifier, load_detector
from digits.reading import annotate, spreadsheet
from digits.reading.documents import open_document
from digits.reading.photos import Photo, explain_missing, find_photos, find_skipped
from digits.reading.reader import SURE, Reader
from digits.reading.region import Region
from digits.reading.results import COLUMNS, Page, printable

MAX_SKIPPED_NAMES = 5  # that are printed of a folder
MAX_PAGE_ERRORS = 10  # that are printed of a file, whose pages may all be damaged


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
        help="photos (PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF, HEIC, PDF) and folders of photos",
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
        args.workers,
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
    num_workers: int | None = None,
    load_images: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None,
) -> int:
    """Read photos, print what is on them and draw it.

    Files that cannot be written and networks that cannot be loaded end the program with one line
    and status 2.

    Args:
        inputs: names of photos and of folders of photos, also with wildcards.
        detector_path: `.keras` file; None for the user's own detector, else the released one.
        model_path: `.keras` file; None for the user's own cnn, else the released one.
        plots_dir: folder of the figures, one for each page.
        results_file: JSON to write, or None.
        csv_file: CSV to write, or None.
        turn: degrees anticlockwise after which the photos are upright, or None to find out.
        table_file: CSV or XLSX to write with the cells of the photos' tables, or None.
        region: the four numbers of a `Region`, the part that is read of each photo; None for all.
        ink: the only one that is read, "red", "blue" or "dark"; None for any.
        num_workers: photos that are read at once; None for as many as there are processor cores.
        load_images: labelled images for a model of another project, as `load_classifier` takes.

    Returns:
        Exit status: 0, 1 if some photos or pages could not be read, 2 if none could.
    """
    inputs = list(inputs)
    with cli.one_line_errors():
        part = Region(*region) if region else None
    paths = find_photos(inputs)
    with cli.one_line_errors():
        if table_file and table_file.suffix == ".xlsx":
            spreadsheet.check_installed()
    cli.check_writable(plots_dir / "reading.png", results_file, csv_file, table_file)
    if not any(os.path.isfile(path) for path in paths):  # before networks are loaded
        _print_errors([explain_missing(path) for path in paths])
        _print_skipped(inputs)
        return 2

    with cli.one_line_errors():
        reader = Reader(load_detector(detector_path), load_classifier(model_path, load_images))
    num_workers = num_workers or os.cpu_count() or 1
    pages, errors = _read_and_draw(reader, paths, plots_dir, turn, part, ink, num_workers)
    _print_errors(errors)
    _print_skipped(inputs)
    # Written before anything is printed: a closed pipe, as after `| head`, ends the program.
    with cli.one_line_errors():
        written = _write_results(
            list(pages.values()), results_file, csv_file, table_file, len(pages) + len(errors) > 1
        )
    if pages and reader.classifier.adaptation:
        print(reader.classifier.adaptation.format())
    if pages:
        print(
            f"Read with {reader.detector.path} and {reader.classifier.path}, "
            f"not sure below {SURE:.0%}."
        )
    for figure_path, page in pages.items():
        print(f"{printable(page.title)}: {describe(page)}")
        print(format_lines(page), end="")
        if table_file:
            print(describe_table(page))
        print(f"Wrote {printable(figure_path)}")
    for path in written:
        print(f"Wrote {path}")
    return (1 if pages else 2) if errors else 0


def name_figure(path: Path, page: int, num_pages: int, plots_dir: Path, taken: set[Path]) -> Path:
    """Choose a path for a page's figure that is neither another's nor a photo's.

    Args:
        path: of the photo's file.
        page: which page of it, counted from 1.
        num_pages: how many pages the file has.
        plots_dir: folder of the figures.
        taken: resolved paths of the photos and figures; the new one is added.

    Returns:
        The path, such as `plots/scan_page3_reading.png`.
    """
    stem, number = path.stem[:100], 1  # file systems allow some 255 bytes
    if num_pages > 1:
        stem += f"_page{page}"
    name = plots_dir / f"{stem}_reading.png"
    while name.resolve() in taken:
        number += 1
        name = plots_dir / f"{stem}_reading_{number}.png"
    taken.add(name.resolve())
    return name


def describe(page: Page) -> str:
    """Say how much was read on a page, and what was done to read it."""
    return f"{page.summary()}, {page.note}" if page.note else page.summary()


def format_lines(page: Page) -> str:
    """Format the lines of a page for printing, each with what on it is not sure."""
    return "".join(
        f"  {line.text}" + ("" if line.is_sure else f"   (not sure: {line.unsure})") + "\n"
        for line in page.lines
    )


def describe_table(page: Page) -> str:
    """Say which cells of a page's table are not sure, since CSV does not show it."""
    if page.table is None:
        return "  no table found on it: its numbers must stand between rules, or line up"
    rows: dict[int, list[str]] = {}
    for row, column in page.table.unsure:
        rows.setdefault(row, []).append(str(column))
    unsure = [f"row {row}: {', '.join(columns)}" for row, columns in rows.items()]
    return f"  columns of the cells that are not sure: {'; '.join(unsure) or 'none'}"


def describe_skipped(folder: Path, names: Sequence[str]) -> str:
    """Say what was left out of a folder, in one line.

    Args:
        folder: the folder.
        names: of files, and of folders, which end in "/".

    Returns:
        A line that names the first of them.
    """
    num_folders = sum(name.endswith("/") for name in names)
    counts = (len(names) - num_folders, "file"), (num_folders, "folder")
    kinds = " and ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts if count)
    shown = ", ".join(names[:MAX_SKIPPED_NAMES])
    if len(names) > MAX_SKIPPED_NAMES:
        shown += f" and {len(names) - MAX_SKIPPED_NAMES} more"
    what = "is no photo" if len(names) == 1 else "are no photos"
    return f"skipped {kinds} in {folder} that {what}: {shown}"


def _read_and_draw(
    reader: Reader,
    paths: Sequence[Path],
    plots_dir: Path,
    turn: int | None,
    region: Region | None,
    ink: str | None,
    num_workers: int,
) -> tuple[dict[Path, Page], list[Exception]]:
    """Read each page and draw it; returns pages by their figures' paths, in order, and errors."""
    progress = tqdm(total=len(paths), unit="photo", disable=None, delay=1)

    def advance(num_more: int, num_done: int) -> None:
        progress.total += num_more
        progress.update(num_done)

    def read_and_draw(photo: Photo, figure_path: Path) -> Page:
        page = reader.read(photo, turn, region, ink)
        annotate.draw_page(photo, page, figure_path)
        return page.without_images()

    pages: dict[Path, Page] = {}
    errors: list[Exception] = []
    taken = {path.resolve() for path in paths}
    waiting: deque[tuple[Path, Future[Page]]] = deque()

    def finish_first() -> None:
        figure_path, future = waiting.popleft()
        with cli.one_line_errors():
            pages[figure_path] = future.result()

    with ThreadPoolExecutor(num_workers) as pool:
        try:
            for path, photo in _load_pages(paths, errors, advance):
                try:
                    if region:
                        region.locate(photo)
                except ValueError as error:
                    errors.append(error)
                    continue
                figure_path = name_figure(path, photo.page, photo.num_pages, plots_dir, taken)
                waiting.append((figure_path, pool.submit(read_and_draw, photo, figure_path)))
                if len(waiting) > num_workers:  # so that few photos are in memory
                    finish_first()
            while waiting:
                finish_first()
        finally:
            pool.shutdown(cancel_futures=True)
    progress.close()
    return pages, errors


def _load_pages(
    paths: Iterable[Path], errors: list[Exception], advance: Callable[[int, int], None]
) -> Iterator[tuple[Path, Photo]]:
    """Load the pages of files one at a time, each with the path of its file.

    Args:
        paths: of the files.
        errors: to which an error is added for each file or page that cannot be read.
        advance: is called with how many more pages than files there are, and how many are done.
    """
    for path in paths:
        with contextlib.ExitStack() as opened:
            try:
                document = opened.enter_context(open_document(path))
            except (ValueError, OSError) as error:
                errors.append(error)
                advance(0, 1)
                continue
            advance(document.num_pages - 1, 0)
            num_failed = 0
            for number in range(1, document.num_pages + 1):
                try:
                    photo = document.load(number)
                except ValueError as error:
                    num_failed += 1
                    if num_failed <= MAX_PAGE_ERRORS:
                        errors.append(error)
                else:
                    yield path, photo
                advance(0, 1)
            if num_failed > MAX_PAGE_ERRORS:
                num_more = num_failed - MAX_PAGE_ERRORS
                message = f"{path} has {num_more:,} more pages that cannot be read: save it again"
                errors.append(ValueError(message))
            if document.num_left_out:
                message = (
                    f"{path} has {document.num_left_out:,} more pages than the first "
                    f"{document.num_pages:,}, which were read: split it"
                )
                errors.append(ValueError(message))


def _print_skipped(inputs: Iterable[str | Path]) -> None:
    for folder, names in find_skipped(inputs).items():
        print(" ".join(describe_skipped(folder, names).split()), file=sys.stderr)


def _print_errors(errors: Iterable[object]) -> None:
    for error in errors:
        print(f"error: {' '.join(printable(error).split())}", file=sys.stderr)


def _write_results(
    pages: Sequence[Page],
    results_file: Path | None,
    csv_file: Path | None,
    table_file: Path | None,
    are_named: bool,
) -> list[Path]:
    """Write the files that were asked for; returns their paths."""
    if results_file:
        files.write_json(results_file, [page.to_dict() for page in pages])
    if csv_file:
        rows = [row for page in pages for row in page.to_rows()]
        files.write_csv(csv_file, {name: [row[name] for row in rows] for name in COLUMNS})
    if table_file and table_file.suffix == ".xlsx":
        spreadsheet.write_workbook(table_file, pages)
    elif table_file:
        files.write_csv_rows(table_file, make_sheet(pages, are_named))
    return [path for path in (results_file, csv_file, table_file) if path]


def make_sheet(pages: Sequence[Page], are_named: bool) -> list[list[str]]:
    """Make the rows of a spreadsheet of the tables on pages, below each other.

    Args:
        pages: of one photo or of several.
        are_named: whether the name of the file and the number of the page stand before each row.

    Returns:
        The cells' texts.
    """
    return [
        ([printable(page.photo_name), str(page.page_number)] if are_named else []) + row
        for page in pages
        if page.table
        for row in page.table.texts
    ]
