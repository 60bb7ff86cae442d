"""Times the page of app.py: the answer to a stroke in a browser, and many clients at once.

It also takes the screenshot plots/released/page.png.

python -m benchmarks.page_speed (4 minutes; needs requirements-dev.txt and chromium)
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from digits import cli, files

ROOT = Path(__file__).parent.parent
NUM_STROKES = 40
SCREENSHOT = ROOT / "plots" / "released" / "page.png"
# Notes when a stroke ended and when the page last changed its answer.
WATCH = """() => {
    window.ended = 0; window.changed = 0;
    window.addEventListener('pointerup', () => { window.ended = performance.now(); }, true);
    const note = () => requestAnimationFrame(() => { window.changed = performance.now(); });
    for (const id of ['reading', 'answers'])
        new MutationObserver(note).observe(document.querySelector(`#${id} .prose`),
            {childList: true, subtree: true, characterData: true, attributes: true});
}"""


def start_page(port: int) -> subprocess.Popen:
    """Start app.py; returns its process once the page can be opened."""
    command = [sys.executable, "-u", ROOT / "app.py", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("Open "):
            return process
    raise RuntimeError("app.py did not start")


def read_memory(pid: int) -> tuple[int, int]:
    """Memory that a process has in use, in MB, and the number of its threads."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident, threads = (re.search(rf"{key}:\s+(\d+)", status)[1] for key in ("VmRSS", "Threads"))
    return round(int(resident) / 1024), int(threads)


def time_strokes(url: str, rng: np.random.Generator) -> list[float]:
    """Draw at random, up to four strokes a drawing, time each answer, and take the screenshot.

    Returns:
        Milliseconds from the end of each stroke to the last change on the page within two seconds;
        below 0 if the page did not change after the end, as the answer was there before.
    """
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)))
    times: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        page.goto(url)
        page.wait_for_load_state("networkidle")
        page.evaluate(WATCH)
        box = page.locator("#canvas canvas").bounding_box()
        for number in range(NUM_STROKES):
            if number % 4 == 0:
                page.get_by_role("button", name="Clear").click()
                time.sleep(1)
            left = box["x"] + box["width"] * (0.06 + 0.24 * (number % 4))
            corners = rng.uniform(0, 1, (4, 2)) * [0.17 * box["width"], 0.7 * box["height"]]
            corners += [left, box["y"] + 0.15 * box["height"]]
            draw_stroke(page, corners, steps=15)
            time.sleep(2)
            ended, changed = page.evaluate("[window.ended, window.changed]")
            times.append(changed - ended)
        show_digits(page, box)
        page.screenshot(path=SCREENSHOT)
        browser.close()
    return times


def show_digits(page, box: dict) -> None:
    """Draw a 3, a 7 and a 5 on the cleared canvas."""
    page.get_by_role("button", name="Clear").click()
    turn = np.linspace(0, 1, 30)
    upper, lower = np.pi * (1.25 * turn - 0.75), np.pi * (1.35 * turn - 0.5)
    arcs = [(0.5, 0.28, 0.36, 0.22, upper), (0.5, 0.74, 0.42, 0.25, lower)]
    three = [np.stack([x + w * np.cos(a), y + h * np.sin(a)], 1) for x, y, w, h, a in arcs]
    belly = np.pi * (1.4 * turn - 0.6)
    five = np.stack([0.42 + 0.45 * np.cos(belly), 0.7 + 0.28 * np.sin(belly)], 1)
    five = np.concatenate([[(0.9, 0.05), (0.25, 0.05), (0.2, 0.5)], five])
    digits = [np.concatenate(three), np.array([(0, 0.05), (0.95, 0.05), (0.35, 1)]), five]
    for number, places in enumerate(digits):
        size = 0.19 * box["width"], 0.55 * box["height"]
        left = box["x"] + box["width"] * (0.1 + 0.3 * number)
        corners = places * size + [left, box["y"] + 0.2 * box["height"]]
        draw_stroke(page, corners, steps=3)
    time.sleep(2)


def draw_stroke(page, corners: np.ndarray, steps: int) -> None:
    """Draw lines from corner to corner with the mouse, each in so many steps."""
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=steps)
    page.mouse.up()


def load(
    url: str, folder: Path, num_clients: int, seconds: float
) -> tuple[dict[str, list[float]], list[str]]:
    """Let clients send requests without pause, nine drawings to a photo.

    Returns:
        Seconds of each request by endpoint, and texts of errors and of wrong answers.
    """
    from gradio_client import Client, handle_file

    canvas = Image.new("RGB", (480, 320), "white")
    ImageDraw.Draw(canvas).line([(150, 60), (300, 60), (215, 270)], "black", 18)
    canvas.save(folder / "seven.png")
    times: dict[str, list[float]] = {"read_drawing": [], "read_photo": []}
    errors: list[str] = []

    def ask(client, number):
        while time.perf_counter() < end:
            number += 1
            is_photo = number % 10 == 0
            kind = "read_photo" if is_photo else "read_drawing"
            path = ROOT / "examples" / "note.jpg" if is_photo else folder / "seven.png"
            start = time.perf_counter()
            try:
                answer = client.predict(handle_file(str(path)), api_name=f"/{kind}")
                is_correct = (
                    answer[1].startswith("31") if is_photo else answer["cnn"]["text"] == "7"
                )
                if not is_correct:
                    errors.append(str(answer)[:200])
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}"[:200])
            times[kind].append(time.perf_counter() - start)

    clients = [Client(url, verbose=False, download_files=str(folder)) for _ in range(num_clients)]
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=ask, args=(client, number)) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, errors


def main(argv: list[str] | None = None) -> None:
    """Time strokes, then three equal loads in a row, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=cli.whole_number(1), default=20)
    parser.add_argument("--seconds", type=cli.positive_number, default=30)
    parser.add_argument("--port", type=cli.whole_number(1, 65535), default=7899)
    args = parser.parse_args(argv)
    process = start_page(args.port)
    url = f"http://127.0.0.1:{args.port}"
    try:
        strokes = time_strokes(url, np.random.default_rng(0))
        results = {
            "strokes": len(strokes),
            "strokes_answered_before": sum(ms < 0 for ms in strokes),
            "stroke_ms_median": round(statistics.median(strokes)),
            "stroke_ms_p95": round(float(np.quantile(strokes, 0.95))),
            "stroke_ms_max": round(max(strokes)),
            "clients": args.clients,
            "seconds": args.seconds,
            "loads": [],
        }
        print(json.dumps(results), flush=True)
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                before = time.perf_counter()
                times, errors = load(url, Path(folder), args.clients, args.seconds)
                wall = time.perf_counter() - before
            memory, threads = read_memory(process.pid)
            row: dict[str, float] = {"errors": len(errors), "memory_mb": memory, "threads": threads}
            row["requests_per_second"] = round(sum(map(len, times.values())) / wall, 1)
            for kind, values in times.items():
                row[f"{kind}_s_median"] = round(statistics.median(values), 3)
                row[f"{kind}_s_p95"] = round(float(np.quantile(values, 0.95)), 3)
            results["loads"].append(row)
            print(json.dumps(row), *errors[:3], sep="\n", flush=True)
    finally:
        process.terminate()
        process.wait()
    path = ROOT / "benchmarks" / "results" / "page_speed.json"
    files.write_json(path, results)
    print(f"Wrote {path}\nWrote {SCREENSHOT}")


if __name__ == "__main__":
    main()
