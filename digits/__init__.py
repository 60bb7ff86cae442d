"""Reads handwritten digits: networks, their training and evaluation, a reader, a web page."""

__version__ = "0.2.0"
