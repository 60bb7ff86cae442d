import dataclasses

import numpy as np
import pytest
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from digits.evaluation import calibration, figures, metrics
from digits.evaluation.corruptions import CORRUPTIONS
from digits.evaluation.robustness import ModelRobustness


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_labelled_images_show_the_label_and_each_prediction(drawn):
    first, second = np.full((2, 60, 10), 0.01)
    first[:, 4], second[:, 9] = 0.91, 0.91
    images, captions = np.zeros((60, 28, 28)), [f"image {n}" for n in range(60)]
    predictions = {"a": first, "b": second}
    figures.draw_labelled_images(images, [9] * 60, predictions, captions, "unused", "title")
    shown = [axes for axes in drawn[0].axes if axes.get_title()]
    assert len(shown) == figures.MAX_LABELLED
    assert shown[1].get_title() == "label 9"
    assert shown[1].get_xlabel() == "a: 4  91.0%\nb: 9  91.0%\nimage 1"


def test_predictions_name_the_runners_up_and_mark_what_is_wrong(drawn):
    probabilities = np.zeros((2, 10))
    probabilities[:, [4, 9, 7]] = [0.9, 0.0799, 0.0201]
    images = np.zeros((2, 28, 28))
    captions = ["test image 5", "test image 6"]
    figures.draw_predictions(images, [4, 9], probabilities, captions, "unused", "title", 0.8)
    correct, wrong = drawn[0].axes[:2]
    assert correct.get_title() == wrong.get_title() == "4  90.0%"
    assert correct.get_xlabel() == "then 9 8.0%, 7 2.0%\ncorrect: label 4\ntest image 5"
    assert wrong.get_xlabel() == "then 9 8.0%, 7 2.0%\nWRONG: label 9\ntest image 6"
    assert wrong.spines["left"].get_linewidth() > correct.spines["left"].get_linewidth()
    assert wrong.title.get_color() != correct.title.get_color()


def test_a_prediction_below_the_threshold_gets_a_question_mark(drawn):
    probabilities = np.zeros((2, 10))
    probabilities[0, 4], probabilities[1, 4] = 0.9, 0.7
    images, labels = np.zeros((2, 28, 28)), [4, 4]
    figures.draw_predictions(images, labels, probabilities, ["", ""], "unused", "title", 0.8)
    titles = [axes.get_title() for axes in drawn[0].axes[:2]]
    assert titles == ["4  90.0%", "4?  70.0%"]


@pytest.mark.parametrize("num_images", [0, 1, 6, 51])
def test_any_number_of_predictions_can_be_drawn(tmp_path, num_images):
    probabilities = np.full((num_images, 10), 0.1)
    images, labels = np.zeros((num_images, 28, 28)), np.zeros(num_images, int)
    path = tmp_path / "predictions.png"
    captions = [""] * num_images
    figures.draw_predictions(images, labels, probabilities, captions, path, "title", 0.8)
    assert path.stat().st_size > 1000


def test_the_confusion_matrix_shows_every_count(drawn):
    counts = np.arange(100).reshape(10, 10)
    figures.draw_confusion_matrix(counts, "unused", "dense: 98%")
    axes = drawn[0].axes[0]
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["·", *map(str, range(1, 100))]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted digit", "true digit")
    assert np.diag(axes.images[0].get_array()).max() == 0  # the colour is for mistakes


