"""Fresh processes in rounds, started by a stand-in: nothing is started here."""

from __future__ import annotations

from pathlib import Path

from conflict_ner.benchmark.cold_start import Bench, cold_starts, scaled_up
from conflict_ner.benchmark.fresh_process import Fresh
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.systems import System
from conflict_ner.data.document import Document

OURS, THEIRS = System("tagger", "ours"), System("pipeline", "theirs")
DATA = Reports("x", (Document("a", "One two."), Document("b", "Three")), labeled=False)


class Launcher:
    """Says what a process took: theirs starts three times as slowly, everything slows down from round to round."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def __call__(self, system: System, _: Path, reports: int) -> Fresh:
        self.log.append((system.name, reports))
        slow = 2.0 ** sum(name == system.name for name, _ in self.log)
        return Fresh(slow if system is OURS else 3 * slow, 0.5 * reports, 1000 * reports + len(system.name))


def test_the_first_processes_are_asked_for_their_memory_and_not_timed() -> None:
    launcher = Launcher()
    found = cold_starts([OURS, THEIRS], Path("texts"), 10, Bench(rounds=3, launch=launcher))
    assert launcher.log[:2] == [("ours", 10), ("theirs", 10)]
    assert [name for name, _ in launcher.log[2:]] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert {reports for _, reports in launcher.log[2:]} == {0}
    assert (found["ours"].memory, found["theirs"].memory) == (10_004, 10_006)
    assert found["ours"].first.median == 8.0  # of 4, 8 and 16; the 2 of the first process is not in it
    ratio = found["ours"].times_as_fast["theirs"]
    assert (ratio.low, ratio.median, ratio.high) == (3.0, 3.0, 3.0)
    assert found["theirs"].times_as_fast.keys() == {"ours"}


def test_growth_is_a_process_for_each_number_of_reports() -> None:
    launcher, said = Launcher(), list[str]()
    few, many = scaled_up(OURS, DATA, Path("texts"), Bench(scale=(2, 5), launch=launcher, say=said.append))
    assert launcher.log == [("ours", 2), ("ours", 5)]
    assert (few.reports_a_second, many.reports_a_second) == (2.0, 2.0)
    assert few.words_a_second == 4.0  # four words in a second
    assert many.words_a_second == 11 / 2.5
    assert many.memory == 5_004
    assert said[1] == "ours: 5 reports in a fresh process"
