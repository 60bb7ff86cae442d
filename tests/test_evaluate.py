"""evaluate.py as a user runs it."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import data
from digits.networks import load_classifier, mean_probabilities, storage
from tests.datasets.conftest import write_csv

TINY = storage.RELEASED_MODELS / "tiny.keras"


def test_the_scores_are_those_of_the_models_predictions(
    run_script, tiny_data, dense_path, tmp_path
):
    args = ("--data", tiny_data, "--model-path", dense_path, "--results-file", "out/r.json")
    done = run_script("evaluate.py", *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Scoring {dense_path} on 120 test images." in done.stdout
    images, labels = data.load_test(tiny_data)
    probabilities = load_classifier(dense_path).probabilities(data.normalize(images))
    results = json.loads((tmp_path / "out" / "r.json").read_text())
    assert results["num_correct"] == (probabilities.argmax(axis=1) == labels).sum()
    assert results["num_images"] == 120
    assert results["test_accuracy"] == results["num_correct"] / 120
    assert np.trace(results["confusion_matrix"]) == results["num_correct"]
    assert [row["digit"] for row in results["per_digit"]] == list(range(10))
    assert {"test_loss", "ece", "accuracy_interval", "views"} <= results.keys()
    assert results["model_path"] == str(dense_path)
    assert f"({results['num_correct']}/120), 95% interval" in done.stdout
    names = ("dense_confusion_matrix.png", "dense_mistakes.png", "dense_weights.png")
    for name in names:
        assert f"Wrote plots/{name}" in done.stdout
        assert (tmp_path / "plots" / name).stat().st_size > 1000
    assert done.stdout.splitlines()[-1] == "Wrote out/r.json"


def test_images_that_the_model_was_trained_on_are_warned_of(
    run_main, tiny_data, dense_path, tmp_path
):
    """The same file of images is the training set of one command and the test set of another."""
    images, labels = data.load_test(tiny_data)
    write_csv(tmp_path / "all.csv", images, labels)
    path = tmp_path / "own.keras"
    shutil.copy(dense_path, path)
    for seen, is_warned in ((data.digest(images, labels), True), ("0" * 64, False)):
        path.with_suffix(".json").write_text(json.dumps({"dataset_sha256": seen}))
        done = run_main("evaluate.py", "--data", "all.csv", "--model-path", path)
        assert done.returncode == 0
        assert ("own.keras was trained on these images" in done.stderr) == is_warned


def test_a_users_own_model_comes_before_the_released_one(run_main, tiny_data, tmp_path):
    own = tmp_path / "saved_models" / "tiny.keras"
    own.parent.mkdir()
    shutil.copy(TINY, own)
    args = ("--data", tiny_data, "--model", "tiny", "--results-file", "r.json")
    done = run_main("evaluate.py", *args)
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["model_path"] == "saved_models/tiny.keras"
    assert not (tmp_path / "plots" / "tiny_weights.png").exists()  # no dense first layer


def test_two_models_are_compared(run_main, tiny_data, dense_path, tmp_path):
    args = ("--data", tiny_data, "--results-file", "r.json", "--compare")
    done = run_main("evaluate.py", *args, dense_path, TINY)
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads((tmp_path / "r.json").read_text())
    first, second = (row["num_correct"] for row in results["models"])
    assert results["both_correct"] + results["only_first_correct"] == first
    assert results["both_correct"] + results["only_second_correct"] == second
    assert results["difference"] == pytest.approx((second - first) / 120)
    assert results["p_value"] < 0.05  # an untrained model against a trained one
    assert f"{TINY} is better" in done.stdout
    assert "Wrote plots/dense_and_tiny.png" in done.stdout
    assert (tmp_path / "plots" / "dense_and_tiny.png").exists()

    same = run_main("evaluate.py", *args, TINY, TINY)
    assert "does not show which is better" in same.stdout


def test_an_ensemble_and_views_are_averaged(run_main, tiny_data, dense_path, tmp_path):
    args = ("--ensemble", dense_path, TINY, "--views", 3, "--results-file", "r.json")
    done = run_main("evaluate.py", "--data", tiny_data, *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "averaged over 3 views of each" in done.stdout
    images, labels = data.load_test(tiny_data)
    classifiers = [load_classifier(dense_path), load_classifier(TINY)]
    mean = mean_probabilities(classifiers, data.normalize(images), views=3)
    results = json.loads((tmp_path / "r.json").read_text())
    expected = -np.log(mean[range(len(labels)), labels]).mean()
    assert results["test_loss"] == pytest.approx(expected, rel=1e-4)
    assert results["views"] == 3
    assert (tmp_path / "plots" / "ensemble_mistakes.png").exists()


def test_models_are_scored_on_corrupted_images(run_main, tiny_data, dense_path, tmp_path):
    args = ("--data", tiny_data, "--results-file", "r.json")
    done = run_main("evaluate.py", "--robustness", dense_path, dense_path, *args)
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads((tmp_path / "r.json").read_text())["robustness"]
    assert set(results["models"]) == {"dense 1", "dense 2"}
    assert results["models"]["dense 1"] == results["models"]["dense 2"]
    assert "contrast loss" in done.stdout and "95% interval" in done.stdout
    assert "44/44" in done.stdout  # progress
    with Image.open(tmp_path / "plots" / "dense 1_dense 2_robustness.png") as figure:
        assert figure.size[0] == 1200


def test_images_of_a_csv_file_are_scored_with_the_flag_that_mends_them(run_main, tmp_path):
    images, labels = (each[:100] for each in data.load_test())
    path = write_csv(tmp_path / "train.csv", images.swapaxes(1, 2), labels)
    args = ("--data", path, "--model-path", storage.RELEASED_MODELS / "dense.keras")
    done = run_main("evaluate.py", *args)
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("transposed: add --transpose\n")
    done = run_main("evaluate.py", *args, "--transpose")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Converted {path}: 100 images from rows of a label and 784")
    accuracy = re.search(r"Test accuracy: (\d+\.\d+)%", done.stdout)
    assert float(accuracy[1]) > 95


def test_models_of_other_projects_are_compared(run_main, tiny_data, tmp_path):
    """What each takes is said in a line, and their predictions do not depend on it."""
    from digits.keras_quietly import keras

    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(784, 10)), rng.normal(size=10)
    for name, shape, first in (
        ("small", (28, 28, 1), []),
        ("large", (784,), [keras.layers.Rescaling(1 / 255)]),
    ):
        layers = [keras.layers.Input(shape), *first, keras.layers.Flatten()]
        network = keras.Sequential([*layers, keras.layers.Dense(10)])
        network.set_weights([kernel, bias])
        network.save(tmp_path / f"{name}.keras")
    args = ("--data", tiny_data, "--results-file", "r.json")
    done = run_main("evaluate.py", "--compare", "small.keras", "large.keras", *args)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith("small.keras: input (28, 28, 1) of 0-1, outputs logits; adapted (120")
    assert second.startswith("large.keras: input (784,) of 0-255, outputs logits; adapted (120")
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["only_first_correct"] == results["only_second_correct"] == 0
    assert results["models"][0]["test_loss"] == pytest.approx(results["models"][1]["test_loss"])

    done = run_main("predict.py", "3", "--data", tiny_data, "--model-path", "large.keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "large.keras: input (784,) of 0-255, outputs logits; adapted (120"
    )


def test_older_formats_of_keras_are_refused_with_the_reason(run_main, tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "own.keras").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    for name, reason in (
        ("none.h5", "HDF5 files are refused, since they may hold Python code"),
        ("own.keras", "own.keras is no .keras file: HDF5 files are refused"),
        ("saved", "SavedModel folders are refused, since they hold a graph"),
        ("saved/saved_model.pb", "SavedModel folders are refused"),
    ):
        done = run_main("evaluate.py", "--model-path", name)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert reason in done.stderr


def test_results_do_not_replace_what_is_known_of_a_model(run_main, tiny_data, dense_path):
    metadata_path = dense_path.with_suffix(".json")
    before = metadata_path.read_text()
    args = ("--data", tiny_data, "--model-path", dense_path, "--results-file", metadata_path)
    done = run_main("evaluate.py", *args)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "such as dense_results.json" in done.stderr
    assert metadata_path.read_text() == before


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--data", "none.npz"], "none.npz does not exist"),
        (["--data", "."], "is a folder without images for testing"),
        (["--results-file", "/dev/null/r.json"], "cannot write to the folder"),
        (["--plots-dir", "/dev/null"], "cannot write to the folder"),
        (["--compare", "one.keras"], "expected 2 arguments"),
        (["--model-path", "none.keras"], "none.keras does not exist"),
        (["--compare", "a.keras", "b.keras"], "a.keras does not exist"),
        (["--ensemble", "a.keras", "--compare", "b.keras", "c.keras"], "not allowed"),
        (["--ensemble", "a.keras", "--model-path", "b.keras"], "expected one of"),
        (["--robustness", "--views", "3"], "--views beside --robustness"),
        (["--report", "--views", "3"], "or --report, expected one of them"),
        (["--robustness", "a.keras", "--model-path", "b.keras"], "--model-path beside"),
        (["--robustness", *["a.keras"] * 6], "at most 5"),
        (["--robustness", "a.txt"], "expected a name ending in .keras"),
        (["--robustness", "a.keras", "--compare", "a.keras", "b.keras"], "not allowed with"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_mistakes_are_one_line_status_2_and_write_nothing(run_main, tmp_path, args, expected):
    done = run_main("evaluate.py", *args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("name", ["dense", "tiny", "cnn"])
def test_the_released_results_are_of_all_test_images(name):
    results_path = storage.RELEASED_MODELS / f"{name}_results.json"
    results = json.loads(results_path.read_text())
    assert results["model_path"] == f"saved_models/released/{name}.keras"
    assert results["num_images"] == np.sum(results["confusion_matrix"]) == 10_000
    assert results["num_correct"] == np.trace(results["confusion_matrix"])
    metadata = storage.read_metadata(storage.RELEASED_MODELS / f"{name}.keras")
    assert metadata["model"] == name
    assert not metadata.keys() & results.keys()
