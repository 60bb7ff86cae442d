import asyncio
import os
import time

import pytest

guard = pytest.importorskip(
    "digits.web.middleware", reason="the page needs pip install -r requirements-web.txt"
)
HOSTS = {"localhost", "127.0.0.1", "[::1]"}


def make_scope(path="/gradio_api/queue/join", method="POST", **headers):
    headers = {"host": "127.0.0.1:7860", "content_length": "100"} | headers
    encoded = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": encoded}


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST:1"])
def test_the_page_may_be_called_by_this_machines_names(host):
    assert guard.refuse(make_scope(host=host), HOSTS) is None


@pytest.mark.parametrize("host", ["evil.example:7860", "", "127.0.0.1.evil.example", "localhost@x"])
def test_other_names_that_lead_here_are_refused(host):
    assert guard.refuse(make_scope(method="GET", host=host), HOSTS)[0] == 403
    assert guard.refuse(make_scope(method="GET", host=host), None) is None


def test_other_sites_can_send_nothing():
    assert guard.refuse(make_scope(sec_fetch_site="cross-site"), HOSTS)[0] == 403
    assert guard.refuse(make_scope(sec_fetch_site="same-origin"), HOSTS) is None


@pytest.mark.parametrize("length", ["", "-1", "1e3", "x"])
def test_requests_must_say_how_long_they_are(length):
    assert guard.refuse(make_scope(content_length=length), HOSTS)[0] == 411


def test_only_uploads_may_be_long():
    length = str(guard.MAX_UPLOAD)
    assert guard.refuse(make_scope(content_length=length), HOSTS)[0] == 413
    assert guard.refuse(make_scope("/gradio_api/upload", content_length=length), HOSTS) is None
    longer = str(guard.MAX_UPLOAD + guard.FORM + 1)
    assert guard.refuse(make_scope("/gradio_api/upload", content_length=longer), HOSTS)[0] == 413


def send(app, scope):
    messages = []

    async def keep(message):
        messages.append(message)

    asyncio.run(app(scope, None, keep))
    return messages


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"hello"})


def test_answers_get_headers_that_keep_the_browser_here(tmp_path):
    start, body = send(guard.guard(answer, tmp_path, HOSTS), make_scope())
    assert start["status"] == 200 and body["body"] == b"hello"
    headers = dict(start["headers"])
    assert headers[b"a"] == b"b"
    assert headers[b"content-security-policy"].startswith(b"default-src 'self'")


def test_uploads_are_refused_once_much_is_stored(tmp_path, monkeypatch):
    (tmp_path / "kept").write_bytes(bytes(5000))
    app = guard.guard(answer, tmp_path, HOSTS)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(bytes(1000))
    upload = make_scope("/gradio_api/upload", content_length="100")
    monkeypatch.setattr(guard, "MAX_STORED", 1100)
    assert send(app, upload)[0]["status"] == 200
    monkeypatch.setattr(guard, "MAX_STORED", 1099)
    assert send(app, upload)[0]["status"] == 503
    assert send(app, make_scope())[0]["status"] == 200  # what stores nothing goes on
    old = time.time() - guard.MAX_AGE - 10
    os.utime(tmp_path / "folder" / "file", (old, old))
    assert send(app, upload)[0]["status"] == 200
    assert not (tmp_path / "folder" / "file").exists()


def test_uploads_at_once_count_together(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "MAX_STORED", 150)
    statuses = []

    async def slow(scope, receive, send):
        await asyncio.sleep(0.2)
        await answer(scope, receive, send)

    async def keep(message):
        statuses.append(message.get("status"))

    async def run():
        app = guard.guard(slow, tmp_path, HOSTS)
        upload = make_scope("/gradio_api/upload", content_length="100")
        await asyncio.gather(app(upload, None, keep), app(upload, None, keep))
        await app(upload, None, keep)  # the first is over by now

    asyncio.run(run())
    assert sorted(filter(None, statuses)) == [200, 200, 503]


def test_what_was_there_at_first_stays(tmp_path):
    (tmp_path / "example").write_bytes(bytes(10))
    old = time.time() - 10 * guard.MAX_AGE
    os.utime(tmp_path / "example", (old, old))
    app = guard.guard(answer, tmp_path, HOSTS)
    send(app, make_scope("/gradio_api/upload"))
    assert (tmp_path / "example").exists()
