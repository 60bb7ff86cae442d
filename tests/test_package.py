"""The package as `pip install .` installs it, and its command."""

import os
import subprocess
import sys

import pytest

import digits
from digits import command
from tests.conftest import ROOT

HEAVY = "keras tensorflow sklearn matplotlib gradio"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which the package is installed, without its requirements and any download."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, *offline, "--target", folder, ROOT], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run_installed(installed, tmp_path):
    """Run Python with the installed package, from an empty folder."""

    def run(*words):
        return subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"},
        )

    return run


def list_files(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_package_has_all_its_modules_and_what_they_need(installed):
    names = list_files(installed / "digits")
    assert list_files(ROOT / "digits") <= names
    released = list_files(ROOT / "saved_models" / "released")
    assert {f"shipped/saved_models/released/{name}" for name in released} <= names
    examples = {path.name for path in (ROOT / "examples").glob("*.jpg")}
    assert {f"shipped/examples/{name}" for name in examples} <= names


def test_the_package_has_nothing_beside_digits(installed):
    (info,) = installed.glob("handwritten_digits-*.dist-info")
    assert info.name == f"handwritten_digits-{digits.__version__}.dist-info"
    assert {path.name for path in installed.iterdir()} == {"digits", "bin", info.name}
    assert {path.name for path in (installed / "bin").iterdir()} == {"digits"}
    metadata = (info / "METADATA").read_text(encoding="utf-8")
    assert "Requires-Python: <3.14,>=3.11" in metadata
    assert "License-Expression: MIT" in metadata


def test_the_package_is_small(installed):
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file())
    assert size < 12e6  # the released networks have 3 MB, their copies 3, the Learn tab's figures 2


def test_the_installed_package_reads_a_photo_and_has_the_figures_of_its_learn_tab(
    installed, run_installed
):
    note = installed / "digits" / "shipped" / "examples" / "note.jpg"
    code = (
        "import runpy, sys\n"
        "from digits.reading import Reader\n"
        "from digits.web import learn_tab\n"
        "bin, note = sys.argv[1:]\n"
        "print(len(learn_tab.format_lessons()))\n"
        "print(Reader().read(note).lines[0].text)\n"
        "sys.argv = [bin, 'read', note]\n"
        "runpy.run_path(bin, run_name='__main__')\n"
    )
    done = run_installed("-c", code, installed / "bin" / "digits", note)
    assert (done.returncode, done.stderr) == (0, "")
    lessons, line, *printed = done.stdout.splitlines()
    assert int(lessons) > 1e6
    assert line == "12 + 30 = 42"
    assert f"{installed}/digits/shipped/saved_models/released/cnn.keras" in printed[0]
    assert "  0172555364" in printed
    assert printed[-1] == "Wrote plots/note_reading.png"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["read", "--help"], ["foo"]])
def test_the_command_line_is_checked_before_heavy_imports(words):
    code = (
        "import sys\n"
        "from digits.command import main\n"
        f"try: main({words})\n"
        "except SystemExit: pass\n"
        f"found = set(sys.modules) & set({HEAVY!r}.split())\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_reader_loads_no_engine():
    code = (
        "import sys, digits.reading\n"
        "found = set(sys.modules) & {'keras', 'tensorflow', 'sklearn', 'matplotlib'}\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version_and_help(capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["--version"])
    assert not end.value.code
    assert capsys.readouterr().out == f"digits {digits.__version__}\n"
    with pytest.raises(SystemExit) as end:
        command.main(["--help"])
    assert not end.value.code
    printed = capsys.readouterr().out
    assert all(
        f"  {name}" in printed and text in printed for name, text in command.COMMANDS.items()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["foo"], "'foo'"),
        ([], "COMMAND"),
        (["--foo"], "COMMAND"),
        (["read"], "PHOTO"),
        (["read", "--views", "2", "note.jpg"], "--views"),
        (["serve", "--port", "0"], "--port"),
    ],
)
def test_mistakes_are_one_line_and_status_2(words, message, capsys):
    if words[:1] == ["serve"]:
        pytest.importorskip("gradio", reason="the page needs pip install -r requirements-web.txt")
    with pytest.raises(SystemExit) as end:
        command.main(words)
    printed = capsys.readouterr()
    assert (end.value.code, printed.out) == (2, "")
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert message in printed.err
    name = "digits " + words[0] if words[:1] in (["read"], ["serve"]) else "digits"
    assert printed.err.endswith(f"see {name} --help\n")
