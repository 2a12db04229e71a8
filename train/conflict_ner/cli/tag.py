"""The command `tag`: its options, what it refuses, and its messages."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
    find_replaced,
    parse_dialect,
    parse_label_map,
    parse_thresholds,
    refuse_replacing,
    split_checkpoint,
)
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.errors import Problem, ProblemLog
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
    from conflict_ner.inference.files.screening import Ids, OtherScripts
    from conflict_ner.inference.files.sources import Source
    from conflict_ner.inference.files.table_readers import Columns, Dialect
    from conflict_ner.inference.names import NameMatcher
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
        list[str] | None,
        typer.Argument(
            help=".txt, .md (labeled reports), .jsonl, .json, .csv, .tsv, .xlsx (.xls, .ods) and .parquet files, .gz, "
            ".bz2, .xz, .zst, .zip and .tar of them, folders, or - for standard input; with --ray also s3:// and other "
            "addresses."
        ),
    ] = None,
    *,
    output: Annotated[
        str | None,
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
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Tag with Ray: local (here), auto (this machine's cluster) or HOST:PORT."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With --ray: how many; by default all that fit.")] = None,
    cores: Annotated[int, typer.Option(min=1, help="With --ray: cores of each worker, which loads the model.")] = 1,
) -> None:
    """Tag reports: as colored text on a terminal, otherwise as JSONL, or as a table with --output.

    A large job may be interrupted: --resume continues it. See docs/tagging.md.
    """
    _refuse_unknown_choices({"--stdin": stdin_form, "--rows": rows or "reports", "--precision": precision})
    thresholds, names_of_labels = parse_thresholds(threshold or ()), parse_label_map(label_map)
    dialect = parse_dialect(delimiter, encoding, sheet, escape=escape)
    target = Path(output) if output else None
    if target and _is_standard_output(target):
        target, as_json = None, True
    project = tag_output.find_project(to, target, {"--rows": rows, "--values": values, "--json": as_json})
    form = "jsonl" if project else tag_output.output_form(target)
    csv_style = tag_output.csv_style(form, output_delimiter, bom=bom)
    tag_output.refuse_for_ray(checkpoint, files or (), output, form, bool(html or to), ray, workers, cores)
    model, paths = split_checkpoint(checkpoint, list(map(Path, files or ())), "tag")
    is_folder = bool(project and project.is_folder)
    _refuse_conflicts(
        paths, target, html, as_json=as_json, resume=resume, is_folder=is_folder, on_cluster=ray is not None
    )
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.inference.files.screening import OtherScripts
    from conflict_ner.inference.files.table_readers import Columns
    from conflict_ner.inference.tagger import read_names, refuse_wrong_thresholds

    if html:
        from conflict_ner.reporting import html_report

        html_report.require()
    loaded = Checkpoint.load(model, names_of_labels)
    labels = loaded.manifest.labels
    refuse_wrong_thresholds(thresholds, labels)
    refuse_replacing([names], {"--output": target, "--html": html})
    listed = read_names(names, labels)
    layout = tag_output.choose_layout(
        loaded, rows or ("reports" if form == "jsonl" else "mentions"), values=values, names=bool(names)
    )
    request = _Request(
        loaded,
        (device, thresholds, precision, layout.values, listed, names_of_labels),
        Columns(column, id_column),
        dialect,
        OtherScripts(loaded.manifest.known_scripts, tag_progress.warn_of_script, skip=skip_other_scripts),
        tag_output.Output(
            target,
            form,
            layout,
            html,
            as_json or (rows == "incidents" and not html),  # colored mentions on a terminal would not show them
            csv_style,
            tag_output.complete_project(project, loaded),
        ),
        unique_ids,
        resume,
        facts={
            "version": __version__,
            "checkpoint": loaded.weights_sha256,
            "label_map": names_of_labels,
            "thresholds": thresholds,
            "rows": layout.table,
            "values": layout.values,
            "names": sha256(names) if names else None,
            "column": column,
            "id_column": id_column,
            "precision": precision,
            "delimiter": delimiter,
            "encoding": encoding,
            "sheet": sheet,
            "output_delimiter": csv_style.delimiter,
            "bom": bom,
            "escape": escape,
            "unique_ids": unique_ids,
            "skip_other_scripts": skip_other_scripts,
            "to": project and project.form.name,
        },
    )
    if ray is None:
        _tag_here(request, paths, stdin_form)
    else:
        typed = [*map(str, paths[: len(paths) - len(files or ())]), *(files or ())]
        _tag_on_cluster(request, paths, typed, str(output), ray, workers, cores)


@dataclass(frozen=True, slots=True)
class _Request:
    """What the options ask for, wherever it is done.

    load: the arguments of `Tagger.load` beside the folder.
    facts: what must be the same to resume the job, beside the inputs.
    """

    checkpoint: Checkpoint
    load: tuple[str, Mapping[str, float], Any, bool, NameMatcher | None, Mapping[str, str | None] | None]
    columns: Columns
    dialect: Dialect
    scripts: OtherScripts
    output: tag_output.Output
    unique_ids: bool
    resume: bool
    facts: Mapping[str, Any]
    problems: ProblemLog = field(default_factory=lambda: ProblemLog(lambda message: print(message, file=sys.stderr)))
    hidden: set[str] = field(default_factory=set)


def _tag_here(request: _Request, files: Sequence[Path], stdin_form: str) -> None:
    """Tag in this process."""
    from conflict_ner.inference.files import resumable_job, screening, sources
    from conflict_ner.inference.tagger import Tagger

    output, problems, hidden = request.output, request.problems, request.hidden
    inputs = sources.expand(files, problems, hidden)
    _refuse_own_output(files, inputs, output)
    facts = resumable_job.facts_of(inputs, **request.facts)
    texts = sources.read_sources(inputs, problems, stdin_form, request.columns, request.dialect, hidden)  # type: ignore[arg-type]
    if output.form == "xlsx":
        texts = screening.refuse_unfit_for_excel(texts, output.layout.table)
    ids = screening.Ids(unique=request.unique_ids)

    def prepare() -> tuple[Tagger, Iterator[Source]]:
        # The first report is read before the model is loaded, so that a wrong column is reported at once.
        first = next(texts, None)
        if first is None and problems.count:
            _exit_without_reports(request)
        tagger = Tagger.load(request.checkpoint.folder, *request.load)
        return tagger, ids.watch(request.scripts.watch(texts if first is None else chain([first], texts)))

    result = tag_output.tag_all(prepare, output, facts, resume=request.resume)
    _end(request, result, ids)


def _tag_on_cluster(
    request: _Request,
    paths: Sequence[Path],
    names: Sequence[str],
    output: str,
    address: str,
    workers: int | None,
    cores: int,
) -> None:
    """Tag with the workers of a Ray cluster.

    Args:
        names: the inputs as they were typed; a path does not keep the `//` of an address.
    """
    from conflict_ner.inference.cluster import cluster_job, ray_pipeline
    from conflict_ner.inference.cluster.parts import ReadParts, TagSettings
    from conflict_ner.inference.cluster.storage import find_files, leave_out_own_files
    from conflict_ner.inference.cluster.tag_batches import Tag
    from conflict_ner.inference.files import sinks

    ray_pipeline.require_ray()
    style, manifest, problems, hidden = request.output, request.checkpoint.manifest, request.problems, request.hidden
    files = find_files(names, problems, hidden)
    _refuse_own_output(paths, [Path(file.path) for file in files], style)
    files = leave_out_own_files(files, output)
    read = ReadParts(request.columns, request.dialect, scripts=manifest.known_scripts, skip=request.scripts.skip)
    faults: list[Problem] = []
    if (problems.count or files) and not read.has_report(files, faults):
        for fault in faults:
            problems(fault)
        if problems.count:
            _exit_without_reports(request)
    facts = cluster_job.facts_of_files(files, request.facts)
    device = "cpu" if manifest.exported else request.load[0]
    gpu = None if device == "auto" else device != "cpu"
    tag_part = Tag(request.checkpoint.folder, "text", "entities", device, *request.load[1:])
    total = sum(file.size for file in files)
    with cluster_job.cluster_job(output, facts, resume=request.resume) as job, ray_pipeline.connect(address):
        run = partial(ray_pipeline.run, workers=ray_pipeline.Workers(workers, cores, gpu))
        settings = TagSettings(tag_part, style.layout, job.folder, request.checkpoint.weights_sha256)
        with tag_progress.show_progress(total, visible=sys.stderr.isatty()) as progress:
            watch = cluster_job.Watch(problems, progress, request.scripts, hidden)
            convert = sinks.writer(style.form, style.layout, style.csv)
            result = job.run(run, files, read, settings, watch, convert, unique_ids=request.unique_ids)
    _end(request, tag_output.Result(result.counts, result.before, result.seconds), result.ids)


def _end(request: _Request, result: tag_output.Result, ids: Ids) -> None:
    """Print the summary, what an annotation tool imports, and the warnings; exit with 1 if something was not read."""
    problems, project = request.problems, request.output.project
    problems.show_rest()
    if project:
        print(f"for {project.form.title}: {', '.join(map(short_path, project.paths))}", file=sys.stderr)
    print(tag_progress.format_summary(result.counts, problems.count, result.seconds, result.before), file=sys.stderr)
    tag_progress.print_warnings(ids, request.scripts, request.hidden)
    if problems.count:
        raise typer.Exit(1)


def _refuse_unknown_choices(chosen: Mapping[str, str]) -> None:
    for option, value in chosen.items():
        if value not in _CHOICES[option]:
            raise typer.BadParameter(f"{option} is one of {', '.join(_CHOICES[option])}")


def _is_standard_output(output: Path) -> bool:
    return output == tag_output.STANDARD_STREAM or file_descriptor(output) == _STDOUT


def _exit_without_reports(request: _Request) -> NoReturn:
    """Exit because no report can be read; existing outputs are not touched."""
    request.problems.show_rest()
    tag_progress.print_hidden(request.hidden)
    unchanged = [
        f"{file} is as it was" for file in (request.output.file, request.output.html) if file and file.is_file()
    ]
    print("; ".join(["nothing is tagged: no report could be read", *unchanged]), file=sys.stderr)
    raise typer.Exit(1)


def _refuse_conflicts(
    files: Sequence[Path],
    output: Path | None,
    html: Path | None,
    *,
    as_json: bool,
    resume: bool,
    is_folder: bool,
    on_cluster: bool,
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
    # The output of a cluster may be an address, and the job itself checks it.
    for file in (None if is_folder or on_cluster else output, html):
        if file:
            require_writable(file)
    if not output and (as_json or not html):
        require_output()


def _refuse_own_output(named: Sequence[Path], inputs: Sequence[Path], output: tag_output.Output) -> None:
    """Refuse an output that would replace an input, or that the next run would tag as if it were reports."""
    outputs = {"--output": output.file, "--html": output.html}
    if replaced := find_replaced(inputs, outputs):
        option, file = replaced
        place = "one of the files that are tagged" if file in named else "in a folder that is tagged"
        raise typer.BadParameter(f"{option} {outputs[option]} is {place}; write it elsewhere")
