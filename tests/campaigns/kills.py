"""Kills commands with SIGKILL, and fills their disk: python -m tests.campaigns.kills --help.

After each kill, a file must be as it was before or as a whole run leaves it, bit for bit; the
command, run again (with --resume where there is a checkpoint), must leave what a whole run leaves,
and nothing else. Kills are at random instants, or (--at-writes) when a file of the folder is opened
to be written, renamed or removed, one after the other. With --full, the folder is on a small tmpfs
(which needs root): a run must then end in one line, and leave files as they were or whole.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "saved_models" / "released"
SECONDS = 600  # for a whole run, on a busy machine
# Operators of ONNX that a detector computes the sizes of pages with.
OF_SIZES = ("Cast", "Concat", "Gather", "Reshape", "Shape", "Slice", "Squeeze", "Unsqueeze")
# Runs a script, and kills it at a write: of the folder, a file that is opened, renamed or removed.
AT_WRITE = """
import os, runpy, signal, sys
at, folder = int(sys.argv[1]), os.getcwd() + os.sep
sys.argv = sys.argv[2:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
count = 0
def notice(event, arguments):
    global count
    if event == "open":
        path, mode, flags = arguments
        is_write = flags & (os.O_WRONLY | os.O_RDWR)
    elif event in ("os.rename", "os.remove"):
        path, is_write = arguments[0], True
    else:
        return
    if is_write and isinstance(path, (str, os.PathLike)):
        path = os.path.abspath(os.fspath(path))
        if path.startswith(folder) and "/.matplotlib" not in path:
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(notice)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclasses.dataclass(frozen=True)
class Command:
    """A command to kill.

    Attributes:
        arguments: a script of this project and its arguments.
        resume: what is added to them where there is a checkpoint.
    """

    arguments: tuple[str, ...]
    resume: tuple[str, ...] = ()


TRAINING = ("--data", "data.npz", "--model-path", "out/own.keras", "--plots-dir", "out",
    "--epochs", "2")  # fmt: skip
TEACHER = ("--teacher", str(RELEASED / "tiny.keras"))
RESUME = ("--resume",)
COMMANDS = {
    "dense": Command(("train.py", *TRAINING), RESUME),
    "cnn": Command(("train.py", "--model", "cnn", *TRAINING), RESUME),
    "distilled": Command(("train.py", "--model", "tiny", *TRAINING, *TEACHER), RESUME),
    "detector": Command(("tests/campaigns/short_detector.py", *TRAINING), RESUME),
    "folder": Command(
        ("predict.py", "photos", "--csv", "out/read.csv", "--plots-dir", "out"), RESUME
    ),
    "sweep": Command(
        ("benchmarks/sweep.py", "--data", "data.npz", "--epochs", "2", "--trials", "3",
         "--study", "out/own.journal", "--plots-dir", "out")
    ),
}  # fmt: skip


def make_folder(folder: Path, name: str, num_images: int = 360) -> None:
    """Make what a command needs, and files of an earlier run in its place."""
    with np.load(ROOT / "datasets" / "mnist.npz") as mnist:
        arrays = {key: mnist[key][: num_images if "train" in key else 120] for key in mnist}
    np.savez(folder / "data.npz", **arrays)
    (folder / "photos").mkdir()
    for number, photo in enumerate(sorted((ROOT / "examples").glob("*.jpg"))):
        shutil.copy(photo, folder / "photos" / f"{number}.jpg")
    (folder / "out").mkdir()
    old = "detector" if name == "detector" else "dense"
    if name not in ("folder", "sweep"):
        for suffix in (".keras", ".json", ".onnx"):
            shutil.copy(RELEASED / f"{old}{suffix}", folder / "out" / f"own{suffix}")


def start(folder: Path, arguments: Sequence[str], at_write: int = 0) -> subprocess.Popen:
    """Start a script in a folder, in a group of processes of its own."""
    script, *others = arguments
    command = [sys.executable, str(ROOT / script), *others]
    if at_write:
        command = [sys.executable, "-c", AT_WRITE, str(at_write), *command[1:]]
    environment = os.environ | {
        "TMPDIR": str(folder.parent / "temporary"),
        "PYTHONPATH": str(ROOT),  # a script in a folder imports those of the top level
    }
    with open(folder.parent / "said.txt", "w") as said:
        return subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=said, env=environment, start_new_session=True
        )


