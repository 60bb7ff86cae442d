import argparse
import io
import os
import subprocess
import sys

import pytest

from digits import cli
from tests.conftest import ROOT


@pytest.mark.parametrize(("status", "expected"), [(None, 0), (0, 0), (1, 1), (2, 2)])
def test_a_command_leaves_with_the_status_of_its_main(status, expected):
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: status)
    assert (end.value.code or 0) == expected


def test_ctrl_c_ends_a_command_with_one_line_and_status_130(capsys):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        cli.run(interrupted)
    assert end.value.code == 130
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_only_the_users_mistakes_become_one_line(capsys):
    with pytest.raises(SystemExit) as end, cli.one_line_errors():
        raise ValueError("received 3,\n expected 2:\n leave one out")
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: received 3, expected 2: leave one out\n"
    with pytest.raises(KeyError), cli.one_line_errors():
        raise KeyError("a bug")


def test_a_reader_that_stops_early_is_no_error():
    code = "from digits import cli\ncli.run(lambda: [print('x' * 1000) for _ in range(1000)] and 0)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", "8 × 2 ÷ 4, 90°, é中?"),
        ("cp1252", "8 × 2 ÷ 4, 90°, é??"),
        ("ascii", "8 x 2 / 4, 90 degrees, ???"),
    ],
)
def test_what_an_encoding_does_not_have_is_printed_as_what_is_near(monkeypatch, encoding, printed):
    outputs = []
    for name in ("stdout", "stderr"):
        outputs.append(io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        monkeypatch.setattr(sys, name, outputs[-1])

    def main():
        for output in (sys.stdout, sys.stderr):
            print("8 × 2 ÷ 4, 90°, é中\udcff", file=output, end="")

    with pytest.raises(SystemExit):
        cli.run(main)
    for output in outputs:
        output.flush()
        assert output.buffer.getvalue().decode(encoding) == printed


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "9" * 12])
def test_what_is_no_whole_number_in_range_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 1 to"):
        cli.whole_number(1)(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "few"])
def test_what_is_no_number_above_0_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number above 0"):
        cli.positive_number(text)


def test_results_are_not_written_over_what_is_known_of_a_model(tmp_path):
    (tmp_path / "mine.keras").touch()
    with pytest.raises(argparse.ArgumentTypeError, match=r"such as mine_results\.json"):
        cli.results_file(os.fspath(tmp_path / "mine.json"))
    assert cli.results_file(os.fspath(tmp_path / "mine_results.json")).name == "mine_results.json"
    with pytest.raises(argparse.ArgumentTypeError, match=r"ending in \.json"):
        cli.results_file("results.txt")
