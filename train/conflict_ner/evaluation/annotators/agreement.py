"""Agreement between annotators who labeled the same reports independently.

Two measures, because each hides what the other shows. Strict F1 with one of two annotators as gold is the usual
measure for spans: it is the same whichever of the two is gold, and chance agreement on exact spans is close to zero
(Hripcsak and Rothschild 2005). Krippendorff's alpha is one figure for any number of annotators, gives credit for
overlaps and is corrected for chance (`krippendorff`).

>>> text = "Rebels left Goma."
>>> actor, place = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")
>>> anna = [Document("a", text, (actor, place)), Document("b", "Police came.")]
>>> ben, carla = [Document("a", text, (actor,))], [Document("a", text, (actor, Mention(12, 16, "ACTOR")))]
>>> agreement = agree({"anna": anna, "ben": ben, "carla": carla}, ["ACTOR", "LOCATION"])
>>> agreement.report.documents, agreement.report.left_out
(1, ('b',))
>>> [(pair.first, pair.second, round(pair.strict.micro.f1, 2)) for pair in agreement.report.pairs]
[('anna', 'ben', 0.67), ('anna', 'carla', 0.5), ('ben', 'carla', 0.67)]
>>> [difference] = agreement.report.differences
>>> difference.text, [(reading.annotators, [m.label for m in reading.mentions]) for reading in difference.readings]
('Goma', [(('anna',), ['LOCATION']), (('ben',), []), (('carla',), ['ACTOR'])])
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Mention, Span, describe_text_difference
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.label_levels import labels_with_kinds, resolve_labels
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.validation import GUIDELINE_LABELS, check_splits
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import matching
from conflict_ner.evaluation.annotators.annotator_exports import read_annotators
from conflict_ner.evaluation.annotators.disagreements import Difference, KindCounts, count_kinds, find_differences
from conflict_ner.evaluation.annotators.krippendorff import Alphas, span_lengths
from conflict_ner.evaluation.matching import CORRECT, WRONG_EDGES, Pair
from conflict_ner.evaluation.report import counts_of_any_label, label_counts
from conflict_ner.evaluation.scores import Counts, Metrics

_FIX = "label the same texts"


class LabelMetrics(BaseModel):
    """The metrics of all mentions and of each label; of two annotators the one named first is taken as gold."""

    model_config = ConfigDict(frozen=True)

    micro: Metrics
    labels: Mapping[str, Metrics]

    @classmethod
    def of(cls, counts: Counts, labels: Sequence[str]) -> LabelMetrics:
        """Compute the metrics from counts of shape (documents, labels, 3)."""
        by_label = {label: Metrics.of(counts[:, k]) for k, label in enumerate(labels)}
        return cls(micro=Metrics.of(counts.sum(axis=1)), labels=by_label)


class AnnotatorCounts(BaseModel):
    """What one annotator has labeled in the reports that are compared: reports, mentions, and those of each label."""

    model_config = ConfigDict(frozen=True)

    documents: int
    mentions: int
    labels: Mapping[str, int]


class PairAgreement(BaseModel):
    """The agreement of two annotators on the reports that both have labeled."""

    model_config = ConfigDict(frozen=True)

    first: str
    second: str
    documents: int
    strict: LabelMetrics
    type: LabelMetrics
    alpha: Alphas


class AgreementReport(BaseModel):
    """The agreement of two or more annotators; what `conflict-ner agree --json` prints.

    documents: how many reports are compared: those that two annotators or more have labeled. complete: those of them
        that all annotators have labeled. left_out: the ids of the reports that one annotator alone has labeled.
    strict, type, exact: as in `evaluation.report.Report`, over all pairs of annotators: each pair counts with the
        reports that both have labeled.
    alpha: of all annotators together. pairs: the agreement of each two annotators.
    kinds: how often two annotators differ, by kind of difference.
    """

    model_config = ConfigDict(frozen=True)

    annotators: Mapping[str, AnnotatorCounts]
    documents: int
    complete: int
    left_out: tuple[str, ...]
    strict: LabelMetrics
    type: LabelMetrics
    exact: Metrics
    alpha: Alphas
    pairs: tuple[PairAgreement, ...]
    kinds: Mapping[str, KindCounts]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The report of an agreement with the reports that it compares; pages are made from it.

    documents: one of each compared report, by the annotator named first who has labeled it. readings: for each of them
    the mentions of each annotator who has labeled it.
    """

    labels: tuple[str, ...]
    documents: tuple[Document, ...]
    readings: tuple[Mapping[str, tuple[Mention, ...]], ...]
    report: AgreementReport


