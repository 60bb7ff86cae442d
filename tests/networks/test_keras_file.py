"""Files that Keras must not see: refused in one line, in little time and memory."""

import copy
import io
import json
import subprocess
import sys
import tracemalloc
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from digits import mnist
from digits.networks import keras_config, keras_file, storage
from digits.networks.keras_config import Refused
from tests.conftest import ROOT

RELEASED = storage.RELEASED_MODELS / "dense.keras"


@pytest.fixture(scope="module")
def parts():
    """Config and weights of the released dense network."""
    with zipfile.ZipFile(RELEASED) as archive:
        return json.loads(archive.read("config.json")), archive.read("model.weights.h5")


def write(path, config, weights, extra=()):
    """Write a `.keras` file; returns its path."""
    if not isinstance(config, (str, bytes)):
        config = json.dumps(config)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
        with warnings.catch_warnings(action="ignore"):  # of names that are there twice
            for name, content in extra:
                archive.writestr(name, content)
    return path


def load(path):
    with keras_file.checked_copy(path) as copied:
        return copied.read_bytes()


def test_the_released_networks_are_taken_with_all_their_layers_and_weights():
    for name in [*mnist.RELEASED, "detector"]:
        path = storage.RELEASED_MODELS / f"{name}.keras"
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(io.BytesIO(load(path))) as copied:
            assert copied.read("model.weights.h5") == archive.read("model.weights.h5")
            layers, kept = (
                json.loads(each.read("config.json"))["config"]["layers"]
                for each in (archive, copied)
            )
        assert [each["config"] for each in kept] == [each["config"] for each in layers]


def change(layer, **options):
    """Make a change of options of a layer of the dense network, by its number."""
    return lambda layers: layers[layer]["config"].update(options)


def insert(module, kind, /, **options):
    """Make an insertion of a layer before the first dense one."""
    layer = {"module": module, "class_name": kind, "config": options, "registered_name": None}
    return lambda layers: layers.insert(3, layer)


def replace(layer, **values):
    return lambda layers: layers[layer].update(values)


