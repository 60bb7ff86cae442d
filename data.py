"""Loads MNIST, or any dataset in the same form, checked, normalized and split."""

import hashlib
from pathlib import Path

import numpy as np

from digits.mnist import IMAGE_SHAPE, NUM_CLASSES

DATASET_PATH = Path(__file__).parent / "datasets" / "mnist.npz"
# 5,000 of MNIST's 60,000. The split has its own fixed seed, so that runs with different seeds are
# scored on the same images, and no image is held out in one run and trained on in another that
# the first learns from.
VALIDATION_FRACTION = 1 / 12
SPLIT_SEED = 0


def load_train(path: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Load the training images and labels as they are stored.

    Args:
        path: an `.npz` file with Keras's keys (`x_train`, `y_train`); None for MNIST.

    Returns:
        `(images, labels)`: uint8 of shape (n, 28, 28), 0-255, and int32 of shape (n,), 0-9.

    Raises:
        ValueError: the file is not such a dataset.
        OSError: it cannot be read.
    """
    return _load(path, "train")


def load_test(path: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Load the test images and labels; otherwise as `load_train`, from `x_test`, `y_test`."""
    return _load(path, "test")


def normalize(images: np.ndarray) -> np.ndarray:
    """Scale pixels from 0-255 to 0-1.

    Args:
        images: uint8 array of any shape.

    Returns:
        float32 array of the same shape.
    """
    return np.asarray(images, np.float32) / np.float32(255)


def split_validation(
    images: np.ndarray,
    labels: np.ndarray,
    validation_fraction: float = VALIDATION_FRACTION,
    seed: int = SPLIT_SEED,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Split a stratified share off for validation: each digit gives the same share.

    Args:
        images: array of shape (n, ...).
        labels: integer array of shape (n,).
        validation_fraction: share held out, between 0 and 1.
        seed: the same seed gives the same split.

    Returns:
        `(x_train, y_train), (x_val, y_val)`.

    Raises:
        ValueError: there are too few images of a class to split.
    """
    # Late, because it takes half a second and `--help` should not.
    from sklearn.model_selection import train_test_split

    try:
        train, val = train_test_split(
            np.arange(len(labels)),
            test_size=validation_fraction,
            random_state=seed,
            stratify=labels,
        )
    except ValueError as error:
        raise ValueError(
            f"received {len(labels)} training images, too few to hold {validation_fraction:.1%} "
            f"of each digit out for validation ({error}): add images"
        ) from None
    return (images[train], labels[train]), (images[val], labels[val])


def digest(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 of a dataset's bytes as hexadecimal, to tell which data a model has seen."""
    sha256 = hashlib.sha256(np.ascontiguousarray(images))
    sha256.update(np.ascontiguousarray(labels, np.uint8))
    return sha256.hexdigest()


def _load(path, part):
    if path is None and not DATASET_PATH.exists():
        arrays = _load_from_keras(part)
        path = "keras.datasets.mnist"
    else:
        path = DATASET_PATH if path is None else Path(path)
        arrays = _read_npz(path, (f"x_{part}", f"y_{part}"))
    return _check(*arrays, part=part, path=path)


def _load_from_keras(part):
    from digits.keras_quietly import keras

    print(f"{DATASET_PATH} is missing; using keras.datasets.mnist (cached, or downloaded once).")
    try:
        train, test = keras.datasets.mnist.load_data()
    except Exception as error:  # whatever the download fails with
        raise OSError(
            f"{DATASET_PATH} is missing and Keras could not download MNIST ({error}): "
            "restore the file with git checkout datasets/mnist.npz"
        ) from None
    return train if part == "train" else test


def _read_npz(path, keys):
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {problem}: expected an .npz dataset file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = tuple(arrays[key] for key in keys)
            if not all(isinstance(array, np.ndarray) for array in found):
                raise ValueError("a member is no .npy array")
            return found
    except KeyError:
        raise ValueError(
            f"{path} has no arrays {keys[0]} and {keys[1]}: expected an .npz with the keys "
            "x_train, y_train, x_test, y_test"
        ) from None
    except Exception as error:  # zip, compression and header can each be damaged in their own way
        raise ValueError(
            f"{path} is not a readable .npz file of plain arrays ({error}): "
            "save it with numpy.savez_compressed"
        ) from None


def _check(images, labels, part, path):
    x, y = f"x_{part}", f"y_{part}"
    if images.dtype != np.uint8 or images.shape[1:] != IMAGE_SHAPE or images.ndim != 3:
        raise ValueError(
            f"{path}: {x} is {images.dtype} of shape {images.shape}, expected uint8 of shape "
            "(n, 28, 28): white on black, 0-255"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(
            f"{path}: {y} is {labels.dtype} of shape {labels.shape}, "
            "expected integers of shape (n,)"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{path}: {len(images)} images in {x} but {len(labels)} labels in {y}: "
            "expected one label for each image"
        )
    if len(images) == 0:
        raise ValueError(f"{path}: {x} is empty, expected at least one image")
    if labels.min() < 0 or labels.max() >= NUM_CLASSES:
        raise ValueError(
            f"{path}: {y} has labels from {labels.min()} to {labels.max()}, expected 0 to 9"
        )
    return images, labels.astype(np.int32)
