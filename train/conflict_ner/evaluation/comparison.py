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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.bootstrap import Counts, Interval
from conflict_ner.evaluation.changes import KINDS, Change, changes
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.pairing import differences as other_data
from conflict_ner.evaluation.pairing import in_order_of
from conflict_ner.evaluation.report import Evaluation, label_counts
from conflict_ner.evaluation.scores import Figures
from conflict_ner.evaluation.significance import Differences, differences, holm
from conflict_ner.evaluation.verdict import CAVEAT, by_label, verdict

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


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Hold two evaluations of the same reports against each other; the reports' order does not matter.

    Raises:
        DataError: if they are not of the same reports, gold and labels, or of none.
    """
    refuse_other_labels((first.name, second.name), (first.labels, second.labels))
    refuse_other_data(first, second)
    found = [second.found[index] for index in in_order_of(first.documents, second.documents)]
    pairs = [
        [align(document.mentions, spans) for document, spans in zip(first.documents, side, strict=True)]
        for side in (first.found, found)
    ]
    a, b = (label_counts(side, first.labels) for side in pairs)
    # All mentions together, then each label: one set of draws for all of them.
    whole = differences(_with_sum(a), _with_sum(b))
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


def refuse_other_labels(names: Sequence[str], labels: Sequence[Sequence[str]]) -> None:
    """Raise a DataError that names a label only one of the two has; their order does not matter."""
    for one, other in ((0, 1), (1, 0)):
        if missing := [label for label in labels[one] if label not in labels[other]]:
            what = f"has the label {missing[0]}, {names[other]} has not"
            raise DataError([Problem(names[one], what, "compare models that were trained on the same labels")])


def refuse_other_data(first: Evaluation, second: Evaluation) -> None:
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


def _labels(whole: Differences, first: Evaluation, second: Evaluation) -> dict[str, Difference]:
    tested = [k for k, p in enumerate(whole.p) if k and not np.isnan(p)]
    adjusted = dict(zip(tested, holm([float(whole.p[k]) for k in tested]), strict=True))
    sides = first.report.strict.labels, second.report.strict.labels
    return {
        label: _difference(whole, k, sides[0][label], sides[1][label], adjusted.get(k))
        for k, label in enumerate(first.labels, start=1)
    }


def _difference(whole: Differences, index: int, a: Figures, b: Figures, adjusted_p: float | None) -> Difference:
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
