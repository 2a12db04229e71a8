"""Batches by length: a budget of tokens instead of a number of examples.

Windows of like length share a batch, so little is spent on padding, and every batch costs
about the same whatever the lengths are.

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

JITTER = 0.1  # lengths are compared to within this share, so that batches differ between epochs


class TokenBudgetSampler:
    """Yields batches of indices, shuffled anew each epoch, the same for the same seed and epoch.

    The number of batches never changes between epochs (a learning-rate schedule counts on
    it) and is a multiple of `processes`, so that each of several devices gets as many.
    """

    def __init__(self, lengths: Sequence[int], batch_tokens: int, seed: int, processes: int = 1) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.seed = seed
        self.epoch = 0
        wanted = -(-int(self.lengths.sum()) // batch_tokens)
        wanted = -(-wanted // processes) * processes
        # No batch may be empty; with fewer windows than processes some see none at all.
        self.batches = max(min(wanted, len(lengths) // processes * processes), 1)

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; called by the Trainer and by accelerate."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((self.seed, self.epoch))
        noise = random.uniform(1 - JITTER, 1 + JITTER, len(self.lengths))
        order = np.argsort(self.lengths * noise, kind="stable")
        # Cut the sorted windows where the running total passes equal shares of all tokens.
        total = np.cumsum(self.lengths[order])
        cuts = np.searchsorted(total, np.arange(1, self.batches) * total[-1] / self.batches)
        rank = np.arange(1, self.batches)
        cuts = np.clip(cuts, rank, len(order) - self.batches + rank)  # every batch keeps one
        cuts = np.maximum.accumulate(cuts - rank) + rank  # and stays in order
        batches = np.split(order, cuts)
        for index in random.permutation(self.batches):
            yield batches[index].tolist()


def pad(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Rows of ids as one int64 tensor of shape (rows, longest), filled up with `value` on the right."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows], dtype=torch.int64)
