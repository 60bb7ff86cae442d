import hashlib

import numpy as np
import pytest

import data
from datasets import build_mnist

SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        path = tmp_path / "some.npz"
        np.savez(path, **arrays)
        return path

    return save


def images(n=20):
    return np.zeros((n, 28, 28), np.uint8)


def labels(n=20):
    return np.arange(n, dtype=np.uint8) % 10


def test_the_shipped_file_is_mnist_to_the_last_bit():
    with np.load(data.DATASET_PATH, allow_pickle=False) as arrays:
        found = {key: hashlib.sha256(arrays[key].tobytes()).hexdigest() for key in arrays}
        dtypes = {arrays[key].dtype.name for key in arrays}
    assert found == SHA256
    assert dtypes == {"uint8"}


def test_loading_gives_the_shapes_and_known_first_labels():
    x_train, y_train = data.load_train()
    x_test, y_test = data.load_test()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]


def test_normalize_maps_0_to_255_onto_0_to_1_as_float32():
    pixels = data.normalize(np.array([[0, 51, 255]], np.uint8))
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [[0, 0.2, 1]], rtol=1e-7)


def test_validation_split_is_stratified_disjoint_and_complete():
    y = np.repeat(np.arange(10), [600, 60, 120, 240, 360, 480, 120, 60, 60, 300])
    x = np.arange(len(y))
    (x_train, y_train), (x_val, y_val) = data.split_validation(x, y)
    assert sorted([*x_train, *x_val]) == x.tolist()
    assert np.bincount(y_val).tolist() == [50, 5, 10, 20, 30, 40, 10, 5, 5, 25]
    assert (y[x_train] == y_train).all()
    assert (y[x_val] == y_val).all()


def test_validation_split_of_mnist_holds_5000_images_out():
    y = data.load_train()[1]
    _, (_, y_val) = data.split_validation(np.arange(len(y)), y)
    assert len(y_val) == 5000


def test_the_same_seed_splits_the_same_and_another_does_not():
    x, y = np.arange(240), np.arange(240) % 10
    first, again, other = (data.split_validation(x, y, seed=seed)[1][0] for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_too_few_images_to_split_are_an_error():
    with pytest.raises(ValueError, match="too few"):
        data.split_validation(images(10), labels(10))


def test_each_half_loads_without_the_other(save):
    path = save(x_train=images(), y_train=labels())
    assert len(data.load_train(path)[0]) == 20
    with pytest.raises(ValueError, match="x_test and y_test"):
        data.load_test(path)


def test_wrong_arrays_are_refused(save):
    for x, y, message in (
        (images().astype(complex), labels(), "complex128.*expected numbers"),
        (images(0), labels(0), "empty"),
        (images(), labels() + 1, "from 1 to 10"),
    ):
        with pytest.raises(ValueError, match=message):
            data.load_train(save(x_train=x, y_train=y))


def test_a_missing_file_or_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        data.load_train(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="is a folder without images"):
        data.load_train(tmp_path)


def test_what_is_converted_is_printed_in_one_line(save, capsys):
    path = save(x_test=images(5).reshape(5, 784), y_test=labels(5))
    assert data.load_test(path)[0].shape == (5, 28, 28)
    assert capsys.readouterr() == (f"Converted {path}: 5 images from rows of 784 pixels.\n", "")
    data.load_test()
    assert capsys.readouterr() == ("", "")


def test_what_is_off_is_warned_of_on_stderr(save, capsys):
    x, y = (each[:100] for each in data.load_test())
    transposed = save(x_test=x.swapaxes(1, 2), y_test=y)
    found = data.load_test(transposed)[0]
    printed = capsys.readouterr()
    assert printed.err.startswith(f"warning: {transposed}: the released network recognizes ")
    assert printed.err.endswith("transposed: add --transpose\n")
    mended = data.load_test(transposed, transpose=True)[0]
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(mended, x)
    np.testing.assert_array_equal(found, x.swapaxes(1, 2))
    assert data.load_test(None, transpose=True)[0].shape == (10000, 28, 28)
    assert capsys.readouterr().err.endswith("transposed: leave --transpose out\n")


def test_images_without_labels_are_refused_with_the_way_to_predict_them(save):
    with pytest.raises(ValueError, match=r"has no labels.*predict\.py --data .* --csv"):
        data.load_test(save(x_test=images()))


def test_keras_serves_mnist_when_the_shipped_file_is_missing(monkeypatch, tmp_path):
    from digits.keras_quietly import keras

    parts = (images(30), labels(30)), (images(10), labels(10))
    monkeypatch.setattr(data, "DATASET_PATH", tmp_path / "gone.npz")
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: parts)
    assert len(data.load_train()[0]) == 30
    assert len(data.load_test()[0]) == 10

    def no_network():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", no_network)
    with pytest.raises(OSError, match=r"URL fetch failure.*restore the file"):
        data.load_train()


def test_the_digest_depends_on_every_pixel_and_label():
    changed_image, changed_label = images(), labels()
    changed_image[3, 4, 5] = 1
    changed_label[7] = 0
    digests = {
        data.digest(images(), labels()),
        data.digest(changed_image, labels()),
        data.digest(images(), changed_label),
    }
    assert len(digests) == 3
    assert data.digest(images(), labels()) == data.digest(images(), labels().astype(np.int64))


def test_building_mnist_refuses_other_idx_files(tmp_path):
    for name in build_mnist.IDX_FILES:
        (tmp_path / name).write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match="SHA-256"):
        build_mnist.read_idx_files(tmp_path)
