import json
from pathlib import Path

import numpy as np
import pytest

from digits.evaluation import ood
from digits.networks import Classifier


@pytest.mark.parametrize("kind", ood.KINDS)
def test_the_same_seed_makes_the_same_images(kind):
    images = ood.make_images(kind, 40, seed=1)
    assert images.shape == (40, 28, 28) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert (images.max(axis=(1, 2)) > 0.3).all()
    assert len({image.tobytes() for image in images}) == 40
    np.testing.assert_array_equal(images, ood.make_images(kind, 40, seed=1))
    assert (images != ood.make_images(kind, 40, seed=2)).any()


def test_letters_are_as_large_and_as_centred_as_mnists_digits():
    images = ood.make_images("letters", 100)
    rows, columns = np.indices((28, 28))
    for image in images:
        inked = np.argwhere(image > 0.3)
        height, width = inked.max(axis=0) - inked.min(axis=0) + 1
        assert 15 <= max(height, width) <= 26
        middle = (image * rows).sum() / image.sum(), (image * columns).sum() / image.sum()
        np.testing.assert_allclose(middle, 13.5, atol=3)


def test_no_letter_resembles_a_digit():
    assert not set(ood.LETTERS) & set("OoIlSsZzBbGgQqDiJj0123456789")


def test_shapes_are_filled_and_letters_are_strokes():
    shapes, letters = (ood.make_images(kind, 100) for kind in ("shapes", "letters"))
    assert (shapes > 0.2).mean() > 1.5 * (letters > 0.2).mean()
    assert np.unique(np.round(shapes, 2)).size > 50  # greys


def test_noise_is_from_fine_to_coarse():
    noise = ood.make_images("noise", 200)
    centred = noise - noise.mean(axis=(1, 2), keepdims=True)
    alike = (centred[:, 1:] * centred[:, :-1]).mean(axis=(1, 2)) / centred.var(axis=(1, 2))
    assert alike.min() < 0.1 and alike.max() > 0.9


def test_confidences_are_compared_with_those_on_digits():
    def engine(images):
        """Give every image the same confidence, 0.55."""
        return np.full((len(images), 10), 0.05, np.float32) + 0.5 * np.eye(10, dtype="f")[3]

    classifier = Classifier(engine, Path("a.keras"), {"threshold": 0.6})
    measured = ood.measure_ood(classifier, np.array([0.9, 0.8, 0.7, 0.1]))
    assert set(measured) == set(ood.KINDS)
    for row in measured.values():
        assert len(row.images) == len(row.confidences) == 1000
        assert row.auroc == 0.75  # three of four digits have a higher confidence
        assert row.auroc_interval[0] < 0.75 < row.auroc_interval[1]
        assert row.not_sure == 1
        assert set(json.loads(json.dumps(row.to_dict()))) == {"auroc", "auroc_interval", "not_sure"}
