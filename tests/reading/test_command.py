import csv
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.networks import storage
from digits.reading import Digit, Line, Number, Page, Sign, command, reader
from tests.conftest import ROOT, make_bomb
from tests.reading.test_results import make_page, make_page_with_table

NOTE = ROOT / "examples" / "note.jpg"


COMMAND = "digits/reading/command.py"


@pytest.fixture
def digits_read(run_main):
    """Run `digits read`."""
    return functools.partial(run_main, COMMAND)


def test_digits_that_are_not_sure_are_named():
    image = np.zeros((28, 28), np.float32)
    digits = (
        Digit(1, 0.99, True, 7, (0, 0, 9, 20), image),
        Digit(7, 0.6, False, 1, (12, 0, 21, 20), image),
    )
    lines = Line((Number(digits),)), Line((Number(digits[:1]), Number(digits[:1])))
    page = Page("a.png", 1.0, lines, turns=0, is_inverted=False)
    assert command.format_lines(page) == "  17   (not sure: 7 60%, or 1)\n  1 1\n"


def test_signs_that_are_not_sure_are_named():
    image = np.zeros((28, 28), np.float32)
    digit = Digit(1, 0.99, True, 7, (0, 0, 9, 20), image)
    point, times = (Sign(text, 0.55, False, (0, 0, 9, 9)) for text in ".×")
    line = Line((Number((digit, point, digit)), times, Number((digit,))))
    page = Page("a.png", 1.0, (line,), turns=0, is_inverted=False)
    assert command.format_lines(page) == "  1.1 × 1   (not sure: . 55%; × 55%)\n"


def test_what_was_done_to_a_photo_is_said():
    page = Page("a.png", 1.0, (), turns=1, is_inverted=True)
    notes = "read turned by 90° anticlockwise, light ink on dark paper"
    assert command.describe(page) == f"no digits found, {notes}"
    page = Page("a.png", 1.0, (), turns=0, is_inverted=False)
    assert command.describe(page) == "no digits found"


