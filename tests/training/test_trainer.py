"""The training loop on small arrays: it learns, repeats to the bit, and resumes."""

import dataclasses

import numpy as np
import pytest

import data
import model as models
from digits.keras_quietly import keras
from digits.networks import heads
from digits.training import RECIPES, checkpoint, recipes, trainer
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
        name="dense",
        seed=0,
        policy="float32",
        teacher=None,
        resume=False,
        num_images=600,
        **changes,
    ):
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy(policy)
        network = models.BUILDERS[name]()
        history = trainer.fit(
            network,
            *(tuple(array[:num_images] for array in part) for part in sets),
            make_recipe(name, **changes),
            seed=seed,
            checkpoint_path=tmp_path / "checkpoint.npz",
            settings={"seed": seed},
            teacher=teacher,
            resume=resume,
        )
        return network, history

    yield fit
    keras.config.set_dtype_policy("float32")


def make_recipe(name="dense", steps_per_call=None, **changes):
    """A recipe for a few hundred images."""
    recipe = dataclasses.replace(
        RECIPES[name],
        **{"epochs": 4, "batch_size": 64, "learning_rate": 5e-3, "warp_strength": 1.0}
        | {"degraded_share": 0.0}
        | changes,
    )
    if steps_per_call is None:
        return recipe
    execution = dataclasses.replace(recipe.execution, steps_per_call=steps_per_call)
    return dataclasses.replace(recipe, execution=execution)


def same_weights(left, right):
    pairs = zip(left.get_weights(), right.get_weights(), strict=True)
    return all((a == b).all() for a, b in pairs)


@pytest.mark.parametrize(("name", "warp_strength"), [("dense", 0.0), ("dense", 1.0), ("tiny", 1.0)])
def test_training_learns_and_its_validation_figures_are_keras_own(fit, sets, name, warp_strength):
    network, history = fit(epochs=15, warp_strength=warp_strength, name=name)
    assert {len(values) for values in history.values()} == {15}
    assert history["accuracy"][-1] > 0.8
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = network.evaluate(data.normalize(sets[1][0]), sets[1][1], verbose=0)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.parametrize(
    ("degraded_share", "num_warps", "forms"),
    [(0.0, 1, {}), (0.5, 2, {}), (0.5, 2, recipes.FORMS)],
    ids=["warp", "degrade", "forms"],
)
def test_the_first_epoch_is_what_keras_computes_from_the_same_batches(
    fit, sets, degraded_share, num_warps, forms
):
    """An independent run of the same steps through `train_on_batch`."""
    network, _ = fit(epochs=1, degraded_share=degraded_share, **forms)
    keras.utils.set_random_seed(0)
    expected = models.build_dense()
    trained = trainer.compile_model(expected, make_recipe(), 9)
    rng = np.random.default_rng((0, 0))
    order = rng.permutation(600)[:576].reshape(9, 64)
    warps = warp.random_warps(rng, 9 * num_warps).reshape(9, num_warps, 2, 28)
    shares = {key: share for key, share in forms.items() if key != "degraded_rotation"}
    if forms:
        warps[:, 0] = warp.random_warps(rng, 9, rotation=forms["degraded_rotation"])
    rng.random(9 * num_warps)  # which of them are replaced by none: no one
    degradations = degrade.random_degradations(rng, 9, **shares)
    degradations = degradations.reshape(9, 1, degrade.NUM_PARAMETERS)
    images, labels = data.normalize(sets[0][0]), sets[0][1]
    for batch, batch_warps, batch_degradations in zip(order, warps, degradations, strict=True):
        warped = np.array(warp.warp_images(images[batch], batch_warps))
        if degraded_share:
            textures = degrade.make_textures(0, with_lines=bool(forms))
            warped[:32] = degrade.degrade_images(warped[:32], batch_degradations, textures)
        trained.train_on_batch(warped, labels[batch])
    for ours, theirs in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.mark.parametrize(("unmodified_share", "same"), [(1.0, True), (0.0, False)])
def test_a_share_of_the_images_stays_unmodified(fit, unmodified_share, same):
    """Where all stay unmodified, the strength of the warps does not matter."""
    options = {"name": "tiny", "epochs": 1, "unmodified_share": unmodified_share}
    weak, strong = (fit(warp_strength=strength, **options)[0] for strength in (0.5, 2.0))
    assert same_weights(weak, strong) == same


