import base64
import functools
import io
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.networks import load_classifier, load_detector, storage
from digits.reading import canvas as canvases
from tests.conftest import PEN, draw_canvas, make_bomb


@functools.cache
def get_detector():
    return load_detector(storage.RELEASED_MODELS / "detector.keras")


@functools.cache
def get_classifiers():
    names = ("dense", "cnn")
    return {name: load_classifier(storage.RELEASED_MODELS / f"{name}.keras") for name in names}


def read(canvas):
    return canvases.read_canvas(canvas, get_detector(), get_classifiers())


def read_with_cnn(canvas):
    return read(canvas).probabilities["cnn"].argmax(axis=1).tolist()


@pytest.mark.parametrize("digits", [[7], [5], [4], [7, 4], [5, 0, 7], [1, 4, 1]])
def test_drawn_digits_are_separated_and_read(digits):
    reading = read(draw_canvas(digits))
    assert reading.images.shape == (len(digits), 28, 28) and reading.images.dtype == np.float32
    assert reading.probabilities["cnn"].argmax(axis=1).tolist() == digits
    assert reading.is_digit.tolist() == [True] * len(digits)


OTHERS = {
    "A": [[(60, 0), (0, 170)], [(60, 0), (120, 170)], [(25, 105), (95, 105)]],
    "dot": [[(60, 90), (62, 91)]],
    "dash": [[(0, 90), (150, 85)]],
    "tick": [[(0, 100), (50, 160), (150, 0)]],
    "X": [[(0, 0), (110, 170)], [(110, 0), (0, 170)]],
    "star": [[(60, 0), (100, 130), (0, 45), (120, 45), (20, 130), (60, 0)]],
}


def draw_other(name, left=150, top=70):
    canvas = Image.new("RGB", (480, 320), "white")
    pen = ImageDraw.Draw(canvas)
    for stroke in OTHERS[name]:
        places = [(left + x, top + y) for x, y in stroke]
        pen.line(places, "black", PEN, joint="curve")
        for x, y in places:
            pen.ellipse((x - PEN / 2, y - PEN / 2, x + PEN / 2, y + PEN / 2), "black")
    return np.asarray(canvas)


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_look_like_a_digit_is_told_apart(name):
    for canvas in (draw_other(name), 255 - draw_other(name)):
        inks = canvases.split_drawing(canvas, get_detector())
        assert (canvases.score_digits(inks, get_detector()) < canvases.MIN_DIGIT_SCORE).all()


def test_what_is_no_digit_among_digits_is_marked_and_explained():
    canvas = np.minimum(draw_canvas([7, 4]), draw_other("A", left=310))
    reading = read(canvas)
    assert reading.is_digit.tolist() == [True, True, False]
    assert reading.explained == 2


def test_a_drawing_is_scored_alike_wherever_it_is():
    inks = [1 - draw_canvas([4], left=left)[..., 0] / np.float32(255) for left in (20, 301)]
    one, other = canvases.score_digits(inks, get_detector())
    assert one == other > canvases.MIN_DIGIT_SCORE
    assert canvases.score_digits([], get_detector()).shape == (0,)


def test_light_ink_on_dark_is_read_too():
    dark, light = read(255 - draw_canvas([7, 4])), read(draw_canvas([7, 4]))
    np.testing.assert_allclose(dark.images, light.images, atol=0.01)


def test_rows_are_read_from_the_top():
    canvas = np.minimum(
        draw_canvas([7, 4], scale=0.7, top=20, left=60),
        draw_canvas([5, 1], scale=0.7, top=180, left=60),
    )
    assert read_with_cnn(canvas) == [7, 4, 5, 1]


def test_strokes_of_one_digit_stay_together():
    ink = 1 - draw_canvas([5])[..., 0] / np.float32(255)
    ink[70:80, 40:60] = 0  # its bar no longer touches the rest
    (digit,) = canvases.split_digits(ink, get_detector())
    np.testing.assert_array_equal(digit, ink)


