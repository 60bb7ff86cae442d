"""Converts Keras models to ONNX and LiteRT, in float and quantized."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digits.export.formats import Format
from digits.keras_quietly import keras, tf
from digits.networks import onnx_copy
from digits.stderr import caught_stderr

# Packages that write a format and those that check it.
PACKAGES = {
    "onnx": ("tensorflow", "onnx", "tf2onnx", "onnxruntime"),
    "litert": ("tensorflow", "ai_edge_litert"),
}


def check_installed(runtime: str) -> None:
    """Check that what exports to a runtime is installed.

    Raises:
        ValueError: it is not.
    """
    missing = [name for name in PACKAGES[runtime] if not importlib.util.find_spec(name)]
    if missing:
        raise ValueError(
            f"exporting to {runtime} needs the packages {', '.join(missing)}: "
            "pip install -r requirements-export.txt (or pip install '.[export]')"
        )


def convert(model: keras.Model, chosen: Format, representatives: np.ndarray) -> bytes:
    """Convert a network.

    Args:
        model: classifier or detector of this project, folded.
        chosen: the format.
        representatives: float32 array of shape (n, 28, 28), 0 to 1: images by which the ranges of
            activations are measured for "int8".

    Returns:
        Content of the file.
    """
    write = _to_onnx if chosen.runtime == "onnx" else _to_litert
    # What converters print about their progress would bury the table.
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
            caught_stderr(),
        ):
            return write(model, chosen.precision, representatives)
    finally:
        logging.disable(logging.NOTSET)


def _to_onnx(model: keras.Model, precision: str, representatives: np.ndarray) -> bytes:
    converted = onnx_copy.convert(model)
    if precision == "float32":
        return converted.SerializeToString()
    if precision == "float16":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(converted, keep_io_types=True).SerializeToString()
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        whole, quantized = Path(folder, "float32.onnx"), Path(folder, "quantized.onnx")
        whole.write_bytes(converted.SerializeToString())
        if precision == "dynamic":
            quantization.quantize_dynamic(
                whole, quantized, weight_type=quantization.QuantType.QUInt8
            )
        else:
            batches = iter([{"input": representatives}])

            class Batches(quantization.CalibrationDataReader):
                def get_next(self) -> dict[str, np.ndarray] | None:
                    return next(batches, None)

            quantization.quantize_static(whole, quantized, Batches(), per_channel=True)
        return quantized.read_bytes()


def _to_litert(model: keras.Model, precision: str, representatives: np.ndarray) -> bytes:
    if not model.built or model.input_shape[1] is None:
        # A detector is traced only once it was called.
        model(np.zeros((1, 64, 64, 1), np.float32), training=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":

        def give_representatives() -> Iterator[list[np.ndarray]]:
            for image in representatives:
                yield [image[None]]

        converter.representative_dataset = give_representatives
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()
