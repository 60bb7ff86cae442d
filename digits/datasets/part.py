"""Converts the images of any source to MNIST's form: uint8 of 28x28 pixels, labels 0 to 9."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from digits.datasets.finding import find_source
from digits.datasets.source import MAX_IMAGES, Block, Source, check_image_shape
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

MAX_BLANK_BLOCKS = 10  # at the start of a file, in which a pixel that is not 0 is looked for


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """The training or the test images of a dataset, read when they are asked for.

    Attributes:
        source: where they are.
        scale: what pixels are multiplied by: 255 if they are from 0 to 1, else 1.
        transpose: whether rows and columns of each image are exchanged.
        invert: whether black and white are exchanged.
        note: one line that says what is converted; "" if the dataset has MNIST's form.
    """

    source: Source
    scale: int
    transpose: bool
    invert: bool
    note: str

    def __len__(self) -> int:
        """How many images there are."""
        return self.source.num_images

    @property
    def has_labels(self) -> bool:
        """Whether there are labels."""
        return self.source.has_labels

    def read_blocks(self) -> Iterator[Block]:
        """Read and convert about a thousand images at a time.

        Yields:
            Images, uint8 of shape (n, 28, 28), 0-255; their labels, int32 of shape (n,), 0-9, or
            None.

        Raises:
            ValueError: a file is damaged, or has pixels or labels of another range.
            OSError: a file cannot be read.
        """
        for images, labels in self.source.read_blocks():
            pixels = to_pixels(images, self.scale, self.source.name)
            pixels = pixels.swapaxes(1, 2) if self.transpose else pixels
            yield (
                255 - pixels if self.invert else pixels,
                None if labels is None else to_labels(labels, self.source.name),
            )

    def load(
        self, on_progress: Callable[[int], object] = lambda num: None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Load all images and labels, as `read_blocks` yields them.

        Args:
            on_progress: is called with the number of images that were just read.

        Raises:
            ValueError: as `read_blocks`; or there are more than `MAX_IMAGES`.
            OSError: a file cannot be read.
        """
        if len(self) > MAX_IMAGES:
            raise ValueError(
                f"{self.source.name} has {len(self):,} images, expected at most {MAX_IMAGES:,}, "
                "which fit in memory: split it"
            )
        images = np.empty((len(self), *IMAGE_SHAPE), np.uint8)
        all_labels: list[np.ndarray] = []
        start = 0
        for block, labels in self.read_blocks():
            images[start : start + len(block)] = block
            start += len(block)
            all_labels += [] if labels is None else [labels]
            on_progress(len(block))
        return images, np.concatenate(all_labels) if self.has_labels else None


def open_part(path: str | Path, part: str, transpose: bool = False, invert: bool = False) -> Part:
    """Find a part of a dataset, and find out what must be converted.

    Args:
        path: of a file or a folder, in any of the forms that docs/data.md lists.
        part: "train" or "test".
        transpose: exchange rows and columns of each image.
        invert: exchange black and white.

    Raises:
        ValueError: it is damaged, ambiguous, empty or no images of 28x28 pixels.
        OSError: it does not exist or cannot be read.
    """
    source = find_source(Path(path), part)
    if source.num_images == 0:
        raise ValueError(f"{source.name} is empty, expected at least one image: add some")
    images, labels = _find_first(source)
    scale = find_scale(images)
    forms = [
        words for words in (source.form, *_describe(images, labels, scale, source.form)) if words
    ]
    changes = ["transposed"] * transpose + ["inverted"] * invert
    note = ""
    if forms or changes:
        origin = f" from {', '.join(forms)}" if forms else ""
        note = f"Converted {source.name}: {source.num_images:,} images{origin}"
        note += "".join(f", {change}" for change in changes) + "."
    if part == "test" and Path(path).is_file() and source.form and source.has_labels:
        note += " All are taken as test images: a network trained on this file has seen them."
    return Part(source, scale, transpose, invert, note)


def find_scale(images: np.ndarray) -> int:
    """Find what pixels are to be multiplied by: 255 if they are from 0 to 1, else 1."""
    return 255 if images.min() >= 0 and 0 < images.max() <= 1 else 1


def to_pixels(images: np.ndarray, scale: int, name: str) -> np.ndarray:
    """Convert images to MNIST's form.

    Args:
        images: numbers of shape (n, 28, 28), (n, 784), (n, 28, 28, 1) or (n, 1, 28, 28).
        scale: what to multiply them by, 1 or 255.
        name: of the file, for messages.

    Returns:
        uint8 array of shape (n, 28, 28), 0-255, rounded.

    Raises:
        ValueError: a pixel is below 0, above 255 / scale, or not a number.
    """
    check_image_shape(name, images.shape, images.dtype)
    images = images.reshape(-1, *IMAGE_SHAPE)
    if images.dtype == np.uint8 and scale == 1:
        return images
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= 255 / scale):  # so that NaN is refused too
        expected = "0 to 1 as in the images before" if scale == 255 else "0 to 255, or 0 to 1"
        raise ValueError(
            f"{name} has pixels from {lowest:g} to {highest:g}, expected {expected}: undo the "
            "normalization, or rescale them"
        )
    return np.rint(images * np.float32(scale)).astype(np.uint8)


def to_labels(labels: np.ndarray, name: str) -> np.ndarray:
    """Convert labels to MNIST's form.

    Args:
        labels: whole numbers of shape (n,) or (n, 1), or one-hot labels of shape (n, 10).
        name: of the file, for messages.

    Returns:
        int32 array of shape (n,), 0-9.

    Raises:
        ValueError: a label is none of the ten digits.
    """
    if labels.shape[1:] == (NUM_CLASSES,):
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise ValueError(
                f"{name} has labels of shape {labels.shape} that are not one-hot, expected one 1 "
                "and nine 0 in each row: save the digits"
            )
        return labels.argmax(axis=1).astype(np.int32)
    labels = labels.reshape(len(labels))
    lowest, highest = labels.min(), labels.max()
    if not (lowest >= 0 and highest < NUM_CLASSES):
        raise ValueError(
            f"{name} has labels from {lowest:g} to {highest:g}, expected 0 to 9: leave other "
            "classes out"
        )
    if (labels != np.rint(labels)).any():
        fraction = labels[labels != np.rint(labels)][0]
        raise ValueError(f"{name} has the label {fraction:g}, expected 0 to 9: save the digits")
    return labels.astype(np.int32)


def _find_first(source: Source) -> Block:
    """Find the first block with a pixel that is not 0, from which the range of all is judged."""
    first = None
    for block in itertools.islice(source.read_blocks(), MAX_BLANK_BLOCKS):
        first = block if first is None or block[0].any() else first
        if block[0].any():
            break
    assert first is not None  # of at least one image
    return first


def _describe(
    images: np.ndarray, labels: np.ndarray | None, scale: int, form: str
) -> Iterator[str]:
    """Say what is to be converted."""
    if scale == 255:
        is_binary = np.isin(images, (0, 1)).all()
        yield "pixels of 0 and 1" if is_binary else "pixels from 0 to 1"
    elif images.dtype != np.uint8:
        yield f"{images.dtype.newbyteorder('=')} pixels"
    if images.ndim == 2 and "pixels" not in form:
        yield "rows of 784 pixels"
    if images.ndim == 4:
        yield "images with a channel axis"
    if labels is None:
        return
    if labels.shape[1:] == (NUM_CLASSES,):
        yield "one-hot labels"
    elif labels.ndim == 2:
        yield "a column of labels"
    elif labels.dtype.kind == "f" and images.dtype != labels.dtype:
        yield "labels that are floats"
