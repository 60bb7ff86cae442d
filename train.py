"""Train a network on MNIST: python train.py."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import data
from digits import cli, files
from digits.training import RECIPES, Recipe, choose_recipe

# What takes seconds to import is imported by the steps that need it, so that --help does not wait.
if TYPE_CHECKING:
    from digits.evaluation.metrics import Scores
    from digits.keras_quietly import keras, tf
    from digits.networks import Classifier
    from digits.training.distillation import Teacher


# The fields of a recipe that flags of the same names change, and what of `--augment` some need.
RECIPE_FLAGS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "warp_strength",
    "unmodified_share",
    "degraded_share",
)
AUGMENTED = {
    "warp_strength": ("warp", "degrade", "forms"),
    "unmodified_share": ("warp", "degrade", "forms"),
    "degraded_share": ("degrade", "forms"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images, uint8 of shape (n, 28, 28), and labels, integers 0-9; `sha256` is of all of them."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    sha256: str


def main(argv: list[str] | None = None) -> None:
    """Train a network, save it, and draw how the training went."""
    args = parse_args(argv)
    recipe = make_recipe(args)
    paths = name_files(args)
    dataset = load_dataset(args)
    cli.check_writable(*paths.values())

    strategy = set_up(args, recipe)
    with strategy.scope():
        network, teacher = build(args)
        settings = describe(args, recipe, dataset, network, teacher)
        history, seconds = fit(
            args, recipe, dataset, network, teacher, settings, paths["checkpoint"]
        )
    classifier, scores = calibrate(network, dataset, paths["model"])
    resumed = " since resuming" if args.resume else ""
    print(f"Trained in {seconds:.1f} s{resumed}: validation accuracy {scores.accuracy:.2%}.")

    metadata = settings | {
        "command": shlex.join(["python", "train.py", *(sys.argv[1:] if argv is None else argv)]),
        "num_train": len(dataset.x_train),
        "num_parameters": classifier.keras_model.count_params(),
        "val_accuracy": scores.accuracy,
        "val_loss": scores.loss,
        "val_ece": scores.ece,
        **classifier.metadata,  # temperature and threshold
        # Those before an interruption are not known.
        "seconds": None if args.resume else round(seconds, 2),
    }
    save(classifier, metadata, paths["checkpoint"])
    draw(args, recipe, dataset, classifier, history, paths)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; the flags that change the recipe are None by default."""
    parser = cli.Parser("Train a network on MNIST's training images.")
    cli.add_model_flags(parser)
    cli.add_data_flag(parser)
    cli.add_plots_flag(parser)
    cli.add_seed_flag(parser)
    parser.add_argument(
        "--augment",
        choices=["forms", "degrade", "warp", "none"],
        default="warp",
        help="warp the training images, differently in each epoch (warp), degrade some of them "
        "too (degrade), also by lines across, outlines and rotations of up to 35 degrees, as on "
        "forms (forms), or leave them unmodified (none) (default: %(default)s)",
    )
    parser.add_argument(
        "--teacher",
        nargs="+",
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="distillation: learn from the probabilities of this network too, or from the mean of "
        "several (default: from the labels alone)",
    )
    parser.add_argument(
        "--epochs",
        type=cli.whole_number(1),
        help=f"passes over the training images ({_defaults('epochs')})",
    )
    parser.add_argument(
        "--batch-size",
        type=cli.whole_number(1),
        help=f"images per step ({_defaults('batch_size')})",
    )
    parser.add_argument(
        "--learning-rate",
        type=cli.positive_number,
        help=f"peak of the schedule ({_defaults('learning_rate')})",
    )
    parser.add_argument(
        "--devices",
        type=cli.whole_number(1, 64),
        default=1,
        metavar="N",
        help="GPUs that share each batch; without a GPU the processor is split into so many "
        "devices, which brings no speed (default: %(default)s)",
    )
    parser.add_argument(
        "--weight-decay",
        type=cli.number(0),
        help="share of each weight that is subtracted per step, times the learning rate; 0 for "
        f"none ({_defaults('weight_decay')})",
    )
    parser.add_argument(
        "--warp-strength",
        type=cli.positive_number,
        help=f"multiplies the ranges of the warps ({_defaults('warp_strength')})",
    )
    parser.add_argument(
        "--unmodified-share",
        type=cli.number(0, 1),
        help=f"share of the warps that are left out ({_defaults('unmodified_share')})",
    )
    parser.add_argument(
        "--degraded-share",
        type=cli.number(0, 1),
        help=f"share of the warped images that are degraded too ({_defaults('degraded_share')})",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted training, given the same flags (default: start anew)",
    )
    args = parser.parse_args(argv)
    for name, kinds in AUGMENTED.items():
        if getattr(args, name) is not None and args.augment not in kinds:
            parser.error(
                f"received --{name.replace('_', '-')} with --augment {args.augment}, expected "
                f"--augment {' or '.join(kinds)}"
            )
    return args


