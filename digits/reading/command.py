"""Reads photo files for predict.py: prints the lines, draws each photo, writes JSON and CSV."""

import os
import sys
from pathlib import Path

import numpy as np

from digits import cli, files
from digits.reading import figures, layout, photos

# Of a table of numbers.
COLUMNS = ("file", "line", "number", "text", "probability", "sure", "x", "y", "width", "height")


def run(args):
    """Read the photos that the command line names.

    Args:
        args: what `predict.parse_args` returns, with `photos`.

    Returns:
        Exit status: 0, 1 if some photos could not be read, 2 if none could.
    """
    plots = Path(args.plots_dir)
    paths = photos.find(args.photos)
    figure_paths = name_figures(paths, plots)
    with cli.one_line_errors():
        for path in (plots / "reading.png", args.results_file, args.csv):
            if path:
                files.check_writable(path)
    if not any(os.path.isfile(path) for path in paths):  # no need to wait for TensorFlow
        print_errors([photos.explain_missing(path) for path in paths])
        return 2

    from digits.keras_quietly import keras
    from digits.networks import storage
    from digits.reading import reader

    with cli.one_line_errors():
        finder_path = storage.find("finder", args.finder_path)
        model_path = storage.find(args.model, args.model_path)
        if storage.is_own_json(args.results_file, [finder_path, model_path]):
            raise ValueError(f"{args.results_file} is a model's own JSON: give another name")
        finder, classifier = storage.load_finder(finder_path), storage.load(model_path)
        threshold = storage.read_threshold(model_path)
    progress = keras.utils.Progbar(len(paths), unit_name="photo") if len(paths) > 1 else None
    readings, errors = [], []
    for path, figure_path in zip(paths, figure_paths, strict=True):
        try:
            photo, scale = photos.load(path)
        except (ValueError, OSError) as error:
            errors.append(error)
        else:
            lines = reader.read(photo, finder, classifier, threshold)
            title = f"{show(path.name)}: {summarize(lines)}"
            with cli.one_line_errors():
                figures.draw_note(photo, lines, figure_path, title)
            readings.append((path, figure_path, lines, describe(lines, scale)))
        if progress:
            progress.add(1)
    print_errors(errors)
    with cli.one_line_errors():
        written = write(args, readings)
    if readings:
        print(f"Read with {finder_path} and {model_path}, which is not sure below {threshold:.1%}.")
    for path, figure_path, lines, _ in readings:
        print(f"{show(path)}: {summarize(lines)}")
        print(format_lines(lines), end="")
        print(f"Wrote {show(figure_path)}")
    for path in written:
        print(f"Wrote {path}")
    return (1 if readings else 2) if errors else 0


def print_errors(errors):
    """Print each error as a line on stderr."""
    for error in errors:
        print(f"error: {' '.join(show(error).split())}", file=sys.stderr)


def show(name):
    """A file's name as text that can be printed, whatever bytes it has."""
    return str(name).encode("utf-8", "replace").decode("utf-8")


def name_figures(paths, plots):
    """Name a figure for each photo, unlike the others and unlike the photos.

    Args:
        paths: list of `Path`.
        plots: folder of the figures.

    Returns:
        list of `Path`.
    """
    named, taken = [], {path.resolve() for path in paths}
    for path in paths:
        stem, number = path.stem[:100], 1  # file systems allow some 255 bytes
        name = plots / f"{stem}_reading.png"
        while name.resolve() in taken:
            number += 1
            name = plots / f"{stem}_reading_{number}.png"
        taken.add(name.resolve())
        named.append(name)
    return named


def describe(lines, scale):
    """Describe what was read as plain values, ready for JSON.

    Args:
        lines: what `reader.read` returned.
        scale: pixels of the file to a pixel of the photo that was read.

    Returns:
        list of dicts: `text` and `digits`, dicts of `label`, `probability`, `sure` and `box`,
        [x, y, width, height] in pixels of the file.
    """
    return [
        {
            "text": line["text"],
            "digits": [
                {
                    "label": digit["label"],
                    "probability": round(digit["probability"], 4),
                    "sure": digit["sure"],
                    "box": [round(side * scale, 1) for side in digit["box"]],
                }
                for digit in line["digits"]
            ],
        }
        for line in lines
    ]


def summarize(lines):
    """Say how many digits there are: "14 digits in 3 lines"."""
    count = len(layout.list_digits(lines))
    if not count:
        return "no digits found"
    return f"{count} digit{'s'[: count > 1]} in {len(lines)} line{'s'[: len(lines) > 1]}"


def format_lines(lines):
    """Format lines for printing, each with the digits on it that are not sure."""
    text = ""
    for line in lines:
        unsure = [
            f"{digit['label']} {digit['probability']:.0%}, or {digit['runner_up']}"
            for digit in line["digits"]
            if not digit["sure"]
        ]
        text += (
            f"  {line['text']}" + (f"   (not sure: {'; '.join(unsure)})" if unsure else "") + "\n"
        )
    return text


def list_numbers(path, lines):
    """List the numbers of a photo as rows of a table.

    Args:
        path: the photo's.
        lines: what `describe` returned.

    Returns:
        list of dicts of `file`, `line` and `number` (counted from 1), `text`, `probability` (the
        lowest of its digits), `sure` (whether all of them are), `x`, `y`, `width`, `height` (of its
        box, in pixels of the file).
    """
    rows = []
    for line_number, line in enumerate(lines, start=1):
        left = list(line["digits"])
        for number, text in enumerate(line["text"].split(), start=1):
            digits, left = left[: len(text)], left[len(text) :]
            boxes = np.array([digit["box"] for digit in digits])
            x, y = boxes[:, :2].min(axis=0)
            right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
            rows.append(
                {
                    "file": show(path),
                    "line": line_number,
                    "number": number,
                    "text": text,
                    "probability": min(digit["probability"] for digit in digits),
                    "sure": all(digit["sure"] for digit in digits),
                    "x": round(float(x), 1),
                    "y": round(float(y), 1),
                    "width": round(float(right - x), 1),
                    "height": round(float(bottom - y), 1),
                }
            )
    return rows


def write(args, readings):
    """Write the JSON and the CSV that were asked for; returns their paths."""
    written = []
    if args.results_file:
        results = [{"file": str(path), "lines": described} for path, _, _, described in readings]
        files.write_json(args.results_file, results)
        written.append(args.results_file)
    if args.csv:
        rows = [row for path, _, _, described in readings for row in list_numbers(path, described)]
        files.write_csv(args.csv, {name: [row[name] for row in rows] for name in COLUMNS})
        written.append(args.csv)
    return written
