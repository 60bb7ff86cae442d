"""Make the example notes, and the README's figure of how one is read: python -m examples.make_examples.

They are written with MNIST's test digits, which no network here has seen, on made-up paper.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

ROOT = Path(__file__).parent.parent
import data
from digits import cli
from digits.training.synthetic import pages, photograph, strokes

SHAPE = 640, 900  # pixels
SIZE = 62  # pixels, height of a digit


def write(lines, rng, tracings, labels, pen):
    """Write lines of digits and operators, each with slants of its own.

    Args:
        lines: list of strings of digits, spaces and `strokes.OPERATORS`.
        rng: `numpy.random.Generator`.
        tracings: digits to write with, from `strokes.trace_digits`.
        labels: which they are.
        pen: width of the strokes in pixels.

    Returns:
        float32 array of `SHAPE`, 0 to 1.
    """
    hand = pages.Hand(rng, SIZE, tracings, labels, SHAPE)
    hand.pen, hand.softness = pen, 1.5
    for row, line in enumerate(lines):
        x, slope = 110.0, rng.normal(0, 0.02)
        for sign in line:
            y = 120 + 1.9 * SIZE * row + slope * x + rng.normal(0, 2)
            kind = "digits" if sign.isdecimal() else "operators"
            if sign.isdecimal():
                index = rng.choice(np.flatnonzero(labels == int(sign)))
            elif sign != " ":
                index = strokes.OPERATORS.index(sign)
            if sign != " ":
                hand.write(kind, x, y, SIZE, rng.normal(0, 0.03), index)
            x += 0.8 * SIZE if sign != " " else 0.6 * SIZE
    # Tracings are made for small digits; at this size their corners are rounded off.
    smooth = ndimage.gaussian_filter(hand.ink, 1.5)
    return np.clip((smooth - 0.5) * 3 + 0.5, 0, 1).astype(np.float32)


def main():
    """Write the notes beside this script, and the figure to plots/released."""
    cli.Parser("Make the example notes, and the figure of how one is read.").parse_args()
    images, labels = data.load_test()
    rng = np.random.default_rng(11)
    tracings = strokes.trace_digits(images[:2000], labels[:2000], rng, share_broken=0)
    labels = labels[:2000]

    ink = write(
        ["12 + 30 = 42", "0172 555 364", "3141592653", "86 ÷ 2 = 43"], rng, tracings, labels, 4.5
    )
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
    ink = write(["8421", "60 59 58"], rng, tracings, labels, 7)
    chalk = ink * np.clip(1 + 0.5 * photograph.smooth_noise(rng, SHAPE, 120), 0.4, 1)
    board = 0.16 + 0.02 * photograph.smooth_noise(rng, SHAPE, 5)[..., None] + np.zeros(3)
    save(board + 0.7 * chalk[..., None] + rng.normal(0, 0.015, SHAPE)[..., None], "blackboard.jpg")
    draw_steps()


def save(photo, name):
    """Save a float photo, 0 to 1, beside this script."""
    path = Path(__file__).parent / name
    Image.fromarray((np.clip(photo, 0, 1) * 255).astype(np.uint8)).save(path, quality=85)
    print(f"Wrote {path}")


def draw_steps():
    """Draw how the note is read, step by step."""
    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import storage
    from digits.reading import detect, figures, photos, reader

    photo, _ = photos.load(Path(__file__).parent / "note.jpg")
    network = storage.load_finder(storage.RELEASED_MODELS / "finder.keras")
    path = storage.RELEASED_MODELS / "cnn.keras"
    lines = reader.read(photo, network, storage.load(path), storage.read_threshold(path))
    path = ROOT / "plots" / "released" / "reading_steps.png"
    figures.draw_steps(photo, detect.even_out(network, reader.to_grey(photo)), lines, path)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
