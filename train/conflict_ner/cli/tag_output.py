"""Where the results of `tag` go: a resumable file, standard output, a terminal, or a page."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from conflict_ner.cli import tag_progress
from conflict_ner.cli.options import parse_delimiter
from conflict_ner.files import atomic_write, is_device
from conflict_ner.reporting.console import open_console

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.inference.files.layouts import Layout
    from conflict_ner.inference.files.resumable_job import JobCounts
    from conflict_ner.inference.files.sinks import CsvStyle, OutputForm
    from conflict_ner.inference.files.sources import Source
    from conflict_ner.inference.files.tag_files import Tagged
    from conflict_ner.inference.labeling.preannotation import Project
    from conflict_ner.inference.tagger import Tagger

    Prepare = Callable[[], tuple[Tagger, Iterator[Source]]]  # reads the first report, then loads the model
    ShowProgress = Callable[[], AbstractContextManager[tag_progress.OnReport]]
    Consume = Callable[[Iterable[Tagged]], None]

STANDARD_STREAM = Path("-")  # standard input, or standard output


def output_form(output: Path | None) -> OutputForm:
    """Return the form of an output by its ending.

    Raises:
        MissingExtraError: if the package that writes the form is not installed.
        typer.BadParameter: if no form has the ending, or the form cannot be written to a device.
    """
    from conflict_ner.inference.files import excel, sinks

    form = sinks.output_form(output.name) if output else "jsonl"
    if form is None:
        fix = "write a file of .jsonl, .csv, .xlsx or .parquet (or .ndjson), and pack or convert it afterwards"
        raise typer.BadParameter(f"--output {output}: this ending is not written; {fix}")
    if form != "jsonl" and is_device(output):
        raise typer.BadParameter(f"--output {output}: only JSONL can be written to a device or a pipe")
    if form == "xlsx":
        excel.require_writer()
    return form


def csv_style(form: OutputForm, delimiter: str | None, *, bom: bool) -> CsvStyle:
    """Return how CSV is written.

    Raises:
        typer.BadParameter: if the output is not CSV, or no field can be separated by the delimiter.
    """
    from conflict_ner.inference.files.sinks import CsvStyle

    if form != "csv" and (bom or delimiter):
        raise typer.BadParameter("--bom and --output-delimiter are for an --output of .csv")
    return CsvStyle(parse_delimiter("--output-delimiter", delimiter) or ",", bom)


@dataclass(frozen=True, slots=True)
class Output:
    """Where the results go: to a file or standard output, and to a page.

    project: the file, or the folder, is what an annotation tool imports.
    """

    file: Path | None
    form: OutputForm
    layout: Layout
    html: Path | None
    as_json: bool
    csv: CsvStyle
    project: Project | None = None

    @property
    def on_terminal(self) -> bool:
        """Whether results are printed on a terminal, where a progress bar would disturb them."""
        return not self.file and sys.stdout.isatty() and (self.as_json or not self.html)


@dataclass(frozen=True, slots=True)
class Result:
    """The counts of the whole job, those of an interrupted process before it, and the seconds of tagging."""

    counts: JobCounts
    before: JobCounts | None
    seconds: float


def tag_all(prepare: Prepare, output: Output, facts: Mapping[str, Any], *, resume: bool) -> Result:
    """Tag all reports. The output is opened before the model is loaded, so that its errors are known at once."""
    sizes = [size for _, size, _ in facts["inputs"]]
    total = None if None in sizes else sum(sizes)
    show_progress = partial(tag_progress.show_progress, total, visible=sys.stderr.isatty() and not output.on_terminal)
    if output.file and not is_device(output.file):
        return _tag_to_file(prepare, output.file, output, show_progress, facts, resume=resume)
    return _tag_to_stream(prepare, output, show_progress)


def _tag_to_file(
    prepare: Prepare,
    file: Path,
    output: Output,
    show_progress: ShowProgress,
    facts: Mapping[str, Any],
    *,
    resume: bool,
) -> Result:
    from conflict_ner.inference.files import resumable_job, sinks, tag_files

    can_resume = are_rereadable(Path(name) for name, *_ in facts["inputs"])
    is_folder = output.project is not None and output.project.is_folder
    with resumable_job.job(file, facts, resume=resume, keep_partial=can_resume, is_folder=is_folder) as job:
        before = replace(job.counts)
        try:
            tagger, reports = prepare()
            with show_progress() as watch, _open_consumer(tagger, output) as consume:
                start = time.monotonic()
                consume(tag_files.tag_into(job, tagger, reports, watch, output.layout))
                if output.project:
                    job.finish_as(output.project.write)
                    output.project.finish()
                else:
                    job.finish(sinks.writer(output.form, output.layout, output.csv))
        except KeyboardInterrupt:
            safe = f"reports that are safe: {job.saved_reports}; the same command with --resume goes on"
            raise KeyboardInterrupt(safe if can_resume and job.saved_reports else "nothing was written") from None
    return Result(job.counts, before, time.monotonic() - start)


def _tag_to_stream(prepare: Prepare, output: Output, show_progress: ShowProgress) -> Result:
    from conflict_ner.inference.files import resumable_job, tag_files

    counts = resumable_job.JobCounts()
    with atomic_write(output.file) if output.file else nullcontext(sys.stdout) as stream:
        tagger, reports = prepare()
        with show_progress() as watch, _open_consumer(tagger, output) as consume:
            start = time.monotonic()
            results = tag_files.count_results(tag_files.tag_sources(tagger, reports), counts, watch)
            # Results that only go to a page, or as colored text to a terminal, are not written as JSONL.
            is_shown_only = not output.file and not output.as_json and (output.html or sys.stdout.isatty())
            consume(results if is_shown_only else tag_files.write_results(results, output.layout, stream))
    return Result(counts, None, time.monotonic() - start)


def find_project(tool: str | None, output: Path | None, others: Mapping[str, Any]) -> Project | None:
    """Return the project of an annotation tool that is to be written; its labels and model are not known yet.

    Args:
        others: the values of options that are not for annotation tools.

    Raises:
        typer.BadParameter: if the output is no file and no folder, or such an option is given.
    """
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


def complete_project(project: Project | None, checkpoint: Checkpoint) -> Project | None:
    """Return a project with the labels and the model of a checkpoint."""
    from conflict_ner.inference.labeling.preannotation import model_version

    return project and replace(project, labels=checkpoint.manifest.labels, model=model_version(checkpoint))


def refuse_for_ray(
    checkpoint: Path | None,
    files: Sequence[str],
    output: str | None,
    form: str,
    has_page: bool,
    ray: str | None,
    workers: int | None,
    cores: int,
) -> None:
    """Refuse what needs --ray without it, and with it what a cluster does not read or write.

    Args:
        has_page: a page or the project of an annotation tool is to be written.
    """
    from conflict_ner.inference.cluster.storage import is_address

    if ray is None:
        if address := next(filter(is_address, [*files, output or ""]), None):
            raise typer.BadParameter(f"{address}: addresses are read and written with --ray; see docs/cluster.md")
        if workers or cores > 1:
            raise typer.BadParameter("--workers and --cores go with --ray")
        return
    if has_page or not output or form == "xlsx" or is_device(Path(output)):
        raise typer.BadParameter(
            "--ray needs an --output of .jsonl, .csv or .parquet, and does not go with --html or --to"
        )
    if not are_rereadable(map(Path, files)):
        raise typer.BadParameter("--ray reads files, not standard input or pipes, which one machine alone can read")
    # A Path has lost the second slash of an address.
    if checkpoint and is_address(str(checkpoint).replace(":/", "://", 1)) and not checkpoint.exists():
        raise typer.BadParameter(f"name a checkpoint before the addresses: {checkpoint} is no folder of this machine")


def choose_layout(checkpoint: Checkpoint, table: Any, *, values: bool, names: bool) -> Layout:
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


def are_rereadable(inputs: Iterable[Path]) -> bool:
    """Return whether inputs can be read again to resume a job; standard input and pipes cannot."""
    return not any(file == STANDARD_STREAM or is_device(file) for file in inputs)


@contextmanager
def _open_consumer(tagger: Tagger, output: Output) -> Iterator[Consume]:
    """Yield a function that exhausts the results: to a page, as colored text to a terminal, or showing nothing."""
    if not output.html:
        is_colored = output.on_terminal and not output.as_json
        yield (lambda results: _print_colored(results, tagger)) if is_colored else (lambda r: deque(r, 0).clear())
        return
    from conflict_ner.reporting import html_report

    with atomic_write(output.html) as stream:

        def write(results: Iterable[Tagged]) -> None:
            rows = ((t.source.id, t.source.metadata, t.source.text, t.entities) for t in results)
            html_report.write_tagged(tagger.checkpoint.name, tagger.labels, rows, stream)

        yield write


def _print_colored(results: Iterable[Tagged], tagger: Tagger) -> None:
    from conflict_ner.reporting import tables

    console = open_console()
    for tagged in results:
        console.print(str(tagged.source.id), style="bold", highlight=False, markup=False)
        console.print(tables.highlight_entities(tagged.source.text, tagged.entities, tagger.labels), "\n")
