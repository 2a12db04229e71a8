"""Agreement of two labelings of the same reports, made by people who did not see each other's.

Strict F1 with one side as gold is the usual measure for spans: it is the same whichever side
is taken, and the chance agreement that kappa corrects for is as good as nil (Hripcsak and
Rothschild 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.errors import DataError
from conflict_ner.evaluation import report
from conflict_ner.evaluation.pairing import differences, in_order_of
from conflict_ner.evaluation.report import Report


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
    if problems := list(differences(gold, other, "label the same reports, with the same text, on both sides")):
        raise DataError(problems)
    return report.score(gold, [other[index].mentions for index in in_order_of(gold, other)], labels)
