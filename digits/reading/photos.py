"""Opens photos: any common format, any colours, upright, in bounded memory."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from digits.stderr import caught_stderr

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
READABLE = (*FORMATS, "HEIC", "PDF")  # `digits.reading.documents` reads PDF
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif",
    ".pdf",
)  # fmt: skip
# Signs in a name that stands for several files, as the shells of Linux and macOS expand it.
WILDCARDS = "*?["
# Brands of the files that libheif decodes; those of AVIF are left to Pillow.
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1")
AVIF_BRANDS = (b"avif", b"avis")
# What PDF files have in their first bytes; there may be others before it.
PDF_SIGN, PDF_START = b"%PDF-", 1024
INSTALL = "pip install -r requirements-files.txt (or pip install '.[files]')"
MAX_PIXELS = 2_000_000  # of what is kept: enough for 60 lines of digits on a page
MAX_SIDE = 10_000  # pixels of what is kept
# So that none takes much more than 300 MB (tests/reading/test_photos.py): plain pixels may be more
# than those with alpha or 16 bits. JPEG files, unless progressive, are shrunk as they are read.
MAX_DECODED_PIXELS = {"1": 40_000_000, "L": 40_000_000, "RGB": 40_000_000}
MAX_OTHER_PIXELS = 16_000_000
# Of the formats that are decoded whole: phones take 24 and 48 megapixels as HEIC.
MAX_PIXELS_OF_FORMAT = {"WEBP": MAX_OTHER_PIXELS, "AVIF": 32_000_000, "HEIF": 50_000_000}
# What EXIF's orientations ask for. `PIL.ImageOps.exif_transpose` would also write the other EXIF
# tags anew, which fails where these are damaged, and would then leave the photo as it is.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """A photo, upright as its EXIF data say.

    Attributes:
        pixels: uint8 array of shape (height, width, 3), RGB, of at most `MAX_PIXELS` pixels.
        scale: how many pixels of the file a pixel of the photo is wide, at least 1; for a page of a
            PDF file, how many points (1/72 inch).
        name: of its file, "" where it came from none.
        page: which page of the file it is, counted from 1.
        num_pages: how many pages the file has.
    """

    pixels: np.ndarray
    scale: float = 1.0
    name: str = ""
    page: int = 1
    num_pages: int = 1

    @property
    def title(self) -> str:
        """Its name, as `make_title` makes it."""
        return make_title(self.name, self.page, self.num_pages)

    def grey(self) -> np.ndarray:
        """Its brightness: float32 array of shape (height, width), 0 black to 1 white."""
        return np.asarray(Image.fromarray(self.pixels).convert("L"), np.float32) / 255

    def crop(self, box: tuple[int, int, int, int]) -> Photo:
        """Its part in a box: left, top, right and bottom edge in whole pixels of it."""
        left, top, right, bottom = box
        return dataclasses.replace(self, pixels=self.pixels[top:bottom, left:right])


def make_title(name: str, page: int, num_pages: int) -> str:
    """Name a page of a file: "scan.pdf, page 3", or just "note.jpg" if there is only one."""
    return f"{name}, page {page}" if num_pages > 1 else name


def find_photos(paths: Iterable[str | Path]) -> list[Path]:
    """Find the image files meant by names of files and folders.

    Args:
        paths: names of files and folders, also with the wildcards `*`, `?` and `[]`.

    Returns:
        Files as they are given, and in place of a folder all images in it, sorted. What does not
        exist is among them, and so are folders without images or permission:
        `digits.reading.documents.open_document` says what is wrong with them.
    """
    found = []
    for path in _expand(paths):
        inside = [path / name for name in _list_names(path)]
        found += [file for file in inside if _is_named_as_photo(file)] or [path]
    return found


def find_skipped(paths: Iterable[str | Path]) -> dict[Path, list[str]]:
    """Find what `find_photos` leaves out of folders.

    Args:
        paths: names of files and folders, also with wildcards.

    Returns:
        For each folder in which something was left out, the names of files that are no photos by
        their suffix, and of folders, which end in "/". Hidden ones are left out here too.
    """
    skipped = {}
    for path in _expand(paths):
        names = [name for name in _list_names(path) if not _is_named_as_photo(path / name)]
        if names:
            skipped[path] = [f"{name}/" if (path / name).is_dir() else name for name in names]
    return skipped


def _expand(paths: Iterable[str | Path]) -> list[Path]:
    """Expand wildcards, which the command prompt of Windows leaves to the programs."""
    expanded: list[Path] = []
    for path in paths:
        text, matches = os.fspath(path), []
        if any(sign in text for sign in WILDCARDS) and not os.path.lexists(text):
            with contextlib.suppress(ValueError, OSError):  # such as a zero byte in it
                matches = sorted(glob.glob(text))
        expanded += map(Path, matches or [text])
    return expanded


def _list_names(path: Path) -> list[str]:
    try:
        names = sorted(os.listdir(path))
    except (OSError, ValueError):  # most often it is a file
        return []
    return [name for name in names if not name.startswith(".")]


def _is_named_as_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def decode_photo(file: IO[bytes], name: str) -> Photo:
    """Decode an image file, as `digits.reading.documents.load_photo` does; it takes no PDF files.

    Args:
        file: binary file that can be searched; Pillow may read all of it.
        name: of the photo, also in errors.

    Returns:
        The photo, the first page of several.

    Raises:
        ValueError: it is not an image, damaged, or too large.
    """
    file.seek(0)
    if PDF_SIGN in file.read(PDF_START):
        raise ValueError(
            f"{name} is a PDF file, expected an image: save its pages as PNG or JPEG (only "
            "predict.py and digits.reading read PDF)"
        )
    with (
        open_image(file, name) as image,
        # libtiff writes to stderr. A process has one, so threads wait: not for other formats.
        caught_stderr() if image.format == "TIFF" else contextlib.nullcontext(),
    ):
        return make_photo(image, name)


def open_image(file: IO[bytes], name: str) -> Image.Image:
    """Open an image file with Pillow, HEIC files by pillow-heif.

    Args:
        file: binary file that can be searched.
        name: of the photo, for errors.

    Returns:
        The image, not decoded yet.

    Raises:
        ValueError: it is not an image, damaged, has far too many pixels, or is HEIC while
            pillow-heif is not installed.
    """
    is_empty = not file.seek(0, os.SEEK_END)
    with _explained(name, is_empty):
        file.seek(0)
        is_heif = _is_heif(file.read(64))
    if is_heif:
        try:
            import pillow_heif
        except ImportError:
            raise ValueError(explain_not_installed(name, "HEIC", "pillow-heif")) from None
        pillow_heif.register_heif_opener(thumbnails=False)
    with _explained(name, is_empty):
        file.seek(0)
        return Image.open(file, formats=("HEIF",) if is_heif else FORMATS)


def make_photo(image: Image.Image, name: str, page: int = 1, num_pages: int = 1) -> Photo:
    """Make a photo of an opened image; JPEG files are shrunk while they are decoded.

    Args:
        image: not decoded yet.
        name: of its file.
        page: which page of the file it is, counted from 1.
        num_pages: how many pages the file has.

    Returns:
        The photo, turned as its EXIF data say, on white where it is transparent.

    Raises:
        ValueError: it is damaged or too large.
    """
    title = make_title(name, page, num_pages)
    with _explained(title):
        longer_side = max(image.size)
        # Of HEIC, it would be a thumbnail.
        if image.format in ("JPEG", "MPO") and not image.info.get("progressive"):
            image.draft(None, _fit(image.size))
        num_pixels, limit = math.prod(image.size), _get_limit(image)
        if num_pixels <= limit:
            photo = _flatten(_shrink(image))
            scale = max(1.0, longer_side / max(photo.size))
            return Photo(np.asarray(photo), scale, name, page, num_pages)
    raise ValueError(
        f"{title} has {num_pixels:,} pixels, expected at most {limit:,}: save it smaller, or as "
        "JPEG"
    )


def explain_not_installed(name: str, kind: str, package: str) -> str:
    """Say that a file needs a package, and how to install it."""
    return f"{name} is a {kind} file, for which {package} is not installed: {INSTALL}"


def _is_heif(head: bytes) -> bool:
    if head[4:8] != b"ftyp":
        return False
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, min(size, 64), 4))}
    return not brands & {*AVIF_BRANDS} and bool(brands & {*HEIF_BRANDS})


@contextlib.contextmanager
def _explained(name: str, is_empty: bool = False) -> Iterator[None]:
    """Turn what Pillow raises, nearly anything for damaged files, into a ValueError of one line."""
    try:
        # Pillow warns of sizes, where our limit is lower.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        raise ValueError(_explain(name, error, is_empty)) from None


def explain_missing(path: str | Path) -> str:
    """Say what is wrong with a path that is not a file, and what was expected."""
    problem = "does not exist"
    if any(sign in os.fspath(path) for sign in WILDCARDS):
        problem = "matches no files"
    if os.path.exists(path):
        problem = "has no images" if os.path.isdir(path) else "is not a file"
    return f"{path} {problem}: expected an image file, or a folder of them"


def _get_limit(image: Image.Image) -> int:
    limit = MAX_DECODED_PIXELS.get(image.mode, MAX_OTHER_PIXELS)
    if "transparency" in image.info:
        return MAX_OTHER_PIXELS
    if image.format in MAX_PIXELS_OF_FORMAT and limit > MAX_OTHER_PIXELS:
        return MAX_PIXELS_OF_FORMAT[image.format]
    return limit


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    shrink = max(1.0, math.sqrt(math.prod(size) / MAX_PIXELS), max(size) / MAX_SIDE)
    width, height = (max(1, int(side / shrink)) for side in size)
    return width, height


def _shrink(image: Image.Image) -> Image.Image:
    """Shrink before anything else, so that all that follows needs little memory."""
    image.load()  # which turns TIFF files already, and forgets their orientation
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a photo with damaged EXIF data is still a photo
        orientation = 1
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.array(image, np.float32)
        np.nan_to_num(values, copy=False, posinf=0, neginf=0)
        values -= values.min()
        values *= 255 / max(values.max(), 1e-6)
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    # Boxes first, then the finer filter on what is left: exact enough, and fast.
    image = image.resize(_fit(image.size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _explain(name: str, error: Exception, is_empty: bool) -> str:
    if is_empty:
        return f"{name} is empty, expected an image: copy or save it again"
    if isinstance(error, UnidentifiedImageError):
        return (
            f"{name} is not an image that can be read, expected {', '.join(READABLE)}: convert it"
        )
    if isinstance(error, Image.DecompressionBombError):
        return f"{name} has far too many pixels, expected {MAX_DECODED_PIXELS['RGB']:,} at most"
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{name} is damaged ({reason}): copy or save it again"
