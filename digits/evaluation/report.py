"""Makes all measurements of one classifier, and one HTML page of them."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image
from sklearn.decomposition import PCA

from digits import files
from digits.evaluation import calibration, figures, metrics, ood, robustness, scoring
from digits.evaluation.calibration import Reliability, RiskCoverage
from digits.evaluation.corruptions import CORRUPTIONS
from digits.evaluation.metrics import Scores
from digits.evaluation.ood import OutOfDistribution
from digits.evaluation.robustness import ModelRobustness
from digits.keras_quietly import keras
from digits.mnist import NUM_CLASSES, RELEASED
from digits.networks import Classifier, load_classifier
from digits.networks.classifier import BATCH_SIZE
from digits.networks.storage import RELEASED_MODELS

TEMPLATES = Path(__file__).parent
LEARNING_CURVE = files.shipped("benchmarks/results/learning_curve.json")
NUM_HARDEST = 21
NUM_DIGITS = 100  # of the test images that the out-of-distribution figure may show
CORRUPTED_STEP = 5  # one in so many images is corrupted, so that a report takes a minute
MIN_IMAGES = 20  # for intervals that say anything
NUM_PARTS = robustness.NUM_SETS + 2  # calls of `on_progress`
# Sections of the page in their order: each is a figure with this heading, described in report.html.
SECTIONS = {
    "confusion_matrix": "Confusion matrix",
    "flow": "Mistakes by digit",
    "hardest": "Hardest images",
    "means": "Test images by digit",
    "weights": "Weights of the first layer",
    "embedding": "Activations of the last hidden layer",
    "calibration": "Calibration",
    "selective_classification": "Selective classification",
    "out_of_distribution": "Out-of-distribution images",
    "robustness": "Robustness",
    "learning_curve": "Learning curve",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Embedding:
    """The last hidden layer's activations, projected onto their two principal components.

    Attributes:
        places: float array of shape (n, 2).
        explained: share of the variance in these two directions.
        num_units: units of the layer.
    """

    places: np.ndarray
    explained: float
    num_units: int


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """All that was measured of a classifier; a `Result`.

    Attributes:
        classifier: the classifier.
        images: float32 array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        probabilities: float32 array of shape (n, 10).
        scores: scores of these.
        hardest: integers of shape (m,), images whose label gets the lowest probability.
        others: by name, other classifiers' probabilities of these, of shape (m, 10).
        embedding: of all images; None where the model has no last hidden layer.
        without_temperature: reliability if the logits had not been divided by the temperature.
        with_temperature: reliability of the classifier.
        risk_coverage: of the classifier.
        out_of_distribution: by kind of image.
        robustness: on every `CORRUPTED_STEP`th image.
    """

    classifier: Classifier
    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    scores: Scores
    hardest: np.ndarray
    others: Mapping[str, np.ndarray]
    embedding: Embedding | None
    without_temperature: Reliability
    with_temperature: Reliability
    risk_coverage: RiskCoverage
    out_of_distribution: Mapping[str, OutOfDistribution]
    robustness: ModelRobustness

    def format(self) -> str:
        """Format the scores as a few lines and a table of the digits."""
        if self.embedding is not None:
            return self.scores.format()
        return (
            f"{self.scores.format()}\nThe report shows no activations of the last hidden layer: "
            "the last layer with weights is not a dense layer of ten units."
        )

    def draw(self, folder: Path) -> list[Path]:
        """Draw the figures and write the page that shows them.

        Args:
            folder: where to write.

        Returns:
            Paths of the figures, and last that of the page, which needs no other file.
        """
        writers = self._figure_writers()
        name = self.classifier.name
        paths = {key: folder / f"{name}_{key}.png" for key in SECTIONS if key in writers}
        for key, path in paths.items():
            writers[key](path)
        page = format_page(self, paths)
        page_path = folder / f"{name}_report.html"
        with files.replacing(page_path) as temporary:
            temporary.write_text(page, encoding="utf-8")
        return [*paths.values(), page_path]

    def to_dict(self) -> dict[str, Any]:
        """Convert the numbers to a dict of plain values, ready for JSON."""
        ood_kinds = self.out_of_distribution.items()
        return {
            "model_path": str(self.classifier.path),
            "views": 1,
            **self.scores.to_dict(),
            "without_temperature": self.without_temperature.to_dict(),
            "with_temperature": self.with_temperature.to_dict(),
            "selective_classification": [point.to_dict() for point in self.risk_coverage.points],
            "out_of_distribution": {kind: row.to_dict() for kind, row in ood_kinds},
            "robustness": self.robustness.to_dict(),
        }

    def _figure_writers(self) -> dict[str, Callable[[Path], None]]:
        """Make the functions that draw this classifier's figures: not all networks have each."""
        name, scores, hardest = self.classifier.name, self.scores, self.hardest
        confidences = self.probabilities.max(axis=1)
        outside = self.out_of_distribution.items()
        writers: dict[str, Callable[[Path], None]] = {
            "confusion_matrix": lambda path: figures.draw_confusion_matrix(
                scores.confusion_matrix, path, f"{name}: {scores.format_accuracy()}"
            ),
            "flow": lambda path: figures.draw_flow(scores.confusion_matrix, path),
            "hardest": lambda path: figures.draw_labelled_images(
                self.images[hardest],
                self.labels[hardest],
                {"this": self.probabilities[hardest], **self.others},
                [f"image {index}" for index in hardest],
                path,
                f"The {len(hardest)} hardest images for {name}, lowest probability of the label "
                "first",
            ),
            "means": lambda path: figures.draw_means(self.images, self.labels, path),
            "calibration": lambda path: figures.draw_calibration(
                self.without_temperature, self.with_temperature, path, f"Calibration of {name}"
            ),
            "selective_classification": lambda path: figures.draw_risk_coverage(
                {name: self.risk_coverage}, path, "Accuracy with rejection"
            ),
            "out_of_distribution": lambda path: figures.draw_ood(
                {"digits": self.images[:NUM_DIGITS], **{kind: row.images for kind, row in outside}},
                {"digits": confidences, **{kind: row.confidences for kind, row in outside}},
                self.classifier.threshold,
                path,
                f"Confidence of {name} on digits and on images without digits",
            ),
            "robustness": lambda path: figures.draw_robustness({name: self.robustness}, path),
        }
        embedding = self.embedding
        if embedding is not None:
            writers["embedding"] = lambda path: figures.draw_embedding(
                embedding.places,
                self.labels,
                self.probabilities.argmax(axis=1),
                path,
                f"Last hidden layer of {name}: two principal components",
            )
        weights = scoring.first_layer(self.classifier)
        if weights is not None:
            writers["weights"] = lambda path: figures.draw_weights(weights, path)
        if LEARNING_CURVE.exists():
            curve = json.loads(LEARNING_CURVE.read_text(encoding="utf-8"))
            own = self._own_point(curve["dataset_sha256"])
            writers["learning_curve"] = lambda path: figures.draw_learning_curve(
                curve["curves"], path, own
            )
        return writers

    def _own_point(self, dataset_sha256: str) -> figures.OwnPoint | None:
        """Make the classifier's point beside the learning curves, if it learned from that data."""
        metadata = self.classifier.metadata
        if "num_train" not in metadata or metadata.get("dataset_sha256") != dataset_sha256:
            return None
        scores = self.scores
        return figures.OwnPoint(
            self.classifier.name, metadata["num_train"], scores.num_correct, scores.num_images
        )


