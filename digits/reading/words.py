"""Tells cells of a table with words in them, some letters of which were read as digits."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import ndimage

from digits.reading import rings
from digits.reading.rules import Rules, cut_box, draw_rules, separate_writing
from digits.reading.tables import measure_digit_height

# In digit heights: a letter is at least so tall; what is left over of rules is in a band so wide;
# and digits are larger than their boxes by so much on each side.
SHORTEST_LETTER, NEAR_RULE, AROUND = 0.35, 0.4, 0.1
SMALLEST_CIRCLE = 1.2  # digit heights: a circle around a digit is larger than a letter
MAX_IN_CIRCLE = 0.05  # share of a circle's ink in the middle half of its width and height
# A cell has a word in it if more than this share of its ink is in no symbol that was read, and this
# is in so many parts, or in one that is so many digit heights wide, as joined handwriting is.
MAX_UNREAD, MIN_LETTERS, JOINED_WIDTH = 0.5, 3, 2.2
# A column is one of letters if nothing was read in so many of its cells with ink, and in more than
# half of them, where a cell with a doubtful digit counts so much.
MIN_UNREAD_CELLS, DOUBTFUL_CELL = 5, 0.5
# A rule that ends more than so many digit heights before a cell does not bound it: it is merged
# with the next one, as for a heading above several columns.
MAX_BEYOND_END = 0.5


def find_words(
    page: np.ndarray, rules: Rules, boxes: np.ndarray, are_sure: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which symbols stand in cells with a word, and which in cells of which much is not read.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light paper.
        rules: between the cells.
        boxes: float array of shape (n, 4): left, top, right, bottom of each digit and sign, in
            pixels, n at least 1.
        are_sure: bool array of shape (n,), whether each digit or sign is sure.

    Returns:
        Two bool arrays of shape (n,): whether there is a word in the cell of each symbol; and
        whether more than half of the ink there is in no symbol, although it is no word: perhaps
        digits were not detected.
    """
    digit_height = measure_digit_height(boxes)
    ink = separate_writing(page, rules, boxes, digit_height)
    near_rules = draw_rules(rules, page.shape, NEAR_RULE * digit_height)
    is_read = np.zeros(page.shape, bool)
    for box in boxes + AROUND * digit_height * np.array([-1, -1, 1, 1]):
        cut_box(is_read, box)[:] = True
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    parts = ndimage.find_objects(labels, count)
    if not count:
        return np.zeros(len(boxes), bool), np.zeros(len(boxes), bool)
    ends = np.array([[x.start, y.start, x.stop, y.stop] for y, x in parts], float)
    widths, heights = (ends[:, 2:] - ends[:, :2]).T / digit_height
    numbers = np.arange(1, count + 1)
    sizes = ndimage.sum_labels(ink, labels, numbers)
    read_sizes = ndimage.sum_labels(ink & is_read, labels, numbers)
    is_part = heights > SHORTEST_LETTER
    # What is left over of a rule lies beside it.
    is_part &= ndimage.sum_labels(ink & near_rules, labels, numbers) < 0.5 * sizes
    is_letter = is_part & (read_sizes < 0.5 * sizes)
    is_large = (widths > SMALLEST_CIRCLE) & (heights > SMALLEST_CIRCLE)
    for number in np.flatnonzero(is_letter & is_large):
        is_letter[number] = not _is_circle(labels[parts[number]] == number + 1)
    middles, part_middles = ((each[:, :2] + each[:, 2:]) / 2 for each in (boxes, ends))

    def are_of_ring(letters: np.ndarray, here: np.ndarray) -> np.ndarray:
        """Whether parts are of a broken ring around all symbols of a cell."""
        surrounded = np.concatenate([boxes[here, :2].min(axis=0), boxes[here, 2:].max(axis=0)])
        ring = rings.find_ring(page, rules, surrounded, rings.MIN_INKED_WITH_PARTS)
        is_of_ring = np.zeros(count, bool)
        if ring is None:
            return is_of_ring
        for number in np.flatnonzero(letters):
            rows, columns = parts[number]
            ink_of_part = labels[parts[number]] == number + 1
            is_of_ring[number] = ring.has_part(ink_of_part, (columns.start, rows.start))
        return is_of_ring

    def judge(cells: np.ndarray, part_cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        in_words, unread = np.zeros(len(boxes), bool), np.zeros(len(boxes), bool)
        for cell in np.unique(cells, axis=0):
            here = (cells == cell).all(axis=1)
            letters = is_letter & (part_cells == cell).all(axis=1)
            if letters.sum() >= MIN_LETTERS:
                letters &= ~are_of_ring(letters, here)
            in_parts = is_part & (part_cells == cell).all(axis=1)
            if sizes[letters].sum() <= MAX_UNREAD * sizes[in_parts].sum():
                continue
            if letters.sum() >= MIN_LETTERS or (widths[letters] > JOINED_WIDTH).any():
                in_words |= here
            else:
                unread |= here
        return in_words, unread

    cells, part_cells = rules.locate(middles), rules.locate(part_middles)
    in_words, unread = judge(cells, part_cells)
    # Where a rule is worn off, a number stands beside a word: what is sure is not part of it.
    beyond = MAX_BEYOND_END * digit_height
    in_merged, _ = judge(*(rules.locate_merged(each, beyond) for each in (middles, part_middles)))
    in_words |= in_merged & ~are_sure & rules.are_enclosed(cells)
    columns = _find_columns_of_letters(rules, part_cells[is_letter], cells, are_sure)
    in_words |= rules.are_enclosed(cells) & np.isin(cells[:, 1], columns)
    return in_words, unread


def _find_columns_of_letters(
    rules: Rules, letter_cells: np.ndarray, cells: np.ndarray, are_sure: np.ndarray
) -> list[int]:
    """Find the columns of a table in which most cells have letters, of which some look like digits.

    Args:
        rules: between the cells.
        letter_cells: integer array of shape (m, 2): row and column of each part that was not read.
        cells: integer array of shape (n, 2): row and column of each symbol that was read.
        are_sure: bool array of shape (n,), whether each of these symbols is sure.
    """
    inside = rules.are_enclosed(cells)
    read = set(map(tuple, cells[inside].tolist()))
    doubtful = set(map(tuple, cells[inside & ~are_sure].tolist()))
    unread = set(map(tuple, letter_cells[rules.are_enclosed(letter_cells)].tolist())) - read
    num_read = Counter(column for _, column in read)
    num_doubtful = Counter(column for _, column in doubtful)
    num_unread = Counter(column for _, column in unread)
    return [
        column
        for column, count in num_unread.items()
        if count >= MIN_UNREAD_CELLS
        and count > num_read[column] - (1 - DOUBTFUL_CELL) * num_doubtful[column]
    ]


def _is_circle(part: np.ndarray) -> bool:
    """Whether a part of the ink surrounds something: there is hardly any of it in the middle."""
    height, width = part.shape
    rows, columns = (slice(side // 4, side - side // 4) for side in (height, width))
    return bool(part[rows, columns].sum() < MAX_IN_CIRCLE * part.sum())
