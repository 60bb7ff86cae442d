"""Writes files whole or not at all, and finds those that the project ships."""

import base64
import contextlib
import csv
import functools
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of such a file


def shipped(path: str) -> Path:
    """Find a file or folder that the project ships.

    Args:
        path: relative to the repository, such as "saved_models/released".

    Returns:
        Path in the repository, or, once the package is installed, inside it (pyproject.toml says
        what is put there).
    """
    installed = PACKAGE / "shipped"
    return (installed if installed.exists() else PACKAGE.parent) / path


def explain_model_format(path: str | Path) -> str:
    """Say why a model in an older format of Keras is refused, and what to do.

    Args:
        path: a file or folder, which need not exist: else its name tells.

    Returns:
        A text for an error; "" where it is in neither of the two formats.
    """
    path = Path(path)
    content = b""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        content = file.read(len(HDF5))
    if content == HDF5 or (not content and path.suffix in (".h5", ".hdf5")):
        return (
            "HDF5 files are refused, since they may hold Python code in Lambda layers, which some "
            "versions of Keras run whatever they are told; if you trust its author, convert it by "
            'keras.saving.load_model("X.h5", compile=False).save("X.keras")'
        )
    if (path / "saved_model.pb").exists() or path.name == "saved_model.pb":
        return (
            "SavedModel folders are refused, since they hold a graph that may read and write files "
            "when it runs, and no layers; save the Keras model that it was made from by "
            'model.save("X.keras")'
        )
    return ""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to, and move it onto `path` at the end.

    A reader of `path` sees the old file or the new one, never half of one, also when the
    program is killed or the disk is full. Missing folders are made.

    Args:
        path: the file to write, str or Path.

    Yields:
        Path of the temporary file. It has the suffix of `path`, which tells Keras and matplotlib
        the format.

    Raises:
        OSError: `path` cannot be written, for instance because the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "r+b") as written:
            os.fsync(written.fileno())  # the name must not reach the disk before the content
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"cannot write {path} ({error.strerror or error}): make room or choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _remove_left_over(path: Path) -> None:
    """Remove temporary files of `path` whose processes were killed before they could."""
    start, end = f".{path.stem}.", path.suffix
    for name in _list_hidden(path.parent):
        process = name.removeprefix(start).removesuffix(end)
        is_temporary = name == f"{start}{process}{end}" and process.isdecimal()
        if is_temporary and not _is_running(int(process)):
            with contextlib.suppress(OSError):
                path.with_name(name).unlink()


@functools.cache  # once, since a folder may have thousands of files
def _list_hidden(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.startswith(".")]
    except OSError:
        return []


def _is_running(process: int) -> bool:
    if os.name != "posix":  # where there is no asking without a signal
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` (what `json` takes) to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def writing_csv(path: str | Path) -> Iterator[Any]:
    """Give a `csv.writer` whose rows become the file at `path`, whole or not at all.

    Raises:
        OSError: as `replacing`.
    """
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        yield csv.writer(file)


def write_csv(path: str | Path, columns: Mapping[str, Sequence]) -> None:
    """Write `columns`, a dict of lists of equal length, as CSV, whole or not at all."""
    with writing_csv(path) as writer:
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_csv_rows(path: str | Path, rows: Sequence[Sequence[str]]) -> None:
    """Write rows of cells as CSV without a header, whole or not at all."""
    with writing_csv(path) as writer:
        writer.writerows(rows)


def check_writable(path: str | Path) -> None:
    """Raise now if `path` cannot be written later; its missing folders are made.

    Raises:
        OSError: a folder cannot be made or written to, or `path` is itself a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected a file to write: add a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise type(error)(
            f"cannot write to the folder {path.parent} ({error.strerror}): choose another one"
        ) from None


def png_url(png: bytes) -> str:
    """Embed a PNG file in HTML: a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
