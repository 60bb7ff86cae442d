"""Checks `.onnx` files before ONNX Runtime sees them: what they hold, and how much of it.

Such a file is a message of Protocol Buffers (protobuf.dev/programming-guides/encoding): fields,
each with a number, a type and a value, of which some are messages themselves. The numbers are those
of `onnx/onnx.proto3`. Fields that are on no list are refused, so nothing in a file is left that was
not looked at; this takes a few milliseconds and no package.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digits.networks.keras_config import MAX_PARAMETERS, Refused

MAX_BYTES = 4 * MAX_PARAMETERS + 10_000_000
MAX_NODES = 5000
MAX_TEXT = 1_000_000  # bytes of names and descriptions
# Of attributes: of a list, such as paddings, which multiply what a network computes, and of one
# number, such as that of groups.
MAX_IN_LIST, MAX_NUMBER = 64, 10_000
DOMAINS = ("", "ai.onnx")
# Whose operators may be announced, but not used: tf2onnx announces the first one always, and the
# quantization of ONNX Runtime the others.
UNUSED_DOMAINS = ("ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft",
    "com.microsoft.experimental", "com.microsoft.nchwc", "com.ms.internal.nhwc",
    "org.pytorch.aten")  # fmt: skip
OPERATORS = frozenset(
    """Add ArgMax AveragePool BatchNormalization Cast Clip Concat ConstantOfShape Constant Conv
    ConvInteger ConvTranspose DepthToSpace DequantizeLinear Div DynamicQuantizeLinear Elu Erf Exp
    Expand Flatten Gather Gemm GlobalAveragePool GlobalMaxPool HardSigmoid Identity
    LayerNormalization LeakyRelu Log LogSoftmax MatMul MatMulInteger Max MaxPool Min Mul
    Neg PRelu Pad Pow QuantizeLinear Reciprocal ReduceMax ReduceMean ReduceProd ReduceSum Relu
    Reshape Resize Shape Sigmoid Slice
    Softmax Softplus Softsign SpaceToDepth Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze
    Where""".split()  # noqa: SIM905  # a line each would hide what matters
)
# Those that may be computed of weights alone, which ONNX Runtime does when it loads a file: they
# give no more numbers than they take.
OF_WEIGHTS = frozenset(
    """Cast Clip Constant DequantizeLinear Flatten Identity Neg Reciprocal Reshape Shape Slice Sqrt
    Squeeze Transpose Unsqueeze""".split()  # noqa: SIM905
)
# Bytes of a number, by TensorProto.DataType.
ITEM_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # types of fields


class Field(NamedTuple):
    """A field of a message: its number, its type, and its value where that is a whole number.

    `content` is empty then; else it is the part of the file that the value takes.
    """

    number: int
    type: int
    value: int
    content: memoryview


def read_checked(path: str | Path) -> bytes:
    """Read a file, and check it.

    Args:
        path: an `.onnx` file.

    Returns:
        Its content, which ONNX Runtime takes instead of its path: then it looks for no other file.

    Raises:
        ValueError: the file has operators that no classifier or detector needs, functions, weights
            in other files, or more than `MAX_PARAMETERS` parameters, or is damaged.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        # Python reserves memory for as many bytes as are asked for.
        content = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
    try:
        if len(content) > MAX_BYTES:
            raise Refused(f"received more than {MAX_BYTES:,} bytes, expected at most so many")
        _check_model(memoryview(content))
    except Refused as error:
        raise ValueError(
            f"{path} cannot be loaded by ONNX Runtime: {error}: export it again"
        ) from None
    return content


def _check_model(content: memoryview) -> None:
    graphs = [field.content for field in _read(content, "model", _MODEL) if field.number == 7]
    for field in _read(content, "model", _MODEL):
        if field.number == 8:
            _check_opset(field.content)
        elif field.number == 14:
            _check_texts(field.content, "metadata")
    if len(graphs) != 1:
        raise Refused(f"received {len(graphs)} graphs, expected one")
    _check_graph(graphs[0])


def _check_opset(content: memoryview) -> None:
    for field in _read(content, "operator set", {1: BYTES, 2: VARINT}):
        if field.number == 1 and _get_text(field) not in (*DOMAINS, *UNUSED_DOMAINS):
            raise Refused(f"received operators of {_get_text(field)!r}, expected those of ai.onnx")


def _check_graph(content: memoryview) -> None:
    fields = list(_read(content, "graph", _GRAPH))
    nodes = [field for field in fields if field.number == 1]
    if len(nodes) > MAX_NODES:
        raise Refused(f"received {len(nodes):,} nodes, expected at most {MAX_NODES:,}")
    constants, num_parameters = {""}, 0  # an input that is left out has no name
    for field in fields:
        if field.number == 5:
            name, count = _check_tensor(field.content)
            constants.add(name)
            num_parameters += count
    for field in nodes:
        num_parameters += _check_node(field.content, constants)
    if num_parameters > MAX_PARAMETERS:
        raise Refused(
            f"received {num_parameters:,} parameters, expected at most {MAX_PARAMETERS:,}"
        )


