"""Exported files answer as their networks do, or are not kept."""

import json
import subprocess
import sys

import numpy as np
import pytest

import data
import export
from digits import command as digits_command
from digits.export import check, convert, exporter
from digits.export.command import main, read_dataset
from digits.export.dataset import Dataset
from digits.export.formats import MIN_AGREEMENT, SUFFIXES, Format
from tests.conftest import ROOT
from tests.datasets.conftest import write_csv


@pytest.fixture(scope="module")
def small():
    """500 test images and training images to measure ranges with."""
    images, labels = data.load_test()
    return Dataset(data.load_train()[0][:2000], images[:500], labels[:500])


def run(argv, small):
    return main(argv, prog="export.py", load_dataset=lambda *args: small)


def test_all_formats_of_a_classifier_are_written_and_answer_alike(small, tmp_path, capsys):
    results = tmp_path / "r.json"
    words = ["--model", "tiny", "--export-dir", str(tmp_path), "--results-file", str(results)]
    assert run(words, small) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "keras    float32             500" in printed.out
    rows = json.loads(results.read_text())
    assert rows[0]["runtime"] == "keras" and rows[0]["num_same"] == 500
    found = {(row["runtime"], row["precision"]): row for row in rows[1:]}
    assert found.keys() == {(runtime, each) for runtime in SUFFIXES for each in MIN_AGREEMENT}
    for (runtime, precision), row in found.items():
        path = tmp_path / f"tiny_{precision}{SUFFIXES[runtime]}"
        assert path.stat().st_size == row["size"]
        assert row["agrees"] and row["num_same"] >= 0.99 * 500
        assert abs(row["num_correct"] - rows[0]["num_correct"]) <= 3
        if precision == "float32":
            assert row["num_same"] == 500 and row["max_difference"] < 1e-4
        else:
            assert row["size"] < 0.8 * found[runtime, "float32"]["size"]
    assert found["litert", "int8"]["size"] < 24_000


def test_a_detector_is_exported_in_float(small, tmp_path):
    paths = {
        each: tmp_path / f"d_{each.precision}{each.suffix}"
        for each in (Format("onnx", "float32"), Format("litert", "float32"))
    }
    own, *rows = exporter.export("detector", None, paths, small)
    assert own.num_correct is None
    assert [row.num_same for row in rows] == [500, 500]
    assert all(row.max_difference < 1e-3 for row in rows)
    assert all(path.is_file() for path in paths.values())
    # Most images are detected as what they are, so that the comparison means something.
    engine = check.load_engine(paths[Format("onnx", "float32")], Format("onnx", "float32"))
    predictions = check.detect(engine, data.normalize(small.images)).argmax(axis=1)
    assert (predictions == small.labels).mean() > 0.9


def test_a_file_that_does_not_agree_is_not_kept(small, tmp_path, monkeypatch, capsys):
    def convert_another(model, chosen, representatives):
        model.get_layer("logits").set_weights(
            [-weights for weights in model.get_layer("logits").get_weights()]
        )
        return convert.convert(model, chosen, representatives)

    monkeypatch.setattr(exporter, "convert", convert_another)
    (tmp_path / "tiny_float32.onnx").write_text("an earlier export")
    words = ["--formats", "onnx", "--precisions", "float32", "--export-dir", str(tmp_path)]
    assert run(words, small) == 1
    assert "NOT KEPT" in capsys.readouterr().out
    assert (tmp_path / "tiny_float32.onnx").read_text() == "an earlier export"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "detector", "--precisions", "int8"], "int8 for a detector, expected float32"),
        (["--model-path", "none.keras"], "none.keras does not exist"),
        (["--formats", "h5"], "invalid choice"),
    ],
)
def test_mistakes_are_one_line(words, message, small, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        run([*words, "--export-dir", str(tmp_path / "exported")], small)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"needs the packages tensorflow, ai_edge_litert: pip install"
    ):
        convert.check_installed("litert")


def test_the_installed_command_reads_a_dataset_of_its_own(tmp_path, capsys):
    images, labels = data.load_test()
    path = tmp_path / "some.npz"
    np.savez(path, x_train=images[:20], x_test=images[:30], y_test=labels[:30])
    words = ["export", "--data", str(path), "--formats", "litert", "--precisions", "float32"]
    assert digits_command.main([*words, "--export-dir", str(tmp_path)]) == 0
    assert "Checked on 30 test images" in capsys.readouterr().out
    for arrays in ({"x_test": images[:3]}, {"x_train": 0, "x_test": images[:3], "y_test": [1]}):
        np.savez(path, **arrays)
        with pytest.raises(SystemExit):
            digits_command.main([*words, "--export-dir", str(tmp_path)])
        assert str(path) in capsys.readouterr().err


def test_the_installed_command_converts_says_so_and_warns(tmp_path, capsys):
    images, labels = (each[:30] for each in data.load_test())
    path = write_csv(tmp_path / "digits.csv", images.swapaxes(1, 2), labels)
    dataset = read_dataset(str(path), transpose=False, invert=False)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Converted {path}: 30 images from rows of a label and 784")
    assert printed.err.endswith("transposed: add --transpose\n")
    dataset = read_dataset(str(path), transpose=True, invert=False)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.representatives, images)
    assert dataset.labels.tolist() == labels.tolist()


def test_the_script_answers_help_without_tensorflow():
    code = "import sys, export\ntry: export.main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "keras.src" not in done.stdout and "--precisions" in done.stdout


def test_the_script_checks_on_all_test_images():
    dataset = export.load_dataset(None, False, False)
    assert len(dataset.images) == len(dataset.labels) == 10_000
    assert len(dataset.representatives) == 60_000
