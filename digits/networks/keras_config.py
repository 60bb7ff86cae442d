"""Checks the layers that a `.keras` file announces, and bounds their sizes, without Keras.

What is checked is rebuilt: only layers and options on the lists below are in the result, so that
what Keras makes of anything else does not matter.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MAX_PARAMETERS = 50_000_000
MAX_LAYERS = 500  # DenseNet121 has 430
MAX_DEPTH = 5  # of models in models
MAX_NODES = 2000  # calls of layers, which models that are called several times multiply
# Numbers that a layer gives for an image, and multiplications for it: of MNIST's images, networks
# of the usual kinds have 1% of these. They keep an evaluation from filling the memory.
MAX_VALUES = 2_000_000
MAX_MULTIPLICATIONS = 10_000_000_000
UNKNOWN_SIDE = 128  # what an axis of any length counts as
MAX_SIZE = 1_000_000  # of any one option
MAX_RECURRENT = 1000  # units: their initial weights are orthogonal, which takes the cube of it
MAX_WORDS = 64  # characters of names
MAX_NUMBERS = 10_000  # in one option: a mean and a variance of each pixel are 784

Shape = tuple[int, ...]


def _words(text: str) -> list[str]:
    return text.split()


MODELS = {
    "Sequential": ("keras", "keras.models"),
    "Functional": ("keras", "keras.models", "keras.src.models.functional"),
}
OWN_LAYERS = {"LocalContrastNormalization": "digits.networks.detector_model"}
INITIALIZERS = _words("""Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal
    LecunUniform Ones RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros""")
ORTHOGONAL = _words("Orthogonal OrthogonalInitializer")
REGULARIZERS = _words("L1 L1L2 L2")
CONSTRAINTS = _words("MaxNorm MinMaxNorm NonNeg UnitNorm")
ACTIVATIONS = _words("""celu elu exponential gelu hard_sigmoid hard_silu hard_swish leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu softmax softplus softsign
    swish tanh""")
ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "ReLU", "Softmax")  # which are also given as activations
DTYPES = _words("""bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 mixed_bfloat16
    mixed_float16""")
WORDS = {  # options that take one of some words
    "activation": ACTIVATIONS,
    "data_format": ["channels_last"],
    "distribution": ["normal", "truncated_normal", "uniform", "untruncated_normal"],
    "fill_mode": ["constant", "nearest", "reflect", "wrap"],
    "interpolation": ["area", "bicubic", "bilinear", "lanczos3", "lanczos5", "nearest"],
    "mode": ["fan_avg", "fan_in", "fan_out", "horizontal", "horizontal_and_vertical", "vertical"],
    "padding": ["same", "valid"],
    "recurrent_activation": ACTIVATIONS,
    "use_cudnn": ["auto"],
}
FLAGS = _words("""antialias autocast center crop_to_aspect_ratio go_backwards invert keepdims
    optional pad_to_aspect_ratio ragged renorm reset_after return_sequences rms_scaling scale
    sparse stateful synchronized trainable unit_forget_bias use_bias zero_output_for_mask""")
NUMBERS = _words("""alpha axis batch_shape cropping depth_multiplier dilation_rate dims dropout
    epsilon factor gain fill_value filters groups height height_factor implementation input_axes
    kernel_size l1 l2 lower max_value maxval mean min_value minval momentum n negative_slope
    offset output_axes output_padding padding pool_size rate recurrent_dropout renorm_momentum
    scale seed shared_axes size stddev strides target_shape threshold units upper value
    value_range variance width width_factor""")
NOTHING = [
    "noise_shape",
    "quantization_config",
    "renorm_clipping",
    "return_state",
    "unroll",
]  # options that must not be set

UNCHANGED = _words("""Activation ActivityRegularization AlphaDropout Dropout ELU GaussianDropout
    GaussianNoise Identity LeakyReLU LocalContrastNormalization RandomBrightness RandomContrast
    RandomFlip RandomRotation RandomTranslation RandomZoom ReLU Rescaling Softmax SpatialDropout1D
    SpatialDropout2D UnitNormalization""")
MERGING = _words("Add Average Maximum Minimum Multiply Subtract")


class Refused(Exception):  # noqa: N818  # it is no error of this program
    """What is on none of the lists, or is too large; its text says what was received."""


@dataclasses.dataclass
class Size:
    """What was counted so far: upper bounds, not exact where axes have any length.

    Attributes:
        parameters: numbers in the weights, also those that are not trained.
        multiplications: for an image.
        nodes: calls of layers.
    """

    parameters: int = 0
    multiplications: int = 0
    nodes: int = 0

    def add(self, parameters: int = 0, multiplications: int = 0) -> None:
        """Add a call of a layer.

        Raises:
            Refused: that is too much.
        """
        self.parameters += parameters
        self.multiplications += multiplications
        self.nodes += 1
        for name, most in (
            ("parameters", MAX_PARAMETERS),
            ("multiplications", MAX_MULTIPLICATIONS),
            ("nodes", MAX_NODES),
        ):
            if getattr(self, name) > most:
                raise Refused(
                    f"received a model of {getattr(self, name):,} {name} or more, expected at most "
                    f"{most:,}"
                )


def check(config: Any) -> tuple[dict[str, Any], Size]:
    """Check the configuration of a model.

    Args:
        config: what the JSON of `config.json` holds.

    Returns:
        `(config, size)`: the same model with nothing but what was checked, and how large it is.

    Raises:
        Refused: it has other layers or options than those listed, or is too large.
    """
    size = Size()
    try:
        checked = _check_model(config, depth=1)
        if _count_layers(checked) > MAX_LAYERS:
            raise Refused(
                f"received a model of {_count_layers(checked):,} layers, expected at most "
                f"{MAX_LAYERS:,}"
            )
        _measure_model(checked, None, size)
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError,
            TypeError, ValueError) as error:  # fmt: skip
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise Refused(f"received layers that do not fit together ({reason})") from None
    return checked, size


# Layers and options: each function returns what it was given, rebuilt.


def _check_model(config: Any, depth: int) -> dict[str, Any]:
    kind, inner = _get_class(config, "a model")
    if kind not in MODELS or config.get("module") not in MODELS[kind]:
        raise Refused(f"received {_describe(config)}, expected a model of the class Sequential or "
                      "Functional")  # fmt: skip
    if depth > MAX_DEPTH:
        raise Refused(f"received models in models {depth} deep, expected at most {MAX_DEPTH}")
    _check_registered_name(config, kind)
    layers = inner["layers"]
    if not isinstance(layers, list) or not layers:
        raise Refused("received a model without a list of layers")
    if len(layers) > MAX_LAYERS:
        raise Refused(f"received {len(layers):,} layers, expected at most {MAX_LAYERS:,}")
    checked: dict[str, Any] = {
        key: _check_option(key, inner[key]) for key in ("name", "trainable") if key in inner
    }
    checked["layers"] = [_check_layer(layer, depth) for layer in layers]
    if kind == "Sequential":
        if "dtype" in inner:
            checked["dtype"] = _check_option("dtype", inner["dtype"])
        if checked["layers"][0]["class_name"] != "InputLayer":
            raise Refused("received a model that was never built, expected one with an input shape")
    else:
        for layer, given in zip(checked["layers"], layers, strict=True):
            layer["name"] = _check_option("name", given["name"])
            layer["inbound_nodes"] = _check_nodes(given["inbound_nodes"])
        for key in ("input_layers", "output_layers"):
            checked[key] = _check_tensors(inner[key])
    return {"module": config["module"], "class_name": kind, "config": checked,
            "registered_name": config.get("registered_name")}  # fmt: skip


def _check_layer(config: Any, depth: int) -> dict[str, Any]:
    kind, inner = _get_class(config, "a layer")
    if kind in MODELS:
        return _check_model(config, depth + 1)
    own = OWN_LAYERS.get(kind)
    if kind not in MEASURES or config.get("module") != (own or "keras.layers"):
        raise Refused(f"received {_describe(config)}, expected a layer that classifiers and "
                      "detectors need")  # fmt: skip
    _check_registered_name(config, f"digits>{kind}" if own else kind)
    options = _check_options(inner, kind)
    return {"module": own or "keras.layers", "class_name": kind, "config": options,
            "registered_name": config.get("registered_name")}  # fmt: skip


def _check_options(options: dict[str, Any], kind: str) -> dict[str, Any]:
    """Check options; those that are not known and null, as newer versions write, are left out."""
    return {
        key: _check_option(key, value, f"{kind}'s ")
        for key, value in options.items()
        if value is not None or key in ALL_OPTIONS or key.endswith(SUFFIXES)
    }


def _check_option(key: str, value: Any, owner: str = "") -> Any:
    received = f"received {owner}{str(key)[:MAX_WORDS]} = {_shorten(value)}"
    if value is None:
        return None
    if key in NOTHING and value is False:
        return value
    if key in NOTHING:
        raise Refused(f"{received}, expected nothing")
    if key in WORDS and isinstance(value, str):
        if value not in WORDS[key]:
            raise Refused(f"{received}, expected one of {', '.join(WORDS[key])}")
        return value
    if key in FLAGS and isinstance(value, bool):
        return value
    if key in NUMBERS and _is_plain(value):
        return value
    if key == "name" and isinstance(value, str) and re.fullmatch(r"[\w ./>()-]{1,200}", value):
        return value
    if key == "dtype":
        return _check_dtype(value)
    for suffix, module, kinds in (
        ("_initializer", "keras.initializers", INITIALIZERS),
        ("_regularizer", "keras.regularizers", REGULARIZERS),
        ("_constraint", "keras.constraints", CONSTRAINTS),
    ):
        if key.endswith(suffix):
            allowed = [*kinds, *ORTHOGONAL] if key == "recurrent_initializer" else kinds
            return _check_object(value, module, allowed)
    if key == "activation" and isinstance(value, dict):
        kind, _ = _get_class(value, "an activation")
        if kind not in ACTIVATION_LAYERS:
            raise Refused(
                f"received {_describe(value)} as activation, expected a name such as relu"
            )
        return _check_layer(value, MAX_DEPTH)
    raise Refused(f"{received}, expected an option that this project knows")


def _check_dtype(value: Any) -> Any:
    if isinstance(value, str):
        name: Any = value
    else:
        kind, inner = _get_class(value, "a dtype")
        name = inner.get("name")
        if kind != "DTypePolicy" or value.get("module") != "keras":
            raise Refused(f"received {_describe(value)} as dtype, expected a DTypePolicy")
        _check_registered_name(value, kind)
        value = {"module": "keras", "class_name": kind, "config": {"name": name},
                 "registered_name": None}  # fmt: skip
    if name not in DTYPES:
        raise Refused(f"received the dtype {_shorten(name)}, expected one of {', '.join(DTYPES)}")
    return value


def _check_object(value: Any, module: str, kinds: Sequence[str]) -> dict[str, Any]:
    kind, inner = _get_class(value, "an object")
    if kind not in kinds or value.get("module") != module:
        raise Refused(f"received {_describe(value)}, expected {module} {', '.join(kinds)}")
    _check_registered_name(value, kind)
    options = _check_options(inner, kind)
    return {"module": module, "class_name": kind, "config": options, "registered_name": None}


def _check_nodes(nodes: Any) -> list[dict[str, Any]]:
    if not isinstance(nodes, list) or len(nodes) > MAX_NODES:
        raise Refused("received inbound nodes that are no short list")
    checked = []
    for node in nodes:
        if not isinstance(node, dict) or node.keys() - {"args", "kwargs"}:
            raise Refused("received inbound nodes of another version of Keras, expected Keras 3's")
        kwargs = node.get("kwargs", {})
        if not isinstance(kwargs, dict) or kwargs.keys() - {"mask", "training"}:
            raise Refused(f"received a layer that is called with {_shorten(list(kwargs))}, "
                          "expected tensors only")  # fmt: skip
        if any(value is not None and not isinstance(value, bool) for value in kwargs.values()):
            raise Refused(f"received a layer that is called with {_shorten(kwargs)}, expected no "
                          "mask")  # fmt: skip
        checked.append({"args": _check_arguments(node["args"], 2), "kwargs": dict(kwargs)})
    return checked


def _check_arguments(value: Any, depth: int) -> Any:
    if isinstance(value, list) and depth:
        return [_check_arguments(each, depth - 1) for each in value]
    kind, inner = _get_class(value, "an argument")
    shape, dtype, history = (inner.get(key) for key in ("shape", "dtype", "keras_history"))
    if kind != "__keras_tensor__" or not (isinstance(shape, list) and _is_plain(shape)):
        raise Refused(f"received a layer that is called with {_describe(value)}, expected tensors")
    if dtype not in DTYPES:
        raise Refused(f"received a tensor of dtype {_shorten(dtype)}, expected a number's")
    return {"class_name": kind, "config": {
        "shape": shape, "dtype": dtype, "keras_history": _check_tensors(history, 0)}}  # fmt: skip


def _check_tensors(value: Any, depth: int = 2) -> list:
    """Check the name of a tensor, or lists of names: each a layer, its node and its output."""
    if not isinstance(value, list) or not value or len(value) > MAX_NODES:
        raise Refused(f"received {_shorten(value)}, expected the name of a tensor")
    if isinstance(value[0], str):
        name, node, output = value
        if type(node) is not int or type(output) is not int or min(node, output) < 0:
            raise Refused(f"received the tensor {_shorten(value)}, expected a layer's output")
        return [_check_option("name", name), node, output]
    if not depth:
        raise Refused(f"received {_shorten(value)}, expected the name of a tensor")
    return [_check_tensors(each, depth - 1) for each in value]


def _get_class(config: Any, what: str) -> tuple[str, dict[str, Any]]:
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise Refused(f"received {_shorten(config)}, expected {what}")
    if not isinstance(config.get("config"), dict):
        raise Refused(f"received {_describe(config)} without its options, expected {what}")
    return config["class_name"], config["config"]


def _check_registered_name(config: dict[str, Any], expected: str) -> None:
    if config.get("registered_name") not in (None, expected):
        raise Refused(
            f"received {_describe(config)} registered as {_shorten(config['registered_name'])}, "
            f"expected {expected}"
        )


def _is_plain(value: Any) -> bool:
    """Whether a value is a number that is finite and not huge, a boolean, or a list of such."""
    numbers = list(_flatten(value))
    return len(numbers) <= MAX_NUMBERS and all(
        each is None or (isinstance(each, (int, float)) and abs(each) <= 2**53) for each in numbers
    )


def _flatten(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _flatten(each)
    else:
        yield value


def _describe(config: Any) -> str:
    module, kind = config.get("module"), config.get("class_name")
    return f"{_shorten(kind)} of the module {_shorten(module)}"


def _shorten(value: Any) -> str:
    if isinstance(value, (list, dict)) and len(value) > 10:
        return f"{len(value):,} values"
    text = str(value)
    return text if len(text) <= MAX_WORDS else text[:MAX_WORDS] + "..."


def _count_layers(model: dict[str, Any]) -> int:
    layers = model["config"]["layers"]
    return sum(_count_layers(each) if each["class_name"] in MODELS else 1 for each in layers)


# Sizes: each function returns the shape that a layer gives, and adds what it takes to a `Size`.


def _measure_model(
    model: dict[str, Any], inputs: Sequence[Shape] | None, size: Size
) -> list[Shape]:
    """Measure a model, called on inputs of these shapes, or on its own; returns its outputs'."""
    config = model["config"]
    if model["class_name"] == "Sequential":
        shapes = list(inputs) if inputs else [_get_input_shape(config["layers"][0])]
        _check_values(shapes[0], "InputLayer")
        for layer in config["layers"][1:]:
            shapes = _measure_layer(layer, shapes, size)
        return shapes
    found: dict[str, list[list[Shape]]] = {layer["name"]: [] for layer in config["layers"]}
    given = list(inputs or [])
    waiting = []
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            shape = _get_input_shape(layer)
            place = [name for name, *_ in _list_tensors(config["input_layers"])]
            if given and layer["name"] in place:
                shape = given[place.index(layer["name"])]
            _check_values(shape, "InputLayer")
            found[layer["name"]].append([shape])
        else:
            calls = [list(_list_tensors(node["args"])) for node in layer["inbound_nodes"]]
            waiting.append((layer, calls))
    while waiting:
        later = []
        for layer, nodes in waiting:
            done = 0
            for tensors in nodes:
                if any(node >= len(found[name]) for name, node, _ in tensors):
                    break
                shapes = [found[name][node][output] for name, node, output in tensors]
                found[layer["name"]].append(_measure_layer(layer, shapes, size))
                done += 1
            if done < len(nodes):
                later.append((layer, nodes[done:]))
        if sum(len(nodes) for _, nodes in later) == sum(len(nodes) for _, nodes in waiting):
            raise Refused(f"received layers in a circle, such as {later[0][0]['name']}")
        waiting = later
    return [found[name][node][out] for name, node, out in _list_tensors(config["output_layers"])]


