import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import data
from digits.evaluation import corruptions, robustness
from digits.networks import Classifier, load_classifier, storage

CORRUPTIONS = corruptions.CORRUPTIONS


def load_images(count=50):
    images, labels = data.load_test()
    return data.normalize(images[:count]), labels[:count]


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_same_seed_gives_the_same_corruptions(kind):
    images, _ = load_images()
    before = images.copy()
    for amount in CORRUPTIONS[kind].amounts:
        corrupted = corruptions.corrupt(images, kind, amount)
        assert corrupted.shape == images.shape and corrupted.dtype == np.float32
        assert corrupted.min() >= 0 and corrupted.max() <= 1
        np.testing.assert_array_equal(corrupted, corruptions.corrupt(images, kind, amount))
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_larger_amounts_change_more_and_the_neutral_one_nothing(kind):
    images, _ = load_images()
    changes = [
        np.abs(corruptions.corrupt(images, kind, amount) - images).mean()
        for amount in (CORRUPTIONS[kind].neutral, *CORRUPTIONS[kind].amounts)
    ]
    assert changes[0] == pytest.approx(0, abs=1e-6)
    assert all(less < more for less, more in itertools.pairwise(changes))


def make_square(side, size=28):
    image = np.zeros((1, size, size), np.float32)
    start = (size - side) // 2
    image[0, start : start + side, start : start + side] = 1
    return image


def test_rotation_is_in_degrees():
    bar = np.zeros((1, 28, 28), np.float32)
    bar[0, 13:15, 4:24] = 1
    turned = corruptions.corrupt(np.repeat(bar, 8, axis=0), "rotation", 90)
    for image in turned:
        np.testing.assert_allclose(image, bar[0].T, atol=1e-5)
    slanted = corruptions.corrupt(np.repeat(bar, 20, axis=0), "rotation", 30)
    slopes = []
    for image in slanted:
        rows, columns = np.nonzero(image > 0.5)
        slopes.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
    assert np.abs(slopes) == pytest.approx(30, abs=2)
    assert len(set(np.sign(slopes))) == 2  # to both sides


def test_shifts_are_in_pixels_and_to_all_sides():
    images = np.repeat(make_square(8), 40, axis=0)
    shifted = corruptions.corrupt(images, "shift", 3)
    rows, columns = np.indices((28, 28))
    moves = np.array([[(image * axis).sum() / 64 - 13.5 for axis in (rows, columns)]
                      for image in shifted])  # fmt: skip
    assert np.hypot(*moves.T) == pytest.approx(3, abs=0.01)
    assert (moves.min(axis=0) < -2).all() and (moves.max(axis=0) > 2).all()


def test_scale_is_of_the_side():
    area = corruptions.corrupt(make_square(20), "scale", 0.5).sum()
    assert area == pytest.approx(100, rel=0.05)


def test_blur_is_in_pixels():
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 14, 14] = 1
    (blurred,) = corruptions.corrupt(image, "blur", 2)
    rows, _ = np.indices((28, 28))
    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    assert np.sqrt((blurred * (rows - 14.0) ** 2).sum()) == pytest.approx(2, abs=0.05)


def test_noise_has_its_standard_deviation():
    grey = np.full((20, 28, 28), 0.5, np.float32)
    noisy = corruptions.corrupt(grey, "noise", 0.1)
    assert noisy.std() == pytest.approx(0.1, abs=0.005)
    assert noisy.mean() == pytest.approx(0.5, abs=0.01)


def test_contrast_loss_moves_pixels_towards_grey():
    image = np.array([[[0, 1]]], np.float32)
    assert corruptions.corrupt(image, "contrast loss", 0.6).ravel() == pytest.approx([0.3, 0.7])


def test_strokes_grow_and_shrink_on_each_side():
    bar = np.zeros((1, 28, 28), np.float32)
    bar[0, :, 10:16] = 1
    widths = {
        (kind, amount): corruptions.corrupt(bar, kind, amount)[0, 14].sum()
        for kind, amount in (("thick strokes", 2), ("thick strokes", 0.5), ("thin strokes", 1))
    }
    assert list(widths.values()) == pytest.approx([10, 7, 4])
    dot = make_square(1)
    assert corruptions.corrupt(dot, "thick strokes", 1).sum() == 5  # round, not square


