"""What the figures about a network's insides and its certainty show."""

import numpy as np
import pytest
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from digits.evaluation import calibration, insights, metrics, reliability


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_the_flow_has_a_band_for_each_kind_of_mistake(drawn):
    counts = np.diag(np.full(10, 90))
    counts[4, 9], counts[9, 4], counts[7, 1] = 6, 1, 3
    insights.draw_flow(counts, "unused")
    bands = drawn[0].findobj(PathPatch)
    bands = [band for band in bands if band.get_alpha()]
    heights = sorted(np.ptp(band.get_path().vertices[[0, -1], 1]) for band in bands)
    assert heights == pytest.approx([0.1, 0.3, 0.6])
    said = texts(drawn[0])
    assert "Where the 10 mistakes go" in said
    assert {"6", "3"} <= set(said) and "1" not in said  # a single one needs no number
    assert any("6 of 96 missed" in text and "4" in text for text in said)
    assert any("6 others read as it" in text and "9" in text for text in said)
    widest = max(bands, key=lambda band: np.ptp(band.get_path().vertices[[0, -1], 1]))
    corners = widest.get_path().vertices
    heights = {text.get_text(): text.get_position()[1] for text in drawn[0].findobj(Text)}
    missed = next(y for text, y in heights.items() if "6 of 96 missed" in text)
    taken = next(y for text, y in heights.items() if "6 others read as it" in text)
    assert corners[[0, -1], 1].mean() == pytest.approx(missed)
    assert corners[[3, 4], 1].mean() == pytest.approx(taken)
    # Digits are stacked as high as what is missed of them, with the same gap after each.
    middles = [y for text, y in heights.items() if "missed" in text]
    sizes = (counts.sum(axis=1) - np.diag(counts)) / 10
    gaps = np.diff(middles - sizes / 2) - sizes[:-1]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
    assert counts[4, 4] == 90  # what was passed is left as it was


def test_no_mistakes_are_no_error(drawn):
    insights.draw_flow(np.diag(np.full(10, 5)), "unused")
    assert "Where the 0 mistakes go" in texts(drawn[0])


def test_the_means_are_those_of_each_digit(drawn):
    labels = np.repeat(np.arange(10), 3)
    images = np.random.default_rng(0).random((30, 28, 28))
    insights.draw_means(images, labels, "unused")
    shown = np.reshape(drawn[0].axes, (4, 10))
    for digit in range(10):
        own = images[labels == digit]
        mean, spread, nearest, farthest = (axes.images[0].get_array() for axes in shown[:, digit])
        np.testing.assert_allclose(mean, own.mean(axis=0))
        np.testing.assert_allclose(spread, own.std(axis=0))
        distances = np.square(own - own.mean(axis=0)).sum(axis=(1, 2))
        np.testing.assert_allclose(nearest, own[distances.argmin()])
        np.testing.assert_allclose(farthest, own[distances.argmax()])
    assert "What the digits look like, of 30 test images" in texts(drawn[0])


def test_a_digit_of_which_there_is_none_is_left_blank(drawn):
    insights.draw_means(np.zeros((2, 28, 28)), np.array([1, 1]), "unused")
    shown = np.reshape(drawn[0].axes, (4, 10))
    assert [len(axes.images) for axes in shown[0]] == [0, 1, *[0] * 8]


def test_the_embedding_marks_what_is_read_wrong(drawn):
    places = np.random.default_rng(0).random((30, 2))
    labels = np.repeat(np.arange(10), 3)
    predictions = labels.copy()
    predictions[[4, 20]] = 8, 0
    insights.draw_embedding(places, labels, predictions, "unused", "title")
    (axes,) = drawn[0].axes
    *digits, crosses = axes.collections
    assert [len(group.get_offsets()) for group in digits] == [3] * 10
    np.testing.assert_allclose(crosses.get_offsets(), places[[4, 20]])
    assert {"1→8", "6→0", *"0123456789"} <= set(texts(drawn[0]))
    assert axes.get_xlabel() == "30 images, as their digits; crosses: 2 read wrong"


