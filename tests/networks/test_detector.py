import numpy as np
import pytest

from digits.keras_quietly import keras
from digits.networks import detector
from digits.reading import detect


@pytest.fixture(scope="module")
def network():
    """An untrained finder with normalizations that have seen something."""
    keras.utils.set_random_seed(0)
    network = detector.build_finder()
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            values = [rng.uniform(0.5, 2, size), rng.normal(size=size), rng.normal(size=size)]
            layer.set_weights([*values, rng.uniform(0.5, 2, size)])
    return network


def make_logits(targets):
    """What a network that knows the targets would answer, sure of it."""
    classes = targets[..., 0].astype(int)
    answers = np.zeros((*classes.shape, 15), np.float32)
    named = np.where(classes > detector.NOTHING, detector.NOTHING, classes)
    np.put_along_axis(answers, named[..., None], 20, axis=-1)
    answers[..., 11:] = targets[..., 1:]
    return answers


class Oracle:
    """Stands for a network that finds the boxes it is told of, at the page's own size."""

    def __init__(self, boxes, labels, shape):
        self.boxes, self.labels, self.shape = np.array(boxes, float), labels, shape

    def __call__(self, page, training):
        height, width = page.shape[1:3]
        scale = 2.0 ** round(np.log2((height - 2 * detect.PADDING) / self.shape[0]))
        boxes = self.boxes * scale + detect.PADDING
        visible = np.ones(len(boxes))
        return make_logits(detector.make_targets(boxes, self.labels, visible, (height, width)))[
            None
        ]


def test_folding_changes_no_answer(network):
    page = np.random.default_rng(1).random((2, 64, 96, 1)).astype(np.float32)
    folded = detector.fold(network)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in folded.layers)
    expected = keras.ops.convert_to_numpy(network(page, training=False))
    found = keras.ops.convert_to_numpy(folded(page))
    assert found.shape == (2, 16, 24, 15)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_light_does_not_matter(network):
    """Twice the light, or light from one side, is evened out."""
    page = np.full((64, 96), 0.4, np.float32)
    page[20:40, 30:34] = 0.1
    ramp = np.linspace(1, 2, 96, dtype=np.float32)
    plain, bright, uneven = (detect.even_out(network, p) for p in (page, 2 * page, page * ramp))
    assert plain.shape == page.shape
    assert plain[30, 32] > 1
    assert np.abs(bright - plain).max() < 0.15
    assert np.abs(uneven - plain)[10:-10, 20:-20].max() < 0.6
    assert abs(uneven[5, 80]) < 0.5


def test_targets_name_the_digit_and_its_box():
    boxes = np.array([[40, 40, 60, 72]])
    targets = detector.make_targets(boxes, np.array([7]), np.ones(1), (160, 160))
    in_digit = targets[..., 0] == 7
    assert in_digit[13:15, 12].all()  # cells of 4 pixels around (50, 56)
    rows, columns = np.nonzero(in_digit)
    for row, column in zip(rows, columns, strict=True):
        across, down, width, height = targets[row, column, 1:]
        assert (column + 0.5) * 4 + 8 * across == pytest.approx(50)
        assert (row + 0.5) * 4 + 8 * down == pytest.approx(56)
        assert 24 * np.exp(width) == pytest.approx(20)
        assert 24 * np.exp(height) == pytest.approx(32)


def test_a_cell_between_two_digits_is_the_nearer_ones():
    boxes = np.array([[30, 30, 70, 70], [39, 30, 79, 70]])  # middles at 50 and 59
    targets = detector.make_targets(boxes, np.array([3, 8]), np.ones(2), (160, 160))
    assert targets[12, 13, 0] == 3  # the cell around 54
    assert targets[12, 14, 0] == 8


@pytest.mark.parametrize(
    ("height", "kinds"),
    [(8, {10}), (12, {10, 255}), (20, {3, 10, 255}), (50, {10, 255}), (80, {10})],
)
def test_only_digits_of_the_right_size_are_to_be_found(height, kinds):
    boxes = np.array([[80, 80 - height / 2, 80 + height / 2, 80 + height / 2]])
    targets = detector.make_targets(boxes, np.array([3]), np.ones(1), (160, 160))
    assert set(np.unique(targets[..., 0])) == kinds


def test_a_right_answer_costs_nothing_and_a_wrong_one_much():
    boxes = np.array([[40, 40, 60, 72], [90, 90, 110, 120]])
    targets = detector.make_targets(boxes, np.array([7, 2]), np.ones(2), (160, 160))[None]
    right = make_logits(targets)
    assert float(detector.loss(targets, right)) < 1e-3
    assert float(detector.share_right(targets, right)) == pytest.approx(1)
    assert float(detector.share_false(targets, right)) == 0
    swapped = detector.make_targets(boxes, np.array([2, 7]), np.ones(2), (160, 160))[None]
    assert float(detector.loss(targets, make_logits(swapped))) > 10
    assert float(detector.share_right(targets, make_logits(swapped))) == 0
    everywhere = right.copy()
    everywhere[..., 3] = 40
    assert float(detector.share_false(targets, everywhere)) == 1
    moved = right.copy()
    moved[..., 11] += 0.5
    assert float(detector.loss(targets, moved)) == pytest.approx(0.35, abs=0.03)


def test_boxes_are_found_where_they_are():
    boxes = [[40, 40, 60, 70], [64, 40, 84, 70], [200, 100, 206, 130]]
    found, scores, digits = detect.find(
        Oracle(boxes, [7, 7, 1], (480, 640)), np.zeros((480, 640), np.float32)
    )
    order = np.argsort(found[:, 0])
    assert found[order] == pytest.approx(np.array(boxes), abs=0.5)
    assert digits.argmax(axis=1)[order].tolist() == [7, 7, 1]
    assert (scores > 0.99).all()


@pytest.mark.parametrize("height", [16, 60, 200, 400])
def test_digits_of_any_size_are_found_once(height):
    boxes = [[100, 50, 100 + height / 2, 50 + height]]
    page = np.zeros((480, 640), np.float32)
    found, _, digits = detect.find(Oracle(boxes, [5], page.shape), page)
    assert found == pytest.approx(np.array(boxes), rel=0.05)
    assert digits.argmax(axis=1).tolist() == [5]


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (16, 16)])
def test_a_page_too_small_for_digits_has_none(shape, network):
    boxes, scores, digits = detect.find(
        Oracle(np.zeros((0, 4)), [], shape), np.zeros(shape, np.float32)
    )
    assert (boxes.shape, scores.shape, digits.shape) == ((0, 4), (0,), (0, 10))
    assert np.isfinite(detect.find(network, np.ones(shape, np.float32))[0]).all()


def test_nothing_is_found_beside_the_page():
    page = np.zeros((480, 640), np.float32)
    oracle = Oracle([[-16, 100, -4, 130], [100, 100, 120, 130]], [1, 2], page.shape)
    boxes, _, digits = detect.find(oracle, page)
    assert digits.argmax(axis=1).tolist() == [2]
    assert boxes == pytest.approx(np.array([[100, 100, 120, 130]]), abs=0.5)
