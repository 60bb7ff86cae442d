import numpy as np
import pytest

from benchmarks import drawings
from digits.training.synthetic import strokes


@pytest.mark.parametrize("kind", drawings.KINDS)
def test_a_seed_gives_a_drawing_in_ink_on_a_white_canvas(kind):
    first, again = (drawings.KINDS[kind](np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (*drawings.SHAPE, 3) and first.dtype == np.uint8
    assert first.min() == 0 and np.median(first) == 255
    other = drawings.KINDS[kind](np.random.default_rng(4))
    assert (first != other).any()


def test_letters_are_of_other_fonts_than_the_detector_is_trained_with():
    assert not set(drawings.FONTS) & set(strokes.LETTER_FONTS)


def test_the_pen_is_as_wide_as_the_page_draws():
    line = np.array([[-1.0, 0.0], [1.0, 0.0]])
    canvas = drawings.draw_lines([line], 200, np.array([240, 160]))
    rows, columns = np.nonzero(canvas[..., 0] < 128)
    assert np.ptp(rows) + 1 == pytest.approx(drawings.PEN, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(200 + drawings.PEN, abs=2)
