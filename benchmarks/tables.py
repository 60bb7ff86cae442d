"""Measures how many cells of tables, boxes and sudokus are read right.

    python -m benchmarks.tables [--results-file FILE]

The sheets are written with the 5,000 digits held out for validation, by the generator that the
detector was trained on; their rules are drawn here. They are of the kinds in `KINDS`, in equal
shares.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

import data
from digits import cli, files
from digits.evaluation.metrics import wilson_interval
from digits.reading import Page, Photo
from digits.training.synthetic import marks, pages, photograph, strokes

SHEETS = 220
SHAPE = (700, 900)  # height, width in pixels
TOP_LEFT, FILLED = 0.07, 0.86  # where a table starts, and how much of the page it takes
# As height of the writing: so large that paper has no rules of its own.
NO_PAPER_RULES = 1e6
HEADINGS = ("Name", "Total", "Maths", "English", "Physics", "Score", "Round", "Points", "Test")
NAMES = ("Anna", "Ben", "Chloe", "Dilip", "Elena", "Farid", "Grace", "Hugo", "Ines", "Joan", "Kim")
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "STIXGeneral.ttf")


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A photo of a table, or of rows of boxes.

    Attributes:
        photo: of it.
        cells: the texts in it, by row and column, "" where a cell is empty. Of boxes, a row is one
            number, "_" for an empty box in it.
        num_headings: rows above and columns to the left of the numbers, which a table may lack.
        is_table: false for rows of boxes.
    """

    photo: Photo
    cells: list[list[str]]
    num_headings: int = 0
    is_table: bool = True


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of cells; they can be added.

    Attributes:
        sheets: that were read.
        filled: cells that are filled.
        right: those of them that were read right, in their row and column.
        found: cells that were read as filled.
        invented: cells that were read as filled though they are empty, and numbers that were read
            beside the table.
        without_table: sheets on which nothing was found.
    """

    sheets: int = 0
    filled: int = 0
    right: int = 0
    found: int = 0
    invented: int = 0
    without_table: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add those of other sheets."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Counts(*(one + another for one, another in pairs))

    def to_dict(self) -> dict[str, int | float]:
        """Export them with their shares: of the filled cells, and of those that were found."""
        shares = {
            "accuracy": self.right / max(self.filled, 1),
            "share_found": self.found / max(self.filled, 1),
            "share_invented": self.invented / max(self.found, 1),
        }
        return dataclasses.asdict(self) | {name: round(share, 4) for name, share in shares.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class Digits:
    """Traced digits to write with.

    Attributes:
        traced: their distance maps, from `strokes.trace_digits`.
        labels: which digits they are.
    """

    traced: np.ndarray
    labels: np.ndarray


def main(argv: list[str] | None = None) -> None:
    """Read the sheets, and print how many cells are right."""
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
        _, (images, labels) = data.split_validation(*data.load_train())
    digits = Digits(strokes.trace_digits(images, labels, np.random.default_rng(0)), labels)
    counts: dict[str, Counts] = dict.fromkeys(KINDS, Counts())
    for kind, sheet in make_sheets(digits, SHEETS):
        counts[kind] += count(sheet, reader.read(sheet.photo))
    total = sum(counts.values(), Counts())
    print(f"{SHEETS} sheets with {detector.path}:")
    print(format_counts(counts | {"total": total}))
    low, high = wilson_interval(total.right, total.filled)
    print(f"95% interval of the share of all cells that are right: {low:.1%} to {high:.1%}")
    if args.results_file:
        kinds = {kind: here.to_dict() for kind, here in counts.items()}
        files.write_json(args.results_file, {"kinds": kinds, "total": total.to_dict()})
        print(f"Wrote {args.results_file}")


def format_counts(counts: dict[str, Counts]) -> str:
    """Format counts as a table with a row for each kind of sheet."""
    lines = [
        f"{'kind':<14} sheets  filled  right           found           invented       no table"
    ]
    for kind, here in counts.items():
        shares = here.to_dict()
        lines.append(
            f"{kind:<14} {here.sheets:6} {here.filled:7,} "
            f"{here.right:6,} ({shares['accuracy']:6.1%}) "
            f"{here.found:6,} ({shares['share_found']:6.1%}) "
            f"{here.invented:6,} ({shares['share_invented']:6.1%}) {here.without_table:6}"
        )
    return "\n".join(lines)


def make_sheets(digits: Digits, number: int) -> Iterator[tuple[str, Sheet]]:
    """Make sheets of all kinds in turn, the same at each call.

    Args:
        digits: to write with.
        number: of sheets in all.

    Yields:
        The name of its kind, and the sheet.
    """
    for index in range(number):
        place, kind = divmod(index, len(KINDS))
        seed, make = list(KINDS.values())[kind]
        yield list(KINDS)[kind], make(np.random.default_rng((seed, place)), digits)


def make_full(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table with thin or thick rules, some of them double, turned a little."""
    return _make_table(rng, digits, _make_cells(rng))


