"""The label scheme: the only place that knows of prefixes.

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

Tags that somebody else wrote are read as strings, before any labels are fixed:

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

OUTSIDE = 0

TagIds = npt.NDArray[np.int64]
WordSpan = tuple[int, int, str]  # first word, past the last word, label

_TAG = re.compile(r"O|[BI]-\S+")
_ANY_TAG = re.compile(r"O|[BIESLUMW]-\S+")


def is_tag(text: str) -> bool:
    """Whether a string is an IOB2 tag: O, B-LABEL or I-LABEL."""
    return bool(_TAG.fullmatch(text))


def is_any_tag(text: str) -> bool:
    """Tell whether a string is a tag of IOB2 or of a scheme that is taken for it: BIOES, BILOU, BMES."""
    return bool(_ANY_TAG.fullmatch(text))


def other_scheme(sentences: Iterable[Sequence[str]]) -> str | None:
    """Name the scheme that sentences of tags are surely written in, if it is not IOB2.

    In BIOES and its kin every mention has a last word tagged E-, L-, S- or U-; a few such tags are slips. In
    IOB1 a B- stands only between two mentions of one label, and every other mention begins with I-.

    >>> other_scheme([["B-LOC", "E-LOC", "O", "S-LOC"]]), other_scheme([["I-LOC", "I-LOC", "O", "I-ACTOR"]])
    ('BIOES', 'IOB1')
    >>> other_scheme([["B-LOC", "I-LOC", "O", "I-LOC"], ["B-LOC", "E-LOC"], ["B-LOC"]])
    """
    prefixes: Counter[str] = Counter()
    continues_nothing, begins = 0, 0
    for tags in sentences:
        before = "O"
        for tag in tags:
            if tag != "O" and is_any_tag(tag):
                prefixes[tag[0]] += 1
                follows = before[2:] == tag[2:]
                continues_nothing += tag[0] == "I" and not follows
                begins += tag[0] == "B" and not follows
            before = tag
    last, mentions = sum(prefixes[p] for p in "ESLUMW"), sum(prefixes[p] for p in "BSUW")
    if last and 2 * last >= mentions:
        if prefixes["M"]:
            return "BMES"
        return "BILOU" if prefixes["L"] + prefixes["U"] > prefixes["E"] + prefixes["S"] else "BIOES"
    return "IOB1" if continues_nothing > 1 and not begins else None


def read_tags(tags: Sequence[str]) -> tuple[list[WordSpan], list[tuple[int, str, str]]]:
    """The mentions that a sentence's IOB2 tags spell, and its faults: word, what it is, how to mend it.

    A string that is no tag is read as O, and an I- tag that continues nothing as a B- tag,
    as `LabelScheme.decode` has it.
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
        """What a checkpoint's config stores."""
        return dict(enumerate(self.tags))

    @property
    def label2id(self) -> dict[str, int]:
        """The inverse of `id2label`."""
        return {tag: index for index, tag in enumerate(self.tags)}

    @classmethod
    def from_id2label(cls, id2label: Mapping[int, str] | Mapping[str, str]) -> LabelScheme:
        """Rebuild the scheme of a checkpoint.

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
        """Tag ids of `words` words, shape (words,), given non-overlapping word spans."""
        index = {label: k for k, label in enumerate(self.labels)}
        tags = np.full(words, OUTSIDE, dtype=np.int64)
        for first, last, label in spans:
            tags[first:last] = 2 * index[label] + 2
            tags[first] = 2 * index[label] + 1
        return tags

    def decode(self, tags: TagIds) -> list[WordSpan]:
        """The mentions that a tag sequence, shape (words,), spells.

        An I- tag that continues nothing begins a mention, as in conlleval and in
        `transformers.pipeline`: what the model saw is kept rather than dropped.
        """
        firsts, lasts, kinds = self.decode_arrays(tags)
        return [
            (first, last, self.labels[kind])
            for first, last, kind in zip(firsts.tolist(), lasts.tolist(), kinds.tolist(), strict=True)
        ]

    def decode_arrays(self, tags: TagIds, ends: TagIds | None = None) -> tuple[TagIds, TagIds, TagIds]:
        """What `decode` gives, as arrays: first words, past the last words, numbers of the labels.

        Args:
            ends: where sequences end that stand in `tags` one after the other: no mention goes
                on past one.
        """
        inside = np.flatnonzero(tags != OUTSIDE)
        kinds = (tags[inside] - 1) // 2
        begins = tags[inside] % 2 == 1
        begins[:1] = True
        begins[1:] |= (np.diff(inside) > 1) | (np.diff(kinds) != 0)
        if ends is not None:
            begins |= np.isin(inside, ends)
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], inside.size) - 1 if firsts.size else firsts
        return inside[firsts], inside[lasts] + 1, kinds[firsts]

    def inside_tags(self, tags: TagIds) -> TagIds:
        """For each tag the I- tag of its label (O stays O)."""
        return np.where(tags == OUTSIDE, OUTSIDE, (tags + 1) // 2 * 2)
