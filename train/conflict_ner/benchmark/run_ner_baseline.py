"""Training as transformers' example run_ner.py does it, on the same reports: what ours is measured against.

The example's own defaults (examples/pytorch/token-classification): a `Trainer` that is told nothing
but the number of epochs, so AdamW with 5e-5, falling linearly without warm-up, batches of 8, fp32;
words as inputs, the label on a word's first token, everything past the encoder's limit cut off,
batches padded to their longest. The library's newest code runs it, so it is as quick as stock is.

>>> tagged([(0, 2, "ACTOR")], 3, LabelScheme(("ACTOR",)), [None, 0, 0, 1, 2, None])
[-100, 1, -100, 2, 0, -100]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.labels import LabelScheme, WordSpan
from conflict_ner.data.words import split_words
from conflict_ner.modeling.encoder import load_model, quiet_transformers
from conflict_ner.modeling.tokenization import IGNORED, encoder_window

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback

# Of these the example asks the tokenizer to begin each word with a space.
_SPACED = {"bloom", "gpt2", "roberta", "deberta"}


@dataclass(frozen=True, slots=True)
class Stock:
    """A model before or after training, its tokenizer, and the tokens that it can read at once."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    window: int

    @classmethod
    def new(cls, source: str, scheme: LabelScheme, seed: int) -> Stock:
        """An encoder with a new head, as the example makes it; `source` is a folder or a hub id.

        Raises:
            EncoderError: if it cannot be had.
        """
        from transformers import AutoConfig, AutoTokenizer, set_seed

        set_seed(seed)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        config.id2label, config.label2id = scheme.id2label, scheme.label2id
        model = load_model(source, new_head=True, config=config)
        spaced: dict[str, Any] = {"add_prefix_space": True} if config.model_type in _SPACED else {}
        with quiet_transformers():
            tokenizer: Any = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False, **spaced)
        return cls(model, tokenizer, encoder_window(tokenizer, config, None))

    @property
    def max_tokens(self) -> int:
        """The most tokens of text that an input may have."""
        return self.window - self.tokenizer.num_special_tokens_to_add()

    def count(self, text: str) -> int:
        """The tokens of a text, read as words."""
        return len(self._bare_ids(text))

    def tag(self, text: str, scheme: LabelScheme, overlap: int) -> list[Mention]:
        """The mentions of a whole text: words in as it was trained, longer texts in overlapping windows.

        A word's tag is read from its first token, in the window that shows it the most context, so
        that what was cut off in training costs nothing more here.
        """
        import torch

        starts, ends = split_words(text)
        if not len(starts):
            return []
        overlap = min(overlap, self.max_tokens // 2)
        windows = {"truncation": True, "max_length": self.window, "stride": overlap, "return_overflowing_tokens": True}
        read = self._read(_words(text), padding=True, return_tensors="pt", **windows)
        device = self.model.device
        self.model.train(False)
        with torch.inference_mode():
            said = self.model(input_ids=read["input_ids"].to(device), attention_mask=read["attention_mask"].to(device))
        best = said.logits.argmax(-1).tolist()
        tags = np.zeros(len(starts), dtype=np.int64)
        contexts = np.full(len(starts), -1)
        for row, decided in enumerate(best):
            owners = read.word_ids(row)
            length = sum(owner is not None for owner in owners)
            for at, owner in enumerate(owners):
                first = owner is not None and (at == 0 or owners[at - 1] != owner)
                context = min(at, length - at)
                if first and context > contexts[owner]:
                    tags[owner], contexts[owner] = decided[at], context
        return [Mention(int(starts[a]), int(ends[b - 1]), label) for a, b, label in scheme.decode(tags)]

    def _bare_ids(self, text: str) -> list[int]:
        words = _words(text)
        ids: list[int] = self._read(words, add_special_tokens=False)["input_ids"] if words else []
        return ids

    def _read(self, words: Sequence[str], **settings: Any) -> BatchEncoding:
        read: BatchEncoding = self.tokenizer(list(words), is_split_into_words=True, verbose=False, **settings)
        return read

    def rows(self, documents: Sequence[Document], scheme: LabelScheme) -> list[dict[str, list[int]]]:
        """What it learns from: input_ids, attention_mask and labels of each report that has a word."""
        rows = []
        for document in documents:
            starts, ends = split_words(document.text)
            if not len(starts):
                continue
            words = _words(document.text)
            read = self._read(words, truncation=True, max_length=self.window)
            spans = _word_spans(document, starts, ends)
            labels = tagged(spans, len(words), scheme, read.word_ids())
            rows.append({"input_ids": read["input_ids"], "attention_mask": read["attention_mask"], "labels": labels})
        return rows

    def train(
        self,
        rows: Sequence[dict[str, list[int]]],
        epochs: int,
        seed: int,
        folder: Path,
        callbacks: Sequence[TrainerCallback] = (),
        *,
        on_cpu: bool = False,
    ) -> None:
        """Train with the Trainer's defaults; nothing is saved on the way.

        Args:
            on_cpu: stay there although there is a GPU.
        """
        import datasets
        from transformers import DataCollatorForTokenClassification, PrinterCallback, Trainer, TrainingArguments

        arguments = TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=epochs,
            seed=seed,
            use_cpu=on_cpu,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=self.model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(list(rows)),
            data_collator=DataCollatorForTokenClassification(self.tokenizer),
            processing_class=self.tokenizer,
            callbacks=list(callbacks),
        )
        trainer.remove_callback(PrinterCallback)
        with quiet_transformers():
            trainer.train()


def tagged(spans: Sequence[WordSpan], words: int, scheme: LabelScheme, word_ids: Sequence[int | None]) -> list[int]:
    """A label a token: that of its word on the word's first token, -100 on all others."""
    tags = scheme.encode(spans, words)
    before = [None, *word_ids]
    return [
        IGNORED if word is None or word == last else int(tags[word])
        for word, last in zip(word_ids, before, strict=False)
    ]


def _word_spans(document: Document, starts: Any, ends: Any) -> list[WordSpan]:
    """Mentions in words; one whose edges are inside words takes these whole, as labeled words would have it."""
    return [
        (int(np.searchsorted(ends, m.start, "right")), int(np.searchsorted(starts, m.end, "left")), m.label)
        for m in document.mentions
    ]


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in zip(*split_words(text), strict=True)]
