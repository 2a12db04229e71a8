"""Scores of predicted entities against gold mentions, over whole documents.

The headline is seqeval's `strict` mode with IOB2: a mention is correct only with its exact edges
and label. seqeval needs tag sequences; here a document's units are the pieces of text between all
gold and predicted edges. So every mention can be tagged exactly, even one with an edge inside a
word, and none is lost before it is scored. All other numbers are counted from one alignment
(`matching`), so that no two of them contradict each other.

>>> from conflict_ner.data.document import Mention
>>> gold = [Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))]
>>> report = score(gold, [[Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")]], ["ACTOR", "LOCATION"])
>>> report.strict.micro.f1, report.type.micro.f1, report.partial.f1
(0.5, 1.0, 0.75)
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from conflict_ner.data.document import Document, Entity, Mention, Span
from conflict_ner.data.label_levels import first_level, first_levels
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.words import split_words
from conflict_ner.evaluation.calibration import (
    Calibration,
    Point,
    ScoredPrediction,
    calibration,
    precision_recall_curve,
)
from conflict_ner.evaluation.matching import CORRECT, ERRORS, WRONG_EDGES, WRONG_LABEL, Pair, align
from conflict_ner.evaluation.scores import Counts, Metrics, Scores
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.evaluation.slices import Slice, slices

_INEXACT_WEIGHT = 0.5  # of a pair with wrong edges in the partial metrics (SemEval-2013)
_ROUNDING = 1e-9


class Confusion(BaseModel):
    """Words by gold label (rows) and predicted label (columns); O is no mention."""

    model_config = ConfigDict(frozen=True)

    labels: tuple[str, ...]
    words: tuple[tuple[int, ...], ...]


class Report(BaseModel):
    """The scores of predictions on one set of documents, as in seqeval's classification report.

    Elsewhere in this package a report is a text from the field; only this class is named after
    seqeval's report. Every interval is 95 %, by bootstrap over documents.

    strict: exact edges and label (seqeval, strict, IOB2).
    type: the lenient score: the same label and at least one character shared, one to one.
    exact: exact edges, whatever the label. partial: any overlap, whatever the label; edges that
        are not exact count half. type, exact and partial are those of SemEval-2013.
    seqeval_default: F1 of each label in seqeval's default mode, in which many papers publish, and
        seqeval_default_f1 the micro F1. It differs from strict only for tag sequences that are
        not well-formed, which the decoder never gives: the two agree here.
    errors: counts by kind (see `matching`), then by label.
    slices: by field, then value. curves: precision and recall by threshold, for each label.
    first_level: `strict` with labels cut to their first level (NUMBER.killed counts as NUMBER), if any has a second.
    threshold: the minimum score of predictions, for each label that has one.
    notes: what a reader of the scores must know: what was not verified about the model, what was not scored.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: int
    strict: Scores
    # Checkpoints of the first versions call it `overlap`.
    type: Scores = Field(validation_alias=AliasChoices("type", "overlap"))
    exact: Metrics | None = None
    partial: Metrics | None = None
    seqeval_default_f1: float | None = None
    seqeval_default: Mapping[str, float | None] = {}
    errors: Mapping[str, Mapping[str, int]] = {}
    confusion: Confusion | None = None
    slices: Mapping[str, Mapping[str, Slice]] = {}
    calibration: Calibration | None = None
    curves: Mapping[str, tuple[Point, ...]] = {}
    first_level: Scores | None = None
    threshold: Mapping[str, float] = {}
    notes: tuple[str, ...] = ()


