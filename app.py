"""Serve a page to draw digits and read photos on: python app.py."""

import ctypes
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
import tempfile

from digits import cli

NETWORKS = ("dense", "tiny", "cnn")
LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
MAX_SESSIONS = 100  # that are remembered; nothing of theirs matters
M_ARENA_MAX = -8  # glibc's number of the setting


def parse_args(argv=None):
    """Parse the command line."""
    parser = cli.Parser("Serve a page to draw digits and read photos of notes on.")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; any but the default lets others in (default: %(default)s, "
        "this machine only)",
    )
    parser.add_argument(
        "--port",
        type=cli.whole_number(1, 65535),
        default=7860,
        help="(default: %(default)s)",
    )
    return parser.parse_args(argv)


def is_loopback(host):
    """Whether only this machine can reach an address.

    Args:
        host: name or number of the address.

    Raises:
        ValueError: there is no such address here.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise ValueError(f"received --host {host!r}, expected an address of this machine")
    return all(ipaddress.ip_address(row[4][0].split("%")[0]).is_loopback for row in found)


def check_free(host, port):
    """Raise if a port cannot be listened on.

    Raises:
        OSError: it is in use, or not ours to use.
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


def settle(host, stored):
    """Settle Gradio's settings before it is imported, whatever the user's environment says.

    Args:
        host: address that the page will have.
        stored: folder for files that are sent and shown.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = stored
    # Gradio looks whether its page answers, which is no proxy's business.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), host, "localhost"]))


def bound_memory():
    """Let the C library keep memory for two threads, where it would for each that ever ran.

    Without, the page's memory grew by 90 MB in 300 photos, with it by 20 and then no more
    (benchmarks/README.md). It is a setting of glibc (malloc.h); elsewhere nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_ARENA_MAX, 2)


def load_networks():
    """Load the finder and all classifiers, and let each answer once, which compiles them.

    Returns:
        `(finder, classifiers, thresholds)`, the last two dicts by name.
    """
    import numpy as np
    import tensorflow as tf

    from digits.keras_quietly import keras  # noqa: F401

    # However many requests there are: each is answered by these threads.
    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count())
    tf.config.threading.set_inter_op_parallelism_threads(2)
    from digits.networks import storage
    from digits.reading import canvas

    with cli.one_line_errors():
        paths = {name: storage.find(name) for name in NETWORKS}
        finder_path = storage.find("finder")
        finder = storage.load_finder(finder_path)
        classifiers = {name: storage.load(path) for name, path in paths.items()}
        for name, path in paths.items():
            storage.check_own(classifiers[name], path)
        thresholds = {name: storage.read_threshold(path) for name, path in paths.items()}
        canvas = np.full((320, 480, 3), 255, np.uint8)
        canvas[100:200, 100:120] = canvas[100:120, 300:320] = 0
        canvas.read(canvas, finder, classifiers)
    print("Reading with", ", ".join(map(str, [finder_path, *paths.values()])), flush=True)
    return finder, classifiers, thresholds


def serve(args, finder, classifiers, thresholds, stored, is_private):
    """Serve the page until Ctrl-C."""
    from gradio import processing_utils
    from starlette.middleware import Middleware

    from digits.web import middleware, ui

    async def refuse_download(*args, **kwargs):
        raise ui.gr.Error("Send the file, not its address.", print_exception=False)

    # Gradio would fetch whatever address a request names as its picture.
    processing_utils.async_ssrf_protected_download = refuse_download
    host = f"[{args.host}]" if ":" in args.host else args.host
    hosts = LOOPBACK_NAMES | {host.lower()} if is_private else None
    with cli.one_line_errors():
        blocks = ui.build(finder, classifiers, thresholds, stored)
        blocks.launch(
            server_name=host,
            server_port=args.port,
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
            app_kwargs={"middleware": [Middleware(middleware.guard, stored=stored, hosts=hosts)]},
        )
    print(f"Open http://{host}:{args.port} in a browser; Ctrl-C ends.", flush=True)
    try:
        blocks.block_thread()
    finally:
        blocks.close(verbose=False)


def main(argv=None):
    """Load the networks and serve the page until Ctrl-C."""
    args = parse_args(argv)
    if importlib.util.find_spec("gradio") is None:
        cli.fail("gradio is not installed: run pip install -r requirements-web.txt")
    with cli.one_line_errors():
        is_private = is_loopback(args.host)
        if not is_private:
            print(
                f"warning: anyone who can reach {args.host} port {args.port} can use this page; "
                "there is no password",
                file=sys.stderr,
            )
        check_free(args.host, args.port)
    print("Loading the networks ...", flush=True)
    bound_memory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What is sent and shown ends with the server.
    with tempfile.TemporaryDirectory(prefix="digits-page-", ignore_cleanup_errors=True) as stored:
        settle(args.host, stored)
        serve(args, *load_networks(), stored, is_private)


if __name__ == "__main__":
    cli.run(main)
