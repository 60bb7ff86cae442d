import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import data
import model as models
from digits import mnist
from digits.evaluation import metrics
from digits.keras_quietly import keras
from digits.networks import load_classifier, storage
from tests.conftest import ROOT


def test_a_saved_model_comes_back_the_same_with_its_metadata(tmp_path):
    network = models.build_dense()
    paths = storage.save(
        network, tmp_path / "mine.keras", {"seed": 3, "versions": storage.package_versions()}
    )
    assert [path.name for path in paths] == ["mine.keras", "mine.json", "mine.onnx"]
    for saved, loaded in zip(
        network.get_weights(), storage.load_classifier_model(paths[0]).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(saved, loaded)
    metadata = json.loads(paths[1].read_text())
    assert metadata["seed"] == 3
    assert metadata["versions"]["keras"] == keras.__version__


@pytest.mark.parametrize("name", ["saved", *mnist.RELEASED, "detector"])
def test_files_have_no_keys_that_earlier_versions_of_keras_refuse(dense_path, name):
    """With them, 3.0 to 3.12 load no file; where they are not null, they say something."""
    path = dense_path if name == "saved" else storage.RELEASED_MODELS / f"{name}.keras"
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert not re.search(rf'"({"|".join(storage.NEW_KEYS)})": null', config)
    assert '"kernel_regularizer": null' in config


def test_new_keys_that_say_something_are_kept(tmp_path):
    path = tmp_path / "model.keras"
    config = {"layers": [{"quantization_config": {"mode": "int8"}, "input_axes": None}], "name": 1}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", b"\x00weights")
    storage.drop_new_keys(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("model.weights.h5") == b"\x00weights"
        kept = json.loads(archive.read("config.json"))
    assert kept == {"layers": [{"quantization_config": {"mode": "int8"}}], "name": 1}


def test_the_saved_file_leaves_the_optimizer_out(tmp_path):
    network = models.build_dense()
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(np.zeros((4, 28, 28), np.float32), np.zeros(4), verbose=0)
    path, *_ = storage.save(network, tmp_path / "compiled.keras", {})
    assert path.stat().st_size < 1.3 * 4 * network.count_params()


layers = keras.layers


def build_classifier(input_shape=(28, 28), units=10, activation="softmax", extra=()):
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Flatten(),
            *extra,
            layers.Dense(units, activation=activation),
        ]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (32, 32)}, "expected \\(28, 28\\)"),
        ({"units": 26}, "to \\(26,\\), expected"),
        ({"activation": None}, "probabilities"),
        ({"activation": "tanh"}, "probabilities"),
        ({"extra": [keras.layers.Lambda(lambda x: x * 2)]}, "cannot be loaded.*[Ll]ambda"),
    ],
)
def test_other_models_are_refused(tmp_path, options, message):
    path = tmp_path / "other.keras"
    build_classifier(**options).save(path)
    with pytest.raises(ValueError, match=message):
        storage.load_classifier_model(path)


def test_a_model_with_two_inputs_is_refused(tmp_path):
    left, right = layers.Input((28, 28)), layers.Input((28, 28))
    outputs = layers.Dense(10, "softmax")(layers.Flatten()(layers.add([left, right])))
    keras.Model([left, right], outputs).save(tmp_path / "two.keras")
    with pytest.raises(ValueError, match="not a digit classifier"):
        storage.load_classifier_model(tmp_path / "two.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    network = build_classifier()
    weights = network.get_weights()
    weights[0][5, 5] = value
    network.set_weights(weights)
    network.save(tmp_path / "nan.keras")
    with pytest.raises(ValueError, match="NaN or infinite"):
        storage.load_classifier_model(tmp_path / "nan.keras")


def test_damaged_and_foreign_files_are_refused(tmp_path, dense_path):
    whole = dense_path.read_bytes()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"not a model",
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "damaged": whole[:5000] + b"\xff" * 3000 + whole[8000:],
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.keras"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}.keras"):
            storage.load_classifier_model(path)
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match="cannot be loaded"):
        storage.load_classifier_model(tmp_path / "zip.keras")
    (tmp_path / "dense.h5").write_bytes(whole)
    with pytest.raises(ValueError, match=r"not a whole \.keras file"):
        storage.load_classifier_model(tmp_path / "dense.h5")


def test_a_model_naming_a_python_class_outside_keras_is_refused(tmp_path, dense_path):
    path = tmp_path / "code.keras"
    with zipfile.ZipFile(dense_path) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1] |= {"module": "subprocess", "class_name": "Popen"}
                content = json.dumps(config)
            target.writestr(name, content)
    with pytest.raises(ValueError, match="cannot be loaded"):
        storage.load_classifier_model(path)


