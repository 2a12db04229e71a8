"""The command `tag`: its options, what it refuses, and its messages."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from conflict_ner import __version__
from conflict_ner.cli import tag_output, tag_progress
from conflict_ner.cli.options import (
    CheckpointArgument,
    DeviceOption,
    MapOption,
    NamesOption,
    ThresholdOption,
    parse_label_map,
    parse_thresholds,
    split_checkpoint,
)
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.errors import ProblemLog, format_count
from conflict_ner.files import (
    file_descriptor,
    is_device,
    is_same_file,
    require_new_folder,
    require_writable,
    sha256,
    short_path,
)

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.inference.files.layouts import Layout
    from conflict_ner.inference.files.screening import Ids, OtherScripts
    from conflict_ner.inference.files.sources import Source
    from conflict_ner.inference.files.table_readers import Dialect
    from conflict_ner.inference.labeling.preannotation import Project
    from conflict_ner.inference.tagger import Tagger

_STDOUT = 1  # the descriptor of standard output
_CHOICES = {
    "--stdin": ("txt", "jsonl", "csv", "tsv"),
    "--rows": ("reports", "mentions", "incidents"),
    "--precision": ("auto", "fp32", "bf16"),
}


def tag(
    checkpoint: CheckpointArgument = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help=".txt, .md (labeled reports), .jsonl, .json, .csv, .tsv, .xlsx (.xls, .ods) and .parquet files, .gz, "
            ".bz2, .xz, .zst, .zip and .tar of them, folders, or - for standard input."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write here, in the form of the ending: .jsonl, .csv, .xlsx or .parquet; - prints JSONL.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TOOL",
            help="Write what an annotation tool imports, to be corrected there, with the colors of the labels: "
            "label-studio, doccano, prodigy, brat or inception. --output is the folder of the project, or one file.",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="What a row holds: reports, mentions or incidents (who, by what, where, how many; one row a report); "
            "by default reports in JSONL, otherwise mentions."
        ),
    ] = None,
    values: Annotated[
        bool,
        typer.Option("--values", help="Add what mentions are worth: value, low, high, approximate, unit and kind."),
    ] = False,
    column: Annotated[str, typer.Option(help="The column or JSONL key that holds the text.")] = "text",
    id_column: Annotated[
        str | None, typer.Option(help="The column or key that holds the id; by default id, if there is one.")
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="The character between fields of CSV, or tab; by default as the header shows."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Of text files, for example cp1252; by default UTF-8, or as a byte-order mark or the text shows."
        ),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="The sheet of Excel files; by default the only visible one with the column.")
    ] = None,
    escape: Annotated[
        bool, typer.Option("--escape", help='Quotes in fields of CSV are written \\", as in database dumps.')
    ] = False,
    unique_ids: Annotated[
        bool, typer.Option("--unique-ids", help="Change an id that an earlier report has to ID#2, ID#3 ...")
    ] = False,
    skip_other_scripts: Annotated[
        bool,
        typer.Option("--skip-other-scripts", help="Leave out reports in a script that the model was not trained on."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted job with this output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSONL on a terminal too.")] = False,
    output_delimiter: Annotated[
        str | None,
        typer.Option(help="The character between fields of CSV that is written, or tab; by default a comma."),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV with a byte-order mark, so that Excel reads its letters right.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page for a browser here; JSONL is then only written with --output or --json."),
    ] = None,
    stdin_form: Annotated[
        str,
        typer.Option(
            "--stdin", help="The form of standard input, or of a pipe without an ending: txt, jsonl, csv or tsv."
        ),
    ] = "txt",
    threshold: ThresholdOption = None,
    names: NamesOption = None,
    label_map: MapOption = None,
    precision: Annotated[str, typer.Option(help="The model's precision: auto, fp32 or bf16.")] = "auto",
    device: DeviceOption = "auto",
) -> None:
    """Tag reports: as colored text on a terminal, otherwise as JSONL, or as a table with --output.

    A large job may be interrupted: --resume continues it. See docs/tagging.md.
    """
    _refuse_unknown_choices({"--stdin": stdin_form, "--rows": rows or "reports", "--precision": precision})
    thresholds, names_of_labels = parse_thresholds(threshold or ()), parse_label_map(label_map)
    dialect = parse_dialect(delimiter, encoding, sheet, escape=escape)
    if output and _is_standard_output(output):
        output, as_json = None, True
    target = _project_target(to, output, {"--rows": rows, "--values": values, "--json": as_json})
    form = "jsonl" if target else tag_output.output_form(output)
    csv_style = tag_output.csv_style(form, output_delimiter, bom=bom)
    model, files = split_checkpoint(checkpoint, files, "tag")
    _refuse_conflicts(files, output, html, as_json=as_json, resume=resume, is_folder=bool(target and target.is_folder))
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.inference.files import resumable_job, screening, sources
    from conflict_ner.inference.files.table_readers import Columns
    from conflict_ner.inference.tagger import Tagger, read_names, refuse_wrong_thresholds

    if html:
        from conflict_ner.reporting import html_report

        html_report.require()
    problems = ProblemLog(lambda message: print(message, file=sys.stderr))
    hidden: set[str] = set()
    inputs = sources.expand(files, problems, hidden)
    _refuse_own_output(files, inputs, output)
    loaded = Checkpoint.load(model, names_of_labels)
    refuse_wrong_thresholds(thresholds, loaded.manifest.labels)
    listed = read_names(names, loaded.manifest.labels)
    layout = _layout(loaded, rows or ("reports" if form == "jsonl" else "mentions"), values=values, names=bool(names))
    facts = resumable_job.facts_of(
        inputs,
        version=__version__,
        checkpoint=loaded.weights_sha256,
        label_map=names_of_labels,
        thresholds=thresholds,
        rows=layout.table,
        values=layout.values,
        names=sha256(names) if names else None,
        column=column,
        id_column=id_column,
        precision=precision,
        delimiter=delimiter,
        encoding=encoding,
        sheet=sheet,
        output_delimiter=csv_style.delimiter,
        bom=bom,
        escape=escape,
        unique_ids=unique_ids,
        skip_other_scripts=skip_other_scripts,
        to=target and target.form.name,
    )
    texts = sources.read_sources(inputs, problems, stdin_form, Columns(column, id_column), dialect, hidden)  # type: ignore[arg-type]
    if form == "xlsx":
        texts = screening.refuse_unfit_for_excel(texts, layout.table)
    ids, scripts = (
        screening.Ids(unique=unique_ids),
        screening.OtherScripts(loaded.manifest.known_scripts, _warn_of_script, skip=skip_other_scripts),
    )

    def prepare() -> tuple[Tagger, Iterator[Source]]:
        # The first report is read before the model is loaded, so that a wrong column is reported at once.
        first = next(texts, None)
        if first is None and problems.count:
            problems.show_rest()
            _exit_without_reports(output, html, hidden)
        tagger = Tagger.load(model, device, thresholds, precision, layout.values, listed, names_of_labels)  # type: ignore[arg-type]
        return tagger, ids.watch(scripts.watch(texts if first is None else chain([first], texts)))

    result = tag_output.tag_all(
        prepare,
        # Colored mentions on a terminal would not show incidents.
        tag_output.Output(
            output,
            form,
            layout,
            html,
            as_json or (rows == "incidents" and not html),
            csv_style,
            _with_model(target, loaded),
        ),
        facts,
        resume=resume,
    )
    _end(result, problems, ids, scripts, hidden, target)


def _project_target(tool: str | None, output: Path | None, others: Mapping[str, Any]) -> Project | None:
    """Return the project of an annotation tool that is to be written; its labels and model are not known yet."""
    if tool is None:
        return None
    from conflict_ner.inference.labeling.preannotation import Project, find_tool

    if output is None or is_device(output):
        raise typer.BadParameter("--to needs a file or a folder as --output")
    if misplaced := [name for name, value in others.items() if value]:
        raise typer.BadParameter(f"{misplaced[0]} is not for annotation tools: leave it out, or --to")
    project = Project(find_tool(tool), output, (), "")
    project.check()
    return project


def _with_model(project: Project | None, checkpoint: Checkpoint) -> Project | None:
    from conflict_ner.inference.labeling.preannotation import model_version

    return project and replace(project, labels=checkpoint.manifest.labels, model=model_version(checkpoint))


def _layout(checkpoint: Checkpoint, table: Any, *, values: bool, names: bool) -> Layout:
    """Return what a row holds; say so if the model does not know what the casualty columns of incidents need."""
    from conflict_ner.inference.files.layouts import Layout
    from conflict_ner.inference.incidents import CASUALTIES
    from conflict_ner.inference.tagger import value_reader

    if not values and table != "incidents":
        return Layout(table, names=names)
    reader = value_reader(checkpoint)
    labels = checkpoint.manifest.labels
    if table == "incidents" and not {reader.kind_of_number(label) for label in labels}.intersection(CASUALTIES):
        what = "this checkpoint does not know what numbers count, so the columns of casualties stay empty"
        print(f"note: {what}; configs/casualties.yaml trains one that does", file=sys.stderr)
    return Layout(table, values=True, labels=labels, reader=reader, names=names)


def parse_dialect(delimiter: str | None, encoding: str | None, sheet: str | None, *, escape: bool) -> Dialect:
    """Return how text files and sheets are read, as options say; refuse an encoding that is not known."""
    from conflict_ner.data.text_files.encodings import is_known_encoding
    from conflict_ner.inference.files.table_readers import Dialect

    delimiter = tag_output.parse_delimiter("--delimiter", delimiter)
    if encoding is not None and not is_known_encoding(encoding):
        raise typer.BadParameter(f"--encoding {encoding} is not known; cp1252, cp1251 and utf-16 are, for example")
    return Dialect(delimiter, encoding, escape, sheet)


def _end(
    result: tag_output.Result,
    problems: ProblemLog,
    ids: Ids,
    scripts: OtherScripts,
    hidden: set[str],
    project: Project | None,
) -> None:
    """Print the summary, what an annotation tool imports, and the warnings; exit with 1 if something was not read."""
    problems.show_rest()
    if project:
        print(f"for {project.form.title}: {', '.join(map(short_path, project.paths))}", file=sys.stderr)
    print(tag_progress.format_summary(result.counts, problems.count, result.seconds, result.before), file=sys.stderr)
    _print_warnings(ids, scripts, hidden)
    if problems.count:
        raise typer.Exit(1)


def _warn_of_script(first: Any) -> None:
    print(f"warning: report {first} is in a script that the model was not trained on", file=sys.stderr)


def print_hidden(hidden: set[str]) -> None:
    """Print on standard error which files were not read because they are hidden."""
    from conflict_ner.data.text_files.file_search import describe_hidden

    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)


def _print_warnings(ids: Ids, scripts: OtherScripts, hidden: set[str]) -> None:
    """Print a line each about hidden files, repeated ids and reports in other scripts."""
    print_hidden(hidden)
    if ids.repeated:
        remedy = "made distinct" if ids.unique else "--unique-ids makes them distinct"
        reports = format_count(ids.repeated, "report has", "reports have")
        print(f"warning: {reports} an id that an earlier one has, the first is {ids.first}; {remedy}", file=sys.stderr)
    if scripts.count:
        remedy = "left out" if scripts.skip else "what is found there is chance; --skip-other-scripts leaves such out"
        reports = format_count(scripts.count, "report is", "reports are")
        known = " or ".join(scripts.known)
        print(f"warning: {reports} not in {known} script, the first is {scripts.first}; {remedy}", file=sys.stderr)


def _refuse_unknown_choices(chosen: Mapping[str, str]) -> None:
    for option, value in chosen.items():
        if value not in _CHOICES[option]:
            raise typer.BadParameter(f"{option} is one of {', '.join(_CHOICES[option])}")


def _is_standard_output(output: Path) -> bool:
    return output == tag_output.STANDARD_STREAM or file_descriptor(output) == _STDOUT


def _exit_without_reports(output: Path | None, html: Path | None, hidden: set[str]) -> NoReturn:
    """Exit because no report can be read; existing outputs are not touched."""
    print_hidden(hidden)
    unchanged = [f"{file} is as it was" for file in (output, html) if file and file.is_file()]
    print("; ".join(["nothing is tagged: no report could be read", *unchanged]), file=sys.stderr)
    raise typer.Exit(1)


def _refuse_conflicts(
    files: Sequence[Path], output: Path | None, html: Path | None, *, as_json: bool, resume: bool, is_folder: bool
) -> None:
    """Refuse options that exclude each other, and inputs and outputs that are closed or cannot be written."""
    if is_same_file(html, output) or (html and _is_standard_output(html) and as_json):
        raise typer.BadParameter("--html and --output are one file")
    if resume and (output is None or is_device(output) or html or not tag_output.are_rereadable(files)):
        raise typer.BadParameter("--resume needs a file as --output, and goes neither with --html nor with - or a pipe")
    if tag_output.STANDARD_STREAM in files and sys.stdin is None:
        raise OSError(errno.EBADF, "is closed, so there is nothing to read", "standard input")
    if output and is_folder:
        require_new_folder(output)
    for file in (None if is_folder else output, html):
        if file:
            require_writable(file)
    if not output and (as_json or not html):
        require_output()


def _refuse_own_output(named: Sequence[Path], inputs: Sequence[Path], output: Path | None) -> None:
    """Refuse an output in a folder that is tagged: what an earlier run wrote would be tagged as reports."""
    if any(is_same_file(file, output) for file in inputs if file not in named):
        raise typer.BadParameter(f"--output {output} is in a folder that is tagged; write it elsewhere")
