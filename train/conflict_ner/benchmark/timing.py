"""Timing of several things in alternating rounds, and medians with quartiles of what was measured.

A machine's speed drifts while it is measured, by heat and by other programs, and often by more than
the difference between two systems. So every system has one turn in every round, and a comparison uses
the two times of one round: a ratio is the median of the rounds' ratios, reported with its quartiles.

>>> ticks = iter([0, 6, 6, 8, 10, 11, 11, 17])
>>> seconds = time_in_rounds({"old": lambda: None, "new": lambda: None}, 2, clock=lambda: next(ticks))
>>> seconds
{'old': [6, 6], 'new': [2, 1]}
>>> times_as_fast(seconds["new"], seconds["old"]).median
4.5
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

from pydantic import BaseModel, ConfigDict

Clock = Callable[[], float]
Turn = Callable[[], object]
OnTurn = Callable[[int, str], object]  # called before each turn with the round, from 1, and the name

_TICK = 1e-9  # a clock too coarse for a turn must not cause a division by zero


class Spread(BaseModel):
    """A figure measured several times: its median and its quartiles, between which half of the rounds lie."""

    model_config = ConfigDict(frozen=True)

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize at least one value; quartiles are interpolated (Hyndman & Fan 1996, type 7)."""
        if len(values) == 1:
            return cls(median=values[0], low=values[0], high=values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median=median(values), low=low, high=high)


def measure_in_rounds(
    turns: Mapping[str, Callable[[], float]],
    rounds: int,
    *,
    pause: Turn = lambda: None,
    on_turn: OnTurn = lambda _round, _name: None,
) -> dict[str, list[float]]:
    """Return the figure of each turn in each round; every name has one turn in every round.

    Each round starts with the next name, so that no system always follows the same one.

    Args:
        turns: what to measure, by name; a call returns one figure.
        pause: called before each turn, for example to wait for other threads to end.
        on_turn: called before each pause with the round, from 1, and the name.
    """
    names = list(turns)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            on_turn(number + 1, name)
            pause()
            figures[name].append(turns[name]())
    return figures


def time_in_rounds(
    turns: Mapping[str, Turn],
    rounds: int,
    *,
    clock: Clock = time.perf_counter,
    pause: Turn = lambda: None,
    on_turn: OnTurn = lambda _round, _name: None,
) -> dict[str, list[float]]:
    """Return the seconds of each turn in each round, as `measure_in_rounds`; pauses are not timed.

    Args:
        turns: what to time, by name; a call returns when all its work is done.
    """

    def timed(turn: Turn) -> Callable[[], float]:
        def seconds() -> float:
            start = clock()
            turn()
            return clock() - start

        return seconds

    return measure_in_rounds({name: timed(turn) for name, turn in turns.items()}, rounds, pause=pause, on_turn=on_turn)


def rates(work: float, seconds: Sequence[float]) -> Spread:
    """Return the units of work per second over the rounds."""
    return Spread.of([work / max(duration, _TICK) for duration in seconds])


def times_as_fast(
    seconds: Sequence[float], other_seconds: Sequence[float], work: float = 1.0, other_work: float = 1.0
) -> Spread:
    """Return how many times as fast as another one a system was, round by round: a ratio of rates.

    Args:
        work: what the system did in a turn, in the unit of `other_work`.

    Raises:
        ValueError: if the two have different numbers of rounds.
    """
    pairs = zip(seconds, other_seconds, strict=True)
    return Spread.of([work / other_work * max(other, _TICK) / max(own, _TICK) for own, other in pairs])
