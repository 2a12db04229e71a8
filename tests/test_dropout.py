"""Dropout from a pool: as often, as strong and as repeatable as the ordinary one."""

from __future__ import annotations

import pytest
import torch
from conflict_ner.dropout import POOL, Pool, PooledDropout, pool_dropout
from torch import nn


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_units_are_dropped_as_often_as_said_and_the_mean_stays(p: float, dtype: torch.dtype) -> None:
    out = PooledDropout(p, Pool.draw(p, 1))(torch.ones(300, 400, dtype=dtype))
    assert out.dtype == dtype
    assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert out.float().mean().item() == pytest.approx(1.0, abs=0.01)


def test_calls_differ_and_repeat_with_torchs_random_state() -> None:
    layer = PooledDropout(0.3, Pool.draw(0.3, 1))
    torch.manual_seed(5)
    first, second = layer(torch.ones(50, 60)), layer(torch.ones(50, 60))
    torch.manual_seed(5)
    assert torch.equal(first, layer(torch.ones(50, 60)))
    assert not torch.equal(first, second)


def test_more_values_than_the_pool_holds_are_no_trouble() -> None:
    out = PooledDropout(0.2, Pool.draw(0.2, 1))(torch.ones(POOL + 7))
    assert (out == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)


def test_gradients_flow_through_what_is_kept_only() -> None:
    values = torch.ones(1000, requires_grad=True)
    out = PooledDropout(0.4, Pool.draw(0.4, 1))(values)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, out.detach())


def test_every_dropout_of_a_model_is_replaced_and_nothing_is_saved_with_it() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2), nn.Sequential(nn.Dropout(0.2), nn.Dropout(0.0)))
    keys = set(model.state_dict())
    pool_dropout(model, seed=3)
    layers = [module for module in model.modules() if isinstance(module, PooledDropout)]
    assert [layer.p for layer in layers] == [0.2, 0.2, 0.0]
    assert layers[0].pool is layers[1].pool
    assert set(model.state_dict()) == keys
    assert not any(type(module) is nn.Dropout for module in model.modules())
    values = torch.ones(4, 2)
    assert torch.equal(model.eval()(values), model(values))
