"""A comparison as a table with its changed mentions on a terminal, as Markdown and as JSON.

>>> from conflict_ner.evaluation.comparison import compare
>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.report import Evaluation, score
>>> reports = tuple(Document(f"r{k}", "Rebels left.", (Mention(0, 6, "ACTOR"),)) for k in range(2))
>>> evaluation = Evaluation("none", "demo.md", ("ACTOR",), reports, ((), ()), score(reports, [[], []], ["ACTOR"]))
>>> print(markdown(compare(evaluation, evaluation)).split(chr(10) * 2)[0])
| label | A | B | B - A | 95 % | p | p (Holm) | gold |
|---|---:|---:|---:|---:|---:|---:|---:|
| ACTOR | 0.0 | 0.0 | 0.0 | 0.0 to 0.0 | 1.000 | 1.000 | 2 |
| **all (micro)** | **0.0** | **0.0** | **0.0** | **0.0 to 0.0** | **1.000** |  | **2** |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from conflict_ner.errors import format_count
from conflict_ner.evaluation.comparison import KINDS, Change, Comparison, Difference, Prediction
from conflict_ner.evaluation.significance import format_p, points
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import markdown_rows, percent

if TYPE_CHECKING:
    from rich.text import Text

HEADINGS = ("label", "A", "B", "B - A", "95 %", "p", "p (Holm)", "gold")
_MICRO = "all (micro)"
_KIND_COLORS = {"now wrong": "red", "now right": "green", "otherwise changed": "yellow"}
_MAX_CONTEXT = 25  # characters before a changed mention, and after it


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the cells of the table: one row for each label, then micro; F1 in per cent, differences in points."""
    labels = [
        _row(label, difference, _format_p(difference.adjusted_p)) for label, difference in comparison.labels.items()
    ]
    return [*labels, _row(_MICRO, comparison.micro, "")]


def _row(label: str, difference: Difference, adjusted_p: str) -> tuple[str, ...]:
    ends = [points(end, sign=True) for end in difference.interval or ()]
    return (
        label,
        percent(difference.a.f1),
        percent(difference.b.f1),
        "n/a" if difference.difference is None else points(difference.difference, sign=True),
        " to ".join(ends) or "n/a",
        _format_p(difference.p),
        adjusted_p,
        f"{difference.a.gold:,}",
    )


def _format_p(p: float | None) -> str:
    return "n/a" if p is None else format_p(p).removeprefix("p ").removeprefix("= ")


def sentences(comparison: Comparison) -> list[str]:
    """Return the verdict, how certain its sign is, the verdict by label, the number of changes, and the caveat."""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in comparison.changed.items())
    share = comparison.micro.not_better
    sign = "" if share is None else f"B is not better in {100 * share:.1f} % of the resamples of the reports."
    notes = [f"Note: {note}." for note in comparison.notes]
    parts = (comparison.verdict, sign, comparison.by_label, f"Changed mentions: {counts}.", comparison.caveat, *notes)
    return [sentence for sentence in parts if sentence]


def title(comparison: Comparison) -> str:
    """Name A, B and the data."""
    data = f"{comparison.data} ({format_count(comparison.documents, 'report')})"
    return f"A: {comparison.a}, B: {comparison.b}; strict F1 on {data}"


def markdown(comparison: Comparison) -> str:
    """Format the table, with the micro row in bold, and the sentences in Markdown."""
    body = [[f"**{cell}**" if cell else "" for cell in row] if row[0] == _MICRO else row for row in rows(comparison)]
    paragraphs = [f"{title(comparison)}.", *sentences(comparison)]
    return "\n\n".join([markdown_rows(HEADINGS, body), *paragraphs])


def table(comparison: Comparison) -> ConsoleTable:
    """Return the table for a terminal."""
    return ConsoleTable(HEADINGS, rows(comparison), title(comparison), bold_rows=(_MICRO,))


def sample_changes(changes: Sequence[Change], max_changes: int) -> list[Change]:
    """Pick at most `max_changes` changes, evenly over the kinds; by kind, then in the order of the reports."""
    by_kind = [[change for change in changes if change.kind == kind] for kind in KINDS]
    alternating = (change for change in chain.from_iterable(zip_longest(*by_kind)) if change)
    kinds = [change.kind for change in islice(alternating, max_changes)]
    return [change for kind, of_kind in zip(KINDS, by_kind, strict=True) for change in of_kind[: kinds.count(kind)]]


def change_lines(change: Change) -> Iterator[Text]:
    """Yield a changed mention in its context, then the predictions of A and B."""
    from rich.text import Text

    before, after = change.before[-_MAX_CONTEXT:], change.after[:_MAX_CONTEXT]
    line = Text(f"  {change.document}  ", style="bold")
    line.append("..." * (len(change.before) > _MAX_CONTEXT) + before.replace("\n", " "), style="not bold dim")
    line.append(f"[{change.text}]", style=f"not bold {_KIND_COLORS[change.kind]}")
    line.append(after.replace("\n", " ") + "..." * (len(change.after) > _MAX_CONTEXT), style="not bold dim")
    yield line
    gold = change.gold or "no mention"
    yield Text(f"      gold: {gold};  A: {_describe(change.a, change)};  B: {_describe(change.b, change)}")


def _describe(prediction: Prediction | None, change: Change) -> str:
    if prediction is None:
        return "nothing"
    text = "" if (prediction.start, prediction.end) == (change.start, change.end) else f" {prediction.text!r}"
    return f"{prediction.label}{text}" + ("" if prediction.score is None else f" {prediction.score:.2f}")


def show(comparison: Comparison, *, as_json: bool = False, as_markdown: bool = False, max_changes: int = 20) -> None:
    """Print a comparison on standard output as a table with sentences, JSON or Markdown.

    Args:
        max_changes: how many changed mentions a terminal shows at most; JSON has all, Markdown none.
    """
    if as_json:
        print(comparison.model_dump_json(indent=2))
        return
    if as_markdown:
        print(markdown(comparison))
        return
    console = open_console()
    print_table(table(comparison), console)
    for sentence in sentences(comparison):
        print_wrapped(f"\n{sentence}", console)
    shown = sample_changes(comparison.changes, max_changes)
    for kind in KINDS:
        if of_kind := [change for change in shown if change.kind == kind]:
            print_wrapped(f"\n{kind} ({len(of_kind):,} of {comparison.changed[kind]:,})", console)
        for line in chain.from_iterable(map(change_lines, of_kind)):
            console.print(line, soft_wrap=True)
    if len(shown) < len(comparison.changes):
        print_wrapped("\n--changes N shows more of the changes here; --json has all of them.", console)
