"""Opens photos: any common format, any colours, upright, in bounded memory."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from digits.stderr import caught_stderr

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 2_000_000  # of what is kept: enough for 60 lines of digits on a page
MAX_SIDE = 10_000  # pixels of what is kept
# So that none takes much more than 300 MB (tests/reading/test_photos.py): plain pixels may be more
# than those with alpha or 16 bits. JPEG files, unless progressive, are shrunk as they are read.
MAX_DECODED_PIXELS = {"1": 40_000_000, "L": 40_000_000, "RGB": 40_000_000}
MAX_OTHER_PIXELS = 16_000_000
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
        scale: how many pixels of the file a pixel of the photo is wide, at least 1.
        name: of its file, "" where it came from none.
    """

    pixels: np.ndarray
    scale: float = 1.0
    name: str = ""

    def grey(self) -> np.ndarray:
        """Its brightness: float32 array of shape (height, width), 0 black to 1 white."""
        return np.asarray(Image.fromarray(self.pixels).convert("L"), np.float32) / 255

    def crop(self, box: tuple[int, int, int, int]) -> Photo:
        """Its part in a box: left, top, right and bottom edge in whole pixels of it."""
        left, top, right, bottom = box
        return dataclasses.replace(self, pixels=self.pixels[top:bottom, left:right])


def find_photos(paths: Iterable[str | Path]) -> list[Path]:
    """Find the image files meant by names of files and folders.

    Args:
        paths: names of files and folders.

    Returns:
        Files as they are given, and in place of a folder all images in it, sorted. What does not
        exist is among them, and so are folders without images or permission: `load_photo` says
        what is wrong with them.
    """
    found = []
    for path in map(Path, paths):
        try:
            names = sorted(os.listdir(path))
        except OSError:  # most often it is a file
            names = []
        inside = [path / name for name in names if not name.startswith(".")]
        found += [file for file in inside if file.suffix.lower() in SUFFIXES] or [path]
    return found


def load_photo(path: str | Path) -> Photo:
    """Load a photo, turned as its EXIF data say, on white where it is transparent.

    Of an animation it is the first frame. JPEG files are shrunk while they are decoded.

    Args:
        path: an image file.

    Returns:
        The photo, named as `path` is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image, damaged, or too large.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(explain_missing(path))
    try:
        # Opened here, since Pillow memory-maps a TIFF opened by name and decodes rotated ones
        # wrongly. libtiff writes to stderr.
        with open(path, "rb") as file, caught_stderr():
            return decode_photo(file, str(path))
    except PermissionError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): change its permissions"
        ) from None


def decode_photo(file: IO[bytes], name: str) -> Photo:
    """Decode an image file, as `load_photo` does.

    Args:
        file: binary file that can be searched; Pillow may read all of it.
        name: of the photo, also in errors.

    Returns:
        The photo.

    Raises:
        ValueError: it is not an image, damaged, or too large.
    """
    try:
        # Pillow warns of sizes, where our limit is lower.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                longer_side = max(image.size)
                if not image.info.get("progressive"):
                    image.draft(None, _fit(image.size))
                num_pixels, limit = math.prod(image.size), _get_limit(image)
                if num_pixels <= limit:
                    photo = _flatten(_shrink(image))
                    scale = max(1.0, longer_side / max(photo.size))
                    return Photo(np.asarray(photo), scale, name)
    except Exception as error:  # a damaged file can make Pillow raise nearly anything
        raise ValueError(_explain(name, error, is_empty=not file.seek(0, os.SEEK_END))) from None
    raise ValueError(
        f"{name} has {num_pixels:,} pixels, expected at most {limit:,}: save it smaller, or as JPEG"
    )


def explain_missing(path: str | Path) -> str:
    """Say what is wrong with a path that is not a file, and what was expected."""
    problem = "does not exist"
    if os.path.exists(path):
        problem = "has no images" if os.path.isdir(path) else "is not a file"
    return f"{path} {problem}: expected an image file, or a folder of them"


def _get_limit(image: Image.Image) -> int:
    plain = image.format != "WEBP" and "transparency" not in image.info
    return MAX_DECODED_PIXELS.get(image.mode, MAX_OTHER_PIXELS) if plain else MAX_OTHER_PIXELS


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
        return f"{name} is not an image that can be read, expected {', '.join(FORMATS)}: convert it"
    if isinstance(error, Image.DecompressionBombError):
        return f"{name} has far too many pixels, expected {MAX_DECODED_PIXELS['RGB']:,} at most"
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{name} is damaged ({reason}): copy or save it again"
