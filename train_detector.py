"""Train the network that detects digits on a page: python train_detector.py."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import data
from digits import cli, files

# What takes seconds to import is imported by the steps that need it, so that --help does not wait.
if TYPE_CHECKING:
    from digits.keras_quietly import keras
    from digits.training.detection import SyntheticPages

BATCH_SIZE = 32  # pages
STEPS_PER_EPOCH = 500
VALIDATION_STEPS = 30
NUM_DRAWN = 8  # pages
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.02


def main(argv: list[str] | None = None) -> None:
    """Train the detector on synthetic pages, save it, and draw what it detects."""
    args = parse_args(argv)
    paths = name_files(args)
    images, labels = load_dataset(args.data)
    cli.check_writable(*paths.values())

    training_set, validation_set = make_pages(images, labels, args.seed)
    network = build(args)
    history, seconds = fit(network, training_set, validation_set, args.epochs)
    network = fold(network)

    metadata = {
        "command": shlex.join(
            ["python", "train_detector.py", *(sys.argv[1:] if argv is None else argv)]
        ),
        **describe(args, images, labels),
        **{key: values[-1] for key, values in history.items() if key.startswith("val_")},
        "seconds": round(seconds, 2),
    }
    save(network, metadata, paths["model"])
    draw(network, validation_set, history, paths)


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
        default=12,
        help=f"of {BATCH_SIZE * STEPS_PER_EPOCH:,} new pages each (default: %(default)s)",
    )
    return parser.parse_args(argv)


def name_files(args: argparse.Namespace) -> dict[str, Path]:
    """Name the files to write."""
    model = args.model_path
    return {
        "model": model,
        "metadata": model.with_suffix(".json"),
        "detections": args.plots_dir / f"{model.stem}_detections.png",
        "history": args.plots_dir / f"{model.stem}_history.csv",
    }


def load_dataset(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Load the images and labels of the digits to write with."""
    with cli.one_line_errors():
        return data.load_train(path)


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
    """Build the detector and compile it for training."""
    from digits.keras_quietly import keras
    from digits.networks import detector_model
    from digits.training import detection, recipes, trainer

    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(trainer.fast_policy())
    num_steps = args.epochs * STEPS_PER_EPOCH
    network = detector_model.build_detector()
    network.compile(
        optimizer=recipes.build_optimizer(LEARNING_RATE, num_steps, num_steps // 10, WEIGHT_DECAY),
        loss=detection.loss,
        metrics=[detection.cell_accuracy, detection.false_positive_rate],
    )
    return network


def fit(
    network: keras.Model,
    training_set: SyntheticPages,
    validation_set: SyntheticPages,
    epochs: int,
) -> tuple[dict[str, list[float]], float]:
    """Train the detector; returns the figures of each epoch and the seconds that it took."""
    num_pages = epochs * len(training_set) * BATCH_SIZE
    print(f"Training the detector on {num_pages:,} synthetic pages, made while it trains.")
    start = time.perf_counter()
    history = network.fit(training_set, epochs=epochs, validation_data=validation_set).history
    return history, time.perf_counter() - start


def fold(network: keras.Model) -> keras.Model:
    """Fold batch normalization into the convolutions, for use."""
    from digits.networks import detector_model

    return detector_model.fold_detector(network)


def describe(args: argparse.Namespace, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Describe what must be the same for a training to give the same weights, for JSON."""
    from digits.keras_quietly import keras
    from digits.networks import storage

    return {
        "seed": args.seed,
        "epochs": args.epochs,
        "dtype_policy": keras.config.dtype_policy().name,
        "dataset_sha256": data.digest(images, labels),
        "versions": storage.package_versions(),
    }


def save(network: keras.Model, metadata: Mapping[str, Any], path: Path) -> None:
    """Write the detector and what is known of it."""
    from digits.networks import storage

    with cli.one_line_errors():
        for written in storage.save(network, path, metadata):
            print(f"Wrote {written}")


def draw(
    network: keras.Model,
    validation_set: SyntheticPages,
    history: dict[str, list[float]],
    paths: Mapping[str, Path],
) -> None:
    """Draw what is detected on pages of the validation set, and write the history as a table."""
    from digits.networks import Detector
    from digits.networks.keras_engine import KerasEngine
    from digits.reading.detect import detect
    from digits.training import figures

    detector = Detector(KerasEngine(network), paths["model"])
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
