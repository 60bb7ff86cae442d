import json

import numpy as np
import pytest

from digits.networks import load_classifier
from digits.networks.rejection import LAYER, FeatureExtractor, Rejection, load_rejection
from digits.networks.storage import RELEASED_MODELS


@pytest.fixture
def rejection():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=3)
    return Rejection(*(each.astype(np.float16) for each in weights), -0.5, 0.25)


def test_a_rejection_survives_being_written_and_read(rejection, tmp_path):
    path = tmp_path / "rejection.json"
    path.write_text(json.dumps(rejection.to_dict()))
    read = load_rejection(path)
    features = np.random.default_rng(1).random((5, 6))
    np.testing.assert_array_equal(read.score(features), rejection.score(features))
    assert read.threshold == 0.25 and read.output_bias == -0.5


def test_the_score_is_that_of_a_hidden_layer(rejection):
    features = np.arange(6.0)
    hidden = [max(0, features @ rejection.kernels[:, i] + rejection.bias[i]) for i in range(3)]
    expected = sum(hidden[i] * rejection.output[i] for i in range(3)) - 0.5
    assert rejection.score(features[None])[0] == pytest.approx(expected)


@pytest.mark.parametrize("change", [{"hidden": 4}, {"weights": "AAAA"}, {"inputs": None}])
def test_a_damaged_file_is_refused(rejection, change, tmp_path):
    path = tmp_path / "rejection.json"
    path.write_text(json.dumps(rejection.to_dict() | change))
    with pytest.raises(ValueError, match=r"rejection\.json is no rejection .*fit it again"):
        load_rejection(path)


def test_features_are_means_of_windows_of_the_last_feature_maps():
    from digits.keras_quietly import keras

    model = load_classifier(RELEASED_MODELS / "tiny.keras").keras_model
    images = np.random.default_rng(0).random((3, 28, 28)).astype(np.float32)
    features = FeatureExtractor(model)(images, batch_size=2)
    maps = keras.Model(model.inputs, model.get_layer(LAYER).output).predict(images, verbose=0)
    assert features.shape == (3, 9 * 16)
    last = maps[:, 4:7, 2:5].mean(axis=(1, 2))  # the window in the third row, second column
    np.testing.assert_allclose(features[:, 7 * 16 : 8 * 16], last, atol=1e-5)
