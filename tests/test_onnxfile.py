"""The graph says what PyTorch says, for every kind of encoder, in fp32 and nearly so in 8 bits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner import onnxfile
from conflict_ner.encoder import load_model
from conflict_ner.errors import CheckpointError
from conflict_ner.onnxfile import write
from conflict_ner.onnxmodel import OnnxModel
from conflict_ner.runtime import Ids, Logits
from conflict_ner.torchmodel import TorchModel
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
        return DistilBertConfig(**{names.get(name, name): value for name, value in SIZES.items()})
    return {"bert": BertConfig, "roberta": RobertaConfig, "mpnet": MPNetConfig}[kind](**SIZES)


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
    wanted, model = TorchModel(load_model(str(folder))), OnnxModel(onnx_session(written), PADDING)
    largest, said = 0.0, []
    for shape in ((2, 16), (1, 1), (1, 7), (5, 33)):
        ids, mask = batch(*shape)
        found = model.logits(ids, mask)
        assert found.shape == (*shape, 9)
        assert found.dtype == np.float32
        said.append(found[mask == 1])
        largest = max(largest, float(np.abs(found - wanted.logits(ids, mask))[mask == 1].max()))
    return largest, said


def onnx_session(folder: Path) -> Any:
    from conflict_ner.onnxmodel import _session

    return _session(folder / "model.onnx")


@pytest.fixture(scope="module")
def exact(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(model_folder, tmp_path_factory.mktemp("exact"), None).parent


def test_any_batch_gets_the_logits_of_pytorch(model_folder: Path, exact: Path) -> None:
    largest, _ = difference(model_folder, exact)
    assert largest < 1e-4
    assert [file.name for file in exact.iterdir()] == ["model.onnx"]


def test_in_8_bits_they_are_nearly_the_same_and_do_not_depend_on_the_batch(
    model_folder: Path, exact: Path, tmp_path: Path
) -> None:
    write(model_folder, tmp_path, [batch(1, 30), batch(4, 20)])
    graph = onnx.load(tmp_path / "model.onnx").graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["MatMulIntegerToFloat"] == 12  # of two layers, six each; the head stays
    largest, said = difference(model_folder, tmp_path)
    spread = float(np.std(np.concatenate(said)))
    assert 0 < largest < spread / 2
    model, (ids, mask) = OnnxModel(onnx_session(tmp_path), PADDING), batch(5, 33)
    alone = model.logits(ids[2:3, : mask[2].sum()], mask[2:3, : mask[2].sum()])
    np.testing.assert_allclose(model.logits(ids, mask)[2][mask[2] == 1], alone[0], atol=1e-4)


def test_what_cannot_be_written_is_said(encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand so on")

    monkeypatch.setattr(torch.onnx, "export", fail)
    monkeypatch.setattr(onnxfile, "load_model", lambda *_, **__: torch.nn.Identity())
    with pytest.raises(CheckpointError, match=r"cannot be written as ONNX: no such operator$"):
        write(encoder_folder, tmp_path, None)
