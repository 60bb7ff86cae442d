"""Train the network that detects digits on a page: python train_detector.py."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import data
from digits import cli, files
from digits.evaluation.detection import format_table

# What takes seconds to import is imported by the steps that need it, so that --help does not wait.
if TYPE_CHECKING:
    from digits.evaluation.detection import DetectionScores
    from digits.keras_quietly import keras
    from digits.networks import Detector
    from digits.training.detection import SyntheticPages

BATCH_SIZE = 16  # pages
STEPS_PER_EPOCH = 250
VALIDATION_STEPS = 20
NUM_DRAWN = 8  # pages
# The pages that every detector is measured on: their number, height and width, and seed.
MEASURED_PAGES, MEASURED_SHAPE, MEASURED_SEED = 300, (320, 320), 1_000_000
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.02
FINE_TUNING_RATE = 1e-3  # learning rate with --start-from


def main(argv: list[str] | None = None) -> None:
    """Train the detector on synthetic pages, measure and save it, and draw what it detects."""
    args = parse_args(argv)
    # TensorFlow uses oneDNN's convolutions unasked on processors with AVX-512 VNNI only. With AVX2
    # they make a training step 1.5 times as fast; reading pages of many sizes gains nothing.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    paths = name_files(args)
    images, labels = load_dataset(args)
    cli.check_writable(*paths.values())

    training_set, validation_set = make_pages(images, labels, args.seed)
    network = build(args)
    settings = describe(args, images, labels)
    history, seconds = fit(
        args, network, training_set, validation_set, settings, paths["checkpoint"]
    )
    network = fold(network)
    detector = make_detector(network, paths["model"])
    print(f"On {MEASURED_PAGES} synthetic pages that are the same for each detector:")
    scores = measure(detector, images, labels)
    print(format_table(scores))

    metadata = settings | {
        "command": shlex.join(
            ["python", "train_detector.py", *(sys.argv[1:] if argv is None else argv)]
        ),
        **{key: values[-1] for key, values in history.items() if key.startswith("val_")},
        "detection": {row.name: row.to_dict() for row in scores},
        # Those before an interruption are not known.
        "seconds": None if args.resume else round(seconds, 2),
    }
    save(network, metadata, paths["model"], paths["checkpoint"])
    draw(detector, validation_set, history, paths)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.Parser("Train the network that detects digits on a page, on synthetic pages.")
    parser.add_argument(
        "--model-path",
        type=cli.file_name(".keras"),
        default=Path("saved_models/detector.keras"),
        metavar="FILE.keras",
        help="the model to write (default: %(default)s)",
    )
    cli.add_data_flag(parser)
    cli.add_plots_flag(parser)
    cli.add_seed_flag(parser)
    parser.add_argument(
        "--epochs",
        type=cli.whole_number(1),
        default=32,
        help=f"of {BATCH_SIZE * STEPS_PER_EPOCH:,} new pages each (default: %(default)s)",
    )
    parser.add_argument(
        "--start-from",
        nargs="+",
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="a detector whose weights to start from, or several, from whose mean (default: random "
        "weights)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted training, given the same flags (default: start anew)",
    )
    return parser.parse_args(argv)


def name_files(args: argparse.Namespace) -> dict[str, Path]:
    """Name the files to write."""
    model = args.model_path
    return {
        "model": model,
        "metadata": model.with_suffix(".json"),
        "checkpoint": model.with_suffix(".checkpoint.npz"),
        "detections": args.plots_dir / f"{model.stem}_detections.png",
        "history": args.plots_dir / f"{model.stem}_history.csv",
    }


def load_dataset(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Load the images and labels of the digits to write with."""
    with cli.one_line_errors():
        return data.load_train(args.data, args.transpose, args.invert)


