import numpy as np
import pytest
from scipy import ndimage

from digits.transforms import degrade

THICKER, ROW, COLUMN, SIDE, BLUR, SIGMA, FIRST = range(7)
NOISE = degrade.make_noise(0)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 28, 28), np.float32)


def apply(images, num_spoils=3, **amounts):
    """Spoil all images in one way."""
    spoils = np.zeros((num_spoils, 7), np.float32)
    for name, amount in amounts.items():
        spoils[:, globals()[name]] = amount
    return np.asarray(degrade.spoil(images, spoils, NOISE))


def test_amounts_of_nothing_change_nothing(images):
    np.testing.assert_allclose(apply(images), images, atol=1e-6)


@pytest.mark.parametrize(
    ("amount", "filtered"), [(1, ndimage.maximum_filter), (-1, ndimage.minimum_filter)]
)
def test_strokes_get_a_pixel_wider_or_thinner_as_scipy_says(images, amount, filtered):
    expected = np.stack([filtered(image, 3, mode="nearest") for image in images])
    np.testing.assert_allclose(apply(images, THICKER=amount), expected, atol=1e-6)
    np.testing.assert_allclose(
        apply(images, THICKER=amount / 2), (images + expected) / 2, atol=1e-6
    )


def test_a_square_is_covered(images):
    covered = apply(images, ROW=10, COLUMN=20, SIDE=4)
    expected = images.copy()
    expected[:, 8:12, 18:22] = 0
    np.testing.assert_allclose(covered, expected, atol=1e-6)


def test_blur_is_a_gaussian_that_keeps_a_grey_page_grey(images):
    sigma = degrade.BLUR * 5 / (degrade.BLURS - 1)
    blurred = apply(images, BLUR=5)
    expected = ndimage.gaussian_filter(images, sigma, axes=(1, 2), truncate=10)
    inner = slice(None), slice(4, -4), slice(4, -4)  # near edges the page goes on in another way
    np.testing.assert_allclose(blurred[inner], expected[inner], atol=2e-3)
    grey = np.full_like(images, 0.4)
    np.testing.assert_allclose(apply(grey, BLUR=11), grey, atol=1e-6)


def test_noise_is_as_strong_as_asked_and_another_for_each_image():
    grey = np.full((12, 28, 28), 0.5, np.float32)
    noisy = apply(grey, SIGMA=0.05, FIRST=2044)
    rows = [(2044 + place) % degrade.NOISE_IMAGES for place in range(4)] * 3
    expected = np.clip(0.5 + 0.05 * NOISE[rows].reshape(grey.shape), 0, 1)
    np.testing.assert_allclose(noisy, expected, atol=1e-6)
    assert len({image.tobytes() for image in noisy[:4]}) == 4


def test_noise_is_of_each_pixel_of_specks_and_of_clouds():
    np.testing.assert_allclose(np.square(NOISE).mean(axis=1), 1, atol=1e-4)
    pages = NOISE.reshape(-1, 28, 28)
    alike = (pages[:, 1:] * pages[:, :-1]).mean(axis=(1, 2))  # a pixel and the one below it
    assert np.abs(alike[0::3]).mean() < 0.05
    assert alike[2::3].min() > 0.5
    speckless = (NOISE[1::3] == 0).mean(axis=1)
    assert speckless.min() > 0.85 and speckless.max() < 0.995


def test_each_share_of_a_batch_is_spoiled_in_its_own_way(images):
    spoils = degrade.random_spoils(np.random.default_rng(1), 4)
    together = np.asarray(degrade.spoil(images, spoils, NOISE))
    for place in range(4):
        part = slice(3 * place, 3 * place + 3)
        alone = np.asarray(degrade.spoil(images[part], spoils[place : place + 1], NOISE))
        np.testing.assert_allclose(together[part], alone, atol=1e-6)
    assert together.min() >= 0 and together.max() <= 1


def test_spoils_are_drawn_from_the_ranges_that_the_constants_say():
    spoils = degrade.random_spoils(np.random.default_rng(2), 4000)
    for column, low, high in [
        (THICKER, -degrade.THINNER, degrade.THICKER),
        (SIDE, *degrade.COVER),
        (SIGMA, 0, degrade.NOISE),
        (BLUR, 1, degrade.BLURS - 1),
    ]:
        chosen = spoils[:, column][spoils[:, column] != 0]
        assert len(chosen) / 4000 == pytest.approx(degrade.SHARE_OF_EACH, abs=0.03)
        assert chosen.min() == pytest.approx(low, abs=0.02)
        assert chosen.max() == pytest.approx(high, abs=0.02)
    # Each with a chance of its own: one in 16 has all four.
    chosen = (spoils[:, [THICKER, SIDE, SIGMA, BLUR]] != 0).sum(axis=1)
    assert (chosen == 4).mean() == pytest.approx(1 / 16, abs=0.02)
    for column in (ROW, COLUMN):
        assert spoils[:, column].min() == pytest.approx(degrade.COVER_MIDDLE[0], abs=0.02)
        assert spoils[:, column].max() == pytest.approx(degrade.COVER_MIDDLE[1], abs=0.02)
    again = degrade.random_spoils(np.random.default_rng(2), 4000)
    np.testing.assert_array_equal(again, spoils)
