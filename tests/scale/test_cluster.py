"""Reading on a cluster of this process, which is fast, and of processes of which one is killed."""

import contextlib
import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT

distributed = pytest.importorskip("distributed", reason="pip install -r requirements-cluster.txt")

NOTE = ROOT / "examples" / "note.jpg"


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers in threads of this process."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None,
        protocol="tcp", host="127.0.0.1",
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture
def folder(tmp_path):
    """Photos with and without digits, one of two pages, and a damaged one."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with Image.open(NOTE) as image:
        small = image.resize((450, 320))
    for name in ("a.png", "b.png", "c.png"):
        small.save(folder / name)
    small.save(folder / "scan.tiff", save_all=True, append_images=[small])
    Image.new("RGB", (200, 100), "white").save(folder / "empty.png")
    (folder / "bad.png").write_bytes(b"damaged")
    return folder


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def count_pages(path):
    """How often each page is in a CSV: how many rows say that they are the first number on it."""
    counts = {}
    for row in read_rows(path):
        if row[2:4] == ["1", "1"]:
            key = Path(row[0]).name, int(row[1])
            counts[key] = counts.get(key, 0) + 1
    return counts


def test_a_cluster_reads_what_this_computer_reads(run_main, scheduler, folder, tmp_path):
    done = run_main("predict.py", "folder", "--csv", "c.csv", "--scheduler", scheduler)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert re.match(r"error: .*folder/bad\.png is not an image", done.stderr)
    assert done.stdout.splitlines()[-1] == "Wrote c.csv"
    assert re.search(r"^Read 6 pages with \d+ numbers on tcp:", done.stdout)
    assert not (tmp_path / "plots").exists()
    run_main("predict.py", "folder", "--csv", "l.csv")
    rows = read_rows(tmp_path / "l.csv")
    assert sorted(read_rows(tmp_path / "c.csv")) == sorted(rows) and rows

    # What this computer goes on with, and the cluster after that.
    shutil.copy(folder / "a.png", folder / "new.png")
    done = run_main("predict.py", "folder", "--csv", "c.csv", "--resume")
    assert done.stdout.startswith("c.csv has 5 of the 7 files already.\n")
    shutil.copy(folder / "a.png", folder / "bad.png")
    done = run_main("predict.py", "folder", folder, "--csv", "c.csv", "--scheduler", scheduler)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("c.csv has 6 of the 7 files already.\nRead 1 pages with")
    names = [("a", 1), ("bad", 1), ("b", 1), ("c", 1), ("new", 1)]
    expected = {(f"{name}.png", page): 1 for name, page in names}
    expected |= {("scan.tiff", page): 1 for page in (1, 2)}
    assert count_pages(tmp_path / "c.csv") == expected


def test_files_may_have_any_name_and_regions_be_beside_them(run_main, scheduler, tmp_path):
    with Image.open(NOTE) as image:
        image.save(tmp_path / os.fsdecode(b"\xff.png"))
    Image.new("RGB", (60, 40), "white").save(tmp_path / "small.png")
    flags = ["--region", "0", "300", "900", "300", "--csv", "n.csv", "--scheduler", scheduler]
    done = run_main("predict.py", os.fsdecode(b"\xff.png"), "small.png", *flags)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: received the region 0 300 900 300 of small.png, expect")
    rows = read_rows(tmp_path / "n.csv")
    assert {row[0] for row in rows} == {"?.png"} and all(float(row[11]) > 290 for row in rows)


def test_a_photo_at_which_the_reader_fails_does_not_end_the_rest(
    run_main, scheduler, folder, monkeypatch, tmp_path
):
    from digits.reading import Reader

    read = Reader.read

    def fail(self, photo, *options):
        if photo.title.endswith(("b.png", "scan.tiff, page 1")):
            raise IndexError("a bug")
        return read(self, photo, *options)

    monkeypatch.setattr(Reader, "read", fail)
    done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", scheduler)
    assert done.returncode == 1
    for title in ("b.png", "scan.tiff, page 1"):
        assert f"error: folder/{title} cannot be read (IndexError: a bug)\n" in done.stderr
    assert set(count_pages(tmp_path / "n.csv")) == {
        ("a.png", 1), ("c.png", 1), ("scan.tiff", 2),
    }  # fmt: skip


def test_few_tasks_are_submitted_at_once(scheduler, monkeypatch):
    from digits.networks import find_model
    from digits.scale import cluster

    taken = []

    def files():
        for number in range(200):
            taken.append(number)
            yield cluster.File(f"/gone/{number}.png", f"{number}.png")

    networks = [cluster.describe_network(find_model(name)) for name in ("detector", "cnn")]
    num_read = 0
    with cluster.connect(scheduler) as client:
        for readings in cluster.read_files(client, cluster.Job(*networks), files()):
            num_read += len(readings)
            assert all("does not exist" in reading.errors[0] for reading in readings)
            assert len(taken) - num_read <= 2 * cluster.TASKS_A_THREAD
    assert num_read == 200


def test_ctrl_c_leaves_what_was_read_and_no_task_on_the_cluster(
    run_main, scheduler, folder, monkeypatch, tmp_path
):
    from digits.reading import csv_log

    append = csv_log.CsvLog.append

    def interrupt(self, pages):
        append(self, pages)
        raise KeyboardInterrupt

    monkeypatch.setattr(csv_log.CsvLog, "append", interrupt)
    done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", scheduler)
    assert done.returncode == 130
    assert "to read the others, give --csv n.csv --resume" in done.stderr
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", scheduler)
    assert set(count_pages(tmp_path / "n.csv").values()) == {1}
    assert len(count_pages(tmp_path / "n.csv")) == 5
    with distributed.Client(scheduler, set_as_default=False) as client:
        assert not any(client.processing().values())


def find_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_scheduler_that_does_not_answer_is_one_line(run_main, folder, monkeypatch, tmp_path):
    from digits.scale import cluster

    monkeypatch.setattr(cluster, "TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (find_port(), silent.getsockname()[1]):
            address = f"tcp://127.0.0.1:{port}"
            done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", address)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
            assert done.stderr.startswith(f"error: no Dask scheduler answers at {address} (")


def test_another_server_is_one_line(run_main, folder):
    def answer(server):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", address)
        server.shutdown(socket.SHUT_RDWR)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no Dask scheduler answers" in done.stderr


def test_a_scheduler_without_workers_is_one_line(run_main, folder, monkeypatch):
    from digits.scale import cluster

    monkeypatch.setattr(cluster, "WORKERS_TIMEOUT", 0.2)
    options = {"n_workers": 0, "processes": False, "protocol": "tcp", "host": "127.0.0.1"}
    with distributed.LocalCluster(dashboard_address=None, **options) as empty:
        address = empty.scheduler_address
        done = run_main("predict.py", "folder", "--csv", "n.csv", "--scheduler", address)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"expected at least one: dask worker {address}" in done.stderr


def test_workers_that_cannot_read_are_said_before_anything_is(
    run_main, scheduler, folder, monkeypatch, tmp_path
):
    from digits.scale import cluster

    words = "predict.py", "folder", "--csv", "n.csv", "--scheduler", scheduler

    def locate(network):
        raise cluster.WorkerError(f"it does not see gone/{network.path}")

    monkeypatch.setattr(cluster.Network, "locate", locate)
    cluster.load_reader.cache_clear()
    done = run_main(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert re.match(r"error: the worker at tcp://\S+ cannot read: .*gone", done.stderr)
    monkeypatch.undo()

    describe = cluster.describe_network

    def describe_another(path):
        network = describe(path)
        return cluster.Network(network.path, network.is_released, "0" * 64)

    monkeypatch.setattr(cluster, "describe_network", describe_another)
    done = run_main(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is another than here: install the same version of the package" in done.stderr
    assert not (tmp_path / "n.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scheduler", "tcp://localhost:8786"], "received --scheduler without --csv"),
        (["--csv", "n.csv", "--scheduler", "localhost:8786"], "expected such as tcp://host:8786"),
        (["--csv", "n.csv", "--scheduler", "tcp://localhost:99999"], "expected such as tcp://"),
        (["--csv", "n.csv", "--scheduler", "tcp://a:1", "--workers", "2"], "leave --workers out"),
        (["--csv", "n.csv", "--scheduler", "tcp://a:1", "--table", "t.csv"], "leave --table out"),
        (["gone.png", "--csv", "n.csv", "--scheduler", "tcp://a:1"], "gone.png does not exist"),
    ],
)
def test_mistakes_are_one_line(run_main, words, message):
    photo = [] if words[0].endswith(".png") else [NOTE]
    done = run_main("predict.py", *photo, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


@pytest.mark.parametrize("words", [["predict.py"], ["digits/command.py", "read"]])
def test_dask_that_is_not_installed_is_one_line(run_main, monkeypatch, words):
    from digits.scale import command

    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    done = run_main(*words, NOTE, "--csv", "n.csv", "--scheduler", "tcp://a:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: Dask, which --scheduler needs, is not installed: pip install -r "
        "requirements-cluster.txt (or pip install '.[cluster]')\n"
    )


@contextlib.contextmanager
def started(folder, *words):
    """Run a command of Dask's in a session of its own; yields its process."""
    dask = [sys.executable, "-m", "dask", *map(str, words)]
    with open(folder / "dask.log", "a") as log:
        process = subprocess.Popen(
            dask, stdout=log, stderr=log, start_new_session=True, cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_the_photos_of_a_worker_that_is_killed_are_read_again(run_script, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    names = [f"{number:02}.png" for number in range(40)]
    with Image.open(NOTE) as image:
        image.resize((450, 320)).save(folder / names[0])
    for name in names[1:]:
        shutil.copy(folder / names[0], folder / name)
    (folder / "bad.png").write_bytes(b"damaged")
    address = f"tcp://127.0.0.1:{find_port()}"
    worker = ["worker", address, "--nthreads", "1", "--no-dashboard"]
    with (
        started(tmp_path, "scheduler", "--host", "127.0.0.1", "--no-dashboard",
                "--port", address.rpartition(":")[2]),
        started(tmp_path, *worker),
        started(tmp_path, *worker) as killed,
    ):  # fmt: skip
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        kills = []

        def kill_half_way():
            while not kills:
                journal = tmp_path / "n.csv.journal"
                if journal.exists() and journal.read_text().count("\n") > len(names) // 2:
                    os.killpg(killed.pid, signal.SIGKILL)
                    kills.append(journal.read_text().count("\n"))
                time.sleep(0.01)

        thread = threading.Thread(target=kill_half_way, daemon=True)
        thread.start()
        done = run_script("predict.py", "folder", "--csv", "n.csv", "--scheduler", address)
        thread.join(timeout=10)
    assert kills and kills[0] <= len(names)  # while some were left to read
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "folder/bad.png is not an image" in done.stderr
    assert count_pages(tmp_path / "n.csv") == {(name, 1): 1 for name in names}
    rows = [row[1:] for row in read_rows(tmp_path / "n.csv")]
    assert len(rows) == len(names) * len(set(map(tuple, rows)))