def check(images: np.ndarray) -> None:
    """Check that a report can be made, before anything is measured.

    Args:
        images: array of shape (n, 28, 28).

    Raises:
        ValueError: there are too few images.
    """
    if len(images) < MIN_IMAGES:
        raise ValueError(
            f"received {len(images)} test images, expected at least {MIN_IMAGES} for a report: "
            "leave out --report"
        )


def load_released(except_path: Path) -> list[Classifier]:
    """Load the released classifiers, except the one whose file is `except_path`.

    Raises:
        FileNotFoundError: a released classifier is missing.
    """
    paths = [RELEASED_MODELS / f"{name}.keras" for name in RELEASED]
    skipped = except_path.resolve()
    return [load_classifier(path) for path in paths if path.resolve() != skipped]


def make_report(
    classifier: Classifier,
    others: list[Classifier],
    images: np.ndarray,
    labels: np.ndarray,
    on_progress: Callable[[], object] = lambda: None,
) -> Report:
    """Make all measurements of a classifier, in about a minute.

    Args:
        classifier: to report on.
        others: classifiers whose predictions of its hardest images are shown too.
        images: float32 array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        on_progress: called after each of the `NUM_PARTS` parts.

    Returns:
        The report.
    """
    probabilities = classifier.probabilities(images)
    true_class = probabilities[np.arange(len(labels)), labels]
    hardest = true_class.argsort(kind="stable")[:NUM_HARDEST]
    embedding = embed(classifier, images)
    on_progress()
    out_of_distribution = ood.measure_ood(classifier, probabilities.max(axis=1))
    on_progress()
    every_nth = slice(None, None, CORRUPTED_STEP)
    robust = robustness.measure_robustness(
        [classifier], images[every_nth], labels[every_nth], on_progress
    )
    untempered = calibration.scale_temperature(probabilities, 1 / (classifier.temperature or 1))
    return Report(
        classifier=classifier,
        images=images,
        labels=labels,
        probabilities=probabilities,
        scores=metrics.score(labels, probabilities),
        hardest=hardest,
        others={other.name: other.probabilities(images[hardest]) for other in others},
        embedding=embedding,
        without_temperature=calibration.measure_reliability(labels, untempered),
        with_temperature=calibration.measure_reliability(labels, probabilities),
        risk_coverage=calibration.measure_risk_coverage(labels, probabilities),
        out_of_distribution=out_of_distribution,
        robustness=robust.models[classifier.name],
    )


