"""IDX files: MNIST's own form, and EMNIST's."""

import gzip
import struct

import numpy as np
import pytest

from digits.datasets import open_part
from tests.datasets.conftest import make_idx, write_idx_folder


@pytest.mark.parametrize("prefix", ["", "emnist-digits-"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_with_the_four_names_has_both_parts(tmp_path, mnist, prefix, suffix):
    images, labels = mnist
    folder = write_idx_folder(tmp_path, images, labels, prefix, suffix)
    for part in ("train", "test"):
        opened = open_part(folder, part)
        word = {"train": "train", "test": "t10k"}[part]
        path = folder / f"{prefix}{word}-images-idx3-ubyte{suffix}"
        assert opened.note == f"Converted {path}: 2,500 images from IDX files."
        found = opened.load()
        np.testing.assert_array_equal(found[0], images)
        np.testing.assert_array_equal(found[1], labels)


def test_the_names_of_emnists_test_files_are_known(tmp_path, mnist):
    for name, values in (("images-idx3", mnist[0]), ("labels-idx1", mnist[1])):
        (tmp_path / f"emnist-mnist-test-{name}-ubyte").write_bytes(make_idx(values))
    assert len(open_part(tmp_path, "test")) == 2500
    with pytest.raises(FileNotFoundError, match="without images for training"):
        open_part(tmp_path, "train")


def test_a_file_finds_its_labels_beside_it(tmp_path, mnist):
    folder = write_idx_folder(tmp_path, mnist[0][:30], mnist[1][:30])
    path = folder / "train-images-idx3-ubyte"
    assert open_part(path, "train").load()[1].tolist() == mnist[1][:30].tolist()
    (folder / "train-labels-idx1-ubyte").unlink()
    assert not open_part(path, "train").has_labels
    with pytest.raises(ValueError, match="holds 30 labels, expected images"):
        open_part(folder / "t10k-labels-idx1-ubyte", "train")


def test_other_types_are_converted(tmp_path, mnist):
    images = mnist[0][:20]
    path = tmp_path / "images.idx"
    path.write_bytes(make_idx(images / 255, ">f4"))
    part = open_part(path, "train")
    assert part.note.endswith("20 images from an IDX file, pixels from 0 to 1.")
    np.testing.assert_array_equal(part.load()[0], images)
    path.write_bytes(make_idx(images, ">i4"))
    np.testing.assert_array_equal(open_part(path, "train").load()[0], images)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (make_idx(np.zeros((5, 28, 28)))[:-1], "bytes, but 3,936 by its header"),
        (make_idx(np.zeros((5, 28, 28))) + b"\0", "bytes, but 3,936 by its header"),
        (gzip.compress(make_idx(np.zeros((5, 28, 28)))[:-1], mtime=0), "ends after 4 of 5 rows"),
        (gzip.compress(make_idx(np.zeros((5, 28, 28))), mtime=0)[:-20], "is damaged"),
        (make_idx(np.zeros((5, 28, 28)))[:9], "ends in its header"),
        (make_idx(np.zeros((5, 32, 32))), r"shape \(5, 32, 32\), expected"),
        (make_idx(np.zeros((0, 28, 28))), "is empty"),
        (make_idx(np.zeros((5, 28, 28)) - 3, "i1"), "pixels from -3 to -3"),
        (b"\0\0\x07\x03" + bytes(100), "is of another form"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "images.dat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        open_part(path, "train").load()


def test_as_many_labels_as_images_are_needed(tmp_path, mnist):
    folder = write_idx_folder(tmp_path, mnist[0][:30], mnist[1][:29])
    with pytest.raises(ValueError, match=r"30 images in .* but 29 labels in"):
        open_part(folder, "train")


def test_letters_are_refused(tmp_path, mnist):
    folder = write_idx_folder(tmp_path, mnist[0][:30], np.arange(30) % 26 + 1, "emnist-letters-")
    with pytest.raises(ValueError, match="labels from 1 to 26, expected 0 to 9"):
        open_part(folder, "train").load()


def test_what_a_bomb_announces_is_not_allocated(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    header = struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 28, 28)
    path.write_bytes(gzip.compress(header + bytes(8 * 10**6)))
    with pytest.raises(ValueError, match="4,294,967,295 images, expected at most 2,000,000"):
        open_part(path, "train").load()
    path.write_bytes(gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 1, 2**31, 2**31) + bytes(99)))
    with pytest.raises(ValueError, match=r"shape \(1, 2147483648, 2147483648\)"):
        open_part(path, "train")
