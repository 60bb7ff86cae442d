"""Exports a network to files, each checked right after it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from digits import files
from digits.evaluation import metrics
from digits.export import check
from digits.export.check import Check
from digits.export.convert import convert
from digits.export.dataset import Dataset
from digits.export.formats import Format
from digits.networks import storage
from digits.networks.keras_engine import KerasEngine

NUM_REPRESENTATIVES = 500  # training images by which the ranges of activations are measured


def export(
    name: str, path: Path | None, paths: Mapping[Format, Path], dataset: Dataset
) -> list[Check]:
    """Export a network to files, and check each; one that does not agree is not kept.

    Args:
        name: of the network: a key of `mnist.NETWORKS`, or "detector".
        path: its `.keras` file; None for the user's own, else the released one.
        paths: of the files to write, by format.
        dataset: what to check with.

    Returns:
        A check of the network itself, run by Keras, and one of each file.

    Raises:
        FileNotFoundError: there is no such network.
        ValueError: it is damaged, or is another kind of network.
        OSError: a file cannot be written.
    """
    path, is_detector = storage.find_model(name, path), name == "detector"
    load = storage.load_detector_model if is_detector else storage.load_classifier_model
    model = load(path)
    images = _normalize(dataset.images)
    count = min(NUM_REPRESENTATIVES, len(dataset.representatives))
    chosen = np.random.default_rng(0).permutation(len(dataset.representatives))[:count]
    representatives = _normalize(dataset.representatives[chosen])
    answer = check.detect if is_detector else check.classify
    labels = None if is_detector else dataset.labels
    timed = check.write_page(images[: check.PAGE_SIDE**2])[None, ..., None]
    timed = timed if is_detector else images

    engine = KerasEngine(model)
    expected = answer(engine, images)
    milliseconds = check.measure_milliseconds(engine, timed)
    size = path.stat().st_size
    checks = [check.compare(expected, expected, labels, milliseconds, path, size)]
    for each, written in paths.items():
        content = convert(model, each, representatives)
        with tempfile.TemporaryDirectory() as folder:
            tried = Path(folder, written.name)
            tried.write_bytes(content)
            exported = check.load_engine(tried, each)
            answers = answer(exported, images)
            milliseconds = check.measure_milliseconds(exported, timed)
        row = check.compare(answers, expected, labels, milliseconds, written, len(content), each)
        checks.append(row)
        if row.agrees:
            with files.replacing(written) as temporary:
                temporary.write_bytes(content)
    return checks


def format_table(checks: Sequence[Check]) -> str:
    """Format checks as a table with a line on what it shows."""
    is_detector = checks[0].num_correct is None
    what = "test images on pages of 100" if is_detector else "test images"
    lines = [
        f"Checked on {checks[0].num_images:,} {what}; times are for one "
        f"{'page of 320x320 pixels' if is_detector else 'image'}.",
        "runtime  precision  same answers  largest difference         size       time"
        + ("" if is_detector else "  accuracy"),
    ]
    for row in checks:
        runtime, precision = (
            (row.format.runtime, row.format.precision) if row.format else ("keras", "float32")
        )
        line = (
            f"{runtime:<7}  {precision:<9}  {row.num_same:>12,}  {row.max_difference:>18.1e}"
            f"  {row.size:>8,} B  {row.milliseconds:>6.2f} ms"
        )
        if row.num_correct is not None:
            line += f"  {metrics.format_accuracy(row.num_correct, row.num_images)}"
        lines.append(line + ("" if row.agrees else "  NOT KEPT: too many other answers"))
    return "\n".join(lines)


def _normalize(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / np.float32(255)
