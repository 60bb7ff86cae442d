"""Folders of images by class."""

import numpy as np
import pytest
from PIL import Image

from digits.datasets import class_folders, open_part
from digits.networks import load_classifier
from digits.networks.storage import RELEASED_MODELS
from tests.conftest import make_bomb


def write_folder(folder, images, labels, convert=lambda image: image, suffix=".png"):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        convert(Image.fromarray(image)).save(folder / str(label) / f"{number:04}{suffix}")
    return folder


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA"])
def test_images_of_28x28_pixels_are_taken_as_they_are(tmp_path, mnist, mode):
    images, labels = mnist[0][:120], mnist[1][:120]
    write_folder(tmp_path, images, labels, lambda image: image.convert(mode))
    part = open_part(tmp_path, "train")
    form = "image files in folders named by their digits"
    assert part.note == f"Converted {tmp_path}: 120 images from {form}."
    found, found_labels = part.load()
    order = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(found_labels, labels[order])
    np.testing.assert_array_equal(found, images[order])


def test_the_parts_may_have_folders_of_their_own(tmp_path, mnist):
    write_folder(tmp_path / "training", mnist[0][:30], mnist[1][:30])
    write_folder(tmp_path / "testing", mnist[0][30:40], mnist[1][30:40])
    assert [len(open_part(tmp_path, part)) for part in ("train", "test")] == [30, 10]


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: Image.fromarray(255 - np.asarray(image.resize((64, 64)))),
        lambda image: image.resize((90, 120)),
        lambda image: image.crop((3, 3, 25, 25)),
        lambda image: Image.fromarray(210 - np.asarray(image.resize((70, 70))) // 2),
    ],
    ids=["black on white", "white on black", "cropped", "grey on grey"],
)
def test_from_images_of_other_sizes_the_digit_is_cut_out(tmp_path, mnist, convert):
    images, labels = mnist[0][:60], mnist[1][:60]
    part = open_part(write_folder(tmp_path, images, labels, convert), "train")
    assert "(60 of other sizes than 28x28: digit cut out, white on black)" in part.note
    found, found_labels = part.load()
    classifier = load_classifier(RELEASED_MODELS / "dense.keras")
    predictions = classifier.probabilities(found / 255).argmax(axis=1)
    assert np.mean(predictions == found_labels) > 0.9


def test_ink_on_a_transparent_ground_is_on_white(tmp_path, mnist):
    images, labels = mnist[0][:20], mnist[1][:20]

    def convert(image):
        ink = Image.new("RGBA", image.size, "black")
        ink.putalpha(image)
        return ink

    found, _ = open_part(write_folder(tmp_path, images, labels, convert), "train").load()
    order = np.argsort(labels, kind="stable")
    np.testing.assert_allclose(found, 255 - images[order], atol=1)


def test_other_files_are_counted(tmp_path, mnist):
    write_folder(tmp_path, mnist[0][:10], mnist[1][:10])
    (tmp_path / str(mnist[1][0]) / "Thumbs.db").touch()
    (tmp_path / ".git").mkdir()
    part = open_part(tmp_path, "train")
    assert "(1 other file skipped)" in part.note and len(part) == 10


def test_other_classes_are_refused(tmp_path, mnist):
    write_folder(tmp_path, mnist[0][:10], mnist[1][:10])
    (tmp_path / "10").mkdir()
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="has the classes 10, a too, expected folders named 0 to"):
        open_part(tmp_path, "train")


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "3").mkdir()
    with pytest.raises(ValueError, match="no images in its folders 3"):
        open_part(tmp_path, "train")


def test_damaged_and_large_images_are_refused(tmp_path, mnist):
    write_folder(tmp_path, mnist[0][:1], mnist[1][:1])
    path = next(tmp_path.rglob("*.png"))
    content = path.read_bytes()
    for damaged in (b"", b"text", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"0000\.png is no readable image"):
            open_part(tmp_path, "train").load()
    make_bomb(path, 10_000)
    with pytest.raises(ValueError, match="more than 16,000,000 pixels"):
        open_part(tmp_path, "train").load()
    Image.fromarray(mnist[0][0].astype(np.uint16)).save(path)
    with pytest.raises(ValueError, match="of mode I;16, expected 8 bits"):
        open_part(tmp_path, "train").load()


def test_a_blank_image_is_black(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (50, 40), "white").save(path)
    assert not class_folders.read_image(path).any()
