"""Trainings on the real MNIST, which take minutes: run with -m slow."""

import json

import pytest

from digits.networks import storage

TEACHER = storage.RELEASED_MODELS / "tiny.keras"


@pytest.mark.slow
@pytest.mark.parametrize(
    # The first two are full trainings: five seeds gave 99.27-99.35% and 97.98-98.11%. The others
    # are shortened. An accuracy below these means that something is broken.
    ("flags", "accuracy"),
    [
        ([], 0.991),
        (["--augment", "none"], 0.975),
        (["--model", "tiny", "--epochs", "6"], 0.985),
        (["--teacher", TEACHER, "--epochs", "30"], 0.985),
    ],
)
def test_training_reaches_its_accuracy(run_script, run_main, tmp_path, flags, accuracy):
    model_path = tmp_path / "dense.keras"
    trained = run_script("train.py", "--model-path", model_path, *flags)
    assert trained.returncode == 0, trained.stderr
    args = ("--model-path", model_path, "--results-file", "results.json")
    assert run_main("evaluate.py", *args).returncode == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["num_images"] == 10_000
    assert results["test_accuracy"] >= accuracy
