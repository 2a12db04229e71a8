"""Pairs predicted spans with gold mentions, one to one: everything that is counted is counted from here.

The kinds follow SemEval-2013 task 9 (Segura-Bedmar, Martinez & Herrero-Zazo 2013).

>>> gold = [Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")]
>>> [pair.kind for pair in align(gold, [Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")])]
['correct', 'wrong edges']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from conflict_ner.document import Mention, Span

CORRECT = "correct"
WRONG_LABEL = "wrong label"  # the edges are right
WRONG_EDGES = "wrong edges"  # the label is right and they overlap
WRONG_BOTH = "wrong label and edges"  # they overlap
MISSED = "missed"  # gold without a prediction
SPURIOUS = "spurious"  # a prediction without gold
ERRORS = (MISSED, SPURIOUS, WRONG_LABEL, WRONG_EDGES, WRONG_BOTH)


@dataclass(frozen=True, slots=True)
class Pair:
    """A gold mention and the prediction that answers it; one of the two may be missing."""

    gold: Mention | None
    predicted: Span | None
    kind: str

    @property
    def label(self) -> str:
        """The gold label; of a spurious prediction its own."""
        return self._either.label

    @property
    def start(self) -> int:
        """Where the pair begins."""
        return min(span.start for span in (self.gold, self.predicted) if span)

    @property
    def _either(self) -> Span:
        span = self.gold or self.predicted
        assert span is not None
        return span


def align(gold: Sequence[Mention], predicted: Sequence[Span]) -> list[Pair]:
    """Pair the spans of one document, in the order of the text.

    Spans of a side must not overlap each other. Each span stands in one pair. First come equal
    edges, then overlaps with the same label, as many as can be, then other overlaps.
    """
    guesses = {(span.start, span.end): span for span in predicted}
    pairs = []
    for mention in gold:
        same = guesses.pop((mention.start, mention.end), None)
        if same:
            pairs.append(Pair(mention, same, CORRECT if same.label == mention.label else WRONG_LABEL))
    left = {id(pair.gold) for pair in pairs}
    rest = sorted((mention for mention in gold if id(mention) not in left), key=_place)
    spare = sorted(guesses.values(), key=_place)
    for label in sorted({mention.label for mention in rest}):
        pairs += _overlapping(rest, spare, WRONG_EDGES, partial(_labeled, label))
    pairs += _overlapping(rest, spare, WRONG_BOTH, lambda _: True)
    pairs += [Pair(mention, None, MISSED) for mention in rest]
    pairs += [Pair(None, span, SPURIOUS) for span in spare]
    return sorted(pairs, key=lambda pair: pair.start)


def _labeled(label: str, span: Span) -> bool:
    return span.label == label


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _overlapping(gold: list[Mention], predicted: list[Span], kind: str, of: Callable[[Span], bool]) -> list[Pair]:
    """The most pairs of overlapping spans, taken out of both lists; each is sorted and disjoint."""
    left, right = [m for m in gold if of(m)], [s for s in predicted if of(s)]
    pairs = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i].start < right[j].end and right[j].start < left[i].end:
            pairs.append(Pair(left[i], right[j], kind))
            gold.remove(left[i])
            predicted.remove(right[j])
            i, j = i + 1, j + 1
        elif left[i].end <= right[j].start:
            i += 1
        else:
            j += 1
    return pairs
