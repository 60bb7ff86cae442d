import dataclasses

import numpy as np
import pytest
from PIL import Image

from digits import plotting
from digits.reading import Digit, Line, Number, Page, Photo, Sign, annotate


def to_rgb(color):
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def make_page(*digits):
    lines = (Line((Number(tuple(digits)),)),) if digits else ()
    return Page("7.png", 1.0, lines, turns=0, is_inverted=False)


def make_digit(box, is_sure=True):
    image = np.zeros((28, 28), np.float32)
    return Digit(7, 0.9, is_sure, 1, box, image)


def mark(is_sure=True, shape=(1000, 1200), box=(300, 400, 500, 700)):
    photo = Photo(np.full((*shape, 3), 200, np.uint8))
    return photo.pixels, annotate.mark(photo, make_page(make_digit(box, is_sure)))


def test_a_sure_digit_gets_a_solid_blue_box():
    photo, marked = mark()
    assert marked.shape == photo.shape
    for side in (marked[401:699, 300], marked[401:699, 500], marked[700, 301:499]):
        assert (side == to_rgb(plotting.BLUE)).all()
    np.testing.assert_array_equal(marked[410:690, 310:490], photo[410:690, 310:490])


def test_a_digit_that_is_not_sure_gets_a_dashed_orange_box():
    _, marked = mark(is_sure=False)
    dashed = (marked[700, 301:499] == to_rgb(plotting.VERMILLION)).all(axis=1)
    assert 0.4 < dashed.mean() < 0.9
    assert np.abs(np.diff(dashed.astype(int))).sum() > 10


def test_a_sign_gets_a_box_of_another_colour_unless_it_is_not_sure():
    for is_sure, color in ((True, plotting.GREEN), (False, plotting.VERMILLION)):
        sign = Sign("×", 0.9, is_sure, (300, 400, 500, 700))
        page = make_page(make_digit((10, 400, 200, 700)), sign)
        marked = annotate.mark(Photo(np.full((1000, 1200, 3), 200, np.uint8)), page)
        side = (marked[400, 301:499] == to_rgb(color)).all(axis=1)
        assert side.mean() == 1 if is_sure else 0.4 < side.mean() < 0.9
        below = (marked[705:760, 300:340] == to_rgb(color)).all(axis=2)
        assert below.sum() > 30  # its text


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((500, 250), (1000, 500)), ((1200, 800), (1200, 800)), ((3200, 1600), (1600, 800))],
)
def test_pictures_are_large_enough_to_read_and_small_enough_to_send(shape, expected):
    left, top = shape[1] / 10, shape[0] / 10
    _, marked = mark(shape=shape, box=(left, top, 2 * left, 2 * top))
    assert marked.shape[:2] == expected


def test_digits_at_the_edge_can_be_marked():
    _, marked = mark(box=(0, 0, 1200, 1000))
    assert marked.shape == (1000, 1200, 3)


@pytest.mark.parametrize("num_digits", [0, 1, 100])
def test_a_page_is_drawn_with_its_note_and_the_classifiers_input(tmp_path, num_digits):
    digits = [make_digit((20, 10, 40, 50), is_sure=place > 0) for place in range(num_digits)]
    photo = Photo(np.full((800, 1100, 3), 200, np.uint8))
    annotate.draw_page(photo, make_page(*digits), tmp_path / "x.png")
    drawn = np.asarray(Image.open(tmp_path / "x.png"))
    np.testing.assert_array_equal(drawn[:800], annotate.mark(photo, make_page(*digits)))
    num_shown = min(num_digits, annotate.MAX_IMAGES)
    num_rows = -(-num_shown // annotate.IMAGES_A_ROW)
    note = annotate.NOTE_HEIGHT if num_digits else 0
    assert drawn.shape == (800 + note + num_rows * annotate.CELL_HEIGHT, 1100, 3)
    below = drawn[800 + note :]
    frames = (below == to_rgb(plotting.GREY)).all(axis=2).sum()
    assert frames == max(0, num_shown - 1) * 4 * (annotate.IMAGE_SIDE + 1)


def test_a_photo_narrower_than_one_image_is_drawn(tmp_path):
    photo = Photo(np.full((1600, 20, 3), 200, np.uint8))
    annotate.draw_page(photo, make_page(make_digit((2, 10, 18, 50))), tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").size[0] == 20


def test_the_region_is_outlined_and_the_rest_paler():
    page = dataclasses.replace(
        make_page(make_digit((220, 110, 240, 150))), region=(200, 100, 300, 200)
    )
    photo = Photo(np.full((1000, 1200, 3), 100, np.uint8))
    marked = annotate.mark(photo, page)
    assert (photo.pixels == 100).all()
    assert (marked[50, 50] == 185).all() and (marked[180, 280] == 100).all()
    assert (marked[200, 201:299] == to_rgb(plotting.GREY)).all()
