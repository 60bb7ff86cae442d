"""Checks `.keras` files before Keras sees them: what they hold, and how much of it.

Such a file is a zip archive of a JSON with the layers and an HDF5 file with the weights. Keras has
guards of its own, which differ from version to version; these do not depend on them.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digits.networks import keras_config
from digits.networks.keras_config import MAX_PARAMETERS, Refused, Size

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
EMPTY_FOLDER = "assets/"  # of layers that look words up, of which there are none
MAX_JSON = 1_000_000  # bytes: 500 layers take 400,000
MAX_WEIGHTS = 4 * MAX_PARAMETERS + 50_000_000  # bytes of the weights, and of the state beside them
# What a compiled model's file holds beside its weights: two numbers for each, of Adam's moments.
MAX_COPIES = 3
HEADERS, HEADERS_OF_NODE = 1_000_000, 20_000  # bytes of HDF5's own, in all and for each layer
MAX_OBJECTS = 20_000  # groups and datasets in the file of the weights
MAX_ATTRIBUTES, MAX_ATTRIBUTE = 8, 4096  # of an object, and bytes of one
STATE = 16  # numbers of a layer that are no weights: the state of a random generator, a count
END = struct.Struct("<4s4H2LH")  # of the end of a zip archive's directory


@contextlib.contextmanager
def checked_copy(path: Path) -> Iterator[Path]:
    """Check a `.keras` file, and give a copy of it that holds only what was checked.

    Args:
        path: the file.

    Yields:
        Path of the copy, in a temporary folder.

    Raises:
        Refused: it has layers or options that no classifier or detector needs, more than
            `MAX_PARAMETERS` parameters, weights that are not plain arrays, or is damaged.
        OSError: it cannot be read, or the copy cannot be written.
    """
    config, metadata, weights = _read(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        with zipfile.ZipFile(copy, "w") as archive:
            archive.writestr(METADATA, json.dumps(metadata))
            archive.writestr(CONFIG, json.dumps(config))
            archive.writestr(WEIGHTS, weights)
        del weights
        yield copy


def read_version(path: str | Path) -> str:
    """Read which version of Keras saved a model, such as "3.15.1"; "" where the file says none."""
    try:
        with open(path, "rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                metadata = _parse_json(_read_member(archive, METADATA, MAX_JSON), METADATA)
                return str(metadata["keras_version"])[:20]
    except Exception:  # as damaged as the rest may be
        return ""


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    with open(path, "rb") as file:
        _check_directory(file)
        try:
            with zipfile.ZipFile(file) as archive:
                _check_members(archive)
                metadata = _parse_json(_read_member(archive, METADATA, MAX_JSON), METADATA)
                config = _parse_json(_read_member(archive, CONFIG, MAX_JSON), CONFIG)
                config, size = keras_config.check(config)
                most = min(4 * MAX_COPIES * size.parameters, MAX_WEIGHTS)
                most += HEADERS + HEADERS_OF_NODE * size.nodes
                weights = _read_member(archive, WEIGHTS, most)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
                UnicodeDecodeError, ValueError, struct.error) as error:  # fmt: skip
            raise Refused(
                f"it is a damaged zip archive ({' '.join(str(error).split())[:100]})"
            ) from None
    _check_weights(weights, size)
    versions = {
        key: value[:100] for key, value in metadata.items() if isinstance(value, str) and key in
        ("keras_version", "date_saved")
    }  # fmt: skip
    return config, versions, weights


def _check_directory(file: io.BufferedReader) -> None:
    """Check the end of a zip archive, before its directory is read as a whole."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - END.size - 20))
    tail = file.read()
    if len(tail) < END.size:
        raise Refused("it is no whole zip archive")
    magic, _, _, _, number, length, _, comment = END.unpack(tail[-END.size :])
    if magic != b"PK\5\6" or comment:
        raise Refused("it is no whole zip archive, expected the end of one")
    if tail.startswith(b"PK\6\7") or number > 10 or length > 10_000:
        raise Refused(
            f"received a zip archive of {number:,} or more members, expected {CONFIG}, {WEIGHTS} "
            f"and {METADATA}"
        )


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    empty = [each for each in members if each.filename == EMPTY_FOLDER and not each.file_size]
    if sorted(names) != sorted([CONFIG, METADATA, WEIGHTS, *(each.filename for each in empty)]):
        shown = ", ".join(ascii(name)[:50] for name in names)
        raise Refused(
            f"received the members {shown[:200]}, expected {CONFIG}, {METADATA} and {WEIGHTS}"
        )
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("received members that are not compressed with deflate")


