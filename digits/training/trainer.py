"""Runs the epochs of a training: fast, repeatable, and resumable."""

import math
import time
from pathlib import Path

import numpy as np

from digits.keras_quietly import keras, tf
from digits.training import checkpoint
from digits.transforms import degrade, warp

# Of a small network a step is so short that images share warps, and TensorFlow runs a whole epoch
# in one call. A large one has time for a warp an image, and returns every second at most.
IMAGES_A_WARP = {"small": 64, "large": 1}
STEPS_A_CALL = {"small": None, "large": 16}
# Batch normalization learns the statistics of what it sees, and warping blurs: without some images
# as they are, a network would be off its stride on every one that is not warped.
SHARE_UNWARPED = {"small": 0.0, "large": 0.25}
EVALUATION_BATCH_SIZE = {"small": 2500, "large": 500}
SECONDS_BETWEEN_CHECKPOINTS = 1.0


def use_threads(size):
    """Share out the processor as suits a network; before any other use of TensorFlow.

    The matrices of a small network are too small to share out among threads: an epoch of the
    dense network takes longer with two threads an operation than with one. So each operation
    gets one, and two run side by side; those of a large network get all cores.

    Args:
        size: "small" or "large", see `recipes.SIZE`.
    """
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()  # a GPU repeats itself only if told to
    tf.config.threading.set_intra_op_parallelism_threads(1 if size == "small" else 0)
    tf.config.threading.set_inter_op_parallelism_threads(2)


def fast_policy():
    """Keras's dtype policy to train convolutions with: bfloat16 where there is hardware for it.

    Returns:
        "mixed_bfloat16" with a GPU or a processor that multiplies bfloat16, which trains the
        convolutional network twice as fast as float32 (benchmarks/README.md), else "float32".
    """
    processor = Path("/proc/cpuinfo")
    fast = processor.exists() and "avx512_bf16" in processor.read_text()
    return "mixed_bfloat16" if fast or tf.config.list_physical_devices("GPU") else "float32"


def fit(
    model,
    size,
    train_set,
    val_set,
    epochs,
    batch_size,
    seed,
    warp_strength,
    checkpoint_path,
    settings,
    share_spoiled=0.0,
    resume=False,
    on_progress=lambda steps_done, values: None,
):
    """Train a compiled model, as `model.fit` does, many steps per call into TensorFlow.

    `model.fit` takes twice as long for the dense network: its steps are so short that the data
    pipeline between them costs as much as they do (benchmarks/README.md).

    Order, warps and spoiling of an epoch follow from (seed, epoch), and the rest of the state is
    saved, so a resumed training ends with the very weights of an uninterrupted one.

    Args:
        model: compiled `keras.Model` that gives logits, with a loss for logits or a
            `keras.distillation.Distiller` of such; changed in place.
        size: "small" or "large", of the network that is trained, see `recipes.SIZE`.
        train_set: `(images, labels)`: uint8 of shape (n, 28, 28), integers 0-9. An epoch leaves
            out what does not fill a batch, other images each time.
        val_set: the same, scored after each epoch.
        epochs: passes over the training images.
        batch_size: images a step.
        seed: of order, warps and spoiling.
        warp_strength: strength of `warp.random_warps`; 0 for none.
        checkpoint_path: file for the state, written at most once a second.
        settings: dict of what must not change when a training is resumed.
        share_spoiled: of the warped images in each batch, see `degrade.random_spoils`; of a batch
            that it does not divide into warps, somewhat less.
        resume: go on from `checkpoint_path`.
        on_progress: called with the number of steps done and a dict of the latest figures.

    Returns:
        dict of lists, one value an epoch: `accuracy`, `loss` (what is minimized: under a teacher
        not the cross-entropy alone), `val_accuracy`, `val_loss` (cross-entropy in nats).

    Raises:
        FloatingPointError: the loss became NaN or infinite.
        ValueError, OSError: the checkpoint cannot be resumed from, or written.
    """
    model.optimizer.build(model.trainable_variables)
    state = {"epoch": 0, "step": 0, "loss": 0.0, "num_correct": 0.0}
    history = {"accuracy": [], "loss": [], "val_accuracy": [], "val_loss": []}
    if resume:
        state, history = checkpoint.load(checkpoint_path, model, settings)
    num_images = len(train_set[0])
    batch_size = min(batch_size, num_images)
    steps = num_images // batch_size
    num_warps = _count_warps(batch_size, IMAGES_A_WARP[size], share_spoiled) if warp_strength else 0
    num_spoils = int(num_warps * share_spoiled)
    noise = degrade.make_noise(seed) if num_spoils else None
    run_steps = _make_steps(model, size, *train_set, noise)
    evaluate = _make_evaluation(model, size, *val_set)
    last_checkpoint = time.monotonic()
    for epoch in range(state["epoch"], epochs):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(num_images)[: steps * batch_size].reshape(steps, batch_size)
        warps = warp.random_warps(rng, steps * num_warps, warp_strength)
        warps[rng.random(len(warps)) < SHARE_UNWARPED[size]] = 0
        warps = warps.reshape(steps, num_warps, *warps.shape[1:])
        spoils = degrade.random_spoils(rng, steps * num_spoils)
        spoils = spoils.reshape(steps, num_spoils, *spoils.shape[1:])
        for start in range(state["step"], steps, STEPS_A_CALL[size] or steps):
            end = min(start + (STEPS_A_CALL[size] or steps), steps)
            loss, num_correct = run_steps(
                tf.constant(order[start:end], tf.int32),
                tf.constant(warps[start:end]),
                tf.constant(spoils[start:end]),
            )
            state["step"] = end
            state["loss"] += float(loss)
            state["num_correct"] += float(num_correct)
            values = {
                "accuracy": state["num_correct"] / (end * batch_size),
                "loss": state["loss"] / end,
            }
            if end == steps:
                values["val_accuracy"], values["val_loss"] = evaluate()
                for key, value in values.items():
                    history[key].append(value)
                state = {"epoch": epoch + 1, "step": 0, "loss": 0.0, "num_correct": 0.0}
            if not math.isfinite(values["loss"] + values.get("val_loss", 0)):
                raise FloatingPointError(
                    f"the loss became NaN or infinite in epoch {epoch + 1}, so training stopped "
                    "and no model was written: try a smaller --learning-rate"
                )
            on_progress(epoch * steps + end, values)
            if time.monotonic() - last_checkpoint > SECONDS_BETWEEN_CHECKPOINTS:
                checkpoint.save(checkpoint_path, model, state, history, settings)
                last_checkpoint = time.monotonic()
    return history


