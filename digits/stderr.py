"""Catches what native libraries write to stderr."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

# The process has one stderr: threads that caught it at once would restore each other's files.
_lock = threading.RLock()


@contextlib.contextmanager
def caught_stderr() -> Iterator[IO[bytes]]:
    """Catch what is written to stderr, also past Python; yields the file that it goes to.

    Other threads wait until it is restored.
    """
    with _lock:
        yield from _catch()


def _catch() -> Iterator[IO[bytes]]:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield caught
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
