"""Compares two classifiers on the same images, with a test of whether one is better."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm

from digits.evaluation import figures, metrics
from digits.evaluation.metrics import Interval, Scores
from digits.networks import Classifier, storage


@dataclasses.dataclass(frozen=True)
class McNemar:
    """McNemar's test of two classifiers on the same images.

    Attributes:
        both_correct: images that both classify correctly.
        only_first_correct: images that only the first classifies correctly.
        only_second_correct: images that only the second classifies correctly.
        both_wrong: images that neither classifies correctly.
        difference: accuracy of the second minus that of the first.
        difference_interval: its 95% interval.
        p_value: of the exact two-sided test that both are equally accurate.
    """

    both_correct: int
    only_first_correct: int
    only_second_correct: int
    both_wrong: int
    difference: float
    difference_interval: Interval
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


def mcnemar(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> McNemar:
    """Test whether two classifiers are equally accurate.

    The test is Q. McNemar's ("Note on the sampling error of the difference between correlated
    proportions", Psychometrika 12, 1947) in its exact form: if both were equally accurate, an image
    that only one of them classifies correctly would be either one's with probability 1/2.
    The interval is that of A. Agresti and Y. Min ("Simple improved confidence intervals for
    comparing matched proportions", Statistics in Medicine 24, 2005): Wald's after half an image
    is added to each of the four counts.

    Args:
        labels: integers 0-9 of shape (n,), n at least 1.
        first: digits predicted by the first classifier, of shape (n,).
        second: digits predicted by the second, of shape (n,).

    Returns:
        Counts, difference and p-value.
    """
    first_correct, second_correct = np.equal(first, labels), np.equal(second, labels)
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((~first_correct & second_correct).sum())
    discordant = only_first + only_second
    p_value = binomtest(only_second, discordant).pvalue if discordant else 1.0
    size = len(labels) + 2
    centre = (only_second - only_first) / size
    error = np.sqrt((discordant + 1) / size - centre**2) / np.sqrt(size)
    margin = norm.ppf(0.975) * error
    return McNemar(
        both_correct=int((first_correct & second_correct).sum()),
        only_first_correct=only_first,
        only_second_correct=only_second,
        both_wrong=int((~first_correct & ~second_correct).sum()),
        difference=(only_second - only_first) / len(labels),
        difference_interval=(float(centre - margin), float(centre + margin)),
        p_value=float(p_value),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Two classifiers' predictions of the same images; a `Result`.

    Attributes:
        paths: files of the two classifiers.
        views: views of each image that were averaged over.
        scores: scores of each.
        test: McNemar's test of the two.
        images: float32 array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        probabilities: two float32 arrays of shape (n, 10).
    """

    paths: tuple[Path, ...]
    views: int
    scores: tuple[Scores, ...]
    test: McNemar
    images: np.ndarray
    labels: np.ndarray
    probabilities: tuple[np.ndarray, ...]

    def format(self) -> str:
        """Format the scores of both, the test, and what follows from it."""
        test = self.test
        width = max(len(str(path)) for path in self.paths)
        lines = [
            f"{path!s:<{width}}  {scores.format_accuracy()}, "
            f"loss {scores.loss:.4f}, calibration error {scores.ece:.2%}"
            for path, scores in zip(self.paths, self.scores, strict=True)
        ]
        low, high = test.difference_interval
        p_value = f"= {test.p_value:.2g}" if test.p_value >= 1e-4 else "< 0.0001"
        if test.p_value < 0.05:
            better = self.paths[test.difference > 0]
            verdict = f"{better} is better: two equally good models would rarely (p < 0.05) differ "
            verdict += "this much."
        else:
            verdict = "The test does not show which is better: chance may explain the difference."
        return "\n".join(
            [
                *lines,
                "",
                f"both correct {test.both_correct:,}, both wrong {test.both_wrong:,}, "
                f"only the first correct {test.only_first_correct:,}, "
                f"only the second correct {test.only_second_correct:,}",
                f"second minus first: {100 * test.difference:+.2f} percentage points, "
                f"95% interval {100 * low:+.2f} to {100 * high:+.2f}; "
                f"exact McNemar test: p {p_value}",
                verdict,
            ]
        )

    def draw(self, folder: Path) -> list[Path]:
        """Draw the images that only one of the two classifies correctly; returns the path."""
        names = storage.unique_names(self.paths)
        path = folder / f"{names[0]}_and_{names[1]}.png".replace(" ", "_")
        first, second = (row.argmax(axis=1) == self.labels for row in self.probabilities)
        differ = np.flatnonzero(first != second)
        figures.draw_labelled_images(
            self.images[differ],
            self.labels[differ],
            {name: row[differ] for name, row in zip(names, self.probabilities, strict=True)},
            [f"image {index}" for index in differ],
            path,
            f"{len(differ)} test images that only one of the two classifies correctly",
        )
        return [path]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers and lists, ready for JSON."""
        models = [
            {
                "model_path": str(path),
                "test_accuracy": scores.accuracy,
                "num_correct": scores.num_correct,
                "test_loss": scores.loss,
                "ece": scores.ece,
            }
            for path, scores in zip(self.paths, self.scores, strict=True)
        ]
        return {"models": models, "views": self.views} | self.test.to_dict()


def compare(
    classifiers: Sequence[Classifier], images: np.ndarray, labels: np.ndarray, views: int = 1
) -> Comparison:
    """Compare two classifiers on the same images.

    Args:
        classifiers: two of them.
        images: float32 array of shape (n, 28, 28), 0 to 1; n at least 1.
        labels: integers of shape (n,).
        views: average over so many views of each image (test-time augmentation).

    Returns:
        The comparison.
    """
    first, second = (classifier.probabilities(images, views) for classifier in classifiers)
    return Comparison(
        paths=tuple(classifier.path for classifier in classifiers),
        views=views,
        scores=(metrics.score(labels, first), metrics.score(labels, second)),
        test=mcnemar(labels, first.argmax(axis=1), second.argmax(axis=1)),
        images=images,
        labels=labels,
        probabilities=(first, second),
    )
