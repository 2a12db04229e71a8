"""Training and tagging as transformers' example run_ner.py does it: the baseline for the speed of training.

It has the defaults of the example (examples/pytorch/token-classification): a `Trainer` of which only
the number of epochs is set, so AdamW with 5e-5, falling linearly without warm-up, batches of 8, fp32;
words as inputs, the label on a word's first token, texts truncated at the encoder's limit, batches
padded to their longest. It runs on the installed transformers, so it is as fast as the library is.

>>> token_labels([(0, 2, "ACTOR")], 3, LabelScheme(("ACTOR",)), [None, 0, 0, 1, 2, None])
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

# For these model types the example sets `add_prefix_space`.
_PREFIX_SPACE = {"bloom", "gpt2", "roberta", "deberta"}


@dataclass(frozen=True, slots=True)
class RunNerModel:
    """A model before or after training, and its tokenizer. window: the most tokens of one input."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    window: int

    @classmethod
    def new(cls, source: str, scheme: LabelScheme, seed: int) -> RunNerModel:
        """Load an encoder with a new head, as the example does; `source` is a folder or a hub id.

        Raises:
            EncoderError: if it cannot be loaded.
        """
        from transformers import AutoConfig, AutoTokenizer, set_seed

        set_seed(seed)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        config.id2label, config.label2id = scheme.id2label, scheme.label2id
        model = load_model(source, new_head=True, config=config)
        prefix: dict[str, Any] = {"add_prefix_space": True} if config.model_type in _PREFIX_SPACE else {}
        with quiet_transformers():
            tokenizer: Any = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False, **prefix)
        return cls(model, tokenizer, encoder_window(tokenizer, config, None))

    @property
    def max_tokens(self) -> int:
        """The most tokens of text in one input, without the special tokens."""
        return self.window - self.tokenizer.num_special_tokens_to_add()

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text that is split into words, without special tokens."""
        words = _split_text(text)
        return len(self._tokenize(words, add_special_tokens=False)["input_ids"]) if words else 0

    def tag(self, text: str, scheme: LabelScheme, overlap: int) -> list[Mention]:
        """Find the mentions of a text; a long text is read in windows that overlap by `overlap` tokens.

        A word's tag is that of its first token in the window with the most context on both sides, so
        that truncation, which the example does in training, costs no recall here.
        """
        import torch

        starts, ends = split_words(text)
        if not len(starts):
            return []
        overlap = min(overlap, self.max_tokens // 2)
        windows = {"truncation": True, "max_length": self.window, "stride": overlap, "return_overflowing_tokens": True}
        inputs = self._tokenize(_split_text(text), padding=True, return_tensors="pt", **windows)
        device = self.model.device
        self.model.train(False)
        with torch.inference_mode():
            output = self.model(
                input_ids=inputs["input_ids"].to(device), attention_mask=inputs["attention_mask"].to(device)
            )
        window_tags = output.logits.argmax(-1).tolist()
        tags = np.zeros(len(starts), dtype=np.int64)
        contexts = np.full(len(starts), -1)
        for window, token_tags in enumerate(window_tags):
            words = inputs.word_ids(window)
            length = sum(word is not None for word in words)
            for k, word in enumerate(words):
                is_first = word is not None and (k == 0 or words[k - 1] != word)
                context = min(k, length - k)
                if is_first and context > contexts[word]:
                    tags[word], contexts[word] = token_tags[k], context
        return [Mention(int(starts[a]), int(ends[b - 1]), label) for a, b, label in scheme.decode(tags)]

    def _tokenize(self, words: Sequence[str], **settings: Any) -> BatchEncoding:
        encoding: BatchEncoding = self.tokenizer(list(words), is_split_into_words=True, verbose=False, **settings)
        return encoding

    def training_rows(self, documents: Sequence[Document], scheme: LabelScheme) -> list[dict[str, list[int]]]:
        """Return input_ids, attention_mask and labels of each report that has a word."""
        rows = []
        for document in documents:
            starts, ends = split_words(document.text)
            if not len(starts):
                continue
            words = _split_text(document.text)
            inputs = self._tokenize(words, truncation=True, max_length=self.window)
            spans = _word_spans(document, starts, ends)
            labels = token_labels(spans, len(words), scheme, inputs.word_ids())
            row = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"], "labels": labels}
            rows.append(row)
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
        """Train with the Trainer's defaults, without saving checkpoints.

        Args:
            folder: the Trainer's output folder.
            on_cpu: use the CPU even if there is a GPU.
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


def token_labels(
    spans: Sequence[WordSpan], words: int, scheme: LabelScheme, word_ids: Sequence[int | None]
) -> list[int]:
    """Return a label for each token: the word's tag on its first token, -100 on all others."""
    tags = scheme.encode(spans, words)
    previous_ids = [None, *word_ids]
    return [
        IGNORED if word is None or word == previous else int(tags[word])
        for word, previous in zip(word_ids, previous_ids, strict=False)
    ]


def _word_spans(document: Document, starts: Any, ends: Any) -> list[WordSpan]:
    """Return the mentions as spans of words; a mention with an edge inside a word takes the whole word."""
    return [
        (int(np.searchsorted(ends, m.start, "right")), int(np.searchsorted(starts, m.end, "left")), m.label)
        for m in document.mentions
    ]


def _split_text(text: str) -> list[str]:
    return [text[start:end] for start, end in zip(*split_words(text), strict=True)]
