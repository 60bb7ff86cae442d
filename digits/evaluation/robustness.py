"""Measures how robust classifiers are: their accuracy on corrupted images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from digits.evaluation import figures
from digits.evaluation.corruptions import CORRUPTIONS, corrupt
from digits.evaluation.metrics import Interval, format_interval
from digits.networks import Classifier, storage

NUM_SETS = sum(len(corruption.amounts) for corruption in CORRUPTIONS.values())


@dataclasses.dataclass(frozen=True)
class ModelRobustness:
    """Accuracy of one classifier on corrupted images.

    Attributes:
        clean: accuracy on the unmodified images.
        accuracy: by kind of corruption, the accuracy at each of its amounts.
        num_images: images in each set.
        mean: mean accuracy over all amounts of all corruptions.
        mean_interval: its 95% interval (normal), the images being a sample.
    """

    clean: float
    accuracy: Mapping[str, tuple[float, ...]]
    num_images: int
    mean: float
    mean_interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers and lists, ready for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Robustness:
    """Accuracies of several classifiers on the same corrupted images; a `Result`.

    Attributes:
        models: by name of the classifier.
    """

    models: Mapping[str, ModelRobustness]

    def format(self) -> str:
        """Format as a table: the mean accuracy over the amounts of each corruption."""
        models = self.models.values()
        width = max(10, *(len(name) + 2 for name in self.models))
        rows = [("", list(self.models)), ("none", [f"{model.clean:.2%}" for model in models])]
        for kind in CORRUPTIONS:
            rows.append((kind, [f"{np.mean(model.accuracy[kind]):.2%}" for model in models]))
        rows.append(("mean", [f"{model.mean:.2%}" for model in models]))
        lines = [f"{kind:<14}" + "".join(f"{text:>{width}}" for text in row) for kind, row in rows]
        for name, model in self.models.items():
            interval = format_interval(model.mean_interval)
            lines.append(f"{name}: {model.mean:.2%}, 95% interval {interval}")
        return "\n".join(lines)

    def draw(self, folder: Path) -> list[Path]:
        """Draw accuracy against the amount of each corruption; returns the path."""
        path = folder / f"{'_'.join(self.models)[:100]}_robustness.png"
        figures.draw_robustness(self.models, path)
        return [path]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, lists and dicts, ready for JSON."""
        amounts = {kind: corruption.amounts for kind, corruption in CORRUPTIONS.items()}
        models = {name: model.to_dict() for name, model in self.models.items()}
        return {"robustness": {"amounts": amounts, "models": models}}


def measure_robustness(
    classifiers: Sequence[Classifier],
    images: np.ndarray,
    labels: np.ndarray,
    on_progress: Callable[[], object] = lambda: None,
) -> Robustness:
    """Score classifiers on images corrupted in each way, by each amount.

    Args:
        classifiers: at least one; a figure can tell 5 apart.
        images: float array of shape (n, 28, 28), 0 to 1; n at least 1.
        labels: integers of shape (n,).
        on_progress: called after each of the `NUM_SETS` sets of corrupted images.

    Returns:
        Accuracies by name of the classifier.
    """
    names = storage.unique_names(classifier.path for classifier in classifiers)
    clean = [_is_correct(classifier, images, labels).mean() for classifier in classifiers]
    accuracies: list[dict[str, list[float]]] = [{} for _ in classifiers]
    shares = np.zeros((len(classifiers), len(labels)))  # of the sets, that an image is correct in
    for kind, corruption in CORRUPTIONS.items():
        for amount in corruption.amounts:
            corrupted = corrupt(images, kind, amount)
            for classifier, accuracy, share in zip(classifiers, accuracies, shares, strict=True):
                correct = _is_correct(classifier, corrupted, labels)
                accuracy.setdefault(kind, []).append(float(correct.mean()))
                share += correct / NUM_SETS
            on_progress()
    models = {}
    for name, clean_accuracy, accuracy, share in zip(names, clean, accuracies, shares, strict=True):
        mean = float(share.mean())
        error = share.std(ddof=1) / np.sqrt(len(share)) if len(share) > 1 else 1.0
        margin = float(norm.ppf(0.975) * error)
        models[name] = ModelRobustness(
            clean=float(clean_accuracy),
            accuracy={kind: tuple(values) for kind, values in accuracy.items()},
            num_images=len(labels),
            mean=mean,
            mean_interval=(max(mean - margin, 0.0), min(mean + margin, 1.0)),
        )
    return Robustness(models)


def _is_correct(classifier, images, labels):
    return classifier.probabilities(images).argmax(axis=1) == labels
