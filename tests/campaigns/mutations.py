"""Reads thousands of damaged files: python -m tests.campaigns.mutations --kind keras.

Each file must be read, or refused with an error of one line, within `SECONDS` and `MEGABYTES`, and
run no code. Batches are read by processes of their own, so that a crash of a native library is
noticed. File N of a seed is the same in every run: `--first N --number 1 --keep FOLDER` writes it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import faulthandler
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.campaigns import mutate

ROOT = Path(__file__).parents[2]
SECONDS = 20  # for a file, on a busy machine
MEGABYTES = 1000  # that a file may add
BATCH = 1000
# Of Python's audit events, those of code that a file has no need of.
CODE = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen",
    "socket.connect", "pickle.find_class", "ctypes.dlopen")  # fmt: skip


def make_arrays() -> dict[str, np.ndarray]:
    """Make a dataset of 20 training and 10 test images."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, number in (("train", 20), ("test", 10)):
        arrays[f"x_{part}"] = np.uint8(rng.integers(0, 256, (number, 28, 28)))
        arrays[f"y_{part}"] = np.arange(number, dtype=np.uint8) % 10
    return arrays


def make_keras_seeds() -> list[bytes]:
    """Make small models, and take the smallest of the released ones."""
    from digits.keras_quietly import keras

    layers = keras.layers
    images = keras.Input((28, 28), name="image")
    x = layers.Reshape((28, 28, 1))(images)
    left = layers.Conv2D(2, 3, strides=4, padding="same", activation="relu")(x)
    right = layers.SeparableConv2D(2, 3, strides=4, padding="same")(x)
    x = layers.BatchNormalization()(layers.Add()([left, right]))
    x = layers.Dropout(0.2)(layers.MaxPooling2D(2)(x))
    outputs = layers.Dense(10, "softmax")(layers.Flatten()(x))
    compiled = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10)])
    compiled.compile("adam", "sparse_categorical_crossentropy")
    compiled.fit(np.zeros((2, 28, 28)), np.zeros(2), verbose=0)
    nested = keras.Sequential([layers.Input((28, 28)), compiled, layers.Softmax()])
    found = [(ROOT / "saved_models" / "released" / "tiny.keras").read_bytes()]
    with tempfile.TemporaryDirectory() as folder:
        for model in (keras.Model(images, outputs), nested):
            model.save(Path(folder, "seed.keras"))
            found.append(Path(folder, "seed.keras").read_bytes())
    return found


def make_onnx_seeds() -> list[bytes]:
    """Take the smallest of the released networks, and the one with most operators."""
    released = ROOT / "saved_models" / "released"
    return [(released / f"{name}.onnx").read_bytes() for name in ("tiny", "tiny", "detector")]


def make_npz_seeds() -> list[bytes]:
    """Make datasets, compressed and not."""
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **make_arrays())
        found.append(file.getvalue())
    return found


def make_csv_seeds() -> list[bytes]:
    """Make rows of a label and pixels, with a header and without."""
    arrays = make_arrays()
    rows = [
        ",".join(map(str, [label, *image.ravel()]))
        for image, label in zip(arrays["x_train"], arrays["y_train"], strict=True)
    ]
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    return ["\n".join([header, *rows]).encode(), "\n".join(rows).encode()]


def make_idx_seeds() -> list[bytes]:
    """Make files of images and of labels, compressed and not."""
    arrays = make_arrays()
    images, labels = arrays["x_train"], arrays["y_train"]
    found = [
        b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes() + images.tobytes(),
        b"\0\0\x08\x01" + np.array(labels.shape, ">u4").tobytes() + labels.tobytes(),
    ]
    return found + [gzip.compress(content, mtime=0) for content in found]


def make_image_seeds(kind: str) -> list[bytes]:
    """Make small photos in a format that Pillow writes: grey, in colours, with metadata."""
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = np.uint8(rng.integers(0, 256, (40, 60, 3)))
    exif = Image.Exif()
    exif[274] = 6  # turned
    images = [Image.fromarray(pixels), Image.fromarray(pixels[..., 0])]
    if kind in ("PNG", "TIFF"):
        images += [images[1].convert("1"), Image.fromarray(pixels).quantize(16)]
    found = []
    for image in images:
        options: list[dict] = [{"exif": exif}]
        if kind == "TIFF":
            options = [{"compression": name} for name in ("raw", "tiff_lzw", "tiff_adobe_deflate")]
            options.append({"save_all": True, "append_images": images[:2]})
        if kind == "JPEG":
            options.append({"progressive": True})
        for each in options:
            file = io.BytesIO()
            with contextlib.suppress(OSError):  # a mode that the format does not have
                image.save(file, kind, **each)
                found.append(file.getvalue())
    return found


