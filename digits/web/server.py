"""Serves the page: settings of the process, networks, and Gradio behind the middleware."""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from digits.mnist import RELEASED
from digits.networks import Classifier, find_model, load_classifier, load_detector
from digits.reading import Reader, canvas

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
MAX_SESSIONS = 100  # that Gradio remembers; the page keeps nothing in them
M_ARENA_MAX = -8  # glibc's number of the setting (malloc.h)
INSTALL = "pip install -r requirements-web.txt (or pip install '.[web]')"


def serve(
    host: str = "127.0.0.1",
    port: int = 7860,
    report: Callable[[str], object] = lambda message: None,
    root_path: str = "",
) -> None:
    """Load the networks and serve the page until Ctrl-C or SIGTERM.

    The process should do nothing else: its environment, its handler of SIGTERM, its memory
    allocation and TensorFlow's threads are set for the page.

    Args:
        host: name or number of the address to listen on.
        port: 1 to 65535.
        report: called with each message: that loading begins, which models are used, and the
            page's URL once it can be opened.
        root_path: path or URL at which a proxy serves the page; "" for the root.

    Raises:
        ImportError: Gradio is not installed, or lacks the function that the page replaces.
        OSError: the port cannot be listened on, or a model or example is missing.
        ValueError: `host` is not an address of this machine, or a model cannot be used.
    """
    check_installed()
    is_private = is_loopback(host)
    check_free(host, port)
    report("Loading the networks ...")
    bound_memory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Uploads and results are deleted when the server ends.
    with tempfile.TemporaryDirectory(prefix="digits-page-", ignore_cleanup_errors=True) as folder:
        stored = Path(folder)
        set_environment(host, stored)
        refuse_downloads()
        use_threads()
        reader, classifiers = load_networks()
        paths = [reader.detector.path, *(network.path for network in classifiers.values())]
        report(f"Reading with {', '.join(map(str, paths))}")
        hosts = list_hosts(host, root_path) if is_private else None
        _serve_until_interrupted(host, port, root_path, reader, classifiers, stored, hosts, report)


def check_installed() -> None:
    """Check that Gradio is installed, without importing it, which takes seconds.

    Raises:
        ModuleNotFoundError: it is not.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ModuleNotFoundError(f"gradio is not installed: {INSTALL}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    Args:
        host: name or number of the address.

    Raises:
        ValueError: there is no such address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise ValueError(f"received --host {host!r}, expected an address of this machine")
    addresses = [str(row[4][0]).split("%")[0] for row in found]
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def list_hosts(host: str, root_path: str) -> list[str]:
    """List the names that a page of this machine alone may be called by, without a port.

    Args:
        host: name or number of its address.
        root_path: path or URL at which a proxy serves it, under the proxy's own name.
    """
    proxy = urlsplit(root_path).hostname
    names = [*LOOPBACK_NAMES, _name_in_url(host)]
    return [*names, _name_in_url(proxy)] if proxy else names


def _name_in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check_free(host: str, port: int) -> None:
    """Check that a port can be listened on.

    Raises:
        OSError: it is in use or needs other rights, or `host` is not an address of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(address)
        except OSError as error:
            raise OSError(
                f"cannot listen on {host} port {port} ({error.strerror}): choose another --port"
            ) from None


def bound_memory() -> None:
    """Limit the C library to two memory arenas instead of one for each thread that ever ran.

    Without the limit, the page's memory grew by 90 MB in 300 photos; with it, by 20 MB and then no
    more. The setting is glibc's; with another C library nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_ARENA_MAX, 2)


def set_environment(host: str, stored: Path) -> None:
    """Replace Gradio's settings in the environment by the page's; call it before Gradio's import.

    Args:
        host: address of the page.
        stored: folder for uploads and results.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(stored)
    # Gradio requests its own page once it is up, which must not go through a proxy.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), host, "localhost"]))


def refuse_downloads() -> None:
    """Make Gradio refuse to download an image from a URL that a request names.

    Gradio has no setting for it, so a function that is not part of its interface is replaced. An
    assignment would succeed without effect if another version named it otherwise, so it is checked.

    Raises:
        ImportError: this version of Gradio has no such coroutine function.
    """
    import gradio
    from gradio import processing_utils

    name = "async_ssrf_protected_download"
    if not inspect.iscoroutinefunction(getattr(processing_utils, name, None)):
        raise ImportError(
            f"gradio {gradio.__version__} has no coroutine function processing_utils.{name}, "
            "which the page replaces so that the server downloads nothing, expected a version of "
            f"requirements-web.txt: {INSTALL}"
        )

    async def refuse(*args, **kwargs):
        raise gradio.Error(
            "Received a URL, expected a file: upload the file.", print_exception=False
        )

    setattr(processing_utils, name, refuse)


def use_threads() -> None:
    """Let all requests be computed by the same threads; call it before TensorFlow is used."""
    from digits.keras_quietly import tf

    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count())
    tf.config.threading.set_inter_op_parallelism_threads(2)


def load_networks() -> tuple[Reader, dict[str, Classifier]]:
    """Load the networks and read a drawing of two strokes, so that all are compiled.

    Returns:
        The reader of photos, which uses the cnn, and each classifier of `mnist.RELEASED` by name.

    Raises:
        OSError: a model is missing.
        ValueError: a model is damaged, or not one of this project's.
    """
    detector = load_detector()
    classifiers = {name: load_classifier(find_model(name)) for name in RELEASED}
    for classifier in classifiers.values():
        classifier.check_layers()
    drawing = np.full((320, 480, 3), 255, np.uint8)
    drawing[100:200, 100:120] = drawing[100:120, 300:320] = 0
    canvas.read_canvas(drawing, detector, classifiers)
    return Reader(detector, classifiers["cnn"]), classifiers


def _serve_until_interrupted(
    host: str,
    port: int,
    root_path: str,
    reader: Reader,
    classifiers: dict[str, Classifier],
    stored: Path,
    hosts: list[str] | None,
    report: Callable[[str], object],
) -> None:
    from digits.web import middleware, ui

    name = _name_in_url(host)
    blocks = ui.build(reader, classifiers, stored)
    blocks.launch(
        server_name=name,
        server_port=port,
        root_path=root_path,
        share=False,
        ssr_mode=False,
        quiet=True,
        run_history=False,
        prevent_thread_lock=True,
        max_threads=middleware.MAX_THREADS,
        max_file_size=middleware.MAX_UPLOAD,
        state_session_capacity=MAX_SESSIONS,
        footer_links=["api"],
        css_paths=ui.STATIC / "page.css",
        app_kwargs={"middleware": middleware.build(stored, hosts)},
    )
    report(f"Open http://{name}:{port} in a browser; Ctrl-C ends.")
    try:
        blocks.block_thread()
    finally:
        blocks.close(verbose=False)
