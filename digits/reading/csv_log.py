"""Writes the numbers on many pages to a CSV as they are read, so that a later run can go on.

Beside `numbers.csv` lies a journal, `numbers.csv.journal`, of lines of JSON: first the settings,
then a line for each page whose rows are in the CSV as a whole, also where it has none. What is not
in the journal is cut off the CSV when a later run opens both, and is read again.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from digits.networks.onnx_copy import digest
from digits.reading.region import Region
from digits.reading.results import COLUMNS, Page

CHUNK = 2**20  # bytes that are compared at once


@dataclasses.dataclass(frozen=True)
class PageRows:
    """What is written of a page.

    Attributes:
        path: absolute path of its file.
        page: which page of it, counted from 1.
        num_pages: how many pages the file has.
        rows: cells of the CSV, in the order of `COLUMNS`, a row for each number.
        figure: absolute path of its figure, None where there is none.
    """

    path: str
    page: int
    num_pages: int
    rows: tuple[tuple[Any, ...], ...]
    figure: str | None = None


def make_page_rows(path: str | Path, page: Page, figure: Path | None = None) -> PageRows:
    """Make what is written of a page.

    Args:
        path: of its file.
        page: what was read on it.
        figure: path of its figure, or None.
    """
    return PageRows(
        os.path.abspath(path),
        page.page_number,
        page.num_pages,
        tuple(tuple(row[name] for name in COLUMNS) for row in page.to_rows()),
        os.path.abspath(figure) if figure else None,
    )


def make_settings(
    detector_path: Path,
    classifier_path: Path,
    turn: int | None,
    region: Region | None,
    ink: str | None,
) -> dict[str, Any]:
    """Make a dict, ready for JSON, of all that must be alike for readings in one CSV.

    Raises:
        FileNotFoundError: there is no such network.
    """
    return {
        "turn": turn,
        "region": list(dataclasses.astuple(region)) if region else None,
        "ink": ink,
        "detector": digest(detector_path),
        "classifier": digest(classifier_path),
        "columns": list(COLUMNS),
    }


class CsvLog:
    """A CSV to which pages are appended as they are read, with its journal; see `open_log`.

    Attributes:
        path: of the CSV that is written.
        num_pages: how many pages are in it.
        figures: paths of these pages' figures.
    """

    def __init__(self, path: Path, journal: IO[bytes]):
        """Make a log of an open, locked journal; `start` or `resume` is to be called next."""
        self.path = path
        self.num_pages = 0
        self.figures: set[Path] = set()
        self._journal = journal
        self._csv: IO[bytes] | None = None
        self._complete: set[str] = set()  # files of which all pages are in the CSV
        self._begun: dict[str, set[int]] = {}  # pages of the others
        # Bytes of the CSV and the journal of whole pages, and the checksum of the former.
        self._end, self._journal_end, self._checksum = 0, 0, 0

    def has_all_of(self, path: str | Path) -> bool:
        """Whether all pages of a file are in the CSV."""
        return os.path.abspath(path) in self._complete

    def pages_of(self, path: str | Path) -> frozenset[int]:
        """Which pages of a file are in the CSV, if not all are; counted from 1."""
        return frozenset(self._begun.get(os.path.abspath(path), ()))

    def append(self, pages: Sequence[PageRows]) -> None:
        """Append pages as a whole: their rows reach the disk, then their lines in the journal.

        Raises:
            OSError: they cannot be written, for instance because the disk is full.
        """
        content, lines = bytearray(), bytearray()
        checksum = self._checksum
        for page in pages:
            rows = _format_rows(page.rows)
            content += rows
            checksum = zlib.crc32(rows, checksum)
            entry = {
                "file": page.path,
                "page": page.page,
                "num_pages": page.num_pages,
                "figure": page.figure,
                "end": self._end + len(content),
                "crc32": checksum,
            }
            lines += _format_line(entry)
        self._write(bytes(content), bytes(lines), checksum)
        for page in pages:
            self._remember(page.path, page.page, page.num_pages, page.figure)

    def start(self, settings: Mapping[str, Any]) -> None:
        """Write a CSV of only its header."""
        self._csv = open(self.path, "w+b", buffering=0)  # noqa: SIM115 - `close` closes it
        self._journal.seek(0)
        self._journal.truncate()
        header = _format_rows([COLUMNS])
        checksum = zlib.crc32(header)
        entry = {"settings": dict(settings), "end": len(header), "crc32": checksum}
        self._write(header, _format_line(entry), checksum)

    def resume(self, settings: Mapping[str, Any]) -> None:
        """Take up the CSV of an earlier run, and cut off what is not in its journal.

        Raises:
            ValueError: it was begun with other settings, or changed since, or has no journal.
        """
        first = None
        for entry, end in _read_entries(name_journal(self.path)):
            if first is None:
                first = entry
            else:
                self._remember(entry["file"], entry["page"], entry["num_pages"], entry["figure"])
            self._end, self._checksum, self._journal_end = entry["end"], entry["crc32"], end
        if not self.num_pages and _has_no_rows(self.path):  # the earlier run, if any, read nothing
            self._end = self._journal_end = 0
            self.start(settings)
            return
        if first is None:
            raise ValueError(
                f"{self.path} has no journal {name_journal(self.path).name} beside it that says "
                "what was read, expected that of the run that wrote it: write another CSV"
            )
        _check_settings(self.path, first["settings"], settings)
        if not self.path.exists():
            raise FileNotFoundError(
                f"{self.path} does not exist, but its journal {name_journal(self.path).name} does: "
                "put it back, or delete the journal to read all photos again"
            )
        if _compute_checksum(self.path, self._end) != self._checksum:
            raise ValueError(
                f"{self.path} was changed since it was written, expected to go on where it ended: "
                "put it back as it was, or write another CSV"
            )
        self._csv = open(self.path, "r+b", buffering=0)  # noqa: SIM115 - `close` closes it
        self._cut()

    def close(self) -> None:
        """Leave whole pages only in both files, also after an interruption in `append`."""
        if self._csv is not None:
            with contextlib.suppress(OSError):  # then a later run cuts them
                self._cut()
            self._csv.close()
            self._csv = None

    def _write(self, content: bytes, lines: bytes, checksum: int) -> None:
        assert self._csv is not None
        try:
            _write_all(self._csv, content)
            os.fsync(self._csv.fileno())  # the journal must not say more than the disk has
            _write_all(self._journal, lines)
        except OSError as error:
            raise OSError(
                f"cannot write {self.path} ({error.strerror or error}): make room; what is in it "
                "is kept, and --resume goes on with it"
            ) from error
        ends = self._end + len(content), self._journal_end + len(lines), checksum
        self._end, self._journal_end, self._checksum = ends

    def _remember(self, path: str, page: int, num_pages: int, figure: str | None) -> None:
        self.num_pages += 1
        if figure:
            self.figures.add(Path(figure))
        if num_pages > 1:
            pages = self._begun.setdefault(path, set())
            pages.add(page)
            if len(pages) < num_pages:
                return
            del self._begun[path]
        self._complete.add(path)

    def _cut(self) -> None:
        assert self._csv is not None
        for file, end in ((self._csv, self._end), (self._journal, self._journal_end)):
            file.seek(end)
            file.truncate()


@contextlib.contextmanager
def open_log(
    path: Path, settings: Mapping[str, Any], resume: bool, keep_journal: bool = True
) -> Iterator[CsvLog]:
    """Open a CSV to append pages to.

    An existing CSV is kept until all photos are read, unless it is resumed: until then the rows go
    to `name_new`, and stay there if the run is interrupted.

    Args:
        path: of the CSV.
        settings: as `make_settings` returns.
        resume: whether to go on with the CSV that is there, if one is.
        keep_journal: whether the CSV can be resumed after the block ended without an exception.

    Yields:
        The log. When the block ends without an exception, the CSV is at `path`.

    Raises:
        ValueError: the CSV that is there cannot be resumed, or another process is writing it.
        OSError: it cannot be written.
    """
    written = path if resume or not path.exists() else name_new(path)
    if written != path and written.exists():
        raise FileExistsError(
            f"{written} is there, of a run that was to replace {path} and was interrupted: go on "
            f"with --csv {written} --resume, or delete it"
        )
    descriptor = os.open(name_journal(written), os.O_RDWR | os.O_CREAT, 0o666)
    with open(descriptor, "r+b", buffering=0) as journal:
        _lock(journal, written)
        log = CsvLog(written, journal)
        try:
            if resume:
                log.resume(settings)
            else:
                log.start(settings)
            yield log
        finally:
            log.close()
            if not journal.seek(0, os.SEEK_END):  # of a CSV that could not be resumed
                name_journal(written).unlink(missing_ok=True)
    if written != path:
        name_journal(path).unlink(missing_ok=True)  # so that it never lies beside another CSV
        os.replace(written, path)
        os.replace(name_journal(written), name_journal(path))
    if not keep_journal:
        name_journal(path).unlink()


def name_journal(path: Path) -> Path:
    """Name the journal of a CSV: `numbers.csv.journal`."""
    return path.with_name(f"{path.name}.journal")


def name_new(path: Path) -> Path:
    """Name the CSV that is written before it replaces another: `numbers.new.csv`."""
    return path.with_name(f"{path.stem}.new{path.suffix}")


def _format_rows(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def _format_line(entry: Mapping[str, Any]) -> bytes:
    # ASCII, also for names that are no text: JSON escapes their bytes, and reads them back.
    return json.dumps(entry).encode("ascii") + b"\n"


def _write_all(file: IO[bytes], content: bytes) -> None:
    """Write to a file without a buffer, so that what fails to be written is not tried again."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _has_no_rows(path: Path) -> bool:
    """Whether a CSV is missing, or has its header at most."""
    header = _format_rows([COLUMNS])
    if not path.exists():
        return True
    with open(path, "rb") as file:
        return header.startswith(file.read(len(header) + 1))


