"""Writes the Learn tab of the page: results and figures of the released networks, explained."""

import dataclasses
import html
import json

from digits import files
from digits.evaluation import metrics
from digits.mnist import NETWORKS, RELEASED
from digits.networks.storage import RELEASED_MODELS

FIGURES = files.shipped("plots/released")
INTRODUCTION = (
    "A neural network computes its prediction from the pixels of an image and from many weights. "
    "Nobody chose these weights: training showed the network 55,000 handwritten digits with their "
    "labels (MNIST), many times, and changed the weights a little each time so that the "
    "predictions came closer to the labels. A network predicts a digit for every image, even for "
    "one that shows no digit. The Draw tab therefore shows the probability of each digit, and "
    "which pixels speak for and against the prediction."
)


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A figure and what it shows.

    Attributes:
        figure: name of a PNG in `FIGURES`.
        heading: its heading, which is also the image's text alternative.
        text: a few sentences.
    """

    figure: str
    heading: str
    text: str


LESSONS = (
    Lesson(
        "dense_network.png",
        "Layers of the dense network",
        "The first layer has 128 units. Each unit multiplies the 784 pixels by weights of its own, "
        "adds up the products, and passes the sum on if it is positive. The second layer does the "
        "same with 64 units. The last layer has ten outputs, one for each digit; the digit with "
        "the largest output is the prediction.",
    ),
    Lesson(
        "dense_weights.png",
        "Weights of the first layer",
        "Each square shows the 784 weights of one unit. Ink on blue pixels increases the unit's "
        "output, and ink on orange pixels decreases it. Nobody designed these patterns: they are "
        "a result of training.",
    ),
    Lesson(
        "dense_accuracy.png",
        "Accuracy during training",
        "In each epoch, the network is trained on all 55,000 training images once, each warped at "
        "random. Training changes the weights so that the predictions come closer to the labels, "
        "and to the predictions of a more accurate network, the teacher. The dashed line shows "
        "the accuracy on validation images, which are not used for training. It rises too, so the "
        "network has not merely memorized the training images.",
    ),
    Lesson(
        "dense_confusion_matrix.png",
        "Confusion matrix",
        "Each row is a true digit and each column a predicted digit, so correct predictions are "
        "on the diagonal. The darkest of the other squares show which digits the network confuses "
        "most often, such as 4 and 9.",
    ),
    Lesson(
        "dense_embedding.png",
        "Output of the last hidden layer",
        "The last hidden layer turns each image into 64 numbers. The figure shows the two "
        "directions in which these numbers vary most (principal component analysis). Most wrong "
        "predictions (crosses) lie where the images of two digits overlap.",
    ),
    Lesson(
        "dense_mistakes.png",
        "Worst mistakes of the dense network",
        "Of the 10,000 test images, these are the wrong predictions for which the network gave "
        "the true digit the lowest probability. Some of them are difficult for people too.",
    ),
    Lesson(
        "cnn_mistakes.png",
        "Worst mistakes of the cnn",
        "The convolutional network looks for patterns in small patches of the image, wherever they "
        "are, and then for patterns of these patterns. It makes fewer than half as many mistakes "
        "as the dense network.",
    ),
    Lesson(
        "dense_tiny_cnn_robustness.png",
        "Robustness to degraded images",
        "All three networks were trained on digits that were warped, blurred, partly covered and "
        "noisy, so such images reduce their accuracy only a little. A digit that is rotated by 40 "
        "degrees is misread more often: it can look like another digit. They were not trained on "
        "digits with lines across or on outlines, and misread many of them.",
    ),
)


def format_lessons() -> str:
    """Format results and figures as HTML that needs no other file.

    Raises:
        OSError: a released figure or result is missing.
    """
    parts = [f"<h2>How the networks work</h2><p>{INTRODUCTION}</p>", _format_results()]
    for lesson in LESSONS:
        url = files.png_url((FIGURES / lesson.figure).read_bytes())
        parts.append(
            f"<figure><h3>{lesson.heading}</h3><figcaption>{html.escape(lesson.text)}</figcaption>"
            f"<div class='wide' tabindex='0' role='group' aria-label='Figure'>"
            f"<img src='{url}' alt='{lesson.heading}'></div></figure>"
        )
    return "".join(parts)


def _format_results() -> str:
    rows = ""
    for name in RELEASED:
        training = json.loads((RELEASED_MODELS / f"{name}.json").read_text(encoding="utf-8"))
        path = RELEASED_MODELS / f"{name}_results.json"
        results = json.loads(path.read_text(encoding="utf-8"))
        accuracy = metrics.format_accuracy(results["num_correct"], results["num_images"])
        rows += (
            f"<tr><th scope='row'>{name}</th><td>{html.escape(NETWORKS[name])}</td>"
            f"<td>{training['num_parameters']:,}</td><td>{accuracy}</td></tr>"
        )
    return (
        "<div class='wide'><table><caption>Accuracy on 10,000 test images, which were not used for "
        "training</caption><tr><th scope='col'>network</th><th scope='col'>description</th>"
        f"<th scope='col'>parameters</th><th scope='col'>accuracy</th></tr>{rows}</table></div>"
    )
