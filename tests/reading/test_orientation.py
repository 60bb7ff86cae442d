from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from digits.networks import Detections, load_classifier, load_detector, storage
from digits.reading import load_photo, orientation
from digits.reading.orientation import Judgement, View
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def networks():
    return (
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )


UPRIGHT, LIGHT, LEFT, RIGHT = View(False, 0), View(True, 0), View(False, 1), View(False, 3)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ({UPRIGHT: 12}, UPRIGHT),
        ({UPRIGHT: 0.8, LEFT: 10}, LEFT),  # a mark on its side looks like a sure digit
        ({UPRIGHT: 0.8, RIGHT: 1.1}, UPRIGHT),  # so it does where the page is upright
        ({RIGHT: 0.9}, RIGHT),
        ({UPRIGHT: 3, LEFT: 3.2}, UPRIGHT),
        ({UPRIGHT: 2.5, LEFT: 2.9}, LEFT),
        ({UPRIGHT: 0.3, LIGHT: 0.9}, LIGHT),
        ({}, UPRIGHT),
    ],
)
def test_a_page_is_turned_for_clearly_more_digits(monkeypatch, scores, chosen):
    def judge(view, _found, _classifier=None):
        return Judgement(scores.get(view, 0), 0.97, 0.5, contrast=0.5)

    # A view stands for the page in it, for its pyramid, and for the detections there.
    monkeypatch.setattr(View, "apply", lambda view, _page: view)
    monkeypatch.setattr(View, "coarse", lambda view: view, raising=False)
    monkeypatch.setattr(View, "full", lambda view: view, raising=False)
    monkeypatch.setattr(orientation, "Pyramid", lambda _detector, view: view)
    monkeypatch.setattr(orientation, "judge", judge)
    page = np.ones((9, 9), np.float32)
    assert orientation.choose_view(page, None, None) == (chosen, chosen)


def test_many_faint_marks_do_not_outweigh_a_digit_with_contrast(monkeypatch):
    """The texture of paper looks like digits where light and dark are exchanged."""
    judgements = {UPRIGHT: Judgement(0.9, 0.97, 0.5, 0.6), LIGHT: Judgement(3, 0.9, 0.5, 0.03)}
    nothing = Judgement(0, 0, 0.5, 0)
    monkeypatch.setattr(View, "apply", lambda view, _page: view)
    monkeypatch.setattr(View, "coarse", lambda view: view, raising=False)
    monkeypatch.setattr(View, "full", lambda view: view, raising=False)
    monkeypatch.setattr(orientation, "Pyramid", lambda _detector, view: view)
    monkeypatch.setattr(
        orientation, "judge", lambda view, _found, _classifier=None: judgements.get(view, nothing)
    )
    assert orientation.choose_view(np.ones((9, 9), np.float32), None, None)[0] == UPRIGHT


def test_a_page_of_small_digits_stays_upright(networks):
    """On a copy of few pixels digits of 20 pixels of a page 1,200 wide are not found."""
    note = load_photo(ROOT / "examples" / "note.jpg")
    small = Image.fromarray(note.pixels).convert("L")
    small.thumbnail((300, 300))
    page = np.full((900, 1200), np.median(np.asarray(small)) / 255, np.float32)
    page[60 : 60 + small.height, 80 : 80 + small.width] = np.float32(small) / 255
    view, _ = orientation.choose_view(page, *networks)
    assert view == UPRIGHT


def make_pyramid(num_digits, probability):
    """A page with as many 0s in a row, of that probability."""
    boxes = np.array([[20.0 * i, 0, 20 * i + 10, 15] for i in range(num_digits)]).reshape(-1, 4)
    probabilities = np.zeros((num_digits, 10))
    probabilities[:, 0] = probability
    detections = Detections(boxes, np.ones(num_digits), probabilities)
    page = np.ones((15, 1000), np.float32)
    page[:, ::10] = 0
    return SimpleNamespace(page=page), detections


def test_a_few_confident_digits_score_higher_than_many_uncertain_ones():
    def score(num_digits, probability):
        return orientation.judge(*make_pyramid(num_digits, probability)).score

    assert score(3, 0.98) > 2 * score(12, 0.75) > 0
    assert score(1, 1.0) == 1
    assert score(50, 0.6) == score(0, 1.0) == 0


def test_a_judgement_says_how_sure_the_digits_are_and_whether_they_are_in_rows():
    judged = orientation.judge(*make_pyramid(4, 0.9))
    assert judged.confidence == pytest.approx(0.9)
    assert judged.share_in_rows == 1
    assert judged.contrast == pytest.approx(1, abs=0.1)
    assert orientation.judge(*make_pyramid(0, 1.0)) == Judgement(0, 0, 0.5, 0)


@pytest.mark.parametrize("turns", [0, 1, 3])
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
def test_paper_on_a_desk_is_not_taken_for_chalk(networks, is_inverted, share):
    """The desk is dark, or light under dark paper; the digits show which is ink."""
    note = load_photo(ROOT / "examples" / "note.jpg")
    width = int(note.pixels.shape[1] * share)
    card = np.float32(Image.fromarray(note.pixels[:430, :560]).convert("L").resize(
        (width, int(width * 0.77))
    ))  # fmt: skip
    page = np.full((700, 900), 25 / 255, np.float32)
    page[60 : 60 + card.shape[0], 80 : 80 + card.shape[1]] = card / 255
    view, _ = orientation.choose_view(1 - page if is_inverted else page, *networks)
    assert view == View(is_inverted, 0)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_without_a_sure_digit_the_ink_is_what_there_is_less_of(networks, is_inverted):
    page = np.full((200, 300), 0.16, np.float32)
    page[50:52, 20:280] = 0.9
    view, _ = orientation.choose_view(page if is_inverted else 1 - page, *networks)
    assert view == View(is_inverted, 0)
