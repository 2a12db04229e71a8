"""Large tables are held in 8 bits and say nearly the same; small ones stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conflict_ner.export.onnx.quantization import quantise
from conflict_ner.inference.onnx_runtime import SAFE_PRODUCTS

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

WHICH = np.array([[0, 999, 7], [30, 7, 7]])


def lookup(rows: int, axis: int = 0) -> onnx.ModelProto:
    """Rows of very different sizes, picked by number; one is all zeros."""
    table = np.random.default_rng(0).normal(size=(rows, 16)) * np.geomspace(1e-3, 10, rows)[:, None]
    table[7] = 0
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "which"], ["y"], axis=axis)],
        "test",
        [value("which", onnx.TensorProto.INT64, ["rows", "length"])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(table.astype(np.float32), "table")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


def test_each_row_of_a_large_table_keeps_its_own_size() -> None:
    model = lookup(1000)
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = plain.run(None, {"which": WHICH})
    assert quantise(model, []) == (0, 0)
    assert {(mark.key, mark.value) for mark in model.metadata_props} == {SAFE_PRODUCTS}
    assert {tensor.name: tensor.data_type for tensor in model.graph.initializer} == {
        "table/rows": onnx.TensorProto.INT8,
        "table/scales": onnx.TensorProto.FLOAT,
    }
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"which": WHICH})
    assert (np.abs(found - wanted) <= np.abs(wanted).max(-1, keepdims=True) / 254 + 1e-9).all()
    assert found.any(-1).tolist() == [[True, True, False], [True, False, False]]


@pytest.mark.parametrize(("rows", "axis"), [(999, 0), (1000, 1)])
def test_a_small_table_and_one_picked_by_column_stay(rows: int, axis: int) -> None:
    model = lookup(rows, axis)
    quantise(model, [])
    assert [node.op_type for node in model.graph.node] == ["Gather"]