def test_a_line_crosses_the_ink_of_each_image():
    images, _ = load_images(40)
    for before, after in zip(images, corruptions.corrupt(images, "lines", 3), strict=True):
        assert (after >= before).all()
        crossed = (after > before).any() and ((after == 1) & (before > 0)).any()
        assert crossed


def test_an_outlined_digit_is_hollow():
    outlined = corruptions.corrupt(make_square(6), "outlined", 1)
    expected = np.zeros((28, 28))
    expected[10, 11:17] = expected[17, 11:17] = 1
    expected[11:17, 10] = expected[11:17, 17] = 1
    np.testing.assert_allclose(outlined[0], expected)


def test_a_square_on_the_ink_is_blanked():
    images, _ = load_images()
    for before, after in zip(images, corruptions.corrupt(images, "occlusion", 6), strict=True):
        rows, columns = np.nonzero(before != after)
        assert len(rows) and np.ptp(rows) < 6 and np.ptp(columns) < 6
        assert not after[before != after].any()


def test_blank_images_can_be_corrupted():
    blank = np.zeros((2, 28, 28), np.float32)
    for kind, corruption in CORRUPTIONS.items():
        assert np.isfinite(corruptions.corrupt(blank, kind, corruption.amounts[-1])).all()


def brightness_engine(images):
    """Say 1 where an image's mean is high, else 0."""
    bright = images.mean(axis=(1, 2)) > 0.2
    return np.eye(10, dtype=np.float32)[bright.astype(int)]


def test_accuracies_are_shares_of_correct_predictions():
    images = np.concatenate([make_square(4), make_square(26), make_square(20)])
    labels = np.array([0, 1, 0])  # the last one is misclassified
    calls = []
    classifier = Classifier(brightness_engine, Path("stub.keras"))
    result = robustness.measure_robustness([classifier], images, labels, lambda: calls.append(1))
    model = result.models["stub"]
    assert len(calls) == robustness.NUM_SETS == 44
    assert model.clean == pytest.approx(2 / 3)
    # The small square's mean goes above 0.2 once half of the contrast is lost.
    assert model.accuracy["contrast loss"] == pytest.approx((2 / 3, 1 / 3, 1 / 3, 1 / 3))
    values = np.concatenate(list(model.accuracy.values()))
    assert model.mean == pytest.approx(values.mean())
    low, high = model.mean_interval
    assert low < model.mean < high
    table = result.format()
    assert f"{model.mean:.2%}" in table and "contrast loss" in table
    written = json.loads(json.dumps(result.to_dict()))["robustness"]
    assert written["amounts"]["contrast loss"] == [0.2, 0.4, 0.6, 0.8]
    assert written["models"]["stub"]["accuracy"]["scale"] == list(model.accuracy["scale"])


def test_the_figure_is_named_after_the_models(drawn, tmp_path):
    images, labels = make_square(4), np.array([0])
    classifiers = [Classifier(brightness_engine, Path("a.keras"))] * 2
    result = robustness.measure_robustness(classifiers, images, labels)
    assert result.draw(tmp_path) == [tmp_path / "a 1_a 2_robustness.png"]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["a 1", "a 2"]


def test_the_released_networks_are_robust():
    images, labels = load_images(300)
    classifiers = [
        load_classifier(storage.RELEASED_MODELS / f"{name}.keras")
        for name in ("dense", "tiny", "cnn")
    ]
    models = robustness.measure_robustness(classifiers, images, labels).models
    assert models["cnn"].mean > 0.95
    assert models["tiny"].mean > 0.94 and models["dense"].mean > 0.93
    for model in models.values():
        assert model.clean > 0.98


def test_a_single_image_has_an_interval_of_everything():
    images, labels = load_images(1)
    classifier = load_classifier(storage.RELEASED_MODELS / "dense.keras")
    result = robustness.measure_robustness([classifier], images, labels)
    assert result.models["dense"].mean_interval == (0.0, 1.0)
