import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import ExifTags, Image

from digits.reading import documents, photos
from tests.conftest import ROOT, damaged_files, make_bomb


@pytest.fixture
def page():
    """A grey gradient, 40 rows by 60 columns, dark at the top left."""
    rows, columns = np.indices((40, 60))
    return np.uint8(40 + 2 * rows + 2 * columns)


def save(path, array, mode=None, **options):
    Image.fromarray(array).convert(mode or "L").save(path, **options)
    return path


def assert_alike(photo, page, tolerance=3):
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (*page.shape, 3)
    assert np.abs(photo.pixels.astype(int) - page[..., None]).max() <= tolerance


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif", "avif"])
def test_every_format_gives_the_same_photo(tmp_path, page, suffix):
    options = {"webp": {"lossless": True}, "avif": {"quality": 100}}.get(suffix, {})
    path = save(tmp_path / f"a.{suffix}", page, **options)
    photo = documents.load_photo(path)
    assert_alike(photo, page)
    assert (photo.scale, photo.name) == (1, str(path))


def test_a_photos_brightness_is_from_black_to_white():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [0, 255, 0]]], np.uint8)
    grey = photos.Photo(colours).grey()
    assert grey.dtype == np.float32
    assert grey == pytest.approx(np.array([[0, 1, 0.587]]), abs=0.01)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_every_colour_mode_is_read(tmp_path, mode):
    page = np.zeros((30, 50), np.uint8)
    page[:, 25:] = 255
    assert_alike(documents.load_photo(save(tmp_path / "a.tiff", page, mode)), page)


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path, page):
    Image.fromarray(page.astype(np.uint16) * 200).save(tmp_path / "a.png")
    photo = documents.load_photo(tmp_path / "a.png").pixels[..., 0].astype(float)
    assert photo.min() == 0
    assert photo.max() == 255
    expected = (page - page.min()) / np.ptp(page) * 255.0
    assert np.abs(photo - expected).max() <= 2


def test_floats_with_nan_are_read(tmp_path, page):
    values = page / np.float32(10)
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tiff")
    assert documents.load_photo(tmp_path / "a.tiff").pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_paper(tmp_path, mode):
    image = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    image.convert(mode).save(tmp_path / "a.png")
    photo = documents.load_photo(tmp_path / "a.png").pixels
    assert (photo[:, :10] == 0).all()
    assert (photo[:, 10:] == 255).all()


