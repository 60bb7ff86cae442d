"""Read a folder of labelled photos: python -m benchmarks.photo_accuracy FOLDER.

FOLDER holds photos and `labels.json`, a list of {"file", "lines", "layout", "kind"}: the true
digits, a string a line; "lines" or "single" as layout where their order counts, any other where
each is a number of its own. An error is a digit left out, added or misread. Where tesseract is
installed it reads the same photos.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from digits import files


def count_edits(one, other):
    """Fewest digits to insert, delete or change to make one string the other (Levenshtein)."""
    costs = list(range(len(other) + 1))
    for row, left in enumerate(one, start=1):
        diagonal, costs[0] = costs[0], row
        for column, right in enumerate(other, start=1):
            change = diagonal + (left != right)
            diagonal = costs[column]
            costs[column] = min(change, costs[column] + 1, costs[column - 1] + 1)
    return costs[-1]


def count_errors(layout, true, found):
    """Errors in the lines found; where order does not count, of the best pairing of numbers."""
    found = [re.sub(r"\D", "", line) for line in found]
    if layout in ("lines", "single"):
        return count_edits("".join(true), "".join(found))
    size = len(true) + len(found)
    costs = np.zeros((size, size))
    for row, number in enumerate(true):
        costs[row] = len(number)
        costs[row, : len(found)] = [count_edits(number, other) for other in found]
    costs[len(true) :, : len(found)] = [len(number) for number in found]
    return int(costs[linear_sum_assignment(costs)].sum())


def read_with_tesseract(path, kind):
    """Lines that Tesseract reads, told to look for digits only."""
    mode = "10" if kind == "single" else "6"
    command = ["tesseract", path, "-", "--psm", mode, "-c", "tessedit_char_whitelist=0123456789"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")


def read_folder(folder, finder, classifier, tesseract=False):
    """Read the labelled photos of a folder and count errors.

    Args:
        folder: Path of photos and `labels.json`.
        finder: trained network as `finder.build_finder` builds.
        classifier: trained network of `model.BUILDERS`.
        tesseract: whether it reads the photos too.

    Returns:
        list of dicts: `reader` ("ours" or "tesseract"), `file`, `kind`, `digits`, `errors`,
        `seconds`, `lines`.
    """
    from digits.reading import photos, reader

    def read(path, kind):
        return [line["text"] for line in reader.read(photos.load(path)[0], finder, classifier, 0.0)]

    readers = {"ours": read}
    if tesseract:
        readers["tesseract"] = read_with_tesseract
    rows = []
    for label in json.loads((folder / "labels.json").read_text()):
        for name, read_photo in readers.items():
            start = time.perf_counter()
            lines = read_photo(folder / label["file"], label["kind"])
            seconds = round(time.perf_counter() - start, 3)
            row = {"reader": name, "file": label["file"], "kind": label["kind"]}
            row["digits"] = sum(map(len, label["lines"]))
            row["errors"] = count_errors(label["layout"], label["lines"], lines)
            rows.append(row | {"seconds": seconds, "lines": lines})
    return rows


def summarize(rows, reader, kind):
    """Errors, digits, photos and photos without an error of one reader on one kind of photo."""
    chosen = [row for row in rows if (row["reader"], row["kind"]) == (reader, kind)]
    return {
        "errors": sum(row["errors"] for row in chosen),
        "digits": sum(row["digits"] for row in chosen),
        "photos": len(chosen),
        "perfect": sum(row["errors"] == 0 for row in chosen),
    }


def main():
    """Read each photo, compare, and print errors, seconds and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model-path", help="classifier (default: the released cnn)")
    parser.add_argument("--finder-path", help="finder (default: the released one)")
    parser.add_argument("--results-file", help="write the rows here as JSON")
    args = parser.parse_args()
    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import storage
    from digits.reading import reader

    finder_path = args.finder_path or storage.RELEASED_MODELS / "finder.keras"
    model_path = args.model_path or storage.RELEASED_MODELS / "cnn.keras"
    print(f"Reading with {finder_path} and {model_path}.")
    finder, classifier = storage.load_finder(finder_path), storage.load(model_path)
    blank = np.full((300, 300, 3), 255, np.uint8)
    reader.read(blank, finder, classifier, 0.0)  # first use takes longer
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = read_folder(args.folder, finder, classifier, shutil.which("tesseract"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    ours = [row for row in rows if row["reader"] == "ours"]
    for row in ours:
        print("{errors:3d}/{digits:<3d} {seconds:5.2f} s  {file}  {lines}".format(**row))
    for name in dict.fromkeys(row["reader"] for row in rows):
        for kind in ("multi", "single"):
            of_kind = summarize(rows, name, kind)
            right = 1 - of_kind["errors"] / max(1, of_kind["digits"])
            print(
                f"{name}, {kind}: {of_kind['errors']} errors in {of_kind['digits']} digits "
                f"({right:.1%} right), {of_kind['perfect']} of {of_kind['photos']} photos perfect"
            )
    seconds = [row["seconds"] for row in ours]
    print(
        f"ours: {np.median(seconds):.2f} s a photo (median), {max(seconds):.2f} s at most, "
        f"{memory / 1024:.0f} MB more memory"
    )
    if args.results_file:
        files.write_json(args.results_file, rows)


if __name__ == "__main__":
    main()
