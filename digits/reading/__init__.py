"""Reads the digits on photos of pages and on a canvas."""
