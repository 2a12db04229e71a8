"""Turns the matrix products of an ONNX graph, and its large tables, into 8-bit ones.

The ranges of their inputs are measured on texts beforehand and then fixed, so the answer to a text does not
depend on what else is in its batch, as it does where ranges are taken from each batch ("dynamic"
quantization). A product that stays too far from the exact one is left in fp32, and so are narrow ones such
as the head, which cost nothing.

Weights get one scale a column, inputs one scale a product. A few channels of a transformer's activations
reach far beyond all others, most of all in the first token, and would take the whole range for themselves.
They are dealt with in two ways:

- After a layer norm all channels are brought nearer to one size, and the weights take the rest
  (SmoothQuant, Xiao et al. 2023). It costs one multiplication a channel.
- Elsewhere the few largest channels are multiplied apart, in fp32 (LLM.int8(), Dettmers et al. 2022).

How much of either, and how much of a range to cut off, is what brings a product nearest to the
exact one on a sample of its inputs.

Weights of a product are kept within 7 bits, from -64 to 64. x86 CPUs without VNNI add two
products of an unsigned and a signed byte into 16 bits and cut off what does not fit (VPMADDUBSW);
255 * 64 * 2 = 32,640 always fits, so a product has the same value on every CPU.

>>> columns, scales = rounded(np.array([[1.0, -2.0], [0.5, 4.0]]), PRODUCT_LIMIT)
>>> columns.tolist(), bool(np.abs(columns * scales - [[1.0, -2.0], [0.5, 4.0]]).max() < 0.03)
([[64, -32], [32, 64]], True)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conflict_ner.export.onnx.graph import MICROSOFT, Graph
from conflict_ner.inference.onnx_runtime import INPUTS, SAFE_PRODUCTS
from conflict_ner.inference.runtime import Ids
from conflict_ner.modeling.telemetry import import_onnxruntime

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Float32 = npt.NDArray[np.float32]
PRODUCT_LIMIT = 64  # the largest 8-bit weight of a product
TABLE_LIMIT = 127  # the largest 8-bit weight of a table, whose rows are only read
_STEPS = 255  # between the least and the greatest 8-bit input
_SMOOTHING = (0.0, 0.5, 0.6, 0.7, 0.8)
_APART = 2  # channels; more gain nothing on validation, and picking them out is slow
_KEPT = (1.0, 0.9, 0.8, 0.7)  # of a range, from its ends towards 0


@dataclass(slots=True)
class Observed:
    """What went into a product: `rows` of it, shape (N, K), and each channel's range over all of it."""

    rows: list[Float32] = field(default_factory=list)
    low: Any = 0.0
    high: Any = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """How a product's input is to be quantised.

    error: mean square error as a share of the exact product's mean square.
    divisors: of the channels, shape (K,). apart: channels that are multiplied in fp32.
    scale, zero: an input x becomes round(x / divisor / scale) + zero, from 0 to 255.
    """

    error: float
    divisors: Float32
    apart: npt.NDArray[np.int64]
    scale: float
    zero: int


def rounded(weights: Float32, limit: int) -> tuple[npt.NDArray[np.int8], Float32]:
    """Round weights, shape (K, N), to integers from -limit to limit and a scale a column, shape (N,)."""
    scales = np.maximum(np.abs(weights).max(0), np.finfo(np.float32).tiny * limit) / limit
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def choose_quantization(seen: Observed, weights: Float32, *, normed: bool) -> Choice:
    """The way with the least error among those open to an input; `normed` is one that a layer norm made."""
    rows, largest = np.concatenate(seen.rows), np.maximum(-seen.low, seen.high)
    exact = rows @ weights
    power = float(np.square(exact).sum()) or 1.0
    choices = []
    for divisors, apart in _ways(largest, weights, normed):
        held = weights * divisors[:, None]
        held[apart] = 0
        columns, scales = rounded(held, PRODUCT_LIMIT)
        others = np.setdiff1d(np.arange(len(largest)), apart)
        low, high = ((edge / divisors)[others] for edge in (seen.low, seen.high))
        for kept in _KEPT:
            scale = max(kept * float(high.max() - low.min()) / _STEPS, 1e-12)
            zero = int(np.clip(np.rint(-kept * low.min() / scale), 0, _STEPS))
            steps = np.clip(np.rint(rows / divisors / scale) + zero, 0, _STEPS) - zero
            found = (steps * scale) @ (columns * scales) + rows[:, apart] @ weights[apart]
            choices.append(Choice(float(np.square(found - exact).sum()) / power, divisors, apart, scale, zero))
    # Channels apart cost time: they must halve the error to be worth it.
    return min(choices, key=lambda choice: choice.error * (2 if len(choice.apart) else 1))


