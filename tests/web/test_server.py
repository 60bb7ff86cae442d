import json
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import app
from tests.conftest import ROOT, draw_canvas, make_bomb, serving

guard = pytest.importorskip(
    "digits.web.middleware", reason="the page needs pip install -r requirements-web.txt"
)

NOTE = ROOT / "examples" / "note.jpg"


@pytest.fixture
def client(page_url, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(page_url, verbose=False, download_files=str(tmp_path))
    yield client
    client.close()


def send(path):
    import gradio_client

    return gradio_client.handle_file(str(path))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_programs_can_send_a_drawing(client, tmp_path, mode):
    canvas = draw_canvas([7, 4])
    image = Image.fromarray(canvas).convert(mode)
    if mode == "RGBA":  # black on nothing
        image = Image.fromarray(np.dstack([np.zeros_like(canvas), 255 - canvas[..., :1]]), "RGBA")
    image.save(tmp_path / "drawing.png")
    said = client.predict(send(tmp_path / "drawing.png"), api_name="/read_drawing")
    assert {name: answer["text"] for name, answer in said.items()} == {
        "dense": "74",
        "tiny": "74",
        "cnn": "74",
    }
    assert len(said["cnn"]["digits"][0]["probabilities"]) == 10


def test_programs_can_send_a_photo(client):
    marked, summary, text, table, described, stem = client.predict(
        send(NOTE), api_name="/read_photo"
    )
    assert text.splitlines()[0] == "12 30 42" and summary.startswith("31 digits")
    assert table.startswith("file,line,number") and stem == "note"
    assert [line["text"] for line in json.loads(described)["lines"]] == text.splitlines()
    with Image.open(marked) as image:
        assert max(image.size) >= 1000


@pytest.mark.parametrize("endpoint", ["/read_drawing", "/read_photo"])
@pytest.mark.parametrize("kind", ["bomb", "text", "empty", "cut"])
def test_hostile_files_get_a_sentence_and_the_next_is_read(client, tmp_path, endpoint, kind):
    path = tmp_path / f"{kind}.png"
    if kind == "bomb":
        make_bomb(path, 13_000)
    else:
        path.write_bytes({"text": b"hello", "empty": b"", "cut": NOTE.read_bytes()[:20_000]}[kind])
    with pytest.raises(Exception, match=rf"^{kind}\.png .*: .*\.$") as caught:
        client.predict(send(path), api_name=endpoint)
    assert "\n" not in str(caught.value) and "/" not in str(caught.value)
    assert client.predict(send(NOTE), api_name="/read_photo")[1].startswith("31 digits")


def test_too_large_a_file_is_refused(client, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(os.urandom(30_000_000))
    with pytest.raises(Exception, match=r"exceeds the maximum file size"):
        client.predict(send(path), api_name="/read_photo")


def request(url, body=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {})) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        ROOT / "README.md",
        ROOT / "app.py",
        ROOT / "saved_models" / "released" / "cnn.keras",
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_other_file_is_served(server, page_url, path):
    assert request(f"{page_url}/gradio_api/file={path}")[0] in (403, 404)
    sent = next(server[2].parent.rglob("digits-page-*/*/note.jpg"))  # an example
    assert request(f"{page_url}/gradio_api/file={sent}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "file=http://127.0.0.1:9/x",
        "file=https://example.com/x.png",
        "file/https://example.com/x.png",
        "file=HTTPS%3A//example.com/x.png",
        "proxy=https://example.hf.space/x",
        "deep_link?session_hash=x",
    ],
)
def test_the_server_fetches_nothing_for_others(page_url, path):
    assert request(f"{page_url}/gradio_api/{path}")[0] == 403


@pytest.mark.parametrize("path", ["run/read_photo", "api/read_photo", "run/read_drawing"])
def test_nobody_passes_the_queue(page_url, path):
    body = json.dumps({"data": [None]}).encode()
    headers = {"Content-Type": "application/json"}
    assert request(f"{page_url}/gradio_api/{path}", body, headers)[0] in (401, 403, 404)


