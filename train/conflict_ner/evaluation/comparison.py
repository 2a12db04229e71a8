"""Two evaluations of the same reports: which is better, how sure that is, and what changed.

What is said here is of two checkpoints. Training again with another seed gives another
checkpoint, and two seeds of one recipe may differ as much as two recipes do (Reimers &
Gurevych 2017; Dror et al. 2018 on which test to take).

>>> from conflict_ner.data.document import Document, Entity, Mention
>>> from conflict_ner.evaluation.report import score
>>> report = Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),))
>>> def done(name, *found):
...     return Evaluation(name, "demo.md", ("ACTOR",), (report,), (found,), score([report], [found], ["ACTOR"]))
>>> compared = compare(done("old"), done("new", Entity("ACTOR", "Rebels", 0, 6, 0.9)))
>>> compared.micro.difference, compared.micro.p, compared.changes[0].kind
(1.0, 1.0, 'now right')
>>> print(compared.verdict.partition(":")[0])
No difference can be told

What changed in one report are places that are now right, now wrong or otherwise other:

>>> from conflict_ner.data.document import Mention
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

from conflict_ner.data.document import Document, Entity, Mention, Span
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import predictions
from conflict_ner.evaluation.agreement import document_differences as other_data
from conflict_ner.evaluation.agreement import in_order_of
from conflict_ner.evaluation.matching import SPURIOUS, Pair, align
from conflict_ner.evaluation.report import Evaluation, label_counts
from conflict_ner.evaluation.scores import Counts, Figures, Interval
from conflict_ner.evaluation.significance import CAVEAT, ScoreDifferences, by_label, holm, score_differences, verdict

CONTEXT = 40  # characters on either side of a mention that has changed
Kind = Literal["now wrong", "now right", "otherwise changed"]
KINDS: tuple[Kind, ...] = ("now wrong", "now right", "otherwise changed")


class Answer(BaseModel):
    """What one side made of a place in a text."""

    model_config = ConfigDict(frozen=True)

    label: str
    text: str
    start: int
    end: int
    score: float | None


class Change(BaseModel):
    """A gold mention, or a false alarm (`gold` is None), of which A and B say different things.

    start, end and text are the gold mention's; of a false alarm those of A's, else B's.
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
    a: Answer | None
    b: Answer | None


def changes(document: Document, first: Sequence[Pair], second: Sequence[Pair]) -> list[Change]:
    """The places of one document of which the two sides say different things, in the order of the text.

    Args:
        first, second: the document's gold mentions paired with each side's predictions (`matching.align`).
    """
    answers = {pair.gold: pair for pair in second if pair.gold}
    places: list[tuple[Span | None, Span | None, Span | None]]
    places = [(pair.gold, pair.predicted, answers[pair.gold].predicted) for pair in first if pair.gold]
    places += [(None, *alarm) for alarm in _alarms(first, second)]
    found = []
    for gold, a, b in places:
        if _same(a, b):
            continue
        place = gold or a or b
        assert place is not None
        found.append(
            Change(
                document=document.id,
                kind=_kind(gold, a, b),
                gold=gold.label if gold else None,
                start=place.start,
                end=place.end,
                text=document.slice(place),
                before=document.text[max(place.start - CONTEXT, 0) : place.start],
                after=document.text[place.end : place.end + CONTEXT],
                a=_answers(document, a),
                b=_answers(document, b),
            )
        )
    return sorted(found, key=lambda change: (change.start, change.end))


def _alarms(first: Sequence[Pair], second: Sequence[Pair]) -> Iterator[tuple[Span | None, Span | None]]:
    """False alarms that only one side has, those of both sides that overlap together."""
    sides = [
        {(p.predicted.start, p.predicted.end, p.predicted.label): p for p in pairs if p.predicted}
        for pairs in (first, second)
    ]
    # What stands on both sides has not changed, though one may have held it for an answer to a gold mention.
    one, other = (
        [pair.predicted for span, pair in side.items() if pair.kind == SPURIOUS and span not in opposite]
        for side, opposite in (sides, sides[::-1])
    )
    asked = {Mention(span.start, span.end, span.label): span for span in one if span}
    for pair in align(list(asked), [span for span in other if span]):
        yield asked[pair.gold] if pair.gold else None, pair.predicted


def _kind(gold: Span | None, a: Span | None, b: Span | None) -> Kind:
    if gold is None:  # silence is right where there is nothing
        was, now = a is None, b is None
    else:
        was, now = _same(gold, a), _same(gold, b)
    return "otherwise changed" if was == now else "now right" if now else "now wrong"


def _same(one: Span | None, other: Span | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.start, one.end, one.label) == (other.start, other.end, other.label)


def _answers(document: Document, span: Span | None) -> Answer | None:
    if span is None:
        return None
    score = span.score if isinstance(span, Entity) else None
    return Answer(label=span.label, text=document.slice(span), start=span.start, end=span.end, score=score)


