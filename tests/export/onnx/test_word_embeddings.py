"""Embeddings of pieces with capitals are stored as sums, and any table comes back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conflict_ner.export.onnx.word_embeddings import (
    EXACT,
    ROUNDED,
    FactoredTable,
    Float32,
    factor_embeddings,
    factor_table,
    unused_pieces,
)
from conflict_ner.modeling.cased_vocabulary import CAPITALIZED, UPPER, CasedTokenizer, build_cased_tokenizer
from helpers.encoders import byte_bpe, wordpiece
from tokenizers import Tokenizer

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

onnxruntime = pytest.importorskip("onnxruntime")
CHANNELS = 16


@pytest.fixture(scope="module")
def cased() -> CasedTokenizer:
    tokenizer = build_cased_tokenizer(wordpiece())
    assert tokenizer is not None
    return tokenizer


@pytest.fixture
def table(cased: CasedTokenizer) -> Float32:
    """As an extended encoder's embeddings are before training."""
    random = np.random.default_rng(0)
    old = random.normal(size=(len(cased.tokenizer) - len(cased.origins), CHANNELS)).astype(np.float32)
    directions = random.normal(size=(2, CHANNELS)).astype(np.float32) / 2
    new = old[list(cased.origins)] + directions[np.array(cased.cases) - CAPITALIZED]
    return np.concatenate([old, new])


def vocabulary_of(cased: CasedTokenizer) -> dict[str, int]:
    return cased.tokenizer.get_vocab()


def restored(factored: FactoredTable | None) -> Float32:
    assert factored is not None
    rows: Float32 = factored.rows[factored.row_indices] + factored.directions[factored.direction_indices]
    return rows


def error_shares(found: Float32, wanted: Float32) -> Float32:
    shares: Float32 = np.abs(found - wanted).max(1) / np.abs(wanted).max(1)
    return shares


def test_only_the_rows_of_the_old_pieces_are_stored(cased: CasedTokenizer, table: Float32) -> None:
    factored = factor_table(table, vocabulary_of(cased), EXACT)
    assert factored is not None
    np.testing.assert_array_equal(factored.rows, table[: -len(cased.origins)])
    assert sorted(set(factored.direction_indices.tolist())) == [0, CAPITALIZED, UPPER]
    assert [indices.dtype.name for indices in (factored.row_indices, factored.direction_indices)] == ["uint16", "uint8"]
    assert error_shares(restored(factored), table).max() < 1e-6


def test_a_trained_row_keeps_a_row_of_its_own(cased: CasedTokenizer, table: Float32) -> None:
    vocabulary = vocabulary_of(cased)
    table *= np.float32(0.99)  # weight decay
    moved = [vocabulary[piece] for piece in ("Kabul", "sanaa", "GOMA")]
    table[moved] += np.random.default_rng(1).normal(size=(len(moved), CHANNELS)).astype(np.float32)
    factored = factor_table(table, vocabulary, EXACT)
    assert factored is not None
    # SANAA is stored as what Sanaa is and a third direction, as sanaa itself has moved; Sanaa has its own row.
    assert len(factored.rows) == len(table) - len(cased.origins) + 3
    assert set(factored.direction_indices.tolist()) == {0, 1, 2, 3}
    np.testing.assert_array_equal(restored(factored)[moved], table[moved])
    assert error_shares(restored(factored), table).max() < 1e-6


@pytest.mark.parametrize("tolerance", [EXACT, ROUNDED])
def test_no_row_changes_by_more_than_the_tolerance(cased: CasedTokenizer, table: Float32, tolerance: float) -> None:
    random = np.random.default_rng(2)
    steps = random.permutation(np.geomspace(1e-8, 1e-2, len(table)))[:, None]
    table += (random.normal(size=table.shape) * steps).astype(np.float32)
    factored = factor_table(table, vocabulary_of(cased), tolerance)
    assert error_shares(restored(factored), table).max() <= tolerance * 1.01


def test_a_table_without_the_form_is_left_as_it_is(cased: CasedTokenizer, table: Float32) -> None:
    other = np.random.default_rng(3).normal(size=table.shape).astype(np.float32)
    assert factor_table(other, vocabulary_of(cased), ROUNDED) is None
    assert factor_table(table, wordpiece().get_vocab(), ROUNDED) is None
    assert factor_table(table, {}, ROUNDED) is None


def test_pieces_that_no_text_has_need_no_row_unless_others_are_made_from_it(
    cased: CasedTokenizer, table: Float32
) -> None:
    vocabulary = vocabulary_of(cased)
    origin, other = vocabulary["kabul"], vocabulary["9"]
    factored = factor_table(table, vocabulary, EXACT, [origin, other, len(table) + 1])
    assert factored is not None
    assert len(factored.rows) == len(table) - len(cased.origins) - 1
    others = np.arange(len(table)) != other
    assert error_shares(restored(factored)[others], table[others]).max() < 1e-6


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
