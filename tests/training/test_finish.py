import numpy as np
import pytest
from scipy.special import softmax

from digits.training.finish import choose_threshold, fit_temperature


@pytest.fixture(scope="module")
def overconfident():
    """Labels, and logits of a classifier whose confidence is too high."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 3000)
    logits = rng.normal(size=(3000, 10)) * 2
    logits[np.arange(3000), labels] += 3
    return labels, logits * 2


def test_one_in_a_hundred_is_below_the_threshold(overconfident):
    _, logits = overconfident
    probabilities = softmax(logits, axis=1)
    threshold = choose_threshold(probabilities)
    assert (probabilities.max(axis=1) < threshold).mean() == pytest.approx(0.01, abs=1e-3)


def test_the_temperature_of_labels_drawn_at_a_temperature_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (50_000, 10))
    for temperature in (0.5, 1, 2.5):
        # Gumbel's trick draws a label from the softmax of the logits.
        labels = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=1)
        assert fit_temperature(labels, logits) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_lowers_a_confidence_that_is_too_high(overconfident):
    labels, logits = overconfident
    temperature = fit_temperature(labels, logits)
    assert temperature > 1.3
    correct = logits.argmax(axis=1) == labels

    def gap(logits):
        return softmax(logits, axis=1).max(axis=1).mean() - correct.mean()

    assert abs(gap(logits / temperature)) < gap(logits) / 2
