"""Light is evened out: ink in a shadow has as much contrast as elsewhere."""

import numpy as np
import pytest

from digits.reading.lighting import even_out


@pytest.fixture
def page():
    """White paper with a stroke in each half."""
    page = np.full((300, 400), 0.8, np.float32)
    page[100:200, 95:100] = page[100:200, 295:300] = 0.2
    return page


def test_even_light_is_left_alone(page):
    assert even_out(page) is page


@pytest.mark.parametrize("light", [0.35, 0.15])
def test_a_deep_shadow_is_taken_away(page, light):
    shaded = page.copy()
    shaded[:, 200:] *= light
    evened = even_out(shaded)
    assert evened.dtype == np.float32 and evened.shape == page.shape
    paper, ink = np.median(evened[:50, [50, 350]], axis=0), evened[150, [97, 297]]
    assert paper[1] == pytest.approx(paper[0], rel=0.02)
    assert ink[1] == pytest.approx(ink[0], rel=0.02)
    beside = np.delete(evened[:50], np.arange(190, 230), axis=1)  # the edge
    np.testing.assert_allclose(beside, paper[0], rtol=0.02)


def test_light_that_falls_off_is_made_even(page):
    evened = even_out(page * np.linspace(1, 0.2, 400, dtype=np.float32))
    np.testing.assert_allclose(evened[:50, 20:-20], np.median(evened), rtol=0.1)


def test_light_that_the_detector_copes_with_is_left_alone(page):
    shaded = page * np.linspace(1, 0.5, 400, dtype=np.float32)
    assert even_out(shaded) is shaded


def test_light_ink_is_left_alone(page):
    shaded = 1 - page * np.linspace(1, 0.6, 400, dtype=np.float32)
    assert even_out(shaded) is shaded


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_blank_pages_stay_blank(value):
    blank = np.full((300, 300), value, np.float32)
    np.testing.assert_array_equal(even_out(blank), blank)


def test_small_pages_and_thin_strips_are_taken(page):
    small = page[:200, :230]
    assert even_out(small) is small
    assert even_out(page[:1]).shape == (1, 400)
