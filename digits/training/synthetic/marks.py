"""Draws what stands on pages beside writing: rules, boxes, circles, crossings-out, scribbles."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

SUPERSAMPLING = 2  # lines are drawn so many times as large and averaged, for smooth edges

# Of printed words: those of matplotlib.
PRINT_FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic",
    "DejaVuSerif-Bold", "DejaVuSansMono", "STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol",
    "cmr10", "cmss10", "cmtt10",
)  # fmt: skip
# About as often as in English.
PRINTED_LETTERS = "eeeeetttaaaooiinnssrrhhhlddcumfpgwybvkxjqz"

Point = Sequence[float] | np.ndarray


def draw_lines(
    shape: tuple[int, int], lines: Sequence[Sequence[Point]], thickness: float
) -> np.ndarray:
    """Draw lines of one thickness.

    Args:
        shape: (height, width) in pixels.
        lines: each a sequence of points (x, y) in pixels.
        thickness: in pixels, at least 1/2.

    Returns:
        float32 array of that shape, 0 to 1.
    """
    page, draw = _blank(shape)
    width = max(1, round(SUPERSAMPLING * thickness))
    for line in lines:
        points = [(SUPERSAMPLING * x, SUPERSAMPLING * y) for x, y in line]
        draw.line(points, fill=255, width=width, joint="curve")
    return _shrink(page, shape)


def draw_rules(rng: np.random.Generator, shape: tuple[int, int], size: float) -> np.ndarray:
    """Draw the lines of ruled or squared paper, or of a table.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.
        size: height of the writing in pixels.

    Returns:
        float32 array of that shape, 0 to 1.
    """
    height, width = SUPERSAMPLING * shape[0], SUPERSAMPLING * shape[1]
    page, draw = _blank(shape)
    slope, dotted, dot_distance = rng.normal(0, 0.03), rng.random() < 0.3, rng.uniform(4, 12)
    thickness = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.2, 0.1]))
    down = SUPERSAMPLING * size * rng.uniform(0.5, 2.6)
    kind = rng.choice(["rules", "squares", "table"], p=[0.45, 0.4, 0.15])
    across = {"rules": None, "squares": down, "table": down * rng.uniform(0.5, 3)}[kind]

    def draw_line(start, end):
        if not dotted:
            draw.line([start, end], fill=255, width=thickness)
            return
        for share in np.linspace(0, 1, int(np.hypot(*np.subtract(end, start)) / dot_distance)):
            spot = np.add(start, share * np.subtract(end, start))
            draw.ellipse([*(spot - thickness / 2), *(spot + thickness / 2)], fill=255)

    for y in np.arange(-rng.uniform(0, down), height + down, down):
        draw_line((0, y), (width, y + slope * width))
    if across:
        for x in np.arange(-rng.uniform(0, across), width + across, across):
            draw_line((x, 0), (x - slope * height, height))
    return _shrink(page, shape)


def scribble(
    rng: np.random.Generator, shape: tuple[int, int], size: float, pen: float
) -> np.ndarray:
    """Draw strokes that are no digits: underlines, ticks, curves, words, doodles, specks, blots.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.
        size: height of the writing in pixels.
        pen: width of its strokes in pixels.

    Returns:
        float32 array of that shape, 0 to 1.
    """
    page, draw = _blank(shape)
    size, thickness = SUPERSAMPLING * size, max(1, round(SUPERSAMPLING * pen))
    kinds = ["line", "curve", "doodle", "specks", "blot", "tick", "zigzag", "word"]
    shares = [0.2, 0.12, 0.16, 0.12, 0.1, 0.1, 0.08, 0.12]
    for kind in rng.choice(kinds, rng.integers(1, 4), p=shares):
        start = rng.uniform(0, SUPERSAMPLING, 2) * shape[::-1]
        points: Sequence[Point]
        if kind == "line":
            angle, length = rng.normal(0, 0.12), rng.uniform(1.2, 10) * size
            angle += np.pi / 2 * (rng.random() < 0.2) if length > 2 * size else 0
            points = [start, start + length * np.array([np.cos(angle), np.sin(angle)])]
        elif kind == "curve":
            turns = np.cumsum(rng.normal(0, 0.6 * size, (rng.integers(4, 9), 2)), axis=0)
            points = list(ndimage.gaussian_filter1d(turns.repeat(8, axis=0), 3, axis=0) + start)
        elif kind == "doodle":
            points = list(doodle(rng) * size * rng.uniform(0.3, 0.7) + start)
        elif kind == "tick":
            down, up = rng.uniform(0.15, 0.5, 2) * size, rng.uniform(0.5, 1.1, 2) * size
            points = [start - down, start, start + up * (1, -1)]
        elif kind == "word":
            points = list(joined_letters(rng) * size + start)
        elif kind == "zigzag":
            points = zigzag(rng, start, rng.uniform(0.5, 2) * size, rng.uniform(0.4, 1) * size)
        elif kind == "blot":
            radii = rng.uniform(0.2, 0.9, 2) * size
            corners = [*(start - radii), *(start + radii)]
            if rng.random() < 0.4:
                draw.ellipse(corners, fill=255)
            else:
                filled = 255 if rng.random() < 0.6 else None
                sides, turn = int(rng.integers(3, 7)), rng.uniform(0, 360)
                circle = (*start, radii.mean())
                draw.regular_polygon(circle, sides, turn, fill=filled, outline=255, width=thickness)
            continue
        else:
            for spot in rng.uniform(0, SUPERSAMPLING, (rng.integers(1, 25), 2)) * shape[::-1]:
                radius = rng.uniform(0.5, 0.07 * size + 0.7) * rng.uniform(0.7, 1.2, 2)
                draw.ellipse([*(spot - radius), *(spot + radius)], fill=255)
            continue
        draw.line([tuple(point) for point in points], fill=255, width=thickness, joint="curve")
    return _shrink(page, shape)


def doodle(rng: np.random.Generator) -> np.ndarray:
    """Make the points of a doodle: a spiral, a star, a flower, or a dense tangle.

    Args:
        rng: random generator.

    Returns:
        float array of shape (n, 2), x and y, about -1 to 1.
    """
    turn, squeeze = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.2)
    kind = rng.choice(["spiral", "star", "flower", "tangle"])
    if kind == "tangle":
        return ndimage.gaussian_filter1d(rng.uniform(-1.3, 1.3, (40, 2)), 1.0, axis=0)
    if kind == "spiral":
        angles = np.linspace(0, 2 * np.pi * rng.uniform(1.8, 4), 60)
        radii = np.linspace(rng.uniform(0, 0.2), 1, 60)
    elif kind == "star":
        corners = int(rng.integers(4, 8))
        angles = np.arange(2 * corners + 1) * np.pi / corners
        radii = np.where(np.arange(len(angles)) % 2, rng.uniform(0.3, 0.5), 1.0)
    else:
        angles = np.linspace(0, 2 * np.pi, 60)
        petals, depth = int(rng.integers(3, 8)), rng.uniform(0.25, 0.6)
        radii = 1 - depth + depth * np.cos(petals * angles)
    points = radii[:, None] * np.stack([np.cos(angles + turn), np.sin(angles + turn)], axis=1)
    return points * (squeeze, 1)


def joined_letters(rng: np.random.Generator) -> np.ndarray:
    """Make the points of a word in joined handwriting: arches and loops, some of them tall.

    Args:
        rng: random generator.

    Returns:
        float array of shape (n, 2), x and y in digit heights, from about the origin to the right.
    """
    count, per_letter = int(rng.integers(3, 16)), 12
    heights = rng.uniform(0.3, 0.6) * np.where(rng.random(count) < 0.25, 2.0, 1.0)
    heights *= np.where(rng.random(count) < 0.1, -1, 1) * rng.uniform(0.7, 1.3, count)
    loops = rng.uniform(-0.1, 0.35, count) * rng.uniform(0.2, 1.2)
    advances = rng.uniform(0.2, 0.4) * rng.uniform(0.7, 1.3, count)
    phase = np.linspace(0, 2 * np.pi, per_letter, endpoint=False)
    x = np.concatenate([[0], np.cumsum(advances)[:-1]])[:, None]
    x = x + advances[:, None] * phase / (2 * np.pi) + loops[:, None] * np.sin(phase)
    y = -heights[:, None] * (1 - np.cos(phase)) / 2
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points[:, 0] -= rng.uniform(0, 0.5) * points[:, 1]  # slanted, as most handwriting
    return points + np.array([0, rng.uniform(0, 0.3)])


def print_word(rng: np.random.Generator, size: float, font_name: str) -> np.ndarray:
    """Print a word of random letters; some begin with a capital one, or are all in capitals.

    Args:
        rng: random generator.
        size: of the font in pixels.
        font_name: one of `PRINT_FONTS`.

    Returns:
        float32 array of shape (height, width), 0 to 1, as large as the word.
    """
    letters = rng.choice(list(PRINTED_LETTERS), int(rng.integers(2, 10)))
    word = "".join(letters)
    case = rng.random()
    word = word.upper() if case < 0.1 else word.capitalize() if case < 0.35 else word
    font = _load_font(font_name, round(SUPERSAMPLING * size))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(word))
    width, height = (-(-side // SUPERSAMPLING) for side in (right - left, bottom - top))
    page, draw = _blank((max(1, height), max(1, width)))
    draw.text((-left, -top), word, 255, font=font)
    return _shrink(page, (max(1, height), max(1, width)))


@functools.lru_cache(maxsize=300)
def _load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(str(path), size)


def zigzag(
    rng: np.random.Generator, middle: np.ndarray, width: float, height: float
) -> list[np.ndarray]:
    """Make the points of a zigzag line with which writing is crossed out.

    Args:
        rng: random generator.
        middle: float array of shape (2,), x and y in pixels.
        width: of the line in pixels.
        height: of the line in pixels.

    Returns:
        Its points.
    """
    count = int(rng.integers(5, 12))
    across = np.linspace(-width / 2, width / 2, count)
    down = np.where(np.arange(count) % 2, -height / 2, height / 2) * rng.uniform(0.7, 1.1, count)
    return list(np.stack([across, down], axis=1) + middle)


def ring(
    rng: np.random.Generator, middle: np.ndarray, width: float, height: float
) -> list[np.ndarray]:
    """Make the points of a circle drawn by hand around writing.

    Args:
        rng: random generator.
        middle: float array of shape (2,), x and y in pixels.
        width: of the circle in pixels.
        height: of the circle in pixels.

    Returns:
        Its points; the ends of the line may miss each other or overlap.
    """
    start = rng.uniform(0, 2 * np.pi)
    angles = start + np.linspace(0, 2 * np.pi * rng.uniform(0.93, 1.12), 24)
    drift = 1 + rng.normal(0, 0.06) * np.linspace(-1, 1, 24)
    return list(
        np.stack([width / 2 * np.cos(angles), height / 2 * np.sin(angles)], axis=1) * drift[:, None]
        + middle
    )


def frame(
    rng: np.random.Generator, middle: np.ndarray, width: float, height: float
) -> list[np.ndarray]:
    """Make the points of a box or a diamond drawn by hand around writing.

    Args:
        rng: random generator.
        middle: float array of shape (2,), x and y in pixels.
        width: of the frame in pixels.
        height: of the frame in pixels.

    Returns:
        Its points; the ends of the line may miss each other.
    """
    if rng.random() < 0.6:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.5
    else:
        corners = np.array([[0, -1], [1, 0], [0, 1], [-1, 0], [0, -1]]) * 0.65
    corners = corners + rng.normal(0, 0.04, corners.shape)
    return list(corners * (width, height) + middle)


def gaps(rng: np.random.Generator, ink: np.ndarray, radius: float, count: int) -> np.ndarray:
    """Draw round spots on the ink, where it is to be erased.

    Args:
        rng: random generator.
        ink: float32 array of shape (height, width), 0 no ink to 1.
        radius: of the spots, in pixels.
        count: how many.

    Returns:
        float32 array of that shape, 0 to 1; 0 where there is no ink to erase.
    """
    page, draw = _blank(ink.shape)
    spots = np.argwhere(ink > 0.5)
    if len(spots):
        for y, x in SUPERSAMPLING * rng.choice(spots, count):
            reach = SUPERSAMPLING * radius
            draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)
    return _shrink(page, ink.shape)


def fibres(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw the fibres of rough paper: short curved lines, lighter and darker than it.

    Args:
        rng: random generator.
        shape: (height, width) in pixels.

    Returns:
        float32 array of that shape, -1 to 1.
    """
    layers = []
    for _ in range(2):
        lines = []
        for start in rng.uniform(0, 1, (rng.integers(3, 50), 2)) * shape[::-1]:
            angle, bend, step = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3), rng.uniform(1.5, 6)
            angles = angle + bend * np.arange(6)
            steps = step * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            lines.append(start + np.cumsum(steps, axis=0))
        layers.append(draw_lines(shape, lines, rng.uniform(0.5, 2.5)))
    return layers[0] - layers[1]


def _blank(shape):
    page = Image.new("L", (SUPERSAMPLING * shape[1], SUPERSAMPLING * shape[0]))
    return page, ImageDraw.Draw(page)


def _shrink(page, shape):
    return np.asarray(page.resize(shape[::-1], Image.Resampling.BOX), np.float32) / 255
