"""Cold starts and memory of systems in fresh processes, and how both grow with the number of reports."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conflict_ner.benchmark.fresh_process import ProcessCost, run_fresh_process
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.results import ColdStart, ScalingPoint
from conflict_ner.benchmark.systems import System
from conflict_ner.benchmark.timing import Clock, Spread, Turn, measure_in_rounds, times_as_fast
from conflict_ner.errors import format_count

_PAUSE_SECONDS = 0.2


def _pause() -> None:
    """Free what the last turn left, and wait until idle worker threads sleep."""
    gc.collect()
    time.sleep(_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """How to measure.

    reports: how many to tag in a turn, the texts repeated in order; None tags each text once.
    scale: numbers of reports for the Taggers, each in a fresh process.
    cold: whether to start fresh processes at all.
    log: called with a line about each step.
    pause: called before each turn.
    launch: starts a fresh process for a system, a file of texts and a number of reports.
    """

    rounds: int = 5
    reports: int | None = None
    scale: tuple[int, ...] = ()
    cold: bool = True
    log: Callable[[str], object] = lambda _: None
    clock: Clock = time.perf_counter
    pause: Turn = _pause
    launch: Callable[[System, Path, int], ProcessCost] = run_fresh_process


def measure_cold_starts(
    systems: Sequence[System], texts: Path, reports: int, options: BenchmarkOptions
) -> dict[str, ColdStart]:
    """Start each system in fresh processes, in rounds, and return its cold start by its name.

    A first process of each system tags all reports: it measures the memory and warms the disk cache. Its
    start is not timed.

    Args:
        texts: a file from `write_texts`.
        reports: how many reports the process that measures memory tags.
    """
    costs: dict[str, ProcessCost] = {}
    for system in systems:
        options.log(f"memory of {system.name}, in a fresh process")
        costs[system.name] = options.launch(system, texts, reports)

    def log_turn(number: int, name: str) -> None:
        options.log(f"cold start, round {number} of {options.rounds}: {name}")

    turns = {system.name: partial(_seconds_to_first_report, system, texts, options) for system in systems}
    first = measure_in_rounds(turns, options.rounds, on_turn=log_turn)
    return {
        name: ColdStart(
            first=Spread.of(seconds),
            times_as_fast={other: times_as_fast(seconds, first[other]) for other in first if other != name},
            memory=costs[name].memory,
            gpu_memory=costs[name].gpu_memory,
        )
        for name, seconds in first.items()
    }


def _seconds_to_first_report(system: System, texts: Path, options: BenchmarkOptions) -> float:
    return options.launch(system, texts, 0).first


def measure_scaling(system: System, data: Reports, texts: Path, options: BenchmarkOptions) -> tuple[ScalingPoint, ...]:
    """Tag each number of reports in `options.scale` in a fresh process of its own."""
    points = []
    for reports in options.scale:
        options.log(f"{system.name}: {format_count(reports, 'report')} in a fresh process")
        cost = options.launch(system, texts, reports)
        points.append(
            ScalingPoint(
                reports=reports,
                words_a_second=data.count_words(reports) / cost.seconds,
                reports_a_second=reports / cost.seconds,
                memory=cost.memory,
            )
        )
    return tuple(points)
