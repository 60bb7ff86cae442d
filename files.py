"""Writes files whole or not at all."""

import contextlib
import csv
import json
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path` to write to, and move it onto `path` at the end.

    Whoever reads `path` sees the old file or the new one, never half of one, also when the
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


def write_json(path, content):
    """Write `content` (what `json` takes) to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_csv(path, columns):
    """Write `columns`, a dict of lists of equal length, as CSV, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def check_writable(path):
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
