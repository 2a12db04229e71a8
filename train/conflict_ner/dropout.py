"""Cheap dropout on a CPU: masks are cut from a pool instead of being drawn anew each time.

Drawing a Bernoulli number for every activation costs a CPU a tenth of a training step and
more. Here the pool is drawn once; each call takes a piece of it from a random place, so every
unit is still dropped with the same probability (Srivastava et al. 2014) and two calls
seldom see the same mask. In evaluation nothing is dropped.

>>> layer = PooledDropout(0.5, Pool.draw(0.5, seed=1))
>>> sorted(set(layer(torch.ones(4, 100)).flatten().tolist()))
[0.0, 2.0]
>>> layer.eval()(torch.ones(3)).tolist()
[1.0, 1.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

POOL = 1 << 22  # values; far more than one activation of a short batch has


@dataclass(frozen=True, slots=True)
class Pool:
    """Masks for one probability, scaled so that the mean stays; in both precisions."""

    full: torch.Tensor
    half: torch.Tensor

    @classmethod
    def draw(cls, p: float, seed: int) -> Pool:
        """The same pool for the same seed, whatever else is drawn."""
        kept = torch.rand(POOL, generator=torch.Generator().manual_seed(seed)) >= p
        full = kept.float().div_(1 - p)
        return cls(full, full.bfloat16())


class PooledDropout(nn.Module):
    """Like `nn.Dropout(p)`; `p` in [0, 1)."""

    def __init__(self, p: float, pool: Pool) -> None:
        super().__init__()
        self.p = p
        self.pool = pool  # no buffer: it is no state of the model and must not be saved with it

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Drop units of values of any shape, while training."""
        if not self.training or self.p == 0:
            return values
        pool = self.pool.half if values.dtype == torch.bfloat16 else self.pool.full
        size = values.numel()
        if size >= POOL:
            pool = pool.repeat(size // POOL + 2)
        # From torch's own random state, so that a resumed run goes on with the same masks.
        start = int(torch.randint(len(pool) - size, ()))
        return values * pool[start : start + size].view(values.shape)


def pool_dropout(model: nn.Module, seed: int) -> None:
    """Replace every `nn.Dropout` of a model in place."""
    pools: dict[float, Pool] = {}
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                pools.setdefault(child.p, Pool.draw(child.p, seed))
                setattr(module, name, PooledDropout(child.p, pools[child.p]))