def agree_files(
    paths: Sequence[Path],
    labels: Sequence[str],
    *,
    guidelines: bool | None = None,
    options: ReadOptions = NO_OPTIONS,
    kinds: bool | None = None,
) -> Agreement:
    """Measure the agreement of annotators, each with a file or folder of labeled reports, or all of them in one export.

    Args:
        paths: a file or folder for each annotator, or one export of an annotation tool with several annotators.
        options: the choices that the formats of the files leave open, such as the columns of CoNLL files.
        labels, guidelines, kinds: as in `agree`.

    Raises:
        DataError: as in `agree`, or if a file cannot be read, with all problems of all files.
    """
    export = read_annotators(paths[0], options) if len(paths) == 1 else None
    if export:
        documents, problems = export
    else:
        read = {name: corpus.read([path], options) for name, path in zip(annotator_names(paths), paths, strict=True)}
        problems = [problem for _, problems in read.values() for problem in problems]
        documents = {name: documents for name, (documents, _) in read.items()}
    return _agree(documents, labels, guidelines=guidelines, kinds=kinds, problems=problems)


def agree(
    annotations: Mapping[str, Sequence[Document]],
    labels: str | Sequence[str] | None = None,
    *,
    guidelines: bool | None = None,
    kinds: bool | None = None,
) -> Agreement:
    """Measure the agreement of two or more annotators.

    Reports are the same if they have the same id; if no two annotators share an id, if they have the same text. A
    report without mentions is one in which an annotator found nothing; one that is missing, she has not labeled.

    Args:
        annotations: the reports of each annotator, by her name.
        labels: those allowed; None stands for ACTOR, WEAPON, LOCATION and NUMBER.
        guidelines: check the reports against our guidelines; None does so if the labels are exactly ours.
        kinds: compare each label with the kinds of it that the data has (NUMBER.killed where `labels` has NUMBER);
            None does not, and prints a note on standard error if the data has kinds.

    Raises:
        DataError: if there are fewer than two annotators, their reports have problems, one id has several texts, or no
            report was labeled by two annotators.
    """
    labels = [labels] if isinstance(labels, str) else sorted(GUIDELINE_LABELS) if labels is None else labels
    return _agree(annotations, labels, guidelines=guidelines, kinds=kinds)


def _agree(
    annotations: Mapping[str, Sequence[Document]],
    labels: Sequence[str],
    *,
    guidelines: bool | None,
    kinds: bool | None,
    problems: Iterable[Problem] = (),
) -> Agreement:
    problems = list(problems)
    for documents in annotations.values():
        findings = check_splits({"data": documents}, labels, guidelines=guidelines)
        problems += [finding.problem for finding in findings]
    if problems:
        raise DataError(problems)
    labels, annotations = _resolve_kinds(annotations, labels, kinds)
    reports = _same_reports(annotations)
    shared = [report for report in reports if len(report) > 1]
    _check_reports(list(annotations), shared)
    documents = tuple(next(iter(report.values())) for report in shared)
    readings = tuple({name: document.mentions for name, document in report.items()} for report in shared)
    left_out = tuple(document.id for report in reports if len(report) == 1 for document in report.values())
    report = _report(list(annotations), labels, documents, readings, left_out)
    return Agreement(tuple(labels), documents, readings, report)


