"""Batches by length: nothing lost, budgets kept, the same order for the same seed."""

from __future__ import annotations

import random

import pytest
from conflict_ner.training.sampler import JITTER, TokenBudgetSampler, pad
from hypothesis import example, given, settings
from hypothesis import strategies as st

LENGTHS = [random.Random(5).randint(3, 64) for _ in range(101)]


def make_sampler(processes: int = 1, seed: int = 7, epoch: int = 0) -> TokenBudgetSampler:
    sampler = TokenBudgetSampler(LENGTHS, batch_tokens=128, seed=seed, processes=processes)
    sampler.set_epoch(epoch)
    return sampler


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.integers(1, 512), min_size=1, max_size=120),
    batch_tokens=st.integers(1, 4096),
    processes=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 100),
)
@example(lengths=LENGTHS, batch_tokens=128, processes=3, seed=7, epoch=0)
@example(lengths=[500, 1, 1], batch_tokens=128, processes=2, seed=7, epoch=0)
@example(lengths=[1] * 300, batch_tokens=128, processes=1, seed=7, epoch=0)
def test_an_epoch_shows_each_window_once_and_no_batch_is_empty(
    lengths: list[int], batch_tokens: int, processes: int, seed: int, epoch: int
) -> None:
    sampler = TokenBudgetSampler(lengths, batch_tokens, seed, processes)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)
    assert len(batches) == len(sampler)
    assert len(batches) % processes == 0 or len(lengths) < processes


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_the_number_of_batches_never_changes_and_divides_among_processes(processes: int) -> None:
    counts = {len(list(make_sampler(processes=processes, epoch=epoch))) for epoch in range(5)}
    assert counts == {len(make_sampler(processes=processes))}
    assert counts.pop() % processes == 0


def test_batches_hold_about_the_budget() -> None:
    for batch in make_sampler():
        assert sum(LENGTHS[index] for index in batch) <= 128 + max(LENGTHS)


def test_windows_of_like_length_share_a_batch() -> None:
    for batch in make_sampler():
        lengths = [LENGTHS[index] for index in batch]
        others = [LENGTHS[index] for index in range(len(LENGTHS)) if index not in batch]
        low, high = min(lengths) * (1 + JITTER) / (1 - JITTER), max(lengths) * (1 - JITTER) / (1 + JITTER)
        assert not [length for length in others if low < length < high]


def test_the_order_is_the_same_for_the_same_seed_and_epoch_only() -> None:
    assert list(make_sampler(seed=1, epoch=2)) == list(make_sampler(seed=1, epoch=2))
    assert list(make_sampler(seed=1, epoch=2)) != list(make_sampler(seed=1, epoch=3))
    assert list(make_sampler(seed=1, epoch=2)) != list(make_sampler(seed=2, epoch=2))


def test_rows_are_padded_on_the_right_to_the_longest() -> None:
    assert pad([[1, 2, 3], [], [4]], -100).tolist() == [[1, 2, 3], [-100] * 3, [4, -100, -100]]
