"""Places where annotators of the same report have different mentions, and the ways in which two of them differ.

>>> report = Document("a", "Rebels left Goma.")
>>> anna, ben = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")), (Mention(0, 11, "ACTOR"),)
>>> [(each.text, each.kinds) for each in find_differences(report, {"anna": anna, "ben": ben, "carla": anna})]
[('Rebels left', ('different edges',)), ('Goma', ('only one has it',))]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document, Mention, Span
from conflict_ner.evaluation import matching
from conflict_ner.evaluation.matching import CORRECT, MISSED, SPURIOUS, WRONG_BOTH, WRONG_EDGES, WRONG_LABEL, Pair

# Of two annotators neither is gold, so that the kinds of errors have other names here.
_KIND_OF = {
    MISSED: "only one has it",
    SPURIOUS: "only one has it",
    WRONG_LABEL: "different labels",
    WRONG_EDGES: "different edges",
    WRONG_BOTH: "different labels and edges",
}
KINDS = tuple(dict.fromkeys(_KIND_OF.values()))
_CONTEXT = 40  # characters on either side of a difference


class KindCounts(BaseModel):
    """How often two annotators differ in one way. Different labels count for both labels, but once in `total`."""

    model_config = ConfigDict(frozen=True)

    total: int
    labels: Mapping[str, int]


class LabeledText(BaseModel):
    """A mention and its text."""

    model_config = ConfigDict(frozen=True)

    label: str
    start: int
    end: int
    text: str


class Reading(BaseModel):
    """What some annotators have at the place of a difference: none, one or several mentions."""

    model_config = ConfigDict(frozen=True)

    annotators: tuple[str, ...]
    mentions: tuple[LabeledText, ...]


class Difference(BaseModel):
    """A place in a report where annotators have different mentions: mentions that overlap, directly or by others.

    kinds: the ways in which two annotators differ here. start, end, text: of all mentions here together.
    readings: the different ones, that of most annotators first.
    """

    model_config = ConfigDict(frozen=True)

    document: str
    kinds: tuple[str, ...]
    start: int
    end: int
    text: str
    before: str
    after: str
    readings: tuple[Reading, ...]


def count_kinds(pairs: Sequence[Pair], labels: Sequence[str]) -> dict[str, KindCounts]:
    """Count the ways in which two annotators differ.

    Args:
        pairs: their spans in the same reports, paired by `matching.align`; those of several two annotators together.
    """
    totals: Counter[str] = Counter()
    by_label: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        if pair.kind != CORRECT:
            kind = _KIND_OF[pair.kind]
            totals[kind] += 1
            by_label.update((kind, label) for label in {span.label for span in pair.spans})
    return {
        kind: KindCounts(total=totals[kind], labels={label: by_label[kind, label] for label in labels})
        for kind in KINDS
    }


def find_differences(document: Document, reading: Mapping[str, Sequence[Mention]]) -> Iterator[Difference]:
    """Yield the places of one report where its annotators have different mentions, in text order.

    Args:
        reading: the mentions of each annotator who has labeled the report.
    """
    for group in matching.overlapping_groups(list(reading.values())):
        by_mentions: dict[tuple[Span, ...], list[str]] = {}
        for name, spans in zip(reading, group, strict=True):
            by_mentions.setdefault(tuple(spans), []).append(name)
        if len(by_mentions) == 1:
            continue
        sides = [[Mention(span.start, span.end, span.label) for span in spans] for spans in by_mentions]
        pairs = [pair for two in combinations(sides, 2) for pair in matching.align(*two) if pair.kind != CORRECT]
        found = {_KIND_OF[pair.kind] for pair in pairs}
        start, end = min(s.start for side in sides for s in side), max(s.end for side in sides for s in side)
        yield Difference(
            document=document.id,
            kinds=tuple(kind for kind in KINDS if kind in found),
            start=start,
            end=end,
            text=document.text[start:end],
            before=document.text[max(start - _CONTEXT, 0) : start],
            after=document.text[end : end + _CONTEXT],
            readings=tuple(
                Reading(annotators=tuple(names), mentions=tuple(_labeled_text(document, span) for span in spans))
                for spans, names in sorted(by_mentions.items(), key=lambda item: -len(item[1]))
            ),
        )


def _labeled_text(document: Document, span: Span) -> LabeledText:
    return LabeledText(label=span.label, start=span.start, end=span.end, text=document.slice(span))
