import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import seeds

SCRIPT = "benchmarks/seeds"
FIGURES = {"test_accuracy": 0.99, "val_accuracy": 0.98, "ece": 0.01, "seconds": 2.0}


@pytest.fixture
def results(tmp_path, monkeypatch):
    path = tmp_path / "seeds.jsonl"
    monkeypatch.setattr(seeds, "RESULTS", path)
    return path


def test_only_missing_seeds_are_run(results, run_main, monkeypatch):
    rows = [{"name": "dense", "seed": 0}, {"name": "other", "seed": 1}]
    results.write_text("".join(json.dumps(row | FIGURES) + "\n" for row in rows))
    calls = []

    def run_seed(seed, flags, kept_model):
        calls.append((seed, flags, kept_model))
        return {"seed": seed} | FIGURES | {"test_accuracy": 0.97}

    monkeypatch.setattr(seeds, "run_seed", run_seed)
    run = run_main(SCRIPT, "dense", "--seeds", 2, "--keep", "kept", "--augment", "none")
    assert run.returncode == 0, run.stderr
    assert calls == [(1, ["--augment", "none"], "kept/dense_1.keras")]
    added = json.loads(results.read_text().splitlines()[-1])
    assert (added["name"], added["flags"]) == ("dense", ["--augment", "none"])
    assert "test_accuracy: 98.000 ± 1.414 over 2 seeds" in run.stdout


def test_failed_training_ends_with_its_status(results, run_main, monkeypatch):
    def fail(command, **options):
        raise subprocess.CalledProcessError(2, command)

    monkeypatch.setattr(subprocess, "run", fail)
    run = run_main(SCRIPT, "dense")
    assert (run.returncode, run.stderr) == (2, "")
    assert not results.exists()


def test_a_seed_is_trained_and_scored(monkeypatch):
    commands = []

    def run(command, **options):
        command = [str(part) for part in command]
        commands.append(command)
        path = Path(command[command.index("--model-path") + 1]).with_suffix(".json")
        path.write_text(json.dumps({"val_accuracy": 0.98}))
        if "--results-file" in command:
            scores = {key: 1 for key in seeds.SCORES} | {"confusion_matrix": []}
            Path(command[command.index("--results-file") + 1]).write_text(json.dumps(scores))

    monkeypatch.setattr(subprocess, "run", run)
    row = seeds.run_seed(3, ["--model", "cnn"])
    assert row == {"val_accuracy": 0.98} | {key: 1 for key in seeds.SCORES}
    assert [Path(command[1]).name for command in commands] == ["train.py", "evaluate.py"]
    assert commands[0][2:4] == ["--seed", "3"]
    assert commands[0][-2:] == ["--model", "cnn"]
    assert "--model" not in commands[1]
