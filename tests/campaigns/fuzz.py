"""Looks for inputs that break this project's own readers: python -m tests.campaigns.fuzz csv.

Unlike `mutations.py`, which damages files at random, this is guided by coverage: an input that
reaches new code is changed further (https://github.com/google/atheris, `pip install atheris`). An
input must be read, or refused with an error that commands print in one line; anything else ends the
run with a traceback and a file `crash-...`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.campaigns import mutations

ROOT = Path(__file__).parents[2]
SECONDS = 10  # that an input may take
MEGABYTES = 3000  # that the process may have
MAX_BYTES = 40_000  # of an input


@contextlib.contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Raise what was refused as the ValueError that a user sees."""
    from digits.networks import keras_config

    try:
        yield
    except keras_config.Refused as refused:
        raise ValueError(str(refused)) from None


def check_onnx(path: Path) -> None:
    """Check a network as it is checked before ONNX Runtime sees it."""
    from digits.networks import onnx_file

    with refusals_as_errors():
        onnx_file.read_checked(path)


def check_layers(path: Path) -> None:
    """Check the layers of a `.keras` file, its `config.json`."""
    from digits.networks import keras_config, keras_file

    with refusals_as_errors():
        keras_config.check(keras_file._parse_json(path.read_bytes(), "config.json"))


def check_archive(path: Path) -> None:
    """Check a `.keras` file, before Keras sees it."""
    from digits.networks import keras_file

    with refusals_as_errors(), keras_file.checked_copy(path):
        pass


def read_journal(path: Path) -> None:
    """Read the journal of a folder that was being read, as `--resume` does."""
    from digits.reading import csv_log

    for _ in csv_log._read_entries(path):
        pass


def make_layers() -> list[bytes]:
    """Take the layers of the released networks."""
    import zipfile

    released = ROOT / "saved_models" / "released"
    found = []
    for path in sorted(released.glob("*.keras")):
        with zipfile.ZipFile(path) as archive:
            found.append(archive.read("config.json"))
    return found


def make_journals() -> list[bytes]:
    """Make lines as a journal has them."""
    entries = [{"settings": {"a": 1}}, {"file": "a.png", "rows": [["1"]], "length": 9}]
    return ["".join(json.dumps(entry) + "\n" for entry in entries).encode()]


# What makes whole inputs, and what reads one.
READERS: dict[str, tuple[Callable[[], list[bytes]], Callable[[Path], None]]] = {
    "csv": (mutations.make_csv_seeds, mutations.read_dataset),
    "idx": (mutations.make_idx_seeds, mutations.read_idx),
    "npz": (mutations.make_npz_seeds, mutations.read_dataset),
    "onnx": (mutations.make_onnx_seeds, check_onnx),
    "layers": (make_layers, check_layers),
    "keras": (mutations.make_keras_seeds, check_archive),
    "journal": (make_journals, read_journal),
}
# Modules whose coverage guides; they count only if they were not imported before.
INSTRUMENTED = ("data", "digits.datasets.finding", "digits.networks.keras_file",
    "digits.networks.onnx_file", "digits.reading.csv_log")  # fmt: skip
SUFFIXES = {"csv": ".csv", "npz": ".npz", "keras": ".keras", "onnx": ".onnx"}


def fuzz(name: str, corpus: Path, seconds: int, seed: int) -> None:
    """Fuzz a reader in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["digits", "data"]):
        for module in INSTRUMENTED:
            importlib.import_module(module)
    read = READERS[name][1]
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name, f"input{SUFFIXES.get(name, '')}")

    def try_input(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read(path)
        except (OSError, ValueError) as error:
            if not str(error).strip():
                raise

    flags = [
        f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}",
        f"-max_len={MAX_BYTES}", f"-seed={seed}", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(corpus)], try_input)
    atheris.Fuzz()


def main(argv: list[str] | None = None) -> int:
    """Fuzz a reader in another process; the status is 1 if an input broke it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reader", choices=list(READERS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.corpus:
        fuzz(args.reader, args.corpus, args.seconds, args.seed)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(READERS[args.reader][0]()):
            Path(folder, f"seed{number}").write_bytes(content)
        command = [sys.executable, "-m", "tests.campaigns.fuzz", args.reader, "--corpus", folder]
        command += ["--seconds", str(args.seconds), "--seed", str(args.seed)]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    stats = [line for line in lines if line.startswith(("stat::", "#")) and "INITED" not in line]
    print("\n".join(stats[-6:] if done.returncode == 0 else lines[-40:]))
    print(f"{args.reader}: {'no problem' if done.returncode == 0 else 'a problem'}")
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
