"""Opens photos: any common format, any colours, upright, in bounded memory."""

import math
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from digits.stderr import caught_stderr

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 2_000_000  # of what is kept: enough for 60 lines of digits on a page
MAX_SIDE = 10_000  # pixels of what is kept
# So that none takes much more than 300 MB (tests/test_photos.py): plain pixels may be more than
# those with alpha or 16 bits. JPEG files, unless progressive, are shrunk as they are read.
MAX_DECODED_PIXELS = {"1": 40_000_000, "L": 40_000_000, "RGB": 40_000_000}
MAX_OTHER_PIXELS = 16_000_000
# What EXIF's orientations ask for.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def find(paths):
    """Find the image files meant: files as given, of folders all images in them, sorted.

    Args:
        paths: names of files and folders.

    Returns:
        list of `Path`, among them what does not exist, and folders without images or permission:
        `load` says what is wrong with them.
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


def load(path):
    """Load a photo, turned as its EXIF data say, in grey or colour, on white where transparent.

    Of an animation it is the first frame. JPEG files are shrunk while they are decoded.

    Args:
        path: an image file.

    Returns:
        `(photo, scale)`: uint8 array of shape (height, width, 3) of at most `MAX_PIXELS` pixels,
        and how many pixels of the file a pixel of it is wide, at least 1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image, damaged, or too large.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(explain_missing(path))
    try:
        # A file, not its name: of that Pillow maps plain TIFFs, and garbles turned ones. libtiff
        # writes to stderr of its own accord.
        with open(path, "rb") as file, caught_stderr():
            return decode(file, path)
    except PermissionError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): change its permissions"
        ) from None


def decode(file, name):
    """Decode an image file; otherwise as `load`.

    Args:
        file: binary file, from which Pillow may read what it likes.
        name: what to call it in errors.
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
                    return np.asarray(photo), max(1.0, longer_side / max(photo.size))
    except Exception as error:  # a damaged file can make Pillow raise nearly anything
        raise ValueError(_explain(name, error, is_empty=not file.seek(0, os.SEEK_END))) from None
    raise ValueError(
        f"{name} has {num_pixels:,} pixels, expected at most {limit:,}: save it smaller, or as JPEG"
    )


def explain_missing(path):
    """Say what is wrong with a path that is no file."""
    problem = "does not exist"
    if os.path.exists(path):
        problem = "has no images" if os.path.isdir(path) else "is not a file"
    return f"{path} {problem}: expected an image file, or a folder of them"


def _get_limit(image):
    plain = image.format != "WEBP" and "transparency" not in image.info
    return MAX_DECODED_PIXELS.get(image.mode, MAX_OTHER_PIXELS) if plain else MAX_OTHER_PIXELS


def _fit(size):
    shrink = max(1.0, math.sqrt(math.prod(size) / MAX_PIXELS), max(size) / MAX_SIDE)
    return tuple(max(1, int(side / shrink)) for side in size)


def _shrink(image):
    """Shrink before anything else, so that all that follows needs little memory."""
    image.load()  # which may turn it already
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data spoil no photo
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


def _flatten(image):
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _explain(name, error, is_empty):
    if is_empty:
        return f"{name} is empty, expected an image: copy or save it again"
    if isinstance(error, UnidentifiedImageError):
        return f"{name} is no image that can be read, expected {', '.join(FORMATS)}: convert it"
    if isinstance(error, Image.DecompressionBombError):
        return f"{name} has far too many pixels, expected {MAX_DECODED_PIXELS['RGB']:,} at most"
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{name} is damaged ({reason}): copy or save it again"
