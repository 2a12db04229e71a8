"""Attention in one operator wherever no token of a batch is padding.

ONNX Runtime's CPU kernel for attention without a mask works in blocks that stay in a core's cache
(FlashAttention, Dao et al. 2022) and copies less than the plain operators do. With a mask it has
no such kernel, and the plain operators are faster. So a graph gets both, and takes the first when
the mask of a batch is all zeros: windows of one length, or a window that is long enough to be a
batch by itself. Short windows gain nothing by it. The values differ by rounding of fp32.

>>> HeadSplit(heads=12, size=32).size
32
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from conflict_ner.export.onnx.graph import MICROSOFT, Graph

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_SPLIT = [0, 2, 1, 3]  # (rows, length, heads, size) to (rows, heads, length, size), and back
_SPLIT_AND_TURNED = [0, 2, 3, 1]  # of keys: to (rows, heads, size, length)

_LONG = 48  # tokens; for shorter windows the plain operators are faster


class HeadSplit(NamedTuple):
    """How many heads there are, and how many channels each has."""

    heads: int
    size: int


class _Attention(NamedTuple):
    nodes: list[NodeProto]  # in order; the last gives the result
    inputs: list[str]  # queries, keys, values, each of shape (rows, length, heads * size)
    mask: str  # what is added to the scores
    scale: float
    split: HeadSplit


def add_unmasked_attention(model: ModelProto) -> int:
    """Let each attention of a graph be computed in one operator where its mask is all zeros, in place.

    What is not softmax(scale * QK' + mask)V, for instance with a bias for the distance of two
    tokens, stays as it is. Gives how many there were.
    """
    graph = Graph(model)
    shapes = {value.name: value.type.tensor_type.shape for value in model.graph.value_info}
    found = [_attention(graph, node, shapes) for node in model.graph.node if node.op_type == "Softmax"]
    attentions = [attention for attention in found if attention is not None]
    tested: set[str] = set()
    for attention in attentions:
        for node in attention.nodes:
            graph.exchange(node, [])
        new = [] if attention.mask in tested else _test(graph, attention.mask)
        tested.add(attention.mask)
        graph.exchange(attention.nodes[-1], [*new, _either(attention)])
    if attentions:
        graph.put_in_place()
    return len(attentions)


def _attention(graph: Graph, softmax: NodeProto, shapes: dict[str, Any]) -> _Attention | None:
    """The attention that a softmax is part of, if it is one of the form above."""
    masked = graph.made_by(softmax.input[0], "Add")
    product = graph.only_reader(softmax.output[0], "MatMul")
    turned = product and graph.only_reader(product.output[0], "Transpose", perm=_SPLIT)
    result = turned and graph.only_reader(turned.output[0], "Reshape")
    if masked is None or product is None or turned is None or result is None:
        return None
    for scores, mask in (masked.input, reversed(masked.input)):
        scored = graph.made_by(scores, "FusedMatMul", transA=0, transB=0, transBatchA=0, transBatchB=0)
        if scored is None or product.input[0] != softmax.output[0]:
            continue
        turns = [(scored.input[0], _SPLIT), (scored.input[1], _SPLIT_AND_TURNED), (product.input[1], _SPLIT)]
        transposed = [graph.made_by(name, "Transpose", perm=perm) for name, perm in turns]
        reshaped = [node and graph.made_by(node.input[0], "Reshape") for node in transposed]
        split = _split(shapes.get(scored.input[0]))
        parts = [node for node in (*reshaped, *transposed) if node is not None]
        if len(parts) == len(turns) * 2 and split is not None and split == _split(shapes.get(product.input[1])):
            nodes = [*parts, scored, masked, softmax, product, turned, result]
            scale = graph.attribute(scored, "alpha")
            return _Attention(nodes, [node.input[0] for node in parts[: len(turns)]], mask, scale, split)
    return None


def _split(shape: Any) -> HeadSplit | None:
    """The heads and their size in a shape (rows, heads, length, size), where both are fixed."""
    sizes = [dimension.dim_value for dimension in shape.dim] if shape is not None else []
    return HeadSplit(sizes[1], sizes[3]) if len(sizes) == len(_SPLIT) and sizes[1] and sizes[3] else None


def _test(graph: Graph, mask: str) -> list[NodeProto]:
    from onnx import helper

    nothing = graph.constant(f"{mask}/nothing", np.float32(0))
    least = graph.constant(f"{mask}/least", np.array([_LONG]))
    return [
        helper.make_node("ReduceL1", [mask], [f"{mask}/sum"], keepdims=0),
        helper.make_node("Equal", [f"{mask}/sum", nothing], [f"{mask}/zeros"]),
        helper.make_node("Shape", [mask], [f"{mask}/length"], start=-1),
        helper.make_node("GreaterOrEqual", [f"{mask}/length", least], [f"{mask}/long"]),
        helper.make_node("And", [f"{mask}/zeros", f"{mask}/long"], [f"{mask}/unmasked"]),
    ]


def _either(attention: _Attention) -> NodeProto:
    from onnx import NodeProto, TensorProto, helper

    result = attention.nodes[-1].output[0]
    whole = helper.make_node(
        "MultiHeadAttention",
        attention.inputs,
        [f"{result}/whole"],
        domain=MICROSOFT,
        num_heads=attention.split.heads,
        scale=attention.scale,
    )
    parts = []
    for node in attention.nodes:
        part = NodeProto()
        part.CopyFrom(node)
        parts.append(part)
    parts[-1].output[0] = f"{result}/parts"

    def branch(nodes: list[NodeProto]) -> Any:
        name = nodes[-1].output[0]
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])

    return helper.make_node(
        "If", [f"{attention.mask}/unmasked"], [result], then_branch=branch([whole]), else_branch=branch(parts)
    )
