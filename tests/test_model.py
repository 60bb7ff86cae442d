import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import model as models
import storage


def test_the_dense_network_is_784_128_64_10():
    network = models.build_dense()
    assert network.count_params() == 109_386
    assert [layer.name for layer in network.layers] == [
        "flatten",
        "hidden_1",
        "hidden_2",
        "logits",
        "probabilities",
    ]
    assert [w.shape for w in network.weights] == [
        (784, 128),
        (128,),
        (128, 64),
        (64,),
        (64, 10),
        (10,),
    ]


def test_the_dense_network_computes_what_its_weights_say():
    network = models.build_dense()
    images = np.random.default_rng(0).random((5, 28, 28), np.float32)
    w1, b1, w2, b2, w3, b3 = network.get_weights()
    hidden = np.maximum(images.reshape(5, 784) @ w1 + b1, 0)
    logits = np.maximum(hidden @ w2 + b2, 0) @ w3 + b3
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, atol=1e-5)


@pytest.fixture
def shaken_cnn():
    """A convolutional network whose normalizations are far from doing nothing."""
    network = models.build_cnn()
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return network


def test_folding_changes_no_answer_and_leaves_nothing_to_normalize(shaken_cnn):
    images = np.random.default_rng(1).random((20, 28, 28), np.float32)
    folded = models.fold(shaken_cnn)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), shaken_cnn.predict(images, verbose=0), atol=1e-5
    )
    assert {type(layer).__name__ for layer in folded.layers} <= {
        "Reshape", "Conv2D", "GlobalAveragePooling2D", "Dense", "Softmax"
    }  # fmt: skip
    low_precision = models.fold(folded, "bfloat16").predict(images, verbose=0)
    np.testing.assert_allclose(low_precision, folded.predict(images, verbose=0), atol=0.02)


@pytest.mark.parametrize(("name", "limit"), [("cnn", 400_000), ("tiny", 9_999)])
def test_the_convolutional_networks_keep_to_their_size(name, limit):
    assert models.fold(models.BUILDERS[name]()).count_params() <= limit


def test_fused_normalization_is_keras_own():
    ours = models.FusedBatchNormalization(momentum=0.9)
    theirs = layers.BatchNormalization(momentum=0.9)
    images = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 8)).astype(np.float32)
    for layer in (ours, theirs):
        layer.build(images.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 8))
        layer.beta.assign(np.linspace(-1, 1, 8))
    for training, tolerance in ((True, 1e-4), (True, 1e-4), (False, 0.02)):
        np.testing.assert_allclose(
            ours(images, training=training), theirs(images, training=training), atol=tolerance
        )
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-4)
    # The fused operation keeps the unbiased variance: n / (n - 1) times the other.
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=5e-3)


def test_logits_are_the_logarithm_of_the_probabilities(shaken_cnn):
    images = np.random.default_rng(1).random((5, 28, 28), np.float32)
    logits = models.logits(shaken_cnn).predict(images, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shaken_cnn.predict(images, verbose=0), expected, rtol=1e-4)


def test_the_mean_of_networks_is_that_of_their_probabilities(shaken_cnn):
    images = np.random.default_rng(1).random((5, 28, 28), np.float32)
    networks = [shaken_cnn, models.build_dense(), models.build_tiny()]
    logits = models.mean_logits(networks).predict(images, verbose=0)
    expected = np.mean([network.predict(images, verbose=0) for network in networks], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4)


def test_a_model_of_another_make_cannot_be_folded():
    with pytest.raises(ValueError, match="expected this project's logits"):
        models.fold(classifier())


def test_a_saved_model_comes_back_the_same_with_its_metadata(tmp_path):
    network = models.build_dense()
    paths = storage.save(
        network, tmp_path / "mine.keras", {"seed": 3, "versions": storage.package_versions()}
    )
    assert [path.name for path in paths] == ["mine.keras", "mine.json"]
    for saved, loaded in zip(
        network.get_weights(), storage.load(paths[0]).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(saved, loaded)
    metadata = json.loads(paths[1].read_text())
    assert metadata["seed"] == 3
    assert metadata["versions"]["keras"] == keras.__version__


def test_the_saved_file_leaves_the_optimizer_out(tmp_path):
    network = models.build_dense()
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(np.zeros((4, 28, 28), np.float32), np.zeros(4), verbose=0)
    path, _ = storage.save(network, tmp_path / "compiled.keras", {})
    assert path.stat().st_size < 1.3 * 4 * network.count_params()


def classifier(input_shape=(28, 28), units=10, activation="softmax", extra=()):
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
        ({"extra": [layers.Lambda(lambda x: x * 2)]}, "cannot be loaded.*[Ll]ambda"),
    ],
)
def test_other_models_are_refused(tmp_path, options, message):
    path = tmp_path / "other.keras"
    classifier(**options).save(path)
    with pytest.raises(ValueError, match=message):
        storage.load(path)


def test_a_model_with_two_inputs_is_refused(tmp_path):
    left, right = layers.Input((28, 28)), layers.Input((28, 28))
    outputs = layers.Dense(10, "softmax")(layers.Flatten()(layers.add([left, right])))
    keras.Model([left, right], outputs).save(tmp_path / "two.keras")
    with pytest.raises(ValueError, match="not a digit classifier"):
        storage.load(tmp_path / "two.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    network = classifier()
    weights = network.get_weights()
    weights[0][5, 5] = value
    network.set_weights(weights)
    network.save(tmp_path / "nan.keras")
    with pytest.raises(ValueError, match="NaN or infinite"):
        storage.load(tmp_path / "nan.keras")


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
            storage.load(path)
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match="cannot be loaded"):
        storage.load(tmp_path / "zip.keras")
    (tmp_path / "dense.h5").write_bytes(whole)
    with pytest.raises(ValueError, match=r"not a whole \.keras file"):
        storage.load(tmp_path / "dense.h5")


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
        storage.load(path)


def test_a_missing_model_is_named_with_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist.*train\.py"):
        storage.load(tmp_path / "none.keras")


def test_the_users_own_model_comes_before_the_released_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    released = tmp_path / "released"
    with pytest.raises(FileNotFoundError, match=r"run python train\.py"):
        storage.find("dense", released=released)
    released.mkdir()
    (released / "dense.keras").touch()
    assert storage.find("dense", released=released) == Path("released/dense.keras")
    Path("saved_models").mkdir()
    Path("saved_models/dense.keras").touch()
    assert storage.find("dense", released=released) == Path("saved_models/dense.keras")
    assert storage.find("dense", "x.keras", released) == Path("x.keras")


def test_the_released_model_is_whole_and_says_how_it_was_made():
    path = storage.RELEASED_MODELS / "dense.keras"
    metadata = json.loads(path.with_suffix(".json").read_text())
    assert storage.load(path).count_params() == metadata["num_parameters"]