def test_a_missing_model_is_named_with_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist.*train\.py"):
        storage.load_classifier_model(tmp_path / "none.keras")


def test_the_users_own_model_comes_before_the_released_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    released = tmp_path / "released"
    with pytest.raises(FileNotFoundError, match=r"run python train\.py"):
        storage.find_model("dense", released=released)
    released.mkdir()
    (released / "dense.keras").touch()
    assert storage.find_model("dense", released=released) == Path("released/dense.keras")
    Path("saved_models").mkdir()
    Path("saved_models/dense.keras").touch()
    assert storage.find_model("dense", released=released) == Path("saved_models/dense.keras")
    assert storage.find_model("dense", "x.keras", released) == Path("x.keras")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"temperature": 1.5, "threshold": 0.6, "seed": 3}', {"temperature", "threshold", "seed"}),
        (
            '{"temperature": 2, "threshold": 1, "num_train": 5}',
            {"temperature", "threshold", "num_train"},
        ),
        ('{"temperature": 0, "threshold": 1.1, "num_train": -1}', set()),
        ('{"temperature": "warm", "threshold": null, "num_train": "many"}', set()),
        ('{"temperature": NaN, "threshold": -1}', set()),
        ('{"temperature": true, "threshold": [0.5]}', set()),
        ("[1, 2]", set()),
        ('{"thresh', set()),
        (None, set()),
    ],
)
def test_what_makes_no_sense_in_a_models_json_is_left_out(tmp_path, text, expected):
    if text is not None:
        (tmp_path / "m.json").write_text(text)
    assert set(storage.read_metadata(tmp_path / "m.keras")) == expected


def test_the_metadata_of_another_file_are_not_used(tmp_path):
    """As where a program is killed after it replaced a model, and before its JSON."""
    path = tmp_path / "own.keras"
    storage.save(models.build_dense(), path, {"temperature": 2.0, "seed": 1})
    assert storage.read_metadata(path) == {"temperature": 2.0, "seed": 1}
    path.write_bytes((storage.RELEASED_MODELS / "dense.keras").read_bytes())
    assert storage.read_metadata(path) == {}


@pytest.mark.parametrize("name", mnist.RELEASED)
def test_a_released_model_is_whole_and_as_good_as_its_json_and_the_documentation_say(name):
    path = storage.RELEASED_MODELS / f"{name}.keras"
    assert path.stat().st_size < 5_000_000
    metadata = json.loads(path.with_suffix(".json").read_text())
    assert metadata["command"].startswith("python train.py")
    assert {"seed", "versions", "dataset_sha256", "val_accuracy"} <= metadata.keys()
    results = json.loads(path.with_name(f"{name}_results.json").read_text())
    classifier = load_classifier(path)
    assert classifier.keras_model.count_params() == metadata["num_parameters"]
    images, labels = data.load_test()
    scores = metrics.score(labels, classifier.probabilities(data.normalize(images)))
    # Another processor rounds otherwise, which may tip an image or two.
    assert abs(scores.num_correct - results["num_correct"]) <= 3
    assert scores.ece <= 0.002 + 0.0003
    assert 0.5 < classifier.threshold < 1
    documented = (ROOT / "docs" / "evaluation.md").read_text()
    assert f"{results['test_accuracy']:.2%} ({results['num_correct']:,}/10,000)" in documented


def test_models_that_are_called_alike_are_numbered():
    names = storage.unique_names(["a/m.keras", "b/m.keras", "c/n.keras"])
    assert names == ["m 1", "m 2", "n"]


def test_a_detector_and_a_classifier_are_not_taken_for_each_other(dense_path):
    detector_path = storage.RELEASED_MODELS / "detector.keras"
    with pytest.raises(ValueError, match="not a digit classifier"):
        storage.load_classifier_model(detector_path)
    with pytest.raises(ValueError, match=r"detects digits: .*train_detector\.py"):
        storage.load_detector_model(dense_path)


def test_the_released_detector_needs_no_private_names_of_keras():
    """A refactoring of Keras moves what lies below `keras.src`, beside what it documents."""
    with zipfile.ZipFile(storage.RELEASED_MODELS / "detector.keras") as archive:
        config = archive.read("config.json").decode()
    assert set(re.findall(r"keras\.src[.\w]*", config)) <= {"keras.src.models.functional"}
