"""Checks exported networks in their own runtimes against the networks that they came from."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from digits.export.formats import Format
from digits.networks import Classifier, Detector
from digits.networks.classifier import Engine
from digits.networks.detector import BACKGROUND
from digits.networks.onnx_engine import OnnxEngine
from digits.stderr import caught_stderr

NUM_TIMED = 100  # images, each computed alone
# Test images are written on pages for a detector: so many rows and columns of them, so many pixels
# apart.
PAGE_SIDE, PITCH = 10, 32
MIN_SCORE = 0.5  # of the detector, that there is a digit in a cell


class LiteRtEngine:
    """Computes the outputs of a network in a `.tflite` file."""

    def __init__(self, path: str | Path):
        """Load a network of one input and one output."""
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path))
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] | None = None

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs for a batch of inputs, float32 arrays both."""
        if inputs.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, inputs.shape)
            with caught_stderr():  # it names the library that it computes with
                self._interpreter.allocate_tensors()
            self._shape = inputs.shape
        self._interpreter.set_tensor(self._input, np.asarray(inputs, np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


@dataclasses.dataclass(frozen=True)
class Check:
    """How a file compares with the network that it was exported from.

    Attributes:
        path: the file; of the network itself, run by Keras, its `.keras` file.
        format: of the file; None for the network itself.
        num_images: test images, or cells of pages with a digit for a detector.
        num_same: of them, those with the network's own answer.
        num_correct: of them, those classified correctly; None for a detector.
        max_difference: largest of any probability.
        milliseconds: median time for an image, or a page for a detector, computed alone.
        size: of the file in bytes.
    """

    path: Path
    format: Format | None
    num_images: int
    num_same: int
    num_correct: int | None
    max_difference: float
    milliseconds: float
    size: int

    @property
    def agrees(self) -> bool:
        """Whether the file answers as the network does, as far as its precision allows."""
        share = self.format.min_agreement if self.format else 1.0
        return self.num_same >= share * self.num_images

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "runtime": self.format.runtime if self.format else "keras",
            "precision": self.format.precision if self.format else "float32",
            "agrees": self.agrees,
            "num_images": self.num_images,
            "num_same": self.num_same,
            "num_correct": self.num_correct,
            "max_difference": self.max_difference,
            "milliseconds": self.milliseconds,
            "size": self.size,
        }


def load_engine(path: Path, chosen: Format) -> Engine:
    """Load a file in its own runtime."""
    return OnnxEngine(path) if chosen.runtime == "onnx" else LiteRtEngine(path)


def classify(engine: Engine, images: np.ndarray) -> np.ndarray:
    """Compute a classifier's probabilities: float32 arrays of (n, 28, 28) in, (n, 10) out."""
    return Classifier(engine, Path("exported")).probabilities(images)


def detect(engine: Engine, images: np.ndarray) -> np.ndarray:
    """Compute what a detector says of pages with images of digits on them.

    Args:
        engine: of a detector.
        images: float32 array of shape (n, 28, 28), 0 paper to 1 ink.

    Returns:
        float array of shape (n, 25): probabilities of the classes of the detection with the highest
        score in the middle of each image, times the score; 0 where there is none.
    """
    detector, found = Detector(engine, Path("exported")), []
    for start in range(0, len(images), PAGE_SIDE**2):
        shown = images[start : start + PAGE_SIDE**2]
        cells = detector.detect(write_page(shown), MIN_SCORE)
        rows = np.zeros((len(shown), BACKGROUND))
        middles = (cells.boxes[:, :2] + cells.boxes[:, 2:]) / 2
        columns_rows = np.clip(middles // PITCH, 0, PAGE_SIDE - 1).astype(int)
        places = columns_rows[:, 1] * PAGE_SIDE + columns_rows[:, 0]
        for index in np.argsort(cells.scores, kind="stable"):
            if places[index] < len(rows):
                rows[places[index]] = cells.scores[index] * cells.probabilities[index]
        found.append(rows)
    return np.concatenate(found)


def write_page(images: np.ndarray) -> np.ndarray:
    """Write up to 100 images of digits on a page, in rows.

    Args:
        images: float32 array of shape (n, 28, 28), 0 paper to 1 ink.

    Returns:
        float32 array of shape (320, 320), 0 black to 1 white.
    """
    page = np.ones((PAGE_SIDE * PITCH, PAGE_SIDE * PITCH), np.float32)
    for index, image in enumerate(images):
        top, left = (PITCH * place + 2 for place in divmod(index, PAGE_SIDE))
        page[top : top + image.shape[0], left : left + image.shape[1]] -= image
    return page


def compare(
    answers: np.ndarray,
    expected: np.ndarray,
    labels: np.ndarray | None,
    milliseconds: float,
    path: Path,
    size: int,
    chosen: Format | None = None,
) -> Check:
    """Compare a file's answers with the network's own.

    Args:
        answers: floats of shape (n, classes), the file's probabilities.
        expected: the network's.
        labels: true digits, integers of shape (n,); None for a detector.
        milliseconds: for an image computed alone.
        path: of the file.
        size: of it in bytes.
        chosen: its format; None for the network itself.
    """
    predictions = answers.argmax(axis=1)
    return Check(
        path=path,
        format=chosen,
        num_images=len(expected),
        num_same=int((predictions == expected.argmax(axis=1)).sum()),
        num_correct=None if labels is None else int((predictions == labels).sum()),
        max_difference=float(np.abs(answers - expected).max()),
        milliseconds=milliseconds,
        size=size,
    )


def measure_milliseconds(engine: Engine, inputs: np.ndarray) -> float:
    """Measure the median time for an input computed alone, after some to warm up."""
    seconds = []
    for index in range(NUM_TIMED):
        one = inputs[[index % len(inputs)]]
        start = time.perf_counter()
        engine(one)
        seconds.append(time.perf_counter() - start)
    return 1000 * float(np.median(seconds[NUM_TIMED // 5 :]))
