"""Images of digits in the forms that datasets come in: `open_part(path, "train").load()`."""

from digits.datasets.check import find_problem
from digits.datasets.part import Part, open_part

__all__ = ["Part", "find_problem", "open_part"]
