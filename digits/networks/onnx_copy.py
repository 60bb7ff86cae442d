"""Copies of networks in the ONNX format, which run without TensorFlow.

`X.onnx` beside `X.keras` is used only while it holds the digest of that very `X.keras`: a network
that is trained again leaves no copy behind that answers in its place.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from digits import files

if TYPE_CHECKING:
    import onnx

    from digits.keras_quietly import keras

OPSET = 18  # version of ONNX's operators, which all runtimes since 2023 have
DIGEST_KEY = "keras_sha256"  # of the file's metadata


def can_convert() -> bool:
    """Whether the packages that convert networks are installed."""
    return all(importlib.util.find_spec(name) for name in ("onnx", "tf2onnx"))


def convert(model: keras.Model) -> onnx.ModelProto:
    """Convert a network to ONNX, its weights in float32.

    Args:
        model: classifier or detector of this project, folded.

    Returns:
        A network of one input, `input`, and one output, `output`, for batches of any size; of a
        detector, also for pages of any size.
    """
    import tf2onnx

    from digits.keras_quietly import tf

    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="input")]

    def infer(inputs):
        return tf.identity(model(inputs, training=False), name="output")

    function = tf.function(infer, input_signature=signature, autograph=False)
    converted, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    return converted


def write_copy(model: keras.Model, path: str | Path) -> Path:
    """Write the copy of a network beside it.

    Args:
        model: the network that was saved.
        path: its `.keras` file.

    Returns:
        Path of the copy, of the same name with `.onnx`.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(path)
    converted = convert(model)
    converted.metadata_props.add(key=DIGEST_KEY, value=digest(path))
    with files.replacing(path.with_suffix(".onnx")) as temporary:
        temporary.write_bytes(converted.SerializeToString())
    return path.with_suffix(".onnx")


def digest(path: str | Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
