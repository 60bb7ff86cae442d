"""Training itself, on small arrays: it learns, repeats to the bit, and resumes."""

import numpy as np
import pytest

import data
import model as models
from digits.keras_quietly import keras
from digits.networks import heads
from digits.training import checkpoint, recipes, trainer
from digits.transforms import degrade, warp


@pytest.fixture(scope="module")
def sets():
    images, labels = data.load_train()
    return (images[:600], labels[:600]), (images[600:700], labels[600:700])


@pytest.fixture
def fit(sets, tmp_path, monkeypatch):
    """Train a network for some epochs; returns it and its history."""
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1)  # after every epoch

    def fit(
        seed=0, epochs=4, learning_rate=5e-3, batch_size=64, warp_strength=1.0, name="dense",
        teacher=None, policy="float32", **options,
    ):  # fmt: skip
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy(policy)
        network = models.BUILDERS[name]()
        steps = epochs * max(1, 600 // batch_size)
        history = trainer.fit(
            recipes.compile_model(network, steps, learning_rate, teacher),
            recipes.SIZE[name],
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

    yield fit
    keras.config.set_dtype_policy("float32")


def same_weights(left, right):
    pairs = zip(left.get_weights(), right.get_weights(), strict=True)
    return all((a == b).all() for a, b in pairs)


@pytest.mark.parametrize(("name", "warp_strength"), [("dense", 0.0), ("dense", 1.0), ("cnn", 1.0)])
def test_training_learns_and_its_validation_figures_are_keras_own(fit, sets, name, warp_strength):
    network, history = fit(epochs=15, warp_strength=warp_strength, name=name)
    assert {len(values) for values in history.values()} == {15}
    assert history["accuracy"][-1] > 0.8
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = network.evaluate(data.normalize(sets[1][0]), sets[1][1], verbose=0)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.parametrize(("share_spoiled", "num_warps"), [(0.0, 1), (0.5, 2)])
def test_the_first_epoch_is_what_keras_computes_from_the_same_batches(
    fit, sets, share_spoiled, num_warps
):
    """An independent run of the same steps through `train_on_batch`."""
    network, _ = fit(epochs=1, warp_strength=1.0, share_spoiled=share_spoiled)
    keras.utils.set_random_seed(0)
    expected = models.build_dense()
    trained = recipes.compile_model(expected, 9, 5e-3)
    rng = np.random.default_rng((0, 0))
    order = rng.permutation(600)[:576].reshape(9, 64)
    warps = warp.random_warps(rng, 9 * num_warps).reshape(9, num_warps, 2, 28)
    rng.random(9 * num_warps)  # which of them are left out: none
    spoils = degrade.random_spoils(rng, 9).reshape(9, 1, 7)
    images, labels = data.normalize(sets[0][0]), sets[0][1]
    for batch, batch_warps, batch_spoils in zip(order, warps, spoils, strict=True):
        warped = np.array(warp.warp_images(images[batch], batch_warps))
        if share_spoiled:
            warped[:32] = degrade.spoil(warped[:32], batch_spoils, degrade.make_noise(0))
        trained.train_on_batch(warped, labels[batch])
    for ours, theirs in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_a_share_of_the_images_stays_unwarped(fit, monkeypatch):
    """With a share of all, the strength of the warps does not matter; with none it does."""
    monkeypatch.setitem(trainer.SHARE_UNWARPED, "large", 1.0)
    weak, strong = (fit(name="tiny", epochs=1, warp_strength=s)[0] for s in (0.5, 2.0))
    assert same_weights(weak, strong)
    monkeypatch.setitem(trainer.SHARE_UNWARPED, "large", 0.0)
    weak, strong = (fit(name="tiny", epochs=1, warp_strength=s)[0] for s in (0.5, 2.0))
    assert not same_weights(weak, strong)


def test_half_of_each_batch_is_spoiled(fit, sets, monkeypatch):
    """With spoiling that paints all black, half of the batch shows nothing to learn from."""
    seen = []

    def paint(images, spoils, noise):
        seen.append((images.shape, spoils.shape))
        return 0 * images + 1

    monkeypatch.setattr(trainer.degrade, "spoil", paint)
    _, history = fit(epochs=15, share_spoiled=0.5)
    assert seen[0] == ((32, 28, 28), (1, 7))
    assert 0.45 < history["accuracy"][-1] < 0.65  # half of it, and luck with the other
    assert history["val_accuracy"][-1] > 0.75
    fit(name="tiny", epochs=1, share_spoiled=0.5)
    assert seen[-1] == ((32, 28, 28), (32, 7))  # each in its own way


def test_a_student_learns_what_its_teacher_says_rather_than_the_labels(fit, sets):
    """The teacher says 1 more than the label; with a share of .7 the student believes it."""
    images, labels = data.normalize(sets[0][0]), sets[0][1]
    teacher = models.build_dense()
    teacher.compile("adam", "sparse_categorical_crossentropy")
    teacher.fit(images, (labels + 1) % 10, epochs=15, batch_size=32, verbose=0)
    before = teacher.get_weights()
    network, history = fit(epochs=15, teacher=heads.logits_model(teacher), warp_strength=0.0)
    predictions = network.predict(images, verbose=0).argmax(axis=1)
    assert (predictions == (labels + 1) % 10).mean() > 0.8
    assert history["val_accuracy"][-1] < 0.2
    assert all((a == b).all() for a, b in zip(before, teacher.get_weights(), strict=True))


def test_the_loss_under_a_teacher_is_hintons(sets):
    keras.utils.set_random_seed(0)
    student, teacher = models.build_dense(), models.build_dense()
    trained = recipes.compile_model(student, 1, 1e-3, heads.logits_model(teacher))
    images, labels = data.normalize(sets[0][0][:50]), sets[0][1][:50]
    ours, theirs = (
        np.asarray(heads.logits_model(network)(images), np.float64)
        for network in (student, teacher)
    )

    def softmax(logits):
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    hard = -np.log(softmax(ours)[range(50), labels]).mean()
    soft, target = softmax(ours / 2), softmax(theirs / 2)
    divergence = (target * np.log(target / soft)).sum(axis=1).mean()
    loss = trained.compute_loss(x=images, y=labels, y_pred=trained(images))
    assert float(loss) == pytest.approx(0.3 * hard + 0.7 * 2**2 * divergence, rel=1e-4)


@pytest.mark.parametrize("name", ["dense", "cnn"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(fit, name):
    first, again, other = (fit(seed=seed, epochs=2, name=name)[0] for seed in (0, 0, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("spoiled", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 50, 64, 600, 1000])
def test_any_batch_size_trains(fit, batch_size, spoiled):
    history = fit(epochs=1, batch_size=batch_size, share_spoiled=0.25 * spoiled)[1]
    assert np.isfinite(history["loss"][0])
    assert 0 < history["accuracy"][0] <= 1


def interrupted_fit(fit, monkeypatch, after, **options):
    """Train until the checkpoint with so many (epochs, steps) has been written, then stop."""
    save = checkpoint.save

    def save_and_stop(path, model, progress, history, settings):
        save(path, model, progress, history, settings)
        if (progress["epoch"], progress["step"]) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            fit(**options)


@pytest.mark.parametrize(
    ("name", "after"),
    [("dense", (1, 0)), ("dense", (3, 0)), ("tiny", (0, 4)), ("tiny", (1, 8)), ("cnn", (1, 4))],
)
@pytest.mark.parametrize(("taught", "spoiled"), [(False, False), (True, True)])
def test_a_resumed_training_ends_with_the_same_weights_to_the_bit(
    fit, monkeypatch, name, after, taught, spoiled
):
    monkeypatch.setitem(trainer.STEPS_A_CALL, "large", 4)
    options = {"name": name, "epochs": 4 if name == "dense" else 2, "share_spoiled": 0.5 * spoiled}
    options["policy"] = "float32" if name == "dense" else "mixed_bfloat16"
    options["teacher"] = heads.logits_model(models.build_tiny()) if taught else None
    network, history = fit(**options)
    interrupted_fit(fit, monkeypatch, after, **options)
    resumed, resumed_history = fit(resume=True, **options)
    assert same_weights(network, resumed)
    assert history == resumed_history


def test_resuming_refuses_other_settings_other_networks_and_damage(
    fit, monkeypatch, tmp_path, sets
):
    with pytest.raises(FileNotFoundError, match="no interrupted training"):
        fit(resume=True)
    interrupted_fit(fit, monkeypatch, after=(2, 0))
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
    tiny = recipes.compile_model(models.build_tiny(), 36, 5e-3)
    tiny.optimizer.build(tiny.trainable_variables)
    with pytest.raises(ValueError, match="another network"):
        checkpoint.load(path, tiny, {"seed": 0})


def test_a_loss_that_is_not_finite_stops_the_training(fit, tmp_path):
    with pytest.raises(FloatingPointError, match=r"in epoch 1.*smaller --learning-rate"):
        fit(learning_rate=1e30)
    assert not (tmp_path / "checkpoint.npz").exists()
