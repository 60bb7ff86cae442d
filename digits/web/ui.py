"""Builds the page of app.py with Gradio: what to draw on, upload to and learn from."""

import contextlib
import csv
import io
import json
from pathlib import Path

import gradio as gr

from digits.reading import canvas, command, figures, layout, photos, reader
from digits.web import answers, learn_tab, middleware

ROOT = Path(__file__).parents[2]
STATIC = Path(__file__).parent / "static"
EXAMPLES = {
    "note.jpg": "A note on ruled paper",
    "blackboard.jpg": "A blackboard",
    "sideways.jpg": "A page on its side",
}
MAX_WAITING = 64  # requests: more would wait too long
PRIVATE = {"api_visibility": "private"}
# Gradio's copy button takes the text box's label for itself (6.31).
NAME_LINES = """() => setTimeout(() =>
    document.querySelector("#lines textarea").setAttribute("aria-label", "Lines"), 100)"""
DOWNLOAD = """(text, name) => {
    if (!name) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
    link.download = name + ".%s";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""


def open_photo(file, stored):
    """Open a photo as Gradio passes it on if it is told not to open it itself.

    Args:
        file: dict of `path` and perhaps `orig_name`, or None.
        stored: folder of the files that were sent; Gradio does not check every path (6.31).

    Returns:
        `(photo, scale, name)`, the first two as of `photos.load`.

    Raises:
        ValueError: it is no file, or cannot be read as a photo.
    """
    if not file or not file.get("path"):
        raise ValueError("Received no picture, expected one: send a file")
    path = Path(file["path"]).resolve()
    if not path.is_relative_to(Path(stored).resolve()):
        raise ValueError("Received the name of a file, expected the file: send it")
    name = file.get("orig_name") or path.name
    try:
        with open(path, "rb") as opened:
            return *photos.decode(opened, name), name
    except FileNotFoundError:
        raise ValueError(f"{name} is no longer here: send it again") from None


def read_photo(photo, scale, name, finder, classifier, threshold):
    """Read a photo.

    Args:
        photo: uint8 array of shape (height, width, 3).
        scale: pixels of the file to a pixel of it.
        name: what its owner calls it.
        finder: as `finder.build_finder` builds.
        classifier: trained network of `model.BUILDERS`.
        threshold: as of `reader.read`.

    Returns:
        `(marked, summary, text, table, described)`: the photo with what was read on it, uint8;
        a sentence; the lines; CSV; JSON.
    """
    lines = reader.read(photo, finder, classifier, threshold)
    described = command.describe(lines, scale)
    table = io.StringIO()
    writer = csv.DictWriter(table, command.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(command.list_numbers(name, described))
    num_unsure = sum(not digit["sure"] for digit in layout.list_digits(lines))
    summary = command.summarize(lines).capitalize()
    summary += f", {num_unsure} of them not for sure (dashed)." if num_unsure else "."
    text = "\n".join(line["text"] for line in lines)
    described = json.dumps({"file": name, "lines": described}, indent=2)
    return figures.mark(photo, lines), summary, text, table.getvalue(), described


def build(finder, classifiers, thresholds, stored):
    """Build the page.

    Args:
        finder: trained network as `finder.build_finder` builds.
        classifiers: dict of trained networks by name; "cnn" reads the photos.
        thresholds: dict by the same names of probabilities below which they are not sure.
        stored: folder of the files that are sent.

    Returns:
        `gr.Blocks`, not launched.
    """

    def answer_drawing(text):
        with _friendly_errors():
            read = canvas.read(canvas.decode(text), finder, classifiers)
        return answers.format_reading(read[1], thresholds), answers.format_answers(*read)

    def answer_drawing_file(file):
        """Read a picture of drawn digits with each network."""
        with _friendly_errors():
            canvas, _, _ = open_photo(file, stored)
            return answers.describe(canvas.read(canvas, finder, classifiers)[1], thresholds)

    def answer_photo(file):
        """Read a photo of a note: the photo with boxes, a summary, lines, CSV, JSON."""
        yield None, "", "", "", "", ""  # so that what was read before does not stay
        if file is not None:
            with _friendly_errors():
                photo, scale, name = open_photo(file, stored)
            read = read_photo(photo, scale, name, finder, classifiers["cnn"], thresholds["cnn"])
            yield *read, Path(name).stem

    title = "Handwritten digits"
    with gr.Blocks(
        title=title, analytics_enabled=False, delete_cache=(60, middleware.MAX_AGE)
    ) as page:
        gr.Markdown(f"# {title}\nDraw them or photograph them, and see what networks make of them.")
        with gr.Tab("Draw"):
            _build_draw_tab(answer_drawing, answer_drawing_file, list(classifiers))
        with gr.Tab("Photo") as tab:
            _build_photo_tab(answer_photo)
        tab.select(None, js=NAME_LINES, **PRIVATE)
        with gr.Tab("Learn", elem_id="learn"):
            gr.HTML(learn_tab.format_lessons())
    return page.queue(api_open=False, max_size=MAX_WAITING, default_concurrency_limit=1)


def _build_draw_tab(answer_drawing, answer_drawing_file, names):
    nothing = answers.format_answers([], dict.fromkeys(names), 0, {})
    with gr.Row():
        with gr.Column(min_width=320):
            canvas = gr.HTML(
                html_template=(STATIC / "canvas.html").read_text(encoding="utf-8"),
                js_on_load=(STATIC / "canvas.js").read_text(encoding="utf-8"),
                elem_id="canvas",
            )
            reading = gr.HTML(answers.format_reading({}, {}), elem_id="reading")
        with gr.Column(min_width=320):
            shown = gr.HTML(nothing, elem_id="answers")
    canvas.input(
        answer_drawing,
        canvas,
        [reading, shown],
        show_progress="hidden",
        trigger_mode="always_last",
        **PRIVATE,
    )
    # Never shown: it gives programs a way to send a file.
    file, described = gr.Image(visible=False), gr.JSON(visible=False)
    file.upload(answer_drawing_file, file, described, preprocess=False, api_name="read_drawing")


def _build_photo_tab(answer_photo):
    with gr.Row():
        with gr.Column(min_width=320):
            photo = gr.Image(
                sources=["upload", "clipboard", "webcam"],
                label="A note: upload, paste or photograph it",
                height=420,
            )
            notes = [str(ROOT / "examples" / name) for name in EXAMPLES]
            gr.Examples(notes, photo, label="Notes to try", example_labels=list(EXAMPLES.values()))
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
            lines = gr.Textbox(
                label="Lines",
                lines=8,
                max_lines=8,
                buttons=["copy"],
                elem_id="lines",
                interactive=False,
            )
            table, described, stem = (gr.Textbox(visible="hidden") for _ in range(3))
            with gr.Row():
                for kind, content in (("txt", lines), ("csv", table), ("json", described)):
                    button = gr.Button(f"Download {kind.upper()}", min_width=90, size="md")
                    button.click(None, [content, stem], js=DOWNLOAD % kind, **PRIVATE)
    photo.change(
        answer_photo,
        photo,
        [marked, summary, lines, table, described, stem],
        preprocess=False,
        show_progress="minimal",
        show_progress_on=marked,
        trigger_mode="always_last",
        api_name="read_photo",
    )


@contextlib.contextmanager
def _friendly_errors():
    """Show what is wrong with what was sent as one sentence, and not in the server's log."""
    try:
        yield
    except (ValueError, OSError) as error:
        sentence = " ".join(str(error).split()).rstrip(".")
        raise gr.Error(f"{sentence}.", title="That did not work", print_exception=False) from None
