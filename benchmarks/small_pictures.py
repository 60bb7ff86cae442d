"""Measure how many of the smallest pictures give exactly the one right digit.

Usage: python -m benchmarks.small_pictures [--results-file FILE.json]

MNIST's validation digits are read as pictures of 28x28 pixels and less: as they are (light on
dark), dark on light, cut off at the ink's edge, faint (a contrast of 0.2), faint with broken
strokes, and of 16x16 pixels without greys, as Semeion's digits are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from digits import cli, files
from digits.networks import storage

if TYPE_CHECKING:
    from digits.reading import Reader

SEED = 0
CONTRAST = 0.2  # of faint ink
GAP = 1.6  # pixels, radius of a gap


def break_strokes(image: np.ndarray, rng: np.random.Generator, num_gaps: int = 2) -> np.ndarray:
    """Erase the ink around random places of it: float32 arrays of shape (28, 28), 0 to 1, both."""
    image = image.copy()
    rows, columns = np.indices(image.shape)
    for y, x in rng.permutation(np.argwhere(image > 0.5))[:num_gaps]:
        image[np.hypot(rows - y, columns - x) < GAP] = 0
    return image


def crop(image: np.ndarray) -> np.ndarray:
    """Cut off the paper around the ink: float32 array of shape (height, width), 0 to 1."""
    inked = image > 0.5
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def to_semeion(image: np.ndarray) -> np.ndarray:
    """Stretch the ink to 16x16 pixels without greys: float32 array of 0 and 1."""
    small = Image.fromarray(crop(image)).resize((16, 16), Image.Resampling.BOX)
    return (np.asarray(small) > 0.4).astype(np.float32)


# From ink, 0 to 1, to the brightness of a picture, 0 to 1.
KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "light on dark": lambda ink, rng: ink,
    "dark on light": lambda ink, rng: 1 - ink,
    "cut off, light on dark": lambda ink, rng: crop(ink),
    "cut off, dark on light": lambda ink, rng: 1 - crop(ink),
    "faint, light on dark": lambda ink, rng: 0.1 + CONTRAST * ink,
    "faint, dark on light": lambda ink, rng: 0.9 - CONTRAST * ink,
    "faint and broken": lambda ink, rng: 0.9 - CONTRAST * break_strokes(ink, rng),
    "faint, broken and cut off": lambda ink, rng: 0.9 - CONTRAST * crop(break_strokes(ink, rng)),
    "16x16, light on dark": lambda ink, rng: to_semeion(ink),
    "16x16, dark on light": lambda ink, rng: 1 - to_semeion(ink),
}


def make_pictures(kind: str, images: np.ndarray) -> list[np.ndarray]:
    """Make pictures of a kind.

    Args:
        kind: key of `KINDS`.
        images: uint8 array of shape (n, 28, 28).

    Returns:
        uint8 arrays of shape (height, width, 3), at most 28x28.
    """
    rng = np.random.default_rng(SEED)
    greys = [KINDS[kind](image / np.float32(255), rng) for image in images]
    return [np.repeat(np.uint8(255 * grey)[..., None], 3, axis=2) for grey in greys]


def measure(reader: Reader, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Read the pictures of each kind.

    Args:
        reader: of photos.
        images: uint8 array of shape (n, 28, 28).
        labels: integers 0-9 of shape (n,).

    Returns:
        The share that gives exactly the one right digit, by kind.
    """
    shares = {}
    for kind in KINDS:
        read = [reader.read(picture).text for picture in make_pictures(kind, images)]
        shares[kind] = float(
            np.mean([text == str(one) for text, one in zip(read, labels, strict=True)])
        )
        print(f"{kind}: {shares[kind]:.1%}", file=sys.stderr, flush=True)
    return shares


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.small_pictures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--detector-path",
        type=cli.file_name(".keras"),
        default=storage.RELEASED_MODELS / "detector.keras",
        metavar="FILE.keras",
        help="the network that detects digits (default: the released one)",
    )
    parser.add_argument(
        "--num-pictures",
        type=cli.whole_number(1),
        default=200,
        metavar="N",
        help="pictures of each kind (default: 200)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Read pictures of each kind and print a table."""
    args = parse_args()
    cli.check_writable(args.results_file)
    import data

    with cli.one_line_errors():
        from digits.networks import load_classifier, load_detector
        from digits.reading import Reader

        classifier = load_classifier(storage.RELEASED_MODELS / "cnn.keras")
        reader = Reader(load_detector(args.detector_path), classifier)
        images, labels = data.split_validation(*data.load_train())[1]
    shares = measure(reader, images[: args.num_pictures], labels[: args.num_pictures])
    print("| pictures | exactly the one right digit |")
    print("| --- | --- |")
    for kind, share in shares.items():
        print(f"| {kind} | {share:.1%} |")
    if args.results_file:
        results = {
            "detector": str(args.detector_path),
            "num_pictures": args.num_pictures,
            "right": shares,
        }
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
