"""Measure what the reader's probabilities are worth: are they the share of digits read right?

python -m benchmarks.reading_confidence reads 300 synthetic pages, written with digits that nothing
was trained on. A digit that was read is right if its box is that of a true digit (intersection over
union of at least 0.5) and so is its label. With --photos FOLDER it reads labelled photos too (see
benchmarks/photo_accuracy.py), of which the text in reading order is compared, and with
--results-file FILE.json it writes the numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import data
import train_detector
from benchmarks.photo_accuracy import read_labels
from digits import cli, files, plotting
from digits.evaluation import detection, metrics
from digits.networks.detector import BACKGROUND, TURNED
from digits.symbols import DIGITS

if TYPE_CHECKING:
    from digits.reading import Page, Reader

SEED = 20  # of the pages; another than that of any training, and of those that SURE was chosen on
PAGE_SHAPE = (480, 640)  # pixels
FIGURE = Path("plots/released/reading_confidence.png")


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """Digits that were read on a set of pages.

    Attributes:
        probabilities: float array of shape (n,), the reader's.
        is_correct: bool array of shape (n,): whether there is this digit.
        is_sure: bool array of shape (n,): whether the reader says that it is sure.
    """

    probabilities: np.ndarray
    is_correct: np.ndarray
    is_sure: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Summarize as plain numbers, ready for JSON."""
        bins = metrics.count_in_bins(self.probabilities, self.is_correct)
        is_used = bins.num_images > 0
        return {
            "num_digits": len(self.is_correct),
            "num_wrong": int((~self.is_correct).sum()),
            "num_sure": int(self.is_sure.sum()),
            "num_sure_and_wrong": int((self.is_sure & ~self.is_correct).sum()),
            "mean_probability": float(self.probabilities.mean()),
            "ece": float(np.abs(bins.num_correct - bins.confidence).sum() / len(self.is_correct)),
            "bins": {
                "num_digits": bins.num_images[is_used].astype(int).tolist(),
                "num_correct": bins.num_correct[is_used].astype(int).tolist(),
                "probability": (bins.confidence / np.maximum(bins.num_images, 1))[is_used].tolist(),
            },
        }


def read_synthetic_pages(
    reader: Reader, images: np.ndarray, labels: np.ndarray, num_pages: int
) -> Reading:
    """Read synthetic pages that lie upright.

    Args:
        reader: what is measured.
        images: training images, uint8 of shape (n, 28, 28); those held out for validation are used.
        labels: their digits.
        num_pages: number of pages.

    Returns:
        The digits that were read, but for those that may be read or not: digits that are partly off
        the page, or of sizes that the reader does not detect.
    """
    from digits.training.synthetic import pages, strokes

    _, (val_images, val_labels) = data.split_validation(images, labels)
    traced = strokes.trace_digits(val_images, val_labels, np.random.default_rng(SEED))
    rows: list[tuple[float, bool, bool]] = []
    for index in range(num_pages):
        page = pages.make_page(np.random.default_rng((SEED, index)), traced, val_labels, PAGE_SHAPE)
        if ((page.labels >= TURNED) & (page.labels < BACKGROUND)).any():
            continue
        smallest, largest = detection.SIZES[0], detection.SIZES[-1]
        is_clear = (page.visible >= 0.9) & (page.sizes >= smallest) & (page.sizes < largest)
        is_digit = page.labels < len(DIGITS)
        pixels = np.repeat((255 * page.photo).astype(np.uint8)[..., None], 3, axis=2)
        found = [digit for line in reader.read(pixels).lines for digit in line.digits]
        matches = detection.match(
            page.boxes[is_clear & is_digit],
            page.boxes[~is_clear],
            np.array([digit.box for digit in found]).reshape(-1, 4),
            np.array([digit.probability for digit in found]),
        )
        true = page.labels[is_clear & is_digit]
        for digit, matched in zip(found, matches, strict=True):
            if matched != detection.IGNORED:
                is_correct = matched >= 0 and true[matched] == digit.label
                rows.append((digit.probability, bool(is_correct), digit.is_sure))
    return _make_reading(rows)


def read_photos(reader: Reader, labels: Mapping[Path, Sequence[Mapping[str, Any]]]) -> Reading:
    """Read the labelled photos of folders, those whose digits have an order.

    Args:
        reader: what is measured.
        labels: what `photo_accuracy.read_labels` returns, by folder.

    Returns:
        The digits that were read.
    """
    rows: list[tuple[float, bool, bool]] = []
    for folder, labelled in labels.items():
        for label in labelled:
            if label["layout"] not in ("lines", "single"):
                continue
            with cli.one_line_errors():
                page = reader.read(folder / label["file"])
            rows += _compare(page, re.sub(r"\D", "", "".join(label["lines"])))
    return _make_reading(rows)


