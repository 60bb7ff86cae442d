"""Collects all that can be said of a network into one HTML page: evaluate.py --report."""

import json
from pathlib import Path

import keras
import numpy as np
from sklearn.decomposition import PCA

import certainty
import cli
import data
import figures
import files
import insights
import metrics
import outsiders
import reliability
import robustness
import storage
from corruptions import CORRUPTIONS
from report_page import SECTIONS, SPOILED_STEP, format_page

LEARNING_CURVE = Path(__file__).parent / "benchmarks" / "results" / "learning_curve.json"
NUM_HARDEST = 21
FEWEST_IMAGES = 20  # that say anything about how sure a network is


def evaluate(args, images, labels):
    """Measure the network that evaluate.py's command line names, and write figures and page.

    Args:
        args: what `evaluate.parse_args` returns.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).

    Returns:
        `(results, files written)`.
    """
    plots = Path(args.plots_dir)
    with cli.one_line_errors():
        if len(images) < FEWEST_IMAGES:
            raise ValueError(
                f"received {len(images)} test images, expected at least {FEWEST_IMAGES} for a "
                "report: leave out --report"
            )
        path = storage.find(args.model, args.model_path)
        page_path = plots / f"{path.stem}_report.html"
        paths = {figure: plots / f"{path.stem}_{figure}.png" for figure, _, _ in SECTIONS}
        for file in (page_path, *paths.values()):
            files.check_writable(file)
        network, metadata = storage.load(path), storage.read_metadata(path)
        kept = storage.read_kept_results(args.results_file, [path])
        others = storage.load_released(except_path=path)
    print(f"Looking at {path} from all sides.", flush=True)
    num_sets = sum(len(row[3]) for row in CORRUPTIONS.values())
    progress = keras.utils.Progbar(num_sets + 3, unit_name="part")
    measured = measure(network, metadata, images, labels, lambda: progress.add(1))
    with cli.one_line_errors():
        drawn = draw(path.stem, network, others, measured, images, labels, paths)
        page = format_page(path.stem, network, metadata, measured, drawn)
        with files.replacing(page_path) as temporary:
            Path(temporary).write_text(page, encoding="utf-8")
    progress.add(1)
    print(metrics.format_report(measured["scores"]))
    return kept | {"model_path": str(path)} | summarize(measured), [*drawn.values(), page_path]


def measure(network, metadata, images, labels, on_progress):
    """Measure all that the page shows.

    Args:
        network: trained `keras.Model` of `model.BUILDERS`.
        metadata: as of `storage.read_metadata`.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        on_progress: called after each of the parts: one for each set of spoiled images, and two.

    Returns:
        dict: `probabilities` (n, 10), `hidden` (n, units), `scores` (as `metrics.score`),
        `temperature` and `threshold`, `before` and `after` (as `certainty.measure_reliability`),
        `refusal` (as `certainty.measure_refusal`), `outsiders` (dict by kind of `images`,
        `confidences`, `auroc`, `auroc_interval`, `not_sure`), `robustness` (as `robustness.score`).
    """
    inner = keras.Model(network.inputs[0], [network.get_layer("logits").input, network.outputs[0]])
    hidden, probabilities = inner.predict(data.normalize(images), batch_size=500, verbose=0)
    temperature, threshold = metadata["temperature"], metadata["threshold"]
    before = certainty.temper(probabilities, 1 / temperature)
    on_progress()
    strange = {}
    for kind in outsiders.KINDS:
        made = outsiders.make(kind)
        confidences = network.predict(made, batch_size=500, verbose=0).max(axis=1)
        auroc, interval = certainty.measure_auroc(probabilities.max(axis=1), confidences)
        strange[kind] = {
            "images": made,
            "confidences": confidences,
            "auroc": auroc,
            "auroc_interval": interval,
            "not_sure": float((confidences < threshold).mean()),
        }
    on_progress()
    spoiled = data.normalize(images[::SPOILED_STEP]), labels[::SPOILED_STEP]
    return {
        "probabilities": probabilities,
        "hidden": hidden,
        "scores": metrics.score(labels, probabilities),
        "temperature": temperature,
        "threshold": threshold,
        "before": certainty.measure_reliability(labels, before),
        "after": certainty.measure_reliability(labels, probabilities),
        "num_train": metadata.get("num_train"),
        "refusal": certainty.measure_refusal(labels, probabilities),
        "outsiders": strange,
        "robustness": robustness.score({"": network}, *spoiled, on_progress)[""],
    }