def test_a_photo_is_turned_as_the_flag_says(digits_read, monkeypatch, tmp_path):
    def read(self, photo, turn, *others):
        return Page(photo.name, 1.0, (), turns=turn // 90, is_inverted=False)

    monkeypatch.setattr(reader.Reader, "read", read)
    result = digits_read(NOTE, "--turn", "270", "--results-file", "r.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert "note.jpg: no digits found, read turned by 270° anticlockwise\n" in result.stdout
    (written,) = json.loads((tmp_path / "r.json").read_text())
    assert written["turned"] == 270


def test_a_part_and_an_ink_of_photos_are_read(digits_read, tmp_path):
    Image.open(NOTE).resize((450, 320)).save(tmp_path / "small.png")
    flags = ["--region", "0", "0.5", "1", "0.5", "--ink", "blue", "--results-file", "r.json"]
    result = digits_read(NOTE, "small.png", *flags)
    assert (result.returncode, result.stderr) == (0, "")
    assert "only the region from (0, 320) to (900, 640), blue ink only\n" in result.stdout
    assert "only the region from (0, 160) to (450, 320), blue ink only\n" in result.stdout
    assert "12 + 30" not in result.stdout and "  86 ÷ 2 = 43" in result.stdout
    one, other = json.loads((tmp_path / "r.json").read_text())
    assert (one["region"], one["ink"]) == ([0, 320, 900, 640], "blue")
    assert other["region"] == [0, 160, 450, 320]


def test_a_region_beside_a_photo_does_not_keep_others_from_being_read(digits_read, tmp_path):
    Image.new("RGB", (200, 100), "white").save(tmp_path / "small.png")
    result = digits_read("small.png", NOTE, "--region", "50", "0", "800", "180")
    assert result.returncode == 1
    assert result.stderr.startswith("error: received the region 50 0 800 180 of small.png, expect")
    assert result.stderr.count("\n") == 1 and "  12 + 30 = 42" in result.stdout


def test_tables_of_several_photos_are_below_each_other():
    one, other = make_page_with_table(), make_page()
    assert command.make_sheet([one]) == [["12", "", "3"], ["", "45 -", ""]]
    rows = [["a.png", "12", "", "3"], ["a.png", "", "45 -", ""]]
    assert command.make_sheet([one, other, one]) == rows * 2
    assert command.make_sheet([other]) == []
    assert command.describe_table(one).endswith("not sure: row 1: 3")
    assert "no table found" in command.describe_table(other)


def test_photos_called_alike_get_figures_of_their_own():
    paths = [Path("a/x.png"), Path("b/x.png"), Path("b/y.png"), Path("b/x.jpg")]
    names = [path.name for path in command.name_figures(paths, Path("p"))]
    assert names == ["x_reading.png", "x_reading_2.png", "y_reading.png", "x_reading_3.png"]


def test_figures_are_not_written_over_photos():
    paths = [Path("p/a.png"), Path("p/a_reading.png")]
    names = [path.name for path in command.name_figures(paths, Path("p"))]
    assert names == ["a_reading_2.png", "a_reading_reading.png"]


def test_photos_are_read_drawn_and_written(digits_read, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(NOTE, folder)
    Image.new("RGB", (300, 200), "white").save(folder / "empty.png")
    result = digits_read(folder, "--results-file", "r.json", "--csv", "n.csv")
    assert (result.returncode, result.stderr) == (0, "")
    assert "empty.png: no digits found" in result.stdout
    results = json.loads((tmp_path / "r.json").read_text())
    assert [Path(row["file"]).name for row in results] == ["empty.png", "note.jpg"]
    assert results[0]["lines"] == []
    texts = [line["text"] for line in results[1]["lines"]]
    for text in texts:
        assert f"  {text}" in result.stdout
    numbers = [number for line in results[1]["lines"] for number in line["numbers"]]
    digit = results[1]["lines"][0]["digits"][0]
    assert set(digit) == {"label", "probability", "is_sure", "box"}
    with open(tmp_path / "n.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == command.COLUMNS
    assert [row["text"] for row in rows] == [number["text"] for number in numbers]
    assert [int(row["value"]) for row in rows[:3]] == [12, 30, 42]
    assert float(rows[0]["left"]) == digit["box"][0]
    for name in ("empty", "note"):
        with Image.open(tmp_path / "plots" / f"{name}_reading.png") as figure:
            assert figure.size[0] == 1200


def test_a_photo_is_read_by_a_process_of_its_own(tmp_path):
    code = "from digits import cli; from digits.reading import command; cli.run(command.main)"
    words = [sys.executable, "-c", code, NOTE, "--plots-dir", "figures"]
    result = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "not sure below" in result.stdout
    assert "Wrote figures/note_reading.png" in result.stdout
    assert (tmp_path / "figures" / "note_reading.png").is_file()


def test_the_named_networks_are_used(digits_read, dense_path):
    result = digits_read(NOTE, "--model-path", dense_path)
    assert result.returncode == 0
    assert str(dense_path) in result.stdout
    result = digits_read(NOTE, "--model", "tiny")
    assert "released/tiny.keras" in result.stdout


def test_bad_files_do_not_keep_the_others_from_being_read(digits_read, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello")
    make_bomb(tmp_path / "bomb.png", 13_000)
    (tmp_path / "cut.jpg").write_bytes(NOTE.read_bytes()[:20_000])
    bad = ["empty.png", "text.jpg", "bomb.png", "cut.jpg", "gone.png"]
    result = digits_read(*bad[:3], NOTE, *bad[3:], "--results-file", "r.json")
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert len(errors) == len(bad)
    for name, error in zip(bad, errors, strict=True):
        assert error.startswith("error: ")
        assert name in error
    assert "note.jpg: " in result.stdout
    (read,) = json.loads((tmp_path / "r.json").read_text())
    assert read["file"] == str(NOTE)
    assert len(read["lines"]) == 4


@pytest.mark.parametrize("names", [["gone.png"], ["text.jpg"], ["gone.png", "text.jpg"]])
def test_status_is_two_where_nothing_can_be_read(digits_read, tmp_path, names):
    (tmp_path / "text.jpg").write_text("hello")
    result = digits_read(*names)
    assert result.returncode == 2
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == ["error"] * len(
        names
    )
    assert not list(tmp_path.glob("**/*_reading.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "PHOTO"),
        ([""], "empty name"),
        ([NOTE, "--csv", "n.txt"], "ending in .csv"),
        ([NOTE, "--model", "huge"], "invalid choice"),
        ([NOTE, "--turn", "45"], "invalid choice: 45 (choose from 0, 90, 180, 270)"),
        ([NOTE, "--region", "0", "0", "1"], "expected 4 arguments"),
        ([NOTE, "--region", "0", "0", "1", "x"], "invalid float value: 'x'"),
        ([NOTE, "--region", "0", "0", "1", "nan"], "give four numbers"),
        ([NOTE, "--region", "-1", "0", "5", "5"], "X and Y are at least 0"),
        ([NOTE, "--region", "0", "0", "0", "1"], "WIDTH and HEIGHT are above 0"),
        ([NOTE, "--region", "0.6", "0", "0.6", "1"], "are at most 1"),
        ([NOTE, "--ink", "green"], "invalid choice: 'green' (choose from"),
        ([NOTE, "--model-path", "gone.keras"], "gone.keras does not exist"),
        ([NOTE, "--csv", "text.jpg/n.csv"], "cannot write"),
    ],
)
def test_mistakes_are_one_line(digits_read, tmp_path, words, message):
    (tmp_path / "text.jpg").write_text("hello")
    result = digits_read(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ")
    assert message in result.stderr


def test_results_do_not_replace_what_is_known_of_a_model(digits_read, tmp_path):
    models = tmp_path / "saved_models"
    models.mkdir()
    shutil.copy(storage.RELEASED_MODELS / "cnn.keras", models)
    (models / "cnn.json").write_text("{}")
    result = digits_read(NOTE, "--results-file", "saved_models/cnn.json")
    assert result.returncode == 2
    assert "expected a file of its own for results" in result.stderr
    assert (models / "cnn.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("flag", "name", "message"),
    [
        ("--detector-path", "cnn", "expected a network that detects digits"),
        ("--model-path", "detector", "not a digit classifier"),
    ],
)
def test_a_detector_is_distinguished_from_a_classifier(digits_read, flag, name, message):
    result = digits_read(NOTE, flag, storage.RELEASED_MODELS / f"{name}.keras")
    assert result.returncode == 2
    assert message in result.stderr


def test_files_may_have_any_name(digits_read, tmp_path):
    names = ["cost_$5_$6.png", "é中.png", "x" * 240 + ".png", os.fsdecode(b"\xff\xfe.png")]
    note = Image.open(NOTE)
    for name in names:
        note.save(tmp_path / name)
    arguments = [tmp_path / name for name in names]
    result = digits_read(*arguments, "--csv", "n.csv", "--results-file", "r.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "plots").iterdir())) == len(names)
    assert len(json.loads((tmp_path / "r.json").read_text())) == len(names)
    with open(tmp_path / "n.csv", newline="", encoding="utf-8") as file:
        files = {Path(row["file"]).name for row in csv.DictReader(file)}
    assert files == {*names[:3], "??.png"}
