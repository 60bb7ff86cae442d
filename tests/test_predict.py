"""predict.py as a user runs it, on test images; tests/reading has its photos."""

import json
import shutil
import tracemalloc

import numpy as np
import pytest

import data
import predict
from digits import plotting
from digits.networks import load_classifier, storage
from tests.datasets.conftest import write_csv


def run_predict(run, *args):
    done = run("predict.py", *args, "--results-file", "p.json")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_test_images_are_predicted(run_script, tiny_data, tmp_path):
    path = storage.RELEASED_MODELS / "dense.keras"
    args = ("7", "0", "7", "--data", tiny_data, "--model-path", path)
    printed = run_predict(run_script, *args)
    results = json.loads((tmp_path / "p.json").read_text())
    assert results["model_path"] == str(path)
    predictions = results["predictions"]
    assert [row["index"] for row in predictions] == [7, 0, 7]
    assert [row["label"] for row in predictions] == [9, 7, 9]
    assert (tmp_path / "plots" / "dense_predictions.png").exists()
    for row in predictions:
        assert row["correct"] == (row["prediction"] == row["label"])
        assert row["probability"] >= row["runners_up"][0]["probability"]
        assert plotting.format_probability(row["probability"], 2) in printed
    assert printed.splitlines()[0] == f"Predicted by {path}: 3 of 3 correct."
    assert printed.splitlines()[-2:] == ["Wrote plots/dense_predictions.png", "Wrote p.json"]


@pytest.mark.parametrize(("threshold", "num_unsure"), [(1.0, 3), (1e-6, 0), (None, 3)])
def test_the_threshold_is_the_models_own(
    run_main, tiny_data, dense_path, tmp_path, threshold, num_unsure
):
    """Without one it is 80%, which no prediction of this untrained network reaches."""
    path = tmp_path / "mine.keras"
    shutil.copy(dense_path, path)
    path.with_suffix(".json").write_text(json.dumps({"threshold": threshold}))
    args = ("7", "0", "7", "--data", tiny_data, "--model-path", path)
    printed = run_predict(run_main, *args)
    assert printed.count("not sure") == num_unsure
    assert ("Not sure: a probability below" in printed) == (num_unsure > 0)
    predictions = json.loads((tmp_path / "p.json").read_text())["predictions"]
    assert sum(not row["is_sure"] for row in predictions) == num_unsure
    assert printed.count("WRONG") == sum(not row["correct"] for row in predictions)


def test_without_indices_a_seeded_random_ten_are_predicted(
    run_main, tiny_data, dense_path, tmp_path
):
    run_predict(run_main, "--data", tiny_data, "--model-path", dense_path, "--seed", 1)
    predictions = json.loads((tmp_path / "p.json").read_text())["predictions"]
    indices = [row["index"] for row in predictions]
    assert len(set(indices)) == 10
    assert indices == predict.choose_indices([], 120, seed=1).tolist()
    assert indices != predict.choose_indices([], 120, seed=2).tolist()


def test_only_a_certainty_is_printed_as_100_percent():
    row = np.array([0.999999, 1e-6, *[0] * 8])
    lines = predict.format_table([predict.describe(5, row, 1, threshold=0.8)]).splitlines()
    assert lines[1].split() == ["5", "0", ">99.99%", "1", "<0.01%,", "2", "0.00%", "1", "WRONG"]


DENSE = storage.RELEASED_MODELS / "dense.keras"


def test_answers_are_written_as_kaggle_takes_them(run_main, tmp_path):
    """In blocks of a thousand images, so that their numbers go on from one to the next."""
    images, labels = data.load_test()
    images, labels = images[:2100], labels[:2100]
    path = write_csv(tmp_path / "test.csv", images)
    printed = run_predict(
        run_main, "--data", path, "--csv", "submission.csv", "--model-path", DENSE
    )
    rows = (tmp_path / "submission.csv").read_text().splitlines()
    assert rows[0] == "ImageId,Label"
    numbers, answers = np.array([row.split(",") for row in rows[1:]], int).T
    assert numbers.tolist() == list(range(1, 2101))
    expected = load_classifier(DENSE).probabilities(data.normalize(images)).argmax(axis=1)
    np.testing.assert_array_equal(answers, expected)
    results = json.loads((tmp_path / "p.json").read_text())
    assert results.keys() == {"model_path", "num_images", "num_unsure"}
    assert printed.splitlines()[:2] == [
        f"Converted {path}: 2,100 images from rows of 784 pixels.",
        f"Predicting 2,100 images with {DENSE}.",
    ]
    assert printed.splitlines()[-2:] == ["Wrote submission.csv", "Wrote p.json"]
    assert not (tmp_path / "plots").exists()


