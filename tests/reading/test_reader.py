import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

import data
from digits.networks import Detections, load_classifier, load_detector, storage
from digits.reading import Gap, Photo, Reader, Region, load_photo, reader, rings
from digits.reading.orientation import View
from digits.symbols import SYMBOLS
from tests.conftest import ROOT
from tests.reading.test_rings import draw_ring
from tests.reading.test_tables import draw_page, make_table

NOTE = ROOT / "examples" / "note.jpg"
# What benchmarks/make_examples.py wrote.
EXAMPLES = {
    "note.jpg": ["12 + 30 = 42", "0172 555 364", "3141592653", "86 ÷ 2 = 43"],
    "sideways.jpg": ["12 + 30 = 42", "0172 555 364", "3141592653", "86 ÷ 2 = 43"],
    "blackboard.jpg": ["8421", "60 59 58"],
}


@pytest.fixture(scope="module")
def released():
    return Reader(
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )


@pytest.fixture(scope="module")
def note():
    return load_photo(NOTE)


@pytest.fixture(scope="module")
def page(released, note):
    return released.read(note)


def join(texts):
    return "".join(texts).replace(" ", "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_read(released, name):
    page = released.read(ROOT / "examples" / name)
    assert join(line.text for line in page.lines) == join(EXAMPLES[name])
    assert len(page.lines) == len(EXAMPLES[name])
    assert page.is_inverted == (name == "blackboard.jpg")
    assert (page.turns != 0) == (name == "sideways.jpg")


def test_a_photo_its_pixels_and_its_file_are_read_alike(released, note, page):
    assert (page.photo_name, page.scale) == (str(NOTE), 1)
    assert released.read(str(NOTE)).to_dict() == page.to_dict()
    of_pixels = released.read(note.pixels)
    assert of_pixels.to_dict() == page.to_dict() | {"file": ""}
    halved = released.read(Photo(note.pixels, scale=2.0))
    assert halved.numbers[0].box == page.numbers[0].box
    assert halved.to_rows()[0]["left"] == pytest.approx(2 * page.numbers[0].box[0], abs=0.06)


def test_boxes_and_images_are_those_of_the_digits(note, page):
    height, width = note.pixels.shape[:2]
    for line in page.lines:
        lefts = [digit.box[0] for digit in line.digits]
        assert lefts == sorted(lefts)
    for digit in page.digits:
        left, top, right, bottom = digit.box
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height
        assert type(digit.is_sure) is bool and type(left) is float
        assert reader.MIN_PROBABILITY < digit.probability <= 1
        assert digit.runner_up != digit.label
        assert digit.image.shape == (28, 28)
        inside = note.pixels[int(top) : int(bottom), int(left) : int(right)]
        assert inside.min() < note.pixels.min() + 60  # there is ink in it


def test_digits_and_signs_are_sure_from_one_probability_on(note, page, monkeypatch, released):
    assert all(symbol.is_sure == (symbol.probability >= 0.8) for symbol in page.digits)
    assert np.mean([digit.is_sure for digit in page.digits]) > 0.8
    monkeypatch.setattr(reader, "SURE", 1.01)
    assert not any(symbol.is_sure for symbol in released.read(note).symbols)


def test_boxes_of_a_page_on_its_side_are_on_the_photo_as_it_is(released, note, page):
    upright = page.digits
    turned = released.read(np.rot90(note.pixels, -1).copy()).digits
    assert len(upright) == len(turned)
    height = note.pixels.shape[0]
    for one, other in zip(upright, turned, strict=True):
        left, top, right, bottom = one.box
        assert other.box == pytest.approx((height - bottom, left, height - top, right), abs=4)


def make_detections(*symbols):
    """Detections of (left, width, probabilities of symbols), 20 pixels high."""
    probabilities = np.zeros((len(symbols), len(SYMBOLS) + 3))
    probabilities[:, -3:] = 0.01
    for row, (_, _, shares) in zip(probabilities, symbols, strict=True):
        for text, share in shares.items():
            row[SYMBOLS.index(text)] = share
    boxes = np.array([[left, 10, left + width, 30] for left, width, _ in symbols], float)
    return Detections(boxes.reshape(-1, 4), np.full(len(symbols), 0.99), probabilities)


BLIND = types.SimpleNamespace(detect=lambda page, min_score: make_detections())  # a detector


@pytest.fixture
def read_detections(monkeypatch):
    """Read a page of 60x200 pixels on which symbols are detected; digits are taken for 1s."""
    engine = types.SimpleNamespace(
        probabilities=lambda images: np.tile(np.eye(10)[1] * 0.98 + 0.002, (len(images), 1)),
        threshold=0.9,
    )

    def read(*symbols, view=None, ink=(), **options):
        found = make_detections(*symbols)
        page = np.ones((60, 200), np.float32)
        for rows, columns in ink:
            page[rows, columns] = 0.2
        chosen = []

        def choose_view(_page, _detector, turns):
            chosen.append(turns)
            return view or View(False, 0), page, found

        monkeypatch.setattr(reader, "choose_view", choose_view)
        monkeypatch.setattr(reader, "select_written", lambda page, found: (found, found[:0]))
        photo = np.full((60, 200, 3), 255, np.uint8)
        return Reader(BLIND, engine).read(photo, **options), chosen[0]

    return read


def test_signs_are_read_in_their_place(read_detections):
    page, _ = read_detections(
        (0, 12, {"1": 0.97}), (15, 12, {"+": 0.97}), (30, 12, {"1": 0.97}), (45, 6, {"/": 0.97}),
        (54, 12, {"1": 0.97}),
    )  # fmt: skip
    assert page.text == "1 + 1/1"
    assert [number.text for number in page.numbers] == ["1", "1/1"]
    plus, slash = page.signs
    assert plus.box == (15, 10, 27, 30) and slash.is_sure
    assert plus.probability == pytest.approx(0.99 * 0.97)  # there is something, and it is a plus


def test_a_row_of_boxes_is_one_number_with_its_gaps(read_detections):
    ink = [(slice(y, y + 1), slice(20, 189)) for y in (4, 36)]
    ink += [(slice(4, 37), slice(x, x + 1)) for x in range(20, 189, 24)]
    one, bracket = {"1": 0.97}, {"(": 0.97}
    # Boxes are empty at the start, in the middle and at the end; a 1 is taken for a bracket.
    symbols = [(2, 10, one), (51, 10, one), (75, 8, bracket), (147, 10, one)]
    page, _ = read_detections(*symbols, ink=ink)
    assert page.table is None and [number.text for number in page.numbers] == ["1", "11__1"]
    assert page.numbers[1].value is None
    assert len(page.digits) == 4 and all(digit.is_sure for digit in page.digits)
    gap = page.numbers[1].symbols[2]
    assert isinstance(gap, Gap) and gap.box == pytest.approx((92, 4, 116, 36), abs=2)
    beside, _ = read_detections(*symbols)
    assert "_" not in beside.text


@pytest.mark.parametrize(
    ("shares", "text", "is_sure"),
    [
        ({"1": 0.9, "/": 0.1}, "111", True),
        ({"1": 0.6, "/": 0.4}, "111", False),
        ({"1": 0.3, "/": 0.7}, "1/1", False),
        ({"1": 0.05, "/": 0.95}, "1/1", True),
        ({"1": 0.42, "/": 0.3, "(": 0.28}, "11", True),  # a sign, but which one?
    ],
)
def test_a_symbol_between_digit_and_sign_is_not_sure(read_detections, shares, text, is_sure):
    page, _ = read_detections((0, 6, {"1": 1}), (8, 6, shares), (16, 6, {"1": 1}))
    assert page.text == text
    assert page.numbers[0].is_sure == is_sure


@pytest.mark.parametrize(
    ("left", "weak", "text"),
    [
        (13, {"7": 0.35, "8": 0.35}, "11"),
        (35, {"7": 0.35, "8": 0.35}, "1"),  # not beside the other
        (13, {"7": 0.25, "8": 0.25}, "1"),  # too improbable
    ],
)
def test_a_doubtful_digit_is_kept_beside_a_sure_one(read_detections, left, weak, text):
    page, _ = read_detections((0, 10, {"1": 1}), (left, 10, weak))
    assert page.text == text
    assert page.numbers[0].is_sure == (text == "1")
    alone, _ = read_detections((left, 10, weak))
    assert alone.text == ""


def test_signs_of_an_impossible_size_are_dropped(read_detections):
    page, _ = read_detections((0, 12, {"1": 1}), (20, 18, {".": 1}), (200, 9, {"+": 1}))
    assert page.text == "1" and page.signs == ()
    page, _ = read_detections((20, 18, {"+": 1}))
    assert page.lines == ()


def test_a_circled_digit_is_read_and_not_sure(released, monkeypatch):
    """The detector takes it for a 0 or a 2, the classifier with its ring for a 0."""
    paper = np.pad(255 - data.load_test()[0][1], 4, constant_values=255)  # a 2
    large = np.asarray(Image.fromarray(paper).resize((72, 72), Image.Resampling.BICUBIC))
    page = np.ones((120, 200), np.float32)
    page[20:92, 30:102] = draw_ring(large / np.float32(255), radii=(29.0, 26.0), thickness=4)
    found = make_detections((0, 12, {"0": 0.5, "2": 0.45}))
    found = Detections(np.array([[38.0, 25, 94, 87]]), found.scores, found.probabilities)
    monkeypatch.setattr(reader, "choose_view", lambda *_: (View(False, 0), page, found))
    monkeypatch.setattr(reader, "select_written", lambda page, found: (found, found[:0]))
    (digit,) = released.read(np.full((120, 200, 3), 255, np.uint8)).digits
    assert digit.label == 2 and digit.probability > reader.SURE and not digit.is_sure
    assert digit.box == (38, 25, 94, 87)
    monkeypatch.setattr(rings, "cut_out_within", lambda *_: None)
    (digit,) = released.read(np.full((120, 200, 3), 255, np.uint8)).digits
    assert digit.label == 0


@pytest.mark.parametrize("with_rules", [True, False])
def test_a_weak_detection_is_a_digit_that_is_not_sure_in_an_empty_cell(monkeypatch, with_rules):
    lines, boxes, places = make_table(rows=3, columns=3)
    boxes, places = boxes[::2], places[::2]  # one digit in each cell
    page = draw_page(lines if with_rules else [], boxes)
    scores = np.where([place == (1, 2) for place in places], 0.65, 0.99)
    ones = np.eye(len(SYMBOLS) + 3)[[SYMBOLS.index("1")] * len(boxes)]
    found = Detections(np.array(boxes, float), scores, ones)[np.argsort(-scores, kind="stable")]
    monkeypatch.setattr(reader, "choose_view", lambda *_: (View(False, 0), page, found))
    engine = types.SimpleNamespace(
        probabilities=lambda images: np.tile(np.eye(10)[1] * 0.98 + 0.002, (len(images), 1))
    )
    read = Reader(BLIND, engine).read(np.full((*page.shape, 3), 255, np.uint8))
    assert len(read.digits) == 8 + with_rules
    if with_rules:
        cells = read.table.cells[1]
        assert [cell.text for cell in cells] == ["1", "1", "1"]
        assert [digit.is_sure for digit in read.digits].count(False) == 1
        assert not cells[2].numbers[0].digits[0].is_sure


def test_a_speck_in_its_box_makes_no_side_of_a_1(read_detections):
    ink = [(slice(y, y + 1), slice(20, 189)) for y in (4, 36)]
    ink += [(slice(4, 37), slice(x, x + 1)) for x in range(20, 189, 24)]
    # The second 1 is near the side at 68.
    ones = [(27, 8, {"1": 0.97}), (70, 8, {"1": 0.97}), (99, 8, {"1": 0.97})]
    page, _ = read_detections(*ones, (83, 5, {".": 0.6}), ink=ink)
    assert page.text == "1_11"


@pytest.mark.parametrize(
    ("left", "probability", "text", "num_sure"),
    [
        (56, 0.97, "1-11", 3),  # a sign that is sure is kept
        (56, 0.6, "111", 1),  # beside a digit in its box
        (40, 0.6, "111", 2),  # on a side, in a box without a digit
        (150, 0.6, "111-", 3),  # alone in a box
    ],
)
def test_a_doubtful_sign_on_a_box_is_left_out(
    read_detections, monkeypatch, left, probability, text, num_sure
):
    monkeypatch.setattr(reader.signs, "select", lambda named, *_: named)
    ink = [(slice(y, y + 1), slice(20, 189)) for y in (4, 36)]
    ink += [(slice(4, 37), slice(x, x + 1)) for x in range(20, 189, 24)]
    ones = [(51, 8, {"1": 0.97}), (75, 8, {"1": 0.97}), (99, 8, {"1": 0.97})]
    page, _ = read_detections(*ones, (left, 5, {"-": probability}), ink=ink)
    assert page.text.replace("_", "").replace(" ", "") == text
    assert [digit.is_sure for digit in page.digits].count(True) == num_sure


def test_a_photo_is_turned_as_asked(read_detections):
    assert read_detections((0, 12, {"1": 1}), turn=0)[1] == 0
    assert read_detections((0, 12, {"1": 1}))[1] is None
    page, turns = read_detections(
        (0, 12, {"1": 1}), (15, 12, {"+": 1}), view=View(True, 1), turn=90
    )
    assert turns == 1
    assert (page.turns, page.is_inverted) == (1, True)
    digit, plus = page.symbols
    assert digit.box == (170, 0, 190, 12) and plus.box == (170, 15, 190, 27)
    for turn in (45, 1, -90, 360, "90"):
        with pytest.raises(ValueError, match="expected 0, 90, 180, 270 or None"):
            read_detections(turn=turn)


def test_only_the_region_is_read_and_boxes_stay_on_the_photo(released, note, page):
    height = note.pixels.shape[0]
    below = released.read(note, region=Region(0, 0.45, 1, 0.55))
    assert join(line.text for line in below.lines) == join(EXAMPLES["note.jpg"][2:])
    assert below.region == (0, 0.45 * height, note.pixels.shape[1], height)
    expected = [digit.box for line in page.lines[2:] for digit in line.digits]
    for digit, box in zip(below.digits, expected, strict=True):
        assert digit.box == pytest.approx(box, abs=4)
    assert below.to_dict()["region"] == [0, 288, 900, 640]
    whole = released.read(note, region=Region(0, 0, 900, 640))
    assert whole.to_dict() == page.to_dict() | {"region": [0, 0, 900, 640]}
    empty = released.read(note, region=Region(0.8, 0.85, 0.2, 0.15))
    assert empty.lines == () and "only the region from (720, 544) to (900, 640)" in empty.note


def test_digits_that_the_edge_of_a_region_cuts_off_are_no_rules(released, note):
    below = released.read(note, region=Region(0, 0.5, 1, 0.5))
    assert below.table is None
    assert join(line.text for line in below.lines) == join(EXAMPLES["note.jpg"][2:])


def test_a_region_is_that_of_the_photo_before_it_is_turned(released, note):
    sideways = Photo(np.rot90(note.pixels, -1).copy())
    page = released.read(sideways, region=Region(0, 0, 0.5, 1))
    assert page.turned == 90
    assert join(line.text for line in page.lines) == join(EXAMPLES["note.jpg"][2:])
    for left, _, right, _ in (digit.box for digit in page.digits):
        assert 0 <= left < right <= 320


def test_a_small_region_is_enlarged_in_its_place(released, note, page):
    left, top, right, bottom = page.lines[2].digits[0].box
    small = Photo(np.asarray(Image.fromarray(note.pixels).reduce(2)), 2.0)
    region = Region(left - 8, top - 8, right - left + 16, bottom - top + 16)
    (digit,) = released.read(small, region=region).digits
    assert digit.label == 3
    assert digit.box == pytest.approx((left / 2, top / 2, right / 2, bottom / 2), abs=4)


def test_a_region_that_is_not_on_the_photo_is_refused(released, note):
    with pytest.raises(ValueError, match=r"of .*note\.jpg, expected one on the photo's 900 x 640"):
        released.read(note, region=Region(800, 600, 200, 200))


def test_only_the_ink_is_read(released, note, page):
    blue = released.read(note, ink="blue")
    assert blue.text == page.text and blue.note == "blue ink only"
    for ink in ("red", "dark"):
        without = released.read(note, ink=ink)
        assert without.lines == () and without.note == f"no {ink} ink found"
        assert without.to_dict()["ink"] == ink
    grey = Photo(np.repeat(np.uint8(255 * note.grey())[..., None], 3, axis=2))
    assert released.read(grey, ink="dark").text == page.text
    assert released.read(grey, ink="red").note == "no red ink found"
    chalk = released.read(ROOT / "examples" / "blackboard.jpg", ink="dark")
    assert chalk.lines == ()
    with pytest.raises(ValueError, match="expected one of red, blue, dark"):
        released.read(note, ink="green")


def test_two_inks_are_told_apart(released, note):
    """The note's lower half as if it were written in red."""
    mixed = note.pixels.copy()
    mixed[320:] = mixed[320:, :, ::-1]
    paper = np.median(mixed[320:], axis=(0, 1)) / np.median(note.pixels[320:], axis=(0, 1))
    mixed[320:] = np.clip(mixed[320:] / paper, 0, 255).astype(np.uint8)
    for ink, lines in (("blue", EXAMPLES["note.jpg"][:2]), ("red", EXAMPLES["note.jpg"][2:])):
        found = released.read(mixed, ink=ink)
        assert join(line.text for line in found.lines) == join(lines)


def test_rules_of_another_ink_still_make_a_table(released):
    page = released.read(ROOT / "examples" / "sheet.jpg", ink="blue")
    assert page.table is not None and len(page.table.cells[0]) == 4


@pytest.mark.parametrize(
    "change", ["darker", "smaller", "inverted", "shaded", "shadow", "coloured"]
)
def test_light_colour_and_size_of_a_photo_do_not_matter(released, note, page, change):
    changed = note.pixels.astype(np.float32)
    if change == "darker":
        changed *= 0.35
    elif change == "smaller":
        changed = np.asarray(Image.fromarray(note.pixels).reduce(2), np.float32)
    elif change == "inverted":
        changed = 255 - changed
    elif change == "shaded":
        changed[:, changed.shape[1] // 3 :] *= 0.45
    elif change == "shadow":
        changed[420:] *= 0.2
    else:
        changed *= np.array([0.6, 1.0, 0.75])
    found = released.read(changed.astype(np.uint8))
    assert join(line.text for line in found.lines) == join(line.text for line in page.lines)


@pytest.mark.parametrize("kind", ["white", "black", "grain", "ramp", "pixel", "strip"])
def test_a_page_without_digits_has_none(released, kind):
    rng = np.random.default_rng(0)
    photo = {
        "white": np.full((300, 400), 255),
        "black": np.zeros((300, 400)),
        "grain": rng.normal(200, 6, (300, 400)),
        "ramp": np.tile(np.linspace(0, 255, 400), (300, 1)),
        "pixel": np.full((1, 1), 9),
        "strip": np.full((2, 900), 120),
    }[kind]
    page = released.read(np.repeat(np.uint8(photo)[..., None], 3, axis=2))
    assert page.lines == () and page.text == ""


def test_a_page_full_of_noise_needs_little_memory(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1000, 2000), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.new("L", (20_000, 3)).save(tmp_path / "thread.png")
    code = (
        "import sys, resource, numpy as np\n"
        "from digits.networks import load_classifier, load_detector\n"
        "from digits.reading import Reader\n"
        "reader = Reader(load_detector(sys.argv[1] + '/detector.keras'), "
        "load_classifier(sys.argv[1] + '/cnn.keras'))\n"
        "reader.read(np.full((300, 300, 3), 255, np.uint8))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in sys.argv[2:]: reader.read(name)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, storage.RELEASED_MODELS, NOTE]
    command += [tmp_path / "noise.png", tmp_path / "thread.png"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 500_000


def test_a_small_picture_of_a_table_is_read(released):
    sheet = Image.open(ROOT / "examples" / "sheet.jpg")
    large = released.read(np.asarray(sheet))
    small = released.read(np.asarray(sheet.resize((225, 160), Image.Resampling.BOX)))
    heights = [digit.box[3] - digit.box[1] for digit in small.digits]
    assert np.median(heights) < 11
    true, found = (np.array(page.to_dict()["table"]) for page in (large, small))
    assert found.shape == true.shape
    assert (found == true).mean() > 0.9
