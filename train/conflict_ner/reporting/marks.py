"""Cuts a text at the edges of gold mentions and predictions, so that a page can mark both.

Gold and predictions may overlap in any way, and nested elements cannot say that. Pieces can:
each lies in at most one gold mention and at most one prediction.

>>> from conflict_ner.data.document import Mention
>>> pair = Pair(Mention(0, 11, "ACTOR"), Mention(7, 11, "ACTOR"), WRONG_EDGES)
>>> [(piece.text, piece.gold, piece.predicted) for piece in pieces("Somali army left.", [pair])]
[('Somali ', 'ACTOR', None), ('army', 'ACTOR', 'ACTOR'), (' left.', None, None)]
>>> caption(pair)
'ACTOR, wrong edges'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from conflict_ner.data.document import Span
from conflict_ner.evaluation.matching import MISSED, SPURIOUS, WRONG_BOTH, WRONG_EDGES, WRONG_LABEL, Pair


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with the labels of the gold mention and the prediction that it lies in.

    edges: which of them begin or end here: some of "gold begins", "gold ends", "predicted begins",
    "predicted ends". closed: the pairs whose last character is this piece's last.
    """

    text: str
    gold: str | None = None
    predicted: str | None = None
    edges: frozenset[str] = frozenset()
    closed: tuple[Pair, ...] = ()


def pieces(text: str, pairs: Sequence[Pair], start: int = 0, end: int | None = None) -> list[Piece]:
    """Cut `text[start:end]` into pieces; together they are that text.

    Args:
        pairs: of `text`, with offsets into all of it; what lies outside the window is left out.
    """
    end = len(text) if end is None else end
    inside = [pair for pair in pairs if pair.start < end and end_of(pair) > start]
    spans = [span for pair in inside for span in (pair.gold, pair.predicted) if span]
    edges = {at for span in spans for at in (span.start, span.end) if start < at < end}
    cuts = list(pairwise(sorted({start, end, *edges})))
    gold, predicted = _cover([p.gold for p in inside], cuts), _cover([p.predicted for p in inside], cuts)
    closed: dict[int, list[Pair]] = {}
    for pair in inside:
        closed.setdefault(min(end_of(pair), end), []).append(pair)
    return [
        Piece(
            text[low:high],
            of_gold.label if of_gold else None,
            of_predicted.label if of_predicted else None,
            frozenset(_edges("gold", of_gold, low, high) + _edges("predicted", of_predicted, low, high)),
            tuple(closed.get(high, ())),
        )
        for (low, high), of_gold, of_predicted in zip(cuts, gold, predicted, strict=True)
    ]


def end_of(pair: Pair) -> int:
    """Past the last character of a pair."""
    return max(span.end for span in (pair.gold, pair.predicted) if span)


def caption(pair: Pair) -> str:
    """What a pair is, in the words that stand beside it in a text: gold comes first."""
    gold, predicted = pair.gold.label if pair.gold else "", pair.predicted.label if pair.predicted else ""
    said = {
        MISSED: f"missed {gold}",
        SPURIOUS: f"spurious {predicted}",
        WRONG_LABEL: f"{gold} \N{RIGHTWARDS ARROW} {predicted}",
        WRONG_EDGES: f"{gold}, wrong edges",
        WRONG_BOTH: f"{gold} \N{RIGHTWARDS ARROW} {predicted}, wrong edges",
    }
    return said.get(pair.kind, gold or predicted)


def _cover(spans: Sequence[Span | None], cuts: Sequence[tuple[int, int]]) -> list[Span | None]:
    """The span that each cut lies in; the spans of a side are disjoint."""
    ordered = sorted((span for span in spans if span), key=lambda span: span.start)
    covered: list[Span | None] = []
    at = 0
    for low, _ in cuts:
        while at < len(ordered) and ordered[at].end <= low:
            at += 1
        inside = at < len(ordered) and ordered[at].start <= low
        covered.append(ordered[at] if inside else None)
    return covered


def _edges(side: str, span: Span | None, low: int, high: int) -> list[str]:
    found = []
    if span and span.start == low:
        found.append(f"{side} begins")
    if span and span.end == high:
        found.append(f"{side} ends")
    return found
