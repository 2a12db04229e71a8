"""Nodes are replaced and the graph still computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conflict_ner.export.onnx.graph import MICROSOFT, Graph, read_values

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def model() -> onnx.ModelProto:
    """(x @ w) + b, then + 1 at two places."""
    make, float_ = onnx.helper.make_node, onnx.TensorProto.FLOAT
    constants = {"w": np.eye(3), "b": np.arange(3.0), "one": np.ones(3)}
    graph = onnx.helper.make_graph(
        [make("MatMul", ["x", "w"], ["p"]), make("Add", ["p", "b"], ["y"]), make("Add", ["y", "one"], ["z"])],
        "test",
        [onnx.helper.make_tensor_value_info("x", float_, ["n", 3])],
        [onnx.helper.make_tensor_value_info(name, float_, ["n", 3]) for name in ("y", "z")],
        [onnx.numpy_helper.from_array(np.array(values, dtype=np.float32), name) for name, values in constants.items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


def test_a_bias_is_a_constant_vector_that_is_all_that_happens(model: onnx.ModelProto) -> None:
    graph = Graph(model)
    name, addition = graph.bias(model.graph.node[0])
    assert (name, addition.output[0] if addition else None) == ("b", "y")
    assert graph.bias(model.graph.node[2]) == ("", None)


def test_new_nodes_stand_where_the_old_ones_did_and_constants_not_used_are_gone(model: onnx.ModelProto) -> None:
    import onnxruntime

    graph = Graph(model)
    product, addition, _ = model.graph.node
    double = graph.add_constant("double", 2 * np.eye(3, dtype=np.float32))
    graph.replace(product, [onnx.helper.make_node("MatMul", ["half", double], ["y"])])
    graph.replace(product, [onnx.helper.make_node("Identity", ["x"], ["half"])])
    graph.replace(addition, [])
    graph.apply_replacements()
    assert [node.op_type for node in model.graph.node] == ["Identity", "MatMul", "Add"]
    assert {tensor.name for tensor in model.graph.initializer} == {"double", "one"}
    assert MICROSOFT in {opset.domain for opset in model.opset_import}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(["z"], {"x": np.array([[1, 2, 3]], dtype=np.float32)})[0].tolist() == [[3, 5, 7]]


def test_a_node_is_found_by_what_alone_makes_or_reads_a_value(model: onnx.ModelProto) -> None:
    graph = Graph(model)
    product, addition, last = model.graph.node
    assert graph.sole_producer("p", "MatMul") is product
    assert graph.sole_reader("p", "Add") is addition
    assert graph.sole_reader("p", "Mul") is None
    assert graph.sole_producer("p", "MatMul", transA=1) is None  # it does not say so
    assert graph.sole_reader("y", "Add") is None  # which is a result too
    assert graph.sole_producer("x", "MatMul") is None
    assert graph.attribute(last, "axis") is None


def test_what_branches_read_is_read() -> None:
    make = onnx.helper.make_node
    branch = onnx.helper.make_graph([make("Neg", ["outer"], ["n"])], "branch", [], [])
    assert list(read_values(make("If", ["which"], ["y"], then_branch=branch, else_branch=branch))) == [
        "which",
        *["outer"] * 2,
    ]
