"""An uncased encoder extended with capitals keeps its other pieces and distinguishes case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conflict_ner.modeling.cased_vocabulary import (
    CAPITALIZED,
    UPPER,
    add_cased_embeddings,
    build_cased_tokenizer,
    case_variants,
)
from conflict_ner.modeling.encoder import load_model, load_tokenizer
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
