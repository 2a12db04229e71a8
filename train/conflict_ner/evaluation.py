"""Scores predicted entities against untouched gold mentions, over whole documents.

The headline is seqeval in `strict` mode with IOB2: a mention counts only with its exact
edges and label. seqeval wants tag sequences; here a document's units are the pieces of
text between all gold and predicted edges, so every mention can be said exactly, also one
whose edge falls inside a word, and none is lost on the way to the score.

>>> gold = [Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))]
>>> report = score(gold, [[Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")]], ["ACTOR", "LOCATION"])
>>> report.strict.micro.f1, report.overlap.micro.f1
(0.5, 1.0)
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from conflict_ner.document import Document, Mention, Span
from conflict_ner.labels import LabelScheme

_ROUNDING = 1e-9


class Figures(BaseModel):
    """Counts and what follows from them; None where a figure is undefined."""

    model_config = ConfigDict(frozen=True)

    precision: float | None
    recall: float | None
    f1: float | None
    correct: int
    predicted: int
    gold: int

    @classmethod
    def of(cls, correct: int, predicted: int, gold: int) -> Figures:
        """Precision, recall and F1 of counts (van Rijsbergen 1979)."""
        return cls(
            precision=correct / predicted if predicted else None,
            recall=correct / gold if gold else None,
            f1=2 * correct / (predicted + gold) if predicted + gold else None,
            correct=correct,
            predicted=predicted,
            gold=gold,
        )


class Scores(BaseModel):
    """One way of matching: all mentions together, the mean over labels, each label."""

    model_config = ConfigDict(frozen=True)

    micro: Figures
    macro_f1: float | None  # over the labels that have gold mentions
    labels: Mapping[str, Figures]

    @classmethod
    def of(cls, labels: Mapping[str, Figures]) -> Scores:
        """Sum up the figures a label."""
        total = [sum(getattr(f, name) for f in labels.values()) for name in ("correct", "predicted", "gold")]
        present = [figures.f1 for figures in labels.values() if figures.gold and figures.f1 is not None]
        return cls(micro=Figures.of(*total), macro_f1=sum(present) / len(present) if present else None, labels=labels)


class Report(BaseModel):
    """What a model is worth on one set of documents.

    strict: exact edges and label (seqeval, strict, IOB2).
    overlap: the lenient figure; same label and at least one character shared, one to one.
    seqeval_default_f1: micro F1 in seqeval's default mode, in which many papers publish. It
        differs from strict only for tag sequences that are not well-formed, which the
        decoder never gives: the two agree here, which the JSON shows for those who compare.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: int
    strict: Scores
    overlap: Scores
    seqeval_default_f1: float | None


def score(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Report:
    """Compare predictions with the gold of the same documents.

    Raises:
        ValueError: if the two differ in length, or a predicted span lies outside its text.
        AssertionError: if not every gold mention was scored (a defect of this package).
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} documents but predictions for {len(predicted)}")
    for document, spans in zip(gold, predicted, strict=True):
        if any(not 0 <= span.start < span.end <= len(document.text) for span in spans):
            raise ValueError(f"a predicted span lies outside the text of {document.id!r}")
    mentions = sum(len(document.mentions) for document in gold)
    strict, default_f1 = _seqeval(gold, predicted, labels)
    assert strict.micro.gold == mentions, f"{strict.micro.gold} of {mentions} gold mentions were scored"
    return Report(
        documents=len(gold),
        mentions=mentions,
        strict=strict,
        overlap=_overlap(gold, predicted, labels),
        seqeval_default_f1=default_f1,
    )


def _seqeval(
    gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> tuple[Scores, float | None]:
    scheme = LabelScheme(tuple(labels))
    pairs = [_tag_pieces(document.mentions, spans, scheme) for document, spans in zip(gold, predicted, strict=True)]
    truth, guess = [pair[0] for pair in pairs if pair[0]], [pair[1] for pair in pairs if pair[0]]
    if not truth:  # seqeval cannot take the empty case: nothing to find and nothing found
        return Scores.of({label: Figures.of(0, 0, 0) for label in labels}), None
    from seqeval.metrics import classification_report, f1_score
    from seqeval.scheme import IOB2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label without gold is told by None, not by a warning
        table: dict[str, Any] = classification_report(
            truth, guess, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
        )
        default_f1 = float(f1_score(truth, guess, zero_division=0))
    correct, found = _exact(gold, predicted)
    figures = {}
    for label in labels:
        row = table.get(label, {"f1-score": 0.0, "support": 0})
        figures[label] = Figures.of(correct[label], found[label], int(row["support"]))
        assert abs(float(row["f1-score"]) - (figures[label].f1 or 0.0)) < _ROUNDING, f"seqeval disagrees on {label}"
    return Scores.of(figures), default_f1


def _exact(gold: Sequence[Document], predicted: Sequence[Sequence[Span]]) -> tuple[Counter[str], Counter[str]]:
    correct: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for document, spans in zip(gold, predicted, strict=True):
        truth = {(m.start, m.end, m.label) for m in document.mentions}
        for span in spans:
            found[span.label] += 1
            correct[span.label] += (span.start, span.end, span.label) in truth
    return correct, found


def _tag_pieces(gold: Sequence[Span], spans: Sequence[Span], scheme: LabelScheme) -> tuple[list[str], list[str]]:
    """Tags of the pieces between all edges of both sides."""
    edges = sorted({edge for span in (*gold, *spans) for edge in (span.start, span.end)})
    index = {edge: k for k, edge in enumerate(edges)}

    def tags(side: Sequence[Span]) -> list[str]:
        pieces = ((index[span.start], index[span.end], span.label) for span in side)
        return [scheme.tags[tag] for tag in scheme.encode(pieces, max(len(edges) - 1, 0))]

    return tags(gold), tags(spans)


def _overlap(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Scores:
    figures = {}
    for label in labels:
        matched = found = wanted = 0
        for document, spans in zip(gold, predicted, strict=True):
            truth = [m for m in document.mentions if m.label == label]
            guess = sorted(Mention(s.start, s.end, s.label) for s in spans if s.label == label)
            matched += _pair_up(truth, guess)
            found += len(guess)
            wanted += len(truth)
        figures[label] = Figures.of(matched, found, wanted)
    return Scores.of(figures)


def _pair_up(left: Sequence[Span], right: Sequence[Span]) -> int:
    """The most pairs of overlapping spans, one to one; each side is sorted and disjoint."""
    pairs = i = j = 0
    while i < len(left) and j < len(right):
        if left[i].start < right[j].end and right[j].start < left[i].end:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif left[i].end <= right[j].start:
            i += 1
        else:
            j += 1
    return pairs
