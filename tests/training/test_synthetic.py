import numpy as np
import pytest

import data
from digits.networks.detector import BACKGROUND, TURNED
from digits.symbols import DIGITS, SIGNS, SYMBOLS
from digits.training import detection
from digits.training.synthetic import marks, pages, photograph, strokes, texts


@pytest.fixture(scope="module")
def digits():
    """The strokes of a hundred training digits, and their labels."""
    images, labels = data.load_train()
    return strokes.trace_digits(images[:100], labels[:100], np.random.default_rng(0)), labels[:100]


def test_strokes_are_kept_as_the_distance_from_their_skeleton():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 13:15] = 255  # a stroke two pixels wide: four at twice the size, 26 to 29
    traced = strokes.trace_digits(image, [4], np.random.default_rng(1))[0]
    distance = traced / strokes.STEPS_PER_PIXEL
    assert distance.shape == (56, 56)
    skeleton = distance[28].argmin()
    assert distance[28, skeleton] == 0
    assert skeleton in (27, 28)
    assert list(distance[28, skeleton : skeleton + 4]) == [0, 1, 2, 3]


def test_an_image_without_a_digit_is_refused():
    images = np.stack([np.full((28, 28), 255, np.uint8), np.zeros((28, 28), np.uint8)])
    with pytest.raises(ValueError, match="received image 1 with no pixel above 110"):
        strokes.trace_digits(images, [1, 2], np.random.default_rng(0))


def test_a_pen_draws_strokes_of_its_width(digits):
    distance = digits[0] / strokes.STEPS_PER_PIXEL
    thin, thick = (distance < 1).mean(), (distance < 3).mean()
    assert 4 < thick / thin < 8  # lines one pixel wide, and five


def test_some_ones_get_flags_and_some_sevens_bars():
    images, labels = data.load_train()
    for digit in (1, 7):
        chosen = images[labels == digit][:40]
        added = strokes.trace_digits(chosen, np.full(40, digit), np.random.default_rng(0))
        bare = strokes.trace_digits(chosen, np.full(40, 4), np.random.default_rng(0))
        grown = ((added == 0).sum(axis=(1, 2)) > (bare == 0).sum(axis=(1, 2)) + 5).mean()
        assert 0.05 < grown < 0.6


@pytest.mark.parametrize("seed", range(12))
def test_a_page_has_a_box_a_label_and_a_visible_share_for_each_digit(digits, seed):
    page = pages.make_page(np.random.default_rng(seed), *digits)
    assert page.photo.shape == (160, 160)
    assert page.photo.dtype == np.float32
    assert 0 <= page.photo.min() <= page.photo.max() <= 1
    assert len(page.boxes) == len(page.labels) == len(page.visible) == len(page.sizes)
    assert set(page.labels) <= {*range(BACKGROUND), pages.IGNORED}
    assert (page.boxes[:, 2:] > page.boxes[:, :2]).all()
    assert ((page.visible >= 0) & (page.visible <= 1)).all()