def read_state(folder: Path) -> dict[str, object]:
    """Read the files of a folder, less dates and durations in them."""
    out = folder / "out"
    return {
        str(path.relative_to(out)): read_content(path)
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def read_content(path: Path) -> object:
    """Read a file, less dates and durations in it; None if it is damaged.

    Of a sweep, whose trial is another after a kill, the kind and size of what there is.
    """
    content = path.read_bytes()
    try:
        if path.suffix == ".journal" and ".csv" not in path.suffixes:
            return count_trials(path)
        if "_sweep_" in path.name and path.suffix == ".csv":
            return content.count(b"\n"), content.splitlines()[0]
        if "_sweep_" in path.name:
            with Image.open(path) as figure:
                figure.load()
                return figure.format
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return {name: archive.read(name) for name in archive.namelist() if name[0] != "m"
                    or "weights" in name}  # fmt: skip
        if path.suffix == ".json":
            values = json.loads(content)
            passing = ("seconds", "command", "keras_sha256")  # the last is of a file with a date
            return {key: each for key, each in values.items() if key not in passing}
        if path.suffix == ".onnx":
            import onnx

            network = onnx.load_model_from_string(content)
            operators = [node.op_type for node in network.graph.node]
            arrays = list(network.graph.initializer)
            if "Resize" in operators:
                # A detector: tf2onnx simplifies what computes the sizes of its pages in an order
                # that differs from run to run.
                operators = sorted(name for name in operators if name not in OF_SIZES)
                arrays = [each for each in arrays if each.data_type == onnx.TensorProto.FLOAT]
            # Names are counted on, and the digest is that of a .keras file, which has a date.
            return operators, sorted(each.raw_data for each in arrays)
        if path.suffixes == [".checkpoint", ".npz"]:
            with np.load(path) as arrays:
                return sorted(arrays)
    except Exception:
        return None
    return content


def count_trials(path: Path) -> int:
    """Count the finished trials of the studies in a journal."""
    import optuna

    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    return sum(
        trial.state.is_finished()
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id)
    )


def find_problems(
    state: dict[str, object], before: dict[str, object], after: dict[str, object]
) -> list[str]:
    """Compare the files after a kill with those before and after a whole run."""
    problems = []
    for name, content in state.items():
        if before is not after and name.endswith(("read.csv", "read.csv.journal")):
            is_begun = isinstance(content, bytes) and after[name].startswith(content)
            problems += [] if is_begun else [f"{name} does not begin as the new one"]
        elif before is not after and name.endswith((".checkpoint.npz", ".journal")):  # they grow
            problems += [f"{name} is damaged"] if content is None else []
        elif name not in before and name not in after:
            problems.append(f"{name} is left over")
        elif not any(name in each and content == each[name] for each in (before, after)):
            problems.append(f"{name} is neither the old nor the new one")
    problems += [f"{name} is gone" for name in before if name not in state]
    return problems


def kill_once(
    name: str, folder: Path, before: dict, after: dict, seconds: float, at_write: int
) -> tuple[bool, list[str]]:
    """Kill a command once, and run it again; returns whether it was killed, and problems."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    make_folder(folder, name)
    command = COMMANDS[name]
    process = start(folder, command.arguments, at_write)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS if at_write else seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    killed = process.wait() == -signal.SIGKILL
    state = read_state(folder)
    problems = [text for text in find_problems(state, before, after) if "left over" not in text]
    resumed = any(file.endswith((".checkpoint.npz", ".csv.journal")) for file in state)
    again = start(folder, (*command.arguments, *(command.resume if resumed else ())))
    if again.wait(SECONDS):
        said = (folder.parent / "said.txt").read_text()[-200:]
        problems.append(f"run again, it ends with status {again.returncode}: {said}")
    state = read_state(folder)
    problems += [f"run again: {text}" for text in find_problems(state, after, after)]
    return killed, problems


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Make a folder to work in, and one for temporary files beside it."""
    with tempfile.TemporaryDirectory() as parent:
        (Path(parent) / "temporary").mkdir()
        folder = Path(parent, "work")
        folder.mkdir()
        yield folder


