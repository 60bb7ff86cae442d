"""Reads more photos than one computer should: archives of scans, on a Dask cluster."""
