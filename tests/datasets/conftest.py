import gzip
import struct

import numpy as np
import pytest

import data

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


@pytest.fixture(scope="session")
def mnist():
    """The first 2,500 test images of MNIST, uint8, and their labels: more than two blocks."""
    images, labels = data.load_test()
    return images[:2500], labels[:2500]


def write_csv(path, images, labels=None, header=True, end="\n", quote=""):
    """A CSV file as Kaggle's digit recognizer has them."""
    columns = images.reshape(len(images), -1)
    names = [f"pixel{number}" for number in range(columns.shape[1])]
    if labels is not None:
        columns, names = np.column_stack([labels, columns]), ["label", *names]
    rows = ([names] if header else []) + columns.tolist()
    lines = [",".join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    path.write_text("".join(line + end for line in lines), newline="", encoding="utf-8")
    return path


def make_idx(values, code="u1"):
    values = np.asarray(values)
    header = struct.pack(f">HBB{values.ndim}I", 0, CODES[code], values.ndim, *values.shape)
    return header + values.astype(code).tobytes()


def write_idx_folder(folder, images, labels, prefix="", suffix=""):
    """The four files of MNIST, with the same images for training and testing."""
    compress = gzip.compress if suffix else bytes
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{prefix}{part}-{name}-ubyte{suffix}"
            path.write_bytes(compress(make_idx(values)))
    return folder
