"""The comparison of two series of runs as tables on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from conflict_ner.evaluation.series.comparison import SeriesComparison, SeriesDifference, SeriesF1, SplitComparison
from conflict_ner.evaluation.significance import format_p, points
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import markdown_rows, percent

HEADINGS = ("label", "A", "B", "B - A", "95 %", "p", "p (Holm)")
_MICRO = "all (micro)"


def rows(comparison: SplitComparison) -> list[tuple[str, ...]]:
    """Return the cells of a split's table, a row for each label, then micro: F1 in per cent, differences in points."""
    labels = [_row(label, difference) for label, difference in comparison.labels.items()]
    return [*labels, _row(_MICRO, comparison.micro)]


def _row(label: str, difference: SeriesDifference) -> tuple[str, ...]:
    return (
        label,
        _format_f1(difference.a),
        _format_f1(difference.b),
        points(difference.difference, sign=True),
        " to ".join(points(end, sign=True) for end in difference.interval),
        _format_p(difference.p),
        "" if label == _MICRO else _format_p(difference.adjusted_p),
    )


def _format_f1(f1: SeriesF1) -> str:
    return f"{percent(f1.mean)} ± {points(f1.sd)}"


def _format_p(p: float | None) -> str:
    return "n/a" if p is None else format_p(p).removeprefix("p ").removeprefix("= ")


def title(comparison: SeriesComparison, split: str) -> str:
    """Name A, B, the numbers of their runs and the split."""
    micro = comparison.splits[split].micro
    sides = f"A: {comparison.a} ({micro.a.runs} runs), B: {comparison.b} ({micro.b.runs} runs)"
    return f"{sides}; strict F1 on {split}, mean ± standard deviation"


def sentences(comparison: SeriesComparison) -> list[str]:
    """Return what is said once, after all tables."""
    return [*comparison.notes, comparison.caveat]


def markdown(comparison: SeriesComparison) -> str:
    """Format the tables, each with its verdict, in Markdown."""
    parts = []
    for split, found in comparison.splits.items():
        body = [[f"**{cell}**" if cell else "" for cell in row] if row[0] == _MICRO else row for row in rows(found)]
        parts += [f"{title(comparison, split)}.", markdown_rows(HEADINGS, body), found.verdict, found.by_label]
    return "\n\n".join(part for part in [*parts, *sentences(comparison)] if part)


def show(comparison: SeriesComparison, *, as_json: bool = False, as_markdown: bool = False) -> None:
    """Print a comparison on standard output as tables with sentences, JSON or Markdown."""
    if as_json:
        print(comparison.model_dump_json(indent=2))
        return
    if as_markdown:
        print(markdown(comparison))
        return
    console = open_console()
    for split, found in comparison.splits.items():
        print_table(ConsoleTable(HEADINGS, rows(found), title(comparison, split), bold_rows=(_MICRO,)), console)
        for sentence in filter(None, (found.verdict, found.by_label)):
            print_wrapped(f"\n{sentence}", console)
        console.print()
    for sentence in sentences(comparison):
        print_wrapped(f"{sentence}\n", console)
