"""What is frozen learns nothing, and nothing is computed backward below it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.freezing import freeze
from transformers import AlbertConfig, AlbertForTokenClassification, BertConfig, BertForTokenClassification

SIZES: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


def bert() -> BertForTokenClassification:
    torch.manual_seed(1)
    return BertForTokenClassification(BertConfig(num_hidden_layers=3, **SIZES))


def learning(model: BertForTokenClassification) -> set[str]:
    model(input_ids=torch.tensor([[3, 4, 5]]), labels=torch.tensor([[0, 1, 0]])).loss.backward()
    return {name for name, weight in model.named_parameters() if weight.grad is not None}


def test_layers_are_frozen_with_all_below_them() -> None:
    model = bert()
    freeze(model, embeddings=False, layers=2)
    named = learning(model)
    assert {"classifier.weight", "classifier.bias"} < named
    assert {name.split(".")[3] for name in named if not name.startswith("classifier")} == {"2"}


def test_word_embeddings_alone() -> None:
    model = bert()
    freeze(model, embeddings=True, layers=0)
    everything = {name for name, _ in model.named_parameters()}
    assert everything - learning(model) == {"bert.embeddings.word_embeddings.weight"}


def test_the_head_alone_learns_on_a_frozen_encoder() -> None:
    model = bert()
    freeze(model, embeddings=False, layers=3)
    assert learning(model) == {"classifier.weight", "classifier.bias"}


def test_layers_that_are_not_there_or_cannot_be_told_apart() -> None:
    with pytest.raises(EncoderError, match="freeze_layers is 4, but the encoder has 3 layers"):
        freeze(bert(), embeddings=False, layers=4)
    shared = AlbertForTokenClassification(AlbertConfig(num_hidden_layers=3, embedding_size=8, **SIZES))
    with pytest.raises(EncoderError, match=r"3 layers \(albert\) cannot be told apart; leave it at 0"):
        freeze(shared, embeddings=False, layers=1)
