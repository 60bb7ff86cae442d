"""Reads files on a Dask cluster, whose workers have this package and see the files.

A task is a file. Dask gives the tasks of a worker that is lost to others; what the tasks return
goes to the one process that writes the CSV, so each page gets there once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distributed import Client, Security, as_completed
from distributed.comm import connect as connect_to

from digits.networks import load_classifier, load_detector, storage
from digits.networks.onnx_copy import digest
from digits.reading import Reader, Region
from digits.reading.csv_log import PageRows, make_page_rows
from digits.reading.documents import load_each_page

TIMEOUT = 5  # seconds, for the scheduler to answer
WORKERS_TIMEOUT = 10  # seconds, for a first worker to be there
# Tasks a thread of the workers that are submitted: enough that none waits for the next one, and
# few, since the scheduler keeps a few kilobytes for each.
TASKS_A_THREAD = 4
COUNT_EVERY = 1.0  # seconds between two looks at how many threads there are


class WorkerError(Exception):
    """The cluster cannot read photos at all, whichever: the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network that a worker is to load.

    Attributes:
        path: absolute path of its `.keras` file.
        is_released: whether the one that the worker's own package ships is meant.
        digest: SHA-256 of the file.
    """

    path: str
    is_released: bool
    digest: str

    def locate(self) -> Path:
        """Find the file on this computer.

        Raises:
            WorkerError: it is not there, or another version of it.
        """
        path = Path(self.path)
        if self.is_released:
            path = storage.RELEASED_MODELS / path.name
        if not path.is_file():
            raise WorkerError(f"it does not see {path}: put the network where all workers see it")
        if digest(path) != self.digest:
            raise WorkerError(
                f"its {path} is another than here: install the same version of the package"
            )
        return path


@dataclasses.dataclass(frozen=True)
class Job:
    """How all files are read: with which networks, and what `Reader.read` takes."""

    detector: Network
    classifier: Network
    turn: int | None = None
    region: Region | None = None
    ink: str | None = None


@dataclasses.dataclass(frozen=True)
class File:
    """A file to read.

    Attributes:
        path: absolute.
        name: as it is called in results.
        done: numbers of its pages that are not read.
    """

    path: str
    name: str
    done: frozenset[int] = frozenset()


@dataclasses.dataclass(frozen=True)
class FileReading:
    """What a task returns: the pages of a file that were read, and what is wrong with others."""

    pages: tuple[PageRows, ...] = ()
    errors: tuple[str, ...] = ()


def describe_network(path: Path) -> Network:
    """Describe a network for workers.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: expected a .keras model")
    is_released = path.resolve().parent == storage.RELEASED_MODELS.resolve()
    return Network(os.path.abspath(path), is_released, digest(path))


def connect(address: str) -> Client:
    """Connect to a scheduler.

    Args:
        address: such as "tcp://host:8786".

    Raises:
        WorkerError: it does not answer, or there is another server.
    """
    try:
        # Asked first: a client that cannot connect writes tracebacks when it is collected.
        asyncio.run(asyncio.wait_for(_check_scheduler(address), TIMEOUT))
        return Client(address, timeout=TIMEOUT, set_as_default=False)
    except Exception as error:  # what is no scheduler can answer anything
        reason = " ".join(str(error).split())[:120] or f"none within {TIMEOUT} s"
        raise WorkerError(
            f"no Dask scheduler answers at {address} ({reason}): start one with dask scheduler"
        ) from None


def check_workers(client: Client, job: Job, path: str) -> None:
    """Check that there are workers which can read, and let them load the networks.

    Args:
        client: of the cluster.
        job: how files are read.
        path: of a file that is there, absolute.

    Raises:
        WorkerError: there are no workers, or one of them lacks the package, the networks or files.
    """
    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
    except TimeoutError:
        address = client.scheduler.address if client.scheduler else ""
        raise WorkerError(
            f"the scheduler has no workers, expected at least one: dask worker {address}"
        ) from None
    for address, answer in client.run(check_worker, job, path, on_error="return").items():
        if isinstance(answer, Exception):
            raise WorkerError(f"the worker at {address} cannot read: {_explain(answer)}")


