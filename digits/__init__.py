"""Reads handwritten digits: networks, their training and evaluation, a reader for photos, a page."""

__version__ = "0.2.0"
