"""A trained detector of digits and signs: where on a page they are, and which.

The network divides a page into cells of 4x4 pixels. Each cell says whether it lies in the middle
of a digit that is 11 to 44 pixels tall, or of a sign beside such digits, which one, and where its
box is. Digits on a page that lies on its side or upside down have classes of their own, by which
the page's orientation is recognized.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits.networks import onnx_engine, storage
from digits.networks.classifier import Engine
from digits.symbols import SYMBOLS

CELL = 4  # pixels, to a side
SMALLEST, LARGEST = 11, 44  # pixels, longer side of the digits that the network detects
TYPICAL = 24.0  # pixels, about their mean: boxes are encoded relative to it
# Classes: `SYMBOLS`, digits on a page that is upright after 1, 2 or 3 quarter turns anticlockwise,
# and cells that are in neither.
TURNED = len(SYMBOLS)
# Digits that can look like digits then, and have no such class: also a 2 written like a Z and a 5
# written like an S.
AMBIGUOUS_ON_SIDE, AMBIGUOUS_UPSIDE_DOWN = (0, 1, 8), (0, 1, 2, 5, 6, 8, 9)
BACKGROUND = TURNED + 3
NUM_DETECTED = BACKGROUND  # classes that are detected
NUM_OUTPUTS = BACKGROUND + 1 + 4  # of a cell: logits of the classes, and where the box is
STRIDE = 8  # pixels: the sides of a page must be multiples of it
PADDING = 24  # pixels around the page, of its own edge, so that digits there have surroundings


@dataclasses.dataclass(frozen=True)
class Detections:
    """Digits and signs detected on a page, or what single cells say of them.

    Attributes:
        boxes: float64 array of shape (n, 4): left, top, right, bottom in pixels of the page.
        scores: float64 array of shape (n,), probability that there is a digit or a sign.
        probabilities: float64 array of shape (n, 25), rows adding up to 1: of each of `SYMBOLS`,
            and of a digit on a page that is upright after 1, 2 or 3 quarter turns anticlockwise.
    """

    boxes: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """Put several together, in their order; none at all give no detections."""
        parts = [cls(np.zeros((0, 4)), np.zeros(0), np.zeros((0, NUM_DETECTED))), *parts]
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
        )

    @property
    def labels(self) -> np.ndarray:
        """The most likely class of each: index in `SYMBOLS`, or `TURNED` and up."""
        return self.probabilities.argmax(axis=1) if len(self) else np.zeros(0, int)

    def __len__(self) -> int:
        """Number of detections."""
        return len(self.scores)

    def __getitem__(self, chosen: Any) -> Detections:
        """Some of the detections, chosen as rows of a NumPy array are: mask, indices or slice."""
        return Detections(self.boxes[chosen], self.scores[chosen], self.probabilities[chosen])


@dataclasses.dataclass(frozen=True, eq=False)
class Detector:
    """A trained network that detects digits of 11 to 44 pixels on a page, and signs beside them.

    Attributes:
        engine: what computes it.
        path: file that it came from.
        metadata: what its JSON says of its training, as `storage.read_metadata` returns.
    """

    engine: Engine
    path: Path
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def detect(self, page: np.ndarray, min_score: float) -> Detections:
        """Detect digits and signs at a page's own scale.

        Args:
            page: float32 array of shape (height, width), 0 black to 1 white, dark ink on light
                paper.
            min_score: probability that there is a digit or a sign above which a cell counts.

        Returns:
            The detections of all such cells, usually several for each digit. Only those whose
            middle is on the page are among them.
        """
        padding = [(PADDING, PADDING + -side % STRIDE) for side in page.shape]
        padded = np.pad(page, padding, "edge")[None, ..., None]
        return _decode(self.engine(padded)[0], page.shape, min_score)


def _decode(cells: np.ndarray, shape: tuple[int, ...], min_score: float) -> Detections:
    logits = cells[..., : BACKGROUND + 1].astype(np.float32)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = weights / weights.sum(axis=-1, keepdims=True)  # the softmax
    scores = 1 - probabilities[..., BACKGROUND]
    rows, columns = np.nonzero(scores > min_score)
    place = np.stack([columns, rows], axis=1) * CELL + CELL / 2 - PADDING
    coded = cells[rows, columns, BACKGROUND + 1 :]
    middles = place + 2 * CELL * coded[:, :2]
    halves = TYPICAL / 2 * np.exp(np.clip(coded[:, 2:], -3, 3))
    scores, classes = scores[rows, columns], probabilities[rows, columns, :BACKGROUND]
    found = Detections(
        np.concatenate([middles - halves, middles + halves], axis=1).astype(np.float64),
        scores.astype(np.float64),
        (classes / scores[:, None]).astype(np.float64),
    )
    # Strokes that the page's edge cuts off look like 1s in its surroundings.
    return found[((middles >= 0) & (middles <= shape[::-1])).all(axis=1)]


def load_detector(path: str | Path | None = None, num_threads: int | None = None) -> Detector:
    """Load a trained detector.

    Args:
        path: a `.keras` file; None for the user's own, else the released one.
        num_threads: threads with which ONNX Runtime computes one call; None for one a core. Keras
            chooses its own.

    Returns:
        The detector, run by ONNX Runtime where that is installed and the file has an ONNX copy
        beside it (see `onnx_copy`), else by Keras.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a detector of this project.
    """
    path = storage.find_model("detector") if path is None else Path(path)
    engine: Engine | None = onnx_engine.load_copy(path, (NUM_OUTPUTS,), num_threads)
    if engine is None:
        from digits.networks.keras_engine import KerasEngine

        engine = KerasEngine(storage.load_detector_model(path))
    return Detector(engine, path, storage.read_metadata(path))
