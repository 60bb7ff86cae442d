"""Train and score a network with several seeds, for figures as mean ± standard deviation.

Usage: python -m benchmarks.seeds NAME [--seeds 5] [--keep FOLDER] [FLAG OF train.py ...]

Runs train.py and evaluate.py once for each seed, in a temporary folder, and appends a line for each
run to benchmarks/results/seeds.jsonl under NAME. Seeds that are there already are not run again.
With --keep, the models and their figures are kept in FOLDER, as NAME_SEED.keras and so on.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from digits import cli

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "seeds.jsonl"
SCORES = ("test_accuracy", "num_correct", "test_loss", "ece")  # kept, of what evaluate.py writes


def run_seed(seed: int, flags: Sequence[str], kept_model: str | None = None) -> dict[str, Any]:
    """Train and score a network with one seed.

    Args:
        seed: of the training.
        flags: further flags of train.py.
        kept_model: the `.keras` file to write; None for a temporary one.

    Returns:
        The model's metadata, and its figures on the test images.

    Raises:
        subprocess.CalledProcessError: train.py or evaluate.py failed; what was wrong is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        model_path = Path(kept_model or f"{folder}/model.keras")
        plots = model_path.parent if kept_model else Path(folder)
        paths: list[str | Path] = ["--model-path", model_path, "--plots-dir", plots]
        train: list[str | Path] = [
            sys.executable,
            ROOT / "train.py",
            "--seed",
            str(seed),
            *paths,
            *flags,
        ]
        subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
        results = f"{folder}/results.json"
        evaluate: list[str | Path] = [
            sys.executable,
            ROOT / "evaluate.py",
            *paths,
            "--results-file",
            results,
        ]
        subprocess.run(evaluate, check=True, stdout=subprocess.DEVNULL)
        metadata = json.loads(model_path.with_suffix(".json").read_text())
        scores = json.loads(Path(results).read_text())
    return metadata | {key: scores[key] for key in SCORES}


def read_runs(name: str) -> dict[int, dict[str, Any]]:
    """Read the runs under `name` in the results file, by seed."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {row["seed"]: row for row in map(json.loads, lines) if row["name"] == name}


def print_summary(runs: Mapping[int, Mapping[str, Any]]) -> None:
    """Print mean ± standard deviation over the runs: accuracies and ECE in percent, seconds."""
    for key, scale in (("test_accuracy", 100), ("val_accuracy", 100), ("ece", 100), ("seconds", 1)):
        values = [row[key] * scale for row in runs.values()]
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{key}: {statistics.mean(values):.3f} ± {deviation:.3f} over {len(values)} seeds")


def main() -> int | None:
    """Run the seeds that are missing and print the summary."""
    parser = cli.Parser(description=__doc__, prog="python -m benchmarks.seeds")
    parser.add_argument("name", metavar="NAME", help="of these runs in the results file")
    parser.add_argument("--seeds", type=cli.whole_number(1), default=5)
    parser.add_argument("--keep", metavar="FOLDER", help="keep the models there")
    args, flags = parser.parse_known_args()
    runs = read_runs(args.name)
    for seed in range(args.seeds):
        if seed not in runs:
            kept_model = args.keep and f"{args.keep}/{args.name}_{seed}.keras"
            try:
                scores = run_seed(seed, flags, kept_model)
            except subprocess.CalledProcessError as error:
                return error.returncode
            runs[seed] = {"name": args.name, "flags": flags} | scores
            with open(RESULTS, "a") as file:
                file.write(json.dumps(runs[seed]) + "\n")
        row = runs[seed]
        print(f"seed {seed}: {row['test_accuracy']:.2%} in {row['seconds']:.1f} s", flush=True)
    print_summary(runs)
    return None


if __name__ == "__main__":
    cli.run(main)
