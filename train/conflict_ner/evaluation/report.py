"""Scores predicted entities against untouched gold mentions, over whole documents.

The headline is seqeval in `strict` mode with IOB2: a mention counts only with its exact
edges and label. seqeval wants tag sequences; here a document's units are the pieces of
text between all gold and predicted edges, so every mention can be said exactly, also one
whose edge falls inside a word, and none is lost on the way to the score. Everything else
is counted from one alignment (`matching`), so no two figures contradict each other.

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

from conflict_ner.data.document import Document, Entity, Span
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.words import split_words
from conflict_ner.evaluation.calibration import Calibration, Point, Scored, calibration, curve
from conflict_ner.evaluation.matching import CORRECT, ERRORS, WRONG_EDGES, WRONG_LABEL, Pair, align
from conflict_ner.evaluation.scores import Counts, Figures, Scores
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.evaluation.slices import Slice, slices

_ROUNDING = 1e-9


def agree_with_seqeval(
    strict: Scores, gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> tuple[Mapping[str, float | None], float | None]:
    """The F1 a label and the micro F1 of seqeval's default mode; None where there is nothing to count.

    Raises:
        AssertionError: if seqeval's strict mode counts otherwise than we did (a defect of this package).
    """
    scheme = LabelScheme(tuple(labels))
    pairs = [_tag_pieces(document.mentions, spans, scheme) for document, spans in zip(gold, predicted, strict=True)]
    truth, guess = [pair[0] for pair in pairs if pair[0]], [pair[1] for pair in pairs if pair[0]]
    if not truth:  # seqeval cannot take the empty case: nothing to find and nothing found
        return dict.fromkeys(labels), None
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    options = {"output_dict": True, "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label without gold is told by None, not by a warning
        table: dict[str, Any] = classification_report(truth, guess, mode="strict", scheme=IOB2, **options)
        default: dict[str, Any] = classification_report(truth, guess, **options)
    for label, figures in strict.labels.items():
        row = table.get(label, {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0})
        ours = (figures.precision or 0.0, figures.recall or 0.0, figures.f1 or 0.0)
        theirs = (float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
        apart = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if figures.gold != row["support"] or not apart < _ROUNDING:
            raise AssertionError(f"seqeval disagrees on {label}")
    by_label = {label: float(default[label]["f1-score"]) if label in default else None for label in labels}
    return by_label, float(default["micro avg"]["f1-score"])


def _tag_pieces(gold: Sequence[Span], spans: Sequence[Span], scheme: LabelScheme) -> tuple[list[str], list[str]]:
    """Tags of the pieces between all edges of both sides."""
    edges = sorted({edge for span in (*gold, *spans) for edge in (span.start, span.end)})
    index = {edge: k for k, edge in enumerate(edges)}

    def tags(side: Sequence[Span]) -> list[str]:
        pieces = ((index[span.start], index[span.end], span.label) for span in side)
        return [scheme.tags[tag] for tag in scheme.encode(pieces, max(len(edges) - 1, 0))]

    return tags(gold), tags(spans)


_INEXACT = 0.5  # what a pair with wrong edges counts in the partial figure (SemEval-2013)


class Confusion(BaseModel):
    """Words by gold label (rows) and predicted label (columns); O is no mention."""

    model_config = ConfigDict(frozen=True)

    labels: tuple[str, ...]
    words: tuple[tuple[int, ...], ...]


class Report(BaseModel):
    """What a model is worth on one set of documents. Every interval is 95 %, by document.

    strict: exact edges and label (seqeval, strict, IOB2).
    type: the lenient figure: the same label and at least one character shared, one to one.
    exact: exact edges, whatever the label. partial: any overlap, whatever the label; edges that
        are not exact count half. These three are SemEval-2013's.
    seqeval_default: F1 a label in seqeval's default mode, in which many papers publish, and
        seqeval_default_f1 the micro F1. It differs from strict only for tag sequences that are
        not well-formed, which the decoder never gives: the two agree here.
    errors: by kind (see `matching`), then by label.
    slices: by field, then value. curves: precision and recall a label by threshold.
    threshold: what predictions had to score, a label, where it was not nothing.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: int
    strict: Scores
    # Checkpoints of the first versions say `overlap`.
    type: Scores = Field(validation_alias=AliasChoices("type", "overlap"))
    exact: Figures | None = None
    partial: Figures | None = None
    seqeval_default_f1: float | None = None
    seqeval_default: Mapping[str, float | None] = {}
    errors: Mapping[str, Mapping[str, int]] = {}
    confusion: Confusion | None = None
    slices: Mapping[str, Mapping[str, Slice]] = {}
    calibration: Calibration | None = None
    curves: Mapping[str, tuple[Point, ...]] = {}
    threshold: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The one object that every view of an evaluation is made from.

    name: what was evaluated, such as a checkpoint's folder. data: on what, as the user named it.
    history: the checkpoint's learning curve, a mapping an epoch.
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
    """Compare predictions with the gold of the same documents.

    Args:
        predicted: entities, or spans without scores; those have no calibration and no curves.
        seen: what training has seen, for the slices that tell seen from unseen.
        fields: metadata fields to slice by; None takes all with few values.
        threshold: what was asked of the predictions' scores, for the record.

    Raises:
        ValueError: if the two differ in length, or a document has a predicted span outside its
            text, spans of one side that overlap, or a label that is not among `labels`.
        DataError: if no document has a field that is named.
        AssertionError: if not every gold mention was scored (a defect of this package).
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} documents but predictions for {len(predicted)}")
    for document, spans in zip(gold, predicted, strict=True):
        _refuse_what_cannot_be_scored(document, spans, labels)
    pairs = [align(document.mentions, spans) for document, spans in zip(gold, predicted, strict=True)]
    mentions = sum(len(document.mentions) for document in gold)
    strict = Scores.of(_count(pairs, labels, (CORRECT,)), labels)
    if strict.micro.gold != mentions:
        raise AssertionError(f"{strict.micro.gold} of {mentions} gold mentions were scored")
    default, default_micro = agree_with_seqeval(strict, gold, predicted, labels)
    scored = _scored(pairs)
    return Report(
        documents=len(gold),
        mentions=mentions,
        strict=strict,
        type=Scores.of(_count(pairs, labels, (CORRECT, WRONG_EDGES)), labels),
        exact=Figures.of(_count_any_label(pairs, inexact=0)),
        partial=Figures.of(_count_any_label(pairs, inexact=_INEXACT)),
        seqeval_default_f1=default_micro,
        seqeval_default=default,
        errors=_errors(pairs, labels),
        confusion=_confusion(gold, predicted, labels),
        slices=slices(gold, pairs, fields, seen),
        calibration=calibration(scored, len(gold)),
        curves={label: curve(scored, label, figures.gold) for label, figures in strict.labels.items()},
        threshold=dict(threshold or {}),
    )


def strict_micro(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Figures:
    """The headline alone, as `score` has it, for those who need it often."""
    pairs = [align(document.mentions, spans) for document, spans in zip(gold, predicted, strict=True)]
    return Figures.of(label_counts(pairs, labels).sum(axis=1))


def _refuse_what_cannot_be_scored(document: Document, spans: Sequence[Span], labels: Sequence[str]) -> None:
    if any(not 0 <= span.start < span.end <= len(document.text) for span in spans):
        raise ValueError(f"a predicted span lies outside the text of {document.id!r}")
    for side, name in ((document.mentions, "gold mentions"), (spans, "predicted spans")):
        if unknown := {span.label for span in side}.difference(labels):
            raise ValueError(f"{name} of {document.id!r} have the label {min(unknown)!r}, which is not scored")
        placed = sorted((span.start, span.end) for span in side)
        if any(first[1] > second[0] for first, second in pairwise(placed)):
            raise ValueError(f"{name} of {document.id!r} overlap each other and cannot be paired one to one")


def label_counts(pairs: Sequence[Sequence[Pair]], labels: Sequence[str]) -> Counts:
    """Strictly correct, predicted and gold mentions; shape (documents, labels, 3)."""
    return _count(pairs, labels, (CORRECT,))


def _count(pairs: Sequence[Sequence[Pair]], labels: Sequence[str], kinds: Sequence[str]) -> Counts:
    index = {label: k for k, label in enumerate(labels)}
    counts = np.zeros((len(pairs), len(labels), 3), np.int64)
    for row, each in zip(counts, pairs, strict=True):
        for pair in each:
            if pair.predicted:
                row[index[pair.predicted.label], 1] += 1
            if pair.gold:
                row[index[pair.gold.label], 2] += 1
                row[index[pair.gold.label], 0] += pair.kind in kinds
    return counts


def _count_any_label(pairs: Sequence[Sequence[Pair]], inexact: float) -> Counts:
    """Matched, predicted and gold mentions, whatever their labels; shape (documents, 3)."""
    counts = np.zeros((len(pairs), 3))
    for row, each in zip(counts, pairs, strict=True):
        for pair in each:
            row[1:] += pair.predicted is not None, pair.gold is not None
            if pair.predicted and pair.gold:
                row[0] += 1 if pair.kind in (CORRECT, WRONG_LABEL) else inexact
    return counts


def _errors(pairs: Sequence[Sequence[Pair]], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter((pair.kind, pair.label) for each in pairs for pair in each)
    return {kind: {label: counts[kind, label] for label in labels} for kind in ERRORS}


def _scored(pairs: Sequence[Sequence[Pair]]) -> list[Scored]:
    return [
        (index, pair.predicted.label, pair.predicted.score, pair.kind == CORRECT)
        for index, each in enumerate(pairs)
        for pair in each
        if isinstance(pair.predicted, Entity)
    ]


def _confusion(gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> Confusion:
    size = len(labels) + 1
    table = np.zeros(size * size, np.int64)
    for document, spans in zip(gold, predicted, strict=True):
        starts, ends = split_words(document.text)
        truth, guess = np.zeros((2, len(starts)), np.int64)
        for row, side in ((truth, document.mentions), (guess, spans)):
            for span in side:
                inside = slice(np.searchsorted(ends, span.start, "right"), np.searchsorted(starts, span.end, "left"))
                row[inside] = labels.index(span.label) + 1
        table += np.bincount(truth * size + guess, minlength=size * size)
    return Confusion(labels=("O", *labels), words=tuple(map(tuple, table.reshape(size, size).tolist())))
