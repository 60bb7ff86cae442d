import json

import numpy as np
import pytest

import data
import train_detector
from digits.keras_quietly import keras
from digits.networks import load_detector


@pytest.fixture
def keep_policy():
    """Training sets Keras's global dtype policy; other tests want it as it was."""
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("keep_policy")
def test_a_short_training_writes_a_detector_that_works(tmp_path, tiny_data, monkeypatch, capsys):
    monkeypatch.setattr(train_detector, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(train_detector, "VALIDATION_STEPS", 1)
    monkeypatch.setattr(train_detector, "BATCH_SIZE", 4)
    monkeypatch.setattr(train_detector, "NUM_DRAWN", 2)
    path = tmp_path / "d.keras"
    arguments = ["--model-path", path, "--data", tiny_data, "--plots-dir", tmp_path / "plots"]
    train_detector.main([*map(str, arguments), "--epochs", "2", "--seed", "3"])
    output = capsys.readouterr().out
    detector = load_detector(path)
    layers = detector.engine.model.layers
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert len(detector.detect(np.ones((100, 100), np.float32), min_score=0)) == 25 * 25
    metadata = json.loads((tmp_path / "d.json").read_text())
    assert (metadata["seed"], metadata["epochs"]) == (3, 2)
    assert {"val_loss", "val_cell_accuracy", "val_false_positive_rate"} <= metadata.keys()
    assert metadata["command"].startswith("python train_detector.py --model-path")
    for name in ("d.keras", "d.json", "plots/d_detections.png", "plots/d_history.csv"):
        assert (tmp_path / name).stat().st_size > 0
        assert str(tmp_path / name) in output
    assert len((tmp_path / "plots/d_history.csv").read_text().splitlines()) == 3


def test_training_and_validation_pages_are_written_with_different_digits(tiny_data):
    images, labels = data.load_train(tiny_data)
    training_set, validation_set = train_detector.make_pages(images, labels, seed=0)
    assert len(training_set.labels) == 330
    assert len(validation_set.labels) == 30
    assert training_set.new_each_epoch and not validation_set.new_each_epoch


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--epochs", "0"], "expected a whole number from 1"),
        (["--model-path", "detector.h5"], "ending in .keras"),
        (["--data", "none.npz"], "none.npz"),
    ],
)
def test_a_users_mistake_is_one_line(run_main, arguments, expected):
    result = run_main("train_detector.py", *arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert expected in result.stderr