def test_only_so_many_mistakes_are_named_as_there_is_room_for(drawn):
    places = np.random.default_rng(0).random((300, 2))
    insights.draw_embedding(places, np.ones(300, int), np.full(300, 2), "unused", "title")
    assert texts(drawn[0]).count("1→2") == 60
    assert "300 read wrong, the first 60 named" in drawn[0].axes[0].get_xlabel()


def test_the_learning_curve_shows_means_and_the_network_itself(drawn):
    rows = [
        {"num_images": 100, "accuracies": [0.7, 0.8]},
        {"num_images": 1000, "accuracies": [0.9, 0.92]},
    ]
    rows.append({"num_images": 2000, "accuracies": []})  # not trained yet
    insights.draw_learning_curve({"plain": rows}, "unused", ("mine", 500, 99, 100))
    (axes,) = drawn[0].axes
    plain, own = axes.containers
    np.testing.assert_allclose(np.float64(plain.lines[0].get_ydata()), [0.25, 0.09])
    (bars,) = plain.lines[2]
    # Of two values: their standard error, half of what they differ by, times Student's 12.706.
    for (low, high), error, half in zip(
        [bar[:, 1] for bar in bars.get_segments()], [0.25, 0.09], [0.05, 0.01], strict=True
    ):
        assert (high - low) / 2 == pytest.approx(12.706 * half, rel=1e-3)
        assert (high + low) / 2 == pytest.approx(error)
    np.testing.assert_allclose(np.float64(own.lines[0].get_xydata()), [[500, 0.01]])
    (segment,) = own.lines[2][0].get_segments()
    np.testing.assert_allclose(np.float64(segment[:, 1]), metrics.wilson_interval(1, 100))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["plain", "mine"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training images", "test images misread")


def test_calibration_shows_counts_and_errors(drawn):
    row = {
        "confidence": [0.65, 0.99], "accuracy": [0.5, 0.98], "num_images": [20, 1500],
        "interval": [(0.3, 0.7), (0.97, 0.99)], "ece": 0.0123,
        "ece_interval": (0.01, 0.02),
    }  # fmt: skip
    reliability.draw_calibration(row, row | {"ece": 0.001}, "unused", "title")
    said = texts(drawn[0])
    interval = "\n(95% interval 1.00% to 2.00%)"
    assert "without temperature: calibration error 1.23%" + interval in said
    assert "with temperature: calibration error 0.10%" + interval in said
    assert said.count("1,500") == said.count("20") == 2
    assert {"how sure it is", "how often it is right", "images"} <= set(said)


def test_refusal_starts_at_the_accuracy_of_all(drawn):
    labels = np.zeros(200, int)
    probabilities = np.full((200, 10), 0.01)
    probabilities[:, 0] = np.linspace(0.5, 0.91, 200)
    probabilities[:4, 1] = 0.95
    curve = calibration.measure_refusal(labels, probabilities)
    reliability.draw_refusal({"a": curve, "b": curve}, "unused", "title")
    (axes,) = drawn[0].axes
    refused, accuracies = axes.lines[0].get_data()
    assert (refused[0], accuracies[0]) == (0, 0.98)
    assert refused[-1] == pytest.approx(0.1)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_outsiders_are_shown_with_the_share_that_is_not_sure(drawn):
    images = {kind: np.zeros((9, 28, 28)) for kind in ("digits", "letters")}
    confidences = {"digits": np.array([0.99, 0.98, 0.4, 1.0]), "letters": np.array([0.5, 0.6])}
    reliability.draw_outsiders(images, confidences, 0.8, "unused", "title")
    said = texts(drawn[0])
    assert {"digits", "letters", "25.0% not sure", "100.0% not sure"} <= set(said)
    assert "how sure it is; dashed: not sure, below 80.0%" in said
