import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import data
from digits.transforms import warp


def warped(images, warps):
    return np.asarray(warp.warp_images(images, warps))


def affine_warps(linear, shift=(0, 0)):
    """One warp that reads at `linear @ (place - centre) + centre + shift`, with no bumps."""
    coefficients = np.zeros((1, 2, 28), np.float32)
    coefficients[0, :, 0] = shift
    coefficients[0, :, 1:3] = np.array(linear) - np.eye(2)
    return coefficients


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 28, 28), np.float32)


def test_warps_agree_with_scipy_image_by_image(images):
    warps = warp.random_warps(np.random.default_rng(1), 3, strength=2.0)
    places = (warps @ warp.FIELDS + warp.GRID).reshape(3, 2, 28, 28)
    expected = [
        map_coordinates(image, places[i // 4], order=1, mode="nearest")
        for i, image in enumerate(images)
    ]
    np.testing.assert_allclose(warped(images, warps), expected, atol=1e-5)


def test_strength_0_changes_nothing(images):
    warps = warp.random_warps(np.random.default_rng(1), 6, strength=0)
    np.testing.assert_array_equal(warped(images, warps), images)


def test_a_shift_by_whole_pixels_is_exact(images):
    moved = warped(images, affine_warps(np.eye(2), shift=(2, -3)))
    np.testing.assert_allclose(moved[:, :-2, 3:], images[:, 2:, :-3], atol=1e-5)


def test_a_quarter_turn_is_exact(images):
    turned = warped(images, affine_warps([[0, 1], [-1, 0]]))
    np.testing.assert_allclose(turned, np.rot90(images, axes=(1, 2)), atol=1e-5)


def test_the_recipe_has_the_ranges_it_was_measured_with():
    ranges = warp.ROTATION, warp.SCALE, warp.SHEAR, warp.SHIFT, warp.ELASTIC
    assert ranges == (8, 0.08, 0.1, 1.4, 0.7)


def test_ranges_are_what_the_constants_say():
    warps = warp.random_warps(np.random.default_rng(2), 4000)
    linear = warps[:, :, 1:3] + np.eye(2)
    # The second column of rotate @ [[a, 0], [s, b]] is b times the turned column axis.
    angle = np.degrees(np.arctan2(-linear[:, 0, 1], linear[:, 1, 1]))
    columns_scale = np.hypot(linear[:, 0, 1], linear[:, 1, 1])
    # Turned back, the first column is [a, s].
    turned_back = np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=1)
    rows_scale = (turned_back * linear[:, :, 0]).sum(axis=1)
    shear = (turned_back[:, ::-1] * [-1, 1] * linear[:, :, 0]).sum(axis=1)
    for values, limit in (
        (angle, warp.ROTATION),
        (columns_scale - 1, warp.SCALE),
        (rows_scale - 1, warp.SCALE),
        (shear, warp.SHEAR),
        (warps[:, 0, 0], warp.SHIFT),
        (warps[:, 1, 0], warp.SHIFT),
    ):
        assert np.abs(values).max() <= limit * 1.0001
        assert values.min() < -0.95 * limit < 0.95 * limit < values.max()


def test_the_elastic_field_has_its_deviation_at_every_pixel_and_is_smooth():
    warps = warp.random_warps(np.random.default_rng(3), 4000)
    warps[:, :, :3] = 0
    fields = (warps @ warp.FIELDS).reshape(4000, 2, 28, 28)
    np.testing.assert_allclose(fields.std(axis=0), warp.ELASTIC, rtol=0.06)
    np.testing.assert_allclose(fields.mean(axis=0), 0, atol=0.06)
    assert np.abs(np.diff(fields, axis=3)).mean() < 0.25 * np.abs(fields).mean()


def test_the_same_seed_gives_the_same_warps_and_another_does_not():
    first, again, other = (warp.random_warps(np.random.default_rng(s), 5) for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(np.unique(first[:, 0, 0])) == 5  # each warp of its own


def test_images_share_warps_in_order(images):
    warps = warp.random_warps(np.random.default_rng(6), 3)
    together = warped(images, warps)
    for group in range(3):
        members = slice(4 * group, 4 * group + 4)
        alone = warped(images[members], warps[group : group + 1])
        np.testing.assert_allclose(together[members], alone, atol=1e-5)


def test_a_warped_digit_stays_in_range_and_keeps_its_ink():
    digits = data.normalize(data.load_train()[0][:320])
    changed = warped(digits, warp.random_warps(np.random.default_rng(7), 320))
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    ink = changed.sum(axis=(1, 2)) / digits.sum(axis=(1, 2))
    assert 0.97 < ink.mean() < 1.03
    assert 0.6 < ink.min() < ink.max() < 1.5


def test_each_image_is_warped_slightly_by_a_warp_of_its_own():
    images = data.normalize(data.load_test()[0][:1200].copy())
    first, again, second = (warp.warp_slightly(images, seed) for seed in (1, 1, 2))
    assert first.shape == images.shape
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).mean() > 0.01
    assert np.abs(first - images).mean() < 0.1
    same = np.repeat(images[:1], 2, axis=0)
    left, right = warp.warp_slightly(same, 1)
    assert np.abs(left - right).mean() > 0.005
