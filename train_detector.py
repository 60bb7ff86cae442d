"""Train the network that finds digits on a page: python train_finder.py."""

import shlex
import sys
import time
from pathlib import Path

import numpy as np

import data
from digits import cli, files

BATCH_SIZE = 32  # notes
STEPS_PER_EPOCH = 500
VALIDATION_STEPS = 30
NUM_DRAWN = 16
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.02


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Train the network that finds digits on a page, on notes that are made up.")
    parser.add_argument(
        "--model-path",
        type=cli.keras_file,
        default="saved_models/finder.keras",
        metavar="FILE.keras",
        help="the model to write (default: %(default)s)",
    )
    cli.add_data_flags(parser)
    cli.add_seed_flag(parser)
    parser.add_argument(
        "--epochs",
        type=cli.whole_number(1),
        default=12,
        help=f"of {BATCH_SIZE * STEPS_PER_EPOCH:,} new notes each (default: %(default)s)",
    )
    return parser.parse_args(argv)


def make_practice(images, labels, num_batches, seed, always_new):
    """Make batches of notes and of what the finder is to say of them, as Keras trains on.

    Args:
        images: uint8 array of shape (n, 28, 28), the digits to write with.
        labels: integers of shape (n,).
        num_batches: batches an epoch.
        seed: of the notes.
        always_new: whether each epoch has other notes.

    Returns:
        A `keras.utils.PyDataset` of `(photos, targets)`: float32 of shape (32, 160, 160, 1) and
        (32, 40, 40, 5).
    """
    from digits.keras_quietly import keras
    from digits.networks import detector
    from digits.training.synthetic import pages, strokes

    tracings = strokes.trace_digits(images, labels, np.random.default_rng(seed))

    class Practice(keras.utils.PyDataset):
        epoch = 0

        def __len__(self):
            return num_batches

        def __getitem__(self, index):
            rng = np.random.default_rng((seed, self.epoch, index))
            made = [pages.make_note(rng, tracings, labels) for _ in range(BATCH_SIZE)]
            targets = [detector.make_targets(*digits, photo.shape) for photo, *digits in made]
            return np.stack([note[0] for note in made])[..., None], np.stack(targets)

        def on_epoch_end(self):
            self.epoch += always_new

    return Practice(workers=1)  # one thread makes notes while TensorFlow trains


def main(argv=None):
    """Train the finder, save it, draw its curve, and say what was written where."""
    args = parse_args(argv)
    model_path = Path(args.model_path)
    notes_path = Path(args.plots_dir) / f"{model_path.stem}_notes.png"
    history_path = Path(args.plots_dir) / f"{model_path.stem}_history.csv"
    with cli.one_line_errors():
        images, labels = data.load_train(args.data)
        train_set, val_set = data.split_validation(images, labels)
        for path in (model_path, notes_path, history_path):
            files.check_writable(path)

    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import detector, storage
    from digits.reading import detect, figures
    from digits.training import trainer

    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(trainer.fast_policy())
    steps = args.epochs * STEPS_PER_EPOCH
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=LEARNING_RATE,
        warmup_steps=steps // 10,
        decay_steps=steps - steps // 10,
    )
    network = detector.build_finder()
    network.compile(
        optimizer=keras.optimizers.AdamW(schedule, beta_2=0.99, weight_decay=WEIGHT_DECAY),
        loss=detector.loss,
        metrics=[detector.share_right, detector.share_false],
    )
    with cli.one_line_errors():
        practice = make_practice(*train_set, STEPS_PER_EPOCH, args.seed, always_new=True)
        exam = make_practice(*val_set, VALIDATION_STEPS, args.seed + 1, always_new=False)
    print(f"Training the finder on {steps * BATCH_SIZE:,} notes, made while it trains.")
    start = time.perf_counter()
    history = network.fit(practice, epochs=args.epochs, validation_data=exam).history
    seconds = time.perf_counter() - start
    words = sys.argv[1:] if argv is None else argv
    metadata = {
        "command": shlex.join(["python", "train_finder.py", *words]),
        "seed": args.seed,
        "epochs": args.epochs,
        "dtype_policy": keras.config.dtype_policy().name,
        "dataset_sha256": data.digest(images, labels),
        "versions": storage.package_versions(),
        **{key: values[-1] for key, values in history.items() if key.startswith("val_")},
        "seconds": round(seconds, 2),
    }
    network = detector.fold(network)
    photos = exam[0][0][:NUM_DRAWN, ..., 0]
    findings = [detect.find(network, photo) for photo in photos]
    drawn = [(boxes, digits.argmax(axis=1)) for boxes, _, digits in findings]
    with cli.one_line_errors():
        for path in storage.save(network, model_path, metadata):
            print(f"Wrote {path}")
        figures.draw_practice(photos, drawn, notes_path)
        print(f"Wrote {notes_path}")
        files.write_csv(history_path, {"epoch": range(1, args.epochs + 1)} | history)
        print(f"Wrote {history_path}")


if __name__ == "__main__":
    cli.run(main)
