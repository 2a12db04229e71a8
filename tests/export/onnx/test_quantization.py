"""Products and large tables are quantized with a small error; small tables stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conflict_ner.export.onnx.quantization import (
    PRODUCT_LIMIT,
    TABLE_LIMIT,
    Float32,
    ObservedInputs,
    ProductQuantization,
    choose_quantization,
    quantize,
    round_weights,
)
from conflict_ner.inference.onnx_runtime import SAFE_PRODUCTS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

onnxruntime = pytest.importorskip("onnxruntime")

INDICES = np.array([[0, 999, 7], [30, 7, 7]])


def lookup(rows: int, axis: int = 0) -> onnx.ModelProto:
    """Rows of very different sizes, picked by number; one is all zeros."""
    table = np.random.default_rng(0).normal(size=(rows, 16)) * np.geomspace(1e-3, 10, rows)[:, None]
    table[7] = 0
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "indices"], ["y"], axis=axis)],
        "test",
        [value("indices", onnx.TensorProto.INT64, ["rows", "length"])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(table.astype(np.float32), "table")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


def test_each_row_of_a_large_table_keeps_its_own_size() -> None:
    model = lookup(1000)
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = plain.run(None, {"indices": INDICES})
    assert quantize(model, []) == (0, 0)
    assert {(mark.key, mark.value) for mark in model.metadata_props} == {SAFE_PRODUCTS}
    assert {tensor.name: tensor.data_type for tensor in model.graph.initializer} == {
        "table/rows": onnx.TensorProto.INT8,
        "table/scales": onnx.TensorProto.FLOAT,
    }
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"indices": INDICES})
    assert (np.abs(found - wanted) <= np.abs(wanted).max(-1, keepdims=True) / 254 + 1e-9).all()
    assert found.any(-1).tolist() == [[True, True, False], [True, False, False]]


@pytest.mark.parametrize(("rows", "axis"), [(255, 0), (1000, 1)])
def test_a_small_table_and_one_picked_by_column_stay(rows: int, axis: int) -> None:
    model = lookup(rows, axis)
    quantize(model, [])
    assert [node.op_type for node in model.graph.node] == ["Gather"]


def observed_inputs(rows: Float32) -> ObservedInputs:
    return ObservedInputs([rows], np.minimum(rows.min(0), 0), np.maximum(rows.max(0), 0))


@pytest.fixture
def rows() -> Float32:
    return np.random.default_rng(1).normal(size=(200, 32)).astype(np.float32)


@pytest.fixture
def weights() -> Float32:
    return np.random.default_rng(2).normal(size=(32, 80)).astype(np.float32)


@pytest.mark.parametrize("limit", [PRODUCT_LIMIT, TABLE_LIMIT])
def test_weights_come_back_to_within_half_a_step(weights: Float32, limit: int) -> None:
    columns, scales = round_weights(weights, limit)
    assert columns.dtype == np.int8
    assert np.abs(columns).max(0).tolist() == [limit] * 80
    assert (np.abs(columns * scales - weights) <= scales / 2 + 1e-6).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_products_of_any_weights_fit_16_bits(weights: Float32) -> None:
    columns, scales = round_weights(weights, PRODUCT_LIMIT)
    sizes = np.abs(columns.astype(np.int64))
    assert sizes.max() <= PRODUCT_LIMIT
    assert np.isfinite(scales).all()
    # x86 CPUs without VNNI add two products, of inputs up to 255, into a signed number of 16 bits.
    for first in range(len(sizes) - 1):
        assert (255 * (sizes[first] + sizes[first + 1]) < 2**15).all()


def test_a_column_of_zeros_stays_one() -> None:
    columns, scales = round_weights(np.zeros((4, 2), dtype=np.float32), PRODUCT_LIMIT)
    assert not columns.any()
    assert np.isfinite(scales).all()


def test_even_inputs_are_taken_as_they_are(rows: Float32, weights: Float32) -> None:
    choice = choose_quantization(observed_inputs(rows), weights, is_normed=False)
    assert (choice.divisors == 1).all()
    assert len(choice.outliers) == 0
    assert choice.error < 1e-3


def test_a_channel_that_reaches_far_is_multiplied_apart(rows: Float32, weights: Float32) -> None:
    rows[0, 7] = 500.0
    choice = choose_quantization(observed_inputs(rows), weights, is_normed=False)
    assert 7 in choice.outliers
    assert choice.scale * 255 < 20  # the range is that of the others
    assert choice.error < 1e-3


def test_after_a_norm_channels_are_brought_nearer_to_one_size(rows: Float32, weights: Float32) -> None:
    rows[:, 7] *= 50
    smoothed, plain = choose_quantization(observed_inputs(rows), weights, is_normed=True), error_of_plain(rows, weights)
    assert smoothed.divisors[7] == smoothed.divisors.max() > 3 * np.median(smoothed.divisors)
    assert len(smoothed.outliers) == 0
    assert smoothed.error < plain / 3


def error_of_plain(rows: Float32, weights: Float32) -> float:
    columns, scales = round_weights(weights, PRODUCT_LIMIT)
    step = (rows.max() - rows.min()) / 255
    product = np.rint(rows / step) * step @ (columns * scales)
    return float(np.square(product - rows @ weights).sum() / np.square(rows @ weights).sum())


def test_nothing_but_zeros_is_no_crash(weights: Float32) -> None:
    choice = choose_quantization(observed_inputs(np.zeros((5, 32), dtype=np.float32)), weights, is_normed=True)
    assert isinstance(choice, ProductQuantization)
    assert (choice.error, choice.zero_point) == (0.0, 0)
