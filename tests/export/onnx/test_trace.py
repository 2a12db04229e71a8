"""The graph gives the logits of PyTorch for every kind of encoder, exactly in fp32 and nearly in 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conflict_ner.errors import CheckpointError
from conflict_ner.export.onnx import trace
from conflict_ner.export.onnx.trace import write_model
from conflict_ner.inference.onnx_runtime import OnnxRuntime
from conflict_ner.inference.runtime import Ids, Logits
from conflict_ner.inference.torch_runtime import TorchRuntime
from conflict_ner.modeling.encoder import load_model
from helpers.tracing import traced_once
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DistilBertConfig,
    DistilBertForTokenClassification,
    MPNetConfig,
    MPNetForTokenClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForTokenClassification,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

Weights = npt.NDArray[np.int8]
Sums = npt.NDArray[np.int64]
PADDING = 1
SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 40,
    "pad_token_id": PADDING,
    "num_labels": 9,
}
ONE_LAYER = {
    "num_hidden_layers": 1
}  # of all but one kind: a layer follows another in the same way, and tracing takes seconds
ENCODERS: dict[str, type[PreTrainedModel]] = {
    "bert": BertForTokenClassification,
    "roberta": RobertaForTokenClassification,
    "mpnet": MPNetForTokenClassification,
    "distilbert": DistilBertForTokenClassification,
}


def config_of(kind: str) -> Any:
    if kind == "distilbert":  # which has names of its own
        names = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
        names["intermediate_size"] = "hidden_dim"
        return DistilBertConfig(**{names.get(name, name): value for name, value in (SIZES | ONE_LAYER).items()})
    sizes = SIZES if kind == "bert" else SIZES | ONE_LAYER
    return {"bert": BertConfig, "roberta": RobertaConfig, "mpnet": MPNetConfig}[kind](**sizes)


@pytest.fixture(scope="module", autouse=True)
def traced(traces: Path) -> Iterator[None]:
    """Each model of this file is traced once."""
    with traced_once(traces):
        yield


@pytest.fixture(scope="module", params=list(ENCODERS))
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each kind of encoder in turn, with random weights and a few channels that reach far."""
    torch.manual_seed(0)
    model = ENCODERS[request.param](config_of(request.param))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.mul_(5)
            if "LayerNorm.weight" in name:
                weight[3] *= 10
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    return folder


def batch(rows: int, length: int) -> tuple[Ids, Ids]:
    """Random tokens; every row after the first is padded, the last to one token."""
    ids = np.random.default_rng(rows * length).integers(5, 60, (rows, length))
    ends = np.linspace(length, 1, rows).astype(np.int64) if rows > 1 else np.array([length])
    mask = (np.arange(length) < ends[:, None]).astype(np.int64)
    return np.where(mask == 1, ids, PADDING), mask


def difference(folder: Path, written: Path) -> tuple[float, list[Logits]]:
    """The largest among tokens that are none of padding, over batches of many shapes; and the logits."""
    torch_runtime, model = TorchRuntime(load_model(str(folder))), OnnxRuntime(onnx_session(written))
    largest, logits = 0.0, []
    for shape in ((2, 16), (1, 1), (1, 7), (5, 33)):
        ids, mask = batch(*shape)
        found = model.logits(ids, mask)
        assert found.shape == (*shape, 9)
        assert found.dtype == np.float32
        logits.append(found[mask == 1])
        largest = max(largest, float(np.abs(found - torch_runtime.logits(ids, mask))[mask == 1].max()))
    return largest, logits


def onnx_session(folder: Path) -> Any:
    from conflict_ner.inference.onnx_runtime import _session

    return _session(folder / "model.onnx")


