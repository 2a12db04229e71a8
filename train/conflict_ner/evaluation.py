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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.bootstrap import Counts, f1_interval
from conflict_ner.document import Document, Mention, Span
from conflict_ner.labels import LabelScheme

_ROUNDING = 1e-9


class Figures(BaseModel):
    """Counts and what follows from them; None where a figure is undefined.

    interval: of the F1, 95 % (bootstrap over documents); None with fewer than two documents.
    """

    model_config = ConfigDict(frozen=True)

    precision: float | None
    recall: float | None
    f1: float | None
    correct: int
    predicted: int
    gold: int
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, counts: Counts) -> Figures:
        """Precision, recall and F1 (van Rijsbergen 1979).

        Args:
            counts: shape (documents, 3): correct, predicted and gold mentions of each.
        """
        correct, predicted, gold = map(int, counts.sum(axis=0))
        return cls(
            precision=correct / predicted if predicted else None,
            recall=correct / gold if gold else None,
            f1=2 * correct / (predicted + gold) if predicted + gold else None,
            correct=correct,
            predicted=predicted,
            gold=gold,
            interval=f1_interval(counts),
        )


class Scores(BaseModel):
    """One way of matching: all mentions together, the mean over labels, each label."""

    model_config = ConfigDict(frozen=True)

    micro: Figures
    macro_f1: float | None  # over the labels that have gold mentions
    labels: Mapping[str, Figures]

    @classmethod
    def of(cls, counts: Counts, labels: Sequence[str]) -> Scores:
        """Sum up counts of shape (documents, labels, 3)."""
        figures = {label: Figures.of(counts[:, index]) for index, label in enumerate(labels)}
        present = [one.f1 for one in figures.values() if one.gold and one.f1 is not None]
        macro = sum(present) / len(present) if present else None
        return cls(micro=Figures.of(counts.sum(axis=1)), macro_f1=macro, labels=figures)


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
    strict = Scores.of(_count(gold, predicted, labels, _same), labels)
    assert strict.micro.gold == mentions, f"{strict.micro.gold} of {mentions} gold mentions were scored"
    return Report(
        documents=len(gold),
        mentions=mentions,
        strict=strict,
        overlap=Scores.of(_count(gold, predicted, labels, _pair_up), labels),
        seqeval_default_f1=_agree_with_seqeval(strict, gold, predicted, labels),
    )


def _count(
    gold: Sequence[Document],
    predicted: Sequence[Sequence[Span]],
    labels: Sequence[str],
    matched: Callable[[Sequence[Span], Sequence[Span]], int],
) -> Counts:
    """Matched, predicted and gold mentions; shape (documents, labels, 3)."""
    counts = np.zeros((len(gold), len(labels), 3), np.int64)
    for row, document, spans in zip(counts, gold, predicted, strict=True):
        for cell, label in zip(row, labels, strict=True):
            truth = [m for m in document.mentions if m.label == label]
            guess = sorted(Mention(s.start, s.end, s.label) for s in spans if s.label == label)
            cell[:] = matched(truth, guess), len(guess), len(truth)
    return counts


def _same(left: Sequence[Span], right: Sequence[Span]) -> int:
    return len({(span.start, span.end) for span in left} & {(span.start, span.end) for span in right})


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


def _agree_with_seqeval(
    strict: Scores, gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> float | None:
    """Hold our counts against seqeval's strict mode; gives the F1 of its default mode."""
    scheme = LabelScheme(tuple(labels))
    pairs = [_tag_pieces(document.mentions, spans, scheme) for document, spans in zip(gold, predicted, strict=True)]
    truth, guess = [pair[0] for pair in pairs if pair[0]], [pair[1] for pair in pairs if pair[0]]
    if not truth:  # seqeval cannot take the empty case: nothing to find and nothing found
        return None
    from seqeval.metrics import classification_report, f1_score
    from seqeval.scheme import IOB2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label without gold is told by None, not by a warning
        table: dict[str, Any] = classification_report(
            truth, guess, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
        )
        default_f1 = float(f1_score(truth, guess, zero_division=0))
    for label, figures in strict.labels.items():
        row = table.get(label, {"f1-score": 0.0, "support": 0})
        agree = figures.gold == row["support"] and abs(float(row["f1-score"]) - (figures.f1 or 0.0)) < _ROUNDING
        assert agree, f"seqeval disagrees on {label}"
    return default_f1


def _tag_pieces(gold: Sequence[Span], spans: Sequence[Span], scheme: LabelScheme) -> tuple[list[str], list[str]]:
    """Tags of the pieces between all edges of both sides."""
    edges = sorted({edge for span in (*gold, *spans) for edge in (span.start, span.end)})
    index = {edge: k for k, edge in enumerate(edges)}

    def tags(side: Sequence[Span]) -> list[str]:
        pieces = ((index[span.start], index[span.end], span.label) for span in side)
        return [scheme.tags[tag] for tag in scheme.encode(pieces, max(len(edges) - 1, 0))]

    return tags(gold), tags(spans)