CODE = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "exec"}
HOSTILE_LAYERS = {
    "units of billions": (change(3, units=2_000_000_000), "the size 2000000000"),
    "units": (change(3, units=900_000), r"70\d,\d+,\d+ parameters or more"),
    "negative units": (change(3, units=-5), "the size -5"),
    "units as text": (change(3, units="128"), "units = 128"),
    "units as a fraction": (change(3, units=12.5), "the size 12.5"),
    "units as a truth": (change(3, units=True), "the size True"),
    "units beyond floats": (change(3, units=10**400), "units = 1000"),
    "infinite rate": (insert("keras.layers", "Dropout", rate=1e999), "Infinity"),
    "shape as text": (change(0, batch_shape="none"), "batch_shape = none"),
    "shape of nothing": (change(0, batch_shape=[]), "do not fit together"),
    "huge shape": (change(0, batch_shape=[None, 10**6, 10**6]), "1000000 x 1000000 numbers"),
    "ragged shape": (change(0, batch_shape=[None, [28, 28], 28]), "the size"),
    "lambda": (
        insert("keras.layers", "Lambda", function=CODE),
        "Lambda of the module keras.layers",
    ),
    "torch": (insert("keras.layers", "TorchModuleWrapper", module="gASVAA=="), "TorchModule"),
    "other package": (insert("os", "system", command="x"), "system of the module os"),
    "layer elsewhere": (insert("keras.src.layers", "Dense", units=1), "module keras.src.layers"),
    "own name": (
        replace(3, registered_name="digits>LocalContrastNormalization"),
        "registered as digits>Local",
    ),
    "function as activation": (change(3, activation=FUNCTION), "function of the module builtins"),
    "module as activation": (
        change(3, activation={"module": "os", "class_name": "Dense", "config": {}}),
        "Dense of the module os as activation",
    ),
    "name as activation": (change(3, activation="exec"), "activation = exec"),
    "builtin as initializer": (
        change(3, kernel_initializer={"module": "builtins", "class_name": "exec", "config": {}}),
        "exec of the module builtins",
    ),
    "utility as initializer": (
        change(
            3, kernel_initializer={"module": "keras.utils", "class_name": "get_file", "config": {}}
        ),
        "get_file of the module keras.utils",
    ),
    "dtype": (change(3, dtype="string"), "dtype string"),
    "dtype policy": (
        change(
            3,
            dtype={
                "module": "keras",
                "class_name": "QuantizedDTypePolicy",
                "config": {"name": "int8_from_float32"},
            },
        ),
        "QuantizedDTypePolicy",
    ),
    "unknown option": (change(3, command="rm"), "Dense's command = rm"),
    "upsampling": (
        lambda layers: layers.__setitem__(
            slice(1, 3),
            [
                {"module": "keras.layers", "class_name": kind, "config": options}
                for kind, options in (
                    ("Reshape", {"target_shape": [28, 28, 1]}),
                    ("UpSampling2D", {"size": [1000, 1000]}),
                    ("GlobalAveragePooling2D", {}),
                )
            ],
        ),
        "28000 x 28000 x 1 numbers",
    ),
    "padding": (
        lambda layers: layers.__setitem__(
            slice(1, 3),
            [
                {"module": "keras.layers", "class_name": kind, "config": options}
                for kind, options in (
                    ("Reshape", {"target_shape": [28, 28, 1]}),
                    ("ZeroPadding2D", {"padding": [[90_000, 0], [0, 90_000]]}),
                    ("Flatten", {}),
                )
            ],
        ),
        "ZeroPadding2D of .* numbers",
    ),
    "repetition": (insert("keras.layers", "RepeatVector", n=900_000), "RepeatVector of 900000"),
    "many layers": (
        lambda layers: layers.__setitem__(slice(4, 4), [layers[3]] * 600),
        "layers, expected at most 500",
    ),
    "many multiplications": (
        lambda layers: layers.__setitem__(
            slice(1, 3),
            [
                {"module": "keras.layers", "class_name": kind, "config": options}
                for kind, options in (
                    ("Reshape", {"target_shape": [28, 28, 1]}),
                    ("UpSampling2D", {"size": 7}),
                    *[
                        ("Conv2D", {"filters": 50, "kernel_size": 30, "padding": "same"}),
                        ("Conv2D", {"filters": 50, "kernel_size": 30, "padding": "same"}),
                    ],
                    ("GlobalAveragePooling2D", {}),
                )
            ],
        ),
        "multiplications or more",
    ),
    "no layers": (lambda layers: layers.clear(), "without a list of layers"),
    "no shape": (lambda layers: layers.pop(0), "never built"),
    "layer as number": (lambda layers: layers.append(5), "received 5, expected a layer"),
    "options as list": (replace(3, config=[]), "without its options"),
}


@pytest.mark.parametrize("case", HOSTILE_LAYERS)
def test_layers_are_refused(tmp_path, parts, case):
    make_hostile, message = HOSTILE_LAYERS[case]
    config = copy.deepcopy(parts[0])
    make_hostile(config["config"]["layers"])
    with pytest.raises(Refused, match=message):
        load(write(tmp_path / "own.keras", config, parts[1]))


def test_options_that_say_nothing_are_left_out(tmp_path, parts):
    """Newer versions of Keras write options that older ones refuse, as null."""
    config = copy.deepcopy(parts[0])
    change(3, invented=None)(config["config"]["layers"])
    with zipfile.ZipFile(io.BytesIO(load(write(tmp_path / "own.keras", config, parts[1])))) as kept:
        assert b"invented" not in kept.read("config.json")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[" * 200_000 + "]" * 200_000, "without end"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "without end"),
        ('{"class_name": NaN}', "received NaN"),
        ('{"class_name": -Infinity}', "received -Infinity"),
        ("[" + "1" * 5000 + "]", "is no JSON"),
        ("[]", "no JSON object"),
        ("{}", "expected a model"),
        (b"\xff\xfe{", "is no JSON"),
        (" " * 1_000_001, "of 1,000,001 bytes, expected at most 1,000,000"),
        (json.dumps({f"{number}": 0 for number in range(80_000)}), "80,000 values, expected a mo"),
        ('{"module": "os", "class_name": "Sequential", "config": {"layers": []}}', "module os"),
    ],
)
def test_configurations_that_are_none_are_refused(tmp_path, parts, config, message):
    with pytest.raises(Refused, match=message):
        load(write(tmp_path / "own.keras", config, parts[1]))