def test_of_an_animation_the_first_frame_is_read(tmp_path, page):
    frames = [Image.fromarray(page), Image.fromarray(255 - page)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert_alike(documents.load_photo(tmp_path / "a.gif"), page)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_obeyed(tmp_path, page, suffix, orientation, turns):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = save(tmp_path / f"a.{suffix}", page, exif=exif)
    assert_alike(documents.load_photo(path), np.rot90(page, turns))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_large_photo_is_shrunk_and_says_by_how_much(tmp_path, suffix):
    page = np.full((3000, 4000), 255, np.uint8)
    page[1500:, :] = 0
    photo = documents.load_photo(save(tmp_path / f"a.{suffix}", page))
    scale, photo = photo.scale, photo.pixels
    assert photo.shape[0] * photo.shape[1] <= photos.MAX_PIXELS
    assert scale == pytest.approx(4000 / photo.shape[1], rel=0.01)
    assert photo[10, 10, 0] == 255
    assert photo[-10, 10, 0] == 0
    assert abs((photo[:, 10, 0] > 128).mean() - 0.5) < 0.01


def test_a_panorama_keeps_its_height(tmp_path):
    photo = documents.load_photo(save(tmp_path / "a.png", np.full((500, 16000), 200, np.uint8)))
    assert photo.pixels.shape[0] == pytest.approx(500 / photo.scale, abs=1)
    assert photo.pixels.shape[0] > 200


def test_one_pixel_is_a_photo(tmp_path):
    photo = documents.load_photo(save(tmp_path / "a.png", np.array([[7]], np.uint8)))
    assert photo.pixels.shape == (1, 1, 3)


@pytest.mark.parametrize("side", [13_000, 40_000])
def test_a_decompression_bomb_is_refused_in_little_memory(tmp_path, side):
    path = make_bomb(tmp_path / "a.png", side)
    assert path.stat().st_size < 300_000
    code = (
        "import resource, sys\n"
        "from digits.reading import documents\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: documents.load_photo(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    message, kilobytes = result.stdout.splitlines()
    assert "pixels" in message
    assert int(kilobytes) < 50_000
    assert result.stderr == ""


def save_large(path, kind):
    """A blank image of nearly as many pixels as are taken of its kind."""
    plain = kind in ("L", "RGB", "progressive")
    limit = photos.MAX_DECODED_PIXELS["RGB"] if plain else photos.MAX_OTHER_PIXELS
    side = int(limit**0.5) - 1
    if kind in ("L", "RGB", "RGBA", "LA"):
        Image.new(kind, (side, side)).save(path, "PNG")
    elif kind == "16 bits":
        Image.fromarray(np.zeros((side, side), np.uint16)).save(path, "PNG")
    elif kind == "float":
        Image.fromarray(np.zeros((side, side), np.float32)).save(path, "TIFF")
    elif kind == "webp":
        Image.new("RGB", (side, side)).save(path, "WEBP", method=0)
    elif kind == "progressive":
        Image.new("RGB", (side, side)).save(path, "JPEG", progressive=True)
    return path


@pytest.mark.parametrize(
    "kind", ["L", "RGB", "RGBA", "LA", "16 bits", "float", "webp", "progressive"]
)
def test_the_largest_photos_taken_fit_into_memory(tmp_path, kind):
    code = (
        "import resource, sys\n"
        "from digits.reading import documents\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(documents.load_photo(sys.argv[1]).pixels.size)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, save_large(tmp_path / "large", kind)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    size, kilobytes = map(int, result.stdout.split())
    assert 0 < size <= 3 * photos.MAX_PIXELS
    assert kilobytes < 400_000


@pytest.mark.parametrize("shape", [(1, 3_000_000), (10, 1_500_000), (2_000_000, 2)])
def test_a_thread_of_an_image_is_shrunk(tmp_path, shape):
    photo = documents.load_photo(save(tmp_path / "a.png", np.zeros(shape, np.uint8)))
    assert max(photo.pixels.shape) <= photos.MAX_SIDE


@pytest.mark.parametrize(
    "damage", [b"garbage", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_a_photo_with_damaged_exif_is_read(tmp_path, page, damage):
    path = save(tmp_path / "a.jpg", page, exif=damage, quality=95)
    assert_alike(documents.load_photo(path), page)


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_orientation_is_obeyed_beside_damaged_tags(tmp_path, page, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.XResolution] = 72.0
    content = bytearray(exif.tobytes())
    place = content.index(ExifTags.Base.XResolution.to_bytes(2, "big"))
    content[place + 2 : place + 4] = (2).to_bytes(2, "big")  # text, it says
    path = save(tmp_path / "a.jpg", page, exif=bytes(content), quality=95)
    assert_alike(documents.load_photo(path), np.rot90(page, {3: 2, 6: 3}[orientation]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello", "not an image"),
        (b"%PDF-1.4 ...", "is damaged"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (b"\xff\xd8\xff\xe0", "not an image"),
    ],
)
def test_what_is_not_an_image_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"a.png .*{message}"):
        documents.load_photo(path)


def test_where_pdf_files_are_not_read_they_are_refused_by_their_kind():
    with pytest.raises(ValueError, match=r"^scan\.pdf is a PDF file, expected an image: save its"):
        photos.decode_photo(io.BytesIO(b"%PDF-1.7 ..."), "scan.pdf")


@pytest.mark.parametrize(
    ("suffix", "compression"),
    [(suffix, None) for suffix in ("png", "jpg", "webp", "bmp", "tiff", "gif")]
    + [("tiff", compression) for compression in ("tiff_lzw", "tiff_deflate", "group4")],
)
def test_a_truncated_file_is_refused(tmp_path, suffix, compression, capfd):
    noise = np.random.default_rng(0).integers(0, 255, (90, 90), np.uint8)
    options = {"compression": compression} if compression else {}
    mode = "1" if compression == "group4" else "L"
    path = save(tmp_path / f"a.{suffix}", noise, mode, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"a.{suffix} is"):
        documents.load_photo(path)
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone.png does not exist: expected an image"):
        documents.load_photo(tmp_path / "gone.png")


def test_a_folder_stands_for_the_images_in_it(tmp_path, page):
    for name in ("b.png", "a.JPG", "note.txt", "._b.png"):
        save(tmp_path / name, page, format="PNG")
    found = photos.find_photos([tmp_path, tmp_path / "x.png"])
    assert [path.name for path in found] == ["a.JPG", "b.png", "x.png"]


def test_what_is_left_out_of_folders_is_found(tmp_path, page):
    for name in ("b.png", "note.txt", "._b.png", "SCAN.PDF", "c.HEIC", "d.avif"):
        save(tmp_path / name, page, format="PNG")
    (tmp_path / "sub.png").mkdir()
    assert photos.find_skipped([tmp_path, tmp_path / "b.png", "gone"]) == {
        tmp_path: ["note.txt", "sub.png/"]
    }
    found = [path.name for path in photos.find_photos([tmp_path])]
    assert found == ["SCAN.PDF", "b.png", "c.HEIC", "d.avif"]


def test_wildcards_stand_for_files_and_folders(tmp_path, page):
    (tmp_path / "scans").mkdir()
    for name in ("b.png", "a.png", "scans/c.png", "s*.png"):
        save(tmp_path / name, page)
    found = photos.find_photos([tmp_path / "?.png", tmp_path / "s*", tmp_path / "s*.png"])
    assert [path.name for path in found] == ["a.png", "b.png", "s*.png", "c.png", "s*.png"]


def test_a_folder_without_images_is_refused_when_its_turn_comes(tmp_path):
    (tmp_path / "empty").mkdir()
    (path,) = photos.find_photos([tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="empty has no images"):
        documents.load_photo(path)


@pytest.mark.parametrize("name", ["x" * 300, "a\nb", "-"])
def test_names_that_cannot_be_are_refused(name):
    (path,) = photos.find_photos([name])
    with pytest.raises((FileNotFoundError, ValueError)):
        documents.load_photo(path)


SEEDS = {}
for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
    file = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)).save(
        file, kind
    )
    SEEDS[kind] = file.getvalue()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=damaged_files(SEEDS))
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    try:
        photo = documents.load_photo(path)
    except ValueError as error:
        assert "\n" not in str(error)
        assert "fuzzed" in str(error)
    else:
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.ndim == 3
        assert photo.pixels.shape[2] == 3
        assert photo.scale >= 1
