"""Dropout that costs a CPU little: its coins are bytes.

PyTorch draws a random number for each element, which takes a CPU about a tenth of a training step
of a small encoder. Here eight elements share one 64-bit draw, a byte each, so a probability is met
to within 1/512; what is kept is scaled by the probability that is really used, so the expected
value stays the input's. Dropout itself: Srivastava et al., 2014.

>>> layer = ByteDropout(0.2)
>>> layer.dropped, round(layer.dropped / 256, 3)
(51, 0.199)
"""

from __future__ import annotations

import torch
from torch import nn

_COINS = 8  # bytes of an int64


class ByteDropout(nn.Dropout):
    """`nn.Dropout` with a probability in 256ths; draws from PyTorch's own generator, so a seed holds."""

    @property
    def dropped(self) -> int:
        """How many of 256 elements are dropped, on average."""
        return min(round(256 * self.p), 255)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The inputs, of any shape, some of them zero in training."""
        if not self.training or not self.dropped or not inputs.numel():
            return inputs
        draws = torch.empty(-(-inputs.numel() // _COINS), dtype=torch.int64).random_(-(2**63), None)
        coins = draws.view(torch.uint8)[: inputs.numel()].view(inputs.shape)
        kept = (coins >= self.dropped).to(inputs.dtype).mul_(256 / (256 - self.dropped))
        return inputs * kept


def cheapen(model: nn.Module) -> None:
    """Give a model on the CPU `ByteDropout` wherever it has `nn.Dropout`; weights and their names stay as they are."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, ByteDropout(child.p))
