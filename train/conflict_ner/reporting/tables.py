"""Scores as a table on a terminal, as Markdown and as JSON, and the tables of their details.

>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.report import score
>>> print(markdown(score([Document("r", "Rebels left.", (Mention(0, 6, "ACTOR"),))], [[]], ["ACTOR", "WEAPON"])))
| label | precision | recall | F1 | 95 % | gold | type F1 |
|---|---:|---:|---:|---:|---:|---:|
| ACTOR | n/a | 0.0 | 0.0 | n/a | 1 | 0.0 |
| WEAPON | n/a | n/a | n/a | n/a | 0 | n/a |
| **all (micro)** | **n/a** | **0.0** | **0.0** | **n/a** | **1** | **0.0** |
| mean of labels (macro) |  |  | 0.0 | n/a |  | 0.0 |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Entity
from conflict_ner.data.label_levels import second_level
from conflict_ner.errors import format_count
from conflict_ner.evaluation.calibration import Point
from conflict_ner.evaluation.report import Report
from conflict_ner.evaluation.scores import Metrics
from conflict_ner.evaluation.slices import BUILT_IN
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped

if TYPE_CHECKING:
    from rich.text import Text

HEADINGS = ("label", "precision", "recall", "F1", "95 %", "gold", "type F1")
CAPTION = (
    "95 %: confidence interval of the F1, by bootstrap over reports; gold: labeled mentions; "
    "type F1: the label is right, the edges overlap"
)
_CURVE_ROWS = 12
_COLORS = ("black on cyan", "black on red", "black on green", "black on yellow", "black on magenta", "white on blue")


def rows(report: Report) -> list[tuple[str, ...]]:
    """Return the cells of the table: one row for each label, then micro, then macro; scores in per cent.

    Where labels have a second level (NUMBER.killed), rows with the strict scores at the first level follow.
    """
    strict, lenient = report.strict, report.type
    body = [(label, metrics, percent(lenient.labels[label].f1)) for label, metrics in strict.labels.items()]
    body.append(("all (micro)", strict.micro, percent(lenient.micro.f1)))
    first = report.first_level
    kinds = {label: metrics for label, metrics in first.labels.items() if label not in strict.labels} if first else {}
    extra = [(f"{label}, of any kind", metrics, "") for label, metrics in kinds.items()]
    extra += [("all, of any kind", first.micro, "")] if first else []
    return [
        *(_cells(*row) for row in body),
        (
            "mean of labels (macro)",
            "",
            "",
            percent(strict.macro_f1),
            format_interval(strict.macro_interval),
            "",
            percent(lenient.macro_f1),
        ),
        *(_cells(*row) for row in extra),
    ]


def _cells(name: str, metrics: Metrics, type_f1: str) -> tuple[str, ...]:
    return (
        name,
        percent(metrics.precision),
        percent(metrics.recall),
        percent(metrics.f1),
        format_interval(metrics.interval),
        f"{metrics.gold:,}",
        type_f1,
    )


def percent(share: float | None) -> str:
    """Format a share in per cent with one decimal; n/a where it is undefined."""
    return "n/a" if share is None else f"{100 * share:.1f}"


def format_interval(interval: tuple[float, float] | None) -> str:
    """Format an interval in per cent: 79.1-86.0."""
    return "n/a" if interval is None else f"{percent(interval[0])}-{percent(interval[1])}"


def markdown(report: Report) -> str:
    """Format the table in Markdown, with the micro row in bold."""
    body = [[f"**{cell}**" for cell in row] if row[0] == "all (micro)" else row for row in rows(report)]
    return markdown_rows(HEADINGS, body)


def markdown_rows(headings: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Format any table in Markdown; all columns but the first hold numbers."""
    lines = [f"| {' | '.join(headings)} |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in body)])


def table(report: Report, title: str) -> ConsoleTable:
    """Return the table for a terminal."""
    heading = f"{title}: strict (exact edges and label), {format_count(report.documents, 'report')}"
    return ConsoleTable(HEADINGS, rows(report), title=heading, caption=CAPTION, bold_rows=("all (micro)",))


def show(report: Report, title: str, *, as_json: bool = False, as_markdown: bool = False) -> None:
    """Print scores on standard output as a table, JSON or Markdown."""
    if as_json:
        print(report.model_dump_json(indent=2))
    elif as_markdown:
        print("\n\n".join([markdown(report), *(f"Note: {note}." for note in report.notes)]))
    else:
        print_table(table(report, title))


def show_details(report: Report, fields: Sequence[str], *, curves: bool = False) -> None:
    """Print the details of scores on a terminal: kinds of errors, slices, calibration, curves."""
    console = open_console()
    console.print()
    print_table(ConsoleTable(("kind of error", *report.strict.labels), _error_rows(report), "errors by label"), console)
    names = dict.fromkeys([*fields, *(name for name in BUILT_IN if name in report.slices)])
    slices = [(name, value, part, part.strict) for name in names for value, part in report.slices[name].items()]
    body = [
        (name, value, f"{part.documents:,}", percent(strict.f1), format_interval(strict.interval), f"{strict.gold:,}")
        for name, value, part, strict in slices
    ]
    headings = ("slice", "value", "reports", "F1", "95 %", "gold")
    console.print()
    print_table(
        ConsoleTable(headings, body, "slices: strict F1 of parts of the data", key_columns=2, text_columns=("value",)),
        console,
    )
    if report.calibration:
        ece, interval = report.calibration.ece, format_interval(report.calibration.ece_interval)
        console.print()
        print_wrapped(f"calibration error of scores (ECE): {percent(ece)} points, 95 %: {interval}", console)
    for label, points in report.curves.items() if curves else ():
        if not points:
            print_wrapped(f"{label} by threshold: n/a, nothing was predicted", console)
            continue
        curve_headings = ("threshold", "precision", "recall", "F1", "")
        console.print()
        console.print()
        print_table(
            ConsoleTable(curve_headings, _curve_rows(points), f"{label} by threshold", text_columns=("",)), console
        )


def _curve_rows(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """Pick about a dozen points of a curve, evenly spaced, and the one with the best F1."""
    best = max(points, key=lambda point: point.f1)
    shown = [p for index, p in enumerate(points) if index % (len(points) // _CURVE_ROWS + 1) == 0 or p is best]
    return [
        (f"{p.threshold:.3f}", percent(p.precision), percent(p.recall), percent(p.f1), "best F1" if p is best else "")
        for p in shown
    ]


def _error_rows(report: Report) -> list[tuple[str, ...]]:
    return [(kind, *(f"{count:,}" for count in counts.values())) for kind, counts in report.errors.items()]


def show_counts(counts: Mapping[str, Mapping[str, Any]], labels: Sequence[str], *, as_markdown: bool = False) -> None:
    """Print the counts of `Corpus.summary` for each split."""
    headings = ("split", "reports", "words", "mentions", *labels)
    body = [
        (split, *(f"{row[name]:,}" for name in headings[1:4]), *(f"{row['labels'][label]:,}" for label in labels))
        for split, row in counts.items()
    ]
    if as_markdown:
        print(markdown_rows(headings, body))
        return
    print_table(ConsoleTable(headings, body, "no problems found; the last columns count the mentions of each label"))


def describe_value(entity: Entity) -> list[str]:
    """Return an entity's kind, unless its label says it, and its figure with bounds and unit, as far as known.

    >>> from conflict_ner.values import Quantity
    >>> describe_value(Entity("NUMBER", "at least 19", 0, 11, 0.9, Quantity(19, low=19), "killed"))
    ['killed', '19+']
    >>> describe_value(Entity("NUMBER.killed", "two to five", 0, 11, 0.9, Quantity(None, 2, 5), "killed"))
    ['2-5']
    >>> describe_value(Entity("NUMBER", "about $60", 0, 9, 0.9, Quantity(60, approximate=True, unit="USD")))
    ['~60 USD']
    """
    words = [entity.kind] if entity.kind and entity.kind != second_level(entity.label) else []
    return words if entity.value is None else [*words, str(entity.value)]


def highlight_entities(text: str, entities: Sequence[Entity], labels: Sequence[str]) -> Text:
    """Mark the entities of a text for a terminal, each label in a color of its own, with what they are worth."""
    from rich.text import Text

    result, position = Text(), 0
    for entity in entities:
        result.append(text[position : entity.start])
        result.append(entity.text, style=_COLORS[labels.index(entity.label) % len(_COLORS)])
        result.append(" " + " ".join([entity.label, *describe_value(entity)]), style="dim")
        position = entity.end
    result.append(text[position:])
    return result
