"""Counts the digits that the reader invents on pictures without any.

    python -m benchmarks.no_digits [--results-file FILE]

The pictures are made with Pillow and matplotlib's fonts, not by the generator that the detector
was trained on: printed words, ruled and squared paper, forms and tables without entries, ticks and
dashes, circles, crossed-out lines, doodles, and the grain of paper under a light from the side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from digits import cli, files

SHAPE = (700, 900)  # height, width in pixels
PICTURES_OF_A_KIND = 10
# Words without the letters that, alone, are digits as much as letters.
WORDS = "apple chair and river the summer hand paper month every week name garden take"


def main(argv: list[str] | None = None) -> None:
    """Read the pictures of each kind, and print how many digits were found on them."""
    parser = cli.Parser(__doc__.split("\n")[0])
    cli.add_model_flags(parser, default="cnn")
    cli.add_photo_flags(parser)
    cli.add_results_flag(parser)
    args = parser.parse_args(argv)
    cli.check_writable(args.results_file)
    from digits.networks import find_model, load_classifier, load_detector
    from digits.reading import Reader

    with cli.one_line_errors():
        detector = load_detector(args.detector_path)
        reader = Reader(detector, load_classifier(find_model(args.model, args.model_path)))
    print(f"Digits invented on {PICTURES_OF_A_KIND} pictures of each kind, with {detector.path}:")
    results = {}
    for kind, pictures in make_pictures(seed=0).items():
        counts = [len(reader.read(picture).digits) for picture in pictures]
        results[kind] = counts
        print(f"  {kind:16} {sum(counts):3}   (most on one picture: {max(counts)})", flush=True)
    total = sum(map(sum, results.values()))
    num_pictures = sum(map(len, results.values()))
    print(f"{total} digits on {num_pictures} pictures")
    if args.results_file:
        files.write_json(args.results_file, results)
        print(f"Wrote {args.results_file}")


def make_pictures(seed: int, count: int = PICTURES_OF_A_KIND) -> dict[str, list[np.ndarray]]:
    """Make pictures without digits.

    Args:
        seed: the same seed makes the same pictures.
        count: pictures of each kind.

    Returns:
        By kind, uint8 arrays of shape (height, width, 3).
    """
    pictures = {}
    for number, (kind, draw_ink) in enumerate(KINDS.items()):
        rngs = [np.random.default_rng((seed, number, index)) for index in range(count)]
        pictures[kind] = [_photograph(rng, draw_ink(rng)) for rng in rngs]
    return pictures


def _photograph(rng: np.random.Generator, ink: Image.Image) -> np.ndarray:
    """Put ink on paper that is lit unevenly, with a little noise."""
    blurred = ndimage.gaussian_filter(np.asarray(ink, np.float32) / 255, rng.uniform(0.3, 1.2))
    y, x = np.indices(blurred.shape) / max(blurred.shape)
    light = rng.uniform(0.6, 0.9) + rng.uniform(-0.2, 0.2) * x + rng.uniform(-0.2, 0.2) * y
    photo = light * (1 - rng.uniform(0.4, 0.9) * blurred)
    photo += rng.normal(0, rng.uniform(0.003, 0.02), photo.shape)
    grey = (np.clip(photo, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", SHAPE[::-1])
    return image, ImageDraw.Draw(image)


def _draw_words(rng):
    import matplotlib.font_manager

    image, draw = _blank()
    size = float(rng.uniform(18, 70))
    family = str(rng.choice(["DejaVu Sans", "DejaVu Serif", "STIXGeneral", "cmmi10"]))
    path = matplotlib.font_manager.findfont(family)
    font = ImageFont.truetype(path, size)
    for y in np.arange(20, SHAPE[0] - size, size * 1.5):
        line = " ".join(rng.choice(WORDS.split(), 12))
        draw.text((rng.uniform(5, 60), y), line, 255, font=font)
    return image


def _draw_rules(rng):
    image, draw = _blank()
    pitch, width = rng.uniform(20, 80), int(rng.integers(1, 4))
    slope = rng.normal(0, 0.02)
    for y in np.arange(0, SHAPE[0], pitch):
        draw.line([(0, y), (SHAPE[1], y + slope * SHAPE[1])], 255, width)
    if rng.random() < 0.5:
        for x in np.arange(0, SHAPE[1], pitch):
            draw.line([(x, 0), (x - slope * SHAPE[0], SHAPE[0])], 255, width)
    return image


def _draw_form(rng):
    image, draw = _blank()
    width, height = rng.uniform(25, 90), rng.uniform(30, 80)
    thickness = int(rng.integers(1, 5))
    for y in np.arange(40, SHAPE[0] - height, height * rng.uniform(1, 2)):
        for x in np.arange(40, SHAPE[1] - width - 20, width):
            draw.rectangle([x, y, x + width, y + height], outline=255, width=thickness)
    return image


def _draw_ticks(rng):
    image, draw = _blank()
    pen = int(rng.integers(2, 7))
    for _ in range(25):
        x, y = rng.uniform(40, SHAPE[1] - 60), rng.uniform(60, SHAPE[0] - 40)
        size = rng.uniform(15, 45)
        if rng.random() < 0.5:
            points = [(x, y), (x + 0.4 * size, y + 0.5 * size), (x + 1.2 * size, y - 0.7 * size)]
        else:
            points = [(x, y), (x + size, y + rng.normal(0, 2))]
        draw.line(points, 255, pen, joint="curve")
    return image


def _draw_circles(rng):
    image, draw = _blank()
    for _ in range(10):
        x, y = rng.uniform(60, SHAPE[1] - 300), rng.uniform(60, SHAPE[0] - 120)
        width, height = rng.uniform(130, 260), rng.uniform(30, 80)  # around words, not a 0
        draw.ellipse([x, y, x + width, y + height], outline=255, width=int(rng.integers(2, 6)))
    return image


def _draw_crossings_out(rng):
    image, draw = _blank()
    pen = int(rng.integers(2, 6))
    for _ in range(14):
        x, y = rng.uniform(30, SHAPE[1] - 200), rng.uniform(30, SHAPE[0] - 80)
        width, height = rng.uniform(50, 160), rng.uniform(20, 50)
        count = int(width / rng.uniform(4, 9))
        across = x + np.linspace(0, width, count) + rng.normal(0, 3, count)
        down = y + height * (np.arange(count) % 2) + rng.normal(0, 4, count)
        draw.line(list(zip(across, down, strict=True)), 255, pen, joint="curve")
    return image


def _draw_doodles(rng):
    image, draw = _blank()
    pen = int(rng.integers(2, 7))
    for _ in range(8):
        middle = rng.uniform(100, SHAPE[0] - 100, 2)
        radius, corners = rng.uniform(25, 80), int(rng.integers(5, 9))
        kind = rng.choice(["star", "house", "wave", "spiral"])
        if kind == "star":
            angles = np.arange(2 * corners + 1) * math.pi / corners
            radii = np.where(np.arange(len(angles)) % 2, 0.45, 1) * radius
            points = middle + radii[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        elif kind == "house":
            shape = [
                (-1, 1),
                (-1, -0.2),
                (0, -1),
                (1, -0.2),
                (1, 1),
                (-1, 1),
                (1, -0.2),
                (-1, -0.2),
            ]
            points = middle + radius * np.array(shape)
        elif kind == "wave":
            across = np.linspace(0, 4 * math.pi, 60)
            points = middle + np.stack([across * radius / 4, np.sin(across) * radius / 2], axis=1)
        else:
            angles = np.linspace(0, 7 * math.pi, 90)
            radii = np.linspace(0, radius, 90)
            points = middle + radii[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        draw.line([tuple(point) for point in points], 255, pen, joint="curve")
    return image


def _draw_grain(rng):
    """Rough paper: smooth noise seen under light from a side, stronger along one direction."""
    noise = rng.standard_normal(SHAPE)
    rough = ndimage.gaussian_filter(noise, rng.uniform(0.8, 6, 2))
    rough = ndimage.sobel(rough, axis=int(rng.integers(2)))
    values = np.clip(110 + 50 * rough / rough.std(), 0, 255) * rng.uniform(0.1, 0.6)
    return Image.fromarray(values.astype(np.uint8))


KINDS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "words": _draw_words,
    "ruled paper": _draw_rules,
    "empty forms": _draw_form,
    "ticks and dashes": _draw_ticks,
    "circles": _draw_circles,
    "crossings-out": _draw_crossings_out,
    "doodles": _draw_doodles,
    "grain": _draw_grain,
}


if __name__ == "__main__":
    cli.run(main)
