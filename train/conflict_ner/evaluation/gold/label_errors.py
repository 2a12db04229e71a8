"""Ranking of mentions by how likely it is that their gold label is wrong, from what a model reads in the same reports.

A *finding* is a gold mention, the model's mention at the same place, or both: `matching.align` pairs them one to one.
Its score is the probability, by the model, that gold gives its least likely word a wrong label: one minus the lowest
probability of a gold label among the words of both spans. That is the self-confidence of confident learning (Northcutt,
Jiang & Chuang 2021), with the lowest word standing for the whole, which finds label errors of token classification best
(Wang & Mueller 2022). `B-` and `I-` count as one label: of two readings that differ in a mention's first word, the
second word is the same mention's in both.

>>> scheme = LabelScheme(("ACTOR", "LOCATION"))
>>> report = Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "ACTOR")))
>>> starts, ends = np.array([0, 7, 12, 16]), np.array([6, 11, 16, 17])
>>> sure = {0: 1, 1: 0, 2: 3, 3: 0}  # the tag of each word: B-ACTOR, O, B-LOCATION, O
>>> probabilities = np.full((4, 5), 0.01)
>>> probabilities[list(sure), list(sure.values())] = 0.96
>>> entities = [Entity("ACTOR", "Rebels", 0, 6, 0.96), Entity("LOCATION", "Goma", 12, 16, 0.96)]
>>> reading = Reading(starts, ends, probabilities, np.ones(4, dtype=bool), entities)
>>> for finding in rank_findings([report], [reading], scheme):
...     print(finding.kind, round(finding.score, 2), finding.gold, finding.predicted.label)
wrong label 0.98 Mention(start=12, end=16, label='ACTOR') LOCATION
agreed 0.03 Mention(start=0, end=6, label='ACTOR') ACTOR
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conflict_ner.data.document import Document, Entity, Mention, Span
from conflict_ner.data.labels import LabelScheme, TagIds
from conflict_ner.evaluation import matching
from conflict_ner.evaluation.matching import Pair, align

AGREED = "agreed"  # gold and the model have the same mention
MISSING_MENTION = "missing mention"  # the model has a mention where gold has none
SPURIOUS_MENTION = "spurious mention"  # gold has a mention where the model has none
# A fault is named as one of gold; `matching` names faults of the model.
_KINDS = {matching.CORRECT: AGREED, matching.SPURIOUS: MISSING_MENTION, matching.MISSED: SPURIOUS_MENTION}
KINDS = (matching.WRONG_LABEL, matching.WRONG_EDGES, matching.WRONG_BOTH, MISSING_MENTION, SPURIOUS_MENTION, AGREED)

Ints = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model reads in one report of W words.

    word_starts, word_ends: character offsets, shape (W,), ascending.
    probabilities: of the tags of each word, shape (W, tags).
    is_read: whether the model reads a word, shape (W,); it does not where the tokenizer has no token for it.
    entities: the mentions that it finds.
    """

    word_starts: Ints
    word_ends: Ints
    probabilities: Float64
    is_read: npt.NDArray[np.bool_]
    entities: Sequence[Entity]


@dataclass(frozen=True, slots=True)
class Finding:
    """A gold mention and the model's at the same place; one of them may be missing.

    kind: one of `KINDS`: the fault that gold has if the model is right.
    score: from 0 to 1, how sure the model is that gold is wrong here.
    is_likely: whether the model is as sure of its own label, at some word, as it is on average where gold has that
        label. By confident learning these are the label errors.
    """

    document: Document
    kind: str
    gold: Mention | None
    predicted: Entity | None
    score: float
    is_likely: bool

    @property
    def place(self) -> str:
        """The file and line of the gold mention, with its column if the format has columns; else of the report."""
        if self.gold is None:
            return self.document.origin
        return self.document.place(self.document.mentions.index(self.gold))

    @property
    def pair(self) -> Pair:
        """The two mentions as `matching` pairs them."""
        return Pair(self.gold, self.predicted, self.kind)


