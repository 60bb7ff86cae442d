"""Train a network on MNIST: python train.py."""

import hashlib
import shlex
import sys
import time
from pathlib import Path

import data
from digits import cli, files
from digits.training import recipes


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Train a network on MNIST's training images.")
    cli.add_common_flags(parser)
    cli.add_seed_flag(parser)
    parser.add_argument(
        "--augment",
        choices=["spoil", "warp", "none"],
        default="warp",
        help="warp the training images anew each epoch, and spoil some of them besides, or neither "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--teacher",
        nargs="+",
        type=cli.keras_file,
        metavar="FILE.keras",
        help="learn from the answers of this network, or the mean of several, too "
        "(default: from the labels alone)",
    )
    parser.add_argument(
        "--epochs",
        type=cli.whole_number(1),
        help=f"passes over the training images ({_defaults('epochs')})",
    )
    parser.add_argument(
        "--batch-size",
        type=cli.whole_number(1),
        help=f"images a step ({_defaults('batch_size')})",
    )
    parser.add_argument(
        "--learning-rate",
        type=cli.positive_number,
        help=f"peak of the schedule ({_defaults('learning_rate')})",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an interrupted training, given the same flags (default: start anew)",
    )
    args = parser.parse_args(argv)
    recipe = recipes.choose(args.model, args.augment, args.teacher)
    for name, default in recipe.items():
        if getattr(args, name, None) is None:
            setattr(args, name, default)
    return args


def _defaults(name):
    values = [f"{model} {recipe[name]}" for model, recipe in recipes.RECIPES.items()]
    return f"default: {', '.join(values)}; without warps or with a teacher see recipes.py"


def load_teacher(paths):
    """Load the networks that teach, as one that gives the logits of their mean answer.

    Returns:
        `(teacher, description)`: a `keras.Model`, and a dict for the settings. None without paths.
    """
    from digits.networks import batch_norm, heads, storage
    from digits.training import trainer

    if not paths:
        return None, None
    policy = trainer.fast_policy()
    with cli.one_line_errors():
        networks = [batch_norm.fold_classifier(storage.load(path), policy) for path in paths]
        digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    return heads.mean_logits_model(networks), {"sha256": digests, "dtype_policy": policy}


def main(argv=None):
    """Train the network, save it, draw its figures, and say what was written where."""
    args = parse_args(argv)
    plots = Path(args.plots_dir)
    model_path = Path(args.model_path or cli.default_model_path(args.model))
    checkpoint_path = model_path.with_suffix(".checkpoint.npz")
    samples_path = plots / "dataset_samples.png"
    warps_path = plots / f"{model_path.stem}_augmentation.png"
    network_path = plots / f"{model_path.stem}_network.png"
    accuracy_path = plots / f"{model_path.stem}_accuracy.png"
    history_path = plots / f"{model_path.stem}_history.csv"
    with cli.one_line_errors():
        images, labels = data.load_train(args.data)
        (x_train, y_train), (x_val, y_val) = data.split_validation(images, labels)
        for path in (
            model_path, model_path.with_suffix(".json"), checkpoint_path, samples_path,
            warps_path, network_path, accuracy_path, history_path,
        ):  # fmt: skip
            files.check_writable(path)
    if checkpoint_path.exists() and not args.resume:
        print(f"Starting anew: the interrupted training in {checkpoint_path} will be replaced.")

    import model as models
    from digits import plotting
    from digits.evaluation import calibration, metrics
    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import batch_norm, heads, storage
    from digits.training import diagram, trainer
    from digits.transforms import warp

    size = recipes.SIZE[args.model]
    trainer.use_threads(size)
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(trainer.fast_policy() if size == "large" else "float32")
    teacher, teacher_settings = load_teacher(args.teacher)
    network = models.BUILDERS[args.model]()
    steps_per_epoch = max(1, len(x_train) // args.batch_size)
    trainer = recipes.compile_model(
        network, args.epochs * steps_per_epoch, args.learning_rate, teacher
    )
    settings = {
        "model": args.model,
        "seed": args.seed,
        "arguments": {name: getattr(args, name) for name in ("augment", *recipes.ARGUMENTS)},
        "layers": [layer.name for layer in network.layers],
        "teacher": teacher_settings,
        "dtype_policy": keras.config.dtype_policy().name,
        "dataset_sha256": data.digest(images, labels),
        "versions": storage.package_versions(),
    }
    print(
        f"Training {args.model} on {len(x_train):,} images; {len(x_val):,} are held out for "
        "validation."
    )
    progress = keras.utils.Progbar(
        args.epochs * steps_per_epoch,
        interval=0.5,
        stateful_metrics=["accuracy", "loss", "val_accuracy", "val_loss"],
    )
    start = time.perf_counter()
    with cli.one_line_errors((ValueError, OSError, FloatingPointError)):
        history = trainer.fit(
            trainer,
            size,
            (x_train, y_train),
            (x_val, y_val),
            epochs=args.epochs,
            batch_size=args.batch_size,
            seed=args.seed,
            warp_strength=args.warp_strength,
            share_spoiled=args.share_spoiled,
            checkpoint_path=checkpoint_path,
            settings=settings,
            resume=args.resume,
            on_progress=lambda step, values: progress.update(step, values.items()),
        )
    seconds = time.perf_counter() - start
    network = batch_norm.fold_classifier(network)
    val_images = data.normalize(x_val)
    val_logits = heads.logits_model(network).predict(val_images, batch_size=500, verbose=0)
    temperature = metrics.fit_temperature(y_val, val_logits)
    heads.scale_logits(network, temperature)
    probabilities = network.predict(val_images, batch_size=500, verbose=0)
    scores = metrics.score(y_val, probabilities)
    resumed = " since resuming" if args.resume else ""
    print(f"Trained in {seconds:.1f} s{resumed}: validation accuracy {scores['accuracy']:.2%}.")

    metadata = settings | {
        "command": shlex.join(["python", "train.py", *(sys.argv[1:] if argv is None else argv)]),
        "num_train": len(x_train),
        "num_parameters": network.count_params(),
        "val_accuracy": scores["accuracy"],
        "val_loss": scores["loss"],
        "val_ece": scores["ece"],
        "temperature": temperature,
        "threshold": calibration.choose_threshold(probabilities),
        # Those before an interruption are not known.
        "seconds": None if args.resume else round(seconds, 2),
    }
    kinds = {"spoil": ["spoiled images"], "warp": ["warped images"], "none": []}[args.augment]
    kinds += ["taught"] if teacher else []
    training_label = "training" + (f" ({', '.join(kinds)})" if kinds else "")
    with cli.one_line_errors():
        for path in storage.save(network, model_path, metadata):
            print(f"Wrote {path}")
        checkpoint_path.unlink(missing_ok=True)
        table = {"epoch": range(1, len(history["loss"]) + 1)} | history
        writers = {
            samples_path: lambda path: plotting.draw_samples(x_train, y_train, path),
            network_path: lambda path: diagram.draw_network(network, path),
            accuracy_path: lambda path: plotting.draw_history(history, path, training_label),
            history_path: lambda path: files.write_csv(path, table),
        }
        if args.augment != "none":
            examples = warp.make_examples(
                x_train, y_train, args.seed, args.warp_strength, args.augment == "spoil"
            )
            writers[warps_path] = lambda path: plotting.draw_warps(*examples, path)
        for path, write in writers.items():
            write(path)
            print(f"Wrote {path}")


if __name__ == "__main__":
    cli.run(main)
