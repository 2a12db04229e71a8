"""The commands that say what a checkpoint is worth."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from conflict_ner.cli.options import (
    DeviceOption,
    GuidelinesOption,
    JsonFlag,
    MarkdownFlag,
    TagOption,
    ThresholdOption,
    WordOption,
    columns_of,
    parse_thresholds,
)
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.errors import Problem, describe_problems
from conflict_ner.files import atomic_write, is_same_file, short_path


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    data: Annotated[list[Path], typer.Argument(help="Labeled .md or .jsonl files, or folders of them.")],
    *,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="FIELD",
            help="Score each value of this metadata field; may be repeated. JSON and page have all fields without it.",
        ),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Also print precision and recall by threshold, to choose one.")
    ] = False,
    threshold: ThresholdOption = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write what was found beside the gold here, as JSONL that `compare` reads.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser here: charts, every error, every report.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", hidden=True)] = None,  # the name of --html up to 0.2
    lenient_data: Annotated[bool, typer.Option("--skip-faulty", help="Leave reports with problems out.")] = False,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Score a checkpoint on labeled reports: strict F1 over whole reports, and where it goes wrong."""
    thresholds = parse_thresholds(threshold or ())
    if html and report:
        raise typer.BadParameter("--report is the old name of --html; give one of them")
    html = html or report
    if is_same_file(html, predictions):
        raise typer.BadParameter("--html and --predictions are one file")
    if not html and not predictions:
        require_output()
    from conflict_ner.evaluation import predictions as saved
    from conflict_ner.inference import evaluate as scoring
    from conflict_ner.reporting import html_report, tables

    if html:
        html_report.require()
    left_out: list[Problem] = []
    # Both files are opened first: a folder that is not there is better known before the work.
    with (
        atomic_write(predictions) if predictions else nullcontext() as lines,
        atomic_write(html) if html else nullcontext() as page,
    ):
        done = scoring.evaluate(
            checkpoint,
            data,
            strict=not lenient_data,
            columns=columns_of(word, tag),
            device=device,
            fields=fields,
            thresholds=thresholds,
            on_skipped=left_out.append,
            guidelines=guidelines,
        )
        for message in describe_problems(left_out):
            print(f"left out: {message}", file=sys.stderr)
        if lines:
            lines.writelines(saved.dump(done))
        if page:
            html_report.write(done, page)
    if html:
        print(f"the page is in {short_path(html)}: open it in a browser", file=sys.stderr)
    tables.show(done.report, done.data, as_json=as_json, as_markdown=as_markdown)
    if not as_json and not as_markdown:
        tables.show_details(done.report, fields or (), curves=curves)


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="A checkpoint's folder, or a file from evaluate --predictions.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="The same: the one that may be better.")],
    data: Annotated[list[Path] | None, typer.Argument(help="Labeled reports; needed where A or B is a folder.")] = None,
    *,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
    changes: Annotated[int, typer.Option(min=0, help="How many changed mentions a terminal shows.")] = 20,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Whether checkpoint B is better than A on the same reports, how sure that is, and what changed."""
    require_output()
    from conflict_ner.evaluation.comparison import compare as held_together
    from conflict_ner.inference import evaluate
    from conflict_ner.reporting import comparison_tables

    compared = held_together(
        *evaluate.evaluate_pair(first, second, data or (), device, guidelines, columns_of(word, tag))
    )
    comparison_tables.show(compared, as_json=as_json, as_markdown=as_markdown, max_changes=changes)
