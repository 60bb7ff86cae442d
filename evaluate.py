"""Score a trained network on MNIST's 10,000 test images: python evaluate.py."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import data
from digits import cli, files

if TYPE_CHECKING:
    import numpy as np

    from digits.evaluation import Result
    from digits.networks import Classifier

MAX_MODELS = 5  # that a figure can tell apart


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.Parser("Score a trained network on all the test images.")
    cli.add_model_flags(parser)
    cli.add_data_flag(parser)
    cli.add_plots_flag(parser)
    cli.add_results_flag(parser)
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--compare",
        nargs=2,
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="compare two models, with a test of whether one is better (default: score one model)",
    )
    several.add_argument(
        "--ensemble",
        nargs="+",
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="score the mean of these models' probabilities (default: score one model)",
    )
    several.add_argument(
        "--robustness",
        nargs="*",
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="score these models, or the one asked for, on images that are rotated, blurred, noisy "
        "and corrupted in eight other ways (default: score one model on the unmodified images)",
    )
    several.add_argument(
        "--report",
        action="store_true",
        help="write an HTML page with all measurements and figures of the model, in about a minute "
        "(default: a short report here)",
    )
    parser.add_argument(
        "--views",
        type=cli.whole_number(1),
        default=1,
        help="test-time augmentation: average over so many views of each image, the image itself "
        "and slightly warped copies, at so many times the cost (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    if args.model_path and (args.compare or args.ensemble or args.robustness):
        parser.error(
            "received --model-path beside --compare, --ensemble or --robustness with names, "
            "expected one of them"
        )
    if (args.robustness is not None or args.report) and args.views > 1:
        parser.error("received --views beside --robustness or --report, expected one of them")
    if args.robustness and len(args.robustness) > MAX_MODELS:
        parser.error(
            f"received {len(args.robustness)} models, expected at most {MAX_MODELS} in a figure"
        )
    return args


def load_classifiers(
    args: argparse.Namespace, images: np.ndarray, labels: np.ndarray
) -> list[Classifier]:
    """Load the classifiers that the command line names: several, or the one of `--model`.

    What a model of another project takes is found on the test images, and printed.
    """
    import model

    with cli.one_line_errors():
        paths = args.compare or args.ensemble or args.robustness
        paths = paths or [model.find_model(args.model, args.model_path)]
        classifiers = [model.load_classifier(path, lambda: (images, labels)) for path in paths]
    for classifier in classifiers:
        if classifier.adaptation:
            print(classifier.adaptation.format(), flush=True)
    return classifiers


def warn_of_training_images(
    classifiers: list[Classifier], images: np.ndarray, labels: np.ndarray
) -> None:
    """Print a warning on stderr for each network that was trained on these very images."""
    seen = data.digest(images, labels)
    for classifier in classifiers:
        if classifier.metadata.get("dataset_sha256") == seen:
            print(
                f"warning: {classifier.path} was trained on these images, so what it scores on "
                "them says nothing of others: give --data other images",
                file=sys.stderr,
            )


def score(
    classifiers: list[Classifier], images: np.ndarray, labels: np.ndarray, views: int
) -> Result:
    """Score one classifier, or the mean of several."""
    from digits.evaluation import scoring

    paths = ", ".join(str(classifier.path) for classifier in classifiers)
    print(f"Scoring {paths} on {_describe_images(images, views)}.", flush=True)
    return scoring.score_classifiers(classifiers, images, labels, views)


def compare(
    classifiers: list[Classifier], images: np.ndarray, labels: np.ndarray, views: int
) -> Result:
    """Compare two classifiers."""
    from digits.evaluation import compare

    print(f"Comparing two models on {_describe_images(images, views)}.", flush=True)
    return compare.compare(classifiers, images, labels, views)


def measure_robustness(
    classifiers: list[Classifier], images: np.ndarray, labels: np.ndarray
) -> Result:
    """Score classifiers on corrupted images."""
    from digits.evaluation import robustness

    num_sets = robustness.NUM_SETS
    print(f"Corrupting {_describe_images(images)} in {num_sets} ways.", flush=True)
    on_progress = _show_progress(num_sets, "set")
    return robustness.measure_robustness(classifiers, images, labels, on_progress)


def make_report(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> Result:
    """Make all measurements of one classifier."""
    from digits.evaluation import report

    with cli.one_line_errors():
        report.check(images)
        others = report.load_released(except_path=classifier.path)
    print(f"Measuring {classifier.path} on {_describe_images(images)}.", flush=True)
    on_progress = _show_progress(report.NUM_PARTS, "part")
    return report.make_report(classifier, others, images, labels, on_progress)


def _describe_images(images: np.ndarray, views: int = 1) -> str:
    augmentation = f", averaged over {views} views of each" if views > 1 else ""
    return f"{len(images):,} test images{augmentation}"


def _show_progress(num_parts: int, unit: str) -> Callable[[], None]:
    """Show a progress bar; the function returned moves it on by a part."""
    from digits.keras_quietly import keras

    bar = keras.utils.Progbar(num_parts, unit_name=unit)
    return lambda: bar.add(1)


def main(argv: list[str] | None = None) -> None:
    """Score, compare or report on models; print, draw and write the result."""
    args = parse_args(argv)
    cli.check_writable(args.plots_dir / "figure.png", args.results_file)
    with cli.one_line_errors():
        images, labels = data.load_test(args.data, args.transpose, args.invert)
    pixels, images = images, data.normalize(images)
    classifiers = load_classifiers(args, images, labels)
    warn_of_training_images(classifiers, pixels, labels)
    if args.compare:
        result = compare(classifiers, images, labels, args.views)
    elif args.robustness is not None:
        result = measure_robustness(classifiers, images, labels)
    elif args.report:
        result = make_report(classifiers[0], images, labels)
    else:
        result = score(classifiers, images, labels, args.views)
    print(result.format())
    write(result, args.plots_dir, args.results_file)


def write(result: Result, plots_dir: Path, results_file: Path | None) -> None:
    """Write a result's figures and numbers, and say what was written where."""
    with cli.one_line_errors():
        for path in result.draw(plots_dir):
            print(f"Wrote {path}")
    if results_file is not None:
        cli.write_all({results_file: lambda path: files.write_json(path, result.to_dict())})


if __name__ == "__main__":
    cli.run(main)
