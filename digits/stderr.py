"""Catches what native libraries write to stderr."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

# The process has one stderr: threads that caught it at once would restore each other's files.
_lock = threading.RLock()


# The watcher's stdout is the file with what was caught. Its stdin ends without a byte when the
# process that it watches is gone, however that ended.
WATCHER = """
import os, sys
if not sys.stdin.buffer.read():
    os.lseek(1, 0, os.SEEK_SET)
    while words := os.read(1, 65536):
        os.write(2, words)
    os.write(2, sys.argv[1].encode())
"""


@contextlib.contextmanager
def caught_stderr(crash_message: str | None = None) -> Iterator[IO[bytes]]:
    """Catch what is written to stderr, also past Python; yields the file that it goes to.

    Other threads wait until it is restored.

    Args:
        crash_message: if it is given, a native crash, as by abort(), shows what was caught and then
            this line. No handler runs in a process that ends so: a second one waits for its end.
    """
    with _lock:
        yield from _catch(crash_message)


def _catch(crash_message: str | None) -> Iterator[IO[bytes]]:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        watcher = _watch(caught, crash_message) if crash_message else None
        os.dup2(caught.fileno(), 2)
        try:
            yield caught
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if watcher is not None:
                watcher.communicate(b"alive")


def _watch(caught: IO[bytes], message: str) -> subprocess.Popen | None:
    command = [sys.executable or "", "-I", "-S", "-c", WATCHER, f"{message}\n"]
    try:
        # In a session of its own, since Ctrl-C would end it, with a traceback.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=caught, start_new_session=True
        )
    except OSError:  # no process can be started: the import is worth more than its last words
        return None
