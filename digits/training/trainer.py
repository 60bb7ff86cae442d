"""Runs the epochs of a training: fast, repeatable to the bit, and resumable."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digits.keras_quietly import keras, tf
from digits.networks import heads
from digits.training import checkpoint, devices, distillation
from digits.training.recipes import Execution, Recipe, build_optimizer
from digits.transforms import degrade, warp

SECONDS_BETWEEN_CHECKPOINTS = 1.0

# Images, uint8 of shape (n, 28, 28), 0 paper to 255 ink, and labels, integers 0-9 of shape (n,).
ImageSet = tuple[np.ndarray, np.ndarray]


def use_threads(execution: Execution) -> None:
    """Set TensorFlow's threads for a training; before any other use of TensorFlow.

    With a GPU this also asks for deterministic operations, without which no training repeats.

    Args:
        execution: how the training is executed.
    """
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(execution.threads_per_op)
    tf.config.threading.set_inter_op_parallelism_threads(2)


def fast_policy() -> str:
    """Choose Keras's dtype policy to train convolutions with.

    Returns:
        "mixed_bfloat16" with a GPU or a processor that multiplies bfloat16, which trains the
        convolutional network twice as fast as float32 (benchmarks/README.md), else "float32".
    """
    processor = Path("/proc/cpuinfo")
    fast = processor.exists() and "avx512_bf16" in processor.read_text()
    return "mixed_bfloat16" if fast or tf.config.list_physical_devices("GPU") else "float32"


def choose_policy(execution: Execution) -> str:
    """Choose Keras's dtype policy for a training."""
    return fast_policy() if execution.low_precision else "float32"


