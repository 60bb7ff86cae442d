"""What README and docs show is what the commands print, and what they link to exists."""

import itertools
import json
import re
import shlex

import pytest

from tests.conftest import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    ROOT / "datasets" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SCRIPTS = ("train.py", "evaluate.py", "predict.py", "train_detector.py", "app.py", "export.py")
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}


def list_fences(text):
    """The fenced blocks of a page, as (language, content, text between it and the last one)."""
    parts = re.split(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return list(zip(parts[1::3], parts[2::3], parts[0::3], strict=False))


def list_outputs():
    """Every command that is followed by its output: (command, pairs of a page and its output)."""
    outputs = {}
    for page, text in TEXTS.items():
        fences = list_fences(text)
        for (language, command, _), (next_language, output, between) in itertools.pairwise(fences):
            if (language, next_language, between.strip()) == ("sh", "text", ""):
                outputs.setdefault(command, []).append((page, output))
    return [pytest.param(command, shown, id=command.strip()) for command, shown in outputs.items()]


def list_commands():
    """The words of every command line with a script or a benchmark, in blocks and in sentences."""
    commands = []
    for page, text in TEXTS.items():
        code = [content for language, content, _ in list_fences(text) if language == "sh"]
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        code += [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", prose)]
        for line in "\n".join(code).replace("\\\n", " ").split("\n"):
            for command in re.split(r"&&|;|\bdo\b", line):
                match = re.search(
                    r"(?:python (-m )?|^)([\w./]+\.py|benchmarks\.\w+)\b(.*)", command
                )
                if match:
                    name = re.sub(r"benchmarks/(\w+)\.py", r"benchmarks.\1", match[2])
                    commands.append((page, name, match[3]))
    return commands


def find_flags(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def make_anchor(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.fixture(scope="module")
def helps(request):
    """The flags in each script's help."""
    import importlib

    from digits import cli

    found = {}
    for script in SCRIPTS:
        parsers = []
        original = cli.Parser.parse_args

        def remember(self, *args, original=original, parsers=parsers, **kwargs):
            parsers.append(self)
            return original(self, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(cli.Parser, "parse_args", remember)
            importlib.import_module(script.removesuffix(".py")).main(["--help"])
        found[script] = find_flags(parsers[0].format_help()) - {"--help"}
    return found


@pytest.mark.parametrize(("command", "shown"), list_outputs())
def test_commands_print_what_is_shown(command, shown, run_main, tmp_path):
    # As in the repository, without a user's own networks.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "released").symlink_to(ROOT / "saved_models" / "released")
    python, script, *args = shlex.split(command)
    assert python == "python"
    done = run_main(script, *args)
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.replace(f"{ROOT}/", "")
    assert shown == [(page, printed) for page, _ in shown]


def test_outputs_are_shown_for_each_kind_of_command():
    commands = " ".join(parameter.values[0] for parameter in list_outputs())
    for part in (
        "predict.py examples/note.jpg",
        "predict.py 0 1 445",
        "evaluate.py\n",
        "--compare",
    ):
        assert part in commands


@pytest.mark.parametrize("page", TEXTS)
def test_every_output_has_its_command(page):
    fences = list_fences(TEXTS[page])
    for number, (language, content, between) in enumerate(fences):
        if language == "text":
            before = fences[number - 1][0] if number else None
            assert (before, between.strip()) == ("sh", ""), f"no command before: {content[:60]}"


def test_the_json_shown_is_what_is_written(run_main, tmp_path):
    (shown,) = [
        json.loads(content)
        for language, content, _ in list_fences(TEXTS["docs/reading.md"])
        if language == "json"
    ]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (photo,) = shown
    assert run_main("predict.py", photo["file"], "--results-file", "r.json").returncode == 0
    (written,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert written.keys() == photo.keys()
    assert written["file"] == photo["file"]
    line = photo["lines"][0]
    assert written["lines"][0]["text"] == line["text"]
    assert written["lines"][0].keys() == line.keys()
    for kind in ("numbers", "digits", "signs"):
        assert written["lines"][0][kind][: len(line[kind])] == line[kind]


def test_the_csv_columns_are_those_listed():
    from digits.reading.results import COLUMNS

    paragraph = re.search(r"`--csv n\.csv` writes.*?\n\n", TEXTS["docs/reading.md"], re.DOTALL)
    assert tuple(re.findall(r"`(\w+)`", paragraph[0])) == COLUMNS


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files_and_headings(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve() if name else ROOT / page
        assert path.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(make_anchor, headings), f"{target}: no such heading"


@pytest.mark.parametrize("page", TEXTS)
def test_files_named_in_code_exist(page):
    for name in re.findall(r"`((?:digits|tests|docs|datasets|examples)/[\w./-]*)`", TEXTS[page]):
        assert (ROOT / name).exists(), f"{name} does not exist"


def test_every_released_figure_is_shown():
    shown = set(re.findall(r"plots/released/([\w.]+)", "".join(TEXTS.values())))
    made = {path.name for path in (ROOT / "plots" / "released").iterdir()}
    in_report = set(re.findall(r"(dense_\w+\.png)", " ".join(made)))  # the report holds these
    learned = {name for name in made if name.startswith("tiny_") or name.endswith(".csv")}
    assert not made - shown - in_report - learned


def test_every_flag_shown_exists(helps):
    checked = 0
    for page, name, rest in list_commands():
        if name in SCRIPTS:
            unknown = find_flags(rest) - helps[name] - {"--help"}
        else:
            path = ROOT / (name.replace(".", "/") + ".py" if name[-3:] != ".py" else name)
            if page == "CHANGELOG.md" or not name.startswith("benchmarks."):
                continue
            assert path.exists(), f"{page}: {name}"
            known = find_flags(path.read_text(encoding="utf-8")) | helps["train.py"]
            unknown = find_flags(rest) - known - {"--help"}
        assert not unknown, f"{page}: {name} has no {unknown}"
        checked += 1
    assert checked > 50


def test_the_table_of_flags_lists_each_flag_of_each_script(helps):
    listed = {script: set() for script in SCRIPTS}
    for flags, scripts in re.findall(r"^\| (`--.*?) \| (.*?) \|", TEXTS["docs/flags.md"], re.M):
        for script in re.findall(r"`([\w.]+)`", scripts):
            listed[script] |= find_flags(flags)
    assert listed == helps


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].encode()) <= 9 * 1024
    pictures = re.findall(r"!\[", TEXTS["README.md"])
    assert len(pictures) == 1


def test_the_test_command_can_be_found():
    lines = re.findall(r"^python3 -m venv .*pytest$", TEXTS["README.md"], re.MULTILINE)
    assert len(lines) == 1
