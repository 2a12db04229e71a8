"""Runs a model over texts: windows in batches, one tag a word, entities out.

Training scores its epochs with this, evaluation its splits and the `Tagger` its users'
texts: there is no second way from a text to an entity.

Texts are taken a chunk at a time, so any number of them needs the memory of one chunk. Within it
windows of like length share a batch, results are gathered into one row a word, and only what
was found becomes an object. While a chunk is computed, the next is tokenized in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from conflict_ner.data.document import Entity
from conflict_ner.data.labels import LabelScheme
from conflict_ner.inference.decoding import decode
from conflict_ner.inference.runtime import Logits, Runtime
from conflict_ner.modeling.tokenization import Encoded, Ints, WindowTokenizer

CHUNK = 512  # texts, at most: enough for lengths to sort well
CHUNK_CHARACTERS = 1_000_000  # and no more text than this, unless one text has more


@dataclass(frozen=True, slots=True)
class _Window:
    """One input, and where its answers go.

    ids: of shape (length,), special tokens included.
    rows: the words that it decides, as rows of the chunk's logits.
    positions: where in the input their first_subwords stand.
    """

    ids: Ints
    rows: Ints
    positions: Ints


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with what it needs to tag texts.

    batch_tokens: padded tokens a batch; by default as the runtime likes it.
    """

    runtime: Runtime
    window_tokenizer: WindowTokenizer
    scheme: LabelScheme
    batch_tokens: int | None = None

    def predict(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """The entities of each text, in the order of the texts, read as they are needed."""
        for chunk, encoded in self._encoded(texts):
            logits = self._predict(encoded)
            best = logits.argmax(-1)
            # The softmax of the best tag, without those of the others.
            top = np.take_along_axis(logits, best[:, None], axis=-1)
            scores = 1 / np.exp(logits - top).sum(-1)
            yield from decode(chunk, encoded, best, scores, self.scheme)

    def logits(self, texts: Iterable[str]) -> Iterator[tuple[Encoded, Logits]]:
        """What `predict` decides from: each text, aligned, and its words' logits, shape (W, tags).

        Words without a first subword have zeros, which nobody reads. Texts are read as they are needed.
        """
        for _, encoded in self._encoded(texts):
            ends = np.cumsum([len(e.word_starts) for e in encoded])
            yield from zip(encoded, np.split(self._predict(encoded), ends[:-1]), strict=True)

    def _encoded(self, texts: Iterable[str]) -> Iterator[tuple[list[str], list[Encoded]]]:
        """Chunks of texts, aligned; each is tokenized while the one before it is computed.

        Only the tokenizing is done in the thread: texts may come from a source that is bound to
        the caller's own.
        """
        chunks = _chunks(texts)
        chunk = next(chunks, None)
        encoded = self.window_tokenizer.encode(chunk) if chunk else []
        with ThreadPoolExecutor(max_workers=1) as thread:  # starts with the second chunk, if there is one
            while chunk:
                following = next(chunks, None)
                ahead = thread.submit(self.window_tokenizer.encode, following) if following else None
                yield chunk, encoded
                chunk, encoded = following, ahead.result() if ahead else []

    def _predict(self, encoded: Sequence[Encoded]) -> Logits:
        """The logits of all words of a chunk, text after text; zeros for words without a first subword."""
        said = np.zeros((sum(len(e.word_starts) for e in encoded), len(self.scheme.tags)), dtype=np.float32)
        doubtful = list(self._run(self._windows(encoded), said, self.runtime.tie_margin))
        if doubtful:
            for _ in self._run(doubtful, said, 0.0, in_fp32=True):
                pass
        return said

    def _run(
        self, windows: Sequence[_Window], said: Logits, tie_margin: float, *, in_fp32: bool = False
    ) -> Iterator[_Window]:
        """Fill in the logits; yield the windows with a word whose best two tags are nearer than `tie_margin`."""
        tokens = self.batch_tokens or self.runtime.batch_tokens
        lengths = [len(window.ids) for window in windows]
        unpadded = self.runtime.padding is None
        batches = [[windows[i] for i in batch] for batch in length_batches(lengths, tokens, unpadded=unpadded)]
        for chosen, logits in zip(batches, self._forward(batches, in_fp32=in_fp32), strict=True):
            counts = [len(window.rows) for window in chosen]
            inputs = np.repeat(np.arange(len(chosen)), counts)
            read = logits[inputs, np.concatenate([window.positions for window in chosen])]
            said[np.concatenate([window.rows for window in chosen])] = read
            if tie_margin:
                second, first = np.partition(read, -2, axis=-1)[:, -2:].T
                yield from (chosen[index] for index in np.unique(inputs[first - second < tie_margin]))

    def _forward(self, batches: Sequence[Sequence[_Window]], *, in_fp32: bool) -> Iterator[Logits]:
        """The model's answer to each batch, in order, of shape (rows, length, tags)."""
        ask = self.runtime.logits_fp32 if in_fp32 else self.runtime.logits

        def answer(batch: Sequence[_Window]) -> Logits:
            return ask(*self._padded(batch))

        if self.runtime.workers == 1 or len(batches) == 1:
            yield from map(answer, batches)
            return
        with ThreadPoolExecutor(self.runtime.workers) as threads, self.runtime.parallel():
            yield from threads.map(answer, batches)

    def _padded(self, windows: Sequence[_Window]) -> tuple[Ints, Ints]:
        lengths = np.array([len(window.ids) for window in windows])
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        ids = np.full(mask.shape, self.runtime.padding or 0, dtype=np.int64)
        ids[mask == 1] = np.concatenate([window.ids for window in windows])
        return ids, mask

    def _windows(self, encoded: Sequence[Encoded]) -> list[_Window]:
        """The windows of a chunk that have any words to decide."""
        prefix, suffix = (
            np.array(part, dtype=np.int64) for part in (self.window_tokenizer.prefix, self.window_tokenizer.suffix)
        )
        windows, row = [], 0
        for e in encoded:
            words = np.flatnonzero(e.first_subwords >= 0)
            first_subwords = e.first_subwords[words]
            # Owners ascend along the text, so each window's words are one run.
            runs = np.searchsorted(e.owners[first_subwords], np.arange(len(e.windows) + 1))
            for index, (begin, end) in enumerate(e.windows):
                own = slice(runs[index], runs[index + 1])
                if own.start < own.stop:
                    ids = np.concatenate((prefix, e.token_ids[begin:end], suffix))
                    windows.append(_Window(ids, row + words[own], first_subwords[own] - begin + len(prefix)))
            row += len(e.word_starts)
        return windows


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    characters = 0
    for text in texts:
        if chunk and (len(chunk) == CHUNK or characters + len(text) > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
    if chunk:
        yield chunk


def length_batches(lengths: Sequence[int], batch_tokens: int, *, unpadded: bool = False) -> Iterator[list[int]]:
    """Yield indices in batches, longest first, each of at most `batch_tokens` padded tokens (or one index).

    Args:
        unpadded: only indices of one length share a batch, so that nothing is padded.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    for index in order:
        full = batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens
        if full or (unpadded and batch and lengths[index] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
