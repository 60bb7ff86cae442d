"""Training itself, on small arrays: it learns, repeats to the bit, and resumes."""

import keras
import numpy as np
import pytest

import augment
import checkpoint
import data
import loop
import model as models
import train


@pytest.fixture(scope="module")
def sets():
    images, labels = data.load_train()
    return (images[:600], labels[:600]), (images[600:700], labels[600:700])


@pytest.fixture
def fit(sets, tmp_path, monkeypatch):
    """Train a network for some epochs; returns it and its history."""
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1)  # after every epoch

    def fit(seed=0, epochs=4, learning_rate=5e-3, batch_size=64, warp_strength=1.0, **options):
        keras.utils.set_random_seed(seed)
        network = models.build_dense()
        train.compile_model(network, epochs * max(1, 600 // batch_size), learning_rate)
        history = loop.fit(
            network,
            *sets,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            warp_strength=warp_strength,
            checkpoint_path=tmp_path / "checkpoint.npz",
            settings={"seed": seed},
            **options,
        )
        return network, history

    return fit


def same_weights(left, right):
    pairs = zip(left.get_weights(), right.get_weights(), strict=True)
    return all((a == b).all() for a, b in pairs)


@pytest.mark.parametrize("warp_strength", [0.0, 1.0])
def test_training_learns_and_its_validation_figures_are_keras_own(fit, sets, warp_strength):
    network, history = fit(epochs=15, warp_strength=warp_strength)
    assert {len(values) for values in history.values()} == {15}
    assert history["accuracy"][-1] > 0.8
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = network.evaluate(data.normalize(sets[1][0]), sets[1][1], verbose=0)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)


def test_the_first_epoch_is_what_keras_computes_from_the_same_batches(fit, sets):
    """An independent run of the same steps through `train_on_batch`."""
    network, _ = fit(epochs=1, warp_strength=1.0)
    keras.utils.set_random_seed(0)
    expected = models.build_dense()
    train.compile_model(expected, 9, 5e-3)
    rng = np.random.default_rng((0, 0))
    order = rng.permutation(600)[:576].reshape(9, 64)
    warps = augment.random_warps(rng, 9).reshape(9, 1, 2, 28)
    images, labels = data.normalize(sets[0][0]), sets[0][1]
    for batch, batch_warps in zip(order, warps, strict=True):
        expected.train_on_batch(np.asarray(augment.warp(images[batch], batch_warps)), labels[batch])
    for ours, theirs in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_the_same_seed_gives_the_same_weights_to_the_bit(fit):
    first, again, other = fit(seed=0)[0], fit(seed=0)[0], fit(seed=1)[0]
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 64, 600, 1000])
def test_any_batch_size_trains(fit, batch_size):
    history = fit(epochs=1, batch_size=batch_size)[1]
    assert np.isfinite(history["loss"][0])
    assert 0 < history["accuracy"][0] <= 1


def interrupted_fit(fit, monkeypatch, after):
    """Train until the checkpoint of epoch `after` has been written, then stop."""
    save = checkpoint.save

    def save_and_stop(path, model, epoch, history, settings):
        save(path, model, epoch, history, settings)
        if epoch == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            fit()


@pytest.mark.parametrize("after", [1, 3])
def test_a_resumed_training_ends_with_the_same_weights_to_the_bit(fit, monkeypatch, after):
    network, history = fit()
    interrupted_fit(fit, monkeypatch, after)
    resumed, resumed_history = fit(resume=True)
    assert same_weights(network, resumed)
    assert history == resumed_history


def test_resuming_refuses_other_settings_other_networks_and_damage(
    fit, monkeypatch, tmp_path, sets
):
    with pytest.raises(FileNotFoundError, match="no interrupted training"):
        fit(resume=True)
    interrupted_fit(fit, monkeypatch, after=2)
    with pytest.raises(ValueError, match="with seed 0, received 1"):
        fit(seed=1, resume=True)
    path = tmp_path / "checkpoint.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    for content in (
        b"",
        b"no archive",
        whole[:middle],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged or no checkpoint"):
            fit(resume=True)
    np.savez(path, x_train=np.zeros(3))
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        fit(resume=True)

    path.write_bytes(whole)
    small = keras.Sequential(
        [keras.layers.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    train.compile_model(small, 36, 5e-3)
    small.optimizer.build(small.trainable_variables)
    with pytest.raises(ValueError, match="another network"):
        checkpoint.load(path, small, {"seed": 0})


def test_a_loss_that_is_not_finite_stops_the_training(fit, tmp_path):
    with pytest.raises(FloatingPointError, match=r"in epoch 1.*smaller --learning-rate"):
        fit(learning_rate=1e30)
    assert not (tmp_path / "checkpoint.npz").exists()
