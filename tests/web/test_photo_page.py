"""The page that reads photos: it is what its builder builds, and its modules agree with Python."""

import base64
import dataclasses
import json
import re
import subprocess

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

import data
from benchmarks import tables as sheets
from digits.networks import Classifier, Detector, storage
from digits.networks.detector import NUM_OUTPUTS
from digits.networks.keras_engine import KerasEngine
from digits.networks.storage import RELEASED_MODELS
from digits.reading import Reader, alignment, box_rows, layout, rings, signs, tables
from digits.reading.box_rows import BoxRow
from digits.reading.deskew import deskew, measure_skew
from digits.reading.enlarge import enlarge
from digits.reading.lighting import even_out
from digits.reading.photos import Photo, _shrink
from digits.reading.results import COLUMNS, parse_value
from digits.reading.rules import Rules, find_rules
from digits.symbols import SIGNS
from digits.training.synthetic.pages import make_page
from digits.training.synthetic.strokes import trace_digits
from digits.transforms import to_mnist
from digits.web import build_page
from tests.conftest import ROOT
from tests.reading.test_deskew import draw_table
from tests.reading.test_rings import draw_ring, write
from tests.web.conftest import NODE, PAGES, run_node_tests

TESTS = ROOT / "tests" / "web" / "page" / "photo"
SOURCES = RELEASED_MODELS / "detector.keras", RELEASED_MODELS / "cnn.keras"
VALUES = (
    "042", "-14", "+7", "3.75", "3,75", "1.234", "1,234", "1,234.50", "1.234.567", "24/11/2026",
    "50%", "08:45", ".5", "12_4", "0.50", "12345678901234567890",
)  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return (PAGES / "photo.html").read_text(encoding="utf-8")


def list_circled():
    """List digits without and with a ring around them, and what is within it, or None."""
    for digit in 255 - data.load_test()[0][:8]:
        paper = np.pad(digit, 4, constant_values=255) / np.float32(255)
        for page in (paper, draw_ring(paper)):
            ink = to_mnist.cut_out(page, [0, 0, *page.shape])
            within = rings.take_off_ring(ink)
            yield {
                "ink": describe_image(ink),
                "within": None if within is None else describe_image(within),
            }


def list_rings():
    """List digits in rings that leave their boxes free, and what is found of these rings."""
    for index, digit in enumerate(data.load_test()[0][:8]):
        page, box = write(digit)
        page = draw_ring(page, (34.0, 30.0), 3)
        if index % 2:
            page[:, 60:63] = 0.3  # a rule
        rules = Rules(
            np.zeros((0, 4)), np.array([[61.5, 0, 61.5, 120]] * (index % 2)).reshape(-1, 4)
        )
        boxes = np.stack([box, [28.0, 45, 35, 75], [109.0, 49, 114, 76]])
        texts, probabilities = np.array(["7", "1", "1"]), np.array([0.95, 0.7, 0.7])
        ring = rings.find_ring(page, rules, box)
        within = rings.cut_out_within(page, rules, box, to_mnist.cut_out(page, box))
        is_part, is_circled = rings.find_parts(page, rules, boxes, texts, probabilities)
        yield {
            "page": describe_image(page),
            "rules": {"rows": rules.rows.tolist(), "columns": rules.columns.tolist()},
            "boxes": boxes.tolist(),
            "texts": texts.tolist(),
            "probabilities": probabilities.tolist(),
            "ring": None if ring is None else dataclasses.asdict(ring),
            "within": None if within is None else describe_image(within),
            "isPart": is_part.tolist(),
            "isCircled": is_circled.tolist(),
        }


@pytest.fixture(scope="module")
def reader():
    """A reader with weights in half precision, as the page has them."""
    detector = storage.load_detector_model(SOURCES[0])
    classifier = storage.load_classifier_model(SOURCES[1])
    for model in (detector, classifier):
        model.set_weights([each.astype("<f2").astype("<f4") for each in model.get_weights()])
    return Reader(
        Detector(KerasEngine(detector), SOURCES[0]), Classifier(KerasEngine(classifier), SOURCES[1])
    )


