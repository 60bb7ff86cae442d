"""What the scripts and commands share at the command line: flags and one-line errors."""

import argparse
import codecs
import contextlib
import io
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from digits import files
from digits.mnist import NETWORKS

# What is printed where an encoding, such as that of a terminal of Windows, has no such sign.
NEAREST = {"×": "x", "÷": "/", "°": " degrees", "±": "+/-"}


def _replace_by_nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(NEAREST.get(sign, "?") for sign in signs), error.end


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line instead of the whole usage."""

    def __init__(self, description: str, **options):
        """Make a parser that takes no abbreviated flags; `options` are those of argparse."""
        super().__init__(description=description, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print the error, refer to --help, and leave with status 2."""
        command = f"python {self.prog}" if self.prog.endswith(".py") else self.prog
        fail(f"{message}; see {command} --help")


def fail(message: object) -> NoReturn:
    """Print a one-line error and leave with status 2."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def one_line_errors(
    kinds: tuple[type[Exception], ...] = (ValueError, OSError),
) -> Iterator[None]:
    """Turn errors that the user's files, folders and settings cause into one line and status 2.

    Wrap only what reads or writes what the user named: an error elsewhere is a bug, and keeps
    its traceback.

    Args:
        kinds: exception classes to turn.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except kinds as error:
        fail(error)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command's `main` and leave with the status it returns, 0 for None.

    Ctrl-C ends it with status 130 and one line. What the encoding of the output does not have is
    printed as what comes near it, or as "?".
    """
    codecs.register_error("nearest", _replace_by_nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="nearest")
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()
        sys.exit(status)
    except KeyboardInterrupt:
        print("\nInterrupted: no file is left half-written.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as `| head`, is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def whole_number(minimum: int, maximum: int = 2**31 - 1) -> Callable[[str], int]:
    """Make an argparse type for whole numbers from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(
                f"received {text!r}, expected a whole number from {minimum} to {maximum}"
            )
        return number

    return parse


def positive_number(text: str) -> float:
    """Parse a number above 0, as an argparse type."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a number above 0")
    return number


def number(minimum: float, maximum: float = math.inf) -> Callable[[str], float]:
    """Make an argparse type for finite numbers from `minimum` to `maximum`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (minimum <= value <= maximum and math.isfinite(value)):
            expected = f"from {minimum} to {maximum}" if maximum < math.inf else f">= {minimum}"
            raise argparse.ArgumentTypeError(f"received {text!r}, expected a number {expected}")
        return value

    return parse


def file_name(*suffixes: str) -> Callable[[str], Path]:
    """Make an argparse type for names of files that end in one of `suffixes`, such as ".keras"."""

    def parse(text: str) -> Path:
        if Path(text).suffix not in suffixes:
            reason = files.explain_model_format(text) if ".keras" in suffixes else ""
            raise argparse.ArgumentTypeError(
                f"received {text!r}, expected a name ending in {' or '.join(suffixes)}"
                + (f": {reason}" if reason else "")
            )
        return Path(text)

    return parse


def add_model_flags(parser: argparse.ArgumentParser, default: str = "dense") -> None:
    """Add `--model` and `--model-path`.

    Args:
        parser: to add to.
        default: name of a network; or words that say which it is, and then `--model` is None
            where it is not given.
    """
    parser.add_argument(
        "--model",
        choices=list(NETWORKS),
        default=default if default in NETWORKS else None,
        help=f"which network (default: {default})",
    )
    parser.add_argument(
        "--model-path",
        type=file_name(".keras"),
        metavar="FILE.keras",
        help="the model to write (train.py) or to read (default: saved_models/MODEL.keras; if you "
        "have trained none, the one released with the project)",
    )


