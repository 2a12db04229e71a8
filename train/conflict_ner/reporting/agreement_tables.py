"""The agreement of annotators as tables on a terminal, as Markdown and as JSON.

>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.annotators.agreement import agree
>>> first, second = Document("a", "Rebels left.", (Mention(0, 6, "ACTOR"),)), Document("a", "Rebels left.")
>>> print(markdown(agree({"anna": [first], "ben": [second]}, ["ACTOR"]).report).split(chr(10) * 2)[0])
| label | F1 | 95 % | type F1 | alpha | 95 % | mentions |
|---|---:|---:|---:|---:|---:|---:|
| ACTOR | 0.0 | n/a | 0.0 | -0.208 | n/a | 1 |
| **all labels** | **0.0** | **n/a** | **0.0** | **-0.208** | **n/a** | **1** |
| whatever the label | 0.0 | n/a |  | -0.208 | n/a | 1 |
"""

from __future__ import annotations

from collections.abc import Sequence

from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import format_count
from conflict_ner.evaluation.annotators.agreement import AgreementReport
from conflict_ner.evaluation.annotators.krippendorff import Alpha
from conflict_ner.evaluation.scores import Interval, Metrics
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.tables import format_interval, markdown_rows, percent

HEADINGS = ("label", "F1", "95 %", "type F1", "alpha", "95 %", "mentions")
PAIR_HEADINGS = ("annotators", "reports", "F1", "95 %", "type F1", "alpha", "95 %")
CAPTION = (
    "F1: exact edges and label, one annotator as gold; type F1: the label is right, the edges overlap; alpha: "
    "Krippendorff's for spans, 1 is full agreement, 0 chance; 95 %: confidence interval of the figure before it, by "
    "bootstrap over reports; mentions: of all annotators together"
)
KIND_CAPTION = "how often two annotators differ; different labels count for both"
ALL_LABELS, ANY_LABEL = "all labels", "whatever the label"
_SHOWN_IDS = 5  # of reports that are left out


def rows(report: AgreementReport) -> list[tuple[str, ...]]:
    """Return the cells of the main table: a row for each label, all labels, and mentions whatever their labels."""
    counts = report.annotators.values()
    total = sum(one.mentions for one in counts)
    labels = [
        _row(
            label,
            metrics,
            percent(report.type.labels[label].f1),
            report.alpha.labels[label],
            sum(one.labels[label] for one in counts),
        )
        for label, metrics in report.strict.labels.items()
    ]
    return [
        *labels,
        _row(ALL_LABELS, report.strict.micro, percent(report.type.micro.f1), report.alpha.overall, total),
        _row(ANY_LABEL, report.exact, "", report.alpha.any_label, total),
    ]


def _row(name: str, metrics: Metrics, type_f1: str, alpha: Alpha, mentions: int) -> tuple[str, ...]:
    interval = format_interval(metrics.interval)
    return (name, percent(metrics.f1), interval, type_f1, *alpha_cells(alpha), f"{mentions:,}")


def alpha_cells(alpha: Alpha) -> tuple[str, str]:
    """Format an alpha and its interval; n/a where they are undefined.

    >>> alpha_cells(Alpha(value=0.81249, interval=(-0.1, 0.9)))
    ('0.812', '-0.100 to 0.900')
    """
    return _decimals(alpha.value), _alpha_interval(alpha.interval)