def _ways(largest: Float32, weights: Float32, normed: bool) -> Iterator[tuple[Float32, npt.NDArray[np.int64]]]:
    nothing, ones = np.array([], dtype=np.int64), np.ones(len(largest), dtype=np.float32)
    if not normed:
        yield ones, nothing
        yield ones, np.sort(np.argsort(-largest)[: min(_APART, len(largest) // 2)])
        return
    reach, weight = np.maximum(largest, 1e-6), np.maximum(np.abs(weights).max(1), 1e-6)
    for share in _SMOOTHING:
        divisors = reach**share / weight ** (1 - share) if share else ones
        yield (divisors / np.exp(np.log(divisors).mean())).astype(np.float32), nothing


Batch = tuple[Ids, Ids]  # ids and mask, shape (rows, length)
_NARROW = 32  # columns, under which a product is left alone
_WORST = 0.01  # the greatest error of a product (see `ranges.Choice`)
_ROWS = 10  # of each batch, for the sample
_MATRIX = 2  # dimensions
_LARGE = 1000  # rows, from which a table is held in 8 bits: it makes the file smaller, not the answer faster


def quantize(model: ModelProto, batches: Iterable[Batch]) -> tuple[int, int]:
    """Quantise a graph in place; gives how many products are in 8 bits now, and of how many.

    The graph is marked as one whose products are the same on every CPU (`SAFE_PRODUCTS`).

    Args:
        model: its products with fixed weights are plain `MatMul` nodes.
        batches: what to measure on. Tokens with mask 0 are left out.
    """
    changed = Graph(model)
    sharing: dict[str, list[NodeProto]] = {}  # products of one input: quantised once
    for node in model.graph.node:
        if (
            node.op_type == "MatMul"
            and node.input[1] in changed.weights
            and len(changed.weights[node.input[1]].dims) == _MATRIX
        ):
            sharing.setdefault(node.input[0], []).append(node)
    observed = _observe(model, list(sharing), batches)
    done = sum(_replace(changed, name, nodes, observed[name]) for name, nodes in sharing.items())
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in changed.weights:
            _round_table(changed, node)
    changed.put_in_place()
    key, value = SAFE_PRODUCTS
    model.metadata_props.add(key=key, value=value)
    return done, sum(map(len, sharing.values()))


def _round_table(graph: Graph, node: NodeProto) -> None:
    """Hold a large table, such as that of words, in 8 bits with a scale a row; no range has to be measured for it."""
    from onnx import TensorProto, helper

    (table, which), result = node.input, node.output[0]
    sizes = graph.weights[table].dims
    if len(sizes) != _MATRIX or sizes[0] < _LARGE or graph.attribute(node, "axis"):
        return
    columns, scales = rounded(graph.array(table).T, TABLE_LIMIT)
    graph.exchange(
        node,
        [
            helper.make_node("Gather", [graph.constant(f"{table}/rows", columns.T), which], [f"{result}/8bit"]),
            helper.make_node("Cast", [f"{result}/8bit"], [f"{result}/steps"], to=TensorProto.FLOAT),
            helper.make_node(
                "Gather", [graph.constant(f"{table}/scales", scales[:, None]), which], [f"{result}/scale"]
            ),
            helper.make_node("Mul", [f"{result}/steps", f"{result}/scale"], [result]),
        ],
    )


def _observe(model: ModelProto, names: Sequence[str], batches: Iterable[Batch]) -> Mapping[str, Observed]:
    import onnx

    onnxruntime = import_onnxruntime()
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    observed = {name: Observed() for name in names}
    for ids, mask in batches:
        some = random.permutation(int(mask.sum()))[:_ROWS]
        for name, values in zip(names, session.run(None, dict(zip(INPUTS, (ids, mask), strict=True))), strict=True):
            rows = values[mask == 1]
            seen = observed[name]
            seen.rows.append(rows[some])
            seen.low, seen.high = np.minimum(seen.low, rows.min(0)), np.maximum(seen.high, rows.max(0))
    return observed


def _replace(graph: Graph, name: str, nodes: Sequence[NodeProto], seen: Observed) -> int:
    """Replace the products of one input, if that does no harm; gives how many were."""
    weights = [graph.array(node.input[1]) for node in nodes]
    norm = graph.maker.get(name)
    normed = norm is not None and norm.op_type == "LayerNormalization"
    choice = choose_quantization(seen, np.concatenate(weights, axis=1), normed=normed)
    if sum(part.shape[1] for part in weights) < _NARROW or choice.error > _WORST:
        return 0
    for node, part in zip(nodes, weights, strict=True):
        graph.exchange(node, _product(graph, node, part, choice))
    graph.exchange(nodes[0], _quantised_input(graph, name, choice))
    return len(nodes)


def _quantised_input(graph: Graph, name: str, choice: Choice) -> list[NodeProto]:
    from onnx import helper

    nodes, source = [], name
    if (choice.divisors != 1).any():
        shares = graph.constant(f"{name}/shares", (1 / choice.divisors).astype(np.float32))
        source = f"{name}/even"
        nodes.append(helper.make_node("Mul", [name, shares], [source]))
    scale = graph.constant(f"{name}/scale", np.float32(choice.scale))
    zero = graph.constant(f"{name}/zero", np.uint8(choice.zero))
    return [*nodes, helper.make_node("QuantizeLinear", [source, scale, zero], [f"{name}/8bit"])]


def _product(graph: Graph, node: NodeProto, weights: Float32, choice: Choice) -> list[NodeProto]:
    from onnx import helper

    name, result = node.input[0], node.output[0]
    held = weights * choice.divisors[:, None]
    held[choice.apart] = 0
    columns, scales = rounded(held, PRODUCT_LIMIT)
    bias, adding = graph.bias(node)
    if adding is not None:
        graph.exchange(adding, [])
        result = adding.output[0]
    inputs = [
        f"{name}/8bit",
        graph.constant(f"{result}/columns", columns),
        f"{name}/scale",
        graph.constant(f"{result}/scales", scales),
        f"{name}/zero",
        "",
        bias,
    ]
    if not len(choice.apart):
        return [helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=MICROSOFT)]
    which = graph.constant(f"{result}/apart", choice.apart)
    exact = graph.constant(f"{result}/exact", weights[choice.apart])
    return [
        helper.make_node("MatMulIntegerToFloat", inputs, [f"{result}/most"], domain=MICROSOFT),
        helper.make_node("Gather", [name, which], [f"{result}/few"], axis=-1),
        helper.make_node("MatMul", [f"{result}/few", exact], [f"{result}/rest"]),
        helper.make_node("Add", [f"{result}/most", f"{result}/rest"], [result]),
    ]
