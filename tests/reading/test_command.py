import csv
import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.networks import storage
from digits.reading import Digit, Line, Number, Page, Sign, command, documents, reader
from digits.reading.results import COLUMNS
from tests.conftest import ROOT, make_bomb
from tests.reading.test_results import make_page, make_page_with_table
from tests.reading.test_spreadsheet import read_workbook

NOTE = ROOT / "examples" / "note.jpg"


COMMAND = "digits/command.py"


@pytest.fixture
def digits_read(run_main):
    """Run `digits read`."""
    return functools.partial(run_main, COMMAND, "read")


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
    assert command.make_sheet([one], are_named=False) == [["12", "", "3"], ["", "45 -", ""]]
    rows = [["a.png", "1", "12", "", "3"], ["a.png", "1", "", "45 -", ""]]
    assert command.make_sheet([one, other, one], are_named=True) == rows * 2
    assert command.make_sheet([one], are_named=True) == rows
    assert command.make_sheet([other], are_named=False) == []
    third = dataclasses.replace(one, page_number=3, num_pages=4)
    assert [row[:2] for row in command.make_sheet([third], True)] == [["a.png", "3"]] * 2
    assert command.describe_table(one).endswith("not sure: row 1: 3")
    assert "no table found" in command.describe_table(other)


def name_figures(paths, page=1, num_pages=1):
    taken = {path.resolve() for path in paths}
    figures = [command.name_figure(path, page, num_pages, Path("p"), taken) for path in paths]
    return [figure.name for figure in figures]


def test_photos_called_alike_get_figures_of_their_own():
    paths = [Path("a/x.png"), Path("b/x.png"), Path("b/y.png"), Path("b/x.jpg")]
    names = name_figures(paths)
    assert names == ["x_reading.png", "x_reading_2.png", "y_reading.png", "x_reading_3.png"]


def test_figures_are_not_written_over_photos():
    paths = [Path("p/a.png"), Path("p/a_reading.png")]
    assert name_figures(paths) == ["a_reading_2.png", "a_reading_reading.png"]


def test_figures_of_pages_have_their_numbers():
    assert name_figures([Path("scan.pdf")] * 2, 3, 12) == [
        "scan_page3_reading.png",
        "scan_page3_reading_2.png",
    ]


def test_photos_read_at_once_are_in_order_and_read_alike(digits_read, tmp_path):
    photos = [NOTE.with_name(f"{name}.jpg") for name in ("sheet", "note", "blackboard", "sideways")]
    Image.new("RGB", (300, 200), "white").save(tmp_path / "empty.png")
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    inputs = [photos[0], "damaged.png", *photos[1:], "empty.png"]
    one, four = (digits_read(*inputs, "--workers", number) for number in ("1", "4"))
    assert one.returncode == four.returncode == 1
    assert (one.stdout, one.stderr) == (four.stdout, four.stderr)
    read = re.findall(r"(\w+)\.\w+: \d* ?(?:no )?digits", one.stdout)
    assert read == ["sheet", "note", "blackboard", "sideways", "empty"]
    for name in read:
        assert (tmp_path / "plots" / f"{name}_reading.png").is_file()


@pytest.mark.parametrize(
    ("num_workers", "num_files", "num_threads"), [(1, 50, 8), (8, 1, 8), (8, 2, 4), (16, 50, 1)]
)
def test_photos_that_are_read_at_once_share_the_cores(num_workers, num_files, num_threads):
    assert command.choose_num_threads(8, num_workers, num_files) == num_threads


@pytest.mark.parametrize("number", ["0", "two"])
def test_a_number_of_workers_that_makes_no_sense_is_one_line(digits_read, number):
    done = digits_read(NOTE, "--workers", number)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "expected a whole number from 1" in done.stderr


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
    assert tuple(rows[0]) == COLUMNS
    assert [row["text"] for row in rows] == [number["text"] for number in numbers]
    assert [int(row["value"]) for row in rows[:3]] == [12, 30, 42]
    assert float(rows[0]["left"]) == digit["box"][0]
    for name in ("empty", "note"):
        with Image.open(tmp_path / "plots" / f"{name}_reading.png") as figure:
            assert figure.size[0] == 1000


