"""Turns what the networks answer to a drawing into HTML for the page."""

import base64
import html
import io

import numpy as np
from PIL import Image

from digits import plotting

INK = 0.25  # how dark ink without a say is drawn, so that the digit can be seen


def describe(answers, thresholds):
    """Describe answers as plain values, ready for JSON.

    Args:
        answers: dict of probabilities, float arrays of shape (n, 10), by name of the network.
        thresholds: dict by name of the probability below which the network is not sure.

    Returns:
        dict by name of `text`, the digits, and `digits`, dicts of `label`, `probability`, `sure`
        and `probabilities` (of 0 to 9).
    """
    return {
        name: {
            "text": "".join(map(str, probabilities.argmax(axis=1))),
            "digits": [
                {
                    "label": int(row.argmax()),
                    "probability": round(float(row.max()), 4),
                    "sure": bool(row.max() >= thresholds[name]),
                    "probabilities": [round(float(value), 4) for value in row],
                }
                for row in probabilities
            ],
        }
        for name, probabilities in answers.items()
    }


def format_reading(answers, thresholds):
    """Say in a sentence what is read, by whom if they differ; HTML."""
    described = describe(answers, thresholds)
    texts = {name: answer["text"] for name, answer in described.items()}
    if not any(texts.values()):
        return "<p>Draw a digit, or several.</p>"
    if len(set(texts.values())) > 1:
        said = ", ".join(
            f"{name} <span class='digits'>{text}</span>" for name, text in texts.items()
        )
        return f"<p>They disagree: {said}</p>"
    (text,) = set(texts.values())
    unsure = [
        name
        for name, answer in described.items()
        if not all(digit["sure"] for digit in answer["digits"])
    ]
    said = f"<span class='digits'>{text}</span>"
    if not unsure:
        return f"<p>This is {said}</p>"
    who = f"{' and '.join(unsure)} {'is' if len(unsure) == 1 else 'are'} not"
    who = "none of them is" if len(unsure) == len(texts) else who
    return f"<p>Perhaps {said}, but {who} sure</p>"


def format_answers(images, answers, explained, shares):
    """Show each digit as the networks see it, and all that they say of one of them.

    Args:
        images: float array of shape (n, 28, 28), 0 to 1; n may be 0.
        answers: as of `describe`.
        explained: index of the digit that is shown in full.
        shares: dict by name of float arrays of shape (28, 28), as of `explain.attribute`.

    Returns:
        HTML that takes the same room whatever the answers are.
    """
    strip = [_format_digit(image, answers, index, explained) for index, image in enumerate(images)]
    networks = [
        _format_network(name, answers[name][explained], images[explained], shares[name])
        if len(images)
        else _format_network(name, np.zeros(10), np.zeros((28, 28)), np.zeros((28, 28)))
        for name in answers
    ]
    chosen = f"number {explained + 1}, the least sure" if len(images) > 1 else "the digit"
    return (
        f"<ul class='strip' tabindex='0' aria-label='What the networks see'>{''.join(strip)}</ul>"
        f"<div class='networks'>{''.join(networks)}</div>"
        f"<p class='legend'>Pictures: {chosen}, in 28x28 pixels. "
        "<span class='for'>Blue</span> ink speaks for the answer, "
        "<span class='against'>orange</span> ink against it; the figures are by how much, in log "
        "odds against all other digits. Bars: how likely each digit is.</p>"
    )


def _format_digit(image, answers, index, explained):
    said = "<br>".join(f"{name} {row[index].argmax()}" for name, row in answers.items())
    kind = " class='explained'" if index == explained else ""
    return (
        f"<li{kind}><img src='{_to_url(_paint_ink(image))}' alt='Digit {index + 1}, 28x28 pixels'>"
        f"{said}</li>"
    )


def _format_network(name, probabilities, image, shares):
    answer, share, alt = "&nbsp;", "&nbsp;", "Nothing drawn yet"
    if image.any():
        label = int(probabilities.argmax())
        sure = plotting.format_probability(probabilities[label])
        answer = f"<b>{label}</b> {html.escape(sure)}"
        supporting, opposing = shares[shares > 0].sum(), -shares[shares < 0].sum()
        share = (
            f"<span class='for'>for +{supporting:.1f}</span><br>"
            f"<span class='against'>against &minus;{opposing:.1f}</span>"
        )
        alt = f"The pixels that speak for and against {label}, to the {name} network"
    rows = "".join(
        f"<tr><th scope='row'>{digit}</th><td class='bar'>"
        f"<span style='width:{100 * value:.1f}%'></span></td>"
        f"<td>{html.escape(plotting.format_probability(value)) if image.any() else ''}</td></tr>"
        for digit, value in enumerate(probabilities)
    )
    return (
        f"<section><h2>{name}</h2><p class='answer'>{answer}</p>"
        f"<img class='seen' src='{_to_url(paint_shares(image, shares))}' alt='{alt}'>"
        f"<p class='share'>{share}</p>"
        f"<table aria-label='Probability of each digit, {name} network'>{rows}</table></section>"
    )


def paint_shares(image, shares):
    """Paint an image's ink in blue where it speaks for a digit, in orange where against it.

    Args:
        image: float array of shape (28, 28), 0 to 1.
        shares: float array of shape (28, 28), as of `explain.attribute`.

    Returns:
        uint8 array of shape (28, 28, 3): white paper, grey ink, the strongest share in full colour.
    """
    strength = np.abs(shares) / max(np.abs(shares).max(), 1e-9)
    strength = np.sqrt(strength)[..., None]  # small shares are many, and should be seen
    grey = 1 - INK * np.asarray(image)[..., None]
    color = np.where(shares[..., None] > 0, _to_rgb(plotting.BLUE), _to_rgb(plotting.VERMILLION))
    return np.uint8(np.round(255 * ((1 - strength) * grey + strength * color)))


def _paint_ink(image):
    return np.uint8(255 * (1 - image))


def _to_rgb(color):
    return np.array([int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)])


def _to_url(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
