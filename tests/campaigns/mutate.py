"""Damages files at random, by a seed: bytes, lengths, parts, and what their formats hold."""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import numpy as np

NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
TEXTS = ("-1", "0", "1e999", "nan", "2000000000", "9" * 400, "", '"', "=cmd|' /C calc'!A0", "\0")
# What takes the place of a part of a JSON.
VALUES = (
    None, True, -1, 0, 2_000_000_000, 10**30, 0.5, 1e308, "", "exec", [], {}, [[]], [None] * 9,
    "x" * 5000,
    {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "value": "4wEAAAA="}},
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "builtins", "class_name": "exec", "config": {"source": "open('PWNED', 'w')"}},
    {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "print"}},
    {"module": "keras.utils", "class_name": "get_file", "config": {"fname": "x", "origin": "x"}},
)  # fmt: skip
Rng = np.random.Generator


def mutate(rng: Rng, content: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Make one to six changes of bytes: flips, cuts, copies, insertions, lengths, splices."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 7)):
        size = len(damaged)
        if not size:
            return bytes(damaged)
        # Headers are short, and where most goes wrong.
        place = int(rng.integers(min(size, 400) if rng.random() < 0.4 else size))
        length = int(min(size - place, rng.integers(1, 64)))
        way = rng.integers(9)
        if way == 0:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif way == 1:
            damaged[place] = int(rng.integers(256))
        elif way == 2:
            number = int(rng.choice(np.array(NUMBERS, np.uint64)))
            order, width = ("big", "little")[rng.integers(2)], int(rng.choice([2, 4, 8]))
            number &= 2 ** (8 * width) - 1
            damaged[place : place + width] = number.to_bytes(width, order)
        elif way == 3:
            del damaged[place : place + length]
        elif way == 4:
            damaged[place:place] = damaged[place : place + length] * int(rng.integers(1, 9))
        elif way == 5:
            damaged[place:place] = rng.bytes(length)
        elif way == 6 and rng.random() < 0.3:
            del damaged[place:]
        elif way == 7 and others:
            other = others[rng.integers(len(others))]
            damaged[place:] = other[int(rng.integers(len(other) + 1)) :]
        else:
            numbers = list(re.finditer(rb"\d+", bytes(damaged[:20_000])))
            if numbers:
                found = numbers[rng.integers(len(numbers))]
                damaged[found.start() : found.end()] = _choose(rng, TEXTS).encode()
    return bytes(damaged)


def mutate_members(rng: Rng, content: bytes, change: Callable[[Rng, str, bytes], bytes]) -> bytes:
    """Change a member of a zip archive, and write the archive anew; sometimes with another one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = _choose(rng, sorted(members))
    members[name] = change(rng, name, members[name])
    if rng.random() < 0.05:
        members[_choose(rng, ("../x", "/etc/x", "x.npy", "assets/x"))] = b"x"
    kind = _choose(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return written.getvalue()


def mutate_json(rng: Rng, content: bytes) -> bytes:
    """Change one to three places of a JSON: other values, keys that are gone, parts exchanged."""
    root = json.loads(content)
    for _ in range(rng.integers(1, 4)):
        places = list(_list_places(root))
        holder, key = places[rng.integers(len(places))]
        way = rng.integers(4)
        if way == 0:
            del holder[key]
            if not root:
                break
        elif way == 1:
            other, other_key = places[rng.integers(len(places))]
            copied = json.loads(json.dumps(other[other_key]))
            holder[key] = copied
        elif way == 2 and isinstance(holder[key], int):
            holder[key] = int(rng.integers(-2, 300))
        else:
            holder[key] = copy.deepcopy(_choose(rng, VALUES))
    return json.dumps(root).encode()


def _list_places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        yield value, key
        if isinstance(each, (dict, list)):
            yield from _list_places(each)


def mutate_keras(rng: Rng, content: bytes) -> bytes:
    """Damage a `.keras` file: as a whole, its JSON or its weights."""

    def change(rng: Rng, name: str, member: bytes) -> bytes:
        if name.endswith(".json") and rng.random() < 0.8:
            return mutate_json(rng, member)
        return mutate(rng, member)

    return mutate(rng, content) if rng.random() < 0.2 else mutate_members(rng, content, change)


def mutate_onnx(rng: Rng, content: bytes) -> bytes:
    """Damage an `.onnx` file: its bytes, or what its nodes and weights are."""
    import onnx

    if rng.random() < 0.4:
        return mutate(rng, content)
    model = onnx.load_model_from_string(content)
    for _ in range(rng.integers(1, 4)):
        node = model.graph.node[rng.integers(len(model.graph.node))]
        tensor = model.graph.initializer[rng.integers(len(model.graph.initializer))]
        way = rng.integers(7)
        if way == 0:
            kinds = "Add MatMul Tile Expand Reshape Conv Relu Pad Resize Cast Shape Gather Slice"
            node.op_type = _choose(rng, kinds.split())
        elif way == 1 and node.input:
            names = [name for each in model.graph.node for name in (*each.input, *each.output)]
            node.input[rng.integers(len(node.input))] = _choose(rng, names)
        elif way == 2 and node.attribute:
            attribute = node.attribute[rng.integers(len(node.attribute))]
            if attribute.ints:
                value = int(_choose(rng, (-1, 0, 1, 7, 1000, 10**6)))
                attribute.ints[rng.integers(len(attribute.ints))] = value
            else:
                attribute.i = int(rng.integers(-3, 30))
        elif way == 3 and tensor.dims:
            tensor.dims[rng.integers(len(tensor.dims))] = int(_choose(rng, (-1, 0, 1, 5, 2**40)))
        elif way == 4:
            tensor.data_type = int(rng.integers(0, 24))
        elif way == 5:
            tensor.raw_data = mutate(rng, tensor.raw_data)
        else:
            model.graph.node.remove(node)
            if not model.graph.node:
                break
    return model.SerializeToString()


def mutate_npz(rng: Rng, content: bytes) -> bytes:
    """Damage an `.npz` file: as a whole, or the header or the numbers of an array."""
    if rng.random() < 0.3:
        return mutate(rng, content)
    return mutate_members(rng, content, lambda rng, name, member: mutate(rng, member))


def mutate_csv(rng: Rng, content: bytes) -> bytes:
    """Damage a CSV file: its bytes, or its cells and rows."""
    if rng.random() < 0.3:
        return mutate(rng, content)
    rows = [row.split(b",") for row in content.split(b"\n")]
    for _ in range(rng.integers(1, 5)):
        row = rows[rng.integers(len(rows))]
        place = int(rng.integers(len(row)))
        way = rng.integers(4)
        if way == 0:
            row[place] = _choose(rng, (*TEXTS, "label", "seven", "1.5", " 3 ", "é")).encode()
        elif way == 1:
            del row[place]
            row[place:place] = [b"1"] * int(rng.integers(0, 3))
        elif way == 2:
            rows.append(list(row))
        else:
            rows.remove(row)
            if not rows:
                return b""
    return b"\n".join(b",".join(row) for row in rows)


def mutate_png(rng: Rng, content: bytes) -> bytes:
    """Damage a PNG file: its bytes, or chunks whose checksums are right again."""
    if rng.random() < 0.4:
        return mutate(rng, content)
    chunks, place = [], 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        chunks.append((kind, content[place + 8 : place + 8 + length]))
        place += 12 + length
    for _ in range(rng.integers(1, 4)):
        index = int(rng.integers(len(chunks)))
        kind, data = chunks[index]
        way = rng.integers(4)
        if way == 0:
            chunks[index] = kind, mutate(rng, data)
        elif way == 1:
            new = _choose(rng, ("tEXt", "zTXt", "iCCP", "PLTE", "tRNS", "acTL", "eXIf", "pHYs"))
            data = (b"x\0\0", b"")[rng.integers(2)] + zlib.compress(bytes(10**6)) + rng.bytes(9)
            chunks.insert(index, (new.encode(), data))
        elif way == 2:
            chunks.insert(index, chunks[rng.integers(len(chunks))])
        elif len(chunks) > 1:
            del chunks[index]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return content[:8] + b"".join(parts)


def _choose(rng: Rng, values: Sequence) -> object:
    return values[int(rng.integers(len(values)))]
