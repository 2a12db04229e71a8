"""Fresh processes in rounds: how soon each system has its first report, how much memory it holds.

And how a Tagger's speed and memory grow with the number of reports, which come from a generator.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conflict_ner.benchmark.fresh_process import Fresh, fresh
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.results import Cold, Scaled
from conflict_ner.benchmark.systems import System
from conflict_ner.benchmark.timing import Clock, Spread, Turn, in_turn, times_as_fast

_REST_SECONDS = 0.2


def _rest() -> None:
    """What others left is cleared away before a turn, and threads that wait for more work have gone to sleep."""
    gc.collect()
    time.sleep(_REST_SECONDS)


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure.

    reports: tagged in a turn, the texts repeated in turn; None takes each once.
    scale: numbers of reports for the Taggers, each in a fresh process.
    cold: whether fresh processes are started at all. say: told what is being done.
    """

    rounds: int = 5
    reports: int | None = None
    scale: tuple[int, ...] = ()
    cold: bool = True
    say: Callable[[str], object] = lambda _: None
    clock: Clock = time.perf_counter
    rest: Turn = _rest
    launch: Callable[[System, Path, int], Fresh] = fresh


def cold_starts(systems: Sequence[System], file: Path, reports: int, bench: Bench) -> dict[str, Cold]:
    """Fresh processes in turn. Those of a first round warm the disk and are asked for their memory alone."""
    used: dict[str, Fresh] = {}
    for system in systems:
        bench.say(f"memory of {system.name}, in a fresh process")
        used[system.name] = bench.launch(system, file, reports)

    def begun(number: int, name: str) -> None:
        bench.say(f"cold start, round {number} of {bench.rounds}: {name}")

    turns = {each.name: partial(_first, each, file, bench) for each in systems}
    first = in_turn(turns, bench.rounds, begun=begun)
    return {
        name: Cold(
            first=Spread.of(seconds),
            times_as_fast={other: times_as_fast(seconds, first[other]) for other in first if other != name},
            memory=used[name].memory,
            gpu_memory=used[name].gpu_memory,
        )
        for name, seconds in first.items()
    }


def _first(system: System, file: Path, bench: Bench) -> float:
    return bench.launch(system, file, 0).first


def scaled_up(system: System, data: Reports, file: Path, bench: Bench) -> tuple[Scaled, ...]:
    """A fresh process for each number of reports that the bench names."""
    rows = []
    for reports in bench.scale:
        bench.say(f"{system.name}: {reports:,} reports in a fresh process")
        done = bench.launch(system, file, reports)
        words = data.words_of(reports)
        rows.append(
            Scaled(
                reports=reports,
                words_a_second=words / done.seconds,
                reports_a_second=reports / done.seconds,
                memory=done.memory,
            )
        )
    return tuple(rows)
