"""A few damaged files of each kind; python -m tests.campaigns.mutations reads thousands."""

import importlib.util

import pytest

from tests.campaigns import mutations

SEED = 1  # of all runs: other files are for the campaigns, and no run fails by chance
NEEDED = {"heic": "pillow_heif", "pdf": "pypdfium2", "onnx": "onnx"}


@pytest.mark.parametrize("kind", mutations.KINDS)
def test_damaged_files_are_read_or_refused(kind, record_property):
    needed = NEEDED.get(kind)
    if needed and not importlib.util.find_spec(needed):
        pytest.skip(f"needs {needed}")
    reports = mutations.run(kind, 15, SEED)
    assert not any(report["problem"] for report in reports.values()), mutations.format_table(
        kind, SEED, reports
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras", "onnx", "npz"])
def test_more_damaged_files_are_read_or_refused(kind):
    reports = mutations.run(kind, 100, SEED)
    assert not any(report["problem"] for report in reports.values()), mutations.format_table(
        kind, SEED, reports
    )


def test_problems_are_found(monkeypatch, tmp_path):
    """A reader that crashes, hangs, takes memory, runs code or raises something else."""
    code = """
import os, signal, sys, time
from tests.campaigns import mutations
mutations.SECONDS, mutations.MEGABYTES = 3, 100
def read(path):
    number = int(path.read_bytes())
    if number == 1: os.kill(os.getpid(), signal.SIGSEGV)
    if number == 2: time.sleep(30)
    if number == 3: len(b"x" * 200_000_000)
    if number == 4: os.system("true")
    if number == 5: raise TypeError("five")
    if number == 6: raise ValueError()
    if number == 7: raise ValueError("one line")
mutations.make_file = lambda kind, seeds, seed, number: str(number).encode()
mutations.KINDS["csv"] = mutations.Kind(".csv", list, None, read)
sys.exit(mutations.main(sys.argv[1:]))
"""
    started = tmp_path / "started.py"
    started.write_text(code)
    real = mutations.subprocess.run

    def run(command, **options):
        return real([command[0], str(started), *command[3:]], **options)

    monkeypatch.setattr(mutations.subprocess, "run", run)
    monkeypatch.setenv("PYTHONPATH", str(mutations.ROOT))
    reports = mutations.run("csv", 9, 0)
    expected = ["", "status -11", "over 20 s", "MB", "ran code: os.system", "TypeError: five",
        "without a text", "", ""]  # fmt: skip
    assert sorted(reports) == list(range(9))
    for number, text in enumerate(expected):
        assert text in reports[number]["problem"], reports[number]
        assert bool(text) == bool(reports[number]["problem"])
