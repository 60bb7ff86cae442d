import http.client
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from conftest import ROOT, serving
from PIL import Image
from test_drawing import draw
from test_photos import make_bomb

import app

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
    canvas = draw([7, 4])
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


def request(url):
    try:
        with urllib.request.urlopen(url) as answer:
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
def test_no_other_file_is_served(page_url, path):
    assert request(f"{page_url}/gradio_api/file={path}")[0] in (403, 404)


@pytest.mark.parametrize("endpoint", ["read_photo", "read_drawing"])
@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {}])
def test_programs_cannot_name_files_of_the_server(page_url, endpoint, meta):
    body = json.dumps({"data": [{"path": str(NOTE)} | meta]}).encode()
    url = f"{page_url}/gradio_api/call/{endpoint}"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}") as answer:
        said = answer.read().decode()
    assert "event: error" in said and "event: complete" not in said


def test_the_browser_is_told_to_load_nothing_from_elsewhere(page_url):
    status, headers = request(page_url)
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "http" not in policy and "*" not in policy


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "25000000"}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_requests_of_unknown_or_large_size_are_refused(page_url, headers, status):
    connection = http.client.HTTPConnection(page_url.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/gradio_api/queue/join")
    for header in headers.items():
        connection.putheader(*header)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == status or (answer.status == 400 and status == 411)
    connection.close()


def test_uploads_are_refused_once_much_is_stored(tmp_path, monkeypatch):
    scope = {"method": "POST", "headers": [(b"content-length", b"10")]}
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(bytes(1000))
    assert app._refuse(scope, tmp_path) is None
    monkeypatch.setattr(app, "MAX_STORED", 999)
    assert app._refuse(scope, tmp_path)[0] == 503
    assert app._refuse(scope | {"method": "GET"}, tmp_path) is None


def test_files_are_gone_after_the_end(tmp_path):
    with serving(tmp_path) as (process, url):
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


def test_many_requests_make_no_more_threads(page_url, client, tmp_path):
    Image.fromarray(draw([7])).save(tmp_path / "drawing.png")
    answers = []

    def ask():
        answers.append(client.predict(send(tmp_path / "drawing.png"), api_name="/read_drawing"))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [answer["cnn"]["text"] for answer in answers] == ["7"] * 30


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