def make_functional(nodes, layers=("a", "b")):
    """A functional model of dense layers, called on the tensors that `nodes` name."""
    config = {
        "name": "own",
        "layers": [
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": {"batch_shape": [None, 8]},
                "name": "input",
                "inbound_nodes": [],
            },
            *(
                {
                    "module": "keras.layers",
                    "class_name": "Dense",
                    "config": {"units": 8},
                    "name": name,
                    "inbound_nodes": nodes.get(name, []),
                }
                for name in layers
            ),
        ],
        "input_layers": [["input", 0, 0]],
        "output_layers": [["b", 0, 0]],
    }
    return {"module": "keras.models", "class_name": "Functional", "config": config}


def call(*names, **kwargs):
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 8], "dtype": "float32", "keras_history": [name, 0, 0]},
        }
        for name in names
    ]
    return {"args": tensors, "kwargs": kwargs}


def test_layers_of_a_functional_model_are_measured_in_any_order():
    _, size = keras_config.check(make_functional({"b": [call("a")], "a": [call("input")]}))
    assert size.parameters == 2 * (8 * 8 + 8)
    assert size.multiplications == 2 * 8 * 8


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"a": [call("b")], "b": [call("a")]}, "layers in a circle"),
        ({"a": [call("none")]}, "do not fit together"),
        ({"a": [call("input")]}, "do not fit together"),  # b gives nothing
        ({"a": [call()], "b": [call("a")]}, "without inputs"),
        ({"a": [[["input", 0, 0, {}]]]}, "another version of Keras"),
        ({"a": "input"}, "no short list"),
        ({"a": [{"args": [1]}]}, "expected an argument"),
        ({"a": [{"args": [FUNCTION]}]}, "without its options"),
        ({"a": [{"args": [CODE]}]}, "called with __lambda__"),
        ({"a": [{"args": [{"class_name": "__numpy__", "config": {}}]}]}, "None of the mod|__numpy"),
        ({"a": [call("input", function=1)]}, "called with .*function"),
        ({"a": [call("input", mask=call("input"))]}, "no mask"),
        ({"a": [call("input")] * 3000, "b": [call("a")]}, "no short list"),
        ({"a": [call("input")] * 1900, "b": [call("a")] * 1900}, "2,001 nodes or more"),
    ],
)
def test_functional_models_are_refused(nodes, message):
    with pytest.raises(Refused, match=message):
        keras_config.check(make_functional(nodes))


def test_models_in_models_are_bounded():
    config = make_functional({"b": [call("a")], "a": [call("input")]})
    for _ in range(keras_config.MAX_DEPTH):
        outer = make_functional({"b": [call("input")]}, layers=["b"])
        inner = config | {"name": "b", "inbound_nodes": [call("input")] * 50}
        outer["config"]["layers"][1] = inner
        config = outer
    with pytest.raises(Refused, match=r"models in models 6 deep"):
        keras_config.check(config)
    inner = config["config"]["layers"][1]
    with pytest.raises(Refused, match=r"2,001 nodes or more"):  # 50 calls of 50 calls of ...
        keras_config.check(inner)


def change_weights(change):
    """Make a change of the HDF5 file with the weights of the dense network."""

    def make(weights):
        file = io.BytesIO(weights)
        with h5py.File(file, "a") as opened:
            change(opened)
        return file.getvalue()

    return make


PLACE = "layers/dense/vars/0"


def put(**options):
    def change(file):
        del file[PLACE]
        file.create_dataset(PLACE, **options)

    return change_weights(change)


def put_link(link):
    def change(file):
        del file[PLACE]
        file[PLACE] = link

    return change_weights(change)


def put_virtual(file):
    del file[PLACE]
    layout = h5py.VirtualLayout((784, 128), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (784, 128))
    file.create_virtual_dataset(PLACE, layout)


def put_circle(file):
    file["layers/again"] = file["layers"]


def put_type(file):
    file["layers/type"] = np.dtype("f4")


def put_attribute(file):
    file.attrs.create("layers", np.zeros(5000))
    file["layers"].attrs.create("name", np.zeros(5000))


def put_many(file):
    for number in range(50):
        file[f"layers/more/{number}"] = np.zeros((784, 128), np.uint8)


