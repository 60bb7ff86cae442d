import json

import numpy as np
import pytest
from PIL import Image

import train_detector

SCRIPT = "benchmarks/detection"


@pytest.fixture
def folder(tmp_path):
    """A folder of one labelled photo, of blank paper."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.full((100, 150, 3), 255, np.uint8)).save(folder / "blank.png")
    label = {"file": "blank.png", "kind": "multi", "layout": "lines", "lines": ["1-2", "3"]}
    (folder / "labels.json").write_text(json.dumps([label]))
    return folder


def test_the_released_detector_is_measured(run_main, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(train_detector, "MEASURED_PAGES", 4)
    done = run_main(SCRIPT, "--photos", folder, "--results-file", "scores.json")
    assert done.returncode == 0, done.stderr
    assert "multi: 0 of 3 digits detected, 0 too many, on 1 photos" in done.stdout
    results = json.loads((tmp_path / "scores.json").read_text())
    total = results["detection"]["digits"]
    assert total["num_true"] > 5
    assert total["recall"] > 0.5
    assert total["precision"] > 0.5
    assert results["photos"] == [
        {"kind": "multi", "photos": 1, "digits": 3, "missing": 3, "surplus": 0}
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model-path", "none.keras"], "none.keras"),
        (["--photos", "none"], "there is no none/labels.json"),
    ],
)
def test_a_users_mistake_is_one_line(run_main, arguments, expected):
    done = run_main(SCRIPT, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert expected in done.stderr