def compile_model(
    network: keras.Model, recipe: Recipe, num_steps: int, teacher: keras.Model | None = None
) -> keras.Model:
    """Compile a network for training by a recipe.

    Args:
        network: of `model.BUILDERS`.
        recipe: its learning rate and weight decay are used.
        num_steps: steps of the whole training; the learning rate rises in the first third.
        teacher: a `keras.Model` from images to logits to learn from, or None.

    Returns:
        A compiled `keras.Model` from images to logits that trains the weights of `network`.
    """
    model = heads.logits_model(network)
    if teacher is not None:
        model = distillation.distill(model, teacher)
    model.compile(
        optimizer=build_optimizer(
            recipe.learning_rate, num_steps, num_steps // 3, recipe.weight_decay, recipe.betas
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def fit(
    network: keras.Model,
    train_set: ImageSet,
    val_set: ImageSet,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint_path: str | Path,
    settings: Mapping[str, Any],
    teacher: keras.Model | None = None,
    resume: bool = False,
    on_progress: Callable[[int, dict[str, float]], object] = lambda steps_done, values: None,
) -> dict[str, list[float]]:
    """Train a network, as `model.fit` does, with many steps per call into TensorFlow.

    `model.fit` takes twice as long for the dense network: its steps are so short that the data
    pipeline between them costs as much as they do (benchmarks/README.md).

    In the `scope()` of a `tf.distribute.Strategy`, in which the network was built too, each device
    trains on its part of every batch, which is augmented as a whole before.

    Order and augmentation of an epoch follow from (seed, epoch), and the rest of the state is
    saved, so a resumed training ends with the very weights of an uninterrupted one.

    Args:
        network: of `model.BUILDERS`, uncompiled; changed in place.
        train_set: images and labels to train on. An epoch leaves out what does not fill a batch,
            other images each time.
        val_set: images and labels to score after each epoch.
        recipe: how to train.
        seed: seed of order and augmentation.
        checkpoint_path: `.npz` file for the state, written at most once a second.
        settings: what must not change when a training is resumed, as JSON takes it.
        teacher: a `keras.Model` from images to logits to learn from, or None.
        resume: continue from `checkpoint_path`.
        on_progress: called with the number of steps done and a dict of the latest figures.

    Returns:
        Lists of one value per epoch: `accuracy`, `loss` (what is minimized: with a teacher not the
        cross-entropy alone), `val_accuracy`, `val_loss` (cross-entropy in nats).

    Raises:
        FloatingPointError: the loss became NaN or infinite.
        ValueError, OSError: the checkpoint cannot be resumed from, or written.
        ValueError: there are more devices than images in a batch.
    """
    execution = recipe.execution
    num_images = len(train_set[0])
    batch_size = min(recipe.batch_size, num_images)
    num_devices = tf.distribute.get_strategy().num_replicas_in_sync
    if batch_size < num_devices:
        raise ValueError(
            f"received batches of {batch_size} images for {num_devices} devices, expected an image "
            "or more for each: give a larger --batch-size or fewer --devices"
        )
    steps = recipe.steps_per_epoch(num_images)
    model = compile_model(network, recipe, recipe.epochs * steps, teacher)
    model.optimizer.build(model.trainable_variables)
    state: dict[str, Any] = {"epoch": 0, "step": 0, "loss": 0.0, "num_correct": 0.0}
    history: dict[str, list[float]]
    history = {"accuracy": [], "loss": [], "val_accuracy": [], "val_loss": []}
    if resume:
        state, history = checkpoint.load(checkpoint_path, model, settings)
    num_warps = _count_warps(batch_size, recipe) if recipe.warp_strength else 0
    num_degradations = int(num_warps * recipe.degraded_share)
    textures = None
    if num_degradations:
        textures = degrade.make_textures(seed, recipe.has_lines)
    run_steps = make_steps(
        model, execution, train_set, batch_size, num_warps, num_degradations, textures
    )
    evaluate = _make_evaluation(model, execution, val_set)
    last_checkpoint = time.monotonic()
    for epoch in range(state["epoch"], recipe.epochs):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(num_images)[: steps * batch_size].reshape(steps, batch_size)
        warps, degradations = _draw_augmentation(rng, recipe, steps, num_warps, num_degradations)
        for start in range(state["step"], steps, execution.steps_per_call or steps):
            end = min(start + (execution.steps_per_call or steps), steps)
            loss, num_correct = run_steps(
                tf.constant(order[start:end], tf.int32),
                tf.constant(warps[start:end]),
                tf.constant(degradations[start:end]),
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


def make_steps(
    model: keras.Model,
    execution: Execution,
    train_set: ImageSet,
    batch_size: int,
    num_warps: int = 0,
    num_degradations: int = 0,
    textures: degrade.Textures | None = None,
) -> Callable:
    """Make the function that runs training steps in one call into TensorFlow.

    Args:
        model: compiled, as `compile_model` returns, its optimizer built.
        execution: how steps are executed.
        train_set: images and labels to train on.
        batch_size: images of a step.
        num_warps: warps of a step; they divide the batch, 0 for none.
        num_degradations: degradations of a step, of the images of the first so many warps.
        textures: from `degrade.make_textures`; None where no image is degraded.

    Returns:
        A `tf.function` from `order` (int32 of shape (steps, batch_size), indices of images),
        `warps` (float32 of shape (steps, num_warps, 2, 28)) and `degradations` (float32 of shape
        (steps, num_degradations, 9)), of any number of steps, to the sum of the steps' losses and
        the number of correct predictions.
    """
    strategy = tf.distribute.get_strategy()
    images, labels = (tf.constant(array) for array in train_set)
    if textures is not None:
        textures = degrade.Textures(
            *(None if texture is None else tf.constant(texture) for texture in textures)
        )

    num_degraded = num_degradations * batch_size // max(1, num_warps)
    # The last call of an epoch has fewer steps: it would be traced anew if their number were fixed.
    signature = [
        tf.TensorSpec([None, batch_size], tf.int32),
        tf.TensorSpec([None, num_warps, *warp.WARP_SHAPE], tf.float32),
        tf.TensorSpec([None, num_degradations, degrade.NUM_PARAMETERS], tf.float32),
    ]

    # The loop is written out because to have it translated (AutoGraph) takes 0.2 s.
    @tf.function(autograph=False, input_signature=signature)
    def run_steps(order, warps, degradations):
        steps = tf.shape(order)[0]

        def prepare(step):
            batch = _normalize(tf.gather(images, order[step]))
            if num_warps:
                batch = warp.warp_images(batch, warps[step])
            batch = tf.ensure_shape(batch, (batch_size, *images.shape[1:]))
            if textures is not None:
                part = degrade.degrade_images(batch[:num_degraded], degradations[step], textures)
                batch = tf.concat([part, batch[num_degraded:]], axis=0)
            return batch

        def train_replica(x, y):
            """Train on this replica's part of a batch; its part of the loss is returned."""
            loss, num_correct = 0.0, 0.0
            with tf.GradientTape() as tape:
                for part in _split(devices.split_batch(batch_size), execution.halve_batches):
                    logits = model(x[part], training=True)
                    part_loss = model.compute_loss(x=x[part], y=y[part], y_pred=logits)
                    # Keras divides losses by the number of replicas, as if their parts were alike.
                    share = (part.stop - part.start) / batch_size * strategy.num_replicas_in_sync
                    loss += part_loss * share
                    num_correct += _count_correct(y[part], logits)
            # This adds up the gradients of all replicas.
            model.optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return loss, num_correct

        def train_step(step, state):
            x, total_loss, num_correct = state
            y = tf.gather(labels, order[step])
            # Independent of what follows, so one core warps while the other trains.
            next_x = prepare(tf.minimum(step + 1, steps - 1))
            loss, correct = (
                strategy.reduce("SUM", value, axis=None)
                for value in strategy.run(train_replica, (x, y))
            )
            return next_x, total_loss + loss, num_correct + correct

        state = (prepare(0), tf.constant(0.0), tf.constant(0.0))
        return keras.ops.fori_loop(0, steps, train_step, state)[1:]

    return run_steps


def _count_warps(batch_size: int, recipe: Recipe) -> int:
    """Count the warps for a batch: they divide it, and the degraded share divides them.

    Where there is no such number, the degraded share is rounded down.
    """
    fewest = math.ceil(batch_size / recipe.execution.images_per_warp)
    counts = [count for count in range(fewest, batch_size + 1) if batch_size % count == 0]
    return next((count for count in counts if count * recipe.degraded_share % 1 == 0), counts[0])


def _draw_augmentation(
    rng: np.random.Generator, recipe: Recipe, steps: int, num_warps: int, num_degradations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the warps and the degradations of an epoch, as `make_steps` takes them."""
    warps = warp.random_warps(rng, steps * num_warps, recipe.warp_strength)
    warps = warps.reshape(steps, num_warps, *warps.shape[1:])
    if recipe.degraded_rotation is not None:
        # The first warps of a step are those of the images that are degraded too.
        turned = warp.random_warps(
            rng, steps * num_degradations, recipe.warp_strength, recipe.degraded_rotation
        )
        warps[:, :num_degradations] = turned.reshape(steps, num_degradations, *warps.shape[2:])
    warps[rng.random(warps.shape[:2]) < recipe.unmodified_share] = 0
    degradations = degrade.random_degradations(
        rng, steps * num_degradations, recipe.outlined_share, recipe.lined_share
    )
    return warps, degradations.reshape(steps, num_degradations, *degradations.shape[1:])


def _split(part: slice, in_halves: bool) -> list[slice]:
    middle = (part.start + part.stop) // 2
    if in_halves and middle > part.start:
        return [slice(part.start, middle), slice(middle, part.stop)]
    return [part]


def _make_evaluation(
    model: keras.Model, execution: Execution, val_set: ImageSet
) -> Callable[[], tuple[float, float]]:
    images, labels = val_set
    num_images, batch_size = len(labels), execution.evaluation_batch_size
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
