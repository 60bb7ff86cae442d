"""Copies of networks in the ONNX format: when they are used, and when Keras is."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from digits import mnist
from digits.networks import load_classifier, load_detector, onnx_copy, onnx_engine, storage
from digits.networks.keras_engine import KerasEngine
from digits.networks.onnx_engine import OnnxEngine
from tests.conftest import ROOT

NAMES = [*mnist.RELEASED, "detector"]


@pytest.fixture
def tiny(tmp_path):
    """The released tiny network with its copy, in a folder of its own."""
    for suffix in (".keras", ".onnx", ".json"):
        shutil.copy(storage.RELEASED_MODELS / f"tiny{suffix}", tmp_path)
    return tmp_path / "tiny.keras"


@pytest.mark.parametrize("name", NAMES)
def test_each_released_network_has_its_copy(name):
    path = storage.RELEASED_MODELS / f"{name}.keras"
    load = load_detector if name == "detector" else load_classifier
    assert isinstance(load(path).engine, OnnxEngine)
    assert path.with_suffix(".onnx").stat().st_size < 1_500_000


@pytest.mark.parametrize("load", [load_detector, load_classifier])
def test_the_number_of_threads_is_that_of_the_session(load):
    sessions = load(num_threads=3).engine.session, load().engine.session
    threads = [session.get_session_options().intra_op_num_threads for session in sessions]
    assert threads == [3, 0]


def test_the_copy_of_another_version_of_the_file_is_not_used(tiny):
    assert isinstance(load_classifier(tiny).engine, OnnxEngine)
    shutil.copy(storage.RELEASED_MODELS / "dense.keras", tiny)
    classifier = load_classifier(tiny)
    assert isinstance(classifier.engine, KerasEngine)
    assert classifier.keras_model.count_params() == 109_386


def test_the_copy_of_the_detector_enlarges_and_clips_by_an_operator_each():
    import onnx

    nodes = onnx.load(storage.RELEASED_MODELS / "detector.onnx").graph.node
    names = [node.op_type for node in nodes]
    assert names.count("Resize") == 3  # two of the brightness
    assert names.count("Clip") == 1
    assert not {"Tile", "Min", "Max"} & set(names)


def test_a_copy_of_something_else_or_a_damaged_one_is_not_used(tiny):
    copy = tiny.with_suffix(".onnx")
    shutil.copy(storage.RELEASED_MODELS / "detector.onnx", copy)
    assert isinstance(load_classifier(tiny).engine, KerasEngine)
    for content in (
        b"",
        b"no network",
        (storage.RELEASED_MODELS / "tiny.onnx").read_bytes()[:-999],
    ):
        copy.write_bytes(content)
        assert isinstance(load_classifier(tiny).engine, KerasEngine)
    with pytest.raises(ValueError, match=r"tiny\.onnx cannot be loaded by ONNX Runtime"):
        OnnxEngine(copy)


def test_a_copy_alone_is_no_network(tiny):
    tiny.unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny\.keras does not exist"):
        load_classifier(tiny)


def test_a_detector_is_no_copy_of_a_classifier_though_the_digest_fits(tiny):
    import onnx

    foreign = onnx.load(storage.RELEASED_MODELS / "detector.onnx")
    foreign.metadata_props[0].value = onnx_copy.digest(tiny)
    onnx.save(foreign, tiny.with_suffix(".onnx"))
    assert isinstance(load_classifier(tiny).engine, KerasEngine)


def test_a_copy_that_cannot_be_computed_is_not_used(tiny):
    """ONNX Runtime loads what does not fit together, and fails when it is run."""
    import onnx

    copy = tiny.with_suffix(".onnx")
    network = onnx.load(copy)
    convolution = [node for node in network.graph.node if node.op_type == "Conv"][3]
    weights, bias = convolution.input[1:3]
    convolution.input[1] = bias
    onnx.save(network, copy)
    OnnxEngine(copy)
    assert isinstance(load_classifier(tiny).engine, KerasEngine)
    convolution.input[1] = weights
    for constant in network.graph.initializer:
        if constant.name == bias:
            constant.raw_data = np.full(constant.dims, np.nan, np.float32).tobytes()
    onnx.save(network, copy)
    assert isinstance(load_classifier(tiny).engine, KerasEngine)


def test_keras_runs_the_networks_where_onnx_runtime_is_not_installed(tiny, monkeypatch):
    monkeypatch.setattr(
        onnx_engine.importlib.util, "find_spec", lambda name: name != "onnxruntime" or None
    )
    assert isinstance(load_classifier(tiny).engine, KerasEngine)
    assert isinstance(load_detector().engine, KerasEngine)


def test_networks_are_saved_without_a_copy_where_nothing_converts_them(tiny, monkeypatch, tmp_path):
    network = storage.load_classifier_model(tiny)
    monkeypatch.setattr(onnx_copy.importlib.util, "find_spec", lambda name: None)
    written = storage.save(network, tmp_path / "new.keras", {})
    assert [path.name for path in written] == ["new.keras", "new.json"]


def test_reading_a_photo_loads_nothing_that_only_trains_scores_or_draws():
    code = """
import sys
from digits.reading import Reader
print(Reader().read("examples/note.jpg").lines[0].text)
loaded = {"keras", "matplotlib", "sklearn", "tensorflow"} & sys.modules.keys()
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "12 + 30 = 42\n"


def test_a_network_without_a_copy_needs_tensorflow(tiny, monkeypatch):
    tiny.with_suffix(".onnx").unlink()
    monkeypatch.setattr(storage.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"tiny\.keras has no ONNX copy .* pip install -r"):
        load_classifier(tiny)
