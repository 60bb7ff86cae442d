"""Measure which drawings the page's Draw tab says do not look like a digit.

Usage: python -m benchmarks.rejection [--detector-path FILE.keras] [--results-file FILE.json]

MNIST's validation and test digits are drawn again on a canvas, with its pen, and so are letters,
dots, dashes, ticks, crosses and doodles (benchmarks/drawings.py; none of the detector's own
letters). Each drawing is split and scored as the page does. Prints the score below which 1% of the
validation digits lie, which `MIN_DIGIT_SCORE` in digits/reading/canvas.py rounds; and with both
scores the share of test digits and of each kind of drawing that are refused. For comparison, it
prints what a threshold on each classifier's probability refuses, also at 1% of the validation
digits.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digits import cli, files
from digits.networks import storage

if TYPE_CHECKING:
    from digits.networks import Classifier, Detector

SHARE_REFUSED = 0.01  # of validation digits
CLASSIFIERS = "dense", "tiny", "cnn"
SEED = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Scores of n drawings, each the lowest of its parts where digits, else the highest.

    Attributes:
        digit: float array of shape (n,), `canvas.score_digits`.
        confidences: float arrays of shape (n,), a classifier's largest probability, by its name.
        is_split: bool array of shape (n,), whether the drawing was split into several parts.
    """

    digit: np.ndarray
    confidences: Mapping[str, np.ndarray]
    is_split: np.ndarray


def score(
    drawings: Sequence[np.ndarray],
    detector: Detector,
    classifiers: Mapping[str, Classifier],
    are_digits: bool,
) -> Scores:
    """Score drawings as the page does.

    Args:
        drawings: uint8 arrays of shape (height, width, 3).
        detector: of digits.
        classifiers: by name.
        are_digits: a digit is refused if any of its parts is, another drawing if all are.
    """
    from digits.reading import canvas
    from digits.reading.recognize import prepare, recognize

    parts = [canvas.split_drawing(drawing, detector) for drawing in drawings]
    starts = np.cumsum([0, *map(len, parts)])[:-1]
    combine = np.minimum if are_digits else np.maximum
    prepared = prepare([ink for inks in parts for ink in inks])
    confidences = {
        name: combine.reduceat(recognize(each, prepared).probabilities.max(axis=1), starts)
        for name, each in classifiers.items()
    }
    scores = np.concatenate([canvas.score_digits(inks, detector) for inks in parts])
    is_split = np.array([len(inks) > 1 for inks in parts])
    return Scores(combine.reduceat(scores, starts), confidences, is_split)


def find_threshold(scores: np.ndarray, share: float = SHARE_REFUSED) -> float:
    """Find the score below which a share of scores lies; float array of shape (n,)."""
    return float(np.sort(scores)[int(share * len(scores))])


def measure(
    detector: Detector, classifiers: Mapping[str, Classifier], num_digits: int, num_others: int
) -> dict[str, Scores]:
    """Draw and score digits and other drawings.

    Args:
        detector: of digits.
        classifiers: by name.
        num_digits: how many of the validation digits, and of the test digits.
        num_others: how many drawings of each of `drawings.KINDS`.

    Returns:
        Scores by "validation", "test" and the kinds.
    """
    import data
    from benchmarks import drawings

    rng = np.random.default_rng(SEED)
    digits = {
        "validation": data.split_validation(*data.load_train())[1][0],
        "test": data.load_test()[0],
    }
    measured = {}
    for name, images in digits.items():
        drawn = drawings.draw_digits(images[:num_digits], rng)
        measured[name] = score(drawn, detector, classifiers, are_digits=True)
        print(f"{len(drawn)} {name} digits drawn and scored", file=sys.stderr, flush=True)
    for kind, make in drawings.KINDS.items():
        drawn = [make(rng) for _ in range(num_others)]
        measured[kind] = score(drawn, detector, classifiers, are_digits=False)
        print(f"{len(drawn)} {kind} drawn and scored", file=sys.stderr, flush=True)
    return measured


def summarize(measured: Mapping[str, Scores], threshold: float) -> dict[str, dict[str, float]]:
    """Compute the shares refused.

    Args:
        measured: as `measure` returns.
        threshold: the page's, of the detector's score.

    Returns:
        For "page", "detector" and each classifier: `threshold`, and the share refused of "test" and
        of each kind. "page" is the detector's score with the page's threshold.
    """
    ways = {"detector": lambda scores: scores.digit}
    for name in next(iter(measured.values())).confidences:
        ways[name] = lambda scores, name=name: scores.confidences[name]
    thresholds = {way: find_threshold(get(measured["validation"])) for way, get in ways.items()}
    ways, thresholds = {"page": ways["detector"], **ways}, {"page": threshold, **thresholds}
    return {
        way: {
            "threshold": thresholds[way],
            **{
                name: float((get(scores) < thresholds[way]).mean())
                for name, scores in measured.items()
            },
        }
        for way, get in ways.items()
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.rejection",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--detector-path",
        type=cli.file_name(".keras"),
        default=storage.RELEASED_MODELS / "detector.keras",
        metavar="FILE.keras",
        help="the network that detects digits (default: the released one)",
    )
    parser.add_argument(
        "--num-digits",
        type=cli.whole_number(1),
        default=10_000,
        metavar="N",
        help="validation digits, and test digits, at most (default: 10000, which is all)",
    )
    parser.add_argument(
        "--num-others",
        type=cli.whole_number(1),
        default=1000,
        metavar="N",
        help="other drawings of each kind (default: 1000)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Draw, score, and print a table."""
    args = parse_args()
    cli.check_writable(args.results_file)
    with cli.one_line_errors():
        from digits.networks import load_classifier, load_detector

        detector = load_detector(args.detector_path)
        folder: Path = storage.RELEASED_MODELS
        classifiers = {name: load_classifier(folder / f"{name}.keras") for name in CLASSIFIERS}
    from digits.reading import canvas

    measured = measure(detector, classifiers, args.num_digits, args.num_others)
    summary = summarize(measured, canvas.MIN_DIGIT_SCORE)
    print(f"| refused by | threshold | {' | '.join(measured)} |")
    print(f"| --- | --- |{' --- |' * len(measured)}")
    for way, row in summary.items():
        shares = " | ".join(f"{row[name]:.1%}" for name in measured)
        print(f"| {way} | {row['threshold']:.4f} | {shares} |")
    split = ", ".join(f"{name} {each.is_split.mean():.1%}" for name, each in measured.items())
    print(f"Split into several parts: {split}")
    if args.results_file:
        counts = {"num_digits": args.num_digits, "num_others": args.num_others}
        results = {"detector": str(args.detector_path), **counts, "refused": summary}
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
