import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from digits.evaluation import compare
from digits.networks import Classifier


def test_mcnemar_against_hand_worked_numbers():
    # Ten images that only the second classifies correctly, two that only the first does: of 12
    # tosses of a coin, 10 or more alike: 2 (1 + 12 + 66) / 4096.
    labels = np.zeros(100, int)
    first, second = np.zeros((2, 100), int)
    first[:10], second[10:12] = 1, 1
    first[12:15], second[12:15] = 2, 3
    result = compare.mcnemar(labels, first, second)
    assert result.both_correct == 85
    assert result.both_wrong == 3
    assert result.only_first_correct == 2
    assert result.only_second_correct == 10
    assert result.difference == pytest.approx(0.08)
    assert result.p_value == pytest.approx(2 * 79 / 4096)
    # 8/102 -+ 1.959964 sqrt(13/102 - (8/102)^2) / sqrt(102)
    assert result.difference_interval == pytest.approx((0.0108421, 0.1460206), abs=1e-6)


def test_a_model_does_not_differ_from_itself():
    labels = np.arange(10)
    result = compare.mcnemar(labels, labels, labels)
    assert result.p_value == 1
    assert result.difference == 0
    assert result.difference_interval[0] < 0 < result.difference_interval[1]


def test_swapping_two_models_swaps_the_result():
    rng = np.random.default_rng(0)
    labels, first, second = rng.integers(0, 3, (3, 200))
    forth, back = compare.mcnemar(labels, first, second), compare.mcnemar(labels, second, first)
    assert forth.p_value == pytest.approx(back.p_value)
    assert forth.difference == -back.difference
    assert forth.only_first_correct == back.only_second_correct


@dataclasses.dataclass(frozen=True)
class Constant:
    """An engine that gives each image the same probabilities."""

    digit: int

    def __call__(self, inputs):
        rows = np.full((len(inputs), 10), 0.01, np.float32)
        rows[:, self.digit] = 0.91
        return rows


def make_comparison(num_ones=15):
    labels = np.repeat([0, 1, 2], [5, num_ones, 1])
    images = np.zeros((len(labels), 28, 28), np.float32)
    classifiers = [Classifier(Constant(digit), Path(f"is_{digit}.keras")) for digit in (0, 1)]
    return compare.compare(classifiers, images, labels)


def test_a_comparison_has_the_scores_of_both_and_names_the_better_one():
    result = make_comparison(num_ones=30)
    assert [scores.num_correct for scores in result.scores] == [5, 30]
    text = result.format()
    assert "is_0.keras  13.89% (5/36)" in text
    assert "both correct 0, both wrong 1, only the first correct 5, only the second correct 30" in (
        text
    )
    assert "second minus first: +69.44 percentage points" in text
    assert "is_1.keras is better" in text
    written = json.loads(json.dumps(result.to_dict()))
    assert [row["model_path"] for row in written["models"]] == ["is_0.keras", "is_1.keras"]
    assert written["models"][1]["num_correct"] == written["only_second_correct"] == 30


def test_a_small_difference_names_no_better_one():
    assert "does not show which is better" in make_comparison(num_ones=7).format()


def test_images_that_only_one_classifies_correctly_are_drawn(drawn, tmp_path):
    assert make_comparison().draw(tmp_path) == [tmp_path / "is_0_and_is_1.png"]
    shown = [axes for axes in drawn[0].axes if axes.get_title()]
    assert [axes.get_title() for axes in shown] == ["label 0"] * 5 + ["label 1"] * 15
    assert shown[0].get_xlabel() == "is_0: 0  91.0%\nis_1: 1  91.0%\nimage 0"
    assert "20 test images that only one" in drawn[0].get_suptitle()
