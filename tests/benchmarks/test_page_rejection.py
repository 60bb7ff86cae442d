import dataclasses

import pytest

from benchmarks import page_rejection
from digits.networks.rejection import FeatureExtractor, load_rejection
from digits.networks.storage import load_classifier_model


@pytest.fixture(scope="module")
def extract():
    return FeatureExtractor(load_classifier_model(page_rejection.NETWORK))


def test_the_released_rejection_refuses_drawings_and_few_digits(extract):
    rejection = load_rejection(page_rejection.REJECTION)
    shares = page_rejection.measure(rejection, extract, 200, 40)
    assert shares["test"] <= 0.04
    for kind, least in {"letters": 0.8, "dots": 1, "dashes": 0.95, "doodles": 0.75}.items():
        assert shares[kind] >= least, kind


def test_no_drawing_is_refused_below_every_score(extract):
    rejection = dataclasses.replace(load_rejection(page_rejection.REJECTION), threshold=-1e9)
    assert set(page_rejection.measure(rejection, extract, 5, 2).values()) == {0.0}
