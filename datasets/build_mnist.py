"""Build mnist.npz from the four IDX files that MNIST was published as.

Usage: python datasets/build_mnist.py FOLDER_WITH_THE_IDX_FILES
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

# file name: (array name, header bytes, shape, SHA-256 of the whole file)
IDX_FILES = {
    "train-images-idx3-ubyte": (
        "x_train",
        16,
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        "y_train",
        8,
        (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        "x_test",
        16,
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        "y_test",
        8,
        (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def read_idx_files(folder):
    """Read the IDX files in `folder`, each checked against its SHA-256.

    Returns:
        dict of `x_train`, `y_train`, `x_test`, `y_test`, uint8 arrays.

    Raises:
        ValueError: a file is not the one MNIST was published as.
    """
    arrays = {}
    for name, (key, header_bytes, shape, sha256) in IDX_FILES.items():
        content = (Path(folder) / name).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ValueError(f"{name}: SHA-256 is {found}, expected {sha256}")
        arrays[key] = np.frombuffer(content, np.uint8, offset=header_bytes).reshape(shape)
    return arrays


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    np.savez_compressed(Path(__file__).with_name("mnist.npz"), **read_idx_files(sys.argv[1]))
