"""IOB2 tags: conversion between tags and labeled spans of words. No other module knows the prefixes.

IOB2 (Ramshaw & Marcus 1995; Tjong Kim Sang & Veenstra 1999): the first word of a mention
is `B-LABEL`, the others `I-LABEL`, all else `O`. Tag ids are fixed by the order of the
config's labels: 0 is O, label number k has B at 2k + 1 and I at 2k + 2.

>>> scheme = LabelScheme(("ACTOR", "LOCATION"))
>>> scheme.tags
('O', 'B-ACTOR', 'I-ACTOR', 'B-LOCATION', 'I-LOCATION')
>>> scheme.encode([(0, 1, "LOCATION"), (1, 3, "ACTOR")], 4).tolist()
[3, 1, 2, 0]
>>> scheme.decode(np.array([3, 1, 2, 0]))
[(0, 1, 'LOCATION'), (1, 3, 'ACTOR')]

Tags from another source are read as strings, before any label set is fixed:

>>> spans, faults = read_tags(["B-ACTOR", "I-ACTOR", "O", "I-LOCATION"])
>>> spans
[(0, 2, 'ACTOR'), (3, 4, 'LOCATION')]
>>> faults
[(3, "'I-LOCATION' continues no mention", 'write B-LOCATION')]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conflict_ner.data.label_levels import first_level

OUTSIDE = 0

TagIds = npt.NDArray[np.int64]
WordSpan = tuple[int, int, str]  # first word, past the last word, label

_TAG = re.compile(r"O|[BI]-\S+")
_TAG_LIKE = re.compile(r"O|[BIESLUMW]-\S+")


def is_tag(text: str) -> bool:
    """Return whether a string is an IOB2 tag: O, B-LABEL or I-LABEL."""
    return bool(_TAG.fullmatch(text))


def is_tag_like(text: str) -> bool:
    """Return whether a string is a tag of IOB2 or of a related scheme: BIOES, BILOU, BMES."""
    return bool(_TAG_LIKE.fullmatch(text))


def detect_other_scheme(sentences: Iterable[Sequence[str]]) -> str | None:
    """Return the name of the sentences' tagging scheme if it is certainly not IOB2, else None.

    In BIOES and its variants the last word of every mention is tagged E-, L-, S- or U-; a few such tags are errors.
    In IOB1 a B- occurs only between two adjacent mentions of one label, and every other mention begins with I-.

    >>> detect_other_scheme([["B-LOC", "E-LOC", "O", "S-LOC"]])
    'BIOES'
    >>> detect_other_scheme([["I-LOC", "I-LOC", "O", "I-ACTOR"]])
    'IOB1'
    >>> detect_other_scheme([["B-LOC", "I-LOC", "O", "I-LOC"], ["B-LOC", "E-LOC"], ["B-LOC"]])
    """
    prefixes: Counter[str] = Counter()
    stray_inside, mention_begins = 0, 0
    for tags in sentences:
        previous = "O"
        for tag in tags:
            if tag != "O" and is_tag_like(tag):
                prefixes[tag[0]] += 1
                same_label = previous[2:] == tag[2:]
                stray_inside += tag[0] == "I" and not same_label
                mention_begins += tag[0] == "B" and not same_label
            previous = tag
    last_words, mentions = sum(prefixes[p] for p in "ESLUMW"), sum(prefixes[p] for p in "BSUW")
    if last_words and 2 * last_words >= mentions:
        if prefixes["M"]:
            return "BMES"
        return "BILOU" if prefixes["L"] + prefixes["U"] > prefixes["E"] + prefixes["S"] else "BIOES"
    return "IOB1" if stray_inside > 1 and not mention_begins else None


def read_tags(tags: Sequence[str]) -> tuple[list[WordSpan], list[tuple[int, str, str]]]:
    """Return the mentions in a sentence's IOB2 tags, and the faults: number of the word, fault, fix.

    A string that is not a tag is read as O. An I- tag that continues no mention is read as a B- tag,
    as in `LabelScheme.decode`.
    """
    spans: list[WordSpan] = []
    faults: list[tuple[int, str, str]] = []
    for word, tag in enumerate(tags):
        if not is_tag(tag):
            faults.append((word, f"{tag[:40]!r} is not a tag", "write O, B-LABEL or I-LABEL"))
        elif tag != "O":
            prefix, label = tag[0], tag[2:]
            continued = bool(spans) and spans[-1][1:] == (word, label)
            if prefix == "I" and continued:
                spans[-1] = (spans[-1][0], word + 1, label)
                continue
            if prefix == "I":
                faults.append((word, f"{tag!r} continues no mention", f"write B-{label}"))
            spans.append((word, word + 1, label))
    return spans, faults


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """IOB2 over any ordered set of labels."""

    labels: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags in the order of their ids."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    @property
    def id2label(self) -> dict[int, str]:
        """The tag of each id, as a checkpoint's config stores them."""
        return dict(enumerate(self.tags))

    @property
    def label2id(self) -> dict[str, int]:
        """The inverse of `id2label`."""
        return {tag: index for index, tag in enumerate(self.tags)}

    @property
    def _first_levels(self) -> TagIds:
        """The number of each label's first level, shape (labels,)."""
        return np.unique([first_level(label) for label in self.labels], return_inverse=True)[1]

    @classmethod
    def from_id2label(cls, id2label: Mapping[int, str] | Mapping[str, str]) -> LabelScheme:
        """Rebuild the scheme from a checkpoint's `id2label`.

        Raises:
            ValueError: if the tags are not O and paired B-/I- tags in this module's order.
        """
        by_id = {int(index): tag for index, tag in id2label.items()}
        tags = tuple(by_id.get(index, "") for index in range(len(by_id)))
        scheme = cls(tuple(tag[2:] for tag in tags[1::2]))
        if scheme.tags != tags or len(set(tags)) < len(tags):
            raise ValueError(f"not IOB2 tags in order O, B-X, I-X, ...: {', '.join(tags)}")
        return scheme

    def encode(self, spans: Iterable[WordSpan], words: int) -> TagIds:
        """Return the tag ids, shape (words,), of `words` words with these non-overlapping spans."""
        index = {label: k for k, label in enumerate(self.labels)}
        tags = np.full(words, OUTSIDE, dtype=np.int64)
        for first, last, label in spans:
            tags[first:last] = 2 * index[label] + 2
            tags[first] = 2 * index[label] + 1
        return tags

    def decode(self, tags: TagIds) -> list[WordSpan]:
        """Return the mentions in a sequence of tag ids, shape (words,).

        An I- tag that continues no mention begins one, as in conlleval and in
        `transformers.pipeline`: a mention that the model found is kept rather than dropped.
        Kinds of one label (NUMBER.killed, NUMBER.injured) do not divide a mention: an I- tag of another kind continues
        it, and the kind of its first word counts.
        """
        firsts, lasts, kinds = self.decode_arrays(tags)
        return [
            (first, last, self.labels[kind])
            for first, last, kind in zip(firsts.tolist(), lasts.tolist(), kinds.tolist(), strict=True)
        ]

    def decode_arrays(self, tags: TagIds, ends: TagIds | None = None) -> tuple[TagIds, TagIds, TagIds]:
        """Return the mentions as arrays of shape (mentions,): first words, ends (exclusive), label numbers.

        Args:
            ends: the ends of sequences that are concatenated in `tags`; no mention crosses one.
        """
        inside = np.flatnonzero(tags != OUTSIDE)
        kinds = (tags[inside] - 1) // 2
        begins = tags[inside] % 2 == 1
        begins[:1] = True
        begins[1:] |= (np.diff(inside) > 1) | (np.diff(self._first_levels[kinds]) != 0)
        if ends is not None:
            begins |= np.isin(inside, ends)
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], inside.size) - 1 if firsts.size else firsts
        return inside[firsts], inside[lasts] + 1, kinds[firsts]

    def inside_tags(self, tags: TagIds) -> TagIds:
        """Return the I- tag of each tag's label (O stays O)."""
        return np.where(tags == OUTSIDE, OUTSIDE, (tags + 1) // 2 * 2)
