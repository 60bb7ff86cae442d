"""`.npz` files: Keras's four arrays, KMNIST's one array a file, and other shapes and dtypes."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from digits.datasets import open_part

LABELS = np.arange(20) % 10
ONE_HOT = np.eye(10)[LABELS]


@pytest.fixture
def images(mnist):
    return mnist[0][:20]


def save(path, x, y=LABELS):
    np.savez(path, x_train=x, y_train=y)
    return path


def test_one_array_a_file_finds_its_labels(tmp_path, mnist):
    for part in ("train", "test"):
        for kind, values in (("imgs", mnist[0]), ("labels", mnist[1].astype(np.uint8))):
            np.savez_compressed(tmp_path / f"kmnist-{part}-{kind}.npz", values)
    for path, part in (
        (tmp_path, "train"),
        (tmp_path, "test"),
        (tmp_path / "kmnist-train-imgs.npz", "train"),
    ):
        opened = open_part(path, part)
        assert "2,500 images from one array a file" in opened.note
        found = opened.load()
        np.testing.assert_array_equal(found[0], mnist[0])
        np.testing.assert_array_equal(found[1], mnist[1])
    with pytest.raises(ValueError, match="holds labels, expected images"):
        open_part(tmp_path / "kmnist-test-labels.npz", "test")
    (tmp_path / "kmnist-test-labels.npz").unlink()
    assert not open_part(tmp_path, "test").has_labels


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda x: x, None),
        (lambda x: x / 255, "pixels from 0 to 1"),
        (lambda x: (x / 255).astype(np.float16), "pixels from 0 to 1"),
        (lambda x: x.astype(np.float32), "float32 pixels"),
        (lambda x: x.astype(">i8"), "int64 pixels"),
        (lambda x: x.reshape(-1, 784), "rows of 784 pixels"),
        (lambda x: x[..., None], "images with a channel axis"),
        (lambda x: x[:, None] / 255, "pixels from 0 to 1, images with a channel axis"),
        (np.asfortranarray, None),
        (lambda x: x.reshape(-1, 784).T.copy().T / 255, "pixels from 0 to 1, rows of 784 pixels"),
    ],
)
def test_other_images_are_converted_and_named(tmp_path, images, change, note):
    path = save(tmp_path / "a.npz", change(images))
    part = open_part(path, "train")
    assert part.note == (f"Converted {path}: 20 images from {note}." if note else "")
    found, labels = part.load()
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images)
    assert labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("values", [np.float32([0, 1]), np.uint8([0, 1]), np.array([False, True])])
def test_binary_images_are_black_and_white(tmp_path, images, values):
    part = open_part(save(tmp_path / "a.npz", values[(images > 127).astype(int)]), "train")
    assert part.note.endswith("20 images from pixels of 0 and 1.")
    np.testing.assert_array_equal(part.load()[0], np.where(images > 127, 255, 0))


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (LABELS.astype(np.uint8), None),
        (LABELS.astype(float), "labels that are floats"),
        (LABELS[:, None], "a column of labels"),
        (ONE_HOT, "one-hot labels"),
        (ONE_HOT.astype(bool), "one-hot labels"),
        (np.asfortranarray(ONE_HOT), "one-hot labels"),
    ],
)
def test_other_labels_are_converted_and_named(tmp_path, images, labels, note):
    path = save(tmp_path / "a.npz", images, labels)
    part = open_part(path, "train")
    assert part.note == (f"Converted {path}: 20 images from {note}." if note else "")
    found = part.load()[1]
    assert found.dtype == np.int32
    assert found.tolist() == LABELS.tolist()


def test_labels_in_fortran_order_go_with_images_in_blocks(tmp_path, mnist):
    one_hot = np.asfortranarray(np.eye(10)[mnist[1]])
    for x in (mnist[0], np.asfortranarray(mnist[0])):
        for y in (one_hot, mnist[1]):
            found = open_part(save(tmp_path / "a.npz", x, y), "train").load()
            np.testing.assert_array_equal(found[0], mnist[0])
            np.testing.assert_array_equal(found[1], mnist[1])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (lambda x: x / 127.5 - 1, LABELS, "pixels from -1 to 1, expected 0 to 255, or 0 to 1"),
        (lambda x: x.astype(int) * 257, LABELS, "to 65535, expected 0 to 255"),
        (lambda x: x / 255 * np.nan, LABELS, "nan"),
        (lambda x: np.full(x.shape, np.inf), LABELS, "inf"),
        (lambda x: x.astype(complex), LABELS, "complex128"),
        (lambda x: np.stack([x] * 3, -1), LABELS, r"\(20, 28, 28, 3\), expected numbers of shape"),
        (lambda x: x[:, ::2, ::2], LABELS, r"\(20, 14, 14\)"),
        (lambda x: x[0], LABELS, r"\(28, 28\)"),
        (lambda x: x, LABELS + 0.5, r"the label 0\.5"),
        (lambda x: x, LABELS + 1, "labels from 1 to 10, expected 0 to 9"),
        (lambda x: x, ONE_HOT * 0.5, "not one-hot"),
        (lambda x: x, ONE_HOT + ONE_HOT[::-1], "not one-hot"),
        (lambda x: x, np.eye(26)[LABELS], r"\(20, 26\), expected integers"),
        (lambda x: x, np.array(list("abcdefghij" * 2)), "<U1"),
        (lambda x: x, LABELS[:19], "20 images in .* but 19 labels"),
        (lambda x: x.astype(np.uint16) * 3, LABELS, "to 765"),
    ],
)
def test_what_is_ambiguous_or_other_is_refused(tmp_path, images, x, y, message):
    path = save(tmp_path / "a.npz", x(images), y)
    with pytest.raises(ValueError, match=message) as error:
        open_part(path, "train").load()
    assert str(path) in str(error.value)


def test_objects_are_refused_without_the_hint_to_load_them(tmp_path, images):
    objects = np.empty(20, object)
    objects[:] = list(images)
    for x, y in ((objects, LABELS), (images, LABELS.astype(object))):
        with pytest.raises(ValueError, match="holds Python objects") as error:
            open_part(save(tmp_path / "a.npz", x, y), "train")
        assert "pickle" not in str(error.value)


def test_a_file_without_the_keys_is_refused_with_what_it_has(tmp_path, images):
    path = tmp_path / "a.npz"
    np.savez(path, images=images, labels=LABELS)
    with pytest.raises(ValueError, match=r"no arrays x_test and y_test but images, labels"):
        open_part(path, "test")
    np.savez(path, x_train=images)
    assert not open_part(path, "train").has_labels
    with pytest.raises(ValueError, match="no arrays x_test and y_test but x_train"):
        open_part(path, "test")


def test_damaged_files_are_refused(tmp_path, images):
    path = save(tmp_path / "a.npz", images)
    content = path.read_bytes()
    member = io.BytesIO()
    with zipfile.ZipFile(member, "w") as archive:
        archive.writestr("x_train.npy", pickle.dumps(images))
        archive.writestr("y_train.npy", b"")
    damaged = [
        content[: len(content) // 2],
        content[:60] + b"\xff" * 200 + content[260:],
        content[:500] + b"\xff" * 200 + content[700:],
        member.getvalue(),
        b"",
        b"PK",
    ]
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(ValueError, match=r"damaged|is empty") as error:
            open_part(path, "train").load()
        assert "pickle" not in str(error.value)


def test_an_array_that_ends_early_is_refused(tmp_path, images):
    stored = io.BytesIO()
    np.save(stored, images)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", stored.getvalue()[:-1])
    with pytest.raises(ValueError, match="ends after 19 of 20 rows"):
        open_part(path, "train").load()
