"""train.py as a user runs it."""

import csv
import dataclasses
import hashlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import train
from digits.networks import storage
from digits.training import RECIPES, recipes
from tests.conftest import ROOT

QUICK = ("--epochs", 2, "--batch-size", 32)


def test_train_writes_model_metadata_and_figures(run_script, tiny_data, tmp_path):
    model_path = tmp_path / "new" / "folder" / "mine.keras"
    with np.load(tiny_data) as arrays:  # training has no use for a test set
        np.savez(tmp_path / "train.npz", x_train=arrays["x_train"], y_train=arrays["y_train"])
    args = ("--data", "train.npz", "--model-path", model_path)
    trained = run_script("train.py", *args, *QUICK)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "20/20" in trained.stdout
    written = [line.removeprefix("Wrote ") for line in trained.stdout.splitlines()[-8:]]
    assert written == [
        str(model_path),
        str(model_path.with_suffix(".json")),
        str(model_path.with_suffix(".onnx")),
        "plots/dataset_samples.png",
        "plots/mine_network.png",
        "plots/mine_accuracy.png",
        "plots/mine_history.csv",
        "plots/mine_augmentation.png",
    ]
    assert all((tmp_path / path).stat().st_size > 50 for path in written)
    with open(tmp_path / "plots" / "mine_history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    metadata = json.loads(model_path.with_suffix(".json").read_text())
    assert metadata["model"] == "dense"
    assert metadata["num_parameters"] == 109_386
    assert metadata["seed"] == 0
    assert metadata["arguments"]["epochs"] == 2
    assert metadata["val_accuracy"] == pytest.approx(float(rows[-1]["val_accuracy"]))
    assert metadata["val_loss"] < float(rows[-1]["val_loss"])  # by the temperature
    assert len(metadata["dataset_sha256"]) == 64
    assert metadata["seconds"] > 0
    assert metadata["num_train"] == 330
    assert 0.1 < metadata["threshold"] < 1


def test_flags_of_the_dataset_change_its_images(tiny_data):
    plain, changed = (
        train.load_dataset(train.parse_args(["--data", str(tiny_data), *flags]))
        for flags in ([], ["--transpose", "--invert"])
    )
    np.testing.assert_array_equal(changed.x_train, 255 - plain.x_train.swapaxes(1, 2))
    assert plain.sha256 != changed.sha256  # so that neither resumes the other


def test_degraded_images_are_trained_on_and_shown(run_train, tiny_data, tmp_path):
    figures, weights = set(), set()
    for kind in ("warp", "degrade", "forms"):
        args = ("--data", tiny_data, *QUICK, "--augment", kind)
        trained = run_train(*args)
        assert (trained.returncode, trained.stderr) == (0, "")
        figures.add((tmp_path / "plots" / "dense_augmentation.png").read_bytes())
        metadata = json.loads((tmp_path / "saved_models" / "dense.json").read_text())
        assert metadata["arguments"] == {
            "augment": kind,
            "epochs": 2,
            "batch_size": 32,
            "learning_rate": 4e-3,
            "weight_decay": None,
            "warp_strength": 1.0,
            "unmodified_share": 0.0,
            "degraded_share": 0.25 * (kind != "warp"),
        }
        weights.add(metadata["val_loss"])
    assert len(figures) == len(weights) == 3


def test_the_convolutional_networks_train_and_teach(run_train, tiny_data, tmp_path):
    common = ("--data", tiny_data, "--epochs", 1, "--batch-size", 32)
    teachers = ["saved_models/tiny.keras", "saved_models/cnn.keras"]
    for name in ("lenet", "tiny", "cnn"):
        trained = run_train(*common, "--model", name)
        assert (trained.returncode, trained.stderr) == (0, "")
    distilled = run_train(*common, "--teacher", *teachers)
    assert (distilled.returncode, distilled.stderr) == (0, "")
    metadata = json.loads((tmp_path / "saved_models" / "dense.json").read_text())
    assert metadata["command"].endswith(f"--teacher {' '.join(teachers)}")
    digests = [hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() for path in teachers]
    assert metadata["teacher"]["sha256"] == digests


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--teacher", "none.keras"], "none.keras does not exist"),
        (["--data", "none.npz"], "none.npz does not exist"),
        (["--epochs", "0"], "received '0', expected a whole number from 1"),
        (["--batch-size", "many"], "received 'many'"),
        (["--learning-rate", "nan"], "expected a number above 0"),
        (["--seed", "-5"], "received '-5'"),
        (["--weight-decay", "-1"], "received '-1', expected a number >= 0"),
        (["--weight-decay", "inf"], "expected a number >= 0"),
        (["--unmodified-share", "1.5"], "received '1.5', expected a number from 0 to 1"),
        (["--degraded-share", ".5"], "--augment warp, expected --augment degrade"),
        (["--warp-strength", "2", "--augment", "none"], "expected --augment warp or degrade"),
        (["--augment", "spoil"], "invalid choice: 'spoil'"),
        (["--model-path", "m.h5"], "ending in .keras"),
        (["--plots-dir", "/dev/null"], "cannot write to the folder /dev/null"),
        (["--model-path", "/dev/null/m.keras"], "cannot write to the folder"),
        (["--epo", "3"], "unrecognized arguments"),
        (["--devices", "0"], "received '0', expected a whole number from 1 to 64"),
    ],
)
def test_mistakes_are_one_line_status_2_and_write_nothing(run_train, tmp_path, args, expected):
    done = run_train(*args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_help_shows_every_default(run_main):
    text = " ".join(run_main("train.py", "--help").stdout.split())
    for flag in ("--epochs", "--batch-size", "--learning-rate", "--seed", "--data", "--plots-dir"):
        _, _, after = text.partition(f"{flag} ")[2].partition(f"{flag} ")
        assert "(default:" in after.partition(" --")[0], flag


def test_the_fields_of_a_recipe_have_flags():
    words = {
        "epochs": "7",
        "batch_size": "32",
        "learning_rate": "0.01",
        "weight_decay": "0.25",
        "warp_strength": "1.75",
        "unmodified_share": "0.125",
        "degraded_share": "1",
    }
    flags = [word for name in words for word in (f"--{name.replace('_', '-')}", words[name])]
    recipe = train.make_recipe(train.parse_args(["--model", "cnn", "--augment", "degrade", *flags]))
    changed = dataclasses.asdict(recipe)
    # Adam's betas are one network's, and --augment forms sets the others.
    for name in ("execution", "betas", *recipes.FORMS):
        assert changed.pop(name) == dataclasses.asdict(RECIPES["cnn"])[name]
    assert changed == {name: float(value) for name, value in words.items()}


def test_no_weight_decay_can_be_asked_for():
    args = ["--model", "cnn", "--augment", "degrade"]
    assert train.make_recipe(train.parse_args(args)) == RECIPES["cnn"]
    recipe = train.make_recipe(train.parse_args([*args, "--weight-decay", "0"]))
    assert recipe == dataclasses.replace(RECIPES["cnn"], weight_decay=None)


def written_at(path):
    return path.stat().st_mtime_ns if path.exists() else None


def start_training(tmp_path, *args):
    """Start train.py in the background and wait until it has written a checkpoint."""
    checkpoint_path = tmp_path / "mine.checkpoint.npz"
    before = written_at(checkpoint_path)
    training = subprocess.Popen(
        [sys.executable, ROOT / "train.py", *map(str, args), "--model-path", "mine.keras"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, a shell has had SIGINT ignored, here too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while written_at(checkpoint_path) == before:
        if training.poll() == 0:
            break
        assert training.poll() is None, training.stderr.read()
        if time.monotonic() > deadline:
            training.kill()
            pytest.fail("no checkpoint after two minutes")
        time.sleep(0.02)
    return training


def test_an_interrupted_and_killed_training_resumes_to_the_same_weights_to_the_bit(
    run_script, tiny_data, tmp_path
):
    """Ended by Ctrl-C, then killed at a random moment, against a training left alone."""
    flags = ("--data", tiny_data, "--epochs", 1000, "--batch-size", 64)
    alone = run_script("train.py", *flags, "--model-path", "alone.keras")
    assert alone.returncode == 0, alone.stderr

    (tmp_path / "mine.keras").write_text("the model from before")
    training = start_training(tmp_path, *flags)
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    assert errors == "\nInterrupted: no file is left half-written.\n"
    assert (tmp_path / "mine.keras").read_text() == "the model from before"

    training = start_training(tmp_path, *flags, "--resume")
    time.sleep(np.random.default_rng().uniform(0, 0.5))
    assert training.poll() is None, "it ended before it could be killed"
    training.kill()
    training.wait()
    training = start_training(tmp_path, *flags, "--resume")
    assert training.wait() == 0, training.stderr.read()
    for left, right in zip(
        storage.load_classifier_model(tmp_path / "alone.keras").get_weights(),
        storage.load_classifier_model(tmp_path / "mine.keras").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(left, right)
    assert not (tmp_path / "mine.checkpoint.npz").exists()
    assert (tmp_path / "plots" / "alone_history.csv").read_bytes() == (
        tmp_path / "plots" / "mine_history.csv"
    ).read_bytes()


def test_resuming_nothing_or_damage_is_an_error_and_touches_nothing(run_train, tmp_path):
    done = run_train("--model-path", "mine.keras", "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no interrupted training" in done.stderr
    (tmp_path / "mine.checkpoint.npz").write_bytes(b"damage")
    done = run_train("--model-path", "mine.keras", "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "damaged" in done.stderr
    assert (tmp_path / "mine.checkpoint.npz").read_bytes() == b"damage"


def test_more_devices_than_gpus_are_one_line_and_write_nothing(run_train, tmp_path, monkeypatch):
    from digits.keras_quietly import tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    done = run_train("--devices", 3)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert "received --devices 3, expected at most 2" in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_training_on_two_devices_is_not_resumed_on_one(run_train, tiny_data, monkeypatch):
    from digits.training import checkpoint, devices, trainer

    def save_and_stop(*args, save=checkpoint.save):
        save(*args)
        raise KeyboardInterrupt

    args = ("--data", tiny_data, *QUICK)
    with monkeypatch.context() as patch:
        # Of this process's TensorFlow, which is not split: what is written and read is the same.
        patch.setattr(
            devices, "make_strategy", lambda num_devices, make=devices.make_strategy: make(1)
        )
        patch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1)
        patch.setattr(checkpoint, "save", save_and_stop)
        stopped = run_train(*args, "--devices", 2)
    assert stopped.returncode == 130
    assert "split into 2 devices, which brings no speed" in stopped.stdout
    resumed = run_train(*args, "--resume")
    assert (resumed.returncode, resumed.stderr.count("\n")) == (2, 1)
    assert "is from a training with devices 2, received 1: give the same" in resumed.stderr


def test_a_learning_rate_that_blows_up_is_one_line_and_keeps_the_old_model(
    run_train, tiny_data, tmp_path
):
    (tmp_path / "mine.keras").write_text("the model from before")
    args = ("--data", tiny_data, "--model-path", "mine.keras", "--learning-rate", 1e30)
    done = run_train(*args, *QUICK)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "smaller --learning-rate" in done.stderr
    assert (tmp_path / "mine.keras").read_text() == "the model from before"