def make_heic_seeds() -> list[bytes]:
    """Make small HEIC photos."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    return make_image_seeds("HEIF")


class Kind:
    """How files of a kind are made, damaged and read.

    Attributes:
        suffix: of their names.
        make_seeds: makes whole files.
        change: damages one, by a generator of random numbers.
        read: reads one, given its path.
    """

    def __init__(self, suffix, make_seeds, change, read):
        """Name them."""
        self.suffix, self.make_seeds, self.change, self.read = suffix, make_seeds, change, read


def read_keras(path: Path) -> None:
    """Load a model as `evaluate.py --model-path` does."""
    from digits.keras_quietly import keras
    from digits.networks import storage

    try:
        storage.load_classifier_model(path)
    finally:
        keras.backend.clear_session()


def read_onnx(path: Path) -> None:
    """Load the copy of a network as the reader does, and run it."""
    from digits.networks import onnx_copy, onnx_engine

    released = ROOT / "saved_models" / "released" / "tiny.keras"
    network = path.with_suffix(".keras")
    if not network.exists():
        network.write_bytes(released.read_bytes())
    onnx_engine.OnnxEngine(path)  # which refuses it in one line
    original = onnx_copy.DIGEST_KEY
    try:
        onnx_engine.DIGEST_KEY = None  # a copy that fits its network, whatever is in it
        onnx_engine.digest = lambda path: None
        engine = onnx_engine.load_copy(network, (10,))
    finally:
        onnx_engine.DIGEST_KEY, onnx_engine.digest = original, onnx_copy.digest
    if engine is not None:
        engine(np.zeros((2, 28, 28), np.float32))


def read_dataset(path: Path) -> None:
    """Load a dataset as `train.py --data` and `evaluate.py --data` do."""
    import data

    for load in (data.load_train, data.load_test):
        load(path)


def read_idx(path: Path) -> None:
    """Load a file as the images of a dataset, and as its labels, beside whole others."""
    import data

    images, labels = make_idx_seeds()[:2]
    folder = path.parent / "idx"
    folder.mkdir(exist_ok=True)
    errors = []
    for damaged in ("images-idx3", "labels-idx1"):
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            content = path.read_bytes() if name == damaged else content
            (folder / f"train-{name}-ubyte").write_bytes(content)
        try:
            data.load_train(folder)
        except (OSError, ValueError) as error:
            errors.append(error)
    if errors:
        raise errors[0]


def read_photo(path: Path) -> None:
    """Load all pages as `predict.py` does, also those after a damaged one."""
    from digits.reading import documents

    errors = []
    with documents.open_document(path) as document:
        for page in range(1, document.num_pages + 1):
            try:
                document.load(page)
            except ValueError as error:
                errors.append(error)
    if errors:
        raise errors[0]


def make_pdf_seeds() -> list[bytes]:
    """Make PDF files of one page and of two."""
    from PIL import Image

    images = [Image.open(io.BytesIO(content)).convert("RGB") for content in make_image_seeds("PNG")]
    found = []
    for options in ({}, {"save_all": True, "append_images": images[1:2]}):
        file = io.BytesIO()
        images[0].save(file, "PDF", **options)
        found.append(file.getvalue())
    return found


KINDS: dict[str, Kind] = {
    "keras": Kind(".keras", make_keras_seeds, mutate.mutate_keras, read_keras),
    "onnx": Kind(".onnx", make_onnx_seeds, mutate.mutate_onnx, read_onnx),
    "npz": Kind(".npz", make_npz_seeds, mutate.mutate_npz, read_dataset),
    "csv": Kind(".csv", make_csv_seeds, mutate.mutate_csv, read_dataset),
    "idx": Kind("", make_idx_seeds, mutate.mutate, read_idx),
    "png": Kind(".png", lambda: make_image_seeds("PNG"), mutate.mutate_png, read_photo),
    "jpeg": Kind(".jpg", lambda: make_image_seeds("JPEG"), mutate.mutate, read_photo),
    "tiff": Kind(".tif", lambda: make_image_seeds("TIFF"), mutate.mutate, read_photo),
    "pdf": Kind(".pdf", make_pdf_seeds, mutate.mutate, read_photo),
    "heic": Kind(".heic", make_heic_seeds, mutate.mutate, read_photo),
}


def make_file(kind: Kind, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """Make the damaged file of this number."""
    rng = np.random.default_rng([seed, number])
    return kind.change(rng, seeds[rng.integers(len(seeds))])


def read_batch(name: str, seed: int, first: int, number: int, keep: Path | None) -> None:
    """Read damaged files in this process; writes a line of JSON for each to stdout."""
    kind = KINDS[name]
    seeds = kind.make_seeds()
    events: list[str] = []
    armed = [False]

    def notice(event: str, arguments: tuple) -> None:
        if armed[0] and event.startswith(CODE) and not _is_expected(event, arguments):
            events.append(f"{event} {str(arguments)[:100]}")

    sys.addaudithook(notice)
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        warm_up = Path(folder, f"seed{kind.suffix}")
        for content in seeds:  # which loads libraries, and is no part of what is measured
            warm_up.write_bytes(content)
            with contextlib.suppress(OSError, ValueError):
                kind.read(warm_up)
        path = Path(folder, f"damaged{kind.suffix}")
        for index in range(first, first + number):
            path.write_bytes(make_file(kind, seeds, seed, index))
            if keep is not None:
                (keep / f"{name}_{seed}_{index}{kind.suffix}").write_bytes(path.read_bytes())
            print(json.dumps({"index": index}), file=reports, flush=True)
            report = _read_one(kind.read, path, events, armed)
            print(json.dumps({"index": index, **report}), file=reports, flush=True)


def _is_expected(event: str, arguments: tuple) -> bool:
    """Whether this project starts that process: the one that renders PDF files."""
    return event == "subprocess.Popen" and "render_pdf" in str(arguments)


def _read_one(read: Callable, path: Path, events: list[str], armed: list[bool]) -> dict:
    events.clear()
    before, start, problem, result = _reset_peak(), time.monotonic(), "", "read"
    armed[0] = True
    signal.alarm(SECONDS)
    try:
        read(path)
    except (OSError, ValueError) as error:  # which commands print in one line
        result = "refused"
        if not str(error).strip():
            problem = f"{type(error).__name__} without a text"
    except BaseException as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        result = "failed"
    signal.alarm(0)
    armed[0] = False
    seconds, megabytes = time.monotonic() - start, max(0, _get_peak() - before)
    if events:
        problem = f"ran code: {events[0]}"
    elif megabytes > MEGABYTES:
        problem = f"took {megabytes:.0f} MB"
    return {"result": result, "problem": problem, "seconds": seconds, "megabytes": megabytes}


def _reset_peak() -> float:
    """Forget the largest memory that this process has had; returns what it has, in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _get_peak()


