"""A graph computes embeddings of pieces with capitals as sums, and keeps no rows that no text needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conflict_ner.export.onnx.word_embeddings import factor_embeddings, unused_pieces
from conflict_ner.modeling.cased_vocabulary import EXACT, CasedTokenizer, Float32
from helpers.cased_embeddings import cased_table, cased_wordpiece, error_shares
from helpers.encoders import byte_bpe, wordpiece
from tokenizers import Tokenizer

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def cased() -> CasedTokenizer:
    return cased_wordpiece()


@pytest.fixture
def table(cased: CasedTokenizer) -> Float32:
    return cased_table(cased)


def test_special_pieces_and_whatever_a_word_may_contain_are_used() -> None:
    tokenizer = wordpiece()
    settings = tokenizer.backend_tokenizer
    assert unused_pieces(settings) == []
    tokens = ["[UNK]", "[CLS]", "[unused7]", "a", "##a", "##)", ")", "##\u4eba", "\u4eba", "##", "e\u0301a", "##1"]
    changed = Tokenizer.from_str(settings.to_str())
    changed.model = type(settings.model)({token: index for index, token in enumerate(tokens)}, unk_token="[UNK]")
    assert [tokens[index] for index in sorted(unused_pieces(changed))] == [
        "[unused7]", "##)", "##\u4eba", "##", "e\u0301a",
    ]  # fmt: skip
    assert unused_pieces(byte_bpe().backend_tokenizer) == []


def lookup(table: Float32, ids: str = "input_ids") -> onnx.ModelProto:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", ids], ["y"])],
        "test",
        [value(ids, onnx.TensorProto.INT64, ["rows", "length"])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


def test_the_graph_computes_the_same_rows(cased: CasedTokenizer, table: Float32) -> None:
    model = lookup(table)
    assert factor_embeddings(model, cased.tokenizer.backend_tokenizer, EXACT) == len(cased.origins)
    assert "table" not in {tensor.name for tensor in model.graph.initializer}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ids = np.arange(len(table)).reshape(1, -1)
    (found,) = session.run(None, {"input_ids": ids})
    assert error_shares(found[0], table).max() < 1e-6


def test_a_lookup_of_anything_but_pieces_stays(cased: CasedTokenizer, table: Float32) -> None:
    model = lookup(table, "positions")
    before = model.SerializeToString()
    assert factor_embeddings(model, cased.tokenizer.backend_tokenizer, EXACT) == 0
    assert model.SerializeToString() == before
