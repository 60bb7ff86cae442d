"""Makes the example photos, and the figure of how one is read: python -m benchmarks.make_examples.

They are written with MNIST's test digits, which no network here was trained on, and with drawn
signs, on made-up paper.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import data
from digits import cli
from digits.training.synthetic import marks, pages, photograph, strokes

ROOT = Path(__file__).parent.parent
SHAPE = 640, 900  # pixels
SIZE = 62  # pixels, height of a digit
SHEET = [
    ["1", "21.5", "14", "35.5"],
    ["2", "18", "", "18"],
    ["3", "7.25", "-3", "4.25"],
    ["4", "30", "16", "46"],
    ["5", "", "29", "29"],
    ["6", "12", "8.5", "20.5"],
]


def write(
    lines: list[str], rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray, pen: float
) -> np.ndarray:
    """Write lines of digits and signs, each with slants of its own.

    Args:
        lines: of digits, signs and spaces.
        rng: random generator.
        traced: distance maps of digits from `strokes.trace_digits`.
        labels: their digits.
        pen: width of the strokes in pixels.

    Returns:
        float32 array of `SHAPE`, 0 no ink to 1.
    """
    writer = make_writer(SIZE, rng, traced, labels, pen)
    for row, line in enumerate(lines):
        slope = rng.normal(0, 0.02)
        write_text(writer, line, 110.0, 120 + 1.9 * SIZE * row, SIZE, slope)
    return smooth(writer.ink)


def write_sheet(
    rows: list[list[str]], rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Write a table with a rule around each cell.

    Args:
        rows: texts of the cells.
        rng: random generator.
        traced: distance maps of digits from `strokes.trace_digits`.
        labels: their digits.

    Returns:
        Ink of the writing and of the rules, float32 arrays of `SHAPE`, 0 to 1.
    """
    size, top, left, height, width = 40, 60, 70, 85, 190
    writer = make_writer(size, rng, traced, labels, pen=3.5)
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            x = left + column * width + rng.uniform(45, 70)
            y = top + (row + 0.5) * height + rng.normal(0, 4)
            write_text(writer, text, x, y, size, rng.normal(0, 0.02))
    bottom, right = top + len(rows) * height, left + len(rows[0]) * width
    lines = [[(left, top + n * height), (right, top + n * height)] for n in range(len(rows) + 1)]
    lines += [
        [(left + n * width, top), (left + n * width, bottom)] for n in range(len(rows[0]) + 1)
    ]
    return smooth(writer.ink), marks.draw_lines(SHAPE, lines, 1.5)


def make_writer(
    size: float, rng: np.random.Generator, traced: np.ndarray, labels: np.ndarray, pen: float
) -> pages.Writer:
    """Make a writer with a certain pen, who crosses nothing out."""
    writer = pages.Writer(rng, size, traced, labels, SHAPE)
    writer.pen, writer.softness, writer.share_overwritten = pen, 1.5, 0
    return writer


def write_text(
    writer: pages.Writer, text: str, x: float, y: float, size: float, slope: float
) -> None:
    """Write digits, signs and spaces from (x, y) on."""
    start = x
    for symbol in text:
        if symbol != " ":
            narrow = -0.22 * size if symbol in ".,:" else 0
            place, level = x + narrow, y + slope * (x - start) + writer.rng.normal(0, 0.03 * size)
            writer.write_symbol(symbol, place, level, size, writer.rng.normal(0, 0.03))
            x += 2 * narrow
        x += 0.8 * size if symbol != " " else 0.6 * size


def smooth(ink: np.ndarray) -> np.ndarray:
    """Round off the corners of strokes: they are traced for smaller digits."""
    return np.clip((ndimage.gaussian_filter(ink, 1.5) - 0.5) * 3 + 0.5, 0, 1).astype(np.float32)


def light_paper(rng: np.random.Generator) -> np.ndarray:
    """Make paper in the light of a lamp: float array of (*SHAPE, 3), 0 black to 1 white."""
    y, x = np.indices(SHAPE) / max(SHAPE)
    light = 0.93 - 0.35 * x * y - 0.15 * (x - 0.4) ** 2
    return light[..., None] * [1.0, 0.97, 0.9] + rng.normal(0, 0.012, SHAPE)[..., None]


def save(photo: np.ndarray, name: str) -> None:
    """Save a float photo, 0 black to 1 white, beside this script."""
    path = ROOT / "examples" / name
    Image.fromarray((np.clip(photo, 0, 1) * 255).astype(np.uint8)).save(path, quality=85)
    print(f"Wrote {path}")


def draw_steps() -> None:
    """Draw how the note is read, step by step."""
    from digits.networks import load_classifier, load_detector, storage
    from digits.networks.detector import STRIDE
    from digits.networks.detector_model import LocalContrastNormalization
    from digits.reading import Reader, figures, load_photo

    photo = load_photo(ROOT / "examples" / "note.jpg")
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
    """Write the photos to examples/, and the figure to plots/released."""
    cli.Parser("Make the example photos, and the figure of how one is read.").parse_args()
    images, labels = data.load_test()
    rng = np.random.default_rng(20)
    traced = strokes.trace_digits(images[:2000], labels[:2000], rng, share_broken=0)
    rng = np.random.default_rng(33)
    labels = labels[:2000]

    lines = ["12 + 30 = 42", "0172 555 364", "3141592653", "86 ÷ 2 = 43"]
    ink = write(lines, rng, traced, labels, pen=4.5)
    rules = np.zeros(SHAPE, np.float32)
    rules[85 :: int(0.95 * SIZE)] = 0.25
    ink_colour, rule_colour = np.array([0.95, 0.8, 0.35]), np.array([0.9, 0.5, 0.2])
    rules = 1 - rules[..., None] * rule_colour
    photo = light_paper(rng) * (1 - 0.85 * ink[..., None] * ink_colour) * rules
    save(photo, "note.jpg")
    save(np.rot90(photo), "sideways.jpg")

    rng = np.random.default_rng(21)
    ink, rules = write_sheet(SHEET, rng, traced, labels)
    ink, rules = (ndimage.rotate(part, 1.5, reshape=False, order=1) for part in (ink, rules))
    rules = 1 - 0.55 * rules[..., None]
    save(light_paper(rng) * (1 - 0.85 * ink[..., None] * ink_colour) * rules, "sheet.jpg")

    rng = np.random.default_rng(7)
    ink = write(["8421", "60 59 58"], rng, traced, labels, pen=7)
    chalk = ink * np.clip(1 + 0.5 * photograph.smooth_noise(rng, SHAPE, 120), 0.4, 1)
    board = 0.16 + 0.02 * photograph.smooth_noise(rng, SHAPE, 5)[..., None] + np.zeros(3)
    save(board + 0.7 * chalk[..., None] + rng.normal(0, 0.015, SHAPE)[..., None], "blackboard.jpg")
    draw_steps()


if __name__ == "__main__":
    main()
