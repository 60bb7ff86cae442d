"""Measures how well inks are told apart by their colour.

    python -m benchmarks.inks [--pages N] [--seed N] [--results-file FILE]

On each page, lines in red, blue and dark ink alternate, written with the 5,000 digits held out for
validation by the generator that the detector was trained on. Pens, papers and light are drawn here:
white, yellowish and ruled paper, warm and cold light, shadows, blur, noise, and JPEG of quality 80
with colours at half the resolution.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

import data
from digits import cli, files
from digits.evaluation.metrics import wilson_interval
from digits.reading import Page, Photo
from digits.reading.inks import INKS
from digits.training.synthetic import marks, pages, photograph, strokes

SHAPE = (720, 960)  # height, width in pixels
# Colours on white paper, of full strokes.
PENS = {
    "red": {
        "gel pen": (200, 30, 40),
        "ballpoint": (205, 70, 85),
        "felt pen": (230, 55, 60),
        "pencil": (215, 120, 120),
    },
    "blue": {
        "gel pen": (30, 50, 150),
        "ballpoint": (55, 70, 155),
        "fountain pen": (60, 85, 190),
        "navy": (30, 40, 95),
    },
    "dark": {
        "gel pen": (38, 38, 42),
        "ballpoint": (65, 62, 70),
        "pencil": (115, 115, 118),
        "felt pen": (25, 22, 24),
    },
}
PAPERS = {"white": (250, 250, 248), "yellowish": (244, 230, 190), "ruled": (248, 249, 250)}
RULES = (150, 180, 215)  # their colour on ruled paper, with a margin in the first of the red pens'


def main(argv: list[str] | None = None) -> None:
    """Read the pages with each choice of ink, and print what was read of each ink."""
    parser = cli.Parser(__doc__.split("\n")[0])
    parser.add_argument("--pages", type=cli.whole_number(1), default=30, help="number of pages")
    cli.add_seed_flag(parser)
    cli.add_results_flag(parser)
    args = parser.parse_args(argv)
    cli.check_writable(args.results_file)
    from digits.networks import load_classifier, load_detector, storage
    from digits.reading import Reader

    with cli.one_line_errors():
        reader = Reader(
            load_detector(storage.RELEASED_MODELS / "detector.keras"),
            load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
        )
        _, (images, labels) = data.split_validation(*data.load_train())
    traced = strokes.trace_digits(images, labels, np.random.default_rng(0), share_broken=0)
    # By what was asked for, and by ink and pen: digits read right, read at all, and all there are.
    counts: dict[tuple[str | None, str, str], np.ndarray] = {}
    for number in range(args.pages):
        rng = np.random.default_rng((args.seed, number))
        photo, written = make_page(rng, traced, labels)
        for asked in (None, *INKS):
            page = reader.read(photo, turn=0, ink=asked)
            for ink, (pen, boxes, digits) in written.items():
                key = asked, ink, pen
                counts[key] = counts.get(key, np.zeros(3, int)) + count(page, boxes, digits)
    rows = []
    for asked in (None, *INKS):
        for ink in INKS:
            of_pens = {key[2]: value for key, value in counts.items() if key[:2] == (asked, ink)}
            right, read, true = np.sum(list(of_pens.values()), axis=0).tolist()
            is_asked = asked in (None, ink)
            low, high = wilson_interval(right if is_asked else read, true)
            rows.append(
                {
                    "asked": asked or "any",
                    "ink": ink,
                    "digits": true,
                    "right": right,
                    "read": read,
                    "interval": [low, high],
                    "pens": {pen: value.tolist() for pen, value in sorted(of_pens.items())},
                }
            )
            share = f"{right / true:.1%} right" if is_asked else f"{read / true:.1%} read"
            shares = {pen: value[0 if is_asked else 1] / value[2] for pen, value in of_pens.items()}
            each = ", ".join(f"{pen} {value:.1%}" for pen, value in sorted(shares.items()))
            print(
                f"--ink {asked or 'any'}: {share} of {true:,} {ink} digits "
                f"(95% interval {low:.1%} to {high:.1%}): {each}"
            )
    if args.results_file:
        files.write_json(
            args.results_file, {"pages": args.pages, "seed": args.seed, "readings": rows}
        )
        print(f"Wrote {args.results_file}")


def make_page(
    rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray
) -> tuple[Photo, dict[str, tuple[str, np.ndarray, np.ndarray]]]:
    """Make a photo of a page with lines in each ink.

    Args:
        rng: random generator.
        traced: distance maps of digits from `strokes.trace_digits`.
        labels: their digits.

    Returns:
        The photo; and by ink the pen, the boxes of its digits, float of shape (n, 4) in pixels, and
        their labels.
    """
    size = rng.uniform(22, 50)
    paper = str(rng.choice(list(PAPERS)))
    photo = np.ones((*SHAPE, 3)) * PAPERS[paper]
    pitch = size * rng.uniform(1.5, 2.0)
    if paper == "ruled":
        lines = [
            [(0, y), (SHAPE[1], y)] for y in np.arange(0.3 * pitch + 0.55 * size, SHAPE[0], pitch)
        ]
        photo = _put(photo, marks.draw_lines(SHAPE, lines, 1.5), RULES)
        margin = [[(0.1 * SHAPE[1], 0), (0.1 * SHAPE[1], SHAPE[0])]]
        photo = _put(photo, 0.6 * marks.draw_lines(SHAPE, margin, 1.5), PENS["red"]["gel pen"])
    writers, pens = {}, {}
    for ink, offered in PENS.items():
        writers[ink] = writer = pages.Writer(rng, size, traced, labels, SHAPE)
        writer.pen = size * rng.uniform(0.05, 0.14)
        writer.softness = rng.uniform(0.8, 1.6)
        writer.share_circled = writer.share_crossed_out = writer.share_overwritten = 0
        pens[ink] = str(rng.choice(list(offered)))
    order = rng.permutation(list(PENS))
    for number, y in enumerate(np.arange(0.3 * pitch, SHAPE[0] - size, pitch)):
        writer = writers[order[number % len(order)]]
        x = 0.12 * SHAPE[1]
        while x < 0.75 * SHAPE[1]:
            text = str(rng.integers(10 ** int(rng.integers(1, 5))))
            start = np.array([x, y + 0.5 * size])
            x += writer.write_text(text, start, np.array([1.0, 0]), 0.1, 0.03)
            x += size * rng.uniform(1.0, 2.5)
    for ink, writer in writers.items():
        colour = np.array(PENS[ink][pens[ink]]) * rng.uniform(0.92, 1.08, 3)
        # The pen's pressure changes along the strokes.
        pressure = np.clip(0.9 + 0.08 * photograph.smooth_noise(rng, SHAPE, 40), 0.6, 1)
        photo = _put(photo, writer.ink * pressure, colour)
    photo *= rng.uniform(0.75, 1) * np.array([1, rng.uniform(0.92, 1), rng.uniform(0.78, 1)])
    light = np.clip(1 + 0.12 * photograph.smooth_noise(rng, SHAPE, 4), 0.6, 1.02)
    photo *= light[..., None]
    photo = ndimage.gaussian_filter(photo, (*(rng.uniform(0.3, 1.0),) * 2, 0))
    photo += rng.normal(0, rng.uniform(1, 5), photo.shape)
    file = io.BytesIO()
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
    image.save(file, "JPEG", quality=80, subsampling="4:2:0")
    pixels = np.asarray(Image.open(file).convert("RGB"))
    written = {
        ink: (pens[ink], np.array(writer.boxes, float), np.array(writer.written))
        for ink, writer in writers.items()
    }
    return Photo(pixels), written


def _put(photo: np.ndarray, ink: np.ndarray, colour) -> np.ndarray:
    """Put ink on a photo: each colour of the light passes it in part."""
    return photo * (1 - ink[..., None] * (1 - np.array(colour) / 255))


def count(page: Page, boxes: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Count digits read right, digits read, and digits: integers of shape (3,).

    A digit was read if the middle of one that was read is in its box.
    """
    right = read = 0
    middles = np.array([np.array(digit.box).reshape(2, 2).mean(axis=0) for digit in page.digits])
    for (left, top, rightmost, bottom), label in zip(boxes, digits, strict=True):
        if not len(middles):
            break
        x, y = middles.T
        inside = np.flatnonzero((left <= x) & (x <= rightmost) & (top <= y) & (y <= bottom))
        read += len(inside) > 0
        right += len(inside) == 1 and page.digits[inside[0]].label == label
    return np.array([right, read, len(digits)])


if __name__ == "__main__":
    cli.run(main)
