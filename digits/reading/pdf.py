"""Renders the pages of PDF files in a process of its own, within limits of time and memory."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from digits.reading import render_pdf
from digits.reading.photos import explain_not_installed

SECONDS = 30  # for a page, or for opening a file: many times what any took that was tried
Answer = tuple[dict[str, Any], bytes]


class PdfFile:
    """A PDF file, whose pages another process renders.

    Attributes:
        name: of the file.
        num_pages: how many it has.
    """

    def __init__(self, path: Path, name: str):
        """Open it.

        Args:
            path: of the file.
            name: of it, in errors.

        Raises:
            ValueError: it is damaged, protected by a password, or takes too long; or pypdfium2 is
                not installed.
        """
        self.path, self.name = path, name
        self.process: subprocess.Popen[bytes] | None = None
        self.answers: queue.Queue[Answer | None] = queue.Queue()
        self.num_pages: int = 0
        self._start()

    def render(self, index: int, title: str) -> tuple[np.ndarray, float]:
        """Render a page.

        Args:
            index: of the page, from 0.
            title: of the page, in errors.

        Returns:
            uint8 array of shape (height, width, 3), RGB, at most `render_pdf.MAX_PIXELS` pixels;
            and points to a pixel.

        Raises:
            ValueError: it is damaged or too large, or takes too long. Other pages may not be.
        """
        process = self.process or self._start()
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, which the answer says
            process.stdin.write(f"{index}\n".encode())
            process.stdin.flush()
        content, pixels = self._receive(title)
        array = np.frombuffer(pixels, np.uint8).reshape(content["shape"])
        return array, float(content["scale"])

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: Python finds no module in this folder by its name.
        self.process = subprocess.Popen(
            [sys.executable, "-P", render_pdf.__file__, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.answers = queue.Queue()
        assert self.process.stdout is not None
        arguments = self.process.stdout, self.answers
        threading.Thread(target=_listen, args=arguments, daemon=True).start()
        content, _ = self._receive(self.name)
        self.num_pages = content["num_pages"]
        return self.process

    def _receive(self, title: str) -> Answer:
        """Wait for an answer; the process is ended where it gives none."""
        try:
            answer = self.answers.get(timeout=SECONDS)
        except queue.Empty:
            self.close()
            raise ValueError(
                f"{title} takes more than {SECONDS} s to open, expected a scan or a note: print it "
                "to a new PDF file"
            ) from None
        if answer is None:
            self.close()
            raise ValueError(
                f"{title} is damaged (it needs too much memory, or ends PDFium): save it again"
            )
        content, _ = answer
        if "damage" in content:
            raise ValueError(f"{title} is damaged ({content['damage']}): copy or save it again")
        if "problem" in content:
            raise ValueError(f"{title} {content['problem']}")
        return answer


@contextlib.contextmanager
def open_pdf(path: Path, name: str) -> Iterator[PdfFile]:
    """Open a PDF file for as long as its pages are rendered.

    Args:
        path: of the file.
        name: of it, in errors.

    Yields:
        The file.

    Raises:
        ValueError: as `PdfFile` does.
    """
    if not _is_installed():
        raise ValueError(explain_not_installed(name, "PDF", "pypdfium2"))
    file = PdfFile(path, name)
    try:
        yield file
    finally:
        file.close()


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("pypdfium2") is not None
    except ValueError:  # in tests, None stands for a module that is not installed
        return False


def _listen(stdout: IO[bytes], answers: queue.Queue[Answer | None]) -> None:
    """Read answers until the process ends, which is said by None."""
    with stdout:
        while line := stdout.readline():
            content = json.loads(line)
            answers.put((content, stdout.read(content["num_bytes"])))
    answers.put(None)