HOSTILE_WEIGHTS = {
    "external link": (put_link(h5py.ExternalLink("/etc/passwd", "/x")), "a link at"),
    "soft link": (put_link(h5py.SoftLink("/layers")), "a link at"),
    "external storage": (
        put(shape=(784, 128), dtype="f4", external=[("/etc/passwd", 0, 401_408)]),
        "external storage",
    ),
    "virtual": (change_weights(put_virtual), "parts or a filter"),
    "chunks": (put(shape=(784, 128), dtype="f4", chunks=(8, 8)), "parts or a filter"),
    "a bomb": (
        put(shape=(2000, 2000), dtype="f4", chunks=(2000, 2000), compression="gzip"),
        "parts or a filter",
    ),
    "too many numbers": (put(shape=(200_000, 200_000), dtype="f4"), "40,000,.* expected at most"),
    "many arrays": (change_weights(put_many), "expected at most"),
    "text": (put(shape=(784, 128), dtype=h5py.string_dtype()), "expected numbers"),
    "records": (put(shape=(784, 128), dtype=[("a", "f4")]), "expected numbers"),
    "nothing": (put(shape=None, dtype="f4"), "nothing at"),
    "a circle": (change_weights(put_circle), "twice"),
    "a type": (change_weights(put_type), "a type at"),
    "attributes": (change_weights(put_attribute), "large attributes"),
    "no HDF5": (lambda weights: b"no HDF5", "damaged model.weights.h5"),
    "a cut": (lambda weights: weights[:2000], "damaged model.weights.h5"),
    "too long": (lambda weights: weights + bytes(3_000_000), "bytes, expected at most"),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_weights_are_refused(tmp_path, parts, case):
    make_hostile, message = HOSTILE_WEIGHTS[case]
    path = write(tmp_path / "own.keras", parts[0], make_hostile(parts[1]))
    tracemalloc.start()
    with pytest.raises(Refused, match=message):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "extra",
    [
        [("../../outside", "x")],
        [("/etc/outside", "x")],
        [("assets/../../outside", "x")],
        [("config.json", "{}")],
        [("assets/vocabulary.txt", "x")],
        [(f"{number}", "") for number in range(2000)],
    ],
)
def test_other_members_are_refused(tmp_path, parts, extra):
    with pytest.raises(Refused, match=r"members.* expected config.json"):
        load(write(tmp_path / "own.keras", *parts, extra))


def test_directories_of_archives_are_not_read_where_they_are_large(tmp_path, parts):
    """They would take seconds and gigabytes; the end of the file says how large they are."""
    path = write(tmp_path / "own.keras", *parts)
    whole = path.read_bytes()
    huge = whole[:-12] + (2**31).to_bytes(4, "little") + whole[-8:]
    large = whole[:-22] + b"PK\6\7" + bytes(16) + whole[-22:]
    commented = whole[:-2] + b"\1\0x"
    for content in (huge, large, commented, whole[:-5], b"", whole[:10]):
        path.write_bytes(content)
        with pytest.raises(Refused, match="zip archive"):
            load(path)


def test_an_archive_with_a_member_that_unpacks_to_more_is_refused(tmp_path, parts):
    path = tmp_path / "own.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(parts[0]))
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(300):
                member.write(bytes(1_000_000))
    with pytest.raises(Refused, match=r"of 300,000,000 bytes, expected at most"):
        load(path)
    content = path.read_bytes()  # which says that it is small, and is not
    path.write_bytes(content.replace((300_000_000).to_bytes(4, "little"), b"\0\1\0\0"))
    with pytest.raises(Refused, match="damaged zip archive"):
        load(path)


def test_members_in_other_compressions_are_refused(tmp_path, parts):
    path = tmp_path / "own.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    with pytest.raises(Refused, match="not compressed with deflate"):
        load(path)


