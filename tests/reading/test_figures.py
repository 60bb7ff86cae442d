import numpy as np
import pytest

from digits import plotting
from digits.reading import figures


def to_rgb(color):
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def mark(unsure=False, shape=(1000, 1200), box=(300, 400, 200, 300)):
    photo = np.full((*shape, 3), 200, np.uint8)
    digit = {"label": 7, "sure": not unsure, "box": list(box)}
    return photo, figures.mark(photo, [{"text": "7", "digits": [digit]}])


def test_a_sure_digit_gets_a_whole_blue_box():
    photo, marked = mark()
    assert marked.shape == photo.shape
    for side in (marked[401:699, 300], marked[401:699, 500], marked[700, 301:499]):
        assert (side == to_rgb(plotting.BLUE)).all()
    np.testing.assert_array_equal(marked[410:690, 310:490], photo[410:690, 310:490])


def test_a_unsure_digit_gets_a_dashed_orange_box():
    _, marked = mark(unsure=True)
    dashed = (marked[700, 301:499] == to_rgb(plotting.VERMILLION)).all(axis=1)
    assert 0.4 < dashed.mean() < 0.9
    assert np.abs(np.diff(dashed.astype(int))).sum() > 10


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((500, 250), (1000, 500)), ((1200, 800), (1200, 800)), ((3200, 1600), (1600, 800))],
)
def test_pictures_are_large_enough_to_read_and_small_enough_to_send(shape, expected):
    box = [side / 10 for side in shape]
    _, marked = mark(False, shape, (box[1], box[0], box[1], box[0]))
    assert marked.shape[:2] == expected


def test_digits_at_the_edge_can_be_marked():
    _, marked = mark(box=(0, 0, 1200, 1000))
    assert marked.shape == (1000, 1200, 3)
