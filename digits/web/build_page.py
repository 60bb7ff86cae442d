"""Builds the pages that run in a browser, as one file each: `python -m digits.web.build_page`."""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digits import cli, files
from digits.mnist import NUM_CLASSES
from digits.networks import storage

if TYPE_CHECKING:
    from digits.keras_quietly import keras

SOURCES = Path(__file__).parent / "page"
# In an order in which each module comes after those that it imports.
MODULES = (
    "network.js", "ink.js", "to_mnist.js", "segment.js", "rejection.js", "explain.js", "text.js",
    "read.js", "pad.js", "app.js",
)  # fmt: skip
NETWORK = "tiny"
MAX_BYTES = 60_000
# Of the page that reads photos.
PHOTO_MODULES = (
    "network.js", "ink.js", "to_mnist.js", "photo/lists.js", "photo/boxes.js", "photo/filters.js",
    "photo/shrink.js", "photo/convolution.js", "photo/networks.js", "photo/enlarge.js",
    "photo/cut_out.js", "photo/detect.js", "photo/orientation.js", "photo/lighting.js",
    "photo/deskew.js", "photo/layout.js", "photo/signs.js", "photo/rules.js", "photo/rings.js",
    "photo/unseen_rules.js", "photo/tables.js", "photo/box_rows.js", "photo/alignment.js",
    "photo/words.js", "photo/results.js", "photo/reader.js", "photo/background.js",
    "photo/header.js", "photo/decode.js", "photo/marks.js", "photo/app.js",
)  # fmt: skip
DETECTOR, CLASSIFIER = "detector", "cnn"
MAX_PHOTO_BYTES = 2_000_000
# Layers without weights that the page computes between the others.
OTHER_LAYERS = (
    "InputLayer", "Reshape", "GlobalAveragePooling2D", "Softmax", "LocalContrastNormalization",
    "UpSampling2D", "Add",
)  # fmt: skip
# A literal may hold anything; only what stands between literals is shortened.
LITERAL = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""")
IMPORT = re.compile(r'^import \{ [\w, ]+ \} from "\.{1,2}/(\w+\.js)";$', re.MULTILINE)
DECLARATION = re.compile(
    r"^(?:export )?(?:(?:async )?function|class) (?P<name>\w+)"
    r"|^(?:export )?(?:const|let) (?P<names>[^\n]*)",
    re.MULTILINE,
)
# Of several names on a line, each but the first is followed by its value.
NAME = re.compile(r"^\w+|(?<=, )\w+(?= = )")


def build(model_path: Path, rejection_path: Path, results_path: Path) -> str:
    """Build the page.

    Args:
        model_path: the network, a `.keras` file with its JSON beside it.
        rejection_path: JSON of the rejection that was fitted to it.
        results_path: JSON of its results on MNIST's test images.

    Returns:
        HTML that needs no other file, the same for the same files.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, or the page would be too large.
    """
    from digits.reading.recognize import WIDTHS

    metadata = storage.read_metadata(model_path)
    results = json.loads(results_path.read_text(encoding="utf-8"))
    rejection = json.loads(rejection_path.read_text(encoding="utf-8"))
    model = storage.load_classifier_model(model_path)
    data = {
        "threshold": round(metadata["threshold"], 4),
        "widths": WIDTHS,
        "rejection": rejection
        | {"weights": encode_weights(base64.b64decode(rejection["weights"]))},
        "network": describe_network(model),
    }
    correct, total = results["num_correct"], results["num_images"]
    values = {
        "name": model_path.stem,
        "parameters": f"{model.count_params():,}",
        "accuracy": f"{correct / total:.2%} ({correct:,}/{total:,})",
        "widths": str(len(WIDTHS)),
        "threshold": f"{metadata['threshold']:.1%}",
    }
    return _assemble("", MODULES, data, values, MAX_BYTES)


def build_photo_page(detector_path: Path, classifier_path: Path) -> str:
    """Build the page that reads photos.

    Args:
        detector_path: a `.keras` file.
        classifier_path: a `.keras` file of the cnn.

    Returns:
        HTML that needs no other file, the same for the same files.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, or the page would be too large.
    """
    from digits.reading.reader import SURE
    from digits.reading.recognize import WIDTHS

    detector = storage.load_detector_model(detector_path)
    classifier = storage.load_classifier_model(classifier_path)
    data = {
        "detector": describe_layers(detector),
        "classifier": describe_layers(classifier),
        "widths": WIDTHS,
        "wasm": base64.b64encode((SOURCES / "photo" / "convolution.wasm").read_bytes()).decode(),
    }
    values = {
        "name": classifier_path.stem,
        "parameters": f"{classifier.count_params():,}",
        "detector": f"{detector.count_params():,}",
        "widths": str(len(WIDTHS)),
        "sure": f"{SURE:.0%}",
    }
    return _assemble("photo/", PHOTO_MODULES, data, values, MAX_PHOTO_BYTES)


def describe_network(model: keras.Model) -> dict[str, Any]:
    """Describe a network as `digits/web/page/network.js` takes it.

    Args:
        model: a classifier whose layers are a normalization, convolutions, the mean of each map
            and the logits, as `build_tiny` of `model.py` builds and folds it.

    Returns:
        Kernel size, stride and filters of each convolution, and all weights as half-precision
        floats, encoded by `encode_weights`.

    Raises:
        ValueError: it has other layers.
    """
    convolutions, weights, epsilon = [], [], None
    for layer in model.layers:
        kind, config = type(layer).__name__, layer.get_config()
        if kind == "LayerNormalization" and not layer.weights:
            epsilon = config["epsilon"]
        elif kind == "Conv2D" and (config["padding"], config["activation"]) == ("same", "relu"):
            convolutions.append((layer.kernel.shape[0], config["strides"][0], config["filters"]))
        elif kind not in ("InputLayer", "Reshape", "GlobalAveragePooling2D", "Dense", "Softmax"):
            raise ValueError(
                f"{model.name} has the layer {layer.name} ({kind}), which the page lacks"
            )
        weights += [np.asarray(array).ravel() for array in layer.get_weights()]
    return {
        "epsilon": epsilon,
        "side": model.input_shape[1],
        "layers": convolutions,
        "numClasses": NUM_CLASSES,
        "weights": encode_weights(np.concatenate(weights).astype("<f2").tobytes()),
    }


def describe_layers(model: keras.Model) -> dict[str, Any]:
    """Describe a network as `digits/web/page/photo/networks.js` takes it.

    Args:
        model: the detector, as `build_detector` builds and folds it, or a classifier, as
            `describe_network` takes.

    Returns:
        Kernel size, stride, filters and inputs of each convolution or dense layer, and whether it
        is rectified; all weights as half-precision floats, encoded by `encode_weights`; and of a
        classifier, what its normalization needs.

    Raises:
        ValueError: it has other layers.
    """
    layers: list[tuple[int, int, int, int, bool]] = []
    weights: list[np.ndarray] = []
    described: dict[str, Any] = {"layers": layers}
    for layer in model.layers:
        kind, config = type(layer).__name__, layer.get_config()
        if kind == "Conv2D" and (config["padding"] == "same" or layer.kernel.shape[0] == 1):
            size, _, inputs, filters = layer.kernel.shape
            is_rectified = config["activation"] == "relu"
            layers.append((size, config["strides"][0], filters, inputs, is_rectified))
        elif kind == "Dense":
            inputs, filters = layer.kernel.shape
            layers.append((1, 1, filters, inputs, False))
        elif kind == "LayerNormalization" and not layer.weights:
            described |= {"epsilon": config["epsilon"], "side": model.input_shape[1]}
        elif kind not in OTHER_LAYERS:
            raise ValueError(
                f"{model.name} has the layer {layer.name} ({kind}), which the page lacks"
            )
        weights += [np.asarray(array).ravel() for array in layer.get_weights()]
    half = np.concatenate(weights).astype("<f2")
    return described | {"weights": encode_weights(half.tobytes())}


def encode_weights(weights: bytes) -> str:
    """Encode half-precision floats in base 85, in 6% fewer characters than in base 64.

    Args:
        weights: the floats, little-endian.

    Returns:
        As `base64.b85encode` does, but with "," for "<", which could end the script in HTML.
    """
    return base64.b85encode(weights).decode().replace("<", ",")


def _list_declared(source: str) -> list[str]:
    """List the names that a module declares, also several on one line."""
    declared: list[str] = []
    for match in DECLARATION.finditer(source):
        declared += [match["name"]] if match["name"] else NAME.findall(match["names"])
    return declared


def bundle(modules: Mapping[str, str]) -> str:
    """Join JavaScript modules into one script, without comments and needless blanks.

    Args:
        modules: sources by name, also in a folder, each after those that it imports from. Imports
            name what they import on one line, and no two modules declare the same name.

    Returns:
        A script for a page, in strict mode and a scope of its own.

    Raises:
        ValueError: the modules are in a wrong order, or a name is declared twice.
    """
    seen: dict[str, str] = {}
    for name, source in modules.items():
        missing = set(IMPORT.findall(source)) - {Path(module).name for module in seen.values()}
        if missing:
            raise ValueError(f"{name} imports {', '.join(sorted(missing))}, which comes later")
        for declared in _list_declared(source):
            if declared in seen:
                raise ValueError(f"{name} and {seen[declared]} both declare {declared}")
            seen[declared] = name
    code = "\n".join(_shorten_js(source) for source in modules.values())
    return f'"use strict";{{\n{code}\n}}'


def shorten_css(source: str) -> str:
    """Remove comments and needless blanks from a style sheet."""
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    code = re.sub(r" ?([{};,]) ?", r"\1", " ".join(code.split()))
    return code.replace(": ", ":")


def make_policy(style: str, script: str, is_photo: bool = False) -> str:
    """Make the content security policy: nothing may be requested, and no other code may run.

    The page that reads photos starts its own script in a worker, and compiles the WebAssembly that
    it holds.
    """
    style_digest, script_digest = (
        base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        for code in (style, script)
    )
    compiled, worker = (" 'wasm-unsafe-eval'", "worker-src blob:; ") if is_photo else ("", "")
    return (
        f"default-src 'none'; script-src 'sha256-{script_digest}'{compiled}; {worker}"
        f"style-src 'sha256-{style_digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each {{name}} of a template.

    Raises:
        KeyError: there is no value of a name.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _shorten_js(source: str) -> str:
    lines = (line.strip() for line in IMPORT.sub("", source).splitlines())
    code = "\n".join(line.removeprefix("export ") for line in lines if line[:2] not in ("", "//"))
    parts = LITERAL.split(code)
    parts[::2] = map(_shorten_between_literals, parts[::2])
    return "".join(parts)


def _shorten_between_literals(code: str) -> str:
    code = re.sub(r" +//[^\n]*", "", code)
    code = re.sub(r" *([=<>?:,;(){}\[\]&|*]) *", r"\1", code)
    code = re.sub(r" ([-+/]) (?![-+])", r"\1", code)  # but for a - -b
    return re.sub(r"([,;{(\[])\n", r"\1", re.sub(r";?\n(?=\})|,(?=\})", "", code))


def _assemble(
    folder: str,
    modules: Sequence[str],
    data: Mapping[str, Any],
    values: Mapping[str, str],
    most: int,
) -> str:
    """Assemble a page of the template and style sheet in a folder, and check its size."""
    style = shorten_css(_read(f"{folder}style.css"))
    script = bundle({name: _read(name) for name in modules})
    parts = {
        "policy": make_policy(style, script, is_photo=folder == "photo/"),
        "style": style,
        "script": script,
        "data": json.dumps(data, separators=(",", ":")),
    }
    page = fill(_read(f"{folder}index.html"), {**parts, **values})
    size = len(page.encode())
    if size > most:
        raise ValueError(f"the page has {size:,} bytes, expected at most {most:,}: shorten it")
    return page


def _read(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `argv` are flags, None for those of `sys.argv`.

    Returns:
        `output_dir` (Path).
    """
    parser = cli.Parser(
        "Build the pages that recognize drawn digits and read photos in a browser, a file each.",
        prog="python -m digits.web.build_page",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("docs/page"),
        metavar="FOLDER",
        help="where index.html and photo.html are written (default: %(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: Iterable[str] | None = None) -> None:
    """Build the pages from the released networks, and write them; `argv` as `parse_args`."""
    folder = parse_args(None if argv is None else list(argv)).output_dir
    drawing_path, photo_path = folder / "index.html", folder / "photo.html"
    cli.check_writable(drawing_path, photo_path)
    released = storage.RELEASED_MODELS
    with cli.one_line_errors():
        page = build(
            released / f"{NETWORK}.keras",
            released / f"{NETWORK}_rejection.json",
            released / f"{NETWORK}_results.json",
        )
        photo_page = build_photo_page(
            released / f"{DETECTOR}.keras", released / f"{CLASSIFIER}.keras"
        )

    def write(content: str, path: Path) -> None:
        with files.replacing(path) as temporary:
            temporary.write_bytes(content.encode())

    cli.write_all(
        {
            drawing_path: functools.partial(write, page),
            photo_path: functools.partial(write, photo_page),
        }
    )


if __name__ == "__main__":
    cli.run(main)
