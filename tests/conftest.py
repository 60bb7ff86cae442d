import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import data

ROOT = Path(__file__).parent.parent


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
        address = re.search(r"http://\S+", log.read_text())
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