def test_half_of_each_batch_is_degraded(fit, sets, monkeypatch):
    """With a degradation that paints all black, nothing can be learned from half of the batch."""
    shapes = []

    def paint(images, degradations, textures):
        shapes.append((images.shape, degradations.shape))
        return 0 * images + 1

    monkeypatch.setattr(trainer.degrade, "degrade_images", paint)
    _, history = fit(epochs=15, degraded_share=0.5)
    assert shapes[0] == ((32, 28, 28), (1, degrade.NUM_PARAMETERS))
    assert 0.45 < history["accuracy"][-1] < 0.65  # half of it, and some of the other by chance
    assert history["val_accuracy"][-1] > 0.75
    fit(name="tiny", epochs=1, degraded_share=0.5)
    assert shapes[-1] == (
        (32, 28, 28),
        (32, degrade.NUM_PARAMETERS),
    )  # a degradation for each image


def test_a_student_learns_from_its_teacher_more_than_from_the_labels(fit, sets):
    """The teacher predicts 1 more than the label, and 70% of the loss come from it."""
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


def test_the_loss_with_a_teacher_is_that_of_hinton(sets):
    keras.utils.set_random_seed(0)
    student, teacher = models.build_dense(), models.build_dense()
    trained = trainer.compile_model(student, make_recipe(), 1, heads.logits_model(teacher))
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
    options = {"name": name, "epochs": 2, "batch_size": 16, "num_images": 80}
    first, again, other = (fit(seed=seed, **options)[0] for seed in (0, 0, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("degraded_share", [0.0, 0.25])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])  # the last one is that of all 600 images
def test_any_batch_size_trains(fit, batch_size, degraded_share):
    history = fit(epochs=1, batch_size=batch_size, degraded_share=degraded_share)[1]
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
    ("name", "places"), [("dense", [(1, 0), (3, 0)]), ("tiny", [(0, 4), (1, 8)])]
)
@pytest.mark.parametrize(("distilled", "degraded_share"), [(False, 0.0), (True, 0.5)])
def test_a_resumed_training_ends_with_the_same_weights_to_the_bit(
    fit, monkeypatch, tmp_path, name, places, distilled, degraded_share
):
    options = {"name": name, "degraded_share": degraded_share}
    if name == "dense":
        options |= {"epochs": 4, "policy": "float32"}
    else:
        options |= {"epochs": 2, "policy": "mixed_bfloat16", "steps_per_call": 4}
        options |= {"num_images": 160, "batch_size": 16}
    options["teacher"] = heads.logits_model(models.build_tiny()) if distilled else None
    check_resuming(fit, monkeypatch, tmp_path, places, options)


def test_the_last_call_of_an_epoch_is_not_traced_anew(sets):
    """It has fewer steps than the others; tracing takes as long as dozens of steps."""
    recipe = make_recipe("tiny")
    network = trainer.compile_model(models.build_tiny(), recipe, num_steps=3)
    network.optimizer.build(network.trainable_variables)
    run_steps = trainer.make_steps(network, recipe.execution, sets[0], batch_size=8, num_warps=4)
    for steps in (2, 1):
        order = np.arange(steps * 8, dtype=np.int32).reshape(steps, 8)
        warps = np.zeros((steps, 4, *warp.WARP_SHAPE), np.float32)
        degradations = np.zeros((steps, 0, degrade.NUM_PARAMETERS), np.float32)
        loss, _ = run_steps(order, warps, degradations)
        assert 0 < loss < 10 * steps
    assert run_steps.experimental_get_tracing_count() == 1


def test_a_resumed_training_with_dropout_and_weight_decay_ends_with_the_same_weights_too(
    fit, monkeypatch, tmp_path
):
    """Dropout has a state of its own, which the checkpoint keeps."""
    options = {"name": "cnn", "epochs": 2, "policy": "mixed_bfloat16", "steps_per_call": 2}
    options |= {"num_images": 96, "batch_size": 16, "degraded_share": 0.5}
    check_resuming(fit, monkeypatch, tmp_path, [(1, 2)], options)


def check_resuming(fit, monkeypatch, folder, places, options):
    """Resume from the checkpoints with these (epochs, steps), as an interruption leaves them."""
    save, left = checkpoint.save, {}

    def save_and_keep(path, model, progress, history, settings):
        save(path, model, progress, history, settings)
        left[progress["epoch"], progress["step"]] = path.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_keep)
        network, history = fit(**options)
    for place in places:
        (folder / "checkpoint.npz").write_bytes(left[place])
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
    tiny = trainer.compile_model(models.build_tiny(), make_recipe("tiny"), 36)
    tiny.optimizer.build(tiny.trainable_variables)
    with pytest.raises(ValueError, match="another network"):
        checkpoint.load(path, tiny, {"seed": 0})


def test_a_loss_that_is_not_finite_stops_the_training(fit, tmp_path):
    with pytest.raises(FloatingPointError, match=r"in epoch 1.*smaller --learning-rate"):
        fit(learning_rate=1e30)
    assert not (tmp_path / "checkpoint.npz").exists()
