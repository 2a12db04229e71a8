"""How sure a figure is: percentile bootstrap over documents (Efron 1979).

Documents are drawn anew, with replacement, as often as there are documents; mentions of one
report stay together, because a report that is hard is hard in many mentions.

>>> counts = np.array([[8, 10, 10], [9, 10, 10], [4, 10, 10]])  # documents; correct, predicted, gold
>>> [round(float(x), 2) for x in interval(f1_of(resampled(counts)))]
[0.4, 0.9]
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 20  # the same data give the same interval
_MOST_DRAWS = 20_000_000  # draws held at a time: beyond 10,000 documents there are fewer resamples
_FEWEST_RESAMPLES = 200
Interval = tuple[float, float]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64] | Floats


@lru_cache(maxsize=2)  # the whole data and one part of it; of 10,000 documents each is 80 MB
def _draws(size: int) -> NDArray[np.float32]:
    """How often each document is drawn; shape (resamples, size)."""
    resamples = min(max(_MOST_DRAWS // size, _FEWEST_RESAMPLES), RESAMPLES)
    random = np.random.default_rng(_SEED)
    return random.multinomial(size, np.full(size, 1 / size), resamples).astype(np.float32)


def resampled(counts: Counts) -> Floats:
    """Sums of counts over resampled documents.

    Args:
        counts: shape (documents, ...), what was counted in each.

    Returns:
        Shape (resamples, ...). The same draws for every array of as many documents.
    """
    flat = counts.reshape(len(counts), -1).astype(np.float32)  # counts of mentions are exact in it
    sums = _draws(len(counts)) @ flat
    return sums.astype(np.float64).reshape(-1, *counts.shape[1:])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part by whole; nan where there is nothing to count."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = np.where(whole > 0, part / whole, np.nan)
    return shares


def f1_of(counts: Counts) -> Floats:
    """F1 of counts (correct, predicted, gold) in the last axis; nan where nothing is there to count."""
    correct, predicted, gold = np.moveaxis(counts.astype(np.float64), -1, 0)
    return ratio(2 * correct, predicted + gold)


def interval(figures: Floats) -> Interval | None:
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
