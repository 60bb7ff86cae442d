import numpy as np
import pytest
from matplotlib.patches import Rectangle

import model as models
from digits import plotting
from digits.networks import batch_norm
from digits.training import diagram


def all_text(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_signs_of_formulas_in_a_name_are_only_signs(tmp_path):
    images = np.zeros((2, 28, 28))
    readings = {"a$_$b": np.eye(10)[:2]}
    path = tmp_path / "figure.png"
    plotting.draw_readings(images, readings, [0, 1], ["$", "$$"], path, "$_$ and $^$")
    assert path.stat().st_size > 1000


def test_a_figure_is_written_as_png(tmp_path):
    plotting.draw_confusion_matrix(np.eye(10, dtype=int), tmp_path / "matrix.png", "title")
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_history_shows_all_four_curves_with_names(drawn):
    history = {
        "accuracy": [0.9, 0.97, 0.98],
        "loss": [0.3, 0.1, 0.05],
        "val_accuracy": [0.95, 0.96, 0.9712],
        "val_loss": [0.2, 0.15, 0.11],
    }
    plotting.draw_history(history, "unused")
    accuracy, loss = drawn[0].axes
    for axes, key in ((accuracy, "accuracy"), (loss, "loss")):
        training, validation = axes.get_lines()
        assert training.get_ydata().tolist() == history[key]
        assert validation.get_ydata().tolist() == history[f"val_{key}"]
        assert training.get_xdata().tolist() == [1, 2, 3]
        assert training.get_linestyle() != validation.get_linestyle()
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel()
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == [
        "training",
        "validation",
    ]
    assert "97.12%" in all_text(drawn[0])


def test_the_network_figure_is_drawn_from_the_model(drawn):
    network = models.build_dense()
    diagram.draw_network(network, "unused")
    text = "\n".join(all_text(drawn[0]))
    for expected in (
        "109,386 parameters",
        "28×28",
        "784",
        "hidden_1\nDense\nrelu\n100,480\nparameters",
        "hidden_2\nDense\nrelu\n8,256\nparameters",
        "logits\nDense\n650\nparameters",
    ):
        assert expected in text
    # 10 circles and a gap in each of three larger layers, 10 in the last two.
    assert len(drawn[0].axes[0].patches) == 50
    assert text.count("⋮") == 3


def test_feature_maps_are_drawn_in_proportion(drawn):
    diagram.draw_network(batch_norm.fold_classifier(models.build_cnn()), "unused")
    squares = [p for p in drawn[0].axes[0].patches if isinstance(p, Rectangle)]
    widths = sorted({round(square.get_width() / diagram.SIDE, 3) for square in squares})
    assert widths == [0.25, 0.5, 1]  # 7, 14 and 28 pixels
    text = "\n".join(all_text(drawn[0]))
    assert "14×14×32\nConv2D 5×5\nstride 2\nrelu\n25,632\nparameters" in text


def test_readings_show_the_label_and_what_each_network_says(drawn):
    first, second = np.full((2, 60, 10), 0.01)
    first[:, 4], second[:, 9] = 0.91, 0.91
    images, captions = np.zeros((60, 28, 28)), [f"image {n}" for n in range(60)]
    plotting.draw_readings(images, {"a": first, "b": second}, [9] * 60, captions, "unused", "title")
    shown = [axes for axes in drawn[0].axes if axes.get_title()]
    assert len(shown) == plotting.MAX_READINGS
    assert shown[1].get_title() == "label 9"
    assert shown[1].get_xlabel() == "a: 4  91.0%\nb: 9  91.0%\nimage 1"


def test_samples_show_each_digit_in_its_row(drawn):
    labels = np.arange(40) % 10
    images = np.broadcast_to(labels[:, None, None], (40, 28, 28))
    plotting.draw_samples(images, labels, "unused", per_digit=5)
    rows = np.reshape(drawn[0].axes, (10, 5))
    for digit, row in enumerate(rows):
        shown = [axes.images[0].get_array() for axes in row if axes.images]
        assert len(shown) == 4  # there are no more
        assert all((image == digit).all() for image in shown)
        assert row[0].texts[0].get_text() == str(digit)


def test_predictions_name_the_runners_up_and_mark_what_is_wrong(drawn):
    probabilities = np.zeros((2, 10))
    probabilities[:, [4, 9, 7]] = [0.9, 0.0799, 0.0201]
    images = np.zeros((2, 28, 28))
    captions = ["test image 5", "test image 6"]
    plotting.draw_predictions(images, probabilities, [4, 9], captions, "unused", "title")
    right, wrong = drawn[0].axes[:2]
    assert right.get_title() == wrong.get_title() == "4  90.0%"
    assert right.get_xlabel() == "then 9 8.0%, 7 2.0%\nright: it is 4\ntest image 5"
    assert wrong.get_xlabel() == "then 9 8.0%, 7 2.0%\nWRONG: it is 9\ntest image 6"
    assert wrong.spines["left"].get_linewidth() > right.spines["left"].get_linewidth()
    assert wrong.title.get_color() != right.title.get_color()


def test_a_prediction_below_the_threshold_gets_a_question_mark(drawn):
    probabilities = np.zeros((2, 10))
    probabilities[0, 4], probabilities[1, 4] = 0.9, 0.7
    images, labels = np.zeros((2, 28, 28)), [4, 4]
    plotting.draw_predictions(images, probabilities, labels, ["", ""], "unused", "title", 0.8)
    titles = [axes.get_title() for axes in drawn[0].axes[:2]]
    assert titles == ["4  90.0%", "4?  70.0%"]


@pytest.mark.parametrize("num_images", [0, 1, 6, 51])
def test_any_number_of_predictions_can_be_drawn(tmp_path, num_images):
    probabilities = np.full((num_images, 10), 0.1)
    images, labels = np.zeros((num_images, 28, 28)), np.zeros(num_images, int)
    path = tmp_path / "predictions.png"
    plotting.draw_predictions(images, probabilities, labels, [""] * num_images, path, "title")
    assert path.stat().st_size > 1000


def test_the_confusion_matrix_shows_every_count(drawn):
    counts = np.arange(100).reshape(10, 10)
    plotting.draw_confusion_matrix(counts, "unused", "dense: 98%")
    axes = drawn[0].axes[0]
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["·", *map(str, range(1, 100))]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted digit", "true digit")
    assert np.diag(axes.images[0].get_array()).max() == 0  # the colour is for mistakes


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1, "100.0%"), (0.99951, ">99.9%"), (0.9994, "99.9%"), (0.0004, "<0.1%"), (0, "0.0%")],
)
def test_only_a_certainty_reads_as_one(probability, text):
    assert plotting.format_probability(probability) == text
