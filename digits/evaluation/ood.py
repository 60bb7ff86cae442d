"""Makes out-of-distribution (OOD) images, which show no digit, and measures classifiers on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from digits.evaluation import calibration
from digits.evaluation.metrics import Interval
from digits.mnist import IMAGE_SHAPE
from digits.networks import Classifier
from digits.transforms import to_mnist, warp

SIDE = 112  # pixels to a side of the drawings, which are scaled down to 28
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
# Without those that resemble a digit, as B resembles 8.
LETTERS = "ACEFHKLMNPRTUVWXYadefhkmnprtuvwxy"
# Outlines of clothes, shoes and bags: corners as "x,y" in percent of the side.
OUTLINES = {
    "shirt": "35,15 45,20 55,20 65,15 92,35 82,48 72,40 72,88 28,88 28,40 18,48 8,35",
    "trousers": "30,10 70,10 76,90 56,90 50,38 44,90 24,90",
    "dress": "38,8 62,8 60,40 82,92 18,92 40,40",
    "shoe": "8,48 34,48 46,58 76,64 93,72 93,82 8,82",
    "boot": "36,10 64,10 64,62 90,74 90,88 36,88",
    "bag": "12,42 32,42 32,28 38,22 62,22 68,28 68,42 88,42 88,86 12,86 12,42 38,42 62,42 62,30 "
    "38,30 38,42",
}


def make_noise(num_images: int, rng: np.random.Generator) -> np.ndarray:
    """Make grey noise: white noise blurred by a sigma of 0 to 3 pixels."""
    noise = rng.normal(size=(num_images, *IMAGE_SHAPE))
    for image, sigma in zip(noise, rng.uniform(0, 3, num_images), strict=True):
        image[:] = ndimage.gaussian_filter(image, sigma)
    low, high = noise.min(axis=(1, 2), keepdims=True), noise.max(axis=(1, 2), keepdims=True)
    return (noise - low) / (high - low)


def make_letters(num_images: int, rng: np.random.Generator) -> np.ndarray:
    """Draw letters in the fonts that come with Matplotlib, in the form of MNIST's digits."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fonts = [ImageFont.truetype(folder / name, 80) for name in FONTS]
    images = []
    for _ in range(num_images):
        page = Image.new("L", (SIDE, SIDE))
        letter, font = str(rng.choice(list(LETTERS))), fonts[rng.integers(len(fonts))]
        ImageDraw.Draw(page).text((SIDE / 2, SIDE / 2), letter, fill=255, font=font, anchor="mm")
        images.append(to_mnist.to_mnist(np.asarray(page) / 255)[0])
    return _warp(images, rng)


def make_shapes(num_images: int, rng: np.random.Generator) -> np.ndarray:
    """Draw clothes, shoes and bags filled with greys, similar to Fashion-MNIST."""
    pages = []
    for _ in range(num_images):
        outline = OUTLINES[str(rng.choice(list(OUTLINES)))]
        corners = np.array([pair.split(",") for pair in outline.split()], float) * SIDE / 100
        page = Image.new("L", (SIDE, SIDE))
        grey = int(rng.integers(90, 256))
        ImageDraw.Draw(page).polygon(list(map(tuple, corners)), fill=grey)
        shade = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(2, 12))
        shade = 1 + 0.25 * shade / shade.std()
        pages.append(Image.fromarray(np.clip(page * shade, 0, 255).astype(np.uint8)))
    size = IMAGE_SHAPE[::-1]
    images = [np.asarray(page.resize(size, Image.Resampling.BOX)) / 255 for page in pages]
    return _warp(images, rng)


KINDS = {"noise": make_noise, "letters": make_letters, "shapes": make_shapes}


def make_images(kind: str, num_images: int = 1000, seed: int = 0) -> np.ndarray:
    """Make images that show no digit.

    Args:
        kind: key of `KINDS`.
        num_images: how many.
        seed: the same seed gives the same images.

    Returns:
        float32 array of shape (num_images, 28, 28), 0 paper to 1 ink.
    """
    return np.asarray(KINDS[kind](num_images, np.random.default_rng(seed)), np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class OutOfDistribution:
    """A classifier's confidence on images of one kind that show no digit.

    Attributes:
        images: float32 array of shape (n, 28, 28), 0 to 1.
        confidences: float32 array of shape (n,), largest probabilities.
        auroc: probability that a digit has a higher confidence than such an image.
        auroc_interval: its 95% interval (bootstrap).
        not_sure: share of these images with a confidence below the classifier's threshold.
    """

    images: np.ndarray
    confidences: np.ndarray
    auroc: float
    auroc_interval: Interval
    not_sure: float

    def to_dict(self) -> dict[str, Any]:
        """Convert the numbers, without the arrays, to a dict ready for JSON."""
        return {
            "auroc": self.auroc,
            "auroc_interval": self.auroc_interval,
            "not_sure": self.not_sure,
        }


def measure_ood(classifier: Classifier, confidences: np.ndarray) -> dict[str, OutOfDistribution]:
    """Compare a classifier's confidence on digits with that on images that show none.

    Args:
        classifier: a trained classifier.
        confidences: floats of shape (n,), its confidences on digits; n at least 2.

    Returns:
        The comparison with each of `KINDS`.
    """
    measured = {}
    for kind in KINDS:
        images = make_images(kind)
        outside = classifier.probabilities(images).max(axis=1)
        auroc, interval = calibration.measure_auroc(confidences, outside)
        not_sure = float((outside < classifier.threshold).mean())
        measured[kind] = OutOfDistribution(images, outside, auroc, interval, not_sure)
    return measured


def _warp(images, rng):
    warps = warp.random_warps(rng, len(images))
    return np.asarray(warp.warp_images(np.array(images, np.float32), warps))
