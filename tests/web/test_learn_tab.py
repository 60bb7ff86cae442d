import json
import re

import pytest

from digits.mnist import NETWORKS, RELEASED
from digits.web import learn_tab


def test_every_figure_is_embedded_with_a_heading_and_an_alternative_text():
    text = learn_tab.format_lessons()
    alternatives = re.findall("<img src='data:image/png;base64,[^']{1000,}' alt='([^']+)'>", text)
    assert alternatives == [lesson.heading for lesson in learn_tab.LESSONS]
    assert re.findall("<h3>(.*?)</h3>", text) == alternatives


def test_the_table_shows_the_released_results(tmp_path, monkeypatch):
    monkeypatch.setattr(learn_tab, "RELEASED_MODELS", tmp_path)
    for number, name in enumerate(RELEASED, start=1):
        training = {"num_parameters": 1000 * number}
        (tmp_path / f"{name}.json").write_text(json.dumps(training))
        results = {"num_correct": 90 + number, "num_images": 100}
        (tmp_path / f"{name}_results.json").write_text(json.dumps(results))
    rows = re.findall("<tr><th scope='row'>(.*?)</tr>", learn_tab.format_lessons())
    assert len(rows) == len(RELEASED)
    for number, (name, row) in enumerate(zip(RELEASED, rows, strict=True), start=1):
        assert row.startswith(f"{name}<") and NETWORKS[name] in row
        assert f"<td>{number},000</td>" in row and f"({90 + number}/100)" in row


def test_a_missing_figure_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(learn_tab, "FIGURES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"dense_network\.png"):
        learn_tab.format_lessons()
