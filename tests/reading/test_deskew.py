import numpy as np
import pytest
from PIL import Image

from digits.networks import load_classifier, load_detector, storage
from digits.reading import Reader, load_photo
from digits.reading.deskew import MIN_SKEW, deskew, measure_skew
from tests.conftest import ROOT
from tests.reading.test_tables import bend, draw_page, make_table, move


def draw_table(degrees, noise=0.0):
    """A page with a table that is turned clockwise by so many degrees."""
    lines, boxes, _ = make_table()
    how = {"angle": np.radians(degrees)}
    page = draw_page([bend(line, **how).ravel().tolist() for line in lines], move(boxes, **how))
    return page + np.random.default_rng(0).normal(0, noise, page.shape).astype(np.float32)


@pytest.mark.parametrize("degrees", [-19, -8, -3, 3, 5.5, 12])
@pytest.mark.parametrize("noise", [0, 0.03])
def test_the_skew_of_a_table_is_measured(degrees, noise):
    assert measure_skew(draw_table(degrees, noise)) == pytest.approx(degrees, abs=0.5)


@pytest.mark.parametrize("degrees", [-1.5, 0, 2])
def test_a_small_skew_is_left(degrees):
    assert abs(degrees) < MIN_SKEW
    assert measure_skew(draw_table(degrees)) == 0


@pytest.mark.parametrize("angle", [0.0, 0.15])
def test_lines_of_digits_without_rules_have_no_clear_skew(angle):
    _, boxes, _ = make_table()
    assert measure_skew(draw_page([], move(boxes, angle=angle))) == 0


@pytest.mark.parametrize("page", [np.ones((40, 60)), np.full((1, 1), 0.5), np.zeros((3000, 7))])
def test_a_page_without_ink_has_no_skew(page):
    assert measure_skew(page.astype(np.float32)) == 0


@pytest.mark.parametrize("skew", [-12.5, 4.0])
def test_boxes_are_found_again_on_the_page_before(skew):
    page = np.full((120, 200), 0.8, np.float32)
    page[30:36, 150:158] = 0.1
    deskewed = deskew(page, skew)
    assert min(np.subtract(deskewed.page.shape, page.shape)) > 0
    y, x = np.nonzero(deskewed.page < 0.3)
    box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], float)
    turned_back = deskewed.turn_back(box)[0]
    assert (turned_back[:2] + turned_back[2:]) / 2 == pytest.approx([154, 33], abs=0.6)
    assert turned_back[2:] - turned_back[:2] == pytest.approx(box[0, 2:] - box[0, :2])
    # What was added at the corners is paper.
    assert deskewed.page[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(0.8)


def test_a_page_that_is_level_stays_the_same():
    page = np.random.default_rng(0).random((30, 40), np.float32)
    deskewed = deskew(page, 0.0)
    assert deskewed.page is page
    boxes = np.array([[1, 2, 3, 4.0]])
    assert deskewed.turn_back(boxes) is boxes


@pytest.mark.parametrize("degrees", [-9, 7])
def test_a_tilted_photo_of_a_table_is_straightened(degrees):
    reader = Reader(
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )
    sheet = load_photo(ROOT / "examples" / "sheet.jpg")
    upright = reader.read(sheet)
    paper = tuple(np.median(sheet.pixels, axis=(0, 1)).astype(int).tolist())
    tilted = Image.fromarray(sheet.pixels).rotate(
        degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=paper
    )
    page = reader.read(np.asarray(tilted))
    assert page.skew == pytest.approx(-degrees, abs=2)  # the sheet itself is not quite level
    assert page.note.startswith("straightened by ")
    true, found = (np.array(each.to_dict()["table"]) for each in (upright, page))
    assert found.shape == true.shape
    assert (found == true).mean() > 0.9
    # Boxes are on the photo as it was given.
    height, width = np.asarray(tilted).shape[:2]
    first, same = upright.digits[0].box, page.digits[0].box
    x, y = (first[0] + first[2]) / 2, (first[1] + first[3]) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    old_height, old_width = sheet.pixels.shape[:2]
    x, y = x - old_width / 2, y - old_height / 2
    expected = x * cos + y * sin + width / 2, -x * sin + y * cos + height / 2
    assert ((same[0] + same[2]) / 2, (same[1] + same[3]) / 2) == pytest.approx(expected, abs=6)
