"""Formats the page that evaluate.py --report writes: HTML that needs no other file."""

import base64
import html
import io
from pathlib import Path

from PIL import Image

from digits.evaluation import metrics

STYLE = Path(__file__).with_name("report.css")
# Figure, heading, and what it says; in the order of the page.
SECTIONS = (
    (
        "confusion_matrix",
        "What it reads, digit by digit",
        "A row is what was written, a column what was read. On the diagonal it is right; colour "
        "shows the mistakes.",
    ),
    (
        "flow",
        "Where the mistakes go",
        "Each band leads from a digit to what was read instead, as wide as there are images of it, "
        "the widest in orange.",
    ),
    (
        "hardest",
        "The hardest images, and what each network says",
        "Those to whose label it gives the least probability. Beside its own answers stand those "
        "of the networks that come with the project; some labels are doubtful themselves.",
    ),
    (
        "means",
        "What the digits look like",
        "The mean of all test images of a digit, where these differ, and those nearest to the mean "
        "and farthest from it: what a network must see through.",
    ),
    (
        "weights",
        "What its first layer looks for",
        "Each square is one unit's 784 weights. Ink on blue pixels makes the unit speak up, ink on "
        "orange ones keeps it silent.",
    ),
    (
        "embedding",
        "How it sees the digits, before it decides",
        "The last hidden layer says {units} numbers of each image. Here are the two directions in "
        "which they differ most (principal components, {explained:.0%} of the variance). What lies "
        "between two groups is hard to tell apart; in the other dimensions it may be easier.",
    ),
    (
        "calibration",
        "Is it as sure as it is right?",
        "Of the images that it is 90% sure of, 90% should be right. The calibration error is the "
        "mean gap between the two. {tempered}",
    ),
    (
        "refusal",
        "What refusing is worth",
        "A person may look at the images it is least sure of. Of all images it reads {all:.2%} "
        "right; without the least sure {share:.0%}, {right:,} of {answered:,}, {accuracy:.2%} (95% "
        "interval {low:.2%} to {high:.2%}).",
    ),
    (
        "outsiders",
        "Does it notice what is no digit?",
        "A network must answer with a digit, whatever it is shown; it can only be less sure. "
        "{threshold} The area under the ROC curve is the chance that it is surer of a digit than "
        "of what is none: {aurocs} (95% intervals).",
    ),
    (
        "robustness",
        "Where it breaks",
        "{spoiled:,} of the images, spoiled on purpose, more and more. The mean of all "
        "{num_sets} points is {mean:.1%} (95% interval {mean_low:.1%} to {mean_high:.1%}).",
    ),
    (
        "learning_curve",
        "What data is worth",
        "The dense network, trained for the same number of steps on 100 to 60,000 images of MNIST "
        "(benchmarks/learning_curve.py). A star, if there is one, is this network.",
    ),
)


def format_page(name, metadata, measured, paths):
    """Format the page, which needs no other file.

    Args:
        name: of the network.
        metadata: what `storage.read_metadata` returned for it.
        measured: what `report.measure` returned.
        paths: what `report.draw` returned.

    Returns:
        HTML.
    """
    facts = _list_facts(metadata, measured)
    shown = [row for row in SECTIONS if row[0] in paths]
    contents = "".join(f"<li><a href='#{key}'>{heading}</a></li>" for key, heading, _ in shown)
    body = "".join(
        f"<section id='{key}'><h2>{heading}</h2><p>{html.escape(text.format(**facts))}</p>"
        f"<figure><img alt='{heading}' src='{_to_url(paths[key])}'></figure></section>"
        for key, heading, text in shown
    )
    style = STYLE.read_text(encoding="utf-8")
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(name)}: a report</title><style>{style}</style></head><body>"
        f"<h1>What {html.escape(name)} knows, and where it breaks</h1>"
        f"{_format_summary(measured)}"
        f"<nav aria-label='Contents'><ol>{contents}</ol></nav>{body}"
        f"<footer>{html.escape(_describe_training(metadata))}</footer></body></html>\n"
    )


def _list_facts(metadata, measured):
    """List what the sentences of `SECTIONS` say of this network."""
    before, after = (
        "{:.2%} ({:.2%} to {:.2%})".format(row["ece"], *row["ece_interval"])
        for row in (measured["before"], measured["after"])
    )
    tempered = f"Here it is {after}; no temperature is known for this network."
    if measured["temperature"]:
        tempered = (
            "After training, the logits were divided by a temperature, "
            f"{measured['temperature']:.2f}, fitted on held-out training images, which changes no "
            f"answer. Without it the error is {before}, with it {after} (95% intervals)."
        )
    threshold = f"Below {measured['threshold']:.1%} it is called not sure"
    threshold += ", as it is of 1% of held-out training images." * ("threshold" in metadata) or "."
    refused = measured["refusal"]["refused"]
    refused = next((row for row in refused if row["share"] == 0.02), refused[-1])
    robust = measured["robustness"]
    return {
        "units": measured["num_units"],
        "explained": measured["explained"],
        "tempered": tempered,
        "threshold": threshold,
        "all": measured["scores"]["accuracy"],
        "share": refused["share"],
        "right": refused["num_right"],
        "answered": refused["num_answered"],
        "accuracy": refused["num_right"] / refused["num_answered"],
        "low": refused["interval"][0],
        "high": refused["interval"][1],
        "aurocs": ", ".join(
            "{} {:.3f} ({:.3f} to {:.3f})".format(kind, row["auroc"], *row["auroc_interval"])
            for kind, row in measured["outsiders"].items()
        ),
        "spoiled": robust["num_images"],
        "num_sets": sum(map(len, robust["accuracy"].values())),
        "mean": robust["mean"],
        "mean_low": robust["mean_interval"][0],
        "mean_high": robust["mean_interval"][1],
    }


def _format_summary(measured):
    scores = measured["scores"]
    accuracy = metrics.format_accuracy(scores["num_correct"], scores["num_images"])
    rows = "".join(
        f"<tr><td>{row['digit']}</td><td>{row['num_images']:,}</td><td>{row['precision']:.2%}</td>"
        f"<td>{row['recall']:.2%}</td><td>{row['f1']:.2%}</td></tr>"
        for row in scores["per_digit"]
    )
    return (
        f"<p>Reads {html.escape(accuracy)}, of the test images right, with "
        f"{measured['num_parameters']:,} weights. Mean cross-entropy {scores['loss']:.4f} nats.</p>"
        "<div class='wide'><table><caption>Precision: of what it reads as the digit, so much is. "
        "Recall: of the digits written, so many are read. F1: their harmonic mean.</caption>"
        "<tr><th scope='col'>digit</th><th scope='col'>images</th><th scope='col'>precision</th>"
        f"<th scope='col'>recall</th><th scope='col'>F1</th></tr>{rows}</table></div>"
    )


def _describe_training(metadata):
    if "command" not in metadata:
        return "How it was trained is not known: no JSON beside the model says so."
    known = [f"seed {metadata['seed']}"] if "seed" in metadata else []
    if isinstance(metadata.get("versions"), dict):
        known += [f"{package} {version}" for package, version in metadata["versions"].items()]
    return f"Trained by: {metadata['command']}" + (f" ({', '.join(known)})." if known else ".")


def _to_url(path):
    """Embed a figure in 256 colours, which are enough for it and a third of the size."""
    file = io.BytesIO()
    figure = Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    figure.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