def test_what_was_checked_is_refused_before_keras_is_imported(tmp_path, parts):
    config = copy.deepcopy(parts[0])
    change(3, units=2_000_000_000)(config["config"]["layers"])
    path = write(tmp_path / "own.keras", config, parts[1])
    code = f"""
import sys
from digits.networks import load_classifier, load_detector
for load in (load_classifier, load_detector):
    try:
        load({str(path)!r})
    except ValueError as error:
        print(error)
assert not {{"keras", "tensorflow"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the size 2000000000, expected") == 2


def test_a_model_that_loads_but_cannot_be_computed_is_refused(tmp_path, parts):
    config = copy.deepcopy(parts[0])
    change(-1, axis=42)(config["config"]["layers"])
    path = write(tmp_path / "own.keras", config, parts[1])
    with pytest.raises(ValueError, match=r"own\.keras cannot be computed"):
        storage.load_classifier_model(path)


def build_models():
    """Models of the usual kinds, by name."""
    from digits.keras_quietly import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    compiled = keras.Sequential([layers.Flatten(), layers.Dense(10, kernel_regularizer="l2")])
    compiled.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    compiled.fit(np.zeros((4, 28, 28)), np.zeros(4), verbose=0)
    nested = keras.Sequential([compiled, layers.Softmax()])
    nested(np.zeros((1, 28, 28)))
    images = keras.Input((28, 28, 1))
    x = layers.RandomRotation(0.1)(images)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = layers.Normalization(mean=0.1, variance=0.2)(x)
    x = layers.Conv2D(8, 3, padding="same", kernel_constraint="max_norm")(x)
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    short = layers.Conv2D(8, 1)(x)
    x = layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, activation="swish")(x)
    x = layers.Add()([x, short])
    x = layers.MaxPooling2D()(x)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.Concatenate()([x, layers.Cropping2D(1)(layers.AveragePooling2D(2)(short))])
    x = layers.UpSampling2D()(layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.ZeroPadding2D(1)(layers.Conv2DTranspose(4, 3, strides=2)(x))
    x = layers.Dropout(0.5)(layers.LayerNormalization()(layers.GroupNormalization(2)(x)))
    x = layers.Dense(16, activation=layers.LeakyReLU())(layers.GlobalAveragePooling2D()(x))
    functional = keras.Model(images, layers.Dense(10, "softmax")(x))
    flat = keras.Sequential([layers.Input((784,)), layers.Rescaling(1 / 255), layers.Dense(10)])
    rows = keras.Sequential([layers.Input((28, 28)), layers.LSTM(8, return_sequences=True)])
    rows.add(layers.GRU(6))
    rows.add(layers.Dense(10))
    return {
        "rows": rows,
        "compiled": compiled,
        "nested": nested,
        "functional": functional,
        "flat": flat,
    }


def test_models_of_the_usual_kinds_are_loaded_and_measured(tmp_path):
    for name, model in build_models().items():
        path = tmp_path / f"{name}.keras"
        model.save(path)
        loaded = storage.load_network(path, "train.py")
        images = np.random.default_rng(0).random((3, *model.input_shape[1:]), np.float32)
        np.testing.assert_array_equal(model(images, training=False), loaded(images, training=False))
        with zipfile.ZipFile(path) as archive:
            _, size = keras_config.check(json.loads(archive.read("config.json")))
        assert model.count_params() <= size.parameters < model.count_params() * 1.02 + 200, name


ARGUMENTS = {  # of layers that need some
    "Activation": ["relu"],
    "CenterCrop": [8, 8],
    "Conv2DTranspose": [2, 3],
    "Dense": [3],
    "GRU": [3],
    "LSTM": [3],
    "InputLayer": [(28, 28, 1)],
    "Permute": [(2, 1, 3)],
    "RandomCrop": [8, 8],
    "RandomFlip": ["horizontal"],
    "RandomTranslation": [0.1, 0.1],
    "RepeatVector": [3],
    "Reshape": [(-1,)],
    "Resizing": [8, 8],
    "SimpleRNN": [3],
}


def find_arguments(kind):
    if "Conv" in kind and "Depthwise" not in kind:
        return [2, 3]
    if "Pooling" in kind or "Conv" in kind:
        return [] if "Global" in kind else [2]
    random = ("Dropout", "Noise", "Random", "Rescaling")
    return ARGUMENTS.get(kind, [0.1] if any(word in kind for word in random) else [])


@pytest.mark.parametrize("kind", sorted(keras_config.MEASURES.keys() - keras_config.OWN_LAYERS))
def test_all_that_keras_writes_of_a_layer_is_taken(kind):
    """An option that a new version of Keras adds must be looked at."""
    from digits.keras_quietly import keras

    layer = getattr(keras.layers, kind)(*find_arguments(kind))
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    checked = keras_config._check_layer(config, depth=1)
    assert checked["config"].keys() == config["config"].keys()
    rebuilt = keras.saving.deserialize_keras_object(checked)
    assert json.dumps(rebuilt.get_config()) == json.dumps(layer.get_config())
