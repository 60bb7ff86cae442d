"""Reads a photo of a page: detects digits and signs, recognizes each, arranges them in lines."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from digits.mnist import NUM_CLASSES
from digits.networks import Classifier, Detections, Detector, load_classifier, load_detector
from digits.reading import alignment, box_rows, inks, layout, rings, signs, tables, words
from digits.reading.deskew import deskew, measure_skew
from digits.reading.detect import (
    WIDEST_BESIDE,
    add_small,
    detect,
    measure_gaps,
    select_written,
)
from digits.reading.documents import load_photo
from digits.reading.enlarge import enlarge
from digits.reading.lighting import even_out
from digits.reading.orientation import choose_view
from digits.reading.photos import Photo
from digits.reading.recognize import prepare, recognize, recognize_again
from digits.reading.region import Region
from digits.reading.results import Digit, Gap, Line, Number, Page, Sign, Table
from digits.reading.rules import NO_RULES, Rules, find_rules
from digits.symbols import SIGNS, SYMBOLS
from digits.transforms import to_mnist

# That there is a digit or sign, and that it is the most likely one.
MIN_PROBABILITY = 0.48
# The same of what stands beside a digit of at least `SURE`, as `detect.WIDEST_BESIDE` says.
MIN_PROBABILITY_BESIDE = 0.3
# On the smallest pictures, which show one digit: an answer that is not sure is better than none.
MIN_SMALL_PROBABILITY = 0.2
# From this probability on a digit or sign is sure: of the digits read on 300 synthetic pages that
# are made to mislead, 5% are sure and wrong, of those on labelled photos none in 535
# (benchmarks/reading_confidence.py). The classifier's own threshold, which does not see what stands
# around a digit, left eight times as many on earlier pages.
SURE = 0.8
# Share of the signs in a detection's probabilities: it is a sign from the first on, and between the
# other two it is not sure, whichever it is.
SIGN_SHARE, DOUBTFUL_SHARES = 0.5, (0.25, 0.75)
TALL_STROKES = tuple("1/()")  # what a part of a box's side looks like
# A page has a table if more than this share of its digits is in no boxes for a digit each.
MIN_BESIDE_BOXES = 0.5
# A table without rules is one if it has so many times the filled cells of the table with rules: a
# single rule, the edge of the paper or a column of 1s, makes a poor table.
MORE_FILLED = 1.3
# Pages with fewer digits and signs are not deskewed: those of one line are read as well at a slant.
MIN_DESKEWED = 8
TURNS = (0, 90, 180, 270)  # degrees anticlockwise by which a photo may be turned


class Reader:
    """Reads photos of handwritten digits and signs, also light on dark and turned by quarters.

    Attributes:
        detector: tells where digits are.
        classifier: classifies the digits that are detected.
    """

    def __init__(self, detector: Detector | None = None, classifier: Classifier | None = None):
        """Make a reader.

        Args:
            detector: None for `load_detector()`: the user's own, else the released one.
            classifier: None for `load_classifier()`: the user's own cnn, else the released one.
        """
        self.detector = load_detector() if detector is None else detector
        self.classifier = load_classifier() if classifier is None else classifier

    def read(
        self,
        photo: Photo | np.ndarray | str | Path,
        turn: int | None = None,
        region: Region | None = None,
        ink: str | None = None,
    ) -> Page:
        """Read a photo.

        Args:
            photo: a photo; or its pixels, a uint8 array of shape (height, width, 3); or its file,
                of which the first page is read.
            turn: degrees anticlockwise after which the photo is upright: 0, 90, 180 or 270; None to
                find out.
            region: the part of the photo that is read; None for all of it.
            ink: "red", "blue" or "dark": only strokes of this ink are read; None for any ink.

        Returns:
            What was read on it, boxes in pixels of the whole photo. It has no lines if there are
            no digits.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not an image, damaged, or too large; `turn` or `ink` is another;
                or the region is not on the photo, or too small.
        """
        if turn not in (None, *TURNS):
            raise ValueError(f"received turn={turn!r}, expected 0, 90, 180, 270 or None")
        if ink is not None:
            inks.check_ink(ink)
        if isinstance(photo, np.ndarray):
            photo = Photo(photo)
        elif not isinstance(photo, Photo):
            photo = load_photo(photo)
        area = region.locate(photo) if region else None
        part = photo if area is None else photo.crop(area)
        grey = part.grey() if ink is None else inks.separate(part.pixels, ink)
        has_ink = ink is None or inks.has_ink(grey)
        enlarged = enlarge(even_out(grey) if has_ink else np.ones_like(grey))
        corner = np.tile(area[:2], 2) if area else np.zeros(4)
        view, page, found = choose_view(
            enlarged.page, self.detector, None if turn is None else turn // 90
        )
        found, weak = select_written(page, add_small(self.detector, page, found))
        deskewed = deskew(page, measure_skew(page) if len(found) >= MIN_DESKEWED else 0.0)
        if deskewed.skew:
            page = deskewed.page
            found = add_small(self.detector, page, detect(self.detector, page))
            found, weak = select_written(page, found)

        def to_photo(boxes: np.ndarray) -> np.ndarray:
            upright = view.turn_back(deskewed.turn_back(boxes), enlarged.page.shape)
            return enlarged.to_photo(upright) + corner

        ruled = page
        if ink is not None:  # rules may be of another ink than what is read
            viewed = view.apply(enlarge(even_out(part.grey())).page)
            ruled = deskew(viewed, deskewed.skew).page
        found, page_rules, rows = _find_structure(ruled, found, weak)
        found = _take_brackets_for_ones(found, rows)
        is_sign, is_doubtful = _tell_signs(found, is_smallest=enlarged.factor > 1)
        boxes, digits = self._recognize(
            page,
            page_rules,
            found[~is_sign],
            is_doubtful[~is_sign],
            to_photo(found.boxes[~is_sign]),
            MIN_PROBABILITY if enlarged.factor == 1 else MIN_SMALL_PROBABILITY,
        )
        slope = layout.measure_page_slope(boxes)
        named = signs.select(_name_signs(found[is_sign], is_doubtful[is_sign]), boxes, slope)
        written = _leave_out_rings(page, page_rules, _Written(boxes, digits, named))
        written = _leave_out_signs_on_boxes(rows, written)
        boxes, grid = written.boxes, None
        if _may_have_table(rows, boxes):
            written, grid = _find_ruled_grid(page, page_rules, written)
        lines, table = _arrange(written, grid, rows, slope, to_photo)
        return Page(
            photo.name,
            photo.scale,
            lines,
            view.turns,
            view.is_inverted,
            table,
            photo.page,
            photo.num_pages,
            region=area,
            ink=ink,
            has_ink=has_ink,
            skew=deskewed.skew,
        )

    def _recognize(
        self,
        page: np.ndarray,
        page_rules: Rules,
        found: Detections,
        is_doubtful: np.ndarray,
        photo_boxes: np.ndarray,
        min_probability: float,
    ) -> tuple[np.ndarray, list[Digit]]:
        """Recognize the detected digits; returns the probable ones' boxes on the page, and them."""
        inks = [to_mnist.cut_out(page, box) for box in found.boxes]
        detected = found.probabilities[:, :NUM_CLASSES]
        detected = detected / np.maximum(detected.sum(axis=1, keepdims=True), 1e-9)
        recognized = recognize(self.classifier, prepare(inks), detected)
        # A ring around a digit may be why it is not clear. Without it the detector's opinion is
        # missing, so the digit is never sure.
        is_unclear = recognized.probabilities.max(axis=1, initial=0) < SURE
        is_doubtful = is_doubtful | is_unclear
        within = {
            index: rings.cut_out_within(page, page_rules, found.boxes[index], inks[index])
            for index in np.flatnonzero(is_unclear).tolist()
        }
        recognized = recognize_again(
            self.classifier,
            {index: ink for index, ink in within.items() if ink is not None},
            recognized,
        )
        probabilities = found.scores * recognized.probabilities.max(axis=1, initial=0)
        ranked = np.argsort(-recognized.probabilities, axis=1)
        is_kept = probabilities > min_probability
        gaps = measure_gaps(found.boxes, found.boxes[probabilities >= SURE])
        is_beside = (gaps < WIDEST_BESIDE).any(axis=1)
        is_kept |= is_beside & (probabilities > MIN_PROBABILITY_BESIDE)
        kept = np.flatnonzero(is_kept)
        digits = [
            Digit(
                label=int(ranked[index, 0]),
                probability=float(probabilities[index]),
                is_sure=bool(probabilities[index] >= SURE and not is_doubtful[index]),
                runner_up=int(ranked[index, 1]),
                box=tuple(photo_boxes[index].tolist()),
                image=recognized.images[index],
            )
            for index in kept
        ]
        return found.boxes[kept], digits


