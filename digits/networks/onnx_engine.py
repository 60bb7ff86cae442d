"""Runs networks with ONNX Runtime, which loads in a tenth of TensorFlow's time."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from digits.networks import onnx_file
from digits.networks.onnx_copy import DIGEST_KEY, digest


class OnnxEngine:
    """Computes the outputs of a network in an `.onnx` file.

    Attributes:
        session: the `onnxruntime.InferenceSession`.
    """

    def __init__(self, path: str | Path, num_threads: int | None = None):
        """Load a network.

        Args:
            path: an `.onnx` file of one input and one output.
            num_threads: threads that compute one call; None for one a processor core. Calls from
                several threads at once are faster with few each.

        Raises:
            ValueError: it is damaged, or is no network that `onnx_file` takes.
            OSError: it cannot be read.
        """
        content = onnx_file.read_checked(path)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print is in the errors it raises
        options.intra_op_num_threads = num_threads or 0  # 0: ONNX Runtime chooses
        try:
            self.session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's classes of errors have no base of their own
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{path} cannot be loaded by ONNX Runtime ({reason})") from None
        self._input = self.session.get_inputs()[0].name

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs for a batch of inputs, float32 arrays both."""
        return self.session.run(None, {self._input: np.ascontiguousarray(inputs, np.float32)})[0]


def load_copy(
    path: str | Path, output_shape: tuple[int, ...], num_threads: int | None = None
) -> OnnxEngine | None:
    """Load the ONNX copy of a network, if it has one that fits and ONNX Runtime is installed.

    Args:
        path: the network's `.keras` file.
        output_shape: of the network, of one image or page, as far as it is known: the last numbers
            of the output's shape.
        num_threads: as `OnnxEngine` takes.

    Returns:
        None if there is no copy, or only one of another version of the file, or of another network,
        or a damaged one.
    """
    path = Path(path)
    copy = path.with_suffix(".onnx")
    if not (path.is_file() and copy.is_file() and importlib.util.find_spec("onnxruntime")):
        return None
    try:
        engine = OnnxEngine(copy, num_threads)
        found = engine.session.get_modelmeta().custom_metadata_map.get(DIGEST_KEY)
        shape = tuple(engine.session.get_outputs()[0].shape[-len(output_shape) :])
        fits = found == digest(path) and shape == output_shape
        return engine if fits and _is_computed(engine) else None
    except (OSError, ValueError):
        return None


def _is_computed(engine: OnnxEngine) -> bool:
    """Whether a network gives finite numbers for blank inputs: shapes may not fit together."""
    _, *sides = engine.session.get_inputs()[0].shape
    for batch, unknown in ((1, 16), (2, 24)):  # pixels to a side of a page
        shape = [batch, *(side if isinstance(side, int) else unknown for side in sides)]
        try:
            outputs = engine(np.zeros(shape))
        except Exception:  # as above
            return False
        if len(outputs) != batch or not np.isfinite(outputs).all():
            return False
    return True
