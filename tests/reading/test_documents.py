import io
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import ExifTags, Image, TiffImagePlugin

from digits.reading import documents, pdf, photos, render_pdf
from tests.conftest import ROOT, damaged_files

pillow_heif = pytest.importorskip("pillow_heif", reason="pip install -r requirements-files.txt")
pytest.importorskip("pypdfium2", reason="pip install -r requirements-files.txt")
pillow_heif.register_heif_opener(thumbnails=False)

GREYS = (40, 120, 200)


@pytest.fixture
def gradient():
    """A grey gradient, 40 rows by 60 columns, dark at the top left."""
    rows, columns = np.indices((40, 60))
    return np.uint8(40 + 2 * rows + 2 * columns)


def make_images(greys=GREYS, size=(60, 40)):
    return [Image.new("L", size, grey) for grey in greys]


def save_pages(path, images=None, **options):
    first, *others = images or make_images()
    first.save(path, save_all=True, append_images=others, **options)
    return path


def make_pdf(stream=b"", size=(1, 1), media_box="0 0 595 842", **entries):
    """A PDF file of a page that an image, of which the entries are given, fills."""
    entries = {
        "Type": "/XObject", "Subtype": "/Image", "Width": size[0], "Height": size[1],
        "ColorSpace": "/DeviceGray", "BitsPerComponent": 8, "Length": len(stream), **entries,
    }  # fmt: skip
    image = " ".join(f"/{key} {value}" for key, value in entries.items())
    content = b"q 595 0 0 842 0 0 cm /I Do Q"
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        f"<</Type /Page /Parent 2 0 R /MediaBox [{media_box}] /Contents 4 0 R "
        "/Resources <</XObject <</I 5 0 R>>>>>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        f"<<{image}>>stream\n".encode() + stream + b"\nendstream",
    ]
    return join_objects(objects)