def test_the_same_seed_makes_the_same_page(digits):
    first, again, other = (
        pages.make_page(np.random.default_rng(seed), *digits).photo for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_all_ink_lies_in_boxes(digits):
    """Ink lies inside the boxes of the digits written, and each of these has some."""
    writer = pages.Writer(np.random.default_rng(0), 30, *digits, (200, 200))
    for place in (50, 100, 150):
        writer.write("digits", place, place, 30, 0.0)
    outside = writer.ink.copy()
    for left, top, right, bottom in writer.boxes:
        assert (writer.ink[top:bottom, left:right] > 0.5).any()
        outside[top:bottom, left:right] = 0
    assert outside.max() < 0.5
    assert writer.visible == [1, 1, 1]


def test_the_visible_share_of_a_digit_at_the_edge_is_measured(digits):
    writer = pages.Writer(np.random.default_rng(0), 40, *digits, (100, 100))
    index = int(np.flatnonzero(digits[1] == 0)[0])
    writer.write("digits", 50, 0, 40, 0.0, index)
    assert 0.3 < writer.visible[0] < 0.7


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_on_a_turned_page_clear_digits_say_how_it_is_turned(turns):
    boxes = np.array([[10, 20, 30, 60]] * 4, np.float32)
    photo = np.zeros((100, 160), np.float32)
    photo[20:60, 10:30] = 1
    labels = np.array([8, 4, SYMBOLS.index("+"), 6])
    page = pages.SyntheticPage(photo, boxes, labels, np.full(4, 40.0), np.ones(4))
    turned = pages._turn(page, turns)
    left, top, right, bottom = turned.boxes[0].astype(int)
    assert turned.photo[top:bottom, left:right].all()
    assert turned.photo.sum() == (bottom - top) * (right - left)
    np.testing.assert_array_equal(np.rot90(turned.photo, turns), photo)
    here = TURNED + turns - 1
    six = pages.IGNORED if turns == 2 else here  # upside down it is a 9
    assert turned.labels.tolist() == [pages.IGNORED, here, pages.IGNORED, six]


def test_every_sign_is_drawn_by_many_hands():
    distances, signs = strokes.trace_signs()
    assert np.bincount(signs, minlength=len(SIGNS)).min() >= strokes.SIGNS_DRAWN
    ink = distances < strokes.STEPS_PER_PIXEL
    assert ink.any(axis=(1, 2)).all()
    rows = np.arange(strokes.SIDE)[:, None]
    heights = {}
    for number, sign in enumerate(SIGNS):
        mine = ink[signs == number]
        assert len({each.tobytes() for each in mine}) > strokes.SIGNS_DRAWN / 2
        heights[sign] = (mine * rows).sum() / mine.sum()
    # At the base line, beside the middle of a digit.
    assert min(heights["."], heights[","]) > 40
    assert abs(heights["-"] - strokes.SIDE / 2) < 4


def test_a_sign_is_written_with_its_label_and_the_size_of_the_digits(digits):
    writer = pages.Writer(np.random.default_rng(0), 30, *digits, (100, 100))
    writer.write_symbol(".", 50, 50, 30, 0.0)
    ((left, top, right, bottom),) = writer.boxes
    assert (writer.written, writer.sizes) == ([SYMBOLS.index(".")], [30])
    assert max(right - left, bottom - top) < 15
    assert top > 52  # below the middle of the digits


def test_crossed_out_digits_are_no_digits_any_more(digits):
    kept = []
    for seed in range(20):
        writer = pages.Writer(np.random.default_rng(seed), 30, *digits, (100, 200))
        writer.share_circled, writer.share_crossed_out = 0, 1
        writer.write_text("274", np.array([40.0, 50]), np.array([1.0, 0]), 0.1, 0)
        assert writer.ink.any()
        kept.append(tuple(writer.written))
    assert set(kept) == {(), (pages.IGNORED,) * 3}


@pytest.mark.parametrize("style", texts.STYLES)
def test_texts_are_of_symbols_that_can_be_written(style):
    rng = np.random.default_rng(0)
    made = [texts.compose(rng, style) for _ in range(300)]
    assert set("".join(made)) <= {*SYMBOLS, *texts.KINDS, texts.JOINED, texts.PRINTED, " "}
    signs = [text for text in made if set(text) & set(SIGNS)]
    assert (len(signs) > 150) == (style == "signs")
    with_digits = [text for text in made if set(text) & set(DIGITS)]
    assert (len(with_digits) > 0) == (style != "words only")
    ones = "".join(texts.compose(rng, "numbers", share_of_ones=0.5) for _ in range(300))
    assert 0.45 < ones.count("1") / len(ones) < 0.65
    assert set(ones) == set(DIGITS)


def test_a_page_without_digits_has_ink_at_times_and_never_a_digit(digits):
    inked = 0
    for seed in range(60):
        writer = pages.Writer(np.random.default_rng(seed), 20, *digits, (160, 160))
        writer.write_no_digits()
        assert not set(writer.written) & set(range(len(DIGITS)))
        inked += writer.ink.any()
    assert 30 < inked < 60


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [texts.JOINED, texts.PRINTED])
def test_a_whole_word_is_written_along_its_line(digits, kind, seed):
    writer = pages.Writer(np.random.default_rng(seed), 20, *digits, (80, 400))
    length = writer.write_text(
        kind, np.array([20.0, 40.0]), np.array([1.0, 0.0]), spacing=0, jitter=0
    )
    columns = writer.ink.any(axis=0).nonzero()[0]
    assert not writer.boxes
    assert columns.min() >= 5
    assert columns.max() <= 20 + length + 20