def test_a_photo_is_read_by_a_process_of_its_own(tmp_path):
    code = "from digits import cli, command; cli.run(command.main)"
    words = [sys.executable, "-c", code, "read", NOTE, "--plots-dir", "figures"]
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
        ([NOTE, "--table", "n.xls"], "ending in .csv or .xlsx"),
        (["*.jpeg"], "*.jpeg matches no files: expected an image file"),
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
        ([NOTE, "--resume"], "received --resume without --csv"),
        ([NOTE, "--csv", "n.csv", "--resume", "--table", "t.csv"], "leave --table out"),
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


@pytest.fixture
def without_reading(monkeypatch):
    """Let the reader find a table on every page, without looking at it."""

    def read(self, photo, *options):
        page = make_page_with_table()
        return dataclasses.replace(
            page, photo_name=photo.name, page_number=photo.page, num_pages=photo.num_pages
        )

    monkeypatch.setattr(reader.Reader, "read", read)


@pytest.fixture
def reads(monkeypatch):
    """Let the reader note the photos it reads instead; empty.png has no digits.

    Yields a list of their titles, and a set of those at which Ctrl-C is pressed.
    """
    titles, stops = [], set()

    def read(self, photo, *options):
        if photo.title in stops:
            raise KeyboardInterrupt
        titles.append(photo.title)
        page = make_page() if photo.title == "empty.png" else make_page_with_table()
        return dataclasses.replace(
            page, photo_name=photo.name, page_number=photo.page, num_pages=photo.num_pages
        )

    monkeypatch.setattr(reader.Reader, "read", read)
    return titles, stops


def list_read(path):
    """Files and pages that have rows in a CSV, in its order; each must have its rows once."""
    rows = read_csv(path)[1:]
    numbers = [tuple(row[:4]) for row in rows]
    assert len(set(numbers)) == len(numbers)
    return list(dict.fromkeys((row[0], int(row[1])) for row in rows))


