"""Reads the digits on photos of pages and on a canvas.

`Reader().read("note.jpg").text` is what a photo says; `digits.reading.canvas` reads drawings.
"""

from digits.reading.documents import load_pages, load_photo
from digits.reading.photos import Photo, find_photos
from digits.reading.reader import Reader
from digits.reading.region import Region
from digits.reading.results import Digit, Gap, Line, Number, Page, Sign, Table

__all__ = [
    "Digit",
    "Gap",
    "Line",
    "Number",
    "Page",
    "Photo",
    "Reader",
    "Region",
    "Sign",
    "Table",
    "find_photos",
    "load_pages",
    "load_photo",
]
