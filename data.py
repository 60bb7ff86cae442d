"""Loads MNIST, or a dataset of your own (read by `digits.datasets`), normalizes and splits it."""

import hashlib
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digits.datasets import Part, find_problem, open_part

DATASET_PATH = Path(__file__).parent / "datasets" / "mnist.npz"
# 5,000 of MNIST's 60,000. The split has its own fixed seed, so that runs with different seeds are
# scored on the same images, and no image is held out in one run and trained on in another that
# the first learns from.
VALIDATION_FRACTION = 1 / 12
SPLIT_SEED = 0


def load_train(
    path: str | Path | None = None, transpose: bool = False, invert: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Load the training images and labels, converted to MNIST's form where they have another.

    Prints what was converted, and on stderr a warning where the images or labels look wrong.

    Args:
        path: a file or folder in one of the forms that docs/data.md lists; None for MNIST.
        transpose: exchange rows and columns of each image.
        invert: exchange black and white.

    Returns:
        `(images, labels)`: uint8 of shape (n, 28, 28), 0-255, and int32 of shape (n,), 0-9.

    Raises:
        ValueError: it is not such a dataset, or has no labels.
        OSError: it cannot be read.
    """
    return _load(path, "train", transpose, invert)


def load_test(
    path: str | Path | None = None, transpose: bool = False, invert: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Load the test images and labels; otherwise as `load_train`."""
    return _load(path, "test", transpose, invert)


def open_test(path: str | Path, transpose: bool = False, invert: bool = False) -> Part:
    """Open the test images, with labels or without, to be read block by block.

    Prints what is to be converted; arguments and errors are those of `load_test`.
    """
    part = open_part(path, "test", transpose, invert)
    if part.note:
        print(part.note)
    return part


def warn(path: str | Path, images: np.ndarray, labels: np.ndarray | None, part: Part) -> None:
    """Print a warning on stderr if images or labels of `path` look wrong to a released network."""
    given = {"--transpose": part.transpose, "--invert": part.invert}
    problem = find_problem(images, labels, given)
    if problem:
        print(f"warning: {path}: {problem}", file=sys.stderr)


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


def _load(path, name, transpose, invert):
    if path is None and not DATASET_PATH.exists():
        return _load_from_keras(name)
    part = open_part(path or DATASET_PATH, name, transpose, invert)
    if not part.has_labels:
        raise ValueError(
            f"{path} has no labels, expected one for each image: python predict.py --data {path} "
            "--csv answers.csv predicts them"
        )
    if part.note:
        print(part.note, flush=True)
    # Shown where it takes more than three seconds, such as for thousands of photos.
    with tqdm(total=len(part), unit="image", disable=None, delay=3, leave=False) as bar:
        images, labels = part.load(bar.update)
    if path or transpose or invert:
        warn(path or DATASET_PATH, images, labels, part)
    return images, labels


def _load_from_keras(name):
    from digits.keras_quietly import keras

    print(f"{DATASET_PATH} is missing; using keras.datasets.mnist (cached, or downloaded once).")
    try:
        train, test = keras.datasets.mnist.load_data()
    except Exception as error:  # whatever the download fails with
        raise OSError(
            f"{DATASET_PATH} is missing and Keras could not download MNIST ({error}): "
            "restore the file with git checkout datasets/mnist.npz"
        ) from None
    images, labels = train if name == "train" else test
    return images, labels.astype(np.int32)
