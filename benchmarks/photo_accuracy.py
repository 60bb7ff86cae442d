"""Measure how many digits the reader gets right on labelled photos.

python -m benchmarks.photo_accuracy FOLDER reads the photos of a folder and counts errors.
FOLDER holds photos and labels.json, a list of {"file", "lines", "layout", "kind"}: "lines" are the
true digits, one string a line of text; "layout" is "lines" or "single" where their order counts,
and another word where each string is a number of its own; "kind" groups the results and is
"single" for a photo of one digit. An error is a digit left out, added or misread. Where Tesseract
is installed, it reads the same photos.

python -m benchmarks.photo_accuracy --download FOLDER downloads the photos on which the README's
figures were measured, and their labels.json, and ends.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks import photo_download
from digits import cli, files
from digits.networks import storage

if TYPE_CHECKING:
    from digits.reading import Reader

LABEL_KEYS = ("file", "kind", "layout", "lines")


@dataclasses.dataclass(frozen=True)
class Result:
    """How one reader read one photo.

    Attributes:
        reader: "ours" or "tesseract".
        file: name of the photo in its folder.
        kind: of the photo, as labelled: "multi" (several digits) or "single".
        digits: number of true digits.
        errors: digits left out, added or misread.
        seconds: time it took, from the file to the text.
        lines: text that was read, a string a line.
    """

    reader: str
    file: str
    kind: str
    digits: int
    errors: int
    seconds: float
    lines: list[str]


@dataclasses.dataclass(frozen=True)
class Summary:
    """How one reader read all photos of one kind.

    Attributes:
        errors: digits left out, added or misread.
        digits: number of true digits.
        photos: number of photos.
        perfect: number of photos without an error.
    """

    errors: int
    digits: int
    photos: int
    perfect: int


def count_edits(one: str, other: str) -> int:
    """Count the fewest digits to insert, delete or change to turn one string into the other.

    This is the Levenshtein distance.
    """
    costs = list(range(len(other) + 1))
    for row, left in enumerate(one, start=1):
        diagonal, costs[0] = costs[0], row
        for column, right in enumerate(other, start=1):
            change = diagonal + (left != right)
            diagonal = costs[column]
            costs[column] = min(change, costs[column] + 1, costs[column - 1] + 1)
    return costs[-1]


def count_errors(layout: str, true: Sequence[str], predicted: Sequence[str]) -> int:
    """Count the errors in the lines that were read on a photo.

    Args:
        layout: "lines" or "single", and the lines are compared in their order, joined; any other,
            and each true number is paired with one of those read so that the total is least.
        true: the true digits, a string a line or number.
        predicted: the lines that were read; characters other than digits are ignored.

    Returns:
        Number of digits left out, added or misread.
    """
    predicted = [re.sub(r"\D", "", line) for line in predicted]
    if layout in ("lines", "single"):
        return count_edits("".join(true), "".join(predicted))
    size = len(true) + len(predicted)
    costs = np.zeros((size, size))
    for row, number in enumerate(true):
        costs[row] = len(number)
        costs[row, : len(predicted)] = [count_edits(number, other) for other in predicted]
    costs[len(true) :, : len(predicted)] = [len(number) for number in predicted]
    return int(costs[linear_sum_assignment(costs)].sum())


def read_labels(folder: Path) -> list[dict[str, Any]]:
    """Read and check the labels of a folder of photos.

    Args:
        folder: Path of the photos and `labels.json`.

    Returns:
        The labels, dicts with at least the keys of `LABEL_KEYS`.

    Raises:
        OSError: there is no `labels.json`, or one of its photos is missing.
        ValueError: `labels.json` is not a list of labels.
    """
    path = folder / "labels.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}: give a folder of labelled photos, or download them with "
            "--download FOLDER"
        )
    try:
        labels = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error})") from None
    if not isinstance(labels, list) or not labels or not all(map(_is_label, labels)):
        raise ValueError(f"{path} must be a list of labels with the keys {', '.join(LABEL_KEYS)}")
    missing = [label["file"] for label in labels if not (folder / label["file"]).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(labels)} photos of {path} are missing, such as {missing[0]}: "
            "add them, or take their labels out"
        )
    return labels


def _is_label(label: Any) -> bool:
    return (
        isinstance(label, dict)
        and all(isinstance(label.get(key), str) for key in ("file", "kind", "layout"))
        and isinstance(label.get("lines"), list)
        and all(isinstance(line, str) for line in label["lines"])
    )


def read_with_tesseract(path: Path, kind: str) -> list[str]:
    """Read a photo with Tesseract, which is told to look for digits only.

    Args:
        path: the photo.
        kind: "single" for a photo of one digit, any other for several.

    Returns:
        The lines that it read.
    """
    mode = "10" if kind == "single" else "6"
    whitelist = "tessedit_char_whitelist=0123456789"
    command = ["tesseract", str(path), "-", "--psm", mode, "-c", whitelist]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")


def read_folder(
    folder: Path, labels: Sequence[Mapping[str, Any]], reader: Reader, tesseract: bool = False
) -> list[Result]:
    """Read the labelled photos of a folder and count errors.

    Args:
        folder: Path of the photos.
        labels: what `read_labels` returns.
        reader: the project's reader.
        tesseract: whether Tesseract reads the photos too.

    Returns:
        A result for each photo and reader. A file that is not a photo ends the program with one
        line.
    """
    from digits.reading import load_photo

    def read(path: Path, kind: str) -> list[str]:
        with cli.one_line_errors():
            photo = load_photo(path)
        return [line.text for line in reader.read(photo).lines]

    readers: dict[str, Callable[[Path, str], list[str]]] = {"ours": read}
    if tesseract:
        readers["tesseract"] = read_with_tesseract
    results = []
    for label in labels:
        for name, read_photo in readers.items():
            start = time.perf_counter()
            lines = read_photo(folder / label["file"], label["kind"])
            results.append(
                Result(
                    reader=name,
                    file=label["file"],
                    kind=label["kind"],
                    digits=sum(map(len, label["lines"])),
                    errors=count_errors(label["layout"], label["lines"], lines),
                    seconds=round(time.perf_counter() - start, 3),
                    lines=lines,
                )
            )
    return results


def summarize(results: Sequence[Result], reader: str, kind: str) -> Summary:
    """Add up the results of one reader on one kind of photo."""
    chosen = [result for result in results if (result.reader, result.kind) == (reader, kind)]
    return Summary(
        errors=sum(result.errors for result in chosen),
        digits=sum(result.digits for result in chosen),
        photos=len(chosen),
        perfect=sum(result.errors == 0 for result in chosen),
    )


def print_results(results: Sequence[Result]) -> None:
    """Print a line a photo, a line a reader and kind of photo, and the seconds a photo."""
    ours = [result for result in results if result.reader == "ours"]
    for result in ours:
        print(
            f"{result.errors:3d}/{result.digits:<3d} {result.seconds:5.2f} s  {result.file}  "
            f"{result.lines}"
        )
    for name in dict.fromkeys(result.reader for result in results):
        for kind in dict.fromkeys(result.kind for result in results):
            total = summarize(results, name, kind)
            accuracy = 1 - total.errors / max(1, total.digits)
            print(
                f"{name}, {kind}: {total.errors} errors in {total.digits} digits "
                f"({accuracy:.1%} right), {total.perfect} of {total.photos} photos perfect"
            )
    seconds = [result.seconds for result in ours]
    print(f"ours: {np.median(seconds):.2f} s a photo (median), {max(seconds):.2f} s at most")


def download(folder: Path) -> int:
    """Download the photos that were measured, printing progress; returns the exit status."""
    photos = json.loads(photo_download.PHOTOS.read_text(encoding="utf-8"))
    done = 0

    def report(name: str, problem: str | None) -> None:
        nonlocal done
        done += 1
        if problem:
            print(problem, file=sys.stderr)
        else:
            print(f"{done}/{len(photos)} {name}", flush=True)

    with cli.one_line_errors():
        problems = photo_download.download(photos, folder, photo_download.BASE_URL, report)
    print(f"{len(photos) - len(problems)} of {len(photos)} photos are in {folder}")
    return 1 if problems else 0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.photo_accuracy",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--download", action="store_true", help="download the photos into FOLDER and end"
    )
    parser.add_argument(
        "--model-path",
        type=cli.file_name(".keras"),
        default=storage.RELEASED_MODELS / "cnn.keras",
        metavar="FILE.keras",
        help="the network that reads digits (default: the released cnn)",
    )
    parser.add_argument(
        "--detector-path",
        type=cli.file_name(".keras"),
        default=storage.RELEASED_MODELS / "detector.keras",
        metavar="FILE.keras",
        help="the network that detects digits (default: the released one)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> int | None:
    """Download the photos; or read them, count errors, and print them with seconds and memory."""
    args = parse_args()
    if args.download:
        return download(args.folder)
    cli.check_writable(args.results_file)
    with cli.one_line_errors():
        labels = read_labels(args.folder)
        from digits.networks import load_classifier, load_detector
        from digits.reading import Reader

        reader = Reader(load_detector(args.detector_path), load_classifier(args.model_path))
    print(f"Reading with {args.detector_path} and {args.model_path}.", flush=True)
    reader.read(np.full((300, 300, 3), 255, np.uint8))  # the first use takes longer
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = read_folder(args.folder, labels, reader, shutil.which("tesseract") is not None)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print_results(results)
    print(f"Reading them took {memory / 1024:.0f} MB more memory.")
    if args.results_file:
        rows = [dataclasses.asdict(result) for result in results]
        cli.write_all({args.results_file: lambda path: files.write_json(path, rows)})
    return None


if __name__ == "__main__":
    cli.run(main)
