"""Tests of whether one of two systems is better on the same documents, and the verdict in words.

Both tests resample whole documents, because the mentions of one report are not independent.
The paired bootstrap shows how large the difference may be (Efron & Tibshirani 1993; Koehn 2004).
Approximate randomization shows how often two equally good systems would differ by as much
(Noreen 1989; Yeh 2000): it swaps the two systems' outputs for documents drawn at random.
The share of resamples in which B is not better is not a p-value: it is drawn from systems that
do differ, and shows how certain the sign is (Berg-Kirkpatrick et al. 2012).

>>> worse = np.array([[[5, 10, 10]]] * 20)  # 20 documents, one label; correct, predicted, gold
>>> better = np.array([[[8, 10, 10]]] * 20)
>>> differences = score_differences(worse, better)
>>> float(round(differences.f1[0], 2)), float(round(differences.p[0], 4)), float(differences.not_better[0])
(0.3, 0.0001, 0.0)

The verdict calls B better only where the test and the interval agree: p of at most 0.05 by
approximate randomization, and a paired bootstrap interval without 0.

>>> print(verdict(0.018, (0.006, 0.031), 0.004, 40))
B is better by 1.8 points (95 %: 0.6 to 3.1; p = 0.004): the difference is unlikely to be chance on these reports.
>>> print(verdict(0.004, (-0.012, 0.019), 0.62, 40))
No difference can be shown: B minus A is +0.4 points (95 %: -1.2 to +1.9; p = 0.620), which may well be chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflict_ner.evaluation.scores import Counts, Float64, Interval, f1_of, percentile_interval, resample, varies

TRIALS = 10_000
CAVEAT = (
    "This holds for these two checkpoints on these reports, not for the recipes that produced them: "
    "another seed would have given other checkpoints. To call a recipe better, train several seeds of each and "
    "compare the results: `compare A-seeds.json B-seeds.json`."
)
_SIGNIFICANT_P = 0.05
_VERY_SMALL_P = 0.001
_SEED = 20  # the same outputs give the same p
_MAX_SWAPS = 4_000_000  # in memory at a time
_ROUNDING = 1e-12  # differences that are closer than this are the same fraction
_ROUNDS_TO_ZERO = 0.0005  # a smaller share would be shown as 0.0 points with one decimal


@dataclass(frozen=True, slots=True)
class ScoreDifferences:
    """F1 of B minus F1 of A, for each group of mentions; nan or None where it is undefined.

    f1: the difference. intervals: its 95 %; None where fewer than two documents have anything to count.
    not_better: the share of resamples in which B is not better than A.
    p: two-sided: how likely such a difference is if both are equally good.
    """

    f1: Float64
    intervals: tuple[Interval | None, ...]
    not_better: Float64
    p: Float64


def score_differences(first: Counts, second: Counts, trials: int = TRIALS) -> ScoreDifferences:
    """Compare two systems on each of several groups of mentions, such as all and each label.

    Args:
        first, second: shape (documents, groups, 3): correct, predicted and gold mentions, the
            same documents in the same order.
        trials: random swaps; p is never less than 1 / (trials + 1).

    Raises:
        ValueError: if the shapes or the gold counts differ.
    """
    if first.shape != second.shape or not np.array_equal(first[..., 2], second[..., 2]):
        raise ValueError("both sides must be counted on the same documents")
    observed: Float64 = f1_of(second.sum(axis=0)) - f1_of(first.sum(axis=0))
    resampled = f1_of(resample(second)) - f1_of(resample(first)) if len(first) else np.full((1, len(observed)), np.nan)
    for group, counts in enumerate(np.moveaxis(first + second, 1, 0)):
        if not varies(counts.sum(axis=1)):
            resampled[:, group] = np.nan
    defined = ~np.isnan(resampled)
    with np.errstate(invalid="ignore"):
        not_better = (defined & (resampled <= _ROUNDING)).sum(axis=0) / defined.sum(axis=0)
    hits = _count_extreme_swaps(first, second, np.abs(observed), trials)
    p = np.where(np.isnan(observed), np.nan, (hits + 1) / (trials + 1))
    return ScoreDifferences(observed, tuple(percentile_interval(column) for column in resampled.T), not_better, p)


def _count_extreme_swaps(first: Counts, second: Counts, observed: Float64, trials: int) -> NDArray[np.int64]:
    """Count the trials in which the absolute difference is at least the observed one; shape (groups,)."""
    groups = len(observed)
    a, b = (side.sum(axis=0).astype(np.float64) for side in (first, second))
    swap_changes = (second - first).reshape(len(first), -1).astype(np.float64)
    swap_changes = swap_changes[swap_changes.any(axis=1)]  # swapping equal counts changes nothing
    random = np.random.default_rng(_SEED)
    chunk = max(_MAX_SWAPS // max(len(swap_changes), 1), 1)
    hits = np.zeros(groups, np.int64)
    for start in range(0, trials, chunk):
        shape = (min(chunk, trials - start), len(swap_changes))
        is_swapped = random.integers(0, 2, shape, np.int8).astype(np.float64)
        change = (is_swapped @ swap_changes).reshape(-1, groups, 3)
        # F1 is undefined only where there is no gold, and there every defined F1 is 0.
        difference = np.nan_to_num(f1_of(b - change) - f1_of(a + change))
        hits += (np.abs(difference) >= observed - _ROUNDING).sum(axis=0)
    return hits


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of several tests so that the chance of any false alarm does not grow (Holm 1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min((len(p_values) - rank) * p_values[index], 1.0))
        adjusted[index] = largest
    return adjusted


def verdict(difference: float | None, interval: Interval | None, p: float | None, differing: int) -> str:
    """Describe whether B is better than A, and how certain that is.

    Args:
        difference: F1 of B minus F1 of A; None if undefined.
        interval: its 95 %; None if it could not be resampled.
        p: two-sided; None if undefined.
        differing: the number of reports in which the two have different counts.
    """
    if difference is None or p is None:
        return "Nothing can be compared: there are no gold mentions and no predictions."
    if not differing:
        return "No difference can be shown: both score the same in every report."
    numbers = _format_difference(difference, interval, p)
    smallest_p = 2.0 ** (1 - differing)
    if smallest_p > _SIGNIFICANT_P:
        few = "1 report" if differing == 1 else f"{differing} reports"
        return f"No difference can be shown: B minus A is {numbers}; they differ in only {few}, too few to judge by."
    is_significant, excludes_zero = p <= _SIGNIFICANT_P, interval is not None and not interval[0] <= 0 <= interval[1]
    if not is_significant and not excludes_zero:
        return f"No difference can be shown: B minus A is {numbers}, which may well be chance."
    if not is_significant or not excludes_zero:
        return f"No difference can be shown for sure: B minus A is {numbers}; the test and the interval disagree."
    assert interval is not None
    better, ends = ("B", interval) if difference > 0 else ("A", (-interval[1], -interval[0]))
    likelihood = "very unlikely" if p < _VERY_SMALL_P else "unlikely"
    return (
        f"{better} is better by {points(abs(difference))} points "
        f"(95 %: {points(ends[0])} to {points(ends[1])}; {format_p(p)}): "
        f"the difference is {likelihood} to be chance on these reports."
    )


def by_label(differences: Mapping[str, tuple[float | None, float | None]]) -> str:
    """Describe which labels differ, from each label's difference and adjusted p.

    >>> by_label({"ACTOR": (0.02, 0.03), "WEAPON": (-0.01, 0.6)})
    'Each label is a separate test. With p adjusted for 2 tests (Holm), B is better on ACTOR.'
    """
    tested = {label: (d, p) for label, (d, p) in differences.items() if d is not None and p is not None}
    if not tested:
        return ""
    clauses = []
    for side, sign in (("B", 1), ("A", -1)):
        if names := [label for label, (d, p) in tested.items() if p <= _SIGNIFICANT_P and sign * d > 0]:
            clauses.append(f"{side} is better on {', '.join(names)}")
    result = " and ".join(clauses) or "no label's difference can be distinguished from chance"
    if len(tested) == 1:
        return f"By label, {result}."
    return f"Each label is a separate test. With p adjusted for {len(tested)} tests (Holm), {result}."


def points(share: float, *, sign: bool = False) -> str:
    """Format a share in percentage points: one decimal, or two where one would show 0.0."""
    digits = 2 if 0 < abs(share) < _ROUNDS_TO_ZERO else 1
    text = f"{100 * share:{'+' if sign else ''}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def format_p(p: float) -> str:
    """Format a p-value as `p = 0.004`, or `p < 0.001`."""
    return "p < 0.001" if p < _VERY_SMALL_P else f"p = {p:.3f}"


def _format_difference(difference: float, interval: Interval | None, p: float) -> str:
    ends = f"95 %: {points(interval[0], sign=True)} to {points(interval[1], sign=True)}; " if interval else ""
    return f"{points(difference, sign=True)} points ({ends}{format_p(p)})"