def annotator_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each annotator: that of her file or folder; the whole path where two files have one name.

    >>> annotator_names([Path("labels/anna.md"), Path("labels/ben.jsonl.gz"), Path("labels/carla")])
    ['anna', 'ben', 'carla']
    >>> annotator_names([Path("anna/reports.md"), Path("ben/reports.md"), Path("ben/reports.md")])
    ['anna/reports.md', 'ben/reports.md', 'ben/reports.md (2)']
    """
    short = [Path(strip_compression_suffix(path.name)).stem or str(path) for path in paths]
    names = [printable(name) for name in (short if len(set(short)) == len(paths) else map(str, paths))]
    number_of = [names[:k].count(name) + 1 for k, name in enumerate(names)]
    return [name if number == 1 else f"{name} ({number})" for name, number in zip(names, number_of, strict=True)]


def _resolve_kinds(
    annotations: Mapping[str, Sequence[Document]], labels: Sequence[str], kinds: bool | None
) -> tuple[Sequence[str], Mapping[str, Sequence[Document]]]:
    """Return the labels to compare, and the reports with no others."""
    deep = labels_with_kinds((document for documents in annotations.values() for document in documents), labels)
    if kinds:
        labels = deep
    elif kinds is None and not set(deep) <= set(labels):
        print("note: kinds of labels are not compared; --kinds compares them", file=sys.stderr)
    return labels, {name: resolve_labels(documents, labels) for name, documents in annotations.items()}


def _same_reports(annotations: Mapping[str, Sequence[Document]]) -> list[dict[str, Document]]:
    """Bring together what the annotators have made of each report; in the order in which reports first occur."""
    annotators_by_id = Counter(document.id for documents in annotations.values() for document in documents)
    has_common_ids = any(count > 1 for count in annotators_by_id.values())
    reports: dict[object, dict[str, Document]] = {}
    for name, documents in annotations.items():
        seen: Counter[str] = Counter()
        for document in documents:
            seen[document.text] += 1  # a text may occur twice, as some guidelines allow
            key = document.id if has_common_ids else (document.text, seen[document.text])
            reports.setdefault(key, {})[name] = document
    return list(reports.values())


def _check_reports(names: Sequence[str], reports: Sequence[Mapping[str, Document]]) -> None:
    """Check that there are reports to compare, and that each has one text.

    Raises:
        DataError: if not.
    """
    if len(names) < 2:  # noqa: PLR2004 - annotators
        what = "the labels of one annotator" if names else "no annotator"
        fix = "name those of a second one, or an export that says who labeled what"
        raise DataError([Problem(", ".join(names) or "agree", what, fix)])
    if not reports:
        what = "no report was labeled by two annotators: no two have reports with the same id, nor with the same text"
        raise DataError([Problem(", ".join(names), what, "name files of the same reports")])
    problems = []
    for report in reports:
        first, *others = report.values()
        problems += [
            Problem(other.origin, describe_text_difference(first, other), _FIX, kind="different text")
            for other in others
            if other.text != first.text
        ]
    if problems:
        raise DataError(problems)


def _report(
    names: Sequence[str],
    labels: Sequence[str],
    documents: Sequence[Document],
    readings: Sequence[Mapping[str, Sequence[Mention]]],
    left_out: tuple[str, ...],
) -> AgreementReport:
    pairs = [_PairOfAnnotators(a, b, documents, readings) for a, b in combinations(names, 2)]
    # Of each document the pairs of spans of all pairs of annotators; some have none.
    spans: list[list[Pair]] = [[] for _ in documents]
    for pair in pairs:
        for k, matched in zip(pair.indices, pair.matched, strict=True):
            spans[k] += matched
    return AgreementReport(
        annotators={name: _annotator_counts(name, labels, readings) for name in names},
        documents=len(documents),
        complete=sum(len(reading) == len(names) for reading in readings),
        left_out=left_out,
        strict=LabelMetrics.of(label_counts(spans, labels), labels),
        type=LabelMetrics.of(label_counts(spans, labels, kinds=(CORRECT, WRONG_EDGES)), labels),
        exact=Metrics.of(counts_of_any_label(spans, inexact_weight=0)),
        alpha=_alphas(documents, [list(reading.values()) for reading in readings], labels),
        pairs=tuple(pair.agreement(labels) for pair in pairs),
        kinds=count_kinds([each for matched in spans for each in matched], labels),
        differences=tuple(each for pair in zip(documents, readings, strict=True) for each in find_differences(*pair)),
    )


class _PairOfAnnotators:
    """Two annotators, the documents that both have labeled, and their spans matched with each other."""

    def __init__(
        self,
        first: str,
        second: str,
        documents: Sequence[Document],
        readings: Sequence[Mapping[str, Sequence[Mention]]],
    ) -> None:
        self._names = (first, second)
        self.indices = [k for k, reading in enumerate(readings) if first in reading and second in reading]
        self._documents = [documents[k] for k in self.indices]
        self._sides = [(readings[k][first], readings[k][second]) for k in self.indices]
        self.matched = [matching.align(*sides) for sides in self._sides]

    def agreement(self, labels: Sequence[str]) -> PairAgreement:
        return PairAgreement(
            first=self._names[0],
            second=self._names[1],
            documents=len(self._documents),
            strict=LabelMetrics.of(label_counts(self.matched, labels), labels),
            type=LabelMetrics.of(label_counts(self.matched, labels, kinds=(CORRECT, WRONG_EDGES)), labels),
            alpha=_alphas(self._documents, self._sides, labels),
        )


def _alphas(
    documents: Sequence[Document], readings: Sequence[Sequence[Sequence[Span]]], labels: Sequence[str]
) -> Alphas:
    counts = [
        span_lengths(sides, len(document.text), labels) for document, sides in zip(documents, readings, strict=True)
    ]
    return Alphas.of(np.array(counts).reshape(-1, len(labels) + 1, 3), labels)


def _annotator_counts(
    name: str, labels: Sequence[str], readings: Sequence[Mapping[str, Sequence[Mention]]]
) -> AnnotatorCounts:
    own = [reading[name] for reading in readings if name in reading]
    counts = Counter(mention.label for mentions in own for mention in mentions)
    return AnnotatorCounts(
        documents=len(own), mentions=counts.total(), labels={label: counts[label] for label in labels}
    )