@pytest.fixture(scope="module")
def exact(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(model_folder, tmp_path_factory.mktemp("exact"), None).parent


def test_any_batch_gets_the_logits_of_pytorch(model_folder: Path, exact: Path) -> None:
    largest, _ = difference(model_folder, exact)
    assert largest < 1e-4
    assert [file.name for file in exact.iterdir()] == ["model.onnx"]


@pytest.fixture(scope="module")
def in_8_bits(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(model_folder, tmp_path_factory.mktemp("int8"), [batch(1, 30), batch(4, 20)]).parent


def products(folder: Path) -> list[Weights]:
    """The weights of all 8-bit products of a graph."""
    graph = onnx.load(folder / "model.onnx").graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    return [onnx.numpy_helper.to_array(constants[node.input[1]]) for node in nodes]


def test_in_8_bits_they_are_nearly_the_same_and_do_not_depend_on_the_batch(model_folder: Path, in_8_bits: Path) -> None:
    assert len(products(in_8_bits)) == 6 * load_model(str(model_folder)).config.num_hidden_layers  # the head stays
    largest, logits = difference(model_folder, in_8_bits)
    spread = float(np.std(np.concatenate(logits)))
    assert 0 < largest < spread / 2
    model, (ids, mask) = OnnxRuntime(onnx_session(in_8_bits)), batch(5, 33)
    alone = model.logits(ids[2:3, : mask[2].sum()], mask[2:3, : mask[2].sum()])
    np.testing.assert_allclose(model.logits(ids, mask)[2][mask[2] == 1], alone[0], atol=1e-4)


def test_a_row_has_the_same_logits_to_the_last_bit_among_others_of_its_length(exact: Path, in_8_bits: Path) -> None:
    for folder in (exact, in_8_bits):
        model = OnnxRuntime(onnx_session(folder))
        for length in (1, 2, 7, 33):
            ids = np.random.default_rng(length).integers(5, 60, (9, length))
            alone = np.concatenate([model.logits(row[None], np.ones_like(row[None])) for row in ids])
            for rows in (2, 3, 9):
                np.testing.assert_array_equal(model.logits(ids[:rows], np.ones_like(ids[:rows])), alone[:rows])


def saturating(inputs: npt.NDArray[np.uint8], weights: Weights) -> Sums:
    """A product as x86 CPUs without VNNI compute it: two products are added into 16 bits (VPMADDUBSW), pair by pair."""
    each = inputs.astype(np.int64)[:, :, None] * weights.astype(np.int64)[None]
    pairs = each[:, 0::2] + np.pad(each[:, 1::2], ((0, 0), (0, each.shape[1] % 2), (0, 0)))
    sums: Sums = np.clip(pairs, -(2**15), 2**15 - 1).sum(1)
    return sums


def hardest(weights: Weights) -> npt.NDArray[np.uint8]:
    """Inputs that drive sums as far as they go, up and down, and some random ones."""
    random = np.random.default_rng(0).integers(0, 256, (5, len(weights)))
    return np.concatenate([255 * (weights.T > 0), 255 * (weights.T < 0), random]).astype(np.uint8)


def exactly(inputs: npt.NDArray[np.uint8], weights: Weights) -> Sums:
    sums: Sums = inputs.astype(np.int64) @ weights.astype(np.int64)
    return sums


def test_a_product_in_8_bits_is_the_same_on_every_cpu(in_8_bits: Path) -> None:
    for weights in products(in_8_bits):
        assert weights.dtype == np.int8
        assert 255 * 2 * int(np.abs(weights.astype(int)).max()) < 2**15  # no sum of two products leaves 16 bits
        np.testing.assert_array_equal(saturating(hardest(weights), weights), exactly(hardest(weights), weights))


def test_with_the_whole_range_of_8_bits_it_would_not_be(in_8_bits: Path) -> None:
    for weights in products(in_8_bits):
        wider = np.rint(weights * (127 / 64)).astype(np.int8)
        assert (saturating(hardest(wider), wider) != exactly(hardest(wider), wider)).any()


def test_this_cpu_computes_the_products_exactly(in_8_bits: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    value = onnx.helper.make_tensor_value_info
    for weights in products(in_8_bits):
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
            "product",
            [value("x", onnx.TensorProto.UINT8, None)],
            [value("y", onnx.TensorProto.INT32, None)],
            [onnx.numpy_helper.from_array(weights, "w")],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"x": hardest(weights)})
        np.testing.assert_array_equal(found, exactly(hardest(weights), weights))


def test_what_cannot_be_written_is_said(encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand so on")

    monkeypatch.setattr(torch.onnx, "export", fail)
    monkeypatch.setattr(trace, "load_model", lambda *_, **__: torch.nn.Identity())
    with pytest.raises(CheckpointError, match=r"cannot be written as ONNX: no such operator$"):
        write_model(encoder_folder, tmp_path, None)
