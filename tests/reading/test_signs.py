import numpy as np
import pytest

from digits.reading.signs import FORMS, Signs, combine, measure_misfits, select
from digits.symbols import SIGNS

# Three digits, 12 pixels wide, 20 high and with a gap of 24 between the second and the third.
DIGITS = np.array([[0, 0, 12, 20], [14, 0, 26, 20], [50, 0, 62, 20]], float)
GAP = 38.0  # x of the middle of that gap


def make_signs(*signs):
    """Signs of (text, x, y, width, height) and perhaps a probability: their middle and size."""
    boxes = [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for _, x, y, w, h, *_ in signs]
    return Signs(
        texts=np.array([sign[0] for sign in signs], str),
        probabilities=np.array([sign[5] if len(sign) > 5 else 0.9 for sign in signs], float),
        is_sure=np.ones(len(signs), bool),
        boxes=np.array(boxes, float).reshape(-1, 4),
    )


def turn(boxes, degrees):
    """Turn the middles of boxes about the page's corner, downwards to the right."""
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    angle = np.radians(degrees)
    middles = middles @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return np.concatenate([middles - halves, middles + halves], axis=1)


def pick(*signs, digits=DIGITS, slope=0.0):
    """What `select` keeps, a ? after those that are not sure."""
    selected = select(make_signs(*signs), digits, slope)
    pairs = zip(selected.texts, selected.is_sure, strict=True)
    return "".join(f"{text}{'' if is_sure else '?'}" for text, is_sure in pairs)


USUAL = {
    ".": (18, 3, 3),
    ",": (20, 4, 7),
    "-": (10, 12, 2),
    "+": (10, 13, 13),
    "/": (10, 9, 22),
    ":": (12, 3, 12),
    "×": (11, 11, 11),
    "÷": (10, 13, 13),
    "=": (10, 13, 7),
    "%": (10, 18, 20),
    "(": (10, 6, 24),
    ")": (10, 6, 24),
}


def test_every_sign_has_a_form():
    assert set(FORMS) == set(SIGNS) == set(USUAL)


@pytest.mark.parametrize("degrees", [-20, 0, 20])
@pytest.mark.parametrize("text", SIGNS)
def test_signs_as_people_write_them_are_kept(text, degrees):
    y, width, height = USUAL[text]
    signs = make_signs((text, GAP, y, width, height))
    signs.boxes[:] = turn(signs.boxes, degrees)
    selected = select(signs, turn(DIGITS, degrees), np.radians(degrees))
    assert selected.texts.tolist() == [text] and selected.is_sure.all()


@pytest.mark.parametrize(
    ("sign", "kept"),
    [
        ((".", GAP, 10, 3, 3), ""),  # at half height
        ((".", GAP, 2, 3, 3), ""),
        ((".", GAP, 18, 16, 16), ""),  # as large as a digit
        ((".", GAP, 18, 11, 9), ".?"),
        ((",", GAP, 2, 4, 7), ""),
        (("-", GAP, 19.5, 12, 2), "-?"),  # low
        (("-", GAP, 24, 12, 2), ""),  # underlined
        (("-", GAP, -4, 12, 2), ""),
        (("-", GAP, 10, 40, 2), ""),  # a ruled line
        (("-", GAP, 10, 28, 2), "-?"),
        (("-", GAP, 10, 12, 14), ""),
        (("/", GAP, 10, 8, 6), ""),
        (("/", GAP, 10, 8, 48), ""),
        (("(", GAP, 10, 6, 11), "(?"),
        (("=", GAP, 10, 13, 40), ""),
        (("+", GAP, 30, 13, 13), ""),
        (("+", 62 + 30, 10, 13, 13), "+"),
        (("+", 62 + 40, 10, 13, 13), ""),  # too far from the digits
        (("-", -50, 10, 12, 2), ""),  # in a cell without a digit
        (("-", -15, 10, 12, 2), "-"),
        (("-", 20, 10, 10, 2), ""),  # the bar of a crossed 7
        (("1", GAP, 10, 3, 3), None),
    ],
)
def test_signs_of_another_size_or_place_are_dropped_or_not_sure(sign, kept):
    if kept is None:
        with pytest.raises(KeyError):
            pick(sign)
    else:
        assert pick(sign) == kept


def test_a_point_under_the_bar_of_a_seven_is_kept():
    assert pick((".", 10, 18, 3, 3)) == "."


