import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.reading.rules import Rules
from digits.reading.words import find_words

# Two rows of two cells, 200 x 60 pixels each.
RULES = Rules(
    np.array([[0.0, y, 400.0, y] for y in (10, 70, 130)]),
    np.array([[x, 10.0, x, 130.0] for x in (0, 200, 400)]),
)


def draw(letters=(), circles=(), dashes=()):
    """A page with upright strokes of 24 pixels at some places, circles and dashes."""
    page = Image.new("L", (401, 141), 220)
    pen = ImageDraw.Draw(page)
    for rule in [*RULES.rows, *RULES.columns]:
        pen.line(rule.tolist(), fill=60, width=2)
    for x, y in letters:
        pen.line([x - 5, y - 12, x + 5, y + 12], fill=40, width=3)
        pen.line([x + 5, y - 12, x - 5, y + 12], fill=40, width=3)
    for x, y in circles:
        pen.ellipse([x - 22, y - 22, x + 22, y + 22], outline=40, width=3)
    for x, y in dashes:
        pen.line([x - 12, y, x + 12, y], fill=40, width=3)
    noise = np.random.default_rng(0).normal(0, 2, (141, 401))
    return ((np.asarray(page) + noise) / 255).astype(np.float32)


def box(x, y):
    return [x - 7, y - 13, x + 7, y + 13]


WORD = [(x, 40) for x in (30, 55, 80, 105, 130)]
FIRST, SECOND, OTHER = (300, 40), (325, 40), (60, 100)


def find(page, *places):
    boxes = np.array([box(*place) for place in places])
    in_words, is_unread = find_words(page, RULES, boxes, np.ones(len(boxes), bool))
    return in_words.tolist(), is_unread.tolist()


def test_a_letter_of_a_word_is_told_from_numbers():
    page = draw([*WORD, FIRST, SECOND, OTHER])
    found = find(page, WORD[1], FIRST, SECOND, OTHER)
    assert found == ([True, False, False, False], [False] * 4)


def test_a_number_of_which_a_digit_is_missing_is_no_word():
    assert find(draw([FIRST, SECOND, (350, 40)]), FIRST) == ([False], [True])
    assert find(draw([FIRST, SECOND]), FIRST, SECOND) == ([False, False], [False, False])


def test_a_doubtful_letter_of_a_word_in_a_merged_cell_is_told_from_numbers():
    page = draw([(x, 40) for x in (20, 160, 240, 380)])
    columns = np.array([[0.0, 10, 0, 130], [200, 70, 200, 130], [400, 10, 400, 130]])
    ends_before = Rules(RULES.rows, columns)
    boxes = np.array([box(160, 40), box(240, 40)])
    for rules, are_sure, in_words in (
        (ends_before, [False, False], [True, True]),
        (ends_before, [True, False], [False, True]),
        (RULES, [False, False], [False, False]),
    ):
        found, _ = find_words(page, rules, boxes, np.array(are_sure))
        assert found.tolist() == in_words


def test_joined_handwriting_is_a_word():
    page = draw([FIRST])
    letters = [(260 + 5 * n, 36 + 14 * (n % 2)) for n in range(28)]
    image = Image.fromarray((page * 255).astype(np.uint8))
    ImageDraw.Draw(image).line(letters, fill=40, width=3)
    moved = np.asarray(image, np.float32) / 255
    assert find(moved, (250, 100), (390, 40))[0] == [False, True]


def test_circles_dashes_rules_and_faint_marks_are_no_words():
    page = draw([FIRST, OTHER], circles=[FIRST], dashes=[(40, 40), (90, 40), (140, 40)])
    page[90:110, 100:104] -= 0.06
    assert find(page, FIRST, OTHER) == ([False] * 2, [False] * 2)


def test_a_broken_circle_around_a_digit_is_no_word():
    page = draw([FIRST, OTHER], circles=[FIRST])
    for x, y in ((279, 40), (300, 18), (321, 40), (285, 56)):
        page[y - 3 : y + 4, x - 3 : x + 4] = page[90, 300]  # paper
    assert find(page, FIRST, OTHER) == ([False] * 2, [False] * 2)
    # The same strokes beside it.
    beside = np.roll(page, 60, axis=1)
    beside[14:66, 285:316] = draw([FIRST])[14:66, 285:316]
    assert find(beside, FIRST, OTHER)[0] == [True, False]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_page_without_ink_has_no_words(level):
    page = np.full((141, 401), level, np.float32)
    assert find(page, FIRST, (-50, -50), (900, 20)) == ([False] * 3, [False] * 3)


@pytest.mark.parametrize(
    ("num_rows", "num_read", "num_sure", "are_letters"),
    [(9, 2, 2, True), (9, 5, 5, False), (12, 7, 7, False), (12, 7, 3, False), (12, 7, 2, True)],
)
def test_a_column_in_which_most_cells_have_letters_has_no_digits(
    num_rows, num_read, num_sure, are_letters
):
    """Of the cells in the second column with a letter each, some letters were read as digits."""
    edges = [10 + 40 * row for row in range(num_rows + 1)]
    rules = Rules(
        np.array([[0.0, y, 400.0, y] for y in edges]),
        np.array([[x, 10.0, x, edges[-1]] for x in (0, 200, 400)]),
    )
    page = Image.new("L", (401, edges[-1] + 11), 220)
    pen = ImageDraw.Draw(page)
    places = [(x, y + 20) for x in (100, 300) for y in edges[:-1]]
    for x, y in places:
        pen.line([x - 5, y - 12, x + 5, y + 12], fill=40, width=3)
        pen.line([x + 5, y - 12, x - 5, y + 12], fill=40, width=3)
    grey = (np.asarray(page) / 255).astype(np.float32)
    read = places[: num_rows + num_read]  # all of the first column
    are_sure = np.arange(len(read)) < num_rows + num_sure
    in_words, _ = find_words(grey, rules, np.array([box(*place) for place in read]), are_sure)
    assert in_words.tolist() == [False] * num_rows + [are_letters] * num_read
