"""Dropout from bytes drops what it should, keeps the mean, and is as repeatable as PyTorch's."""

from __future__ import annotations

import pytest
import torch
from conflict_ner.modeling.dropout import ByteDropout, cheapen
from torch import nn
from transformers import BertConfig, BertForTokenClassification


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_as_many_are_dropped_as_said_and_the_mean_stays(probability: float, kind: torch.dtype) -> None:
    torch.manual_seed(1)
    ones = torch.ones(300, 401, dtype=kind)
    made = ByteDropout(probability)(ones).float()
    if probability < 1:
        assert (made == 0).float().mean() == pytest.approx(probability, abs=0.005)
        assert made.mean() == pytest.approx(1, abs=0.01)
    assert len(made.unique()) == 2


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(2)
    dropped = ByteDropout(0.5)(torch.ones(4000, 64)) == 0
    together = (dropped[:, 1:] & dropped[:, :-1]).float().mean(0)
    assert (together - 0.25).abs().max() < 0.03
    assert (dropped.float().mean(0) - 0.5).abs().max() < 0.03


def test_the_gradient_is_that_of_what_was_kept() -> None:
    inputs = torch.randn(7, 5, requires_grad=True)
    made = ByteDropout(0.4)(inputs)
    made.sum().backward()
    assert inputs.grad is not None
    torch.testing.assert_close(inputs.grad * inputs, made)


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


def test_a_model_gets_it_everywhere_and_keeps_its_weights() -> None:
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = BertForTokenClassification(config)
    before = model.state_dict()
    dropouts = sum(type(module) is nn.Dropout for module in model.modules())
    cheapen(model)
    assert not any(type(module) is nn.Dropout for module in model.modules())
    assert sum(isinstance(module, ByteDropout) and module.p == 0.1 for module in model.modules()) == dropouts > 4
    assert list(model.state_dict()) == list(before)
