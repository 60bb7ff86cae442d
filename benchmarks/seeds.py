"""Train and score with several seeds, for figures as mean ± standard deviation.

Usage: python -m benchmarks.seeds NAME [--seeds 5] [--keep FOLDER] [FLAG OF train.py ...]

Runs train.py and evaluate.py once a seed, in a folder of its own, and appends a line a run to
benchmarks/results/seeds.jsonl under NAME; seeds that are there already are not run again. The
models and their figures are kept only where asked, as FOLDER/NAME_SEED.keras and so on.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "seeds.jsonl"


def run_seed(seed, flags, kept_model=None):
    """Train and score one seed; returns its metadata and test figures as one dict."""
    with tempfile.TemporaryDirectory() as folder:
        model_path = Path(kept_model or f"{folder}/model.keras")
        plots = model_path.parent if kept_model else folder
        paths = ["--model-path", model_path, "--plots-dir", plots]
        train = [sys.executable, ROOT / "train.py", "--seed", str(seed), *paths, *flags]
        subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
        results = f"{folder}/results.json"
        evaluate = [sys.executable, ROOT / "evaluate.py", *paths, "--results-file", results]
        subprocess.run(evaluate, check=True, stdout=subprocess.DEVNULL)
        metadata = json.loads(model_path.with_suffix(".json").read_text())
        scores = json.loads(Path(results).read_text())
    keys = ("test_accuracy", "num_correct", "test_loss", "ece")
    return metadata | {key: scores[key] for key in keys}


def main():
    """Run the missing seeds and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("name", help="of these runs in the results file")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", help="folder for the models (default: they are not kept)")
    args, flags = parser.parse_known_args()
    done = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    runs = {row["seed"]: row for row in map(json.loads, done) if row["name"] == args.name}
    for seed in range(args.seeds):
        if seed not in runs:
            kept_model = args.keep and f"{args.keep}/{args.name}_{seed}.keras"
            runs[seed] = {"name": args.name, "flags": flags} | run_seed(seed, flags, kept_model)
            with open(RESULTS, "a") as file:
                file.write(json.dumps(runs[seed]) + "\n")
        row = runs[seed]
        print(f"seed {seed}: {row['test_accuracy']:.2%} in {row['seconds']:.1f} s", flush=True)
    for key, scale in (("test_accuracy", 100), ("val_accuracy", 100), ("ece", 100), ("seconds", 1)):
        values = [row[key] * scale for row in runs.values()]
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{key}: {statistics.mean(values):.3f} ± {deviation:.3f} over {len(values)} seeds")


if __name__ == "__main__":
    main()
