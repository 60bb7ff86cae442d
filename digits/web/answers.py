"""Turns the predictions for a drawing into plain values for programs and HTML for the page."""

from __future__ import annotations

import dataclasses
import html
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from digits import files, plotting
from digits.mnist import IMAGE_SHAPE, NUM_CLASSES
from digits.reading.canvas import CanvasReading

INK = 0.25  # darkness of ink whose attribution is 0, so that the whole digit can be seen


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a network predicts for one digit of a drawing.

    Attributes:
        label: the predicted digit.
        probability: of the label.
        is_digit: whether what was drawn looks like a digit; else the label is the nearest digit.
        is_sure: whether it is a digit, and its probability is at least the network's threshold.
        probabilities: of the digits 0 to 9, if it is a digit.
    """

    label: int
    probability: float
    is_digit: bool
    is_sure: bool
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a network predicts for all digits of a drawing, in reading order.

    Attributes:
        predictions: one for each digit.
    """

    predictions: tuple[Prediction, ...]

    @property
    def text(self) -> str:
        """The predicted digits."""
        return "".join(str(prediction.label) for prediction in self.predictions)

    @property
    def is_sure(self) -> bool:
        """Whether all predictions are sure."""
        return all(prediction.is_sure for prediction in self.predictions)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; probabilities are rounded to four places."""
        return {
            "text": self.text,
            "digits": [
                {
                    "label": prediction.label,
                    "probability": round(prediction.probability, 4),
                    "is_digit": prediction.is_digit,
                    "is_sure": prediction.is_sure,
                    "probabilities": [round(value, 4) for value in prediction.probabilities],
                }
                for prediction in self.predictions
            ],
        }


def make_answers(reading: CanvasReading, thresholds: Mapping[str, float]) -> dict[str, Answer]:
    """Make each network's answer from the reading of a drawing.

    Args:
        reading: of a drawing.
        thresholds: by the names of the networks, the probability of the predicted digit from which
            a prediction is sure.

    Returns:
        Answers by the same names.
    """
    return {
        name: Answer(
            tuple(
                Prediction(
                    label=int(row.argmax()),
                    probability=float(row.max()),
                    is_digit=bool(is_digit),
                    is_sure=bool(is_digit and row.max() >= thresholds[name]),
                    probabilities=tuple(map(float, row)),
                )
                for row, is_digit in zip(rows, reading.is_digit, strict=True)
            )
        )
        for name, rows in reading.probabilities.items()
    }


def format_summary(answers: Mapping[str, Answer]) -> str:
    """Say in one sentence of HTML what is predicted, and by which network where they differ.

    Args:
        answers: as `make_answers` returns.
    """
    texts = {name: f"<span class='digits'>{answer.text}</span>" for name, answer in answers.items()}
    if not any(answer.text for answer in answers.values()):
        return "<p>Draw a digit, or several.</p>"
    is_digit = [prediction.is_digit for prediction in next(iter(answers.values())).predictions]
    if not any(is_digit):
        many = len(is_digit) > 1
        who = "These do not look like digits" if many else "This does not look like a digit"
        nearest = " or ".join(dict.fromkeys(texts.values()))
        return f"<p>{who} (nearest: {nearest})</p>"
    if not all(is_digit):
        numbers = [str(index + 1) for index, each in enumerate(is_digit) if not each]
        some = f"parts {', '.join(numbers)} do not look like digits"
        one = f"part {numbers[0]} does not look like a digit"
        read = " or ".join(dict.fromkeys(texts.values()))
        return f"<p>Perhaps {read}, but {one if len(numbers) == 1 else some}</p>"
    if len(set(texts.values())) > 1:
        predicted = ", ".join(f"{name} {text}" for name, text in texts.items())
        return f"<p>The networks disagree: {predicted}</p>"
    text = next(iter(texts.values()))
    unsure = [name for name, answer in answers.items() if not answer.is_sure]
    if not unsure:
        return f"<p>This is {text}</p>"
    who = f"{' and '.join(unsure)} {'is' if len(unsure) == 1 else 'are'} not"
    who = "none of the networks is" if len(unsure) == len(texts) else who
    return f"<p>Perhaps {text}, but {who} sure</p>"


def format_answers(reading: CanvasReading, answers: Mapping[str, Answer]) -> str:
    """Show each digit with its predictions, and one digit with probabilities and attributions.

    Args:
        reading: of a drawing; it may have no digits.
        answers: of the same drawing, as `make_answers` returns.

    Returns:
        HTML that takes the same room whatever was drawn.
    """
    images, explained = reading.images, reading.explained
    items = [
        _format_digit(images[index], answers, index, explained) for index in range(len(images))
    ]
    sections = [
        _format_network(
            name,
            answer.predictions[explained],
            images[explained],
            reading.attributions[name],
        )
        if len(images)
        else _format_network(name, None, np.zeros(IMAGE_SHAPE), np.zeros(IMAGE_SHAPE))
        for name, answer in answers.items()
    ]
    shown = f"digit {explained + 1}, the least sure" if len(images) > 1 else "the digit"
    return (
        "<ul class='strip' tabindex='0' aria-label='Predictions for each digit'>"
        f"{''.join(items)}</ul>"
        f"<div class='networks'>{''.join(sections)}</div>"
        f"<p class='legend'>Images: {shown}, as the networks receive it (28&times;28 pixels). "
        "<span class='for'>Blue</span> pixels speak for the prediction, "
        "<span class='against'>orange</span> pixels against it; the numbers are their sums, in "
        "log-odds of the predicted digit. Bars: the probability of each digit, if it is a "
        "digit.</p>"
    )


def _format_digit(
    image: np.ndarray, answers: Mapping[str, Answer], index: int, explained: int
) -> str:
    predictions = {name: answer.predictions[index] for name, answer in answers.items()}
    predicted = "<br>".join(
        f"{name} {prediction.label}{'' if prediction.is_digit else '?'}"
        for name, prediction in predictions.items()
    )
    kind = " class='explained'" if index == explained else ""
    url = _to_url((255 * (1 - image)).astype(np.uint8))
    return f"<li{kind}><img src='{url}' alt='Digit {index + 1}, 28x28 pixels'>{predicted}</li>"


def _format_network(
    name: str, prediction: Prediction | None, image: np.ndarray, attribution: np.ndarray
) -> str:
    answer, sums, alt = "&nbsp;", "&nbsp;", "Nothing drawn yet"
    if prediction is not None:
        probability = html.escape(plotting.format_probability(prediction.probability))
        answer = f"<b>{prediction.label}</b> {probability}"
        if not prediction.is_digit:
            answer = f"nearest <b>{prediction.label}</b>"
        supporting, opposing = (
            attribution[attribution > 0].sum(),
            -attribution[attribution < 0].sum(),
        )
        sums = (
            f"<span class='for'>for +{supporting:.1f}</span><br>"
            f"<span class='against'>against &minus;{opposing:.1f}</span>"
        )
        alt = f"Pixels for and against the prediction {prediction.label} of the {name} network"
    rows = "".join(
        _format_row(digit, None if prediction is None else prediction.probabilities[digit])
        for digit in range(NUM_CLASSES)
    )
    return (
        f"<section><h2>{name}</h2><p class='answer'>{answer}</p>"
        f"<img class='attribution' src='{_to_url(paint_attribution(image, attribution))}' "
        f"alt='{alt}'><p class='sums'>{sums}</p>"
        f"<table aria-label='Probability of each digit, {name} network'>{rows}</table></section>"
    )


def _format_row(digit: int, probability: float | None) -> str:
    text = "" if probability is None else html.escape(plotting.format_probability(probability))
    return (
        f"<tr><th scope='row'>{digit}</th><td class='bar'>"
        f"<span style='width:{100 * (probability or 0):.1f}%'></span></td><td>{text}</td></tr>"
    )


def paint_attribution(image: np.ndarray, attribution: np.ndarray) -> np.ndarray:
    """Paint an image's pixels in blue where they speak for a digit, in orange where against it.

    Args:
        image: float array of shape (28, 28), 0 paper to 1 ink.
        attribution: float array of shape (28, 28), above 0 for the digit and below 0 against it.

    Returns:
        uint8 array of shape (28, 28, 3): white paper, grey ink, the pixel with the strongest
        attribution in full colour.
    """
    strength = np.abs(attribution) / max(np.abs(attribution).max(), 1e-9)
    strength = np.sqrt(strength)[..., None]  # most pixels have little, which should be visible
    grey = 1 - INK * np.asarray(image)[..., None]
    colour = np.where(
        attribution[..., None] > 0, to_rgb(plotting.BLUE), to_rgb(plotting.VERMILLION)
    )
    return np.round(255 * ((1 - strength) * grey + strength * colour)).astype(np.uint8)


def _to_url(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return files.png_url(file.getvalue())