@dataclass(frozen=True, slots=True)
class Review:
    """The findings in some reports, those first whose gold is most likely wrong.

    name: of the model. data: the files. documents: all reports that were read.
    """

    name: str
    data: str
    labels: tuple[str, ...]
    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]

    @property
    def likely(self) -> int:
        """The number of findings that are likely errors of gold."""
        return sum(finding.is_likely for finding in self.findings)

    @property
    def kinds(self) -> Counter[str]:
        """The number of findings of each kind."""
        return Counter(finding.kind for finding in self.findings)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each finding as a row of JSONL: rank, score, likely, kind, report, place, gold, predicted."""
        for rank, finding in enumerate(self.findings, start=1):
            yield {
                "rank": rank,
                "score": finding.score,
                "likely": finding.is_likely,
                "kind": finding.kind,
                "report": finding.document.id,
                "place": finding.place,
                "gold": _span_row(finding.gold, finding.document),
                "predicted": _span_row(finding.predicted, finding.document),
            }


def _span_row(span: Span | None, document: Document) -> dict[str, Any] | None:
    if span is None:
        return None
    row = {"label": span.label, "text": document.slice(span), "start": span.start, "end": span.end}
    return row | {"score": round(span.score, 4)} if isinstance(span, Entity) else row


def dump(review: Review) -> Iterator[str]:
    """Yield the lines of a review as JSONL."""
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in review.rows())


@dataclass(frozen=True, slots=True)
class _Draft:
    """A finding before all reports are read.

    right: the lowest probability of a gold label among its words; 1.0 if the model reads none of them.
    rivals: the number of the model's label and its probability, for each word at which the readings differ.
    """

    document: Document
    pair: Pair
    right: float
    rivals: list[tuple[int, float]]


def rank_findings(documents: Iterable[Document], readings: Iterable[Reading], scheme: LabelScheme) -> list[Finding]:
    """Return the findings of all reports, those first whose gold is most likely wrong.

    Equal scores keep the order of the reports. Reports are read one at a time.

    Args:
        readings: of each document, by a model that has not been trained on it.
        scheme: the tags in the columns of `Reading.probabilities`; gold has no other labels.
    """
    drafts: list[_Draft] = []
    sums, counts = np.zeros((2, len(scheme.labels) + 1))
    for document, reading in zip(documents, readings, strict=True):
        gold_tags = _word_tags(document.mentions, reading, scheme)
        labels = scheme.label_numbers[gold_tags[reading.is_read]]
        by_label = _label_probabilities(reading.probabilities, scheme)
        np.add.at(sums, labels, by_label[reading.is_read, labels])
        np.add.at(counts, labels, 1)
        found_tags = _word_tags(reading.entities, reading, scheme)
        drafts += [
            _draft(document, pair, reading, by_label, gold_tags, found_tags, scheme)
            for pair in align(document.mentions, reading.entities)
        ]
    # The threshold of confident learning: the mean probability of a label at the words that gold gives it.
    thresholds = np.divide(sums, counts, out=np.ones_like(sums), where=counts > 0)
    findings = [
        (draft.right, _finding(draft, any(probability >= thresholds[k] for k, probability in draft.rivals)))
        for draft in drafts
    ]
    return [finding for _, finding in sorted(findings, key=lambda each: each[0])]


def _draft(
    document: Document,
    pair: Pair,
    reading: Reading,
    by_label: Float64,
    gold_tags: TagIds,
    found_tags: TagIds,
    scheme: LabelScheme,
) -> _Draft:
    """Compare the two readings of a pair at its words."""
    words = np.arange(*_word_range(pair, reading))
    words = words[reading.is_read[words]]
    gold, found = gold_tags[words], found_tags[words]
    gold_labels, found_labels = scheme.label_numbers[gold], scheme.label_numbers[found]
    differs = gold_labels != found_labels
    right, rival = by_label[words, gold_labels], by_label[words, found_labels]
    if pair.gold and pair.predicted and not differs.any() and (gold != found).any():
        # The same labels, but one of them divides a mention that the other does not. Only tags show that. A mention
        # that is left over (two of one side stand against one of the other) asks the same question and is not counted.
        differs = gold != found
        right, rival = reading.probabilities[words, gold], reading.probabilities[words, found]
    rivals = list(zip(found_labels[differs].tolist(), rival[differs].tolist(), strict=True))
    return _Draft(document, pair, float(right.min(initial=1.0)), rivals)


def _finding(draft: _Draft, is_likely: bool) -> Finding:
    pair = draft.pair
    predicted = pair.predicted
    assert predicted is None or isinstance(predicted, Entity)
    kind = _KINDS.get(pair.kind, pair.kind)
    return Finding(draft.document, kind, pair.gold, predicted, 1.0 - draft.right, is_likely)


def _label_probabilities(probabilities: Float64, scheme: LabelScheme) -> Float64:
    """Sum the probabilities of a label's tags, shape (W, labels + 1); the first column is that of no mention."""
    first_tags = np.flatnonzero(np.diff(scheme.label_numbers, prepend=-1))
    result: Float64 = np.add.reduceat(probabilities, first_tags, axis=1)
    return result


def _word_tags(spans: Iterable[Span], reading: Reading, scheme: LabelScheme) -> TagIds:
    """Return the tag of each word; a word that a span only touches is one of its words."""
    word_spans = [(*_word_range(span, reading), span.label) for span in spans]
    return scheme.encode([span for span in word_spans if span[0] < span[1]], len(reading.word_starts))


def _word_range(span: Span | Pair, reading: Reading) -> tuple[int, int]:
    """Return the first word that a span touches, and the word after its last."""
    first = np.searchsorted(reading.word_ends, span.start, side="right")
    last = np.searchsorted(reading.word_starts, span.end, side="left")
    return int(first), int(last)