def _list_tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """List the names of tensors in nested lists, and in those of the arguments of a node."""
    if isinstance(value, dict):
        yield tuple(value["config"]["keras_history"])
    elif value and isinstance(value[0], str):
        yield tuple(value)
    else:
        for each in value:
            yield from _list_tensors(each)


def _measure_layer(layer: dict[str, Any], shapes: Sequence[Shape], size: Size) -> list[Shape]:
    kind, options = layer["class_name"], layer["config"]
    if not shapes:
        raise Refused(f"received a layer {kind} without inputs")
    if kind in MODELS:
        size.add()
        return _measure_model(layer, shapes, size)
    shape, parameters, multiplications = MEASURES[kind](options, shapes)
    size.add(parameters, multiplications)
    _check_values(shape, kind)
    return [shape]


def _check_values(shape: Shape, kind: str) -> None:
    if len(shape) > 4 or math.prod(shape) > MAX_VALUES:
        raise Refused(
            f"received a layer {kind} of {' x '.join(map(str, shape))[:MAX_WORDS]} numbers for an "
            f"image, expected at most {MAX_VALUES:,}"
        )


def _get_input_shape(layer: dict[str, Any]) -> Shape:
    batch, *shape = layer["config"]["batch_shape"]
    if batch is not None and (type(batch) is not int or batch < 1):
        raise Refused(f"received a batch of {_shorten(batch)}, expected any size")
    return tuple(UNKNOWN_SIDE if side is None else _get_size(side) for side in shape)


