"""Train a network on MNIST: python train.py."""

import csv
import time
from pathlib import Path

import cli
import data
import files


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Train a network on MNIST's training images.")
    cli.add_common_flags(parser)
    cli.add_seed_flag(parser)
    parser.add_argument(
        "--epochs",
        type=cli.whole_number(1),
        default=8,
        help="passes over the training images (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=cli.whole_number(1),
        default=256,
        help="images a step (default: %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        type=cli.positive_number,
        default=8e-3,
        help="peak of the schedule (default: %(default)s)",
    )
    return parser.parse_args(argv)


def train(model, train_set, val_set, epochs, batch_size, learning_rate):
    """Train `model` in place: Adam, a short warm-up, then a cosine down to zero.

    Args:
        model: an uncompiled `keras.Model` that gives probabilities.
        train_set: `(images, labels)`: float32 of shape (n, 28, 28) in [0, 1], integers 0-9.
        val_set: the same, for the validation figures of each epoch.
        epochs: passes over the training images.
        batch_size: images a step.
        learning_rate: peak of the schedule.

    Returns:
        dict of lists, one value an epoch: `accuracy`, `loss`, `val_accuracy`, `val_loss`.
    """
    import keras

    steps_per_epoch = -(-len(train_set[0]) // batch_size)
    warmup_steps = steps_per_epoch // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=steps_per_epoch * epochs - warmup_steps,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # One call into TensorFlow an epoch: a step of this network is too short to be called alone.
        steps_per_execution=steps_per_epoch,
    )
    return model.fit(
        *train_set, validation_data=val_set, epochs=epochs, batch_size=batch_size
    ).history


def write_history(history, path):
    """Write the history of `train` as CSV, one row an epoch."""
    with files.replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *values])


def main(argv=None):
    """Train the network, save it, draw its figures, and say what was written where."""
    args = parse_args(argv)
    saved_models, plots = Path(__file__).parent / "saved_models", Path(args.plots_dir)
    model_path = Path(args.model_path or saved_models / f"{args.model}.keras")
    with cli.one_line_errors():
        images, labels = data.load_train(args.data)
        (x_train, y_train), (x_val, y_val) = data.split_validation(images, labels)
        files.check_writable(model_path)
        files.check_writable(plots / f"{model_path.stem}_accuracy.png")

    cli.import_keras()
    import keras

    import figures
    import model as models

    keras.utils.set_random_seed(args.seed)
    network = models.BUILDERS[args.model]()
    print(
        f"Training {args.model} ({network.count_params():,} parameters) on {len(x_train):,} "
        f"images; {len(x_val):,} are held out for validation."
    )
    start = time.perf_counter()
    history = train(
        network,
        (data.normalize(x_train), y_train),
        (data.normalize(x_val), y_val),
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
    )
    seconds = time.perf_counter() - start
    print(f"Trained in {seconds:.1f} s: validation accuracy {history['val_accuracy'][-1]:.2%}.")

    metadata = {
        "model": args.model,
        "num_parameters": network.count_params(),
        "arguments": vars(args),
        "seed": args.seed,
        "dataset_sha256": data.digest(images, labels),
        "val_accuracy": history["val_accuracy"][-1],
        "val_loss": history["val_loss"][-1],
        "seconds": round(seconds, 2),
    }
    written = [
        plots / "dataset_samples.png",
        plots / f"{model_path.stem}_network.png",
        plots / f"{model_path.stem}_accuracy.png",
        plots / f"{model_path.stem}_history.csv",
    ]
    with cli.one_line_errors():
        written = [*models.save(network, model_path, metadata), *written]
        figures.draw_samples(x_train, y_train, written[2])
        figures.draw_network(network, written[3])
        figures.draw_history(history, written[4])
        write_history(history, written[5])
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    cli.run(main)
