import json

import pytest

import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("old")
    with (
        pytest.raises(OSError, match=r"cannot write .*notes.json \(disk full\)"),
        files.replacing(path) as temporary,
    ):
        temporary.write_text("half of the n")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["notes.json"]


def test_a_write_replaces_the_file_and_makes_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "numbers.json"
    for number in (1, 2):
        files.write_json(path, {"number": number})
        if number == 1:
            old = open(path)  # noqa: SIM115
    with old:
        assert json.load(old) == {"number": 1}  # a reader of the old file still has all of it
    assert json.loads(path.read_text()) == {"number": 2}
    assert [p.name for p in path.parent.iterdir()] == ["numbers.json"]


def test_what_cannot_be_written_is_known_beforehand(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write to the folder"):
        files.check_writable(tmp_path / "file" / "figure.png")
    with pytest.raises(IsADirectoryError, match="add a file name"):
        files.check_writable(tmp_path)
    files.check_writable(tmp_path / "new" / "figure.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_results_are_added_to_the_models_own_json_and_replace_any_other(tmp_path):
    own, other = tmp_path / "mine.json", tmp_path / "other.json"
    for path in (own, other):
        files.write_json(path, {"seed": 3, "test_accuracy": 0})
        files.write_results(
            path, {"model_path": str(tmp_path / "mine.keras"), "test_accuracy": 0.9}
        )
    assert json.loads(own.read_text())["seed"] == 3
    assert json.loads(own.read_text())["test_accuracy"] == 0.9
    assert "seed" not in json.loads(other.read_text())