def test_the_flow_has_a_band_for_each_kind_of_mistake(drawn):
    counts = np.diag(np.full(10, 90))
    counts[4, 9], counts[9, 4], counts[7, 1] = 6, 1, 3
    figures.draw_flow(counts, "unused")
    bands = drawn[0].findobj(PathPatch)
    bands = [band for band in bands if band.get_alpha()]
    heights = sorted(np.ptp(band.get_path().vertices[[0, -1], 1]) for band in bands)
    assert heights == pytest.approx([0.1, 0.3, 0.6])
    said = texts(drawn[0])
    assert "10 misclassified images" in said
    assert {"6", "3"} <= set(said) and "1" not in said  # a single one needs no number
    assert any("6 of 96 misclassified" in text and "4" in text for text in said)
    assert any("6 false positives" in text and "9" in text for text in said)
    widest = max(bands, key=lambda band: np.ptp(band.get_path().vertices[[0, -1], 1]))
    corners = widest.get_path().vertices
    heights = {text.get_text(): text.get_position()[1] for text in drawn[0].findobj(Text)}
    missed = next(y for text, y in heights.items() if "6 of 96 misclassified" in text)
    taken = next(y for text, y in heights.items() if "6 false positives" in text)
    assert corners[[0, -1], 1].mean() == pytest.approx(missed)
    assert corners[[3, 4], 1].mean() == pytest.approx(taken)
    # Digits are stacked as high as their misclassified images, with the same gap after each.
    middles = [y for text, y in heights.items() if "of 9" in text]
    sizes = (counts.sum(axis=1) - np.diag(counts)) / 10
    gaps = np.diff(middles - sizes / 2) - sizes[:-1]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
    assert counts[4, 4] == 90  # the argument is not changed


def test_no_mistakes_are_no_error(drawn):
    figures.draw_flow(np.diag(np.full(10, 5)), "unused")
    assert "0 misclassified images" in texts(drawn[0])


def test_the_means_are_those_of_each_digit(drawn):
    labels = np.repeat(np.arange(10), 3)
    images = np.random.default_rng(0).random((30, 28, 28))
    figures.draw_means(images, labels, "unused")
    shown = np.reshape(drawn[0].axes, (4, 10))
    for digit in range(10):
        own = images[labels == digit]
        mean, spread, nearest, farthest = (axes.images[0].get_array() for axes in shown[:, digit])
        np.testing.assert_allclose(mean, own.mean(axis=0))
        np.testing.assert_allclose(spread, own.std(axis=0))
        distances = np.square(own - own.mean(axis=0)).sum(axis=(1, 2))
        np.testing.assert_allclose(nearest, own[distances.argmin()])
        np.testing.assert_allclose(farthest, own[distances.argmax()])
    assert "30 test images by digit" in texts(drawn[0])


def test_a_digit_without_images_is_left_blank(drawn):
    figures.draw_means(np.zeros((2, 28, 28)), np.array([1, 1]), "unused")
    shown = np.reshape(drawn[0].axes, (4, 10))
    assert [len(axes.images) for axes in shown[0]] == [0, 1, *[0] * 8]


def test_the_embedding_marks_misclassified_images(drawn):
    places = np.random.default_rng(0).random((30, 2))
    labels = np.repeat(np.arange(10), 3)
    predictions = labels.copy()
    predictions[[4, 20]] = 8, 0
    figures.draw_embedding(places, labels, predictions, "unused", "title")
    (axes,) = drawn[0].axes
    *digits, crosses = axes.collections
    assert [len(group.get_offsets()) for group in digits] == [3] * 10
    np.testing.assert_allclose(crosses.get_offsets(), places[[4, 20]])
    assert {"1→8", "6→0", *"0123456789"} <= set(texts(drawn[0]))
    assert axes.get_xlabel() == (
        "30 images, drawn as their labels; crosses: 2 misclassified, label→prediction"
    )


def test_only_so_many_mistakes_are_named_as_there_is_room_for(drawn):
    places = np.random.default_rng(0).random((300, 2))
    figures.draw_embedding(places, np.ones(300, int), np.full(300, 2), "unused", "title")
    assert texts(drawn[0]).count("1→2") == 60
    assert "300 misclassified, the first 60 with label→prediction" in drawn[0].axes[0].get_xlabel()


def test_the_learning_curve_shows_means_and_the_network_itself(drawn):
    rows = [
        {"num_images": 100, "accuracies": [0.7, 0.8]},
        {"num_images": 1000, "accuracies": [0.9, 0.92]},
    ]
    rows.append({"num_images": 2000, "accuracies": []})  # not trained yet
    figures.draw_learning_curve({"plain": rows}, "unused", figures.OwnPoint("mine", 500, 99, 100))
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
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training images", "test error")


