"""Builds the page that runs in a browser, as one file: `python -m digits.web.build_page`."""

from __future__ import annotations

import argparse
import base64
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
PAGE = Path("docs/page/index.html")
MAX_BYTES = 61_440
# A literal may hold anything; only what stands between literals is shortened.
LITERAL = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""")
IMPORT = re.compile(r'^import \{ [\w, ]+ \} from "\./(\w+\.js)";$', re.MULTILINE)
NAME = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


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
    model = storage.load_classifier_model(model_path)
    data = {
        "threshold": round(metadata["threshold"], 4),
        "widths": WIDTHS,
        "rejection": json.loads(rejection_path.read_text(encoding="utf-8")),
        "network": describe_network(model),
    }
    style = shorten_css(_read("style.css"))
    script = bundle({name: _read(name) for name in MODULES})
    correct, total = results["num_correct"], results["num_images"]
    page = fill(
        _read("index.html"),
        {
            "policy": make_policy(style, script),
            "style": style,
            "script": script,
            "data": json.dumps(data, separators=(",", ":")),
            "name": model_path.stem,
            "parameters": f"{model.count_params():,}",
            "accuracy": f"{correct / total:.2%} ({correct:,}/{total:,})",
            "widths": str(len(WIDTHS)),
            "threshold": f"{metadata['threshold']:.1%}",
        },
    )
    size = len(page.encode())
    if size > MAX_BYTES:
        raise ValueError(f"the page has {size:,} bytes, expected at most {MAX_BYTES:,}: shorten it")
    return page


def describe_network(model: keras.Model) -> dict[str, Any]:
    """Describe a network as `digits/web/page/network.js` takes it.

    Args:
        model: a classifier whose layers are a normalization, convolutions, the mean of each map
            and the logits, as `build_tiny` of `model.py` builds and folds it.

    Returns:
        Kernel size, stride and filters of each convolution, and all weights as half-precision
        floats in base64.

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
        "weights": base64.b64encode(np.concatenate(weights).astype("<f2").tobytes()).decode(),
    }


def bundle(modules: Mapping[str, str]) -> str:
    """Join JavaScript modules into one script, without comments and needless blanks.

    Args:
        modules: sources by name, each after those that it imports from. Imports name what they
            import on one line, and no two modules declare the same name.

    Returns:
        A script for a page, in strict mode and a scope of its own.

    Raises:
        ValueError: the modules are in a wrong order, or a name is declared twice.
    """
    seen: dict[str, str] = {}
    for name, source in modules.items():
        missing = set(IMPORT.findall(source)) - set(seen.values())
        if missing:
            raise ValueError(f"{name} imports {', '.join(sorted(missing))}, which comes later")
        for declared in NAME.findall(source):
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


def make_policy(style: str, script: str) -> str:
    """Make the content security policy: nothing may be requested, and no other code may run."""
    style_digest, script_digest = (
        base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        for code in (style, script)
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script_digest}'; "
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


def _read(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `argv` are flags, None for those of `sys.argv`.

    Returns:
        `output` (Path).
    """
    parser = cli.Parser(
        "Build the page that recognizes drawn digits in a browser, as one file.",
        prog="python -m digits.web.build_page",
    )
    parser.add_argument(
        "--output",
        type=cli.file_name(".html"),
        default=PAGE,
        metavar="FILE.html",
        help="the file to write (default: %(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: Iterable[str] | None = None) -> None:
    """Build the page from the released network, and write it; `argv` as `parse_args`."""
    output = parse_args(None if argv is None else list(argv)).output
    cli.check_writable(output)
    released = storage.RELEASED_MODELS
    with cli.one_line_errors():
        page = build(
            released / f"{NETWORK}.keras",
            released / f"{NETWORK}_rejection.json",
            released / f"{NETWORK}_results.json",
        )

    def write(path: Path) -> None:
        with files.replacing(path) as temporary:
            temporary.write_bytes(page.encode())

    cli.write_all({output: write})


if __name__ == "__main__":
    cli.run(main)
