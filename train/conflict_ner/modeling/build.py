"""Build the model of a training run, with its tokenizer and the tokenizer of its windows."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast, set_seed

from conflict_ner.config import Config
from conflict_ner.data.labels import LabelScheme
from conflict_ner.modeling.cased_vocabulary import add_cased_embeddings, build_cased_tokenizer
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, new_model
from conflict_ner.modeling.layers import freeze, keep_layers, share_embeddings_of_cases, use_byte_dropout
from conflict_ner.modeling.tokenization import WindowTokenizer, encoder_window


def build_encoder(
    config: Config, source: str, scheme: LabelScheme, hardware: Hardware, *, sharded: bool = False
) -> tuple[PreTrainedTokenizerFast, WindowTokenizer, PreTrainedModel]:
    """Build the tokenizer, the window tokenizer and the model of a run, as they are before the first step.

    Args:
        source: the encoder, as `resolve_encoder` returns it.
        sharded: the weights will be divided among GPUs; the embeddings of a piece's cases are then trained one by one,
            as sums of rows that lie on several GPUs would have to be collected in each step.
    """
    set_seed(config.training.seed)  # before the head is initialized
    settings = config.training
    # Short inputs train faster on CPUs with plain matrix products than with fused attention.
    attention = "eager" if hardware.device == "cpu" else None
    model = new_model(source, scheme, settings.dropout, settings.attention_dropout, attention)
    if config.encoder_layers:
        keep_layers(model, config.encoder_layers)
    tokenizer = load_tokenizer(source)
    cased = build_cased_tokenizer(tokenizer) if config.encoding.capitals else None
    if cased:
        add_cased_embeddings(model, cased)
        tokenizer = cased.tokenizer
    freeze(model, embeddings=settings.freeze_embeddings, layers=settings.freeze_layers)
    if config.encoding.capitals and not sharded and model.get_input_embeddings().weight.requires_grad:
        share_embeddings_of_cases(model, tokenizer.get_vocab())
    if hardware.device == "cpu":
        use_byte_dropout(model)
    if settings.torch_dtype != "float32":
        model.to(getattr(torch, settings.torch_dtype))
    window = encoder_window(tokenizer, model.config, config.encoding.window)
    return (
        tokenizer,
        WindowTokenizer.from_tokenizer(copy_backend(tokenizer), window, config.encoding.overlap),
        model,
    )
