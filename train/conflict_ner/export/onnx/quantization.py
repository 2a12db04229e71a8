"""Quantizes the matrix products and the large tables of an ONNX graph to 8 bits.

The ranges of the products' inputs are measured on texts beforehand and then fixed ("static" quantization),
so the scores of a text do not depend on the rest of its batch, as they do where ranges are taken from each
batch ("dynamic" quantization). A product whose error would be too large stays in fp32, and so do narrow
ones such as the head, which take little time.

Weights have one scale per column, inputs one scale per product. A few channels of a transformer's
activations have far larger values than all others, above all in the first token, and would take up the
whole range. There are two remedies:

- After a layer norm, all channels are brought nearer to one size, and the weights are scaled the other way
  (SmoothQuant, Xiao et al. 2023). It costs one multiplication per channel.
- Elsewhere, the few largest channels are multiplied separately, in fp32 (LLM.int8(), Dettmers et al. 2022).

How much of either, and how much of a range is clipped, is chosen by the least error of the product on a
sample of its inputs.

Weights of a product are kept within 7 bits, from -64 to 64. x86 CPUs without VNNI add two products of an
unsigned and a signed byte into 16 bits and saturate (VPMADDUBSW); 255 * 64 * 2 = 32,640 always fits, so a
product has the same value on every CPU.

>>> columns, scales = round_weights(np.array([[1.0, -2.0], [0.5, 4.0]]), PRODUCT_LIMIT)
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
TABLE_LIMIT = 127  # the largest 8-bit weight of a table, whose rows are only looked up
_STEPS = 255  # from the least to the greatest 8-bit input
_SMOOTHING = (0.0, 0.5, 0.6, 0.7, 0.8)  # exponents of SmoothQuant that are tried; 0 changes nothing
_OUTLIERS = 2  # channels; more gain nothing on validation, and gathering them is slow
_RANGE_SHARES = (1.0, 0.9, 0.8, 0.7)  # of a range that are tried; the rest is clipped at both ends


@dataclass(slots=True)
class ObservedInputs:
    """The inputs of a product: a sample of `rows`, each of shape (N, K), and each channel's range over all inputs.

    low, high: shape (K,); never above 0 and never below 0.
    """

    rows: list[Float32] = field(default_factory=list)
    low: Any = 0.0
    high: Any = 0.0


@dataclass(frozen=True, slots=True)
class ProductQuantization:
    """How the input of a product is quantized.

    error: mean square error of the product as a share of its mean square in fp32.
    divisors: of the channels, shape (K,).
    outliers: indices of channels that are multiplied in fp32.
    scale, zero_point: an input x becomes round(x / divisor / scale) + zero_point, from 0 to 255.
    """

    error: float
    divisors: Float32
    outliers: npt.NDArray[np.int64]
    scale: float
    zero_point: int


def round_weights(weights: Float32, limit: int) -> tuple[npt.NDArray[np.int8], Float32]:
    """Round weights, shape (K, N), to integers from -limit to limit with one scale per column, shape (N,)."""
    scales = np.maximum(np.abs(weights).max(0), np.finfo(np.float32).tiny * limit) / limit
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def choose_quantization(observed: ObservedInputs, weights: Float32, *, is_normed: bool) -> ProductQuantization:
    """Choose the quantization of an input with the least error on the observed rows.

    Args:
        weights: of all products of the input, shape (K, N).
        is_normed: whether a layer norm computes the input.
    """
    rows, largest = np.concatenate(observed.rows), np.maximum(-observed.low, observed.high)
    exact = rows @ weights
    power = float(np.square(exact).sum()) or 1.0
    choices = []
    for divisors, outliers in _candidates(largest, weights, is_normed):
        scaled = weights * divisors[:, None]
        scaled[outliers] = 0
        columns, scales = round_weights(scaled, PRODUCT_LIMIT)
        others = np.setdiff1d(np.arange(len(largest)), outliers)
        low, high = ((bound / divisors)[others] for bound in (observed.low, observed.high))
        for share in _RANGE_SHARES:
            scale = max(share * float(high.max() - low.min()) / _STEPS, 1e-12)
            zero_point = int(np.clip(np.rint(-share * low.min() / scale), 0, _STEPS))
            steps = np.clip(np.rint(rows / divisors / scale) + zero_point, 0, _STEPS) - zero_point
            product = (steps * scale) @ (columns * scales) + rows[:, outliers] @ weights[outliers]
            error = float(np.square(product - exact).sum()) / power
            choices.append(ProductQuantization(error, divisors, outliers, scale, zero_point))
    # Separate channels take time, so they must halve the error.
    return min(choices, key=lambda choice: choice.error * (2 if len(choice.outliers) else 1))


def _candidates(largest: Float32, weights: Float32, is_normed: bool) -> Iterator[tuple[Float32, npt.NDArray[np.int64]]]:
    """Yield divisors and outlying channels that are worth trying."""
    no_outliers, ones = np.array([], dtype=np.int64), np.ones(len(largest), dtype=np.float32)
    if not is_normed:
        yield ones, no_outliers
        yield ones, np.sort(np.argsort(-largest)[: min(_OUTLIERS, len(largest) // 2)])
        return
    input_size, weight_size = np.maximum(largest, 1e-6), np.maximum(np.abs(weights).max(1), 1e-6)
    for exponent in _SMOOTHING:
        divisors = input_size**exponent / weight_size ** (1 - exponent) if exponent else ones
        yield (divisors / np.exp(np.log(divisors).mean())).astype(np.float32), no_outliers


Batch = tuple[Ids, Ids]  # ids and mask, shape (rows, length)
_MIN_COLUMNS = 32  # of a product that is quantized
_MAX_ERROR = 0.01  # of a product that is quantized (see `ProductQuantization`)
_SAMPLE_ROWS = 10  # of each batch
_MATRIX = 2  # dimensions
_MIN_TABLE_ROWS = 256  # of a table that is quantized, which makes the file smaller and tagging no faster


def quantize(model: ModelProto, batches: Iterable[Batch]) -> tuple[int, int]:
    """Quantize a graph in place, and mark it as one whose products are the same on every CPU (`SAFE_PRODUCTS`).

    Args:
        model: its products with fixed weights are plain `MatMul` nodes.
        batches: inputs on which ranges are measured, without tokens whose mask is 0.

    Returns:
        The number of products that are in 8 bits now, and the number of all products.
    """
    graph = Graph(model)
    products: dict[str, list[NodeProto]] = {}  # by input, which is quantized once for all of them
    for node in model.graph.node:
        if (
            node.op_type == "MatMul"
            and node.input[1] in graph.weights
            and len(graph.weights[node.input[1]].dims) == _MATRIX
        ):
            products.setdefault(node.input[0], []).append(node)
    observed = _observe(model, list(products), batches)
    quantized = sum(_quantize_products(graph, name, nodes, observed[name]) for name, nodes in products.items())
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in graph.weights:
            _quantize_table(graph, node)
    graph.apply_replacements()
    key, value = SAFE_PRODUCTS
    model.metadata_props.add(key=key, value=value)
    return quantized, sum(map(len, products.values()))


def _quantize_table(graph: Graph, node: NodeProto) -> None:
    """Quantize a large table, such as the word embeddings, with one scale per row; it needs no measured range."""
    from onnx import TensorProto, helper

    (table, indices), result = node.input, node.output[0]
    sizes = graph.weights[table].dims
    if len(sizes) != _MATRIX or sizes[0] < _MIN_TABLE_ROWS or graph.attribute(node, "axis"):
        return
    columns, scales = round_weights(graph.array(table).T, TABLE_LIMIT)
    graph.replace(
        node,
        [
            helper.make_node("Gather", [graph.add_constant(f"{table}/rows", columns.T), indices], [f"{result}/8bit"]),
            helper.make_node("Cast", [f"{result}/8bit"], [f"{result}/steps"], to=TensorProto.FLOAT),
            helper.make_node(
                "Gather", [graph.add_constant(f"{table}/scales", scales[:, None]), indices], [f"{result}/scale"]
            ),
            helper.make_node("Mul", [f"{result}/steps", f"{result}/scale"], [result]),
        ],
    )


def _observe(model: ModelProto, names: Sequence[str], batches: Iterable[Batch]) -> Mapping[str, ObservedInputs]:
    """Run a graph on batches and record the named values."""
    import onnx

    onnxruntime = import_onnxruntime()
    observable = onnx.ModelProto()
    observable.CopyFrom(model)
    del observable.graph.output[:]
    observable.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(observable.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    observed = {name: ObservedInputs() for name in names}
    for ids, mask in batches:
        sample = random.permutation(int(mask.sum()))[:_SAMPLE_ROWS]
        for name, values in zip(names, session.run(None, dict(zip(INPUTS, (ids, mask), strict=True))), strict=True):
            rows = values[mask == 1]
            inputs = observed[name]
            inputs.rows.append(rows[sample])
            inputs.low, inputs.high = np.minimum(inputs.low, rows.min(0)), np.maximum(inputs.high, rows.max(0))
    return observed


def _quantize_products(graph: Graph, name: str, nodes: Sequence[NodeProto], observed: ObservedInputs) -> int:
    """Quantize the products of one input, if their error is small; return how many were quantized."""
    weights = [graph.array(node.input[1]) for node in nodes]
    norm = graph.producers.get(name)
    is_normed = norm is not None and norm.op_type == "LayerNormalization"
    choice = choose_quantization(observed, np.concatenate(weights, axis=1), is_normed=is_normed)
    if sum(part.shape[1] for part in weights) < _MIN_COLUMNS or choice.error > _MAX_ERROR:
        return 0
    for node, node_weights in zip(nodes, weights, strict=True):
        graph.replace(node, _quantized_product(graph, node, node_weights, choice))
    graph.replace(nodes[0], _quantized_input(graph, name, choice))
    return len(nodes)


def _quantized_input(graph: Graph, name: str, choice: ProductQuantization) -> list[NodeProto]:
    from onnx import helper

    nodes, source = [], name
    if (choice.divisors != 1).any():
        factors = graph.add_constant(f"{name}/factors", (1 / choice.divisors).astype(np.float32))
        source = f"{name}/smoothed"
        nodes.append(helper.make_node("Mul", [name, factors], [source]))
    scale = graph.add_constant(f"{name}/scale", np.float32(choice.scale))
    zero_point = graph.add_constant(f"{name}/zero", np.uint8(choice.zero_point))
    return [*nodes, helper.make_node("QuantizeLinear", [source, scale, zero_point], [f"{name}/8bit"])]


def _quantized_product(graph: Graph, node: NodeProto, weights: Float32, choice: ProductQuantization) -> list[NodeProto]:
    from onnx import helper

    name, result = node.input[0], node.output[0]
    scaled = weights * choice.divisors[:, None]
    scaled[choice.outliers] = 0
    columns, scales = round_weights(scaled, PRODUCT_LIMIT)
    bias, addition = graph.bias(node)
    if addition is not None:
        graph.replace(addition, [])
        result = addition.output[0]
    inputs = [
        f"{name}/8bit",
        graph.add_constant(f"{result}/columns", columns),
        f"{name}/scale",
        graph.add_constant(f"{result}/scales", scales),
        f"{name}/zero",
        "",
        bias,
    ]
    if not len(choice.outliers):
        return [helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=MICROSOFT)]
    outliers = graph.add_constant(f"{result}/outliers", choice.outliers)
    exact_weights = graph.add_constant(f"{result}/exact", weights[choice.outliers])
    return [
        helper.make_node("MatMulIntegerToFloat", inputs, [f"{result}/most"], domain=MICROSOFT),
        helper.make_node("Gather", [name, outliers], [f"{result}/few"], axis=-1),
        helper.make_node("MatMul", [f"{result}/few", exact_weights], [f"{result}/rest"]),
        helper.make_node("Add", [f"{result}/most", f"{result}/rest"], [result]),
    ]