def make_faint(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table with rules that are faint, or worn off in places."""
    is_broken = rng.random() < 0.5
    strength = rng.uniform(0.4, 1) if is_broken else rng.uniform(0.1, 0.3)
    return _make_table(rng, digits, _make_cells(rng), strength=strength, is_broken=is_broken)


def make_tilted(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table that is turned by up to 3 degrees, and photographed at an angle."""
    view = _View(np.radians(rng.uniform(-3, 3)), rng.choice([-1, 1], 2) * rng.uniform(0, 0.12, 2))
    return _make_table(rng, digits, _make_cells(rng), view=view)


def make_signed(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table of numbers with a decimal point or a minus."""
    return _make_table(rng, digits, _make_cells(rng, shares=(0.2, 0.1, 0.45, 0.25)))


def make_headed(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table with words in its first row and its first column, printed or joined letters."""
    cells = _make_cells(rng, most_columns=5)
    num_columns = 1 + len(cells[0])
    cells = [[""] * num_columns] + [["", *row] for row in cells]
    return _make_table(rng, digits, cells, num_headings=1)


def make_unruled(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table without rules: numbers line up in columns."""
    return _make_aligned(rng, digits, has_rules=False)


def make_half_ruled(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a table with rules between its rows only."""
    return _make_aligned(rng, digits, has_rules=True)


def make_boxes(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a form: rows of boxes with a digit each, some empty, with or without a word before."""
    num_rows, size = int(rng.integers(1, 6)), rng.uniform(24, 46)
    pitch, height = size * rng.uniform(0.9, 1.6), size * rng.uniform(1.15, 1.9)
    apart = height * rng.uniform(1.3, 2.2)
    top = (SHAPE[0] - num_rows * apart) / 2
    writer, has_words = _make_writer(rng, digits, size), rng.random() < 0.5
    share_empty = rng.choice([0, 0.2])
    cells, lines, words = [], [], []
    for row in range(num_rows):
        count = int(rng.integers(3, min(12, int(0.6 * SHAPE[1] / pitch)) + 1))
        left, y = 0.3 * SHAPE[1], max(top, 20) + row * apart
        if y + height > SHAPE[0] - 15:
            break
        text = "".join(map(str, rng.integers(0, 10, count)))
        inside = ["_" if rng.random() < share_empty else digit for digit in text[1:-1]]
        text = text[0] + "".join(inside) + text[-1]
        cells.append([text])
        _write_cells(writer, [list(text.replace("_", " "))], left, y, pitch, height)
        right = left + count * pitch
        lines += [[(left, edge), (right, edge)] for edge in (y, y + height)]
        lines += [[(left + n * pitch, y), (left + n * pitch, y + height)] for n in range(count + 1)]
        if has_words:
            words.append((str(rng.choice(HEADINGS)), 0.06 * SHAPE[1], y + height / 2))
    rules = marks.draw_lines(SHAPE, lines, rng.uniform(0.6, 2.5))
    ink = np.maximum(writer.ink, _print_words(rng, words, size))
    photo = _photograph(rng, ink, rules, NO_PAPER_RULES, rng.uniform(0.3, 1), _View.random(rng))
    return Sheet(photo, cells, is_table=False)


def make_sudoku(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a sudoku, 22 to 36 of its 81 cells filled, turned by up to 3 degrees."""
    pitch = rng.uniform(36, 68)
    size = pitch / rng.uniform(1.3, 2.5)
    filled = np.zeros(81, bool)
    filled[rng.permutation(81)[: rng.integers(22, 37)]] = True
    numbers = [str(rng.integers(1, 10)) if is_filled else "" for is_filled in filled]
    cells = [numbers[9 * row : 9 * row + 9] for row in range(9)]
    left, top = (np.array(SHAPE[::-1]) - 9 * pitch) / 2 * rng.uniform(0.9, 1.1, 2)
    writer = _make_writer(rng, digits, size)
    _write_cells(writer, cells, left, top, pitch, pitch)
    ys, xs = top + pitch * np.arange(10), left + pitch * np.arange(10)
    thickness = rng.uniform(0.6, 1.5)
    rules = marks.draw_lines(SHAPE, _make_grid(ys, xs), thickness)
    thick = marks.draw_lines(SHAPE, _make_grid(ys[::3], xs[::3]), thickness * rng.uniform(2, 3))
    view = _View(np.radians(rng.uniform(-3, 3)), rng.normal(0, 0.04, 2))
    rules, strength = np.maximum(rules, thick), rng.uniform(0.3, 1)
    return Sheet(_photograph(rng, writer.ink, rules, NO_PAPER_RULES, strength, view), cells)


def make_circled(rng: np.random.Generator, digits: Digits) -> Sheet:
    """Make a score card: mostly single digits, some of them circled."""
    shape = int(rng.integers(3, 7)), int(rng.integers(8, 15))
    cells = [[_make_score(rng) for _ in range(shape[1])] for _ in range(shape[0])]
    height, width = 0.4 * SHAPE[0] / shape[0] * rng.uniform(1, 1.8), FILLED * SHAPE[1] / shape[1]
    height = min(height, 1.5 * width)
    writer = _make_writer(rng, digits, size=min(height, width) * rng.uniform(0.4, 0.6))
    writer.share_circled = rng.uniform(0.15, 0.5)
    left, top = TOP_LEFT * SHAPE[1], (SHAPE[0] - shape[0] * height) / 2
    _write_cells(writer, cells, left, top, width, height)
    ys, xs = (
        first + side * np.arange(count + 1)
        for first, side, count in ((top, height, shape[0]), (left, width, shape[1]))
    )
    rules = marks.draw_lines(SHAPE, _make_grid(ys, xs), rng.uniform(0.6, 2))
    strength, view = rng.uniform(0.3, 1), _View.random(rng)
    return Sheet(_photograph(rng, writer.ink, rules, NO_PAPER_RULES, strength, view), cells)


# The seed and the maker of each kind; a new kind gets a new seed, so that the others stay the same.
KINDS: dict[str, tuple[int, Callable[[np.random.Generator, Digits], Sheet]]] = {
    "full rules": (1, make_full),
    "faint, broken": (2, make_faint),
    "tilted": (3, make_tilted),
    "boxes": (4, make_boxes),
    "sudoku": (5, make_sudoku),
    "signed": (6, make_signed),
    "words": (7, make_headed),
    "no rules": (8, make_unruled),
    "half ruled": (9, make_half_ruled),
    "circled": (10, make_circled),
}


def count(sheet: Sheet, page: Page) -> Counts:
    """Count the cells of a sheet that were read right."""
    if not sheet.is_table:
        return count_numbers([row[0] for row in sheet.cells], [n.text for n in page.numbers])
    if page.table is None:
        return count_cells(sheet.cells, [])
    beside = sum(page.table.locate(number) is None for number in page.numbers)
    counts = count_cells(sheet.cells, page.table.texts, sheet.num_headings)
    return dataclasses.replace(counts, invented=counts.invented + beside)


def count_cells(true: list[list[str]], found: list[list[str]], num_headings: int = 0) -> Counts:
    """Compare the cells of a table with those that were read.

    Args:
        true: texts by row and column.
        found: the same, of any shape; none for no table.
        num_headings: how many of the first rows and columns it may lack; it is compared where most
            cells are right.

    Returns:
        The counts of a sheet.
    """
    texts = {(r, c): text for r, row in enumerate(true) for c, text in enumerate(row) if text}
    best = Counts(1, len(texts), without_table=int(not found))
    for down, right in np.ndindex(num_headings + 1, num_headings + 1):
        read = {
            (r + down, c + right): text
            for r, row in enumerate(found)
            for c, text in enumerate(row)
            if text
        }
        num_correct = sum(read.get(place) == text for place, text in texts.items())
        if num_correct > best.right or not best.found:
            best = dataclasses.replace(
                best,
                right=num_correct,
                found=len(read),
                invented=len(read.keys() - texts.keys()),
            )
    return best


def count_numbers(true: list[str], found: list[str]) -> Counts:
    """Compare the numbers in rows of boxes with those that were read, in any order."""
    right = (collections.Counter(true) & collections.Counter(found)).total()
    invented = max(len(found) - len(true), 0)
    return Counts(1, len(true), right, len(found), invented, int(not found))


@dataclasses.dataclass(frozen=True)
class _View:
    """From where a sheet is photographed: its turn in radians, and its tilts, 0 for none."""

    angle: float
    tilt: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator) -> _View:
        """Make that of somebody who holds the camera about straight."""
        return cls(rng.normal(0, 0.02), rng.normal(0, 0.04, 2))


def _make_cells(
    rng: np.random.Generator,
    shares: tuple[float, ...] = (0.2, 0.6, 0.12, 0.08),
    most_columns: int = 7,
) -> list[list[str]]:
    """Make up the numbers in a table; its first and last rows and columns are not empty.

    Args:
        rng: random generator.
        shares: of empty cells, whole numbers, decimals and negative numbers.
        most_columns: of the table.
    """
    num_rows, num_columns = int(rng.integers(3, 11)), int(rng.integers(2, most_columns + 1))
    cells = [[_make_text(rng, shares) for _ in range(num_columns)] for _ in range(num_rows)]
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        cells[row][column] = str(rng.integers(1, 100))
    return cells


def _make_score(rng: np.random.Generator) -> str:
    """Make up what a player took at a hole, or the sum of several."""
    return str(rng.integers(1, 10) if rng.random() < 0.9 else rng.integers(10, 60))


def _make_text(rng: np.random.Generator, shares: tuple[float, ...]) -> str:
    kind = rng.choice(["empty", "whole", "decimal", "negative"], p=shares)
    if kind == "empty":
        return ""
    number = str(rng.integers(0, rng.choice([10, 100, 1000])))
    if kind == "decimal":
        return f"{number[:2]}.{rng.integers(0, 10)}"
    return f"-{number[:2]}" if kind == "negative" else number


def _make_table(
    rng: np.random.Generator,
    digits: Digits,
    cells: list[list[str]],
    num_headings: int = 0,
    strength: float | None = None,
    is_broken: bool | None = None,
    view: _View | None = None,
) -> Sheet:
    """Make a table with rules around all cells; what is None is random."""
    num_rows, num_columns = len(cells), len(cells[0])
    height, width = np.array(SHAPE) * FILLED / (num_rows, num_columns)
    size = min(rng.uniform(0.4, 0.75) * height, 0.28 * width, 60)
    writer = _make_writer(rng, digits, size)
    top, left = np.array(SHAPE) * TOP_LEFT
    _write_cells(writer, cells, left, top, width, height)
    ink = writer.ink
    if num_headings:
        middles = [left + (column + 0.1) * width for column in range(num_columns)]
        words = [(str(rng.choice(HEADINGS)), x, top + height / 2) for x in middles]
        words += [
            (str(rng.choice(NAMES)), middles[0], top + (row + 0.5) * height)
            for row in range(1, num_rows)
        ]
        ink = np.maximum(ink, _print_words(rng, words, size, 0.8 * width))
    rules = _draw_rules(rng, num_rows, num_columns, is_broken)
    strength = rng.uniform(0.3, 1) if strength is None else strength
    view = _View.random(rng) if view is None else view
    return Sheet(_photograph(rng, ink, rules, size, strength, view), cells, num_headings)


def _make_aligned(rng: np.random.Generator, digits: Digits, has_rules: bool) -> Sheet:
    """Make a table whose columns are aligned, with rules between its rows or without any."""
    cells = _make_cells(rng, most_columns=6)
    # Nothing shows an empty row or column.
    kept = [row for row in cells if any(row)]
    columns = [column for column in zip(*kept, strict=True) if any(column)]
    cells = [list(row) for row in zip(*columns, strict=True)]
    num_rows, num_columns = len(cells), len(cells[0])
    height, width = np.array(SHAPE) * FILLED / (num_rows, num_columns)
    size = min(rng.uniform(0.4, 0.75) * height, 0.2 * width, 60)
    writer = _make_writer(rng, digits, size)
    top, left = np.array(SHAPE) * TOP_LEFT
    starts = _align(rng, columns)
    for row, texts in enumerate(cells):
        for column, text in enumerate(texts):
            x = left + (column + 0.5) * width + 0.62 * size * starts[column][row]
            x += rng.normal(0, 0.15 * size)
            y = top + (row + 0.5) * height + rng.normal(0, 0.05 * height)
            writer.write_text(text, np.array([x, y]), np.array([1.0, 0]), 0.08, 0.03)
    rules = np.zeros(SHAPE, np.float32)
    if has_rules:
        ys = SHAPE[0] * (TOP_LEFT + np.arange(num_rows + 1) * FILLED / num_rows)
        lines = [[(left, y), (left + num_columns * width, y)] for y in ys]
        rules = marks.draw_lines(SHAPE, lines, rng.uniform(0.6, 3))
    view, strength = _View.random(rng), rng.uniform(0.3, 1)
    return Sheet(_photograph(rng, writer.ink, rules, NO_PAPER_RULES, strength, view), cells)


def _align(rng: np.random.Generator, columns: Sequence[Sequence[str]]) -> list[list[float]]:
    """Align texts left, right, in the middle or at their points, a column in one way.

    Returns:
        Where each text of each column starts, in characters from the middle of the column; the
        longest are in its middle.
    """
    starts = []
    for texts in columns:
        moved = {
            "left": [0.0 for _ in texts],
            "right": [-float(len(text)) for text in texts],
            "middle": [-len(text) / 2 for text in texts],
            "point": [-float(len(text.split(".")[0])) for text in texts],
        }[str(rng.choice(["left", "right", "middle", "point"]))]
        ends = [start + len(text) for start, text in zip(moved, texts, strict=True)]
        middle = (min(moved) + max(ends)) / 2
        starts.append([start - middle for start in moved])
    return starts


def _make_writer(rng: np.random.Generator, digits: Digits, size: float) -> pages.Writer:
    writer = pages.Writer(rng, size, digits.traced, digits.labels, SHAPE)
    writer.pen = size * rng.uniform(0.05, 0.15)
    writer.turn = rng.normal(0, 0.05)
    writer.share_circled = writer.share_crossed_out = writer.share_overwritten = 0
    return writer


def _write_cells(
    writer: pages.Writer,
    cells: list[list[str]],
    left: float,
    top: float,
    width: float,
    height: float,
) -> None:
    """Write texts about the middles of cells of that size, the first of which starts there."""
    rng = writer.rng
    for row, texts in enumerate(cells):
        for column, text in enumerate(texts):
            if not text.strip():
                continue
            length = 0.62 * writer.size * len(text)
            x = left + (column + 0.5) * width - length / 2 + rng.normal(0, 0.03 * width)
            y = top + (row + 0.5) * height + rng.normal(0, 0.05 * height)
            writer.write_text(text, np.array([x, y]), np.array([1.0, 0]), 0.08, 0.03)


def _print_words(
    rng: np.random.Generator,
    words: list[tuple[str, float, float]],
    size: float,
    widest: float = np.inf,
) -> np.ndarray:
    """Draw words, all in one font, or some in joined handwriting.

    Args:
        rng: random generator.
        words: each with x of its left end and y of its middle, in pixels.
        size: height of the digits in pixels.
        widest: pixels that a word may take.

    Returns:
        float32 array of `SHAPE`, 0 to 1.
    """
    page = Image.new("L", SHAPE[::-1])
    draw = ImageDraw.Draw(page)
    path = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / str(rng.choice(FONTS)))
    share_joined, lines = rng.choice([0, 0.5]), []
    for text, x, y in words:
        if rng.random() < share_joined:
            points = marks.joined_letters(rng) * size
            points *= min(1, widest / np.ptp(points[:, 0]))
            start = np.array([x - points[:, 0].min(), y + 0.3 * size])
            lines.append([*(points + start)])
            continue
        font = ImageFont.truetype(path, max(8, round(1.1 * size)))
        font = ImageFont.truetype(
            path, max(8, int(font.size * min(1, widest / font.getlength(text))))
        )
        draw.text((x, y), text, fill=255, font=font, anchor="lm")
    drawn = marks.draw_lines(SHAPE, lines, max(1, 0.08 * size))
    return np.maximum(np.asarray(page, np.float32) / 255, drawn)


def _draw_rules(
    rng: np.random.Generator, num_rows: int, num_columns: int, is_broken: bool | None
) -> np.ndarray:
    """Draw the rules of a table, float32 of `SHAPE`, 0 to 1; some are double or broken."""
    (height, width), thickness = SHAPE, rng.uniform(0.6, 3)
    ys = height * (TOP_LEFT + np.arange(num_rows + 1) * FILLED / num_rows)
    xs = width * (TOP_LEFT + np.arange(num_columns + 1) * FILLED / num_columns)
    lines = _make_grid(ys, xs)
    if rng.random() < 0.15:
        lines += [
            [(xs[0], ys[1] + 5), (xs[-1], ys[1] + 5)],
            [(xs[1] + 5, ys[0]), (xs[1] + 5, ys[-1])],
        ]
    rules = marks.draw_lines(SHAPE, lines, thickness)
    if rng.random() < 0.2 if is_broken is None else is_broken:  # worn off in places
        rules *= photograph.smooth_noise(rng, SHAPE, 12) < 0.9
    return rules


def _make_grid(ys: np.ndarray, xs: np.ndarray) -> list[list[tuple[float, float]]]:
    lines = [[(xs[0], y), (xs[-1], y)] for y in ys]
    return lines + [[(x, ys[0]), (x, ys[-1])] for x in xs]


def _photograph(
    rng: np.random.Generator,
    ink: np.ndarray,
    rules: np.ndarray,
    size: float,
    strength: float,
    view: _View,
) -> Photo:
    """Photograph writing and rules of that strength; paper has rules by the size of the writing."""
    ink, rules = _bend(view, np.stack([ink, rules]))
    grey = photograph.photograph(rng, np.maximum(ink, strength * rules), size)
    return Photo(np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2))


def _bend(view: _View, layers: np.ndarray) -> np.ndarray:
    """Turn layers of ink, and distort them as a camera does that is held at an angle."""
    middle = np.array(SHAPE)[:, None, None] / 2
    y, x = (np.indices(SHAPE) - middle) / max(SHAPE)
    nearer = 1 + view.tilt[0] * y + view.tilt[1] * x
    y, x = y / nearer, x / nearer
    cos, sin = np.cos(view.angle), np.sin(view.angle)
    places = np.stack([y * cos - x * sin, y * sin + x * cos]) * max(SHAPE) + middle
    return np.stack([ndimage.map_coordinates(layer, places, order=1) for layer in layers])


if __name__ == "__main__":
    cli.run(main)
