import numpy as np
import pytest
from PIL import Image

from digits.networks import Detections, load_detector, storage
from digits.networks.detector import NUM_DETECTED, TURNED
from digits.reading import load_photo, orientation
from digits.reading.orientation import Judgement, View
from digits.symbols import SYMBOLS
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def detector():
    return load_detector(storage.RELEASED_MODELS / "detector.keras")


UPRIGHT, LIGHT = View(False, 0), View(True, 0)
LEFT, OVER, RIGHT = View(False, 1), View(False, 2), View(False, 3)


@pytest.mark.parametrize(
    ("seen", "chosen", "num_tried"),
    [
        ({UPRIGHT: [0, -9, -9, -9]}, UPRIGHT, 1),
        ({UPRIGHT: [-9, 0, -9, -9], LEFT: [0, -9, -9, -9]}, LEFT, 2),
        ({UPRIGHT: [-9, -9, 0, -9], OVER: [0, -9, -9, -9]}, OVER, 2),
        ({UPRIGHT: [-9, -9, -9, 0], RIGHT: [0, -9, -9, -9]}, RIGHT, 2),
        # After a turn to the right, what was seen there after two more turns lies to the left.
        ({UPRIGHT: [-9, -0.6, -9, 0], RIGHT: [-9, -9, 0, -9], LEFT: [0, -9, -9, -9]}, LEFT, 3),
        ({UPRIGHT: [-1, 0, -1, -1]}, UPRIGHT, 2),  # not enough for a turn
        ({UPRIGHT: [-1, 0, -1, -1], LEFT: [0, -1, -1, -1]}, LEFT, 2),
        ({UPRIGHT: [-9, 0, -9, -9], LEFT: [-99, 0, 0, 0]}, UPRIGHT, 2),  # not confirmed
        # There are no digits to be seen after the turn that is tried, or more of them.
        ({UPRIGHT: [-1, -1, 0, -1]}, UPRIGHT, 2),
        ({UPRIGHT: [-0.2, -9, 0, -9], OVER: ([0, -9, 0, -9], 9)}, OVER, 2),
        ({LIGHT: [0, -9, -9, -9]}, LIGHT, 1),
        ({}, UPRIGHT, 1),
    ],
)
def test_a_page_is_turned_for_likely_gains(monkeypatch, seen, chosen, num_tried):
    tried = []

    def detect(_detector, view):
        tried.append(view)
        return view

    def judge(view, _found):
        here = seen.get(view, ([0, 0, 0, 0], 0))
        likelihoods, weight = here if isinstance(here, tuple) else (here, 2)
        return Judgement(np.array(likelihoods, float), float(weight), 0.97, float(weight))

    # A view stands for the page in it, and for what is detected there.
    monkeypatch.setattr(View, "apply", lambda view, _page: view)
    monkeypatch.setattr(orientation, "detect", detect)
    monkeypatch.setattr(orientation, "judge", judge)
    page = np.ones((9, 9), np.float32)
    assert orientation.choose_view(page, None) == (chosen, chosen, chosen)
    assert len({view.turns for view in tried}) == num_tried


@pytest.mark.parametrize(
    ("looks_inverted", "dark", "light", "is_inverted"),
    [
        (False, 1.0, 1.2, False),  # light ink must be clearly more likely
        (False, 1.0, 2.0, True),
        (True, 1.0, 0.8, True),
        (True, 2.0, 1.0, False),
        (False, 0.0, 0.0, False),
        (False, 0.0, 0.01, False),  # a trace of ink says nothing
        (True, 0.01, 0.0, True),
        (True, 0.0, 0.0, True),
    ],
)
def test_ink_is_what_the_page_looks_like_unless_the_other_is_clearly_more_likely(
    monkeypatch, looks_inverted, dark, light, is_inverted
):
    def judge(view, _found):
        return Judgement(np.zeros(4), 0.0, 0.0, light if view.is_inverted else dark)

    monkeypatch.setattr(View, "apply", lambda view, _page: view)
    monkeypatch.setattr(orientation, "detect", lambda _detector, view: view)
    monkeypatch.setattr(orientation, "judge", judge)
    monkeypatch.setattr(orientation, "looks_inverted", lambda _page: looks_inverted)
    chosen, *_ = orientation.choose_view(np.ones((9, 9), np.float32), None, 0)
    assert chosen.is_inverted == is_inverted


