import csv
import dataclasses
import functools
import io
import json

import numpy as np
import pytest
from PIL import Image

from digits.reading import Page, Photo, Reader, Region, load_photo
from tests.conftest import ROOT
from tests.reading.test_results import make_page_with_table

ui = pytest.importorskip(
    "digits.web.ui", reason="the page needs pip install -r requirements-web.txt"
)


@functools.cache
def load_reader():
    return Reader()


def test_a_photo_is_read_as_text_table_and_json():
    path = ROOT / "examples" / "note.jpg"
    photo = ui.open_photo({"path": str(path), "orig_name": "my note.jpg"}, path.parent)
    answer = ui.read_photo(photo, load_reader())
    assert answer.marked.dtype == np.uint8 and answer.marked.shape[2] == 3
    assert answer.summary.startswith("31 digits in 4 lines")
    assert answer.text.splitlines()[0] == "12 + 30 = 42"
    rows = list(csv.DictReader(io.StringIO(answer.csv)))
    assert tuple(rows[0])[6:8] == ("text", "value") and rows[0]["value"] == "12"
    exported = json.loads(answer.json)
    assert exported["file"] == rows[0]["file"] == "my note.jpg" and answer.stem == "my note"
    assert [line["text"] for line in exported["lines"]] == answer.text.splitlines()
    numbers = [number["text"] for line in exported["lines"] for number in line["numbers"]]
    assert [row["text"] for row in rows] == numbers


def test_a_photo_without_digits_is_marked_with_nothing():
    photo = Photo(np.full((300, 400, 3), 230, np.uint8), 1.0, "a.png")
    answer = ui.read_photo(photo, load_reader())
    assert (answer.marked == 230).all()
    assert (answer.summary, answer.text) == ("No digits found.", "")
    assert json.loads(answer.json)["lines"] == [] and len(answer.csv.splitlines()) == 1


def test_the_summary_counts_what_is_not_sure():
    reader = load_reader()
    doubting = dataclasses.replace(reader.classifier, metadata={"threshold": 1.0})
    photo = load_photo(ROOT / "examples" / "blackboard.jpg")
    answer = ui.read_photo(photo, Reader(reader.detector, doubting))
    unsure = [
        symbol
        for line in json.loads(answer.json)["lines"]
        for symbol in line["digits"] + line["signs"]
        if not symbol["is_sure"]
    ]
    assert unsure
    assert f", not sure of {len(unsure)} (dashed boxes)." in answer.summary


def test_cells_that_are_not_sure_have_a_question_mark(monkeypatch):
    page = make_page_with_table()
    monkeypatch.setattr(Reader, "read", lambda self, photo, *options: page)
    answer = ui.read_photo(Photo(np.full((30, 40, 3), 230, np.uint8)), load_reader())
    assert answer.cells == [["12", "", "3?"], ["", "45 -", ""]]


def test_the_summary_says_what_was_done_to_the_photo(monkeypatch):
    monkeypatch.setattr(
        Reader,
        "read",
        lambda self, photo, turn, *others: Page("", 1.0, (), turn // 90, is_inverted=False),
    )
    photo = Photo(np.full((30, 40, 3), 230, np.uint8))
    answer = ui.read_photo(photo, load_reader(), turn=90)
    assert answer.summary == "No digits found. Read turned by 90° anticlockwise."
    assert json.loads(answer.json)["turned"] == 90


def test_turns_are_those_offered():
    choices = ["automatic", "0°", "90°", "180°", "270°"]
    assert [ui.parse_turn(choice) for choice in choices] == [None, 0, 90, 180, 270]
    for choice in ("45°", 90, None, [], {"90°": 1}, "x" * 10_000):
        with pytest.raises(ValueError, match="expected one of automatic, 0°") as error:
            ui.parse_turn(choice)
        assert len(str(error.value)) < 100


def test_a_part_and_an_ink_are_read_and_said():
    photo = load_photo(ROOT / "examples" / "note.jpg")
    answer = ui.read_photo(
        photo, load_reader(), region=ui.parse_region("0 0.65,1; 0.35"), ink="blue"
    )
    assert answer.text == "86 ÷ 2 = 43"
    assert answer.summary.endswith("Only the region from (0, 416) to (900, 640), blue ink only.")
    above = answer.marked[100:400].astype(int) - load_photo(photo.name).pixels.min()
    assert above.min() > 60  # paler outside


def test_parts_are_four_numbers_or_nothing():
    assert ui.parse_region(" 0.5 0\t0.5,0.3 ") == Region(0.5, 0, 0.5, 0.3)
    assert ui.parse_region("100 0 200 150") == Region(100, 0, 200, 150)
    for nothing in (None, "", "  "):
        assert ui.parse_region(nothing) is None
    for bad in ("0 0 1", "0 0 1 1 1", "a b c d", "0 0 nan 1", "-1 0 2 2", 7, [0, 0, 1, 1], {}):
        with pytest.raises(ValueError, match=r"^[Rr]eceived the (part|region).*expected") as error:
            ui.parse_region(bad)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="expected four numbers") as error:
        ui.parse_region("1 " * 100_000)
    assert len(str(error.value)) < 200


def test_inks_are_those_offered():
    assert [ui.parse_ink(choice) for choice in ("any", "red", "blue", "dark")] == [
        None, "red", "blue", "dark",
    ]  # fmt: skip
    for choice in ("green", None, 3, ["red"], "x" * 10_000):
        with pytest.raises(ValueError, match="expected one of any, red, blue, dark") as error:
            ui.parse_ink(choice)
        assert len(str(error.value)) < 100


def test_outputs_are_in_the_order_of_the_components():
    answer = ui.PhotoAnswer(None, "summary", "text", "csv", "json", "stem", [["1", "2?"]])
    *values, table, shown = answer.outputs()
    assert values == [None, "summary", "text", "csv", "json", "stem"]
    assert table == {"headers": ["1", "2"], "data": [["1", "2?"]]} and shown["visible"]
    assert not ui.PhotoAnswer().outputs()[-1]["visible"]


@pytest.mark.parametrize("file", [None, {}, {"path": None, "url": "data:image/png;base64,AAAA"}])
def test_no_file_is_refused(file, tmp_path):
    with pytest.raises(ValueError, match="no file"):
        ui.open_photo(file, tmp_path)


def test_errors_name_the_file_as_its_owner_does(tmp_path):
    path = tmp_path / "0123abcd"
    path.write_text("hello")
    with pytest.raises(ValueError, match=r"^letter\.txt is not an image"):
        ui.open_photo({"path": str(path), "orig_name": "letter.txt"}, tmp_path)


def test_what_a_library_says_of_a_damaged_file_does_not_reach_the_servers_stderr(tmp_path, capfd):
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (60, 80))
    Image.fromarray(np.uint8(noise)).save(content, "TIFF", compression="tiff_lzw")
    middle = len(content.getvalue()) // 2
    content.seek(middle)
    content.write(b"\xff" * 200)
    (tmp_path / "a.tif").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="is damaged"):
        ui.open_photo({"path": str(tmp_path / "a.tif")}, tmp_path)
    assert capfd.readouterr().err == ""


def test_only_files_that_were_sent_are_opened(tmp_path):
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / "link").symlink_to(ROOT / "examples" / "note.jpg")
    for path in (ROOT / "examples" / "note.jpg", tmp_path / "stored" / "link", tmp_path / "x"):
        with pytest.raises(ValueError, match="upload it"):
            ui.open_photo({"path": str(path)}, tmp_path / "stored")
