"""A trained classifier: the one way to ask what digit an image shows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from digits.mnist import NUM_CLASSES
from digits.networks import onnx_engine, storage

if TYPE_CHECKING:
    from digits.keras_quietly import keras
    from digits.networks.adapter import Adaptation

BATCH_SIZE = 500  # images computed at once, which bounds the memory they take
DEFAULT_THRESHOLD = 0.8  # where a classifier's own threshold is not known


class Engine(Protocol):
    """Computes a network's outputs. Keras is one engine; another runtime can take its place."""

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs for a batch: float32 arrays in and out."""


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network from images to probabilities of the ten digits.

    Attributes:
        engine: what computes it.
        path: file that it came from.
        metadata: what its JSON says of its training, as `storage.read_metadata` returns.
    """

    engine: Engine
    path: Path
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the file without its suffix."""
        return self.path.stem

    @property
    def threshold(self) -> float:
        """Probability of the predicted digit below which a prediction is not sure."""
        return float(self.metadata.get("threshold", DEFAULT_THRESHOLD))

    @property
    def temperature(self) -> float | None:
        """What its logits were divided by after training; None if that is not known."""
        return self.metadata.get("temperature")

    @property
    def adaptation(self) -> Adaptation | None:
        """How a model of another project is used; None for those of this project."""
        return getattr(self.engine, "adaptation", None)

    @functools.cached_property
    def keras_model(self) -> keras.Model:
        """The Keras model, for code that needs its layers; loaded when it is first asked for.

        Raises:
            FileNotFoundError: the engine is not Keras, and the classifier's file does not exist.
            ValueError: the file is damaged, wants to run code, or is not a classifier of digits.
        """
        model = getattr(self.engine, "model", None)
        return storage.load_classifier_model(self.path) if model is None else model

    def probabilities(self, images: np.ndarray, views: int = 1) -> np.ndarray:
        """Compute how likely each image shows each digit.

        Args:
            images: array of shape (n, 28, 28), 0 paper to 1 ink; n may be 0.
            views: average over so many views of each image (test-time augmentation): the image
                itself, and others warped a little, at so many times the cost.

        Returns:
            float32 array of shape (n, 10), rows adding up to 1.
        """
        images = np.asarray(images, np.float32)
        total = self._compute(images)
        for seed in range(1, views):
            from digits.transforms import warp

            total += self._compute(warp.warp_slightly(images, seed))
        return total / np.float32(views)

    def attribute(self, images: np.ndarray, digits: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Measure how much each pixel contributes to a digit; see `attribution.attribute`."""
        from digits.networks import attribution

        return attribution.attribute(self.keras_model, images, digits)

    def check_layers(self) -> None:
        """Check for the layers that attributions and reports look into.

        Raises:
            ValueError: the network was not built by this project.
        """
        names = [layer.name for layer in self.keras_model.layers]
        if "normalize" not in names or names[-2:] != ["logits", "probabilities"]:
            raise ValueError(
                f"{self.path} has the layers {', '.join(names)[:100]}, expected normalize first "
                "and logits and probabilities last: train one with python train.py"
            )

    def _compute(self, images: np.ndarray) -> np.ndarray:
        starts = range(0, len(images), BATCH_SIZE)
        parts = [self.engine(images[start : start + BATCH_SIZE]) for start in starts]
        return np.concatenate(parts or [np.zeros((0, NUM_CLASSES), np.float32)])


def load_classifier(
    path: str | Path | None = None,
    load_images: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None,
    num_threads: int | None = None,
) -> Classifier:
    """Load a trained classifier, of this project or any of the usual kinds (see `adapter`).

    Args:
        path: a `.keras` file; None for the cnn: the user's own, else the released one.
        load_images: gives labelled images, by which it is found what a model of another project
            takes: `(images, labels)`, float32 of shape (n, 28, 28), 0 to 1, and integers of shape
            (n,). It is called for such models only.
        num_threads: threads with which ONNX Runtime computes one call; None for one a core. Keras
            chooses its own.

    Returns:
        The classifier, run by ONNX Runtime where that is installed and the file has an ONNX copy
        beside it (see `onnx_copy`), else by Keras.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a classifier of digits.
    """
    path = storage.find_model("cnn") if path is None else Path(path)
    copy = onnx_engine.load_copy(path, (NUM_CLASSES,), num_threads)
    engine = _load_keras_engine(path, load_images) if copy is None else copy
    return Classifier(engine, path, storage.read_metadata(path))


def _load_keras_engine(path, load_images) -> Engine:
    model = storage.load_network(path, "train.py")
    from digits.networks import adapter, keras_engine

    if not adapter.is_own(model):
        return adapter.adapt(model, path, load_images)
    storage.check_classifier(model, path)
    return keras_engine.KerasEngine(model)


def mean_probabilities(
    classifiers: Sequence[Classifier], images: np.ndarray, views: int = 1
) -> np.ndarray:
    """Average the probabilities of several classifiers: an ensemble.

    Args:
        classifiers: at least one.
        images: as `Classifier.probabilities` takes, as is `views`.
        views: views of each image.

    Returns:
        float32 array of shape (n, 10), rows adding up to 1.
    """
    total = np.zeros((len(images), NUM_CLASSES), np.float32)
    for classifier in classifiers:
        total += classifier.probabilities(images, views)
    return total / np.float32(len(classifiers))