def _read_entries(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Read the lines of a journal up to one that is damaged, each with where it ends in bytes."""
    end = 0
    with open(path, "rb") as journal:
        for line in journal:
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            known = {"file", "page", "num_pages", "figure"} if end else {"settings"}
            if not isinstance(entry, dict) or not known | {"end", "crc32"} <= entry.keys():
                return
            end += len(line)
            yield entry, end


def _compute_checksum(path: Path, length: int) -> int | None:
    """Compute the CRC-32 of a file's first bytes; None if it has fewer."""
    checksum, left = 0, length
    with open(path, "rb") as file:
        while left:
            chunk = file.read(min(left, CHUNK))
            if not chunk:
                return None
            checksum = zlib.crc32(chunk, checksum)
            left -= len(chunk)
    return checksum


def _check_settings(path: Path, earlier: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    def describe(some: Mapping[str, Any]) -> str:
        return ", ".join(f"{key} {str(some.get(key))[:40]}" for key in different)

    different = [key for key in settings if earlier.get(key) != settings[key]]
    if different:
        raise ValueError(
            f"received {describe(settings)}, expected {describe(earlier)}, with which {path} was "
            "begun: give the same flags and networks, or write another CSV"
        )


def _lock(journal: IO[bytes], path: Path) -> None:
    """Keep other processes from writing the same CSV, where the system can (not on Windows)."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{path} is being written by another process, expected none: wait for it, or write "
            "another CSV"
        ) from None
    except OSError:  # a file system without locks
        pass
