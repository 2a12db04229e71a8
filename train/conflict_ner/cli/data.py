"""The commands for labeled data: `check` and `convert`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conflict_ner.cli.options import (
    DEFAULT_LABELS,
    AnnotatorOption,
    GuidelinesOption,
    HullFlag,
    JsonFlag,
    KeepScoresFlag,
    KindsFlag,
    LabelsOption,
    LayerOption,
    MarkdownFlag,
    PredictionsFlag,
    SchemeOption,
    SkippedFlag,
    TagNamesOption,
    TagOption,
    TrimFlag,
    WordOption,
    parse_labels,
    read_options,
    refuse_replacing,
)
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import DataError, describe_problems, format_count
from conflict_ner.files import atomic_path

if TYPE_CHECKING:
    from conflict_ner.data.document import Document
    from conflict_ner.data.formats.format import ReadOptions


def check(
    data: Annotated[Path, typer.Argument(help="A file of labeled reports, a folder of them, or a run's config.")],
    *,
    labels: LabelsOption = DEFAULT_LABELS,
    kinds: KindsFlag = False,
    group: Annotated[
        str | None,
        typer.Option(help="A header key that every report must have, and whose values no two splits may share."),
    ] = None,
    guidelines: GuidelinesOption = None,
    hints: Annotated[
        bool, typer.Option("--hints", help="List words that are labeled in two ways, for you to read again.")
    ] = False,
    trim: TrimFlag = False,
    word: WordOption = None,
    tag: TagOption = None,
    scheme: SchemeOption = None,
    tag_names: TagNamesOption = None,
    annotator: AnnotatorOption = None,
    predictions: PredictionsFlag = False,
    skipped: SkippedFlag = False,
    hull: HullFlag = False,
    layer: LayerOption = None,
    as_json: JsonFlag = False,
    as_markdown: MarkdownFlag = False,
) -> None:
    """Check labeled reports and count what is in them.

    A folder that holds train, validation and test folders is checked as those splits,
    and for reports that are in two of them.
    """
    from conflict_ner.data import consistency, corpus
    from conflict_ner.data.splits import refuse_silver_splits
    from conflict_ner.reporting import tables

    selection = _select_data(data, labels)
    chosen = read_options(
        word,
        tag,
        tag_names,
        annotator=annotator,
        predictions=predictions,
        skipped=skipped,
        hull=hull,
        layer=layer,
        scheme=scheme,
        trim=trim,
    )
    try:
        loaded = corpus.load(
            selection.paths,
            selection.labels,
            group=group,
            allow_copies=selection.allow_copies,
            guidelines=selection.guidelines if guidelines is None else guidelines,
            options=selection.options.updated(chosen) if selection.options else chosen,
            with_kinds=kinds,
        )
        if selection.is_config:
            refuse_silver_splits(loaded)
    except DataError as error:
        if as_json:
            problems = [{"where": p.where, "what": p.what, "fix": p.fix} for p in error.problems]
            print(json.dumps({"ok": False, "problems": problems}, indent=2))
            raise typer.Exit(1) from None
        raise
    counts = loaded.summary(loaded.labels)
    documents = [document for split in selection.paths for document in loaded[split]]
    found_hints = consistency.find_hints(documents) if hints else []
    if as_json:
        print(json.dumps({"ok": True, "splits": counts, "hints": [str(hint) for hint in found_hints]}, indent=2))
        return
    for hint in found_hints:
        print(hint)
    tables.show_counts(counts, loaded.labels, as_markdown=as_markdown)


def convert(
    source: Annotated[Path, typer.Argument(help="A file of labeled reports, or a folder of them.")],
    target: Annotated[Path, typer.Argument(help="The file to write, or the folder if the format is one.")],
    *,
    source_format: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help="The format of IN.", show_default="by ending and content"),
    ] = None,
    target_format: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help="The format of OUT.", show_default="by its ending")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="Write a table (.csv, .xlsx, .parquet, .jsonl) as `tag` does: a row holds a report, a mention or an "
            "incident (reports, mentions, incidents); by default mentions in .csv and .xlsx."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing if the target's format cannot carry all of it.")
    ] = False,
    word: WordOption = None,
    tag: TagOption = None,
    annotator: AnnotatorOption = None,
    predictions: PredictionsFlag = False,
    skipped: SkippedFlag = False,
    hull: HullFlag = False,
    layer: LayerOption = None,
    keep_scores: KeepScoresFlag = False,
    trim: TrimFlag = False,
    scheme: SchemeOption = None,
    tag_names: TagNamesOption = None,
    target_scheme: Annotated[
        str | None,
        typer.Option(
            "--to-scheme", metavar="SCHEME", help="The scheme in which OUT has tags of words.", show_default="IOB2"
        ),
    ] = None,
) -> None:
    """Convert labeled reports to another format, or to the tables that `tag` writes.

    What the target's format cannot carry is listed and left out.
    """
    from conflict_ner.data.formats import conversion

    def show(done: conversion.Conversion) -> None:
        for detection in done.source_formats:
            print(f"read as {detection.format.title}: {detection.reason}", file=sys.stderr)
        for message in describe_problems(done.notes):
            print(f"note: {message}", file=sys.stderr)
        for loss in done.losses:
            print(f"warning: {done.target_format.title} cannot carry {loss}", file=sys.stderr)

    options = read_options(
        word,
        tag,
        tag_names,
        annotator=annotator,
        predictions=predictions,
        skipped=skipped,
        hull=hull,
        layer=layer,
        scheme=scheme,
        keep_scores=keep_scores,
        trim=trim,
    )
    if rows or (target_format is None and target.suffix.lower() in (".csv", ".xlsx")):
        refuse_replacing([source], {"OUT": target})
        documents, notes = conversion.read(source, source_format, options)
        for message in describe_problems(notes):
            print(f"note: {message}", file=sys.stderr)
        _write_table(documents, target, rows or "mentions")
        return
    done = conversion.convert(
        source,
        target,
        source_format,
        target_format,
        options,
        strict=strict,
        target_scheme=target_scheme,
        before_writing=show,
    )
    reports = format_count(done.reports, "report")
    print(f"{reports} written to {printable(target)} as {done.target_format.title}", file=sys.stderr)


def _write_table(documents: Sequence[Document], target: Path, table: str) -> None:
    """Write labeled reports as a table of `tag`, with the values of mentions in incidents."""
    from conflict_ner.cli.tag_output import output_form
    from conflict_ner.inference.files import layouts, sinks

    if table not in layouts.TABLES:
        raise typer.BadParameter(f"--rows {table}: choose one of {', '.join(layouts.TABLES)}")
    labels = dict.fromkeys(mention.label for document in documents for mention in document.mentions)
    layout = layouts.Layout(table, values=table == "incidents", labels=tuple(labels))
    form = output_form(target)
    write = sinks.writer(form, layout)

    def records() -> Iterator[dict[str, Any]]:
        return (layouts.labeled_record(document, layout) for document in documents)

    with atomic_path(target) as draft, draft.open("wb") as stream:
        if write is None:
            stream.writelines(sinks.line(record).encode("utf-8", "surrogatepass") for record in records())
        else:
            write(records, stream)
    print(f"{format_count(len(documents), 'report')} written to {printable(target)} as {table}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class _DataSelection:
    """The files of each split, the labels allowed in them, and the settings of a config for its data."""

    paths: Mapping[str, list[Path]]
    labels: tuple[str, ...]
    allow_copies: bool = False
    guidelines: bool | None = None
    options: ReadOptions | None = None
    is_config: bool = False


def _select_data(data: Path, labels: str) -> _DataSelection:
    """Return the data that a path names: a file, a folder, or a config, whose labels then count."""
    from conflict_ner.config import load_config
    from conflict_ner.data import corpus
    from conflict_ner.data.formats.format import ReadOptions
    from conflict_ner.data.splits import refuse_unfit_settings

    if data.suffix.lower() not in (".yaml", ".yml"):
        return _DataSelection(corpus.find_splits(data), parse_labels(labels))
    config = load_config(data)
    refuse_unfit_settings(config)
    entries = {split: list(getattr(config.data, split)) for split in corpus.SPLITS}
    paths = {split: files for split, files in entries.items() if files}
    settings = config.data
    options = ReadOptions.of(settings)
    return _DataSelection(paths, config.labels, settings.allow_copies, settings.guidelines, options, is_config=True)
