"""Reads photo files: prints the lines, draws each page, writes JSON, CSV and workbooks.

`digits read` is `main`; predict.py calls `read_files`.
"""

from __future__ import annotations

import argparse
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
from digits.reading.csv_log import CsvLog, make_page_rows, make_settings, open_log
from digits.reading.documents import load_each_page
from digits.reading.photos import Photo, explain_missing, find_photos, find_skipped
from digits.reading.reader import SURE, Reader
from digits.reading.region import Region
from digits.reading.results import Page, printable

MAX_SKIPPED_NAMES = 5  # that are printed of a folder


def main(argv: Sequence[str], read_archive: Callable[..., int]) -> int:
    """Run `digits read`.

    Args:
        argv: words of the command line after `digits read`.
        read_archive: as `read_inputs` takes.

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
    cli.check_photo_flags(parser, args)
    return read_inputs(args, args.inputs, read_archive)


def read_inputs(
    args: argparse.Namespace,
    inputs: Sequence[str],
    read_archive: Callable[..., int],
    load_images: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None,
) -> int:
    """Read photos as the flags of `cli.add_photo_flags` say, here or on a cluster.

    Args:
        args: the parsed flags.
        inputs: names of photos and of folders of photos, also with wildcards.
        read_archive: `digits.scale.command.read_archive`, for `--scheduler`. This package imports
            no other that reads with it.
        load_images: labelled images for a model of another project, as `load_classifier` takes.

    Returns:
        Exit status, as `read_files` returns.
    """
    with cli.one_line_errors():
        model_path = find_model(args.model, args.model_path)
    if args.scheduler:
        return read_archive(
            inputs,
            args.scheduler,
            args.csv,
            detector_path=args.detector_path,
            model_path=model_path,
            turn=args.turn,
            region=args.region,
            ink=args.ink,
        )
    return read_files(
        inputs,
        detector_path=args.detector_path,
        model_path=model_path,
        plots_dir=args.plots_dir,
        results_file=args.results_file,
        csv_file=args.csv,
        turn=args.turn,
        table_file=args.table,
        region=args.region,
        ink=args.ink,
        num_workers=args.workers,
        resume=args.resume,
        load_images=load_images,
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
    resume: bool = False,
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
        csv_file: CSV to write, or None. Pages are appended to it as they are read.
        turn: degrees anticlockwise after which the photos are upright, or None to find out.
        table_file: CSV or XLSX to write with the cells of the photos' tables, or None.
        region: the four numbers of a `Region`, the part that is read of each photo; None for all.
        ink: the only one that is read, "red", "blue" or "dark"; None for any.
        num_workers: photos that are read at once; None for as many as there are processor cores.
        resume: whether to go on with the CSV of an earlier run, and read what is not in it.
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
        print_missing(paths)
        print_skipped(inputs)
        return 2

    num_cores = os.cpu_count() or 1
    num_workers = num_workers or num_cores
    num_threads = choose_num_threads(num_cores, num_workers, len(paths))
    with cli.one_line_errors():
        reader = Reader(
            load_detector(detector_path, num_threads),
            load_classifier(model_path, load_images, num_threads),
        )
    log = None
    with contextlib.ExitStack() as opened:
        if csv_file:
            with cli.one_line_errors():
                settings = make_settings(
                    reader.detector.path, reader.classifier.path, turn, part, ink
                )
                keep_journal = resume or len(paths) > 1
                log = opened.enter_context(open_log(csv_file, settings, resume, keep_journal))
            opened.enter_context(telling_what_is_kept(log))
            print_what_is_there(log, paths)
        pages, errors = _read_and_draw(reader, paths, plots_dir, turn, part, ink, num_workers, log)
        with cli.one_line_errors():
            opened.close()  # which puts the CSV in its place
    _print_errors(errors)
    print_skipped(inputs)
    # Written before anything is printed: a closed pipe, as after `| head`, ends the program.
    with cli.one_line_errors():
        written = _write_results(
            list(pages.values()), results_file, table_file, len(pages) + len(errors) > 1
        )
    written += [csv_file] if csv_file else []
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
    has_pages = pages or (log and log.num_pages)
    return (1 if has_pages else 2) if errors else 0


@contextlib.contextmanager
def telling_what_is_kept(log: CsvLog) -> Iterator[None]:
    """Say where the pages are that were read before Ctrl-C, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            f"\n{log.path} has the {log.num_pages:,} pages that were read: to read the others, "
            f"give --csv {log.path} --resume",
            file=sys.stderr,
        )
        raise