def add_photo_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of photos alone, such as `--detector-path`, `--turn` and `--ink`."""
    parser.add_argument(
        "--detector-path",
        type=file_name(".keras"),
        metavar="FILE.keras",
        help="the network that detects digits on photos (default: saved_models/detector.keras; if "
        "you have trained none, the one released with the project)",
    )
    parser.add_argument(
        "--turn",
        type=int,
        choices=(0, 90, 180, 270),
        help="turn photos anticlockwise by so many degrees before reading them (default: the "
        "reader finds out)",
    )
    parser.add_argument(
        "--region",
        type=float,
        nargs=4,
        metavar=("X", "Y", "WIDTH", "HEIGHT"),
        help="read only this part of photos: left and top edge, width and height, as shares of the "
        "upright photo if none is above 1 (0.5 0 0.5 0.3 is in its upper right corner), else in "
        "pixels of the file (default: all of the photo)",
    )
    parser.add_argument(
        "--ink",
        choices=("red", "blue", "dark"),
        help="read only strokes of this colour on lighter paper; dark are black, grey and pencil "
        "(default: any)",
    )
    parser.add_argument(
        "--workers",
        type=whole_number(1, 256),
        metavar="N",
        help="photos that are read at once (default: as many as there are processor cores)",
    )
    parser.add_argument(
        "--csv",
        type=file_name(".csv"),
        metavar="FILE.csv",
        help="write the numbers read on photos here, one a row (default: they are only printed)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the --csv of an earlier run, and read only the photos that are not in it",
    )
    parser.add_argument(
        "--scheduler",
        type=scheduler_address,
        metavar="ADDRESS",
        help="read photos on the Dask cluster of the scheduler at this address, such as "
        "tcp://host:8786, into --csv, and go on where an earlier run ended",
    )
    parser.add_argument(
        "--table",
        type=file_name(".csv", ".xlsx"),
        metavar="FILE.csv|FILE.xlsx",
        help="write the cells of the table on a photo here, row by row; as .xlsx with a worksheet "
        "for each page, in which cells that are not sure are yellow (default: they are not)",
    )


def scheduler_address(text: str) -> str:
    """Parse the address of a Dask scheduler, as an argparse type."""
    match = re.fullmatch(r"(tcp|tls)://\S+:(\d{1,5})", text)
    if not match or not 0 < int(match[2]) < 65536:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected such as tcp://host:8786")
    return text


def check_photo_flags(parser: Parser, args: argparse.Namespace) -> None:
    """End with one line if flags of `add_photo_flags` do not go together."""
    if args.resume and not args.csv:
        parser.error("received --resume without --csv, expected the CSV to go on with: add it")
    if args.resume and (args.table or args.results_file):
        flag = "--table" if args.table else "--results-file"
        parser.error(
            f"received {flag} with --resume, expected --csv alone, since the photos of the earlier "
            f"run are in the CSV only: leave {flag} out"
        )
    if args.scheduler and not args.csv:
        parser.error("received --scheduler without --csv, expected the CSV to write: add it")
    unused = {"--results-file": args.results_file, "--table": args.table, "--workers": args.workers}
    given = [flag for flag, value in unused.items() if value is not None]
    if args.scheduler and given:
        parser.error(
            f"received {given[0]} with --scheduler, expected --csv alone (how many photos are read "
            f"at once is up to the cluster's workers): leave {given[0]} out"
        )


def add_data_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--data`, `--transpose` and `--invert`."""
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="a dataset of your own: .npz, CSV or IDX files, or a folder of images by class; "
        "docs/data.md lists all forms (default: datasets/mnist.npz)",
    )
    add_orientation_flags(parser)


def add_orientation_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--transpose` and `--invert`."""
    parser.add_argument(
        "--transpose",
        action="store_true",
        help="exchange rows and columns of the dataset's images, such as EMNIST's (default: as "
        "they are)",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="exchange black and white of the dataset's images: digits must be white on black "
        "(default: as they are)",
    )


def add_plots_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--plots-dir`."""
    parser.add_argument(
        "--plots-dir",
        type=Path,
        default=Path("plots"),
        metavar="FOLDER",
        help="where figures are written (default: %(default)s)",
    )


def add_results_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--results-file`."""
    parser.add_argument(
        "--results-file",
        type=results_file,
        metavar="FILE.json",
        help="write the numbers here too (default: they are only printed)",
    )


def results_file(text: str) -> Path:
    """Parse the name of a `.json` file for results, as an argparse type.

    A model's own JSON, which lies beside it under the same name, is refused: it would be replaced.
    """
    path = file_name(".json")(text)
    if path.with_suffix(".keras").exists():
        raise argparse.ArgumentTypeError(
            f"received {text!r}, which says how {path.stem}.keras was trained, expected a file of "
            f"its own for results, such as {path.stem}_results.json"
        )
    return path


def add_seed_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--seed`."""
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        help="same seed, same result (default: %(default)s)",
    )


def check_writable(*paths: Path | None) -> None:
    """End with one line now if a file cannot be written later; None is skipped."""
    with one_line_errors():
        for path in paths:
            if path is not None:
                files.check_writable(path)


def write_all(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Write files, each by a function that takes its path, and say what was written where."""
    with one_line_errors():
        for path, write in writers.items():
            write(path)
            print(f"Wrote {path}")
