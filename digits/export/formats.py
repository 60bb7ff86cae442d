"""The formats that networks are exported to."""

from __future__ import annotations

import dataclasses

SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}
# Share of the test images for which a file must give the network's own answer: with weights of
# fewer bits, images that the network itself is not sure of tip over.
MIN_AGREEMENT = {"float32": 1.0, "float16": 0.999, "dynamic": 0.995, "int8": 0.995}
# A detector with weights of 8 bits reads other texts on one photo in fifteen, and ONNX Runtime
# cannot resize pages of any size in float16.
DETECTOR_PRECISIONS = ("float32",)


@dataclasses.dataclass(frozen=True)
class Format:
    """A runtime, and the numbers in which it computes a network.

    Attributes:
        runtime: "onnx" or "litert".
        precision: "float32"; "float16", weights of 16 bits; "dynamic", weights of 8 bits and
            activations quantized as they come; or "int8", both of 8 bits, activations in ranges
            measured on training images. Inputs and outputs stay float32.
    """

    runtime: str
    precision: str

    @property
    def suffix(self) -> str:
        """Suffix of the names of its files."""
        return SUFFIXES[self.runtime]

    @property
    def min_agreement(self) -> float:
        """Share of the test images for which a file must give the network's own answer."""
        return MIN_AGREEMENT[self.precision]