@pytest.mark.parametrize("name", marks.PRINT_FONTS)
def test_words_are_printed_in_every_font(name):
    word = marks.print_word(np.random.default_rng(0), 20, name)
    assert 8 < word.shape[0] < 30
    assert word.max() > 0.6
    assert word[:2].any() and word[:, :2].any()


@pytest.mark.parametrize("make", [marks.ring, marks.frame])
def test_what_is_drawn_around_writing_surrounds_it(make):
    points = np.array(make(np.random.default_rng(0), np.array([50.0, 30.0]), 40, 20))
    assert points.min(axis=0) == pytest.approx([30, 20], abs=8)
    assert points.max(axis=0) == pytest.approx([70, 40], abs=8)


def test_lines_are_drawn_at_their_place_with_their_thickness():
    drawn = marks.draw_lines((40, 60), [[(10, 20), (50, 20)]], 4)
    assert drawn[20, 15:45].min() == 1
    assert drawn[:, 30].sum() == pytest.approx(4, abs=1.1)
    assert drawn[:15].max() == drawn[:, :5].max() == 0


def test_what_is_ambiguous_is_ignored():
    boxes, labels = np.array([[40, 40, 60, 70]]), np.array([pages.IGNORED])
    sizes = np.array([30])
    classes = detection.make_targets(boxes, labels, sizes, np.ones(1), (160, 160))[..., 0]
    assert set(np.unique(classes)) == {BACKGROUND, detection.IGNORED}


def test_paper_without_ink_is_a_photo_too():
    photos = [
        photograph.photograph(np.random.default_rng(s), np.zeros((64, 64), np.float32), 20)
        for s in range(5)
    ]
    assert all(photo.shape == (64, 64) and np.isfinite(photo).all() for photo in photos)


def test_ink_is_darker_than_its_paper():
    ink = np.zeros((80, 80), np.float32)
    ink[30:50, 30:50] = 1
    darker = 0
    for seed in range(40):
        photo = photograph.photograph(np.random.default_rng(seed), ink, 20)
        darker += photo[34:46, 34:46].mean() < photo[20:60, 20:60].mean()
    assert darker >= 38


def test_gaps_are_drawn_on_the_ink_only():
    ink = np.zeros((60, 80), np.float32)
    ink[28:32, 10:70] = 1
    spots = marks.gaps(np.random.default_rng(0), ink, radius=3, count=2)
    assert 20 < spots.sum() < 2 * np.pi * 4**2
    rows, columns = np.nonzero(spots)
    assert rows.min() >= 24 and rows.max() <= 35 and columns.min() >= 6 and columns.max() <= 74
    assert not marks.gaps(np.random.default_rng(0), np.zeros((60, 80)), 3, 2).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_single_digit_stands_alone(digits, seed):
    writer = pages.Writer(np.random.default_rng(seed), 30, *digits, (120, 120))
    writer.write_single()
    assert len(writer.boxes) == 1 and writer.written[0] < 10
    left, top, right, bottom = writer.boxes[0]
    outside = writer.ink.copy()
    outside[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = 0
    assert outside.max() < 0.5 < writer.ink.max()
