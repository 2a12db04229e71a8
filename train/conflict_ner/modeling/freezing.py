"""Leaves parts of an encoder as they were pretrained: less to compute, and less to forget.

Nothing is computed backward below the lowest part that learns, so with half of the layers frozen a
step takes about two thirds of its time.

>>> freeze.__name__
'freeze'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conflict_ner.errors import EncoderError

if TYPE_CHECKING:
    from torch import nn
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
    from torch import nn

    depth = model.config.num_hidden_layers
    stacks = [m for m in model.base_model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if len(stacks) != 1:
        raise EncoderError(
            f"training.freeze_layers: the encoder's {depth} layers ({model.config.model_type}) cannot be told apart; "
            "leave it at 0"
        )
    return stacks[0]
