import asyncio
import os
import time

import pytest

middleware = pytest.importorskip(
    "digits.web.middleware", reason="the page needs pip install -r requirements-web.txt"
)
HOSTS = ["localhost", "127.0.0.1", "[::1]"]


def make_scope(path="/gradio_api/queue/join", method="POST", **headers):
    headers = {"host": "127.0.0.1:7860", "content_length": "100"} | headers
    encoded = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": encoded}


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"hello"})


def wrap(app, stored, hosts=HOSTS):
    """Wrap an application in the page's middleware, as Starlette does."""
    for layer in reversed(middleware.build(stored, hosts)):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def send(app, scope):
    messages = []

    async def keep(message):
        messages.append(message)

    asyncio.run(app(scope, None, keep))
    return messages


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST:1"])
def test_the_page_may_be_called_by_this_machines_names(tmp_path, host):
    assert send(wrap(answer, tmp_path), make_scope(host=host))[0]["status"] == 200


@pytest.mark.parametrize("host", ["evil.example:7860", "", "127.0.0.1.evil.example", "localhost@x"])
def test_other_names_that_lead_here_are_refused(tmp_path, host):
    scope = make_scope(method="GET", host=host)
    start, body = send(wrap(answer, tmp_path), scope)
    assert start["status"] == 400 and body["body"] == b"Invalid host header"
    assert send(wrap(answer, tmp_path, hosts=None), scope)[0]["status"] == 200


def test_other_sites_can_send_nothing():
    assert middleware.find_rejection(make_scope(sec_fetch_site="cross-site")).status == 403
    assert middleware.find_rejection(make_scope(sec_fetch_site="same-origin")) is None


@pytest.mark.parametrize("length", ["", "-1", "1e3", "x", "²"])
def test_requests_must_say_how_long_they_are(length):
    scope = make_scope()
    scope["headers"] = [(b"content-length", length.encode("latin-1"))]
    assert middleware.find_rejection(scope).status == 411


def test_only_uploads_may_be_long():
    length = str(middleware.MAX_UPLOAD)
    upload = "/gradio_api/upload"
    assert middleware.find_rejection(make_scope(content_length=length)).status == 413
    assert middleware.find_rejection(make_scope(upload, content_length=length)) is None
    longer = str(middleware.MAX_UPLOAD + middleware.FORM + 1)
    assert middleware.find_rejection(make_scope(upload, content_length=longer)).status == 413


def test_the_path_of_uploads_can_be_asked_for_without_a_length(tmp_path):
    scope = make_scope("/gradio_api/upload", "GET")
    scope["headers"] = [(b"host", b"localhost")]
    assert send(wrap(answer, tmp_path), scope)[0]["status"] == 200


def test_responses_get_headers_that_keep_the_browser_here(tmp_path):
    start, body = send(wrap(answer, tmp_path), make_scope())
    assert start["status"] == 200 and body["body"] == b"hello"
    headers = dict(start["headers"])
    assert headers[b"a"] == b"b"
    assert headers[b"content-security-policy"].startswith(b"default-src 'self'")
    start, body = send(wrap(answer, tmp_path), make_scope("/gradio_api/proxy=x"))
    assert start["status"] == 403 and b"upload the file" in body["body"]
    assert b"content-security-policy" in dict(start["headers"])


def test_uploads_are_refused_once_much_is_stored(tmp_path, monkeypatch):
    (tmp_path / "kept").write_bytes(bytes(5000))
    app = wrap(answer, tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(bytes(1000))
    upload = make_scope("/gradio_api/upload", content_length="100")
    monkeypatch.setattr(middleware, "MAX_STORED", 1100)
    assert send(app, upload)[0]["status"] == 200
    monkeypatch.setattr(middleware, "MAX_STORED", 1099)
    assert send(app, upload)[0]["status"] == 503
    assert send(app, make_scope())[0]["status"] == 200  # what stores nothing goes on
    old = time.time() - middleware.MAX_AGE - 10
    os.utime(tmp_path / "folder" / "file", (old, old))
    assert send(app, upload)[0]["status"] == 200
    assert not (tmp_path / "folder" / "file").exists()


def test_simultaneous_uploads_count_together(tmp_path, monkeypatch):
    monkeypatch.setattr(middleware, "MAX_STORED", 150)
    statuses = []

    async def slow(scope, receive, send):
        await asyncio.sleep(0.2)
        await answer(scope, receive, send)

    async def keep(message):
        statuses.append(message.get("status"))

    async def run():
        app = wrap(slow, tmp_path)
        upload = make_scope("/gradio_api/upload", content_length="100")
        await asyncio.gather(app(upload, None, keep), app(upload, None, keep))
        await app(upload, None, keep)  # the first is over by now

    asyncio.run(run())
    assert sorted(filter(None, statuses)) == [200, 200, 503]


def test_files_that_were_there_at_first_stay(tmp_path):
    (tmp_path / "example").write_bytes(bytes(10))
    old = time.time() - 10 * middleware.MAX_AGE
    os.utime(tmp_path / "example", (old, old))
    send(wrap(answer, tmp_path), make_scope("/gradio_api/upload"))
    assert (tmp_path / "example").exists()
