"""Files that ONNX Runtime must not see: refused in one line."""

import numpy as np
import pytest

from digits import mnist
from digits.networks import onnx_file, storage
from digits.networks.onnx_engine import OnnxEngine

onnx = pytest.importorskip("onnx", reason="needs pip install -r requirements-export.txt")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


@pytest.mark.parametrize("name", [*mnist.RELEASED, "detector"])
def test_the_released_copies_are_taken(name):
    path = storage.RELEASED_MODELS / f"{name}.onnx"
    assert onnx_file.read_checked(path) == path.read_bytes()


def make(node=None, weights=None, opsets=(), nodes=None, **options):
    """A network that multiplies its input by weights, or what else `node` says."""
    weights = np.ones((3, 3), np.float32) if weights is None else weights
    constant = numpy_helper.from_array(weights, "w") if isinstance(weights, np.ndarray) else weights
    node = node or helper.make_node("MatMul", ["input", "w"], ["output"])
    tensors = [helper.make_tensor_value_info(n, 1, ["n", 3]) for n in ("input", "output")]
    graph = helper.make_graph(nodes or [node], "g", tensors[:1], tensors[1:], [constant])
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(*each) for each in opsets)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **options)


def test_a_small_network_is_taken_and_run(tmp_path):
    onnx.save(make(), tmp_path / "own.onnx")
    inputs = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(OnnxEngine(tmp_path / "own.onnx")(inputs), np.ones((3, 3)))


def make_external():
    tensor = numpy_helper.from_array(np.ones((3, 3), np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return make(weights=tensor)


def make_external_by_location():
    model = make()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


def make_branch():
    inner = make().graph
    return make(helper.make_node("If", ["input"], ["output"], then_branch=inner, else_branch=inner))


def make_hidden_branch():
    node = helper.make_node("MatMul", ["input", "w"], ["output"], hidden=make().graph)
    return make(node)


def make_function():
    node = helper.make_node("MatMul", ["a", "a"], ["b"])
    function = helper.make_function("own", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 18)])
    return make(functions=[function])


def make_sparse():
    model = make()
    model.graph.sparse_initializer.add().dims.append(3)
    return model


def make_announced(dims, **options):
    model = make()
    tensor = model.graph.initializer[0]
    del tensor.dims[:]
    tensor.dims.extend(dims)
    for name, value in options.items():
        tensor.ClearField("raw_data")
        getattr(tensor, name).extend(value)
    return model


def make_fold(operator, *inputs):
    return make(nodes=[helper.make_node(operator, inputs, ["big"]),
                       helper.make_node("MatMul", ["input", "big"], ["output"])])  # fmt: skip


def make_fold_of_results():
    nodes = [
        helper.make_node("Transpose", ["w"], ["turned"]),
        helper.make_node("MatMul", ["turned", "w"], ["big"]),
        helper.make_node("MatMul", ["input", "big"], ["output"]),
    ]
    return make(nodes=nodes)


def make_text():
    model = make()
    model.graph.doc_string = "x" * 1_000_001
    return model


HOSTILE = {
    "external weights": (make_external, "tensor with the field 13"),
    "external location": (make_external_by_location, "weights in another file"),
    "branch": (make_branch, "attribute with the field 6"),
    "hidden branch": (make_hidden_branch, "attribute with the field 6"),
    "function": (make_function, "model with the field 25"),
    "sparse": (make_sparse, "graph with the field 15"),
    "operator": (
        lambda: make(helper.make_node("RandomNormal", [], ["output"], shape=[3, 3])),
        "operator RandomNormal",
    ),
    "no operator": (lambda: make(helper.make_node("", ["input"], ["output"])), "operator none"),
    "operator of other domain": (
        lambda: make(helper.make_node("MatMul", ["input", "w"], ["output"], domain="com.own")),
        "MatMul of 'com.own'",
    ),
    "operators of other domain": (lambda: make(opsets=[("com.own", 1)]), "operators of 'com.own'"),
    "parameters": (lambda: make_announced([10**5, 10**5]), "10,000,000,000 numbers in 36 bytes"),
    "announced parameters": (
        lambda: make_announced([10**5, 10**5], float_data=[1.0]),
        "10,000,000,000 parameters",
    ),
    "negative shape": (lambda: make_announced([-3, -3]), "of shape \\[-3, -3\\]"),
    "many axes": (lambda: make_announced([1] * 5000 + [3, 3]), "of shape|more than 5,000"),
    "text as weights": (
        lambda: make(weights=numpy_helper.from_array(np.array([b"a"], object), "w")),
        "the field 6|the type",
    ),
    "attribute": (
        lambda: make(helper.make_node("AveragePool", ["input"], ["output"], strides=[2**40, 1])),
        "attribute of 1,099,511,627,776",
    ),
    "negative attribute": (
        lambda: make(helper.make_node("AveragePool", ["input"], ["output"], pads=[-(2**40)])),
        "attribute of -1,099,511,627,776",
    ),
    "computed weights": (lambda: make_fold("MatMul", "w", "w"), "MatMul of weights alone"),
    "repeated weights": (lambda: make_fold("Tile", "w", "w"), "Tile of weights alone"),
    "computed results": (make_fold_of_results, "MatMul of weights alone"),
    "many nodes": (
        lambda: make(nodes=[helper.make_node("Relu", ["input"], ["output"])] * 5001),
        "5,001 nodes",
    ),
    "long text": (make_text, "a text of 1,000,001 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_networks_are_refused(tmp_path, case):
    make_hostile, message = HOSTILE[case]
    path = tmp_path / "own.onnx"
    path.write_bytes(make_hostile().SerializeToString())
    with pytest.raises(ValueError, match=rf"own.onnx cannot be loaded by .*({message}).* again"):
        OnnxEngine(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",  # a field without a value
        b"\x3a\xff\xff\xff\xff\x0f",  # a graph that is longer than the file
        b"\x08" + b"\xff" * 20,  # a number that does not end
        b"\x3b\x3c",  # a group, which Protocol Buffers no longer has
        b"\x3a\x00\x3a\x00",  # two graphs
        b"\x00\x00",
    ],
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "own.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"own.onnx cannot be loaded by ONNX Runtime"):
        OnnxEngine(path)


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 1000)
    (tmp_path / "own.onnx").write_bytes(bytes(2000))
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        onnx_file.read_checked(tmp_path / "own.onnx")
