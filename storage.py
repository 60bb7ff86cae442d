"""Saves, finds and loads trained networks, and refuses files that are none of ours."""

import importlib.metadata
import json
import zipfile
from pathlib import Path

import keras
import numpy as np

import cli
import files
from data import IMAGE_SHAPE, NUM_CLASSES

DEFAULT_THRESHOLD = 0.8  # certainty below which a network is not sure, if its own is not known
RELEASED_MODELS = Path(__file__).parent / "saved_models" / "released"


def save(model, path, metadata):
    """Save a model, and what is known of it as JSON beside it.

    Args:
        model: a `keras.Model`.
        path: file to write, ending in `.keras`; the JSON gets the same name with `.json`.
        metadata: dict for the JSON.

    Returns:
        The two paths written.
    """
    path = Path(path)
    # An uncompiled copy: with the optimizer's state the file would be three times as large.
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    with files.replacing(path) as temporary:
        bare.save(temporary)
    metadata_path = path.with_suffix(".json")
    files.write_json(metadata_path, metadata)
    return path, metadata_path


def package_versions():
    """Versions of the packages that a training's result depends on, as a dict."""
    packages = ("keras", "tensorflow", "numpy")
    return {package: importlib.metadata.version(package) for package in packages}


def load(path):
    """Load a digit classifier that `save` wrote, refusing what cannot be one of ours.

    Code inside the file is never run: `safe_mode` stays on, and the file must be in the `.keras`
    format, since the older HDF5 format may carry code.

    Args:
        path: a `.keras` file.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a digit classifier.
    """
    model = _load(Path(path), "train.py")
    _check_classifier(model, path)
    return model


def load_finder(path):
    """Load a network that finds digits on a page; otherwise as `load`."""
    model = _load(Path(path), "train_finder.py")
    _check_finder(model, path)
    return model


def _load(path, script):
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(
            f"{path} {problem}: expected a .keras model; python {script} makes one"
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is not a whole .keras file (truncated, or another format): "
            f"train again with python {script}"
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign or damaged file can make Keras raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} cannot be loaded as a Keras model ({type(error).__name__}: {reason}): "
            f"train again with python {script}"
        ) from None
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError(f"{path} has weights that are NaN or infinite: train it again")
    return model


def read_metadata(path):
    """Read the JSON beside a model, or what of it makes sense.

    Args:
        path: the model's file.

    Returns:
        dict of what `save` was given; empty if there is no JSON or it is damaged. Numbers that are
        used are left out where they make no sense: `temperature` is a float above 0, `threshold`
        above 0 and at most 1, `num_train` an integer above 0.
    """
    try:
        text = Path(path).with_suffix(".json").read_text(encoding="utf-8")
        metadata = dict(json.loads(text))
    except (OSError, ValueError, TypeError):
        return {}
    for name, most in (("temperature", 100), ("threshold", 1), ("num_train", 1e9)):
        value = metadata.get(name)
        if not (type(value) in (int, float) and 0 < value <= most):
            metadata.pop(name, None)
    return metadata


def read_threshold(path):
    """The probability below which a model is not sure: its own, or 0.8 if that is not known."""
    return float(read_metadata(path).get("threshold", DEFAULT_THRESHOLD))


def check_own(model, path):
    """Check that a classifier has the layers that explanations and reports look into.

    Raises:
        ValueError: it has not.
    """
    names = [layer.name for layer in model.layers]
    if "normalize" not in names or names[-2:] != ["logits", "probabilities"]:
        raise ValueError(
            f"{path} has the layers {', '.join(names)[:100]}, expected normalize first and logits "
            "and probabilities last: train it again with python train.py"
        )


def load_released(except_path):
    """Load the classifiers that come with the project, but for one; a dict by name."""
    paths = [path for path in sorted(RELEASED_MODELS.glob("*.keras")) if path.stem != "finder"]
    skipped = Path(except_path).resolve()
    return {path.stem: load(path) for path in paths if path.resolve() != skipped}


def find(name, path=None, released=RELEASED_MODELS):
    """Find the model file to use: the one asked for, else the user's own, else the released one.

    Args:
        name: a key of `model.BUILDERS`, or "finder".
        path: the file asked for, or None.
        released: folder of the models that come with the project.

    Returns:
        Path of the model.

    Raises:
        FileNotFoundError: there is neither an own nor a released one.
    """
    if path is not None:
        return Path(path)
    own, released = cli.default_model_path(name), released / f"{name}.keras"
    if own.exists():
        return own
    if not released.exists():
        command = "train_finder.py" if name == "finder" else f"train.py --model {name}"
        raise FileNotFoundError(f"there is no {own}: run python {command} first")
    here = Path.cwd()
    return released.relative_to(here) if released.is_relative_to(here) else released


def name_models(paths):
    """Name models by their files, with a number where these are called alike."""
    names = [path.stem for path in paths]
    return [
        f"{name} {names[: place + 1].count(name)}" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def is_own_json(results_file, model_paths):
    """Whether a results file (or None) is the JSON that lies beside one of the models."""
    metadata_paths = [Path(path).with_suffix(".json").resolve() for path in model_paths]
    return bool(results_file) and Path(results_file).resolve() in metadata_paths


def read_kept_results(results_file, model_paths):
    """Read what a results file says already if it is a model's own JSON: results are added to it.

    Args:
        results_file: file to be written, or None.
        model_paths: files of the models that the results will be about.

    Returns:
        dict; empty for any other file.

    Raises:
        ValueError: the JSON is damaged, or the results are about several models.
    """
    if not is_own_json(results_file, model_paths):
        return {}
    if len(model_paths) > 1:
        raise ValueError(
            f"{results_file} is the JSON of one of several models: give another --results-file"
        )
    path = Path(results_file)
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except (ValueError, TypeError):
        raise ValueError(f"{path} is damaged, expected a model's JSON: delete it") from None


def _get_shapes(model):
    try:
        return tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except (AttributeError, TypeError):  # several inputs or outputs, or never built
        return "several or unknown inputs and outputs", ""


def _check_finder(model, path):
    shapes = _get_shapes(model)
    if shapes != ((None, None, 1), (None, None, NUM_CLASSES + 5)):
        raise ValueError(
            f"{path} maps {shapes[0]} to {shapes[1]}, expected a network that finds digits: "
            "train one with python train_finder.py"
        )


def _check_classifier(model, path):
    shapes = _get_shapes(model)
    if shapes != (IMAGE_SHAPE, (NUM_CLASSES,)):
        raise ValueError(
            f"{path} maps {shapes[0]} to {shapes[1]}, expected (28, 28) to (10,): "
            "it is not a digit classifier of this project"
        )
    tried = np.random.default_rng(0).random((4, *IMAGE_SHAPE), np.float32)
    tried[0] = 0
    outputs = keras.ops.convert_to_numpy(model(tried, training=False))
    if outputs.min() < 0 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-2):
        raise ValueError(
            f"{path} has outputs from {outputs.min():.3g} to {outputs.max():.3g} that are no "
            "probabilities: its last layer must be a softmax"
        )
