"""The default training on the real MNIST: minutes, so only with -m slow."""

import json

import pytest


@pytest.mark.slow
def test_the_default_training_reaches_its_accuracy(run_script, tmp_path):
    model_path = tmp_path / "dense.keras"
    trained = run_script("train.py", "--model-path", model_path)
    assert trained.returncode == 0, trained.stderr
    args = ("--model-path", model_path, "--results-file", "results.json")
    assert run_script("evaluate.py", *args).returncode == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["num_images"] == 10_000
    assert results["test_accuracy"] >= 0.98
