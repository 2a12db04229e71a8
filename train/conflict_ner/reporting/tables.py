"""A report as people and programs read it: a table, Markdown, JSON, all from one object.

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
from conflict_ner.evaluation.calibration import Point
from conflict_ner.evaluation.report import Report
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
COLORS = ("black on cyan", "black on red", "black on green", "black on yellow", "black on magenta", "white on blue")


def rows(report: Report) -> list[tuple[str, ...]]:
    """The table's cells: a row a label, then micro, then macro; figures in per cent."""
    strict, lenient = report.strict, report.type
    body = [(label, figures, lenient.labels[label]) for label, figures in strict.labels.items()]
    body.append(("all (micro)", strict.micro, lenient.micro))
    cells = [
        (
            label,
            percent(f.precision),
            percent(f.recall),
            percent(f.f1),
            between(f.interval),
            f"{f.gold:,}",
            percent(o.f1),
        )
        for label, f, o in body
    ]
    return [
        *cells,
        (
            "mean of labels (macro)",
            "",
            "",
            percent(strict.macro_f1),
            between(strict.macro_interval),
            "",
            percent(lenient.macro_f1),
        ),
    ]


def percent(share: float | None) -> str:
    """A share in per cent to one decimal; n/a where it is undefined."""
    return "n/a" if share is None else f"{100 * share:.1f}"


def between(interval: tuple[float, float] | None) -> str:
    """An interval in per cent: 79.1-86.0."""
    return "n/a" if interval is None else f"{percent(interval[0])}-{percent(interval[1])}"


def markdown(report: Report) -> str:
    """The table in Markdown, the micro row in bold."""
    body = [[f"**{cell}**" for cell in row] if row[0] == "all (micro)" else row for row in rows(report)]
    return markdown_rows(HEADINGS, body)


def markdown_rows(headings: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Any table in Markdown; all columns but the first are figures."""
    lines = [f"| {' | '.join(headings)} |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in body)])


def table(report: Report, title: str) -> ConsoleTable:
    """The table for a terminal."""
    counted = f"{title}: strict (exact edges and label), {report.documents:,} reports"
    return ConsoleTable(HEADINGS, rows(report), title=counted, caption=CAPTION, bold_rows=("all (micro)",))


def show(report: Report, title: str, *, as_json: bool = False, as_markdown: bool = False) -> None:
    """Print a report on standard output in the form asked for."""
    if as_json:
        print(report.model_dump_json(indent=2))
    elif as_markdown:
        print(markdown(report))
    else:
        print_table(table(report, title))


def show_details(report: Report, fields: Sequence[str], *, curves: bool = False) -> None:
    """Print on a terminal what the headline hides: kinds of errors, slices, calibration, curves."""
    console = open_console()
    console.print()
    print_table(ConsoleTable(("kind of error", *report.strict.labels), _error_rows(report), "errors by label"), console)
    names = dict.fromkeys([*fields, *(name for name in BUILT_IN if name in report.slices)])
    rows = [(name, value, one) for name in names for value, one in report.slices[name].items()]
    body = [
        (name, value, f"{one.documents:,}", percent(f.f1), between(f.interval), f"{f.gold:,}")
        for name, value, one in rows
        for f in [one.strict]
    ]
    heads = ("slice", "value", "reports", "F1", "95 %", "gold")
    console.print()
    print_table(
        ConsoleTable(heads, body, "slices: strict F1 of parts of the data", key_columns=2, text_columns=("value",)),
        console,
    )
    if report.calibration:
        ece, sure = report.calibration.ece, between(report.calibration.ece_interval)
        console.print()
        print_wrapped(f"calibration error of scores (ECE): {percent(ece)} points, 95 %: {sure}", console)
    for label, points in report.curves.items() if curves else ():
        if not points:
            print_wrapped(f"{label} by threshold: n/a, nothing was predicted", console)
            continue
        curve = ("threshold", "precision", "recall", "F1", "")
        console.print()
        console.print()
        print_table(ConsoleTable(curve, _curve_rows(points), f"{label} by threshold", text_columns=("",)), console)


def _curve_rows(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """A dozen of a curve's points, evenly over its recall, and the one with the best F1."""
    best = max(points, key=lambda point: point.f1)
    shown = [p for index, p in enumerate(points) if index % (len(points) // _CURVE_ROWS + 1) == 0 or p is best]
    return [
        (f"{p.threshold:.3f}", percent(p.precision), percent(p.recall), percent(p.f1), "best F1" if p is best else "")
        for p in shown
    ]


def _error_rows(report: Report) -> list[tuple[str, ...]]:
    return [(kind, *(f"{count:,}" for count in counts.values())) for kind, counts in report.errors.items()]


def show_counts(counted: Mapping[str, Mapping[str, Any]], labels: Sequence[str], *, as_markdown: bool = False) -> None:
    """Print what `Corpus.summary` says of each split."""
    headings = ("split", "reports", "words", "mentions", *labels)
    body = [
        (split, *(f"{row[name]:,}" for name in headings[1:4]), *(f"{row['labels'][label]:,}" for label in labels))
        for split, row in counted.items()
    ]
    if as_markdown:
        print(markdown_rows(headings, body))
        return
    print_table(ConsoleTable(headings, body, "no problems found; the last columns count the mentions of each label"))


def highlight_entities(text: str, entities: Sequence[Entity], labels: Sequence[str]) -> Text:
    """A text with its entities marked, each label in its colour, for a terminal."""
    from rich.text import Text

    shown, at = Text(), 0
    for entity in entities:
        shown.append(text[at : entity.start])
        shown.append(entity.text, style=COLORS[labels.index(entity.label) % len(COLORS)])
        shown.append(f" {entity.label}", style="dim")
        at = entity.end
    shown.append(text[at:])
    return shown
