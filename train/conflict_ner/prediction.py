"""Runs a model over texts: windows in batches, one tag a word, entities out.

Training scores its epochs with this, evaluation its splits and the `Tagger` its users'
texts: there is no second way from a text to an entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from conflict_ner.batching import length_batches, pad
from conflict_ner.decoding import decode
from conflict_ner.document import Entity
from conflict_ner.encoding import Encoded, Ints, TextEncoder
from conflict_ner.labels import LabelScheme

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Logits = npt.NDArray[np.float32]
BATCH_TOKENS = 4096
CHUNK = 256  # texts encoded and held at a time: lengths sort well and memory stays flat


@dataclass(frozen=True, slots=True)
class _Window:
    """One input: the words that it decides, and where in it their leads stand."""

    index: int
    length: int  # tokens of text
    words: Ints
    positions: Ints


def _windows(encoded: Encoded, prefix: int) -> Iterator[_Window]:
    """The windows of a text that have any tokens; `prefix` special tokens stand before these."""
    words = np.flatnonzero(encoded.leads >= 0)
    leads = encoded.leads[words]
    # Owners ascend along the text, so each window's words are one run.
    runs = np.searchsorted(encoded.owners[leads], np.arange(len(encoded.windows) + 1))
    for index, (begin, end) in enumerate(encoded.windows):
        own = slice(runs[index], runs[index + 1])
        if begin < end:
            yield _Window(index, end - begin, words[own], leads[own] - begin + prefix)


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with what it needs to tag texts. Computes in fp32, on the model's device."""

    model: PreTrainedModel
    encoder: TextEncoder
    scheme: LabelScheme
    batch_tokens: int = BATCH_TOKENS

    def predict(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """The entities of each text, in the order of the texts, read as they are needed."""
        for chunk in _chunks(texts):
            yield from self._predict_chunk(chunk)

    def logits(self, texts: Iterable[str]) -> Iterator[tuple[Encoded, Logits]]:
        """What `predict` decides from: each text, aligned, and its words' logits, shape (W, tags).

        Words without a lead have zeros, which nobody reads. Texts are read as they are needed.
        """
        for chunk in _chunks(texts):
            encoded = self.encoder.encode(chunk)
            said = [np.zeros((len(e.word_starts), len(self.scheme.tags)), dtype=np.float32) for e in encoded]
            for chosen, logits in self._forward(encoded):
                values = logits.cpu().numpy()
                for row, (text, window) in enumerate(chosen):
                    said[text][window.words] = values[row, window.positions]
            yield from zip(encoded, said, strict=True)

    def _predict_chunk(self, texts: Sequence[str]) -> list[list[Entity]]:
        encoded = self.encoder.encode(texts)
        tags = [np.zeros(len(e.word_starts), dtype=np.int64) for e in encoded]
        scores = [np.zeros(len(e.word_starts), dtype=np.float32) for e in encoded]
        for chosen, logits in self._forward(encoded):
            probability, best = (part.cpu().numpy() for part in logits.softmax(-1).max(-1))
            for row, (text, window) in enumerate(chosen):
                tags[text][window.words] = best[row, window.positions]
                scores[text][window.words] = probability[row, window.positions]
        return [
            decode(text, e, tag, score, self.scheme)
            for text, e, tag, score in zip(texts, encoded, tags, scores, strict=True)
        ]

    def _forward(self, encoded: Sequence[Encoded]) -> Iterator[tuple[list[tuple[int, _Window]], torch.Tensor]]:
        """Batches of windows, each with the number of its text, and their logits, shape (rows, longest, tags)."""
        import torch

        jobs = [(text, window) for text, e in enumerate(encoded) for window in _windows(e, len(self.encoder.prefix))]
        for batch in length_batches([window.length for _, window in jobs], self.batch_tokens):
            chosen = [jobs[job] for job in batch]
            rows = [self.encoder.window_ids(encoded[text], window.index) for text, window in chosen]
            ids = pad(rows, self.encoder.tokenizer.pad_token_id or 0)
            mask = pad([[1] * len(row) for row in rows], 0)
            training = self.model.training
            self.model.train(False)
            with torch.inference_mode():
                device = self.model.device
                logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float()
            self.model.train(training)
            yield chosen, logits


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    source = iter(texts)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
