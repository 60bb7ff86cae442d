import numpy as np
import pytest

from digits.networks import Detections, load_detector, storage
from digits.networks.detector import LARGEST, NUM_DETECTED, SMALLEST, TURNED
from digits.reading import detect
from digits.symbols import SYMBOLS


class Oracle:
    """A detector that knows the digits: three cells say of each, one of them less sure."""

    def __init__(self, boxes, labels, shape):
        self.boxes, self.labels, self.shape = np.array(boxes, float), labels, shape
        self.scales = []

    def detect(self, page, min_score):
        assert page.dtype == np.float32
        scale = page.shape[1] / self.shape[1]
        self.scales.append(scale)
        sizes = (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0) * scale
        said = []
        for number in np.flatnonzero((sizes >= SMALLEST) & (sizes <= LARGEST)):
            box = self.boxes[number] * scale
            boxes = box + np.array([0, -1, 1])[:, None]
            probabilities = np.eye(NUM_DETECTED)[[self.labels[number]] * 3]
            said.append(Detections(boxes, np.array([0.99, 0.98, 0.98]), probabilities))
        return Detections.concatenate(said)


def test_digits_are_detected_where_they_are():
    boxes = [[40, 40, 60, 70], [64, 40, 84, 70], [200, 100, 206, 130]]
    page = np.zeros((480, 640), np.float32)
    found = detect.detect(Oracle(boxes, [7, 7, 1], page.shape), page)
    order = np.argsort(found.boxes[:, 0])
    assert found.boxes[order] == pytest.approx(np.array(boxes), abs=0.5)
    assert found.labels[order].tolist() == [7, 7, 1]
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(3))
    assert found.scores.tolist() == [0.99] * 3


@pytest.mark.parametrize("height", [16, 60, 200, 400])
def test_digits_of_any_size_are_detected_once(height):
    boxes = [[100, 50, 100 + height / 2, 50 + height]]
    page = np.zeros((480, 640), np.float32)
    found = detect.detect(Oracle(boxes, [5], page.shape), page)
    assert found.boxes == pytest.approx(np.array(boxes), rel=0.05)
    assert found.labels.tolist() == [5]


def test_digits_of_huge_pages_are_detected_on_a_smaller_copy():
    page = np.zeros((2000, 3000), np.float32)
    boxes = [[1000, 1000, 1050, 1080]]
    oracle = Oracle(boxes, [5], page.shape)
    assert detect.detect(oracle, page).boxes == pytest.approx(np.array(boxes), abs=3)
    assert max(oracle.scales) ** 2 * page.size < detect.MAX_PIXELS


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (16, 16)])
def test_a_page_too_small_for_digits_has_none(shape):
    page = np.ones(shape, np.float32)
    for detector in (
        Oracle(np.zeros((0, 4)), [], shape),
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
    ):
        found = detect.detect(detector, page)
        assert (found.boxes.shape, found.scores.shape) == ((0, 4), (0,))
        assert found.probabilities.shape == (0, NUM_DETECTED)


def test_digits_that_cannot_be_larger_are_not_looked_for():
    page = np.zeros((80, 120), np.float32)
    oracle = Oracle([[10, 5, 50, 75]], [3], page.shape)
    assert len(detect.detect(oracle, page, largest_digit=80)) == 1
    assert oracle.scales == [0.5, 1]


