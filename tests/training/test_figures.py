import dataclasses

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import data
import model as models
from digits.networks import Detections, batch_norm
from digits.networks.detector import NUM_DETECTED, TURNED
from digits.symbols import SYMBOLS
from digits.training import RECIPES, diagram, figures


def all_text(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_history_shows_all_four_curves_with_names(drawn):
    history = {
        "accuracy": [0.9, 0.97, 0.98],
        "loss": [0.3, 0.1, 0.05],
        "val_accuracy": [0.95, 0.96, 0.9712],
        "val_loss": [0.2, 0.15, 0.11],
    }
    figures.draw_history(history, "unused")
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


def test_samples_show_each_digit_in_its_row(drawn):
    labels = np.arange(40) % 10
    images = np.broadcast_to(labels[:, None, None], (40, 28, 28))
    figures.draw_samples(images, labels, "unused", per_digit=5)
    rows = np.reshape(drawn[0].axes, (10, 5))
    for digit, row in enumerate(rows):
        shown = [axes.images[0].get_array() for axes in row if axes.images]
        assert len(shown) == 4  # there are no more
        assert all((image == digit).all() for image in shown)
        assert row[0].texts[0].get_text() == str(digit)


@pytest.mark.parametrize("degraded_share", [0.0, 0.5])
def test_augmentation_shows_images_beside_warped_and_degraded_copies(drawn, degraded_share):
    images, labels = data.load_train()
    recipe = dataclasses.replace(RECIPES["dense"], degraded_share=degraded_share)
    figures.draw_augmentation(images[:100], labels[:100], recipe, 0, "unused")
    rows = np.reshape(drawn[0].axes, (5, 10))
    for digit, row in zip(figures.AUGMENTED_DIGITS, rows, strict=True):
        original, *copies = (np.asarray(axes.images[0].get_array()) for axes in row)
        first = images[int((labels == digit).argmax())]
        np.testing.assert_allclose(original, first / 255, atol=1e-6)
        assert len({copy.tobytes() for copy in copies}) == 9
        assert all((copy != original).any() and copy.min() >= 0 for copy in copies)
    assert any("degraded" in text for text in all_text(drawn[0])) == bool(degraded_share)


def test_detections_are_drawn_on_their_page(drawn):
    pages = np.stack([np.full((160, 160), grey) for grey in (0.2, 0.8)])
    boxes, labels = np.array([[10, 20, 30, 60]] * 3), [7, SYMBOLS.index("+"), TURNED + 2]
    some = Detections(boxes, np.ones(3), np.eye(NUM_DETECTED)[labels])
    figures.draw_detections(pages, [Detections.concatenate([]), some], "unused")
    none, page = drawn[0].axes[:2]
    assert (none.images[0].get_array() == 0.2).all()
    assert (list(none.patches), list(none.texts)) == ([], [])
    assert [box.get_bbox().extents.tolist() for box in page.patches] == [[10, 20, 30, 60]] * 3
    assert [text.get_text() for text in page.texts] == ["7", "+", "270°"]
    assert {text.get_position() for text in page.texts} == {(10, 20)}


def test_the_label_of_a_box_beyond_the_page_stays_on_it(drawn):
    beyond = Detections(
        np.array([[-9.0, -20.0, 30.0, 40.0]]), np.ones(1), np.eye(NUM_DETECTED)[[7]]
    )
    figures.draw_detections(np.full((1, 160, 160), 0.5), [beyond], "unused")
    (text,) = drawn[0].axes[0].texts
    x, y = text.get_position()
    assert 0 <= x < 160 and 0 < y < 160
