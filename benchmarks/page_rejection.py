"""Measure which drawings the page in docs/page says do not look like a digit.

Usage: python -m benchmarks.page_rejection [--fit] [--results-file FILE.json]

Draws the same kinds of drawings as `python -m benchmarks.rejection`, brings them into MNIST's
format as the page does, and scores them by saved_models/released/tiny_rejection.json. Each drawing
counts as one digit. With --fit, this file is made first: the rejection learns from digits of the
training images, and from the drawings of digits/training/rejection.py, of other fonts and shapes
than those it is measured on; its threshold refuses 1% of MNIST's validation digits, from which it
did not learn.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING

import numpy as np

from digits import cli, files
from digits.networks import storage

if TYPE_CHECKING:
    from digits.networks.rejection import FeatureExtractor, Rejection

NETWORK = storage.RELEASED_MODELS / "tiny.keras"
REJECTION = storage.RELEASED_MODELS / "tiny_rejection.json"
SHARE_REFUSED = 0.01  # of validation digits
NUM_DRAWINGS = 10_000  # digits, and other drawings, to learn from
SEED_FIT, SEED_THRESHOLD, SEED_MEASURED = 0, 1, 2


def fit(extract: FeatureExtractor, num_drawings: int) -> Rejection:
    """Fit a rejection to as many training digits as other drawings, and set its threshold."""
    import data
    from benchmarks import drawings
    from benchmarks.rejection import find_threshold
    from digits.training import rejection

    (train, _), (validation, _) = data.split_validation(*data.load_train())
    rng = np.random.default_rng(SEED_FIT)
    digits = rejection.draw_digits(train[:num_drawings], rng)
    others = rejection.draw_others(num_drawings, rng)
    fitted = rejection.fit(extract(digits), extract(others), SEED_FIT)
    drawn = drawings.draw_digits(validation, np.random.default_rng(SEED_THRESHOLD))
    threshold = find_threshold(fitted.score(extract(_prepare(drawn))), SHARE_REFUSED)
    return dataclasses.replace(fitted, threshold=round(threshold, 3))


def measure(
    rejection: Rejection, extract: FeatureExtractor, num_digits: int, num_others: int
) -> dict[str, float]:
    """Measure the shares refused.

    Args:
        rejection: to measure.
        extract: of the same network.
        num_digits: how many of the test digits.
        num_others: how many drawings of each of `drawings.KINDS`.

    Returns:
        Shares by "test" and the kinds.
    """
    import data
    from benchmarks import drawings

    rng = np.random.default_rng(SEED_MEASURED)
    images = {"test": _prepare(drawings.draw_digits(data.load_test()[0][:num_digits], rng))}
    for kind, make in drawings.KINDS.items():
        images[kind] = _prepare([make(rng) for _ in range(num_others)])
        print(f"{num_others} {kind} drawn", file=sys.stderr, flush=True)
    return {
        name: float((rejection.score(extract(drawn)) < rejection.threshold).mean())
        for name, drawn in images.items()
    }


def _prepare(drawn: list[np.ndarray]) -> np.ndarray:
    from digits.transforms.to_mnist import to_mnist

    inks = (1 - canvas[..., 0].astype(np.float32) / 255 for canvas in drawn)
    return np.concatenate([to_mnist(ink) for ink in inks])


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(
        description=__doc__,
        prog="python -m benchmarks.page_rejection",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--fit", action="store_true", help=f"fit the rejection first, and write {REJECTION.name}"
    )
    parser.add_argument(
        "--num-digits",
        type=cli.whole_number(1),
        default=10_000,
        metavar="N",
        help="test digits, at most (default: 10000, which is all)",
    )
    parser.add_argument(
        "--num-others",
        type=cli.whole_number(1),
        default=1000,
        metavar="N",
        help="other drawings of each kind (default: 1000)",
    )
    cli.add_results_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Fit if asked to, measure, and print a table."""
    args = parse_args()
    cli.check_writable(args.results_file)
    from digits.networks.rejection import FeatureExtractor, load_rejection

    with cli.one_line_errors():
        extract = FeatureExtractor(storage.load_classifier_model(NETWORK))
        rejection = fit(extract, NUM_DRAWINGS) if args.fit else load_rejection(REJECTION)
    if args.fit:
        cli.write_all({REJECTION: lambda path: files.write_json(path, rejection.to_dict())})
    shares = measure(rejection, extract, args.num_digits, args.num_others)
    print(f"| {' | '.join(shares)} |")
    print(f"|{' --- |' * len(shares)}")
    print(f"| {' | '.join(f'{share:.1%}' for share in shares.values())} |")
    if args.results_file:
        counts = {"num_digits": args.num_digits, "num_others": args.num_others}
        results = {"threshold": rejection.threshold, **counts, "refused": shares}
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
