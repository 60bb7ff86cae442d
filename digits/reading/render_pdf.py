"""Renders the pages of a PDF file, run as a program of its own.

`digits.reading.pdf` starts it, so that it can end it: a few bytes of a PDF file that was made to do
harm can keep PDFium busy for hours, or fill the memory, and nothing else stops that. It imports
nothing of this package, so that it starts in a tenth of a second.

Its one argument is the file. For each line on stdin, the index of a page, it writes an answer to
stdout: a line of JSON, and then the pixels, if it has any. The first answer, without a question,
says how many pages there are.
"""

import io
import json
import math
import sys
import warnings
from typing import IO, Any

from PIL import Image

MAX_PIXELS = 2_000_000  # of a rendered page, as of photos
MAX_SIDE = 10_000  # pixels
MAX_BYTES = 1_500_000_000  # of memory; twice what the largest pages need that were tried
POINTS_AN_INCH = 72
MAX_DOTS_PER_INCH = 300  # of small pages; one of A4 has 144 at MAX_PIXELS
MIN_SCAN_AREA = 0.8  # of a page, which the one image on it covers if the page is a scan
# Sides of a PDF page in points: the largest is that of the format's description, 200 inches.
PAGE_SIDES = 1, 14_400
# Of an image on a PDF page: PDFium reads most kinds row by row, but JPEG 2000 and progressive JPEG
# whole, also if they are larger than the PDF file says, and then it does not even shrink them.
MAX_IMAGE_PIXELS, MAX_HIDDEN_PIXELS = 80_000_000, 16_000_000


def main() -> None:
    """Answer questions until there are no more."""
    limit_memory()
    import pypdfium2

    with open(sys.argv[1], "rb") as file:
        try:
            pdf = pypdfium2.PdfDocument(file)
        except Exception as error:
            if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
                answer({"problem": "is protected by a password: save it without one"})
            else:
                answer({"damage": describe(error)})
            return
        answer({"num_pages": len(pdf)})
        for line in sys.stdin:
            try:
                answer(*render(pdf, int(line)))
            except Exception as error:
                answer({"damage": describe(error)})


def limit_memory() -> None:
    """Let this process have no more than `MAX_BYTES`, where the operating system can do that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))


def answer(content: dict[str, Any], pixels: bytes = b"") -> None:
    """Write an answer to stdout, with the number of bytes that follow."""
    line = json.dumps(content | {"num_bytes": len(pixels)})
    sys.stdout.buffer.write(line.encode() + b"\n" + pixels)
    sys.stdout.buffer.flush()


def describe(error: Exception) -> str:
    """Describe what is damaged, in a few words on one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def render(pdf: Any, index: int) -> tuple[dict[str, Any], bytes]:
    """Render a page.

    Args:
        pdf: `pypdfium2.PdfDocument`.
        index: of the page, from 0.

    Returns:
        `shape` of the pixels, at most `MAX_PIXELS` in RGB, and `scale`, points to a pixel; and the
        pixels. Of a page that is refused, `problem` only.
    """
    page = pdf.get_page(index)
    try:
        sides = page.get_size()
        problem = find_problem(page)
        if problem:
            return {"problem": problem}, b""
        # Less what rounding up may add.
        scale = min(
            math.sqrt((MAX_PIXELS - 2 * MAX_SIDE) / math.prod(sides)),
            (MAX_SIDE - 1) / max(sides),
            MAX_DOTS_PER_INCH / POINTS_AN_INCH,
            measure_scan(page),
        )
        bitmap = page.render(scale=scale, rev_byteorder=True)
        try:
            image = bitmap.to_pil().convert("RGB")
            shape = image.height, image.width, 3
            return {"shape": shape, "scale": 1 / scale}, image.tobytes()
        finally:
            bitmap.close()
    finally:
        page.close()


def find_problem(page: Any) -> str:
    """Say why a page is not rendered: it or an image on it is too large; "" if it may be."""
    from pypdfium2 import raw

    width, height = page.get_size()
    smallest, largest = PAGE_SIDES
    if not (smallest <= width <= largest and smallest <= height <= largest):
        return (
            f"is {width:.4g} x {height:.4g} points large, expected sides of {smallest} to "
            f"{largest:,}: print it to a PDF file of A4 pages"
        )
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        num_pixels, limit = math.prod(image.get_px_size()), MAX_IMAGE_PIXELS
        filters = image.get_filters()
        if filters and filters[-1] in ("DCTDecode", "DCT", "JPXDecode"):
            num_decoded = count_pixels(io.BytesIO(image.get_data(decode_simple=True)))
            if num_decoded > num_pixels:
                num_pixels, limit = num_decoded, MAX_HIDDEN_PIXELS
        if num_pixels > limit:
            return (
                f"has an image of {num_pixels:,} pixels, expected at most {limit:,}: scan it "
                "with fewer dots per inch"
            )
    return ""


def measure_scan(page: Any) -> float:
    """Measure the pixels per point of a page that is one image; infinite if it is more than that.

    Drawn larger than it is, a photo of a page is read less well.
    """
    objects = []
    for each in page.get_objects(max_depth=1):
        objects.append(each)
        if len(objects) > 1:
            return math.inf
    if not objects or not hasattr(objects[0], "get_px_size"):
        return math.inf
    left, bottom, right, top = objects[0].get_bounds()
    area = (right - left) * (top - bottom)
    if area < MIN_SCAN_AREA * math.prod(page.get_size()):
        return math.inf
    # PDFium's edges are rounded to 32 bits, and pixels are rounded up.
    return math.sqrt(math.prod(objects[0].get_px_size()) / area) * (1 - 1e-5)


def count_pixels(content: IO[bytes]) -> int:
    """Count the pixels of a JPEG or JPEG 2000 file as its header says; 0 if it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(content, formats=("JPEG", "JPEG2000")) as image:
                return math.prod(image.size)
    except Image.DecompressionBombError:
        return 2 * (Image.MAX_IMAGE_PIXELS or 0)
    except Exception:  # PDFium cannot decode it either
        return 0


if __name__ == "__main__":
    main()
