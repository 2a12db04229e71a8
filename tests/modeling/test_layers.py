"""Layers are frozen, embeddings are shared by the cases of a piece, and byte dropout keeps the mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.cased_vocabulary import (
    EXACT,
    CasedTokenizer,
    add_cased_embeddings,
    factor_table,
)
from conflict_ner.modeling.encoder import load_model
from conflict_ner.modeling.layers import (
    ByteDropout,
    FactoredEmbedding,
    freeze,
    share_embeddings_of_cases,
    use_byte_dropout,
)
from helpers.cased_embeddings import cased_wordpiece
from helpers.encoders import wordpiece
from torch import nn
from transformers import AlbertConfig, AlbertForTokenClassification, BertConfig, BertForTokenClassification

SIZES: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


def bert() -> BertForTokenClassification:
    torch.manual_seed(1)
    return BertForTokenClassification(BertConfig(num_hidden_layers=3, **SIZES))


def trained_weights(model: BertForTokenClassification) -> set[str]:
    model(input_ids=torch.tensor([[3, 4, 5]]), labels=torch.tensor([[0, 1, 0]])).loss.backward()
    return {name for name, weight in model.named_parameters() if weight.grad is not None}


def test_layers_are_frozen_with_all_below_them() -> None:
    model = bert()
    freeze(model, embeddings=False, layers=2)
    trained = trained_weights(model)
    assert {"classifier.weight", "classifier.bias"} < trained
    assert {name.split(".")[3] for name in trained if not name.startswith("classifier")} == {"2"}


def test_word_embeddings_alone() -> None:
    model = bert()
    freeze(model, embeddings=True, layers=0)
    everything = {name for name, _ in model.named_parameters()}
    assert everything - trained_weights(model) == {"bert.embeddings.word_embeddings.weight"}


def test_the_head_alone_learns_on_a_frozen_encoder() -> None:
    model = bert()
    freeze(model, embeddings=False, layers=3)
    assert trained_weights(model) == {"classifier.weight", "classifier.bias"}


def test_missing_or_unidentifiable_layers_are_an_error() -> None:
    with pytest.raises(EncoderError, match="freeze_layers is 4, but the encoder has 3 layers"):
        freeze(bert(), embeddings=False, layers=4)
    shared = AlbertForTokenClassification(AlbertConfig(num_hidden_layers=3, embedding_size=8, **SIZES))
    with pytest.raises(
        EncoderError, match=r"3 layers \(albert\) cannot be told apart; leave out training.freeze_layers"
    ):
        freeze(shared, embeddings=False, layers=1)


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_given_share_is_dropped_and_the_mean_stays(probability: float, kind: torch.dtype) -> None:
    torch.manual_seed(1)
    ones = torch.ones(300, 401, dtype=kind)
    outputs = ByteDropout(probability)(ones).float()
    if probability < 1:
        assert (outputs == 0).float().mean() == pytest.approx(probability, abs=0.005)
        assert outputs.mean() == pytest.approx(1, abs=0.01)
    assert len(outputs.unique()) == 2


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(2)
    dropped = ByteDropout(0.5)(torch.ones(4000, 64)) == 0
    together = (dropped[:, 1:] & dropped[:, :-1]).float().mean(0)
    assert (together - 0.25).abs().max() < 0.03
    assert (dropped.float().mean(0) - 0.5).abs().max() < 0.03


def test_the_gradient_is_that_of_the_kept_elements() -> None:
    inputs = torch.randn(7, 5, requires_grad=True)
    outputs = ByteDropout(0.4)(inputs)
    outputs.sum().backward()
    assert inputs.grad is not None
    torch.testing.assert_close(inputs.grad * inputs, outputs)


def test_a_seed_holds_and_evaluation_drops_nothing() -> None:
    layer, inputs = ByteDropout(0.3), torch.randn(3, 11)
    torch.manual_seed(5)
    first = layer(inputs)
    assert not torch.equal(layer(inputs), first)
    torch.manual_seed(5)
    assert torch.equal(layer(inputs), first)
    assert layer.eval()(inputs) is inputs
    assert ByteDropout(0.0)(inputs) is inputs
    assert ByteDropout(0.5)(torch.empty(0, 4)).shape == (0, 4)


def test_byte_dropout_replaces_every_dropout_and_keeps_the_weights() -> None:
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = BertForTokenClassification(config)
    before = model.state_dict()
    dropouts = sum(type(module) is nn.Dropout for module in model.modules())
    use_byte_dropout(model)
    assert not any(type(module) is nn.Dropout for module in model.modules())
    assert sum(isinstance(module, ByteDropout) and module.p == 0.1 for module in model.modules()) == dropouts > 4
    assert list(model.state_dict()) == list(before)


def cased_bert() -> tuple[BertForTokenClassification, CasedTokenizer]:
    cased, size = cased_wordpiece(), len(wordpiece())
    torch.manual_seed(1)
    model = BertForTokenClassification(BertConfig(num_hidden_layers=1, **{**SIZES, "vocab_size": size}))
    add_cased_embeddings(model, cased)
    return model, cased


def embeddings_of(model: BertForTokenClassification) -> torch.Tensor:
    table: torch.Tensor = model.state_dict()["bert.embeddings.word_embeddings.weight"]
    return table


def trained_rows(model: BertForTokenClassification) -> torch.Tensor:
    rows = model.get_input_embeddings().weight
    assert isinstance(rows, torch.Tensor)
    return rows


def gradients(model: BertForTokenClassification, ids: list[int]) -> torch.Tensor:
    model.zero_grad()
    model(torch.tensor([ids])).logits.square().sum().backward()
    gradient = trained_rows(model).grad
    assert gradient is not None
    return gradient


def test_shared_embeddings_compute_and_save_the_same(tmp_path: Path) -> None:
    model, cased = cased_bert()
    model.train(False)
    ids = torch.arange(len(cased.tokenizer)).reshape(1, -1)[:, :500]
    before, table = model(ids).logits, embeddings_of(model).clone()
    share_embeddings_of_cases(model, cased.tokenizer.get_vocab())
    assert isinstance(model.get_input_embeddings(), FactoredEmbedding)
    torch.testing.assert_close(model(ids).logits, before)
    torch.testing.assert_close(embeddings_of(model), table)
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(load_model(str(tmp_path)).get_input_embeddings().weight, table)


def test_saved_weights_come_back_bit_for_bit() -> None:
    model, cased = cased_bert()
    share_embeddings_of_cases(model, cased.tokenizer.get_vocab())
    with torch.no_grad():
        trained_rows(model).mul_(1.1)
    saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other, _ = cased_bert()
    share_embeddings_of_cases(other, cased.tokenizer.get_vocab())
    other.load_state_dict(saved)
    assert torch.equal(trained_rows(other), trained_rows(model))
    assert torch.equal(embeddings_of(other), saved["bert.embeddings.word_embeddings.weight"])


def test_each_case_of_a_piece_adds_to_its_gradient() -> None:
    model, cased = cased_bert()
    model.train(False)
    vocabulary = cased.tokenizer.get_vocab()
    ids = [vocabulary[piece] for piece in ("kabul", "Kabul", "KABUL")]
    alone = gradients(model, ids)[ids]
    share_embeddings_of_cases(model, vocabulary)
    shared = gradients(model, ids)
    torch.testing.assert_close(shared[ids[0]], alone.sum(0))
    assert len(shared) == len(vocabulary) - len(cased.origins)


def test_all_cases_are_trained_together_and_keep_their_form() -> None:
    model, cased = cased_bert()
    vocabulary = cased.tokenizer.get_vocab()
    share_embeddings_of_cases(model, vocabulary)
    before = embeddings_of(model).clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(3):
        gradients(model, [vocabulary["Kabul"]])
        optimizer.step()
    moved = embeddings_of(model) - before
    for piece in ("kabul", "KABUL"):
        torch.testing.assert_close(moved[vocabulary[piece]], moved[vocabulary["Kabul"]], atol=1e-6, rtol=0)
    assert moved[vocabulary["Kabul"]].abs().min() > 1e-3 > moved[vocabulary["goma"]].abs().max()
    factored = factor_table(embeddings_of(model).numpy(), vocabulary, EXACT)
    assert factored is not None
    assert len(factored.rows) == len(vocabulary) - len(cased.origins)


def test_padding_is_not_trained() -> None:
    model, cased = cased_bert()
    vocabulary = cased.tokenizer.get_vocab()
    share_embeddings_of_cases(model, vocabulary)
    assert not gradients(model, [vocabulary["kabul"], vocabulary["[PAD]"]])[vocabulary["[PAD]"]].any()


def test_an_encoder_that_was_pretrained_with_capitals_keeps_a_row_for_each_case() -> None:
    model, cased = cased_bert()
    with torch.no_grad():
        trained_rows(model).normal_()
    share_embeddings_of_cases(model, cased.tokenizer.get_vocab())
    assert isinstance(model.get_input_embeddings(), nn.Embedding)
