"""Whether one of two systems is better on the same documents, or the difference may be chance.

Two questions, both asked of whole documents, because mentions of one report stand or fall
together. How large may the difference be: paired bootstrap (Efron & Tibshirani 1993; Koehn
2004). How often would two systems that are equally good differ by as much: approximate
randomization (Noreen 1989; Yeh 2000), which swaps the two systems' outputs of documents drawn
at random. The share of resamples in which B is not better is no p-value: it is drawn from
systems that do differ, and tells how sure the sign is (Berg-Kirkpatrick et al. 2012).

>>> worse = np.array([[[5, 10, 10]]] * 20)  # 20 documents, one label; correct, predicted, gold
>>> better = np.array([[[8, 10, 10]]] * 20)
>>> found = score_differences(worse, better)
>>> float(round(found.f1[0], 2)), float(round(found.p[0], 4)), float(found.not_better[0])
(0.3, 0.0001, 0.0)

The verdict claims no more than that shows. B is called better only where the test and the interval agree:
p of at most 0.05 by approximate randomization, and a paired bootstrap interval without 0.

>>> print(verdict(0.018, (0.006, 0.031), 0.004, 40))
B is better by 1.8 points (95 %: 0.6 to 3.1; p = 0.004): the difference is unlikely to be chance on these reports.
>>> print(verdict(0.004, (-0.012, 0.019), 0.62, 40))
No difference can be told: B minus A is +0.4 points (95 %: -1.2 to +1.9; p = 0.620), which may well be chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflict_ner.evaluation.scores import Counts, Float64, Interval, f1_of, interval, resampled, varies

TRIALS = 10_000
_SEED = 20  # the same outputs give the same p
_MOST_SWAPS = 4_000_000  # swaps held at a time
_ROUNDING = 1e-12  # differences nearer than this are the same fraction


@dataclass(frozen=True, slots=True)
class ScoreDifferences:
    """F1 of B less F1 of A, a row of counts; nan or None where it is undefined.

    f1: the difference. intervals: its 95 %; None where fewer than two documents have anything to count.
    not_better: the share of resamples in which B is not better than A.
    p: two-sided, of the difference if both were equally good.
    """

    f1: Float64
    intervals: tuple[Interval | None, ...]
    not_better: Float64
    p: Float64


def score_differences(first: Counts, second: Counts, trials: int = TRIALS) -> ScoreDifferences:
    """Compare two systems, on each of several things counted.

    Args:
        first, second: shape (documents, things, 3): correct, predicted and gold mentions, the
            same documents in the same order.
        trials: random swaps; p is never less than 1 / (trials + 1).

    Raises:
        ValueError: if the shapes or the gold counts differ.
    """
    if first.shape != second.shape or not np.array_equal(first[..., 2], second[..., 2]):
        raise ValueError("both sides must be counted on the same documents")
    observed: Float64 = f1_of(second.sum(axis=0)) - f1_of(first.sum(axis=0))
    drawn = f1_of(resampled(second)) - f1_of(resampled(first)) if len(first) else np.full((1, len(observed)), np.nan)
    for thing, counts in enumerate(np.moveaxis(first + second, 1, 0)):
        if not varies(counts.sum(axis=1)):
            drawn[:, thing] = np.nan
    defined = ~np.isnan(drawn)
    with np.errstate(invalid="ignore"):
        not_better = (defined & (drawn <= _ROUNDING)).sum(axis=0) / defined.sum(axis=0)
    hits = _as_large(first, second, np.abs(observed), trials)
    p = np.where(np.isnan(observed), np.nan, (hits + 1) / (trials + 1))
    return ScoreDifferences(observed, tuple(interval(column) for column in drawn.T), not_better, p)


def _as_large(first: Counts, second: Counts, least: Float64, trials: int) -> NDArray[np.int64]:
    """In how many trials the difference is at least so large; shape (things,)."""
    things = len(least)
    a, b = (side.sum(axis=0).astype(np.float64) for side in (first, second))
    moved = (second - first).reshape(len(first), -1).astype(np.float64)
    moved = moved[moved.any(axis=1)]  # swapping equal counts changes nothing
    random = np.random.default_rng(_SEED)
    at_once = max(_MOST_SWAPS // max(len(moved), 1), 1)
    hits = np.zeros(things, np.int64)
    for done in range(0, trials, at_once):
        shape = (min(at_once, trials - done), len(moved))
        swapped = random.integers(0, 2, shape, np.int8).astype(np.float64)
        change = (swapped @ moved).reshape(-1, things, 3)
        # Undefined only where there is no gold: then any F1 that is defined is 0.
        found = np.nan_to_num(f1_of(b - change) - f1_of(a + change))
        hits += (np.abs(found) >= least - _ROUNDING).sum(axis=0)
    return hits


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that the chance of any false alarm stays (Holm 1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(values)
    least = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min((len(values) - rank) * values[index], 1.0))
        adjusted[index] = least
    return adjusted


LEVEL = 0.05
_SMALL = 0.001
_FINE = 0.0005  # a share that would be 0.0 points to one decimal
CAVEAT = (
    "This is said of these two checkpoints on these reports, not of the recipes that made them: "
    "another seed would have made others. Train several seeds of each before calling a recipe better."
)


def verdict(difference: float | None, interval: Interval | None, p: float | None, differing: int) -> str:
    """Whether B is better than A, and how sure that is.

    Args:
        difference: F1 of B less F1 of A; None if undefined.
        interval: its 95 %; None if nothing could be drawn.
        p: two-sided; None if undefined.
        differing: how many reports the two sides score differently.
    """
    if difference is None or p is None:
        return "Nothing can be compared: there is no gold mention and nothing was found."
    if not differing:
        return "No difference can be told: both score the same in every report."
    least = 2.0 ** (1 - differing)
    if least > LEVEL:
        few = "1 report" if differing == 1 else f"{differing} reports"
        figures = _figures(difference, interval, p)
        return f"No difference can be told: B minus A is {figures}; they differ in only {few}, too few to judge by."
    excluded = interval is not None and not interval[0] <= 0 <= interval[1]
    if p > LEVEL and not excluded:
        return f"No difference can be told: B minus A is {_figures(difference, interval, p)}, which may well be chance."
    if p > LEVEL or not excluded:
        figures = _figures(difference, interval, p)
        return f"No difference can be told for sure: B minus A is {figures}; test and interval do not agree."
    better, size, ends = ("B", difference, interval) if difference > 0 else ("A", -difference, _turned(interval))
    between = f"95 %: {points(ends[0])} to {points(ends[1])}; " if ends else ""
    sure = "very unlikely" if p < _SMALL else "unlikely"
    return (
        f"{better} is better by {points(size)} points ({between}{format_p(p)}): "
        f"the difference is {sure} to be chance on these reports."
    )


def by_label(found: Mapping[str, tuple[float | None, float | None]]) -> str:
    """Which labels differ, given each label's difference and adjusted p.

    >>> by_label({"ACTOR": (0.02, 0.03), "WEAPON": (-0.01, 0.6)})
    'Several labels are several tests. With p adjusted for 2 (Holm), B is better on ACTOR.'
    """
    tested = {label: (d, p) for label, (d, p) in found.items() if d is not None and p is not None}
    if not tested:
        return ""
    clauses = []
    for side, sign in (("B", 1), ("A", -1)):
        if names := [label for label, (d, p) in tested.items() if p <= LEVEL and sign * d > 0]:
            clauses.append(f"{side} is better on {', '.join(names)}")
    result = " and ".join(clauses) or "no label's difference can be told from chance"
    if len(tested) == 1:
        return f"By label, {result}."
    return f"Several labels are several tests. With p adjusted for {len(tested)} (Holm), {result}."


def points(share: float, *, sign: bool = False) -> str:
    """A share in points of per cent: one decimal, two where one would show nothing."""
    digits = 2 if 0 < abs(share) < _FINE else 1
    said = f"{100 * share:{'+' if sign else ''}.{digits}f}"
    return said.lstrip("+-") if float(said) == 0 else said


def format_p(p: float) -> str:
    """`p = 0.004`, or `p < 0.001`."""
    return "p < 0.001" if p < _SMALL else f"p = {p:.3f}"


def _figures(difference: float, interval: Interval | None, p: float) -> str:
    ends = f"95 %: {points(interval[0], sign=True)} to {points(interval[1], sign=True)}; " if interval else ""
    return f"{points(difference, sign=True)} points ({ends}{format_p(p)})"


def _turned(interval: Interval | None) -> Interval | None:
    return (-interval[1], -interval[0]) if interval else None
