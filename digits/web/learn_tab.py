"""Writes the Learn tab of the page: the released networks' results and figures, explained."""

import base64
import html
import json
from pathlib import Path

from digits.evaluation import metrics
from digits.networks.storage import RELEASED_MODELS

FIGURES = Path(__file__).parents[2] / "plots" / "released"
NETWORKS = {
    "dense": "every unit sees every pixel: 784-128-64-10",
    "tiny": "few convolutions, which look at patches of the image",
    "cnn": "many convolutions",
}
INTRODUCTION = (
    "A network is a long sum that was not written but learned: it was shown 55,000 handwritten "
    "digits and what they are (MNIST), again and again, and its weights were changed a little each "
    "time until its answers fitted. It does not know what a digit is, only how those looked; so it "
    "answers with a digit whatever it is shown, and the Draw tab shows how sure it is and why."
)
LESSONS = [
    (
        "dense_network.png",
        "The network",
        "Each of the 784 pixels is multiplied by a weight for each of 128 units, which add up what "
        "they get and pass it on if it is above zero; 64 more units and ten outputs do the same, "
        "and the largest output is the answer.",
    ),
    (
        "dense_weights.png",
        "What its first layer looks for",
        "Each square is one unit's 784 weights: ink on blue pixels makes it speak up, ink on "
        "orange ones keeps it silent; nobody drew these patterns, training found them.",
    ),
    (
        "dense_accuracy.png",
        "How it learned",
        "In each epoch it sees all 55,000 training images once, warped anew, and each weight is "
        "nudged to where the mistakes get fewer, and to the answers of a better network, its "
        "teacher; the dashed line, of images it does not train on, rises too: it learned digits, "
        "not just these images.",
    ),
    (
        "dense_confusion_matrix.png",
        "Which digits it confuses",
        "A row is what was written and a column what was read: on the diagonal it is right, and "
        "the darkest other squares are the pairs that look most alike to it, such as 4 and 9.",
    ),
    (
        "dense_embedding.png",
        "How it sees the digits before it decides",
        "Its last 64 units give each image a place; these are the two directions in which the "
        "places differ most, and mistakes (crosses) lie where two digits meet.",
    ),
    (
        "dense_mistakes.png",
        "The hardest test images for the dense network",
        "Of 10,000 it misses these most surely; on some of them, so would you.",
    ),
    (
        "cnn_mistakes.png",
        "The hardest test images for the CNN",
        "The convolutional network looks at small patches, wherever they are, and then at patches "
        "of patches, which leaves it with less than half as many mistakes.",
    ),
    (
        "dense_tiny_cnn_robustness.png",
        "Where they break",
        "All three trained on digits that were warped, blurred, covered and sprinkled with noise, "
        "so such digits trouble them little; turned by 40 degrees, a digit may be another one.",
    ),
]


def format_lessons():
    """Format results and figures as HTML that needs no other file.

    Raises:
        OSError: a released figure or result is missing.
    """
    parts = [f"<h2>What the networks do</h2><p>{INTRODUCTION}</p>", _format_results()]
    for name, heading, sentence in LESSONS:
        picture = base64.b64encode((FIGURES / name).read_bytes()).decode()
        parts.append(
            f"<figure><h3>{heading}</h3><figcaption>{html.escape(sentence)}</figcaption>"
            f"<div class='wide' tabindex='0' role='group' aria-label='Figure'>"
            f"<img src='data:image/png;base64,{picture}' alt='{heading}'></div></figure>"
        )
    return "".join(parts)


def _format_results():
    rows = ""
    for name, kind in NETWORKS.items():
        results = json.loads((RELEASED_MODELS / f"{name}.json").read_text(encoding="utf-8"))
        accuracy = metrics.format_accuracy(results["num_correct"], results["num_images"])
        rows += (
            f"<tr><th scope='row'>{name}</th><td>{kind}</td>"
            f"<td>{results['num_parameters']:,}</td><td>{accuracy}</td></tr>"
        )
    return (
        "<div class='wide'><table><caption>On 10,000 test images that none of them trained on"
        "</caption><tr><th scope='col'>network</th><th scope='col'>made of</th>"
        f"<th scope='col'>weights</th><th scope='col'>right</th></tr>{rows}</table></div>"
    )
