"""The page of one file: it is what its builder builds, and its modules agree with Python."""

import json
import re
import subprocess

import numpy as np
import pytest

import data
from benchmarks import drawings
from digits.networks import load_classifier
from digits.networks.rejection import FeatureExtractor, load_rejection
from digits.networks.storage import RELEASED_MODELS
from digits.reading.recognize import WIDTHS
from digits.training.synthetic.strokes import trace_digits
from digits.transforms.to_mnist import to_mnist
from digits.web import build_page
from tests.conftest import ROOT
from tests.web.conftest import NODE, PAGES, run_node_tests

TESTS = ROOT / "tests" / "web" / "page"
SOURCES = (
    RELEASED_MODELS / "tiny.keras",
    RELEASED_MODELS / "tiny_rejection.json",
    RELEASED_MODELS / "tiny_results.json",
)
NUM_IMAGES = 200


@pytest.fixture(scope="module")
def page():
    return (PAGES / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(SOURCES[0])


def read_data(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


def list_inks():
    """Drawings of each kind but dots, whose middle may lie exactly between two pixels."""
    rng = np.random.default_rng(3)
    images = data.load_test()[0]
    inks = [("MNIST", image / np.float32(255)) for image in images[:80]]
    traced = trace_digits(images[:40], np.full(40, 2), rng, share_broken=0.0)
    drawn = [("digit", drawings.draw_traced(strokes, rng)) for strokes in traced]
    drawn += [
        (kind, make(rng))
        for kind, make in drawings.KINDS.items()
        for _ in range(4)
        if kind != "dots"
    ]
    return inks + [(kind, 1 - canvas[..., 0] / np.float32(255)) for kind, canvas in drawn]


@pytest.fixture(scope="module")
def fixtures(page, classifier, tmp_path_factory):
    """What Python computes, for the tests in JavaScript."""
    images = data.load_test()[0][:NUM_IMAGES] / np.float32(255)
    features = FeatureExtractor(classifier.keras_model)(images)
    content = {
        "data": read_data(page),
        "widths": WIDTHS,
        "drawings": [
            {
                "kind": kind,
                "height": ink.shape[0],
                "width": ink.shape[1],
                "ink": ink.ravel().tolist(),
                "images": to_mnist(ink, WIDTHS).reshape(len(WIDTHS), -1).tolist(),
            }
            for kind, ink in list_inks()
        ],
        "test": {
            "images": images.reshape(NUM_IMAGES, -1).tolist(),
            "probabilities": classifier.probabilities(images).tolist(),
            "scores": load_rejection(SOURCES[1]).score(features).tolist(),
        },
    }
    path = tmp_path_factory.mktemp("page") / "fixtures.json"
    path.write_text(json.dumps(content))
    return path


def test_the_page_is_what_its_builder_builds(page):
    # After a change of its sources: python -m digits.web.build_page
    assert build_page.build(*SOURCES) == page
    assert len(page.encode()) <= build_page.MAX_BYTES


@pytest.mark.skipif(not NODE, reason="node is not installed")
def test_the_modules_agree_with_python(fixtures):
    run_node_tests(TESTS, fixtures)


def test_eslint_has_no_complaint():
    eslint = TESTS / "node_modules" / ".bin" / "eslint"
    if not NODE or not eslint.exists():
        pytest.skip("ESLint is not installed: npm --prefix tests/web/page ci")
    config = TESTS / "eslint.config.js"
    command = [eslint, "--config", config, "--max-warnings", "0", build_page.SOURCES, TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_states_what_its_files_say(page):
    results = json.loads(SOURCES[2].read_text(encoding="utf-8"))
    correct = results["num_correct"]
    assert f"{correct / 10_000:.2%} ({correct:,}/10,000)" in page
    assert "9,866 parameters" in page
    held = read_data(page)
    assert held["widths"] == list(WIDTHS)
    assert held["threshold"] == pytest.approx(results_threshold(), abs=1e-4)


def results_threshold():
    return json.loads(SOURCES[0].with_suffix(".json").read_text(encoding="utf-8"))["threshold"]


def test_nothing_in_the_page_names_another_file(page):
    assert "{{" not in page.split('<script type="application/json"')[0]
    # But for a link to the page that reads photos, which nothing follows by itself.
    assert re.findall(r"""(?:src|href)=["'](?!data:)([^"']*)""", page) == ["photo.html"]
    assert "default-src 'none'" in page
    assert "://" not in page


def test_modules_are_joined_without_comments_and_blanks():
    modules = {
        "one.js": '// What it is.\nexport const A = "a = b; // c";\n\n',
        "two.js": 'import { A } from "./one.js";\n\n'
        "export function add(b) {\n    b -= -1 - -b + 1; // d\n    return [A, `${b} = b`];\n}\n",
    }
    assert build_page.bundle(modules).splitlines() == [
        '"use strict";{',
        'const A="a = b; // c";',
        "function add(b){b -=-1 - -b+1;return[A,`${b} = b`]}",
        "}",
    ]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"b.js": 'import { A } from "./a.js";\n', "a.js": "export const A = 1;\n"}, "later"),
        ({"a.js": "const A = 1;\n", "b.js": "function A() {}\n"}, "both declare A"),
        (
            {"a.js": "const A = 1, B = [2, 3];\n", "b.js": "export const C = 1, B = 2;\n"},
            "both declare B",
        ),
    ],
)
def test_modules_that_cannot_be_joined_are_refused(modules, message):
    with pytest.raises(ValueError, match=message):
        build_page.bundle(modules)


def test_another_network_than_the_page_can_compute_is_refused(classifier):
    from digits.keras_quietly import keras

    layers = keras.layers
    pooled = keras.Sequential([layers.Input((28, 28)), layers.MaxPooling1D()])
    with pytest.raises(ValueError, match="MaxPooling1D"):
        build_page.describe_network(pooled)
    described = build_page.describe_network(classifier.keras_model)
    assert [stride for _, stride, _ in described["layers"]] == [2, 1, 2, 1, 1]


def test_the_command_writes_the_page_and_reports_mistakes(run_main, page, tmp_path):
    done = run_main("digits/web/build_page.py", "--output-dir", "new")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Wrote new/index.html\nWrote new/photo.html\n"
    assert (tmp_path / "new" / "index.html").read_text(encoding="utf-8") == page
    photo_page = (PAGES / "photo.html").read_text(encoding="utf-8")
    assert (tmp_path / "new" / "photo.html").read_text(encoding="utf-8") == photo_page
    (tmp_path / "file").touch()
    done = run_main("digits/web/build_page.py", "--output-dir", "file")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