def _get_peak() -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def run(
    name: str, number: int, seed: int, first: int = 0, keep: Path | None = None
) -> dict[int, dict]:
    """Read damaged files in other processes.

    Args:
        name: a key of `KINDS`.
        number: of files.
        seed: of all that is random.
        first: number of the first file.
        keep: folder to write the files to, or None.

    Returns:
        What became of each: its `result` ("read", "refused", "failed" or "crashed"), the `problem`,
        or "", `seconds` and `megabytes`.
    """
    reports: dict[int, dict] = {}
    index, end = first, first + number
    while index < end:
        size = min(BATCH, end - index)
        command = [sys.executable, "-m", "tests.campaigns.mutations", "--kind", name, "--seed",
            str(seed), "--first", str(index), "--number", str(size), "--batch"]  # fmt: skip
        command += ["--keep", str(keep)] if keep else []
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )
        started = None
        for line in done.stdout.splitlines():
            report = json.loads(line)
            started = report["index"]
            if "result" in report:
                reports[started] = report
        if started is None:
            raise RuntimeError(f"reading {name} files does not start: {done.stderr[-2000:]}")
        if started not in reports:  # the process ended while it read this one
            said = " ".join(done.stderr[-300:].split())
            hung = done.returncode == -signal.SIGALRM
            problem = f"over {SECONDS} s" if hung else f"status {done.returncode}: {said}"
            reports[started] = {"index": started, "result": "crashed", "problem": problem,
                "seconds": SECONDS if hung else 0, "megabytes": 0}  # fmt: skip
        index = started + 1
    return reports


def format_table(name: str, seed: int, reports: dict[int, dict]) -> str:
    """Say what became of the files of a kind in a line, and each problem in one of its own."""
    results = collections.Counter(report["result"] for report in reports.values())
    slowest = max(report["seconds"] for report in reports.values())
    largest = max(report["megabytes"] for report in reports.values())
    problems = {index: each["problem"] for index, each in reports.items() if each["problem"]}
    lines = [
        f"{name:<6} seed {seed}  {len(reports):>6,} files: {results['read']:>6,} read  "
        f"{results['refused']:>6,} refused  {len(problems)} problems; at most {slowest:.1f} s "
        f"and {largest:.0f} MB"
    ]
    return "\n".join(lines + [f"  file {index}: {text}" for index, text in problems.items()])


def main(argv: list[str] | None = None) -> int:
    """Read damaged files of some kinds; the status is 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="write the damaged files to this folder")
    parser.add_argument("--batch", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
    if args.batch:
        read_batch(args.kind[0], args.seed, args.first, args.number, args.keep)
        return 0
    num_problems = 0
    for name in args.kind:
        reports = run(name, args.number, args.seed, args.first, args.keep and args.keep.resolve())
        num_problems += sum(bool(report["problem"]) for report in reports.values())
        print(format_table(name, args.seed, reports), flush=True)
    return 1 if num_problems else 0


if __name__ == "__main__":
    sys.exit(main())