def _decimals(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _alpha_interval(interval: Interval | None) -> str:
    return "n/a" if interval is None else " to ".join(map(_decimals, interval))


def annotator_rows(report: AgreementReport) -> list[tuple[str, ...]]:
    """Return the cells of what each annotator has labeled in the reports that are compared."""
    return [
        (name, f"{one.documents:,}", f"{one.mentions:,}", *(f"{count:,}" for count in one.labels.values()))
        for name, one in report.annotators.items()
    ]


def annotator_headings(report: AgreementReport) -> tuple[str, ...]:
    """Return the headings of `annotator_rows`."""
    return ("annotator", "reports", "mentions", *report.strict.labels)


def pair_rows(report: AgreementReport) -> list[tuple[str, ...]]:
    """Return the cells of the agreement of each two annotators; empty if there are only two."""
    if len(report.annotators) < 3:  # noqa: PLR2004 - the main table has their agreement
        return []
    return [
        (
            f"{pair.first}, {pair.second}",
            f"{pair.documents:,}",
            percent(pair.strict.micro.f1),
            format_interval(pair.strict.micro.interval),
            percent(pair.type.micro.f1),
            *alpha_cells(pair.alpha.overall),
        )
        for pair in report.pairs
    ]


def kind_rows(report: AgreementReport) -> list[tuple[str, ...]]:
    """Return the cells of how often two annotators differ, for each kind that occurs and each label."""
    return [
        (kind, *(f"{count:,}" for count in one.labels.values()), f"{one.total:,}")
        for kind, one in report.kinds.items()
        if one.total
    ]


def kind_headings(report: AgreementReport) -> tuple[str, ...]:
    """Return the headings of `kind_rows`."""
    return ("difference", *report.strict.labels, "all")


def sentences(report: AgreementReport) -> list[str]:
    """Say how many reports are compared, and which are not."""
    annotators = len(report.annotators)
    everybody = "both annotators" if annotators == 2 else f"all {annotators} annotators"  # noqa: PLR2004
    reports = format_count(report.documents, "report")
    result = f"{reports}, labeled by {everybody}."
    if report.complete < report.documents:
        some = report.documents - report.complete
        result = (
            f"{reports}: {report.complete:,} labeled by {everybody}, {some:,} by some of them. Each two annotators are "
            "compared on the reports that both have labeled."
        )
    if not report.left_out:
        return [result]
    count = len(report.left_out)
    ids = ", ".join(map(printable, report.left_out[:_SHOWN_IDS])) + ", ..." * (count > _SHOWN_IDS)
    verb = "is" if count == 1 else "are"
    return [result, f"{format_count(count, 'report')} labeled by one annotator alone {verb} left out: {ids}."]


def title(report: AgreementReport) -> str:
    """Name the annotators and count the reports."""
    return f"agreement of {', '.join(report.annotators)} on {format_count(report.documents, 'report')}"


def markdown(report: AgreementReport) -> str:
    """Format all tables and sentences in Markdown, with the row of all labels in bold."""
    main = [[f"**{cell}**" for cell in row] if row[0] == ALL_LABELS else row for row in rows(report)]
    blocks: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = [
        (HEADINGS, main),
        (PAIR_HEADINGS, pair_rows(report)),
        (annotator_headings(report), annotator_rows(report)),
        (kind_headings(report), kind_rows(report)),
    ]
    tables = [markdown_rows(headings, body) for headings, body in blocks if body]
    return "\n\n".join([*tables, *sentences(report)])


def tables(report: AgreementReport) -> list[ConsoleTable]:
    """Return the tables for a terminal, without those that have no rows."""
    found = [
        ConsoleTable(HEADINGS, rows(report), title(report), CAPTION, bold_rows=(ALL_LABELS,)),
        ConsoleTable(PAIR_HEADINGS, pair_rows(report), "two annotators at a time"),
        ConsoleTable(annotator_headings(report), annotator_rows(report), "what each annotator labeled"),
        ConsoleTable(kind_headings(report), kind_rows(report), "differences", KIND_CAPTION),
    ]
    return [table for table in found if table.rows]


def show(report: AgreementReport, *, as_json: bool = False, as_markdown: bool = False) -> None:
    """Print an agreement on standard output as tables and sentences, JSON or Markdown."""
    if as_json:
        print(report.model_dump_json(indent=2))
        return
    if as_markdown:
        print(markdown(report))
        return
    console = open_console()
    for table in tables(report):
        print_table(table, console)
        console.print()
    for sentence in sentences(report):
        print_wrapped(sentence, console)
