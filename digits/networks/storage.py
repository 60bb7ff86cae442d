"""Saves, finds and loads trained networks, and rejects files that this project did not write."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digits import files
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import keras_file, onnx_copy

if TYPE_CHECKING:
    from digits.keras_quietly import keras

OWN_MODELS = Path("saved_models")  # of whoever runs a command, in the folder where it is run
RELEASED_MODELS = files.shipped("saved_models/released")
# Keys that Keras added to the configurations of layers and initializers after 3.12: earlier
# versions refuse a file that has them, though null says what they do anyway.
NEW_KEYS = ("quantization_config", "input_axes", "output_axes")


def save(model: keras.Model, path: str | Path, metadata: Mapping[str, Any]) -> list[Path]:
    """Save a model, what is known of it as JSON beside it, and a copy that needs no TensorFlow.

    The copy is made where the packages of the extra `export` are installed.

    Args:
        model: a `keras.Model`.
        path: file to write, ending in `.keras`; the JSON gets the same name with `.json`, and the
            copy with `.onnx`.
        metadata: content of the JSON.

    Returns:
        The paths written.

    Raises:
        OSError: they cannot be written.
    """
    path = Path(path)
    # An uncompiled copy: with the optimizer's state the file would be three times as large.
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    with files.replacing(path) as temporary:
        bare.save(temporary)
        drop_new_keys(temporary)
    metadata_path = path.with_suffix(".json")
    # The digest says whose JSON it is: the program may be killed before it replaces an old one.
    digest = onnx_copy.digest(path)
    files.write_json(metadata_path, {**metadata, onnx_copy.DIGEST_KEY: digest})
    written = [path, metadata_path]
    if onnx_copy.can_convert():
        written.append(onnx_copy.write_copy(bare, path))
    return written


def drop_new_keys(path: str | Path) -> None:
    """Drop what keeps earlier versions of Keras 3 from loading a model, though it says nothing.

    Args:
        path: a `.keras` file, which is rewritten: weights and dates stay the same, to the byte.
    """
    with zipfile.ZipFile(path) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members:
            if member.filename == "config.json":
                content = json.dumps(_without_new_keys(json.loads(content))).encode()
            archive.writestr(member, content)


def _without_new_keys(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if each is not None or key not in NEW_KEYS}
        return {key: _without_new_keys(each) for key, each in kept.items()}
    return [_without_new_keys(each) for each in value] if isinstance(value, list) else value


def package_versions() -> dict[str, str]:
    """Versions of the packages that a training's result depends on, by name."""
    packages = ("keras", "tensorflow", "numpy")
    return {package: importlib.metadata.version(package) for package in packages}


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the JSON beside a model, or what of it makes sense.

    Args:
        path: the model's file.

    Returns:
        What `save` was given; empty if there is no JSON, it is damaged, or it says that it is
        another file's. Numbers that are used are left out where they make no sense: `temperature`
        is a float above 0, `threshold` above 0 and at most 1, `num_train` an integer above 0.
    """
    try:
        text = Path(path).with_suffix(".json").read_text(encoding="utf-8")
        metadata = dict(json.loads(text))
        digest = metadata.pop(onnx_copy.DIGEST_KEY, None)
        if digest is not None and digest != onnx_copy.digest(path):
            return {}
    except (OSError, ValueError, TypeError):
        return {}
    for name, most in (("temperature", 100), ("threshold", 1), ("num_train", 1e9)):
        value: Any = metadata.get(name)
        if type(value) not in (int, float) or not 0 < value <= most:
            metadata.pop(name, None)
    return metadata


def default_model_path(name: str) -> Path:
    """Where a user's own model of this name is written and looked for."""
    return OWN_MODELS / f"{name}.keras"


def find_model(name: str, path: str | Path | None = None, released: Path = RELEASED_MODELS) -> Path:
    """Find the model file to use: the one asked for, else the user's own, else the released one.

    Args:
        name: a key of `mnist.NETWORKS`, or "detector".
        path: the file asked for, or None.
        released: folder of the models that come with the project.

    Returns:
        Path of the model, relative to the current folder where it lies below that.

    Raises:
        FileNotFoundError: there is neither an own nor a released one.
    """
    if path is not None:
        return Path(path)
    own, released = default_model_path(name), released / f"{name}.keras"
    if own.exists():
        return own
    if not released.exists():
        command = "train_detector.py" if name == "detector" else f"train.py --model {name}"
        raise FileNotFoundError(f"there is no {own}: run python {command} first")
    here = Path.cwd()
    return released.relative_to(here) if released.is_relative_to(here) else released