def embed(classifier: Classifier, images: np.ndarray) -> Embedding | None:
    """Project the last hidden layer's activations onto their two principal components.

    Args:
        classifier: of this project or another.
        images: float32 array of shape (n, 28, 28), 0 to 1; n at least 2.

    Returns:
        Where each image lies; None where no dense layer of the model itself comes last.
    """
    model, adaptation = classifier.keras_model, classifier.adaptation
    last = [layer for layer in model.layers if layer.weights][-1:]
    if not last or not isinstance(last[0], keras.layers.Dense) or last[0].units != NUM_CLASSES:
        return None
    hidden_model = keras.Model(model.inputs[0], last[0].input)
    inputs = adaptation.prepare(images) if adaptation else images
    hidden = hidden_model.predict(inputs, batch_size=BATCH_SIZE, verbose=0).reshape(len(images), -1)
    components = PCA(2)
    places = components.fit_transform(hidden)
    explained = float(components.explained_variance_ratio_.sum())
    return Embedding(places, explained, hidden.shape[1])


def format_page(report: Report, paths: Mapping[str, Path]) -> str:
    """Format the page, which needs no other file.

    Args:
        report: what the page shows.
        paths: PNG files of its figures, by keys of `SECTIONS`.

    Returns:
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda share, decimals=2: f"{share:.{decimals}%}"
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["interval"] = metrics.format_interval
    points = report.risk_coverage.points
    return environment.get_template("report.html").render(
        report=report,
        classifier=report.classifier,
        scores=report.scores,
        num_parameters=report.classifier.keras_model.count_params(),
        point=next((point for point in points if point.coverage == 0.98), points[-1]),
        num_corruptions=len(CORRUPTIONS),
        num_sets=robustness.NUM_SETS,
        training=describe_training(report.classifier.metadata),
        adaptation=report.classifier.adaptation,
        headings={key: SECTIONS[key] for key in paths},
        figures={key: _embed_figure(path) for key, path in paths.items()},
    )


def describe_training(metadata: Mapping[str, Any]) -> str:
    """Describe in a sentence how a classifier was trained, as far as its metadata say it."""
    if "command" not in metadata:
        return "It is not known how this network was trained: no JSON beside the model says so."
    known = [f"seed {metadata['seed']}"] if "seed" in metadata else []
    if isinstance(metadata.get("versions"), dict):
        known += [f"{package} {version}" for package, version in metadata["versions"].items()]
    return f"Trained with: {metadata['command']}" + (f" ({', '.join(known)})." if known else ".")


def _embed_figure(path: Path) -> str:
    """Embed a figure in 256 colours, which are enough for it and a third of the size."""
    file = io.BytesIO()
    figure = Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    figure.save(file, "PNG", optimize=True)
    return files.png_url(file.getvalue())
