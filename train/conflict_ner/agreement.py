"""Agreement of two labelings of the same reports, made by people who did not see each other's.

Strict F1 with one side as gold is the usual measure for spans: it is the same whichever side
is taken, and the chance agreement that kappa corrects for is as good as nil (Hripcsak and
Rothschild 2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conflict_ner import corpus, evaluation
from conflict_ner.document import Document
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import Report


def agreement(first: Path, second: Path, labels: Sequence[str]) -> Report:
    """Score the second labeling against the first, report by report (by id).

    Raises:
        DataError: if one of the two has problems, or they are not the same reports.
    """
    sides = [corpus.load({"data": [path]}, labels)["data"] for path in (first, second)]
    gold, other = ({document.id: document for document in side} for side in sides)
    if problems := list(_differences(gold, other)):
        raise DataError(problems)
    return evaluation.score(list(gold.values()), [other[name].mentions for name in gold], labels)


def _differences(first: dict[str, Document], second: dict[str, Document]) -> Iterator[Problem]:
    for name in first.keys() ^ second.keys():
        origin = (first.get(name) or second[name]).origin
        yield Problem(origin, f"report {name!r} stands only here", "label the same reports on both sides")
    for name in first.keys() & second.keys():
        one, two = first[name].text, second[name].text
        if one != two:
            at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
            what = f"report {name!r} has another text than at {first[name].origin}, from {two[at : at + 20]!r} on"
            yield Problem(second[name].origin, what, "both sides must label the very same text")
