"""Keeps a training's state in one file, so that it can go on after whatever stopped it."""

import json
from pathlib import Path

import numpy as np

from digits import files


def save(path, model, progress, history, settings):
    """Write the state between two steps, whole or not at all.

    Data order, warps and spoiling follow from seed and epoch, so the variables and how far the
    training has come are all there is to keep.

    Args:
        path: `.npz` file to write.
        model: compiled `keras.Model` with a built optimizer.
        progress: dict of numbers, among them `epoch`, epochs finished, and `step`, steps done in
            the one under way.
        history: dict of lists, one value an epoch.
        settings: dict for JSON of all that must be the same when the training goes on.
    """
    state = json.dumps({"progress": progress, "history": history, "settings": settings})
    arrays = {f"variable_{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
    with files.replacing(path) as temporary:
        np.savez(temporary, state=np.array(state), **arrays)


def load(path, model, settings):
    """Put a training back to where `save` left it.

    Args:
        path: file that `save` wrote.
        model: a model built and compiled in the same way, changed in place.
        settings: the dict given to `save`.

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


def _variables(model):
    # Of a Distiller only the student: its teacher does not change.
    trained = getattr(model, "student", model)
    return [*trained.variables, *model.optimizer.variables]
