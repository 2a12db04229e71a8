"""Every error of an evaluation in its sentence, for a page or a list.

>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.matching import align
>>> report = Document("r1", "Rain fell. Rebels left Goma. All is calm.", (Mention(11, 17, "ACTOR"),))
>>> [error] = errors_of([align(report.mentions, [])], [report])
>>> error.kind, error.label, report.text[error.start : error.end]
('missed', 'ACTOR', 'Rebels left Goma.')

A page marks gold mentions and predictions in the text itself. They may overlap in any way, and nested elements
cannot say that. Pieces can: each lies in at most one gold mention and at most one prediction.

>>> pair = Pair(Mention(0, 11, "ACTOR"), Mention(7, 11, "ACTOR"), WRONG_EDGES)
>>> [(piece.text, piece.gold, piece.predicted) for piece in pieces("Somali army left.", [pair])]
[('Somali ', 'ACTOR', None), ('army', 'ACTOR', 'ACTOR'), (' left.', None, None)]
>>> caption(pair)
'ACTOR, wrong edges'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex

from conflict_ner.data.document import Document, Span
from conflict_ner.evaluation.matching import CORRECT, MISSED, SPURIOUS, WRONG_BOTH, WRONG_EDGES, WRONG_LABEL, Pair


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


_MOST = 240  # characters shown before a mention, and after it
# A full stop after a short capitalised word may end an abbreviation (Gen., Capt.), and before a
# small letter it ends nothing. Where this errs the window is only longer.
_END = regex.compile(r"\n+|(?<!\b\p{Lu}\p{L}{0,2})[.!?\u061f\u06d4\u3002][\"'\u2019\u201d)\]]*\s+(?!\p{Ll})")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Error:
    """One error: which document it is in (an index), and the window `start:end` of its text to show.

    touching: the pairs that share a character with it, itself among them; number: from 1 on.
    """

    number: int
    document: int
    pair: Pair
    start: int
    end: int
    touching: tuple[Pair, ...]

    @property
    def kind(self) -> str:
        """One of `matching.ERRORS`."""
        return self.pair.kind

    @property
    def label(self) -> str:
        """The gold label; of a spurious prediction its own."""
        return self.pair.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The gold and the predicted label, one of them where they are equal."""
        both = (span.label for span in (self.pair.gold, self.pair.predicted) if span)
        return tuple(dict.fromkeys(both))


def errors_of(pairs: Sequence[Sequence[Pair]], documents: Sequence[Document]) -> list[Error]:
    """All errors in the order of the documents and of their texts.

    Args:
        pairs: of each document, from `matching.align`.
    """
    found: list[Error] = []
    for index, (each, document) in enumerate(zip(pairs, documents, strict=True)):
        for pair in each:
            if pair.kind == CORRECT:
                continue
            past = end_of(pair)
            start, end = sentence(document.text, pair.start, past)
            if not 0 <= start <= pair.start < past <= end <= len(document.text):
                raise AssertionError(document.id, pair)
            touching = tuple(other for other in each if other.start < past and pair.start < end_of(other))
            found.append(Error(len(found) + 1, index, pair, start, end, touching))
    return found


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The offsets of the sentence around `text[start:end]`, cut at a space where it is very long.

    A sentence ends with its punctuation or its line. Spaces at either side are left out.
    """
    low, high = max(0, start - _MOST), min(len(text), end + _MOST)
    before = [match.end() for match in _END.finditer(text, low, end) if match.end() <= start]
    after = next((match for match in _END.finditer(text, end, high)), None)
    first = before[-1] if before else _cut(text, low, start, from_left=True)
    last = after.end() if after else _cut(text, end, high, from_left=False)
    while first < start and text[first].isspace():
        first += 1
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last


def _cut(text: str, low: int, high: int, *, from_left: bool) -> int:
    """The outermost space in `text[low:high]`, so that no word is cut; the outer edge where there is none."""
    outer = low if from_left else high
    if outer in (0, len(text)):
        return outer
    spaces = list(_SPACE.finditer(text, low, high))
    if not spaces:
        return outer
    return spaces[0].end() if from_left else spaces[-1].start()
