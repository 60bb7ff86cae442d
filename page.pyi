"""Builds the page of app.py with Gradio: what to draw on, upload to and learn from."""

import base64
import contextlib
import csv
import io
import json
from pathlib import Path

import gradio as gr
import numpy as np

import annotate
import answers
import drawing
import explain
import learn
import photos
import read_photos
import reader

ROOT = Path(__file__).parent
EXAMPLES = ("note.jpg", "blackboard.jpg", "sideways.jpg")
MAX_DRAWING = 1_000_000  # characters
MAX_WAITING = 64  # requests: more would wait too long
MAX_AGE = 600  # seconds until files sent and shown are deleted
PRIVATE = {"api_visibility": "private"}
DOWNLOAD = """(text, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
    link.download = name + "%s";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""

class PhotoInput(gr.Image):
    """Gradio's image input, whose file is opened by photos.py, with its limits and errors."""

    def preprocess(self, payload):
        """Pass on `(path, name)` of the file, or None."""
        if payload is None or payload.path is None:
            return None
        return Path(payload.path), payload.orig_name or Path(payload.path).name
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

def decode_drawing(text):
    """Decode what the canvas sends: a PNG as a data URL, or nothing.

    Args:
        text: "data:image/png;base64,...", or "" or None.

    Returns:
        uint8 array of shape (height, width, 3), on white where it is transparent; None for nothing.

    Raises:
        ValueError: it is something else, or too large.
    """
    if not text:
        return None
    head, _, body = str(text)[: MAX_DRAWING + 1].partition(",")
    if not head.startswith("data:image/") or len(str(text)) > MAX_DRAWING:
        raise ValueError("The drawing is no picture as the canvas sends it: draw it again")
    try:
        file = io.BytesIO(base64.b64decode(body, validate=True))
    except ValueError:
        raise ValueError("The drawing arrived damaged: draw it again") from None
    return photos.decode(file, "The drawing")[0]

def read_drawing(canvas, finder, classifiers):
    """Read a drawing with each network, and explain the digit that they are least sure of.

    Args:
        canvas: uint8 array of shape (height, width, 3), or None.
        finder: trained network as `finder.build_finder` builds.
        classifiers: dict of trained networks of `model.BUILDERS` by name.

    Returns:
        `(images, probabilities, explained, shares)`, as `answers.format_answers` takes them.
    """
    images = np.zeros((0, 28, 28), np.float32) if canvas is None else drawing.read(canvas, finder)
    if not len(images):
        return images, {name: np.zeros((0, 10), np.float32) for name in classifiers}, 0, {}
    # Compiled, which halves the time of so few images.
    said = {name: network.predict_on_batch(images) for name, network in classifiers.items()}
    explained = int(np.argmin(sum(row.max(axis=1) for row in said.values())))
    shares = {}
    for name, network in classifiers.items():
        digits = said[name][explained].argmax(keepdims=True)
        shares[name] = explain.attribute(network, images[[explained]], digits)[0][0]
    return images, said, explained, shares

