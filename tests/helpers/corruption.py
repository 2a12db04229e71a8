"""Errors put into gold labels on purpose, to see which of them a ranking finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.words import split_words
from conflict_ner.evaluation.gold.label_errors import Finding

KINDS = ("label", "edges", "dropped", "added")


@dataclass(frozen=True)
class Corruption:
    """An error in the labels of report number `report`, at `start:end` of its text: one of KINDS."""

    report: int
    kind: str
    start: int
    end: int


def corrupt(documents: Sequence[Document], share: float, seed: int) -> tuple[list[Document], list[Corruption]]:
    """Corrupt a share of all mentions: as many get another label, lose or win a word at an edge, go, or are added.

    An added mention is as long as one drawn from gold and stands on words without a label.
    """
    random = np.random.default_rng(seed)
    labels = sorted({mention.label for document in documents for mention in document.mentions})
    words = [list(zip(*(edges.tolist() for edges in split_words(d.text)), strict=True)) for d in documents]
    mentions = [(report, mention) for report, d in enumerate(documents) for mention in d.mentions]
    lengths = [sum(m.start < end and start < m.end for start, end in words[report]) for report, m in mentions]
    now = [list(document.mentions) for document in documents]
    order = iter(random.permutation(len(mentions)).tolist())
    done: list[Corruption] = []
    for kind in islice(cycle(KINDS), round(share * len(mentions))):
        while True:
            report, mention = (
                mentions[int(random.integers(len(mentions)))] if kind == "added" else mentions[next(order)]
            )
            others = [other for other in now[report] if kind == "added" or other != mention]
            if kind == "label":
                wrong = [label for label in labels if label != mention.label]
                changed = [replace(mention, label=wrong[random.integers(len(wrong))])]
            elif kind == "dropped":
                changed = []
            else:
                spans = list(
                    _moved_edges(words[report], mention)
                    if kind == "edges"
                    else _runs(words[report], lengths[random.integers(len(lengths))])
                )
                free = [(a, b) for a, b in spans if not any(o.start < b and a < o.end for o in others)]
                free = [(a, b) for a, b in free if _is_plain(documents[report].text[a:b])]
                if not free:
                    continue
                start, end = free[random.integers(len(free))]
                label = mention.label if kind == "edges" else labels[random.integers(len(labels))]
                changed = [Mention(start, end, label)]
            now[report] = sorted([*others, *changed])
            place = changed[0] if kind == "added" else mention
            done.append(Corruption(report, kind, place.start, place.end))
            break
    return [replace(d, mentions=tuple(m), places=()) for d, m in zip(documents, now, strict=True)], done


def _moved_edges(words: Sequence[tuple[int, int]], mention: Mention) -> Iterator[tuple[int, int]]:
    """The spans that have one word more or less than a mention, at one of its edges."""
    inside = [k for k, (start, end) in enumerate(words) if mention.start < end and start < mention.end]
    for first, last in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        low, high = inside[0] + first, inside[-1] + last
        if 0 <= low <= high < len(words):
            yield words[low][0], words[high][1]


def _runs(words: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    return ((words[k][0], words[k + length - 1][1]) for k in range(len(words) - length + 1))


def _is_plain(span: str) -> bool:
    """Whether a span could be a mention: it begins and ends with a letter or digit, in one line."""
    return span[0].isalnum() and span[-1].isalnum() and "\n" not in span


def found(
    corruptions: Sequence[Corruption], first: Sequence[Finding], documents: Sequence[Document]
) -> list[Corruption]:
    """The corruptions whose place one of these findings leads to: they share a character."""
    number = {document.id: k for k, document in enumerate(documents)}
    places: dict[int, list[tuple[int, int]]] = {}
    for finding in first:
        places.setdefault(number[finding.document.id], []).append((finding.pair.start, finding.pair.end))
    return [c for c in corruptions if any(c.start < end and start < c.end for start, end in places.get(c.report, ()))]
