"""Reads folders on a Dask cluster into a CSV: `--scheduler` of predict.py and `digits read`."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from digits import cli
from digits.networks import find_model
from digits.reading import Region, find_photos
from digits.reading.command import (
    format_error,
    print_missing,
    print_skipped,
    print_what_is_there,
    telling_what_is_kept,
)
from digits.reading.csv_log import make_settings, open_log


def read_archive(
    inputs: Iterable[str | Path],
    scheduler: str,
    csv_file: Path,
    detector_path: Path | None,
    model_path: Path,
    turn: int | None = None,
    region: Sequence[float] | None = None,
    ink: str | None = None,
) -> int:
    """Read photos on a cluster, and append the numbers on them to a CSV as they come.

    A CSV that an earlier run began is gone on with. A cluster that cannot be reached, or cannot
    read, ends the program with one line and status 2.

    Args:
        inputs: names of photos and of folders of photos, also with wildcards.
        scheduler: address of the Dask scheduler, such as "tcp://host:8786".
        csv_file: CSV to write.
        detector_path: `.keras` file; None for the user's own detector, else the released one.
        model_path: `.keras` file of the classifier.
        turn: degrees anticlockwise after which the photos are upright, or None to find out.
        region: the four numbers of a `Region`, the part that is read of each photo; None for all.
        ink: the only one that is read, "red", "blue" or "dark"; None for any.

    Returns:
        Exit status: 0, 1 if some photos or pages could not be read, 2 if none could.
    """
    if importlib.util.find_spec("distributed") is None:
        cli.fail(
            "Dask, which --scheduler needs, is not installed: pip install -r "
            "requirements-cluster.txt (or pip install '.[cluster]')"
        )
    from digits.scale import cluster

    for name in ("distributed", "distributed.client"):  # what it logs is said here in one line
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    inputs = list(inputs)
    with cli.one_line_errors():
        part = Region(*region) if region else None
        detector_path = detector_path or find_model("detector")
        detector, classifier = map(cluster.describe_network, (detector_path, model_path))
        job = cluster.Job(detector, classifier, turn, part, ink)
        settings = make_settings(detector_path, model_path, turn, part, ink)
    # A file that is named twice is read once.
    paths = list({os.path.abspath(path): path for path in find_photos(inputs)}.values())
    cli.check_writable(csv_file)
    seen = next(filter(os.path.isfile, paths), None)
    if seen is None:
        print_missing(paths)
        print_skipped(inputs)
        return 2

    num_pages = num_numbers = num_errors = 0
    with contextlib.ExitStack() as opened:
        with cli.one_line_errors((ValueError, OSError, cluster.WorkerError)):
            client = opened.enter_context(cluster.connect(scheduler))
            cluster.check_workers(client, job, os.path.abspath(seen))
            log = opened.enter_context(open_log(csv_file, settings, resume=True))
        opened.enter_context(telling_what_is_kept(log))
        print_what_is_there(log, paths)
        left = [path for path in paths if not log.has_all_of(path)]
        files = (
            cluster.File(os.path.abspath(path), str(path), log.pages_of(path)) for path in left
        )
        progress = opened.enter_context(tqdm(total=len(left), unit="photo", disable=None, delay=1))
        with cli.one_line_errors((OSError, cluster.WorkerError)):
            for readings in cluster.read_files(client, job, files):
                pages = [page for reading in readings for page in reading.pages]
                log.append(pages)
                num_pages += len(pages)
                num_numbers += sum(len(page.rows) for page in pages)
                for error in (error for reading in readings for error in reading.errors):
                    num_errors += 1
                    progress.write(format_error(error), file=sys.stderr)
                progress.update(len(readings))
        num_written = log.num_pages
    print_skipped(inputs)
    print(f"Read {num_pages:,} pages with {num_numbers:,} numbers on {scheduler}.")
    print(f"Wrote {csv_file}")
    return (1 if num_written else 2) if num_errors else 0