def unique_names(paths: Iterable[str | Path]) -> list[str]:
    """Name models by their files, with a number where these are called alike."""
    names = [Path(path).stem for path in paths]
    return [
        f"{name} {names[: place + 1].count(name)}" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def load_classifier_model(path: str | Path) -> keras.Model:
    """Load a classifier of digits as a Keras model, refusing what cannot be one.

    Code inside the file is never run: `safe_mode` stays on, and the file must be in the `.keras`
    format, since the older HDF5 format may carry code.

    Args:
        path: a `.keras` file.

    Returns:
        An uncompiled `keras.Model`, images of shape (batch, 28, 28) to probabilities of shape
        (batch, 10).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a classifier of digits.
    """
    model = load_network(Path(path), "train.py")
    check_classifier(model, path)
    return model


def check_classifier(model: keras.Model, path: str | Path) -> None:
    """Check that a model maps images of shape (batch, 28, 28) to probabilities of the ten digits.

    Args:
        model: the model.
        path: its file, for errors.

    Raises:
        ValueError: it does not.
    """
    from digits.keras_quietly import keras

    inputs, outputs = get_shapes(model)
    if (inputs, outputs) != (IMAGE_SHAPE, (NUM_CLASSES,)):
        raise ValueError(
            f"{path} maps {inputs} to {outputs}, expected (28, 28) to (10,): "
            "it is not a digit classifier of this project"
        )
    try:
        answers = keras.ops.convert_to_numpy(model(make_random_images(), training=False))
    except Exception as error:  # options of layers may be impossible in any way
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} cannot be computed ({type(error).__name__}: {reason}): train it again"
        ) from None
    if answers.min() < 0 or not np.allclose(answers.sum(axis=1), 1, atol=1e-2):
        raise ValueError(
            f"{path} has outputs from {answers.min():.3g} to {answers.max():.3g} that are no "
            "probabilities: its last layer must be a softmax"
        )


def make_random_images() -> np.ndarray:
    """Make images to try a classifier with, float32 of shape (4, 28, 28); the first is blank."""
    tried = np.random.default_rng(0).random((4, *IMAGE_SHAPE), np.float32)
    tried[0] = 0
    return tried


def load_detector_model(path: str | Path) -> keras.Model:
    """Load a detector as a Keras model; otherwise as `load_classifier_model`.

    Returns:
        An uncompiled `keras.Model` as `detector_model.build_detector` builds.
    """
    model = load_network(Path(path), "train_detector.py")
    from digits.networks import detector_model

    inputs, outputs = get_shapes(model)
    if (inputs, outputs) != ((None, None, 1), (None, None, detector_model.NUM_OUTPUTS)):
        raise ValueError(
            f"{path} maps {inputs} to {outputs}, expected a network that detects digits: "
            "train one with python train_detector.py"
        )
    return model


def load_network(path: Path, script: str) -> keras.Model:
    """Load any network whose layers are Keras's or this project's.

    Args:
        path: a `.keras` file.
        script: name of the script that makes one, for errors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or has weights that are not finite.
    """
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(
            f"{path} {problem}: expected a .keras model; python {script} makes one"
        )
    reason = files.explain_model_format(path)
    if reason:
        raise ValueError(f"{path} is no .keras file: {reason}")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is not a whole .keras file (truncated, or another format): "
            f"train again with python {script}"
        )
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError(
            f"{path} has no ONNX copy of itself beside it, expected one where TensorFlow is not "
            "installed: pip install -r requirements.txt (or pip install '.[train]')"
        )
    from digits.keras_quietly import keras

    try:
        with keras_file.checked_copy(path) as copy:  # before Keras, whose import takes seconds
            from digits.networks import detector_model  # noqa: F401  # it registers its layers

            model = keras.saving.load_model(copy, compile=False, safe_mode=True)
    except Exception as error:  # a foreign or damaged file can make Keras raise nearly anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        saved, installed = read_keras_version(path), importlib.metadata.version("keras")
        if _version_key(saved) > _version_key(installed):
            raise ValueError(
                f"{path} was saved by Keras {saved}, which Keras {installed} cannot load "
                f'({reason}): pip install "keras>={saved}", or save it again with Keras {installed}'
            ) from None
        raise ValueError(
            f"{path} cannot be loaded as a Keras model ({reason}): expected a whole file with "
            f"layers of Keras only, no Lambda and none of your own; python {script} makes one"
        ) from None
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError(f"{path} has weights that are NaN or infinite: train it again")
    return model


def read_keras_version(path: str | Path) -> str:
    """Read which version of Keras saved a model, such as "3.15.1"; "" where the file says none."""
    return keras_file.read_version(path)


def _version_key(version: str) -> list[int]:
    """The leading numbers of a version, to compare by; none where it is no version."""
    return [int(number) for number in re.findall(r"^\d+|(?<=\.)\d+", version)][:3]


def get_shapes(model: keras.Model) -> tuple[Sequence | str, Sequence | str]:
    """Get the shapes of one input and output of a model, or words where it has not one of each."""
    try:
        return tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except (AttributeError, TypeError):  # several inputs or outputs, or never built
        return "several or unknown inputs and outputs", ""
