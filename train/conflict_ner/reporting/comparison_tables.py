"""A comparison as people and programs read it: a table and the changed mentions, Markdown, JSON.

>>> from conflict_ner.evaluation.comparison import compare
>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.report import Evaluation, score
>>> reports = tuple(Document(f"r{k}", "Rebels left.", (Mention(0, 6, "ACTOR"),)) for k in range(2))
>>> nothing = Evaluation("none", "demo.md", ("ACTOR",), reports, ((), ()), score(reports, [[], []], ["ACTOR"]))
>>> print(markdown(compare(nothing, nothing)).split(chr(10) * 2)[0])
| label | A | B | B - A | 95 % | p | p (Holm) | gold |
|---|---:|---:|---:|---:|---:|---:|---:|
| ACTOR | 0.0 | 0.0 | 0.0 | 0.0 to 0.0 | 1.000 | 1.000 | 2 |
| **all (micro)** | **0.0** | **0.0** | **0.0** | **0.0 to 0.0** | **1.000** |  | **2** |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from conflict_ner.evaluation.comparison import KINDS, Change, Comparison, Difference, Prediction
from conflict_ner.evaluation.significance import format_p, points
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import markdown_rows, percent

if TYPE_CHECKING:
    from rich.text import Text

HEADINGS = ("label", "A", "B", "B - A", "95 %", "p", "p (Holm)", "gold")
_MICRO = "all (micro)"
_COLOURS = {"now wrong": "red", "now right": "green", "otherwise changed": "yellow"}
_SHOWN = 25  # characters of context


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The table's cells: a row a label, then micro; F1 in per cent, differences in points."""
    labels = [_row(label, one, _p(one.adjusted_p)) for label, one in comparison.labels.items()]
    return [*labels, _row(_MICRO, comparison.micro, "")]


def _row(label: str, one: Difference, adjusted: str) -> tuple[str, ...]:
    ends = [points(end, sign=True) for end in one.interval or ()]
    return (
        label,
        percent(one.a.f1),
        percent(one.b.f1),
        "n/a" if one.difference is None else points(one.difference, sign=True),
        " to ".join(ends) or "n/a",
        _p(one.p),
        adjusted,
        f"{one.a.gold:,}",
    )


def _p(p: float | None) -> str:
    return "n/a" if p is None else format_p(p).removeprefix("p ").removeprefix("= ")


def sentences(comparison: Comparison) -> list[str]:
    """The verdict, how sure its sign is, the labels', how many mentions changed, and of what all this is said."""
    counted = ", ".join(f"{count:,} {kind}" for kind, count in comparison.changed.items())
    share = comparison.micro.not_better
    drawn = "" if share is None else f"B is not better in {100 * share:.1f} % of the resamples of the reports."
    said = (comparison.verdict, drawn, comparison.by_label, f"Changed mentions: {counted}.", comparison.caveat)
    return [sentence for sentence in said if sentence]


def title(comparison: Comparison) -> str:
    """Which is A and which is B, and on what."""
    where = f"{comparison.data} ({comparison.documents:,} reports)"
    return f"A: {comparison.a}, B: {comparison.b}; strict F1 on {where}"


def markdown(comparison: Comparison) -> str:
    """The table in Markdown, the micro row in bold, and the sentences."""
    body = [[f"**{cell}**" if cell else "" for cell in row] if row[0] == _MICRO else row for row in rows(comparison)]
    paragraphs = [f"{title(comparison)}.", *sentences(comparison)]
    return "\n\n".join([markdown_rows(HEADINGS, body), *paragraphs])


def table(comparison: Comparison) -> ConsoleTable:
    """The table for a terminal."""
    return ConsoleTable(HEADINGS, rows(comparison), title(comparison), bold_rows=(_MICRO,))


def some_changes(changes: Sequence[Change], max_changes: int) -> list[Change]:
    """At most `max_changes` changes, as many of each kind as can be; by kind, in the order of the reports."""
    by_kind = [[change for change in changes if change.kind == kind] for kind in KINDS]
    in_turn = (change for change in chain.from_iterable(zip_longest(*by_kind)) if change)
    counts = [change.kind for change in islice(in_turn, max_changes)]
    return [change for kind, of_kind in zip(KINDS, by_kind, strict=True) for change in of_kind[: counts.count(kind)]]


def change_lines(change: Change) -> Iterator[Text]:
    """A changed mention in its text, and what A and B made of it."""
    from rich.text import Text

    before, after = change.before[-_SHOWN:], change.after[:_SHOWN]
    line = Text(f"  {change.document}  ", style="bold")
    line.append("..." * (len(change.before) > _SHOWN) + before.replace("\n", " "), style="not bold dim")
    line.append(f"[{change.text}]", style=f"not bold {_COLOURS[change.kind]}")
    line.append(after.replace("\n", " ") + "..." * (len(change.after) > _SHOWN), style="not bold dim")
    yield line
    gold = change.gold or "no mention"
    yield Text(f"      gold: {gold};  A: {_words(change, change.a)};  B: {_words(change, change.b)}")


def _words(change: Change, said: Prediction | None) -> str:
    if said is None:
        return "nothing"
    text = "" if (said.start, said.end) == (change.start, change.end) else f" {said.text!r}"
    return f"{said.label}{text}" + ("" if said.score is None else f" {said.score:.2f}")


def show(comparison: Comparison, *, as_json: bool = False, as_markdown: bool = False, max_changes: int = 20) -> None:
    """Print a comparison on standard output in the form asked for.

    Args:
        max_changes: the most changed mentions that a terminal shows; JSON has all, Markdown none.
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
    shown = some_changes(comparison.changes, max_changes)
    for kind in KINDS:
        if of_kind := [change for change in shown if change.kind == kind]:
            print_wrapped(f"\n{kind} ({len(of_kind):,} of {comparison.changed[kind]:,})", console)
        for line in chain.from_iterable(map(change_lines, of_kind)):
            console.print(line, soft_wrap=True)
    if len(shown) < len(comparison.changes):
        print_wrapped("\n--changes N shows more of the changes here, --json has all.", console)
