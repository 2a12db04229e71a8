"""Calibration of scores: reliability bins, expected calibration error and precision-recall curves.

A score of 0.8 is calibrated if eight in ten predictions with that score are strictly correct.

>>> scored = [(0, "ACTOR", 0.95, True), (0, "ACTOR", 0.95, True), (1, "ACTOR", 0.55, False), (1, "ACTOR", 0.55, True)]
>>> round(calibration(scored, 2).ece, 3)
0.05
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.evaluation.scores import Float64, Interval, percentile_interval, ratio, resample, varies

BINS = 10
_MAX_POINTS = 50
# The document's index, the label, the score, and whether the span is a gold mention (strict).
ScoredPrediction = tuple[int, str, float, bool]


class Bin(BaseModel):
    """The predictions with scores in (low, high]: their number, their mean score, the share that is correct."""

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
    """Precision, recall and F1 of the predictions with a score of at least `threshold`."""

    model_config = ConfigDict(frozen=True)

    threshold: float
    precision: float
    recall: float | None
    f1: float


def calibration(scored: Sequence[ScoredPrediction], documents: int) -> Calibration | None:
    """Sort predictions into ten bins of equal width by their scores; None without predictions.

    Args:
        documents: how many documents there are, with or without predictions.
    """
    if not scored:
        return None
    sums = np.zeros((documents, BINS, 3))  # predictions, sum of scores, correct predictions
    for index, _, score, correct in scored:
        sums[index, min(max(int(np.ceil(score * BINS)) - 1, 0), BINS - 1)] += 1, score, correct
    total = sums.sum(axis=0)
    resampled_ece = _ece(resample(sums)) if varies(sums[..., 0].sum(axis=1)) else np.empty(0)
    bins = tuple(
        Bin(
            low=k / BINS,
            high=(k + 1) / BINS,
            mentions=int(count),
            score=float(score / count) if count else None,
            correct=float(correct / count) if count else None,
        )
        for k, (count, score, correct) in enumerate(total)
    )
    return Calibration(ece=float(_ece(total)), ece_interval=percentile_interval(resampled_ece), bins=bins)


def _ece(sums: Float64) -> Float64:
    """Expected calibration error of sums of shape (..., bins, 3)."""
    gaps = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1)
    return ratio(gaps, sums[..., 0].sum(axis=-1))


def precision_recall_curve(scored: Sequence[ScoredPrediction], label: str, gold: int) -> tuple[Point, ...]:
    """Precision and recall of a label by threshold, ascending, at most 50 points.

    Args:
        gold: the number of gold mentions of the label.
    """
    of_label = sorted((score, correct) for _, name, score, correct in scored if name == label)
    if not of_label:
        return ()
    scores = np.array([score for score, _ in of_label])
    is_correct = np.array([correct for _, correct in of_label], dtype=np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(scores) > 0))  # the first prediction with each distinct score
    if len(starts) > _MAX_POINTS:
        starts = starts[np.unique(np.linspace(0, len(starts) - 1, _MAX_POINTS).round().astype(int))]
    points = []
    for start in starts.tolist():
        predicted, correct = len(of_label) - start, int(is_correct[start:].sum())
        points.append(
            Point(
                threshold=float(scores[start]),
                precision=correct / predicted,
                recall=correct / gold if gold else None,
                f1=2 * correct / (predicted + gold),
            )
        )
    return tuple(points)
