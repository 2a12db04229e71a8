"""Turn texts into input for an encoder: words, subword tokens, and windows of tokens.

The tokenizer gets the text as `normalization` returns it, which for ordinary text is the original,
as in plain transformers. Its tokens are aligned to our words by character offsets, and the offsets of
words are always in the original text. A word's *first subword* is the first token that begins with it:
the token at which its label is learned and predicted. A text longer than the encoder's window is split,
at word edges, into overlapping windows. Every first subword is *owned* by the window that gives it the
most context; only there is its label learned and predicted.

All positions are in tokens without the special ones. In shapes, W is the number of words and T of tokens.
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
from conflict_ner.modeling.model_files import longest_input
from conflict_ner.modeling.normalization import NormalizedText, normalize_all

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Ints = npt.NDArray[np.int64]
IGNORED = -100  # the label that PyTorch's cross entropy skips

_LINE_END = re.compile(r"\r\n?|\n")
_MIN_TOKENS = 8  # tokens of text in a window; in shorter ones almost every token would be in the overlap


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A tokenized text whose tokens are aligned to its words.

    word_starts, word_ends: character offsets in the original text, shape (W,).
    token_ids: ids without special tokens, shape (T,).
    first_subwords: the index of each word's first token, shape (W,); -1 if no token begins with the word.
    covering_words: for each word its own index; for a word without a first subword the earlier word whose
        token covers it, or -1 if the tokenizer dropped the word; shape (W,).
    windows: the range of tokens of each window, in order.
    owners: for each token the window that gives it the most context, shape (T,).
    paragraph_starts: the words that begin a paragraph: after a blank line, or after a tag of HTML that implies one.
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
    """Tokenizes texts and splits them into windows.

    tokenizer: truncates and pads nothing.
    window: longest input in tokens, special ones included.
    overlap: tokens that neighboring windows share, without special ones.
    prefix, suffix: ids of the special tokens before and after each input.
    """

    tokenizer: Tokenizer
    window: int
    overlap: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer, window: int, overlap: int) -> WindowTokenizer:
        """Create a window tokenizer, with the special tokens that the tokenizer puts around an input.

        Args:
            tokenizer: is changed to truncate and pad nothing, whatever its file configures.
            window: longest input in tokens, special ones included.
            overlap: tokens that neighboring windows share; at most half of a window is used.

        Raises:
            EncoderError: if the window leaves no room for text.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        text_ids = tokenizer.encode("a", add_special_tokens=False).ids
        input_ids = tokenizer.encode("a", add_special_tokens=True).ids
        begin = next((i for i in range(len(input_ids)) if input_ids[i : i + len(text_ids)] == text_ids), 0)
        prefix, suffix = tuple(input_ids[:begin]), tuple(input_ids[begin + len(text_ids) :])
        max_tokens = window - len(prefix) - len(suffix)
        if max_tokens < _MIN_TOKENS:
            raise EncoderError(f"encoding.window: {window} tokens leave no room for text")
        return cls(tokenizer, window, min(overlap, max_tokens // 2), prefix, suffix)

    @property
    def max_tokens(self) -> int:
        """The number of tokens of text that fit in one window."""
        return self.window - len(self.prefix) - len(self.suffix)

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts in bulk: they are tokenized in parallel and aligned together."""
        if not texts:
            return []
        normalized = normalize_all(texts)
        batch = self.tokenizer.encode_batch([text.text for text in normalized], add_special_tokens=False)
        counts = np.array([len(encoding) for encoding in batch], dtype=np.int64)
        total = int(counts.sum())
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in batch), np.int64, total)
        flat = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in batch))
        return self._align(normalized, counts, ids, np.fromiter(flat, np.int64, 2 * total).reshape(-1, 2))

    def window_ids(self, encoded: EncodedText, index: int) -> list[int]:
        """Return the input ids of one window, special tokens included."""
        begin, end = encoded.windows[index]
        return [*self.prefix, *encoded.token_ids[begin:end].tolist(), *self.suffix]

    def _align(self, texts: Sequence[NormalizedText], counts: Ints, ids: Ints, spans: Ints) -> list[EncodedText]:
        """Align tokens to words.

        Args:
            texts: the normalized texts.
            counts: the number of tokens of each text.
            ids: the token ids of all texts.
            spans: character offsets of these tokens, each in its own text, shape (tokens of all texts, 2).
        """
        # The texts are aligned as one, joined by line breaks, which are part of no word.
        joined = "\n".join(text.text for text in texts)
        lengths = np.array([len(text.text) for text in texts], dtype=np.int64)
        text_ends = np.cumsum(lengths + 1)
        text_starts = text_ends - lengths - 1
        starts, ends = split_words(joined)
        shifted = spans + np.repeat(text_starts, counts)[:, None]
        # Each token belongs to the first word that it overlaps; a token of white space belongs to none.
        first_word = np.searchsorted(ends, shifted[:, 0], side="right")
        word_begins = np.append(starts, len(joined))[first_word]  # no word begins after the last one
        overlaps = (word_begins < shifted[:, 1]) & (shifted[:, 0] < shifted[:, 1])
        tokens = np.flatnonzero(overlaps)[::-1]  # reversed, so that a word's first token is written last
        first_subwords = np.full(len(starts), -1, dtype=np.int64)
        first_subwords[first_word[tokens]] = tokens
        paragraph_starts = find_paragraph_starts(joined, starts)

        # Split again: offsets, tokens and words of each text count from its own beginning.
        word_edges = np.searchsorted(starts, np.append(text_starts, text_ends[-1]))
        token_edges = np.concatenate(([0], np.cumsum(counts)))
        paragraph_edges = np.searchsorted(paragraph_starts, word_edges)
        words = np.diff(word_edges)
        shift = np.repeat(text_starts, words)
        first_subwords = np.where(first_subwords >= 0, first_subwords - np.repeat(token_edges[:-1], words), -1)
        starts, ends = starts - shift, ends - shift
        word_indices = np.arange(len(starts)) - np.repeat(word_edges[:-1], words)
        has_uncovered_word = np.zeros(len(texts) + 1, dtype=bool)
        has_uncovered_word[np.searchsorted(word_edges, np.flatnonzero(first_subwords < 0), side="right") - 1] = True
        result = []
        for index, text in enumerate(texts):
            word_slice, token_slice = slice(*word_edges[index : index + 2]), slice(*token_edges[index : index + 2])
            paragraph_slice = slice(*paragraph_edges[index : index + 2])
            aligned = starts[word_slice], ends[word_slice], first_subwords[word_slice]
            windows = self._split(int(counts[index]), first_subwords[word_slice])
            covering = word_indices[word_slice]
            if has_uncovered_word[index]:
                covering = _covering_words(*aligned, spans[token_slice])
            word_starts, word_ends = text.original_offsets(*aligned[:2])
            result.append(
                EncodedText(
                    word_starts=word_starts,
                    word_ends=word_ends,
                    token_ids=ids[token_slice],
                    first_subwords=first_subwords[word_slice],
                    covering_words=covering,
                    windows=windows,
                    owners=_owners(int(counts[index]), windows),
                    paragraph_starts=paragraph_starts[paragraph_slice] - word_slice.start,
                )
            )
        return result

    def _split(self, tokens: int, first_subwords: Ints) -> tuple[tuple[int, int], ...]:
        """Return overlapping ranges of at most `max_tokens` tokens that begin and end at word edges."""
        if tokens <= self.max_tokens:
            return ((0, tokens),)
        edges = np.unique(np.append(first_subwords[first_subwords >= 0], tokens))
        windows, begin = [], 0
        while tokens - begin > self.max_tokens:
            limit = begin + self.max_tokens
            last_edge = edges[np.searchsorted(edges, limit, side="right") - 1]
            # A word longer than a window is split inside, because it has no edge in reach.
            end = int(last_edge) if last_edge > begin + self.overlap else limit
            windows.append((begin, end))
            earliest = end - self.overlap
            next_edge = np.searchsorted(edges, earliest, side="left")
            begin = int(edges[next_edge]) if next_edge < len(edges) and edges[next_edge] <= end else earliest
        return (*windows, (begin, tokens))


def encoder_window(tokenizer: PreTrainedTokenizerFast, model_config: Any, requested: int | None) -> int:
    """Return the longest input in tokens, special ones included: the encoder's limit, or less if requested.

    Raises:
        EncoderError: if more is requested than the encoder can take.
    """
    limit = longest_input(
        tokenizer.model_max_length,
        {name: getattr(model_config, name, None) for name in ("model_type", "max_position_embeddings", "pad_token_id")},
    )
    if requested is not None and requested > limit:
        raise EncoderError(f"encoding.window: {requested} is more than the {limit} tokens that the encoder takes")
    return requested or limit


def word_spans(encoded: EncodedText, mentions: Sequence[Mention]) -> tuple[list[WordSpan], list[Mention]]:
    """Return mentions as word spans, and the mentions with an edge inside a word (reported, never moved)."""
    aligned: list[WordSpan] = []
    unaligned: list[Mention] = []
    for mention in mentions:
        first = int(np.searchsorted(encoded.word_starts, mention.start))
        last = int(np.searchsorted(encoded.word_ends, mention.end))
        is_aligned = (
            first <= last < len(encoded.word_ends)
            and encoded.word_starts[first] == mention.start
            and encoded.word_ends[last] == mention.end
        )
        if is_aligned:
            aligned.append((first, last + 1, mention.label))
        else:
            unaligned.append(mention)
    return aligned, unaligned


def word_tags(encoded: EncodedText, mentions: Sequence[Mention], scheme: LabelScheme) -> tuple[TagIds, list[Mention]]:
    """Return the tag of each word, shape (W,), and the mentions with an edge inside a word.

    Words that such a mention touches have IGNORED: neither label would be true.
    """
    spans, unaligned = word_spans(encoded, mentions)
    tags = scheme.encode(spans, len(encoded.word_starts))
    for mention in unaligned:
        tags[(encoded.word_starts < mention.end) & (encoded.word_ends > mention.start)] = IGNORED
    return tags, unaligned


def training_windows(
    documents: Sequence[Document], window_tokenizer: WindowTokenizer, scheme: LabelScheme
) -> tuple[list[dict[str, list[int]]], list[tuple[Document, Mention]]]:
    """Return labeled windows for training, and the mentions that cannot be aligned to words.

    Each window is `{"input_ids": [...], "labels": [...]}`, both of the same length. Every word
    is labeled once, at its first subword, in the window that owns it, by `word_tags`.
    """
    windows: list[dict[str, list[int]]] = []
    unaligned: list[tuple[Document, Mention]] = []
    for document, encoded in zip(documents, window_tokenizer.encode([d.text for d in documents]), strict=True):
        tags, without_span = word_tags(encoded, document.mentions, scheme)
        unaligned += [(document, mention) for mention in without_span]
        windows += (window for window, _ in label_windows(encoded, tags, window_tokenizer))
    return windows, unaligned


def label_windows(
    encoded: EncodedText, tags: TagIds, window_tokenizer: WindowTokenizer
) -> Iterator[tuple[dict[str, list[int]], Ints]]:
    """Yield the windows that own at least one word with a label, each with the numbers of these words, in order.

    Args:
        tags: of each word, shape (W,); words with IGNORED have no label.
    """
    labeled_words = np.flatnonzero((encoded.first_subwords >= 0) & (tags != IGNORED))
    tokens = encoded.first_subwords[labeled_words]
    token_labels = np.full(len(encoded.token_ids), IGNORED, dtype=np.int64)
    token_labels[tokens] = tags[labeled_words]
    for index, (begin, end) in enumerate(encoded.windows):
        words = labeled_words[encoded.owners[tokens] == index]
        if not words.size:  # no text, or inside one very long word: nothing to learn from
            continue
        labels = np.where(encoded.owners[begin:end] == index, token_labels[begin:end], IGNORED)
        prefix, suffix = [IGNORED] * len(window_tokenizer.prefix), [IGNORED] * len(window_tokenizer.suffix)
        ids = window_tokenizer.window_ids(encoded, index)
        yield {"input_ids": ids, "labels": [*prefix, *labels.tolist(), *suffix]}, words


def _covering_words(starts: Ints, ends: Ints, first_subwords: Ints, spans: Ints) -> Ints:
    """Return `EncodedText.covering_words`; the loop is only over words without a first subword, which are few."""
    covering_words = np.arange(len(starts), dtype=np.int64)
    with_subword = np.flatnonzero(first_subwords >= 0)
    for word in np.flatnonzero(first_subwords < 0).tolist():
        next_index = int(np.searchsorted(with_subword, word))
        covering_words[word] = -1
        if next_index > 0:
            previous = int(with_subword[next_index - 1])
            stop = int(first_subwords[with_subword[next_index]]) if next_index < len(with_subword) else len(spans)
            tokens = spans[int(first_subwords[previous]) : stop]
            if ((tokens[:, 0] < ends[word]) & (tokens[:, 1] > starts[word])).any():
                covering_words[word] = previous
    return covering_words


def find_paragraph_starts(text: str, starts: Ints) -> Ints:
    """Return the words that follow a blank line; `starts` are the offsets of all words."""
    lines = np.array([match.start() for match in _LINE_END.finditer(text)], dtype=np.int64)
    line_of = np.searchsorted(lines, starts)
    return np.flatnonzero(np.diff(line_of, prepend=0) > 1)


def _owners(tokens: int, windows: Sequence[tuple[int, int]]) -> Ints:
    """Return for each token the window that gives it the most context.

    The context is the distance to the nearer edge of the window, edges of the text not counted.
    """
    owners = np.zeros(tokens, dtype=np.int64)
    if len(windows) == 1:
        return owners
    most_context = np.full(tokens, -1, dtype=np.int64)
    for index, (begin, end) in enumerate(windows):
        positions = np.arange(begin, end)
        left = positions - begin if begin > 0 else np.full(end - begin, tokens)
        right = end - 1 - positions if end < tokens else np.full(end - begin, tokens)
        context = np.minimum(left, right)
        is_better = context > most_context[begin:end]
        owners[begin:end][is_better] = index
        most_context[begin:end][is_better] = context[is_better]
    return owners
