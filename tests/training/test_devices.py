"""Trainings on two devices: parts of the processor, in a process whose TensorFlow is split so."""

import concurrent.futures
import dataclasses
import multiprocessing
import shutil

import numpy as np
import pytest

import data
import model as models
from digits.keras_quietly import keras, tf
from digits.networks import heads
from digits.networks.batch_norm import FusedBatchNormalization
from digits.training import RECIPES, checkpoint, devices, trainer


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory):
    """Runs a function with an empty folder in a process with two devices."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        pool.submit(set_up).result()
        yield lambda function: pool.submit(function, tmp_path_factory.mktemp("devices")).result()


def set_up():
    trainer.use_threads(RECIPES["dense"].execution)
    global strategy
    strategy = devices.make_strategy(2)


def test_two_devices_train_as_one_repeat_to_the_bit_and_resume(two_devices):
    """With degraded images, a teacher, and batches of 63: parts of 31 and 32 images."""
    one, two, again, resumed = two_devices(train_four_times)
    before = models.build_dense().get_weights()
    for left, right, start in zip(one[0], two[0], before, strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-5)
        assert np.abs(left - start).max() > 1e-2
    for key in one[1]:
        np.testing.assert_allclose(one[1][key], two[1][key], rtol=1e-5)
    for other in (again, resumed):
        assert all((a == b).all() for a, b in zip(two[0], other[0], strict=True))
        assert two[1]["val_loss"] == other[1]["val_loss"]


def train_four_times(folder):
    (images, labels), split = data.load_train(), 600
    recipe = dataclasses.replace(RECIPES["dense"], epochs=2, batch_size=63)
    trainer.SECONDS_BETWEEN_CHECKPOINTS = -1  # after every epoch
    save = checkpoint.save

    def save_and_keep(path, model, progress, history, settings):
        save(path, model, progress, history, settings)
        if progress["epoch"] == 1:
            shutil.copy(path, folder / "kept.npz")

    checkpoint.save = save_and_keep

    def train(scope, resume=False):
        with scope:
            keras.utils.set_random_seed(0)
            network = models.build_dense()
            history = trainer.fit(
                network,
                (images[:split], labels[:split]),
                (images[split : split + 100], labels[split : split + 100]),
                recipe,
                seed=0,
                checkpoint_path=folder / ("kept.npz" if resume else "checkpoint.npz"),
                settings={},
                teacher=heads.logits_model(models.build_tiny()),
                resume=resume,
            )
        return network.get_weights(), history

    one = train(tf.distribute.get_strategy().scope())
    return [one, *(train(strategy.scope(), resume) for resume in (False, False, True))]


def test_batch_normalization_takes_its_statistics_from_the_parts_on_all_devices(two_devices):
    one, two = two_devices(normalize_twice)
    for left, right in zip(one, two, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def normalize_twice(folder):
    """Outputs, gradients and moving statistics of the layer on one device and on two."""
    rng = np.random.default_rng(0)
    x, factors = rng.normal(2, 3, (2, 7, 4, 4, 3)).astype(np.float32)

    def normalize(chosen):
        with chosen.scope():
            layer = FusedBatchNormalization(momentum=0.9)
            layer.build(x.shape)

        def normalize_part():
            part = devices.split_batch(len(x))
            inputs = tf.constant(x[part])
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs, training=True)
                loss = tf.reduce_sum(outputs * factors[part])
            variables = [layer.gamma.value, layer.beta.value]
            return outputs, *tape.gradient(loss, [inputs, *variables])

        parts = tf.function(lambda: chosen.run(normalize_part), autograph=False)()
        outputs, inputs, gamma, beta = map(chosen.experimental_local_results, parts)
        wholes = [np.concatenate(outputs), np.concatenate(inputs), sum(gamma), sum(beta)]
        return [np.asarray(whole) for whole in wholes] + layer.get_weights()

    return normalize(tf.distribute.get_strategy()), normalize(strategy)


def test_more_devices_than_images_in_a_batch_are_refused(two_devices):
    with pytest.raises(ValueError, match="batches of 1 images for 2 devices, expected an image or"):
        two_devices(train_on_single_images)


def train_on_single_images(folder):
    images = (np.zeros((3, 28, 28), np.uint8), np.arange(3))
    recipe = dataclasses.replace(RECIPES["dense"], batch_size=1)
    with strategy.scope():
        network = models.build_dense()
        path = folder / "checkpoint.npz"
        trainer.fit(network, images, images, recipe, seed=0, checkpoint_path=path, settings={})


def test_more_devices_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    with pytest.raises(ValueError, match="received --devices 3, expected at most 2, the number of"):
        devices.make_strategy(3)


def test_one_device_is_the_one_that_tensorflow_chooses():
    assert devices.make_strategy(1).num_replicas_in_sync == 1
    assert not isinstance(devices.make_strategy(1), tf.distribute.MirroredStrategy)
