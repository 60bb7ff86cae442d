"""Models of other projects: what they take and give is found, and their answers are their own."""

import json
import zipfile

import numpy as np
import pytest

import data
from digits.keras_quietly import keras
from digits.networks import adapter, heads, load_classifier, storage
from digits.networks.keras_engine import KerasEngine

layers = keras.layers
SHAPES = [(28, 28), (28, 28, 1), (784,)]


@pytest.fixture(scope="module")
def labelled():
    """The first 1,000 test images of 0-1, and their labels."""
    images, labels = data.load_test()
    return data.normalize(images[:1000]), labels[:1000]


@pytest.fixture(scope="module")
def hidden_weights():
    """Weights and bias of a layer of 10 units that classifies flat images of 0-1: a fit."""
    images, labels = data.load_train()
    flat = data.normalize(images[:5000]).reshape(5000, -1)
    network = keras.Sequential([layers.Input((784,)), layers.Dense(10)])
    keras.utils.set_random_seed(0)
    network.set_weights([np.zeros((784, 10)), np.zeros(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.005), loss)
    network.fit(flat, labels[:5000], batch_size=250, epochs=5, verbose=0)
    return network.get_weights()


def build(weights, shape=(28, 28), max_pixel=1, activation=None, first=(), dtype=None):
    """A model of the usual kinds, whose logits for an image are the same whatever it takes."""
    network = keras.Sequential(
        [
            layers.Input(shape, dtype=dtype),
            *first,
            layers.Flatten(),
            layers.Dense(10, activation=activation, name="digits"),
        ]
    )
    network.get_layer("digits").set_weights([weights[0] / max_pixel, weights[1]])
    return network


def load(network, path, labelled=None):
    network.save(path)
    return load_classifier(path, (lambda: labelled) if labelled else None)


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("max_pixel", [1, 255])
@pytest.mark.parametrize("shape", SHAPES)
def test_models_of_the_usual_kinds_are_adapted(
    tmp_path, labelled, hidden_weights, shape, max_pixel, activation
):
    network = build(hidden_weights, shape, max_pixel, activation)
    classifier = load(network, tmp_path / "own.keras", labelled)
    found = classifier.adaptation
    assert (found.input_shape, found.max_pixel) == (shape, max_pixel)
    assert found.gives_logits == (activation is None)
    outputs = "probabilities" if activation else "logits"
    assert (
        f"own.keras: input {shape} of 0-{max_pixel}, outputs {outputs}; adapted (on 1,000 test"
        in (found.format())
    )
    assert found.format().count("\n") == 0
    images, labels = labelled
    probabilities = classifier.probabilities(images)
    logits = images.reshape(-1, 784) @ hidden_weights[0] + hidden_weights[1]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.8
    assert classifier.threshold == 0.8 and classifier.temperature is None
    assert classifier.keras_model.count_params() == 7850


def test_networks_of_this_project_are_not_adapted(dense_path):
    def refuse():
        raise AssertionError("no images are needed")

    classifier = load_classifier(storage.RELEASED_MODELS / "dense.keras", refuse)
    assert classifier.adaptation is None
    copy = dense_path.with_name("alone.keras")
    copy.write_bytes(dense_path.read_bytes())  # without an ONNX copy
    classifier = load_classifier(copy, refuse)
    assert isinstance(classifier.engine, KerasEngine) and classifier.adaptation is None


@pytest.mark.parametrize(
    ("first", "max_pixel", "text"),
    [
        ([], 1, "assumed: a layer Rescaling(1/255) says 0-255"),
        ([layers.Rescaling(1 / 255, name="shrink")], 255, "its layer shrink does"),
        ([layers.Rescaling(1 / 127.5, offset=-1, name="shrink")], 255, "its layer shrink does"),
        ([layers.Rescaling(2.0, name="grow")], 1, "its layer grow does"),
        ([layers.Normalization(mean=33.3, variance=6000, name="norm")], 255, "its layer norm does"),
        ([layers.Normalization(mean=0.13, variance=0.1, name="norm")], 1, "its layer norm does"),
    ],
)
@pytest.mark.parametrize("has_images", [False, True])
def test_the_first_layer_tells_where_predictions_do_not(
    tmp_path, labelled, first, max_pixel, text, has_images
):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(784, 10)), np.zeros(10)
    classifier = load(
        build(weights, first=first), tmp_path / "untrained.keras", labelled if has_images else None
    )
    assert classifier.adaptation.max_pixel == max_pixel
    assert text in classifier.adaptation.format()
    assert ("1,000 test images do not tell" in classifier.adaptation.format()) == has_images


def test_a_model_that_normalizes_each_image_takes_either(tmp_path, labelled, hidden_weights):
    first = [layers.LayerNormalization(axis=(1, 2), center=False, scale=False, epsilon=1e-9)]
    mean, deviation = 0.13, 0.31  # of MNIST's pixels, roughly
    weights = hidden_weights[0] * deviation, hidden_weights[1] + mean * hidden_weights[0].sum(0)
    classifier = load(build(weights, first=first), tmp_path / "either.keras", labelled)
    assert classifier.adaptation.max_pixel == 1
    assert "as 0-255 it answers alike" in classifier.adaptation.format()


