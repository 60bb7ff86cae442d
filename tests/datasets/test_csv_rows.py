"""CSV files as Kaggle's digit recognizer has them, and what is near them."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digits.datasets import open_part
from tests.conftest import ROOT
from tests.datasets.conftest import write_csv


def load(path):
    return open_part(path, "train").load()


def test_rows_of_label_and_pixels_are_images(tmp_path, mnist):
    images, labels = mnist
    path = write_csv(tmp_path / "train.csv", images, labels)
    part = open_part(path, "train")
    assert part.note == f"Converted {path}: 2,500 images from rows of a label and 784 pixels."
    found_images, found_labels = part.load()
    assert found_images.dtype == np.uint8 and found_labels.dtype == np.int32
    np.testing.assert_array_equal(found_images, images)
    np.testing.assert_array_equal(found_labels, labels)


def test_rows_are_read_block_by_block(tmp_path, mnist):
    part = open_part(write_csv(tmp_path / "a.csv", *mnist), "train")
    assert [len(images) for images, _ in part.read_blocks()] == [1000, 1000, 500]


def test_rows_without_labels_have_none(tmp_path, mnist):
    images = mnist[0][:5]
    part = open_part(write_csv(tmp_path / "test.csv", images), "test")
    assert not part.has_labels
    found, labels = part.load()
    assert labels is None
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize(
    "options",
    [{"header": False}, {"end": "\r\n"}, {"quote": '"'}, {"end": "\n\n"}],
    ids=["no header", "CRLF", "quotes", "blank lines"],
)
def test_other_ways_to_write_it_give_the_same(tmp_path, mnist, options):
    images, labels = mnist[0][:7], mnist[1][:7]
    found = load(write_csv(tmp_path / "a.csv", images, labels, **options))
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)


def test_a_byte_order_mark_and_compression_are_taken(tmp_path, mnist):
    images, labels = mnist[0][:3], mnist[1][:3]
    content = write_csv(tmp_path / "a.csv", images, labels).read_bytes()
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + content))
    np.testing.assert_array_equal(load(path)[1], labels)


def test_columns_are_found_by_their_names(tmp_path, mnist):
    """Labels may come last; numbers of the rows, in words too, are no pixels."""
    images, labels = mnist[0][:4], mnist[1][:4]
    names = ["id", *[f"{row}x{column}" for row in range(28) for column in range(28)], "class"]
    rows = [
        [f"train_{number}", *image.ravel(), label]
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in [names, *rows]))
    found = load(path)
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)


def test_an_id_is_no_label(tmp_path, mnist):
    """Kaggle's Kannada test.csv has 785 columns too: id,pixel0..pixel783."""
    path = write_csv(tmp_path / "a.csv", mnist[0][:3], [100, 101, 102])
    path.write_text(path.read_text().replace("label", "id"))
    part = open_part(path, "test")
    assert not part.has_labels
    np.testing.assert_array_equal(part.load()[0], mnist[0][:3])


def test_floats_are_scaled_or_rounded(tmp_path, mnist):
    images, labels = mnist[0][:6], mnist[1][:6]
    scaled = open_part(write_csv(tmp_path / "a.csv", images / 255, labels), "train")
    assert "pixels from 0 to 1" in scaled.note
    np.testing.assert_array_equal(scaled.load()[0], images)
    floats = open_part(write_csv(tmp_path / "b.csv", images.astype(float), labels), "train")
    assert "float32 pixels" in floats.note
    np.testing.assert_array_equal(floats.load()[0], images)


def change(line, cell, text):
    def apply(lines):
        cells = lines[line].split(",")
        cells[cell] = text
        lines[line] = ",".join(cells)

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines.clear(), "is empty"),
        (lambda lines: lines.__delitem__(slice(1, None)), "has no rows"),
        (change(2, 5, "seven"), r"line 3, column 6: received 'seven', expected a number"),
        (change(2, 5, ""), r"line 3, column 6: received '', expected a number"),
        (change(3, 0, "a"), r"line 4, column 1: received 'a'"),
        (change(2, 5, "256"), "pixels from 0 to 256, expected 0 to 255"),
        (change(2, 5, "-1"), "pixels from -1 to 25., expected 0 to 255"),
        (change(2, 5, "nan"), "pixels from nan to nan"),
        (change(2, 0, "10"), "labels from . to 10, expected 0 to 9"),
        (change(2, 0, "2.5"), "the label 2.5, expected 0 to 9"),
        (lambda lines: lines.append("1,2,3"), "line 12 has 3 columns, expected 785"),
        (lambda lines: lines.append(lines[2] + ","), "line 12 has 786 columns, expected 785"),
        (change(0, 0, "x,y"), "has 786 columns from 'x' to 'pixel783'"),
        (change(0, 1, "label"), "2 columns of labels"),
        (change(0, 0, "colour"), "has 785 columns from 'colour'"),
        (lambda lines: lines.__setitem__(0, lines[0].replace(",", ";")), "no commas"),
        (lambda lines: lines.__setitem__(0, "1,2"), "has 2 columns"),
        (lambda lines: lines.append("1," * 60_000), "longer than 100,000 characters"),
        (lambda lines: lines.append("\xff"), "line 12 has 1 columns"),
    ],
)
def test_malformed_files_are_refused(tmp_path, mnist, damage, message):
    path = write_csv(tmp_path / "a.csv", mnist[0][:10], mnist[1][:10])
    lines = path.read_text().splitlines()
    damage(lines)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        load(path)
    assert str(error.value).startswith(str(path))


def test_other_encodings_and_truncated_files_are_refused(tmp_path, mnist):
    content = write_csv(tmp_path / "a.csv", mnist[0][:10], mnist[1][:10]).read_bytes()
    damaged = {
        "utf-16": content.decode().encode("utf-16"),
        "latin-1": content + b"\xe9",
        "gzip": gzip.compress(content)[:-100],
        "row": content[:-100],
    }
    for name, each in damaged.items():
        path = tmp_path / name
        path.write_bytes(each)
        with pytest.raises(ValueError, match=name):
            load(path)


def test_a_range_that_changes_is_refused(tmp_path, mnist):
    """The first thousand rows are from 0 to 1, so the 255 of the last would be too bright."""
    images = mnist[0][:1002] / 255
    images[1001, 14, 14] = 254
    with pytest.raises(ValueError, match="to 254, expected 0 to 1 as in the images before"):
        load(write_csv(tmp_path / "a.csv", images, mnist[1][:1002]))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_sixty_thousand_rows_take_less_than_400_mb(tmp_path, mnist):
    """They took 186 MB, of which 47 are the images; the limit of 1 GB is far away."""
    block = write_csv(tmp_path / "a.csv", *(each[:1000] for each in mnist), header=False)
    path = tmp_path / "b.csv"
    path.write_bytes(block.read_bytes() * 60)
    # Not resource.getrusage: its peak is at least that of the process that started this one.
    code = (
        "import re, sys\n"
        "from digits.datasets import open_part\n"
        "print(*open_part(sys.argv[1], 'train').load()[0].shape)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True
    )
    shape, peak = done.stdout.splitlines()
    assert shape == "60000 28 28"
    assert 47e6 < int(peak) * 1024 < 400e6
