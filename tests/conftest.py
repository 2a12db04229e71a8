"""Small real things to test on: tokenizers of three kinds, encoders with random weights.

Everything is made here, in seconds and offline; nothing is downloaded or shipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from conflict_ner.config import Config
from conflict_ner.tagger import Tagger
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

os.environ["HF_HUB_OFFLINE"] = "1"  # for processes that tests start; this one has read it already
huggingface_hub.constants.HF_HUB_OFFLINE = True
# Models this small lose time to threads, four times as much where other programs want the cores too.
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
torch.set_num_threads(1)

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
REPORTS = """\
=== t-1
theatre: Nowhere
genre: wire story

[At least 19](NUMBER) [fighters](ACTOR) died in a [drone strike](WEAPON) near [El Fasher](LOCATION).

=== t-2
theatre: Nowhere

[Houthi](ACTOR)-held [Sanaa](LOCATION) was hit by [two](NUMBER) [missiles](WEAPON), [60](NUMBER)km from the coast.

=== t-3
theatre: Elsewhere

[KABUL](LOCATION): [police](ACTOR) found [30 kg](NUMBER) of [explosives](WEAPON). Nobody was hurt \\[sic\\].
"""
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


@pytest.fixture(scope="session", params=list(KINDS))
def any_tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """Each kind of tokenizer in turn."""
    return KINDS[request.param]()


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The default kind."""
    return wordpiece()


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


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT in miniature."""
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def reports_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labeled reports in the marked-up form."""
    file = tmp_path_factory.mktemp("reports") / "reports.md"
    file.write_text(REPORTS, encoding="utf-8")
    return file


def validation_copy(folder: Path) -> Path:
    """The same three reports in other words enough to pass as another split."""
    file = folder / "validation.md"
    text = REPORTS.replace("=== t-", "=== v-").replace("At least 19", "Some 200").replace("died in", "fell to")
    text = (
        text.replace("was hit by", "saw").replace("coast", "old harbour wall").replace("Nobody was hurt", "All is well")
    )
    file.write_text(text.replace("near [El", "outside [El").replace("found", "had"), encoding="utf-8")
    return file


def make_config(folder: Path, encoder: Path, reports: Path, **training: object) -> Config:
    """A run that takes seconds: a few epochs on three reports."""
    settings = {"epochs": 3, "batch_tokens": 64, "learning_rate": 3e-3, "head_learning_rate": 1e-2, "device": "cpu"}
    return Config.model_validate(
        {
            "labels": LABELS,
            "encoder": str(encoder),
            "data": {"train": [reports], "validation": [validation_copy(folder)]},
            "encoding": {"overlap": 8},
            "training": {**settings, **training},
            "output": folder / "model",
        }
    )


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path, reports_file: Path) -> Path:
    """A checkpoint trained until it knows its three reports by heart."""
    from conflict_ner import run

    folder = tmp_path_factory.mktemp("checkpoint")
    config = make_config(folder, encoder_folder, reports_file, epochs=40, patience=None, dropout=0.0)
    # Here validation is to be what was learned, so that the best epoch is one that knows it all.
    known = REPORTS.replace("=== t-", "=== v-").replace(".\n", ". Over.\n")
    config.data.validation[0].write_text(known, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conflict_ner.check.NEAR_DUPLICATE", 2.0)
        return run.train(config).folder


@pytest.fixture(scope="session")
def onnx_folder(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That checkpoint in ONNX form."""
    for needed in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(needed)
    from conflict_ner.onnxexport import export_onnx

    return export_onnx(checkpoint_folder, tmp_path_factory.mktemp("onnx_form") / "model", "fp32").folder


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports verify themselves in this process: a fresh one takes seconds to import."""
    from conflict_ner import export
    from conflict_ner.verify import verify

    monkeypatch.setattr(export, "_verify_elsewhere", verify)


@pytest.fixture(scope="session")
def tagger(checkpoint_folder: Path) -> Tagger:
    """That checkpoint, loaded as users load it."""
    return Tagger.load(checkpoint_folder, "cpu", precision="fp32")
