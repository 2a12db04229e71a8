"""Change layers of an encoder for training: keep or freeze some, share embeddings, use a faster dropout on a CPU.

No gradients are computed below the lowest part that is trained, so with half of the layers frozen a
step takes about two thirds of its time.

PyTorch's dropout draws a random number for each element, which takes a CPU about a tenth of a training
step of a small encoder. In `ByteDropout` eight elements share one 64-bit draw, a byte each, so a probability
is met to within 1/512. The elements that are kept are scaled by the probability that is really used, so the
expected value of the output is the input. Dropout itself: Srivastava et al., 2014.

>>> layer = ByteDropout(0.2)
>>> layer.dropped, round(layer.dropped / 256, 3)
(51, 0.199)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from conflict_ner.errors import EncoderError
from conflict_ner.modeling.cased_vocabulary import EXACT, FactoredTable, factor_table

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def freeze(model: PreTrainedModel, *, embeddings: bool, layers: int) -> None:
    """Exclude parts of the encoder from training; the head is always trained.

    Args:
        model: the model, changed in place.
        embeddings: freeze the word embeddings.
        layers: number of lowest layers to freeze; if any, all parts of the encoder that are not layers are frozen too.

    Raises:
        EncoderError: if the encoder has fewer layers, or its layers cannot be identified.
    """
    if embeddings:
        model.get_input_embeddings().requires_grad_(False)
    if layers:
        stack = find_layers(model)
        if layers > len(stack):
            raise EncoderError(f"training.freeze_layers is {layers}, but the encoder has {len(stack)} layers; lower it")
        model.base_model.requires_grad_(False)
        for layer in list(stack)[layers:]:
            layer.requires_grad_(True)


def keep_layers(model: PreTrainedModel, layers: int | Sequence[int]) -> None:
    """Remove layers of the encoder.

    Which layers a smaller model starts from matters little if they are spread evenly (Sanh et al., 2019, DistilBERT;
    Sajjad et al., 2023).

    Args:
        model: the model, changed in place, with its config.
        layers: how many to keep, spread evenly with the lowest and the highest among them, or their numbers, from 1.

    Raises:
        EncoderError: if the encoder has fewer layers, or its layers cannot be identified.
    """
    stack = find_layers(model)
    if isinstance(layers, int):
        numbers = [round(k * (len(stack) - 1) / max(layers - 1, 1)) + 1 for k in range(layers)]
    else:
        numbers = list(layers)
    if max(numbers) > len(stack) or len(set(numbers)) < len(numbers) or len(numbers) > len(stack):
        raise EncoderError(
            f"encoder_layers: {layers} cannot be kept of the encoder's {len(stack)} layers; give at most that many, or "
            f"different numbers from 1 to {len(stack)}"
        )
    kept = [stack[number - 1] for number in sorted(numbers)]
    del stack[:]
    stack.extend(kept)
    model.config.num_hidden_layers = len(kept)


def find_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the encoder's layers, lowest first: the only list of modules of the length that its config gives.

    Raises:
        EncoderError: if there is no such list, or more than one.
    """
    depth = model.config.num_hidden_layers
    stacks = [m for m in model.base_model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if len(stacks) != 1:
        raise EncoderError(
            f"the encoder's {depth} layers ({model.config.model_type}) cannot be told apart; leave out "
            "training.freeze_layers, training.sharded and encoder_layers"
        )
    return stacks[0]


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Let a model compute the activations of its layers again for the gradient (Chen et al., 2016), by transformers.

    Raises:
        EncoderError: if transformers cannot do that with this encoder.
    """
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    try:
        enable({"use_reentrant": False})
    except ValueError as error:
        raise EncoderError(f"training.gradient_checkpointing: {error}; leave the setting out") from error


class FactoredEmbedding(nn.Module):
    """Embeddings whose rows are sums: `weight` has those that are trained, and directions are constant.

    Its state dict is that of a plain `nn.Embedding` with the sums, so what is saved is a plain encoder.
    """

    row_indices: torch.Tensor
    directions: torch.Tensor
    direction_indices: torch.Tensor

    def __init__(self, table: FactoredTable, padding_index: int | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(table.rows))
        self.padding_row = None if padding_index is None else int(table.row_indices[padding_index])
        for name in ("directions", "row_indices", "direction_indices"):
            values = torch.from_numpy(getattr(table, name))
            self.register_buffer(name, values if name == "directions" else values.long(), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings, shape (..., channels), of the pieces with these ids, shape (...)."""
        rows = nn.functional.embedding(self.row_indices[ids], self.weight, self.padding_row)
        return rows + self.directions[self.direction_indices[ids]]

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        sums = self.weight.detach()[self.row_indices] + self.directions[self.direction_indices]
        destination[f"{prefix}weight"] = sums

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        name = f"{prefix}weight"
        if name in state_dict:
            is_trained = self.direction_indices == 0  # in the order of their rows
            state_dict = {**state_dict, name: state_dict[name][is_trained.to(state_dict[name].device)]}
        super()._load_from_state_dict(state_dict, prefix, *others)


def share_embeddings_of_cases(model: PreTrainedModel, vocabulary: Mapping[str, int]) -> None:
    """Train the embeddings of all cases of a piece together.

    A name that training shows capitalized is then learned in upper case too; a third of the numbers is optimized,
    and exports stay small, as no row leaves its form. An encoder without that form, such as one that was pretrained
    with capitals, is left alone.

    Args:
        model: changed in place, new (`add_cased_embeddings`) or of a checkpoint that once was.
        vocabulary: the id of each piece.
    """
    plain: Any = model.get_input_embeddings()
    factored = factor_table(plain.weight.detach().numpy(), vocabulary, EXACT)
    if factored is not None:
        model.set_input_embeddings(FactoredEmbedding(factored, plain.padding_idx))


_BYTES_PER_DRAW = 8  # of an int64


class ByteDropout(nn.Dropout):
    """`nn.Dropout` with a probability in 256ths, drawn from PyTorch's global generator, so reproducible by a seed."""

    @property
    def dropped(self) -> int:
        """The number of elements that are dropped of every 256, on average."""
        return min(round(256 * self.p), 255)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the inputs, of any shape; in training some are zero and the rest are scaled."""
        if not self.training or not self.dropped or not inputs.numel():
            return inputs
        draws = torch.empty(-(-inputs.numel() // _BYTES_PER_DRAW), dtype=torch.int64).random_(-(2**63), None)
        random_bytes = draws.view(torch.uint8)[: inputs.numel()].view(inputs.shape)
        mask = (random_bytes >= self.dropped).to(inputs.dtype).mul_(256 / (256 - self.dropped))
        return inputs * mask


def use_byte_dropout(model: nn.Module) -> None:
    """Replace each `nn.Dropout` of a model on the CPU by `ByteDropout`; weights and their names are unchanged."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, ByteDropout(child.p))