def run_whole(name: str, folder: Path) -> tuple[dict, dict, float]:
    """Run a command to its end; returns the files before and after it, and its seconds."""
    make_folder(folder, name)
    before, begin = read_state(folder), time.monotonic()
    if start(folder, COMMANDS[name].arguments).wait(SECONDS):
        raise RuntimeError((folder.parent / "said.txt").read_text()[-2000:])
    return before, read_state(folder), time.monotonic() - begin


def kill_often(name: str, number: int, seed: int, at_writes: bool) -> list[str]:
    """Kill a command at so many instants; prints and returns the problems."""
    rng = np.random.default_rng(seed)
    with workplace() as folder:
        before, after, seconds = run_whole(name, folder)
        problems, num_killed, count = [], 0, 0
        for count in range(1, number + 1):
            instant = seconds * rng.random()
            killed, found = kill_once(
                name, folder, before, after, instant, count if at_writes else 0
            )
            num_killed += killed
            print(f"{name} {count}: {'; '.join(found) or 'right'}", file=sys.stderr, flush=True)
            where = f"write {count}" if at_writes else f"{instant:.1f} of {seconds:.1f} s"
            problems += [f"{where}: {text}" for text in found]
            if at_writes and not killed:
                break  # there are no more writes
        left = sorted(os.listdir(folder.parent / "temporary"))
    kind = "at writes" if at_writes else f"at random instants, seed {seed}"
    print(
        f"{name:<9} killed {num_killed} times {kind}: {len(problems)} problems; "
        f"temporary files left outside: {', '.join(left) or 'none'}"
    )
    for text in problems:
        print(f"  {text}")
    sys.stdout.flush()
    return problems


def fill_once(name: str, folder: Path, room: int, before: dict, after: dict) -> list[str]:
    """Run a command with so many bytes of room for what it writes; 0 is a read-only folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    make_folder(folder, name)
    out = folder / "out"
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    size = sum(map(len, kept.values())) + 4096 * (len(kept) + 1) + room
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(out)]
    subprocess.run(mount, check=True)
    try:
        for file, content in kept.items():
            (out / file).write_bytes(content)
        if not room:
            subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        status = start(folder, COMMANDS[name].arguments).wait(SECONDS)
        said = (folder.parent / "said.txt").read_text()
        state = read_state(folder)
        problems = find_problems(state, before, after)
        errors = [line for line in said.splitlines() if "error: " in line]
        if "Traceback" in said or (status, len(errors)) not in ((0, 0), (2, 1)):
            problems.append(f"status {status}: {said[-300:]}")
        if not status and state != after:
            problems.append("status 0 without all files")
    finally:
        subprocess.run(["umount", str(out)], check=True)
    return problems


def fill_often(name: str, number: int) -> list[str]:
    """Run a command with more and more room, from none to enough; prints the problems."""
    with workplace() as folder:
        before, after, _ = run_whole(name, folder)
        written = sum(path.stat().st_size for path in (folder / "out").rglob("*"))
        rooms = [int(written * share) for share in np.linspace(0, 1.5, number)]
        problems = [
            f"{room:,} bytes of room: {text}"
            for room in rooms
            for text in fill_once(name, folder, room, before, after)
        ]
    print(f"{name:<9} run {number} times with 0 to {rooms[-1]:,} bytes of room: "
          f"{len(problems)} problems")  # fmt: skip
    for text in problems:
        print(f"  {text}")
    sys.stdout.flush()
    return problems


def main(argv: list[str] | None = None) -> int:
    """Kill commands; the status is 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--command", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-writes", action="store_true")
    parser.add_argument("--full", action="store_true")
    args = parser.parse_args(argv)
    problems: list[str] = []
    for name in args.command:
        if args.full:
            problems += fill_often(name, args.number)
        else:
            problems += kill_often(name, args.number, args.seed, args.at_writes)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
