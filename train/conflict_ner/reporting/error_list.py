"""The errors of an evaluation, each with its sentence, and texts cut into pieces for marking.

>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.matching import align
>>> report = Document("r1", "Rain fell. Rebels left Goma. All is calm.", (Mention(11, 17, "ACTOR"),))
>>> [error] = list_errors([align(report.mentions, [])], [report])
>>> error.kind, error.label, report.text[error.start : error.end]
('missed', 'ACTOR', 'Rebels left Goma.')

A page marks gold mentions and predictions in the text itself. They may overlap in any way, which nested
elements cannot express. Pieces can: each lies in at most one gold mention and at most one prediction.

>>> pair = Pair(Mention(0, 11, "ACTOR"), Mention(7, 11, "ACTOR"), WRONG_EDGES)
>>> [(piece.text, piece.gold, piece.predicted) for piece in cut_pieces("Somali army left.", [pair])]
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

_MAX_CONTEXT = 240  # characters shown before a mention, and after it
# A full stop after a short capitalized word may end an abbreviation (Gen., Capt.), and before a
# lower-case letter it does not end a sentence. Where this is wrong the window is only longer.
_SENTENCE_END = regex.compile(r"\n+|(?<!\b\p{Lu}\p{L}{0,2})[.!?\u061f\u06d4\u3002][\"'\u2019\u201d)\]]*\s+(?!\p{Ll})")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Error:
    """One error: the index of its document, and the window `start:end` of the text to show.

    number: from 1 on. overlapping: the pairs that share a character with it, itself among them.
    """

    number: int
    document: int
    pair: Pair
    start: int
    end: int
    overlapping: tuple[Pair, ...]

    @property
    def kind(self) -> str:
        """One of `matching.ERRORS`."""
        return self.pair.kind

    @property
    def label(self) -> str:
        """The gold label; for a spurious prediction, the predicted label."""
        return self.pair.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The gold and the predicted label; only one if they are equal."""
        return tuple(dict.fromkeys(span.label for span in self.pair.spans))


def list_errors(pairs: Sequence[Sequence[Pair]], documents: Sequence[Document]) -> list[Error]:
    """Return all errors in the order of the documents and of their texts.

    Args:
        pairs: of each document, from `matching.align`.
    """
    errors: list[Error] = []
    for index, (document_pairs, document) in enumerate(zip(pairs, documents, strict=True)):
        for pair in document_pairs:
            if pair.kind == CORRECT:
                continue
            start, end = find_sentence(document.text, pair.start, pair.end)
            if not 0 <= start <= pair.start < pair.end <= end <= len(document.text):
                raise AssertionError(document.id, pair)
            overlapping = tuple(other for other in document_pairs if other.start < pair.end and pair.start < other.end)
            errors.append(Error(len(errors) + 1, index, pair, start, end, overlapping))
    return errors


def find_sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the offsets of the sentence around `text[start:end]`, cut at a space where it is very long.

    A sentence ends with its punctuation or its line. Spaces at both ends are left out.
    """
    low, high = max(0, start - _MAX_CONTEXT), min(len(text), end + _MAX_CONTEXT)
    ends_before = [match.end() for match in _SENTENCE_END.finditer(text, low, end) if match.end() <= start]
    end_after = next((match.end() for match in _SENTENCE_END.finditer(text, end, high)), None)
    first = ends_before[-1] if ends_before else _cut_at_space(text, low, start, from_left=True)
    last = _cut_at_space(text, end, high, from_left=False) if end_after is None else end_after
    while first < start and text[first].isspace():
        first += 1
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last


def _cut_at_space(text: str, low: int, high: int, *, from_left: bool) -> int:
    """Find the outermost space in `text[low:high]`, so that no word is cut; the outer edge if there is none."""
    outer = low if from_left else high
    if outer in (0, len(text)):
        return outer
    spaces = list(_SPACE.finditer(text, low, high))
    if not spaces:
        return outer
    return spaces[0].end() if from_left else spaces[-1].start()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with the labels of the gold mention and the prediction that it lies in.

    edges: which of them begin or end here: some of "gold begins", "gold ends", "predicted begins",
    "predicted ends". ending: the pairs whose last character is this piece's last.
    """

    text: str
    gold: str | None = None
    predicted: str | None = None
    edges: frozenset[str] = frozenset()
    ending: tuple[Pair, ...] = ()


def cut_pieces(text: str, pairs: Sequence[Pair], start: int = 0, end: int | None = None) -> list[Piece]:
    """Cut `text[start:end]` into pieces; joined, they are that text.

    Args:
        pairs: of `text`, with offsets into all of it; those outside the window are left out.
    """
    end = len(text) if end is None else end
    inside = [pair for pair in pairs if pair.start < end and pair.end > start]
    edges = {edge for pair in inside for span in pair.spans for edge in (span.start, span.end) if start < edge < end}
    cuts = list(pairwise(sorted({start, end, *edges})))
    gold, predicted = _covering([p.gold for p in inside], cuts), _covering([p.predicted for p in inside], cuts)
    ending: dict[int, list[Pair]] = {}
    for pair in inside:
        ending.setdefault(min(pair.end, end), []).append(pair)
    return [
        Piece(
            text[low:high],
            gold_span.label if gold_span else None,
            predicted_span.label if predicted_span else None,
            frozenset(_edges("gold", gold_span, low, high) + _edges("predicted", predicted_span, low, high)),
            tuple(ending.get(high, ())),
        )
        for (low, high), gold_span, predicted_span in zip(cuts, gold, predicted, strict=True)
    ]


def _covering(spans: Sequence[Span | None], cuts: Sequence[tuple[int, int]]) -> list[Span | None]:
    """Find the span that each cut lies in; the spans do not overlap each other."""
    ordered = sorted((span for span in spans if span), key=lambda span: span.start)
    covering: list[Span | None] = []
    index = 0
    for low, _ in cuts:
        while index < len(ordered) and ordered[index].end <= low:
            index += 1
        is_inside = index < len(ordered) and ordered[index].start <= low
        covering.append(ordered[index] if is_inside else None)
    return covering


def _edges(side: str, span: Span | None, low: int, high: int) -> list[str]:
    edges = []
    if span and span.start == low:
        edges.append(f"{side} begins")
    if span and span.end == high:
        edges.append(f"{side} ends")
    return edges


def caption(pair: Pair) -> str:
    """Describe a pair in the words that a page shows next to it: gold comes first."""
    gold, predicted = pair.gold.label if pair.gold else "", pair.predicted.label if pair.predicted else ""
    captions = {
        MISSED: f"missed {gold}",
        SPURIOUS: f"spurious {predicted}",
        WRONG_LABEL: f"{gold} \N{RIGHTWARDS ARROW} {predicted}",
        WRONG_EDGES: f"{gold}, wrong edges",
        WRONG_BOTH: f"{gold} \N{RIGHTWARDS ARROW} {predicted}, wrong edges",
    }
    return captions.get(pair.kind, gold or predicted)
