"""Turns in rounds, on a fake clock: nothing waits here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conflict_ner.benchmark.timing import Spread, measure_in_rounds, rates, time_in_rounds, times_as_fast
from hypothesis import given, settings
from hypothesis import strategies as st

FIGURES = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20)
quick = settings(max_examples=40, deadline=None, derandomize=True)


class Machine:
    """A clock that only work advances, and a machine that slows down."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slowness = 1.0
        self.log: list[str] = []

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def turn() -> None:
            self.log.append(name)
            self.now += seconds * self.slowness

        return turn

    def pause(self) -> None:
        self.log.append("pause")
        self.now += 100.0


def test_each_round_starts_with_another_system() -> None:
    machine = Machine()
    turns = {name: machine.work(name, 1.0) for name in "abc"}
    turns_begun: list[tuple[int, str]] = []
    time_in_rounds(turns, 4, clock=lambda: machine.now, on_turn=lambda number, name: turns_begun.append((number, name)))
    assert "".join(machine.log) == "abcbcacababc"
    assert turns_begun == [(1 + k // 3, name) for k, name in enumerate(machine.log)]


def test_a_pause_precedes_each_turn_and_is_not_timed() -> None:
    machine = Machine()
    seconds = time_in_rounds({"a": machine.work("a", 2.0)}, 3, clock=lambda: machine.now, pause=machine.pause)
    assert machine.log == ["pause", "a"] * 3
    assert seconds == {"a": [2.0, 2.0, 2.0]}


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    machine = Machine()
    turns = {"ours": machine.work("ours", 1.0), "theirs": machine.work("theirs", 3.0)}

    def slower(number: int, _name: str) -> None:
        machine.slowness = float(10**number)

    seconds = time_in_rounds(turns, 5, clock=lambda: machine.now, on_turn=slower)
    assert max(seconds["ours"]) / min(seconds["ours"]) == pytest.approx(10_000)
    ratio = times_as_fast(seconds["ours"], seconds["theirs"])
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((3, 3, 3))


def test_ratios_are_of_rates_where_the_work_differs() -> None:
    # Half the time for a quarter of the work is half as fast.
    ratio = times_as_fast([1.0, 1.0], [2.0, 2.0], work=1.0, other_work=4.0)
    assert ratio.median == pytest.approx(0.5)
    with pytest.raises(ValueError, match="zip"):
        times_as_fast([1.0], [1.0, 2.0])


def test_the_median_of_ratios_is_not_the_ratio_of_medians() -> None:
    ours, theirs = [1.0, 10.0, 2.0], [3.0, 10.0, 10.0]
    assert times_as_fast(ours, theirs).median == 3.0  # of 3, 1 and 5; the medians would say 5


def test_a_spread_has_the_quartiles() -> None:
    assert Spread.of([5.0]) == Spread(median=5.0, low=5.0, high=5.0)
    assert Spread.of([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(median=3.0, low=2.0, high=4.0)
    assert rates(10.0, [1.0, 2.0, 5.0]).median == 5.0


def test_a_turn_shorter_than_a_tick_of_the_clock_is_no_division_by_zero() -> None:
    assert rates(1.0, [0.0]).median > 0
    assert times_as_fast([0.0], [0.0]).median == 1.0


def test_nothing_to_time_is_no_error() -> None:
    assert time_in_rounds({}, 3) == {}


@quick
@given(st.lists(st.text(max_size=2), unique=True, max_size=6), st.integers(0, 8))
def test_every_system_has_one_turn_in_every_round_and_no_fixed_place(names: list[str], rounds: int) -> None:
    log: list[str] = []

    def turn(name: str) -> Callable[[], float]:
        return lambda: log.append(name) or float(len(log))  # type: ignore[func-returns-value]

    figures = measure_in_rounds({name: turn(name) for name in names}, rounds)
    in_rounds = [log[k : k + len(names)] for k in range(0, len(log), len(names) or 1)]
    assert len(log) == rounds * len(names)
    assert all(sorted(order) == sorted(names) for order in in_rounds)
    for name in names:
        # A figure is that of the turn in its round.
        assert figures[name] == [k * len(names) + order.index(name) + 1 for k, order in enumerate(in_rounds)]
        # In as many rounds as there are systems, each stands once in every place.
        places = [order.index(name) for order in in_rounds[: len(names)]]
        assert len(set(places)) == len(places)


@quick
@given(FIGURES)
def test_the_quartiles_enclose_the_median_within_the_figures(values: list[float]) -> None:
    spread = Spread.of(values)
    tolerance = 1e-9 * max(values)
    assert min(values) - tolerance <= spread.low <= spread.median + tolerance
    assert spread.median <= spread.high + tolerance <= max(values) + 2 * tolerance


@quick
@given(FIGURES, st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_a_ratio_is_that_of_the_work_and_the_seconds_whatever_the_drift(
    drift: list[float], factor: float, work: float
) -> None:
    ratio = times_as_fast(drift, [factor * seconds for seconds in drift], work, 1.0)
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((factor * work,) * 3)