def test_calibration_shows_counts_and_errors(drawn):
    row = calibration.Reliability(
        confidence=(0.65, 0.99),
        accuracy=(0.5, 0.98),
        interval=((0.3, 0.7), (0.97, 0.99)),
        num_images=(20, 1500),
        ece=0.0123,
        ece_interval=(0.01, 0.02),
    )
    figures.draw_calibration(row, dataclasses.replace(row, ece=0.001), "unused", "title")
    said = texts(drawn[0])
    interval = "\n(95% interval 1.00% to 2.00%)"
    assert "Without temperature scaling: calibration error 1.23%" + interval in said
    assert "With temperature scaling: calibration error 0.10%" + interval in said
    assert said.count("1,500") == said.count("20") == 2
    assert {"confidence", "accuracy", "images"} <= set(said)


def test_the_risk_coverage_curve_starts_at_the_accuracy_on_all_images(drawn):
    labels = np.zeros(200, int)
    probabilities = np.full((200, 10), 0.01)
    probabilities[:, 0] = np.linspace(0.5, 0.91, 200)
    probabilities[:4, 1] = 0.95
    curve = calibration.measure_risk_coverage(labels, probabilities)
    figures.draw_risk_coverage({"a": curve, "b": curve}, "unused", "title")
    (axes,) = drawn[0].axes
    rejected, accuracies = axes.lines[0].get_data()
    assert (rejected[0], accuracies[0]) == (0, 0.98)
    assert rejected[-1] == pytest.approx(0.1)
    bars = [lines.get_segments()[0][:, 0] for lines in axes.collections[: len(curve.points)]]
    np.testing.assert_allclose([bar[0] for bar in bars], [0.01, 0.02, 0.05, 0.1])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_out_of_distribution_images_are_shown_with_the_share_that_is_not_sure(drawn):
    images = {kind: np.zeros((9, 28, 28)) for kind in ("digits", "letters")}
    confidences = {"digits": np.array([0.99, 0.98, 0.4, 1.0]), "letters": np.array([0.5, 0.6])}
    figures.draw_ood(images, confidences, 0.8, "unused", "title")
    said = texts(drawn[0])
    assert {"digits", "letters", "25.0% not sure", "100.0% not sure"} <= set(said)
    assert "confidence; not sure below 80.0% (dashed)" in said


def make_robustness(value):
    accuracy = {kind: (value,) * 4 for kind in CORRUPTIONS}
    return ModelRobustness(0.99, accuracy, 100, value, (value, value))


def test_robustness_has_a_plot_for_each_kind_of_corruption(drawn):
    figures.draw_robustness({"one": make_robustness(0.5), "two": make_robustness(0.7)}, "unused")
    axes = drawn[0].axes
    assert [ax.get_title() for ax in axes] == list(CORRUPTIONS)
    for ax, corruption in zip(axes, CORRUPTIONS.values(), strict=True):
        assert ax.get_xlabel() == corruption.unit
        assert len(ax.lines) == 2
        assert ax.lines[1].get_xdata().tolist() == [corruption.neutral, *corruption.amounts]
        assert ax.lines[1].get_ydata().tolist() == [0.99, 0.7, 0.7, 0.7, 0.7]
        low, high = metrics.wilson_interval(70, 100)
        heights = ax.collections[1].get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(low) and high in heights
    assert "one 50.0%, two 70.0%" in drawn[0].get_suptitle()
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["one", "two"]


def test_weights_are_drawn_in_the_order_of_their_norm(drawn):
    weights = np.zeros((784, 20), np.float32)
    weights[:28, 7] = 3
    weights[:28, 4] = -2
    figures.draw_weights(weights, "unused")
    shown = [ax.images[0].get_array() for ax in drawn[0].axes if ax.images]
    assert shown[0][0, 0] == 3 and shown[1][0, 0] == -2
    assert len(drawn[0].axes) == 32 + 1  # two rows of 16, and the bar
    assert "20 units" in drawn[0].get_suptitle()
