"""Opens files of photos, and gives their pages one at a time: images, TIFF and PDF files."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from digits.reading.photos import (
    MAX_OTHER_PIXELS,
    MAX_PIXELS,
    MAX_SIDE,
    PDF_SIGN,
    PDF_START,
    Photo,
    explain_missing,
    explain_not_installed,
    make_photo,
    make_title,
    open_image,
)
from digits.stderr import caught_stderr

MAX_PAGES = 1000
# TIFF files have a tag NewSubfileType: its bits say that an image is a smaller copy of another one,
# or its transparency mask.
SUBFILE_TYPE, NO_PAGE = 254, 0b101
POINTS_AN_INCH = 72
MAX_DOTS_PER_INCH = 300  # of small pages; one of A4 has 144 at MAX_PIXELS
MIN_SCAN_AREA = 0.8  # of a page, which the one image on it covers if the page is a scan
# Sides of a PDF page in points: the largest is that of the format's description, 200 inches.
PAGE_SIDES = 1, 14_400
# Of an image on a PDF page: PDFium reads most kinds row by row, but JPEG 2000 and progressive JPEG
# whole, also if they are larger than the PDF file says, and then it does not even shrink them.
MAX_PDF_IMAGE_PIXELS = 80_000_000


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
    the file is, its content tells, not its name. PDFium is not thread-safe: use PDF files from one
    thread at a time.

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
    try:
        # Opened here, since Pillow memory-maps a TIFF opened by name and decodes rotated ones
        # wrongly.
        file = open(path, "rb")  # noqa: SIM115
    except PermissionError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): change its permissions"
        ) from None
    with file, contextlib.ExitStack() as opened:
        is_pdf = PDF_SIGN in file.read(PDF_START)
        with caught_stderr():
            open_kind = _open_pdf if is_pdf else _open_images
            document = opened.enter_context(open_kind(file, str(path)))
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
def _open_pdf(file: IO[bytes], name: str) -> Iterator[Document]:
    try:
        import pypdfium2
    except ImportError:
        raise ValueError(explain_not_installed(name, "PDF", "pypdfium2")) from None
    try:
        pdf = pypdfium2.PdfDocument(file)
    except Exception as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            message = f"{name} is protected by a password: save it without one"
        else:
            message = _explain_damage(name, error)
        raise ValueError(message) from None
    with pdf:
        num_pages = len(pdf)
        if num_pages < 1:
            raise ValueError(f"{name} has no pages, expected at least one: save it again")
        num_read = min(num_pages, MAX_PAGES)

        def decode(page: int) -> Photo:
            title = make_title(name, page, num_read)
            try:
                pixels, scale, problem = _render(pdf, page - 1)
            except Exception as error:
                raise ValueError(_explain_damage(title, error)) from None
            if pixels is None:
                raise ValueError(f"{title} {problem}")
            return Photo(pixels, scale, name, page, num_read)

        yield Document(name, num_read, num_pages - num_read, decode)


def _render(pdf: Any, index: int) -> tuple[np.ndarray | None, float, str]:
    """Render a page.

    Args:
        pdf: `pypdfium2.PdfDocument`.
        index: of the page, from 0.

    Returns:
        uint8 array of shape (height, width, 3) with at most `MAX_PIXELS` pixels, None if the page
        is refused; points to a pixel; and why it is refused.
    """
    page = pdf.get_page(index)
    try:
        sides = page.get_size()
        problem = _find_problem(page)
        if problem:
            return None, 1.0, problem
        # Less what rounding up may add.
        scale = min(
            math.sqrt((MAX_PIXELS - 2 * MAX_SIDE) / math.prod(sides)),
            (MAX_SIDE - 1) / max(sides),
            MAX_DOTS_PER_INCH / POINTS_AN_INCH,
            _measure_scan(page),
        )
        bitmap = page.render(scale=scale, rev_byteorder=True)
        try:
            return np.array(bitmap.to_numpy()), 1 / scale, ""
        finally:
            bitmap.close()
    finally:
        page.close()


def _find_problem(page: Any) -> str:
    """Say why a PDF page is not rendered: it or an image on it is too large; "" if it may be."""
    from pypdfium2 import raw

    width, height = page.get_size()
    smallest, largest = PAGE_SIDES
    if not (smallest <= width <= largest and smallest <= height <= largest):
        return (
            f"is {width:.4g} x {height:.4g} points large, expected sides of {smallest} to "
            f"{largest:,}: print it to a PDF file of A4 pages"
        )
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        num_pixels, limit = math.prod(image.get_px_size()), MAX_PDF_IMAGE_PIXELS
        filters = image.get_filters()
        if filters and filters[-1] in ("DCTDecode", "DCT", "JPXDecode"):
            num_decoded = _count_pixels(io.BytesIO(image.get_data(decode_simple=True)))
            if num_decoded > num_pixels:
                num_pixels, limit = num_decoded, MAX_OTHER_PIXELS
        if num_pixels > limit:
            return (
                f"has an image of {num_pixels:,} pixels, expected at most {limit:,}: scan it "
                "with fewer dots per inch"
            )
    return ""


def _measure_scan(page: Any) -> float:
    """Measure the pixels per point of a page that is one image; infinite if it is more than that.

    Drawn larger than it is, a photo of a page is read less well.
    """
    objects = list(itertools.islice(page.get_objects(max_depth=1), 2))
    if len(objects) != 1 or not hasattr(objects[0], "get_px_size"):
        return math.inf
    left, bottom, right, top = objects[0].get_bounds()
    area = (right - left) * (top - bottom)
    if area < MIN_SCAN_AREA * math.prod(page.get_size()):
        return math.inf
    # PDFium's edges are rounded to 32 bits, and pixels are rounded up.
    return math.sqrt(math.prod(objects[0].get_px_size()) / area) * (1 - 1e-5)


def _count_pixels(content: IO[bytes]) -> int:
    """Count the pixels of a JPEG or JPEG 2000 file as its header says; 0 if it has none."""
    try:
        with _quiet(), Image.open(content, formats=("JPEG", "JPEG2000")) as image:
            return math.prod(image.size)
    except Image.DecompressionBombError:
        return 2 * (Image.MAX_IMAGE_PIXELS or 0)
    except Exception:  # PDFium cannot decode it either
        return 0


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back Pillow's warnings, of sizes and of what is damaged: errors say it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _explain_damage(title: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{title} is damaged ({reason}): copy or save it again"
