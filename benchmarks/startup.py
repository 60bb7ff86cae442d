"""Time whole processes, from the command to its end, and the memory that they take.

Usage: python -m benchmarks.startup [--results-file FILE.json]

Prints a row for each command: the median wall time of seven runs after one that is not counted, and
the largest resident memory. The commands write into a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from digits import cli, files

NUM_RUNS = 7
TEXT_ONLY = "from digits.reading import Reader; print(Reader().read('examples/note.jpg').text)"
# What each command does, and its words after `python`.
COMMANDS = {
    "classify three test images, with a figure": ["predict.py", "0", "1", "2"],
    "read a photo, with its annotated picture": ["predict.py", "examples/note.jpg"],
    "read a photo, text only": ["-c", TEXT_ONLY],
    "import TensorFlow and Keras": ["-c", "import keras, tensorflow"],
}


def time_command(words: list[str], num_runs: int) -> tuple[float, float]:
    """Run a command several times.

    Args:
        words: after `python`.
        num_runs: runs that are counted, after one that is not.

    Returns:
        `(seconds, megabytes)`: median wall time, and the largest resident memory of any run.
    """
    seconds, kilobytes = [], 0
    for _ in range(num_runs + 1):
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        kilobytes = max(kilobytes, usage.ru_maxrss)
        if status:
            raise RuntimeError(f"{words} ended with status {os.waitstatus_to_exitcode(status)}")
        process.returncode = 0
    return statistics.median(seconds[1:]), kilobytes / 1000


def main() -> None:
    """Time each command and print a table."""
    parser = cli.Parser(
        __doc__, prog="python -m benchmarks.startup", formatter_class=argparse.RawTextHelpFormatter
    )
    cli.add_results_flag(parser)
    args = parser.parse_args()
    cli.check_writable(args.results_file)
    results = {}
    print("| command | seconds | MB |")
    print("| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COMMANDS.items():
            flags = ["--plots-dir", folder] if words[0].endswith(".py") else []
            seconds, megabytes = time_command([*words, *flags], NUM_RUNS)
            results[name] = {"seconds": round(seconds, 3), "megabytes": round(megabytes)}
            print(f"| {name} | {seconds:.2f} | {megabytes:,.0f} |", flush=True)
    if args.results_file:
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})


if __name__ == "__main__":
    cli.run(main)