def _count_warps(batch_size, images_a_warp, share_spoiled):
    fewest = math.ceil(batch_size / images_a_warp)
    counts = [count for count in range(fewest, batch_size + 1) if batch_size % count == 0]
    # That share of the warps, if there is such a number of them.
    return next((count for count in counts if count * share_spoiled % 1 == 0), counts[0])


def _make_steps(model, size, images, labels, noise):
    images, labels = tf.constant(images), tf.constant(labels)
    noise = None if noise is None else tf.constant(noise)

    # The loop is written out because to have it translated (AutoGraph) takes 0.2 s.
    @tf.function(autograph=False)
    def run_steps(order, warps, spoils):
        steps, batch_size = order.shape
        num_spoiled = spoils.shape[1] * batch_size // max(1, warps.shape[1])

        def prepare(step):
            batch = _normalize(tf.gather(images, order[step]))
            if warps.shape[1]:
                batch = warp.warp_images(batch, warps[step])
            batch = tf.ensure_shape(batch, (batch_size, *images.shape[1:]))
            if num_spoiled:
                part = degrade.spoil(batch[:num_spoiled], spoils[step], noise)
                batch = tf.concat([part, batch[num_spoiled:]], axis=0)
            return batch

        def train_step(step, state):
            x, total_loss, num_correct = state
            y = tf.gather(labels, order[step])
            # Independent of what follows, so one core warps while the other trains.
            next_x = prepare(tf.minimum(step + 1, steps - 1))
            loss = 0.0
            with tf.GradientTape() as tape:
                for part in _parts(batch_size, size):
                    logits = model(x[part], training=True)
                    part_loss = model.compute_loss(x=x[part], y=y[part], y_pred=logits)
                    loss += part_loss * ((part.stop - part.start) / batch_size)
                    num_correct += _count_correct(y[part], logits)
            model.optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return next_x, total_loss + loss, num_correct

        state = (prepare(0), tf.constant(0.0), tf.constant(0.0))
        return keras.ops.fori_loop(0, steps, train_step, state)[1:]

    return run_steps


def _parts(batch_size, size):
    middle = batch_size // 2
    # The halves of a batch are independent of each other, so a small network's run side by side.
    if size == "small" and middle:
        return [slice(0, middle), slice(middle, batch_size)]
    return [slice(0, batch_size)]


def _make_evaluation(model, size, images, labels):
    num_images, batch_size = len(labels), EVALUATION_BATCH_SIZE[size]
    measure_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

    @tf.function(autograph=False)
    def evaluate_part(images, labels):
        logits = model(_normalize(images), training=False)
        return measure_loss(labels, logits), _count_correct(labels, logits)

    def evaluate():
        total_loss, num_correct = 0.0, 0.0
        for start in range(0, num_images, batch_size):
            part = slice(start, start + batch_size)
            loss, correct = evaluate_part(tf.constant(images[part]), tf.constant(labels[part]))
            total_loss += float(loss)
            num_correct += float(correct)
        return num_correct / num_images, total_loss / num_images

    return evaluate


def _normalize(images):
    return keras.ops.cast(images, "float32") / 255


def _count_correct(labels, logits):
    correct = keras.ops.equal(keras.ops.argmax(logits, axis=1), keras.ops.cast(labels, "int32"))
    return keras.ops.sum(keras.ops.cast(correct, "float32"))
