"""Tokenizers of three kinds and encoders with random weights, made in seconds and offline."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

SENTENCES = [
    "At least 19 fighters died in a drone strike near El Fasher.",
    "Houthi-held Sanaa was hit by two missiles, 60 km from the coast, for $3 m.",
    "KABUL: police found 30 kg of explosives. Nobody was hurt [sic].",
    "Rebels left Goma on 3 May 2024 after shelling; the government denied it.",
    "el fasher kabul sanaa goma drone missiles police fighters rebels near from the of 0 1 2 3 4 5 6 7 8 9",
]
SPECIALS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
ROBERTA = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}


def _around(tokenizer: Tokenizer, first: str, last: str) -> None:
    pair = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", special_tokens=pair)


def _fast(tokenizer: Tokenizer, specials: dict[str, str]) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=64, **specials
    )


def wordpiece() -> PreTrainedTokenizerFast:
    """BERT's way: lower case, punctuation apart, `##` for the rest of a word."""
    words = {word for sentence in SENTENCES for word in re.findall(r"[a-z]+|[0-9]+|[^a-z0-9 ]", sentence.lower())}
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    # Written down, not trained: a trainer breaks ties by chance, and runs would differ.
    tokens = [*SPECIALS.values(), *sorted(words - set(letters)), *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({token: k for k, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    _around(tokenizer, "[CLS]", "[SEP]")
    # As some published encoders do, the file asks to truncate and to pad; we must not obey.
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    return _fast(tokenizer, SPECIALS)


def byte_bpe() -> PreTrainedTokenizerFast:
    """RoBERTa's way: bytes, a leading space is part of the token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(ROBERTA.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    ids = tokenizer.get_vocab()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", ids["</s>"]), ("<s>", ids["<s>"]), trim_offsets=True
    )
    return _fast(tokenizer, ROBERTA)


def sentencepiece() -> PreTrainedTokenizerFast:
    """XLM-R's way: a unigram model over text with spaces made visible."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=list(ROBERTA.values()), unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _around(tokenizer, "<s>", "</s>")
    return _fast(tokenizer, ROBERTA)


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "wordpiece": wordpiece,
    "byte_bpe": byte_bpe,
    "sentencepiece": sentencepiece,
}


def make_encoder(folder: Path, kind: str = "wordpiece") -> Path:
    """Save a pretrained encoder in miniature: two layers of random weights and its tokenizer."""
    tokenizer = KINDS[kind]()
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    torch.manual_seed(0)
    if kind == "wordpiece":
        config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes)
        model: PreTrainedModel = BertModel(config)
    else:
        # RoBERTa's positions begin after the padding id, so 66 of them make 64.
        model = RobertaModel(
            RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=66, pad_token_id=0, **sizes)
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
