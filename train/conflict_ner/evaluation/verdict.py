"""What a comparison found, in words that claim no more than it shows.

B is called better only where the test and the interval agree: p of at most 0.05 by approximate
randomization, and a paired bootstrap interval without 0.

>>> print(verdict(0.018, (0.006, 0.031), 0.004, 40))
B is better by 1.8 points (95 %: 0.6 to 3.1; p = 0.004): the difference is unlikely to be chance on these reports.
>>> print(verdict(0.004, (-0.012, 0.019), 0.62, 40))
No difference can be told: B minus A is +0.4 points (95 %: -1.2 to +1.9; p = 0.620), which may well be chance.
"""

from __future__ import annotations

from collections.abc import Mapping

from conflict_ner.evaluation.bootstrap import Interval

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
        f"{better} is better by {points(size)} points ({between}{said_p(p)}): "
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


def said_p(p: float) -> str:
    """`p = 0.004`, or `p < 0.001`."""
    return "p < 0.001" if p < _SMALL else f"p = {p:.3f}"


def _figures(difference: float, interval: Interval | None, p: float) -> str:
    ends = f"95 %: {points(interval[0], sign=True)} to {points(interval[1], sign=True)}; " if interval else ""
    return f"{points(difference, sign=True)} points ({ends}{said_p(p)})"


def _turned(interval: Interval | None) -> Interval | None:
    return (-interval[1], -interval[0]) if interval else None
