"""Read digits: python predict.py 0 1 2 (test images), python predict.py note.jpg (photos)."""

import sys
from pathlib import Path

import numpy as np

import data
from digits import cli, files

NUM_RANDOM = 10


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Read test images, or photos of handwritten notes.")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="test images, counted from 0; or photos (PNG, JPEG, WebP, BMP, TIFF, GIF; one named 7 "
        f"as ./7) and folders of photos (default: {NUM_RANDOM} test images at random)",
    )
    cli.add_common_flags(parser, default_model="cnn for photos, else dense")
    parser.add_argument(
        "--finder-path",
        type=cli.keras_file,
        metavar="FILE.keras",
        help="the network that finds digits on photos (default: saved_models/finder.keras; if you "
        "have trained none, the one released with the project)",
    )
    cli.add_seed_flag(parser)
    cli.add_results_flag(parser)
    parser.add_argument(
        "--csv",
        type=cli.csv_file,
        metavar="FILE.csv",
        help="write the numbers read on photos here, one a row (default: they are only printed)",
    )
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
    if (args.csv or args.finder_path) and not args.photos:
        flag = "--csv" if args.csv else "--finder-path"
        parser.error(f"received {flag} without photos, expected some: give their names")
    args.model = args.model or ("cnn" if args.photos else "dense")
    return args


def choose_indices(texts, num_images, seed):
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


def describe(index, row, label, threshold):
    """Describe one prediction as plain values, ready for JSON.

    Args:
        index: of the test image.
        row: probabilities of shape (10,).
        label: true digit.
        threshold: probability below which the network is not sure.

    Returns:
        dict of `index`, `prediction`, `probability`, `sure`, `runners_up` (the next two), `label`,
        `correct`.
    """
    first, *others = np.argsort(-row, kind="stable")[:3]
    return {
        "index": int(index),
        "prediction": int(first),
        "probability": float(row[first]),
        "sure": bool(row[first] >= threshold),
        "runners_up": [{"digit": int(digit), "probability": float(row[digit])} for digit in others],
        "label": int(label),
        "correct": bool(first == label),
    }


def format_table(predictions):
    """Format the dicts of `describe` as a table."""
    lines = ["index  prediction  probability  runners-up          true digit"]
    for row in predictions:
        runners_up = ", ".join(f"{r['digit']} {r['probability']:.2%}" for r in row["runners_up"])
        lines.append(
            f"{row['index']:>5}  {row['prediction']:>10}  {row['probability']:>11.2%}  "
            f"{runners_up:<18}  {row['label']:>10}{'' if row['correct'] else '  WRONG'}"
            f"{'' if row['sure'] else '  not sure'}"
        )
    return "\n".join(lines)


def predict_images(args):
    """Predict test images, draw them, and say what was written where."""
    with cli.one_line_errors():
        images, labels = data.load_test(args.data)
        indices = choose_indices(args.inputs, len(images), args.seed)
        files.check_writable(Path(args.plots_dir) / "predictions.png")
        if args.results_file:
            files.check_writable(args.results_file)

    from digits import plotting
    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import storage

    with cli.one_line_errors():
        model_path = storage.find(args.model, args.model_path)
        figure_path = Path(args.plots_dir) / f"{model_path.stem}_predictions.png"
        files.check_writable(figure_path)
        network = storage.load(model_path)
        threshold = storage.read_threshold(model_path)
        kept = storage.read_kept_results(args.results_file, [model_path])
    images, labels = images[indices], labels[indices]
    probabilities = network.predict(data.normalize(images), batch_size=1000, verbose=0)
    predictions = [
        describe(*values, threshold) for values in zip(indices, probabilities, labels, strict=True)
    ]
    num_correct = sum(row["correct"] for row in predictions)
    # Written before anything is printed: the reader of the table may stop reading early.
    with cli.one_line_errors():
        plotting.draw_predictions(
            images,
            probabilities,
            labels,
            [f"test image {index}" for index in indices],
            figure_path,
            f"{model_path.stem}: {num_correct} of {len(predictions)} right",
            threshold,
        )
        written = [figure_path]
        if args.results_file:
            results = {"model_path": str(model_path), "predictions": predictions}
            files.write_json(args.results_file, kept | results)
            written.append(args.results_file)
    print(f"Predicted by {model_path}: {num_correct} of {len(predictions)} right.")
    print(format_table(predictions))
    if not all(row["sure"] for row in predictions):
        print(f"Not sure: a probability below {threshold:.1%}.")
    if len(indices) > plotting.MAX_PREDICTIONS:
        print(f"The figure shows the first {plotting.MAX_PREDICTIONS}.")
    for path in written:
        print(f"Wrote {path}")


def main(argv=None):
    """Read test images or photos, whichever are named."""
    args = parse_args(argv)
    if args.photos:
        from digits.reading import command

        sys.exit(command.run(args))
    predict_images(args)


if __name__ == "__main__":
    cli.run(main)
