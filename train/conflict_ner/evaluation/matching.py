"""Pairs predicted spans with gold mentions, one to one: everything that is counted is counted from here.

The kinds follow SemEval-2013 task 9 (Segura-Bedmar, Martinez & Herrero-Zazo 2013).

>>> gold = [Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")]
>>> [pair.kind for pair in align(gold, [Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")])]
['correct', 'wrong edges']
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conflict_ner.data.document import Mention, Span

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

    Spans of a side must not overlap each other. Each span stands in one pair. Equal edges are
    paired, then as many overlaps with the same label as can be, then as many other overlaps
    as that leaves room for.
    """
    pairs = [pair for mentions, spans in _clusters(gold, predicted) for pair in _paired(mentions, spans)]
    return sorted(pairs, key=lambda pair: (pair.start, pair.gold is None))


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _clusters(gold: Sequence[Mention], predicted: Sequence[Span]) -> Iterator[tuple[list[Mention], list[Span]]]:
    """Groups of spans that hang together by overlaps: no pair reaches out of its group."""
    mentions, spans = deque(sorted(gold, key=_place)), deque(sorted(predicted, key=_place))
    while mentions or spans:
        group: tuple[list[Mention], list[Span]] = ([], [])
        end = min(side[0].start for side in (mentions, spans) if side) + 1
        while True:
            if mentions and mentions[0].start < end:
                group[0].append(mentions.popleft())
                end = max(end, group[0][-1].end)
            elif spans and spans[0].start < end:
                group[1].append(spans.popleft())
                end = max(end, group[1][-1].end)
            else:
                break
        yield group


def _paired(gold: Sequence[Mention], predicted: Sequence[Span]) -> Iterator[Pair]:
    """The best pairs of a group, as two sequences are aligned (Needleman & Wunsch 1970).

    Both sides are in order and neither overlaps itself, so pairs cannot cross.
    """
    # One more overlap with the same label outweighs all other overlaps that there could be.
    same = min(len(gold), len(predicted)) + 1
    best = [[0] * (len(predicted) + 1) for _ in range(len(gold) + 1)]

    def joined(i: int, j: int) -> int:
        """What the rest is worth if these two are paired; less than nothing if they cannot be."""
        if gold[i].start >= predicted[j].end or predicted[j].start >= gold[i].end:
            return -1
        return best[i + 1][j + 1] + (same if gold[i].label == predicted[j].label else 1)

    for i in reversed(range(len(gold))):
        for j in reversed(range(len(predicted))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], joined(i, j))
    i = j = 0
    while i < len(gold) and j < len(predicted):
        if joined(i, j) == best[i][j]:
            yield Pair(gold[i], predicted[j], _kind(gold[i], predicted[j]))
            i, j = i + 1, j + 1
        elif best[i + 1][j] == best[i][j]:
            yield Pair(gold[i], None, MISSED)
            i += 1
        else:
            yield Pair(None, predicted[j], SPURIOUS)
            j += 1
    yield from (Pair(mention, None, MISSED) for mention in gold[i:])
    yield from (Pair(None, span, SPURIOUS) for span in predicted[j:])


def _kind(gold: Mention, predicted: Span) -> str:
    if _place(gold) == _place(predicted):
        return CORRECT if gold.label == predicted.label else WRONG_LABEL
    return WRONG_EDGES if gold.label == predicted.label else WRONG_BOTH
