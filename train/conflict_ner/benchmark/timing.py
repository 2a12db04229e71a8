"""Times things against each other so that the result can be relied on: in turn, several rounds, medians.

A machine's speed drifts while it is measured, by heat and by other programs, more than many
differences are worth. So every system has one turn in every round, and what is compared are
the two times of one round: a ratio is the median of the rounds' ratios, with the quartiles beside it.

>>> ticks = iter([0, 6, 6, 8, 10, 11, 11, 17])
>>> taken = alternate({"old": lambda: None, "new": lambda: None}, 2, clock=lambda: next(ticks))
>>> taken
{'old': [6, 6], 'new': [2, 1]}
>>> times_as_fast(taken["new"], taken["old"]).median
4.5
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

from pydantic import BaseModel, ConfigDict

Clock = Callable[[], float]
Turn = Callable[[], object]


class Spread(BaseModel):
    """A figure measured several times: its median and its quartiles, between which half of the rounds lie."""

    model_config = ConfigDict(frozen=True)

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value; the quartiles of few are interpolated (Hyndman & Fan 1996, type 7)."""
        if len(values) == 1:
            return cls(median=values[0], low=values[0], high=values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median=median(values), low=low, high=high)


def in_turn(
    turns: Mapping[str, Callable[[], float]],
    rounds: int,
    *,
    rest: Turn = lambda: None,
    begun: Callable[[int, str], object] = lambda _number, _name: None,
) -> dict[str, list[float]]:
    """The figure that each turn gives in each round, every one having its turn in every round.

    Each round begins with the next of them, so that none always comes after the same neighbour.

    Args:
        rest: done before each turn, such as a pause for other threads to end.
        begun: told the round, from 1, and the name before each turn.
    """
    names = list(turns)
    given: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            begun(number + 1, name)
            rest()
            given[name].append(turns[name]())
    return given


def alternate(
    turns: Mapping[str, Turn],
    rounds: int,
    *,
    clock: Clock = time.perf_counter,
    rest: Turn = lambda: None,
    begun: Callable[[int, str], object] = lambda _number, _name: None,
) -> dict[str, list[float]]:
    """Seconds that each took in each round, as `in_turn`; a rest is not timed.

    Args:
        turns: what to time, by name; each does all its work before it returns.
    """

    def timed(turn: Turn) -> Callable[[], float]:
        def seconds() -> float:
            start = clock()
            turn()
            return clock() - start

        return seconds

    return in_turn({name: timed(turn) for name, turn in turns.items()}, rounds, rest=rest, begun=begun)


def rates(work: float, seconds: Sequence[float]) -> Spread:
    """Units of work a second, round by round."""
    return Spread.of([work / max(each, _TICK) for each in seconds])


def times_as_fast(one: Sequence[float], other: Sequence[float], work: float = 1.0, other_work: float = 1.0) -> Spread:
    """How many times as fast as `other` the `one` was, round by round: a ratio of rates.

    Args:
        work: what one did in a turn, in the unit of `other_work`.
    """
    pairs = zip(one, other, strict=True)
    return Spread.of([work / other_work * max(theirs, _TICK) / max(ours, _TICK) for ours, theirs in pairs])


_TICK = 1e-9  # a clock too coarse for a turn must not end in a division by zero
