"""Attention is computed by one operator where nothing is masked, with the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conflict_ner.export.onnx.attention import add_unmasked_attention

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

ROWS, LENGTH, HEADS, SIZE = 3, 50, 2, 4
FLOAT = 1


def attention(biased: bool = False, read_twice: bool = False) -> onnx.ModelProto:
    """softmax(QK'/2 + mask)V in plain operators, as an encoder's graph has it."""
    make, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [make("Reshape", [name, "split"], [f"{name}1"]) for name in "qkv"]
    turns = {"q": [0, 2, 1, 3], "k": [0, 2, 3, 1], "v": [0, 2, 1, 3]}
    nodes += [make("Transpose", [f"{name}1"], [f"{name}2"], perm=turn) for name, turn in turns.items()]
    plain: dict[str, Any] = {"transA": 0, "transB": 0, "transBatchA": 0, "transBatchB": 0}
    nodes.append(make("FusedMatMul", ["q2", "k2"], ["scores"], domain="com.microsoft", alpha=0.5, **plain))
    if biased:
        nodes.append(make("Add", ["scores", "far"], ["biased"]))
    nodes += [
        make("Add", ["biased" if biased else "scores", "mask"], ["masked"]),
        make("Softmax", ["masked"], ["shares"], axis=-1),
        make("MatMul", ["shares", "v2"], ["mixed"]),
        make("Transpose", ["mixed"], ["together"], perm=[0, 2, 1, 3]),
        make("Reshape", ["together", "joined"], ["y"]),
    ]
    constants = {"split": np.array([0, 0, HEADS, SIZE]), "joined": np.array([0, 0, HEADS * SIZE])}
    constants["far"] = np.ones((LENGTH, LENGTH), dtype=np.float32)
    inside = [value(f"{name}2", FLOAT, ["rows", HEADS, "length", SIZE]) for name in "qv"]
    results = [value("y", FLOAT, None), *([value("shares", FLOAT, None)] if read_twice else [])]
    graph = onnx.helper.make_graph(
        nodes,
        "test",
        [value(name, FLOAT, ["rows", "length", HEADS * SIZE]) for name in "qkv"] + [value("mask", FLOAT, None)],
        results,
        [onnx.numpy_helper.from_array(values, name) for name, values in constants.items()],
        value_info=inside,
    )
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)


def computed(model: onnx.ModelProto, mask: Any, length: int = LENGTH) -> Any:
    random = np.random.default_rng(0)
    feeds = {name: random.normal(size=(ROWS, length, HEADS * SIZE)).astype(np.float32) for name in "qkv"}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], {**feeds, "mask": mask.astype(np.float32)})[0]


MASKS = {
    "nothing": np.zeros((ROWS, 1, LENGTH, LENGTH)),
    "padding": np.where(np.arange(LENGTH) < np.array([50, 33, 1])[:, None], 0, -1e30)[:, None, None, :],
    "what comes later": np.triu(np.full((LENGTH, LENGTH), -1e30), 1)[None, None],
    "a little": np.eye(LENGTH)[None, None],
}


@pytest.mark.parametrize("kind", MASKS)
def test_the_values_stay_whatever_is_masked(kind: str) -> None:
    plain, changed = attention(), attention()
    assert add_unmasked_attention(changed) == 1
    np.testing.assert_allclose(computed(changed, MASKS[kind]), computed(plain, MASKS[kind]), atol=1e-6)


def test_the_one_operator_is_taken_where_the_mask_of_long_windows_is_all_zeros() -> None:
    model = attention()
    add_unmasked_attention(model)
    conditional = model.graph.node[-1]
    assert [node.op_type for node in model.graph.node] == ["ReduceL1", "Equal", "Shape", "GreaterOrEqual", "And", "If"]
    branches = {attribute.name: attribute.g for attribute in conditional.attribute}
    assert [node.op_type for node in branches["then_branch"].node] == ["MultiHeadAttention"]
    assert len(branches["else_branch"].node) == 12
    for node in branches["then_branch"].node:
        node.input[2] = "q"  # a wrong answer shows which branch was taken
    plain = attention()
    assert np.abs(computed(model, MASKS["nothing"]) - computed(plain, MASKS["nothing"])).max() > 0.1
    assert np.abs(computed(model, MASKS["padding"]) - computed(plain, MASKS["padding"])).max() < 1e-6
    short = np.zeros((ROWS, 1, 9, 9))
    assert np.abs(computed(model, short, 9) - computed(plain, short, 9)).max() < 1e-6


@pytest.mark.parametrize("other", [{"biased": True}, {"read_twice": True}])
def test_what_is_of_another_form_stays(other: dict[str, bool]) -> None:
    model = attention(**other)
    before = model.SerializeToString()
    assert add_unmasked_attention(model) == 0
    assert model.SerializeToString() == before