def draw(name, network, others, measured, images, labels, paths):
    """Draw the figures of the page.

    Args:
        name: of the network.
        network: trained `keras.Model` of `model.BUILDERS`.
        others: dict by name of networks to ask about the hardest images.
        measured: what `measure` returned.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        paths: dict by figure of the PNG files to write.

    Returns:
        The part of `paths` that was written: not every network has every figure.
    """
    probabilities, scores = measured["probabilities"], measured["scores"]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    true_class = probabilities[np.arange(len(labels)), labels]
    hardest = true_class.argsort(kind="stable")[:NUM_HARDEST]
    shown = data.normalize(images[hardest])
    readings = {name: probabilities[hardest]} | {
        other: other_network.predict(shown, verbose=0)
        for other, other_network in others.items()
        if other != name
    }
    kinds = {
        "digits": {"images": data.normalize(images[:100]), "confidences": probabilities.max(1)}
    }
    kinds |= measured["outsiders"]
    pictures = {kind: row["images"] for kind, row in kinds.items()}
    confidences = {kind: row["confidences"] for kind, row in kinds.items()}
    places = PCA(2).fit_transform(measured["hidden"])
    writers = {
        "confusion_matrix": lambda path: figures.draw_confusion_matrix(
            scores["confusion_matrix"], path, f"{name}: {accuracy}"
        ),
        "flow": lambda path: insights.draw_flow(scores["confusion_matrix"], path),
        "hardest": lambda path: figures.draw_readings(
            images[hardest], readings, labels[hardest], [f"image {i}" for i in hardest], path,
            f"The {NUM_HARDEST} hardest images for {name}, the hardest first",
        ),
        "means": lambda path: insights.draw_means(data.normalize(images), labels, path),
        "embedding": lambda path: insights.draw_embedding(
            places, labels, probabilities.argmax(axis=1), path,
            f"{len(images):,} test images, as the last hidden layer of {name} sees them",
        ),
        "calibration": lambda path: reliability.draw_calibration(
            measured["before"], measured["after"], path, f"Is {name} as sure as it is right?"
        ),
        "refusal": lambda path: reliability.draw_refusal(
            {name: measured["refusal"]}, path, "What refusing is worth"
        ),
        "outsiders": lambda path: reliability.draw_outsiders(
            pictures, confidences, measured["threshold"], path,
            f"How sure {name} is of what is no digit",
        ),
        "robustness": lambda path: insights.draw_robustness({name: measured["robustness"]}, path),
    }  # fmt: skip
    if "hidden_1" in [layer.name for layer in network.layers]:
        weights = network.get_layer("hidden_1").get_weights()[0]
        writers["weights"] = lambda path: insights.draw_weights(weights, path)
    if LEARNING_CURVE.exists():
        curves = json.loads(LEARNING_CURVE.read_text(encoding="utf-8"))
        own = (name, measured["num_train"], scores["accuracy"]) if measured["num_train"] else None
        writers["learning_curve"] = lambda path: insights.draw_learning_curve(curves, path, own)
    written = {figure: path for figure, path in paths.items() if figure in writers}
    for figure, path in written.items():
        writers[figure](path)
    return written


def summarize(measured):
    """Summarize what `measure` returned as plain numbers and lists, ready for JSON."""
    kept = ("temperature", "threshold", "before", "after", "robustness")
    numbers = ("auroc", "auroc_interval", "not_sure")
    renamed = {"accuracy": "test_accuracy", "loss": "test_loss"}
    return (
        {renamed.get(key, key): value for key, value in measured["scores"].items()}
        | {key: measured[key] for key in kept}
        | {"refused": measured["refusal"]["refused"]}
        | {"outsiders": {
            kind: {number: row[number] for number in numbers}
            for kind, row in measured["outsiders"].items()
        }}
    )  # fmt: skip
