import numpy as np
import pytest

import data
from digits.networks import load_classifier
from digits.networks.storage import RELEASED_MODELS
from digits.training import rejection


def test_drawings_are_in_mnists_format_and_repeat():
    first, again = (rejection.draw_others(40, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (40, 28, 28) and first.dtype == np.float32
    assert first.min() == 0 and (first.max(axis=(1, 2)) > 0.5).all()
    assert len(np.unique(first.reshape(40, -1), axis=0)) == 40


def test_each_kind_of_drawing_can_be_drawn():
    assert sum(share for share, _ in rejection._KINDS) == pytest.approx(1)
    for _, draw in rejection._KINDS:
        for seed in range(3):
            ink = draw(np.random.default_rng(seed))
            assert ink.shape == (rejection.SIDE, rejection.SIDE)
            assert ink.max() == 1 and ink.mean() < 0.5


def test_digits_are_drawn_again_as_themselves():
    images, labels = (each[:60] for each in data.load_test())
    drawn = rejection.draw_digits(images, np.random.default_rng(0))
    predicted = load_classifier(RELEASED_MODELS / "tiny.keras").probabilities(drawn).argmax(axis=1)
    assert (predicted == labels).mean() > 0.95


def test_a_fitted_rejection_separates_and_repeats():
    rng = np.random.default_rng(0)
    digits, others = rng.normal(0.7, 1, (600, 8)), rng.normal(-0.7, 1, (600, 8))
    digits[:, 3] = others[:, 3] = 0  # as of a feature map that is never active
    first, again = (rejection.fit(digits, others, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.score(digits), again.score(digits))
    assert (first.score(digits) > 0).mean() > 0.95
    assert (first.score(others) < 0).mean() > 0.95
