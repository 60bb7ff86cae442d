import math

import numpy as np
import pytest

from digits.reading import Photo, Region


def make_photo(width=400, height=200, scale=1.0, name="a.png"):
    return Photo(np.zeros((height, width, 3), np.uint8), scale, name)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.5, 0, 0.5, 0.3), (200, 0, 400, 60)),
        ((0, 0, 1, 1), (0, 0, 400, 200)),
        ((0.3333, 0.3333, 0.6667, 0.6668), (133, 66, 400, 200)),  # rounded, as the page does
        ((100, 50, 300, 150), (100, 50, 400, 200)),
        ((0, 0, 8, 8), (0, 0, 8, 8)),
        ((0.5, 0.5, 20.0, 20.0), (0, 0, 21, 21)),  # one number above 1: all are pixels
    ],
)
def test_shares_and_pixels_are_located(numbers, expected):
    assert Region(*numbers).locate(make_photo()) == expected


def test_pixels_are_those_of_the_file_and_shares_are_not_scaled():
    photo = make_photo(scale=2.5)
    assert Region(500, 250, 500, 250).locate(photo) == (200, 100, 400, 200)
    assert Region(0.5, 0.5, 0.5, 0.5).locate(photo) == (200, 100, 400, 200)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((-0.1, 0, 0.5, 0.5), "at least 0"),
        ((0, -5, 50, 50), "at least 0"),
        ((0, 0, 0, 0.5), "above 0"),
        ((0, 0, 100, -3), "above 0"),
        ((0, 0, 0, 0), "above 0"),
        ((0.6, 0, 0.5, 0.5), "at most 1"),
        ((math.nan, 0, 0.5, 0.5), "four numbers"),
        ((0, 0, math.inf, 0.5), "four numbers"),
        ((-math.inf, 0, 1, 1), "four numbers"),
    ],
)
def test_impossible_regions_are_refused(numbers, message):
    with pytest.raises(ValueError, match=r"^received the region .*expected X Y WIDTH") as error:
        Region(*numbers)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((390, 0, 100, 100), "expected one on the photo's 400 x 200 pixels"),
        ((900, 900, 100, 100), "expected one on the photo's"),
        ((0, 0, 1e300, 1e300), "expected one on the photo's"),
        ((0, 0, 7, 100), "7 x 100 pixels, expected at least 8 x 8"),
        ((0.5, 0.5, 0.5, 1e-9), "expected at least 8 x 8"),
        ((0.9999, 0.9999, 1e-9, 1e-9), "expected at least 8 x 8"),
    ],
)
def test_regions_that_are_not_on_a_photo_name_it(numbers, message):
    with pytest.raises(ValueError, match=r"^received the region ") as error:
        Region(*numbers).locate(make_photo())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_smallest_photos_have_regions_too():
    assert Region(0, 0, 1, 1).locate(make_photo(5, 3)) == (0, 0, 5, 3)


def test_a_region_is_written_as_it_is_typed():
    assert str(Region(0.5, 0, 0.5, 0.25)) == "0.5 0 0.5 0.25"
