from pathlib import Path

import numpy as np
import pytest

from digits.keras_quietly import keras
from digits.networks import Detections, Detector, detector_model, load_detector, storage
from digits.networks.detector import (
    BACKGROUND,
    CELL,
    NUM_DETECTED,
    NUM_OUTPUTS,
    PADDING,
    STRIDE,
    TURNED,
)
from digits.networks.detector_model import LocalContrastNormalization
from digits.networks.keras_engine import KerasEngine
from digits.networks.onnx_engine import OnnxEngine


class OneCell:
    """An engine that is sure of a 7 in one cell, and of background elsewhere."""

    def __init__(self, row, column, coded):
        self.row, self.column, self.coded = row, column, coded

    def __call__(self, pages):
        self.pages = pages
        shape = (1, pages.shape[1] // CELL, pages.shape[2] // CELL, NUM_OUTPUTS)
        cells = np.zeros(shape, np.float32)
        cells[..., BACKGROUND] = 20
        cells[0, self.row, self.column, BACKGROUND] = 0
        cells[0, self.row, self.column, 7] = 20
        cells[0, self.row, self.column, BACKGROUND + 1 :] = self.coded
        return cells


def detect(engine, shape, min_score=0.5):
    return Detector(engine, Path("x")).detect(np.ones(shape, np.float32), min_score)


def test_a_cells_box_is_in_pixels_of_the_page():
    first = PADDING // CELL  # the page's own first cell
    engine = OneCell(first + 5, first + 10, [0.5, -0.25, 0, np.log(2)])
    found = detect(engine, (100, 121))
    # Centre of the cell, plus so many 8 pixels; 24 pixels wide and 48 high.
    x, y = 10.5 * CELL + 4, 5.5 * CELL - 2
    assert found.boxes == pytest.approx(np.array([[x - 12, y - 24, x + 12, y + 24]]))
    assert found.scores == pytest.approx(np.ones(1))
    assert found.probabilities.argmax(axis=1).tolist() == [7]
    assert detect(engine, (100, 121), min_score=1.0).boxes.shape == (0, 4)


def test_a_page_is_surrounded_by_its_own_edge_and_its_sides_are_multiples_of_the_stride():
    engine = OneCell(0, 0, np.zeros(4))
    page = np.random.default_rng(0).random((50, 33), np.float32)
    Detector(engine, Path("x")).detect(page, 0.5)
    _, height, width, _ = engine.pages.shape
    assert height % STRIDE == width % STRIDE == 0
    assert height >= 50 + 2 * PADDING and width >= 33 + 2 * PADDING
    np.testing.assert_array_equal(engine.pages[0, PADDING:, PADDING:, 0][:50, :33], page)
    assert (engine.pages[0, :PADDING, PADDING, 0] == page[0, 0]).all()


@pytest.mark.parametrize(("row", "column"), [(0, 10), (10, 0), (31, 10)])
def test_what_lies_beside_the_page_is_no_detection(row, column):
    """Strokes that the page's edge cuts off look like 1s in its surroundings."""
    assert len(detect(OneCell(row, column, np.zeros(4)), (80, 80))) == 0


def test_detections_are_put_together_and_chosen_like_rows():
    one = Detections(np.ones((2, 4)), np.array([0.5, 0.9]), np.eye(NUM_DETECTED)[[1, TURNED]])
    both = Detections.concatenate([one, one])
    assert len(both) == 4
    assert both[both.scores > 0.6].labels.tolist() == [TURNED, TURNED]
    none = Detections.concatenate([])
    assert none.labels.tolist() == []
    assert (none.boxes.shape, none.scores.shape, none.probabilities.shape) == (
        (0, 4), (0,), (0, NUM_DETECTED)
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (57, 90)])
def test_each_engine_answers_as_the_keras_model_does(shape):
    path = storage.RELEASED_MODELS / "detector.keras"
    network = storage.load_detector_model(path)
    padded = [2 * PADDING + side + -side % STRIDE for side in shape]
    page = np.random.default_rng(0).random((1, *padded, 1), np.float32)
    expected = keras.ops.convert_to_numpy(network(page, training=False))
    engine = load_detector(path).engine
    assert isinstance(engine, OnnxEngine)
    np.testing.assert_allclose(engine(page), expected, atol=1e-3)
    np.testing.assert_allclose(KerasEngine(network)(page), expected, atol=1e-3)


def test_the_light_on_a_page_does_not_matter():
    """Twice the light, or light from one side, is normalized away."""
    layer = LocalContrastNormalization()
    page = np.full((1, 112, 144, 1), 0.4, np.float32)
    page[0, 44:64, 54:58] = 0.1
    ramp = np.linspace(1, 2, 144, dtype=np.float32)[:, None]
    plain, bright, uneven = (np.asarray(layer(p))[0, ..., 0] for p in (page, 2 * page, page * ramp))
    assert plain.shape == (112, 144)
    assert plain[54, 56] > 1
    assert np.abs(bright - plain).max() < 0.15
    assert np.abs(uneven - plain)[34:-34, 44:-44].max() < 0.6
    assert abs(uneven[29, 104]) < 0.5


def test_a_training_starts_from_the_mean_of_detectors(tmp_path):
    paths, networks = [tmp_path / "a.keras", tmp_path / "b.keras"], []
    for path in paths:
        networks.append(detector_model.build_detector(folded=True))
        networks[-1].save(path)
    started = detector_model.start_from(paths)
    for mean, *each in zip(
        started.get_weights(), *(network.get_weights() for network in networks), strict=True
    ):
        np.testing.assert_allclose(mean, np.mean(each, axis=0), atol=1e-6)


def test_a_classifier_is_no_detector_to_start_from(dense_path):
    with pytest.raises(ValueError, match=r"dense\.keras: no layer is one of the detector's"):
        detector_model.start_from([dense_path])