def test_a_point_that_is_detected_several_times_is_one():
    point, again = (".", GAP, 18, 2, 2, 0.9), (".", GAP + 3, 17, 2, 2, 0.6)
    assert pick(point, again, (".", GAP - 2, 19, 2, 2, 0.7)) == "."
    assert pick(point, (",", GAP + 2, 19, 2, 5, 0.4)) == "."
    assert pick(point, (",", GAP + 2, 19, 2, 5, 0.8)) == ".?"
    assert pick(point, (":", GAP + 1, 12, 3, 12, 0.6)) == ".?"
    assert pick((".", GAP, 16, 2, 2), (".", GAP + 1, 6, 2, 2)) == ":"


def test_signs_without_digits_are_dropped():
    assert pick(("-", 10, 10, 12, 2), digits=np.zeros((0, 4))) == ""
    assert len(select(make_signs(), DIGITS, 0.0)) == 0


def test_what_the_detector_doubts_stays_doubtful():
    signs = make_signs(("-", GAP, 10, 12, 2), ("/", -8, 10, 9, 22))
    signs.is_sure[0] = False
    assert select(signs, DIGITS, 0.0).is_sure.tolist() == [False, True]


def test_a_sign_is_compared_with_the_digits_beside_it_not_with_larger_ones():
    digits = np.concatenate([DIGITS, [[0, 100, 60, 200], [70, 100, 130, 200]]])
    assert pick((".", 65, 190, 12, 12), digits=digits) == "."
    assert pick((".", GAP, 18, 12, 12), digits=digits) == ".?"


def test_two_signs_at_one_place_are_the_more_probable_one():
    plus, times = ("+", GAP, 10, 13, 13), ("×", GAP + 1, 10, 12, 12)
    assert pick((*plus, 0.6), (*times, 0.8)) == "×"
    assert pick((*plus, 0.8), (*times, 0.6)) == "+"
    assert pick((*plus, 0.8), ("×", GAP, 40, 12, 12, 0.9)) == "+"  # only one has a place here


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("-", GAP, 7, 12, 2), ("-", GAP + 1, 13, 12, 2)], "="),
        ([("-", GAP, 10, 12, 2), (".", GAP, 4, 3, 3), (".", GAP, 16, 3, 3)], "÷"),
        ([(".", GAP, 4, 3, 3), (".", GAP, 16, 3, 3)], ":"),
        ([("-", GAP - 7, 10, 9, 2), ("-", GAP + 7, 10, 9, 2)], "--"),  # side by side
        ([("-", GAP, 9, 12, 4), ("-", GAP + 3, 12, 9, 3)], "-"),  # one that was detected twice
        ([("-", GAP, 8, 12, 6), ("-", GAP, 12.5, 12, 6)], "--"),  # both have the stroke between
        ([("-", GAP, 10, 12, 2), ("-", GAP, 37, 12, 2)], "-"),  # of the next row
        ([("-", GAP, 10, 12, 2), (".", GAP, 17, 3, 3)], "-."),
        ([(".", GAP, 18, 3, 3), (".", GAP + 6, 18, 3, 3)], ".."),
    ],
)
def test_parts_are_combined(parts, text):
    assert pick(*parts) == text
    assert sorted(pick(*parts[::-1])) == sorted(text)


def test_a_combined_sign_has_the_box_and_the_doubts_of_its_parts():
    signs = make_signs(("+", 0, 10, 9, 9), ("-", 38, 7, 12, 2, 0.7), ("-", 39, 13, 12, 2, 0.8))
    signs.is_sure[2] = False
    combined = combine(signs, 20.0)
    assert combined.texts.tolist() == ["+", "="]
    assert combined.boxes[1].tolist() == [32, 6, 45, 14]
    assert combined.probabilities.tolist() == [0.9, 0.7]
    assert combined.is_sure.tolist() == [True, False]


def test_misfits_are_measured_in_digit_heights():
    signs = make_signs(("-", GAP, 19, 12, 2), ("-", GAP, 10, 30, 2), ("-", 300, 10, 12, 2))
    np.testing.assert_allclose(measure_misfits(signs, DIGITS, 0.0), [0.1, 0.2, np.inf])


def test_hundreds_of_marks_are_selected_from():
    rng = np.random.default_rng(0)
    middles = rng.uniform(0, 1000, (600, 2))
    signs = make_signs(
        *((text, *middle, 4, 4) for text, middle in zip("-." * 300, middles, strict=True))
    )
    corners = rng.uniform(0, 1000, (300, 2))
    selected = select(signs, np.concatenate([corners, corners + np.array([12, 20])], axis=1), 0.0)
    assert 0 < len(selected) < 600
