import functools

import numpy as np
import pytest

import data
from benchmarks import small_pictures
from digits.networks import load_classifier, load_detector, storage
from digits.reading import Reader
from digits.reading.enlarge import MAX_FACTOR, MAX_LONGER_SIDE, SMALL, enlarge


@functools.cache
def get_reader():
    return Reader(
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )


def make_page(shape=(28, 20)):
    """A dark stroke on light paper, from the top edge to the bottom."""
    page = np.full(shape, 0.9, np.float32)
    page[:, 8:11] = 0.2
    return page


def test_pages_of_the_usual_size_are_left_as_they_are():
    page = make_page((SMALL, SMALL + 40))
    enlarged = enlarge(page)
    assert enlarged.page is page
    boxes = np.array([[1.5, 2.0, 30.0, 40.0], [-3.0, 0.0, 200.0, 60.0]])
    clipped = [[1.5, 2.0, 30.0, 40.0], [0.0, 0.0, SMALL + 40, SMALL]]
    np.testing.assert_array_equal(enlarged.to_photo(boxes), clipped)


def test_boxes_on_an_enlarged_page_are_given_in_pixels_of_the_photo():
    enlarged = enlarge(make_page())
    assert min(enlarged.page.shape) >= SMALL
    rows, columns = np.nonzero(enlarged.page < 0.5)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)
    np.testing.assert_allclose(enlarged.to_photo(box), [[8, 0, 11, 28]], atol=0.4)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_the_paper_around_an_enlarged_page_is_that_of_the_page(is_inverted):
    page = 1 - make_page() if is_inverted else make_page()
    enlarged = enlarge(page)
    margin, paper = enlarged.margin, 1 - 0.9 if is_inverted else 0.9
    assert margin > 0
    for edge in (enlarged.page, enlarged.page.T):
        np.testing.assert_allclose(edge[:margin], paper, atol=1e-6)
        np.testing.assert_allclose(edge[-margin:], paper, atol=1e-6)


def test_paper_is_told_from_ink_that_covers_most_of_a_picture():
    page = np.full((28, 20), 0.1, np.float32)
    page[:8, :8] = page[:8, -8:] = page[-8:, :8] = page[-8:, -8:] = 0.9
    assert page.mean() < 0.5
    assert enlarge(page).page[0, 0] == pytest.approx(0.9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (2000, 3), (55, 60), (28, 28)])
def test_pages_of_any_shape_are_enlarged_within_bounds(shape):
    for page in (np.zeros(shape, np.float32), np.random.default_rng(0).random(shape, np.float32)):
        enlarged = enlarge(page)
        assert enlarged.page.dtype == np.float32 and np.isfinite(enlarged.page).all()
        assert 1 <= enlarged.factor <= MAX_FACTOR
        assert max(enlarged.page.shape) <= max(MAX_LONGER_SIDE + 2 * SMALL, *shape)


@pytest.mark.parametrize("kind", ["light on dark", "cut off, dark on light", "faint and broken"])
def test_the_smallest_pictures_are_read(kind):
    images, labels = data.load_test()
    pictures = small_pictures.make_pictures(kind, images[:6])
    pages = [get_reader().read(picture) for picture in pictures]
    right = [page.text == str(label) for page, label in zip(pages, labels[:6], strict=True)]
    assert sum(right) >= 5
    for page, picture in zip(pages, pictures, strict=True):
        for digit in page.digits:
            left, top, right, bottom = digit.box
            assert 0 <= left < right <= picture.shape[1] and 0 <= top < bottom <= picture.shape[0]
