"""The commands that score: checkpoints (`evaluate`, `compare`) and annotators (`agree`)."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from conflict_ner.cli.options import (
    DEFAULT_LABELS,
    AnnotatorOption,
    CheckpointArgument,
    DeviceOption,
    GuidelinesOption,
    HullFlag,
    JsonFlag,
    KindsFlag,
    LabelsOption,
    LayerOption,
    MapOption,
    MarkdownFlag,
    NamesOption,
    SchemeOption,
    SkippedFlag,
    TagNamesOption,
    TagOption,
    ThresholdOption,
    TrimFlag,
    WordOption,
    conll_columns,
    parse_label_map,
    parse_labels,
    parse_thresholds,
    read_options,
    refuse_replacing,
    split_checkpoint,
)
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.errors import Problem, describe_problems
from conflict_ner.files import atomic_write, is_same_file, short_path


def evaluate(
    checkpoint: CheckpointArgument = None,
    data: Annotated[list[Path] | None, typer.Argument(help="Labeled .md or .jsonl files, or folders of them.")] = None,
    *,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="FIELD",
            help="Score each value of this metadata field; may be repeated. Without it JSON and the page have all.",
        ),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Also print precision and recall by threshold, to choose one.")
    ] = False,
    threshold: ThresholdOption = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write gold and predicted mentions here, as JSONL that `compare` reads.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser here: charts, every error, every report.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", hidden=True)] = None,  # the name of --html up to 0.2
    lenient_data: Annotated[bool, typer.Option("--skip-faulty", help="Leave out reports with problems.")] = False,
    first_level: Annotated[
        bool, typer.Option("--first-level", help="Score NUMBER.killed as NUMBER, and so for each label of two levels.")
    ] = False,
    silver: Annotated[
        bool, typer.Option("--silver", help="Also score on reports that a model has labeled (labels: silver).")
    ] = False,
    names: NamesOption = None,
    label_map: MapOption = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL,...",
            help="Score only these labels; by default all that the checkpoint knows.",
        ),
    ] = None,
    guidelines: GuidelinesOption = None,
    trim: TrimFlag = False,
    word: WordOption = None,
    tag: TagOption = None,
    scheme: SchemeOption = None,
    tag_names: TagNamesOption = None,
    annotator: AnnotatorOption = None,
    skipped: SkippedFlag = False,
    hull: HullFlag = False,
    layer: LayerOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Score a checkpoint on labeled reports: strict F1 over whole reports, and its errors."""
    thresholds, names_of_labels = parse_thresholds(threshold or ()), parse_label_map(label_map)
    if html and report:
        raise typer.BadParameter("--report is the old name of --html; give one of them")
    html = html or report
    if is_same_file(html, predictions):
        raise typer.BadParameter("--html and --predictions are one file")
    if not html and not predictions:
        require_output()
    model, reports = split_checkpoint(checkpoint, data, "score")
    refuse_replacing([*reports, names], {"--html": html, "--predictions": predictions})
    from conflict_ner.evaluation import predictions as saved_predictions
    from conflict_ner.inference import evaluate as scoring
    from conflict_ner.reporting import html_report, tables

    if html:
        html_report.require()
    left_out: list[Problem] = []
    # Both files are opened first, so that a missing folder is reported before the work.
    with (
        atomic_write(predictions) if predictions else nullcontext() as predictions_file,
        atomic_write(html) if html else nullcontext() as page,
    ):
        evaluation = scoring.evaluate(
            model,
            reports,
            strict=not lenient_data,
            options=read_options(
                word,
                tag,
                tag_names,
                annotator=annotator,
                skipped=skipped,
                hull=hull,
                layer=layer,
                scheme=scheme,
                trim=trim,
            ),
            device=device,
            fields=fields,
            thresholds=thresholds,
            on_skipped=left_out.append,
            guidelines=guidelines,
            first_level=first_level,
            names=names,
            silver=silver,
            label_map=names_of_labels,
            labels=None if labels is None else parse_labels(labels),
        )
        for message in describe_problems(left_out):
            print(f"left out: {message}", file=sys.stderr)
        if predictions_file:
            predictions_file.writelines(saved_predictions.dump(evaluation))
        if page:
            html_report.write(evaluation, page)
    if html:
        print(_page_note(html), file=sys.stderr)
    tables.show(evaluation.report, evaluation.data, as_json=as_json, as_markdown=as_markdown)
    if not as_json and not as_markdown:
        tables.show_details(evaluation.report, fields or (), curves=curves)


def compare(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="A checkpoint's folder, a transformers token classifier (a folder, or a hub id in the local cache), "
            "a file from evaluate --predictions, or the OUTPUT-seeds.json of train --seeds.",
        ),
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="The same; the checkpoint that may be better.")],
    data: Annotated[list[Path] | None, typer.Argument(help="Labeled reports; needed if A or B is a folder.")] = None,
    *,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
    changes: Annotated[int, typer.Option(min=0, help="How many changed mentions to show on a terminal.")] = 20,
    label_map: MapOption = None,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Compare checkpoint B with A on the same reports: is B better, how certain is that, and what changed.

    With two results of train --seeds, it compares the recipes.
    """
    require_output()
    from conflict_ner.evaluation.series import comparison as series_comparison
    from conflict_ner.reporting import series_tables

    if series_comparison.are_series(first, second, data or ()):
        series_tables.show(series_comparison.compare_files(first, second), as_json=as_json, as_markdown=as_markdown)
        return
    from conflict_ner.evaluation.comparison import compare as compare_evaluations
    from conflict_ner.inference import evaluate
    from conflict_ner.reporting import comparison_tables

    comparison = compare_evaluations(
        *evaluate.evaluate_pair(
            first, second, data or (), device, guidelines, conll_columns(word, tag), parse_label_map(label_map)
        )
    )
    comparison_tables.show(comparison, as_json=as_json, as_markdown=as_markdown, max_changes=changes)


def agree(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B ...",
            help="The same reports as each annotator labeled them: files or folders; or one export of Label Studio, "
            "Prodigy or INCEpTION (a folder or .zip of its project) with the labels of several annotators.",
        ),
    ],
    *,
    labels: LabelsOption = DEFAULT_LABELS,
    kinds: KindsFlag = False,
    guidelines: GuidelinesOption = None,
    word: WordOption = None,
    tag: TagOption = None,
    layer: LayerOption = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser here: every difference as each annotator reads it.")
    ] = None,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Measure how far annotators agree: pairwise F1 and Krippendorff's alpha, by label, and where they differ."""
    from conflict_ner.data.formats.format import ReadOptions
    from conflict_ner.evaluation.annotators import agreement
    from conflict_ner.reporting import agreement_page, agreement_tables, html_report

    if html:
        html_report.require()
    refuse_replacing(paths, {"--html": html})
    with atomic_write(html) if html else nullcontext() as page:
        result = agreement.agree_files(
            paths,
            parse_labels(labels),
            guidelines=guidelines,
            options=ReadOptions(columns=conll_columns(word, tag), layer=layer),
            kinds=kinds or (None if labels == DEFAULT_LABELS else False),  # who names labels says how deep they are
        )
        if page:
            agreement_page.write(result, page)
    if html:
        print(_page_note(html), file=sys.stderr)
    agreement_tables.show(result.report, as_json=as_json, as_markdown=as_markdown)


def _page_note(html: Path) -> str:
    return f"the page is in {short_path(html)}: open it in a browser"
