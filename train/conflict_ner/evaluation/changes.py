"""What changed between two predictions on one report: places that are now right, now wrong or otherwise other.

>>> gold = Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"),))
>>> a, b = [Mention(0, 11, "ACTOR"), Mention(12, 16, "ACTOR")], [Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")]
>>> [(change.text, change.kind) for change in changes(gold, align(gold.mentions, a), align(gold.mentions, b))]
[('Rebels', 'now right'), ('Goma', 'otherwise changed')]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document, Entity, Mention, Span
from conflict_ner.evaluation.matching import SPURIOUS, Pair, align

CONTEXT = 40  # characters on either side of a mention that has changed
Kind = Literal["now wrong", "now right", "otherwise changed"]
KINDS: tuple[Kind, ...] = ("now wrong", "now right", "otherwise changed")


class Said(BaseModel):
    """What one side made of a place in a text."""

    model_config = ConfigDict(frozen=True)

    label: str
    text: str
    start: int
    end: int
    score: float | None


class Change(BaseModel):
    """A gold mention, or a false alarm (`gold` is None), of which A and B say different things.

    start, end and text are the gold mention's; of a false alarm those of A's, else B's.
    """

    model_config = ConfigDict(frozen=True)

    document: str
    kind: Kind
    gold: str | None  # its label
    start: int
    end: int
    text: str
    before: str
    after: str
    a: Said | None
    b: Said | None


def changes(document: Document, first: Sequence[Pair], second: Sequence[Pair]) -> list[Change]:
    """The places of one document of which the two sides say different things, in the order of the text.

    Args:
        first, second: the document's gold mentions paired with each side's predictions (`matching.align`).
    """
    answers = {pair.gold: pair for pair in second if pair.gold}
    places: list[tuple[Span | None, Span | None, Span | None]]
    places = [(pair.gold, pair.predicted, answers[pair.gold].predicted) for pair in first if pair.gold]
    places += [(None, *alarm) for alarm in _alarms(first, second)]
    found = []
    for gold, a, b in places:
        if _same(a, b):
            continue
        place = gold or a or b
        assert place is not None
        found.append(
            Change(
                document=document.id,
                kind=_kind(gold, a, b),
                gold=gold.label if gold else None,
                start=place.start,
                end=place.end,
                text=document.slice(place),
                before=document.text[max(place.start - CONTEXT, 0) : place.start],
                after=document.text[place.end : place.end + CONTEXT],
                a=_said(document, a),
                b=_said(document, b),
            )
        )
    return sorted(found, key=lambda change: (change.start, change.end))


def _alarms(first: Sequence[Pair], second: Sequence[Pair]) -> Iterator[tuple[Span | None, Span | None]]:
    """False alarms that only one side has, those of both sides that overlap together."""
    sides = [
        {(p.predicted.start, p.predicted.end, p.predicted.label): p for p in pairs if p.predicted}
        for pairs in (first, second)
    ]
    # What stands on both sides has not changed, though one may have held it for an answer to a gold mention.
    one, other = (
        [pair.predicted for span, pair in side.items() if pair.kind == SPURIOUS and span not in opposite]
        for side, opposite in (sides, sides[::-1])
    )
    asked = {Mention(span.start, span.end, span.label): span for span in one if span}
    for pair in align(list(asked), [span for span in other if span]):
        yield asked[pair.gold] if pair.gold else None, pair.predicted


def _kind(gold: Span | None, a: Span | None, b: Span | None) -> Kind:
    if gold is None:  # silence is right where there is nothing
        was, now = a is None, b is None
    else:
        was, now = _same(gold, a), _same(gold, b)
    return "otherwise changed" if was == now else "now right" if now else "now wrong"


def _same(one: Span | None, other: Span | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.start, one.end, one.label) == (other.start, other.end, other.label)


def _said(document: Document, span: Span | None) -> Said | None:
    if span is None:
        return None
    score = span.score if isinstance(span, Entity) else None
    return Said(label=span.label, text=document.slice(span), start=span.start, end=span.end, score=score)
