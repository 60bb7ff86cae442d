"""Score a trained network on MNIST's 10,000 test images: python evaluate.py."""

from pathlib import Path

import cli
import data
import files

NUM_MISTAKES = 20


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Score a trained network on all the test images.")
    cli.add_common_flags(parser)
    cli.add_results_flag(parser)
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


def main(argv=None):
    """Score the network, draw its mistakes, and say what was written where."""
    args = parse_args(argv)
    plots = Path(args.plots_dir)
    with cli.one_line_errors():
        images, labels = data.load_test(args.data)
        files.check_writable(plots / "confusion_matrix.png")
        if args.results_file:
            files.check_writable(args.results_file)

    cli.import_keras()
    import figures
    import metrics
    import model as models

    with cli.one_line_errors():
        model_path = models.find(args.model, args.model_path)
        confusion_path = plots / f"{model_path.stem}_confusion_matrix.png"
        mistakes_path = plots / f"{model_path.stem}_mistakes.png"
        files.check_writable(confusion_path)
        files.check_writable(mistakes_path)
        network = models.load(model_path)
    print(f"Scoring {model_path} on {len(images):,} test images.")
    probabilities = network.predict(data.normalize(images), batch_size=1000, verbose=0)
    scores = metrics.score(labels, probabilities)
    print(format_report(scores))

    true_class = probabilities[range(len(labels)), labels]
    wrong = (probabilities.argmax(axis=1) != labels).nonzero()[0]
    worst = wrong[true_class[wrong].argsort(kind="stable")][:NUM_MISTAKES]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    with cli.one_line_errors():
        figures.draw_confusion_matrix(
            scores["confusion_matrix"], confusion_path, f"{model_path.stem}: {accuracy}"
        )
        figures.draw_predictions(
            images[worst],
            probabilities[worst],
            labels[worst],
            [f"test image {index}" for index in worst],
            mistakes_path,
            f"{model_path.stem}: the {len(worst)} worst of {len(wrong)} mistakes",
        )
        written = [confusion_path, mistakes_path]
        if args.results_file:
            renamed = {"accuracy": "test_accuracy", "loss": "test_loss"}
            results = {renamed.get(key, key): value for key, value in scores.items()}
            files.write_json(args.results_file, {"model_path": str(model_path)} | results)
            written.append(args.results_file)
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    cli.run(main)
