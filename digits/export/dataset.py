"""The images that exported files are checked with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """What files are checked with.

    Attributes:
        representatives: uint8 array of shape (n, 28, 28): training images.
        images: uint8 array of shape (n, 28, 28): test images.
        labels: their digits, integers of shape (n,).
    """

    representatives: np.ndarray
    images: np.ndarray
    labels: np.ndarray
