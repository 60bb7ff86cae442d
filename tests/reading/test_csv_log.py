"""A CSV of whole pages, whatever interrupts the writing."""

import csv
import dataclasses
import os
import subprocess
import sys

import pytest

from digits.networks import storage
from digits.reading import Region
from digits.reading.csv_log import (
    PageRows,
    make_page_rows,
    make_settings,
    name_journal,
    name_new,
    open_log,
)
from digits.reading.results import COLUMNS
from tests.reading.test_results import make_page_with_table

SETTINGS = {"turn": None, "detector": "abc"}


def make_rows(name, num_rows=2, page=1, num_pages=1):
    rows = tuple((f"{name} 中", page, number, *[""] * 11) for number in range(num_rows))
    return PageRows(f"/{name}", page, num_pages, rows)


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [(row[0].removesuffix(" 中"), int(row[1]), int(row[2])) for row in rows]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "n.csv"


@pytest.fixture
def begun(path):
    """A CSV of a page of two rows, of one without any, and of one page of three."""
    with open_log(path, SETTINGS, resume=False) as log:
        log.append([make_rows("a"), make_rows("empty", 0)])
        log.append([make_rows("c", 1, page=2, num_pages=3)])
    return path


ROWS = [("a", 1, 0), ("a", 1, 1), ("c", 2, 0)]


def test_a_page_is_written_as_its_rows(path):
    page = make_page_with_table()
    with open_log(path, SETTINGS, resume=False) as log:
        log.append([make_page_rows("a.png", page)])
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in page.to_rows()
    ]
    assert rows == expected and rows


def test_a_later_run_knows_what_is_there_and_goes_on(begun):
    with open_log(begun, SETTINGS, resume=True) as log:
        assert log.num_pages == 3
        assert [log.has_all_of(name) for name in ("/a", "/empty", "/c", "/d")] == [
            True, True, False, False,
        ]  # fmt: skip
        assert (log.pages_of("/c"), log.pages_of("/a")) == ({2}, set())
        log.append([make_rows("c", 1, page=page, num_pages=3) for page in (1, 3)])
        assert log.has_all_of("/c") and not log.pages_of("/c")
    assert read_rows(begun) == [*ROWS, ("c", 1, 0), ("c", 3, 0)]
    with open_log(begun, SETTINGS, resume=True) as log:
        assert log.has_all_of("/c") and log.num_pages == 5


def test_names_that_are_no_text_are_known_again(path):
    name = os.fsdecode(b"/\xff\n\xe4.png")
    with open_log(path, SETTINGS, resume=False) as log:
        log.append([dataclasses.replace(make_rows("a"), path=name)])
    with open_log(path, SETTINGS, resume=True) as log:
        assert log.has_all_of(name)


