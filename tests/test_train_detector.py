import json

import numpy as np
import pytest

import data
import train_detector
from digits.keras_quietly import keras
from digits.networks import storage
from digits.reading import detect


@pytest.fixture
def keep_policy():
    """Training sets Keras's global dtype policy; other tests want it as it was."""
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("keep_policy")
def test_a_short_training_writes_a_finder_that_works(tmp_path, tiny_data, monkeypatch, capsys):
    monkeypatch.setattr(train_detector, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(train_detector, "VALIDATION_STEPS", 1)
    monkeypatch.setattr(train_detector, "BATCH_SIZE", 4)
    monkeypatch.setattr(train_detector, "NUM_DRAWN", 2)
    path = tmp_path / "f.keras"
    arguments = ["--model-path", path, "--data", tiny_data, "--plots-dir", tmp_path / "plots"]
    train_detector.main([*map(str, arguments), "--epochs", "2", "--seed", "3"])
    output = capsys.readouterr().out
    network = storage.load_finder(path)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in network.layers)
    boxes, scores, digits = detect.find(network, np.ones((100, 100), np.float32))
    assert len(boxes) == len(scores) == len(digits)
    metadata = json.loads((tmp_path / "f.json").read_text())
    assert (metadata["seed"], metadata["epochs"]) == (3, 2)
    for name in ("f.keras", "f.json", "plots/f_notes.png", "plots/f_history.csv"):
        assert (tmp_path / name).stat().st_size > 0
        assert str(tmp_path / name) in output
    assert len((tmp_path / "plots/f_history.csv").read_text().splitlines()) == 3


def test_practice_is_new_each_epoch_and_the_same_for_a_seed(tiny_data, monkeypatch):
    monkeypatch.setattr(train_detector, "BATCH_SIZE", 2)
    images, labels = data.load_train(tiny_data)
    one, other = (train_detector.make_practice(images, labels, 2, 5, True) for _ in range(2))
    photos, targets = one[0]
    assert photos.shape == (2, 160, 160, 1)
    assert targets.shape == (2, 40, 40, 5)
    assert (photos == other[0][0]).all()
    assert (photos != one[1][0]).any()
    one.on_epoch_end()
    assert (photos != one[0][0]).any()
    exam = train_detector.make_practice(images, labels, 2, 5, False)
    exam.on_epoch_end()
    assert (photos == exam[0][0]).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "expected a whole number from 1"),
        (["--model-path", "finder.h5"], "ending in .keras"),
        (["--data", "none.npz"], "none.npz"),
    ],
)
def test_a_users_mistake_is_one_line(run_script, arguments, said):
    result = run_script("train_detector.py", *arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
