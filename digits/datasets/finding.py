"""Finds what a name given to `--data` stands for: a file or a folder, of which form."""

from __future__ import annotations

from pathlib import Path

from digits.datasets.class_folders import list_classes, open_class_folders
from digits.datasets.csv_rows import open_csv
from digits.datasets.idx import is_idx, open_idx
from digits.datasets.npz import open_npz
from digits.datasets.source import GZIP_MAGIC, Source, explained, opened

# Words in the names of files and folders that say which part of a dataset they hold.
PART_WORDS = {"train": ("train",), "test": ("test", "t10k")}
PART_FOLDERS = {"train": ("train", "training"), "test": ("test", "testing")}
# How the name of a file of images becomes that of its labels: MNIST's and EMNIST's, KMNIST's.
LABEL_NAMES = (("images", "labels"), ("idx3", "idx1"), ("imgs", "labels"))
FORMS = (
    "an .npz file with Keras's keys or one array, a CSV file, IDX files, or a folder with the "
    "folders 0 to 9"
)


def find_source(path: Path, part: str) -> Source:
    """Find and open a part of a dataset.

    A file that holds one set of images (CSV, IDX, one array) stands for either part.

    Args:
        path: of a file or a folder.
        part: "train" or "test".

    Raises:
        FileNotFoundError: there is no such file, or none in the folder.
        ValueError: it is damaged or no dataset, or the folder has several.
        OSError: it cannot be read.
    """
    if path.is_dir():
        return _find_in_folder(path, part)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: expected {FORMS}")
    return _open_file(path, part)


def _open_file(path: Path, part: str) -> Source:
    with explained(str(path)):
        with open(path, "rb") as file:
            head = file.read(4)
        if head[:2] == GZIP_MAGIC:
            with opened(path) as content:
                head = content.read(4)
    if not head:
        raise ValueError(f"{path} is empty, expected {FORMS}: download or save it again")
    if head.startswith(b"PK"):
        return open_npz(path, _find_labels(path), part)
    if is_idx(head):
        return open_idx(path, _find_labels(path))
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".npz", "ubyte", ".idx")):
        raise ValueError(
            f"{path} is not a readable {'.npz' if name.endswith('.npz') else 'IDX'} file: download "
            "or save it again"
        )
    if any(byte < 9 for byte in head) or head.startswith((b"\x93NUM", b"\x80")):
        raise ValueError(f"{path} is of another form, expected {FORMS}: convert it")
    return open_csv(path)


def _find_labels(path: Path) -> Path | None:
    """Find the file of the labels beside a file of images."""
    name = path.name
    for old, new in LABEL_NAMES:
        name = name.replace(old, new)
    if name == path.name:
        return None
    plain = name.removesuffix(".gz")
    for candidate in (name, plain, f"{plain}.gz"):
        if path.with_name(candidate).is_file():
            return path.with_name(candidate)
    return None


def _find_in_folder(folder: Path, part: str) -> Source:
    if list_classes(folder)[0]:
        return open_class_folders(folder)
    found = [
        folder / name
        for name in PART_FOLDERS[part]
        if (folder / name).is_dir() and list_classes(folder / name)[0]
    ]
    found += _find_files(folder, part)
    if len(found) > 1:
        raise ValueError(
            f"{folder} has several datasets for {part}ing, {found[0].name} and {found[1].name}, "
            "expected one: name one of them, or move the others away"
        )
    if not found:
        raise FileNotFoundError(
            f"{folder} is a folder without images for {part}ing, expected the folders 0 to 9 "
            f"(or {part}/0 to {part}/9), {part}.csv, the four IDX files of MNIST or EMNIST, or "
            "the four .npz files of KMNIST: name a file to use it for both training and testing"
        )
    return open_class_folders(found[0]) if found[0].is_dir() else _open_file(found[0], part)


def _find_files(folder: Path, part: str) -> list[Path]:
    """Find the files in a folder whose names say that they hold the images of a part."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):  # a plain file comes before its compressed copy
        name = path.name.lower()
        plain = name.removesuffix(".gz")
        is_images = plain.endswith(".csv") or "images" in plain or "imgs" in plain
        if is_images and any(word in name for word in PART_WORDS[part]) and path.is_file():
            found.setdefault(plain, path)
    return list(found.values())
