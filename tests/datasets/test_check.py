"""Data that is off is noticed; data that is no digits is left alone."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from digits.datasets import check, find_problem

# Ten letters of other scripts, as KMNIST has ten of Japanese; matplotlib brings the font.
SCRIPTS = {
    "Georgian": "აბგდევზთიკ",
    "Armenian": "ԱԲԳԴԵԶԷԸԹԺ",
    "Greek": "αβγδεζηθικ",
    "Latin": "ABCDEFGHIJ",
}
# Outlines of clothes, as Fashion-MNIST has them: shirt, trousers, dress, shoe, bag, skirt.
CLOTHES = [
    [(7, 4), (21, 4), (26, 10), (22, 12), (21, 26), (7, 26), (6, 12), (2, 10)],
    [(9, 2), (19, 2), (20, 27), (15, 27), (14, 10), (13, 27), (8, 27)],
    [(11, 2), (17, 2), (18, 12), (22, 27), (6, 27), (10, 12)],
    [(2, 20), (12, 14), (26, 12), (26, 18), (24, 18), (20, 17), (2, 23)],
    [(4, 10), (9, 10), (10, 5), (18, 5), (19, 10), (24, 10), (24, 25), (4, 25)],
    [(7, 3), (21, 3), (27, 25), (1, 25)],
]


def draw_letters(letters, rng):
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    images, labels = [], rng.integers(0, 10, 400)
    for label in labels:
        image = Image.new("L", (28, 28))
        font = ImageFont.truetype(path, int(rng.integers(18, 25)))
        ImageDraw.Draw(image).text((14, 14), letters[label], 255, font, anchor="mm")
        images.append(np.asarray(image.rotate(rng.uniform(-12, 12), Image.Resampling.BILINEAR)))
    return np.stack(images), labels


def draw_clothes(rng):
    images, labels = [], rng.integers(0, len(CLOTHES), 400)
    for label in labels:
        image = Image.new("L", (28, 28))
        outline = [tuple(point + rng.integers(-1, 2, 2)) for point in np.array(CLOTHES[label])]
        ImageDraw.Draw(image).polygon(outline, fill=int(rng.integers(90, 255)))
        texture = 1 + ndimage.gaussian_filter(rng.normal(size=(28, 28)), 2)
        images.append(np.clip(np.asarray(image) * texture, 0, 255).astype(np.uint8))
    return np.stack(images), labels


@pytest.fixture(scope="module")
def others():
    """Datasets that are no digits: name -> images and labels."""
    rng = np.random.default_rng(0)
    found = {name: draw_letters(letters, rng) for name, letters in SCRIPTS.items()}
    blobs = ndimage.gaussian_filter(rng.normal(size=(400, 28, 28)), (0, 2, 2)) * 1500
    found["blobs"] = np.clip(blobs, 0, 255).astype(np.uint8), rng.integers(0, 10, 400)
    found["noise"] = rng.integers(0, 256, (400, 28, 28), np.uint8), rng.integers(0, 10, 400)
    found["blank"] = np.zeros((400, 28, 28), np.uint8), rng.integers(0, 10, 400)
    found["clothes"] = draw_clothes(rng)
    return found


def test_nothing_is_said_of_mnist(mnist):
    images, labels = mnist
    assert find_problem(images, labels) is None
    assert find_problem(images, None) is None
    order = np.argsort(labels, kind="stable")
    assert find_problem(images[order], labels[order]) is None


@pytest.mark.parametrize("share", [1, 0.1])
def test_nothing_is_said_of_other_images_whatever_their_labels(others, share):
    rng = np.random.default_rng(1)
    for name, (images, labels) in others.items():
        for each in (images, images.swapaxes(1, 2), 255 - images):
            chosen = rng.permutation(len(labels))[: int(share * len(labels))]
            assert find_problem(each[chosen], labels[chosen]) is None, name
            assert find_problem(each[chosen], rng.permutation(labels[chosen])) is None, name
            assert find_problem(each[chosen], None) is None, name


def transpose(images):
    return images.swapaxes(1, 2)


def invert(images):
    return 255 - images


def shift(images):
    return np.roll(images, (4, 4), (1, 2))


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        (transpose, "transposed: add --transpose"),
        (invert, "inverted: add --invert"),
        (lambda x: invert(transpose(x)), "transposed and inverted: add --transpose and --invert"),
        (shift, "with each centre of mass in the middle: centre the images"),
    ],
)
@pytest.mark.parametrize("num_images", [2500, 60])
def test_images_that_are_off_are_noticed_with_and_without_labels(mnist, change, mended, num_images):
    images, labels = change(mnist[0][:num_images]), mnist[1][:num_images]
    problem = find_problem(images, labels)
    assert problem.endswith(mended)
    assert f"of {min(num_images, 1000):,} images as they are, 9" in problem or "100" in problem
    assert find_problem(images, None).endswith(mended)


def test_the_figures_are_accuracies(mnist):
    images, labels = mnist[0][:400], mnist[1][:400]
    problem = find_problem(transpose(images), labels)
    classifier = check.load_classifier(check.RELEASED_MODELS / "dense.keras")
    accuracies = [
        np.mean(classifier.probabilities(each / np.float32(255)).argmax(axis=1) == labels)
        for each in (transpose(images), images)
    ]
    assert problem.startswith(
        f"the released network recognizes {accuracies[0]:.1%} of 400 images as they are, "
        f"{accuracies[1]:.1%} transposed"
    )


def test_flags_that_were_wrong_are_to_be_left_out(mnist):
    images, labels = mnist
    given = {"--transpose": True, "--invert": False}
    problem = find_problem(transpose(images), labels, given)
    assert problem.endswith("transposed: leave --transpose out")
    problem = find_problem(invert(transpose(images)), labels, given)
    assert problem.endswith("inverted: add --invert, leave --transpose out")


@pytest.mark.parametrize(
    "change", [lambda y: np.random.default_rng(0).permutation(y), lambda y: np.roll(y, 1)]
)
def test_labels_of_other_images_are_noticed(mnist, change):
    images, labels = mnist
    problem = find_problem(images, change(labels))
    assert "labels agree, as by chance: the labels are shuffled" in problem


def test_labels_by_other_names_are_noticed(mnist):
    images, labels = mnist
    problem = find_problem(images, (labels + 1) % 10)
    assert "if digits are labelled otherwise (0 as 1, 1 as 2" in problem
    assert problem.endswith("9 as 0): rename the labels")


def test_few_images_tell_nothing(mnist):
    assert find_problem(transpose(mnist[0][:19]), mnist[1][:19]) is None
    assert find_problem(mnist[0][:100], np.roll(mnist[1][:100], 1)) is None


def test_without_the_network_nothing_is_said(mnist, monkeypatch, tmp_path):
    monkeypatch.setattr(check, "RELEASED_MODELS", tmp_path)
    assert find_problem(transpose(mnist[0]), mnist[1]) is None
