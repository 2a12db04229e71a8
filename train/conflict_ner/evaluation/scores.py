"""Precision, recall and F1 from counts of mentions, each with a bootstrap interval.

>>> metrics = Metrics.of(np.array([[3, 4, 5], [1, 1, 1]]))  # two documents: correct, predicted, gold
>>> metrics.precision, round(metrics.recall, 3), metrics.gold
(0.8, 0.667, 6)

An interval is a percentile bootstrap over documents (Efron 1979): documents are drawn with replacement,
as many as there are documents. Mentions of one report stay together, because a report that is hard
is hard in many mentions.

>>> counts = np.array([[8, 10, 10], [9, 10, 10], [4, 10, 10]])  # documents; correct, predicted, gold
>>> [round(float(x), 2) for x in percentile_interval(f1_of(resample(counts)))]
[0.4, 0.9]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

RESAMPLES = 2000
_CONFIDENCE = 0.95
_SEED = 20  # the same data give the same interval
_MAX_DRAWS = 20_000_000  # in memory at a time: beyond 10,000 documents there are fewer resamples
_MIN_RESAMPLES = 200
Interval = tuple[float, float]
Float64 = NDArray[np.float64]
Counts = NDArray[np.int64] | Float64


class Metrics(BaseModel):
    """Precision, recall and F1 (van Rijsbergen 1979); None where one is undefined.

    The intervals are 95 %, by bootstrap over documents; None where fewer than two documents
    have anything to count.
    `correct` is not a whole number where inexact edges count half.
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
    def of(cls, counts: Counts) -> Metrics:
        """Compute the metrics of all documents together.

        Args:
            counts: shape (documents, 3): correct, predicted and gold mentions of each document.
        """
        correct, predicted, gold = (float(total) for total in counts.sum(axis=0))
        sums = resample(counts) if len(counts) > 1 else np.empty((0, 3))
        return cls(
            precision=correct / predicted if predicted else None,
            recall=correct / gold if gold else None,
            f1=2 * correct / (predicted + gold) if predicted + gold else None,
            correct=int(correct) if correct.is_integer() else correct,
            predicted=int(predicted),
            gold=int(gold),
            interval=percentile_interval(f1_of(sums)) if varies(counts[:, 1] + counts[:, 2]) else None,
            precision_interval=percentile_interval(ratio(sums[:, 0], sums[:, 1])) if varies(counts[:, 1]) else None,
            recall_interval=percentile_interval(ratio(sums[:, 0], sums[:, 2])) if varies(counts[:, 2]) else None,
        )


class Scores(BaseModel):
    """The metrics under one matching criterion: of all mentions, of each label, and the mean F1 over labels."""

    model_config = ConfigDict(frozen=True)

    micro: Metrics
    macro_f1: float | None  # over the labels that have gold mentions
    macro_interval: Interval | None = None
    labels: Mapping[str, Metrics]

    @classmethod
    def of(cls, counts: Counts, labels: Sequence[str]) -> Scores:
        """Compute the scores from counts of shape (documents, labels, 3)."""
        by_label = {label: Metrics.of(counts[:, index]) for index, label in enumerate(labels)}
        defined = [metrics.f1 for metrics in by_label.values() if metrics.gold and metrics.f1 is not None]
        return cls(
            micro=Metrics.of(counts.sum(axis=1)),
            macro_f1=sum(defined) / len(defined) if defined else None,
            macro_interval=_macro_interval(counts),
            labels=by_label,
        )


def _macro_interval(counts: Counts) -> Interval | None:
    has_gold = counts[..., 2].sum(axis=0) > 0
    if not varies(counts[:, has_gold, 1:].sum(axis=(1, 2))):
        return None
    f1: Float64 = f1_of(resample(counts[:, has_gold]))
    # A resample without any report of a label leaves that label out of its mean, as a test set without it would.
    defined = ~np.isnan(f1)
    means = ratio(np.where(defined, f1, 0).sum(axis=1), defined.sum(axis=1).astype(np.float64))
    return percentile_interval(means)


def f1_of(counts: Counts) -> Float64:
    """F1 of counts (correct, predicted, gold) in the last axis; nan where there is nothing to count."""
    correct, predicted, gold = np.moveaxis(counts.astype(np.float64), -1, 0)
    return ratio(2 * correct, predicted + gold)


def ratio(part: Float64, total: Float64) -> Float64:
    """Part divided by total; nan where the total is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Float64 = np.where(total > 0, part / total, np.nan)
    return shares


def varies(counts: Counts) -> bool:
    """Whether at least two documents have anything to count, given the count of each.

    With one document alone every resample gives the same value, which would look like certainty.
    """
    return int(np.count_nonzero(counts)) > 1


def resample(counts: Counts) -> Float64:
    """Sum counts over resampled documents.

    Args:
        counts: shape (documents, ...), the counts of each document.

    Returns:
        Shape (resamples, ...). Arrays of equally many documents get the same draws.
    """
    flat = counts.reshape(len(counts), -1).astype(np.float32)  # exact for counts of mentions
    sums = _draws(len(counts)) @ flat
    return sums.astype(np.float64).reshape(-1, *counts.shape[1:])


@lru_cache(maxsize=2)  # the whole data and one part of it; for 10,000 documents each takes 80 MB
def _draws(size: int) -> NDArray[np.float32]:
    """Draw resamples: how often each has each document; shape (resamples, size)."""
    resamples = min(max(_MAX_DRAWS // size, _MIN_RESAMPLES), RESAMPLES)
    random = np.random.default_rng(_SEED)
    return random.multinomial(size, np.full(size, 1 / size), resamples).astype(np.float32)


def percentile_interval(values: Float64) -> Interval | None:
    """The middle 95 % of a metric's resamples; None if it is undefined in most of them."""
    defined = values[~np.isnan(values)]
    if len(defined) < len(values) / 2 or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return float(low), float(high)