def test_answers_to_labelled_images_are_scored(run_main, tiny_data, tmp_path):
    printed = run_predict(run_main, "--data", tiny_data, "--csv", "s.csv", "--model-path", DENSE)
    labels = data.load_test(tiny_data)[1]
    rows = (tmp_path / "s.csv").read_text().splitlines()[1:]
    num_correct = sum(int(row.split(",")[1]) == y for row, y in zip(rows, labels, strict=True))
    assert f"{num_correct} of 120 correct: accuracy {num_correct / 120:.2%}." in printed
    assert json.loads((tmp_path / "p.json").read_text())["accuracy"] == num_correct / 120


def test_answers_to_images_that_are_off_come_with_a_warning(run_main, tmp_path):
    path = write_csv(tmp_path / "test.csv", 255 - data.load_test()[0][:1500])
    args = ("--data", path, "--csv", "s.csv", "--model-path", DENSE)
    done = run_main("predict.py", *args)
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: {path}: ") and done.stderr.count("\n") == 1
    assert done.stderr.endswith("inverted: add --invert\n")
    done = run_main("predict.py", *args, "--invert")
    assert (done.returncode, done.stderr) == (0, "")


def test_answers_take_bounded_memory(tmp_path, monkeypatch, capsys):
    path = tmp_path / "images.npz"
    np.savez_compressed(path, np.zeros((40_000, 28, 28), np.uint8))  # 31 MB in memory
    monkeypatch.chdir(tmp_path)
    words = ["--data", "images.npz", "--csv", "s.csv", "--model-path", str(DENSE)]
    predict.main(words)  # what is imported on the way does not count
    tracemalloc.start()
    predict.main(words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 40_001


def test_a_row_that_is_damaged_leaves_no_half_of_the_answers(run_main, tmp_path):
    path = write_csv(tmp_path / "test.csv", data.load_test()[0][:1200])
    path.write_text(path.read_text()[:-2] + "x\n")
    (tmp_path / "s.csv").write_text("old")
    done = run_main("predict.py", "--data", path, "--csv", "s.csv", "--model-path", DENSE)
    assert done.returncode == 2
    assert "line 1201, column 784: received 'x', expected a number" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "s.csv").read_text() == "old"
    assert {each.name for each in tmp_path.iterdir()} == {"test.csv", "s.csv"}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["10000"], "expected 0 to 9999"),
        (["-1"], "received '-1', expected a test image's number"),
        (["seven"], "seven does not exist: expected an image file"),
        (["1.5"], "received '1.5'"),
        ([""], "received an empty name"),
        (["0", "note.jpg"], "received both test images and photos ('note.jpg')"),
        (["0", "--csv", "n.csv"], "received --csv without photos"),
        (["0", "--data", "d.csv", "--csv", "n.csv"], "received --csv without photos"),
        (["--csv", "n.csv"], "expected some: give their names, or --data alone"),
        (["--data", "none.csv", "--csv", "n.csv"], "none.csv does not exist"),
        (["--data", "none.csv", "--csv", "n.csv", "--turn", "0"], "received --turn without"),
        (["0", "--turn", "0"], "received --turn without photos"),
        (["0", "--region", "0", "0", "1", "1"], "received --region without photos"),
        (["0", "--ink", "red"], "received --ink without photos"),
        (["note.jpg", "--region", "0", "0", "2", "nan"], "give four numbers"),
        (["0", "--detector-path", "d.keras"], "received --detector-path without photos"),
        (["note.jpg", "--csv", "n.xls"], "ending in .csv"),
        (["0", "--model", "transformer"], "choose from"),
        (["0", "--model-path", "m.h5"], "ending in .keras"),
        (["0", "--model-path", "none.keras"], "does not exist"),
    ],
)
def test_mistakes_are_one_line_status_2_and_write_nothing(run_main, tmp_path, args, expected):
    done = run_main("predict.py", *args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
