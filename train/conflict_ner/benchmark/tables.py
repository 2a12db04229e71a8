"""A benchmark as people and programs read it: tables for a terminal, Markdown, JSON, all from one object.

>>> format_spread(Spread(median=1234.5, low=1200.0, high=1300.0))
'1,234 (1,200-1,300)'
>>> format_ratio(Spread(median=3.456, low=3.4, high=3.5))
'3.46 (3.40-3.50)'
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.results import Benchmark, Limited, SystemResult, Trained, TrainingBenchmark
from conflict_ner.benchmark.timing import Spread
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import markdown_rows, percent

_HUNDRED, _TEN = 100, 10
_MIB, _GIGA = 2**20, 1e9


@dataclass(frozen=True, slots=True)
class Grid:
    """One table: a title, headings and rows of as many cells."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def format_spread(figure: Spread, show: Callable[[float], str] = lambda value: f"{value:,.0f}") -> str:
    """A median with its quartiles; the median alone where they are the same."""
    low, middle, high = map(show, (figure.low, figure.median, figure.high))
    return middle if low == high else f"{middle} ({low}-{high})"


def format_ratio(figure: Spread | None) -> str:
    """A ratio with its quartiles; empty where there is none."""
    return format_spread(figure, _digits) if figure else ""


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= _HUNDRED else f"{value:.1f}" if value >= _TEN else f"{value:.2f}"


def _share(figure: Spread | None) -> str:
    return format_spread(figure, lambda value: f"{100 * value:.1f}") if figure else ""


def grids(found: Benchmark) -> Iterator[Grid]:
    """The tables of a benchmark of tagging."""
    rows = found.systems
    yield Grid(
        f"speed on {found.data} ({found.reports:,} reports, {found.words:,} words)",
        ("system", "words/s", "reports/s", "strict F1"),
        tuple(
            (c.name, format_spread(c.words_a_second), format_ratio(c.reports_a_second), percent(c.strict_f1))
            for c in rows
        ),
    )
    against = [c.name for c in rows if c.kind != "tagger"]
    if sum(c.kind == "tagger" for c in rows) > 1:
        against.append(rows[0].name)
    if against:
        yield _against("times as fast as", against, {c.name: c.times_as_fast for c in rows})
    yield _against("share of the limit, in per cent", _names(found.limits), {c.name: c.share for c in rows}, _share)
    yield _limits("the limit: the encoder's matrix products alone", found.limits)
    if any(c.cold for c in rows):
        yield from _cold(rows, against)
    if any(c.scaled for c in rows):
        yield Grid(
            "reports from a generator, each row a fresh process",
            ("system", "reports", "words/s", "reports/s", "memory in MiB"),
            tuple(
                (c.name, f"{s.reports:,}", f"{s.words_a_second:,.0f}", _digits(s.reports_a_second), _mib(s.memory))
                for c in rows
                for s in c.scaled
            ),
        )


def _cold(rows: Sequence[SystemResult], against: Sequence[str]) -> Iterator[Grid]:
    on_gpu = any(c.cold and c.cold.gpu_memory for c in rows)
    yield Grid(
        "a fresh process",
        ("system", "first report in s", "memory in MiB", *(("on the GPU",) if on_gpu else ())),
        tuple(
            (
                c.name,
                format_spread(c.cold.first, lambda value: f"{value:.2f}"),
                _mib(c.cold.memory),
                *((_mib(c.cold.gpu_memory or 0),) if on_gpu else ()),
            )
            for c in rows
            if c.cold
        ),
    )
    if against:
        times = {c.name: c.cold.times_as_fast for c in rows if c.cold}
        yield _against("first report, times as fast as", against, times)


