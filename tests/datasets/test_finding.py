"""What a name given to `--data` stands for."""

import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from digits.datasets import open_part
from tests.conftest import damaged_files
from tests.datasets.conftest import make_idx, write_csv, write_idx_folder


def make_files():
    """Small files of each form: name -> content."""
    images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3)
    images[:, 9:20, 14] = 255
    found = {"idx": make_idx(images), "idx.gz": gzip.compress(make_idx(images / 255, ">f4"))}
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, x_train=images / 255, y_train=np.eye(10)[labels])
        found[f"npz {save.__name__}"] = file.getvalue()
    rows = np.column_stack([labels, images.reshape(3, 784)]).tolist()
    found["csv"] = "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
    return found


def test_a_folder_of_two_csv_files_has_both_parts(tmp_path, mnist):
    write_csv(tmp_path / "train.csv", mnist[0][:30], mnist[1][:30])
    write_csv(tmp_path / "test.csv", mnist[0][:20])
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    train, test = (open_part(tmp_path, part) for part in ("train", "test"))
    assert (len(train), train.has_labels) == (30, True)
    assert (len(test), test.has_labels) == (20, False)


def test_a_lone_file_is_both_parts_and_says_so(tmp_path, mnist):
    path = write_csv(tmp_path / "all.csv", mnist[0][:30], mnist[1][:30])
    train, test = (open_part(path, part) for part in ("train", "test"))
    assert len(train) == len(test) == 30
    assert "All are taken as test images" in test.note
    assert "All are taken" not in train.note


def test_a_plain_file_comes_before_its_compressed_copy(tmp_path, mnist):
    write_idx_folder(tmp_path, mnist[0][:20], mnist[1][:20], suffix=".gz")
    write_idx_folder(tmp_path, mnist[0][:30], mnist[1][:30])
    assert len(open_part(tmp_path, "train")) == 30


def test_several_datasets_in_a_folder_are_refused(tmp_path, mnist):
    for split in ("digits", "mnist"):
        write_idx_folder(tmp_path, mnist[0][:5], mnist[1][:5], f"emnist-{split}-")
    with pytest.raises(ValueError, match="several datasets for training, emnist-digits-train"):
        open_part(tmp_path, "train")


def test_a_folder_with_none_is_refused(tmp_path):
    (tmp_path / "cats").mkdir()
    with pytest.raises(FileNotFoundError, match="is a folder without images for testing"):
        open_part(tmp_path, "test")


def test_what_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv does not exist: expected an \.npz"):
        open_part(tmp_path / "none.csv", "train")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"no archive", r"not a readable \.npz file"),
        ("train-images-idx3-ubyte", b"no idx", "not a readable IDX file"),
        ("a.npy", b"\x93NUMPY\x01\x00", "of another form"),
        ("a.pkl", b"\x80\x04\x95", "of another form"),
        ("a.mat", b"MATLAB 5.0", "no commas in its first line"),
        ("a.bin", bytes(50), "of another form"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv.gz", b"\x1f\x8b\x08\0", "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        open_part(path, "train")


@given(damaged_files(make_files()))
@settings(max_examples=300, deadline=None)
def test_whatever_is_damaged_is_refused_by_name_or_read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some file"
        path.write_bytes(content)
        try:
            images, labels = open_part(path, "train").load()
        except (ValueError, OSError) as error:
            assert str(path) in str(error) and "pickle" not in str(error)
        else:
            assert images.dtype == np.uint8 and images.shape[1:] == (28, 28)
            assert labels is None or set(labels) <= set(range(10))


def test_flags_change_the_images_and_are_named(tmp_path, mnist):
    path = write_csv(tmp_path / "a.csv", mnist[0][:5], mnist[1][:5])
    part = open_part(path, "train", transpose=True, invert=True)
    assert part.note.endswith("784 pixels, transposed, inverted.")
    np.testing.assert_array_equal(part.load()[0], 255 - mnist[0][:5].swapaxes(1, 2))


def test_progress_is_reported(tmp_path, mnist):
    counts = []
    open_part(write_csv(tmp_path / "a.csv", *mnist), "train").load(counts.append)
    assert counts == [1000, 1000, 500]