@dataclasses.dataclass(frozen=True, eq=False)
class _Written:
    """The digits and signs on a page: boxes of digits in pixels of the page, digits, signs."""

    boxes: np.ndarray
    digits: list[Digit]
    signs: signs.Signs

    @property
    def all_boxes(self) -> np.ndarray:
        """Boxes of the digits, then of the signs."""
        return np.concatenate([self.boxes, self.signs.boxes])

    @property
    def texts(self) -> np.ndarray:
        """What the digits, then the signs, were read as."""
        return np.array([*(digit.text for digit in self.digits), *self.signs.texts], np.str_)

    @property
    def probabilities(self) -> np.ndarray:
        """That of each digit, then of each sign."""
        of_digits = np.array([digit.probability for digit in self.digits])
        return np.concatenate([of_digits, self.signs.probabilities])

    def keep(self, is_kept: np.ndarray, is_doubtful: np.ndarray) -> _Written:
        """Keep some of the digits and signs, and make some digits ones that are not sure."""
        num_digits = len(self.boxes)
        digits = _doubt(self.digits, is_doubtful[:num_digits])
        return _Written(
            self.boxes[is_kept[:num_digits]],
            list(itertools.compress(digits, is_kept)),
            self.signs[is_kept[num_digits:]],
        )

    @property
    def are_sure(self) -> np.ndarray:
        """Whether each digit, then each sign, is sure."""
        are_digits_sure = np.array([digit.is_sure for digit in self.digits], bool)
        return np.concatenate([are_digits_sure, self.signs.is_sure])


