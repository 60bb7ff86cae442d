"""Read digits: python predict.py 0 1 2 (test images), python predict.py note.jpg (photos).

`python predict.py --data test.csv --csv submission.csv` predicts all images of a dataset.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

import data
import model
from digits import cli, files

if TYPE_CHECKING:
    from digits.datasets import Part
    from digits.networks import Classifier

NUM_RANDOM = 10
MAX_CHECKED = 2000  # images that are kept to warn of what is off


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.Parser(
        "Read test images, or photos of handwritten digits; or, with --data and --csv alone, all "
        "images of a dataset, with labels or without, to a table ImageId,Label."
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="test images, counted from 0; or photos (PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF, "
        "HEIC, PDF; one named 7 as ./7) and folders of photos "
        f"(default: {NUM_RANDOM} test images at random)",
    )
    cli.add_model_flags(parser, default="cnn for photos, else dense")
    cli.add_photo_flags(parser)
    cli.add_data_flag(parser)
    cli.add_plots_flag(parser)
    cli.add_seed_flag(parser)
    cli.add_results_flag(parser)
    args = parser.parse_args(argv)
    args.photos = [text for text in args.inputs if not text.isdecimal()]
    for text in args.photos:
        if not text:
            parser.error("received an empty name, expected a photo's: is a variable not set?")
        if text.lstrip("-").replace(".", "", 1).isdecimal():
            parser.error(
                f"received {text!r}, expected a test image's number, a whole one from 0 on, or a "
                "photo's name"
            )
    if args.photos and len(args.photos) < len(args.inputs):
        parser.error(
            f"received both test images and photos ({args.photos[0]!r}), expected one kind: give "
            "them one after the other (a photo named 7 as ./7)"
        )
    photo_flags = {
        "--csv": args.csv,
        "--detector-path": args.detector_path,
        "--ink": args.ink,
        "--region": args.region,
        "--resume": args.resume or None,
        "--scheduler": args.scheduler,
        "--table": args.table,
        "--turn": args.turn,
        "--workers": args.workers,
    }
    args.answers = args.csv if args.data and not args.inputs else None
    if args.answers:
        del photo_flags["--csv"]
    given = [flag for flag, value in photo_flags.items() if value is not None]
    if given and not args.photos:
        parser.error(
            f"received {given[0]} without photos, expected some: give their names"
            + (", or --data alone" if given[0] == "--csv" else "")
        )
    cli.check_photo_flags(parser, args)
    args.model = args.model or ("cnn" if args.photos else "dense")
    return args


def choose_indices(texts: Sequence[str], num_images: int, seed: int) -> np.ndarray:
    """Check the indices asked for, or draw some at random if there are none.

    Args:
        texts: what was typed, decimal digits each.
        num_images: there are.
        seed: of the drawing.

    Returns:
        integer array.

    Raises:
        ValueError: an index is beyond the last image.
    """
    indices = [int(text) for text in texts]
    if not indices:
        size = min(NUM_RANDOM, num_images)
        return np.random.default_rng(seed).choice(num_images, size, replace=False)
    if max(indices) >= num_images:
        raise ValueError(
            f"received index {max(indices)}, expected 0 to {num_images - 1}: "
            f"there are {num_images:,} test images"
        )
    return np.array(indices)


def describe(index: int, row: np.ndarray, label: int, threshold: float) -> dict[str, Any]:
    """Describe one prediction as plain values, ready for JSON.

    Args:
        index: of the test image.
        row: probabilities of shape (10,).
        label: true digit.
        threshold: probability below which the prediction is not sure.

    Returns:
        dict of `index`, `prediction`, `probability`, `is_sure`, `runners_up` (the next two),
        `label`, `correct`.
    """
    first, *others = np.argsort(-row, kind="stable")[:3]
    return {
        "index": int(index),
        "prediction": int(first),
        "probability": float(row[first]),
        "is_sure": bool(row[first] >= threshold),
        "runners_up": [{"digit": int(digit), "probability": float(row[digit])} for digit in others],
        "label": int(label),
        "correct": bool(first == label),
    }


def format_table(predictions: Sequence[dict[str, Any]]) -> str:
    """Format the dicts of `describe` as a table."""
    from digits.plotting import format_probability

    lines = ["index  prediction  probability  runners-up          true digit"]
    for row in predictions:
        runners_up = ", ".join(
            f"{other['digit']} {format_probability(other['probability'], 2)}"
            for other in row["runners_up"]
        )
        lines.append(
            f"{row['index']:>5}  {row['prediction']:>10}  "
            f"{format_probability(row['probability'], 2):>11}  "
            f"{runners_up:<18}  {row['label']:>10}{'' if row['correct'] else '  WRONG'}"
            f"{'' if row['is_sure'] else '  not sure'}"
        )
    return "\n".join(lines)


def load_normalized_test(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Load the test images, float32 of shape (n, 28, 28) and 0 to 1, and their labels."""
    images, labels = data.load_test(args.data, args.transpose, args.invert)
    return data.normalize(images), labels


