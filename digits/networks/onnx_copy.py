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
    model = _replace_upsampling(model)

    def infer(inputs):
        return tf.identity(model(inputs, training=False), name="output")

    function = tf.function(infer, input_signature=signature, autograph=False)
    converted, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    _join_clips(converted.graph)
    return converted


def _replace_upsampling(model: keras.Model) -> keras.Model:
    """Make `UpSampling2D` one operator of ONNX; Keras repeats rows and columns, which takes ten."""
    from digits.keras_quietly import keras, tf

    if not any(isinstance(layer, keras.layers.UpSampling2D) for layer in model.layers):
        return model

    def replace(layer):
        if not isinstance(layer, keras.layers.UpSampling2D):
            return layer
        return keras.layers.Lambda(
            lambda x: tf.raw_ops.ResizeNearestNeighbor(
                images=x, size=tf.shape(x)[1:3] * tf.constant(layer.size)
            ),
            name=layer.name,
        )

    return keras.models.clone_model(model, clone_function=replace)


def _join_clips(graph: onnx.GraphProto) -> None:
    """Make one `Clip` of each `Max` of a `Min`, as tf2onnx writes it: it takes a third as long."""
    made_by = {name: node for node in graph.node for name in node.output}
    constants = {constant.name for constant in graph.initializer}
    for outer in graph.node:
        inner = made_by.get(outer.input[0]) if outer.op_type == "Max" else None
        if inner is None or inner.op_type != "Min":
            continue
        low, high = outer.input[1], inner.input[1]
        if {low, high} <= constants:
            outer.op_type = "Clip"
            outer.input[:] = [inner.input[0], low, high]
            graph.node.remove(inner)


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
