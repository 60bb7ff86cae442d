import contextlib
import importlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import data
from digits import cli

ROOT = Path(__file__).parent.parent


@st.composite
def damaged_files(draw, seeds):
    """Contents of one of some files, of which some bytes are changed and the end may be cut off."""
    content = bytearray(seeds[draw(st.sampled_from(sorted(seeds)))])
    changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12)
    for place, value in draw(changes):
        content[int(place * (len(content) - 1))] = value
    return bytes(content[: int(draw(st.one_of(st.just(1.0), st.floats(0, 1))) * len(content))])


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """An .npz of the first 360 training and 120 test images of MNIST."""
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    with np.load(data.DATASET_PATH) as mnist:
        np.savez(
            path,
            **{key: mnist[key][: 360 if "train" in key else 120] for key in mnist},
        )
    return path


@pytest.fixture
def run_script(tmp_path):
    """Run a script as a user does, from an empty folder; returns the finished process."""

    def run(script, *args, **options):
        return subprocess.run(
            [sys.executable, ROOT / script, *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"COLUMNS": "100"},
            **options,
        )

    return run


@pytest.fixture
def run_main(tmp_path, monkeypatch, capfd):
    """Run a script's `main` in this process, from an empty folder, as `run_script` otherwise does.

    For mistakes, and for what need not start a process: a training, which sets up TensorFlow,
    needs one.
    """

    def run(script, *args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, *map(str, args)])
        monkeypatch.setenv("COLUMNS", "100")
        module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.run(module.main)
        printed = capfd.readouterr()
        return subprocess.CompletedProcess(args, end.value.code or 0, printed.out, printed.err)

    return run


@pytest.fixture
def run_train(run_main, monkeypatch):
    """Run train.py in this process, in which TensorFlow has its threads already.

    It leaves out the two figures that take half of the time of a short training.
    """
    from digits.keras_quietly import keras
    from digits.training import diagram, figures, trainer

    monkeypatch.setattr(trainer, "use_threads", lambda execution: None)
    monkeypatch.setattr(figures, "draw_samples", lambda *args: None)
    monkeypatch.setattr(diagram, "draw_network", lambda *args: None)
    yield lambda *args: run_main("train.py", *args)
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def dense_path(tmp_path_factory):
    """An untrained dense network, saved."""
    import model as models
    from digits.keras_quietly import keras
    from digits.networks import storage

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("models") / "dense.keras"
    storage.save(models.build_dense(), path, {"seed": 0})
    return path


@pytest.fixture
def drawn(monkeypatch):
    """The figures that a test draws, as matplotlib objects."""
    from digits import plotting
    from digits.training import diagram

    drawn = []
    for module in (plotting, diagram):
        monkeypatch.setattr(module, "save", lambda figure, path: drawn.append(figure))
    return drawn


@contextlib.contextmanager
def serving(folder, *arguments, **environment):
    """Run app.py on a free port; yields its process, its address and the file of what it says."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = folder / "app.log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", ROOT / "app.py", "--port", str(port), *arguments],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Where tests run in the background, Ctrl-C is ignored unless it is asked for.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env=os.environ | {"TMPDIR": str(folder)} | environment,
        )
    try:
        for _ in range(600):
            if "Open " in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.1)
        address = re.search(r"(?<=Open )http://\S+", log.read_text())
        assert address, log.read_text()
        yield process, address[0], log
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running app.py: its process, its address and the file of what it says."""
    pytest.importorskip("gradio", reason="the page needs pip install -r requirements-web.txt")
    with serving(tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture
def page_url(server):
    """The address of a running app.py, which must say nothing but where it is."""
    _, url, log = server
    said = log.read_text()
    yield url
    assert log.read_text() == said


def make_bomb(path, side):
    """A PNG of side x side black pixels, a bit each, that takes a few hundred KB on disk."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    rows = zlib.compress(bytes((1 + (side + 7) // 8) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


PEN = 18  # pixels, of what the canvas draws
SHAPES = {
    0: [[(60, 5), (20, 30), (10, 90), (25, 150), (60, 170), (95, 140), (100, 60), (60, 5)]],
    1: [[(50, 0), (50, 170)]],
    4: [[(70, 0), (10, 110), (110, 110)], [(80, 60), (80, 175)]],
    5: [[(25, 5), (20, 75), (70, 70), (100, 110), (80, 160), (20, 165)], [(25, 5), (100, 5)]],
    7: [[(5, 5), (110, 5), (45, 170)]],
}


def draw_canvas(digits, shape=(320, 480), scale=1.0, top=70, left=20, step=130):
    canvas = Image.new("RGB", shape[::-1], "white")
    pen = ImageDraw.Draw(canvas)
    for number, digit in enumerate(digits):
        for stroke in SHAPES[digit]:
            places = [(left + step * number + scale * x, top + scale * y) for x, y in stroke]
            pen.line(places, "black", PEN, joint="curve")
    return np.asarray(canvas)
