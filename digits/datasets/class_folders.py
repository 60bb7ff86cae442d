"""Reads folders of images by class: `0/` to `9/`, each with the images of that digit."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from digits.datasets.source import Block, Source
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

CLASSES = tuple(map(str, range(NUM_CLASSES)))
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 16_000_000  # of an image
BLOCK_SIZE = 100  # fewer than elsewhere: cutting a digit out takes some 20 ms


def list_classes(folder: Path) -> tuple[list[str], list[str]]:
    """List the folders in a folder: those of digits, and others, hidden ones left out."""
    names = sorted(
        path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"
    )
    return [name for name in names if name in CLASSES], [
        name for name in names if name not in CLASSES
    ]


def open_class_folders(folder: Path) -> Source:
    """Open the images by class in a folder.

    Images of 28x28 pixels are taken as they are, in grey. From others, the digit is cut out, white
    on black, and placed as in MNIST's images; whether ink or paper is the darker one is decided by
    the pixels at the edges.

    Raises:
        ValueError: there are other classes than 0-9, or no images.
        OSError: a folder cannot be read.
    """
    classes, others = list_classes(folder)
    if others:
        raise ValueError(
            f"{folder} has the classes {', '.join(others)[:60]} too, expected folders named 0 to "
            "9: move the others away"
        )
    paths: list[tuple[Path, int]] = []
    num_skipped = 0
    for name in classes:
        for path in sorted((folder / name).iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                paths.append((path, int(name)))
            else:
                num_skipped += 1
    if not paths:
        raise ValueError(
            f"{folder} has no images in its folders {', '.join(classes)}, expected "
            f"{', '.join(FORMATS)} files: add some"
        )
    form = "image files in folders named by their digits"
    num_others = sum(_read_size(path) != IMAGE_SHAPE for path, _ in paths)
    if num_others:
        form += f" ({num_others:,} of other sizes than 28x28: digit cut out, white on black)"
    if num_skipped:
        form += f" ({num_skipped:,} other file{'s' * (num_skipped > 1)} skipped)"
    return Source(str(folder), form, len(paths), True, lambda: _read_blocks(paths))


def _read_blocks(paths: list[tuple[Path, int]]) -> Iterator[Block]:
    for start in range(0, len(paths), BLOCK_SIZE):
        block = paths[start : start + BLOCK_SIZE]
        yield np.stack([read_image(path) for path, _ in block]), np.array([y for _, y in block])


def read_image(path: Path) -> np.ndarray:
    """Read an image of a digit.

    Returns:
        uint8 array of shape (28, 28).

    Raises:
        ValueError: it is damaged, too large, of another format, or cannot be read.
    """
    with _opened(path) as image:
        pixels = _read_grey(image)
    if pixels.shape == IMAGE_SHAPE:
        return pixels
    # Late, since it takes a second to import and few datasets need it.
    from digits.transforms.to_mnist import cut_out, to_mnist

    page = np.asarray(pixels, np.float32) / 255
    edges = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    if np.median(edges) < (page.min() + page.max()) / 2:
        page = 1 - page
    ink = cut_out(page, (0, 0, page.shape[1], page.shape[0]))
    return np.rint(to_mnist(ink)[0] * 255).astype(np.uint8)


def _read_size(path: Path) -> tuple[int, int]:
    """Read the width and height of an image from its file's header."""
    with _opened(path) as image:
        return image.size


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():  # of sizes, which are refused below
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=FORMATS)
        with image:
            yield image
    except Exception as error:  # each format can be damaged in its own way
        raise ValueError(
            f"{path} is no readable image ({error}), expected a {', '.join(FORMATS)} file of one "
            "digit: save it again or move it away"
        ) from None


def _read_grey(image: Image.Image) -> np.ndarray:
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels")
    if image.mode[0] in "IF":
        raise ValueError(f"pixels of mode {image.mode}, expected 8 bits a channel")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L"))