def training_grids(found: TrainingBenchmark) -> Iterator[Grid]:
    """The tables of a benchmark of training."""
    rows = found.systems
    yield Grid(
        f"training as {found.config} says: a turn is an epoch over {found.reports:,} reports, {found.tokens:,} tokens",
        ("system", "tokens/s"),
        tuple((t.name, format_spread(t.tokens_a_second)) for t in rows),
    )
    if found.seeds:
        seeds = ", ".join(map(str, found.seeds))
        yield Grid(
            f"trained in full, {found.epochs} epochs, seed {seeds}",
            ("system", "seconds in all", "strict F1 on validation"),
            tuple((t.name, _each(t, "seconds"), _each(t, "strict_f1")) for t in rows),
        )
    yield _against("times as fast as", [t.name for t in rows], {t.name: t.times_as_fast for t in rows})
    yield _against("share of the limit, in per cent", _names(found.limits), {t.name: t.share for t in rows}, _share)
    yield _limits("the limit: the products of training, forward and backward", found.limits)


def _each(trained: Trained, what: str) -> str:
    """A figure of each seed."""
    if what == "seconds":
        return ", ".join(f"{seconds:,.0f}" for seconds in trained.seconds)
    return ", ".join(map(percent, trained.strict_f1))


def _names(limits: Sequence[Limited]) -> list[str]:
    return [limit.name for limit in limits]


def _against(
    title: str,
    columns: Sequence[str],
    figures: Mapping[str, Mapping[str, Spread]],
    show: Callable[[Spread | None], str] = format_ratio,
) -> Grid:
    rows = ((name, *(show(each.get(column)) for column in columns)) for name, each in figures.items())
    return Grid(title, ("system", *columns), tuple(rows))


def _limits(title: str, limits: Sequence[Limited]) -> Grid:
    return Grid(
        title,
        ("limit", "words/s", "tokens/s", "Gop/s", "by"),
        tuple(
            (
                limit.name,
                format_spread(limit.words_a_second),
                format_spread(limit.tokens_a_second),
                format_spread(limit.operations_a_second, lambda value: f"{value / _GIGA:,.0f}"),
                limit.how,
            )
            for limit in limits
        ),
    )


def _mib(memory: int) -> str:
    return f"{memory / _MIB:,.0f}"


def sentences(found: Benchmark | TrainingBenchmark) -> list[str]:
    """On what it was measured, how to read it, and what could not be measured."""
    rounds = f"{found.rounds} rounds in turn" if found.rounds > 1 else "one round"
    read = f"Medians of {rounds}, quartiles in brackets; a ratio is the median of the rounds' ratios."
    return [machine_line(found.machine, found.device), read, *found.notes]


def machine_line(machine: Machine, device: str) -> str:
    """The machine in a sentence."""
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    gpu = f", {machine.gpu}" if machine.gpu else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    cores = f"{machine.cores} core{'s' if machine.cores != 1 else ''}, {machine.threads} used"
    return f"{machine.cpu}{features}, {cores}{gpu}; on {device}; {machine.system}; {versions}."


def show(
    tagging: Benchmark | None, training: TrainingBenchmark | None, *, as_json: bool = False, as_markdown: bool = False
) -> None:
    """Print what was measured on standard output in the form asked for."""
    if as_json:
        found = {"tagging": tagging, "training": training}
        print(json.dumps({name: one and one.model_dump(mode="json") for name, one in found.items()}, indent=2))
        return
    parts = [(list(grids(tagging)), sentences(tagging))] if tagging else []
    parts += [(list(training_grids(training)), sentences(training))] if training else []
    if as_markdown:
        for tables, lines in parts:
            drawn = [f"**{grid.title}**\n\n{markdown_rows(grid.headings, grid.rows)}" for grid in tables]
            print("\n\n".join([*drawn, *lines]) + "\n")
        return
    for tables, lines in parts:
        _draw(tables, lines)


def _draw(tables: Sequence[Grid], lines: Sequence[str]) -> None:
    console = open_console()
    for grid in tables:
        keys = 2 if grid.headings[:2] == ("system", "reports") else 1  # a row for each number of reports
        print_table(ConsoleTable(grid.headings, grid.rows, grid.title, key_columns=keys, text_columns=("by",)), console)
        console.print()
    for line in lines:
        print_wrapped(line, console)