def _defaults(field: str) -> str:
    values = [f"{name} {getattr(recipe, field) or 0}" for name, recipe in RECIPES.items()]
    return (
        f"default: {', '.join(values)}; without warps or with a teacher see "
        "digits/training/recipes.py"
    )


def make_recipe(args: argparse.Namespace) -> Recipe:
    """Choose the network's recipe, with the changes that flags ask for."""
    recipe = choose_recipe(args.model, args.augment, bool(args.teacher))
    given = {name: getattr(args, name) for name in RECIPE_FLAGS}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes.get("weight_decay", True):
        changes["weight_decay"] = None
    return dataclasses.replace(recipe, **changes)


def name_files(args: argparse.Namespace) -> dict[str, Path]:
    """Name the files to write."""
    from digits.networks import storage

    model = args.model_path or storage.default_model_path(args.model)
    prefix = args.plots_dir / model.stem
    return {
        "model": model,
        "metadata": model.with_suffix(".json"),
        "checkpoint": model.with_suffix(".checkpoint.npz"),
        "samples": args.plots_dir / "dataset_samples.png",
        "network": Path(f"{prefix}_network.png"),
        "accuracy": Path(f"{prefix}_accuracy.png"),
        "history": Path(f"{prefix}_history.csv"),
        "augmentation": Path(f"{prefix}_augmentation.png"),
    }


def load_dataset(args: argparse.Namespace) -> Dataset:
    """Load the training images and hold some of them out for validation."""
    with cli.one_line_errors():
        images, labels = data.load_train(args.data, args.transpose, args.invert)
        (x_train, y_train), (x_val, y_val) = data.split_validation(images, labels)
    return Dataset(x_train, y_train, x_val, y_val, data.digest(images, labels))


def set_up(args: argparse.Namespace, recipe: Recipe) -> tf.distribute.Strategy:
    """Set up TensorFlow and Keras; returns the strategy that the network is to be trained by."""
    from digits.keras_quietly import keras, tf
    from digits.training import devices, trainer

    trainer.use_threads(recipe.execution)
    with cli.one_line_errors():
        strategy = devices.make_strategy(args.devices)
    if args.devices > 1 and not tf.config.list_physical_devices("GPU"):
        print(
            f"TensorFlow finds no GPU: the processor is split into {args.devices} devices, which "
            "brings no speed."
        )
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(trainer.choose_policy(recipe.execution))
    return strategy


def build(args: argparse.Namespace) -> tuple[keras.Model, Teacher | None]:
    """Load the teacher, if there is one, and build the network."""
    import model as models
    from digits.training import distillation, trainer

    teacher = None
    if args.teacher:
        with cli.one_line_errors():
            teacher = distillation.load_teacher(args.teacher, trainer.fast_policy())
    return models.BUILDERS[args.model](), teacher


