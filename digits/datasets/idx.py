"""Reads IDX files, the format of MNIST's and EMNIST's own files, plain or compressed with gzip.

The format is described at the end of Y. LeCun's page of MNIST: two bytes of zeros, one for the
type of the numbers, one for the number of axes, then the length of each axis, then the numbers,
all with the highest byte first.
"""

from __future__ import annotations

import contextlib
import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digits.datasets.source import Source, StoredArray, explained, join, opened

DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MAX_AXES = 4


def is_idx(head: bytes) -> bool:
    """Tell by its first four bytes, decompressed, whether a file is an IDX file."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in DTYPES and 1 <= head[3] <= MAX_AXES


def open_idx(images_path: Path, labels_path: Path | None) -> Source:
    """Open a file of images and one of their labels, if there is one.

    Raises:
        ValueError: one of them is damaged, or has other numbers.
        OSError: it cannot be read.
    """
    images = _read_header(images_path)
    if len(images.shape) == 1:
        raise ValueError(
            f"{images_path} holds {images.shape[0]:,} labels, expected images: name the file of "
            "the images, or the folder that both are in"
        )
    labels = None if labels_path is None else _read_header(labels_path)
    return join(images, labels, str(images_path), "IDX files" if labels else "an IDX file")


def _read_header(path: Path) -> StoredArray:
    with explained(str(path)), opened(path) as file:
        head = file.read(4 + 4 * MAX_AXES)
        if not is_idx(head):
            raise ValueError(f"starts with {head[:4].hex()}, which no IDX file does")
        dtype, num_axes = np.dtype(DTYPES[head[2]]), head[3]
        start = 4 + 4 * num_axes
        if len(head) < start:
            raise ValueError("ends in its header")
        shape = tuple(np.frombuffer(head[4:start], ">u4").tolist())
        num_bytes = start + math.prod(shape) * dtype.itemsize
        if not isinstance(file, gzip.GzipFile):  # of which only reading to the end tells the size
            size = path.stat().st_size
            if size != num_bytes:
                raise ValueError(f"has {size:,} bytes, but {num_bytes:,} by its header")

    @contextlib.contextmanager
    def open_values() -> Iterator[IO[bytes]]:
        with opened(path) as file:
            file.read(start)
            yield file

    return StoredArray(str(path), shape, dtype, False, open_values)
