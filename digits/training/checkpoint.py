"""Keeps the state of a training in one file, so that it can continue after an interruption."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digits import files
from digits.keras_quietly import keras


def save(
    path: str | Path,
    model: keras.Model,
    progress: Mapping[str, float],
    history: Mapping[str, list[float]],
    settings: Mapping[str, Any],
) -> None:
    """Write the state between two steps, whole or not at all.

    The order of the data and its augmentation follow from seed and epoch, so the variables and the
    progress are all there is to keep.

    Args:
        path: `.npz` file to write.
        model: compiled `keras.Model` with a built optimizer.
        progress: numbers, among them `epoch`, epochs finished, and `step`, steps done in the
            current one.
        history: lists of one value per epoch.
        settings: what must be the same when the training continues, as JSON takes it.

    Raises:
        OSError: the file cannot be written.
    """
    state = json.dumps({"progress": progress, "history": history, "settings": settings})
    arrays: dict[str, Any] = {"state": np.array(state)}
    arrays |= {f"variable_{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
    with files.replacing(path) as temporary:
        np.savez(temporary, **arrays)


def load(
    path: str | Path, model: keras.Model, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Restore the state that `save` wrote.

    Args:
        path: file that `save` wrote.
        model: a model built and compiled in the same way, changed in place.
        settings: those given to `save`.

    Returns:
        `(progress, history)` as they were saved.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or from a training with other settings.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no interrupted training in {path}: start one without --resume")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        state = json.loads(str(arrays.pop("state")))
        progress, history = dict(state["progress"]), dict(state["history"])
        saved_settings = dict(state["settings"])
        epoch = progress["epoch"]
        if any(len(values) != epoch for values in history.values()):
            raise ValueError(f"history and epoch {epoch} do not fit")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("it holds NaN or infinite values")
    except Exception as error:  # zip, header, JSON: each can be damaged in its own way
        raise ValueError(
            f"{path} is damaged or no checkpoint ({error}): delete it and train anew"
        ) from None
    # Through JSON, as the saved ones were: it knows no tuples.
    for key, value in json.loads(json.dumps(settings)).items():
        if saved_settings.get(key) != value:
            raise ValueError(
                f"{path} is from a training with {key} {saved_settings.get(key)}, received "
                f"{value}: give the same settings, or start anew without --resume"
            )
    variables = _variables(model)
    values = [arrays.get(f"variable_{i}") for i in range(len(variables))]
    if len(arrays) != len(variables) or any(
        value is None or value.shape != variable.shape
        for value, variable in zip(values, variables, strict=True)
    ):
        raise ValueError(f"{path} is from another network: delete it and train anew")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress, history


def _variables(model: keras.Model) -> list[keras.Variable]:
    # Of a Distiller only the student's: its teacher does not change.
    trained = getattr(model, "student", model)
    return [*trained.variables, *model.optimizer.variables]
