"""Counts and what follows from them: precision, recall and F1, each with its interval.

>>> one = Figures.of(np.array([[3, 4, 5], [1, 1, 1]]))  # two documents: correct, predicted, gold
>>> one.precision, round(one.recall, 3), one.gold
(0.8, 0.667, 6)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.evaluation.bootstrap import Counts, Floats, Interval, f1_of, interval, ratio, resampled, varies


class Figures(BaseModel):
    """Precision, recall and F1 (van Rijsbergen 1979); None where a figure is undefined.

    The intervals are 95 %, by bootstrap over documents; None where fewer than two documents
    have anything that the figure counts.
    `correct` is not whole where inexact edges count half.
    """

    model_config = ConfigDict(frozen=True)

    precision: float | None
    recall: float | None
    f1: float | None
    correct: int | float
    predicted: int
    gold: int
    interval: Interval | None = None  # of the F1
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None

    @classmethod
    def of(cls, counts: Counts) -> Figures:
        """Sum up.

        Args:
            counts: shape (documents, 3): correct, predicted and gold mentions of each.
        """
        correct, predicted, gold = (float(total) for total in counts.sum(axis=0))
        drawn = resampled(counts) if len(counts) > 1 else np.empty((0, 3))
        return cls(
            precision=correct / predicted if predicted else None,
            recall=correct / gold if gold else None,
            f1=2 * correct / (predicted + gold) if predicted + gold else None,
            correct=int(correct) if correct.is_integer() else correct,
            predicted=int(predicted),
            gold=int(gold),
            interval=interval(f1_of(drawn)) if varies(counts[:, 1] + counts[:, 2]) else None,
            precision_interval=interval(ratio(drawn[:, 0], drawn[:, 1])) if varies(counts[:, 1]) else None,
            recall_interval=interval(ratio(drawn[:, 0], drawn[:, 2])) if varies(counts[:, 2]) else None,
        )


class Scores(BaseModel):
    """One way of matching: all mentions together, the mean over labels, each label."""

    model_config = ConfigDict(frozen=True)

    micro: Figures
    macro_f1: float | None  # over the labels that have gold mentions
    macro_interval: Interval | None = None
    labels: Mapping[str, Figures]

    @classmethod
    def of(cls, counts: Counts, labels: Sequence[str]) -> Scores:
        """Sum up counts of shape (documents, labels, 3)."""
        figures = {label: Figures.of(counts[:, index]) for index, label in enumerate(labels)}
        present = [one.f1 for one in figures.values() if one.gold and one.f1 is not None]
        return cls(
            micro=Figures.of(counts.sum(axis=1)),
            macro_f1=sum(present) / len(present) if present else None,
            macro_interval=_macro_interval(counts),
            labels=figures,
        )


def _macro_interval(counts: Counts) -> Interval | None:
    present = counts[..., 2].sum(axis=0) > 0
    if not varies(counts[:, present, 1:].sum(axis=(1, 2))):
        return None
    each: Floats = f1_of(resampled(counts[:, present]))
    # A draw without a label's reports leaves that label out of its mean, as a test set without it would.
    defined = ~np.isnan(each)
    return interval(ratio(np.where(defined, each, 0).sum(axis=1), defined.sum(axis=1).astype(np.float64)))
