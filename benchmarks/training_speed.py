"""Race our training against what people usually run.

Usage: python -m benchmarks.training_speed [--race dense] [--repeats 5]

--race dense is of the 784-128-64-10 network without augmentation, --race any of whatever network
reaches 99% of the test images soon.

Every run is a process of its own and trains on the same 55,000 images; the contestants take
turns, so that a slow minute of the machine affects all of them. Accuracy is that on the 5,000
validation images.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from benchmarks.contestants import ANY, DENSE, PUBLISHED
from digits import files, plotting

ROOT = Path(__file__).parent.parent
RACES = {"dense": DENSE, "any": ANY}
NAMES = {"dense": "training_speed", "any": "training_speed_any"}  # of the results and the figure


def measure_matmul_rate(size=2048, repeats=7):
    """Float32 multiplications and additions a second of a large matrix product, all cores."""
    matrix = np.random.default_rng(0).random((size, size), np.float32)
    best = min(_time(lambda: matrix @ matrix) for _ in range(repeats))
    return 2 * size**3 / best


def _time(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def run_race(kind, repeats):
    """Run every contestant `repeats` times, taking turns; returns curves by name."""
    curves = {name: [] for name in RACES[kind]}
    for seed in range(repeats):
        for name in curves:
            flags = ["--race", kind, "--run", name, "--seed", str(seed)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.training_speed", *flags],
                cwd=ROOT,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                check=True,
            )
            curve = json.loads(done.stdout.splitlines()[-1])
            curves[name].append(curve)
            print(f"{name}: {curve[-1][0]:.2f} s, {curve[-1][1]:.2%}", flush=True)
    return curves


def seconds_to(curve, accuracy):
    """Seconds until a curve first reaches an accuracy; None if it does not."""
    return next((seconds for seconds, reached in curve if reached >= accuracy), None)


def draw_race(curves, path, lowest, legend, published):
    """Draw accuracy against seconds of training, a line a run.

    Args:
        curves: dict of lists of runs by name; a run is a list of `(seconds, accuracy)`.
        path: PNG file to write.
        lowest: accuracy at the bottom of the figure.
        legend: where it stands.
        published: dict of seconds and test accuracies of others, by name; hollow marks.
    """
    colors = (
        plotting.VERMILLION,
        "black",
        plotting.BLUE,
        plotting.GREEN,
        plotting.ORANGE,
        "#CC79A7",
        plotting.GREY,
    )
    figure = Figure(figsize=(8, 4.6), **plotting.STYLE)
    axes = figure.subplots()
    styles = zip(colors, "oXs^DvP", strict=True)
    for (name, runs), (color, marker) in zip(curves.items(), styles, strict=False):
        for run in runs:
            axes.plot(*zip(*run, strict=True), color=color, lw=1, alpha=0.6)
        ends = [run[-1] for run in runs]
        axes.plot(*zip(*ends, strict=True), marker, color=color, ms=6, label=name)
    for (name, point), marker in zip(published.items(), "*h", strict=False):
        axes.plot(*point, marker, color="black", mfc="none", ms=9, label=name)
    axes.set_xscale("log")
    all_ends = [run[-1] for runs in curves.values() for run in runs]
    longest = max(seconds for seconds, _ in (*all_ends, *published.values()))
    axes.set_xticks([tick for tick in (0.5, 1, 2, 5, 10, 20, 50) if tick < 2 * longest])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.yaxis.set_major_locator(MultipleLocator(0.01 if lowest < 0.95 else 0.002))
    accuracy = "validation accuracy" + (", published: test accuracy" if published else "")
    axes.set(xlabel="seconds of training (logarithmic)", ylabel=accuracy)
    highest = max(point[1] for runs in curves.values() for run in runs for point in run)
    axes.set_ylim(lowest, highest + 0.05 * (highest - lowest))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc=legend, fontsize=9, title="the end of each run")
    plotting.save(figure, path)


def report_any(curves):
    """Format the race to 99% as a Markdown table."""
    ours = statistics.median(curve[-1][0] for curve in next(iter(curves.values())))
    lines = [
        "| contestant | training, s: median (min-max) | times ours | validation accuracy |",
        "| --- | --- | --- | --- |",
    ]
    for name, runs in curves.items():
        seconds = [curve[-1][0] for curve in runs]
        accuracies = [curve[-1][1] for curve in runs]
        median = statistics.median(seconds)
        lines.append(
            f"| {name} | {median:.2f} ({min(seconds):.2f}-{max(seconds):.2f}) "
            f"| {median / ours:.2f} "
            f"| {statistics.mean(accuracies):.2%} ± {statistics.pstdev(accuracies):.2%} |"
        )
    return "\n".join(lines)


def report_dense(curves, matmul_rate):
    """Format the dense network's race as a Markdown table, and ratios that the README quotes."""
    tutorial = curves["Keras tutorial: fit, batch 32, 10 epochs"]
    goal = statistics.median(curve[-1][1] for curve in tutorial)
    lines = [
        f"Goal: the tutorial's median accuracy, {goal:.2%} on the validation images.",
        "",
        "| contestant | training, s: median (min-max) | validation accuracy | s to the goal |",
        "| --- | --- | --- | --- |",
    ]
    to_goal = {}
    for name, runs in curves.items():
        seconds = [curve[-1][0] for curve in runs]
        accuracies = [curve[-1][1] for curve in runs]
        reached = [seconds_to(curve, goal) for curve in runs]
        to_goal[name] = None if None in reached else statistics.median(reached)
        shown = (
            f"{to_goal[name]:.2f}"
            if to_goal[name]
            else f"never in {reached.count(None)} of {len(reached)}"
        )
        lines.append(
            f"| {name} | {statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f}) "
            f"| {statistics.mean(accuracies):.2%} ± {statistics.pstdev(accuracies):.2%} | {shown} |"
        )
    ours, theirs = (
        to_goal["this project"],
        statistics.median(curve[-1][0] for curve in tutorial),
    )
    if ours:
        lines += ["", f"{theirs / ours:.1f}x faster than the tutorial to where it ends."]
    epochs = len(curves["this project"][0])
    floor = 4 * 109_386 * 55_000 * epochs / matmul_rate
    total = statistics.median(curve[-1][0] for curve in curves["this project"])
    lines.append(
        f"Floor: {epochs} epochs of 4 x 109,386 FLOPs an image at this machine's "
        f"{matmul_rate / 1e9:.0f} GFLOP/s: {floor:.2f} s; this project needs "
        f"{total / floor:.1f} times that."
    )
    return "\n".join(lines)


def main():
    """Run one contestant (--run), or the whole race."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--race", choices=RACES, default="dense")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--run", help="one contestant of the race, as JSON on stdout")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(RACES[args.race][args.run](args.seed)))
        return

    matmul_rate = measure_matmul_rate()
    curves = run_race(args.race, args.repeats)
    results = ROOT / "benchmarks" / "results" / f"{NAMES[args.race]}.json"
    figure = ROOT / "plots" / "released" / f"{NAMES[args.race]}.png"
    files.write_json(results, {"matmul_flops": matmul_rate, "curves": curves})
    if args.race == "dense":
        draw_race(curves, figure, 0.94, "lower right", published={})
    else:
        draw_race(curves, figure, 0.98, "lower left", PUBLISHED)
    print(report_dense(curves, matmul_rate) if args.race == "dense" else report_any(curves))
    print(f"Wrote {results}\nWrote {figure}")


if __name__ == "__main__":
    main()
