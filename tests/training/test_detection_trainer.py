"""The detector's training on a network of one convolution: it repeats to the bit, and resumes."""

import numpy as np
import pytest

import data
from digits.keras_quietly import keras
from digits.networks.batch_norm import FusedBatchNormalization
from digits.networks.detector_model import NUM_OUTPUTS
from digits.training import checkpoint, detection, detection_trainer, recipes


@pytest.fixture(scope="module")
def make_set(tiny_data):
    images, labels = data.load_train(tiny_data)

    def make(seed, new_each_epoch):
        return detection.SyntheticPages(
            images[:60],
            labels[:60],
            batches_per_epoch=3,
            batch_size=2,
            seed=seed,
            new_each_epoch=new_each_epoch,
        )

    return make


@pytest.fixture
def fit(make_set, tmp_path):
    """Train for three epochs; returns the network and its history."""

    def fit(resume=False, learning_rate=1e-2, num_outputs=NUM_OUTPUTS):
        keras.utils.set_random_seed(0)
        page = keras.Input((160, 160, 1))
        x = keras.layers.Conv2D(num_outputs, 4, 4)(page)
        network = keras.Model(page, FusedBatchNormalization()(x))
        network.compile(
            optimizer=recipes.build_optimizer(learning_rate, 9, 1, 0.1),
            loss=detection.loss,
            metrics=[detection.cell_accuracy],
            run_eagerly=True,  # to compile nine steps takes longer than to run them
        )
        history = detection_trainer.fit(
            network,
            make_set(0, True),
            make_set(1, False),
            3,
            checkpoint_path=tmp_path / "checkpoint.npz",
            settings={"learning_rate": learning_rate},
            resume=resume,
        )
        return network, history

    return fit


def stop_after(monkeypatch, epoch):
    """Stop trainings once the checkpoint of that epoch has been written."""
    save = checkpoint.save

    def save_and_stop(path, network, progress, *rest):
        save(path, network, progress, *rest)
        if progress["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", save_and_stop)


def test_a_resumed_training_ends_with_the_same_weights_to_the_bit(fit, monkeypatch):
    network, history = fit()
    assert history.keys() == {"loss", "cell_accuracy", "val_loss", "val_cell_accuracy"}
    assert {len(values) for values in history.values()} == {3}
    for epoch in (1, 3):  # 3: after the last one, before the network is saved
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_after(patch, epoch)
            fit(resume=epoch > 1)
    resumed, resumed_history = fit(resume=True)
    assert resumed_history == history
    for ours, theirs in zip(resumed.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"with learning_rate 0\.01, received 0\.02"):
        fit(resume=True, learning_rate=0.02)
    with pytest.raises(ValueError, match="another network"):
        fit(resume=True, num_outputs=NUM_OUTPUTS + 1)


def test_resuming_nothing_is_an_error(fit):
    with pytest.raises(FileNotFoundError, match="no interrupted training"):
        fit(resume=True)


def test_a_loss_that_is_not_finite_stops_the_training(fit, tmp_path):
    with pytest.raises(FloatingPointError, match="in epoch 1"):
        fit(learning_rate=float("nan"))
    assert not (tmp_path / "checkpoint.npz").exists()
