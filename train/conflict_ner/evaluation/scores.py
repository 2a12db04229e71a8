"""Counts and what follows from them: precision, recall and F1, each with its interval.

>>> one = Figures.of(np.array([[3, 4, 5], [1, 1, 1]]))  # two documents: correct, predicted, gold
>>> one.precision, round(one.recall, 3), one.gold
(0.8, 0.667, 6)

An interval is a percentile bootstrap over documents (Efron 1979): documents are drawn anew, with
replacement, as often as there are documents; mentions of one report stay together, because a report
that is hard is hard in many mentions.

>>> counts = np.array([[8, 10, 10], [9, 10, 10], [4, 10, 10]])  # documents; correct, predicted, gold
>>> [round(float(x), 2) for x in interval(f1_of(resampled(counts)))]
[0.4, 0.9]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 20  # the same data give the same interval
_MOST_DRAWS = 20_000_000  # draws held at a time: beyond 10,000 documents there are fewer resamples
_FEWEST_RESAMPLES = 200
Interval = tuple[float, float]
Float64 = NDArray[np.float64]
Counts = NDArray[np.int64] | Float64


@lru_cache(maxsize=2)  # the whole data and one part of it; of 10,000 documents each is 80 MB
def _draws(size: int) -> NDArray[np.float32]:
    """How often each document is drawn; shape (resamples, size)."""
    resamples = min(max(_MOST_DRAWS // size, _FEWEST_RESAMPLES), RESAMPLES)
    random = np.random.default_rng(_SEED)
    return random.multinomial(size, np.full(size, 1 / size), resamples).astype(np.float32)


def resampled(counts: Counts) -> Float64:
    """Sums of counts over resampled documents.

    Args:
        counts: shape (documents, ...), what was counted in each.

    Returns:
        Shape (resamples, ...). The same draws for every array of as many documents.
    """
    flat = counts.reshape(len(counts), -1).astype(np.float32)  # counts of mentions are exact in it
    sums = _draws(len(counts)) @ flat
    return sums.astype(np.float64).reshape(-1, *counts.shape[1:])


def ratio(part: Float64, whole: Float64) -> Float64:
    """Part by whole; nan where there is nothing to count."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Float64 = np.where(whole > 0, part / whole, np.nan)
    return shares


def f1_of(counts: Counts) -> Float64:
    """F1 of counts (correct, predicted, gold) in the last axis; nan where nothing is there to count."""
    correct, predicted, gold = np.moveaxis(counts.astype(np.float64), -1, 0)
    return ratio(2 * correct, predicted + gold)


def interval(figures: Float64) -> Interval | None:
    """The middle 95 % of a figure's resamples; None if it is undefined in most of them."""
    defined = figures[~np.isnan(figures)]
    if len(defined) < len(figures) / 2 or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def varies(whole: Counts) -> bool:
    """Whether two documents have any, given how many each has.

    Drawn from one document alone every figure is the same, which would look like certainty.
    """
    return int(np.count_nonzero(whole)) > 1


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
    each: Float64 = f1_of(resampled(counts[:, present]))
    # A draw without a label's reports leaves that label out of its mean, as a test set without it would.
    defined = ~np.isnan(each)
    return interval(ratio(np.where(defined, each, 0).sum(axis=1), defined.sum(axis=1).astype(np.float64)))
