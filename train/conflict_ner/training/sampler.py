"""Batches windows of similar length by a budget of tokens instead of a number of windows.

So there is little padding, and every batch takes about the same time.

>>> sampler = TokenBudgetSampler([5, 90, 6, 88, 7], batch_tokens=100, seed=1)
>>> len(sampler), sorted(index for batch in sampler for index in batch)
(2, [0, 1, 2, 3, 4])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

JITTER = 0.1  # each length is changed at random by up to this share, so that batches differ between epochs


class TokenBudgetSampler:
    """Yields batches of indices; every epoch has each index once, in an order that depends on the seed and the epoch.

    All epochs have the same number of batches (learning-rate schedules rely on it). It is a
    multiple of `processes`, so that all devices get the same number.
    """

    def __init__(self, lengths: Sequence[int], batch_tokens: int, seed: int, processes: int = 1) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.seed = seed
        self.epoch = 0
        batches = -(-int(self.lengths.sum()) // batch_tokens)
        batches = -(-batches // processes) * processes
        # No batch may be empty; with fewer windows than processes some processes get none.
        self.batches = max(min(batches, len(lengths) // processes * processes), 1)

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0; called by the Trainer and by accelerate."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((self.seed, self.epoch))
        noise = random.uniform(1 - JITTER, 1 + JITTER, len(self.lengths))
        order = np.argsort(self.lengths * noise, kind="stable")
        # Cut the sorted windows where the running total passes equal shares of all tokens.
        total = np.cumsum(self.lengths[order])
        cuts = np.searchsorted(total, np.arange(1, self.batches) * total[-1] / self.batches)
        rank = np.arange(1, self.batches)
        # Every batch keeps at least one window.
        cuts = np.clip(cuts, rank, len(order) - self.batches + rank)
        cuts = np.maximum.accumulate(cuts - rank) + rank
        batches = np.split(order, cuts)
        for index in random.permutation(self.batches):
            yield batches[index].tolist()


def pad(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Return rows of ids as one int64 tensor of shape (rows, longest), padded with `value` on the right."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows], dtype=torch.int64)
