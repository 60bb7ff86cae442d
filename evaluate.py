"""Score a trained network on MNIST's 10,000 test images: python evaluate.py."""

from pathlib import Path

import cli
import data
import files


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Score a trained network on all the test images.")
    cli.add_common_flags(parser)
    cli.add_results_flag(parser)
    parser.add_argument(
        "--compare",
        nargs=2,
        type=cli.keras_file,
        metavar="FILE.keras",
        help="set two models side by side, with a test of whether one is better "
        "(default: score one model)",
    )
    return parser.parse_args(argv)


def format_report(scores):
    """Format what `metrics.score` returned as a few lines and a table of digits."""
    import metrics

    lines = [
        f"Test accuracy: {metrics.format_accuracy(scores['num_correct'], scores['num_images'])}",
        f"Test loss: {scores['loss']:.4f}",
        f"Expected calibration error: {scores['ece']:.2%}",
        "",
        "digit  precision  recall      F1  images",
    ]
    for row in scores["per_digit"]:
        lines.append(
            f"{row['digit']:>5}  {row['precision']:>9.2%}  {row['recall']:>6.2%}  {row['f1']:>6.2%}"
            f"  {row['num_images']:>6,}"
        )
    return "\n".join(lines)


def format_comparison(paths, scores, comparison):
    """Format what `metrics.score` and `metrics.compare` returned for two models as a table."""
    import metrics

    first, second = map(str, paths)
    width = max(len(first), len(second))
    lines = [
        f"{path:<{width}}  {metrics.format_accuracy(row['num_correct'], row['num_images'])}, "
        f"loss {row['loss']:.4f}, calibration error {row['ece']:.2%}"
        for path, row in zip((first, second), scores, strict=True)
    ]
    low, high = comparison["difference_interval"]
    better = second if comparison["difference"] > 0 else first
    p_value = comparison["p_value"]
    p_value = f"= {p_value:.2g}" if p_value >= 1e-4 else "< 0.0001"
    verdict = (
        f"{better} is better: by chance alone they would differ this much less than 1 time in 20."
        if comparison["p_value"] < 0.05
        else "These images do not tell which is better: chance alone may explain the difference."
    )
    return "\n".join(
        [
            *lines,
            "",
            f"both right {comparison['both_right']:,}, both wrong {comparison['both_wrong']:,}, "
            f"only the first right {comparison['only_first_right']:,}, "
            f"only the second right {comparison['only_second_right']:,}",
            f"second less first: {100 * comparison['difference']:+.2f} percentage points, "
            f"95% interval {100 * low:+.2f} to {100 * high:+.2f}; "
            f"exact McNemar test: p {p_value}",
            verdict,
        ]
    )


def predict(model_path, images):
    """Load a model and return its probabilities, float32 of shape (n, 10), for uint8 images."""
    import model as models

    with cli.one_line_errors():
        network = models.load(model_path)
    return network.predict(data.normalize(images), batch_size=500, verbose=0)


def evaluate_one(args, images, labels):
    """Score the model asked for, draw its mistakes, and return `(results, files written)`."""
    import figures
    import metrics
    import model as models

    plots = Path(args.plots_dir)
    with cli.one_line_errors():
        model_path = models.find(args.model, args.model_path)
        confusion_path = plots / f"{model_path.stem}_confusion_matrix.png"
        mistakes_path = plots / f"{model_path.stem}_mistakes.png"
        files.check_writable(confusion_path)
        files.check_writable(mistakes_path)
    print(f"Scoring {model_path} on {len(images):,} test images.", flush=True)
    probabilities = predict(model_path, images)
    scores = metrics.score(labels, probabilities)
    print(format_report(scores))

    true_class = probabilities[range(len(labels)), labels]
    wrong = (probabilities.argmax(axis=1) != labels).nonzero()[0]
    worst = wrong[true_class[wrong].argsort(kind="stable")]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    with cli.one_line_errors():
        figures.draw_confusion_matrix(
            scores["confusion_matrix"], confusion_path, f"{model_path.stem}: {accuracy}"
        )
        figures.draw_readings(
            images[worst],
            {model_path.stem: probabilities[worst]},
            labels[worst],
            [f"image {index}" for index in worst],
            mistakes_path,
            f"{model_path.stem}: {len(wrong)} test images not read as labelled, the worst first",
        )
    renamed = {"accuracy": "test_accuracy", "loss": "test_loss"}
    results = {renamed.get(key, key): value for key, value in scores.items()}
    return {"model_path": str(model_path)} | results, [confusion_path, mistakes_path]


def evaluate_two(args, images, labels):
    """Compare two models, draw where they differ, and return `(results, files written)`."""
    import figures
    import metrics

    paths = [Path(path) for path in args.compare]
    names = [path.stem for path in paths]
    if names[0] == names[1]:
        names = [f"{name} {number}" for number, name in enumerate(names, start=1)]
    figure_path = Path(args.plots_dir) / f"{names[0]}_and_{names[1]}.png".replace(" ", "_")
    with cli.one_line_errors():
        files.check_writable(figure_path)
    print(f"Comparing two models on {len(images):,} test images.", flush=True)
    readings = [predict(path, images) for path in paths]
    scores = [metrics.score(labels, probabilities) for probabilities in readings]
    predictions = [probabilities.argmax(axis=1) for probabilities in readings]
    comparison = metrics.compare(labels, *predictions)
    print(format_comparison(paths, scores, comparison))

    right = [row == labels for row in predictions]
    differ = (right[0] != right[1]).nonzero()[0]
    with cli.one_line_errors():
        figures.draw_readings(
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
    return {"models": models} | comparison, [figure_path]


def main(argv=None):
    """Score a model or compare two, and say what was written where."""
    args = parse_args(argv)
    with cli.one_line_errors():
        images, labels = data.load_test(args.data)
        files.check_writable(Path(args.plots_dir) / "confusion_matrix.png")
        if args.results_file:
            files.check_writable(args.results_file)
    cli.import_keras()
    results, written = (evaluate_two if args.compare else evaluate_one)(args, images, labels)
    if args.results_file:
        with cli.one_line_errors():
            files.write_json(args.results_file, results)
        written.append(args.results_file)
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    cli.run(main)