def _get_size(value: Any, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= MAX_SIZE:
        raise Refused(
            f"received the size {_shorten(value)}, expected a whole number from {least} to "
            f"{MAX_SIZE:,}"
        )
    return value


def _get_sizes(value: Any, number: int) -> list[int]:
    """A size of each of some axes; one number stands for all."""
    sizes = value if isinstance(value, list) else [value] * number
    if len(sizes) != number:
        raise Refused(f"received the sizes {_shorten(value)}, expected {number}")
    return [_get_size(each) for each in sizes]


def _get_axes(options: dict[str, Any], shape: Shape) -> list[int]:
    """Lengths of the axes that `axis` names, counted with the batch."""
    axes = options.get("axis", -1)
    axes = [] if axes is None else axes if isinstance(axes, list) else [axes]
    lengths = [0, *shape]  # no weights along the batch
    return [lengths[axis] for axis in axes]


def _slide(
    sides: Sequence[int], windows: Sequence[int], options: dict[str, Any], steps: Any = 1
) -> list[int]:
    """Lengths after windows of these sizes were slid along axes, by `steps` if none are given."""
    given = options.get("strides")
    steps = _get_sizes(steps if given is None else given, len(sides))
    if options["padding"] == "valid":
        sides = [max(1, side - window + 1) for side, window in zip(sides, windows, strict=True)]
    return [-(-side // step) for side, step in zip(sides, steps, strict=True)]


Measured = tuple[Shape, int, int]
Measure = Callable[[dict[str, Any], Sequence[Shape]], Measured]


def _keep(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    return shapes[0], 0, math.prod(shapes[0])


def _measure_dense(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *others, channels = shapes[0]
    units = _get_size(options["units"])
    weights = channels * units
    return (*others, units), weights + units, math.prod(others) * weights


def _measure_recurrent(number: int) -> Measure:
    """Make what measures a recurrent layer of so many gates."""

    def measure(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
        steps, channels = shapes[0]
        units = _get_size(options["units"])
        if units > MAX_RECURRENT:
            raise Refused(f"received {units:,} recurrent units, expected at most {MAX_RECURRENT:,}")
        weights = number * units * (channels + units)
        shape = (steps, units) if options.get("return_sequences") else (units,)
        return shape, weights + 2 * number * units, steps * weights

    return measure


def _measure_convolution(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    filters, groups = _get_size(options["filters"]), _get_size(options.get("groups", 1))
    kernel = _get_sizes(options["kernel_size"], len(sides))
    weights = math.prod(kernel) * -(-channels // groups) * filters
    sides = _slide(sides, _dilate(kernel, options), options)
    return (*sides, filters), weights + filters, math.prod(sides) * weights


def _dilate(kernel: Sequence[int], options: dict[str, Any]) -> list[int]:
    rates = _get_sizes(options.get("dilation_rate", 1), len(kernel))
    return [(side - 1) * rate + 1 for side, rate in zip(kernel, rates, strict=True)]


def _measure_transposed(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    filters, kernel = _get_size(options["filters"]), _get_sizes(options["kernel_size"], len(sides))
    steps = _get_sizes(options.get("strides", 1), len(sides))
    weights = math.prod(kernel) * channels * filters
    num_places = math.prod(sides)
    largest = [
        (side - 1) * step + max(window, step)
        for side, step, window in zip(sides, steps, _dilate(kernel, options), strict=True)
    ]
    return (*largest, filters), weights + filters, num_places * weights


def _measure_depthwise(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    kernel = _get_sizes(options["kernel_size"], len(sides))
    channels *= _get_size(options.get("depth_multiplier", 1))
    weights = math.prod(kernel) * channels
    sides = _slide(sides, _dilate(kernel, options), options)
    return (*sides, channels), weights + channels, math.prod(sides) * weights


def _measure_separable(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    (*sides, channels), weights, multiplications = _measure_depthwise(options, shapes)
    filters = _get_size(options["filters"])
    joined = channels * filters
    return (
        (*sides, filters),
        weights + joined + filters,
        multiplications + math.prod(sides) * joined,
    )


def _measure_pooling(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    windows = _get_sizes(options["pool_size"], len(sides))
    sides = _slide(sides, windows, options, steps=windows)
    return (*sides, channels), 0, math.prod(sides) * channels * math.prod(windows)


def _measure_global_pooling(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    kept = [1] * len(sides) if options.get("keepdims") else []
    return (*kept, channels), 0, math.prod(shapes[0])


def _measure_batch_norm(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    num_arrays = 7 if options.get("renorm") else 4
    return shapes[0], num_arrays * math.prod(_get_axes(options, shapes[0])), math.prod(shapes[0])


def _measure_layer_norm(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    return shapes[0], 2 * math.prod(_get_axes(options, shapes[0])), math.prod(shapes[0])


def _measure_normalization(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    return shapes[0], 2 * math.prod(_get_axes(options, shapes[0])) + 1, math.prod(shapes[0])


def _measure_prelu(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    shared = options.get("shared_axes") or []
    own = [side for axis, side in enumerate(shapes[0], start=1) if axis not in shared]
    return shapes[0], math.prod(own), math.prod(shapes[0])


def _flatten_shape(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    return (math.prod(shapes[0]),), 0, 0


def _measure_reshape(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    target = options["target_shape"]
    known = math.prod(_get_size(side) for side in target if side not in (-1, None))
    rest = -(-math.prod(shapes[0]) // known)
    return tuple(rest if side in (-1, None) else side for side in target), 0, 0


def _measure_permute(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    if sorted(options["dims"]) != list(range(1, len(shapes[0]) + 1)):
        raise Refused(f"received the axes {_shorten(options['dims'])}, expected each once")
    return tuple(shapes[0][axis - 1] for axis in options["dims"]), 0, 0


def _measure_repetition(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    return (_get_size(options["n"]), *shapes[0]), 0, 0


def _measure_upsampling(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    factors = _get_sizes(options["size"], len(sides))
    sides = [side * factor for side, factor in zip(sides, factors, strict=True)]
    return (*sides, channels), 0, math.prod(sides) * channels


def _measure_zero_padding(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    *sides, channels = shapes[0]
    added = sum(_get_size(each, least=0) for each in _flatten(options["padding"]))
    return (*(side + 2 * added for side in sides), channels), 0, 0


def _measure_cropping(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    for each in _flatten(options["cropping"]):
        _get_size(each, least=0)
    return shapes[0], 0, 0


def _measure_resizing(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    shape = _get_size(options["height"]), _get_size(options["width"]), shapes[0][-1]
    return shape, 0, math.prod(shape)


def _measure_merging(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    shape = tuple(map(max, zip(*padded, strict=True)))
    return shape, 0, math.prod(shape) * len(shapes)


def _measure_concatenation(options: dict[str, Any], shapes: Sequence[Shape]) -> Measured:
    axis = options.get("axis", -1)
    axis = axis - 1 if axis > 0 else axis + len(shapes[0])
    if not 0 <= axis < len(shapes[0]) or len(set(map(len, shapes))) > 1:
        raise Refused(f"received {len(shapes)} tensors to join along axis {_shorten(axis)}")
    shape = [max(sides) for sides in zip(*shapes, strict=True)]
    shape[axis] = sum(each[axis] for each in shapes)
    return tuple(shape), 0, 0


MEASURES: dict[str, Measure] = {
    **dict.fromkeys(UNCHANGED, _keep),
    **dict.fromkeys(MERGING, _measure_merging),
    **{f"Conv{rank}D": _measure_convolution for rank in (1, 2)},
    **{f"DepthwiseConv{rank}D": _measure_depthwise for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _measure_separable for rank in (1, 2)},
    **{f"{kind}Pooling{rank}D": _measure_pooling for kind in ("Average", "Max") for rank in (1, 2)},
    **{
        f"Global{kind}Pooling{rank}D": _measure_global_pooling
        for kind in ("Average", "Max")
        for rank in (1, 2)
    },
    "BatchNormalization": _measure_batch_norm,
    "CenterCrop": _measure_resizing,
    "Concatenate": _measure_concatenation,
    "Conv2DTranspose": _measure_transposed,
    "Cropping2D": _measure_cropping,
    "Dense": _measure_dense,
    "Flatten": _flatten_shape,
    "GRU": _measure_recurrent(3),
    "GroupNormalization": _measure_layer_norm,
    "InputLayer": _keep,
    "LSTM": _measure_recurrent(4),
    "LayerNormalization": _measure_layer_norm,
    "Normalization": _measure_normalization,
    "PReLU": _measure_prelu,
    "Permute": _measure_permute,
    "RandomCrop": _measure_resizing,
    "RepeatVector": _measure_repetition,
    "Reshape": _measure_reshape,
    "Resizing": _measure_resizing,
    "SimpleRNN": _measure_recurrent(1),
    "UpSampling2D": _measure_upsampling,
    "ZeroPadding2D": _measure_zero_padding,
}
SUFFIXES = ("_initializer", "_regularizer", "_constraint")
ALL_OPTIONS = {*WORDS, *FLAGS, *NUMBERS, *NOTHING, "name", "dtype"}
