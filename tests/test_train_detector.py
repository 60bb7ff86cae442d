import json

import numpy as np
import pytest

import data
import train_detector
from digits.keras_quietly import keras
from digits.networks import load_detector, storage
from digits.training import checkpoint, trainer

QUICK = ("--epochs", "2", "--seed", "3")


@pytest.fixture
def train(run_main, monkeypatch, tiny_data):
    """Run a tiny training in this process, in which TensorFlow has its threads already."""
    monkeypatch.setattr(trainer, "use_threads", lambda execution: None)
    for name, value in (
        ("STEPS_PER_EPOCH", 2),
        ("VALIDATION_STEPS", 1),
        ("BATCH_SIZE", 2),
        ("NUM_DRAWN", 1),
        ("MEASURED_PAGES", 1),
    ):
        monkeypatch.setattr(train_detector, name, value)
    policy = keras.config.dtype_policy()
    yield lambda path, *flags: run_main(
        "train_detector.py", "--data", tiny_data, "--model-path", path, *flags
    )
    keras.config.set_dtype_policy(policy)


def test_a_training_that_was_interrupted_writes_a_detector_that_works(train, tmp_path, monkeypatch):
    save = checkpoint.save

    def save_and_stop(*args):
        save(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        assert train("d.keras", *QUICK).returncode == 130
    assert not (tmp_path / "d.keras").exists()
    changed = train("d.keras", "--epochs", "2", "--seed", "4", "--resume")
    assert (changed.returncode, changed.stderr.count("\n")) == (2, 1)
    assert "with seed 3, received 4" in changed.stderr

    done = train("d.keras", *QUICK, "--resume")
    assert done.returncode == 0, done.stderr
    detector = load_detector(tmp_path / "d.keras")
    layers = storage.load_detector_model(tmp_path / "d.keras").layers
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert len(detector.detect(np.ones((100, 100), np.float32), min_score=0)) == 25 * 25
    metadata = json.loads((tmp_path / "d.json").read_text())
    assert (metadata["seed"], metadata["epochs"], metadata["steps_per_epoch"]) == (3, 2, 2)
    assert {"val_loss", "val_cell_accuracy", "val_false_positive_rate"} <= metadata.keys()
    assert metadata["command"].startswith("python train_detector.py --data")
    assert {"num_true", "recall", "precision"} <= metadata["detection"]["digits"].keys()
    assert metadata["seconds"] is None  # those before the interruption are not known
    for name in ("d.keras", "d.json", "plots/d_detections.png", "plots/d_history.csv"):
        assert (tmp_path / name).stat().st_size > 0
        assert name in done.stdout
    assert len((tmp_path / "plots/d_history.csv").read_text().splitlines()) == 3
    assert not (tmp_path / "d.checkpoint.npz").exists()


def test_flags_of_the_dataset_change_its_images(tiny_data):
    plain, changed = (
        train_detector.load_dataset(train_detector.parse_args(["--data", str(tiny_data), *flags]))[
            0
        ]
        for flags in ([], ["--transpose", "--invert"])
    )
    np.testing.assert_array_equal(changed, 255 - plain.swapaxes(1, 2))


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
