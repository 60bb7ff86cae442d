"""Tells what does not look like a digit, by the feature maps of a small classifier.

The page that runs in a browser has no room for the detector, which does this elsewhere.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from digits.keras_quietly import keras

LAYER = "conv_5"  # of the classifier, the last one with feature maps
WINDOW, STEP = 3, 2  # places of a feature map of which the mean is taken, and from one to the next


@dataclasses.dataclass(frozen=True, eq=False)
class Rejection:
    """A network with one hidden layer, from features of a drawing to a score.

    Attributes:
        kernels: float array of shape (num_features, hidden).
        bias: float array of shape (hidden,).
        output: float array of shape (hidden,).
        output_bias: a number.
        threshold: score below which a drawing does not look like a digit.
    """

    kernels: np.ndarray
    bias: np.ndarray
    output: np.ndarray
    output_bias: float
    threshold: float = 0.0

    def score(self, features: np.ndarray) -> np.ndarray:
        """Score drawings by features of shape (n, num_features); higher is more like a digit."""
        hidden = np.maximum(np.asarray(features, np.float64) @ self.kernels + self.bias, 0)
        return hidden @ self.output + self.output_bias

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict ready for JSON; the weights are half-precision floats in base64."""
        parts = [self.kernels.ravel(), self.bias, self.output, np.array([self.output_bias])]
        weights = np.concatenate(parts).astype("<f2")
        return {
            "inputs": self.kernels.shape[0],
            "hidden": self.kernels.shape[1],
            "threshold": self.threshold,
            "weights": base64.b64encode(weights.tobytes()).decode(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Rejection:
        """Convert from what `to_dict` returned.

        Raises:
            ValueError: there are more or fewer weights than the sizes ask for.
        """
        inputs, hidden = content["inputs"], content["hidden"]
        weights = np.frombuffer(base64.b64decode(content["weights"]), "<f2").astype(np.float64)
        if len(weights) != (inputs + 2) * hidden + 1:
            raise ValueError(
                f"received {len(weights)} weights of a rejection, expected "
                f"{(inputs + 2) * hidden + 1}: fit it again"
            )
        kernels, bias, output, last = np.split(
            weights, np.cumsum([inputs * hidden, hidden, hidden])
        )
        shaped = kernels.reshape(inputs, hidden)
        return cls(shaped, bias, output, float(last[0]), float(content["threshold"]))


def load_rejection(path: str | Path) -> Rejection:
    """Load what `Rejection.to_dict` returned from a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        return Rejection.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no rejection ({error!r}): fit it again") from None


class FeatureExtractor:
    """Computes the features of images for a `Rejection`."""

    def __init__(self, model: keras.Model):
        """Take the feature maps of a classifier that has the layer `LAYER`."""
        from digits.keras_quietly import keras
        from digits.networks.keras_engine import KerasEngine

        maps = model.get_layer(LAYER).output
        self._engine = KerasEngine(keras.Model(model.inputs, maps))

    def __call__(self, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """Compute features: images of shape (n, 28, 28) to float32 of shape (n, num_features).

        Means of windows of the feature maps, which overlap: by row, column and map.
        """
        images = np.asarray(images, np.float32)
        starts = range(0, len(images), batch_size)
        maps = (self._engine(images[start : start + batch_size]) for start in starts)
        return np.concatenate([_pool(each) for each in maps])


def _pool(maps: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(maps, (WINDOW, WINDOW), axis=(1, 2))
    means = windows[:, ::STEP, ::STEP].mean(axis=(-2, -1))
    return means.reshape(len(maps), -1)
