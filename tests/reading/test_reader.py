from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from digits.networks import storage
from digits.reading import layout, photos, reader
from digits.transforms import to_mnist
from tests.conftest import ROOT

# What examples/make_examples.py wrote; operators are no digits.
EXAMPLES = {
    "note.jpg": ["12 30 42", "0172 555 364", "3141592653", "86 2 43"],
    "sideways.jpg": ["12 30 42", "0172 555 364", "3141592653", "86 2 43"],
    "blackboard.jpg": ["8421", "60 59 58"],
}


@pytest.fixture(scope="module")
def networks():
    return (
        storage.load_finder(storage.RELEASED_MODELS / "finder.keras"),
        storage.load(storage.RELEASED_MODELS / "cnn.keras"),
        0.9,
    )


@pytest.fixture(scope="module")
def note():
    return photos.load(ROOT / "examples" / "note.jpg")[0]


def get_texts(lines):
    return [line["text"] for line in lines]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_read(networks, name):
    lines = reader.read(photos.load(ROOT / "examples" / name)[0], *networks)
    assert "".join(get_texts(lines)).replace(" ", "") == "".join(EXAMPLES[name]).replace(" ", "")
    assert len(lines) == len(EXAMPLES[name])


def test_boxes_and_images_are_those_of_the_digits(networks, note):
    lines = reader.read(note, *networks)
    for line in lines:
        assert line["text"].replace(" ", "") == "".join(str(d["label"]) for d in line["digits"])
        lefts = [digit["box"][0] for digit in line["digits"]]
        assert lefts == sorted(lefts)
        for digit in line["digits"]:
            x, y, width, height = digit["box"]
            assert 0 <= x <= x + width <= note.shape[1]
            assert 0 <= y <= y + height <= note.shape[0]
            assert type(digit["sure"]) is bool
            assert reader.MIN_PROBABILITY < digit["probability"] <= 1
            assert digit["runner_up"] != digit["label"]
            assert digit["image"].shape == (28, 28)
            inside = note[int(y) : int(y + height), int(x) : int(x + width)]
            assert inside.min() < note.min() + 60  # there is ink in it


def test_digits_are_sure_from_the_classifiers_threshold_on(networks, note):
    finder, classifier, _ = networks
    shares = []
    for threshold in (0.0, 0.9, 1.1):
        digits = layout.list_digits(reader.read(note, finder, classifier, threshold))
        shares.append(np.mean([digit["sure"] for digit in digits]))
    assert shares[0] == 1 and shares[2] == 0
    assert 0.8 < shares[1] < 1  # there is a 4 on it that may be a 6
    page = reader.to_grey(note)
    digits = layout.list_digits(reader.read(note, finder, classifier, 0.97))
    boxes = np.array([digit["box"] for digit in digits])
    boxes[:, 2:] += boxes[:, :2]
    alone, _ = to_mnist.classify(classifier, [to_mnist.cut_out(page, box) for box in boxes])
    expected = [alone[place, digit["label"]] >= 0.97 for place, digit in enumerate(digits)]
    assert [digit["sure"] for digit in digits] == expected


def test_a_page_on_its_side_gives_boxes_on_the_photo_as_it_is(networks, note):
    upright = layout.list_digits(reader.read(note, *networks))
    turned = layout.list_digits(reader.read(np.rot90(note, -1).copy(), *networks))
    assert len(upright) == len(turned)
    height = note.shape[0]
    for one, other in zip(upright, turned, strict=True):
        x, y, w, h = one["box"]
        assert other["box"] == pytest.approx([height - y - h, x, h, w], abs=4)


UPRIGHT, LIGHT, LEFT, RIGHT = (False, 0), (True, 0), (False, 1), (False, 3)