def _read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    size = archive.getinfo(name).file_size
    if size > most:
        raise Refused(
            f"received a {name} of {size:,} bytes, expected at most {most:,} for these layers"
        )
    with archive.open(name) as file:
        return file.read(most + 1)[:most]


def _parse_json(content: bytes, name: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise Refused(f"received {constant} in {name}, expected numbers")

    try:
        parsed = json.loads(content.decode("utf-8"), parse_constant=refuse)
    except RecursionError:
        raise Refused(f"received a {name} of lists in lists without end") from None
    except ValueError as error:
        raise Refused(f"received a {name} that is no JSON ({str(error)[:100]})") from None
    if not isinstance(parsed, dict):
        raise Refused(f"received a {name} that is no JSON object")
    return parsed


def _check_weights(content: bytes, size: Size) -> None:
    """Check that an HDF5 file holds plain arrays only, not more than the layers take."""
    import h5py  # which Keras needs too; late, since it takes a tenth of a second

    most = size.parameters + STATE * size.nodes
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            total = own = 0
            for name, item in _list_datasets(file, h5py):
                count = _check_dataset(name, item, h5py)
                total += count
                own += 0 if "optimizer" in name.split("/") else count
                if own > most or total > MAX_COPIES * most:
                    raise Refused(
                        f"received {WEIGHTS} with {total:,} or more numbers, expected at most "
                        f"{most:,} for these layers"
                    )
    except Refused:
        raise
    except Exception as error:  # HDF5 is damaged in many ways, and h5py raises nearly anything
        reason = " ".join(str(error).split())[:100]
        raise Refused(f"received a damaged {WEIGHTS} ({type(error).__name__}: {reason})") from None


def _list_datasets(file: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    waiting, seen, number = [("", file)], set(), 0
    while waiting:
        name, group = waiting.pop()
        for key in group:
            number += 1
            path = f"{name}/{key}"
            if number > MAX_OBJECTS:
                raise Refused(f"received {WEIGHTS} with more than {MAX_OBJECTS:,} objects")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise Refused(f"received {WEIGHTS} with a link at {path[:100]}, expected arrays")
            item = group[key]
            _check_attributes(path, item, h5py)
            if isinstance(item, h5py.Dataset):
                yield path, item
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise Refused(f"received {WEIGHTS} with the group {path[:100]} twice")
                seen.add(address)
                waiting.append((path, item))
            else:
                raise Refused(f"received {WEIGHTS} with a type at {path[:100]}, expected arrays")


def _check_dataset(name: str, dataset: Any, h5py: Any) -> int:
    """Check that a dataset is a plain array; returns how many numbers it holds."""
    properties, kind = dataset.id.get_create_plist(), dataset.id.get_type()
    plain = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
    if properties.get_layout() not in plain or properties.get_nfilters():
        raise Refused(
            f"received {WEIGHTS} with parts or a filter at {name[:100]}, expected a plain array"
        )
    if properties.get_external_count():
        raise Refused(f"received {WEIGHTS} with external storage at {name[:100]}, expected arrays")
    kinds = (h5py.h5t.FLOAT, h5py.h5t.INTEGER, h5py.h5t.OPAQUE)  # the last is bfloat16
    if kind.get_class() not in kinds or kind.get_size() > 8:
        raise Refused(f"received {WEIGHTS} with {dataset.dtype} at {name[:100]}, expected numbers")
    space = dataset.id.get_space()
    if space.get_simple_extent_type() not in (h5py.h5s.SIMPLE, h5py.h5s.SCALAR):
        raise Refused(f"received {WEIGHTS} with nothing at {name[:100]}, expected an array")
    return int(space.get_simple_extent_npoints())


def _check_attributes(name: str, item: Any, h5py: Any) -> None:
    number = h5py.h5a.get_num_attrs(item.id)
    sizes = [
        h5py.h5a.open(item.id, index=index).get_storage_size()
        for index in range(min(number, MAX_ATTRIBUTES))
    ]
    if number > MAX_ATTRIBUTES or max(sizes, default=0) > MAX_ATTRIBUTE:
        raise Refused(f"received {WEIGHTS} with large attributes at {name[:100]}, expected a name")
