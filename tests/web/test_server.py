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

from digits.web import command, server
from tests.conftest import ROOT, draw_canvas, make_bomb, serving

middleware = pytest.importorskip(
    "digits.web.middleware", reason="the page needs pip install -r requirements-web.txt"
)

NOTE = ROOT / "examples" / "note.jpg"


@pytest.fixture(scope="module")
def connected(server, tmp_path_factory):
    gradio_client = pytest.importorskip("gradio_client")
    folder = tmp_path_factory.mktemp("downloads")
    client = gradio_client.Client(server[1], verbose=False, download_files=str(folder))
    yield client
    client.close()


@pytest.fixture
def client(page_url, connected):
    return connected


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
    answers = client.predict(send(tmp_path / "drawing.png"), api_name="/read_drawing")
    texts = {name: answer["text"] for name, answer in answers.items()}
    assert texts == {"dense": "74", "tiny": "74", "cnn": "74"}
    digit = answers["cnn"]["digits"][0]
    assert digit["label"] == 7 and digit["is_sure"] and len(digit["probabilities"]) == 10


def test_programs_can_send_a_photo(client):
    marked, summary, text, table, exported, stem, cells = client.predict(
        send(NOTE), api_name="/read_photo"
    )
    assert cells["data"] == [[""]]  # there is no table
    with pytest.raises(Exception, match="expected one of automatic, 0°"):
        client.predict(send(NOTE), "45°", api_name="/read_photo")
    assert text.splitlines()[0] == "12 + 30 = 42" and summary.startswith("31 digits")
    assert table.startswith("file,page,line,number") and stem == "note"
    exported = json.loads(exported)
    assert [line["text"] for line in exported["lines"]] == text.splitlines()
    with Image.open(marked) as image:
        assert max(image.size) >= 1000
    with Image.open(NOTE) as image:
        size = image.size
    for line in exported["lines"]:
        for digit in line["digits"]:
            left, top, right, bottom = digit["box"]
            assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


def test_programs_can_ask_for_a_part_and_an_ink(client):
    answer = client.predict(
        send(NOTE), "automatic", "0 0.65 1 0.35", "blue", api_name="/read_photo"
    )
    assert answer[2] == "86 ÷ 2 = 43"
    assert json.loads(answer[4])["region"] == [0, 416, 900, 640]
    for region, ink, message in (
        ("0 0 1", "any", "expected four numbers"),
        ("0 0 nan 1", "any", "give four numbers"),
        ("0.9 0 0.9 1", "any", "are at most 1"),
        ("5000 0 100 100", "any", "expected one on the photo's 900 x 640 pixels"),
        ("0 0 1 0.001", "any", "expected at least 8 x 8"),
        ("", "green", "expected one of any, red, blue, dark"),
        ("", ["red"], "expected one of any, red, blue, dark"),
    ):
        with pytest.raises(Exception, match=message) as caught:
            client.predict(send(NOTE), "automatic", region, ink, api_name="/read_photo")
        assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["/read_drawing", "/read_photo"])
def test_hostile_files_get_a_sentence_and_the_next_is_read(client, tmp_path, endpoint):
    make_bomb(tmp_path / "bomb.png", 13_000)
    contents = {"text": b"hello", "empty": b"", "cut": NOTE.read_bytes()[:20_000]}
    for kind, content in contents.items():
        (tmp_path / f"{kind}.png").write_bytes(content)
    for kind in ("bomb", *contents):
        with pytest.raises(Exception, match=rf"^{kind}\.png .*: .*\.$") as caught:
            client.predict(send(tmp_path / f"{kind}.png"), api_name=endpoint)
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
    others = ["automatic", "", "any"] if endpoint == "read_photo" else []
    body = json.dumps({"data": [{"path": path} | meta, *others]}).encode()
    url = f"{page_url}/gradio_api/call/{endpoint}"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}") as answer:
        events = answer.read().decode()
    assert "event: error" in events and "event: complete" not in events
    assert "note.jpg" not in events and "Traceback" not in events
    if path.startswith("https") and meta:
        assert "Received a URL, expected a file" in events


def test_the_browser_is_told_to_load_nothing_from_elsewhere(page_url):
    status, headers = request(page_url)
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "http" not in policy and "*" not in policy


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
    assert most <= before + 2 * middleware.MAX_THREADS  # Gradio's, and those of its uploads