@pytest.mark.parametrize(
    ("worths", "chosen"),
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
def test_a_page_is_turned_for_clearly_more_digits(monkeypatch, worths, chosen):
    def judge(_page, view, _classifier=None):
        return worths.get(view, 0), 0.97, 0.5

    def see(_page, *view):
        return SimpleNamespace(shape=(9, 9), view=view)

    monkeypatch.setattr(reader, "_see", see)
    monkeypatch.setattr(reader.detect, "look", lambda _finder, seen, _scales: seen.view)
    monkeypatch.setattr(reader, "_judge", judge)
    page = np.ones((9, 9), np.float32)
    assert reader.choose_view(page, None, None) == (chosen, chosen)


def test_a_few_sure_digits_are_worth_more_than_many_doubtful_ones(monkeypatch):
    def judge(num_digits, certainty):
        boxes = np.array([[20.0 * i, 0, 20 * i + 10, 15] for i in range(num_digits)])
        selected = boxes, np.ones(num_digits), np.full((num_digits, 1), certainty)
        monkeypatch.setattr(reader, "_select", lambda _page, _found: selected)
        return reader._judge(None, None)[0]

    assert judge(3, 0.98) > 2 * judge(12, 0.75) > 0
    assert judge(1, 1.0) == 1
    assert judge(50, 0.6) == judge(0, 1.0) == 0


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_boxes_are_turned_back(turns):
    page = np.zeros((30, 50))
    page[5:9, 10:17] = 1
    turned = np.rot90(page, turns)
    rows, columns = np.nonzero(turned)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert reader._turn_back(box, turns, turned.shape) == [10, 5, 7, 4]


@pytest.mark.parametrize("change", ["darker", "smaller", "inverted", "shaded", "coloured"])
def test_light_colour_and_size_of_a_photo_do_not_matter(networks, note, change):
    changed = note.astype(np.float32)
    if change == "darker":
        changed *= 0.35
    elif change == "smaller":
        changed = np.asarray(Image.fromarray(note).reduce(2), np.float32)
    elif change == "inverted":
        changed = 255 - changed
    elif change == "shaded":
        changed[:, note.shape[1] // 3 :] *= 0.45
    else:
        changed *= np.array([0.6, 1.0, 0.75])
    lines = reader.read(changed.astype(np.uint8), *networks)
    expected = get_texts(reader.read(note, *networks))
    assert "".join(get_texts(lines)).replace(" ", "") == "".join(expected).replace(" ", "")


@pytest.mark.parametrize("kind", ["white", "black", "grain", "ramp", "pixel", "strip"])
def test_a_page_without_digits_has_none(networks, kind):
    rng = np.random.default_rng(0)
    photo = {
        "white": np.full((300, 400), 255),
        "black": np.zeros((300, 400)),
        "grain": rng.normal(200, 6, (300, 400)),
        "ramp": np.tile(np.linspace(0, 255, 400), (300, 1)),
        "pixel": np.full((1, 1), 9),
        "strip": np.full((2, 900), 120),
    }[kind]
    assert reader.read(np.repeat(np.uint8(photo)[..., None], 3, axis=2), *networks) == []


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_paper_on_a_desk_is_not_taken_for_chalk(networks, note, inverted, share):
    """The desk is dark, or light under dark paper; the ink is told by its digits."""
    width = int(note.shape[1] * share)
    card = Image.fromarray(note[:430, :560]).resize((width, int(width * 0.77)))
    photo = np.full((700, 900, 3), 25, np.uint8)
    photo[60 : 60 + card.height, 80 : 80 + card.width] = card
    page = reader.to_grey(255 - photo if inverted else photo)
    assert reader.choose_view(page, *networks[:2])[0] == (inverted, 0)


@pytest.mark.parametrize("inverted", [False, True])
def test_without_a_sure_digit_the_ink_is_what_there_is_less_of(networks, inverted):
    photo = np.full((200, 300, 3), 40, np.uint8)
    photo[50:52, 20:280] = 230
    page = reader.to_grey(photo if inverted else 255 - photo)
    assert reader.choose_view(page, *networks[:2])[0] == (inverted, 0)


def test_grain_far_fainter_or_smaller_than_the_writing_is_no_digit():
    page = np.ones((300, 300), np.float32)
    boxes = np.array([[10, 10, 30, 50], [60, 10, 80, 50], [110, 10, 130, 50], [10, 100, 14, 108]])
    boxes = np.concatenate([boxes, [[200, 200, 220, 240]]]).astype(float)
    for index, (left, top, right, bottom) in enumerate(boxes.astype(int)):
        page[top:bottom, (left + right) // 2 :][:, :2] = 0.2 if index < 4 else 0.95
    found = np.column_stack([boxes, np.full(5, 0.99), np.eye(10)[:5]])
    kept, _, digits = reader._select(page, found)
    assert kept.tolist() == boxes[:3].tolist()
    assert digits.argmax(axis=1).tolist() == [0, 1, 2]
