import numpy as np
import pytest

from digits.evaluation import ood


@pytest.mark.parametrize("kind", ood.KINDS)
def test_things_that_are_no_digits_are_images_that_repeat(kind):
    images = ood.make(kind, 40, seed=1)
    assert images.shape == (40, 28, 28) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert (images.max(axis=(1, 2)) > 0.3).all()
    assert len({image.tobytes() for image in images}) == 40
    np.testing.assert_array_equal(images, ood.make(kind, 40, seed=1))
    assert (images != ood.make(kind, 40, seed=2)).any()


def test_letters_are_as_large_and_as_central_as_mnists_digits():
    images = ood.make("letters", 100)
    rows, columns = np.indices((28, 28))
    for image in images:
        inked = np.argwhere(image > 0.3)
        height, width = inked.max(axis=0) - inked.min(axis=0) + 1
        assert 15 <= max(height, width) <= 26
        middle = (image * rows).sum() / image.sum(), (image * columns).sum() / image.sum()
        np.testing.assert_allclose(middle, 13.5, atol=3)


def test_no_letter_is_one_that_people_take_for_a_digit():
    assert not set(ood.LETTERS) & set("OoIlSsZzBbGgQqDiJj0123456789")


def test_shapes_are_filled_and_letters_are_strokes():
    shapes, letters = (ood.make(kind, 100) for kind in ("shapes", "letters"))
    assert (shapes > 0.2).mean() > 1.5 * (letters > 0.2).mean()
    assert np.unique(np.round(shapes, 2)).size > 50  # greys


def test_noise_is_from_fine_to_coarse():
    noise = ood.make("noise", 200)
    centred = noise - noise.mean(axis=(1, 2), keepdims=True)
    alike = (centred[:, 1:] * centred[:, :-1]).mean(axis=(1, 2)) / centred.var(axis=(1, 2))
    assert alike.min() < 0.1 and alike.max() > 0.9