SAME_DATA = "evaluate both on the same data"


class Difference(BaseModel):
    """Strict figures of A and of B, and the F1 of B less that of A. None where undefined.

    interval: the difference's 95 %. not_better: the share of resamples in which B is not better.
    p: two-sided; adjusted_p: the same, mindful that each label is a test of its own (Holm 1979).
    """

    model_config = ConfigDict(frozen=True)

    a: Figures
    b: Figures
    difference: float | None
    interval: Interval | None
    not_better: float | None
    p: float | None
    adjusted_p: float | None = None


class Comparison(BaseModel):
    """How B differs from A on the same reports.

    differing: in how many reports the strict counts differ; the swaps are drawn among these.
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


def compare(first: Evaluation | str | Path, second: Evaluation | str | Path) -> Comparison:
    """Hold two evaluations of the same reports against each other; the reports' order does not matter.

    Args:
        first, second: what `evaluate` returned, or a file that it or `conflict-ner evaluate --predictions` wrote.

    Raises:
        DataError: if they are not of the same reports, gold and labels, or of none, or a file cannot be read.
    """
    first, second = (side if isinstance(side, Evaluation) else predictions.load(Path(side)) for side in (first, second))
    check_same_labels((first.name, second.name), (first.labels, second.labels))
    check_same_data(first, second)
    found = [second.predicted[index] for index in in_order_of(first.documents, second.documents)]
    pairs = [
        [align(document.mentions, spans) for document, spans in zip(first.documents, side, strict=True)]
        for side in (first.predicted, found)
    ]
    a, b = (label_counts(side, first.labels) for side in pairs)
    # All mentions together, then each label: one set of draws for all of them.
    whole = score_differences(_with_sum(a), _with_sum(b))
    micro = _difference(whole, 0, first.report.strict.micro, second.report.strict.micro, None)
    labels = _labels(whole, first, second)
    differing = int((a != b).any(axis=(1, 2)).sum())
    changed = tuple(
        change
        for document, one, two in zip(first.documents, *pairs, strict=True)
        for change in changes(document, one, two)
    )
    return Comparison(
        a=_named(first),
        b=_named(second),
        data=first.data,
        documents=len(first.documents),
        differing=differing,
        verdict=verdict(micro.difference, micro.interval, micro.p, differing),
        by_label=by_label({label: (one.difference, one.adjusted_p) for label, one in labels.items()}),
        micro=micro,
        labels=labels,
        changed={kind: sum(change.kind == kind for change in changed) for kind in KINDS},
        changes=changed,
    )


def check_same_labels(names: Sequence[str], labels: Sequence[Sequence[str]]) -> None:
    """Raise a DataError that names a label only one of the two has; their order does not matter."""
    for one, other in ((0, 1), (1, 0)):
        if missing := [label for label in labels[one] if label not in labels[other]]:
            what = f"has the label {missing[0]}, {names[other]} has not"
            raise DataError([Problem(names[one], what, "compare models that were trained on the same labels")])


def check_same_data(first: Evaluation, second: Evaluation) -> None:
    """Raise a DataError that names the first thing in which the two sides' reports differ."""
    if not first.documents or not second.documents:
        empty = second if first.documents else first
        raise DataError([Problem(empty.data, f"{empty.name} was evaluated on no report", SAME_DATA)])
    if problems := list(other_data(first.documents, second.documents, SAME_DATA, gold=True)):
        more = f" (and {len(problems) - 1:,} more such faults)" if len(problems) > 1 else ""
        raise DataError([Problem(problems[0].where, problems[0].what + more, SAME_DATA)])


def _named(evaluation: Evaluation) -> str:
    thresholds = ", ".join(f"{label} >= {least:g}" for label, least in evaluation.report.threshold.items())
    return f"{evaluation.name} ({thresholds})" if thresholds else evaluation.name


def _with_sum(counts: Counts) -> Counts:
    return np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)


def _labels(whole: ScoreDifferences, first: Evaluation, second: Evaluation) -> dict[str, Difference]:
    tested = [k for k, p in enumerate(whole.p) if k and not np.isnan(p)]
    adjusted = dict(zip(tested, holm([float(whole.p[k]) for k in tested]), strict=True))
    sides = first.report.strict.labels, second.report.strict.labels
    return {
        label: _difference(whole, k, sides[0][label], sides[1][label], adjusted.get(k))
        for k, label in enumerate(first.labels, start=1)
    }


def _difference(whole: ScoreDifferences, index: int, a: Figures, b: Figures, adjusted_p: float | None) -> Difference:
    f1, not_better, p = (float(row[index]) for row in (whole.f1, whole.not_better, whole.p))
    return Difference(
        a=a,
        b=b,
        difference=None if np.isnan(f1) else f1,
        interval=whole.intervals[index],
        not_better=None if np.isnan(not_better) else not_better,
        p=None if np.isnan(p) else p,
        adjusted_p=adjusted_p,
    )
