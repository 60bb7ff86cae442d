"""The page that reads photos, opened from disk: compared with Python, and given bad files."""

import csv
import dataclasses
import functools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from digits.reading import Reader, load_photo
from digits.reading.results import COLUMNS
from tests.conftest import ROOT
from tests.web.conftest import PAGES, PHONE

URL = (PAGES / "photo.html").as_uri()
EXAMPLES = ROOT / "examples"
NARROW = PHONE | {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
WAIT = 120_000  # milliseconds: the machine may be busy


@pytest.fixture(scope="module")
def reader():
    return Reader()


@pytest.fixture(scope="module")
def line(reader, tmp_path_factory):
    """A picture of the note's first line, and the texts of its lines as Python reads them."""
    path = tmp_path_factory.mktemp("line") / "line.png"
    Image.open(EXAMPLES / "note.jpg").crop((0, 0, 900, 180)).save(path)
    texts = reader.read(path).text.splitlines()
    assert texts
    return path, texts


@pytest.fixture
def open_page(open_from_disk):
    """Open the page; every request for another one, error or message fails the test."""
    return functools.partial(open_from_disk, URL)


def wait(page):
    page.locator("button:not([disabled])").first.wait_for(timeout=WAIT, state="attached")


def give(page, *files):
    page.locator("#file").set_input_files(*files)
    wait(page)


def read_problem(page):
    return page.locator("#problem").inner_text()


def read_lines(page):
    return page.evaluate("photoPage.lines")


def test_examples_get_the_lines_of_python(open_page, reader):
    page = open_page()
    for path in sorted(EXAMPLES.glob("*.jpg")):
        expected = reader.read(path)
        give(page, path)
        assert read_problem(page) == ""
        assert read_lines(page) == [line.text for line in expected.lines]
        summary = page.locator("#summary").inner_text()
        assert summary.startswith(expected.summary().capitalize())
        assert expected.note.lower() in summary.lower()
        shown = page.locator("#lines li").all_inner_texts()
        assert ["not sure" in text for text in shown] == [
            not line.is_sure for line in expected.lines
        ]
        num_rows = len(expected.table.cells) if expected.table else 0
        assert page.locator("#cells tr").count() == num_rows


def test_the_csv_is_that_of_python(open_page, reader, tmp_path):
    page = open_page()
    give(page, EXAMPLES / "sheet.jpg")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "sheet.csv"
    download.value.save_as(tmp_path / "sheet.csv")
    with open(tmp_path / "sheet.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    photo = dataclasses.replace(load_photo(EXAMPLES / "sheet.jpg"), name="sheet.jpg")
    expected = reader.read(photo).to_rows()
    measured = ("probability", "left", "top", "right", "bottom")
    for row, other in zip(rows, expected, strict=True):
        assert [float(row[name]) for name in measured] == pytest.approx(
            [other[name] for name in measured], abs=0.3
        )
        words = {name: "" if value is None else str(value) for name, value in other.items()}
        assert {**row, **dict.fromkeys(measured)} == {**words, **dict.fromkeys(measured)}


def test_a_photo_is_turned_by_hand_and_found_upright_again(open_page, reader, line, tmp_path):
    path = tmp_path / "turned.png"
    Image.open(line[0]).rotate(90, expand=True).save(path)
    turns = reader.read(path).turns
    page = open_page()
    give(page, path)
    expected = read_lines(page)
    assert page.evaluate("photoPage.page.turns") == turns
    page.get_by_role("button", name="Turn left").click()
    wait(page)
    assert page.evaluate("photoPage.page.turns") == (turns + 1) % 4
    assert read_lines(page) != expected
    page.get_by_role("button", name="Find the turn").click()
    wait(page)
    assert page.evaluate("photoPage.page.turns") == turns
    assert read_lines(page) == expected


def save_large(folder):
    """A note as a phone takes it: 12 million pixels, lying on its side by its EXIF data."""
    note = Image.open(EXAMPLES / "note.jpg").resize((4000, 2844), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = 6
    note.rotate(90, expand=True).save(folder / "large.jpg", quality=92, exif=exif)
    note.save(folder / "large.png", compress_level=1)


@pytest.mark.parametrize("name", ["large.jpg", pytest.param("large.png", marks=pytest.mark.slow)])
def test_large_photos_get_the_lines_of_python(open_page, reader, tmp_path, name):
    page = open_page()
    save_large(tmp_path)
    photo = load_photo(tmp_path / name)
    expected = reader.read(photo)
    give(page, tmp_path / name)
    assert read_lines(page) == [line.text for line in expected.lines]
    height, width = photo.pixels.shape[:2]
    assert page.evaluate("[photoPage.page.width, photoPage.page.height]") == [width, height]
    assert page.evaluate("photoPage.page.scale") == pytest.approx(expected.scale, rel=1e-3)


def make_png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name, content):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def test_files_that_cannot_be_read_get_a_sentence(open_page, tmp_path):
    note = (EXAMPLES / "note.jpg").read_bytes()
    Image.new("RGB", (1, 1), "white").save(tmp_path / "dot.png")
    blank = np.full((300, 400, 3), 250, np.uint8)
    Image.fromarray(blank).save(tmp_path / "blank.png")
    contents = {
        "half.jpg": (note[: len(note) // 2], "half.jpg is damaged"),
        "text.jpg": (b"no image at all", "text.jpg is not an image that can be read, expected PNG"),
        "empty.png": (b"", "empty.png is empty"),
        "huge.png": (
            make_png(20_000, 20_000),
            "has 400,000,000 pixels, expected at most 50,000,000",
        ),
        "hollow.png": (make_png(200, 200), "hollow.png is damaged"),
        "scan.pdf": (b"%PDF-1.7 ", "scan.pdf is a PDF file"),
        "broken.jpg": (note[:600] + bytes(2000) + b"\xff\xd9", "broken.jpg is damaged"),
    }
    page = open_page()
    for name, (content, expected) in contents.items():
        (tmp_path / name).write_bytes(content)
        give(page, tmp_path / name)
        assert expected in read_problem(page), name
        assert read_problem(page).endswith(".") and "\n" not in read_problem(page)
        assert page.locator("#result").is_hidden()
    for name in ("dot.png", "blank.png"):
        give(page, tmp_path / name)
        assert read_problem(page) == ""
        assert page.locator("#summary").inner_text().startswith("No digits found.")
        assert page.locator("#save").is_hidden()


@pytest.mark.parametrize("options", [PHONE, NARROW])
def test_the_page_fits_phones_and_everything_has_a_name(open_page, options, line):
    page = open_page(**options)
    give(page, line[0])
    assert read_lines(page) == line[1]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, canvas, [role], input')].filter((e) => !("
        "e.ariaLabel || e.innerText?.trim() || e.labels?.length"
        " || ['progress', 'problem', 'copied']"
        ".includes(e.id))).map((e) => e.outerHTML)"
    )
    assert nameless == []
    page.locator("#file").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") in ("BUTTON", "INPUT")


@pytest.mark.parametrize(
    "script",
    [
        "delete globalThis.Worker; delete globalThis.WebAssembly",
        "globalThis.Worker = class { constructor() { throw 1 } }",
    ],
)
def test_without_a_worker_and_webassembly_photos_are_read_too(open_page, script, line):
    page = open_page(script)
    give(page, line[0])
    assert read_lines(page) == line[1]


def test_a_photo_is_dropped_and_pasted_and_its_text_copied(open_page, line):
    page = open_page()
    content = list(line[0].read_bytes())
    for event in ("drop", "paste"):
        page.evaluate(
            "([event, bytes]) => { const data = new DataTransfer(), type = 'image/png';"
            " data.items.add(new File([Uint8Array.from(bytes)], `${event}.png`, {type}));"
            " dispatchEvent(event === 'drop' ? new DragEvent(event, {dataTransfer: data})"
            " : new ClipboardEvent(event, {clipboardData: data})) }",
            [event, content],
        )
        wait(page)
        assert page.evaluate("photoPage.page.name") == f"{event}.png"
        assert read_lines(page) == line[1]
    page.get_by_role("button", name="Copy text").click()
    page.get_by_text("Copied.").wait_for()
