"""Token classifiers as other programs save them: random weights, tags of any scheme, and no file of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from helpers.encoders import SPECIALS, byte_bpe, sentencepiece, wordpiece
from tokenizers import Tokenizer
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DebertaV2Config,
    DebertaV2ForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForTokenClassification,
)

BIO = ("O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-LOC", "I-LOC")
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def cased_wordpiece() -> PreTrainedTokenizerFast:
    """BERT's way with capitals: the same pieces, and those that begin with a capital."""
    tokenizer = wordpiece()
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = state["model"]["vocab"]
    for piece in [piece for piece in pieces if piece[0].isalpha()]:
        pieces[piece.capitalize()] = len(pieces)
    state["normalizer"]["lowercase"] = False
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), model_max_length=64, **SPECIALS
    )


KINDS: dict[str, tuple[type[PreTrainedModel], type[Any], Callable[[], PreTrainedTokenizerFast], dict[str, Any]]] = {
    "bert-uncased": (BertForTokenClassification, BertConfig, wordpiece, {"max_position_embeddings": 64}),
    "bert-cased": (BertForTokenClassification, BertConfig, cased_wordpiece, {"max_position_embeddings": 64}),
    "roberta": (
        RobertaForTokenClassification, RobertaConfig, byte_bpe, {"max_position_embeddings": 66, "pad_token_id": 0},
    ),
    "deberta": (
        DebertaV2ForTokenClassification, DebertaV2Config, sentencepiece,
        {
            "max_position_embeddings": 64, "relative_attention": True, "position_buckets": 8,
            "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0,
        },
    ),
}  # fmt: skip


def make_plain_model(folder: Path, kind: str = "bert-uncased", tags: Sequence[str] = BIO, **config: Any) -> Path:
    """Save a token classifier whose weights are random, with a head so strong that tags vary and scores are high."""
    model_class, config_class, make_tokenizer, settings = KINDS[kind]
    tokenizer = make_tokenizer()
    torch.manual_seed(3)
    model = model_class(
        config_class(
            vocab_size=len(tokenizer),
            **SIZES,
            **settings,
            id2label=dict(enumerate(tags)),
            label2id={tag: number for number, tag in enumerate(tags)},
            **config,
        )
    )
    with torch.no_grad():
        model.get_submodule("classifier").get_parameter("weight").mul_(50)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def change_json(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file; a value of None removes the key."""
    tree = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in tree.items() if value is not None}))