def _find_structure(
    ruled: np.ndarray, found: Detections, weak: Detections
) -> tuple[Detections, Rules, list[box_rows.BoxRow]]:
    """Find rules and rows of boxes; take weak detections in empty cells, leave out pieces of rules.

    Returns:
        The detections, with the probabilities of symbols only; the rules; the rows of boxes.
    """
    if not len(found):
        return _take_symbols(found), NO_RULES, []
    digit_height = tables.measure_digit_height(found.boxes)
    page_rules = tables.leave_out_ones(find_rules(ruled, digit_height), found.boxes)
    in_empty = tables.are_in_empty_cells(page_rules, weak.boxes, found.boxes)
    found = _take_symbols(Detections.concatenate([found, weak[in_empty]]))
    are_strokes = np.isin(np.array(list(SYMBOLS))[found.labels], TALL_STROKES)
    # Other signs stand between digits, or are specks where rules cross.
    may_be_digits = np.flatnonzero((found.labels < NUM_CLASSES) | are_strokes)
    boxes, are_strokes = found.boxes[may_be_digits], are_strokes[may_be_digits]
    rows = box_rows.find_box_rows(ruled, page_rules, boxes, are_strokes, digit_height)
    are_sides = tables.are_sides_of_boxes(page_rules, found.boxes)
    are_sides |= tables.are_pieces_of_rules(page_rules, found.boxes)
    are_sides[may_be_digits] |= box_rows.are_sides(rows, boxes, are_strokes)
    return found[~are_sides], page_rules, rows


def _take_brackets_for_ones(found: Detections, rows: list[box_rows.BoxRow]) -> Detections:
    """Take what looks like a bracket for a 1 where it is in a box."""
    are_brackets = np.isin(list(SYMBOLS), ("(", ")"))  # of the classes
    is_one = are_brackets[found.labels] & (box_rows.locate(rows, found.boxes)[:, 0] >= 0)
    of_brackets = np.where(is_one[:, None] & are_brackets, found.probabilities, 0)
    probabilities = found.probabilities - of_brackets
    probabilities[:, SYMBOLS.index("1")] += of_brackets.sum(axis=1)
    return Detections(found.boxes, found.scores, probabilities)


