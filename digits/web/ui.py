"""Builds the page with Gradio: a canvas to draw on, a photo to upload, and what can be learned."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from digits import files
from digits.networks import Classifier
from digits.reading import Photo, Reader, Region, annotate, canvas, photos
from digits.reading.inks import INKS
from digits.reading.results import COLUMNS, Table
from digits.web import answers, learn_tab, middleware

STATIC = Path(__file__).parent / "static"
EXAMPLES = {
    "note.jpg": "Ruled paper",
    "blackboard.jpg": "A blackboard",
    "sideways.jpg": "A page on its side",
    "sheet.jpg": "A table",
}
AUTOMATIC = "automatic"
# Degrees anticlockwise by which a photo is turned, None for whichever way is read best.
TURNS: dict[str, int | None] = {AUTOMATIC: None, "0°": 0, "90°": 90, "180°": 180, "270°": 270}
ANY_INK = "any"
MAX_WAITING = 64  # requests in the queue; with more, the last would wait too long
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# Gradio's copy button takes the text box's label for itself (6.31).
NAME_LINES = """() => {
    const name = () => {
        const lines = document.querySelector("#lines textarea");
        if (!lines) return setTimeout(name, 100);
        lines.setAttribute("aria-label", "Recognized text");
    };
    setTimeout(name, 100);
}"""
DOWNLOAD = """(text, name) => {
    if (!name) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
    link.download = name + ".%s";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""

# Of the table as it is now, corrected by the user.
DOWNLOAD_TABLE = """(table, name) => {
    if (!name) return;
    const quote = (cell) => '"' + String(cell ?? "").replaceAll('"', '""') + '"';
    const rows = table.data.map((row) => row.map(quote).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([rows.join("\\n") + "\\n"], {type: "text/csv"}));
    link.download = name + "_table.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""


@dataclasses.dataclass(frozen=True, eq=False)
class PhotoAnswer:
    """What the Photo tab shows of a photo, in the order of its components.

    Attributes:
        marked: uint8 array of shape (height, width, 3), the photo with a box at each symbol.
        summary: a sentence.
        text: the lines.
        csv: a table of the numbers.
        json: lines, numbers, digits and signs.
        stem: of the names of files that are downloaded.
        cells: texts of the table on it by row and column, a ? after those that are not sure; none
            if there is no table.
    """

    marked: np.ndarray | None = None
    summary: str = ""
    text: str = ""
    csv: str = ""
    json: str = ""
    stem: str = ""
    cells: list[list[str]] = dataclasses.field(default_factory=list)

    def outputs(self) -> tuple:
        """The values of all attributes, as Gradio takes them, and what else to show."""
        *values, cells = (getattr(self, field.name) for field in dataclasses.fields(self))
        headers = [str(number) for number in range(1, len(cells[0]) + 1)] if cells else ["1"]
        table = {"headers": headers, "data": cells or [[""]]}
        return (*values, table, gr.update(visible=bool(cells)))


def open_photo(file: Mapping[str, Any] | None, stored: Path) -> Photo:
    """Open an uploaded photo from what Gradio passes on where it does not open it itself.

    Args:
        file: `path` and perhaps `orig_name`, or None.
        stored: folder of uploads; Gradio does not check that every path lies in it (6.31).

    Raises:
        ValueError: it is not an upload, or cannot be read as a photo.
    """
    if not file or not file.get("path"):
        raise ValueError("Received no file, expected an image: upload one")
    path = Path(file["path"]).resolve()
    if not path.is_relative_to(Path(stored).resolve()):
        raise ValueError("Received the name of a file, expected the file: upload it")
    name = file.get("orig_name") or path.name
    try:
        with open(path, "rb") as opened:
            return photos.decode_photo(opened, name)
    except FileNotFoundError:
        raise ValueError(f"{name} is no longer on the server: upload it again") from None


def parse_turn(choice: object) -> int | None:
    """Look up a choice of `TURNS`; Gradio passes on whatever a program sends.

    Raises:
        ValueError: it is no such choice.
    """
    for name, degrees in TURNS.items():
        if choice == name:
            return degrees
    raise ValueError(f"Received the turn {str(choice)[:20]!r}, expected one of {', '.join(TURNS)}")


def parse_region(text: object) -> Region | None:
    """Parse four numbers with blanks or commas between them; nothing means all of a photo.

    Raises:
        ValueError: they are no such numbers, or no region.
    """
    if text is None or text == "":
        return None
    words = re.split(r"[\s,;]+", text.strip()) if isinstance(text, str) else []
    try:
        x, y, width, height = map(float, words)
    except ValueError:
        if words == [""]:
            return None
        raise ValueError(
            f"Received the part {str(text)[:40]!r}, expected four numbers: x, y, width and height, "
            "such as 0.5 0 0.5 0.3"
        ) from None
    return Region(x, y, width, height)


def parse_ink(choice: object) -> str | None:
    """Look up a choice of ink, None for any.

    Raises:
        ValueError: it is no such choice.
    """
    if choice == ANY_INK:
        return None
    if isinstance(choice, str) and choice in INKS:
        return choice
    raise ValueError(
        f"Received the ink {str(choice)[:20]!r}, expected one of {', '.join((ANY_INK, *INKS))}"
    )


def read_photo(
    photo: Photo,
    reader: Reader,
    turn: int | None = None,
    region: Region | None = None,
    ink: str | None = None,
) -> PhotoAnswer:
    """Read a photo, as `Reader.read` does, and prepare what the page shows."""
    page = reader.read(photo, turn, region, ink)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(page.to_rows())
    num_unsure = sum(not symbol.is_sure for symbol in page.symbols)
    summary = page.summary().capitalize()
    summary += f", not sure of {num_unsure} (dashed boxes)." if num_unsure else "."
    summary += f" {page.note[0].upper()}{page.note[1:]}." if page.note else ""
    return PhotoAnswer(
        marked=annotate.mark(photo, page),
        summary=summary,
        text=page.text,
        csv=table.getvalue(),
        json=json.dumps(page.to_dict(), indent=2),
        stem=Path(photo.name).stem,
        cells=_mark_cells(page.table) if page.table else [],
    )


def _mark_cells(table: Table) -> list[list[str]]:
    unsure = set(table.unsure)
    return [
        [
            f"{text}?" if (row_number, column_number) in unsure else text
            for column_number, text in enumerate(row, start=1)
        ]
        for row_number, row in enumerate(table.texts, start=1)
    ]


def build(reader: Reader, classifiers: Mapping[str, Classifier], stored: Path) -> gr.Blocks:
    """Build the page.

    Args:
        reader: reads the photos; its detector also splits drawings into digits.
        classifiers: by name, in the order in which the page shows their predictions.
        stored: folder of uploads.

    Returns:
        The page, not launched.
    """
    thresholds = {name: classifier.threshold for name, classifier in classifiers.items()}

    def format_drawing(drawing: np.ndarray | None) -> tuple[str, str]:
        reading = canvas.read_canvas(drawing, reader.detector, classifiers)
        made = answers.make_answers(reading, thresholds)
        return answers.format_summary(made), answers.format_answers(reading, made)

    def answer_drawing(text):
        with _friendly_errors():
            return format_drawing(canvas.decode_canvas(text))

    def answer_drawing_file(file):
        """Read an image of drawn digits with each network."""
        with _friendly_errors():
            drawing = open_photo(file, stored).pixels
            reading = canvas.read_canvas(drawing, reader.detector, classifiers)
        made = answers.make_answers(reading, thresholds)
        return {name: answer.to_dict() for name, answer in made.items()}

    def answer_photo(file, turn=AUTOMATIC, region="", ink=ANY_INK):
        """Read a photo of a page: it with boxes, a summary, text, CSV, JSON, a name, a table."""
        yield PhotoAnswer().outputs()  # so that the last photo's answer does not stay
        if file is not None:
            with _friendly_errors():
                photo, degrees = open_photo(file, stored), parse_turn(turn)
                part, chosen = parse_region(region), parse_ink(ink)
                if part:
                    part.locate(photo)
            yield read_photo(photo, reader, degrees, part, chosen).outputs()

    title = "Handwritten digits"
    with gr.Blocks(
        title=title, analytics_enabled=False, delete_cache=(60, middleware.MAX_AGE)
    ) as page:
        gr.Markdown(f"# {title}\nDraw digits or photograph them, and see how networks read them.")
        with gr.Tab("Draw"):
            _build_draw_tab(answer_drawing, answer_drawing_file, format_drawing(None))
        with gr.Tab("Photo") as tab:
            _build_photo_tab(answer_photo)
        tab.select(None, js=NAME_LINES, **PRIVATE)
        with gr.Tab("Learn", elem_id="learn"):
            gr.HTML(learn_tab.format_lessons())
    return page.queue(api_open=False, max_size=MAX_WAITING, default_concurrency_limit=1)


def _build_draw_tab(answer_drawing, answer_drawing_file, blank: tuple[str, str]) -> None:
    with gr.Row():
        with gr.Column(min_width=320):
            drawing = gr.HTML(
                html_template=(STATIC / "canvas.html").read_text(encoding="utf-8"),
                js_on_load=(STATIC / "canvas.js").read_text(encoding="utf-8"),
                elem_id="canvas",
            )
            summary = gr.HTML(blank[0], elem_id="reading")
        with gr.Column(min_width=320):
            shown = gr.HTML(blank[1], elem_id="answers")
    drawing.input(
        answer_drawing,
        drawing,
        [summary, shown],
        show_progress="hidden",
        trigger_mode="always_last",
        **PRIVATE,
    )
    # Never shown: they give programs a way to send a file.
    file, described = gr.Image(visible=False), gr.JSON(visible=False)
    file.upload(answer_drawing_file, file, described, preprocess=False, api_name="read_drawing")


def _build_photo_tab(answer_photo) -> None:
    with gr.Row():
        with gr.Column(min_width=320):
            photo = gr.Image(
                sources=["upload", "clipboard", "webcam"],
                label="Photo of a page: upload, paste or take one",
                height=420,
                elem_id="photo",
            )
            region = gr.HTML(
                "",
                label="Part of the photo",
                html_template=(STATIC / "region.html").read_text(encoding="utf-8"),
                js_on_load=(STATIC / "region.js").read_text(encoding="utf-8"),
                elem_id="region",
            )
            turn = gr.Radio(
                list(TURNS), value=AUTOMATIC, label="Turn the photo anticlockwise", elem_id="turn"
            )
            ink = gr.Radio([ANY_INK, *INKS], value=ANY_INK, label="Ink that is read", elem_id="ink")
            examples = [str(files.shipped("examples") / name) for name in EXAMPLES]
            gr.Examples(
                examples, photo, label="Example photos", example_labels=list(EXAMPLES.values())
            )
        with gr.Column(min_width=320):
            marked = gr.Image(
                label="Detected digits and signs",
                format="jpeg",
                height=420,
                interactive=False,
                buttons=["download", "fullscreen"],
                alt_text="The photo, with a box and its text at each digit and sign",
            )
            summary = gr.Textbox(label="Summary", lines=1, interactive=False)
            lines = gr.Textbox(
                label="Recognized text",
                lines=8,
                max_lines=8,
                buttons=["copy"],
                elem_id="lines",
                interactive=False,
            )
            with gr.Column(visible=False) as sheet:
                cells = gr.Dataframe(
                    label="Table: click a cell to correct it; those with a ? are not sure",
                    type="array",
                    interactive=True,
                    show_row_numbers=True,
                    elem_id="cells",
                )
                download = gr.Button("Download the table as CSV", size="md")
            table, described, stem = (gr.Textbox(visible="hidden") for _ in range(3))
            download.click(None, [cells, stem], js=DOWNLOAD_TABLE, **PRIVATE)
            with gr.Row():
                for kind, content in (("txt", lines), ("csv", table), ("json", described)):
                    button = gr.Button(f"Download {kind.upper()}", min_width=90, size="md")
                    button.click(None, [content, stem], js=DOWNLOAD % kind, **PRIVATE)
    options: dict[str, Any] = {
        "fn": answer_photo,
        "inputs": [photo, turn, region, ink],
        "outputs": [marked, summary, lines, table, described, stem, cells, sheet],
        "preprocess": False,
        "show_progress": "minimal",
        "show_progress_on": marked,
        "trigger_mode": "always_last",
    }
    # The part that was chosen is another photo's.
    whole = photo.change(None, None, region, js="() => ''", **PRIVATE)
    whole.then(**options, **PRIVATE)
    gr.on([turn.input, region.input, ink.input], **options, api_name="read_photo")


@contextlib.contextmanager
def _friendly_errors() -> Iterator[None]:
    """Show what is wrong with an upload as one sentence, and keep it out of the server's log."""
    try:
        yield
    except (ValueError, OSError) as error:
        sentence = " ".join(str(error).split()).rstrip(".")
        raise gr.Error(f"{sentence}.", print_exception=False) from None
