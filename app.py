"""Serve a page to draw digits and read photos on: python app.py."""

import ctypes
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import cli

NETWORKS = ("dense", "tiny", "cnn")
MAX_UPLOAD = 20 * 1024**2  # bytes
MAX_STORED = 500_000_000  # bytes of files sent and shown; they are deleted after ten minutes
MAX_THREADS = 8
MAX_SESSIONS = 100  # that are remembered; nothing of theirs matters
M_ARENA_MAX = -8  # glibc's number of the setting
# Whatever a library's page may ask for, the browser is told to load nothing from elsewhere.
HEADERS = {
    "content-security-policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


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


def guard(app, stored):
    """Wrap a web application: small requests only, bounded storage, no other hosts.

    Args:
        app: ASGI application.
        stored: folder of the files that it keeps.

    Returns:
        ASGI application.
    """

    async def guarded(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        refusal = _refuse(scope, stored)
        if refusal:
            status, reason = refusal
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            body = f'{{"detail": "{reason}"}}'.encode()
            return await send({"type": "http.response.body", "body": body})

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = message | {"headers": [*message["headers"], *added]}
            await send(message)

        return await app(scope, receive, send_with_headers)

    return guarded


def _refuse(scope, stored):
    if scope["method"] not in ("POST", "PUT"):
        return None
    length = dict(scope["headers"]).get(b"content-length", b"")
    if not length.isdigit():
        return 411, "Say how long the request is."
    if int(length) > MAX_UPLOAD + 10_000:  # what a form adds
        return 413, f"Expected at most {MAX_UPLOAD // 1024**2} MB: send a smaller picture."
    size = sum(file.stat().st_size for file in Path(stored).rglob("*") if file.is_file())
    return (
        (503, "Too many files were sent: try again in ten minutes.") if size > MAX_STORED else None
    )


def bound_memory():
    """Let the C library keep memory for two threads, where it would for each that ever ran.

    Without, the page's memory grew by 80 MB in 200 photos, with it by 20 and then no more
    (benchmarks/README.md). It is a setting of glibc (malloc.h); elsewhere nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_ARENA_MAX, 2)


def load_networks():
    """Load the finder and all classifiers, and let each answer once, which compiles them.

    Returns:
        `(finder, classifiers)`, the latter a dict by name.
    """
    cli.import_keras()
    import numpy as np
    import tensorflow as tf

    # However many requests there are: each is answered by these threads.
    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count())
    tf.config.threading.set_inter_op_parallelism_threads(2)
    import drawing
    import storage

    with cli.one_line_errors():
        finder = storage.load_finder(storage.find("finder"))
        classifiers = {name: storage.load(storage.find(name)) for name in NETWORKS}
    canvas = np.full((320, 480, 3), 255, np.uint8)
    canvas[100:200, 100:120] = canvas[100:200, 300:320] = 0
    drawing.read(canvas, finder, classifiers)
    drawing.read(canvas[:, :240], finder, classifiers)
    return finder, classifiers


def main(argv=None):
    """Load the networks and serve the page until Ctrl-C."""
    args = parse_args(argv)
    if importlib.util.find_spec("gradio") is None:
        cli.fail("gradio is not installed: run pip install -r requirements-web.txt")
    with cli.one_line_errors():
        if not is_loopback(args.host):
            print(
                f"warning: anyone who can reach {args.host} port {args.port} can use this page; "
                "there is no password",
                file=sys.stderr,
            )
        check_free(args.host, args.port)
    print("Loading the networks ...", flush=True)
    bound_memory()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="digits-page-") as stored:
        os.environ["GRADIO_TEMP_DIR"] = stored  # what is sent and shown ends with the server
        serve(args, *load_networks(), stored)


def serve(args, finder, classifiers, stored):
    """Serve the page until Ctrl-C."""
    from starlette.middleware import Middleware

    import page

    with cli.one_line_errors():
        blocks = page.build(finder, classifiers, stored)
    blocks.launch(
        server_name=args.host,
        server_port=args.port,
        share=False,
        ssr_mode=False,
        quiet=True,
        show_error=True,
        prevent_thread_lock=True,
        max_threads=MAX_THREADS,
        max_file_size=MAX_UPLOAD,
        state_session_capacity=MAX_SESSIONS,
        footer_links=["api", "settings"],
        css_paths=Path(page.ROOT, "web", "page.css"),
        app_kwargs={"middleware": [Middleware(guard, stored=stored)]},
    )
    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"Open http://{host}:{args.port} in a browser; Ctrl-C ends.", flush=True)
    try:
        blocks.block_thread()
    finally:
        blocks.close(verbose=False)


if __name__ == "__main__":
    cli.run(main)
