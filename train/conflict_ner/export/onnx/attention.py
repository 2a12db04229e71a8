"""Adds fused attention to ONNX graphs, for batches without padding.

ONNX Runtime's CPU kernel for attention without a mask works in blocks that stay in a core's cache
(FlashAttention, Dao et al. 2022) and copies less than the plain operators do. With a mask it has
no such kernel, and the plain operators are faster. So a graph gets both, and takes the fused
operator when the mask of a batch is all zeros and its windows are long: short windows gain
nothing. The values differ by rounding in fp32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from conflict_ner.export.onnx.graph import MICROSOFT, Graph

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_SPLIT_HEADS = [0, 2, 1, 3]  # permutes (rows, length, heads, size) to (rows, heads, length, size), and back
_SPLIT_AND_TRANSPOSE = [0, 2, 3, 1]  # permutes keys to (rows, heads, size, length)

_MIN_LENGTH = 48  # tokens; for shorter windows the plain operators are faster


class _HeadSplit(NamedTuple):
    """The number of heads, and the number of channels of each."""

    heads: int
    size: int


class _Attention(NamedTuple):
    nodes: list[NodeProto]  # in order; the last computes the result
    inputs: list[str]  # queries, keys, values, each of shape (rows, length, heads * size)
    mask: str  # name of the value that is added to the scores
    scale: float
    split: _HeadSplit


def add_unmasked_attention(model: ModelProto) -> int:
    """Change a graph so that one operator computes each attention where its mask is all zeros.

    Only attention of the form softmax(scale * QK' + mask)V is changed, so none that has a bias
    for the distance of two tokens. The graph is changed in place.

    Returns:
        The number of attentions that were changed.
    """
    graph = Graph(model)
    shapes = {value.name: value.type.tensor_type.shape for value in model.graph.value_info}
    candidates = [_find_attention(graph, node, shapes) for node in model.graph.node if node.op_type == "Softmax"]
    attentions = [attention for attention in candidates if attention is not None]
    tested_masks: set[str] = set()
    for attention in attentions:
        for node in attention.nodes:
            graph.replace(node, [])
        mask_test = [] if attention.mask in tested_masks else _mask_test(graph, attention.mask)
        tested_masks.add(attention.mask)
        graph.replace(attention.nodes[-1], [*mask_test, _conditional(attention)])
    if attentions:
        graph.apply_replacements()
    return len(attentions)


def _find_attention(graph: Graph, softmax: NodeProto, shapes: dict[str, Any]) -> _Attention | None:
    """Return the attention that a softmax is part of, if it has the form that can be changed."""
    masked = graph.sole_producer(softmax.input[0], "Add")
    product = graph.sole_reader(softmax.output[0], "MatMul")
    transposed_back = product and graph.sole_reader(product.output[0], "Transpose", perm=_SPLIT_HEADS)
    result = transposed_back and graph.sole_reader(transposed_back.output[0], "Reshape")
    if masked is None or product is None or transposed_back is None or result is None:
        return None
    for scores, mask in (masked.input, reversed(masked.input)):
        scaled_product = graph.sole_producer(scores, "FusedMatMul", transA=0, transB=0, transBatchA=0, transBatchB=0)
        if scaled_product is None or product.input[0] != softmax.output[0]:
            continue
        queries, keys = scaled_product.input
        permutations = [(queries, _SPLIT_HEADS), (keys, _SPLIT_AND_TRANSPOSE), (product.input[1], _SPLIT_HEADS)]
        transposed = [graph.sole_producer(name, "Transpose", perm=perm) for name, perm in permutations]
        reshaped = [node and graph.sole_producer(node.input[0], "Reshape") for node in transposed]
        split = _head_split(shapes.get(queries))
        parts = [node for node in (*reshaped, *transposed) if node is not None]
        is_complete = len(parts) == len(permutations) * 2
        if is_complete and split is not None and split == _head_split(shapes.get(product.input[1])):
            nodes = [*parts, scaled_product, masked, softmax, product, transposed_back, result]
            scale = graph.attribute(scaled_product, "alpha")
            return _Attention(nodes, [node.input[0] for node in parts[: len(permutations)]], mask, scale, split)
    return None


def _head_split(shape: Any) -> _HeadSplit | None:
    """Read the heads and their size from a shape (rows, heads, length, size); None if they are not fixed."""
    sizes = [dimension.dim_value for dimension in shape.dim] if shape is not None else []
    return _HeadSplit(sizes[1], sizes[3]) if len(sizes) == len(_SPLIT_HEADS) and sizes[1] and sizes[3] else None


def _mask_test(graph: Graph, mask: str) -> list[NodeProto]:
    """Return nodes that test whether a mask is all zeros and its windows are long, as `MASK/unmasked`."""
    from onnx import helper

    zero = graph.add_constant(f"{mask}/zero", np.float32(0))
    min_length = graph.add_constant(f"{mask}/min_length", np.array([_MIN_LENGTH]))
    return [
        helper.make_node("ReduceL1", [mask], [f"{mask}/sum"], keepdims=0),
        helper.make_node("Equal", [f"{mask}/sum", zero], [f"{mask}/zeros"]),
        helper.make_node("Shape", [mask], [f"{mask}/length"], start=-1),
        helper.make_node("GreaterOrEqual", [f"{mask}/length", min_length], [f"{mask}/long"]),
        helper.make_node("And", [f"{mask}/zeros", f"{mask}/long"], [f"{mask}/unmasked"]),
    ]


def _conditional(attention: _Attention) -> NodeProto:
    """Return a node that computes attention by the fused operator or by the plain ones."""
    from onnx import NodeProto, TensorProto, helper

    result = attention.nodes[-1].output[0]
    fused = helper.make_node(
        "MultiHeadAttention",
        attention.inputs,
        [f"{result}/fused"],
        domain=MICROSOFT,
        num_heads=attention.split.heads,
        scale=attention.scale,
    )
    plain = []
    for node in attention.nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        plain.append(copy)
    plain[-1].output[0] = f"{result}/plain"

    def branch(nodes: list[NodeProto]) -> Any:
        name = nodes[-1].output[0]
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])

    return helper.make_node(
        "If", [f"{attention.mask}/unmasked"], [result], then_branch=branch([fused]), else_branch=branch(plain)
    )
