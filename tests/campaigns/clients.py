"""Lets many clients use the page at once, some with hostile files.

python -m tests.campaigns.clients starts app.py. Most clients send its API drawings and photos of
known content, whose answers must be right; the others send damaged files, files that are none, and
requests that are none. There is a problem if a right client gets an error or a wrong answer, if the
process ends, or if its memory grows: after the first third, by more than `MEGABYTES`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.page_speed import read_memory, start_page
from tests.campaigns import mutations

ROOT = Path(__file__).parents[2]
NUM_HOSTILE = 5  # of the clients
MEGABYTES = 100
KINDS = ("png", "jpeg", "tiff", "pdf")  # of damaged files
REQUESTS = (
    b"GET / HTTP/1.1\r\n\r\n",  # no host
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\nx",
    b"GET /gradio_api/file=/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 12\r\n\r\n{"fn_index":1',
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
    b"A" * 70_000,
)


def make_hostile(rng: np.random.Generator, folder: Path, number: int) -> Path:
    """Write a file that is damaged, or none at all, under a name of a photo."""
    name = KINDS[rng.integers(len(KINDS))]
    kind = mutations.KINDS[name]
    way = rng.integers(4)
    if way == 0:
        content = rng.bytes(int(rng.integers(0, 5000)))
    elif way == 1:  # a PNG that says that it has 4 billion pixels
        size = np.array([65_535, 65_535], ">u4").tobytes()
        content = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + b"\x08\x02\0\0\0" + rng.bytes(40)
    else:
        content = mutations.make_file(kind, kind.make_seeds(), 1, int(rng.integers(10**6)))
    path = folder / f"hostile{number}{kind.suffix}"
    path.write_bytes(content)
    return path


def ask_rightly(client, number: int, drawing: Path) -> str:
    """Send a drawing or a photo; returns what is wrong with the answer, or an empty text."""
    from gradio_client import handle_file

    is_photo = number % 10 == 0
    path = ROOT / "examples" / "note.jpg" if is_photo else drawing
    kind = "read_photo" if is_photo else "read_drawing"
    answer = client.predict(handle_file(str(path)), api_name=f"/{kind}")
    is_right = answer[1].startswith("31") if is_photo else answer["cnn"]["text"] == "7"
    return "" if is_right else str(answer)[:200]


def send_raw(port: int, content: bytes) -> None:
    """Send bytes that are no proper request, and close."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as sent:
        sent.sendall(content)
        sent.settimeout(2)
        sent.recv(1000)


def measure(pid: int, end: float, every: float) -> Iterator[tuple[float, int]]:
    """Measure memory in MB until a time; yields it with the seconds since the start."""
    start = time.perf_counter()
    while time.perf_counter() < end:
        yield time.perf_counter() - start, read_memory(pid)[0]
        time.sleep(min(every, max(0.0, end - time.perf_counter())))


def run(num_clients: int, seconds: float, seed: int, port: int) -> dict:
    """Run all clients against a page of its own.

    Returns:
        Numbers of requests and errors by kind of client, texts of some errors, and the memory in MB
        over time.
    """
    from gradio_client import Client, handle_file

    counts: collections.Counter[str] = collections.Counter()
    errors: list[str] = []
    process = start_page(port)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            canvas = Image.new("RGB", (480, 320), "white")
            ImageDraw.Draw(canvas).line([(150, 60), (300, 60), (215, 270)], "black", 18)
            canvas.save(folder / "seven.png")
            url = f"http://127.0.0.1:{port}"
            clients = [Client(url, verbose=False, download_files=name) for _ in range(num_clients)]
            end = time.perf_counter() + seconds

            def be_right(client, number):
                while time.perf_counter() < end:
                    number += 1
                    counts["right"] += 1
                    try:
                        wrong = ask_rightly(client, number, folder / "seven.png")
                    except Exception as error:  # it would end the thread unseen
                        wrong = f"{type(error).__name__}: {error}"
                    if wrong:
                        errors.append(wrong[:300])

            def be_hostile(client, number):
                rng = np.random.default_rng((seed, number))
                while time.perf_counter() < end:
                    counts["hostile"] += 1
                    if rng.random() < 0.2:
                        send_raw(port, REQUESTS[rng.integers(len(REQUESTS))])
                        continue
                    path = make_hostile(rng, folder, number)
                    kind = ("read_photo", "read_drawing")[rng.integers(2)]
                    try:
                        client.predict(handle_file(str(path)), api_name=f"/{kind}")
                        counts["hostile, answered"] += 1
                    except Exception as error:  # gradio_client raises any kind
                        counts["hostile, refused"] += 1
                        if re.search(r"Traceback|Internal Server Error", str(error)):
                            errors.append(f"{path.name}: {error}"[:300])

            threads = [
                threading.Thread(
                    target=be_hostile if number < NUM_HOSTILE else be_right, args=(client, number)
                )
                for number, client in enumerate(clients)
            ]
            for thread in threads:
                thread.start()
            memory = [*measure(process.pid, end, every=10)]
            for thread in threads:
                thread.join()
        memory.append((seconds, read_memory(process.pid)[0]))
        has_ended = process.poll() is not None
    finally:
        process.terminate()
        process.wait()
    later = [megabytes for at, megabytes in memory if at >= seconds / 3]
    return {
        "clients": num_clients,
        "seconds": seconds,
        "seed": seed,
        "requests": dict(counts),
        "errors": len(errors),
        "first_errors": errors[:5],
        "memory_mb": [megabytes for _, megabytes in memory],
        "growth_mb": later[-1] - later[0],
        "has_ended": has_ended,
    }


def main(argv: list[str] | None = None) -> int:
    """Run the clients, and print what happened; the status is 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=7898)
    args = parser.parse_args(argv)
    report = run(args.clients, args.seconds, args.seed, args.port)
    print(json.dumps(report, indent=1))
    return int(bool(report["errors"] or report["has_ended"] or report["growth_mb"] > MEGABYTES))


if __name__ == "__main__":
    sys.exit(main())