def test_nothing_is_kept_for_other_services(page_url):
    assert request(f"{page_url}/gradio_api/runs")[0] == 404


@pytest.mark.parametrize("endpoint", ["read_photo", "read_drawing"])
@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {}])
@pytest.mark.parametrize("path", [str(NOTE), "https://example.com/note.jpg"])
def test_programs_cannot_name_files_of_the_server_or_others(server, endpoint, meta, path):
    page_url = server[1]
    body = json.dumps({"data": [{"path": path} | meta]}).encode()
    url = f"{page_url}/gradio_api/call/{endpoint}"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}") as answer:
        said = answer.read().decode()
    assert "event: error" in said and "event: complete" not in said
    assert "note.jpg" not in said and "Traceback" not in said
    if path.startswith("https") and meta:
        assert "Send the file, not its address." in said


def test_the_browser_is_told_to_load_nothing_from_elsewhere(page_url):
    status, headers = request(page_url)
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "http" not in policy and "*" not in policy


def test_files_are_gone_after_the_end(tmp_path):
    with serving(tmp_path) as (process, url, _):
        gradio_client = pytest.importorskip("gradio_client")
        client = gradio_client.Client(url, verbose=False, download_files=str(tmp_path / "got"))
        client.predict(send(NOTE), api_name="/read_photo")
        client.close()
        stored = list(tmp_path.glob("digits-page-*"))
        assert len(stored) == 1 and any(stored[0].rglob("note.jpg"))
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert process.returncode == 0
    assert not list(tmp_path.glob("digits-page-*"))


def test_many_requests_make_no_more_threads(server, client, tmp_path):
    def count_threads():
        status = Path(f"/proc/{server[0].pid}/status").read_text()
        return int(re.search(r"Threads:\s+(\d+)", status)[1])

    Image.fromarray(draw_canvas([7])).save(tmp_path / "drawing.png")
    before, answers = count_threads(), []

    def ask():
        answers.append(client.predict(send(tmp_path / "drawing.png"), api_name="/read_drawing"))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, count_threads())
        time.sleep(0.05)
    assert [answer["cnn"]["text"] for answer in answers] == ["7"] * 40
    assert most <= before + 2 * guard.MAX_THREADS  # Gradio's, and those of its uploads


def test_settings_of_the_environment_do_not_open_the_page(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    environment = {
        "GRADIO_ALLOWED_PATHS": str(tmp_path),
        "GRADIO_SHARE": "True",
        "GRADIO_DEBUG": "1",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_ROOT_PATH": "/elsewhere",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    with serving(tmp_path, "--host", "::1", **environment) as (_, url, log):
        assert url.startswith("http://[::1]:")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(url).status == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(f"{url}/gradio_api/file={tmp_path}/secret.txt")
        assert refused.value.code == 403
        assert "Traceback" not in log.read_text()


def test_help_and_mistakes_answer_at_once(run_script):
    result = run_script("app.py", "--help")
    assert result.returncode == 0 and "127.0.0.1" in result.stdout
    for arguments, expected in (
        (["--port", "0"], "expected a whole number from 1 to 65535"),
        (["--port", "x"], "expected a whole number from 1 to 65535"),
        (["--host", "nowhere.invalid"], "expected an address of this machine"),
        (["--host", ""], "expected an address of this machine"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ):
        result = run_script("app.py", *arguments)
        assert result.returncode == 2 and expected in result.stderr
        assert result.stderr.splitlines()[-1].startswith("error: ")
        assert "Loading" not in result.stdout


def test_a_taken_port_is_said(run_script):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_script("app.py", "--port", port)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1 port {port}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
    ],
)
def test_only_loopback_is_this_machine_alone(host, expected):
    assert app.is_loopback(host) is expected


def test_others_being_let_in_is_warned_of(run_script):
    with socket.socket() as taken:  # so that it ends at once
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        result = run_script("app.py", "--host", "0.0.0.0", "--port", taken.getsockname()[1])
    assert "warning: anyone who can reach 0.0.0.0" in result.stderr and result.returncode == 2
