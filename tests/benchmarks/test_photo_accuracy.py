import pytest

from benchmarks import photo_accuracy
from digits.networks import storage
from tests.conftest import ROOT

PHOTOS = ROOT.parent / "shared" / "photos"


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
    true, found = ["12", "345"], ["34 5", "12"]
    assert photo_accuracy.count_errors("lines", true, ["1 2", "3 45"]) == 0
    assert photo_accuracy.count_errors("lines", true, found) > 0
    assert photo_accuracy.count_errors("scattered", true, found) == 0
    assert photo_accuracy.count_errors("table", true, ["345", "12", "9"]) == 1
    assert photo_accuracy.count_errors("table", true, ["345"]) == 2
    assert photo_accuracy.count_errors("table", true, []) == 5


@pytest.mark.slow
def test_photos_of_others_are_read():
    if not PHOTOS.exists():
        pytest.skip(f"needs {PHOTOS}, which the project does not ship")
    finder = storage.load_finder(storage.RELEASED_MODELS / "finder.keras")
    classifier = storage.load(storage.RELEASED_MODELS / "cnn.keras")
    rows = photo_accuracy.read_folder(PHOTOS, finder, classifier)
    several = photo_accuracy.summarize(rows, "ours", "multi")
    assert several["errors"] <= 0.03 * several["digits"]
    assert several["perfect"] >= 28
    assert photo_accuracy.summarize(rows, "ours", "single")["perfect"] >= 17
