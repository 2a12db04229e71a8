"""One-to-one matching of predicted spans with gold mentions; every count of an evaluation is taken from it.

The kinds follow SemEval-2013 task 9 (Segura-Bedmar, Martinez & Herrero-Zazo 2013).

>>> gold = [Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")]
>>> [pair.kind for pair in align(gold, [Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")])]
['correct', 'wrong edges']
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from conflict_ner.data.document import Mention, Span

CORRECT = "correct"
WRONG_LABEL = "wrong label"  # the edges are right
WRONG_EDGES = "wrong edges"  # the label is right and they overlap
WRONG_BOTH = "wrong label and edges"  # they overlap
MISSED = "missed"  # a gold mention without a prediction
SPURIOUS = "spurious"  # a prediction without a gold mention
ERRORS = (MISSED, SPURIOUS, WRONG_LABEL, WRONG_EDGES, WRONG_BOTH)


@dataclass(frozen=True, slots=True)
class Pair:
    """A gold mention and the prediction matched with it; one of the two may be missing."""

    gold: Mention | None
    predicted: Span | None
    kind: str

    @property
    def spans(self) -> tuple[Span, ...]:
        """The gold mention and the prediction, without a missing one."""
        return tuple(span for span in (self.gold, self.predicted) if span)

    @property
    def label(self) -> str:
        """The gold label; for a spurious prediction, the predicted label."""
        return self.spans[0].label

    @property
    def start(self) -> int:
        """The offset of the pair's first character."""
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        """The offset after the pair's last character."""
        return max(span.end for span in self.spans)


def align(gold: Sequence[Mention], predicted: Sequence[Span]) -> list[Pair]:
    """Pair the spans of one document, in text order.

    The gold mentions must not overlap each other, nor must the predictions. Each span is in exactly
    one pair. Spans with equal edges are paired first, then as many overlapping spans with the same
    label as possible, then as many other overlapping spans as are still free.
    """
    pairs = [
        pair
        for mentions, spans in overlapping_groups([gold, predicted])
        for pair in _best_pairs(cast("list[Mention]", mentions), spans)
    ]
    return sorted(pairs, key=lambda pair: (pair.start, pair.gold is None))


def overlapping_groups(sides: Sequence[Sequence[Span]]) -> Iterator[list[list[Span]]]:
    """Group the spans of two or more sides that are connected by overlaps, in text order.

    The spans of one side must not overlap each other.

    Yields:
        for each group its spans, one list for each side; some may be empty.
    """
    queues = [deque(sorted(side, key=_edges)) for side in sides]
    while any(queues):
        group: list[list[Span]] = [[] for _ in queues]
        end = min(queue[0].start for queue in queues if queue) + 1
        while (k := next((k for k, queue in enumerate(queues) if queue and queue[0].start < end), None)) is not None:
            group[k].append(queues[k].popleft())
            end = max(end, group[k][-1].end)
        yield group


def _best_pairs(gold: Sequence[Mention], predicted: Sequence[Span]) -> Iterator[Pair]:
    """Find the best pairs of a group, as two sequences are aligned (Needleman & Wunsch 1970).

    Both sides are in order and have no overlaps of their own, so pairs cannot cross.
    """
    # One more overlap with the same label outweighs all other overlaps that are possible.
    same_label_value = min(len(gold), len(predicted)) + 1
    best = [[0] * (len(predicted) + 1) for _ in range(len(gold) + 1)]

    def value_if_paired(i: int, j: int) -> int:
        """The value of `gold[i:]` and `predicted[j:]` if their first spans are paired; -1 if these do not overlap."""
        if gold[i].start >= predicted[j].end or predicted[j].start >= gold[i].end:
            return -1
        return best[i + 1][j + 1] + (same_label_value if gold[i].label == predicted[j].label else 1)

    for i in reversed(range(len(gold))):
        for j in reversed(range(len(predicted))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], value_if_paired(i, j))
    i = j = 0
    while i < len(gold) and j < len(predicted):
        if value_if_paired(i, j) == best[i][j]:
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
    if _edges(gold) == _edges(predicted):
        return CORRECT if gold.label == predicted.label else WRONG_LABEL
    return WRONG_EDGES if gold.label == predicted.label else WRONG_BOTH


def _edges(span: Span) -> tuple[int, int]:
    return span.start, span.end
