"""The page to draw digits and read photos on."""

from digits.web.server import serve

__all__ = ["serve"]
