import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.reading import inks

PAPERS = {"white": (250, 250, 248), "yellowish": (235, 215, 160), "pale blue": (200, 215, 240)}
PENS = {"red": (205, 50, 60), "blue": (40, 60, 155), "dark": (60, 60, 64)}
PENCIL = (120, 120, 122)


def draw(paper, pens, quality=None, factor=4):
    """Strokes of pens below each other, with edges smoothed; returns pixels of (200, 240, 3)."""
    picture = Image.new("RGB", (240 * factor, 200 * factor), "white")
    pen = ImageDraw.Draw(picture)
    for row, colour in enumerate(pens):
        top = (20 + 60 * row) * factor
        places = [(30, 0), (90, 30), (120, 5), (210, 35)]
        places = [(x * factor, top + y * factor) for x, y in places]
        pen.line(places, colour, 3 * factor, joint="curve")
    small = np.asarray(picture.resize((240, 200), Image.Resampling.BOX), np.float32)
    pixels = (small * np.array(paper) / 255).astype(np.uint8)
    if quality is None:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("quality", [None, 80])
@pytest.mark.parametrize("ink", inks.INKS)
def test_only_the_ink_that_is_asked_for_is_left(paper, quality, ink):
    pixels = draw(PAPERS[paper], PENS.values(), quality)
    separated = inks.separate(pixels, ink)
    assert separated.dtype == np.float32 and separated.shape == pixels.shape[:2]
    assert separated.min() >= 0 and separated.max() <= 1
    for row, name in enumerate(PENS):
        strip = separated[60 * row : 60 * (row + 1)]
        if name == ink:
            assert strip.min() < 0.45 and inks.has_ink(strip)
        else:
            assert strip.min() > 0.85  # also at its smoothed edges


def test_pencil_is_dark_and_faint_strokes_are_kept():
    pixels = draw(PAPERS["white"], [PENCIL, (235, 150, 150)], 80)
    assert inks.separate(pixels, "dark")[:60].min() < 0.65
    assert inks.separate(pixels, "dark")[60:120].min() > 0.9
    assert inks.separate(pixels, "red")[60:120].min() < 0.7
    assert not inks.has_ink(inks.separate(pixels, "blue"))


def test_light_and_shadow_are_no_ink():
    light = np.linspace(1, 0.4, 240)[None, :, None] * np.array([1, 0.9, 0.7])
    pixels = (draw(PAPERS["white"], [PENS["red"]]) * light).astype(np.uint8)
    assert inks.has_ink(inks.separate(pixels, "red"))
    for ink in ("blue", "dark"):
        assert not inks.has_ink(inks.separate(pixels, ink))


def test_light_ink_is_none():
    board = 255 - draw((255, 255, 255), [(40, 40, 40), (30, 160, 160)])
    board = np.maximum(board, 30)
    for ink in inks.INKS:
        assert not inks.has_ink(inks.separate(board, ink))


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 9), (60, 61)])
@pytest.mark.parametrize("ink", inks.INKS)
def test_any_picture_can_be_asked(shape, ink):
    rng = np.random.default_rng(0)
    for value in (0, 128, 255):
        pixels = np.full((*shape, 3), value, np.uint8)
        assert (inks.separate(pixels, ink) == 1).all()
    separated = inks.separate(rng.integers(0, 256, (*shape, 3), np.uint8), ink)
    assert separated.shape == shape and np.isfinite(separated).all()


def test_grey_photos_have_no_coloured_ink():
    grey = np.repeat(draw(PAPERS["white"], [PENS["dark"]]).mean(axis=2, keepdims=True), 3, axis=2)
    for ink in ("red", "blue"):
        assert not inks.has_ink(inks.separate(grey.astype(np.uint8), ink))


@pytest.mark.parametrize("ink", ["green", "", None, 3, ["red"], "x" * 10_000])
def test_other_inks_are_refused(ink):
    with pytest.raises(ValueError, match="expected one of red, blue, dark") as error:
        inks.check_ink(ink)
    assert len(str(error.value)) < 100
