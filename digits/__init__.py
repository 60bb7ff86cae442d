"""Reads handwritten digits: networks, their training and evaluation, a reader for photos, a page."""