class ReportsBySplit(BaseModel):
    """The content of a checkpoint's `scores.json`."""

    splits: dict[str, Report]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Predictions with their gold mentions and scores; tables, pages and comparisons are made from it.

    name: what was evaluated, such as a checkpoint's folder. data: on what, as the user named it.
    history: the learning curve of the checkpoint, one mapping for each epoch.
    """

    name: str
    data: str
    labels: tuple[str, ...]
    documents: tuple[Document, ...]
    predicted: tuple[tuple[Entity, ...], ...]
    report: Report
    history: tuple[Mapping[str, float], ...] = ()


def score(
    gold: Sequence[Document],
    predicted: Sequence[Sequence[Span]],
    labels: Sequence[str],
    *,
    seen: SeenMentions | None = None,
    fields: Sequence[str] | None = None,
    threshold: Mapping[str, float] | None = None,
) -> Report:
    """Score predictions against the gold mentions of the same documents.

    Args:
        predicted: entities, or spans without scores; those have no calibration and no curves.
        seen: the mentions and texts of training, for the slices of seen and unseen ones.
        fields: metadata fields to slice by; None takes all with few values.
        threshold: the minimum scores that the predictions were filtered by; only recorded.

    Raises:
        ValueError: if the two differ in length, or a document has a predicted span outside its
            text, spans of one side that overlap, or a label that is not among `labels`.
        DataError: if no document has a field that is named.
        AssertionError: if not every gold mention was scored (a defect of this package).
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} documents but predictions for {len(predicted)}")
    for document, spans in zip(gold, predicted, strict=True):
        _check_spans(document, spans, labels)
    pairs = [align(document.mentions, spans) for document, spans in zip(gold, predicted, strict=True)]
    mentions = sum(len(document.mentions) for document in gold)
    strict = Scores.of(label_counts(pairs, labels), labels)
    if strict.micro.gold != mentions:
        raise AssertionError(f"{strict.micro.gold} of {mentions} gold mentions were scored")
    default_by_label, default_micro = seqeval_default_f1(strict, gold, predicted, labels)
    scored = _scored_predictions(pairs)
    return Report(
        documents=len(gold),
        mentions=mentions,
        strict=strict,
        type=Scores.of(label_counts(pairs, labels, kinds=(CORRECT, WRONG_EDGES)), labels),
        exact=Metrics.of(counts_of_any_label(pairs, inexact_weight=0)),
        partial=Metrics.of(counts_of_any_label(pairs, inexact_weight=_INEXACT_WEIGHT)),
        seqeval_default_f1=default_micro,
        seqeval_default=default_by_label,
        errors=_errors(pairs, labels),
        confusion=_confusion(gold, predicted, labels),
        slices=slices(gold, pairs, fields, seen),
        calibration=calibration(scored, len(gold)),
        curves={label: precision_recall_curve(scored, label, metrics.gold) for label, metrics in strict.labels.items()},
        first_level=_first_level_scores(gold, predicted, labels),
        threshold=dict(threshold or {}),
    )


