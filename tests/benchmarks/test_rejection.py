import numpy as np
import pytest

from benchmarks import rejection


def make_scores(digit, cnn):
    digit = np.array(digit, float)
    return rejection.Scores(digit, {"cnn": np.array(cnn, float)}, np.zeros(len(digit), bool))


def test_the_threshold_refuses_the_share():
    scores = np.random.default_rng(0).permutation(1000) / 1000
    threshold = rejection.find_threshold(scores, 0.01)
    assert (scores < threshold).mean() == pytest.approx(0.01)


def test_shares_are_counted_with_the_threshold_of_the_validation_digits():
    measured = {
        "validation": make_scores([0.5, 0.9], [0.8, 0.9]),
        "dots": make_scores([0.1, 0.4, 0.6, 0.7], [0.99, 0.99, 0.99, 0.1]),
    }
    summary = rejection.summarize(measured, threshold=0.2)
    assert summary["detector"]["threshold"] == 0.5 and summary["page"]["threshold"] == 0.2
    shares = {way: row["dots"] for way, row in summary.items()}
    assert shares == {"page": 0.25, "detector": 0.5, "cnn": 0.25}
