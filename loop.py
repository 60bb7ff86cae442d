"""Runs the epochs of a training: fast, repeatable, and resumable."""

import math
import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import augment
import checkpoint

IMAGES_A_WARP = 32
SECONDS_BETWEEN_CHECKPOINTS = 1.0


def use_small_network_threads():
    """Give each operation one thread, and let two run side by side; before any other TensorFlow.

    The matrices of a small network are too small to share out: with two threads an operation, an
    epoch of the dense network takes 1.5 times as long (benchmarks/README.md).
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)


def fit(
    model,
    train_set,
    val_set,
    epochs,
    batch_size,
    seed,
    warp_strength,
    checkpoint_path,
    settings,
    resume=False,
):
    """Train a compiled model, as `model.fit` does, an epoch per call into TensorFlow.

    `model.fit` takes twice as long for the dense network: its steps are so short that the data
    pipeline between them costs as much as they do (benchmarks/README.md).

    Order and warps of an epoch follow from (seed, epoch) alone, and the state is saved between
    epochs, so a resumed training ends with the very weights of an uninterrupted one.

    Args:
        model: compiled `keras.Model` that gives probabilities; changed in place.
        train_set: `(images, labels)`: float32 of shape (n, 28, 28) in [0, 1], integers 0-9. An
            epoch leaves out what does not fill a batch, other images each time.
        val_set: the same, scored after each epoch.
        epochs: passes over the training images.
        batch_size: images a step.
        seed: of order and warps.
        warp_strength: strength of `augment.random_warps`; 0 for none.
        checkpoint_path: file for the state, written at most once a second.
        settings: dict of what must not change when a training is resumed.
        resume: go on from `checkpoint_path`.

    Returns:
        dict of lists, one value an epoch: `accuracy`, `loss`, `val_accuracy`, `val_loss`.

    Raises:
        FloatingPointError: the loss became NaN or infinite.
        ValueError, OSError: the checkpoint cannot be resumed from, or written.
    """
    model.optimizer.build(model.trainable_variables)
    first_epoch, history = 0, {"accuracy": [], "loss": [], "val_accuracy": [], "val_loss": []}
    if resume:
        first_epoch, history = checkpoint.load(checkpoint_path, model, settings)
        print(f"Resuming after epoch {first_epoch} of {epochs}.")
    num_images = len(train_set[0])
    batch_size = min(batch_size, num_images)
    steps = num_images // batch_size
    num_warps = _count_warps(batch_size) if warp_strength else 0
    run_epoch = _make_epoch(model, *train_set)
    evaluate = _make_evaluation(model, *val_set)
    progress = keras.utils.Progbar(
        epochs, unit_name="epoch", interval=0.5, stateful_metrics=history
    )
    last_checkpoint = time.monotonic()
    for epoch in range(first_epoch, epochs):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(num_images)[: steps * batch_size].reshape(steps, batch_size)
        warps = augment.random_warps(rng, steps * num_warps, warp_strength)
        loss, accuracy = run_epoch(
            tf.constant(order, tf.int32),
            tf.constant(warps.reshape(steps, num_warps, *warps.shape[1:])),
        )
        val_loss, val_accuracy = evaluate()
        values = {
            "accuracy": float(accuracy),
            "loss": float(loss),
            "val_accuracy": float(val_accuracy),
            "val_loss": float(val_loss),
        }
        if not math.isfinite(values["loss"]):
            raise FloatingPointError(
                f"the loss became {values['loss']} in epoch {epoch + 1}, so training stopped and "
                "no file was changed: try a smaller --learning-rate"
            )
        for key, value in values.items():
            history[key].append(value)
        progress.update(epoch + 1, values.items())
        if time.monotonic() - last_checkpoint > SECONDS_BETWEEN_CHECKPOINTS:
            checkpoint.save(checkpoint_path, model, epoch + 1, history, settings)
            last_checkpoint = time.monotonic()
    return history


def _count_warps(batch_size):
    fewest = math.ceil(batch_size / IMAGES_A_WARP)
    return next(count for count in range(fewest, batch_size + 1) if batch_size % count == 0)


def _make_epoch(model, images, labels):
    images, labels = tf.constant(images), tf.constant(labels)

    @tf.function
    def run_epoch(order, warps):
        steps, batch_size = order.shape

        def prepare(step):
            batch = tf.gather(images, order[step])
            if warps.shape[1]:
                batch = augment.warp(batch, warps[step])
            return tf.ensure_shape(batch, (batch_size, *images.shape[1:]))

        total_loss, num_correct = tf.constant(0.0), tf.constant(0.0)
        batch = prepare(0)
        for step in tf.range(steps):
            # The next batch is warped on one core while the other trains on this one.
            x, batch = batch, prepare(tf.minimum(step + 1, steps - 1))
            y = tf.gather(labels, order[step])
            with tf.GradientTape() as tape:
                probabilities = model(x, training=True)
                loss = model.compute_loss(y=y, y_pred=probabilities)
            model.optimizer.apply(tape.gradient(loss, model.trainable_variables))
            total_loss += loss
            num_correct += _count_correct(y, probabilities)
        return total_loss / steps, num_correct / (steps * batch_size)

    return run_epoch


def _make_evaluation(model, images, labels, batch_size=1000):
    images, labels = tf.constant(images), tf.constant(labels)
    num_images = len(labels)

    @tf.function
    def evaluate():
        total_loss, num_correct = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, num_images, batch_size):
            x, y = images[start : start + batch_size], labels[start : start + batch_size]
            probabilities = model(x, training=False)
            loss = model.compute_loss(y=y, y_pred=probabilities, training=False)
            total_loss += loss * tf.cast(tf.shape(y)[0], tf.float32)
            num_correct += _count_correct(y, probabilities)
        return total_loss / num_images, num_correct / num_images

    return evaluate


def _count_correct(labels, probabilities):
    correct = ops.equal(ops.argmax(probabilities, axis=1), ops.cast(labels, "int32"))
    return ops.sum(ops.cast(correct, "float32"))
