"""Measures a detector: recall and precision of its detections, by the size of the digits.

python -m benchmarks.detection measures it on synthetic pages that are the same for each detector,
written with digits that none was trained on. With --photos FOLDER it also counts the digits that
it detects on labelled photos (see benchmarks/photo_accuracy.py), whose boxes are not known.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import data
import train_detector
from benchmarks.photo_accuracy import read_labels
from digits import cli, files
from digits.evaluation.detection import format_table
from digits.networks import storage
from digits.symbols import DIGITS

if TYPE_CHECKING:
    from digits.networks import Detector


@dataclasses.dataclass(frozen=True)
class Count:
    """Digits on the labelled photos of one kind.

    Attributes:
        kind: of the photos, as labelled.
        photos: number of photos.
        digits: number of true digits.
        missing: digits that are detected too few, added up over the photos.
        surplus: digits that are detected too many.
    """

    kind: str
    photos: int
    digits: int
    missing: int
    surplus: int


def count_on_photos(
    folder: Path, labels: Sequence[Mapping[str, Any]], detector: Detector
) -> list[Count]:
    """Count the digits that are detected on labelled photos.

    Args:
        folder: Path of the photos.
        labels: what `read_labels` returns.
        detector: what is measured.

    Returns:
        The counts of each kind of photo. A file that is not a photo ends the program with one line.
    """
    from digits.reading import load_photo
    from digits.reading.detect import select_written
    from digits.reading.orientation import choose_view

    differences: dict[str, list[tuple[int, int]]] = {}
    for label in labels:
        with cli.one_line_errors():
            photo = load_photo(folder / label["file"])
        _, viewed, found = choose_view(photo.grey(), detector)
        written, _ = select_written(viewed, found)
        num_found = int((written.labels < len(DIGITS)).sum())
        num_true = sum(symbol in DIGITS for line in label["lines"] for symbol in line)
        differences.setdefault(label["kind"], []).append((num_true, num_found - num_true))
    return [
        Count(
            kind=kind,
            photos=len(pairs),
            digits=sum(num_true for num_true, _ in pairs),
            missing=sum(max(0, -difference) for _, difference in pairs),
            surplus=sum(max(0, difference) for _, difference in pairs),
        )
        for kind, pairs in differences.items()
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.detection",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model-path",
        type=cli.file_name(".keras"),
        default=storage.RELEASED_MODELS / "detector.keras",
        metavar="FILE.keras",
        help="the detector (default: the released one)",
    )
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="a folder of labelled photos (default: synthetic pages only)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Measure the detector, and print its scores."""
    args = parse_args()
    cli.check_writable(args.results_file)
    with cli.one_line_errors():
        photo_labels = read_labels(args.photos) if args.photos else []
        images, labels = data.load_train()
        from digits.networks import load_detector

        detector = load_detector(args.model_path)
    print(f"{args.model_path} on {train_detector.MEASURED_PAGES} synthetic pages:", flush=True)
    scores = train_detector.measure(detector, images, labels)
    print(format_table(scores))
    results: dict[str, Any] = {"detection": {row.name: row.to_dict() for row in scores}}
    if args.photos:
        counts = count_on_photos(args.photos, photo_labels, detector)
        for count in counts:
            print(
                f"{args.photos}, {count.kind}: {count.digits - count.missing} of {count.digits} "
                f"digits detected, {count.surplus} too many, on {count.photos} photos"
            )
        results["photos"] = [dataclasses.asdict(count) for count in counts]
    if args.results_file:
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
