import csv
import json

import numpy as np
import pytest

from digits.web import learn_tab
from tests.conftest import ROOT, make_bomb, serving
from tests.web.conftest import DESKTOP, PHONE

NOTE = ROOT / "examples" / "note.jpg"
STROKES = {
    7: [[(150, 60), (300, 60), (215, 270)]],
    1: [[(380, 60), (380, 270)]],
}


@pytest.fixture
def open_page(browser, page_url):
    """Open the page; whatever it asks another host for, and every error, fails the test."""
    contexts, requests, errors = [], [], []

    def open_one(tab="Draw", **options):
        contexts.append(browser.new_context(**(DESKTOP | options)))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_url)
        page.get_by_role("tab", name=tab).click()
        page.wait_for_load_state("networkidle")
        return page

    yield open_one
    for context in contexts:
        context.close()
    elsewhere = [url for url in requests if not url.startswith((page_url, "data:", "blob:"))]
    assert requests and not elsewhere
    assert not errors


def draw(page, *digits):
    box = page.locator("#canvas canvas").bounding_box()
    scale = box["width"] / 480
    for digit in digits:
        for stroke in STROKES[digit]:
            places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
            page.mouse.move(*places[0])
            page.mouse.down()
            for place in places[1:]:
                page.mouse.move(*place, steps=12)
            page.mouse.up()


def expect_reading(page, text):
    page.wait_for_function(
        "text => document.querySelector('#reading [aria-live=polite] p')?.innerText === text",
        arg=f"This is {text}",
        timeout=10_000,
    )


@pytest.mark.parametrize("options", [DESKTOP, PHONE, DESKTOP | {"color_scheme": "dark"}])
def test_a_drawn_seven_is_read_as_seven(open_page, options):
    page = open_page(**options)
    page.evaluate(
        "() => { window.moved = []; new PerformanceObserver((list) => { for (const entry of"
        " list.getEntries()) moved.push(entry.value); }).observe({type: 'layout-shift'}) }"
    )
    places = (
        "#reading, #answers section, #answers img.attribution, #answers table, #answers .legend"
    )
    boxes = [each.bounding_box() for each in page.locator(places).all()]
    draw(page, 7)
    expect_reading(page, "7")
    assert [each.bounding_box() for each in page.locator(places).all()] == boxes
    for network in ("dense", "tiny", "cnn"):
        section = page.locator("#answers section", has=page.get_by_role("heading", name=network))
        assert section.locator(".answer b").inner_text() == "7"
        assert section.locator("tr").count() == 10
        assert "for and against the prediction 7" in section.locator("img").get_attribute("alt")
    # Browsers call 0.1 good. Answers to half a stroke have words of other widths, which count.
    assert sum(page.evaluate("window.moved")) < 0.02
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_several_digits_are_read_undone_and_cleared(open_page):
    page = open_page()
    draw(page, 7, 1)
    expect_reading(page, "71")
    assert page.locator("#answers .strip li").count() == 2
    page.get_by_role("button", name="Undo").click()
    expect_reading(page, "7")
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw a digit, or several.").wait_for()
    assert page.locator("#answers .strip li").count() == 0


def test_one_can_draw_with_the_keyboard(open_page):
    page = open_page()
    page.locator("#canvas canvas").focus()
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect_reading(page, "1")
    page.keyboard.press("Delete")
    page.get_by_text("Draw a digit, or several.").wait_for()


