import numpy as np
import pytest

from benchmarks import small_pictures


@pytest.mark.parametrize("kind", small_pictures.KINDS)
def test_pictures_are_small(kind):
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 5:25, 12:16] = 255
    pictures = small_pictures.make_pictures(kind, images)
    for picture in pictures:
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        assert max(picture.shape[:2]) <= (16 if kind.startswith("16x16") else 28)


def test_strokes_are_broken_where_they_were():
    image = np.zeros((28, 28), np.float32)
    image[4:24, 13:15] = 1
    broken = small_pictures.break_strokes(image, np.random.default_rng(0))
    assert 0 < (image - broken).sum() < image.sum() / 2 and (broken <= image).all()
