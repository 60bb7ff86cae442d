"""Reads NumPy's `.npz` files: Keras's four arrays in one, or one array a file."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digits.datasets.source import Source, StoredArray, explained, join

KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")
SUFFIX = ".npy"  # of the arrays in the archive


def open_npz(path: Path, labels_path: Path | None, part: str) -> Source:
    """Open a file with Keras's keys, or one with a single array.

    Args:
        path: of the file.
        labels_path: of the file with the labels, for one with a single array; None for images
            without labels.
        part: "train" or "test", for Keras's keys.

    Raises:
        ValueError: the file is damaged, has other arrays, or arrays of Python objects.
        OSError: it cannot be read.
    """
    keys = _list_keys(path)
    x, y = f"x_{part}", f"y_{part}"
    if x in keys:
        images, labels = _read_header(path, x), _read_header(path, y) if y in keys else None
        return join(images, labels, str(path), "")
    if len(keys) == 1 and keys[0] not in KERAS_KEYS:
        images = _read_header(path, keys[0])
        if len(images.shape) == 1:
            raise ValueError(
                f"{path} holds labels, expected images: name the file of the images, or the folder "
                "that both are in"
            )
        labels = None
        if labels_path is not None:
            label_keys = _list_keys(labels_path)
            if len(label_keys) != 1:
                raise ValueError(
                    f"{labels_path} has {len(label_keys)} arrays, expected one of labels: save it "
                    "again"
                )
            labels = _read_header(labels_path, label_keys[0])
        return join(images, labels, str(path), "one array a file")
    raise ValueError(
        f"{path} has no arrays {x} and {y} but {', '.join(keys)[:80] or 'none'}: expected an .npz "
        f"file with the keys {', '.join(KERAS_KEYS)}, or with one array: save it with "
        f"numpy.savez_compressed(file, {x}=..., {y}=...)"
    )


def _list_keys(path: Path) -> list[str]:
    with explained(str(path)), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(SUFFIX) for name in archive.namelist() if name.endswith(SUFFIX)]


def _read_header(path: Path, key: str) -> StoredArray:
    name = f"{path} ({key})"
    with explained(name), _opened(path, key) as file:
        shape, is_fortran, dtype = _parse_header(file)
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, which could run code when they are loaded, expected "
            f"numbers: save it with numpy.savez_compressed(file, {key}=numpy.stack(images))"
        )
    if not shape:
        raise ValueError(f"{name} is a single number, expected an array: save the images")

    @contextlib.contextmanager
    def open_values() -> Iterator[IO[bytes]]:
        with _opened(path, key) as file:
            _parse_header(file)
            yield file

    return StoredArray(name, shape, dtype, is_fortran and len(shape) > 1, open_values)


@contextlib.contextmanager
def _opened(path: Path, key: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(key + SUFFIX) as file:
        yield file


def _parse_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an `.npy` file; returns shape, whether in Fortran order, and dtype."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