def test_each_pixel_belongs_to_one_digit_at_most():
    ink = 1 - draw_canvas([7, 4, 1])[..., 0] / np.float32(255)
    digits = canvases.split_digits(ink, get_detector())
    np.testing.assert_array_equal(np.sum(digits, axis=0), np.where(ink > 0.35, ink, 0))


def test_slips_of_the_pen_are_left_out():
    ink = 1 - draw_canvas([7, 4])[..., 0] / np.float32(255)
    slipped = ink.copy()
    slipped[290:300, 440:450] = 1
    digits = canvases.split_digits(slipped, get_detector())
    assert len(digits) == 2
    np.testing.assert_array_equal(np.sum(digits, axis=0), np.where(ink > 0.35, ink, 0))


def split_with_boxes(monkeypatch, ink, boxes):
    monkeypatch.setattr(canvases, "_detect_boxes", lambda ink, detector: np.array(boxes, float))
    return canvases.split_digits(ink, None)


def test_small_marks_are_not_digits_even_if_they_are_detected(monkeypatch):
    ink = np.zeros((320, 480), np.float32)
    ink[50:250, 50:70] = ink[50:250, 200:220] = ink[100:120, 400:420] = 1
    boxes = [(45, 45, 75, 255), (195, 45, 225, 255), (395, 95, 425, 125)]
    assert len(split_with_boxes(monkeypatch, ink, boxes)) == 2


def test_boxes_without_ink_are_not_digits(monkeypatch):
    ink = np.zeros((320, 480), np.float32)
    ink[10:15, 10:15] = ink[300:305, 10:15] = 1
    empty = [(200, 100, 260, 200), (300, 100, 360, 200)]
    (digit,) = split_with_boxes(monkeypatch, ink, empty)
    np.testing.assert_array_equal(digit, ink)


def test_a_stroke_is_split_among_digits_beside_each_other_only(monkeypatch):
    ink = np.zeros((320, 480), np.float32)
    ink[50:290, 50:70] = 1
    ink[50:250, 200:220] = 1
    stacked = [(45, 45, 75, 170), (45, 171, 75, 295), (195, 45, 225, 255)]
    assert len(split_with_boxes(monkeypatch, ink, stacked)) == 2
    ink = np.zeros((320, 480), np.float32)
    ink[100:120, 50:300] = ink[100:200, 50:70] = ink[100:200, 200:220] = 1
    left, right = split_with_boxes(monkeypatch, ink, [(45, 95, 170, 205), (171, 95, 305, 205)])
    assert left[:, :160].any() and not left[:, 180:].any()
    assert right[:, 180:].any() and not right[:, :160].any()


def test_whatever_is_drawn_is_read_as_a_digit():
    canvas = np.full((320, 480, 3), 255, np.uint8)
    canvas[100:110, 100:300] = 0
    reading = read(canvas)
    assert len(reading.images) == 1 and not reading.is_digit.any()


