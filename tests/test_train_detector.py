import json

import numpy as np
import pytest

import data
import train_detector
from digits.keras_quietly import keras
from digits.networks import load_detector
from digits.training import checkpoint, trainer

QUICK = ("--epochs", "3", "--seed", "3")


@pytest.fixture
def train(run_main, monkeypatch, tiny_data):
    """Run a tiny training in this process, in which TensorFlow has its threads already."""
    monkeypatch.setattr(trainer, "use_threads", lambda execution: None)
    for name, value in (
        ("STEPS_PER_EPOCH", 2),
        ("VALIDATION_STEPS", 1),
        ("BATCH_SIZE", 2),
        ("NUM_DRAWN", 1),
    ):
        monkeypatch.setattr(train_detector, name, value)
    policy = keras.config.dtype_policy()
    yield lambda path, *flags: run_main(
        "train_detector.py", "--data", tiny_data, "--model-path", path, *flags
    )
    keras.config.set_dtype_policy(policy)


def test_an_interrupted_training_resumes_to_the_same_detector_to_the_bit(
    train, tmp_path, monkeypatch
):
    """Also checks the files that a training writes."""
    done = train("alone.keras", *QUICK)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "alone.keras"
    detector = load_detector(path)
    layers = detector.engine.model.layers
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert len(detector.detect(np.ones((100, 100), np.float32), min_score=0)) == 25 * 25
    metadata = json.loads(path.with_suffix(".json").read_text())
    assert (metadata["seed"], metadata["epochs"], metadata["steps_per_epoch"]) == (3, 3, 2)
    assert {"val_loss", "val_cell_accuracy", "val_false_positive_rate"} <= metadata.keys()
    assert metadata["command"].startswith("python train_detector.py --data")
    for name in (
        "alone.keras",
        "alone.json",
        "plots/alone_detections.png",
        "plots/alone_history.csv",
    ):
        assert (tmp_path / name).stat().st_size > 0
        assert name in done.stdout
    history = (tmp_path / "plots/alone_history.csv").read_bytes()
    assert len(history.splitlines()) == 4
    assert not (tmp_path / "alone.checkpoint.npz").exists()

    save = checkpoint.save

    def save_and_stop(*args):
        save(*args)
        if args[2]["epoch"] == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        assert train("mine.keras", *QUICK).returncode == 130
    assert not (tmp_path / "mine.keras").exists()
    changed = train("mine.keras", "--epochs", "3", "--seed", "4", "--resume")
    assert (changed.returncode, changed.stderr.count("\n")) == (2, 1)
    assert "with seed 3, received 4" in changed.stderr

    done = train("mine.keras", *QUICK, "--resume")
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(
        load_detector(tmp_path / "mine.keras").engine.model.get_weights(),
        detector.engine.model.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert (tmp_path / "plots/mine_history.csv").read_bytes() == history
    assert json.loads((tmp_path / "mine.json").read_text())["seconds"] is None
    assert not (tmp_path / "mine.checkpoint.npz").exists()


def test_resuming_nothing_is_one_line(train):
    done = train("mine.keras", *QUICK, "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no interrupted training" in done.stderr


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
