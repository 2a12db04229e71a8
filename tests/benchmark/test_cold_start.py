"""Fresh processes in rounds, replaced by a fake launcher: no process is started here."""

from __future__ import annotations

from pathlib import Path

from conflict_ner.benchmark.cold_start import BenchmarkOptions, measure_cold_starts, measure_scaling
from conflict_ner.benchmark.fresh_process import ProcessCost
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.systems import System
from conflict_ner.data.document import Document

OURS, THEIRS = System("tagger", "ours"), System("pipeline", "theirs")
DATA = Reports("x", (Document("a", "One two."), Document("b", "Three")), labeled=False)


class Launcher:
    """Return invented costs: theirs starts three times as slowly, and everything slows down from round to round."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def __call__(self, system: System, _: Path, reports: int) -> ProcessCost:
        self.log.append((system.name, reports))
        slow = 2.0 ** sum(name == system.name for name, _ in self.log)
        return ProcessCost(slow if system is OURS else 3 * slow, 0.5 * reports, 1000 * reports + len(system.name))


def test_the_first_processes_measure_memory_and_are_not_timed() -> None:
    launcher = Launcher()
    cold = measure_cold_starts([OURS, THEIRS], Path("texts"), 10, BenchmarkOptions(rounds=3, launch=launcher))
    assert launcher.log[:2] == [("ours", 10), ("theirs", 10)]
    assert [name for name, _ in launcher.log[2:]] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert {reports for _, reports in launcher.log[2:]} == {0}
    assert (cold["ours"].memory, cold["theirs"].memory) == (10_004, 10_006)
    assert cold["ours"].first.median == 8.0  # of 4, 8 and 16; the 2 of the first process is not in it
    ratio = cold["ours"].times_as_fast["theirs"]
    assert (ratio.low, ratio.median, ratio.high) == (3.0, 3.0, 3.0)
    assert cold["theirs"].times_as_fast.keys() == {"ours"}


def test_growth_is_a_process_for_each_number_of_reports() -> None:
    launcher, messages = Launcher(), list[str]()
    few, many = measure_scaling(
        OURS, DATA, Path("texts"), BenchmarkOptions(scale=(2, 5), launch=launcher, log=messages.append)
    )
    assert launcher.log == [("ours", 2), ("ours", 5)]
    assert (few.reports_a_second, many.reports_a_second) == (2.0, 2.0)
    assert few.words_a_second == 4.0  # four words in a second
    assert many.words_a_second == 11 / 2.5
    assert many.memory == 5_004
    assert messages[1] == "ours: 5 reports in a fresh process"
