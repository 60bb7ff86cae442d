import numpy as np
import pytest
from scipy import ndimage

from digits.transforms import degrade

THICKER, ROW, COLUMN, SIDE, BLUR, SIGMA, FIRST, OUTLINE, DARKNESS = range(degrade.NUM_PARAMETERS)
TEXTURES = degrade.make_textures(0, with_lines=True)
NOISE = TEXTURES.noise


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 28, 28), np.float32)


def apply(images, num_degradations=3, **amounts):
    """Degrade all images by the same amounts."""
    degradations = np.zeros((num_degradations, degrade.NUM_PARAMETERS), np.float32)
    for name, amount in amounts.items():
        degradations[:, globals()[name]] = amount
    return np.asarray(degrade.degrade_images(images, degradations, TEXTURES))


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


def test_an_outlined_stroke_is_hollow_with_ink_around_it():
    images = np.zeros((12, 28, 28), np.float32)
    images[:, 10:16, 12:15] = 0.8
    outlined = apply(images, OUTLINE=1)
    expected = np.zeros_like(images)
    expected[:, 9:17, 11:16] = 0.8
    expected[:, 10:16, 12:15] = 0
    np.testing.assert_allclose(outlined, expected, atol=1e-6)
    np.testing.assert_allclose(apply(images, OUTLINE=0.5), (images + expected) / 2, atol=1e-6)


def test_lines_are_drawn_over_the_ink_or_take_it_away(images):
    rows = [(2044 + place) % degrade.NUM_TEXTURES for place in range(4)] * 3
    lines = TEXTURES.lines[rows].reshape(images.shape)
    drawn = apply(images, FIRST=2044, DARKNESS=0.6)
    np.testing.assert_allclose(drawn, np.maximum(images, 0.6 * lines), atol=1e-6)
    taken = apply(images, FIRST=2044, DARKNESS=-0.6)
    np.testing.assert_allclose(taken, images * (1 - 0.6 * lines), atol=1e-6)


def test_a_square_is_erased(images):
    erased = apply(images, ROW=10, COLUMN=20, SIDE=4)
    expected = images.copy()
    expected[:, 8:12, 18:22] = 0
    np.testing.assert_allclose(erased, expected, atol=1e-6)


def test_blur_is_a_gaussian_that_keeps_a_grey_page_grey(images):
    sigma = degrade.BLUR * 5 / (degrade.NUM_BLURS - 1)
    blurred = apply(images, BLUR=5)
    expected = ndimage.gaussian_filter(images, sigma, axes=(1, 2), truncate=10)
    inner = slice(None), slice(4, -4), slice(4, -4)  # SciPy treats edges in another way
    np.testing.assert_allclose(blurred[inner], expected[inner], atol=2e-3)
    grey = np.full_like(images, 0.4)
    np.testing.assert_allclose(apply(grey, BLUR=11), grey, atol=1e-6)


def test_noise_has_the_given_deviation_and_differs_between_images():
    grey = np.full((12, 28, 28), 0.5, np.float32)
    noisy = apply(grey, SIGMA=0.05, FIRST=2044)
    rows = [(2044 + place) % degrade.NUM_TEXTURES for place in range(4)] * 3
    expected = np.clip(0.5 + 0.05 * NOISE[rows].reshape(grey.shape), 0, 1)
    np.testing.assert_allclose(noisy, expected, atol=1e-6)
    assert len({image.tobytes() for image in noisy[:4]}) == 4


def test_noise_images_are_independent_pixels_specks_and_clouds():
    np.testing.assert_allclose(np.square(NOISE).mean(axis=1), 1, atol=1e-4)
    pages = NOISE.reshape(-1, 28, 28)
    # Correlation of a pixel and the one below it.
    correlation = (pages[:, 1:] * pages[:, :-1]).mean(axis=(1, 2))
    assert np.abs(correlation[0::3]).mean() < 0.05
    assert correlation[2::3].min() > 0.5
    speckless = (NOISE[1::3] == 0).mean(axis=1)
    assert speckless.min() > 0.85 and speckless.max() < 0.995


def test_groups_of_images_share_degradations_in_order(images):
    degradations = degrade.random_degradations(np.random.default_rng(1), 4, 0.5, 0.5)
    together = np.asarray(degrade.degrade_images(images, degradations, TEXTURES))
    for place in range(4):
        part = slice(3 * place, 3 * place + 3)
        alone = degrade.degrade_images(images[part], degradations[place : place + 1], TEXTURES)
        np.testing.assert_allclose(together[part], np.asarray(alone), atol=1e-6)
    assert together.min() >= 0 and together.max() <= 1


def test_degradations_are_drawn_from_the_ranges_of_the_constants():
    shares = {"outlined_share": 0.15, "lined_share": 0.35}
    degradations = degrade.random_degradations(np.random.default_rng(2), 4000, **shares)
    for column, low, high, share in [
        (THICKER, -degrade.THINNER, degrade.THICKER, degrade.SHARE_OF_EACH),
        (SIDE, *degrade.ERASED_SIDE, degrade.SHARE_OF_EACH),
        (SIGMA, 0, degrade.NOISE, degrade.SHARE_OF_EACH),
        (BLUR, 1, degrade.NUM_BLURS - 1, degrade.SHARE_OF_EACH),
        (OUTLINE, *degrade.OUTLINE, 0.15),
        (DARKNESS, -degrade.LINES[1], degrade.LINES[1], 0.35),
    ]:
        chosen = degradations[:, column][degradations[:, column] != 0]
        assert len(chosen) / 4000 == pytest.approx(share, abs=0.03)
        assert chosen.min() == pytest.approx(low, abs=0.02)
        assert chosen.max() == pytest.approx(high, abs=0.02)
    lined = degradations[:, DARKNESS][degradations[:, DARKNESS] != 0]
    assert np.abs(lined).min() == pytest.approx(degrade.LINES[0], abs=0.02)
    assert (lined < 0).mean() == pytest.approx(degrade.GAPS_SHARE, abs=0.04)
    outlined = degradations[degradations[:, OUTLINE] > 0]
    assert outlined[:, THICKER].max() == pytest.approx(degrade.THICKEST_OUTLINED)
    # Each is chosen independently: one in 16 has all four.
    chosen = (degradations[:, [THICKER, SIDE, SIGMA, BLUR]] != 0).sum(axis=1)
    assert (chosen == 4).mean() == pytest.approx(1 / 16, abs=0.02)
    for column in (ROW, COLUMN):
        assert degradations[:, column].min() == pytest.approx(degrade.ERASED_CENTRE[0], abs=0.02)
        assert degradations[:, column].max() == pytest.approx(degrade.ERASED_CENTRE[1], abs=0.02)
    again = degrade.random_degradations(np.random.default_rng(2), 4000, **shares)
    np.testing.assert_array_equal(again, degradations)
    without = degrade.random_degradations(np.random.default_rng(2), 4000)
    assert not without[:, [OUTLINE, DARKNESS]].any()
    is_same = degradations[:, OUTLINE] == 0
    np.testing.assert_array_equal(without[is_same, :OUTLINE], degradations[is_same, :OUTLINE])
