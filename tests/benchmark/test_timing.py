"""Turns in rounds, on a clock of our own: nothing here waits for anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conflict_ner.benchmark.timing import Spread, alternate, rates, times_as_fast


class Machine:
    """A clock that stands still but for the work that is done, and a machine that slows down."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slowness = 1.0
        self.log: list[str] = []

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def turn() -> None:
            self.log.append(name)
            self.now += seconds * self.slowness

        return turn

    def rest(self) -> None:
        self.log.append("rest")
        self.now += 100.0


def test_each_has_its_turn_in_each_round_and_each_round_begins_with_another() -> None:
    machine = Machine()
    turns = {name: machine.work(name, 1.0) for name in "abc"}
    begun: list[tuple[int, str]] = []
    alternate(turns, 4, clock=lambda: machine.now, begun=lambda number, name: begun.append((number, name)))
    assert "".join(machine.log) == "abcbcacababc"
    assert begun == [(1 + k // 3, name) for k, name in enumerate(machine.log)]


def test_a_rest_stands_before_each_turn_and_is_not_timed() -> None:
    machine = Machine()
    taken = alternate({"a": machine.work("a", 2.0)}, 3, clock=lambda: machine.now, rest=machine.rest)
    assert machine.log == ["rest", "a"] * 3
    assert taken == {"a": [2.0, 2.0, 2.0]}


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    machine = Machine()
    turns = {"ours": machine.work("ours", 1.0), "theirs": machine.work("theirs", 3.0)}

    def slower(number: int, _name: str) -> None:
        machine.slowness = float(10**number)

    taken = alternate(turns, 5, clock=lambda: machine.now, begun=slower)
    assert max(taken["ours"]) / min(taken["ours"]) == pytest.approx(10_000)
    ratio = times_as_fast(taken["ours"], taken["theirs"])
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


def test_a_turn_shorter_than_the_clock_can_tell_ends_in_no_division_by_zero() -> None:
    assert rates(1.0, [0.0]).median > 0
    assert times_as_fast([0.0], [0.0]).median == 1.0


def test_nobody_to_time_is_no_error() -> None:
    assert alternate({}, 3) == {}
