"""The notebook for a first look: it runs, and its outputs are kept."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


@pytest.fixture(scope="module")
def cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_outputs_are_kept_small_and_without_errors(cells):
    assert NOTEBOOK.stat().st_size < 300_000
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 4  # digits, learning curves, mistakes, the note
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert "12 + 30 = 42" in printed and "Test accuracy: 9" in printed
    assert str(ROOT) not in NOTEBOOK.read_text(encoding="utf-8")


def test_its_links_lead_to_files(cells):
    import re

    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) >= 4
    assert all((NOTEBOOK.parent / link).exists() for link in links)


@pytest.mark.slow
def test_it_runs():
    pytest.importorskip("nbmake", reason="notebooks need pip install -r requirements-dev.txt")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", ""]
    done = subprocess.run(
        [*command, "--nbmake", NOTEBOOK], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
