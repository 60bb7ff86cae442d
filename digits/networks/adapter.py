"""Uses a Keras model of another project as a classifier: found by shape, checked on images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import log_softmax, softmax

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.networks import heads, storage
from digits.networks.keras_engine import KerasEngine

LoadImages = Callable[[], tuple[np.ndarray, np.ndarray]]

INPUT_SHAPES = (IMAGE_SHAPE, (*IMAGE_SHAPE, 1), (IMAGE_SHAPE[0] * IMAGE_SHAPE[1],))
MAX_CHECKED = 2000  # images by which inputs of 0-1 are told from those of 0-255
# Inputs are told by accuracy where one way is better by so much and reaches so much, else by loss,
# where a model is so accurate and the mean losses are so many standard errors apart
# (python -m benchmarks.own_models).
ACCURACY_LEAD, MIN_LEADING = 0.2, 0.5
MIN_ACCURACY, MIN_ERRORS = 0.8, 4.0
MIN_LOG_PROBABILITY = np.log(1e-7)  # as Keras clips


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """What a model takes and gives, and how that was found.

    Attributes:
        path: file of the model.
        input_shape: of one image, one of `INPUT_SHAPES`.
        input_dtype: NumPy's name of the inputs' dtype.
        max_pixel: value of full ink in its inputs, 1 or 255; paper is 0.
        gives_logits: whether its outputs are logits; else they are probabilities.
        reason: how `max_pixel` was found; what was assumed, if it was not.
    """

    path: Path
    input_shape: tuple[int, ...]
    input_dtype: str
    max_pixel: int
    gives_logits: bool
    reason: str

    def format(self) -> str:
        """Say in a line what the model takes and gives."""
        outputs = "logits" if self.gives_logits else "probabilities"
        return (
            f"{self.path}: input {self.input_shape} of 0-{self.max_pixel}, outputs {outputs}; "
            f"adapted ({self.reason})."
        )

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Bring images of shape (n, 28, 28), 0 paper to 1 ink, into the form of the inputs."""
        pixels = images.reshape(-1, *self.input_shape) * np.float32(self.max_pixel)
        if np.issubdtype(self.input_dtype, np.integer):
            pixels = np.rint(pixels)
        return pixels.astype(self.input_dtype)


class AdaptedEngine:
    """Computes probabilities with a model of another project.

    Attributes:
        model: the model, a `keras.Model`.
        adaptation: how it is used.
    """

    def __init__(self, model: keras.Model, adaptation: Adaptation):
        """Wrap a model."""
        self.model = model
        self.adaptation = adaptation
        self._compute = KerasEngine(model)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute probabilities: float32 arrays of shape (n, 28, 28) in and (n, 10) out."""
        outputs = self.compute_outputs(inputs)
        return softmax(outputs, axis=1) if self.adaptation.gives_logits else outputs

    def compute_outputs(self, images: np.ndarray) -> np.ndarray:
        """Compute the model's own outputs, as float32 array of shape (n, 10)."""
        return np.asarray(self._compute(self.adaptation.prepare(images)), np.float32)


def is_own(model: keras.Model) -> bool:
    """Whether a model has the first and last layers of those that `train.py` makes."""
    names = [layer.name for layer in model.layers]
    return "normalize" in names and names[-2:] == ["logits", "probabilities"]


def adapt(model: keras.Model, path: Path, load_images: LoadImages | None = None) -> AdaptedEngine:
    """Find out what a model takes and gives.

    Its outputs are probabilities if they are for all images that were tried. Whether full ink is 1
    or 255 is told by the loss on labelled images: a model that was trained with one gives too small
    or too large logits for the other. Where its predictions are too bad, its first layer may tell.

    Args:
        model: a model of another project.
        path: its file.
        load_images: gives `(images, labels)`, float32 of shape (n, 28, 28), 0 to 1, and integers of
            shape (n,); None where there are none.

    Returns:
        What computes its probabilities.

    Raises:
        ValueError: it is not a classifier of digits of the usual kinds.
    """
    inputs, outputs = storage.get_shapes(model)
    if inputs not in INPUT_SHAPES or outputs != (NUM_CLASSES,):
        expected = ", ".join(map(str, INPUT_SHAPES))
        raise ValueError(
            f"{path} maps {inputs} to {outputs}, expected one of {expected} to (10,): it is not a "
            "digit classifier"
        )
    tried = storage.make_random_images()
    images, labels = (tried, None) if load_images is None else load_images()
    images, labels = images[:MAX_CHECKED], None if labels is None else labels[:MAX_CHECKED]
    dtype = np.dtype(str(model.inputs[0].dtype).replace("bfloat16", "float32")).name
    adaptation = Adaptation(path, tuple(inputs), dtype, 1, False, "")
    try:
        engine = AdaptedEngine(model, adaptation)
        outputs_1 = engine.compute_outputs(images)
        engine.adaptation = dataclasses.replace(adaptation, max_pixel=255)
        outputs_255 = engine.compute_outputs(images)
    except Exception as error:  # a foreign model can fail in nearly any way
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} cannot be computed for {len(images)} images ({type(error).__name__}: "
            f"{reason}): expected a model for batches of any size"
        ) from None
    gives_logits = _are_logits(model, path, np.concatenate([outputs_1, outputs_255]))
    max_pixel, reason = _find_max_pixel(model, dtype, outputs_1, outputs_255, labels, gives_logits)
    engine.adaptation = dataclasses.replace(
        adaptation, max_pixel=max_pixel, gives_logits=gives_logits, reason=reason
    )
    return engine


