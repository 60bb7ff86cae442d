"""Runs the epochs of a training: fast, repeatable, and resumable."""

import math
import time

import numpy as np
import tensorflow as tf
from keras import ops

import augment
import checkpoint

IMAGES_A_WARP = 64
EVALUATION_BATCH_SIZE = 2500
SECONDS_BETWEEN_CHECKPOINTS = 1.0


def use_small_network_threads():
    """Give each operation one thread, and let two run side by side; before any other TensorFlow.

    The matrices of a small network are too small to share out among threads: an epoch of the
    dense network takes longer with two threads an operation than with one.
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
    on_epoch_end=lambda epoch, values: None,
):
    """Train a compiled model, as `model.fit` does, an epoch per call into TensorFlow.

    `model.fit` takes twice as long for the dense network: its steps are so short that the data
    pipeline between them costs as much as they do (benchmarks/README.md).

    Order and warps of an epoch follow from (seed, epoch) alone, and the state is saved between
    epochs, so a resumed training ends with the very weights of an uninterrupted one.

    Args:
        model: compiled `keras.Model` that gives probabilities; changed in place.
        train_set: `(images, labels)`: uint8 of shape (n, 28, 28), integers 0-9. An epoch leaves
            out what does not fill a batch, other images each time.
        val_set: the same, scored after each epoch.
        epochs: passes over the training images.
        batch_size: images a step.
        seed: of order and warps.
        warp_strength: strength of `augment.random_warps`; 0 for none.
        checkpoint_path: file for the state, written at most once a second.
        settings: dict of what must not change when a training is resumed.
        resume: go on from `checkpoint_path`.
        on_epoch_end: called with the number of epochs done and the values of the last one.

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
    num_images = len(train_set[0])
    batch_size = min(batch_size, num_images)
    steps = num_images // batch_size
    num_warps = _count_warps(batch_size) if warp_strength else 0
    run_epoch = _make_epoch(model, *train_set)
    evaluate = _make_evaluation(model, *val_set)
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
        if not math.isfinite(values["loss"] + values["val_loss"]):
            raise FloatingPointError(
                f"the loss became NaN or infinite in epoch {epoch + 1}, so training stopped and "
                "earlier files are as they were: try a smaller --learning-rate"
            )
        for key, value in values.items():
            history[key].append(value)
        on_epoch_end(epoch + 1, values)
        if time.monotonic() - last_checkpoint > SECONDS_BETWEEN_CHECKPOINTS:
            checkpoint.save(checkpoint_path, model, epoch + 1, history, settings)
            last_checkpoint = time.monotonic()
    return history


def _count_warps(batch_size):
    fewest = math.ceil(batch_size / IMAGES_A_WARP)
    return next(count for count in range(fewest, batch_size + 1) if batch_size % count == 0)


def _make_epoch(model, images, labels):
    images, labels = tf.constant(images), tf.constant(labels)

    # The loop is written out because to have it translated (AutoGraph) takes 0.2 s.
    @tf.function(autograph=False)
    def run_epoch(order, warps):
        steps, batch_size = order.shape

        def prepare(step):
            batch = _normalize(tf.gather(images, order[step]))
            if warps.shape[1]:
                batch = augment.warp(batch, warps[step])
            return tf.ensure_shape(batch, (batch_size, *images.shape[1:]))

        def train_step(step, state):
            x, total_loss, num_correct = state
            y = tf.gather(labels, order[step])
            # Independent of what follows, so one core warps while the other trains.
            next_x = prepare(tf.minimum(step + 1, steps - 1))
            loss = 0.0
            with tf.GradientTape() as tape:
                # And the two halves of a batch are independent of each other.
                for part in _halves(batch_size):
                    probabilities = model(x[part], training=True)
                    part_loss = model.compute_loss(y=y[part], y_pred=probabilities)
                    loss += part_loss * ((part.stop - part.start) / batch_size)
                    num_correct += _count_correct(y[part], probabilities)
            model.optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return next_x, total_loss + loss, num_correct

        state = (prepare(0), tf.constant(0.0), tf.constant(0.0))
        _, total_loss, num_correct = ops.fori_loop(0, steps, train_step, state)
        return total_loss / steps, num_correct / (steps * batch_size)

    return run_epoch


def _halves(batch_size):
    middle = batch_size // 2
    return [slice(0, middle), slice(middle, batch_size)] if middle else [slice(0, batch_size)]


def _make_evaluation(model, images, labels):
    images, labels = tf.constant(images), tf.constant(labels)
    num_images = len(labels)

    @tf.function(autograph=False)
    def evaluate():
        total_loss, num_correct = 0.0, 0.0
        for start in range(0, num_images, EVALUATION_BATCH_SIZE):
            part = slice(start, min(start + EVALUATION_BATCH_SIZE, num_images))
            probabilities = model(_normalize(images[part]), training=False)
            loss = model.compute_loss(y=labels[part], y_pred=probabilities, training=False)
            total_loss += loss * ((part.stop - part.start) / num_images)
            num_correct += _count_correct(labels[part], probabilities)
        return total_loss, num_correct / num_images

    return evaluate


def _normalize(images):
    return ops.cast(images, "float32") / 255


def _count_correct(labels, probabilities):
    correct = ops.equal(ops.argmax(probabilities, axis=1), ops.cast(labels, "int32"))
    return ops.sum(ops.cast(correct, "float32"))
