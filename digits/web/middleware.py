"""Refuses what a page's server should not be sent, before Gradio sees it."""

import os
import re
import time
from pathlib import Path
from urllib.parse import unquote

import anyio

MAX_UPLOAD = 20 * 1024**2  # bytes of a file
MAX_REQUEST = 1_500_000  # bytes of any other request: a drawing, as text
FORM = 10_000  # bytes that a form adds to a file
MAX_STORED = 500_000_000  # bytes of files sent and shown
MAX_AGE = 600  # seconds until they are deleted
MAX_THREADS = 8  # that read and write them
# Gradio would fetch pages of other hosts for whoever asks, and write a file for each link.
REFUSED = re.compile(r"/gradio_api/(file[=/]\s*https?:|proxy=|deep_link)", re.IGNORECASE)
# Whatever a library's page may ask for, the browser is told to load nothing from elsewhere.
HEADERS = {
    "content-security-policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def guard(app, stored, hosts):
    """Wrap a web application: requests and storage of bounded size, no other hosts or sites.

    Args:
        app: ASGI application.
        stored: folder of the files that it keeps; what lies there now is never deleted.
        hosts: names that the server may be called by, in lower case and without a port, so that
            no other site's name can be made to lead here; None for any.

    Returns:
        ASGI application.
    """
    kept = {path for path, _ in _list_files(stored)}
    arriving = 0

    async def guarded(scope, receive, send):
        nonlocal arriving
        if scope["type"] != "http":
            return await app(scope, receive, send)
        # Of the event loop that runs, so it cannot be set before there is one.
        anyio.to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
        refusal = refuse(scope, hosts)
        length = 0
        if not refusal and scope["path"].rstrip("/").endswith("/upload"):
            length = int(_get_header(scope, b"content-length"))
            size = await anyio.to_thread.run_sync(sweep, stored, kept)
            if size + arriving + length > MAX_STORED:
                refusal = 503, "Too many files were sent: try again in ten minutes."
                length = 0
        if refusal:
            return await _answer(send, *refusal)

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = message | {"headers": [*message["headers"], *added]}
            await send(message)

        arriving += length
        try:
            return await app(scope, receive, send_with_headers)
        finally:
            arriving -= length

    return guarded


def refuse(scope, hosts):
    """Say why a request is refused.

    Args:
        scope: of an ASGI request.
        hosts: as of `guard`.

    Returns:
        HTTP status and a sentence; None if it is not refused.
    """
    host = re.sub(r":\d+$", "", _get_header(scope, b"host")).lower()
    if hosts is not None and host not in hosts:
        return 403, "This page is for this machine only."
    if REFUSED.search(unquote(scope["path"])):
        return 403, "Nothing is fetched from elsewhere: send the file."
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return None
    if _get_header(scope, b"sec-fetch-site") == "cross-site":
        return 403, "This page takes nothing from other sites."
    length = _get_header(scope, b"content-length")
    if not length.isdigit():
        return 411, "Say how long the request is."
    is_upload = scope["path"].rstrip("/").endswith("/upload")
    if int(length) > (MAX_UPLOAD + FORM if is_upload else MAX_REQUEST):
        return 413, f"Expected at most {MAX_UPLOAD // 1024**2} MB: send a smaller picture."
    return None


def sweep(stored, kept):
    """Delete old files, also those that an upload cut off has left.

    Args:
        stored: folder to look through.
        kept: set of paths that stay.

    Returns:
        Bytes of what stays, without `kept`.
    """
    size = 0
    for path, status in _list_files(stored):
        if path in kept:
            continue
        if time.time() - status.st_mtime > MAX_AGE:
            Path(path).unlink(missing_ok=True)
        else:
            size += status.st_size
    return size


def _list_files(folder):
    """Paths and statuses of files, whatever vanishes meanwhile."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                found.append((path, os.stat(path)))
            except FileNotFoundError:
                continue
    return found


def _get_header(scope, name):
    return dict(scope["headers"]).get(name, b"").decode("latin-1").strip()


async def _answer(send, status, reason):
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f'{{"detail": "{reason}"}}'.encode()})
