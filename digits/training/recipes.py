"""How each network is trained best: found on validation images (benchmarks/README.md)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digits.keras_quietly import keras


@dataclasses.dataclass(frozen=True)
class Execution:
    """How the steps of a training are executed: what is fast depends on a network's size.

    Attributes:
        images_per_warp: images of a batch that share a warp, at most.
        steps_per_call: steps in one call into TensorFlow; None for a whole epoch.
        threads_per_op: threads for one operation; 0 for all cores.
        halve_batches: compute the two halves of a batch side by side.
        low_precision: train in bfloat16 where the hardware multiplies it.
        evaluation_batch_size: images per call when the validation set is scored.
    """

    images_per_warp: int
    steps_per_call: int | None
    threads_per_op: int
    halve_batches: bool
    low_precision: bool
    evaluation_batch_size: int


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        learning_rate: peak of the schedule.
        warp_strength: multiplies the ranges of `warp.random_warps`; 0: no image is warped.
        degraded_share: share of the warped images that are degraded too.
        unmodified_share: share of the warps that are replaced by none.
        degraded_rotation: largest rotation in degrees of the images that are degraded; None: that
            of the others.
        outlined_share: share of the degraded images of which only outlines are left.
        lined_share: share of the degraded images that lines are drawn across.
        weight_decay: of the optimizer; None for none.
        execution: how it is executed.
        betas: of Adam. With its own beta_2 of .999 the mean of squared gradients is too slow for
            so few steps.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warp_strength: float
    degraded_share: float
    unmodified_share: float
    weight_decay: float | None
    execution: Execution
    betas: tuple[float, float] = (0.9, 0.99)
    degraded_rotation: float | None = None
    outlined_share: float = 0.0
    lined_share: float = 0.0

    @property
    def has_lines(self) -> bool:
        """Whether lines or outlines are drawn on some of the degraded images."""
        return self.outlined_share > 0 or self.lined_share > 0

    def steps_per_epoch(self, num_images: int) -> int:
        """Number of steps in an epoch of so many images; an incomplete batch is left out."""
        return max(1, num_images // self.batch_size)


# A step of the dense network takes less time than a call into TensorFlow, and its matrices are too
# small to share out among threads: an epoch takes longer with two threads per operation than with
# one. So a call computes a whole epoch, each operation gets one thread, and the halves of a batch
# run side by side.
SMALL_STEPS = Execution(
    images_per_warp=64,
    steps_per_call=None,
    threads_per_op=1,
    halve_batches=True,
    low_precision=False,
    evaluation_batch_size=2500,
)
# A step of convolutions has time for one warp per image; a call returns within about a second.
LARGE_STEPS = Execution(
    images_per_warp=1,
    steps_per_call=16,
    threads_per_op=0,
    halve_batches=False,
    low_precision=True,
    evaluation_batch_size=500,
)
# The convolutions of lenet are so small that the halves of a batch are faster side by side too; so
# many of its steps take about a second.
MEDIUM_STEPS = dataclasses.replace(
    LARGE_STEPS, steps_per_call=64, threads_per_op=1, halve_batches=True
)

# Recipes for --augment degrade. The convolutional networks have batch normalization, whose
# statistics come from the training images: warping blurs these, so a quarter is left unmodified.
RECIPES = {
    "dense": Recipe(
        epochs=150,
        batch_size=512,
        learning_rate=4e-3,
        warp_strength=1.0,
        degraded_share=0.25,
        unmodified_share=0.0,
        weight_decay=None,
        execution=SMALL_STEPS,
    ),
    "lenet": Recipe(
        epochs=10,
        batch_size=128,
        learning_rate=4e-3,
        warp_strength=1.0,
        degraded_share=0.25,
        unmodified_share=0.0,
        weight_decay=None,
        execution=MEDIUM_STEPS,
    ),
    "tiny": Recipe(
        epochs=40,
        batch_size=256,
        learning_rate=8e-3,
        warp_strength=0.7,
        degraded_share=0.25,
        unmodified_share=0.25,
        weight_decay=None,
        execution=LARGE_STEPS,
    ),
    "cnn": Recipe(
        epochs=30,
        batch_size=256,
        learning_rate=3e-3,
        warp_strength=1.5,
        degraded_share=0.5,
        unmodified_share=0.25,
        weight_decay=0.05,
        execution=LARGE_STEPS,
    ),
}
# What changes with a teacher, whose outputs leave more to learn from each image.
DISTILLED: dict[str, dict[str, Any]] = {
    "dense": {"epochs": 300, "batch_size": 256},
    "lenet": {},
    "tiny": {},
    "cnn": {},
}
# What changes without augmentation, where a network soon overfits. The values for tiny and cnn
# were not searched for, nor those of lenet above. Batch, learning rate and betas of lenet here are
# those of https://github.com/tuomaso/train_mnist_fast.
NOT_AUGMENTED: dict[str, dict[str, Any]] = {
    "dense": {"epochs": 6, "learning_rate": 1.2e-2},
    "lenet": {"epochs": 2, "batch_size": 256, "learning_rate": 1e-2, "betas": (0.7, 0.9)},
    "tiny": {"epochs": 10},
    "cnn": {"epochs": 10},
}

# What is added to degraded images with --augment forms: pages that lie askew, rules and edges of
# boxes, hollow strokes.
FORMS: dict[str, Any] = {"degraded_rotation": 35.0, "outlined_share": 0.15, "lined_share": 0.5}


def choose_recipe(name: str, augment: str, distilled: bool) -> Recipe:
    """Choose the recipe of a training.

    Args:
        name: a key of `RECIPES`.
        augment: "forms" or "degrade" (warp all images and degrade some), "warp" or "none".
        distilled: whether the network learns from a teacher too.

    Returns:
        The recipe.
    """
    recipe = RECIPES[name]
    if distilled:
        recipe = dataclasses.replace(recipe, **DISTILLED[name])
    if augment not in ("degrade", "forms"):
        recipe = dataclasses.replace(recipe, degraded_share=0.0)
    if augment == "forms":
        recipe = dataclasses.replace(recipe, **FORMS)
    if augment == "none":
        recipe = dataclasses.replace(recipe, **NOT_AUGMENTED[name], warp_strength=0.0)
    return recipe


def build_optimizer(
    learning_rate: float,
    num_steps: int,
    warmup_steps: int,
    weight_decay: float | None,
    betas: tuple[float, float] = (0.9, 0.99),
) -> keras.optimizers.Optimizer:
    """Build the optimizer of every training here: Adam on a schedule.

    The learning rate rises linearly to its peak, then falls to zero along a cosine. Weight decay
    leaves out biases and the parameters of batch normalization.

    Args:
        learning_rate: peak of the schedule.
        num_steps: steps of the whole training.
        warmup_steps: those in which the learning rate rises.
        weight_decay: share of each weight that is subtracted per step, times the learning rate;
            None for none.
        betas: of Adam.

    Returns:
        The optimizer, not yet built.
    """
    from digits.keras_quietly import keras

    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=num_steps - warmup_steps,
    )
    optimizer = keras.optimizers.Adam(schedule, *betas, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer
