"""Photos a second that a folder is read with: on this computer, and on Dask clusters on it.

Usage: python -m benchmarks.archive [--photos 200] [--results-file FILE.json] [PHOTO ...]

Whole commands are timed, start-up included, on copies of some photos (default: the four in
examples/): with one photo at a time and with as many as there are cores, and on a cluster of one
and of two workers of one thread. The runs are interleaved. It also counts the tasks of nothing to
do that a cluster finishes in a second, which is the most photos it can read with any number of
workers, and works out what a million photos take.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from digits import cli, files
from digits.networks import find_model
from digits.reading import find_photos

ROOT = Path(__file__).parent.parent
EXAMPLES = ["note.jpg", "blackboard.jpg", "sideways.jpg", "sheet.jpg"]
NUM_TASKS = 3000
PRICE = 0.05  # US dollars a core and hour: about what a virtual machine of a large cloud costs
MILLION = 1_000_000


@contextlib.contextmanager
def started_cluster(num_workers: int) -> Iterator[str]:
    """Start `dask scheduler` and so many `dask worker` of one thread; yields the address."""
    from distributed import Client

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "1", "--no-dashboard"]
    with contextlib.ExitStack() as opened:
        for words in (scheduler, *itertools.repeat(worker, num_workers)):
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            opened.callback(process.wait)
            opened.callback(process.terminate)
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(num_workers, timeout=60)
        yield address


def copy_photos(photos: Sequence[Path], folder: Path, num_photos: int) -> None:
    """Copy photos into a folder, one after the other and again, until there are enough."""
    for number, photo in zip(range(num_photos), itertools.cycle(photos), strict=False):
        shutil.copy(photo, folder / f"{number:06}{photo.suffix}")


def time_command(folder: Path, flags: Sequence[str], num_photos: int) -> float:
    """Read the photos in a folder with predict.py.

    Returns:
        Seconds.

    Raises:
        RuntimeError: it failed, or left out photos.
    """
    with tempfile.TemporaryDirectory() as results:
        path = Path(results) / "n.csv"
        words = ["--csv", str(path), "--plots-dir", results, *flags]
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, ROOT / "predict.py", folder, *words],
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
        num_read = path.with_name("n.csv.journal").read_bytes().count(b"\n") - 1
    if done.returncode or num_read != num_photos:
        raise RuntimeError(f"{num_read} of {num_photos} photos were read: {done.stderr[:500]}")
    return seconds


def count_tasks(address: str) -> float:
    """Count the tasks of nothing to do, files that are not there, that are finished in a second."""
    from digits.scale import cluster

    detector, classifier = (
        cluster.describe_network(find_model(name)) for name in ("detector", "cnn")
    )
    gone = (cluster.File(f"/gone/{number}.png", "") for number in range(NUM_TASKS))
    with cluster.connect(address) as client:
        start = time.perf_counter()
        num_read = sum(
            map(len, cluster.read_files(client, cluster.Job(detector, classifier), gone))
        )
        return num_read / (time.perf_counter() - start)


def summarize(seconds: Sequence[float], num_photos: int, num_cores: int) -> dict[str, Any]:
    """Work out rates and what a million photos take.

    Args:
        seconds: of runs over `num_photos` photos each.
        num_photos: in each run.
        num_cores: that were busy.

    Returns:
        dict of `seconds`, `photos_a_second` (median), `photos_a_second_range`, `core_hours` and
        `dollars` of a million photos.
    """
    rates = sorted(num_photos / each for each in seconds)
    rate = statistics.median(rates)
    core_hours = MILLION / rate * num_cores / 3600
    return {
        "seconds": [round(each, 2) for each in seconds],
        "photos_a_second": round(rate, 2),
        "photos_a_second_range": [round(rates[0], 2), round(rates[-1], 2)],
        "core_hours": round(core_hours),
        "dollars": round(core_hours * PRICE, 2),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Time each way to read the folder, and print and write the rates."""
    parser = cli.Parser(
        __doc__, prog="python -m benchmarks.archive", formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("inputs", nargs="*", metavar="PHOTO", help="photos and folders of them")
    parser.add_argument("--photos", type=cli.whole_number(1), default=200, help="photos in a run")
    parser.add_argument("--repeats", type=cli.whole_number(1), default=3, help="runs of each")
    cli.add_results_flag(parser)
    args = parser.parse_args(argv)
    photos = find_photos(args.inputs or [ROOT / "examples" / name for name in EXAMPLES])
    num_cores = os.cpu_count() or 1
    ways: dict[str, tuple[int, list[str]]] = {
        "this computer, one photo at a time": (num_cores, ["--workers", "1"]),
        f"this computer, {num_cores} photos at a time": (num_cores, []),
    }
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        copy_photos(photos, folder, args.photos)
        for num_workers in (1, 2):
            name = f"cluster, {num_workers} worker{'s' * (num_workers > 1)}"
            address = opened.enter_context(started_cluster(num_workers))
            ways[name] = num_workers, ["--scheduler", address]
            time_command(folder, ways[name][1], args.photos)  # the networks are loaded after it
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(args.repeats):
            for name, (_, flags) in ways.items():
                seconds[name].append(time_command(folder, flags, args.photos))
        tasks = [round(count_tasks(address)) for _ in range(args.repeats)]
    results = {
        "num_cores": num_cores,
        "photos": args.photos,
        "dollars_a_core_hour": PRICE,
        "ways": {
            name: summarize(seconds[name], args.photos, cores) for name, (cores, _) in ways.items()
        },
        "empty_tasks_a_second": tasks,
    }
    for name, row in results["ways"].items():
        low, high = row["photos_a_second_range"]
        print(
            f"{name:<36}{row['photos_a_second']:6.2f} photos a second ({low:.2f} to {high:.2f}); "
            f"a million: {row['core_hours']:,} core-hours, {row['dollars']:.0f} dollars"
        )
    print(f"empty tasks a second: {tasks}")
    if args.results_file:
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
