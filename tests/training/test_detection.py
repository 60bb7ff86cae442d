import numpy as np
import pytest

import data
from digits.networks.detector import BACKGROUND
from digits.networks.detector_model import NUM_OUTPUTS
from digits.training import detection


def make_logits(targets):
    """Outputs of a detector that knows the targets."""
    classes = targets[..., 0].astype(int)
    logits = np.zeros((*classes.shape, NUM_OUTPUTS), np.float32)
    predicted = np.minimum(classes, BACKGROUND)
    np.put_along_axis(logits, predicted[..., None], 20, axis=-1)
    logits[..., BACKGROUND + 1 :] = targets[..., 1:5]
    return logits


def make_targets(boxes, labels, visible=None):
    boxes = np.array(boxes)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    visible = np.ones(len(boxes)) if visible is None else np.array(visible)
    return detection.make_targets(boxes, np.array(labels), sizes, visible, (160, 160))


def test_targets_are_the_digit_and_its_box():
    boxes = np.array([[40, 40, 60, 72]])
    targets = make_targets(boxes, [7])
    in_digit = targets[..., 0] == 7
    assert in_digit[13:15, 12].all()  # cells of 4 pixels around (50, 56)
    rows, columns = np.nonzero(in_digit)
    for row, column in zip(rows, columns, strict=True):
        across, down, width, height, weight = targets[row, column, 1:]
        assert weight == 1
        assert (column + 0.5) * 4 + 8 * across == pytest.approx(50)
        assert (row + 0.5) * 4 + 8 * down == pytest.approx(56)
        assert 24 * np.exp(width) == pytest.approx(20)
        assert 24 * np.exp(height) == pytest.approx(32)


def test_a_cell_between_two_digits_belongs_to_the_nearer_one():
    boxes = np.array([[30, 30, 70, 70], [39, 30, 79, 70]])  # centres at 50 and 59
    targets = make_targets(boxes, [3, 8])
    assert targets[12, 13, 0] == 3  # the cell around 54
    assert targets[12, 14, 0] == 8


@pytest.mark.parametrize(
    ("height", "classes"),
    [
        (8, {BACKGROUND}),
        (10, {BACKGROUND, 255}),
        (20, {3, BACKGROUND, 255}),
        (50, {BACKGROUND, 255}),
        (80, {BACKGROUND}),
    ],
)
def test_only_digits_of_the_right_size_are_to_be_detected(height, classes):
    boxes = np.array([[80, 80 - height / 2, 80 + height / 2, 80 + height / 2]])
    targets = make_targets(boxes, [3])
    assert set(np.unique(targets[..., 0])) == classes


def test_a_sign_counts_by_the_size_of_the_digits_beside_it():
    point = np.array([[80, 80, 83, 83]])
    for size, classes in ((25, {10, BACKGROUND, 255}), (8, {BACKGROUND}), (80, {BACKGROUND})):
        arguments = point, np.array([10]), np.array([size]), np.ones(1), (160, 160)
        assert set(np.unique(detection.make_targets(*arguments)[..., 0])) == classes


def test_a_point_that_is_missed_costs_as_much_as_a_digit():
    boxes = np.array([[20, 40, 38, 64], [80, 80, 83, 83]])
    targets = detection.make_targets(
        boxes, np.array([3, 10]), np.full(2, 24), np.ones(2), (160, 160)
    )[None]
    correct, costs = make_logits(targets), []
    for label in (3, 10):
        missed = correct.copy()
        there = targets[..., 0] == label
        missed[there, label], missed[there, BACKGROUND] = 0, 20
        costs.append(float(detection.loss(targets, missed)))
    assert costs[1] == pytest.approx(costs[0], rel=0.4)


@pytest.mark.parametrize(("visible", "classes"), [(0.4, {BACKGROUND}), (0.7, {BACKGROUND, 255})])
def test_a_digit_that_is_partly_off_the_page_is_ignored_or_background(visible, classes):
    boxes = np.array([[40, 40, 60, 72]])
    targets = make_targets(boxes, [3], [visible])
    assert set(np.unique(targets[..., 0])) == classes


def test_correct_outputs_cost_nothing_and_wrong_ones_much():
    boxes = np.array([[40, 40, 60, 72], [90, 90, 110, 120]])
    targets = make_targets(boxes, [7, 2])[None]
    correct = make_logits(targets)
    assert float(detection.loss(targets, correct)) < 1e-3
    assert float(detection.cell_accuracy(targets, correct)) == pytest.approx(1)
    assert float(detection.false_positive_rate(targets, correct)) == 0
    swapped = make_targets(boxes, [2, 7])[None]
    assert float(detection.loss(targets, make_logits(swapped))) > 10
    assert float(detection.cell_accuracy(targets, make_logits(swapped))) == 0
    everywhere = correct.copy()
    everywhere[..., 3] = 40
    assert float(detection.false_positive_rate(targets, everywhere)) == 1
    moved = correct.copy()
    moved[..., BACKGROUND + 1] += 0.5
    assert float(detection.loss(targets, moved)) == pytest.approx(0.35, abs=0.03)


def test_synthetic_pages_are_new_each_epoch_and_the_same_for_a_seed(tiny_data):
    def make(new_each_epoch):
        return detection.SyntheticPages(
            *data.load_train(tiny_data),
            batches_per_epoch=2,
            batch_size=2,
            seed=5,
            new_each_epoch=new_each_epoch,
        )

    one, other = make(True), make(True)
    pages, targets = one[0]
    assert len(one) == 2
    assert pages.shape == (2, 160, 160, 1)
    assert targets.shape == (2, 40, 40, 6)
    assert (pages == other[0][0]).all()
    assert (pages != one[1][0]).any()
    one.on_epoch_end()
    assert (pages != one[0][0]).any()
    validation = make(False)
    validation.on_epoch_end()
    assert (pages == validation[0][0]).all()