def strict_micro(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Metrics:
    """Compute only the headline of `score`, which is much faster."""
    pairs = [align(document.mentions, spans) for document, spans in zip(gold, predicted, strict=True)]
    return Metrics.of(label_counts(pairs, labels).sum(axis=1))


def strict_scores(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Scores:
    """Compute only the strict scores of `score`, of all mentions and of each label, which is much faster."""
    pairs = [align(document.mentions, spans) for document, spans in zip(gold, predicted, strict=True)]
    return Scores.of(label_counts(pairs, labels), labels)


def _first_level_scores(
    gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> Scores | None:
    """Compute the strict scores at the first level of labels; None if no label has a second level."""
    families = first_levels(labels)
    if len(families) == len(labels):
        return None
    cut = [
        [[Mention(span.start, span.end, first_level(span.label)) for span in spans] for spans in sides]
        for sides in ((document.mentions for document in gold), predicted)
    ]
    return Scores.of(label_counts([align(*sides) for sides in zip(*cut, strict=True)], families), families)


def _check_spans(document: Document, spans: Sequence[Span], labels: Sequence[str]) -> None:
    if any(not 0 <= span.start < span.end <= len(document.text) for span in spans):
        raise ValueError(f"a predicted span lies outside the text of {document.id!r}")
    for side, name in ((document.mentions, "gold mentions"), (spans, "predicted spans")):
        if unknown := {span.label for span in side}.difference(labels):
            raise ValueError(f"{name} of {document.id!r} have the label {min(unknown)!r}, which is not scored")
        edges = sorted((span.start, span.end) for span in side)
        if any(first[1] > second[0] for first, second in pairwise(edges)):
            raise ValueError(f"{name} of {document.id!r} overlap each other and cannot be paired one to one")


def label_counts(
    pairs: Sequence[Sequence[Pair]], labels: Sequence[str], *, kinds: Sequence[str] = (CORRECT,)
) -> Counts:
    """Count correct, predicted and gold mentions; shape (documents, labels, 3).

    Args:
        kinds: the kinds of pairs that count as correct.
    """
    index = {label: k for k, label in enumerate(labels)}
    counts = np.zeros((len(pairs), len(labels), 3), np.int64)
    for row, document_pairs in zip(counts, pairs, strict=True):
        for pair in document_pairs:
            if pair.predicted:
                row[index[pair.predicted.label], 1] += 1
            if pair.gold:
                row[index[pair.gold.label], 2] += 1
                row[index[pair.gold.label], 0] += pair.kind in kinds
    return counts


def counts_of_any_label(pairs: Sequence[Sequence[Pair]], inexact_weight: float) -> Counts:
    """Count matched, predicted and gold mentions, whatever their labels; shape (documents, 3)."""
    counts = np.zeros((len(pairs), 3))
    for row, document_pairs in zip(counts, pairs, strict=True):
        for pair in document_pairs:
            row[1:] += pair.predicted is not None, pair.gold is not None
            if pair.predicted and pair.gold:
                row[0] += 1 if pair.kind in (CORRECT, WRONG_LABEL) else inexact_weight
    return counts


def seqeval_default_f1(
    strict: Scores, gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> tuple[Mapping[str, float | None], float | None]:
    """Compute F1 by label and micro F1 in seqeval's default mode, and check our strict scores against seqeval.

    Returns:
        The F1 of each label and the micro F1; None where there is nothing to count.

    Raises:
        AssertionError: if seqeval's strict mode gives other scores than ours (a defect of this package).
    """
    scheme = LabelScheme(tuple(labels))
    tags = [_tag_pieces(document.mentions, spans, scheme) for document, spans in zip(gold, predicted, strict=True)]
    tags_gold, tags_predicted = [pair[0] for pair in tags if pair[0]], [pair[1] for pair in tags if pair[0]]
    if not tags_gold:  # seqeval fails where there are no gold mentions and no predictions
        return dict.fromkeys(labels), None
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    options = {"output_dict": True, "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # we return None for a label without gold, so no warning is needed
        table: dict[str, Any] = classification_report(tags_gold, tags_predicted, mode="strict", scheme=IOB2, **options)
        default: dict[str, Any] = classification_report(tags_gold, tags_predicted, **options)
    for label, metrics in strict.labels.items():
        row = table.get(label, {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0})
        ours = (metrics.precision or 0.0, metrics.recall or 0.0, metrics.f1 or 0.0)
        theirs = (float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
        gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if metrics.gold != row["support"] or not gap < _ROUNDING:
            raise AssertionError(f"seqeval disagrees on {label}")
    by_label = {label: float(default[label]["f1-score"]) if label in default else None for label in labels}
    return by_label, float(default["micro avg"]["f1-score"])


def _tag_pieces(gold: Sequence[Span], spans: Sequence[Span], scheme: LabelScheme) -> tuple[list[str], list[str]]:
    """Tag the pieces of text between all edges of both sides; return the tags of each side."""
    edges = sorted({edge for span in (*gold, *spans) for edge in (span.start, span.end)})
    index = {edge: k for k, edge in enumerate(edges)}

    def tags(side: Sequence[Span]) -> list[str]:
        pieces = ((index[span.start], index[span.end], span.label) for span in side)
        return [scheme.tags[tag] for tag in scheme.encode(pieces, max(len(edges) - 1, 0))]

    return tags(gold), tags(spans)


def _errors(pairs: Sequence[Sequence[Pair]], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter((pair.kind, pair.label) for document_pairs in pairs for pair in document_pairs)
    return {kind: {label: counts[kind, label] for label in labels} for kind in ERRORS}


def _scored_predictions(pairs: Sequence[Sequence[Pair]]) -> list[ScoredPrediction]:
    return [
        (index, pair.predicted.label, pair.predicted.score, pair.kind == CORRECT)
        for index, document_pairs in enumerate(pairs)
        for pair in document_pairs
        if isinstance(pair.predicted, Entity)
    ]


def _confusion(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Confusion:
    size = len(labels) + 1
    table = np.zeros(size * size, np.int64)
    for document, spans in zip(gold, predicted, strict=True):
        starts, ends = split_words(document.text)
        gold_labels, predicted_labels = np.zeros((2, len(starts)), np.int64)
        for row, side in ((gold_labels, document.mentions), (predicted_labels, spans)):
            for span in side:
                words = slice(np.searchsorted(ends, span.start, "right"), np.searchsorted(starts, span.end, "left"))
                row[words] = labels.index(span.label) + 1
        table += np.bincount(gold_labels * size + predicted_labels, minlength=size * size)
    return Confusion(labels=("O", *labels), words=tuple(map(tuple, table.reshape(size, size).tolist())))
