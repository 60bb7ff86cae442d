import dataclasses

import numpy as np
import pytest

from digits import plotting
from digits.reading import Digit, Line, Number, Page, Photo, Sign, figures


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
    return photo.pixels, figures.mark(photo, make_page(make_digit(box, is_sure)))


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
        marked = figures.mark(Photo(np.full((1000, 1200, 3), 200, np.uint8)), page)
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
def test_a_photo_is_drawn_with_its_boxes_labels_and_images(drawn, tmp_path, num_digits):
    digits = [make_digit((20, 10, 40, 50), is_sure=place > 0) for place in range(num_digits)]
    photo = Photo(np.full((60, 90, 3), 200, np.uint8))
    figures.draw_page(photo, make_page(*digits), tmp_path / "x.png", "cost_$5_$6.png: 1 digit")
    (figure,) = drawn
    axes, *images = figure.axes
    assert figure.get_suptitle() == "cost_$5_$6.png: 1 digit"
    assert [patch.get_bbox().extents.tolist() for patch in axes.patches] == [
        [20, 10, 40, 50]
    ] * num_digits
    styles = [patch.get_linestyle() for patch in axes.patches]
    assert styles == (["--"] + ["-"] * (num_digits - 1) if num_digits else [])
    shown = [image.get_title() for image in images if image.images]
    assert shown == ["7?", *["7"] * (min(num_digits, 60) - 1)][: min(num_digits, 60)]
    notes = [text.get_text() for text in axes.texts if "not sure" in text.get_text()]
    assert len(notes) == (num_digits > 0)


def test_signs_are_drawn_with_their_text_on_the_photo(drawn, tmp_path):
    sign, doubtful = (Sign(text, 0.9, text == ".", (42, 44, 46, 48)) for text in ".×")
    page = make_page(make_digit((20, 10, 40, 50)), sign, doubtful)
    figures.draw_page(Photo(np.full((60, 90, 3), 200, np.uint8)), page, tmp_path / "x.png", "x")
    axes, *images = drawn[0].axes
    assert [patch.get_linestyle() for patch in axes.patches] == ["-", "-", "--"]
    assert [text.get_text() for text in axes.texts][:3] == ["7", ".", "×?"]
    assert "not sure" in axes.texts[3].get_text()
    assert [image.get_title() for image in images if image.images] == ["7"]


def test_the_steps_of_reading_are_drawn(drawn, tmp_path):
    photo = Photo(np.full((60, 90, 3), 200, np.uint8))
    page = make_page(make_digit((20, 10, 40, 50)), make_digit((50, 12, 70, 52)))
    ink = np.random.default_rng(0).random((30, 45))
    figures.draw_steps(photo, ink, page, tmp_path / "x.png")
    (figure,) = drawn
    photo_axes, ink_axes, page_axes, *images = figure.axes
    np.testing.assert_array_equal(ink_axes.images[0].get_array(), ink)
    assert not photo_axes.patches and len(page_axes.patches) == 2
    (line,) = page_axes.lines  # through the middles of the digits
    assert line.get_xydata().tolist() == [[30, 30], [60, 32]]
    assert sum(bool(image.images) for image in images) == 2


def test_the_region_is_outlined_and_the_rest_paler(drawn, tmp_path):
    page = dataclasses.replace(
        make_page(make_digit((220, 110, 240, 150))), region=(200, 100, 300, 200)
    )
    photo = Photo(np.full((1000, 1200, 3), 100, np.uint8))
    figures.draw_page(photo, page, tmp_path / "x.png", "x")
    axes = drawn[0].axes[0]
    frame, _ = axes.patches
    assert frame.get_bbox().extents.tolist() == [200, 100, 300, 200]
    shown = axes.images[0].get_array()
    assert (shown[100:200, 200:300] == 100).all() and (shown[:100] == 185).all()
    assert (photo.pixels == 100).all()
    marked = figures.mark(photo, page)
    assert (marked[50, 50] == 185).all() and (marked[180, 280] == 100).all()
    assert (marked[200, 201:299] == to_rgb(plotting.GREY)).all()
