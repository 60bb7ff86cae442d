import numpy as np

from digits.reading import Digit, Line, Number, Page, Photo, figures


def test_the_steps_of_reading_are_drawn(drawn, tmp_path):
    photo = Photo(np.full((60, 90, 3), 200, np.uint8))
    image = np.zeros((28, 28), np.float32)
    boxes = (20, 10, 40, 50), (50, 12, 70, 52)
    digits = tuple(Digit(7, 0.9, True, 1, box, image) for box in boxes)
    page = Page("7.png", 1.0, (Line((Number(digits),)),), turns=0, is_inverted=False)
    ink = np.random.default_rng(0).random((30, 45))
    figures.draw_steps(photo, ink, page, tmp_path / "x.png")
    (figure,) = drawn
    photo_axes, ink_axes, page_axes, *images = figure.axes
    np.testing.assert_array_equal(ink_axes.images[0].get_array(), ink)
    assert not photo_axes.patches and len(page_axes.patches) == 2
    (line,) = page_axes.lines  # through the middles of the digits
    assert line.get_xydata().tolist() == [[30, 30], [60, 32]]
    assert sum(bool(image.images) for image in images) == 2