@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (2000, 60), (60, 3000)])
def test_canvases_may_have_any_shape(shape):
    canvas = np.full((*shape, 3), 255, np.uint8)
    canvas[shape[0] // 2, :: max(1, shape[1] // 3)] = 0
    reading = read(canvas)
    assert np.isfinite(reading.images).all()
    assert reading.probabilities["cnn"].shape == (len(reading.images), 10)


def to_url(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_a_drawing_is_decoded_as_it_was_drawn():
    canvas = draw_canvas([7])
    np.testing.assert_array_equal(canvases.decode_canvas(to_url(Image.fromarray(canvas))), canvas)


def test_a_transparent_drawing_is_on_white():
    canvas = draw_canvas([7])
    transparent = np.dstack([np.zeros_like(canvas), 255 - canvas[..., :1]])
    decoded = canvases.decode_canvas(to_url(Image.fromarray(transparent, "RGBA")))
    np.testing.assert_array_equal(decoded, canvas)


@pytest.mark.parametrize("text", [None, ""])
def test_an_empty_canvas_is_nothing(text):
    assert canvases.decode_canvas(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "/etc/passwd",
        "file:///etc/passwd",
        "data:image/png;base64,",
        "data:image/png;base64,&&&&",
        "data:image/png;base64," + base64.b64encode(b"no image").decode(),
        "data:text/html;base64,aGVsbG8=",
        "data:image/png;base64," + "A" * 2_000_000,
        {"path": "/etc/passwd"},
    ],
)
def test_what_is_not_a_drawing_is_refused(text):
    with pytest.raises(ValueError, match=r"The drawing"):
        canvases.decode_canvas(text)


def test_a_bomb_on_the_canvas_is_refused(tmp_path):
    make_bomb(tmp_path / "bomb.png", 13_000)
    bomb = base64.b64encode((tmp_path / "bomb.png").read_bytes()).decode()
    with pytest.raises(ValueError, match="pixels"):
        canvases.decode_canvas(f"data:image/png;base64,{bomb}")


def test_a_drawing_is_read_by_each_classifier_and_explained():
    reading = read(draw_canvas([7, 4]))
    assert reading.images.shape == (2, 28, 28)
    for name in ("dense", "cnn"):
        assert reading.probabilities[name].argmax(axis=1).tolist() == [7, 4]
        attribution = reading.attributions[name]
        assert attribution.shape == (28, 28) and attribution.any()
        assert not attribution[reading.images[reading.explained] == 0].any()


def test_drawn_digits_are_read_at_several_widths():
    asked = []

    def attribute(images, digits):
        asked.append((images, digits))
        return np.zeros((1, 28, 28)), np.zeros(1)

    # 1 at the smallest width, 7 at the two others.
    classifier = SimpleNamespace(
        probabilities=lambda images: np.eye(10, dtype=np.float32)[[1, 7, 7]][: len(images)],
        attribute=attribute,
        threshold=0.8,
    )
    reading = canvases.read_canvas(draw_canvas([7]), get_detector(), {"x": classifier})
    assert reading.probabilities["x"][0, [1, 7]] == pytest.approx([1 / 3, 2 / 3])
    ((images, digits),) = asked
    np.testing.assert_array_equal(images, reading.images)
    assert digits == [7]


def test_the_digit_that_all_are_least_sure_of_is_explained():
    canvas = draw_canvas([7, 1, 4]).copy()
    canvas[:, 150:280] = 255
    canvas[100:200:12, 170:230] = 0  # stripes
    reading = read(canvas)
    confidences = sum(row.max(axis=1) for row in reading.probabilities.values())
    assert len(reading.images) > 1
    assert reading.explained == (confidences * reading.is_digit).argmin()


@pytest.mark.parametrize("canvas", [None, np.full((320, 480, 3), 255, np.uint8)])
def test_nothing_drawn_is_nothing_read(canvas):
    reading = read(canvas)
    assert reading.images.shape == (0, 28, 28)
    assert (reading.explained, reading.attributions) == (0, {})
    assert reading.is_digit.shape == (0,)
    shapes = {name: row.shape for name, row in reading.probabilities.items()}
    assert shapes == {"dense": (0, 10), "cnn": (0, 10)}


def test_grain_takes_no_time():
    rng = np.random.default_rng(0)
    grain = np.where(rng.random((1000, 1500)) < 0.05, 0, 255).astype(np.uint8)
    canvas = np.repeat(grain[..., None], 3, axis=2)
    start = time.perf_counter()
    read(canvas)
    ink = np.zeros((320, 480), np.float32)
    ink[::4, ::4] = 1
    assert len(canvases.split_digits(ink, get_detector())) <= canvases.MAX_STROKES
    assert time.perf_counter() - start < 20  # it was 400 s