def test_settings_of_the_environment_do_not_open_the_page_and_files_are_gone_after_it(tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
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
    flags = ("--host", "::1", "--root-path", "")  # come before the environment
    with serving(tmp_path, *flags, **environment) as (process, url, log):
        assert url.startswith("http://[::1]:")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(url).status == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(f"{url}/gradio_api/file={tmp_path}/secret.txt")
        assert refused.value.code == 403
        client = gradio_client.Client(url, verbose=False, download_files=str(tmp_path / "got"))
        client.predict(send(NOTE), api_name="/read_photo")
        client.close()
        assert "Traceback" not in log.read_text()
        stored = list(tmp_path.glob("digits-page-*"))
        assert len(stored) == 1 and any(stored[0].rglob("note.jpg"))
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert process.returncode == 0
    assert not list(tmp_path.glob("digits-page-*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "0"], "expected a whole number from 1 to 65535"),
        (["--port", "x"], "expected a whole number from 1 to 65535"),
        (["--host", "nowhere.invalid"], "expected an address of this machine"),
        (["--host", ""], "expected an address of this machine"),
        (["--root-path", "digits"], "expected a path such as /digits or a URL"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_mistakes_get_one_line(run_main, arguments, expected):
    result = run_main("app.py", *arguments)
    assert result.returncode == 2 and expected in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Loading" not in result.stdout


def test_a_port_in_use_is_an_error(run_script):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_script("app.py", "--port", port)
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1 port {port}")


def test_a_missing_gradio_is_an_error(run_main, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run_main("app.py")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr == (
        "error: gradio is not installed: pip install -r requirements-web.txt "
        "(or pip install '.[web]')\n"
    )


@pytest.mark.parametrize("kind", ["missing", "not a coroutine function"])
def test_the_page_is_not_served_by_a_gradio_that_could_download(run_main, monkeypatch, kind):
    processing_utils = pytest.importorskip("gradio").processing_utils
    name = "async_ssrf_protected_download"
    if kind == "missing":
        monkeypatch.delattr(processing_utils, name)
    else:
        monkeypatch.setattr(processing_utils, name, lambda url, folder: folder)
    for setting in ("bound_memory", "set_environment"):  # of this process, which runs the tests
        monkeypatch.setattr(server, setting, lambda *args: None)
    monkeypatch.setattr(server, "check_free", lambda *args: None)
    monkeypatch.setattr(server, "load_networks", lambda: pytest.fail("it goes on"))
    result = run_main("app.py")
    assert result.returncode == 2 and "Open" not in result.stdout
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: gradio ") and name in result.stderr


def test_gradio_has_the_function_that_is_replaced(monkeypatch):
    processing_utils = pytest.importorskip("gradio").processing_utils
    original = processing_utils.async_ssrf_protected_download
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", original)
    server.refuse_downloads()
    assert processing_utils.async_ssrf_protected_download is not original


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
def test_only_loopback_addresses_are_private(host, expected):
    assert server.is_loopback(host) is expected


def test_letting_others_in_is_warned_of(run_main):
    with socket.socket() as taken:  # so that it ends at once
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        result = run_main("app.py", "--host", "0.0.0.0", "--port", taken.getsockname()[1])
    assert "warning: anyone who can reach 0.0.0.0" in result.stderr and result.returncode == 2


def test_variables_of_gradio_are_taken_as_flags_are(run_main, monkeypatch):
    monkeypatch.setenv("GRADIO_ROOT_PATH", "https://example.org/digits/")
    with socket.socket() as taken:  # so that it ends at once
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
        monkeypatch.setenv("GRADIO_SERVER_PORT", port)
        result = run_main("app.py")
    assert result.returncode == 2
    host, proxy, error = result.stderr.splitlines()
    assert host.startswith(f"warning: anyone who can reach 0.0.0.0 port {port} can use")
    assert proxy.startswith("warning: anyone who can reach https://example.org/digits on the proxy")
    assert error.startswith(f"error: cannot listen on 0.0.0.0 port {port}")

    args = command.parse_args(["--host", "localhost", "--port", "80", "--root-path", "/d"])
    assert (args.host, args.port, args.root_path) == ("localhost", 80, "/d")
    for name, value, expected in (
        ("GRADIO_SERVER_PORT", "http", "GRADIO_SERVER_PORT"),
        ("GRADIO_ROOT_PATH", "digits", "GRADIO_ROOT_PATH"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            result = run_main("app.py")
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert expected in result.stderr
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_ROOT_PATH"):
        monkeypatch.setenv(name, "")  # as if it were not set
    args = command.parse_args([])
    assert (args.host, args.port, args.root_path) == ("127.0.0.1", 7860, "")


def test_a_proxy_is_let_in_under_its_own_name_only():
    own = [*server.LOOPBACK_NAMES, "[::1]"]
    assert server.list_hosts("::1", "") == server.list_hosts("::1", "/digits") == own
    assert server.list_hosts("::1", "https://example.org:8443/d") == [*own, "example.org"]


@pytest.mark.slow
def test_the_page_knows_where_a_proxy_serves_it(tmp_path):
    variables = {"GRADIO_ROOT_PATH": "https://example.org/digits"}
    with serving(tmp_path, **variables) as (_, _, log):
        address = re.search(r"Open (http://\S+) in", log.read_text())[1]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for host, status in (("example.org", 200), ("127.0.0.1", 200), ("example.com", 400)):
            request = urllib.request.Request(f"{address}/config", headers={"Host": host})
            try:
                answer = opener.open(request)
                assert json.load(answer)["root"] == "https://example.org/digits"
            except urllib.error.HTTPError as error:
                answer = error
            assert answer.status == status


def test_an_unusable_model_is_an_error(run_main, tmp_path, monkeypatch):
    for setting in (
        "bound_memory",
        "set_environment",
        "refuse_downloads",
        "check_free",
        "use_threads",
    ):
        monkeypatch.setattr(server, setting, lambda *args: None)
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "tiny.keras").write_text("hello")
    result = run_main("app.py")
    assert result.returncode == 2 and result.stdout == "Loading the networks ...\n"
    assert result.stderr.startswith("error: saved_models/tiny.keras is not a whole .keras file")


def test_another_command_can_serve_under_its_own_name(capsys):
    with pytest.raises(SystemExit):
        command.parse_args(["--help"], prog="digits serve")
    assert capsys.readouterr().out.startswith("usage: digits serve ")
    args = command.parse_args(["--port", "8000"])
    assert (args.host, args.port) == ("127.0.0.1", 8000)
