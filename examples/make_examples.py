"""Makes the example photos, and the figure of how one is read: python -m examples.make_examples.

They are written with MNIST's test digits, which no network here was trained on, on made-up paper.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import data
from digits import cli
from digits.training.synthetic import pages, photograph, strokes

ROOT = Path(__file__).parent.parent
SHAPE = 640, 900  # pixels
SIZE = 62  # pixels, height of a digit


def write(
    lines: list[str], rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray, pen: float
) -> np.ndarray:
    """Write lines of digits and operators, each with slants of its own.

    Args:
        lines: of digits, spaces and `strokes.OPERATORS`.
        rng: random generator.
        traced: distance maps of digits from `strokes.trace_digits`.
        labels: their digits.
        pen: width of the strokes in pixels.

    Returns:
        float32 array of `SHAPE`, 0 no ink to 1.
    """
    writer = pages.Writer(rng, SIZE, traced, labels, SHAPE)
    writer.pen, writer.softness = pen, 1.5
    for row, line in enumerate(lines):
        x, slope = 110.0, rng.normal(0, 0.02)
        for symbol in line:
            y = 120 + 1.9 * SIZE * row + slope * x + rng.normal(0, 2)
            kind = "digits" if symbol.isdecimal() else "operators"
            if symbol.isdecimal():
                index = rng.choice(np.flatnonzero(labels == int(symbol)))
            elif symbol != " ":
                index = strokes.OPERATORS.index(symbol)
            if symbol != " ":
                writer.write(kind, x, y, SIZE, rng.normal(0, 0.03), index)
            x += 0.8 * SIZE if symbol != " " else 0.6 * SIZE
    # Strokes are traced for small digits; at this size their corners are rounded off.
    smooth = ndimage.gaussian_filter(writer.ink, 1.5)
    return np.clip((smooth - 0.5) * 3 + 0.5, 0, 1).astype(np.float32)


def save(photo: np.ndarray, name: str) -> None:
    """Save a float photo, 0 black to 1 white, beside this script."""
    path = Path(__file__).parent / name
    Image.fromarray((np.clip(photo, 0, 1) * 255).astype(np.uint8)).save(path, quality=85)
    print(f"Wrote {path}")


def draw_steps() -> None:
    """Draw how the note is read, step by step."""
    from digits.networks import load_classifier, load_detector, storage
    from digits.networks.detector import STRIDE
    from digits.networks.detector_model import LocalContrastNormalization
    from digits.reading import Reader, figures, load_photo

    photo = load_photo(Path(__file__).parent / "note.jpg")
    released = storage.RELEASED_MODELS
    reader = Reader(
        load_detector(released / "detector.keras"), load_classifier(released / "cnn.keras")
    )
    grey = photo.grey()
    padded = np.pad(grey, [(0, -side % STRIDE) for side in grey.shape], "edge")
    ink = np.asarray(LocalContrastNormalization()(padded[None, ..., None]))[0, ..., 0]
    path = ROOT / "plots" / "released" / "reading_steps.png"
    figures.draw_steps(photo, ink[: grey.shape[0], : grey.shape[1]], reader.read(photo), path)
    print(f"Wrote {path}")


def main() -> None:
    """Write the photos beside this script, and the figure to plots/released."""
    cli.Parser("Make the example photos, and the figure of how one is read.").parse_args()
    images, labels = data.load_test()
    rng = np.random.default_rng(11)
    traced = strokes.trace_digits(images[:2000], labels[:2000], rng, share_broken=0)
    labels = labels[:2000]

    lines = ["12 + 30 = 42", "0172 555 364", "3141592653", "86 ÷ 2 = 43"]
    ink = write(lines, rng, traced, labels, pen=4.5)
    rules = np.zeros(SHAPE, np.float32)
    rules[85 :: int(0.95 * SIZE)] = 0.25
    y, x = np.indices(SHAPE) / max(SHAPE)
    light = (0.93 - 0.35 * x * y - 0.15 * (x - 0.4) ** 2)[..., None] * [1.0, 0.97, 0.9]
    ink_colour, rule_colour = np.array([0.95, 0.8, 0.35]), np.array([0.9, 0.5, 0.2])
    photo = light * (1 - 0.85 * ink[..., None] * ink_colour) * (1 - rules[..., None] * rule_colour)
    photo += rng.normal(0, 0.012, SHAPE)[..., None]
    save(photo, "note.jpg")
    save(np.rot90(photo), "sideways.jpg")

    rng = np.random.default_rng(5)
    ink = write(["8421", "60 59 58"], rng, traced, labels, pen=7)
    chalk = ink * np.clip(1 + 0.5 * photograph.smooth_noise(rng, SHAPE, 120), 0.4, 1)
    board = 0.16 + 0.02 * photograph.smooth_noise(rng, SHAPE, 5)[..., None] + np.zeros(3)
    save(board + 0.7 * chalk[..., None] + rng.normal(0, 0.015, SHAPE)[..., None], "blackboard.jpg")
    draw_steps()


if __name__ == "__main__":
    main()
