"""Opens files of photos, and gives their pages one at a time: images, TIFF and PDF files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import IO

from PIL import Image, TiffImagePlugin

from digits.reading import pdf
from digits.reading.photos import (
    PDF_SIGN,
    PDF_START,
    Photo,
    explain_missing,
    make_photo,
    make_title,
    open_image,
)
from digits.stderr import caught_stderr

MAX_PAGES = 1000
MAX_PAGE_ERRORS = 10  # that are told of a file, whose pages may all be damaged
# TIFF files have a tag NewSubfileType: its bits say that an image is a smaller copy of another one,
# or its transparency mask.
SUBFILE_TYPE, NO_PAGE = 254, 0b101


@dataclasses.dataclass(frozen=True, eq=False)
class Document:
    """A file of one or more pages, opened.

    Attributes:
        name: of the file.
        num_pages: how many pages are read, at most `MAX_PAGES`.
        num_left_out: how many more there are at least.
        decode: takes the number of a page, counted from 1.
    """

    name: str
    num_pages: int
    num_left_out: int
    decode: Callable[[int], Photo]

    def load(self, page: int = 1) -> Photo:
        """Load a page.

        Args:
            page: its number, counted from 1.

        Returns:
            The page, upright as its EXIF data say, on white where it is transparent.

        Raises:
            ValueError: there is no such page, or it is damaged or too large. Others may not be.
        """
        if not 1 <= page <= self.num_pages:
            raise ValueError(f"received page {page}, expected 1 to {self.num_pages} ({self.name})")
        with caught_stderr():  # libtiff writes to it
            return self.decode(page)


@contextlib.contextmanager
def open_document(path: str | Path) -> Iterator[Document]:
    """Open a file whose pages are photos.

    Of a TIFF or PDF file these are all pages, of any other, also of an animation, it is one. What
    the file is, its content tells, not its name.

    Args:
        path: an image or PDF file.

    Yields:
        The document, whose pages can be loaded as long as it is open.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no image or PDF file, damaged, or protected by a password, or the package
            that reads it is not installed.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(explain_missing(path))
    with contextlib.ExitStack() as opened:
        try:
            # Opened here, since Pillow memory-maps a TIFF opened by name and decodes rotated ones
            # wrongly.
            file = opened.enter_context(open(path, "rb"))
        except PermissionError as error:
            raise ValueError(
                f"{path} cannot be read ({error.strerror}): change its permissions"
            ) from None
        if PDF_SIGN in file.read(PDF_START):
            document = opened.enter_context(_open_pdf(path, str(path)))
        else:
            with caught_stderr():
                document = opened.enter_context(_open_images(file, str(path)))
        yield document


def load_pages(path: str | Path) -> Iterator[Photo]:
    """Load the pages of a file, one after the other.

    Args:
        path: an image or PDF file.

    Yields:
        The pages, named as `path` is, at most `MAX_PAGES`. Only one is decoded at a time.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no image or PDF file, or a page is damaged or too large. `open_document`
            also loads the pages after a damaged one.
    """
    with open_document(path) as document:
        for page in range(1, document.num_pages + 1):
            yield document.load(page)


def load_each_page(
    path: str | Path,
    errors: list[Exception],
    advance: Callable[[int, int], None] = lambda num_more, num_done: None,
    done: Container[int] = (),
) -> Iterator[Photo]:
    """Load the pages of a file, one after the other, also those after a damaged one.

    Args:
        path: an image or PDF file.
        errors: to which an error is added for the file, or for each page, that cannot be read.
        advance: is called with how many more pages than one there are, and how many are finished.
        done: numbers of the pages that are not loaded.

    Yields:
        The pages that can be read.
    """
    with contextlib.ExitStack() as opened:
        try:
            document = opened.enter_context(open_document(path))
        except (ValueError, OSError) as error:
            errors.append(error)
            advance(0, 1)
            return
        pages = [page for page in range(1, document.num_pages + 1) if page not in done]
        advance(len(pages) - 1, 0)
        num_failed = 0
        for page in pages:
            try:
                photo = document.load(page)
            except ValueError as error:
                num_failed += 1
                if num_failed <= MAX_PAGE_ERRORS:
                    errors.append(error)
            else:
                yield photo
            advance(0, 1)
        if num_failed > MAX_PAGE_ERRORS:
            num_more = num_failed - MAX_PAGE_ERRORS
            message = f"{path} has {num_more:,} more pages that cannot be read: save it again"
            errors.append(ValueError(message))
        if document.num_left_out:
            message = (
                f"{path} has {document.num_left_out:,} more pages than the first "
                f"{document.num_pages:,}, which were read: split it"
            )
            errors.append(ValueError(message))


def load_photo(path: str | Path) -> Photo:
    """Load a photo, turned as its EXIF data say, on white where it is transparent.

    Of an animation it is the first frame, of a file with several pages the first one. JPEG files
    are shrunk while they are decoded.

    Args:
        path: an image or PDF file.

    Returns:
        The photo, named as `path` is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no image or PDF file, damaged, or too large.
    """
    with open_document(path) as document:
        return document.load()


@contextlib.contextmanager
def _open_images(file: IO[bytes], name: str) -> Iterator[Document]:
    with open_image(file, name) as image:
        frames, num_left_out = _list_frames(image)
    # Opened anew: looking for frames beyond the end of a damaged file leaves it in disorder.
    with open_image(file, name) as image:

        def decode(page: int) -> Photo:
            try:
                with _quiet():
                    image.seek(frames[page - 1])
            except Exception as error:
                title = make_title(name, page, len(frames))
                raise ValueError(_explain_damage(title, error)) from None
            return make_photo(image, name, page, len(frames))

        yield Document(name, len(frames), num_left_out, decode)


def _list_frames(image: Image.Image) -> tuple[list[int], int]:
    """List the images in a TIFF file that are pages; returns also how many were left out."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return [image.tell()], 0
    frames: list[int] = []
    num_left_out = 0
    # Each page may have a few smaller copies.
    for frame in range(4 * MAX_PAGES):
        is_last = False
        try:
            with _quiet():
                image.seek(frame)
            is_page = not image.tag_v2.get(SUBFILE_TYPE, 0) & NO_PAGE
        except EOFError:
            break
        except SyntaxError:  # of a kind that is unknown: said when it is decoded
            is_page = True
        except Exception:  # damaged, and so is the way to the next one
            is_page = is_last = True
        if is_page and len(frames) == MAX_PAGES:
            num_left_out += 1
        elif is_page:
            frames.append(frame)
        if is_last:
            break
    return frames or [0], num_left_out


@contextlib.contextmanager
def _open_pdf(path: Path, name: str) -> Iterator[Document]:
    with pdf.open_pdf(path, name) as opened:
        if opened.num_pages < 1:
            raise ValueError(f"{name} has no pages, expected at least one: save it again")
        num_read = min(opened.num_pages, MAX_PAGES)

        def decode(page: int) -> Photo:
            pixels, scale = opened.render(page - 1, make_title(name, page, num_read))
            return Photo(pixels, scale, name, page, num_read)

        yield Document(name, num_read, opened.num_pages - num_read, decode)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back Pillow's warnings, of sizes and of what is damaged: errors say it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _explain_damage(title: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{title} is damaged ({reason}): copy or save it again"