def _tell_signs(found: Detections, is_smallest: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tell signs from digits; returns two bool arrays: what is a sign, and what is doubtful."""
    shares = found.probabilities[:, NUM_CLASSES:].sum(axis=1)
    is_doubtful = (shares > DOUBTFUL_SHARES[0]) & (shares < DOUBTFUL_SHARES[1])
    named = np.array(list(SYMBOLS))[found.probabilities.argmax(axis=1)]
    is_sign = shares >= SIGN_SHARE
    if is_smallest and is_sign.all():
        # A stroke that fills the smallest pictures is a 1, however much it leans.
        is_stroke = np.isin(named, (",", "/", "(", ")"))
        is_sign, is_doubtful = is_sign & ~is_stroke, is_doubtful | is_stroke
    return is_sign, is_doubtful


def _may_have_table(rows: list[box_rows.BoxRow], boxes: np.ndarray) -> bool:
    """Whether digits are in more than single rows of boxes with a digit each."""
    num_beside = (box_rows.locate(rows, boxes)[:, 0] < 0).sum()
    return box_rows.are_stacked(rows) or num_beside > MIN_BESIDE_BOXES * len(boxes)


def _leave_out_rings(page: np.ndarray, page_rules: Rules, written: _Written) -> _Written:
    """Leave out the parts of rings around digits; these digits are not sure."""
    is_part, is_circled = rings.find_parts(
        page, page_rules, written.all_boxes, written.texts, written.probabilities
    )
    return written.keep(~is_part, is_circled)


def _leave_out_signs_on_boxes(rows: list[box_rows.BoxRow], written: _Written) -> _Written:
    """Leave out what looks like a sign on a side of a box or beside a digit in its box.

    A sign that is sure is kept. Digits in the box of one that is left out, and in the boxes before
    and after it, are not sure: it may have been a decimal point.
    """
    if not rows:
        return written
    boxes, num_digits = written.all_boxes, len(written.boxes)
    places = box_rows.locate(rows, boxes)
    apart = abs(places[:, None] - places[:num_digits])
    in_its_box = (apart == 0).all(axis=2).any(axis=1)
    is_left_out = in_its_box | box_rows.are_on_sides(rows, boxes)
    is_left_out &= (places[:, 0] >= 0) & ~written.are_sure
    is_left_out[:num_digits] = False
    is_doubtful = np.zeros(len(boxes), bool)
    is_doubtful[:num_digits] = (apart[is_left_out] <= [0, 1]).all(axis=2).any(axis=0)
    return written.keep(~is_left_out, is_doubtful)


def _find_ruled_grid(
    page: np.ndarray, page_rules: Rules, written: _Written
) -> tuple[_Written, tables.Grid | None]:
    """Find the table between rules, and leave out what is part of a word in one of its cells."""
    grid = tables.find_grid(page_rules, written.boxes, written.signs.boxes)
    if grid is None:
        return written, None
    in_words, is_unread = words.find_words(page, grid.rules, written.all_boxes, written.are_sure)
    kept = written.keep(~in_words, is_unread)
    return kept, tables.find_grid(page_rules, kept.boxes, kept.signs.boxes)


def _arrange(
    written: _Written,
    grid: tables.Grid | None,
    rows: list[box_rows.BoxRow],
    slope: float,
    to_photo: Callable[[np.ndarray], np.ndarray],
) -> tuple[tuple[Line, ...], Table | None]:
    """Arrange what is written in lines, and in the table if there is one."""
    boxes, selected = written.boxes, written.signs
    symbols: list[Digit | Sign] = [*written.digits]
    symbols += _make_signs(selected, to_photo(selected.boxes))
    in_boxes = box_rows.locate(rows, written.all_boxes)
    texts = selected.texts.tolist()
    if not rows:
        lines = layout.make_lines(boxes, texts, selected.boxes, slope)
        aligned = alignment.find_aligned(boxes, texts, selected.boxes, lines, slope)
        if aligned is not None and _has_more_cells(aligned, grid, len(boxes)):
            grid = aligned
    places = None if grid is None else grid.places
    if places is not None:
        in_boxes[places[:, 0] >= 0] = -1
    lines = layout.make_lines(boxes, texts, selected.boxes, slope, places, in_boxes[:, 0])

    def make_gap(row: int, index: int) -> Gap:
        return Gap(tuple(to_photo(rows[row].get_box(index)[None])[0].tolist()))

    parts = [
        [(_make_part(part, symbols, in_boxes, make_gap), part[0]) for part in line]
        for line in lines
    ]
    made = tuple(Line(tuple(part for part, _ in line)) for line in parts)
    if grid is None:
        return made, None
    return made, _make_table(grid, list(itertools.chain(*parts)), to_photo)


def _take_symbols(found: Detections) -> Detections:
    """Leave out the classes that are no symbols: probabilities of shape (n, len(SYMBOLS))."""
    of_symbols = found.probabilities[:, : len(SYMBOLS)]
    sums = of_symbols.sum(axis=1)
    return Detections(found.boxes, found.scores * sums, of_symbols / sums[:, None])


def _name_signs(found: Detections, is_doubtful: np.ndarray) -> signs.Signs:
    """Name the detected signs; returns the probable ones."""
    of_signs = found.probabilities[:, NUM_CLASSES:]
    probabilities = found.scores * of_signs.max(axis=1, initial=0)
    named = signs.Signs(
        texts=np.array(list(SIGNS))[of_signs.argmax(axis=1)],
        probabilities=probabilities,
        is_sure=(probabilities >= SURE) & ~is_doubtful,
        boxes=found.boxes,
    )
    return named[probabilities > MIN_PROBABILITY]


def _make_signs(selected: signs.Signs, photo_boxes: np.ndarray) -> list[Sign]:
    return [
        Sign(
            text=str(selected.texts[index]),
            probability=float(selected.probabilities[index]),
            is_sure=bool(selected.is_sure[index]),
            box=tuple(photo_boxes[index].tolist()),
        )
        for index in range(len(selected))
    ]


def _doubt(digits: Sequence[Digit], is_doubtful: np.ndarray) -> list[Digit]:
    """Make some digits ones that are not sure."""
    return [
        dataclasses.replace(digit, is_sure=digit.is_sure and not doubtful)
        for digit, doubtful in zip(digits, is_doubtful, strict=True)
    ]


def _has_more_cells(aligned: tables.Grid, ruled: tables.Grid | None, num_digits: int) -> bool:
    """Whether the numbers that line up are clearly more of a table than those between rules."""
    if ruled is None:
        return True
    return aligned.count_filled(num_digits) > MORE_FILLED * ruled.count_filled(num_digits)


def _make_table(
    grid: tables.Grid,
    parts: Sequence[tuple[Number | Sign, int]],
    to_photo: Callable[[np.ndarray], np.ndarray],
) -> Table:
    """Make the table of the parts in it, each with the index of its first symbol."""
    cells: dict[tuple[int, int], list[Number | Sign]] = {}
    for part, index in parts:
        row, column = grid.places[index].tolist()
        cells.setdefault((row, column), []).append(part)
    # A dash alone says that there is nothing.
    made = {
        place: Line(tuple(here))
        for place, here in cells.items()
        if any(isinstance(part, Number) for part in here)
    }
    rows, columns = grid.shape
    ends = np.concatenate([grid.rules.rows, grid.rules.columns]).reshape(-1, 2)
    rules = to_photo(np.tile(ends, 2))[:, :2].reshape(-1, 4)
    return Table(
        tuple(tuple(made.get((row, column)) for column in range(columns)) for row in range(rows)),
        tuple(tuple(rule) for rule in rules.tolist()),
        grid.is_ruled,
    )


def _make_part(
    indices: Sequence[int],
    symbols: Sequence[Digit | Sign],
    in_boxes: np.ndarray,
    make_gap: Callable[[int, int], Gap],
) -> Number | Sign:
    """Make a number of symbols and the empty boxes between them, or take the sign that is alone."""
    chosen: list[Digit | Sign | Gap] = [symbols[indices[0]]]
    for before, after in itertools.pairwise(indices):
        row, start = in_boxes[before].tolist()
        if row >= 0 and in_boxes[after, 0] == row:
            chosen += [make_gap(row, index) for index in range(start + 1, in_boxes[after, 1])]
        chosen.append(symbols[after])
    return chosen[0] if len(chosen) == 1 and isinstance(chosen[0], Sign) else Number(tuple(chosen))
