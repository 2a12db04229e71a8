"""Decodes word tags into entities, for training, evaluation and inference alike.

It decodes as `transformers.pipeline` does with `aggregation_strategy="first"`, with four differences.
The tags are those of the most probable whole mentions (`viterbi`) and not each word's best, except for
models that were trained elsewhere. Words are those of `words.split_words`, which may end inside one of the
tokenizer's words. No entity continues across a blank line. And no entity begins or ends with a
punctuation mark that belongs to the sentence around it: a comma, a hyphen, a bracket or quote without its
other half. For the labels of our guidelines that is any mark that `check` refuses at the edge of a labeled
mention (`data.edges`). For other labels full stops and exclamation marks stay, because they can be part of
a name. An entity that consists of nothing but marks stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from conflict_ner.data.document import Entity
from conflict_ner.data.edges import has_loose_beginning, has_loose_end
from conflict_ner.data.labels import OUTSIDE, LabelScheme, TagIds
from conflict_ner.data.validation import guidelines_apply
from conflict_ner.modeling.normalization import normalize
from conflict_ner.modeling.tokenization import EncodedText

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_OPENED_BY = {closing: opening for opening, closing in _CLOSED_BY.items()}
_QUOTES = frozenset("\"'")
_SEPARATORS = frozenset(",;:/-")


def decode(
    texts: Sequence[str], encoded: Sequence[EncodedText], tags: TagIds, scores: Float32, scheme: LabelScheme
) -> list[list[Entity]]:
    """Return the entities of each text, in order; they do not overlap.

    All texts are decoded together in arrays; only entities become objects.

    Args:
        tags: the chosen tag of each word of all texts, one text after the other, shape (words of all texts,);
            tags of words without a first subword are not read.
        scores: the tags' probabilities, same shape. An entity's score is the mean over its words with a
            first subword.
    """
    found: list[list[Entity]] = [[] for _ in texts]
    if not tags.size:
        return found
    counts = np.array([len(e.word_starts) for e in encoded])
    first_subwords, starts, ends = (
        np.concatenate([getattr(e, name) for e in encoded]) for name in ("first_subwords", "word_starts", "word_ends")
    )
    has_first_subword = first_subwords >= 0
    text_ends = np.cumsum(counts)
    breaks = [e.paragraph_starts + begin for e, begin in zip(encoded, (text_ends - counts).tolist(), strict=True)]
    first_words, past_words, labels = scheme.decode_arrays(
        _filled(encoded, tags, has_first_subword, counts, scheme), np.concatenate((text_ends, *breaks))
    )
    if not first_words.size:
        return found
    owners = np.repeat(np.arange(len(texts)), counts)[first_words].tolist()
    first_words, past_words, is_kept = _trimmed(
        [texts[owner] for owner in owners], starts, ends, has_first_subword, first_words, past_words,
        guidelines=guidelines_apply(None, scheme.labels),
    )  # fmt: skip
    # `reduceat` sums over each span and over the gap after it; the sums over gaps are dropped.
    edges = np.column_stack((first_words, past_words)).ravel()
    weights = np.append(has_first_subword, False)
    totals = np.add.reduceat(np.append(scores, 0.0) * weights, edges)[::2]
    word_counts = np.add.reduceat(weights.astype(np.float64), edges)[::2]
    rows = zip(
        owners, labels.tolist(), starts[first_words].tolist(), ends[past_words - 1].tolist(),
        (totals / word_counts).tolist(), is_kept.tolist(), strict=True,
    )  # fmt: skip
    for owner, label, start, end, score, kept in rows:
        if kept:
            found[owner].append(Entity(scheme.labels[label], texts[owner][start:end], start, end, score))
    return found


def _trimmed(
    texts: Sequence[str], starts: Ints, ends: Ints, has_first_subword: npt.NDArray[np.bool_],
    first_words: Ints, past_words: Ints, *, guidelines: bool,
) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:  # fmt: skip
    """Return spans without the punctuation marks at their edges that belong to the sentence around them.

    The last array tells which spans are entities: by the labeling guidelines a mark alone (`-`) is none.

    Args:
        texts: the text of each span.
        starts, ends, has_first_subword: of all words.
        first_words, past_words: of each span, the index of its first word and that after its last word.
        guidelines: leave out every mark that the labeling guidelines leave outside a mention.
    """
    first_words, past_words = first_words.copy(), past_words.copy()
    is_kept = np.ones(len(first_words), dtype=np.bool_)
    edges = zip(texts, starts[first_words].tolist(), ends[past_words - 1].tolist(), strict=True)
    # Few spans begin or end with anything but a letter or a digit.
    with_marks = [k for k, (text, a, b) in enumerate(edges) if not (text[a].isalnum() and text[b - 1].isalnum())]
    for k in with_marks:
        words = range(int(first_words[k]), int(past_words[k]))
        normalized = [normalize(texts[k][starts[word] : ends[word]]).text for word in words]
        spaced = [ends[word] < starts[word + 1] for word in words[:-1]]
        before, after = _count_loose_marks(normalized, spaced, guidelines=guidelines)
        # At least one of the remaining words must have a score.
        if has_first_subword[first_words[k] + before : past_words[k] - after].any():
            first_words[k] += before
            past_words[k] -= after
        span = texts[k][starts[first_words[k]] : ends[past_words[k] - 1]]
        is_kept[k] = not (guidelines and (has_loose_beginning(span) or has_loose_end(span)))
    return first_words, past_words, is_kept


def _count_loose_marks(words: Sequence[str], spaced: Sequence[bool], *, guidelines: bool) -> tuple[int, int]:
    """Count the marks at the beginning and at the end of a span that do not belong to it.

    Args:
        spaced: whether white space follows each word but the last.
        guidelines: as in `_trimmed`.
    """
    first, last = 0, len(words)
    if not any(word[:1].isalnum() for word in words):
        return 0, 0
    while last - first > 1:
        inside = words[first:last]
        gaps = [" " if space else "" for space in spaced[first : last - 1]]
        span = "".join(chain.from_iterable(zip(inside, [*gaps, ""], strict=True)))
        if _is_loose(inside[-1], inside, _OPENED_BY, _CLOSED_BY) or (guidelines and has_loose_end(span)):
            last -= 1
        elif _is_loose_before(inside, spaced=spaced[first]) or (guidelines and has_loose_beginning(span)):
            first += 1
        else:
            break
    return first, len(words) - last


def _is_loose_before(inside: Sequence[str], *, spaced: bool) -> bool:
    """Return whether the mark at the beginning belongs to the sentence; in `-5` and `.223 rifle` it does not."""
    if inside[0] in "-.":
        return spaced or (inside[0] == "-" and inside[1][0].isalpha())
    return _is_loose(inside[0], inside, _CLOSED_BY, _OPENED_BY)


def _is_loose(mark: str, inside: Sequence[str], pairs: Mapping[str, str], reversed_pairs: Mapping[str, str]) -> bool:
    """Return whether a mark at one edge of a span belongs to the sentence.

    Args:
        pairs: the brackets that may stand at this edge, each with its other half.
        reversed_pairs: the brackets that may not.
    """
    unpaired = mark in pairs and inside.count(mark) > inside.count(pairs[mark])
    return (
        unpaired or mark in _SEPARATORS or mark in reversed_pairs or (mark in _QUOTES and inside.count(mark) % 2 == 1)
    )


def _filled(
    encoded: Sequence[EncodedText], tags: TagIds, has_first_subword: npt.NDArray[np.bool_], counts: Ints,
    scheme: LabelScheme,
) -> TagIds:  # fmt: skip
    """Return all tags; words without a first subword, which few texts have, get the tag that `_fill` infers."""
    if has_first_subword.all():
        return tags
    ends = np.cumsum(counts)
    tags = tags.copy()
    for k in np.unique(np.searchsorted(ends, np.flatnonzero(~has_first_subword), side="right")):
        words = slice(ends[k] - counts[k], ends[k])
        tags[words] = _fill(encoded[k], tags[words], has_first_subword[words], scheme)
    return tags


def _fill(encoded: EncodedText, tags: TagIds, has_first_subword: npt.NDArray[np.bool_], scheme: LabelScheme) -> TagIds:
    """Return one text's tags; words without a first subword get the tag that the words around them imply."""
    tags = np.where(has_first_subword, tags, OUTSIDE)
    inside = scheme.inside_tags(tags)
    # Covered by an earlier word's token (`3m` as one token): in the same entity as that word.
    is_covered = ~has_first_subword & (encoded.covering_words >= 0)
    tags[is_covered] = inside[encoded.covering_words[is_covered]]
    # Dropped by the tokenizer (a direction mark): inside an entity if the entity continues after it.
    dropped = np.flatnonzero(encoded.covering_words < 0)
    tokenized = np.flatnonzero(encoded.covering_words >= 0)
    after = np.searchsorted(tokenized, dropped)
    is_between = (after > 0) & (after < len(tokenized))
    previous, following = tokenized[after[is_between] - 1], tokenized[after[is_between]]
    continues = scheme.continues(tags[previous], tags[following])
    tags[dropped[is_between][continues]] = tags[following][continues]
    return tags
