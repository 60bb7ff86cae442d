"""ASGI middleware that refuses requests before Gradio sees them, and bounds what they store."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import unquote

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_UPLOAD = 20 * 1024**2  # bytes of a file
MAX_REQUEST = 1_500_000  # bytes of any other request: a drawing, as text
FORM = 10_000  # bytes that the form's encoding adds to a file
MAX_STORED = 500_000_000  # bytes of uploads and results
MAX_AGE = 600  # seconds until they are deleted
MAX_THREADS = 8  # that read and write them
# Paths at which Gradio would fetch pages of other hosts for any client, or write a file per link.
REFUSED = re.compile(r"/gradio_api/(file[=/]\s*https?:|proxy=|deep_link)", re.IGNORECASE)
# Whatever Gradio's page may ask for, the browser is told to load nothing from other hosts.
HEADERS = {
    "content-security-policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def build(stored: Path, hosts: Sequence[str] | None) -> list[Middleware]:
    """List the middleware of the page's server, outermost first.

    Args:
        stored: folder of uploads and results.
        hosts: names that the server may be called by, without a port, so that another site cannot
            make its own name lead to this server (DNS rebinding); None for any.

    Returns:
        List for the `middleware` argument of a Starlette application.
    """
    # Starlette before 1.8 refuses [::1]; requirements-web.txt asks for a later one.
    own = [Middleware(SecurityHeaders), Middleware(RequestLimits, stored)]
    if hosts is None:
        return own
    return [Middleware(TrustedHostMiddleware, list(hosts), www_redirect=False), *own]


@dataclasses.dataclass(frozen=True)
class Rejection:
    """Why a request is refused.

    Attributes:
        status: of the HTTP response.
        reason: a sentence.
    """

    status: int
    reason: str


class SecurityHeaders:
    """Adds `HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp):
        """Wrap an ASGI application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class RequestLimits:
    """Refuses requests as `find_rejection` says, and uploads once `MAX_STORED` bytes are stored."""

    def __init__(self, app: ASGIApp, stored: Path):
        """Wrap an ASGI application.

        Args:
            app: the application.
            stored: folder of uploads and results; the files that are there now are never deleted.
        """
        self._app = app
        self._stored = stored
        self._kept = {path for path, _ in _list_files(stored)}
        self._arriving = 0  # bytes of the uploads in progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # The limiter belongs to the running event loop, so it cannot be set before there is one.
        anyio.to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
        rejection = find_rejection(scope)
        length = 0
        if rejection is None and _is_upload(scope):
            length = int(Headers(scope=scope)["content-length"])
            size = await anyio.to_thread.run_sync(sweep, self._stored, self._kept)
            if size + self._arriving + length > MAX_STORED:
                rejection = Rejection(
                    503, "The server's storage is full: try again in ten minutes."
                )
        if rejection is not None:
            response = JSONResponse({"detail": rejection.reason}, rejection.status)
            return await response(scope, receive, send)
        self._arriving += length
        try:
            await self._app(scope, receive, send)
        finally:
            self._arriving -= length


def find_rejection(scope: Scope) -> Rejection | None:
    """Decide from its path and headers whether a request is refused.

    Args:
        scope: of an ASGI request.

    Returns:
        Why it is refused; None if it is not.
    """
    if REFUSED.search(unquote(scope["path"])):
        return Rejection(403, "Received a URL, expected a file: upload the file.")
    if not _may_change(scope):
        return None
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site") == "cross-site":
        return Rejection(403, "Requests from other sites are not accepted.")
    length = headers.get("content-length", "").strip()
    if not length.isdecimal():
        return Rejection(411, "Expected a Content-Length header with the length of the request.")
    if int(length) > (MAX_UPLOAD + FORM if _is_upload(scope) else MAX_REQUEST):
        return Rejection(413, f"Expected at most {MAX_UPLOAD // 1024**2} MB: send a smaller image.")
    return None


def sweep(stored: Path, kept: Collection[str]) -> int:
    """Delete files older than `MAX_AGE`, including what interrupted uploads have left.

    Args:
        stored: folder to look through.
        kept: paths of files that are neither deleted nor counted.

    Returns:
        Bytes of the files that remain.
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


def _list_files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Paths and statuses of all files below a folder, except those that vanish meanwhile."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                found.append((path, os.stat(path)))
            except FileNotFoundError:
                continue
    return found


def _may_change(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD", "OPTIONS")


def _is_upload(scope: Scope) -> bool:
    return _may_change(scope) and scope["path"].rstrip("/").endswith("/upload")