def _are_logits(model: keras.Model, path: Path, outputs: np.ndarray) -> bool:
    if not np.isfinite(outputs).all():
        raise ValueError(f"{path} has outputs that are NaN or infinite: train it again")
    if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-2):
        return False
    last = [*heads.list_layers(model.layers)][-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "linear")
    if activation not in ("linear", "log_softmax"):
        raise ValueError(
            f"{path} has outputs from {outputs.min():.3g} to {outputs.max():.3g} by {activation}, "
            "expected probabilities or logits: its last layer must be a softmax, or have no "
            "activation"
        )
    return True


def _find_max_pixel(
    model: keras.Model,
    dtype: str,
    outputs_1: np.ndarray,
    outputs_255: np.ndarray,
    labels: np.ndarray | None,
    gives_logits: bool,
) -> tuple[int, str]:
    """Tell inputs of 0-1 from those of 0-255; returns the value of full ink, and how it is known.

    Args:
        model: the model.
        dtype: of its inputs.
        outputs_1: its outputs for images of 0-1, of shape (n, 10).
        outputs_255: those for the same images as 0-255.
        labels: of these images; None if they show no digits.
        gives_logits: whether the outputs are logits.
    """
    if np.issubdtype(dtype, np.integer):
        return 255, f"its inputs are {dtype}"
    found = ""
    if labels is not None:
        accuracies = [(each.argmax(axis=1) == labels).mean() for each in (outputs_1, outputs_255)]
        losses = [_compute_losses(each, labels, gives_logits) for each in (outputs_1, outputs_255)]
        difference = losses[0] - losses[1]
        error = difference.std() / np.sqrt(len(labels))
        is_led = abs(accuracies[0] - accuracies[1]) >= ACCURACY_LEAD
        best = int(accuracies[1] > accuracies[0] if is_led else difference.mean() > 0)
        if accuracies[best] >= MIN_LEADING and np.abs(difference).max() < 0.01:
            return 1, (
                f"as 0-255 it answers alike: on {len(labels):,} test images, accuracy "
                f"{accuracies[best]:.1%}"
            )
        is_apart = abs(difference.mean()) > MIN_ERRORS * error
        if accuracies[best] >= (MIN_LEADING if is_led else MIN_ACCURACY) and (is_led or is_apart):
            return (1, 255)[best], (
                f"on {len(labels):,} test images, accuracy {accuracies[best]:.1%} and loss "
                f"{losses[best].mean():.3f}, as 0-{(255, 1)[best]} {accuracies[1 - best]:.1%} and "
                f"{losses[1 - best].mean():.3f}"
            )
        found = (
            f"{len(labels):,} test images do not tell, accuracy {accuracies[0]:.1%} as 0-1 and "
            f"{accuracies[1]:.1%} as 0-255; "
        )
    for layer in heads.list_layers(model.layers):
        kind = type(layer).__name__
        if kind == "Rescaling":
            is_large = float(np.max(layer.scale)) < 0.1
        elif kind == "Normalization" and getattr(layer, "mean", None) is not None:
            is_large = float(np.max(layer.mean)) > 1
        else:
            continue
        return (255 if is_large else 1), f"{found}its layer {layer.name} does"
    return 1, f"{found or 'no test images to check; '}assumed: a layer Rescaling(1/255) says 0-255"


def _compute_losses(outputs: np.ndarray, labels: np.ndarray, gives_logits: bool) -> np.ndarray:
    """Compute the cross-entropy of each image in nats, clipped as Keras does."""
    if gives_logits:
        logs = log_softmax(outputs.astype(np.float64), axis=1)
    else:
        logs = np.log(np.maximum(outputs, 1e-7))
    return -np.maximum(logs[np.arange(len(labels)), labels], MIN_LOG_PROBABILITY)
