"""The images that exported files are checked with."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from digits.mnist import IMAGE_SHAPE


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


def read_dataset(path: str | None) -> Dataset:
    """Read a dataset with Keras's keys.

    Args:
        path: an `.npz` file.

    Raises:
        ValueError: it is no such dataset.
        OSError: it cannot be read.
    """
    if not path or not os.path.isfile(path):
        raise FileNotFoundError(f"{path} does not exist: expected an .npz dataset file")
    keys = ("x_train", "x_test", "y_test")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            dataset = Dataset(*(arrays[key] for key in keys))
    except Exception as error:  # zip, compression and header can each be damaged in their own way
        raise ValueError(
            f"{path} is not an .npz file with the arrays {', '.join(keys)} ({error}): save it with "
            "numpy.savez_compressed"
        ) from None
    images, labels = dataset.images, dataset.labels
    if images.dtype != np.uint8 or images.shape != (len(labels), *IMAGE_SHAPE) or not len(labels):
        raise ValueError(
            f"{path}: x_test is {images.dtype} of shape {images.shape}, expected uint8 of shape "
            "(n, 28, 28), as many as there are labels"
        )
    return dataset
