"""Averages the weights of a run's best epoch with those of other checkpoints (a "model soup").

Checkpoints that were fine-tuned from one another, or from the same one, mostly lie in one basin of the loss: the mean
of their weights often scores higher than each of them, above all on texts of another kind, and costs what one
costs (Wortsman et al. 2022, "Model soups" and "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config
from conflict_ner.errors import CheckpointError, ConfigError, Problem
from conflict_ner.inference.predictor import load_window_tokenizer
from conflict_ner.modeling.encoder import classification_head

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def refuse_other_models(config: Config, model: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Raise if a checkpoint of `training.average_with` is not one that the run's model can be averaged with.

    Args:
        model: of the run, before its first step.
        tokenizer: its tokenizer. Two encoders with one vocabulary and weights of one size are not told apart.

    Raises:
        CheckpointError: if one is not a complete checkpoint, or its weights cannot be read.
        ConfigError: if one has other labels, another tokenizer or other weights.
    """
    if not config.training.average_with:
        return
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    problems = []
    for path in config.training.average_with:
        if what := _difference(Checkpoint.load(path), config, shapes, tokenizer):
            fix = "name a checkpoint that was trained with the same labels, from the same encoder"
            problems.append(Problem("training.average_with", f"{path} {what}", fix))
    if problems:
        raise ConfigError("the config", problems)


def _difference(
    checkpoint: Checkpoint, config: Config, shapes: Mapping[str, tuple[int, ...]], tokenizer: Tokenizer
) -> str | None:
    """Return why a checkpoint cannot be averaged with the model of a run; None if it can."""
    manifest = checkpoint.manifest
    if manifest.plain:
        return "was trained elsewhere, and its tags are not those that a model learns here"
    if manifest.exported:
        return "is an export, whose weights are not those that were trained"
    if manifest.labels != config.labels:
        return f"has the labels {', '.join(manifest.labels)}, in this order, and not {', '.join(config.labels)}"
    if load_window_tokenizer(checkpoint).tokenizer.get_vocab() != tokenizer.get_vocab():
        return "has another tokenizer"
    if {name: tuple(tensor.shape) for name, tensor in _load_weights(checkpoint).items()} != shapes:
        return "has weights of other names or sizes"
    return None


def average_weights(model: PreTrainedModel, config: Config) -> None:
    """Replace a trained model's weights by their mean with those of the checkpoints of `training.average_with`.

    All have equal shares. The heads of the checkpoints are multiplied by their temperatures first, as the model's
    own is not divided by one yet. The model must be on the CPU: the sums are of a precision that some devices lack.
    """
    import torch

    checkpoints = [Checkpoint.load(path) for path in config.training.average_with]
    if not checkpoints:
        return
    head = classification_head(model)
    with torch.no_grad():
        own = model.state_dict()
        totals = {name: tensor.double() for name, tensor in own.items() if tensor.is_floating_point()}
        for checkpoint in checkpoints:
            weights = _load_weights(checkpoint)
            for name, total in totals.items():
                in_head = head is not None and name.startswith(f"{head[0]}.")
                scale = checkpoint.manifest.temperature if in_head else 1.0
                total.add_(weights[name], alpha=scale)
        for name, total in totals.items():
            own[name].copy_(total / (len(checkpoints) + 1))


def _load_weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Read a checkpoint's weights.

    Raises:
        CheckpointError: if the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path: Path = checkpoint.folder / checkpoint.manifest.weights
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{checkpoint.folder} is damaged: {path.name}: {error}") from None
