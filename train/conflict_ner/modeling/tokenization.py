"""From text to what an encoder reads: words, subword tokens, and windows over them.

The tokenizer sees the text as `normalization` reads it, which for ordinary text is the text
given, as in plain transformers. Its tokens are aligned to our words by character offsets, and
the words' own offsets are always of the text given. A word's *first subword* is the first token that begins
with it: the place where its label is learned and read. A text longer than the encoder's
window is cut, at word edges, into overlapping windows; every first subword is *owned* by the
window that shows it the most context, counts once in training and is read once after.

All positions are in tokens without the special ones; shapes are given with
W words, T tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.labels import LabelScheme, TagIds, WordSpan
from conflict_ner.data.words import split_words
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.normalization import NormalizedText, normalize_all

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Ints = npt.NDArray[np.int64]
IGNORED = -100  # the label that PyTorch's cross entropy skips

# Position embeddings of these begin past the padding id; those before it are never used.
_SHIFTED_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl", "data2vec-text"}
_LINE_END = re.compile(r"\r\n?|\n")
_LEAST_TOKENS = 8  # tokens of text, below which windows would be all overlap
_NO_LIMIT = 100_000  # tokenizers without a limit of their own give an astronomic one


@dataclass(frozen=True, slots=True)
class EncodedText:
    """One text, aligned.

    word_starts, word_ends: character offsets in the text given, shape (W,).
    token_ids: shape (T,), no special tokens.
    first_subwords: each word's first token, shape (W,); -1 where no token begins with the word.
    covering_words: each word's own index, or for a word without first subword the earlier word whose
        token covers it, or -1 if the tokenizer dropped the word; shape (W,).
    windows: token ranges, in order.
    owners: the window that shows each token the most context, shape (T,).
    paragraph_starts: words that begin a paragraph: after a blank line, or a tag of HTML that makes one.
    """

    word_starts: Ints
    word_ends: Ints
    token_ids: Ints
    first_subwords: Ints
    covering_words: Ints
    windows: tuple[tuple[int, int], ...]
    owners: Ints
    paragraph_starts: Ints


@dataclass(frozen=True, slots=True)
class WindowTokenizer:
    """Encodes texts for one tokenizer. `window` counts the special tokens, `overlap` does not."""

    tokenizer: Tokenizer
    window: int
    overlap: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer, window: int, overlap: int) -> WindowTokenizer:
        """Find the special tokens around an input by looking at one.

        Args:
            tokenizer: ours from now on. It will truncate and pad nothing, whatever its file asks for.

        Raises:
            EncoderError: if the window leaves no room for text.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        bare = tokenizer.encode("a", add_special_tokens=False).ids
        full = tokenizer.encode("a", add_special_tokens=True).ids
        at = next((i for i in range(len(full)) if full[i : i + len(bare)] == bare), 0)
        prefix, suffix = tuple(full[:at]), tuple(full[at + len(bare) :])
        max_tokens = window - len(prefix) - len(suffix)
        if max_tokens < _LEAST_TOKENS:
            raise EncoderError(f"encoding.window: {window} tokens leave no room for text")
        return cls(tokenizer, window, min(overlap, max_tokens // 2), prefix, suffix)

    @property
    def max_tokens(self) -> int:
        """Tokens of text that fit one window."""
        return self.window - len(self.prefix) - len(self.suffix)

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts in bulk: tokenized in parallel, aligned all at once."""
        if not texts:
            return []
        normalized = normalize_all(texts)
        batch = self.tokenizer.encode_batch([each.text for each in normalized], add_special_tokens=False)
        counts = np.array([len(encoding) for encoding in batch], dtype=np.int64)
        total = int(counts.sum())
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in batch), np.int64, total)
        flat = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in batch))
        return self._align(normalized, counts, ids, np.fromiter(flat, np.int64, 2 * total).reshape(-1, 2))

    def window_ids(self, encoded: EncodedText, index: int) -> list[int]:
        """The input ids of one window, special tokens included."""
        begin, end = encoded.windows[index]
        return [*self.prefix, *encoded.token_ids[begin:end].tolist(), *self.suffix]

    def _align(self, texts: Sequence[NormalizedText], counts: Ints, ids: Ints, spans: Ints) -> list[EncodedText]:
        """Align tokens to words; `ids` and `spans` are of all texts, `counts` tokens a text."""
        # As one text, parted by line breaks, which are part of no word.
        joined = "\n".join(each.text for each in texts)
        lengths = np.array([len(each.text) for each in texts], dtype=np.int64)
        text_ends = np.cumsum(lengths + 1)
        text_starts = text_ends - lengths - 1
        starts, ends = split_words(joined)
        shifted = spans + np.repeat(text_starts, counts)[:, None]
        # Each token belongs to the first word it overlaps; tokens of nothing but space to none.
        first_word = np.searchsorted(ends, shifted[:, 0], side="right")
        word_begins = np.append(starts, len(joined))[first_word]  # past the last word none begins
        overlaps = (word_begins < shifted[:, 1]) & (shifted[:, 0] < shifted[:, 1])
        tokens = np.flatnonzero(overlaps)[::-1]  # reversed, so that a word's first token is written last
        first_subwords = np.full(len(starts), -1, dtype=np.int64)
        first_subwords[first_word[tokens]] = tokens
        paragraph_starts = _paragraph_starts(joined, starts)

        # And apart again: offsets, tokens and words of each text count from its own beginning.
        word_edges = np.searchsorted(starts, np.append(text_starts, text_ends[-1]))
        token_edges = np.concatenate(([0], np.cumsum(counts)))
        words = np.diff(word_edges)
        shift = np.repeat(text_starts, words)
        first_subwords = np.where(first_subwords >= 0, first_subwords - np.repeat(token_edges[:-1], words), -1)
        starts, ends = starts - shift, ends - shift
        covering_words = np.arange(len(starts)) - np.repeat(word_edges[:-1], words)
        lost = set(np.searchsorted(word_edges, np.flatnonzero(first_subwords < 0), side="right").tolist())
        owners = np.zeros(len(ids), dtype=np.int64)
        result = []
        first_breaks = np.searchsorted(paragraph_starts, word_edges)
        for text, source in enumerate(texts):
            own, inside = slice(*word_edges[text : text + 2]), slice(*token_edges[text : text + 2])
            begin = paragraph_starts[slice(*first_breaks[text : text + 2])] - own.start
            aligned = starts[own], ends[own], first_subwords[own]
            carried = _covering_words(*aligned, spans[inside]) if text + 1 in lost else covering_words[own]
            windows, owner = self._cut(int(counts[text]), first_subwords[own]), owners[inside]
            if len(windows) > 1:
                owner = _owners(int(counts[text]), windows)
            given = source.given(*aligned[:2])
            result.append(EncodedText(*given, ids[inside], aligned[2], carried, windows, owner, begin))
        return result

    def _cut(self, tokens: int, first_subwords: Ints) -> tuple[tuple[int, int], ...]:
        """Ranges of at most `max_tokens` tokens that overlap and begin and end at word edges."""
        if tokens <= self.max_tokens:
            return ((0, tokens),)
        edges = np.unique(np.append(first_subwords[first_subwords >= 0], tokens))  # where a window may begin or end
        windows, begin = [], 0
        while tokens - begin > self.max_tokens:
            limit = begin + self.max_tokens
            at = edges[np.searchsorted(edges, limit, side="right") - 1]
            # A word longer than that has no edge to cut at: it is cut where it must be.
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


def word_spans(encoded: EncodedText, mentions: Sequence[Mention]) -> tuple[list[WordSpan], list[Mention]]:
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
    documents: Sequence[Document], window_tokenizer: WindowTokenizer, scheme: LabelScheme
) -> tuple[list[dict[str, list[int]]], list[tuple[Document, Mention]]]:
    """Windows with labels to learn from, and the mentions that cannot be aligned to words.

    Each window is `{"input_ids": [...], "labels": [...]}` of equal lengths. Every word
    carries its label once, on its first subword, in the window that owns it. Words that an
    unaligned mention touches are left out of the loss: neither label would be true.
    """
    windows: list[dict[str, list[int]]] = []
    unaligned: list[tuple[Document, Mention]] = []
    for document, encoded in zip(documents, window_tokenizer.encode([d.text for d in documents]), strict=True):
        spans, astray = word_spans(encoded, document.mentions)
        unaligned += [(document, mention) for mention in astray]
        tags = scheme.encode(spans, len(encoded.word_starts))
        for mention in astray:
            tags[(encoded.word_starts < mention.end) & (encoded.word_ends > mention.start)] = IGNORED
        windows += _labeled(encoded, tags, window_tokenizer)
    return windows, unaligned


def _labeled(encoded: EncodedText, tags: TagIds, window_tokenizer: WindowTokenizer) -> Iterator[dict[str, list[int]]]:
    has_first_subword = encoded.first_subwords >= 0
    labels = np.full(len(encoded.token_ids), IGNORED, dtype=np.int64)
    labels[encoded.first_subwords[has_first_subword]] = tags[has_first_subword]
    for index, (begin, end) in enumerate(encoded.windows):
        own = np.where(encoded.owners[begin:end] == index, labels[begin:end], IGNORED)
        if (own == IGNORED).all():  # no text, or inside one giant word: nothing to learn from
            continue
        before, after = [IGNORED] * len(window_tokenizer.prefix), [IGNORED] * len(window_tokenizer.suffix)
        yield {"input_ids": window_tokenizer.window_ids(encoded, index), "labels": [*before, *own.tolist(), *after]}


def _covering_words(starts: Ints, ends: Ints, first_subwords: Ints, spans: Ints) -> Ints:
    """See `EncodedText.covering_words`. Only words without a first subword need looking at; there are few."""
    covering_words = np.arange(len(starts), dtype=np.int64)
    with_subword = np.flatnonzero(first_subwords >= 0)
    for word in np.flatnonzero(first_subwords < 0).tolist():
        after = int(np.searchsorted(with_subword, word))
        covering_words[word] = -1
        if after > 0:
            before = int(with_subword[after - 1])
            stop = int(first_subwords[with_subword[after]]) if after < len(with_subword) else len(spans)
            tokens = spans[int(first_subwords[before]) : stop]
            if ((tokens[:, 0] < ends[word]) & (tokens[:, 1] > starts[word])).any():
                covering_words[word] = before
    return covering_words


def _paragraph_starts(text: str, starts: Ints) -> Ints:
    """The words before which a blank line stands."""
    lines = np.array([match.start() for match in _LINE_END.finditer(text)], dtype=np.int64)
    line_of = np.searchsorted(lines, starts)
    return np.flatnonzero(np.diff(line_of, prepend=0) > 1)


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