@pytest.mark.parametrize("turns", range(4))
def test_a_given_orientation_is_kept(monkeypatch, turns):
    monkeypatch.setattr(orientation, "detect", lambda _detector, _page: make_detections(9, 2, 0.9))
    view, page, _ = orientation.choose_view(np.ones((90, 500), np.float32), None, turns)
    assert view.turns == turns
    assert page.shape == ((90, 500) if turns % 2 == 0 else (500, 90))


def make_detections(num_digits, label, probability):
    """As many digits in a row, of that label and probability."""
    boxes = np.array([[20.0 * i, 0, 20 * i + 10, 15] for i in range(num_digits)]).reshape(-1, 4)
    probabilities = np.zeros((num_digits, NUM_DETECTED))
    probabilities[:, label] = probability
    return Detections(boxes, np.ones(num_digits), probabilities)


def judge(num_digits, label, probability):
    page = np.ones((15, 1000), np.float32)
    page[:, ::10] = 0.25
    return orientation.judge(page, make_detections(num_digits, label, probability))


def test_a_few_confident_digits_weigh_more_than_many_uncertain_ones():
    def weigh(num_digits, probability):
        return judge(num_digits, 3, probability).weight

    assert weigh(3, 0.98) > weigh(12, 0.75) > 0
    assert weigh(1, 1.0) == 1
    assert weigh(50, 0.6) == weigh(0, 1.0) == 0


def test_digits_say_how_a_page_is_turned_and_signs_do_not():
    for label, fitting in [
        (7, [0]),
        (TURNED + 2, [3]),
        (9, [0, 2]),
        (2, [0, 2]),
        (8, [0, 1, 2, 3]),
    ]:
        judged = judge(4, label, 1.0)
        expected = np.full(4, 4 * np.log(0.05 / 1.05))
        expected[fitting] = 0
        np.testing.assert_allclose(judged.log_likelihoods, expected, atol=1e-9)
        assert (judged.weight, judged.confidence) == (4, 1)
    judged = judge(4, 5, 0.9)
    assert judged.contrast == pytest.approx(0.75 * judged.weight, rel=0.1)
    for nothing in (judge(9, SYMBOLS.index("-"), 1.0), judge(0, 3, 1.0)):
        assert (nothing.weight, nothing.confidence, *nothing.log_likelihoods) == (0,) * 6


@pytest.mark.parametrize("turns", range(4))
def test_boxes_are_turned_back(turns):
    page = np.zeros((30, 50), np.float32)
    page[5:9, 10:17] = 1
    view = View(False, turns)
    rows, columns = np.nonzero(view.apply(page))
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
    assert view.turn_back(box, page.shape).tolist() == [[10, 5, 17, 9]]
    everything = np.array([[-9, -9, 99, 99]])
    assert view.turn_back(everything, page.shape).tolist() == [[0, 0, 50, 30]]


def test_an_inverted_view_exchanges_light_and_dark():
    page = np.array([[0.25, 1.0]], np.float32)
    assert View(True, 1).apply(page).tolist() == [[0.0], [0.75]]


@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_paper_on_a_desk_is_not_taken_for_chalk(detector, is_inverted, share):
    """The desk is dark, or light under dark paper; the digits show which is ink."""
    note = load_photo(ROOT / "examples" / "note.jpg")
    width = int(note.pixels.shape[1] * share)
    card = np.float32(Image.fromarray(note.pixels[:430, :560]).convert("L").resize(
        (width, int(width * 0.77))
    ))  # fmt: skip
    page = np.full((700, 900), 25 / 255, np.float32)
    page[60 : 60 + card.shape[0], 80 : 80 + card.shape[1]] = card / 255
    view, _, _ = orientation.choose_view(1 - page if is_inverted else page, detector)
    assert view == View(is_inverted, 0)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_without_a_sure_digit_the_ink_is_what_there_is_less_of(detector, is_inverted):
    page = np.full((200, 300), 0.16, np.float32)
    page[50:52, 20:280] = 0.9
    view, _, _ = orientation.choose_view(page if is_inverted else 1 - page, detector)
    assert view == View(is_inverted, 0)
