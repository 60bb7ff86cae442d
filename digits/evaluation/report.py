"""Collects all that can be said of a network into one HTML page: evaluate.py --report."""

import json
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from digits import cli, files, plotting
from digits import mnist as data
from digits.evaluation import calibration, insights, metrics, ood, reliability, robustness
from digits.evaluation.corruptions import CORRUPTIONS
from digits.evaluation.report_page import SECTIONS, format_page
from digits.keras_quietly import keras
from digits.networks import storage

LEARNING_CURVE = Path(__file__).parents[2] / "benchmarks" / "results" / "learning_curve.json"
NUM_HARDEST = 21
SPOILED_STEP = 5  # one in so many images is spoiled, so that a page takes a minute
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
        name = path.stem
        page_path = plots / f"{name}_report.html"
        paths = {figure: plots / f"{name}_{figure}.png" for figure, _, _ in SECTIONS}
        for file in (page_path, *paths.values()):
            files.check_writable(file)
        network, metadata = storage.load(path), storage.read_metadata(path)
        storage.check_own(network, path)
        kept = storage.read_kept_results(args.results_file, [path])
        released = storage.load_released(except_path=path)
    print(f"Looking at {path} from all sides.", flush=True)
    num_sets = sum(len(row[3]) for row in CORRUPTIONS.values())
    progress = keras.utils.Progbar(num_sets + 3, unit_name="part")
    measured = measure(network, metadata, images, labels, lambda: progress.add(1))
    with cli.one_line_errors():
        drawn = draw(name, network, released, measured, metadata, images, labels, paths)
        page = format_page(name, metadata, measured, drawn)
        with files.replacing(page_path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    progress.add(1)
    print(metrics.format_report(measured["scores"]))
    return kept | {"model_path": str(path)} | summarize(measured), [*drawn.values(), page_path]


def measure(network, metadata, images, labels, on_progress):
    """Measure all that the page shows.

    Args:
        network: trained `keras.Model` of `model.BUILDERS`.
        metadata: what `storage.read_metadata` returned for it.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        on_progress: called after each of the parts: one for each set of spoiled images, and two.

    Returns:
        dict: `probabilities` (n, 10); `scores` (as `metrics.score`); `num_parameters`; of the last
        hidden layer `num_units`, `places` (n, 2) of the images in it, and `explained`, the share of
        the variance; `temperature` (None if not known), `before` and `after` (as
        `calibration.measure_reliability`); `refusal` (as `calibration.measure_refusal`); `threshold`;
        `outsiders` (dict by kind of `images`, `confidences`, `auroc`, `auroc_interval` and
        `not_sure`, a share); `robustness` (as `robustness.score`, of every fifth image).
    """
    inner = keras.Model(network.inputs[0], [network.get_layer("logits").input, network.outputs[0]])
    hidden, probabilities = inner.predict(data.normalize(images), batch_size=500, verbose=0)
    temperature = metadata.get("temperature")
    threshold = metadata.get("threshold", storage.DEFAULT_THRESHOLD)
    before = calibration.temper(probabilities, 1 / (temperature or 1))
    components = PCA(2)
    on_progress()
    kinds = {}
    for kind in ood.KINDS:
        made = ood.make(kind)
        confidences = network.predict(made, batch_size=500, verbose=0).max(axis=1)
        auroc, interval = calibration.measure_auroc(probabilities.max(axis=1), confidences)
        kinds[kind] = {
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
        "scores": metrics.score(labels, probabilities),
        "num_parameters": network.count_params(),
        "num_units": hidden.shape[1],
        "places": components.fit_transform(hidden),
        "explained": components.explained_variance_ratio_.sum(),
        "temperature": temperature,
        "before": calibration.measure_reliability(labels, before),
        "after": calibration.measure_reliability(labels, probabilities),
        "refusal": calibration.measure_refusal(labels, probabilities),
        "threshold": threshold,
        "outsiders": kinds,
        "robustness": robustness.score({"": network}, *spoiled, on_progress)[""],
    }


def draw(name, network, released, measured, metadata, images, labels, paths):
    """Draw the figures of the page.

    Args:
        name: of the network.
        network: trained `keras.Model` of `model.BUILDERS`.
        released: dict by name of other networks to ask about the hardest images.
        measured: what `measure` returned.
        metadata: what `storage.read_metadata` returned.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        paths: dict by figure of the PNG files to write.

    Returns:
        The part of `paths` that was written: not every network has every figure.
    """
    probabilities, scores = measured["probabilities"], measured["scores"]
    counts = scores["confusion_matrix"]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    true_class = probabilities[np.arange(len(labels)), labels]
    hardest = true_class.argsort(kind="stable")[:NUM_HARDEST]
    shown = data.normalize(images[hardest])
    readings = {"this": probabilities[hardest]}
    readings |= {other: asked.predict(shown, verbose=0) for other, asked in released.items()}
    digits = {"images": data.normalize(images[:100]), "confidences": probabilities.max(axis=1)}
    kinds = {"digits": digits} | measured["outsiders"]
    writers = {
        "confusion_matrix": lambda path: plotting.draw_confusion_matrix(
            counts, path, f"{name}: {accuracy}"
        ),
        "flow": lambda path: insights.draw_flow(counts, path),
        "hardest": lambda path: plotting.draw_readings(
            images[hardest], readings, labels[hardest], [f"image {i}" for i in hardest], path,
            f"The {NUM_HARDEST} hardest images for {name}, the hardest first",
        ),
        "means": lambda path: insights.draw_means(data.normalize(images), labels, path),
        "embedding": lambda path: insights.draw_embedding(
            measured["places"], labels, probabilities.argmax(axis=1), path,
            f"{len(images):,} test images, as the last hidden layer of {name} sees them",
        ),
        "calibration": lambda path: reliability.draw_calibration(
            measured["before"], measured["after"], path, f"Is {name} as sure as it is right?"
        ),
        "refusal": lambda path: reliability.draw_refusal(
            {name: measured["refusal"]}, path, "What refusing is worth"
        ),
        "outsiders": lambda path: reliability.draw_outsiders(
            {kind: row["images"] for kind, row in kinds.items()},
            {kind: row["confidences"] for kind, row in kinds.items()},
            measured["threshold"], path, f"How sure {name} is of what is no digit",
        ),
        "robustness": lambda path: reliability.draw_robustness(
            {name: measured["robustness"]}, path
        ),
    }  # fmt: skip
    if "hidden_1" in [layer.name for layer in network.layers]:
        weights = network.get_layer("hidden_1").get_weights()[0]
        writers["weights"] = lambda path: insights.draw_weights(weights, path)
    if LEARNING_CURVE.exists():
        curve = json.loads(LEARNING_CURVE.read_text(encoding="utf-8"))
        own = None
        if "num_train" in metadata and metadata.get("dataset_sha256") == curve["dataset_sha256"]:
            own = name, metadata["num_train"], scores["num_correct"], scores["num_images"]
        writers["learning_curve"] = lambda path: insights.draw_learning_curve(
            curve["curves"], path, own
        )
    written = {figure: path for figure, path in paths.items() if figure in writers}
    for figure, path in written.items():
        writers[figure](path)
    return written


def summarize(measured):
    """Summarize what `measure` returned as plain numbers and lists, ready for JSON."""
    numbers = ("auroc", "auroc_interval", "not_sure")
    kinds = measured["outsiders"].items()
    renamed = {"accuracy": "test_accuracy", "loss": "test_loss"}
    return {renamed.get(key, key): value for key, value in measured["scores"].items()} | {
        "views": 1,
        "without_temperature": measured["before"],
        "with_temperature": measured["after"],
        "refused": measured["refusal"]["refused"],
        "outsiders": {kind: {key: row[key] for key in numbers} for kind, row in kinds},
        "spoiled": measured["robustness"],
    }
