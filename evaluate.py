"""Score a trained network on MNIST's 10,000 test images: python evaluate.py."""

from pathlib import Path

import data
from digits import cli, files

MAX_NETWORKS = 5  # that a figure can tell apart


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Score a trained network on all the test images.")
    cli.add_common_flags(parser)
    cli.add_results_flag(parser)
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--compare",
        nargs=2,
        type=cli.keras_file,
        metavar="FILE.keras",
        help="set two models side by side, with a test of whether one is better "
        "(default: score one model)",
    )
    several.add_argument(
        "--ensemble",
        nargs="+",
        type=cli.keras_file,
        metavar="FILE.keras",
        help="score the mean of these models' probabilities (default: score one model)",
    )
    several.add_argument(
        "--robustness",
        nargs="*",
        type=cli.keras_file,
        metavar="FILE.keras",
        help="score these models, or the one asked for, on images that are rotated, blurred, noisy "
        "and spoiled in six other ways (default: score one model on the images as they are)",
    )
    several.add_argument(
        "--report",
        action="store_true",
        help="write one HTML page that shows the model from all sides, in about a minute "
        "(default: a short report here)",
    )
    parser.add_argument(
        "--views",
        type=cli.whole_number(1),
        default=1,
        help="average the answers to so many slightly warped views of each image, at so many "
        "times the cost (default: %(default)s, the image as it is)",
    )
    args = parser.parse_args(argv)
    if args.model_path and (args.compare or args.ensemble or args.robustness):
        parser.error(
            "received --model-path beside --compare, --ensemble or --robustness with names, "
            "expected one of them"
        )
    if (args.robustness is not None or args.report) and args.views > 1:
        parser.error("received --views beside --robustness or --report, expected one of them")
    if args.robustness and len(args.robustness) > MAX_NETWORKS:
        parser.error(
            f"received {len(args.robustness)} models, expected at most {MAX_NETWORKS} in a figure"
        )
    return args


def predict(networks, images, num_views):
    """Predict images by the mean of some networks, and of some views of each image.

    Args:
        networks: list of `keras.Model`.
        images: uint8 array of shape (n, 28, 28).
        num_views: the image as it is, and so many less one warped at half of augment.py's ranges.

    Returns:
        Probabilities, float32 of shape (n, 10).
    """
    from digits.transforms import warp

    images = data.normalize(images)
    total = 0
    for seed in range(num_views):
        view = warp.view(images, seed) if seed else images
        for network in networks:
            total += network.predict(view, batch_size=500, verbose=0)
    return total / (num_views * len(networks))


def evaluate_one(args, images, labels):
    """Score the model asked for, draw its mistakes, and return `(results, files written)`."""
    from digits import plotting
    from digits.evaluation import insights, metrics
    from digits.networks import storage

    plots = Path(args.plots_dir)
    with cli.one_line_errors():
        model_paths = args.ensemble or [storage.find(args.model, args.model_path)]
        name = "ensemble" if args.ensemble else model_paths[0].stem
        confusion_path = plots / f"{name}_confusion_matrix.png"
        mistakes_path = plots / f"{name}_mistakes.png"
        files.check_writable(confusion_path)
        files.check_writable(mistakes_path)
        networks = [storage.load(path) for path in model_paths]
        kept = storage.read_kept_results(args.results_file, model_paths)
    paths = ", ".join(map(str, model_paths))
    print(f"Scoring {paths} on {len(images):,} test images{_views(args)}.", flush=True)
    probabilities = predict(networks, images, args.views)
    scores = metrics.score(labels, probabilities)
    print(metrics.format_report(scores))

    true_class = probabilities[range(len(labels)), labels]
    wrong = (probabilities.argmax(axis=1) != labels).nonzero()[0]
    worst = wrong[true_class[wrong].argsort(kind="stable")]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    with cli.one_line_errors():
        plotting.draw_confusion_matrix(
            scores["confusion_matrix"], confusion_path, f"{name}: {accuracy}"
        )
        plotting.draw_readings(
            images[worst],
            {name: probabilities[worst]},
            labels[worst],
            [f"image {index}" for index in worst],
            mistakes_path,
            f"{name}: {len(wrong)} test images not read as labelled, the worst first",
        )
        written = [confusion_path, mistakes_path]
        if len(networks) == 1 and "hidden_1" in [layer.name for layer in networks[0].layers]:
            written.append(plots / f"{name}_weights.png")
            weights = networks[0].get_layer("hidden_1").get_weights()[0]
            insights.draw_weights(weights, written[-1])
    renamed = {"accuracy": "test_accuracy", "loss": "test_loss"}
    results = {renamed.get(key, key): value for key, value in scores.items()}
    results = kept | {"model_path": paths, "views": args.views} | results
    return results, written


def evaluate_two(args, images, labels):
    """Compare two models, draw where they differ, and return `(results, files written)`."""
    from digits import plotting
    from digits.evaluation import metrics
    from digits.networks import storage

    paths = [Path(path) for path in args.compare]
    names = storage.name_models(paths)
    figure_path = Path(args.plots_dir) / f"{names[0]}_and_{names[1]}.png".replace(" ", "_")
    with cli.one_line_errors():
        files.check_writable(figure_path)
        networks = [storage.load(path) for path in paths]
        storage.read_kept_results(args.results_file, paths)  # only to refuse a model's JSON
    print(f"Comparing two models on {len(images):,} test images{_views(args)}.", flush=True)
    readings = [predict([network], images, args.views) for network in networks]
    scores = [metrics.score(labels, probabilities) for probabilities in readings]
    predictions = [probabilities.argmax(axis=1) for probabilities in readings]
    comparison = metrics.compare(labels, *predictions)
    print(metrics.format_comparison(paths, scores, comparison))

    right = [row == labels for row in predictions]
    differ = (right[0] != right[1]).nonzero()[0]
    with cli.one_line_errors():
        plotting.draw_readings(
            images[differ],
            {name: row[differ] for name, row in zip(names, readings, strict=True)},
            labels[differ],
            [f"image {index}" for index in differ],
            figure_path,
            f"{len(differ)} test images that only one of the two reads as labelled",
        )
    models = [
        {"model_path": str(path), "test_accuracy": row["accuracy"], "num_correct":
         row["num_correct"], "test_loss": row["loss"], "ece": row["ece"]}
        for path, row in zip(paths, scores, strict=True)
    ]  # fmt: skip
    return {"models": models, "views": args.views} | comparison, [figure_path]


def _views(args):
    return f", the mean of {args.views} views of each" if args.views > 1 else ""


def main(argv=None):
    """Score a model or compare two, and say what was written where."""
    args = parse_args(argv)
    with cli.one_line_errors():
        images, labels = data.load_test(args.data)
        files.check_writable(Path(args.plots_dir) / "x_confusion_matrix.png")
        if args.results_file:
            files.check_writable(args.results_file)
    from digits.keras_quietly import keras  # noqa: F401

    evaluate = evaluate_two if args.compare else evaluate_one
    if args.robustness is not None:
        from digits.evaluation import robustness

        evaluate = robustness.evaluate
    if args.report:
        from digits.evaluation import report

        evaluate = report.evaluate
    results, written = evaluate(args, images, labels)
    if args.results_file:
        with cli.one_line_errors():
            files.write_json(args.results_file, results)
        written.append(args.results_file)
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    cli.run(main)
