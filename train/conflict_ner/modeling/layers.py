"""Changes layers of an encoder for training: leaves parts as they were pretrained, and cheapens dropout on a CPU.

Nothing is computed backward below the lowest part that learns, so with half of the layers frozen a
step takes about two thirds of its time.

PyTorch's dropout draws a random number for each element, which takes a CPU about a tenth of a training
step of a small encoder. In `ByteDropout` eight elements share one 64-bit draw, a byte each, so a probability
is met to within 1/512; what is kept is scaled by the probability that is really used, so the expected
value stays the input's. Dropout itself: Srivastava et al., 2014.

>>> layer = ByteDropout(0.2)
>>> layer.dropped, round(layer.dropped / 256, 3)
(51, 0.199)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from conflict_ner.errors import EncoderError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def freeze(model: PreTrainedModel, *, embeddings: bool, layers: int) -> None:
    """Have parts of the encoder learn nothing; the head always learns.

    Args:
        embeddings: the word embeddings.
        layers: how many of the lowest layers; with any, all of the encoder that is not a layer too.

    Raises:
        EncoderError: if it has fewer layers, or they cannot be told apart.
    """
    if embeddings:
        model.get_input_embeddings().requires_grad_(False)
    if layers:
        stack = _layers(model)
        if layers > len(stack):
            raise EncoderError(f"training.freeze_layers is {layers}, but the encoder has {len(stack)} layers; lower it")
        model.base_model.requires_grad_(False)
        for layer in list(stack)[layers:]:
            layer.requires_grad_(True)


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    """The encoder's layers, lowest first: the one list of modules that is as long as its config says."""
    depth = model.config.num_hidden_layers
    stacks = [m for m in model.base_model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if len(stacks) != 1:
        raise EncoderError(
            f"training.freeze_layers: the encoder's {depth} layers ({model.config.model_type}) cannot be told apart; "
            "leave it at 0"
        )
    return stacks[0]


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


def use_byte_dropout(model: nn.Module) -> None:
    """Give a model on the CPU `ByteDropout` wherever it has `nn.Dropout`; weights and their names stay as they are."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, ByteDropout(child.p))
