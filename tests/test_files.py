import json
import os
import subprocess
import sys

import pytest

from digits import files


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


def test_what_a_killed_program_left_is_removed_by_the_next_write(tmp_path):
    """Only that of the same file, and not that of a program which still runs."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True, text=True).stdout.strip()  # fmt: skip
    kept = [f".numbers.{os.getppid()}.json", f".others.{ended}.json", f".numbers.{ended}.csv",
        ".numbers.x.json", f"numbers.{ended}.json", f".numbers.{9**30}.json"]  # fmt: skip
    for name in [f".numbers.{ended}.json", *kept]:
        (tmp_path / name).touch()
    files.write_json(tmp_path / "numbers.json", {})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"numbers.json", *kept[:-1]}


def test_what_cannot_be_written_is_known_beforehand(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write to the folder"):
        files.check_writable(tmp_path / "file" / "figure.png")
    with pytest.raises(IsADirectoryError, match="add a file name"):
        files.check_writable(tmp_path)
    files.check_writable(tmp_path / "new" / "figure.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_csv_has_a_row_for_each_value_below_the_names(tmp_path):
    files.write_csv(tmp_path / "h.csv", {"epoch": range(1, 3), "loss": [0.5, 0.25]})
    assert (tmp_path / "h.csv").read_text().split() == ["epoch,loss", "1,0.5", "2,0.25"]