def test_inputs_that_are_bytes_are_0_to_255(tmp_path, labelled, hidden_weights):
    first = [layers.Rescaling(1 / 255)]
    network = build(hidden_weights, first=first, dtype="uint8")
    classifier = load(network, tmp_path / "bytes.keras")
    assert classifier.adaptation.max_pixel == 255
    images, labels = labelled
    assert classifier.adaptation.prepare(images).dtype == np.uint8
    warped = np.full((1, 28, 28), 0.999, np.float32)  # 254.7, which is no whole number
    assert (classifier.adaptation.prepare(warped) == 255).all()
    np.testing.assert_array_equal(classifier.adaptation.prepare(images), data.load_test()[0][:1000])
    assert (classifier.probabilities(images).argmax(axis=1) == labels).mean() > 0.8


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_outputs_that_are_neither_probabilities_nor_logits_are_refused(
    tmp_path, hidden_weights, activation
):
    with pytest.raises(ValueError, match=f"own.keras has outputs .* by {activation}, expected"):
        load(build(hidden_weights, activation=activation), tmp_path / "own.keras")


def test_other_shapes_are_refused_with_those_that_are_taken(tmp_path):
    for shape, units in (((32, 32), 10), ((28, 28, 3), 10), ((28, 28), 11)):
        network = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(units)])
        with pytest.raises(ValueError, match=r"other\.keras maps .* to \(\d+,\), expected one of"):
            load(network, tmp_path / "other.keras")
    left, right = layers.Input((28, 28)), layers.Input((28, 28))
    outputs = layers.Dense(10)(layers.Flatten()(layers.add([left, right])))
    with pytest.raises(ValueError, match=r"two\.keras maps .*, expected one of"):
        load(keras.Model([left, right], outputs), tmp_path / "two.keras")


def test_a_batch_of_fixed_size_is_an_error_in_one_line(tmp_path, labelled):
    inputs = layers.Input(batch_shape=(32, 28, 28))
    network = keras.Model(inputs, layers.Dense(10)(layers.GRU(4, stateful=True)(inputs)))
    with pytest.raises(ValueError, match=r"fixed\.keras cannot be computed for 1000 images"):
        load(network, tmp_path / "fixed.keras", labelled)


def test_weights_that_overflow_are_an_error(tmp_path):
    weights = np.full((784, 10), 3e38), np.zeros(10)
    with pytest.raises(ValueError, match="outputs that are NaN or infinite"):
        load(build(weights), tmp_path / "huge.keras")


def test_a_model_inside_a_model_and_half_precision_are_adapted(tmp_path, labelled, hidden_weights):
    inner = build(hidden_weights, activation="softmax")
    inputs = layers.Input((28, 28, 1))
    network = keras.Model(inputs, inner(layers.Reshape((28, 28))(inputs)))
    classifier = load(network, tmp_path / "outer.keras", labelled)
    assert not classifier.adaptation.gives_logits
    assert [layer.name for layer in heads.list_layers(network.layers)][-1] == "digits"

    half = keras.Sequential([layers.Input((784,)), layers.Dense(10, dtype="mixed_bfloat16")])
    half.set_weights(hidden_weights)
    classifier = load(half, tmp_path / "half.keras", labelled)
    probabilities = classifier.probabilities(labelled[0])
    assert probabilities.dtype == np.float32 and classifier.adaptation.gives_logits
    assert (probabilities.argmax(axis=1) == labelled[1]).mean() > 0.8


def test_a_model_saved_by_a_newer_keras_says_which_version_it_needs(tmp_path, dense_path):
    for version, expected in (
        ("99.1.0", r"saved by Keras 99\.1\.0, which Keras 3\..* pip install \"keras>=99\.1\.0\""),
        ("3.0.0", "cannot be loaded as a Keras model"),
        ("newest", "cannot be loaded as a Keras model"),
        (None, "cannot be loaded as a Keras model"),
    ):
        path = tmp_path / "new.keras"
        with zipfile.ZipFile(dense_path) as source, zipfile.ZipFile(path, "w") as target:
            config = json.loads(source.read("config.json"))
            config["config"]["layers"][2]["config"]["invented"] = 1
            target.writestr("config.json", json.dumps(config))
            target.writestr("metadata.json", json.dumps({"keras_version": version}))
            target.writestr("model.weights.h5", source.read("model.weights.h5"))
        with pytest.raises(ValueError, match=expected) as raised:
            load_classifier(path)
        assert "\n" not in str(raised.value)


def test_the_images_that_are_tried_are_bounded(tmp_path, hidden_weights, monkeypatch):
    monkeypatch.setattr(adapter, "MAX_CHECKED", 300)
    images, labels = data.load_test()
    tests = data.normalize(images), labels
    classifier = load(build(hidden_weights), tmp_path / "own.keras", tests)
    assert "300 test images" in classifier.adaptation.format()