def check_worker(job: Job, path: str) -> None:
    """Load the networks, and look for a file, on a worker.

    Raises:
        WorkerError: it does not see one of them.
    """
    load_reader(job.detector, job.classifier)
    if not os.path.isfile(path):
        raise WorkerError(f"it does not see {path}: the files must have the same paths everywhere")


@functools.lru_cache(maxsize=1)
def load_reader(detector: Network, classifier: Network) -> Reader:
    """Load a reader, once in each process of a worker.

    A network computes a call with one thread: a worker reads as many photos at once as it has.

    Raises:
        WorkerError: a network is not there, or another one.
    """
    return Reader(
        load_detector(detector.locate(), num_threads=1),
        load_classifier(classifier.locate(), num_threads=1),
    )


def read_file(job: Job, file: File) -> FileReading:
    """Read all pages of a file that are not done: the task of a worker.

    Raises:
        WorkerError: the worker cannot read files.
    """
    reader = load_reader(job.detector, job.classifier)
    pages: list[PageRows] = []
    errors: list[Exception] = []
    for photo in load_each_page(file.path, errors, done=file.done):
        photo = dataclasses.replace(photo, name=file.name)
        try:
            page = reader.read(photo, job.turn, job.region, job.ink)
        except ValueError as error:  # the region is not on it
            errors.append(error)
        except Exception as error:  # one photo that shows a bug must not end an archive's reading
            errors.append(
                RuntimeError(f"{photo.title} cannot be read ({type(error).__name__}: {error})")
            )
        else:
            pages.append(make_page_rows(file.path, page))
    return FileReading(tuple(pages), tuple(map(str, errors)))


def read_files(client: Client, job: Job, files: Iterable[File]) -> Iterator[list[FileReading]]:
    """Read files on a cluster.

    Args:
        client: of the cluster.
        job: how files are read.
        files: they are taken a few at a time, so there may be millions.

    Yields:
        The readings of files that were finished, in the order in which they were. What is not read
        when the iterator is closed is cancelled.

    Raises:
        WorkerError: the scheduler is gone, or a worker cannot read files.
    """
    left = iter(files)
    names: dict[Any, str] = {}  # of the files that are being read, by the keys of their tasks
    running = as_completed(loop=client.loop, with_results=True, raise_errors=False)
    most, counted = 0, -COUNT_EVERY
    while True:
        if time.monotonic() >= counted + COUNT_EVERY:
            most = TASKS_A_THREAD * max(1, sum(client.nthreads().values()))
            counted = time.monotonic()
        for file in itertools.islice(left, max(0, most - len(names))):
            future = client.submit(read_file, job, file, pure=False)
            names[future.key] = file.name
            running.add(future)
        if not names:
            return
        readings = []
        for future, result in running.next_batch():
            name = names.pop(future.key)
            if future.status == "finished":
                readings.append(result)
                continue
            error = result[1] if isinstance(result, tuple) else result
            if future.status != "error":
                raise WorkerError("the scheduler is gone: start it and this command again")
            if isinstance(error, WorkerError | ImportError):
                raise WorkerError(f"a worker cannot read: {_explain(error)}")
            readings.append(FileReading(errors=(f"{name} cannot be read ({_explain(error)})",)))
        yield readings


async def _check_scheduler(address: str) -> None:
    arguments = Security().get_connection_args("client")
    comm = await connect_to(address, timeout=TIMEOUT, **arguments)
    comm.abort()


def _explain(error: BaseException) -> str:
    text = " ".join(str(error).split())[:200]
    if isinstance(error, WorkerError):
        return text
    if isinstance(error, ImportError):
        return f"{text}: install this package there too"
    return f"{type(error).__name__}: {text}"
