"""Comparison of two evaluations of the same reports: which is better, how certain that is, and what changed.

A comparison is of two checkpoints. Training again with another seed gives another checkpoint, and two
seeds of one recipe may differ as much as two recipes do (Reimers & Gurevych 2017; Dror et al. 2018
on which test to choose).

>>> from conflict_ner.evaluation.report import score
>>> report = Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),))
>>> def evaluation(name, *predicted):
...     scores = score([report], [predicted], ["ACTOR"])
...     return Evaluation(name, "demo.md", ("ACTOR",), (report,), (predicted,), scores)
>>> comparison = compare(evaluation("old"), evaluation("new", Entity("ACTOR", "Rebels", 0, 6, 0.9)))
>>> comparison.micro.difference, comparison.micro.p, comparison.changes[0].kind
(1.0, 1.0, 'now right')
>>> print(comparison.verdict.partition(":")[0])
No difference can be shown

The changes in one report are the gold mentions and false alarms that A and B predict differently:

>>> gold = Document("r1", "Rebels left Goma.", (Mention(0, 6, "ACTOR"),))
>>> a, b = [Mention(0, 11, "ACTOR"), Mention(12, 16, "ACTOR")], [Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")]
>>> [(change.text, change.kind) for change in changes(gold, align(gold.mentions, a), align(gold.mentions, b))]
[('Rebels', 'now right'), ('Goma', 'otherwise changed')]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document, Entity, Mention, Span, describe_text_difference
from conflict_ner.data.label_levels import first_levels
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import predictions
from conflict_ner.evaluation.matching import SPURIOUS, Pair, align
from conflict_ner.evaluation.report import Evaluation, label_counts
from conflict_ner.evaluation.scores import Counts, Interval, Metrics
from conflict_ner.evaluation.significance import CAVEAT, ScoreDifferences, by_label, holm, score_differences, verdict

Kind = Literal["now wrong", "now right", "otherwise changed"]
KINDS: tuple[Kind, ...] = ("now wrong", "now right", "otherwise changed")
_CONTEXT = 40  # characters on either side of a mention that has changed
_FIX = "evaluate both on the same data"


class Prediction(BaseModel):
    """A span that A or B predicted at the place of a change."""

    model_config = ConfigDict(frozen=True)

    label: str
    text: str
    start: int
    end: int
    score: float | None


class Change(BaseModel):
    """A gold mention, or a false alarm (`gold` is None), that A and B predict differently.

    start, end and text are those of the gold mention; of a false alarm those of A's span, or of B's without one.
    """

    model_config = ConfigDict(frozen=True)

    document: str
    kind: Kind
    gold: str | None  # its label
    start: int
    end: int
    text: str
    before: str
    after: str
    a: Prediction | None
    b: Prediction | None


class Difference(BaseModel):
    """Strict metrics of A and of B, and the F1 of B minus that of A. None where undefined.

    interval: the 95 % of the difference. not_better: the share of resamples in which B is not better.
    p: two-sided; adjusted_p: the same, corrected because each label is a separate test (Holm 1979).
    """

    model_config = ConfigDict(frozen=True)

    a: Metrics
    b: Metrics
    difference: float | None
    interval: Interval | None
    not_better: float | None
    p: float | None
    adjusted_p: float | None = None


class Comparison(BaseModel):
    """How B differs from A on the same reports.

    differing: the number of reports in which the strict counts differ; only these are swapped in the test.
    notes: what was not verified about A and B, and what was not scored.
    """

    model_config = ConfigDict(frozen=True)

    a: str
    b: str
    data: str
    documents: int
    differing: int
    verdict: str
    by_label: str
    caveat: str = CAVEAT
    micro: Difference
    labels: Mapping[str, Difference]
    changed: Mapping[str, int]  # by kind
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def compare(first: Evaluation | str | Path, second: Evaluation | str | Path) -> Comparison:
    """Compare two evaluations of the same reports; the order of the reports does not matter.

    Args:
        first, second: what `evaluate` returned, or a file that it or `conflict-ner evaluate --predictions` wrote.

    Raises:
        DataError: if their reports, gold mentions or labels differ, there are no reports, or a file cannot be read.
    """
    for side in (first, second):
        if not isinstance(side, Evaluation) and Path(side).is_dir():
            fault = "a folder; compare takes evaluations"
            raise DataError([Problem(str(side), fault, "pass evaluate(folder, data), or name a saved evaluation")])
    first, second = (side if isinstance(side, Evaluation) else predictions.load(Path(side)) for side in (first, second))
    check_same_labels((first.name, second.name), (first.labels, second.labels))
    _check_same_data(first, second)
    second_predicted = [second.predicted[index] for index in indices_by_id(first.documents, second.documents)]
    pairs_a, pairs_b = (
        [align(document.mentions, spans) for document, spans in zip(first.documents, predicted, strict=True)]
        for predicted in (first.predicted, second_predicted)
    )
    counts_a, counts_b = (label_counts(pairs, first.labels) for pairs in (pairs_a, pairs_b))
    # All mentions together, then each label, so that all are resampled with the same draws.
    differences = score_differences(_prepend_total(counts_a), _prepend_total(counts_b))
    micro = _difference(differences, 0, first.report.strict.micro, second.report.strict.micro, None)
    labels = _label_differences(differences, first, second)
    differing = int((counts_a != counts_b).any(axis=(1, 2)).sum())
    all_changes = tuple(
        change
        for document, a, b in zip(first.documents, pairs_a, pairs_b, strict=True)
        for change in changes(document, a, b)
    )
    return Comparison(
        a=_name_with_thresholds(first),
        b=_name_with_thresholds(second),
        data=first.data,
        documents=len(first.documents),
        differing=differing,
        verdict=verdict(micro.difference, micro.interval, micro.p, differing),
        by_label=by_label({label: (one.difference, one.adjusted_p) for label, one in labels.items()}),
        micro=micro,
        labels=labels,
        changed={kind: sum(change.kind == kind for change in all_changes) for kind in KINDS},
        changes=all_changes,
        notes=tuple(dict.fromkeys([*first.report.notes, *second.report.notes])),
    )


def check_same_labels(names: Sequence[str], labels: Sequence[Sequence[str]]) -> None:
    """Raise if one of two models has a label that the other has not; the order of labels does not matter.

    Raises:
        DataError: naming the label.
    """
    for this, other in ((0, 1), (1, 0)):
        if missing := [label for label in labels[this] if label not in labels[other]]:
            fault = f"has the label {missing[0]}, {names[other]} has not"
            fix = "compare models that were trained on the same labels"
            if shared := [label for label in labels[0] if label in labels[1]]:
                listed = ",".join(shared)
                fix += f", or score both on those that they share: `evaluate --labels {listed} --predictions FILE`"
            if set(first_levels(labels[0])) == set(first_levels(labels[1])):
                fix = "`evaluate --first-level --predictions FILE` on both writes evaluations that can be compared"
            raise DataError([Problem(names[this], fault, fix)])


def _check_same_data(first: Evaluation, second: Evaluation) -> None:
    if not first.documents or not second.documents:
        empty = second if first.documents else first
        raise DataError([Problem(empty.data, f"{empty.name} was evaluated on no reports", _FIX)])
    if problems := list(document_differences(first.documents, second.documents, _FIX)):
        more = f" (and {len(problems) - 1:,} more such faults)" if len(problems) > 1 else ""
        raise DataError([Problem(problems[0].where, problems[0].what + more, _FIX)])


def indices_by_id(first: Sequence[Document], second: Sequence[Document]) -> list[int]:
    """Return, for each document of `first`, the index in `second` of the document with the same id."""
    index = {document.id: k for k, document in enumerate(second)}
    return [index[document.id] for document in first]


def document_differences(first: Sequence[Document], second: Sequence[Document], fix: str) -> Iterator[Problem]:
    """Yield a problem for each report, text or gold mention that two sets of documents do not share, in any order.

    Args:
        fix: how the user can make them the same.
    """
    first_by_id, second_by_id = ({document.id: document for document in side} for side in (first, second))
    for document in (*first, *second):
        if document.id not in first_by_id or document.id not in second_by_id:
            yield Problem(document.origin, f"report {document.id!r} appears only here", fix, kind="only here")
    for document in first:
        other = second_by_id.get(document.id, document)
        if document.text != other.text:
            yield Problem(other.origin, describe_text_difference(document, other), fix, kind="different text")
        elif document.mentions != other.mentions:
            yield Problem(other.origin, _describe_gold_difference(document, other), fix, kind="different gold")


def _describe_gold_difference(first: Document, second: Document) -> str:
    mention = min(set(first.mentions) ^ set(second.mentions))
    place = "there" if mention in first.mentions else "here"
    return (
        f"the gold mentions of report {second.id!r} differ from those at {first.origin}: "
        f"{first.slice(mention)!r} ({mention.label}, {mention.start}:{mention.end}) appears only {place}"
    )


def _name_with_thresholds(evaluation: Evaluation) -> str:
    thresholds = ", ".join(f"{label} >= {minimum:g}" for label, minimum in evaluation.report.threshold.items())
    return f"{evaluation.name} ({thresholds})" if thresholds else evaluation.name


def _prepend_total(counts: Counts) -> Counts:
    return np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)


def _label_differences(differences: ScoreDifferences, first: Evaluation, second: Evaluation) -> dict[str, Difference]:
    tested = [k for k, p in enumerate(differences.p) if k and not np.isnan(p)]
    adjusted = dict(zip(tested, holm([float(differences.p[k]) for k in tested]), strict=True))
    a, b = first.report.strict.labels, second.report.strict.labels
    return {
        label: _difference(differences, k, a[label], b[label], adjusted.get(k))
        for k, label in enumerate(first.labels, start=1)
    }


def _difference(
    differences: ScoreDifferences, group: int, a: Metrics, b: Metrics, adjusted_p: float | None
) -> Difference:
    f1, not_better, p = (float(row[group]) for row in (differences.f1, differences.not_better, differences.p))
    return Difference(
        a=a,
        b=b,
        difference=None if np.isnan(f1) else f1,
        interval=differences.intervals[group],
        not_better=None if np.isnan(not_better) else not_better,
        p=None if np.isnan(p) else p,
        adjusted_p=adjusted_p,
    )


def changes(document: Document, first: Sequence[Pair], second: Sequence[Pair]) -> list[Change]:
    """Find the gold mentions and false alarms of one document that A and B predict differently, in text order.

    Args:
        first, second: the document's gold mentions paired with the predictions of A and of B (`matching.align`).
    """
    second_predicted = {pair.gold: pair.predicted for pair in second if pair.gold}
    places: list[tuple[Span | None, Span | None, Span | None]]
    places = [(pair.gold, pair.predicted, second_predicted[pair.gold]) for pair in first if pair.gold]
    places += [(None, a, b) for a, b in _changed_false_alarms(first, second)]
    result = []
    for gold, a, b in places:
        if _is_same_span(a, b):
            continue
        place = gold or a or b
        assert place is not None
        result.append(
            Change(
                document=document.id,
                kind=_change_kind(gold, a, b),
                gold=gold.label if gold else None,
                start=place.start,
                end=place.end,
                text=document.slice(place),
                before=document.text[max(place.start - _CONTEXT, 0) : place.start],
                after=document.text[place.end : place.end + _CONTEXT],
                a=_prediction(document, a),
                b=_prediction(document, b),
            )
        )
    return sorted(result, key=lambda change: (change.start, change.end))


def _changed_false_alarms(first: Sequence[Pair], second: Sequence[Pair]) -> Iterator[tuple[Span | None, Span | None]]:
    """Yield the false alarms that only A or only B has; those that overlap each other come as one pair."""
    first_pairs, second_pairs = (
        {(pair.predicted.start, pair.predicted.end, pair.predicted.label): pair for pair in pairs if pair.predicted}
        for pairs in (first, second)
    )
    # A span that both predict has not changed, even where one of the two is paired with a gold mention.
    only_a, only_b = (
        [
            pair.predicted
            for span, pair in pairs.items()
            if pair.predicted and pair.kind == SPURIOUS and span not in other
        ]
        for pairs, other in ((first_pairs, second_pairs), (second_pairs, first_pairs))
    )
    span_of = {Mention(span.start, span.end, span.label): span for span in only_a}
    for pair in align(list(span_of), only_b):
        yield span_of[pair.gold] if pair.gold else None, pair.predicted


def _change_kind(gold: Span | None, a: Span | None, b: Span | None) -> Kind:
    a_is_right, b_is_right = _is_same_span(gold, a), _is_same_span(gold, b)  # no prediction is right without gold
    if a_is_right == b_is_right:
        return "otherwise changed"
    return "now right" if b_is_right else "now wrong"


def _is_same_span(first: Span | None, second: Span | None) -> bool:
    if first is None or second is None:
        return first is second
    return (first.start, first.end, first.label) == (second.start, second.end, second.label)


def _prediction(document: Document, span: Span | None) -> Prediction | None:
    if span is None:
        return None
    score = span.score if isinstance(span, Entity) else None
    return Prediction(label=span.label, text=document.slice(span), start=span.start, end=span.end, score=score)
