"""Agreement of two labelings of the same reports, made by people who did not see each other's.

Strict F1 with one side as gold is the usual measure for spans: it is the same whichever side
is taken, and the chance agreement that kappa corrects for is as good as nil (Hripcsak and
Rothschild 2005).

Two readings of the same reports are brought into one order first, and what differs is said:

>>> one, two = [Document("a", "Rebels left."), Document("b", "Police came.")], [Document("b", "Police went.")]
>>> for problem in document_differences(one, two, "label the same reports"):
...     print(problem.what)
report 'a' stands only here
report 'b' has another text than at , from 'went.' on
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.data.document import Document
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import report
from conflict_ner.evaluation.report import Report


def in_order_of(first: Sequence[Document], second: Sequence[Document]) -> list[int]:
    """For each document of `first` the index of its namesake in `second`."""
    index = {document.id: k for k, document in enumerate(second)}
    return [index[document.id] for document in first]


def document_differences(
    first: Sequence[Document], second: Sequence[Document], fix: str, *, gold: bool = False
) -> Iterator[Problem]:
    """What keeps two sets of documents from being the same, whatever their order, in the order of `first`.

    Args:
        fix: how the user makes them the same.
        gold: whether the mentions must be the same, too.
    """
    here, there = ({document.id: document for document in side} for side in (first, second))
    for document in (*first, *second):
        if document.id not in here or document.id not in there:
            yield Problem(document.origin, f"report {document.id!r} stands only here", fix, kind="only here")
    for document in first:
        other = there.get(document.id, document)
        fault = _other_text(document.text, other.text)
        if fault:
            what = f"report {document.id!r} has another text than at {document.origin}, {fault}"
            yield Problem(other.origin, what, fix, kind="another text")
        elif gold and document.mentions != other.mentions:
            yield Problem(other.origin, _other_gold(document, other), fix, kind="other gold")


def _other_text(one: str, two: str) -> str:
    if one == two:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return f"from {two[at : at + 20]!r} on"


def _other_gold(one: Document, two: Document) -> str:
    first = min(set(one.mentions) ^ set(two.mentions))
    where = "only there" if first in one.mentions else "only here"
    what = f"report {two.id!r} has other gold mentions than at {one.origin}"
    return f"{what}: {one.slice(first)!r} ({first.label}, {first.start}:{first.end}) stands {where}"


def agreement(
    first: Path,
    second: Path,
    labels: Sequence[str],
    *,
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
) -> Report:
    """Score the second labeling against the first, report by report (by id).

    Args:
        guidelines: hold both to our guidelines; None does if the labels are exactly ours.
        columns: where CoNLL files have their words and tags; without it they are found.

    Raises:
        DataError: if one of the two has problems, or they are not the same reports.
    """
    loaded = (corpus.load({"data": [path]}, labels, guidelines=guidelines, columns=columns) for path in (first, second))
    gold, other = (data["data"] for data in loaded)
    if problems := list(document_differences(gold, other, "label the same reports, with the same text, on both sides")):
        raise DataError(problems)
    return report.score(gold, [other[index].mentions for index in in_order_of(gold, other)], labels)