def test_ctrl_c_leaves_a_csv_of_what_was_read_and_the_rest_is_read_later(
    digits_read, reads, tmp_path
):
    titles, stops = reads
    for name in ("a.png", "empty.png", "z.png"):
        save_pages(tmp_path / name, 1)
    save_pages(tmp_path / "scan.tiff", 3)
    inputs = ["a.png", "empty.png", "scan.tiff", "z.png", "--csv", "n.csv", "--workers", "1"]
    stops.add("scan.tiff, page 3")
    done = digits_read(*inputs)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == (
        "\nn.csv has the 4 pages that were read: to read the others, give --csv n.csv --resume\n"
        "\nInterrupted: no file is left half-written.\n"
    )
    before = titles.copy()
    assert before[:4] == ["a.png", "empty.png", "scan.tiff, page 1", "scan.tiff, page 2"]
    assert before[4:] in ([], ["z.png"])  # which may have been begun by then
    read = [("a.png", 1), ("scan.tiff", 1), ("scan.tiff", 2)]
    assert list_read(tmp_path / "n.csv") == read

    stops.clear()
    done = digits_read(*inputs, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("n.csv has 2 of the 4 files already.\n")
    assert titles[len(before) :] == ["scan.tiff, page 3", "z.png"]
    assert list_read(tmp_path / "n.csv") == [*read, ("scan.tiff", 3), ("z.png", 1)]

    done = digits_read(*inputs, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "n.csv has 4 of the 4 files already.\nWrote n.csv\n"
    assert len(titles) == len(before) + 2


def test_photos_that_failed_are_tried_again_and_new_ones_read(digits_read, reads, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.png").write_bytes(b"damaged")
    (tmp_path / "other").mkdir()
    save_pages(tmp_path / "other" / "x.png", 1)
    assert digits_read("folder", "other", "--csv", "n.csv").returncode == 1
    first = (tmp_path / "plots" / "x_reading.png").read_bytes()
    save_pages(folder / "x.png", 1)
    save_pages(folder / "new.png", 1)
    done = digits_read(folder, "other", "--csv", "n.csv", "--resume")  # the same, absolute
    assert (done.returncode, done.stderr) == (0, "")
    assert [os.path.relpath(title, tmp_path) for title in reads[0]] == [
        "other/x.png", "folder/new.png", "folder/x.png",
    ]  # fmt: skip
    assert len(list_read(tmp_path / "n.csv")) == 3
    assert (tmp_path / "plots" / "x_reading.png").read_bytes() == first
    assert (tmp_path / "plots" / "x_reading_2.png").exists()


def test_a_csv_is_not_resumed_with_other_settings(digits_read, reads, tmp_path):
    for name in ("a.png", "b.png"):
        save_pages(tmp_path / name, 1)
    digits_read("a.png", "b.png", "--csv", "n.csv")
    before = (tmp_path / "n.csv").read_bytes()
    done = digits_read("a.png", "b.png", "--csv", "n.csv", "--resume", "--ink", "red")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: received ink red, expected ink None, with which n.csv")
    assert (tmp_path / "n.csv").read_bytes() == before


def test_the_csv_of_one_photo_is_one_file(digits_read, reads, tmp_path):
    save_pages(tmp_path / "a.png", 1)
    digits_read("a.png", "--csv", "n.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "n.csv", "plots"}


def save_pages(path, num_pages):
    images = [Image.new("L", (60, 40), 50 * number) for number in range(num_pages)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_every_page_is_read_named_and_written(digits_read, tmp_path):
    """A scan of two notes, one of which lies on its side, and a photo."""
    note = Image.open(NOTE)
    pages = [note, note.transpose(Image.Transpose.ROTATE_90)]
    pages[0].save(tmp_path / "scan.tiff", save_all=True, append_images=pages[1:])
    result = digits_read("scan.tiff", NOTE, "--csv", "n.csv", "--results-file", "r.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\nscan.tiff, page 1: 31 digits in 4 lines\n" in result.stdout
    assert "\nscan.tiff, page 2: 31 digits in 4 lines, read turned by 270°" in result.stdout
    assert f"\n{NOTE}: 31 digits in 4 lines\n" in result.stdout
    for name in ("scan_page1_reading", "scan_page2_reading", "note_reading"):
        assert f"Wrote plots/{name}.png" in result.stdout
        assert (tmp_path / "plots" / f"{name}.png").is_file()
    results = json.loads((tmp_path / "r.json").read_text())
    places = [("scan.tiff", 1), ("scan.tiff", 2), (str(NOTE), 1)]
    assert [(row["file"], row["page"]) for row in results] == places
    rows = read_csv(tmp_path / "n.csv")
    assert rows[0][:2] == ["file", "page"]
    assert list(dict.fromkeys((row[0], int(row[1])) for row in rows[1:])) == places


def test_damaged_files_and_pages_do_not_stop_the_rest(digits_read, without_reading, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    save_pages(folder / "a.pdf", 2)
    (folder / "b.jpg").write_bytes(b"\xff\xd8 damaged")
    save_pages(folder / "c.tiff", 3)
    with Image.open(folder / "c.tiff") as image:
        image.seek(1)
        width_place = image._frame_pos[1] + 2 + 8
    with open(folder / "c.tiff", "r+b") as file:  # of no pixels
        file.seek(width_place)
        file.write(bytes(4))
    save_pages(folder / "d.png", 1)
    result = digits_read(folder, "--csv", "n.csv", "--table", "t.csv", "--results-file", "r.json")
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert [line.partition(" is ")[0] for line in errors] == [
        "error: folder/b.jpg".replace("folder", str(folder)),
        "error: folder/c.tiff, page 2".replace("folder", str(folder)),
    ]
    read = [("a.pdf", "1"), ("a.pdf", "2"), ("c.tiff", "1"), ("c.tiff", "3"), ("d.png", "1")]
    for name, rows in (("t.csv", read_csv(tmp_path / "t.csv")), ("n.csv", None)):
        rows = read_csv(tmp_path / name)[name == "n.csv" :]
        assert list(dict.fromkeys((Path(row[0]).name, row[1]) for row in rows)) == read
    table = read_csv(tmp_path / "t.csv")
    assert [row[2:] for row in table] == [["12", "", "3"], ["", "45 -", ""]] * 5
    results = json.loads((tmp_path / "r.json").read_text())
    assert [(Path(row["file"]).name, str(row["page"])) for row in results] == read


def test_the_table_of_one_page_has_just_its_cells(digits_read, without_reading, tmp_path):
    save_pages(tmp_path / "a.png", 1)
    assert digits_read("a.png", "--table", "t.csv").returncode == 0
    assert read_csv(tmp_path / "t.csv") == [["12", "", "3"], ["", "45 -", ""]]
    digits_read("a.png", "gone.png", "--table", "t.csv")
    assert read_csv(tmp_path / "t.csv")[0] == ["a.png", "1", "12", "", "3"]


def test_what_a_folder_has_besides_photos_is_named(digits_read, without_reading, tmp_path):
    folder = tmp_path / "folder"
    (folder / "more.jpg").mkdir(parents=True)
    save_pages(folder / "a.png", 1)
    for name in ("notes.txt", "b.docx", ".hidden", "two\nlines", "c.zip", "d.zip", "e.zip"):
        (folder / name).touch()
    result = digits_read("folder")
    assert result.returncode == 0
    assert result.stderr == (
        "skipped 6 files and 1 folder in folder that are no photos: "
        "b.docx, c.zip, d.zip, e.zip, more.jpg/ and 2 more\n"
    )
    names = ["b.docx"]
    assert command.describe_skipped(Path("x"), names) == (
        "skipped 1 file in x that is no photo: b.docx"
    )


def test_a_folder_without_photos_says_what_it_has(digits_read, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.docx").touch()
    result = digits_read("folder")
    assert result.returncode == 2
    assert result.stderr == (
        "error: folder has no images: expected an image file, or a folder of them\n"
        "skipped 1 file in folder that is no photo: a.docx\n"
    )


def test_pages_that_are_left_out_are_said(digits_read, without_reading, monkeypatch, tmp_path):
    save_pages(tmp_path / "a.tiff", 4)
    monkeypatch.setattr(documents, "MAX_PAGES", 3)
    result = digits_read("a.tiff")
    assert result.returncode == 1
    assert result.stderr == (
        "error: a.tiff has 1 more pages than the first 3, which were read: split it\n"
    )
    assert "a.tiff, page 3: " in result.stdout


def test_a_file_of_damaged_pages_does_not_fill_the_screen(
    digits_read, without_reading, monkeypatch, tmp_path
):
    def load(self, page=1):
        if page > 1:
            raise ValueError(f"page {page} is damaged")
        return original(self, page)

    original = documents.Document.load
    monkeypatch.setattr(documents.Document, "load", load)
    save_pages(tmp_path / "a.pdf", 14)
    result = digits_read("a.pdf")
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert errors[:10] == [f"error: page {page} is damaged" for page in range(2, 12)]
    assert errors[10:] == ["error: a.pdf has 3 more pages that cannot be read: save it again"]


def test_wildcards_are_expanded(digits_read, without_reading, tmp_path):
    for name in ("b.png", "a.png", "c[1].png", "d.tiff"):
        save_pages(tmp_path / name, 1)
    result = digits_read("*.png", "[d]*", "c[1].png", "--results-file", "r.json")
    assert (result.returncode, result.stderr) == (0, "")
    files = [row["file"] for row in json.loads((tmp_path / "r.json").read_text())]
    assert files == ["a.png", "b.png", "c[1].png", "d.tiff", "c[1].png"]
    result = digits_read("a.png", "*.heic")
    assert result.returncode == 1
    assert result.stderr.startswith("error: *.heic matches no files: expected")


def test_any_name_and_sign_is_printed_in_any_encoding(run_script, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    names = ["é中.png", os.fsdecode(b"\xff\xfe.png")]
    with Image.open(NOTE) as note:
        for name in names:
            note.transpose(Image.Transpose.ROTATE_90).save(tmp_path / name)
    result = run_script("predict.py", *names, "gone中.png")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: gone?.png does")
    assert result.stdout.count("\n??.png: 31 digits in 4 lines, read turned by 270 degrees") == 2
    assert "  86 / 2 = 43\n" in result.stdout


def test_a_workbook_is_written(digits_read, without_reading, tmp_path):
    save_pages(tmp_path / "a.pdf", 2)
    save_pages(tmp_path / "b.png", 1)
    result = digits_read("a.pdf", "b.png", "--table", "t.xlsx")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("Wrote t.xlsx\n")
    assert list(read_workbook(tmp_path / "t.xlsx")) == ["a p1", "a p2", "b"]


def test_a_missing_xlsxwriter_is_said_before_anything_is_read(digits_read, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    result = digits_read("gone.png", "--table", "t.xlsx")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "error: XlsxWriter, which writes .xlsx files, is not installed: pip install -r "
        "requirements-files.txt (or pip install '.[files]'), or write .csv\n"
    )
    assert not (tmp_path / "t.xlsx").exists()
