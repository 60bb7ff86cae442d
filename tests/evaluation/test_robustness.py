import itertools
import json

import numpy as np
import pytest
from PIL import Image

import data
from digits.evaluation import corruptions, insights, metrics, reliability, robustness
from digits.networks import storage

CORRUPTIONS = corruptions.CORRUPTIONS


def load_images(count=50):
    images, labels = data.load_test()
    return data.normalize(images[:count]), labels[:count]


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_images_stay_images_and_the_same_seed_spoils_alike(kind):
    images, _ = load_images()
    before = images.copy()
    for amount in CORRUPTIONS[kind][3]:
        spoiled = corruptions.corrupt(images, kind, amount)
        assert spoiled.shape == images.shape and spoiled.dtype == np.float32
        assert spoiled.min() >= 0 and spoiled.max() <= 1
        np.testing.assert_array_equal(spoiled, corruptions.corrupt(images, kind, amount))
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_more_of_it_changes_more_and_none_of_it_nothing(kind):
    images, _ = load_images()
    changes = [
        np.abs(corruptions.corrupt(images, kind, amount) - images).mean()
        for amount in (CORRUPTIONS[kind][2], *CORRUPTIONS[kind][3])
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


def test_contrast_is_lost_towards_grey():
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


def test_a_square_on_the_ink_is_blanked():
    images, _ = load_images()
    for before, after in zip(images, corruptions.corrupt(images, "occlusion", 6), strict=True):
        rows, columns = np.nonzero(before != after)
        assert len(rows) and np.ptp(rows) < 6 and np.ptp(columns) < 6
        assert not after[before != after].any()


def test_blank_images_can_be_spoiled():
    blank = np.zeros((2, 28, 28), np.float32)
    for kind, row in CORRUPTIONS.items():
        assert np.isfinite(corruptions.corrupt(blank, kind, row[3][-1])).all()


class Stub:
    """Says 1 where an image's mean is high, else 0."""

    def predict(self, images, batch_size, verbose):
        bright = images.mean(axis=(1, 2)) > 0.2
        return np.eye(10)[bright.astype(int)]


def test_scores_are_shares_of_right_answers():
    images = np.concatenate([make_square(4), make_square(26), make_square(20)])
    labels = np.array([0, 1, 0])  # the last one is misread
    calls = []
    results = robustness.score({"stub": Stub()}, images, labels, lambda: calls.append(1))["stub"]
    assert len(calls) == sum(len(row[3]) for row in CORRUPTIONS.values())
    assert results["clean"] == pytest.approx(2 / 3)
    # The small square's mean goes above 0.2 once half of the contrast is lost.
    assert results["accuracy"]["contrast loss"] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 1 / 3])
    values = np.concatenate(list(results["accuracy"].values()))
    assert results["mean"] == pytest.approx(values.mean())
    low, high = results["mean_interval"]
    assert low < results["mean"] < high
    json.dumps(results)
    table = robustness.format_scores({"stub": results})
    assert f"{results['mean']:.2%}" in table and "contrast loss" in table


def make_results(value):
    return {
        "clean": 0.99,
        "num_images": 100,
        "mean": value,
        "mean_interval": (value, value),
        "accuracy": {kind: [value] * 4 for kind in CORRUPTIONS},
    }


def test_the_figure_has_a_plot_for_each_kind(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(insights.plotting, "save", lambda figure, path: drawn.append(figure))
    reliability.draw_robustness(
        {"one": make_results(0.5), "two": make_results(0.7)}, tmp_path / "x"
    )
    axes = drawn[0].axes
    assert [ax.get_title() for ax in axes] == list(CORRUPTIONS)
    for ax, (_, unit, none, amounts) in zip(axes, CORRUPTIONS.values(), strict=True):
        assert ax.get_xlabel() == unit
        assert len(ax.lines) == 2
        assert ax.lines[1].get_xdata().tolist() == [none, *amounts]
        assert ax.lines[1].get_ydata().tolist() == [0.99, 0.7, 0.7, 0.7, 0.7]
        low, high = metrics.wilson_interval(70, 100)
        heights = ax.collections[1].get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(low) and high in heights
    assert "one 50.0%, two 70.0%" in drawn[0].get_suptitle()
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["one", "two"]


def test_weights_are_drawn_strongest_first(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(insights.plotting, "save", lambda figure, path: drawn.append(figure))
    weights = np.zeros((784, 20), np.float32)
    weights[:28, 7] = 3
    weights[:28, 4] = -2
    insights.draw_weights(weights, tmp_path / "x")
    shown = [ax.images[0].get_array() for ax in drawn[0].axes if ax.images]
    assert shown[0][0, 0] == 3 and shown[1][0, 0] == -2
    assert len(drawn[0].axes) == 32 + 1  # two rows of 16, and the bar
    assert "20 units" in drawn[0].get_suptitle()


def test_evaluate_scores_models_on_spoiled_images(run_script, tiny_data, dense_path, tmp_path):
    arguments = ["--data", tiny_data, "--results-file", "r.json"]
    result = run_script("evaluate.py", "--robustness", dense_path, dense_path, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    results = json.loads((tmp_path / "r.json").read_text())["robustness"]
    assert set(results["models"]) == {"dense 1", "dense 2"}
    assert results["models"]["dense 1"] == results["models"]["dense 2"]
    assert "contrast loss" in result.stdout and "95% interval" in result.stdout
    with Image.open(tmp_path / "plots" / "dense 1_dense 2_robustness.png") as figure:
        assert figure.size[0] == 1200


def test_evaluate_refuses_what_does_not_go_together(run_script):
    for arguments, expected in (
        (["--robustness", "--views", "3"], "--views beside --robustness"),
        (["--robustness", "a.keras", "--model-path", "b.keras"], "--model-path beside"),
        (["--robustness", *["a.keras"] * 6], "at most 5"),
        (["--robustness", "a.txt"], "expected a name ending in .keras"),
        (["--robustness", "a.keras", "--compare", "a.keras", "b.keras"], "not allowed with"),
    ):
        result = run_script("evaluate.py", *arguments)
        assert result.returncode == 2 and expected in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_the_released_networks_hold_on_spoiled_images():
    images, labels = load_images(300)
    networks = {
        name: storage.load(storage.RELEASED_MODELS / f"{name}.keras")
        for name in ("dense", "tiny", "cnn")
    }
    results = robustness.score(networks, images, labels)
    assert results["cnn"]["mean"] > 0.96
    assert results["tiny"]["mean"] > 0.94 and results["dense"]["mean"] > 0.93
    for row in results.values():
        assert row["clean"] > 0.98


def test_a_single_image_has_an_interval_of_everything():
    images, labels = load_images(1)
    network = storage.load(storage.RELEASED_MODELS / "dense.keras")
    results = robustness.score({"one": network}, images, labels)
    assert results["one"]["mean_interval"] == (0.0, 1.0)
