"""An uncased encoder extended with capitals keeps its other pieces and distinguishes case.

Its table of embeddings is that of two small ones, and any table comes back as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.modeling.cased_vocabulary import (
    CAPITALIZED,
    EXACT,
    ROUNDED,
    UPPER,
    CasedTokenizer,
    FactoredTable,
    Float32,
    add_cased_embeddings,
    build_cased_tokenizer,
    case_variants,
    factor_table,
)
from conflict_ner.modeling.encoder import load_model, load_tokenizer
from helpers.cased_embeddings import CHANNELS, cased_table, cased_wordpiece, error_shares
from helpers.encoders import byte_bpe, wordpiece
from transformers import BertConfig, BertForTokenClassification

TEXTS = [
    "El Fasher fell.",
    "EL FASHER FELL.",
    "el fasher fell.",
    "McKay, KABUL-born, of Él Fasher [sic] 60km",
    "Ünrest in İzmir ßß",
]


def _embeddings(model: Any) -> torch.Tensor:
    weight: torch.Tensor = model.get_input_embeddings().weight.detach()
    return weight


def _bert(size: int) -> BertForTokenClassification:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    return BertForTokenClassification(config)


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_split_as_before(text: str) -> None:
    old = wordpiece()
    cased = build_cased_tokenizer(old)
    assert cased
    lower = {len(old) + k: origin for k, origin in enumerate(cased.origins)}
    ids = cased.tokenizer(text, add_special_tokens=True, truncation=False)["input_ids"]
    assert [lower.get(i, i) for i in ids] == old(text, add_special_tokens=True, truncation=False)["input_ids"]


def test_each_case_has_its_own_piece() -> None:
    cased = build_cased_tokenizer(wordpiece())
    assert cased
    written = [cased.tokenizer.tokenize(word, truncation=False) for word in ("goma", "Goma", "GOMA", "gOmA")]
    assert written[:3] == [["goma"], ["Goma"], ["GOMA"]]
    assert "[UNK]" not in written[3]


@pytest.mark.parametrize("piece", ["[unk]", "42", ",", "مدينة", "##9"])
def test_a_piece_without_case_has_no_variants(piece: str) -> None:
    assert [variant for variant, _ in case_variants(piece) if variant.lower() != piece.lower()] == []


def test_a_single_letter_is_capitalized_unless_it_continues_a_word() -> None:
    assert list(case_variants("k")) == [("K", CAPITALIZED)]
    assert list(case_variants("##k")) == [("##K", UPPER)]


def test_a_variant_of_another_length_is_left_out() -> None:
    assert list(case_variants("ß")) == []


def test_cased_tokenizers_and_other_kinds_are_left_alone() -> None:
    cased = build_cased_tokenizer(wordpiece())
    assert cased
    assert build_cased_tokenizer(cased.tokenizer) is None
    assert build_cased_tokenizer(byte_bpe()) is None


def test_a_new_embedding_is_that_of_the_lower_case_piece_plus_a_shared_direction() -> None:
    old = wordpiece()
    model, cased = _bert(len(old)), build_cased_tokenizer(old)
    assert cased
    before = _embeddings(model).clone()
    add_cased_embeddings(model, cased)
    after = _embeddings(model)
    assert torch.equal(after[: len(old)], before)
    directions = after[len(old) :] - before[list(cased.origins)]
    for case in (CAPITALIZED, UPPER):
        same_case = directions[[index for index, piece_case in enumerate(cased.cases) if piece_case == case]]
        assert torch.allclose(same_case, same_case[0].expand_as(same_case), atol=1e-6)
        assert same_case[0].norm() > 0
    assert model.config.vocab_size == len(cased.tokenizer) == len(after)


def test_the_extended_encoder_is_saved_and_loaded_like_any_other(tmp_path: Path) -> None:
    old = wordpiece()
    model, cased = _bert(len(old)), build_cased_tokenizer(old)
    assert cased
    add_cased_embeddings(model, cased)
    model.save_pretrained(tmp_path)
    cased.tokenizer.save_pretrained(tmp_path)
    tokenizer, loaded = load_tokenizer(str(tmp_path)), load_model(str(tmp_path))
    for text in TEXTS:
        assert tokenizer(text, truncation=False)["input_ids"] == cased.tokenizer(text, truncation=False)["input_ids"]
    assert torch.equal(_embeddings(loaded), _embeddings(model))


@pytest.fixture(scope="module")
def cased() -> CasedTokenizer:
    return cased_wordpiece()


@pytest.fixture
def table(cased: CasedTokenizer) -> Float32:
    return cased_table(cased)


def vocabulary_of(cased: CasedTokenizer) -> dict[str, int]:
    return cased.tokenizer.get_vocab()


def restored(factored: FactoredTable | None) -> Float32:
    assert factored is not None
    rows: Float32 = factored.rows[factored.row_indices] + factored.directions[factored.direction_indices]
    return rows


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