def _check_node(content: memoryview, constants: set[str]) -> int:
    """Check a node; returns how many numbers are in its attributes, and adds to `constants`."""
    texts: dict[int, list[str]] = {1: [], 2: [], 4: [], 7: []}
    count = 0
    for field in _read(content, "node", _NODE):
        if field.number == 5:
            count += _check_attribute(field.content)
        elif field.number in texts:
            texts[field.number].append(_get_text(field))
    operator = (texts[4][0] if len(texts[4]) == 1 else "")[:50] or "none"
    if operator not in OPERATORS:
        raise Refused(
            f"received the operator {operator}, expected one that classifiers and detectors need"
        )
    if any(domain not in DOMAINS for domain in texts[7]):
        raise Refused(f"received {operator} of {texts[7][0]!r}, expected that of ai.onnx")
    if constants.issuperset(texts[1]):
        if operator not in OF_WEIGHTS:
            raise Refused(
                f"received the operator {operator} of weights alone, expected its result as weights"
            )
        constants.update(texts[2])
    return count


def _check_attribute(content: memoryview) -> int:
    count = 0
    for field in _read(content, "attribute", _ATTRIBUTE):
        if field.number == 5:
            count += _check_tensor(field.content)[1]
        elif field.number in (3, 8):
            values, most = _read_integers(field), MAX_IN_LIST if field.number == 8 else MAX_NUMBER
            if any(abs(value) > most for value in values):
                raise Refused(
                    f"received an attribute of {max(values, key=abs):,}, expected numbers of at "
                    f"most {most:,}"
                )
    return count


def _check_tensor(content: memoryview) -> tuple[str, int]:
    """Check that a tensor is plain and in the file; returns its name and its number of numbers."""
    dims: list[int] = []
    name, types, num_bytes = "", [], 0
    for field in _read(content, "tensor", _TENSOR):
        if field.number == 1:
            dims += _read_integers(field)
        elif field.number == 2:
            types.append(field.value)
        elif field.number == 14 and field.value:
            raise Refused("received weights in another file, expected all in one")
        elif field.number == 9:
            num_bytes = len(field.content)
        elif field.number == 8:
            name = _get_text(field)
    if len(dims) > 8 or any(side < 0 for side in dims):
        raise Refused(f"received a tensor of shape {dims[:8]}, expected sides of 0 or more")
    count = math.prod(dims)
    if len(types) != 1 or types[0] not in ITEM_SIZES:
        raise Refused(f"received a tensor of the type {types[:3]}, expected one of numbers")
    if num_bytes not in (0, count * ITEM_SIZES[types[0]]):
        raise Refused(f"received a tensor of {count:,} numbers in {num_bytes:,} bytes")
    return name, count


def _check_texts(content: memoryview, name: str) -> None:
    for _ in _read(content, name, {1: BYTES, 2: BYTES}):
        pass


def _get_text(field: Field) -> str:
    return bytes(field.content).decode("utf-8", "replace")


def _read(content: memoryview, name: str, expected: dict[int, int]) -> Iterator[Field]:
    """Read the fields of a message, which may have only those expected, by number and type.

    Numbers are also taken in lists (BYTES), as Protocol Buffers writes repeated ones.
    """
    for field in _split(content):
        kind = expected.get(field.number)
        if kind is None or field.type not in (kind, BYTES):
            raise Refused(f"received a {name} with the field {field.number}, expected no such one")
        if field.number in _TEXTS.get(name, ()) and len(field.content) > MAX_TEXT:
            raise Refused(f"received a {name} with a text of {len(field.content):,} bytes")
        yield field


def _split(content: memoryview) -> Iterator[Field]:
    place, end, nothing = 0, len(content), content[:0]
    while place < end:
        tag, place = _read_varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, place = _read_varint(content, place)
            yield Field(number, kind, value, nothing)
            continue
        if kind == BYTES:
            length, place = _read_varint(content, place)
        else:
            length = {FIXED64: 8, FIXED32: 4}.get(kind, end)
        if length > end - place:
            raise Refused("it is damaged or no ONNX file")
        yield Field(number, kind, 0, content[place : place + length])
        place += length


def _read_varint(content: memoryview, place: int) -> tuple[int, int]:
    """Read a whole number of 7 bits a byte, lowest first; returns it and where it ends."""
    value = 0
    for index, byte in enumerate(content[place : place + 10]):
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value & (2**64 - 1), place + index + 1
    raise Refused("it is damaged or no ONNX file")


def _read_integers(field: Field) -> list[int]:
    """Read one signed number, or a list of them."""
    values, place = [field.value], 0
    if field.type == BYTES:
        values = []
        while place < len(field.content) and len(values) <= MAX_NODES:
            value, place = _read_varint(field.content, place)
            values.append(value)
        if place < len(field.content):
            raise Refused(f"received a list of more than {MAX_NODES:,} numbers")
    return [value - 2**64 if value >= 2**63 else value for value in values]


# The fields of each message that are taken, and their types; and those that are texts.
_MODEL = {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES,
    14: BYTES}  # fmt: skip
_GRAPH = {1: BYTES, 2: BYTES, 5: BYTES, 10: BYTES, 11: BYTES, 12: BYTES, 13: BYTES}
_NODE = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: BYTES}
_ATTRIBUTE = {1: BYTES, 2: FIXED32, 3: VARINT, 4: BYTES, 5: BYTES, 7: FIXED32, 8: VARINT, 9: BYTES,
    13: BYTES, 20: VARINT}  # fmt: skip
_TENSOR = {1: VARINT, 2: VARINT, 4: FIXED32, 5: VARINT, 7: VARINT, 8: BYTES, 9: BYTES, 10: FIXED64,
    11: VARINT, 12: BYTES, 14: VARINT}  # fmt: skip
_TEXTS = {"model": (2, 3, 4, 6), "graph": (2, 10, 11, 12, 13), "node": (1, 2, 3, 4, 6, 7),
    "attribute": (1, 4, 9, 13), "tensor": (8, 12), "metadata": (1, 2),
    "operator set": (1,)}  # fmt: skip