def draw_page(boxes):
    """A page with a dark stroke in the middle of each box."""
    page = np.ones((480, 640), np.float32)
    for left, top, right, bottom in boxes:
        page[top:bottom, (left + right) // 2 - 3 :][:, :6] = 0.2
    return page


def test_larger_copies_are_left_out_where_large_digits_have_all_the_ink():
    boxes = [[40, 40, 110, 180], [150, 40, 220, 180], [260, 40, 330, 180]]
    oracle = Oracle(boxes, [7, 7, 1], (480, 640))
    assert len(detect.detect(oracle, draw_page(boxes))) == 3
    assert max(oracle.scales) == 0.5


@pytest.mark.parametrize("height", [14, 50])
def test_small_digits_beside_large_ones_are_detected(height):
    large = [[40, 40, 110, 180], [150, 40, 220, 180]]
    small = [[20 * n, 300, 20 * n + 10, 300 + height] for n in range(1, 30)]
    oracle = Oracle(large + small, [3] * 31, (480, 640))
    assert len(detect.detect(oracle, draw_page(large + small))) == 31
    assert max(oracle.scales) == 1


def test_all_copies_are_detected_on_where_there_is_no_ink_or_digits_are_small():
    boxes = [[40, 40, 90, 140], [150, 40, 200, 140]]
    for page in (draw_page(boxes), np.ones((480, 640), np.float32)):
        oracle = Oracle(boxes, [3, 4], (480, 640))
        assert len(detect.detect(oracle, page)) == 2
        assert max(oracle.scales) == 1


def make_detections(boxes, scores, labels):
    return Detections(np.array(boxes, float), np.array(scores), np.eye(NUM_DETECTED)[labels])


def test_boxes_that_overlap_much_are_fused_by_their_scores():
    found = detect.fuse(
        make_detections([[12, 10, 32, 50], [10, 10, 30, 50]], [0.6, 0.9], labels=[4, 9])
    )
    assert found.boxes == pytest.approx(np.array([[10.8, 10, 30.8, 50]]))
    assert found.scores.tolist() == [0.9]
    assert found.probabilities[0, [4, 9]] == pytest.approx([0.4, 0.6])


def test_boxes_that_overlap_a_little_are_suppressed_by_the_surer_one():
    boxes = [[10, 10, 30, 50], [20, 10, 40, 50], [34, 10, 54, 50]]
    found = detect.fuse(make_detections(boxes, [0.7, 0.8, 0.9], labels=[1, 2, 3]))
    assert found.labels.tolist() == [3, 2]
    assert found.boxes.tolist() == [boxes[2], boxes[1]]


def test_two_detections_of_a_1_beside_each_other_are_one_and_two_1s_are_two():
    boxes = [[93, 276, 97, 292], [96, 275, 99, 292], [102, 276, 105, 292]]
    found = detect.fuse(make_detections(boxes, [0.7, 0.9, 0.8], labels=[1, 1, 1]))
    np.testing.assert_array_equal(found.boxes[:, 0], [96, 102])


def test_of_a_digit_and_a_part_of_it_the_surer_one_is_kept_and_no_point_suppresses_a_digit():
    boxes, point = [[10, 10, 50, 90], [15, 15, 25, 35]], SYMBOLS.index(".")
    for scores, part, kept in (
        ([0.9, 0.8], 2, [1]),
        ([0.8, 0.9], 2, [2]),
        ([0.8, 0.9], point, [point, 1]),
    ):
        found = detect.fuse(make_detections(boxes, scores, labels=[1, part]))
        assert found.labels.tolist() == kept


def test_one_digit_outweighs_much_that_is_far_fainter():
    boxes = np.array(
        [[20, 20, 160, 220], *([200 + 40 * n, 20, 230 + 40 * n, 105] for n in range(4))]
    )
    page = np.ones((300, 400), np.float32)
    for index, (left, top, right, bottom) in enumerate(boxes):
        page[top:bottom, (left + right) // 2 :][:, : (right - left) // 4] = (
            0.2 if index == 0 else 0.9
        )
    found = make_detections(boxes, [0.99, *[0.8] * 4], labels=[4] * 5)
    assert len(detect.select_written(page, found)[0]) == 1


def test_grain_far_fainter_or_smaller_than_the_writing_is_not_a_digit():
    page = np.ones((300, 300), np.float32)
    boxes = np.array([[10, 10, 30, 50], [60, 10, 80, 50], [110, 10, 130, 50], [10, 100, 14, 108]])
    boxes = np.concatenate([boxes, [[200, 200, 220, 240]]])
    for index, (left, top, right, bottom) in enumerate(boxes):
        page[top:bottom, (left + right) // 2 :][:, :2] = 0.2 if index < 4 else 0.95
    kept, _ = detect.select_written(page, make_detections(boxes, [0.99] * 5, range(5)))
    assert kept.boxes.tolist() == boxes[:3].tolist()
    assert kept.labels.tolist() == [0, 1, 2]


def test_doubtful_detections_are_not_digits():
    page = np.ones((100, 100), np.float32)
    page[10:50, 19:21] = page[10:50, 69:71] = 0.2
    boxes = [[10, 10, 30, 50], [60, 10, 80, 50]]
    kept, _ = detect.select_written(page, make_detections(boxes, [0.8, 0.6], [1, 1]))
    assert kept.boxes.tolist() == boxes[:1]
    assert len(detect.select_written(page, make_detections(boxes, [0.5, 0.5], [1, 1]))[0]) == 0


@pytest.mark.parametrize(
    ("left", "top", "score", "num_kept"),
    [
        (35, 10, 0.65, 2),
        (35, 10, 0.55, 1),  # too doubtful
        (50, 10, 0.65, 1),  # too far
        (35, 45, 0.65, 1),  # in another line
        (28, 10, 0.65, 1),  # overlaps
        (20, 35, 0.65, 1),  # in another line, and overlaps
        (28, 10, 0.75, 2),
    ],
)
def test_a_doubtful_digit_is_kept_beside_a_clear_one(left, top, score, num_kept):
    page = np.full((100, 100), 0.2, np.float32)
    page[::2] = 1
    found = make_detections(
        [[10, 10, 30, 40], [left, top, left + 20, top + 30]], [0.9, score], [1, 7]
    )
    assert len(detect.select_written(page, found)[0]) == num_kept


@pytest.mark.parametrize(
    ("label", "score", "height", "ink", "is_selected"),
    [
        (7, 0.65, 40, 0.2, True),
        (7, 0.55, 40, 0.2, False),  # too doubtful
        (7, 0.75, 40, 0.2, False),  # not weak
        (SYMBOLS.index("-"), 0.65, 40, 0.2, False),  # a sign
        (7, 0.65, 12, 0.2, False),  # too small beside the other one
        (7, 0.65, 40, 0.9, False),  # too faint
    ],
)
def test_weak_digits_like_the_others_are_selected(label, score, height, ink, is_selected):
    page = np.ones((100, 200), np.float32)
    page[10:50, 19:21] = 0.2
    page[10 : 10 + height, 129:131] = ink
    boxes = [[10, 10, 30, 50], [130 - height / 4, 10, 130 + height / 4, 10 + height]]
    found = make_detections(boxes, [0.95, score], [1, label])
    written, weak = detect.select_written(page, found)
    assert weak.boxes.tolist() == boxes[1:] * is_selected
    assert written.boxes[0].tolist() == boxes[0]
    _, weak = detect.select_written(page, found[1:])
    assert len(weak) == 0  # there is none to be like


def test_a_thin_1_is_not_taken_for_faint():
    page = np.ones((300, 300), np.float32)
    for y in range(50, 190):
        page[y, 140 - y // 4 : 143 - y // 4] = 0.3
    assert detect.measure_contrasts(page, np.array([[93.0, 50, 131, 190]]))[0] > 0.4


def test_signs_are_kept_whatever_their_size_and_turned_digits_are_not():
    page = np.ones((100, 200), np.float32)
    boxes = [[10, 10, 30, 50], [40, 46, 44, 50], [60, 10, 80, 50], [100, 10, 120, 50]]
    for left, top, right, bottom in boxes:
        page[top:bottom, left + 1 : right - 1] = 0.2
    point, slash = SYMBOLS.index("."), SYMBOLS.index("/")
    found = make_detections(boxes, [0.95, 0.9, 0.85, 0.3], [1, point, TURNED + 1, slash])
    kept, _ = detect.select_written(page, found)
    assert kept.labels.tolist() == [1, point]


def test_what_may_be_a_digit_or_a_turned_one_is_doubtful():
    page = np.ones((100, 100), np.float32)
    page[10:50, 19:21] = 0.2
    found = make_detections([[10, 10, 30, 50]], [0.99], [1])
    found.probabilities[0, [1, TURNED]] = 0.6, 0.4
    assert len(detect.select_written(page, found)[0]) == 0


class Unsure(Oracle):
    """An oracle whose detections have so high a score."""

    def __init__(self, *truth, score):
        super().__init__(*truth)
        self.score = score

    def detect(self, page, min_score):
        found = super().detect(page, min_score)
        return Detections(found.boxes, found.scores * self.score, found.probabilities)


@pytest.mark.parametrize(
    ("shape", "height", "score", "is_added"),
    [
        ((200, 300), 7, 1.0, True),
        ((200, 300), 7, 0.78, False),  # small letters
        ((200, 300), 5, 1.0, False),
        ((600, 900), 7, 1.0, False),  # a copy twice as large would take too long
    ],
)
def test_small_digits_of_small_pages_are_added_if_they_are_clear(shape, height, score, is_added):
    boxes = [[50 + 20 * n, 60, 50 + 20 * n + height / 2, 60 + height] for n in range(6)]
    page = np.ones(shape, np.float32)
    for left, top, right, bottom in np.array(boxes).astype(int):
        page[top : bottom + 1, left : right + 1] = 0.2
    detector = Unsure(boxes, range(6), shape, score=score)
    nothing = detect.detect(detector, page)
    assert len(nothing) == 0
    added = detect.add_small(detector, page, nothing)
    assert len(added) == 6 * is_added
    if is_added:
        assert added.boxes[np.argsort(added.boxes[:, 0])] == pytest.approx(np.array(boxes), abs=0.5)


def test_no_small_digits_are_looked_for_beside_large_ones_that_have_all_the_ink():
    page = np.ones((200, 300), np.float32)
    page[40:160, 100:160] = 0.2
    detector = Oracle([[100, 40, 160, 160]], [8], page.shape)
    found = detect.detect(detector, page)
    detector.scales.clear()
    assert detect.add_small(detector, page, found) is found
    assert not detector.scales


@pytest.mark.parametrize(("score", "num_copies"), [(0.75, 3), (0.9, 1)])
def test_an_unclear_digit_that_has_all_the_ink_hides_nothing(score, num_copies):
    page = np.ones((480, 640), np.float32)
    page[90:310, 190:410] = 0.2
    detector = Unsure([[200, 100, 400, 300]], [2], page.shape, score=score)
    detect.detect(detector, page)
    assert sum(scale > 0.2 for scale in detector.scales) >= num_copies
    assert (max(detector.scales) == 1) == (num_copies == 3)
