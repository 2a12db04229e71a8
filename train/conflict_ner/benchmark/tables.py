"""Results of a benchmark as tables for a terminal, as Markdown and as JSON.

>>> format_spread(Spread(median=1234.5, low=1200.0, high=1300.0))
'1,234 (1,200-1,300)'
>>> format_ratio(Spread(median=3.456, low=3.4, high=3.5))
'3.46 (3.40-3.50)'
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.results import (
    LimitResult,
    SystemResult,
    TaggingBenchmark,
    TrainingBenchmark,
    TrainingResult,
)
from conflict_ner.benchmark.timing import Spread
from conflict_ner.errors import BenchmarkError, format_count, require_packages
from conflict_ner.files import atomic_write
from conflict_ner.reporting.charts import TradeoffPoint, tradeoff_chart
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import markdown_rows, percent

_HUNDRED, _TEN = 100, 10
_MIB, _MEGA, _GIGA = 2**20, 1e6, 1e9
_DISK = "MB on disk"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a title, headings, and rows with as many cells as there are headings."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def format_spread(figure: Spread, show: Callable[[float], str] = lambda value: f"{value:,.0f}") -> str:
    """Format a median with its quartiles in brackets; the median alone where the quartiles look the same."""
    low, middle, high = map(show, (figure.low, figure.median, figure.high))
    return middle if low == high else f"{middle} ({low}-{high})"


def format_ratio(figure: Spread | None) -> str:
    """Format a ratio with its quartiles; an empty string for None."""
    return format_spread(figure, _three_digits) if figure else ""


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= _HUNDRED else f"{value:.1f}" if value >= _TEN else f"{value:.2f}"


def _format_share(figure: Spread | None) -> str:
    return format_spread(figure, lambda value: f"{100 * value:.1f}") if figure else ""


def tagging_grids(result: TaggingBenchmark) -> Iterator[Grid]:
    """Yield the tables of a benchmark of tagging."""
    systems = result.systems
    yield Grid(
        f"speed on {result.data} ({format_count(result.reports, 'report')}, {format_count(result.words, 'word')})",
        ("system", "words/s", "reports/s", "strict F1", _DISK),
        tuple(
            (
                s.name,
                format_spread(s.words_a_second),
                format_ratio(s.reports_a_second),
                percent(s.strict_f1),
                _megabytes(s.disk),
            )
            for s in systems
        ),
    )
    rivals = [system.name for system in systems if system.kind != "tagger"]
    if sum(system.kind == "tagger" for system in systems) > 1:
        rivals.append(systems[0].name)
    if rivals:
        yield _ratio_grid("times as fast as", rivals, {system.name: system.times_as_fast for system in systems})
    yield _share_grid(systems, result.limits)
    yield _limit_grid("the limit: the encoder's matrix products alone", result.limits)
    if any(system.cold for system in systems):
        yield from _cold_start_grids(systems, rivals)
    if any(system.scaled for system in systems):
        yield Grid(
            "reports from a generator, each row a fresh process",
            ("system", "reports", "words/s", "reports/s", "memory in MiB"),
            tuple(
                (
                    s.name,
                    f"{p.reports:,}",
                    f"{p.words_a_second:,.0f}",
                    _three_digits(p.reports_a_second),
                    _mib(p.memory),
                )
                for s in systems
                for p in s.scaled
            ),
        )


def tradeoff_grid(result: TaggingBenchmark) -> Grid:
    """Return a row for each system, the quickest first: its score, and what it costs in time and space.

    Speed is shown as the ratio to transformers.pipeline as it comes, or in words a second if that was not measured.
    """
    baseline = _default_pipeline(result)
    systems = sorted(result.systems, key=lambda system: -_relative_speed(system, baseline).median)
    return Grid(
        f"quality against cost on {result.data} ({format_count(result.reports, 'report')}, "
        f"{format_count(result.words, 'word')})",
        ("system", "strict F1", "words/s" if baseline is None else f"times {baseline}", _DISK, "first report in s"),
        tuple(
            (
                system.name,
                percent(system.strict_f1),
                (format_ratio if baseline else format_spread)(_relative_speed(system, baseline)),
                _megabytes(system.disk),
                _seconds(system.cold.first) if system.cold else "",
            )
            for system in systems
        ),
    )


def tradeoff_points(result: TaggingBenchmark) -> tuple[list[TradeoffPoint], str]:
    """Return the systems that have a score as points of a chart, and what its axis of speed is called."""
    baseline = _default_pipeline(result)
    points = [
        TradeoffPoint(
            system.name.removeprefix("Tagger "),
            _relative_speed(system, baseline).median,
            system.strict_f1,
            system.kind,
            _costs(system),
        )
        for system in result.systems
        if system.strict_f1 is not None
    ]
    unit = "words a second" if baseline is None else "words a second, as a multiple of transformers.pipeline"
    return points, f"{unit} (log scale)"


def write_tradeoff_chart(result: TaggingBenchmark, file: Path) -> None:
    """Draw the systems' strict F1 over their speed and write the SVG file whole or not at all.

    Raises:
        BenchmarkError: if no system has a score.
        MissingExtraError: if matplotlib is not installed.
    """
    require_packages("a chart", {"matplotlib": "matplotlib>=3.10"})
    chart = tradeoff_chart(*tradeoff_points(result))
    if chart is None:
        raise BenchmarkError("no system has a score to draw; run the benchmark on labeled reports")
    with atomic_write(file) as stream:
        stream.write(chart)


def _default_pipeline(result: TaggingBenchmark) -> str | None:
    """Return the name of transformers.pipeline with its default batch size, if it was measured."""
    return next((s.name for s in result.systems if s.kind == "pipeline" and s.batch == 1), None)


def _relative_speed(system: SystemResult, baseline: str | None) -> Spread:
    if baseline is None:
        return system.words_a_second
    return system.times_as_fast.get(baseline, Spread.of([1.0]))  # the baseline itself


def _costs(system: SystemResult) -> str:
    """Describe what a system costs, for a label of the chart."""
    costs = [] if system.disk is None else [f"{_megabytes(system.disk)} MB"]
    return ", ".join([*costs, *([f"{system.cold.first.median:.1f} s"] if system.cold else [])])


def _megabytes(size: int | None) -> str:
    return "n/a" if size is None else _three_digits(size / _MEGA)


def _seconds(figure: Spread) -> str:
    return format_spread(figure, lambda value: f"{value:.2f}")


def _cold_start_grids(systems: Sequence[SystemResult], rivals: Sequence[str]) -> Iterator[Grid]:
    cold = {system.name: system.cold for system in systems if system.cold}
    on_gpu = any(start.gpu_memory for start in cold.values())
    yield Grid(
        "a fresh process",
        ("system", "first report in s", "memory in MiB", *(("on the GPU",) if on_gpu else ())),
        tuple(
            (
                name,
                _seconds(start.first),
                _mib(start.memory),
                *((_mib(start.gpu_memory or 0),) if on_gpu else ()),
            )
            for name, start in cold.items()
        ),
    )
    if rivals:
        ratios = {name: start.times_as_fast for name, start in cold.items()}
        yield _ratio_grid("first report, times as fast as", rivals, ratios)


def training_grids(result: TrainingBenchmark) -> Iterator[Grid]:
    """Yield the tables of a benchmark of training."""
    systems = result.systems
    turn = f"an epoch over {format_count(result.reports, 'report')}, {result.tokens:,} tokens"
    yield Grid(
        f"training as {result.config} says: a turn is {turn}",
        ("system", "tokens/s"),
        tuple((system.name, format_spread(system.tokens_a_second)) for system in systems),
    )
    if result.seeds:
        seeds = ", ".join(map(str, result.seeds))
        yield Grid(
            f"trained in full, {format_count(result.epochs, 'epoch')}, seed {seeds}",
            ("system", "seconds in all", "strict F1 on validation"),
            tuple(
                (
                    system.name,
                    ", ".join(f"{seconds:,.0f}" for seconds in system.seconds),
                    ", ".join(map(percent, system.strict_f1)),
                )
                for system in systems
            ),
        )
    names = [system.name for system in systems]
    yield _ratio_grid("times as fast as", names, {system.name: system.times_as_fast for system in systems})
    yield _share_grid(systems, result.limits)
    yield _limit_grid("the limit: the products of training, forward and backward", result.limits)


def _share_grid(systems: Sequence[SystemResult] | Sequence[TrainingResult], limits: Sequence[LimitResult]) -> Grid:
    shares = {system.name: system.share for system in systems}
    return _ratio_grid("share of the limit, in per cent", [limit.name for limit in limits], shares, _format_share)


def _ratio_grid(
    title: str,
    columns: Sequence[str],
    figures: Mapping[str, Mapping[str, Spread]],
    show: Callable[[Spread | None], str] = format_ratio,
) -> Grid:
    rows = ((name, *(show(spreads.get(column)) for column in columns)) for name, spreads in figures.items())
    return Grid(title, ("system", *columns), tuple(rows))


def _limit_grid(title: str, limits: Sequence[LimitResult]) -> Grid:
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


def explain(result: TaggingBenchmark | TrainingBenchmark) -> list[str]:
    """Return sentences: the machine, how to read the figures, and what could not be measured."""
    rounds = f"{result.rounds} rounds in turn" if result.rounds > 1 else "one round"
    statistics = f"Medians of {rounds}, quartiles in brackets; a ratio is the median of the rounds' ratios."
    return [format_machine(result.machine, result.device), statistics, *result.notes]


def format_machine(machine: Machine, device: str) -> str:
    """Describe the machine in a sentence."""
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    gpu = f", {machine.gpu}" if machine.gpu else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    cores = f"{format_count(machine.cores, 'core')}, {machine.threads} used"
    return f"{machine.cpu}{features}, {cores}{gpu}; on {device}; {machine.system}; {versions}."


def read_tagging(file: Path) -> TaggingBenchmark:
    """Read the results of tagging from a file that `benchmark --json` wrote.

    Raises:
        BenchmarkError: if there is no such file, or it holds something else.
    """
    advice = f"write it with `conflict-ner benchmark CHECKPOINT DATA --json > {file}`"
    try:
        results = json.loads(file.read_bytes())
    except OSError as error:
        raise BenchmarkError(f"{file} cannot be read ({error.strerror}); {advice}") from None
    except ValueError:
        raise BenchmarkError(f"{file} is no JSON; {advice}") from None
    tagging = results.get("tagging") if isinstance(results, dict) else None
    if tagging is None:
        raise BenchmarkError(f"{file} has no results of tagging; {advice}")
    try:
        return TaggingBenchmark.model_validate(tagging)
    except ValueError as error:  # pydantic's
        raise BenchmarkError(
            f"{file} is not what this version's benchmark writes ({_first(error)}); {advice}"
        ) from None


def _first(error: ValueError) -> str:
    return " ".join(str(error).split("\n")[1:3]).strip()


def show_tradeoff(result: TaggingBenchmark, *, as_markdown: bool = False) -> None:
    """Print the trade-off of a benchmark's systems on standard output, as a table or as Markdown."""
    _print_parts([([tradeoff_grid(result)], explain(result))], as_markdown=as_markdown)