def make_pages(
    images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[SyntheticPages, SyntheticPages]:
    """Make the training set and the validation set, of pages written with different digits."""
    from digits.training.detection import SyntheticPages

    with cli.one_line_errors():
        train_digits, val_digits = data.split_validation(images, labels)
        training_set = SyntheticPages(
            *train_digits,
            batches_per_epoch=STEPS_PER_EPOCH,
            batch_size=BATCH_SIZE,
            seed=seed,
            new_each_epoch=True,
        )
        validation_set = SyntheticPages(
            *val_digits,
            batches_per_epoch=VALIDATION_STEPS,
            batch_size=BATCH_SIZE,
            seed=seed + 1,
            new_each_epoch=False,
        )
    return training_set, validation_set


def build(args: argparse.Namespace) -> keras.Model:
    """Set up TensorFlow, build the detector, and compile it for training."""
    from digits.keras_quietly import keras
    from digits.networks import detector_model
    from digits.training import detection, recipes, trainer

    trainer.use_threads(recipes.LARGE_STEPS)
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(trainer.choose_policy(recipes.LARGE_STEPS))
    num_steps = args.epochs * STEPS_PER_EPOCH
    if args.start_from:
        with cli.one_line_errors():
            network = detector_model.start_from(args.start_from)
    else:
        network = detector_model.build_detector()
    network.compile(
        optimizer=recipes.build_optimizer(
            choose_rate(args), num_steps, num_steps // 10, WEIGHT_DECAY
        ),
        loss=detection.loss,
        metrics=[detection.cell_accuracy, detection.false_positive_rate],
    )
    return network


def choose_rate(args: argparse.Namespace) -> float:
    """Choose the learning rate: lower where the weights are those of a trained detector."""
    return FINE_TUNING_RATE if args.start_from else LEARNING_RATE


def fit(
    args: argparse.Namespace,
    network: keras.Model,
    training_set: SyntheticPages,
    validation_set: SyntheticPages,
    settings: Mapping[str, Any],
    checkpoint_path: Path,
) -> tuple[dict[str, list[float]], float]:
    """Train the detector; returns the figures of each epoch and the seconds that it took."""
    from digits.training import detection_trainer

    if checkpoint_path.exists() and not args.resume:
        print(f"Starting anew: the interrupted training in {checkpoint_path} will be replaced.")
    num_pages = args.epochs * len(training_set) * BATCH_SIZE
    print(f"Training the detector on {num_pages:,} synthetic pages, made while it trains.")
    start = time.perf_counter()
    with cli.one_line_errors((ValueError, OSError, FloatingPointError)):
        history = detection_trainer.fit(
            network,
            training_set,
            validation_set,
            args.epochs,
            checkpoint_path=checkpoint_path,
            settings=settings,
            resume=args.resume,
        )
    return history, time.perf_counter() - start


def fold(network: keras.Model) -> keras.Model:
    """Fold batch normalization into the convolutions, for use."""
    from digits.networks import detector_model

    return detector_model.fold_detector(network)


def make_detector(network: keras.Model, path: Path) -> Detector:
    """Make the folded network a detector."""
    from digits.networks import Detector
    from digits.networks.keras_engine import KerasEngine

    return Detector(KerasEngine(network), path)


def measure(detector: Detector, images: np.ndarray, labels: np.ndarray) -> list[DetectionScores]:
    """Measure a detector on synthetic pages that do not depend on the seed of its training.

    Args:
        detector: any detector.
        images: training images, uint8 of shape (n, 28, 28); those held out for validation are used.
        labels: their digits.

    Returns:
        Recall and precision by size, of detections as the reader makes them: at several scales, and
        above its thresholds.
    """
    from digits.evaluation import detection
    from digits.networks.detector import BACKGROUND, TURNED
    from digits.reading.detect import detect, select_written
    from digits.training.synthetic import pages, strokes

    with cli.one_line_errors():
        _, (val_images, val_labels) = data.split_validation(images, labels)
        traced = strokes.trace_digits(val_images, val_labels, np.random.default_rng(MEASURED_SEED))
    true, detected = [], []
    for index in range(MEASURED_PAGES):
        rng = np.random.default_rng((MEASURED_SEED, index))
        page = pages.make_page(rng, traced, val_labels, MEASURED_SHAPE)
        found, _ = select_written(page.photo, detect(detector, page.photo))
        # As in training, what is partly off the page, or of another size, may be detected or not.
        smallest, largest = detection.SIZES[0], detection.SIZES[-1]
        is_clear = (page.visible >= 0.9) & (page.sizes >= smallest) & (page.sizes < largest)
        true_labels = np.where(is_clear, page.labels, pages.IGNORED)
        # An upright digit that is detected on a page that is turned is false.
        is_upright = (page.labels < TURNED) | (page.labels >= BACKGROUND)
        true.append(detection.TrueBoxes(page.boxes[is_upright], true_labels[is_upright]))
        detected.append(detection.DetectedBoxes(found.boxes, found.scores, found.labels))
    return detection.score(true, detected)


def describe(args: argparse.Namespace, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Describe what must be the same for a training to give the same weights, for JSON."""
    from digits.keras_quietly import keras
    from digits.networks import storage

    return {
        "seed": args.seed,
        "epochs": args.epochs,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "batch_size": BATCH_SIZE,
        "learning_rate": choose_rate(args),
        "weight_decay": WEIGHT_DECAY,
        "dtype_policy": keras.config.dtype_policy().name,
        "dataset_sha256": data.digest(images, labels),
        "versions": storage.package_versions(),
    }


def save(
    network: keras.Model, metadata: Mapping[str, Any], path: Path, checkpoint_path: Path
) -> None:
    """Write the detector and what is known of it, and delete the checkpoint."""
    from digits.networks import storage

    with cli.one_line_errors():
        for written in storage.save(network, path, metadata):
            print(f"Wrote {written}")
        checkpoint_path.unlink(missing_ok=True)


def draw(
    detector: Detector,
    validation_set: SyntheticPages,
    history: dict[str, list[float]],
    paths: Mapping[str, Path],
) -> None:
    """Draw what is detected on pages of the validation set, and write the history as a table."""
    from digits.reading.detect import detect
    from digits.training import figures

    pages = validation_set[0][0][:NUM_DRAWN, ..., 0]
    detections = [detect(detector, page) for page in pages]
    table = {"epoch": range(1, len(history["loss"]) + 1)} | history
    cli.write_all(
        {
            paths["detections"]: lambda path: figures.draw_detections(pages, detections, path),
            paths["history"]: lambda path: files.write_csv(path, table),
        }
    )


if __name__ == "__main__":
    cli.run(main)