def describe(
    args: argparse.Namespace,
    recipe: Recipe,
    dataset: Dataset,
    network: keras.Model,
    teacher: Teacher | None,
) -> dict[str, Any]:
    """Describe what must be the same for a training to give the same weights, for JSON."""
    from digits.keras_quietly import keras
    from digits.networks import storage

    arguments = {name: getattr(recipe, name) for name in RECIPE_FLAGS}
    return {
        "model": args.model,
        "seed": args.seed,
        "devices": args.devices,
        "arguments": {"augment": args.augment} | arguments,
        "layers": [layer.name for layer in network.layers],
        "teacher": teacher and {"sha256": teacher.sha256, "dtype_policy": teacher.dtype_policy},
        "dtype_policy": keras.config.dtype_policy().name,
        "dataset_sha256": dataset.sha256,
        "versions": storage.package_versions(),
    }


def fit(
    args: argparse.Namespace,
    recipe: Recipe,
    dataset: Dataset,
    network: keras.Model,
    teacher: Teacher | None,
    settings: Mapping[str, Any],
    checkpoint_path: Path,
) -> tuple[dict[str, list[float]], float]:
    """Train the network; returns the figures of each epoch and the seconds that it took."""
    from digits.keras_quietly import keras
    from digits.training import trainer

    if checkpoint_path.exists() and not args.resume:
        print(f"Starting anew: the interrupted training in {checkpoint_path} will be replaced.")
    print(
        f"Training {args.model} on {len(dataset.x_train):,} images; {len(dataset.x_val):,} are "
        "held out for validation."
    )
    progress = keras.utils.Progbar(
        recipe.epochs * recipe.steps_per_epoch(len(dataset.x_train)),
        interval=0.5,
        stateful_metrics=["accuracy", "loss", "val_accuracy", "val_loss"],
    )
    start = time.perf_counter()
    with cli.one_line_errors((ValueError, OSError, FloatingPointError)):
        history = trainer.fit(
            network,
            (dataset.x_train, dataset.y_train),
            (dataset.x_val, dataset.y_val),
            recipe,
            seed=args.seed,
            checkpoint_path=checkpoint_path,
            settings=settings,
            teacher=teacher and teacher.model,
            resume=args.resume,
            on_progress=lambda step, values: progress.update(step, values.items()),
        )
    seconds = time.perf_counter() - start
    return history, seconds


def calibrate(network: keras.Sequential, dataset: Dataset, path: Path) -> tuple[Classifier, Scores]:
    """Make the trained network a calibrated classifier, and score the validation images."""
    from digits.evaluation import metrics
    from digits.training.finish import finish

    x_val = data.normalize(dataset.x_val)
    classifier = finish(network, x_val, dataset.y_val, path)
    return classifier, metrics.score(dataset.y_val, classifier.probabilities(x_val))


def save(classifier: Classifier, metadata: Mapping[str, Any], checkpoint_path: Path) -> None:
    """Write the model and what is known of it, and delete the checkpoint."""
    from digits.networks import storage

    with cli.one_line_errors():
        for path in storage.save(classifier.keras_model, classifier.path, metadata):
            print(f"Wrote {path}")
        checkpoint_path.unlink(missing_ok=True)


def draw(
    args: argparse.Namespace,
    recipe: Recipe,
    dataset: Dataset,
    classifier: Classifier,
    history: dict[str, list[float]],
    paths: Mapping[str, Path],
) -> None:
    """Draw samples, network, history and augmentation, and write the history as a table."""
    from digits.training import diagram, figures

    kinds = {"warp": ["warped images"], "none": []}.get(args.augment, ["degraded images"])
    kinds += ["distilled"] if args.teacher else []
    label = "training" + (f" ({', '.join(kinds)})" if kinds else "")
    table = {"epoch": range(1, len(history["loss"]) + 1)} | history
    x_train, y_train = dataset.x_train, dataset.y_train
    writers: dict[Path, Callable[[Path], object]] = {
        paths["samples"]: lambda path: figures.draw_samples(x_train, y_train, path),
        paths["network"]: lambda path: diagram.draw_network(classifier.keras_model, path),
        paths["accuracy"]: lambda path: figures.draw_history(history, path, label),
        paths["history"]: lambda path: files.write_csv(path, table),
    }
    if args.augment != "none":
        writers[paths["augmentation"]] = lambda path: figures.draw_augmentation(
            x_train, y_train, recipe, args.seed, path
        )
    cli.write_all(writers)


if __name__ == "__main__":
    cli.run(main)