def read_data(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


def make_pages(number, sides, seed):
    """Random synthetic pages of MNIST's test digits, uint8 arrays."""
    images, labels = data.load_test()[:2]
    rng = np.random.default_rng(seed)
    count = min(400, 40 * number)
    strokes = trace_digits(images[:count], labels[:count], rng)
    for _ in range(number):
        shape = tuple(int(side) for side in rng.integers(*sides, 2))
        photo = make_page(rng, strokes, labels[:count], shape).photo
        yield np.clip(np.round(photo * 255), 0, 255).astype(np.uint8)


def write_page(pixels, path):
    pixels.tofile(path)
    height, width = pixels.shape
    return {"file": str(path), "width": width, "height": height}


def describe_image(image):
    image = np.asarray(image, float)
    height, width = image.shape
    return {"width": width, "height": height, "pixels": image.ravel().tolist()}


def list_resized(rng):
    image = rng.random((37, 61)).astype(np.float32)
    for width, height, method in ((20, 13, "BOX"), (30, 18, "BOX"), (90, 80, "BICUBIC")):
        resized = Image.fromarray(image).resize((width, height), Image.Resampling[method])
        yield {"image": describe_image(image), "method": method, "made": describe_image(resized)}


def list_shrunk(rng, folder):
    """Photos of more pixels than are kept: with the finer filter alone, and with boxes first."""
    for height, width in ((1300, 1900), (84, 44_000)):
        small = rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
        photo = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
        paths = folder / f"photo{width}.raw", folder / f"shrunk{width}.raw"
        np.asarray(photo).tofile(paths[0])
        shrunk = _shrink(photo)
        np.asarray(shrunk).tofile(paths[1])
        grey = Photo(np.asarray(shrunk)).grey()
        yield {
            "width": width,
            "height": height,
            "photo": str(paths[0]),
            "shrunk": str(paths[1]),
            "size": shrunk.size,
            "grey": grey[:3].ravel().tolist(),
        }


def describe_filters(rng):
    image = rng.random((23, 31)).astype(np.float32)
    mask = rng.random((40, 50)) < 0.35
    levels = rng.integers(0, 256, (23, 31), dtype=np.uint8)
    return {
        "image": describe_image(image),
        "uniform": [
            {"size": size, "made": ndimage.uniform_filter(image, size, mode="nearest").tolist()}
            for size in (4, 5, 51)
        ],
        "mean": ndimage.uniform_filter1d(image, 6, axis=1).tolist(),
        "gaussian": ndimage.gaussian_filter1d(image, 1.3, axis=0).tolist(),
        "maximum": ndimage.maximum_filter1d(image, 4, axis=0).tolist(),
        "mask": describe_image(mask),
        "ranked": {
            "values": levels.tolist(),
            "made": ndimage.percentile_filter(levels, 75, 15, mode="nearest").tolist(),
        },
        "dilated": ndimage.binary_dilation(mask, np.ones((3, 5))).astype(int).tolist(),
        "labels": ndimage.label(mask, np.ones((3, 3)))[0].tolist(),
    }


def list_layouts(rng):
    """Rows of digits and signs at random places, and the lines that Python makes of them."""
    for _ in range(60):
        boxes = []
        lean, height = rng.uniform(-0.1, 0.1), rng.uniform(15, 40)
        for row in range(int(rng.integers(1, 6))):
            x = rng.uniform(0, 40)
            for _ in range(int(rng.integers(1, 9))):
                top = row * rng.uniform(1.6, 2.2) * height + lean * x + rng.normal(0, 2)
                width = rng.uniform(0.3, 0.8) * height
                boxes.append([x, top, x + width, top + height * rng.uniform(0.8, 1.2)])
                x += width + height * (rng.uniform(0, 0.3) if rng.random() < 0.7 else 1.3)
        boxes = np.array(boxes)
        around = boxes[rng.integers(0, len(boxes), 8)]
        corners = around[:, :2] + rng.uniform(0.2, 1.0, (8, 2)) * height
        sizes = rng.uniform(0.05, 0.5, (8, 2)) * height
        detected = signs.Signs(
            rng.choice(list(SIGNS), 8, p=[0.2, 0.1, 0.2] + [0.5 / 9] * 9),
            rng.uniform(0.4, 1, 8),
            rng.random(8) < 0.7,
            np.concatenate([corners, corners + sizes], axis=1),
        )
        slope = layout.measure_page_slope(boxes)
        kept = signs.select(detected, boxes, slope)
        texts = kept.texts.tolist()
        lines = layout.make_lines(boxes, texts, kept.boxes, slope)
        grid = alignment.find_aligned(boxes, texts, kept.boxes, lines, slope)
        yield {
            "boxes": boxes.tolist(),
            "detected": describe_signs(detected),
            "slope": slope,
            "kept": describe_signs(kept),
            "lines": lines,
            "grid": None if grid is None else describe_grid(grid),
        }


def describe_signs(found):
    columns = (found.texts, found.probabilities, found.is_sure, found.boxes)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    names = ("text", "probability", "isSure", "box")
    return [dict(zip(names, row, strict=True)) for row in rows]


def describe_grid(grid):
    return {"places": grid.places.tolist(), "shape": grid.shape}


def list_tables(rng):
    """Rules, also of sudokus, digits between them, and the table that Python finds."""
    for number in range(30):
        side, count = rng.uniform(40, 60), 10 if number % 3 == 0 else int(rng.integers(3, 8))
        places = np.arange(count) * side + 20
        if number % 2:
            places = np.delete(places, rng.integers(1, count - 1))
        ends = np.full(len(places), places.max())
        starts = np.full(len(places), places.min())
        rows = np.stack([starts, places, ends, places + rng.normal(0, 1, len(places))], axis=1)
        columns = np.stack([places, starts, places, ends], axis=1)
        if number % 5 == 1:  # rows of numbers between which no rule is seen
            rows = rows[:: len(rows) - 1]
        middles = (
            (rng.integers(0, count - 1, (30, 2)) + 0.5) * side + 20 + rng.normal(0, 4, (30, 2))
        )
        half = np.array([6, 12])
        boxes = np.concatenate([middles - half, middles + half], axis=1)
        rules = Rules(rows, columns)
        grid = tables.find_grid(rules, boxes, np.zeros((0, 4)))
        # Narrow boxes on rules between columns, and some beside them.
        x = rng.choice(places, 20) + rng.normal(0, 2, 20)
        starts = np.stack([x - 2, rng.uniform(0, places.max(), 20)], axis=1)
        strokes = np.concatenate([starts, starts + np.array([4, 24])], axis=1)
        yield {
            "strokes": strokes.tolist(),
            "arePieces": tables.are_pieces_of_rules(rules, strokes).tolist(),
            "columnsLeft": tables.leave_out_ones(rules, strokes).columns.tolist(),
            "inEmpty": tables.are_in_empty_cells(rules, boxes[:15], boxes[15:]).tolist(),
            "rules": {"rows": rows.tolist(), "columns": columns.tolist()},
            "boxes": boxes.tolist(),
            "grid": None if grid is None else describe_grid(grid),
        }


def list_tilted(folder):
    """Pages with a tilted table, their skew, and what Python makes of one."""
    for number, degrees in enumerate([-11, 1, 6.5]):
        pixels = np.clip(255 * draw_table(degrees), 0, 255).round().astype(np.uint8)
        page = pixels.astype(np.float32) / 255
        skew = measure_skew(page)
        deskewed = deskew(page, skew)
        boxes = np.array([[30, 40, 50, 70], [200, 10, 215, 25]], float)
        yield write_page(pixels, folder / f"tilted{number}.raw") | {
            "skew": skew,
            "shape": deskewed.page.shape,
            "pixels": deskewed.page[::40, ::40].tolist(),
            "boxes": boxes.tolist(),
            "turnedBack": deskewed.turn_back(boxes).tolist(),
        }


def list_box_rows(rng):
    """A row of boxes, digits and strokes near it, and which of them Python takes for its sides."""
    for _ in range(10):
        x = 20 + 24 * np.arange(7) + rng.normal(0, 1, 7)
        slope = rng.normal(0, 2)
        sides = np.stack([x, np.full(7, 10.0), x + slope, np.full(7, 42.0)], axis=1)
        starts, sizes = rng.uniform([10, 4], [170, 20], (60, 2)), rng.uniform(3, [14, 34], (60, 2))
        boxes, are_strokes = np.concatenate([starts, starts + sizes], axis=1), rng.random(60) < 0.7
        rows = [BoxRow(sides)]
        yield {
            "sides": sides.tolist(),
            "boxes": boxes.tolist(),
            "areStrokes": are_strokes.tolist(),
            "areSides": box_rows.are_sides(rows, boxes, are_strokes).tolist(),
            "areOnSides": box_rows.are_on_sides(rows, boxes).tolist(),
        }


@pytest.fixture(scope="module")
def fixtures(page, reader, tmp_path_factory):
    """What Python computes, for the tests in JavaScript."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("photo_page")
    pages = list(make_pages(4, (150, 200), 8))
    # The smallest pictures too: single digits, and a stroke that leans.
    stroke = np.full((28, 28), 230, np.uint8)
    stroke[np.arange(3, 25), np.arange(24, 2, -1)] = stroke[
        np.arange(3, 25), np.arange(23, 1, -1)
    ] = 20
    smallest = [stroke, *(255 - data.load_test()[0][:5])]
    # A small picture of a table, with digits of 10 pixels, which is tilted.
    sheet = Image.open(ROOT / "examples" / "sheet.jpg").convert("L").resize((270, 192))
    smallest.append(np.asarray(sheet.rotate(6, Image.Resampling.BICUBIC, fillcolor=200)))
    first = pages[0][:136, :144] / np.float32(255)
    small = pages[1][:20, :44] / np.float32(255)
    shaded = np.tile(pages[2], (2, 2)) / np.float32(255)
    shaded[:, 150:] *= 0.3
    enlarged = enlarge(small)
    boxes = [[20, 30, 40, 60], [-3, 100, 11, 140.5], [50.2, 50.7, 90.4, 58.1], [100, 90, 130, 130]]
    regions = [rng.random(400) ** 2 - 0.3 for _ in range(5)]
    image = to_mnist.to_mnist(to_mnist.cut_out(first, boxes[0]))[0]
    found = find_rules(pages[2] / np.float32(255), 20.0)
    content = {
        "data": read_data(page),
        "numOutputs": NUM_OUTPUTS,
        "cells": {
            "page": describe_image(first),
            "made": reader.detector.engine(first[None, ..., None])[0].ravel().tolist(),
        },
        "classified": {
            "image": image.ravel().tolist(),
            "probabilities": reader.classifier.probabilities(image[None])[0].tolist(),
        },
        "resized": list(list_resized(rng)),
        "shrunk": list(list_shrunk(rng, folder)),
        "filters": describe_filters(rng),
        "thresholds": [
            {"region": region.tolist(), "threshold": threshold_otsu(region)} for region in regions
        ],
        "cutOut": [
            {"box": box, "ink": describe_image(to_mnist.cut_out(first, box))} for box in boxes
        ],
        "circled": list(list_circled()),
        "rings": list(list_rings()),
        "enlarged": {"small": describe_image(small), "page": describe_image(enlarged.page)},
        "evened": {"shaded": describe_image(shaded), "page": describe_image(even_out(shaded))},
        "rules": {
            "page": describe_image(pages[2] / np.float32(255)),
            "rows": found.rows.tolist(),
            "columns": found.columns.tolist(),
            "shortRows": found.short_rows.tolist(),
        },
        "layouts": list(list_layouts(rng)),
        "tables": list(list_tables(rng)),
        "boxRows": list(list_box_rows(rng)),
        "tilted": list(list_tilted(folder)),
        "values": [[text, str(parse_value(text))] for text in VALUES],
        "columns": COLUMNS,
        "pages": [
            write_page(pixels, folder / f"page{number}.raw")
            | describe_reading(reader.read(np.repeat(pixels[..., None], 3, axis=2)))
            for number, pixels in enumerate([*pages, *smallest])
        ],
    }
    assert any(each["grid"] for each in content["layouts"])
    assert any(each["grid"] for each in content["tables"])
    assert any(any(each["inEmpty"]) for each in content["tables"])
    assert any(any(each["arePieces"]) for each in content["tables"])
    assert any(each["columnsLeft"] != each["rules"]["columns"] for each in content["tables"])
    assert {each["skew"] == 0 for each in content["tilted"]} == {True, False}
    assert any(any(each["areSides"]) for each in content["boxRows"])
    assert {each["within"] is None for each in content["circled"]} == {True, False}
    assert all(each["ring"] and any(each["isPart"]) for each in content["rings"])
    path = folder / "fixtures.json"
    path.write_text(json.dumps(content))
    return path


def describe_reading(page):
    rows = [
        ["" if value is None else str(value) for value in row.values()] for row in page.to_rows()
    ]
    return {
        "lines": [line.text for line in page.lines],
        "unsure": [line.unsure for line in page.lines],
        "summary": page.summary(),
        "note": page.note,
        "rows": rows,
    }


def test_the_photo_page_is_what_its_builder_builds(page):
    # After a change of its sources: python -m digits.web.build_page
    assert build_page.build_photo_page(*SOURCES) == page
    assert len(page.encode()) <= build_page.MAX_PHOTO_BYTES


@pytest.mark.skipif(not NODE, reason="node is not installed")
def test_the_modules_of_the_photo_page_agree_with_python(fixtures):
    run_node_tests(TESTS, fixtures)


def read_in_node(pages, folder):
    """Read pages in JavaScript: what `describe_reading` returns of each."""
    path = folder / "pages.json"
    path.write_text(json.dumps(pages))
    command = [NODE, TESTS / "read_pages.js", PAGES / "photo.html", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def count_same(made, expected, names):
    same = [
        all(one[name] == other[name] for name in names)
        for one, other in zip(made, expected, strict=True)
    ]
    return sum(same)


@pytest.mark.slow
@pytest.mark.skipif(not NODE, reason="node is not installed")
@pytest.mark.parametrize(("kind", "number", "least"), [("pages", 200, 0.98), ("sheets", 18, 0.85)])
def test_nearly_all_pages_are_read_as_python_reads_them(reader, tmp_path, kind, number, least):
    released = Reader()
    written, rounded, expected = [], [], []
    made = make_pages(number, (160, 340), 11) if kind == "pages" else make_grey_sheets(number)
    for index, pixels in enumerate(made):
        photo = np.repeat(pixels[..., None], 3, axis=2)
        written.append(write_page(pixels, tmp_path / f"{index}.raw"))
        rounded.append(describe_reading(reader.read(photo)))
        expected.append(describe_reading(released.read(photo)))
    read = read_in_node(written, tmp_path)
    everything = ("lines", "unsure", "summary", "note")
    same = count_same(read, expected, ["lines"])
    same_rounded = count_same(read, rounded, everything)
    print(
        f"{number} {kind}: the lines of {same} are those of the released networks; the lines, what "
        f"is not sure, the turn and the table of {same_rounded} those of the rounded networks"
    )
    assert same >= least * number
    assert same_rounded >= 0.98 * number


def make_grey_sheets(number):
    """Sheets of all kinds of `benchmarks.tables`, with MNIST's test digits."""
    images, labels = (part[:500] for part in data.load_test()[:2])
    digits = sheets.Digits(trace_digits(images, labels, np.random.default_rng(0)), labels)
    for _, sheet in sheets.make_sheets(digits, number):
        yield np.asarray(Image.fromarray(sheet.photo.pixels).convert("L"))


def test_the_policy_of_the_photo_page_allows_no_request(page):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    assert "default-src 'none'" in policy and "worker-src blob:" in policy
    assert "connect-src" not in policy and "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "{{" not in page.split('<script type="application/json"')[0]
    assert set(re.findall(r"""(?:src|href)=["']([^"']*)""", page)) == {"data:,", "index.html"}
    assert "://" not in page


def test_the_photo_page_holds_the_networks_and_the_compiled_convolution(page):
    held = read_data(page)
    num_weights = [
        len(base64.b85decode(held[name]["weights"].replace(",", "<"))) // 2
        for name in ("detector", "classifier")
    ]
    models = storage.load_detector_model(SOURCES[0]), storage.load_classifier_model(SOURCES[1])
    assert num_weights == [model.count_params() for model in models]
    compiled = base64.b64decode(held["wasm"])
    assert compiled[:4] == b"\0asm" and len(compiled) < 4000


def test_layers_that_the_photo_page_lacks_are_refused():
    from digits.keras_quietly import keras

    pooled = keras.Sequential([keras.layers.Input((28, 28)), keras.layers.MaxPooling1D()])
    with pytest.raises(ValueError, match="MaxPooling1D"):
        build_page.describe_layers(pooled)
