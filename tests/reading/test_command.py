import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from digits.reading import command
from tests.conftest import ROOT, make_bomb

NOTE = ROOT / "examples" / "note.jpg"


def make_line(text, left=0):
    """A line whose digits are 10 pixels wide, 20 high and 12 apart."""
    digits = [
        {
            "label": int(sign),
            "probability": 0.99,
            "sure": True,
            "runner_up": 0,
            "box": [left + 12 * i, 5, 10, 20],
        }
        for i, sign in enumerate(text.replace(" ", ""))
    ]
    return {"text": text, "digits": digits}


def test_numbers_are_listed_with_their_boxes():
    line = make_line("12 345")
    line["digits"][3] |= {"probability": 0.4, "sure": False}
    rows = command.list_numbers(Path("a.png"), [line, make_line("7")])
    assert [(row["line"], row["number"], row["text"]) for row in rows] == [
        (1, 1, "12"),
        (1, 2, "345"),
        (2, 1, "7"),
    ]
    assert [rows[0][key] for key in ("x", "y", "width", "height")] == [0, 5, 22, 20]
    assert [rows[1][key] for key in ("x", "y", "width", "height")] == [24, 5, 34, 20]
    assert [row["probability"] for row in rows] == [0.99, 0.4, 0.99]
    assert [row["sure"] for row in rows] == [True, False, True]


def test_boxes_are_in_pixels_of_the_file():
    (line,) = command.describe([make_line("1", left=3)], scale=2.5)
    assert line["digits"][0]["box"] == [7.5, 12.5, 25, 50]


def test_counts_are_said_in_words():
    assert command.summarize([]) == "no digits found"
    assert command.summarize([make_line("1")]) == "1 digit in 1 line"
    assert command.summarize([make_line("12"), make_line("3")]) == "3 digits in 2 lines"


def test_digits_that_are_not_sure_are_named():
    line = make_line("17")
    line["digits"][1] |= {"probability": 0.6, "sure": False, "runner_up": 1}
    assert command.format_lines([line]) == "  17   (not sure: 7 60%, or 1)\n"


def test_photos_called_alike_get_figures_of_their_own():
    paths = [Path("a/x.png"), Path("b/x.png"), Path("b/y.png"), Path("b/x.jpg")]
    names = [path.name for path in command.name_figures(paths, Path("p"))]
    assert names == ["x_reading.png", "x_reading_2.png", "y_reading.png", "x_reading_3.png"]


def test_photos_are_read_drawn_and_written(run_script, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(NOTE, folder)
    Image.new("RGB", (300, 200), "white").save(folder / "empty.png")
    arguments = [folder, "--results-file", "r.json", "--csv", "n.csv"]
    result = run_script("predict.py", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert "empty.png: no digits found" in result.stdout
    results = json.loads((tmp_path / "r.json").read_text())
    assert [Path(row["file"]).name for row in results] == ["empty.png", "note.jpg"]
    assert results[0]["lines"] == []
    texts = [line["text"] for line in results[1]["lines"]]
    for text in texts:
        assert f"  {text}" in result.stdout
    digit = results[1]["lines"][0]["digits"][0]
    assert set(digit) == {"label", "probability", "sure", "box"}
    with open(tmp_path / "n.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [number for text in texts for number in text.split()]
    for name in ("empty", "note"):
        with Image.open(tmp_path / "plots" / f"{name}_reading.png") as figure:
            assert figure.size[0] == 1200


def test_bad_files_do_not_keep_the_others_from_being_read(run_script, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello")
    make_bomb(tmp_path / "bomb.png", 13_000)
    (tmp_path / "cut.jpg").write_bytes(NOTE.read_bytes()[:20_000])
    bad = ["empty.png", "text.jpg", "bomb.png", "cut.jpg", "gone.png"]
    result = run_script("predict.py", *bad[:3], NOTE, *bad[3:], "--results-file", "r.json")
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


def test_nothing_read_is_status_two(run_script, tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    for arguments in (["gone.png"], ["text.jpg"], ["gone.png", "text.jpg"]):
        result = run_script("predict.py", *arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert result.stderr.count("error: ") >= 1
        assert not list(tmp_path.glob("**/*_reading.png"))


def test_a_models_own_json_is_not_written_over(run_script, tmp_path):
    models = tmp_path / "saved_models"
    models.mkdir()
    shutil.copy(ROOT / "saved_models" / "released" / "cnn.keras", models)
    (models / "cnn.json").write_text("{}")
    result = run_script("predict.py", NOTE, "--results-file", "saved_models/cnn.json")
    assert result.returncode == 2
    assert "a model's own JSON" in result.stderr
    assert (models / "cnn.json").read_text() == "{}"


def test_a_finder_is_told_from_a_classifier(run_script):
    cnn = ROOT / "saved_models" / "released" / "cnn.keras"
    result = run_script("predict.py", NOTE, "--finder-path", cnn)
    assert result.returncode == 2
    assert "expected a network that finds digits" in result.stderr
    finder = ROOT / "saved_models" / "released" / "finder.keras"
    result = run_script("predict.py", NOTE, "--model-path", finder)
    assert result.returncode == 2
    assert "not a digit classifier" in result.stderr


def test_odd_names_spoil_nothing(run_script, tmp_path):
    names = ["cost_$5_$6.png", "é中.png", "x" * 240 + ".png", os.fsdecode(b"\xff\xfe.png")]
    for name in names:
        Image.new("L", (60, 40), 255).save(tmp_path / name)
    arguments = [tmp_path / name for name in names]
    result = run_script("predict.py", *arguments, "--csv", "n.csv", "--results-file", "r.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "plots").iterdir())) == len(names)
    assert len(json.loads((tmp_path / "r.json").read_text())) == len(names)


def test_figures_are_not_written_over_photos():
    paths = [Path("p/a.png"), Path("p/a_reading.png")]
    names = [path.name for path in command.name_figures(paths, Path("p"))]
    assert names == ["a_reading_2.png", "a_reading_reading.png"]


def test_a_page_full_of_noise_ends_in_time_and_memory(run_script, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1000, 2000), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    code = (
        "import sys, time, resource, numpy as np\n"
        "from digits.networks import storage\n"
        "from digits.reading import photos, reader\n"
        "networks = storage.load_finder(sys.argv[1] + '/finder.keras'), "
        "storage.load(sys.argv[1] + '/cnn.keras'), 0.9\n"
        "reader.read(np.full((300, 300, 3), 255, np.uint8), *networks)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in sys.argv[2:]: reader.read(photos.load(name)[0], *networks)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    Image.new("L", (20_000, 3)).save(tmp_path / "thread.png")
    released = ROOT / "saved_models" / "released"
    command = [sys.executable, "-c", code, released, NOTE]
    command += [tmp_path / "noise.png", tmp_path / "thread.png"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 500_000


def test_many_digits_are_put_into_lines_in_time():
    from digits.reading import layout

    corners = np.random.default_rng(0).uniform(0, 2000, (1000, 2))
    lines = layout.make_lines(np.concatenate([corners, corners + np.array([12, 20])], axis=1))
    assert sorted(i for line in lines for number in line for i in number) == list(range(1000))