def print_what_is_there(log: CsvLog, paths: Sequence[Path]) -> None:
    """Say how many files are not read again, if there are any."""
    num_done = sum(map(log.has_all_of, paths))
    if num_done:
        print(f"{log.path} has {num_done:,} of the {len(paths):,} files already.")


def choose_num_threads(num_cores: int, num_workers: int, num_files: int) -> int:
    """Choose with how many threads a network computes each call.

    Photos that are read at once share the cores: each call with all of them would keep the threads
    of the others waiting.

    Args:
        num_cores: of the processor.
        num_workers: photos that are read at once, if there are so many.
        num_files: there are.

    Returns:
        At least 1.
    """
    return max(1, num_cores // min(num_workers, num_files))


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
    log: CsvLog | None,
) -> tuple[dict[Path, Page], list[Exception]]:
    """Read each page and draw it; returns pages by their figures' paths, in order, and errors."""
    paths = [path for path in paths if log is None or not log.has_all_of(path)]
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
    taken = {path.resolve() for path in paths} | (log.figures if log else set())
    waiting: deque[tuple[Path, Path, Future[Page]]] = deque()

    def finish_first() -> None:
        with cli.one_line_errors():
            page = waiting[0][-1].result()
            path, figure_path, _ = waiting.popleft()
            if log:
                log.append([make_page_rows(path, page, figure_path)])
        pages[figure_path] = page

    with ThreadPoolExecutor(num_workers) as pool:
        try:
            for path in paths:
                done = log.pages_of(path) if log else frozenset()
                for photo in load_each_page(path, errors, advance, done):
                    try:
                        if region:
                            region.locate(photo)
                    except ValueError as error:
                        errors.append(error)
                        continue
                    figure_path = name_figure(path, photo.page, photo.num_pages, plots_dir, taken)
                    future = pool.submit(read_and_draw, photo, figure_path)
                    waiting.append((path, figure_path, future))
                    if len(waiting) > num_workers:  # so that few photos are in memory
                        finish_first()
            while waiting:
                finish_first()
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            while waiting and not waiting[0][-1].cancelled():  # what was being read is kept too
                finish_first()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            progress.close()
    return pages, errors


def print_skipped(inputs: Iterable[str | Path]) -> None:
    """Say what was left out of folders, a line for each."""
    for folder, names in find_skipped(inputs).items():
        print(" ".join(describe_skipped(folder, names).split()), file=sys.stderr)


def print_missing(paths: Iterable[Path]) -> None:
    """Say of files that are not there what was expected, a line for each."""
    _print_errors([explain_missing(path) for path in paths])


def format_error(error: object) -> str:
    """Format what is wrong with a photo as one line."""
    return f"error: {' '.join(printable(error).split())}"


def _print_errors(errors: Iterable[object]) -> None:
    for error in errors:
        print(format_error(error), file=sys.stderr)


def _write_results(
    pages: Sequence[Page],
    results_file: Path | None,
    table_file: Path | None,
    are_named: bool,
) -> list[Path]:
    """Write the files that were asked for; returns their paths."""
    if results_file:
        files.write_json(results_file, [page.to_dict() for page in pages])
    if table_file and table_file.suffix == ".xlsx":
        spreadsheet.write_workbook(table_file, pages)
    elif table_file:
        files.write_csv_rows(table_file, make_sheet(pages, are_named))
    return [path for path in (results_file, table_file) if path]


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
