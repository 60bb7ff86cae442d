import hashlib
import http.server
import json
import threading
import urllib.parse

import pytest

from benchmarks import photo_accuracy, photo_download

CONTENT = {"plain.jpg": b"one", "two words.png": b"two", "größe.jpg": b"three"}
SCRIPT = "benchmarks/photo_accuracy"


class Server(http.server.ThreadingHTTPServer):
    """Serves photos on loopback and remembers the paths that it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = {f"/name/repo/0123abc/img/{name}": CONTENT[name] for name in CONTENT}
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.path.isascii() and " " not in self.path
        path = urllib.parse.unquote(self.path)
        self.server.asked.append(path.rpartition("/")[2])
        content = self.server.contents.get(path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def photos():
    return [
        {
            "file": f"{number}.jpg",
            "repository": "name/repo",
            "commit": "0123abc",
            "path": f"img/{name}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "licence": "none stated",
            "kind": "multi",
            "layout": "lines",
            "lines": ["12"],
        }
        for number, (name, content) in enumerate(CONTENT.items())
    ]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_photos_and_labels_are_downloaded(photos, server, tmp_path):
    progress = []
    problems = photo_download.download(
        photos, tmp_path / "new", server.url, lambda *call: progress.append(call)
    )
    assert problems == []
    assert progress == [("0.jpg", None), ("1.jpg", None), ("2.jpg", None)]
    assert names(tmp_path / "new") == ["0.jpg", "1.jpg", "2.jpg", "labels.json"]
    assert [(tmp_path / "new" / photo["file"]).read_bytes() for photo in photos] == list(
        CONTENT.values()
    )
    assert photo_accuracy.read_labels(tmp_path / "new") == photos


def test_download_goes_on_where_it_ended(photos, server, tmp_path):
    (tmp_path / "0.jpg").write_bytes(b"one")
    (tmp_path / "1.jpg").write_bytes(b"tw")
    assert photo_download.download(photos, tmp_path, server.url) == []
    assert server.asked == ["two words.png", "größe.jpg"]
    assert (tmp_path / "1.jpg").read_bytes() == b"two"
    assert photo_download.download(photos, tmp_path, server.url) == []
    assert len(server.asked) == 2


def test_missing_and_changed_photos_are_reported(photos, server, tmp_path):
    del server.contents["/name/repo/0123abc/img/plain.jpg"]
    server.contents["/name/repo/0123abc/img/two words.png"] = b"other"
    missing, changed = photo_download.download(photos, tmp_path, server.url)
    assert missing.startswith("0.jpg: ") and "404" in missing
    assert changed.startswith("1.jpg: ") and "differs" in changed
    assert names(tmp_path) == ["2.jpg", "labels.json"]
    assert json.loads((tmp_path / "labels.json").read_text()) == photos[2:]


def test_large_answers_are_cut_off(photos, server, tmp_path, monkeypatch):
    monkeypatch.setattr(photo_download, "MAX_BYTES", 4)
    server.contents["/name/repo/0123abc/img/plain.jpg"] = bytes(1_000_000)
    problems = photo_download.download(photos[:2], tmp_path, server.url)
    assert len(problems) == 1
    assert "more than 4 bytes" in problems[0]
    assert names(tmp_path) == ["1.jpg", "labels.json"]


def test_silent_server_is_reported(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(photo_download, "TIMEOUT", 0.2)
    with Server() as server:  # listens, and never answers
        (problem,) = photo_download.download(photos[:1], tmp_path, server.url)
    assert problem.startswith("0.jpg: cannot download")
    assert "timed out" in problem


def test_no_server_is_reported(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        url = server.url
    assert len(photo_download.download(photos, tmp_path, url)) == 3


@pytest.mark.parametrize("name", ["../0.jpg", "/tmp/0.jpg", "..", "", "labels.json"])
def test_nothing_is_written_outside_the_folder(photos, server, tmp_path, name):
    photos[0]["file"] = name
    with pytest.raises(ValueError, match="without a folder"):
        photo_download.download(photos, tmp_path / "new", server.url)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", ['[{"file": "mine.jpg"}]', "{", "7"])
def test_labels_of_other_photos_are_kept(photos, server, tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(ValueError, match="another folder"):
        photo_download.download(photos, tmp_path, server.url)
    assert (tmp_path / "labels.json").read_text() == content
    assert server.asked == []


def test_command_shows_progress_and_problems(photos, server, tmp_path, run_main, monkeypatch):
    (tmp_path / "photos.json").write_text(json.dumps(photos))
    monkeypatch.setattr(photo_download, "PHOTOS", tmp_path / "photos.json")
    monkeypatch.setattr(photo_download, "BASE_URL", server.url)
    run = run_main(SCRIPT, "--download", "new")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        "1/3 0.jpg",
        "2/3 1.jpg",
        "3/3 2.jpg",
        "3 of 3 photos are in new",
    ]
    (tmp_path / "new" / "1.jpg").unlink()
    server.contents.clear()
    run = run_main(SCRIPT, "--download", "new")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("1.jpg: ")


def test_command_explains_a_folder_that_cannot_be_written(tmp_path, run_main, monkeypatch):
    (tmp_path / "photos.json").write_text("[]")
    monkeypatch.setattr(photo_download, "PHOTOS", tmp_path / "photos.json")
    (tmp_path / "file").touch()
    run = run_main(SCRIPT, "--download", "file")
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1


def test_the_list_is_complete():
    photos = json.loads(photo_download.PHOTOS.read_text(encoding="utf-8"))
    several = [photo for photo in photos if photo["kind"] == "multi"]
    assert (len(photos), len(several)) == (53, 35)
    assert sum(len(line) for photo in several for line in photo["lines"]) == 486
    assert len({photo["file"] for photo in photos}) == 53
    assert all(len(bytes.fromhex(photo["sha256"])) == 32 for photo in photos)
    assert all(len(bytes.fromhex(photo["commit"])) == 20 for photo in photos)
    assert all(photo["licence"] for photo in photos)
