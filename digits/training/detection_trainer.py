"""Trains the detector through Keras's `fit`: repeatable to the bit, and resumable."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digits.keras_quietly import keras
from digits.training import checkpoint
from digits.training.detection import SyntheticPages


def fit(
    network: keras.Model,
    training_set: SyntheticPages,
    validation_set: SyntheticPages,
    epochs: int,
    *,
    checkpoint_path: str | Path,
    settings: Mapping[str, Any],
    resume: bool = False,
) -> dict[str, list[float]]:
    """Train a detector, and save the state after each epoch.

    The pages of a batch follow from (seed, epoch, index), and the rest of the state is saved, so a
    resumed training ends with the very weights of an uninterrupted one.

    Args:
        network: compiled; changed in place.
        training_set: pages to train on.
        validation_set: pages to score after each epoch.
        epochs: of the whole training.
        checkpoint_path: `.npz` file for the state.
        settings: what must not change when a training is resumed, as JSON takes it.
        resume: continue from `checkpoint_path`.

    Returns:
        Lists of one value per epoch: the loss and each metric, and with the prefix `val_` those of
        the validation set.

    Raises:
        FloatingPointError: the loss became NaN or infinite.
        ValueError, OSError: the checkpoint cannot be resumed from, or written.
    """
    network.optimizer.build(network.trainable_variables)
    progress: dict[str, Any] = {"epoch": 0}
    history: dict[str, list[float]] = {}
    if resume:
        progress, history = checkpoint.load(checkpoint_path, network, settings)
    training_set.epoch = progress["epoch"]

    def end_epoch(epoch: int, logs: dict[str, float]) -> None:
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            raise FloatingPointError(
                f"the loss became NaN or infinite in epoch {epoch + 1}, so training stopped and no "
                "model was written: try another --seed"
            )
        for key, value in logs.items():
            history.setdefault(key, []).append(value)
        checkpoint.save(
            checkpoint_path, network, {"epoch": epoch + 1, "step": 0}, history, settings
        )

    network.fit(
        training_set,
        validation_data=validation_set,
        initial_epoch=progress["epoch"],
        epochs=epochs,
        shuffle=False,  # the order would not follow from the epoch
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=end_epoch)],
    )
    return history
