import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from digits.networks import Classifier, load_classifier, load_detector, storage
from digits.reading import Photo, Reader, load_photo, reader
from digits.reading.recognize import prepare, recognize
from digits.transforms import to_mnist
from tests.conftest import ROOT

NOTE = ROOT / "examples" / "note.jpg"
# What examples/make_examples.py wrote; operators are not digits.
EXAMPLES = {
    "note.jpg": ["12 30 42", "0172 555 364", "3141592653", "86 2 43"],
    "sideways.jpg": ["12 30 42", "0172 555 364", "3141592653", "86 2 43"],
    "blackboard.jpg": ["8421", "60 59 58"],
}


@pytest.fixture(scope="module")
def released():
    return Reader(
        load_detector(storage.RELEASED_MODELS / "detector.keras"),
        load_classifier(storage.RELEASED_MODELS / "cnn.keras"),
    )


@pytest.fixture(scope="module")
def note():
    return load_photo(NOTE)


@pytest.fixture(scope="module")
def page(released, note):
    return released.read(note)


def join(texts):
    return "".join(texts).replace(" ", "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_read(released, name):
    page = released.read(ROOT / "examples" / name)
    assert join(line.text for line in page.lines) == join(EXAMPLES[name])
    assert len(page.lines) == len(EXAMPLES[name])
    assert page.is_inverted == (name == "blackboard.jpg")
    assert (page.turns != 0) == (name == "sideways.jpg")


def test_a_photo_its_pixels_and_its_file_are_read_alike(released, note, page):
    assert (page.photo_name, page.scale) == (str(NOTE), 1)
    assert released.read(str(NOTE)).to_dict() == page.to_dict()
    of_pixels = released.read(note.pixels)
    assert of_pixels.to_dict() == page.to_dict() | {"file": ""}
    halved = released.read(Photo(note.pixels, scale=2.0))
    assert halved.numbers[0].box == page.numbers[0].box
    assert halved.to_rows()[0]["left"] == pytest.approx(2 * page.numbers[0].box[0], abs=0.06)


def test_boxes_and_images_are_those_of_the_digits(note, page):
    height, width = note.pixels.shape[:2]
    for line in page.lines:
        lefts = [digit.box[0] for digit in line.digits]
        assert lefts == sorted(lefts)
    for digit in page.digits:
        left, top, right, bottom = digit.box
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height
        assert type(digit.is_sure) is bool and type(left) is float
        assert reader.MIN_PROBABILITY < digit.probability <= 1
        assert digit.runner_up != digit.label
        assert digit.image.shape == (28, 28)
        inside = note.pixels[int(top) : int(bottom), int(left) : int(right)]
        assert inside.min() < note.pixels.min() + 60  # there is ink in it


def test_digits_are_sure_from_the_classifiers_threshold_on(released, note):
    cnn = released.classifier

    def read(threshold):
        classifier = Classifier(cnn.engine, cnn.path, {"threshold": threshold})
        return classifier, Reader(released.detector, classifier).read(note).digits

    shares = []
    for threshold in (0.0, 0.9, 1.1):
        _, digits = read(threshold)
        shares.append(np.mean([digit.is_sure for digit in digits]))
    assert shares[0] == 1 and shares[2] == 0
    assert 0.8 < shares[1] < 1  # there is a 4 on it that may be a 6
    classifier, digits = read(0.97)
    alone = recognize(classifier, prepare([to_mnist.cut_out(note.grey(), d.box) for d in digits]))
    expected = [alone.probabilities[place, d.label] >= 0.97 for place, d in enumerate(digits)]
    assert [digit.is_sure for digit in digits] == expected


def test_boxes_of_a_page_on_its_side_are_on_the_photo_as_it_is(released, note, page):
    upright = page.digits
    turned = released.read(np.rot90(note.pixels, -1).copy()).digits
    assert len(upright) == len(turned)
    height = note.pixels.shape[0]
    for one, other in zip(upright, turned, strict=True):
        left, top, right, bottom = one.box
        assert other.box == pytest.approx((height - bottom, left, height - top, right), abs=4)


@pytest.mark.parametrize("change", ["darker", "smaller", "inverted", "shaded", "coloured"])
def test_light_colour_and_size_of_a_photo_do_not_matter(released, note, page, change):
    changed = note.pixels.astype(np.float32)
    if change == "darker":
        changed *= 0.35
    elif change == "smaller":
        changed = np.asarray(Image.fromarray(note.pixels).reduce(2), np.float32)
    elif change == "inverted":
        changed = 255 - changed
    elif change == "shaded":
        changed[:, changed.shape[1] // 3 :] *= 0.45
    else:
        changed *= np.array([0.6, 1.0, 0.75])
    found = released.read(changed.astype(np.uint8))
    assert join(line.text for line in found.lines) == join(line.text for line in page.lines)


@pytest.mark.parametrize("kind", ["white", "black", "grain", "ramp", "pixel", "strip"])
def test_a_page_without_digits_has_none(released, kind):
    rng = np.random.default_rng(0)
    photo = {
        "white": np.full((300, 400), 255),
        "black": np.zeros((300, 400)),
        "grain": rng.normal(200, 6, (300, 400)),
        "ramp": np.tile(np.linspace(0, 255, 400), (300, 1)),
        "pixel": np.full((1, 1), 9),
        "strip": np.full((2, 900), 120),
    }[kind]
    page = released.read(np.repeat(np.uint8(photo)[..., None], 3, axis=2))
    assert page.lines == () and page.text == ""


def test_a_page_full_of_noise_needs_little_memory(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1000, 2000), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.new("L", (20_000, 3)).save(tmp_path / "thread.png")
    code = (
        "import sys, resource, numpy as np\n"
        "from digits.networks import load_classifier, load_detector\n"
        "from digits.reading import Reader\n"
        "reader = Reader(load_detector(sys.argv[1] + '/detector.keras'), "
        "load_classifier(sys.argv[1] + '/cnn.keras'))\n"
        "reader.read(np.full((300, 300, 3), 255, np.uint8))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in sys.argv[2:]: reader.read(name)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, storage.RELEASED_MODELS, NOTE]
    command += [tmp_path / "noise.png", tmp_path / "thread.png"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 500_000
