import numpy as np
import pytest

from benchmarks import no_digits
from digits.networks import load_classifier, load_detector, storage
from digits.reading import Reader

# Digits that the released networks may invent on three pictures of a kind.
MAX_INVENTED = {
    "words": 24,
    "ruled paper": 0,
    "empty forms": 12,
    "ticks and dashes": 1,
    "circles": 6,
    "crossings-out": 3,
    "doodles": 2,
    "grain": 15,
}


@pytest.fixture(scope="module")
def reader():
    return Reader(
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )


def test_the_same_seed_makes_the_same_pictures_with_ink():
    one, other = (no_digits.make_pictures(seed=1, count=1) for _ in range(2))
    assert set(one) == set(MAX_INVENTED)
    for kind, (picture,) in one.items():
        assert picture.shape == (*no_digits.SHAPE, 3) and picture.dtype == np.uint8
        assert (picture == other[kind][0]).all()
        assert np.ptp(picture) > 50


@pytest.mark.parametrize("kind", MAX_INVENTED)
def test_few_digits_are_invented(reader, kind):
    pictures = no_digits.make_pictures(seed=0, count=3)[kind]
    assert sum(len(reader.read(picture).digits) for picture in pictures) <= MAX_INVENTED[kind]
