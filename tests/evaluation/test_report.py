"""The page of evaluate.py --report, made as a user makes it."""

import base64
import html.parser
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from digits.evaluation import report

FIGURES = list(report.SECTIONS)
VOID = {"meta", "img", "br"}  # elements that are never closed


@pytest.fixture
def page(run_main, tiny_data, dense_path, tmp_path):
    """The page of an untrained network on 120 images, what was printed, and the numbers."""
    model_path = tmp_path / "my$_$ & <own>.keras"  # signs of formulas, and of HTML
    shutil.copy(dense_path, model_path)
    metadata = {"command": "python train.py --x", "seed": 3, "versions": {"keras": "3"}}
    metadata |= {"temperature": 2.0, "threshold": 0.15, "num_train": 360}
    model_path.with_suffix(".json").write_text(json.dumps(metadata))
    args = ("--report", "--data", tiny_data, "--model-path", model_path, "--results-file", "r.json")
    done = run_main("evaluate.py", *args)
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / "plots" / "my$_$ & <own>_report.html"
    return path.read_text(), done.stdout, json.loads((tmp_path / "r.json").read_text())


class Checker(html.parser.HTMLParser):
    """Collects headings and attributes, and fails where tags are not closed in turn."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.headings = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(text)


def test_the_page_is_whole_and_needs_no_other_file(page):
    text, printed, results = page
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.headings[0] == "my$_$ & <own>: evaluation report"
    assert checker.headings[1:] == list(report.SECTIONS.values())
    pictures = [link for link in checker.links if link.startswith("data:image/png;base64,")]
    assert len(pictures) == len(FIGURES)
    for picture in pictures:
        opened = Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2])))
        assert opened.width >= 900 and np.ptp(np.asarray(opened)) > 0
    assert {link for link in checker.links if link not in pictures} == {f"#{k}" for k in FIGURES}
    assert not re.search(r"https?://|<script|<link|@import|url\(|javascript:", text)
    assert "python train.py --x (seed 3, keras 3)" in text
    assert "@media print" in text and "my$_$ &amp; &lt;own&gt;" in text
    assert not re.search(r"\{[{%]", text)

    assert (
        f"({results['num_correct']}/120)" in text and f"({results['num_correct']}/120)" in printed
    )
    assert "by a temperature of\n2.00, fitted" in text
    assert "confidence is below 15.0%, as it is for 1% of the validation set." in text
    assert results["num_images"] == 120 and 0 <= results["test_accuracy"] <= 1
    assert results["with_temperature"]["ece"] == results["ece"]
    assert results["without_temperature"]["ece"] != results["ece"]
    assert set(results["out_of_distribution"]) == {"noise", "letters", "shapes"}
    for row in results["out_of_distribution"].values():
        low, high = row["auroc_interval"]
        assert 0 <= low <= row["auroc"] <= high <= 1
    assert len(results["robustness"]["accuracy"]) == 11
    assert results["robustness"]["num_images"] == 24
    coverages = [row["coverage"] for row in results["selective_classification"]]
    assert coverages == [0.99, 0.98, 0.95, 0.9]
    written = [line.rpartition("_")[2] for line in printed.splitlines() if line.startswith("Wrote")]
    assert written[-2:] == ["report.html", "Wrote r.json"]
    assert "46/46" in printed  # progress


def test_a_convolutional_network_without_json_has_a_report(run_main, tiny_data, tmp_path):
    """It has no dense first layer to show, and nothing is known of its training."""
    import model as models
    from digits.networks import batch_norm

    batch_norm.fold_classifier(models.build_tiny()).save(tmp_path / "t.keras")
    done = run_main("evaluate.py", "--report", "--data", tiny_data, "--model-path", "t.keras")
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "plots" / "t_report.html").read_text()
    assert 'id="weights"' not in text and 'id="embedding"' in text
    assert "It is not known how this network was trained" in text
    assert "The temperature of this network is not known" in text
    assert "of the validation set" not in text
    assert "confidence is below 80.0%." in text


def test_too_few_images_and_folders_that_cannot_be_written_are_errors(
    run_main, tiny_data, dense_path, tmp_path
):
    with np.load(tiny_data) as arrays:
        few = {key: array[: 360 if "train" in key else 19] for key, array in arrays.items()}
    np.savez(tmp_path / "few.npz", **few)
    args = ("--report", "--model-path", dense_path)
    done = run_main("evaluate.py", *args, "--data", "few.npz")
    assert done.returncode == 2
    assert "received 19 test images, expected at least 20" in done.stderr
    (tmp_path / "file").write_text("")
    done = run_main("evaluate.py", *args, "--data", tiny_data, "--plots-dir", "file")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    done = run_main("evaluate.py", *args, "--views", 3)
    assert done.returncode == 2 and "--report" in done.stderr


@pytest.fixture
def few_corruptions(monkeypatch):
    """One kind of corruption, which leaves most of a report's time out."""
    from digits.evaluation import corruptions, robustness

    kinds = {"blur": robustness.CORRUPTIONS["blur"]}
    for module in (corruptions, robustness):
        monkeypatch.setattr(module, "CORRUPTIONS", kinds)
    monkeypatch.setattr(robustness, "NUM_SETS", len(kinds["blur"].amounts))


def test_a_model_of_another_project_has_a_report(run_main, tiny_data, tmp_path, few_corruptions):
    """It takes 784 numbers and gives logits; its first layer is dense and so is its last."""
    from digits.keras_quietly import keras

    layers = [keras.layers.Input((784,)), keras.layers.Dense(12, "relu", name="my_hidden")]
    keras.Sequential([*layers, keras.layers.Dense(10)]).save(tmp_path / "f.keras")
    done = run_main("evaluate.py", "--report", "--data", tiny_data, "--model-path", "f.keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("f.keras: input (784,) of 0-1, outputs logits; adapted (")
    text = (tmp_path / "plots" / "f_report.html").read_text()
    assert all(f'id="{key}"' in text for key in FIGURES)
    assert "The last hidden layer has 12 units" in text
    assert "f.keras: input (784,) of 0-1, outputs logits; adapted" in text.partition("<footer>")[2]


def test_a_model_without_a_last_hidden_layer_has_a_report_without_it(tmp_path, few_corruptions):
    from digits.evaluation import scoring
    from digits.keras_quietly import keras
    from digits.networks import load_classifier

    image = keras.layers.Input((28, 28, 1))
    maps = keras.layers.Conv2D(10, 3)(image)
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
    network.save(tmp_path / "f.keras")
    classifier = load_classifier(tmp_path / "f.keras")
    images = np.random.default_rng(0).random((20, 28, 28), np.float32)
    made = report.make_report(classifier, [], images, np.arange(20) % 10)
    assert "The report shows no activations of the last hidden layer: " in made.format()
    assert {"embedding", "weights"} & made._figure_writers().keys() == set()
    assert "<footer>" in report.format_page(made, {})
    assert scoring.first_layer(classifier) is None


@pytest.mark.parametrize("metadata", [{"command": "x"}, {"command": "x", "versions": [1]}, {}])
def test_incomplete_metadata_are_enough(metadata):
    text = report.describe_training(metadata)
    assert text == ("Trained with: x." if metadata else text) and "None" not in text
