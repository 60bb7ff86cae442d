"""The scripts together."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def test_train_evaluate_predict(run_train, run_main, tiny_data, tmp_path):
    """A model that train.py writes can be scored and used, with the threshold it was given."""
    common = ("--data", tiny_data, "--model-path", "mine.keras")
    trained = run_train(*common, "--epochs", 2, "--batch-size", 32)
    assert (trained.returncode, trained.stderr) == (0, "")
    metadata = json.loads((tmp_path / "mine.json").read_text())

    evaluated = run_main("evaluate.py", *common, "--results-file", "out/r.json")
    assert (evaluated.returncode, evaluated.stderr) == (0, "")
    results = json.loads((tmp_path / "out" / "r.json").read_text())
    assert results["num_images"] == 120
    assert results["test_accuracy"] > 0.3  # guessing gives 0.1

    predicted = run_main("predict.py", "7", "0", "7", *common, "--results-file", "p.json")
    assert (predicted.returncode, predicted.stderr) == (0, "")
    for row in json.loads((tmp_path / "p.json").read_text())["predictions"]:
        assert row["is_sure"] == (row["probability"] >= metadata["threshold"])


@pytest.mark.parametrize(
    "script",
    ["train.py", "train_detector.py", "evaluate.py", "predict.py", "app.py", "export.py"],
)
def test_help_and_argument_errors_come_before_any_heavy_import(script):
    code = (
        "import sys, runpy\n"
        "for flag, status in (('--help', 0), ('--no-such-flag', 2)):\n"
        f"    sys.argv = [{script!r}, flag]\n"
        "    try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "    except SystemExit as end: assert end.code == status, (flag, end.code)\n"
        "    else: assert flag == '--help'\n"
        "heavy = 'tensorflow keras sklearn scipy matplotlib gradio'.split()\n"
        "found = set(heavy) & sys.modules.keys()\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
