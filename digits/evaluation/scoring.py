"""Scores one classifier, or an ensemble of several, on a set of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits.evaluation import figures, metrics
from digits.evaluation.metrics import Scores
from digits.mnist import IMAGE_SHAPE
from digits.networks import Classifier, mean_probabilities

NUM_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions of a set of images and their scores; a `Result`.

    Attributes:
        classifiers: one, or the members of an ensemble.
        views: views of each image that were averaged over.
        scores: scores of the predictions.
        images: float32 array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        probabilities: float32 array of shape (n, 10).
    """

    classifiers: tuple[Classifier, ...]
    views: int
    scores: Scores
    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def name(self) -> str:
        """Name of the classifier, or "ensemble"."""
        return self.classifiers[0].name if len(self.classifiers) == 1 else "ensemble"

    def format(self) -> str:
        """Format the scores as a few lines and a table of the digits."""
        return self.scores.format()

    def draw(self, folder: Path) -> list[Path]:
        """Draw the confusion matrix, the worst mistakes and, if it is dense, the first layer.

        Args:
            folder: where to write.

        Returns:
            Paths of the files written.
        """
        written = [
            folder / f"{self.name}_confusion_matrix.png",
            folder / f"{self.name}_mistakes.png",
        ]
        title = f"{self.name}: {self.scores.format_accuracy()}"
        figures.draw_confusion_matrix(self.scores.confusion_matrix, written[0], title)
        true_class = self.probabilities[np.arange(len(self.labels)), self.labels]
        wrong = np.flatnonzero(self.probabilities.argmax(axis=1) != self.labels)
        worst = wrong[true_class[wrong].argsort(kind="stable")]
        figures.draw_labelled_images(
            self.images[worst],
            self.labels[worst],
            {self.name: self.probabilities[worst]},
            [f"image {index}" for index in worst],
            written[1],
            f"{self.name}: {len(wrong)} misclassified test images, lowest probability of the label "
            "first",
        )
        weights = first_layer(self.classifiers[0]) if len(self.classifiers) == 1 else None
        if weights is not None:
            written.append(folder / f"{self.name}_weights.png")
            figures.draw_weights(weights, written[-1])
        return written

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers and lists, ready for JSON."""
        paths = ", ".join(str(classifier.path) for classifier in self.classifiers)
        return {"model_path": paths, "views": self.views} | self.scores.to_dict()


def score_classifiers(
    classifiers: Sequence[Classifier], images: np.ndarray, labels: np.ndarray, views: int = 1
) -> Evaluation:
    """Score the mean of some classifiers' probabilities.

    Args:
        classifiers: at least one.
        images: float32 array of shape (n, 28, 28), 0 to 1; n at least 1.
        labels: integers of shape (n,).
        views: average over so many views of each image (test-time augmentation).

    Returns:
        The predictions and their scores.
    """
    probabilities = mean_probabilities(classifiers, images, views)
    scores = metrics.score(labels, probabilities)
    return Evaluation(tuple(classifiers), views, scores, images, labels, probabilities)


def first_layer(classifier: Classifier) -> np.ndarray | None:
    """Get the weights of a dense network's first layer.

    Args:
        classifier: run by Keras.

    Returns:
        float32 array of shape (784, units); None if the first layer with weights of its own is not
        dense, as is a convolution.
    """
    from digits.networks import heads  # which loads Keras

    layers = heads.list_layers(classifier.keras_model.layers)
    kernels = [layer.get_weights()[0] for layer in layers if hasattr(layer, "kernel")]
    return kernels[0] if kernels and kernels[0].shape[:-1] == (NUM_PIXELS,) else None
