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

from conflict_ner.batching import length_batches, pad
from conflict_ner.decoding import Floats, decode
from conflict_ner.document import Entity
from conflict_ner.encoding import Encoded, Ints, TextEncoder
from conflict_ner.labels import LabelScheme, TagIds

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH_TOKENS = 4096
CHUNK = 256  # texts encoded and held at a time: lengths sort well and memory stays flat


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with what it needs to tag texts. Computes in fp32, on the model's device."""

    model: PreTrainedModel
    encoder: TextEncoder
    scheme: LabelScheme
    batch_tokens: int = BATCH_TOKENS

    def predict(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """The entities of each text, in the order of the texts, read as they are needed."""
        source = iter(texts)
        while chunk := list(islice(source, CHUNK)):
            yield from self._predict_chunk(chunk)

    def _predict_chunk(self, texts: Sequence[str]) -> list[list[Entity]]:
        encoded = self.encoder.encode(texts)
        tags = [np.zeros(len(e.word_starts), dtype=np.int64) for e in encoded]
        scores = [np.zeros(len(e.word_starts), dtype=np.float32) for e in encoded]
        jobs = [(text, index) for text, e in enumerate(encoded) for index, (a, b) in enumerate(e.windows) if a < b]
        lengths = [encoded[text].windows[index][1] - encoded[text].windows[index][0] for text, index in jobs]
        for batch in length_batches(lengths, self.batch_tokens):
            best, probability = self._forward(
                [self.encoder.window_ids(encoded[t], w) for t, w in map(jobs.__getitem__, batch)]
            )
            for row, (text, index) in enumerate(map(jobs.__getitem__, batch)):
                words, positions = self._owned(encoded[text], index)
                tags[text][words] = best[row, positions]
                scores[text][words] = probability[row, positions]
        return [
            decode(text, e, tag, score, self.scheme)
            for text, e, tag, score in zip(texts, encoded, tags, scores, strict=True)
        ]

    def _owned(self, encoded: Encoded, index: int) -> tuple[Ints, Ints]:
        """The words that a window decides, and their leads' positions in its input."""
        words = np.flatnonzero(encoded.leads >= 0)
        if len(encoded.windows) > 1:
            words = words[encoded.owners[encoded.leads[words]] == index]
        return words, encoded.leads[words] - encoded.windows[index][0] + len(self.encoder.prefix)

    def _forward(self, rows: Sequence[Sequence[int]]) -> tuple[TagIds, Floats]:
        """The best tag and its probability at every position, each of shape (rows, longest)."""
        import torch

        ids = pad(rows, self.encoder.tokenizer.pad_token_id or 0)
        mask = pad([[1] * len(row) for row in rows], 0)
        training = self.model.training
        self.model.train(False)
        with torch.inference_mode():
            device = self.model.device
            logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float()
            probability, best = logits.softmax(-1).max(-1)
        self.model.train(training)
        return best.cpu().numpy(), probability.cpu().numpy()
