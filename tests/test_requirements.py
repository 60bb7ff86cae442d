"""The requirements files and pyproject.toml name the same packages."""

import re
import tomllib

import pytest

import digits
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def read_requirements(name):
    """The lines of a requirements file that name packages, not other files."""
    lines = (ROOT / name).read_text(encoding="utf-8").split("\n")
    return sorted(line for line in lines if line and not line.startswith("-r "))


def declare(extra):
    """The packages of an extra, without other extras of this project."""
    return [line for line in EXTRAS[extra] if not line.startswith(PROJECT["name"])]


@pytest.mark.parametrize("extra", ["web", "files", "export", "cluster", "dev"])
def test_each_requirements_file_is_an_extra(extra):
    assert read_requirements(f"requirements-{extra}.txt") == sorted(declare(extra))


def test_the_scripts_need_what_reads_and_what_trains():
    expected = [*PROJECT["dependencies"], *declare("train")]
    assert read_requirements("requirements.txt") == sorted(expected)


def test_requirements_files_include_what_the_extras_include():
    assert "handwritten-digits[cluster,export,files,web]" in EXTRAS["dev"]
    dev = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert "-r requirements.txt\n" in dev
    for extra in ("web", "files", "export", "cluster"):
        assert f"-r requirements-{extra}.txt\n" in dev
        path = ROOT / f"requirements-{extra}.txt"
        assert "-r requirements.txt\n" in path.read_text(encoding="utf-8")


def test_every_requirement_has_a_lower_and_an_upper_bound():
    for path in ROOT.glob("requirements*.txt"):
        for line in read_requirements(path.name):
            assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+,<[0-9.]+", line), f"{path.name}: {line}"


def test_hatchling_is_required_alike_to_build_and_to_develop():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert set(build["requires"]) <= set(EXTRAS["dev"])


def test_one_version_everywhere():
    version = re.escape(digits.__version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {version}$", citation, re.MULTILINE)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([0-9.]+)\]", changelog, re.MULTILINE)
    assert newest and newest[1] == digits.__version__