def join_objects(objects):
    """A PDF file of objects, numbered from 1, the first of which is its catalog."""
    written, places = b"%PDF-1.7\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    end = b"trailer<</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (count, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def make_nested_pdf(levels):
    """A PDF file of a page that draws a form ten times, which draws another ten times, etc."""
    content = b"/F Do " * 10
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources <</XObject <</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
    ]
    for level in range(levels):
        drawn = content if level < levels - 1 else b"0 0 9 9 re f"
        form = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Length %d" % len(drawn)
        inner = b"/Resources <</XObject <</F %d 0 R>>>>" % (6 + level)
        objects.append(b"<<%s %s>>stream\n%s\nendstream" % (form, inner, drawn))
    return join_objects(objects)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("pdf", {}),
        ("tiff", {}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("tiff", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_all_pages_are_loaded_in_their_order(tmp_path, suffix, options):
    path = save_pages(tmp_path / f"a.{suffix}", **options)
    pages = list(documents.load_pages(path))
    assert [page.title for page in pages] == [f"{path}, page {number}" for number in (1, 2, 3)]
    assert [(page.page, page.num_pages) for page in pages] == [(1, 3), (2, 3), (3, 3)]
    assert [page.pixels.mean() for page in pages] == pytest.approx(GREYS, abs=2)
    first = documents.load_photo(path)
    assert (first.page, first.pixels.mean()) == (1, pytest.approx(GREYS[0], abs=2))


def test_what_a_file_is_its_content_tells(tmp_path):
    for kind in ("pdf", "tiff"):
        save_pages(tmp_path / f"a.{kind}").rename(tmp_path / "scan.jpg")
        assert [page.page for page in documents.load_pages(tmp_path / "scan.jpg")] == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif", "heic"])
def test_of_an_animation_there_is_one_page(tmp_path, suffix):
    images = [image.convert("RGB") for image in make_images()]
    (page,) = documents.load_pages(save_pages(tmp_path / f"a.{suffix}", images))
    assert (page.title, page.pixels.mean()) == (page.name, pytest.approx(GREYS[0], abs=3))


def test_smaller_copies_and_masks_in_a_tiff_file_are_no_pages(tmp_path):
    images = make_images((10, 20, 30, 40, 50))
    for image, kind in zip(images, (1, 0, 1, 2, 4), strict=True):
        image.encoderinfo = {}
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[documents.SUBFILE_TYPE] = kind
        image.tags = tags
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "a.tiff", True) as file:
        for image in images:
            image.save(file, "TIFF", tiffinfo=image.tags)
            file.newFrame()
    pages = list(documents.load_pages(tmp_path / "a.tiff"))
    assert [page.pixels.mean() for page in pages] == [20, 40]


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_pages_of_a_tiff_file_may_differ_in_size_colour_and_orientation(tmp_path, compression):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    images = [Image.new("L", (60, 40), 9), Image.new("RGB", (80, 20), (200, 0, 0))]
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "a.tiff", True) as file:
        for image in images * 2:
            image.save(file, "TIFF", exif=exif, compression=compression)
            file.newFrame()
    with documents.open_document(tmp_path / "a.tiff") as document:
        pages = {page: document.load(page) for page in (1, 2, 3, 4, 1, 4)}
    assert [pages[page].pixels.shape[:2] for page in (1, 2, 3, 4)] == [(60, 40), (80, 20)] * 2
    assert pages[4].pixels[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize("suffix", ["heic", "avif"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_phones_photo_is_turned_once(tmp_path, gradient, suffix, orientation, turns):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(gradient).convert("RGB").save(path, exif=exif.tobytes(), quality=100)
    photo = documents.load_photo(path)
    assert photo.pixels.shape == (*np.rot90(gradient, turns).shape, 3)
    assert np.abs(photo.pixels.astype(int) - np.rot90(gradient, turns)[..., None]).max() <= 4


def test_a_page_of_a4_has_140_dots_an_inch(tmp_path):
    image = Image.new("L", (2480, 3508), 255)
    image.paste(0, (1240, 0, 2480, 3508))
    path = save_pages(tmp_path / "a.pdf", [image], resolution=300)
    photo = documents.load_photo(path)
    height, width = photo.pixels.shape[:2]
    assert 0.97 * photos.MAX_PIXELS < width * height <= photos.MAX_PIXELS
    assert 72 / photo.scale == pytest.approx(142, abs=3)
    assert width * photo.scale == pytest.approx(595, abs=1)  # points
    assert (photo.pixels[:, : width // 2 - 2] > 250).all()
    assert (photo.pixels[:, width // 2 + 2 :] < 5).all()


def test_a_page_that_is_one_photo_is_not_enlarged(tmp_path, gradient):
    path = save_pages(tmp_path / "a.pdf", [Image.fromarray(gradient)], resolution=50)
    photo = documents.load_photo(path)
    assert photo.pixels.shape == (40, 60, 3)
    assert photo.scale == pytest.approx(72 / 50, rel=0.02)
    assert np.abs(photo.pixels.astype(int) - gradient[..., None]).max() <= 25


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 14_400), (14_400, 14_400), (14_400, 3), (600.7, 799.3)]
)
def test_no_page_has_more_pixels_than_a_photo(tmp_path, size):
    (tmp_path / "a.pdf").write_bytes(make_pdf(media_box=f"0 0 {size[0]} {size[1]}"))
    photo = documents.load_photo(tmp_path / "a.pdf")
    height, width = photo.pixels.shape[:2]
    assert width * height <= photos.MAX_PIXELS and max(width, height) <= photos.MAX_SIDE
    assert 72 / photo.scale <= render_pdf.MAX_DOTS_PER_INCH + 1


@pytest.mark.parametrize("sides", ["0.5 500", "500 20000", "100000000 99999999"])
def test_a_page_of_absurd_size_is_refused(tmp_path, sides):
    (tmp_path / "a.pdf").write_bytes(make_pdf(media_box=f"0 0 {sides}"))
    with pytest.raises(ValueError, match=r"a\.pdf is .* points large, expected sides of 1 to"):
        documents.load_photo(tmp_path / "a.pdf")


@pytest.mark.parametrize("kind", ["flate", "JPEG", "JPEG2000"])
def test_too_large_images_in_a_pdf_file_are_refused(tmp_path, kind):
    """JPEG files may be larger than the PDF file says."""
    if kind == "flate":
        content = make_pdf(zlib.compress(bytes(100)), (9000, 9000), Filter="/FlateDecode")
    else:
        stream = encode(Image.new("L", (4100, 4100), 9), kind)
        name = {"JPEG": "/DCTDecode", "JPEG2000": "/JPXDecode"}[kind]
        content = make_pdf(stream, (100, 100), Filter=name)
    (tmp_path / "a.pdf").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pdf has an image of [0-9,]+ pixels, expected at"):
        documents.load_photo(tmp_path / "a.pdf")


def measure(path):
    """Load a file in a process of its own; returns what it prints, and the memory in KB."""
    code = (
        "import resource, sys\n"
        "from digits.reading import documents\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: print(sum(page.pixels.size for page in documents.load_pages(sys.argv[1])))\n"
        "except ValueError as error: print(error)\n"
        "kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN\n"
        "print(sum(resource.getrusage(kind).ru_maxrss for kind in kinds) - before)\n"
    )
    command = [sys.executable, "-c", code, path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    message, kilobytes = result.stdout.splitlines()
    assert result.stderr == ""
    return message, int(kilobytes)


def save_large(path, kind):
    """A blank file of nearly as many pixels as are taken of its kind."""
    if kind in ("HEIF", "AVIF"):
        side = int(photos.MAX_PIXELS_OF_FORMAT[kind] ** 0.5) - 1
        options = {"AVIF": {"speed": 10}, "HEIF": {"enc_params": {"preset": "ultrafast"}}}
        Image.new("RGB", (side, side), "white").save(path, kind, **options[kind])
    else:
        side = int(render_pdf.MAX_IMAGE_PIXELS**0.5) - 1
        if kind == "flate":
            stream = zlib.compress(bytes(3 * side * side), 1)
        else:
            image = Image.new("RGB", (side, side), "white")
            stream = encode(image, "JPEG", progressive=kind == "progressive")
        name = "/FlateDecode" if kind == "flate" else "/DCTDecode"
        content = make_pdf(stream, (side, side), ColorSpace="/DeviceRGB", Filter=name)
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "flate", "progressive"])
def test_the_largest_files_taken_fit_into_memory(tmp_path, kind):
    size, kilobytes = measure(save_large(tmp_path / "large", kind))
    assert 0 < int(size) <= 3 * photos.MAX_PIXELS
    assert kilobytes < 400_000


@pytest.mark.parametrize("suffix", ["pdf", "tiff"])
def test_one_page_is_in_memory_at_a_time(tmp_path, suffix):
    images = make_images(range(20), (2000, 3000))  # 6 MB each, 18 MB in colour
    options = {"compression": "tiff_lzw"} if suffix == "tiff" else {}
    size, kilobytes = measure(save_pages(tmp_path / f"a.{suffix}", images, **options))
    assert int(size) > 20 * 5_000_000
    assert kilobytes < 100_000


@pytest.mark.parametrize(("suffix", "limit"), [("heic", 50_000_000), ("avif", 32_000_000)])
def test_limits_of_phones_photos_are_said(tmp_path, monkeypatch, suffix, limit):
    assert limit in photos.MAX_PIXELS_OF_FORMAT.values()
    monkeypatch.setitem(photos.MAX_PIXELS_OF_FORMAT, "HEIF", 2_000)
    monkeypatch.setitem(photos.MAX_PIXELS_OF_FORMAT, "AVIF", 2_000)
    Image.new("RGB", (60, 40)).save(tmp_path / f"a.{suffix}")
    with pytest.raises(ValueError, match=f"a.{suffix} has 2,400 pixels, expected at most 2,000"):
        documents.load_photo(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["pdf", "tiff"])
def test_pages_beyond_the_last_that_is_read_are_counted(tmp_path, monkeypatch, suffix):
    path = save_pages(tmp_path / f"a.{suffix}")
    monkeypatch.setattr(documents, "MAX_PAGES", 2)
    with documents.open_document(path) as document:
        assert (document.num_pages, document.num_left_out) == (2, 1)
        with pytest.raises(ValueError, match="received page 3, expected 1 to 2"):
            document.load(3)
        assert document.load(2).num_pages == 2


def break_second_page(path):
    """Break the second of three pages."""
    content = path.read_bytes()
    if path.suffix == ".pdf":
        places = [place for place in range(len(content)) if content[place:].startswith(b"/Page\n")]
        assert len(places) == 3
        content = content[: places[1]] + b"/Xage\n" + content[places[1] + 6 :]
    else:
        with Image.open(path) as image:
            image.seek(1)
            (place,) = image.tag_v2[273]  # where its strip starts
        content = content[:place] + b"\xff" * 40 + content[place + 40 :]
    path.write_bytes(content)


def test_a_damaged_page_does_not_keep_the_others_from_being_read(tmp_path):
    images = [Image.effect_noise((60, 40), grey) for grey in GREYS]
    path = save_pages(tmp_path / "a.tiff", images, compression="tiff_adobe_deflate")
    break_second_page(path)
    with documents.open_document(path) as document:
        assert document.load(1).page == 1
        with pytest.raises(ValueError, match=r"a\.tiff, page 2 is damaged"):
            document.load(2)
        assert document.load(3).page == 3


def test_pages_that_a_cut_off_tiff_file_has_are_read(tmp_path):
    images = [Image.effect_noise((60, 40), grey) for grey in GREYS]
    path = save_pages(tmp_path / "a.tiff", images)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with documents.open_document(path) as document:
        assert document.load(1).pixels.shape == (40, 60, 3)
        with pytest.raises(ValueError, match=r"a\.tiff, page 2 is damaged"):
            document.load(2)


def test_a_file_of_one_page_is_named_without_its_number(tmp_path):
    (page,) = documents.load_pages(save_pages(tmp_path / "a.pdf", make_images((9,))))
    assert page.title == str(tmp_path / "a.pdf")


def test_a_pdf_file_that_a_password_protects_is_refused(tmp_path):
    encrypted = (
        b"/Encrypt <</Filter /Standard /V 1 /R 2 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32
        + b"> /P -4>> /ID [<00> <00>] /Root"
    )  # fmt: skip
    (tmp_path / "a.pdf").write_bytes(make_pdf().replace(b"/Root", encrypted))
    with pytest.raises(ValueError, match=r"a\.pdf is protected by a password: save it without"):
        documents.load_photo(tmp_path / "a.pdf")


def test_pdf_files_that_would_keep_the_reader_busy_are_refused(tmp_path, monkeypatch):
    (tmp_path / "small.pdf").write_bytes(make_nested_pdf(2))
    assert documents.load_photo(tmp_path / "small.pdf").pixels.min() == 0
    (tmp_path / "a.pdf").write_bytes(make_nested_pdf(9))
    monkeypatch.setattr(pdf, "SECONDS", 4)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"a\.pdf (takes more than 4 s|is damaged)"):
        documents.load_photo(tmp_path / "a.pdf")
    assert time.monotonic() - start < 20


def test_a_pdf_file_that_would_fill_the_memory_is_refused(tmp_path):
    """A few hundred kilobytes stand for a page's content of 600 MB."""
    stream = zlib.compress(b"0 0 1 1 re f\n" * 50_000_000, 9)
    content = make_pdf().replace(
        b"<</Length 28>>stream\nq 595 0 0 842 0 0 cm /I Do Q\nendstream",
        b"<</Length %d /Filter /FlateDecode>>stream\n%s\nendstream" % (len(stream), stream),
    )
    (tmp_path / "a.pdf").write_bytes(content)
    message, kilobytes = measure(tmp_path / "a.pdf")
    assert "a.pdf" in message or message == "0"
    assert kilobytes < 1_700_000


def test_after_a_page_that_ends_the_process_others_are_read(tmp_path, monkeypatch):
    path = save_pages(tmp_path / "a.pdf")
    with documents.open_document(path) as document:
        with monkeypatch.context() as patched:
            patched.setattr(pdf, "SECONDS", 0)
            with pytest.raises(ValueError, match=r"a\.pdf, page 1 takes more than 0 s"):
                document.load(1)
        assert document.load(3).pixels.mean() == pytest.approx(GREYS[2], abs=2)


def test_limits_are_those_of_photos():
    """The program that renders PDF files imports nothing of the package."""
    assert (render_pdf.MAX_PIXELS, render_pdf.MAX_SIDE) == (photos.MAX_PIXELS, photos.MAX_SIDE)
    assert render_pdf.MAX_HIDDEN_PIXELS == photos.MAX_OTHER_PIXELS


@pytest.mark.parametrize(
    ("suffix", "package", "kind"),
    [("pdf", "pypdfium2", "PDF"), ("heic", "pillow_heif", "HEIC")],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, suffix, package, kind):
    save_pages(tmp_path / f"a.{suffix}").rename(tmp_path / "a.jpg")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError) as caught:
        documents.load_photo(tmp_path / "a.jpg")
    name = package.replace("_", "-")
    assert str(caught.value) == (
        f"{tmp_path / 'a.jpg'} is a {kind} file, for which {name} is not installed: "
        "pip install -r requirements-files.txt (or pip install '.[files]')"
    )


def test_no_package_for_files_is_imported_before_it_is_needed(tmp_path):
    Image.new("L", (30, 30)).save(tmp_path / "a.png")
    code = (
        "import sys\n"
        "from digits.reading import load_photo\n"
        "load_photo(sys.argv[1])\n"
        "found = set(sys.modules) & {'pypdfium2', 'pillow_heif', 'xlsxwriter'}\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    command = [sys.executable, "-c", code, tmp_path / "a.png"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("suffix", ["pdf", "heic", "avif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_a_truncated_file_is_refused_or_read(tmp_path, suffix, share, capfd):
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    path = save_pages(tmp_path / f"a.{suffix}", [Image.fromarray(noise)])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    try:  # PDFium repairs what it can
        assert documents.load_photo(path).pixels.ndim == 3
        assert suffix == "pdf"
    except ValueError as error:
        assert f"a.{suffix} is" in str(error) and "\n" not in str(error)
    assert capfd.readouterr() == ("", "")


def test_a_tiff_file_whose_pages_lead_back_to_the_first_ends(tmp_path):
    path = save_pages(tmp_path / "a.tiff")
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack("<I", content[4:8])
    (entries,) = struct.unpack("<H", content[first : first + 2])
    place = first + 2 + 12 * entries
    content[place : place + 4] = struct.pack("<I", first)
    path.write_bytes(content)
    assert len(list(documents.load_pages(path))) == 1


def make_seeds():
    """Small valid files of each kind."""
    seeds = {}
    for kind in ("PDF", "TIFF", "HEIF", "AVIF"):
        first, *others = (image.convert("RGB") for image in make_images(size=(32, 20)))
        file = io.BytesIO()
        first.save(file, kind, save_all=kind in ("PDF", "TIFF"), append_images=others)
        seeds[kind] = file.getvalue()
    return seeds


SEEDS = make_seeds()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=damaged_files(SEEDS))
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    errors, start = [], time.monotonic()
    try:
        with documents.open_document(path) as document:
            for page in range(1, document.num_pages + 1):
                try:
                    photo = document.load(page)
                except ValueError as error:
                    errors.append(error)
                else:
                    assert photo.pixels.dtype == np.uint8
                    assert photo.pixels.ndim == 3
                    assert 0 < photo.pixels.size <= 3 * photos.MAX_PIXELS
    except ValueError as error:
        errors.append(error)
    assert time.monotonic() - start < 10
    assert all("fuzzed" in str(error) and "\n" not in str(error) for error in errors)