def show(
    tagging: TaggingBenchmark | None,
    training: TrainingBenchmark | None,
    *,
    as_json: bool = False,
    as_markdown: bool = False,
) -> None:
    """Print results on standard output as tables, JSON or Markdown."""
    if as_json:
        results = {"tagging": tagging, "training": training}
        print(
            json.dumps({name: result and result.model_dump(mode="json") for name, result in results.items()}, indent=2)
        )
        return
    parts = [(list(tagging_grids(tagging)), explain(tagging))] if tagging else []
    parts += [(list(training_grids(training)), explain(training))] if training else []
    _print_parts(parts, as_markdown=as_markdown)


def _print_parts(parts: Sequence[tuple[Sequence[Grid], Sequence[str]]], *, as_markdown: bool) -> None:
    for grids, sentences in parts:
        if as_markdown:
            tables = [f"**{grid.title}**\n\n{markdown_rows(grid.headings, grid.rows)}" for grid in grids]
            print("\n\n".join([*tables, *sentences]) + "\n")
        else:
            _print_grids(grids, sentences)


def _print_grids(grids: Sequence[Grid], sentences: Sequence[str]) -> None:
    console = open_console()
    for grid in grids:
        keys = 2 if grid.headings[:2] == ("system", "reports") else 1  # a row for each number of reports
        print_table(ConsoleTable(grid.headings, grid.rows, grid.title, key_columns=keys, text_columns=("by",)), console)
        console.print()
    for sentence in sentences:
        print_wrapped(sentence, console)
