"""Opens photos: any common format, any colours, upright, in bounded memory."""

import math
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 2_000_000  # of what is kept: enough for 60 lines of digits on a page
MAX_DECODED_PIXELS = 64_000_000  # at 4 bytes a pixel 256 MB


def find(paths):
    """Find the image files meant: files as given, of folders all images in them, sorted.

    Args:
        paths: names of files and folders.

    Returns:
        list of `Path`; files that do not exist are among them, for `load` to report.

    Raises:
        ValueError: a folder has no images.
    """
    found = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not inside:
            raise ValueError(
                f"the folder {path} has no images, expected {', '.join(SUFFIXES)} files in it"
            )
        found += inside
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
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {problem}: expected an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, where our limit is lower, and of odd tags
            # A file, not its name: of that Pillow maps plain TIFFs, and garbles turned ones.
            with open(path, "rb") as file, Image.open(file, formats=FORMATS) as image:
                longer_side = max(image.size)
                image.draft(None, _fit(image.size))
                if math.prod(image.size) <= MAX_DECODED_PIXELS:
                    photo = _flatten(_shrink(image))
                    return np.asarray(photo), max(1.0, longer_side / max(photo.size))
    except Exception as error:  # a damaged file can make Pillow raise nearly anything
        raise ValueError(_explain(path, error)) from None
    raise ValueError(
        f"{path} has {math.prod(image.size):,} pixels, expected at most {MAX_DECODED_PIXELS:,}: "
        "save it smaller, or as JPEG"
    )


def _fit(size):
    shrink = max(1.0, math.sqrt(math.prod(size) / MAX_PIXELS))
    return tuple(max(1, int(side / shrink)) for side in size)


def _shrink(image):
    """Shrink before anything else, so that all that follows needs little memory."""
    image.load()  # which may turn it already
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
        values -= values.min()
        image = Image.fromarray((values * (255 / max(values.max(), 1e-6))).astype(np.uint8))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    # Boxes first, then the finer filter on what is left: exact enough, and fast.
    image = image.resize(_fit(image.size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _flatten(image):
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _explain(path, error):
    if isinstance(error, PermissionError):
        return f"{path} cannot be read ({error.strerror}): change its permissions"
    if path.stat().st_size == 0:
        return f"{path} is empty, expected an image: copy or save it again"
    if isinstance(error, UnidentifiedImageError):
        return f"{path} is no image that can be read, expected {', '.join(FORMATS)}: convert it"
    if isinstance(error, Image.DecompressionBombError):
        return f"{path} has more than {MAX_DECODED_PIXELS:,} pixels: save it smaller"
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"{path} is damaged ({reason}): copy or save it again"
