import csv
import functools
import io
import json

import numpy as np
import pytest

from digits.networks import storage
from tests.conftest import ROOT

page = pytest.importorskip(
    "digits.web.ui", reason="the page needs pip install -r requirements-web.txt"
)


@functools.cache
def load():
    released = storage.RELEASED_MODELS
    classifiers = {name: storage.load(released / f"{name}.keras") for name in ("dense", "cnn")}
    return storage.load_finder(released / "finder.keras"), classifiers


def read_example(name):
    finder, classifiers = load()
    path = ROOT / "examples" / name
    opened = page.open_photo({"path": str(path), "orig_name": name}, path.parent)
    return page.read_photo(*opened, finder, classifiers["cnn"], 0.9)


def test_a_photo_is_read_as_text_table_and_json():
    marked, summary, text, table, described = read_example("note.jpg")
    assert marked.dtype == np.uint8 and marked.shape[2] == 3
    assert summary.startswith("31 digits in 4 lines")
    assert text.splitlines()[0] == "12 30 42"
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["text"] for row in rows] == text.split()
    described = json.loads(described)
    assert described["file"] == "note.jpg"
    assert [line["text"] for line in described["lines"]] == text.splitlines()


def test_a_photo_without_digits_is_marked_with_nothing():
    finder, classifiers = load()
    photo = np.full((300, 400, 3), 230, np.uint8)
    marked, summary, text, table, described = page.read_photo(
        photo, 1.0, "a.png", finder, classifiers["cnn"], 0.9
    )
    assert (marked == 230).all()
    assert (summary, text) == ("No digits found.", "")
    assert json.loads(described)["lines"] == [] and len(table.splitlines()) == 1


@pytest.mark.parametrize("file", [None, {}, {"path": None, "url": "data:image/png;base64,AAAA"}])
def test_no_file_is_refused(file, tmp_path):
    with pytest.raises(ValueError, match="no picture"):
        page.open_photo(file, tmp_path)


def test_errors_name_the_file_as_its_owner_does(tmp_path):
    path = tmp_path / "0123abcd"
    path.write_text("hello")
    with pytest.raises(ValueError, match=r"^letter\.txt is no image"):
        page.open_photo({"path": str(path), "orig_name": "letter.txt"}, tmp_path)


def test_only_files_that_were_sent_are_opened(tmp_path):
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / "link").symlink_to(ROOT / "examples" / "note.jpg")
    for path in (ROOT / "examples" / "note.jpg", tmp_path / "stored" / "link", tmp_path / "x"):
        with pytest.raises(ValueError, match="send it"):
            page.open_photo({"path": str(path)}, tmp_path / "stored")
