"""From word tags to entities: the one decoder of evaluation and inference.

It reads what a token classifier gives as `transformers.pipeline` does with
`aggregation_strategy="first"`, with three differences. Words are those of `words.split_words`,
which may end inside one of the tokenizer's. No entity goes on across a blank line. And no
entity begins or ends with a mark that belongs to the sentence around it: a comma, a hyphen,
a bracket or quote without its other half. Full stops stay, because they can be part of a
name, and so do all marks that leave nothing when they are taken away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from conflict_ner.data.document import Entity
from conflict_ner.data.labels import OUTSIDE, LabelScheme, TagIds
from conflict_ner.modeling.normalization import normalize
from conflict_ner.modeling.tokenization import Encoded

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_OPENED_BY = {closing: opening for opening, closing in _CLOSED_BY.items()}
_QUOTES = frozenset("\"'")
_SEPARATORS = frozenset(",;:/-")


def decode(
    texts: Sequence[str], encoded: Sequence[Encoded], tags: TagIds, scores: Float32, scheme: LabelScheme
) -> list[list[Entity]]:
    """The entities of each text, in order. All texts are decoded at once; only entities become objects.

    Args:
        tags: the best tag of each word of all texts, one text after the other, shape (sum of W,);
            only words with a first subword are read.
        scores: that tag's probability, of the same shape. An entity's score is the mean over its
            words with a first subword.
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
    breaks = [e.breaks + begin for e, begin in zip(encoded, (text_ends - counts).tolist(), strict=True)]
    firsts, lasts, kinds = scheme.decode_arrays(
        _filled(encoded, tags, has_first_subword, counts, scheme), np.concatenate((text_ends, *breaks))
    )
    if not firsts.size:
        return found
    owners = np.repeat(np.arange(len(texts)), counts)[firsts].tolist()
    firsts, lasts = _trimmed([texts[owner] for owner in owners], starts, ends, has_first_subword, firsts, lasts)
    # Sums over each span, then over the gap after it, which is thrown away.
    edges = np.column_stack((firsts, lasts)).ravel()
    weight = np.append(has_first_subword, False)
    total, words = (
        np.add.reduceat(each, edges)[::2] for each in (np.append(scores, 0.0) * weight, weight.astype(np.float64))
    )
    rows = zip(
        owners, kinds.tolist(), starts[firsts].tolist(), ends[lasts - 1].tolist(), (total / words).tolist(),
        strict=True,
    )  # fmt: skip
    for owner, kind, start, end, score in rows:
        found[owner].append(Entity(scheme.labels[kind], texts[owner][start:end], start, end, score))
    return found


def _trimmed(
    texts: Sequence[str], starts: Ints, ends: Ints, has_first_subword: npt.NDArray[np.bool_], firsts: Ints, lasts: Ints
) -> tuple[Ints, Ints]:
    """First and past the last words of spans, without the marks at their edges that belong to the sentence.

    Args:
        texts: of each span.
        starts, ends, has_first_subword: of all words.
    """
    firsts, lasts = firsts.copy(), lasts.copy()
    edges = zip(texts, starts[firsts].tolist(), ends[lasts - 1].tolist(), strict=True)
    # Few spans have anything else than letters and digits at their edges.
    doubtful = [at for at, (text, a, b) in enumerate(edges) if not (text[a].isalnum() and text[b - 1].isalnum())]
    for at in doubtful:
        words = range(int(firsts[at]), int(lasts[at]))
        read = [normalize(texts[at][starts[word] : ends[word]]).text for word in words]
        spaced = [ends[word] < starts[word + 1] for word in words[:-1]]
        before, after = _loose_marks(read, spaced)
        # What is left must have a score of its own.
        if has_first_subword[firsts[at] + before : lasts[at] - after].any():
            firsts[at] += before
            lasts[at] -= after
    return firsts, lasts


def _loose_marks(words: Sequence[str], spaced: Sequence[bool]) -> tuple[int, int]:
    """How many marks at the beginning and at the end of a span do not belong to it.

    Args:
        spaced: whether white space follows each word but the last.
    """
    first, last = 0, len(words)
    if not any(word[:1].isalnum() for word in words):
        return 0, 0
    while last - first > 1:
        inside = words[first:last]
        if _is_loose(inside[-1], inside, _OPENED_BY, _CLOSED_BY):
            last -= 1
        elif _is_loose_before(inside, spaced=spaced[first]):
            first += 1
        else:
            break
    return first, len(words) - last


def _is_loose_before(inside: Sequence[str], *, spaced: bool) -> bool:
    """Whether the mark at the beginning belongs to the sentence; not so in `-5` and `.223 rifle`."""
    if inside[0] in "-.":
        return spaced or (inside[0] == "-" and inside[1][0].isalpha())
    return _is_loose(inside[0], inside, _CLOSED_BY, _OPENED_BY)


def _is_loose(mark: str, inside: Sequence[str], pairs: Mapping[str, str], reversed_pairs: Mapping[str, str]) -> bool:
    """Whether a mark at one edge belongs to the sentence.

    Args:
        pairs: the other half of each bracket that may stand at this edge; reversed_pairs: that may not.
    """
    unpaired = mark in pairs and inside.count(mark) > inside.count(pairs[mark])
    return (
        unpaired or mark in _SEPARATORS or mark in reversed_pairs or (mark in _QUOTES and inside.count(mark) % 2 == 1)
    )


def _filled(
    encoded: Sequence[Encoded], tags: TagIds, has_first_subword: npt.NDArray[np.bool_], counts: Ints,
    scheme: LabelScheme,
) -> TagIds:  # fmt: skip
    """All tags, with those of words that have no token of their own; few texts have such words."""
    if has_first_subword.all():
        return tags
    ends = np.cumsum(counts)
    tags = tags.copy()
    for text in np.unique(np.searchsorted(ends, np.flatnonzero(~has_first_subword), side="right")):
        own = slice(ends[text] - counts[text], ends[text])
        tags[own] = _fill(encoded[text], tags[own], has_first_subword[own], scheme)
    return tags


def _fill(encoded: Encoded, tags: TagIds, has_first_subword: npt.NDArray[np.bool_], scheme: LabelScheme) -> TagIds:
    """Give words without a token of their own the tag that their place implies."""
    tags = np.where(has_first_subword, tags, OUTSIDE)
    inside = scheme.inside_tags(tags)
    # Covered by an earlier word's token (`3m` as one token): part of what that word is part of.
    covered = ~has_first_subword & (encoded.covering_words >= 0)
    tags[covered] = inside[encoded.covering_words[covered]]
    # Dropped by the tokenizer (a direction mark): inside a mention if the mention goes on after it.
    dropped = np.flatnonzero(encoded.covering_words < 0)
    kept = np.flatnonzero(encoded.covering_words >= 0)
    after = np.searchsorted(kept, dropped)
    between = (after > 0) & (after < len(kept))
    before, following = kept[after[between] - 1], kept[after[between]]
    continuing = scheme.inside_tags(tags)
    goes_on = (tags[following] == continuing[before]) & (tags[following] != OUTSIDE)
    tags[dropped[between][goes_on]] = tags[following][goes_on]
    return tags