def read_photo(path, name, finder, classifier):
    """Read a photo.

    Args:
        path: its file.
        name: what its owner calls it.
        finder: as of `read_drawing`.
        classifier: trained network of `model.BUILDERS`.

    Returns:
        `(marked, summary, text, table, described)`: the photo with what was read on it, uint8;
        a sentence; the lines; CSV; JSON.

    Raises:
        ValueError: it cannot be read as a photo.
    """
    with open(path, "rb") as file:
        photo, scale = photos.decode(file, name)
    lines = reader.read(photo, finder, classifier)
    described = read_photos.describe(lines, scale)
    rows = read_photos.list_numbers(name, described)
    table = io.StringIO()
    writer = csv.DictWriter(table, read_photos.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    num_doubtful = sum(annotate.is_doubtful(digit) for line in lines for digit in line["digits"])
    summary = read_photos.summarize(lines).capitalize()
    summary += f", {num_doubtful} of them doubtful (dashed)." if num_doubtful else "."
    text = "\n".join(line["text"] for line in lines)
    described = json.dumps({"file": name, "lines": described}, indent=2)
    return annotate.mark(photo, lines), summary, text, table.getvalue(), described

def build(finder, classifiers):
    """Build the page.

    Args:
        finder: trained network as `finder.build_finder` builds.
        classifiers: dict of trained networks by name; "cnn" reads the photos.

    Returns:
        `gr.Blocks`, not launched.
    """

    def answer_drawing(text):
        with _friendly_errors():
            read = read_drawing(decode_drawing(text), finder, classifiers)
        return answers.format_reading(read[1]), answers.format_answers(*read)

    def answer_drawing_file(file):
        """Read a picture of drawn digits with each network."""
        with _friendly_errors():
            path, name = _expect(file)
            with open(path, "rb") as opened:
                canvas, _ = photos.decode(opened, name)
            return answers.describe(read_drawing(canvas, finder, classifiers)[1])

    def answer_photo(file):
        """Read a photo of a note: the photo with boxes, a summary, lines, CSV, JSON."""
        if file is None:
            return None, "", "", "", "", ""
        with _friendly_errors():
            return *read_photo(*file, finder, classifiers["cnn"]), Path(file[1]).stem

    title = "Handwritten digits"
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(60, MAX_AGE)) as page:
        gr.Markdown(f"# {title}\nDraw them or photograph them, and see what networks make of them.")
        with gr.Tab("Draw"):
            _build_draw_tab(answer_drawing, answer_drawing_file, list(classifiers))
        with gr.Tab("Photo"):
            _build_photo_tab(answer_photo)
        with gr.Tab("Learn", elem_id="learn"):
            gr.HTML(learn.format_lessons())
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)

def _build_draw_tab(answer_drawing, answer_drawing_file, names):
    nothing = answers.format_answers([], dict.fromkeys(names), 0, {})
    with gr.Row():
        with gr.Column(min_width=320):
            canvas = gr.HTML(
                html_template=(ROOT / "web" / "canvas.html").read_text(encoding="utf-8"),
                js_on_load=(ROOT / "web" / "canvas.js").read_text(encoding="utf-8"),
                elem_id="canvas",
            )
            reading = gr.HTML(answers.format_reading({}), elem_id="reading")
        with gr.Column(min_width=320):
            shown = gr.HTML(nothing, elem_id="answers")
    canvas.input(
        answer_drawing,
        canvas,
        [reading, shown],
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )
    # Never shown: it gives programs a way to send a file.
    file, described = PhotoInput(visible=False), gr.JSON(visible=False)
    file.upload(answer_drawing_file, file, described, api_name="read_drawing")

def _build_photo_tab(answer_photo):
    with gr.Row():
        with gr.Column(min_width=320):
            photo = PhotoInput(
                image_mode=None,
                type="filepath",
                sources=["upload", "clipboard", "webcam"],
                label="A note: upload, paste or photograph it",
                height=420,
            )
            gr.Examples(
                [str(ROOT / "examples" / name) for name in EXAMPLES], photo, label="Notes to try"
            )
        with gr.Column(min_width=320):
            marked = gr.Image(
                label="What was read on it",
                format="jpeg",
                height=420,
                interactive=False,
                buttons=["download", "fullscreen"],
                alt_text="The note, with a box and a label at each digit",
            )
            summary = gr.Textbox(label="Found", lines=1, interactive=False)
            lines = gr.Textbox(label="Lines", lines=8, max_lines=8, buttons=["copy"])
            table, described, stem = (gr.Textbox(visible="hidden") for _ in range(3))
            with gr.Row():
                for suffix, content in ((".txt", lines), (".csv", table), (".json", described)):
                    button = gr.Button(f"Download {suffix[1:].upper()}", min_width=90, size="md")
                    button.click(None, [content, stem], js=DOWNLOAD % suffix, **PRIVATE)
    photo.change(
        answer_photo,
        photo,
        [marked, summary, lines, table, described, stem],
        show_progress="minimal",
        trigger_mode="always_last",
        api_name="read_photo",
    )

def _expect(file):
    if file is None:
        raise ValueError("Received no picture, expected one: send a file")
    return file

@contextlib.contextmanager
def _friendly_errors():
    """Show what is wrong with what was sent as one sentence, and not in the server's log."""
    try:
        yield
    except (ValueError, OSError) as error:
        sentence = " ".join(str(error).split()).rstrip(".")
        raise gr.Error(f"{sentence}.", title="That did not work", print_exception=False) from None
