"""Agreement between two annotators who labeled the same reports independently.

Strict F1 with one annotator as gold is the usual measure for spans: it is the same whichever of
the two is taken as gold, and the chance agreement that kappa corrects for is close to zero (Hripcsak
and Rothschild 2005).

Both readings are brought into one order by id, and every difference between the reports is a problem:

>>> first = [Document("a", "Rebels left.", origin="1.md:1"), Document("b", "Police came.", origin="1.md:5")]
>>> second = [Document("b", "Police went.", origin="2.md:1")]
>>> for problem in document_differences(first, second, "label the same reports"):
...     print(problem.what)
report 'a' appears only here
the text of report 'b' differs from that at 1.md:5, starting at 'went.'
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.label_levels import labels_with_kinds, resolve_labels
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import report
from conflict_ner.evaluation.report import Report


def agreement(
    first: Path,
    second: Path,
    labels: Sequence[str],
    *,
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
    kinds: bool | None = None,
) -> Report:
    """Score the second labeling against the first, matching reports by id.

    Args:
        guidelines: check both against our guidelines; None does so if the labels are exactly ours.
        columns: which columns of CoNLL files hold words and tags; without it they are detected.
        kinds: score each label with the kinds of it that the data has (NUMBER.killed where `labels` has NUMBER);
            None does not, and prints a note on standard error if the data has kinds.

    Raises:
        DataError: if either labeling has problems, or they are not of the same reports.
    """
    gold, other = (
        corpus.load(
            {"data": [path]}, labels, guidelines=guidelines, options=ReadOptions(columns=columns), with_kinds=True
        )["data"]
        for path in (first, second)
    )
    if problems := list(document_differences(gold, other, "label the same reports, with the same text, on both sides")):
        raise DataError(problems)
    deep = labels_with_kinds((*gold, *other), labels)
    if kinds:
        labels = deep
    elif not set(deep) <= set(labels):
        if kinds is None:
            print("note: kinds of labels are not compared; --kinds compares them", file=sys.stderr)
        gold, other = resolve_labels(gold, labels), resolve_labels(other, labels)
    return report.score(gold, [other[index].mentions for index in indices_by_id(gold, other)], labels)


def indices_by_id(first: Sequence[Document], second: Sequence[Document]) -> list[int]:
    """Return, for each document of `first`, the index in `second` of the document with the same id."""
    index = {document.id: k for k, document in enumerate(second)}
    return [index[document.id] for document in first]


def document_differences(
    first: Sequence[Document], second: Sequence[Document], fix: str, *, gold: bool = False
) -> Iterator[Problem]:
    """Yield a problem for each difference between two sets of documents; their order does not matter.

    Args:
        fix: how the user can make them the same.
        gold: whether the mentions must be the same, too.
    """
    first_by_id, second_by_id = ({document.id: document for document in side} for side in (first, second))
    for document in (*first, *second):
        if document.id not in first_by_id or document.id not in second_by_id:
            yield Problem(document.origin, f"report {document.id!r} appears only here", fix, kind="only here")
    for document in first:
        other = second_by_id.get(document.id, document)
        if document.text != other.text:
            yield Problem(other.origin, _describe_text_difference(document, other), fix, kind="different text")
        elif gold and document.mentions != other.mentions:
            yield Problem(other.origin, _describe_gold_difference(document, other), fix, kind="different gold")


def _describe_text_difference(first: Document, second: Document) -> str:
    characters = enumerate(zip(first.text, second.text, strict=False))
    shorter = min(len(first.text), len(second.text))
    start = next((index for index, (a, b) in characters if a != b), shorter)
    excerpt = second.text[start : start + 20]
    return f"the text of report {second.id!r} differs from that at {first.origin}, starting at {excerpt!r}"


def _describe_gold_difference(first: Document, second: Document) -> str:
    mention = min(set(first.mentions) ^ set(second.mentions))
    place = "there" if mention in first.mentions else "here"
    return (
        f"the gold mentions of report {second.id!r} differ from those at {first.origin}: "
        f"{first.slice(mention)!r} ({mention.label}, {mention.start}:{mention.end}) appears only {place}"
    )
