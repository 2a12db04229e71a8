"""Matrix products in the shapes of an encoder: which, how many, and which precision is a limit here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from conflict_ner.benchmark import roofline
from conflict_ner.benchmark.roofline import Layers, linear_layers, operations_per_token

LAYERS: Layers = {(8, 16): 2, (16, 8): 1}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "TOKENS", (4, 32))
    monkeypatch.setattr(roofline, "_PROBE_TOKENS", 4)


def ticking() -> Callable[[], float]:
    """Return a clock on which everything takes two seconds."""
    ticks = count(0.0, 2.0)
    return lambda: next(ticks)


def test_the_layers_are_those_of_the_checkpoint_whatever_its_weights(checkpoint_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((checkpoint_folder / "config.json").read_bytes())  # and nothing else
    # Two layers of query, key, value, output and two of the feed-forward part; the head has nine tags.
    assert linear_layers(tmp_path) == Counter({(32, 32): 8, (32, 64): 2, (64, 32): 2, (32, 9): 1})


def test_operations_are_two_a_weight_and_three_times_as_many_in_training() -> None:
    assert operations_per_token(LAYERS) == 2 * (2 * 8 * 16 + 16 * 8)
    assert operations_per_token(LAYERS, backward=True) == 3 * operations_per_token(LAYERS)


def test_every_product_is_computed_as_often_as_there_are_such_layers() -> None:
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for precision in ("fp32", "bf16", "int8"):
        products = [(*roofline._operands(5, i, o, "cpu", precision), n) for (i, o), n in LAYERS.items()]
        roofline._multiply_all(products, lambda x, w: seen.append((tuple(x.shape), tuple(w.shape))))()
        assert seen == [((5, 8), (16, 8))] * 2 + [((5, 16), (8, 16))]
        seen.clear()


def test_training_multiplies_to_the_output_and_to_both_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    multiply = torch.Tensor.__matmul__

    def recorded(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(multiply(a, b).shape))
        return multiply(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", recorded)
    roofline._multiply_forward_backward(torch.ones(5, 8), torch.ones(16, 8))
    assert shapes == [(5, 16), (5, 8), (16, 8)]


def test_the_limit_has_the_most_tokens_per_second() -> None:
    limits, notes = roofline.find_limits(LAYERS, "cpu", clock=ticking())
    assert [limit.name for limit in limits] == ["fp32", "bf16", "int8"]
    assert notes == []
    # All take the same time, so the larger batch has more tokens per second; one batch fills the turn.
    assert all(limit.tokens == 32 and "batches of 32 tokens" in limit.method for limit in limits)
    for limit in limits:
        limit.turn()


def test_a_turn_is_filled_up_to_about_a_second() -> None:
    done: list[int] = []
    limit = roofline._make_limit("fp32", "by hand", 100, lambda: done.append(1), 0.3)
    limit.turn()
    assert (limit.tokens, len(done)) == (400, 4)


def test_an_emulated_precision_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "_PROBE_TRIES", 2)
    # fp32, then bf16; then the other way round: bf16 takes longer both times.
    ticks = iter([0.0, 1.0, 1.0, 4.0, 4.0, 7.0, 7.0, 8.0])
    assert "slower than those of fp32" in roofline._why_not_measured(LAYERS, "cpu", "bf16", lambda: next(ticks))


def test_a_precision_that_pytorch_does_not_multiply_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_int_mm")
    limits, notes = roofline.find_limits(LAYERS, "cpu", clock=ticking())
    assert [limit.name for limit in limits] == ["fp32", "bf16"]
    assert notes[0].startswith("no limit in int8: PyTorch has no such product here")


def test_training_has_no_limit_in_int8() -> None:
    limits, _ = roofline.find_limits(LAYERS, "cpu", backward=True, clock=ticking())
    assert [limit.name for limit in limits] == ["fp32", "bf16"]
    for limit in limits:
        limit.turn()
