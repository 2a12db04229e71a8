"""Whether scores mean what they say: reliability, calibration error, precision-recall curves.

A score of 0.8 is calibrated if eight in ten predictions that have it are right (strictly).

>>> sure = [(0, "ACTOR", 0.95, True), (0, "ACTOR", 0.95, True), (1, "ACTOR", 0.55, False), (1, "ACTOR", 0.55, True)]
>>> round(calibration(sure, 2).ece, 3)
0.05
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.evaluation.scores import Float64, Interval, interval, ratio, resampled, varies

BINS = 10
_MOST_POINTS = 50
# Document's index, label, score, and whether the span is a gold mention (strict).
Scored = tuple[int, str, float, bool]


class Bin(BaseModel):
    """The predictions with scores in (low, high]: how many, their mean score, the share that is right."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    mentions: int
    score: float | None
    correct: float | None


class Calibration(BaseModel):
    """Reliability (Niculescu-Mizil & Caruana 2005) and expected calibration error (Naeini et al. 2015)."""

    model_config = ConfigDict(frozen=True)

    ece: float
    ece_interval: Interval | None
    bins: tuple[Bin, ...]


class Point(BaseModel):
    """What keeping only the predictions with a score of at least `threshold` would give."""

    model_config = ConfigDict(frozen=True)

    threshold: float
    precision: float
    recall: float | None
    f1: float


def calibration(scored: Sequence[Scored], documents: int) -> Calibration | None:
    """Bins of equal width over span scores; None without predictions."""
    if not scored:
        return None
    sums = np.zeros((documents, BINS, 3))  # mentions, sum of scores, right ones
    for index, _, score, right in scored:
        sums[index, min(max(int(np.ceil(score * BINS)) - 1, 0), BINS - 1)] += 1, score, right
    total = sums.sum(axis=0)
    drawn = _ece(resampled(sums)) if varies(sums[..., 0].sum(axis=1)) else np.empty(0)
    bins = tuple(
        Bin(
            low=k / BINS,
            high=(k + 1) / BINS,
            mentions=int(count),
            score=float(score / count) if count else None,
            correct=float(right / count) if count else None,
        )
        for k, (count, score, right) in enumerate(total)
    )
    return Calibration(ece=float(_ece(total)), ece_interval=interval(drawn), bins=bins)


def _ece(sums: Float64) -> Float64:
    """Expected calibration error of sums of shape (..., bins, 3)."""
    gaps = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1)
    return ratio(gaps, sums[..., 0].sum(axis=-1))


def curve(scored: Sequence[Scored], label: str, gold: int) -> tuple[Point, ...]:
    """Precision and recall of a label by threshold, ascending, at most 50 points.

    Args:
        gold: mentions of the label that there are to find.
    """
    mine = sorted((score, right) for _, name, score, right in scored if name == label)
    if not mine:
        return ()
    scores = np.array([score for score, _ in mine])
    right = np.array([right for _, right in mine], dtype=np.int64)
    first = np.flatnonzero(np.append(True, np.diff(scores) > 0))  # of each different score
    if len(first) > _MOST_POINTS:
        first = first[np.unique(np.linspace(0, len(first) - 1, _MOST_POINTS).round().astype(int))]
    points = []
    for start in first.tolist():
        kept, correct = len(mine) - start, int(right[start:].sum())
        points.append(
            Point(
                threshold=float(scores[start]),
                precision=correct / kept,
                recall=correct / gold if gold else None,
                f1=2 * correct / (kept + gold),
            )
        )
    return tuple(points)
