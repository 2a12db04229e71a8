"""From text to what an encoder reads: words, subword tokens, and windows over them.

The tokenizer sees the raw text, exactly as in plain transformers, and its tokens are
aligned to our words by character offsets. A word's *lead* is the first token that begins
with it: the place where its label is learned and read. A text longer than the encoder's
window is cut, at word edges, into overlapping windows; every lead is *owned* by the
window that shows it the most context, counts once in training and is read once after.

All positions are in tokens without the special ones; shapes are given with
W words, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conflict_ner.document import Document, Mention
from conflict_ner.errors import EncoderError
from conflict_ner.labels import LabelScheme, TagIds, WordSpan
from conflict_ner.words import split_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Ints = npt.NDArray[np.int64]
IGNORED = -100  # the label that PyTorch's cross entropy skips

# Position embeddings of these begin past the padding id; those before it are never used.
_SHIFTED_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl", "data2vec-text"}
_LEAST_ROOM = 8  # tokens of text, below which windows would be all overlap
_NO_LIMIT = 100_000  # tokenizers without a limit of their own give an astronomic one


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text, aligned.

    word_starts, word_ends: character offsets, shape (W,).
    token_ids: shape (T,), no special tokens.
    leads: each word's first token, shape (W,); -1 where no token begins with the word.
    carriers: each word's own index, or for a word without lead the earlier word whose
        token covers it, or -1 if the tokenizer dropped the word; shape (W,).
    windows: token ranges, in order.
    owners: the window that shows each token the most context, shape (T,).
    """

    word_starts: Ints
    word_ends: Ints
    token_ids: Ints
    leads: Ints
    carriers: Ints
    windows: tuple[tuple[int, int], ...]
    owners: Ints


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """Encodes texts for one tokenizer. `window` counts the special tokens, `overlap` does not."""

    tokenizer: PreTrainedTokenizerFast
    window: int
    overlap: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @classmethod
    def make(cls, tokenizer: PreTrainedTokenizerFast, window: int, overlap: int) -> TextEncoder:
        """Find the special tokens around an input by looking at one.

        Raises:
            EncoderError: if the window leaves no room for text.
        """
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        full = tokenizer("a", add_special_tokens=True)["input_ids"]
        at = next((i for i in range(len(full)) if full[i : i + len(bare)] == bare), 0)
        prefix, suffix = tuple(full[:at]), tuple(full[at + len(bare) :])
        room = window - len(prefix) - len(suffix)
        if room < _LEAST_ROOM:
            raise EncoderError(f"encoding.window: {window} tokens leave no room for text")
        return cls(tokenizer, window, min(overlap, room // 2), prefix, suffix)

    @property
    def room(self) -> int:
        """Tokens of text that fit one window."""
        return self.window - len(self.prefix) - len(self.suffix)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode texts in bulk; nothing is truncated, whatever a tokenizer's file asks for."""
        if not texts:
            return []
        options = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
        batch = self.tokenizer(list(texts), truncation=False, padding=False, **options)
        return [
            self._align(text, ids, offsets)
            for text, ids, offsets in zip(texts, batch["input_ids"], batch["offset_mapping"], strict=True)
        ]

    def window_ids(self, encoded: Encoded, index: int) -> list[int]:
        """The input ids of one window, special tokens included."""
        begin, end = encoded.windows[index]
        return [*self.prefix, *encoded.token_ids[begin:end].tolist(), *self.suffix]

    def save_tokenizer(self, folder: Path) -> None:
        """Write the tokenizer as a checkpoint's: limited to our window, truncating nothing by itself."""
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.model_max_length = self.window
        self.tokenizer.save_pretrained(folder)

    def _align(self, text: str, ids: list[int], offsets: list[tuple[int, int]]) -> Encoded:
        starts, ends = split_words(text)
        spans = np.array(offsets, dtype=np.int64).reshape(-1, 2)
        # Each token belongs to the first word it overlaps; tokens of nothing but space to none.
        first_word = np.searchsorted(ends, spans[:, 0], side="right")
        word_begins = np.append(starts, len(text))[first_word]  # past the last word none begins
        overlaps = (word_begins < spans[:, 1]) & (spans[:, 0] < spans[:, 1])
        leads = np.full(len(starts), -1, dtype=np.int64)
        tokens = np.flatnonzero(overlaps)[::-1]  # reversed, so that a word's first token is written last
        leads[first_word[tokens]] = tokens
        carriers = _carriers(starts, ends, leads, spans)
        edges = np.unique(np.append(leads[leads >= 0], len(ids)))  # where a window may begin or end
        windows = self._cut(len(ids), edges)
        array = np.array(ids, dtype=np.int64)
        return Encoded(starts, ends, array, leads, carriers, windows, _owners(len(ids), windows))

    def _cut(self, tokens: int, edges: Ints) -> tuple[tuple[int, int], ...]:
        """Ranges of at most `room` tokens that overlap and begin and end at word edges."""
        windows, begin = [], 0
        while tokens - begin > self.room:
            limit = begin + self.room
            at = edges[np.searchsorted(edges, limit, side="right") - 1] if len(edges) else 0
            # A word longer than the room has no edge to cut at: it is cut where it must be.
            end = int(at) if at > begin + self.overlap else limit
            windows.append((begin, end))
            wanted = end - self.overlap
            after = np.searchsorted(edges, wanted, side="left")
            begin = int(edges[after]) if after < len(edges) and edges[after] <= end else wanted
        return (*windows, (begin, tokens))


def encoder_window(tokenizer: PreTrainedTokenizerFast, model_config: Any, wanted: int | None) -> int:
    """The longest input, special tokens included: the encoder's own limit, or less if wanted.

    Raises:
        EncoderError: if more is wanted than the encoder can take.
    """
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < _NO_LIMIT else []
    positions = getattr(model_config, "max_position_embeddings", None)
    if positions and positions > 0:
        shifted = model_config.model_type in _SHIFTED_POSITIONS
        limits.append(positions - ((model_config.pad_token_id or 0) + 1 if shifted else 0))
    limit = min(limits, default=512)
    if wanted is not None and wanted > limit:
        raise EncoderError(f"encoding.window: {wanted} is more than the {limit} tokens that the encoder takes")
    return wanted or limit


def word_spans(encoded: Encoded, mentions: Sequence[Mention]) -> tuple[list[WordSpan], list[Mention]]:
    """Mentions as word spans, and those whose edges fall inside a word (reported, never moved)."""
    aligned: list[WordSpan] = []
    unaligned: list[Mention] = []
    for mention in mentions:
        first = int(np.searchsorted(encoded.word_starts, mention.start))
        last = int(np.searchsorted(encoded.word_ends, mention.end))
        fits = (
            first <= last < len(encoded.word_ends)
            and encoded.word_starts[first] == mention.start
            and encoded.word_ends[last] == mention.end
        )
        if fits:
            aligned.append((first, last + 1, mention.label))
        else:
            unaligned.append(mention)
    return aligned, unaligned


def training_windows(
    documents: Sequence[Document], encoder: TextEncoder, scheme: LabelScheme
) -> tuple[list[dict[str, list[int]]], list[tuple[Document, Mention]]]:
    """Windows with labels to learn from, and the mentions that cannot be aligned to words.

    Each window is `{"input_ids": [...], "labels": [...]}` of equal lengths. Every word
    carries its label once, on its lead, in the window that owns it. Words that an
    unaligned mention touches are left out of the loss: neither label would be true.
    """
    windows: list[dict[str, list[int]]] = []
    unaligned: list[tuple[Document, Mention]] = []
    for document, encoded in zip(documents, encoder.encode([d.text for d in documents]), strict=True):
        spans, astray = word_spans(encoded, document.mentions)
        unaligned += [(document, mention) for mention in astray]
        tags = scheme.encode(spans, len(encoded.word_starts))
        for mention in astray:
            tags[(encoded.word_starts < mention.end) & (encoded.word_ends > mention.start)] = IGNORED
        windows += _labeled(encoded, tags, encoder)
    return windows, unaligned


def _labeled(encoded: Encoded, tags: TagIds, encoder: TextEncoder) -> Iterator[dict[str, list[int]]]:
    has_lead = encoded.leads >= 0
    labels = np.full(len(encoded.token_ids), IGNORED, dtype=np.int64)
    labels[encoded.leads[has_lead]] = tags[has_lead]
    for index, (begin, end) in enumerate(encoded.windows):
        own = np.where(encoded.owners[begin:end] == index, labels[begin:end], IGNORED)
        if (own == IGNORED).all():  # no text, or inside one giant word: nothing to learn from
            continue
        before, after = [IGNORED] * len(encoder.prefix), [IGNORED] * len(encoder.suffix)
        yield {"input_ids": encoder.window_ids(encoded, index), "labels": [*before, *own.tolist(), *after]}


def _carriers(starts: Ints, ends: Ints, leads: Ints, spans: Ints) -> Ints:
    """See `Encoded.carriers`. Only words without a lead need looking at; there are few."""
    carriers = np.arange(len(starts), dtype=np.int64)
    led = np.flatnonzero(leads >= 0)
    for word in np.flatnonzero(leads < 0).tolist():
        after = int(np.searchsorted(led, word))
        carriers[word] = -1
        if after > 0:
            before = int(led[after - 1])
            stop = int(leads[led[after]]) if after < len(led) else len(spans)
            tokens = spans[int(leads[before]) : stop]
            if ((tokens[:, 0] < ends[word]) & (tokens[:, 1] > starts[word])).any():
                carriers[word] = before
    return carriers


def _owners(tokens: int, windows: Sequence[tuple[int, int]]) -> Ints:
    """For each token the window where the nearer edge that is not the text's is farthest."""
    owners = np.zeros(tokens, dtype=np.int64)
    best = np.full(tokens, -1, dtype=np.int64)
    for index, (begin, end) in enumerate(windows):
        at = np.arange(begin, end)
        left = at - begin if begin > 0 else np.full(end - begin, tokens)
        right = end - 1 - at if end < tokens else np.full(end - begin, tokens)
        context = np.minimum(left, right)
        better = context > best[begin:end]
        owners[begin:end][better] = index
        best[begin:end][better] = context[better]
    return owners
