import numpy as np
import pytest
from scipy import ndimage

import data
from digits.transforms import to_mnist


@pytest.mark.parametrize("scale", [0.7, 1, 4])
@pytest.mark.parametrize("offset", [(0, 0), (5, -4)])
def test_size_and_place_of_a_digit_do_not_matter(scale, offset):
    images, _ = data.load_test()
    digit = np.pad(images[0] / np.float32(255), 10)
    ink = np.roll(ndimage.zoom(digit, scale, order=1), offset, (0, 1))
    image = to_mnist.to_mnist(ink)[0]
    assert image.shape == (28, 28)
    assert np.abs(image - to_mnist.to_mnist(digit)[0]).mean() < (0.02 if scale >= 1 else 0.05)


def test_a_digit_fills_twenty_pixels_with_its_mass_in_the_middle():
    images, _ = data.load_test()
    for image in images[:30]:
        made = to_mnist.to_mnist(image / np.float32(255))[0]
        rows, columns = np.nonzero(made > 0.1)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        assert ndimage.center_of_mass(made) == pytest.approx((14, 14), abs=0.6)


def test_mnist_images_are_changed_little():
    images, _ = data.load_test()
    made = np.array([to_mnist.to_mnist(image / np.float32(255))[0] for image in images[:100]])
    assert np.abs(made - images[:100] / 255).mean() < 0.045


def test_an_image_is_made_for_each_width():
    ink = np.ones((30, 30), bool)
    for image, width in zip(to_mnist.to_mnist(ink, (0.5, 1.0)), (10, 20), strict=True):
        assert abs((image > 0.5).any(axis=0).sum() - width) <= 2


@pytest.mark.parametrize(
    "ink", [np.zeros((5, 5)), np.zeros((0, 0)), np.ones((1, 1)), np.ones((3, 400))]
)
def test_odd_ink_gives_an_image(ink):
    image = to_mnist.to_mnist(ink)[0]
    assert image.shape == (28, 28)
    assert np.isfinite(image).all()
    assert image.any() == bool(ink.any())


def test_ink_is_told_from_uneven_paper():
    page = np.tile(np.linspace(0.9, 0.6, 80, dtype=np.float32), (80, 1))
    page[20:60, 38:44] = 0.3
    ink = to_mnist.cut_out(page, (36, 20, 46, 60))
    assert 0.2 < ink.mean() < 0.35
    assert ink[len(ink) // 2, ink.shape[1] // 2]
    assert not ink[:, 0].any()


@pytest.mark.parametrize("axis", [0, 1])
def test_shade_darker_than_a_thin_stroke_does_not_matter(axis):
    lines = np.zeros((80, 80), np.float32)
    lines[20:60, [20, 40, 58]] = lines[[20, 40, 58], 20:60] = 0.15
    light = np.moveaxis(np.tile(np.linspace(0.9, 0.5, 80, dtype=np.float32), (80, 1)), 1, axis)
    box = 18, 18, 62, 62
    even, shaded = to_mnist.cut_out(1 - lines, box), to_mnist.cut_out(light - lines, box)
    assert 0.05 < even.mean() < 0.3
    assert (even != shaded).mean() < 0.02


def test_a_thick_stroke_is_not_taken_for_shade():
    page = np.ones((80, 80), np.float32)
    page[10:70, 30:50] = 0.2
    ink = to_mnist.cut_out(page, (30, 10, 50, 70))
    assert ink[8:-8, ink.shape[1] // 2].all()
    assert 0.4 < ink.mean() < 0.6


def test_what_only_reaches_into_the_box_is_left_out():
    page = np.ones((100, 100), np.float32)
    page[30:70, 48:52] = 0  # a 1
    page[30:70, 62:66] = 0  # its neighbour, at the edge of the box
    page[33, 40] = 0  # a speck
    ink = to_mnist.cut_out(page, (38, 30, 62, 70))
    assert ndimage.label(ink)[1] == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_what_goes_on_beyond_the_box_is_cut_off(axis):
    page = np.ones((100, 100), np.float32)
    page[30:70, 48:52] = page[58:60, 48:] = 0.2  # a stroke, and a rule from it to the right
    box = [40, 30, 60, 70]
    if axis:
        page, box = page.T, [30, 40, 70, 60]
    ink = to_mnist.cut_out(page, box)
    columns = np.flatnonzero((ink.T if axis else ink).any(axis=0))
    scale = 56 / 49  # the region has rows 26 to 74, and columns from 36 on
    assert columns[0] == pytest.approx((48 - 36) * scale, abs=1)
    assert columns[-1] == pytest.approx((60 - 36) * scale + 2, abs=1)


def test_blank_paper_has_no_ink():
    page = np.full((50, 50), 0.8, np.float32)
    assert not to_mnist.cut_out(page, (10, 10, 30, 40)).any()


@pytest.mark.parametrize("box", [(-5, -5, 10, 20), (40, 40, 60, 70), (49.5, 3, 49.9, 9)])
def test_boxes_may_reach_over_the_edge(box):
    assert max(to_mnist.cut_out(np.ones((50, 50), np.float32), box).shape) == to_mnist.HEIGHT
