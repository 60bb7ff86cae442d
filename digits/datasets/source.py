"""What each reader returns: images as they are stored, read block by block."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np

BLOCK_SIZE = 1000  # images in memory at once, where they need not all be
# Images that are loaded at once: 1.6 GB of pixels. EMNIST has 814,255 in its largest split.
MAX_IMAGES = 2_000_000
GZIP_MAGIC = b"\x1f\x8b"

Block = tuple[np.ndarray, np.ndarray | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Images, with labels or without, in a file or a folder.

    Attributes:
        name: of the file or folder, for messages.
        form: what is converted to arrays of 28x28 pixels, such as "IDX files"; "" for arrays.
        num_images: how many there are.
        has_labels: whether there are labels.
        read_blocks: reads them, `BLOCK_SIZE` at a time: images of shape (n, 28, 28), (n, 784),
            (n, 28, 28, 1) or (n, 1, 28, 28), and their labels, numbers of shape (n,), (n, 1) or
            (n, 10), or None. Raises ValueError where the file is damaged.
    """

    name: str
    form: str
    num_images: int
    has_labels: bool
    read_blocks: Callable[[], Iterator[Block]]


@dataclasses.dataclass(frozen=True, eq=False)
class StoredArray:
    """An array of numbers in a file, of which only the header was read.

    Attributes:
        name: of the file, and of the array where the file has several.
        shape: as the header says.
        dtype: as the header says.
        is_fortran: whether the first axis is the one that changes fastest.
        open: opens the file at the array's first byte.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    def read_blocks(self) -> Iterator[np.ndarray]:
        """Read `BLOCK_SIZE` rows at a time.

        Raises:
            ValueError: the file ends too early or is damaged.
        """
        # Where the first axis changes fastest, a row is scattered over the file.
        size = max(1, self.shape[0]) if self.is_fortran else BLOCK_SIZE
        with explained(self.name), self.open() as file:
            for start in range(0, self.shape[0], size):
                shape = (min(size, self.shape[0] - start), *self.shape[1:])
                num_bytes = math.prod(shape) * self.dtype.itemsize
                content = file.read(num_bytes)
                if len(content) < num_bytes:
                    raise ValueError(
                        f"ends after {start + len(content) * shape[0] // num_bytes:,} of "
                        f"{self.shape[0]:,} rows"
                    )
                values = np.frombuffer(content, self.dtype)
                yield values.reshape(shape[::-1]).T if self.is_fortran else values.reshape(shape)


def join(images: StoredArray, labels: StoredArray | None, name: str, form: str) -> Source:
    """Join an array of images and one of their labels.

    Args:
        images: of a shape that `Source` lists.
        labels: theirs, or None.
        name: of both, for messages.
        form: as in `Source`.

    Raises:
        ValueError: a shape or a dtype is another one, or there are more of one than of the other.
    """
    check_image_shape(images.name, images.shape, images.dtype)
    num_images = images.shape[0]
    if images.is_fortran and num_images > MAX_IMAGES:
        raise ValueError(
            f"{images.name} has {num_images:,} images in Fortran order, which are read at once, "
            f"expected at most {MAX_IMAGES:,}: save it with numpy.ascontiguousarray"
        )
    if labels is None:
        return Source(
            name, form, num_images, False, lambda: ((block, None) for block in images.read_blocks())
        )
    if labels.dtype.kind not in "iufb" or labels.shape[1:] not in ((), (1,), (10,)):
        raise ValueError(
            f"{labels.name} is {labels.dtype} of shape {labels.shape}, expected integers of shape "
            "(n,), or one-hot labels of shape (n, 10): save labels of the digits 0 to 9"
        )
    if labels.shape[0] != num_images:
        raise ValueError(
            f"{num_images} images in {images.name} but {labels.shape[0]} labels in {labels.name}: "
            "expected one label for each image: save both again"
        )
    return Source(
        name,
        form,
        num_images,
        True,
        lambda: zip(images.read_blocks(), _equal_blocks(labels, images), strict=True),
    )


def check_image_shape(name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse what are no images of 28x28 pixels.

    Raises:
        ValueError: so it is.
    """
    shapes = (28, 28), (784,), (28, 28, 1), (1, 28, 28)
    if dtype.kind not in "iufb" or shape[1:] not in shapes:
        raise ValueError(
            f"{name} is {dtype} of shape {shape}, expected numbers of shape (n, 28, 28), (n, 784) "
            "or (n, 28, 28, 1): save grey images of 28x28 pixels"
        )


def _equal_blocks(labels: StoredArray, images: StoredArray) -> Iterator[np.ndarray]:
    """Read labels in blocks as large as those of the images."""
    if labels.is_fortran == images.is_fortran:
        yield from labels.read_blocks()
        return
    values = np.concatenate(list(labels.read_blocks()))
    size = max(1, len(values)) if images.is_fortran else BLOCK_SIZE
    yield from (values[start : start + size] for start in range(0, len(values), size))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed if it is gzip's."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if is_gzip:
            with gzip.open(file) as content:
                yield content  # type: ignore[misc]  # a GzipFile reads as an IO[bytes] does
        else:
            yield file


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Name the file in errors of what decompresses and reads it.

    Raises:
        ValueError: instead of these.
    """
    try:
        yield
    except Exception as error:  # zip, gzip, compression and header can each be damaged in its way
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise ValueError(f"{name} is damaged ({error}): download or save it again") from None
