import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import photo_accuracy
from tests.conftest import ROOT

PHOTOS = ROOT.parent / "shared" / "photos"
SCRIPT = "benchmarks/photo_accuracy"


@pytest.fixture
def folder(tmp_path):
    """A folder of one labelled photo, of blank paper."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.full((200, 300, 3), 255, np.uint8)).save(folder / "blank.png")
    label = {"file": "blank.png", "kind": "multi", "layout": "lines", "lines": ["12", "3"]}
    (folder / "labels.json").write_text(json.dumps([label]))
    return folder


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("", "", 0),
        ("123", "123", 0),
        ("123", "", 3),
        ("12", "2", 1),
        ("12", "21", 2),
        ("17", "77", 1),
    ],
)
def test_edits_are_counted(one, other, edits):
    assert photo_accuracy.count_edits(one, other) == edits
    assert photo_accuracy.count_edits(other, one) == edits


def test_order_counts_in_lines_and_not_elsewhere():
    true, predicted = ["12", "345"], ["34 5", "12"]
    assert photo_accuracy.count_errors("lines", true, ["1 2", "3 45"]) == 0
    assert photo_accuracy.count_errors("lines", true, predicted) > 0
    assert photo_accuracy.count_errors("scattered", true, predicted) == 0
    assert photo_accuracy.count_errors("table", true, ["345", "12", "9"]) == 1
    assert photo_accuracy.count_errors("table", true, ["345"]) == 2
    assert photo_accuracy.count_errors("table", true, []) == 5


def test_results_are_added_up_by_reader_and_kind():
    results = [
        photo_accuracy.Result("ours", "a.png", "multi", 10, 2, 0.5, ["12345678"]),
        photo_accuracy.Result("ours", "b.png", "multi", 5, 0, 0.5, ["12345"]),
        photo_accuracy.Result("ours", "c.png", "single", 1, 1, 0.5, []),
        photo_accuracy.Result("tesseract", "a.png", "multi", 10, 9, 0.5, ["1"]),
    ]
    total = photo_accuracy.summarize(results, "ours", "multi")
    assert total == photo_accuracy.Summary(errors=2, digits=15, photos=2, perfect=1)


def test_folder_is_read_and_scored(folder, tmp_path, run_main, monkeypatch):
    monkeypatch.setattr(photo_accuracy.shutil, "which", lambda name: None)
    run = run_main(SCRIPT, folder, "--results-file", "rows.json")
    assert run.returncode == 0, run.stderr
    assert "ours, multi: 3 errors in 3 digits (0.0% right), 0 of 1 photos perfect" in run.stdout
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert row.pop("seconds") > 0
    assert row == {
        "reader": "ours",
        "file": "blank.png",
        "kind": "multi",
        "digits": 3,
        "errors": 3,
        "lines": [],
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "--download"),
        ("{", "is not JSON"),
        ("[]", "must be a list of labels"),
        ('[{"file": "blank.png", "kind": "multi", "layout": "lines"}]', "keys file, kind, layout"),
        (
            '[{"file": "a.png", "kind": "multi", "layout": "lines", "lines": ["1"]}]',
            "1 of 1 photos",
        ),
    ],
)
def test_wrong_labels_take_one_line(folder, run_main, content, expected):
    if content is None:
        (folder / "labels.json").unlink()
    else:
        (folder / "labels.json").write_text(content)
    run = run_main(SCRIPT, folder)
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert expected in run.stderr


def test_damaged_photo_takes_one_line(folder, run_main):
    (folder / "blank.png").write_bytes(b"no photo")
    run = run_main(SCRIPT, folder)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "blank.png" in run.stderr


@pytest.mark.parametrize("flag", ["--model-path", "--detector-path"])
def test_missing_network_takes_one_line(folder, run_main, flag):
    run = run_main(SCRIPT, folder, flag, "nowhere.keras")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "nowhere.keras" in run.stderr


@pytest.mark.slow
def test_photos_of_others_are_read():
    if not PHOTOS.exists():
        pytest.skip(f"needs {PHOTOS}, which the project does not ship")
    from digits.reading import Reader

    labels = photo_accuracy.read_labels(PHOTOS)
    results = photo_accuracy.read_folder(PHOTOS, labels, Reader())
    several = photo_accuracy.summarize(results, "ours", "multi")
    assert several.errors <= 0.03 * several.digits
    assert several.perfect >= 28
    assert photo_accuracy.summarize(results, "ours", "single").perfect >= 17
