"""How sure an F1 is: percentile bootstrap over documents (Efron 1979).

Documents are drawn anew, with replacement, as often as there are documents; mentions of one
report stay together, because a report that is hard is hard in many mentions.

>>> counts = np.array([[[8, 10, 10]], [[9, 10, 10]], [[4, 10, 10]]])  # documents, labels, counts
>>> [round(float(x), 2) for x in f1_interval(counts.sum(axis=1))]
[0.4, 0.9]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 20  # the same data give the same interval
Counts = NDArray[np.int64]


def resampled(counts: Counts) -> Counts:
    """Sums of counts over resampled documents.

    Args:
        counts: shape (documents, ...), what was counted in each.

    Returns:
        Shape (RESAMPLES, ...). The same draws for every array of as many documents.
    """
    size = len(counts)
    random = np.random.default_rng(_SEED)
    weights = random.multinomial(size, np.full(size, 1 / size), RESAMPLES)
    sums: Counts = np.tensordot(weights, counts, axes=(1, 0))
    return sums


def f1_of(counts: Counts) -> NDArray[np.float64]:
    """F1 of counts (correct, predicted, gold) in the last axis; nan where nothing is there to count."""
    correct, predicted, gold = np.moveaxis(counts.astype(np.float64), -1, 0)
    with np.errstate(invalid="ignore"):
        f1: NDArray[np.float64] = 2 * correct / (predicted + gold)
    return f1


def interval(figures: NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle 95 % of a figure's resamples; None if it is undefined in most of them."""
    defined = figures[~np.isnan(figures)]
    if len(defined) < len(figures) / 2 or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def f1_interval(counts: Counts) -> tuple[float, float] | None:
    """The interval of the F1 of counts of shape (documents, 3); None for a single document or none."""
    return interval(f1_of(resampled(counts))) if len(counts) > 1 else None