@pytest.mark.parametrize("file", ["csv", "journal"])
def test_every_torn_end_is_healed(begun, monkeypatch, file):
    """A run that was killed at any byte leaves whole pages, and all those before the last."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # which takes most of the time
    journal = name_journal(begun)
    whole = begun.read_bytes(), journal.read_bytes()
    with open_log(begun, SETTINGS, resume=True) as log:
        log.append([make_rows("d", 3)])
    content, lines = begun.read_bytes(), journal.read_bytes()
    ends = range(len(whole[0]), len(content)) if file == "csv" else range(len(whole[1]), len(lines))
    for end in ends:
        # Of the journal, nothing is written before the rows are.
        begun.write_bytes(content[:end] if file == "csv" else content)
        journal.write_bytes(whole[1] if file == "csv" else lines[:end])
        with open_log(begun, SETTINGS, resume=True) as log:
            assert not log.has_all_of("/d") and log.num_pages == 3
        assert (begun.read_bytes(), journal.read_bytes()) == whole


def test_zeros_after_a_power_failure_are_cut(begun):
    with open(name_journal(begun), "ab") as file:
        file.write(bytes(100) + b"\n")
    with open_log(begun, SETTINGS, resume=True) as log:
        log.append([make_rows("d", 1)])
    with open_log(begun, SETTINGS, resume=True) as log:
        assert log.num_pages == 4
    assert read_rows(begun) == [*ROWS, ("d", 1, 0)]


def test_an_interruption_while_rows_are_written_leaves_whole_pages(begun, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_log(begun, SETTINGS, resume=True) as log:
        log.append([make_rows("d")])
        monkeypatch.setattr(os, "fsync", interrupt)
        log.append([make_rows("e")])
    monkeypatch.undo()
    assert read_rows(begun) == [*ROWS, ("d", 1, 0), ("d", 1, 1)]


def test_a_full_disk_is_said_and_keeps_what_was_written(begun, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with open_log(begun, SETTINGS, resume=True) as log:
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=r"cannot write .*n\.csv \(No space left.*--resume"):
            log.append([make_rows("d")])
    assert read_rows(begun) == ROWS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "was changed since"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"a ", b"b ")), "was changed"),
        (lambda path: name_journal(path).unlink(), r"has no journal n\.csv\.journal beside it"),
        (lambda path: name_journal(path).write_text("x\n"), "has no journal"),
        (lambda path: path.unlink(), "does not exist, but its journal"),
    ],
)
def test_a_csv_that_is_not_as_it_was_left_is_refused_and_kept(begun, change, message):
    change(begun)
    before = begun.exists() and begun.read_bytes()
    with (
        pytest.raises((ValueError, FileNotFoundError), match=message),
        open_log(begun, SETTINGS, resume=True),
    ):
        pass
    assert (begun.exists() and begun.read_bytes()) == before


def test_other_settings_are_refused(begun):
    with (
        pytest.raises(ValueError, match="received turn 90, expected turn None, with which"),
        open_log(begun, SETTINGS | {"turn": 90}, resume=True),
    ):
        pass
    assert read_rows(begun) == ROWS


def test_settings_tell_networks_turns_regions_and_inks():
    detector, cnn, tiny = (
        storage.RELEASED_MODELS / f"{name}.keras" for name in ("detector", "cnn", "tiny")
    )
    variants = [
        (detector, cnn, None, None, None),
        (detector, tiny, None, None, None),
        (tiny, cnn, None, None, None),
        (detector, cnn, 0, None, None),
        (detector, cnn, None, Region(0, 0, 1, 1), None),
        (detector, cnn, None, None, "red"),
    ]
    made = [make_settings(*variant) for variant in variants]
    assert all(made.count(settings) == 1 for settings in made)
    assert make_settings(*variants[4]) == made[4]


@pytest.mark.parametrize("content", [None, b"", b"file,pa"])
def test_a_csv_without_rows_is_begun_anew(path, content):
    if content is not None:
        path.write_bytes(content)
    with open_log(path, SETTINGS, resume=True) as log:
        log.append([make_rows("a", 1)])
    with open_log(path, SETTINGS, resume=True) as log:
        assert log.has_all_of("/a")
    assert read_rows(path) == [("a", 1, 0)]


def test_a_csv_that_is_there_is_replaced_at_the_end_only(begun):
    before = begun.read_bytes()
    with open_log(begun, SETTINGS, resume=False) as log:
        log.append([make_rows("z", 1)])
        assert begun.read_bytes() == before
        assert read_rows(log.path) == [("z", 1, 0)]
    assert read_rows(begun) == [("z", 1, 0)]
    assert not name_new(begun).exists() and not name_journal(name_new(begun)).exists()
    with open_log(begun, SETTINGS, resume=True) as log:
        assert log.has_all_of("/z") and not log.has_all_of("/a")


def test_an_interrupted_replacement_can_be_resumed_and_is_not_overwritten(begun):
    before = begun.read_bytes()
    with pytest.raises(KeyboardInterrupt), open_log(begun, SETTINGS, resume=False) as log:
        log.append([make_rows("z", 1)])
        raise KeyboardInterrupt
    assert begun.read_bytes() == before
    with (
        pytest.raises(FileExistsError, match=r"go on with --csv .*n\.new\.csv --resume"),
        open_log(begun, SETTINGS, resume=False),
    ):
        pass
    with open_log(name_new(begun), SETTINGS, resume=True) as log:
        assert log.has_all_of("/z")


def test_two_processes_do_not_write_one_csv(begun):
    pytest.importorskip("fcntl")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from digits.reading.csv_log import open_log\n"
        f"with open_log(Path(sys.argv[1]), {SETTINGS}, resume=True): pass\n"
    )
    with open_log(begun, SETTINGS, resume=True) as log:
        done = subprocess.run(
            [sys.executable, "-c", code, begun], capture_output=True, text=True, timeout=60
        )
        log.append([make_rows("d", 1)])
    assert "is being written by another process" in done.stderr
    assert read_rows(begun) == [*ROWS, ("d", 1, 0)]


def test_the_journal_is_left_out_where_it_is_not_asked_for(path):
    with open_log(path, SETTINGS, resume=False, keep_journal=False) as log:
        log.append([make_rows("a")])
    assert [file.name for file in path.parent.iterdir()] == ["n.csv"]