def predict_images(args: argparse.Namespace) -> None:
    """Predict test images, draw them, and say what was written where."""
    cli.check_writable(args.plots_dir / "predictions.png", args.results_file)
    with cli.one_line_errors():
        all_images, all_labels = load_normalized_test(args)
        indices = choose_indices(args.inputs, len(all_images), args.seed)
    images, labels = all_images[indices], all_labels[indices]

    from digits.evaluation import figures

    with cli.one_line_errors():
        path = model.find_model(args.model, args.model_path)
        classifier = model.load_classifier(path, lambda: (all_images, all_labels))
    probabilities = classifier.probabilities(images)
    predictions = [
        describe(*values, classifier.threshold)
        for values in zip(indices, probabilities, labels, strict=True)
    ]
    num_correct = sum(row["correct"] for row in predictions)
    summary = f"{num_correct} of {len(predictions)} correct"
    figure_path = args.plots_dir / f"{classifier.name}_predictions.png"
    # Written before anything is printed: the reader of the table may stop reading early.
    with cli.one_line_errors():
        figures.draw_predictions(
            images,
            labels,
            probabilities,
            [f"test image {index}" for index in indices],
            figure_path,
            f"{classifier.name}: {summary}",
            classifier.threshold,
        )
        if args.results_file:
            results = {"model_path": str(classifier.path), "predictions": predictions}
            files.write_json(args.results_file, results)
    if classifier.adaptation:
        print(classifier.adaptation.format())
    print(f"Predicted by {classifier.path}: {summary}.")
    print(format_table(predictions))
    if not all(row["is_sure"] for row in predictions):
        print(f"Not sure: a probability below {classifier.threshold:.1%}.")
    if len(indices) > figures.MAX_PREDICTIONS:
        print(f"The figure shows the first {figures.MAX_PREDICTIONS}.")
    for path in (figure_path, args.results_file):
        if path is not None:
            print(f"Wrote {path}")


@dataclasses.dataclass
class Answers:
    """What is known of the images of a dataset once they are predicted.

    Attributes:
        num_images: how many there are.
        num_correct: how many have the label that is predicted, where there are labels.
        num_unsure: how many have a lower probability than the network's threshold.
        checked: of each block some images, uint8 of shape (n, 28, 28), and their labels, integers
            of shape (n,), or None.
    """

    num_images: int = 0
    num_correct: int = 0
    num_unsure: int = 0
    checked: list[tuple[np.ndarray, np.ndarray | None]] = dataclasses.field(default_factory=list)


def write_answers(args: argparse.Namespace) -> None:
    """Predict all images of a dataset, and write a row `ImageId,Label` for each, as Kaggle asks.

    However many there are, about a thousand are in memory at once.
    """
    cli.check_writable(args.csv, args.results_file)
    with cli.one_line_errors():
        part = data.open_test(args.data, args.transpose, args.invert)
        classifier = model.load_classifier(model.find_model(args.model, args.model_path))
    print(f"Predicting {len(part):,} images with {classifier.path}.", flush=True)
    with cli.one_line_errors():
        answers = predict_part(part, classifier, args.csv)
    results = {
        "model_path": str(classifier.path),
        "num_images": answers.num_images,
        "num_unsure": answers.num_unsure,
    }
    if part.has_labels:
        results["accuracy"] = accuracy = answers.num_correct / answers.num_images
        print(
            f"{answers.num_correct:,} of {answers.num_images:,} correct: accuracy {accuracy:.2%}."
        )
    print(f"Not sure of {answers.num_unsure:,}: a probability below {classifier.threshold:.1%}.")
    if args.results_file:
        with cli.one_line_errors():
            files.write_json(args.results_file, results)
    for path in (args.csv, args.results_file):
        if path is not None:
            print(f"Wrote {path}")
    images, labels = zip(*answers.checked, strict=True)
    checked_labels = np.concatenate(labels) if part.has_labels else None
    data.warn(args.data, np.concatenate(images), checked_labels, part)


def predict_part(part: Part, classifier: Classifier, path: Path) -> Answers:
    """Predict the images of a dataset block by block, and write a row for each to a CSV file.

    Args:
        part: the images, and their labels if there are any.
        classifier: predicts them.
        path: the CSV file.

    Returns:
        What is known of them then.
    """
    answers = Answers()
    step = -(-len(part) // MAX_CHECKED)
    with (
        files.writing_csv(path) as writer,
        tqdm(total=len(part), unit="image", disable=None) as bar,
    ):
        writer.writerow(["ImageId", "Label"])
        for images, labels in part.read_blocks():
            probabilities = classifier.probabilities(data.normalize(images))
            predictions = probabilities.argmax(axis=1)
            writer.writerows(enumerate(predictions.tolist(), start=answers.num_images + 1))
            chosen = slice(-answers.num_images % step, None, step)
            # A view would keep the whole block.
            kept_labels = None if labels is None else labels[chosen].copy()
            answers.checked.append((images[chosen].copy(), kept_labels))
            if labels is not None:
                answers.num_correct += int((predictions == labels).sum())
            answers.num_unsure += int((probabilities.max(axis=1) < classifier.threshold).sum())
            answers.num_images += len(images)
            bar.update(len(images))
    return answers


def main(argv: list[str] | None = None) -> int | None:
    """Read test images or photos, whichever are named.

    Returns:
        Exit status, None for success.
    """
    args = parse_args(argv)
    if args.answers:
        write_answers(args)
        return None
    if not args.photos:
        predict_images(args)
        return None

    from digits.reading import command
    from digits.scale.command import read_archive

    return command.read_inputs(args, args.photos, read_archive, lambda: load_normalized_test(args))


if __name__ == "__main__":
    cli.run(main)