def _compare(page: Page, true: str) -> Iterator[tuple[float, bool, bool]]:
    """Align the digits of a page with the true ones."""
    found = [digit for line in page.lines for digit in line.digits]
    matcher = difflib.SequenceMatcher(None, [digit.text for digit in found], true, autojunk=False)
    right = {
        block.a + offset for block in matcher.get_matching_blocks() for offset in range(block.size)
    }
    for index, digit in enumerate(found):
        yield digit.probability, index in right, digit.is_sure


def _make_reading(rows: Sequence[tuple[float, bool, bool]]) -> Reading:
    probabilities, is_correct, is_sure = zip(*rows, strict=True)
    return Reading(np.array(probabilities), np.array(is_correct), np.array(is_sure))


def format_table(readings: Mapping[str, Reading]) -> str:
    """Format as a table, a row a set of pages."""
    lines = [
        "| digits read on | digits | right | mean probability | calibration error | sure | "
        "of these wrong |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, reading in readings.items():
        row = reading.to_dict()
        digits, sure = row["num_digits"], row["num_sure"]
        lines.append(
            f"| {name} | {digits:,} | {1 - row['num_wrong'] / digits:.2%} "
            f"| {row['mean_probability']:.2%} | {row['ece']:.2%} | {sure / digits:.1%} "
            f"| {row['num_sure_and_wrong']:,} of {sure:,} |"
        )
    return "\n".join(lines)


def draw(readings: Mapping[str, Reading], path: Path) -> None:
    """Draw the share of digits that are right against the probability: a reliability diagram."""
    figure = Figure(figsize=(8, 4.6), **plotting.STYLE)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    axes.plot([0, 1], [0, 1], color=plotting.GREY, lw=1, ls="--", label="perfect calibration")
    width = 0.8 / metrics.NUM_BINS / len(readings)
    for place, ((name, reading), (color, marker, style)) in enumerate(
        zip(readings.items(), plotting.LINES, strict=False)
    ):
        bins = reading.to_dict()["bins"]
        count, right = np.array(bins["num_digits"]), np.array(bins["num_correct"])
        intervals = np.array([*map(metrics.wilson_interval, right, count)]).T
        axes.errorbar(
            bins["probability"], right / count, np.abs(intervals - right / count), label=name,
            color=color, marker=marker, ls=style, ms=5, lw=1.5, capsize=3,
        )  # fmt: skip
        number = np.ceil(np.array(bins["probability"]) * metrics.NUM_BINS) - 0.9
        below.bar(
            number / metrics.NUM_BINS + place * width, count, width, color=color, align="edge"
        )
    axes.set(ylabel="right", xlim=(0.26, 1.03), ylim=(0, 1.04))
    below.set(xlabel="the reader's probability", ylabel="digits", yscale="log", ylim=(0.7, None))
    for each in (axes, below):
        each.xaxis.set_major_formatter(PercentFormatter(1))
        each.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right", fontsize=9, title="95% intervals")
    axes.set_title("Digits read on pages: is the probability the share that is right?", fontsize=12)
    plotting.save(figure, path)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.reading_confidence",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--photos",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of labelled photos (default: synthetic pages only)",
    )
    parser.add_argument(
        "--pages",
        type=cli.whole_number(1),
        default=train_detector.MEASURED_PAGES,
        help="synthetic pages (default: %(default)s)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Read the pages, print a table, and draw the figure."""
    args = parse_args()
    cli.check_writable(FIGURE, args.results_file)
    with cli.one_line_errors():
        photo_labels = {folder: read_labels(folder) for folder in args.photos}
        images, labels = data.load_train()
        from digits.reading import Reader

        reader = Reader()
    readings = {"synthetic pages": read_synthetic_pages(reader, images, labels, args.pages)}
    if photo_labels:
        readings["labelled photos"] = read_photos(reader, photo_labels)
    print(format_table(readings))
    writers = {FIGURE: lambda path: draw(readings, path)}
    if args.results_file:
        results = {name: reading.to_dict() for name, reading in readings.items()}
        writers[args.results_file] = lambda path: files.write_json(path, results)
    cli.write_all(writers)


if __name__ == "__main__":
    cli.run(main)
