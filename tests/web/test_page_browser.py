"""The page of one file in a browser: opened from disk, drawn on, and compared with Keras."""

import base64
import functools

import numpy as np
import pytest

import data
from digits.networks import load_classifier
from digits.networks.storage import RELEASED_MODELS
from tests.web.conftest import DESKTOP, PAGES, PHONE

URL = (PAGES / "index.html").as_uri()
NARROW = PHONE | {"viewport": {"width": 320, "height": 640}}
SEVEN = [[(150, 60), (300, 60), (215, 270)]]
ONE = [[(400, 60), (400, 270)]]
FIVE = [[(60, 80), (55, 150), (120, 150), (150, 210), (60, 260)], [(65, 65), (150, 60)]]
LETTER_A = [[(150, 270), (230, 50), (310, 270)], [(180, 190), (280, 190)]]
DOT = [[(240, 160)]]


@pytest.fixture
def open_page(open_from_disk):
    """Open the page; every request for another one, error or message fails the test."""
    return functools.partial(open_from_disk, URL)


def measure_bars(page):
    return page.evaluate(
        "[...document.querySelectorAll('#bars span')].map((bar) => Math.round(100"
        " * bar.offsetWidth / bar.parentNode.offsetWidth))"
    )


def draw(page, *digits):
    pad = page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    scale = box["width"] / 480
    for stroke in [stroke for digit in digits for stroke in digit]:
        places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=12)
        page.mouse.up()


def read_summary(page):
    return page.locator("#summary").inner_text()


@pytest.mark.parametrize("options", [DESKTOP, PHONE, NARROW, DESKTOP | {"color_scheme": "dark"}])
def test_a_drawn_seven_is_recognized(open_page, options):
    page = open_page(**options)
    assert read_summary(page) == "Draw a digit, or several."
    assert measure_bars(page) == [0] * 10
    before = page.evaluate("document.documentElement.scrollHeight")
    draw(page, SEVEN)
    assert read_summary(page) == "This is 7"
    rows = page.locator("#bars tr").all_inner_texts()
    assert len(rows) == 10 and rows[7].split() in (["7", "100.0%"], ["7", ">99.9%"])
    assert measure_bars(page) == [0] * 7 + [100] + [0] * 2
    page.get_by_text("falls by").wait_for()
    colours = page.evaluate(
        "[...document.querySelector('#map').getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    red, _, blue, _ = np.reshape(colours, (-1, 4)).T
    assert (blue > red + 100).any()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight") == before


def test_digits_are_separated_undone_and_cleared(open_page):
    page = open_page()
    draw(page, FIVE, SEVEN, ONE)
    assert read_summary(page).removeprefix("Perhaps ").removeprefix("This is ")[:3] == "571"
    buttons = page.locator("#strip button")
    assert buttons.count() == 3
    buttons.nth(2).click()
    assert buttons.nth(2).get_attribute("aria-pressed") == "true"
    assert page.locator("#heading").inner_text() == "Digit 3 in detail"
    assert page.locator("tr.predicted th").inner_text() == "1"
    page.get_by_role("button", name="Undo").click()
    assert buttons.count() == 2
    page.get_by_role("button", name="Clear").click()
    assert read_summary(page) == "Draw a digit, or several."
    assert buttons.count() == 0
    assert page.locator("#bars tr").all_inner_texts()[3].split() == ["3"]


@pytest.mark.parametrize("strokes", [LETTER_A, DOT])
def test_what_is_no_digit_is_refused(open_page, strokes):
    page = open_page()
    draw(page, strokes)
    assert read_summary(page).startswith("This does not look like a digit (nearest: ")
    draw(page, ONE)
    assert "part 1 does not look like a digit" in read_summary(page) or strokes == DOT


def test_one_can_draw_with_a_finger_and_the_keyboard(open_page):
    page = open_page(**PHONE)
    session = page.context.new_cdp_session(page)
    box = page.locator("#pad").bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    places = [{"x": x, "y": top + height * share} for share in np.linspace(0.85, 0.15, 15)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
    for place in places[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert read_summary(page) == "This is 1"
    assert page.evaluate("scrollY") == 0
    page.locator("#pad").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert read_summary(page) == "This is 1"
    page.keyboard.press("Backspace")
    assert read_summary(page) == "Draw a digit, or several."


@pytest.mark.parametrize("number", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_test_images_get_the_answers_of_keras(open_page, number):
    images = data.load_test()[0][:number]
    expected = load_classifier(RELEASED_MODELS / "tiny.keras").probabilities(
        images / np.float32(255)
    )
    page = open_page()
    computed = page.evaluate(
        "text => { const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));"
        " return Array.from({length: bytes.length / 784}, (_, image) => digitsPage.classify("
        " Array.from(bytes.subarray(784 * image, 784 * image + 784), (grey) => grey / 255))) }",
        base64.b64encode(images.tobytes()).decode(),
    )
    assert (np.argmax(computed, axis=1) == expected.argmax(axis=1)).all()
    assert np.abs(np.array(computed) - expected).max() < 0.005


def test_everything_to_use_has_a_name(open_page):
    page = open_page()
    draw(page, SEVEN)
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, canvas:not(button canvas), [role]')]"
        ".filter((e) => !(e.ariaLabel || e.innerText?.trim())).map((e) => e.outerHTML)"
    )
    assert nameless == []
    assert page.locator("[aria-live=polite]").count() == 1
    for _ in range(10):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.id || document.activeElement.tagName")
        if focused == "undo":
            break
    assert focused == "undo"