def test_one_can_draw_with_a_finger(open_page):
    page = open_page(**PHONE)
    session = page.context.new_cdp_session(page)
    box = page.locator("#canvas canvas").bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    page.evaluate("document.body.style.minHeight = '3000px'")
    # Upwards, which would scroll the page if the canvas did not take it.
    places = [{"x": x, "y": top + height * share} for share in np.linspace(0.8, 0.2, 15)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
    for place in places[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_reading(page, "1")
    assert page.evaluate("scrollY") == 0


def test_a_stroke_survives_what_happens_beside_it(open_page):
    page = open_page()
    box = page.locator("#canvas canvas").bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    draw(page, 7)
    page.mouse.move(x, top + 10)
    page.mouse.down()
    page.mouse.move(x, top + height / 2)
    page.evaluate("document.querySelector('#canvas .clear').click()")  # a second finger's
    page.mouse.move(x, top + height - 10, steps=5)
    page.mouse.up()
    page.get_by_text("Draw a digit, or several.").wait_for()
    page.locator("#canvas canvas").focus()
    page.keyboard.press("Space")
    draw(page, 7)
    page.keyboard.press("ArrowDown")  # the pen was lifted by the mouse
    expect_reading(page, "7")


def test_the_first_drawing_of_several_digits_needs_nothing_compiled_anew(browser, tmp_path):
    with serving(tmp_path) as (_, url, log):
        page = browser.new_context(**DESKTOP).new_page()
        page.goto(url)
        page.wait_for_load_state("networkidle")
        draw(page, 7, 1)
        expect_reading(page, "71")
        page.context.close()
        assert "WARNING" not in log.read_text()


def upload(page, path):
    page.locator("input[type=file]").first.set_input_files(path)


def wait_for_note(page):
    page.wait_for_function(
        "[...document.querySelectorAll('textarea, input')].some((box) =>"
        " box.value.startsWith('31 digits in 4 lines'))",
        timeout=20_000,
    )


@pytest.mark.parametrize("options", [DESKTOP, PHONE])
def test_an_uploaded_note_is_read(open_page, options):
    page = open_page("Photo", **options)
    upload(page, NOTE)
    wait_for_note(page)
    assert page.locator("#lines textarea").input_value().splitlines()[0] == "12 + 30 = 42"
    assert page.get_by_alt_text("The photo, with a box").first.wait_for() is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_example_is_read_and_its_lines_downloaded(open_page):
    page = open_page("Photo")
    page.get_by_role("button", name="Ruled paper").click()
    wait_for_note(page)
    contents = {}
    for kind in ("TXT", "CSV", "JSON"):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Download {kind}").click()
        assert started.value.suggested_filename == f"note.{kind.lower()}"
        contents[kind] = started.value.path().read_text()
    lines = contents["TXT"].splitlines()
    assert lines[0] == "12 + 30 = 42" and len(lines) == 4
    numbers = [text for text in contents["TXT"].split() if text.isdecimal()]
    assert len(contents["CSV"].splitlines()) == 1 + len(numbers)
    assert [line["text"] for line in json.loads(contents["JSON"])["lines"]] == lines


def wait_for_lines(page, *lines):
    page.wait_for_function(
        "text => document.querySelector('#lines textarea')?.value.replaceAll(' ', '') === text",
        arg="\n".join(lines).replace(" ", ""),
        timeout=20_000,
    )


def locate_photo(page):
    """Left and top edge, width and height on the screen of the photo inside of its <img>."""
    box = page.locator("#photo img").bounding_box()
    scale = min(box["width"] / 900, box["height"] / 640, 1)
    width, height = 900 * scale, 640 * scale
    left, top = box["x"] + (box["width"] - width) / 2, box["y"] + (box["height"] - height) / 2
    return left, top, width, height


def test_a_part_of_a_photo_is_dragged_typed_and_given_up(open_page):
    page = open_page("Photo")
    upload(page, NOTE)
    wait_for_note(page)
    left, top, width, height = locate_photo(page)
    # From right to left, and beyond the photo's lower edge.
    page.mouse.move(left + 0.9 * width, top + 0.65 * height)
    page.mouse.down()
    page.mouse.move(left + 0.3 * width, top + 0.9 * height, steps=5)
    page.mouse.move(left + 0.05 * width, top + 1.02 * height, steps=5)
    frame = page.locator(".region-frame").bounding_box()
    page.mouse.up()
    wait_for_lines(page, "86 ÷ 2 = 43")
    text = page.get_by_label("Part that is read")
    dragged = [float(number) for number in text.input_value().split()]
    assert dragged == pytest.approx([0.05, 0.65, 0.85, 0.35], abs=0.005)
    expected = left + 0.05 * width, top + 0.65 * height, 0.85 * width, 0.35 * height
    assert [frame[key] for key in ("x", "y", "width", "height")] == pytest.approx(expected, abs=2)
    text.fill("0 0 1 0.28")
    text.press("Enter")
    wait_for_lines(page, "12 + 30 = 42")
    assert page.locator(".region-frame").bounding_box()["height"] == pytest.approx(
        0.28 * height, abs=2
    )
    text.fill("0 0 1")
    text.press("Tab")
    page.get_by_text("expected four numbers").first.wait_for()
    page.get_by_role("button", name="Whole photo").click()
    wait_for_note(page)
    assert text.input_value() == "" and not page.locator(".region-frame").is_visible()


def test_a_new_photo_is_read_whole(open_page):
    page = open_page("Photo")
    upload(page, NOTE)
    wait_for_note(page)
    page.get_by_label("Part that is read").fill("0 0 1 0.28")
    page.get_by_label("Part that is read").press("Enter")
    wait_for_lines(page, "12 + 30 = 42")
    page.get_by_role("button", name="A blackboard").click()
    wait_for_lines(page, "8421", "60 59 58")
    assert page.get_by_label("Part that is read").input_value() == ""
    assert not page.locator(".region-frame").is_visible()


def test_a_part_is_chosen_by_two_taps_of_a_finger(open_page):
    page = open_page("Photo", **PHONE)
    upload(page, NOTE)
    wait_for_note(page)
    left, top, width, height = locate_photo(page)
    page.touchscreen.tap(left + 0.02 * width, top + 0.02 * height)
    page.touchscreen.tap(left + 0.95 * width, top + 0.28 * height)
    wait_for_lines(page, "12 + 30 = 42")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_only_an_ink_is_read(open_page):
    page = open_page("Photo")
    upload(page, NOTE)
    wait_for_note(page)
    page.get_by_label("red", exact=True).check()
    page.wait_for_function(
        "[...document.querySelectorAll('textarea, input')].some((box) =>"
        " box.value === 'No digits found. No red ink found.')",
        timeout=20_000,
    )
    page.get_by_label("blue", exact=True).check()
    wait_for_note(page)


def test_a_cell_of_a_table_is_corrected_and_the_table_downloaded(open_page):
    page = open_page("Photo")
    upload(page, ROOT / "examples" / "sheet.jpg")
    cell = page.locator("#cells td[data-row='0'][data-col='0'], #cells [data-testid='cell-0-0']")
    cell.first.wait_for(timeout=20_000)
    cell.first.dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("777")
    page.keyboard.press("Enter")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the table as CSV").click()
    assert started.value.suggested_filename == "sheet_table.csv"
    rows = list(csv.reader(started.value.path().read_text().splitlines()))
    assert rows[0][0] == "777" and len(rows) == 6 and len(rows[0]) == 4
    upload(page, NOTE)
    wait_for_note(page)
    page.locator("#cells").wait_for(state="hidden")


def test_hostile_files_get_a_message_and_the_next_is_read(open_page, tmp_path):
    make_bomb(tmp_path / "bomb.png", 13_000)
    (tmp_path / "text.png").write_bytes(b"hello")
    (tmp_path / "large.png").write_bytes(bytes(30_000_000))
    page = open_page("Photo")
    for name, expected in (
        ("bomb.png", "169,000,000 pixels, expected at most"),
        ("text.png", "is not an image that can be read"),
        ("large.png", "exceed the maximum allowed size"),
    ):
        upload(page, tmp_path / name)
        message = page.get_by_text(expected).first
        message.wait_for(timeout=20_000)
        assert "Traceback" not in page.content() and "/tmp/" not in message.inner_text()
    upload(page, NOTE)
    wait_for_note(page)


@pytest.mark.parametrize("options", [DESKTOP, PHONE])
def test_the_learn_tab_fits_the_screen(open_page, options):
    page = open_page("Learn", **options)
    assert page.locator("#learn figure").count() == len(learn_tab.LESSONS)
    assert page.evaluate(
        "[...document.querySelectorAll('#learn img')].every((image) => image.naturalWidth > 600)"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_to_use_has_a_name(open_page):
    page = open_page()
    for tab in ("Draw", "Photo", "Learn"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)
        assert page.locator("main button:visible, main img:visible").count() >= 3
        nameless = page.evaluate(
            "[...document.querySelectorAll('main button, main img, main canvas, main textarea')]"
            ".filter((e) => e.checkVisibility() && !(e.ariaLabel || e.alt || e.title"
            " || e.innerText?.trim() || e.labels?.length)).map((e) => e.outerHTML.slice(0, 200))"
        )
        assert nameless == []
