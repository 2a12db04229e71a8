"""The command that tags: a report on a terminal, or an archive into a table."""

from __future__ import annotations

import errno
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from conflict_ner import __version__
from conflict_ner.cli.options import DeviceOption, ThresholdOption, parse_thresholds
from conflict_ner.cli.standard_streams import require_output
from conflict_ner.errors import ProblemLog
from conflict_ner.files import atomic_write, file_descriptor, is_device, is_same_file, require_writable
from conflict_ner.reporting.console import open_console

if TYPE_CHECKING:
    from conflict_ner.cli.tag_progress import Watch
    from conflict_ner.inference.files.resumable_job import JobCounts
    from conflict_ner.inference.files.screening import Ids, OtherScripts
    from conflict_ner.inference.files.sinks import OutputForm, Table
    from conflict_ner.inference.files.sources import Source
    from conflict_ner.inference.files.table_readers import Dialect
    from conflict_ner.inference.files.tag_files import Tagged
    from conflict_ner.inference.tagger import Tagger

    Begin = Callable[[], tuple[Tagger, Iterator[Source]]]  # loads the model, and has read the first report

_DASH = Path("-")  # standard input, or standard output
_STDOUT = 1  # its descriptor
_CHOICES = {
    "--stdin": ("txt", "jsonl", "csv", "tsv"),
    "--rows": ("reports", "mentions"),
    "--precision": ("auto", "fp32", "bf16"),
}


def tag(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            help=".txt, .jsonl, .json, .csv, .tsv and .parquet files, .gz, .bz2, .xz, .zst, .zip and .tar of them, "
            "folders, or - for standard input."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here, by its ending: .jsonl, .csv or .parquet; - prints JSONL."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(help="A row for each of the reports or mentions; by default reports in JSONL, else mentions."),
    ] = None,
    column: Annotated[str, typer.Option(help="The column or JSONL key that holds the text.")] = "text",
    id_column: Annotated[
        str | None, typer.Option(help="The one that holds the id; by default id, where there is one.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What parts the fields of CSV, or tab; by default as the header shows.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of text files, for example cp1252; by default UTF-8, or as a mark says.")
    ] = None,
    escape: Annotated[
        bool, typer.Option("--escape", help='In CSV, quotes in fields are written \\", as in database dumps.')
    ] = False,
    unique_ids: Annotated[
        bool, typer.Option("--unique-ids", help="Call a report whose id an earlier one has ID#2, ID#3 ...")
    ] = False,
    skip_other_scripts: Annotated[
        bool,
        typer.Option("--skip-other-scripts", help="Leave out reports in a script that the model was not trained on."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted job with this output stopped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSONL on a terminal too.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to look at here; JSONL then only with --output or --json.")
    ] = None,
    stdin_form: Annotated[
        str,
        typer.Option("--stdin", help="What standard input, or a pipe without ending, holds: txt, jsonl, csv or tsv."),
    ] = "txt",
    threshold: ThresholdOption = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: DeviceOption = "auto",
) -> None:
    """Tag reports: JSONL, a report a line; coloured text on a terminal; a table with --output.

    A large job may be interrupted: --resume goes on with it. More is in docs/tagging.md.
    """
    _refuse_unknown_choices({"--stdin": stdin_form, "--rows": rows or "reports", "--precision": precision})
    thresholds = parse_thresholds(threshold or ())
    dialect = _dialect(delimiter, encoding, escape=escape)
    if output and _is_standard_output(output):
        output, as_json = None, True
    form = _form(output)
    _refuse(files, output, html, as_json=as_json, resume=resume)
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.cli import tag_progress
    from conflict_ner.inference.files import resumable_job, sources
    from conflict_ner.inference.files.screening import Ids, OtherScripts
    from conflict_ner.inference.files.table_readers import Columns
    from conflict_ner.inference.tagger import Tagger, refuse_wrong_thresholds
    from conflict_ner.reporting import html_report

    if html:
        html_report.require()
    complain = ProblemLog(lambda message: print(message, file=sys.stderr))
    hidden: set[str] = set()
    inputs = sources.expand(files, complain, hidden)
    _refuse_own_output(files, inputs, output)
    described = Checkpoint.load(checkpoint)
    refuse_wrong_thresholds(thresholds, described.manifest.labels)
    table: Any = rows or ("reports" if form == "jsonl" else "mentions")
    facts = resumable_job.facts_of(
        inputs,
        version=__version__,
        checkpoint=described.manifest.weights_sha256,
        thresholds=thresholds,
        rows=table,
        column=column,
        id_column=id_column,
        precision=precision,
        delimiter=delimiter,
        encoding=encoding,
        escape=escape,
        unique_ids=unique_ids,
        skip_other_scripts=skip_other_scripts,
    )
    texts = sources.read_sources(inputs, complain, stdin_form, Columns(column, id_column), dialect, hidden)  # type: ignore[arg-type]

    def load() -> Tagger:
        return Tagger.load(checkpoint, device, thresholds, precision)  # type: ignore[arg-type]

    def begin() -> tuple[Tagger, Iterator[Source]]:
        # Read up to the first report before the model is loaded: a wrong column is known at once.
        first = next(texts, None)
        if first is None and complain.count:
            complain.show_rest()
            _give_up(output, html, hidden)
        return load(), ids.watch(scripts.watch(texts if first is None else chain([first], texts)))

    ids = Ids(unique=unique_ids)
    scripts = OtherScripts(described.manifest.known_scripts, _warn_of_script, skip=skip_other_scripts)
    done = _tag(begin, _Out(output, form, table, html, as_json), facts, resume=resume)
    complain.show_rest()
    print(tag_progress.summary(done.counts, complain.count, done.seconds, done.before), file=sys.stderr)
    _warn(ids, scripts, hidden)
    if complain.count:
        raise typer.Exit(1)


def _dialect(delimiter: str | None, encoding: str | None, *, escape: bool) -> Dialect:
    from conflict_ner.data.formats.encodings import is_known_encoding
    from conflict_ner.inference.files.table_readers import Dialect

    if delimiter in ("tab", "\\t"):
        delimiter = "\t"
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\\'):
        raise typer.BadParameter("--delimiter is one character, for example ';', or tab")
    if encoding is not None and not is_known_encoding(encoding):
        raise typer.BadParameter(f"--encoding {encoding} is not known; cp1252, cp1251 and utf-16 are, for example")
    return Dialect(delimiter, encoding, escape)


def _warn_of_script(first: Any) -> None:
    print(f"warning: report {first} is in a script that the model was not trained on", file=sys.stderr)


def _tell_hidden(hidden: set[str]) -> None:
    from conflict_ner.data.formats.file_search import describe_hidden

    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)


def _warn(ids: Ids, scripts: OtherScripts, hidden: set[str]) -> None:
    """Say at the end, in a line each, what was left out by its name, and what is doubtful in all reports."""
    _tell_hidden(hidden)
    if ids.repeated:
        done = "made distinct" if ids.unique else "--unique-ids makes them distinct"
        reports = f"{ids.repeated:,} report{'s have' if ids.repeated > 1 else ' has'}"
        print(f"warning: {reports} an id that an earlier one has, the first is {ids.first}; {done}", file=sys.stderr)
    if scripts.count:
        done = "left out" if scripts.skip else "what is found there is chance; --skip-other-scripts leaves such out"
        reports = f"{scripts.count:,} report{'s are' if scripts.count > 1 else ' is'}"
        known = " or ".join(scripts.known)
        print(f"warning: {reports} not in {known} script, the first is {scripts.first}; {done}", file=sys.stderr)


def _refuse_unknown_choices(chosen: Mapping[str, str]) -> None:
    for option, value in chosen.items():
        if value not in _CHOICES[option]:
            raise typer.BadParameter(f"{option} is one of {', '.join(_CHOICES[option])}")


def _is_standard_output(output: Path) -> bool:
    return output == _DASH or file_descriptor(output) == _STDOUT


def _form(output: Path | None) -> OutputForm:
    """The form that an output's ending asks for; one that is not written is an error that lists those that are."""
    from conflict_ner.inference.files.sinks import output_form

    form = output_form(output.name) if output else "jsonl"
    if form is None:
        fix = "write a file of .jsonl, .csv or .parquet (or .ndjson), and pack or convert it afterwards"
        raise typer.BadParameter(f"--output {output}: this ending is not written; {fix}")
    if form != "jsonl" and is_device(output):
        raise typer.BadParameter(f"--output {output}: only JSONL can be written to a device or a pipe")
    return form


def _give_up(output: Path | None, html: Path | None, hidden: set[str]) -> NoReturn:
    """End before any work, since no report can be read; what stands at the outputs is left as it is."""
    _tell_hidden(hidden)
    kept = [f"{file} is as it was" for file in (output, html) if file and file.is_file()]
    print("; ".join(["nothing is tagged: no report could be read", *kept]), file=sys.stderr)
    raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Out:
    """Where the results go."""

    file: Path | None
    form: OutputForm
    table: Table
    html: Path | None
    as_json: bool

    @property
    def on_terminal(self) -> bool:
        """Whether results come to a terminal, where a bar would be in their way."""
        return not self.file and sys.stdout.isatty() and (self.as_json or not self.html)


@dataclass(frozen=True, slots=True)
class _Done:
    """What is done: in all, by an interrupted process before, and the seconds of this one, without loading."""

    counts: JobCounts
    before: JobCounts | None
    seconds: float


def _tag(begin: Begin, out: _Out, facts: Mapping[str, Any], *, resume: bool) -> _Done:
    """Do the work. The output is opened before the model is loaded: what stands in its way is known at once."""
    sizes = [size for _, size, _ in facts["inputs"]]
    total = None if None in sizes else sum(sizes)
    if out.file and not is_device(out.file):
        return _into_file(begin, out, total, facts, resume=resume)
    return _into_stream(begin, out, total)


def _into_file(
    begin: Begin,
    out: _Out,
    total: int | None,
    facts: Mapping[str, Any],
    *,
    resume: bool,
) -> _Done:
    from conflict_ner.inference.files import resumable_job, sinks, tag_files

    assert out.file
    again = _can_be_read_again(Path(name) for name, *_ in facts["inputs"])
    with resumable_job.job(out.file, facts, resume=resume, keep_partial=again) as made:
        before = replace(made.counts)
        try:
            tagger, texts = begin()
            with _working(tagger, out, total) as (watch, use, began):
                use(tag_files.tag_into(made, tagger, texts, watch))
                made.finish(sinks.writer(out.form, out.table))
        except KeyboardInterrupt:
            safe = f"reports that are safe: {made.saved_reports}; the same command with --resume goes on"
            raise KeyboardInterrupt(safe if again and made.saved_reports else "nothing was written") from None
    return _Done(made.counts, before, time.monotonic() - began)


def _into_stream(begin: Begin, out: _Out, total: int | None) -> _Done:
    from conflict_ner.inference.files import resumable_job, tag_files

    counts = resumable_job.JobCounts()
    with atomic_write(out.file) if out.file else nullcontext(sys.stdout) as stream:
        tagger, texts = begin()
        with _working(tagger, out, total) as (watch, use, began):
            results = tag_files.count_results(tag_files.tag_sources(tagger, texts), counts, watch)
            # Not written are results that are only looked at: on a page, or on a terminal.
            only_shown = not out.file and not out.as_json and (out.html or sys.stdout.isatty())
            use(results if only_shown else tag_files.write_results(results, out.table, stream))
    return _Done(counts, None, time.monotonic() - began)


@contextmanager
def _working(
    tagger: Tagger, out: _Out, total: int | None
) -> Iterator[tuple[Watch, Callable[[Iterable[Tagged]], None], float]]:
    """A bar for the work, what is done with its results, and when it began."""
    from conflict_ner.cli import tag_progress

    visible = sys.stderr.isatty() and not out.on_terminal
    with tag_progress.shown(total, visible=visible) as watch, _using(tagger, out) as use:
        yield watch, use, time.monotonic()


def _can_be_read_again(inputs: Iterable[Path]) -> bool:
    return not any(file == _DASH or is_device(file) for file in inputs)


@contextmanager
def _using(tagger: Tagger, out: _Out) -> Iterator[Callable[[Iterable[Tagged]], None]]:
    """What is done with results beside writing them: a page, coloured text, or nothing."""
    if not out.html:
        coloured = out.on_terminal and not out.as_json
        yield (lambda results: _show(results, tagger)) if coloured else (lambda results: deque(results, 0).clear())
        return
    from conflict_ner.reporting import html_report

    with atomic_write(out.html) as stream:

        def write(results: Iterable[Tagged]) -> None:
            rows = ((t.source.id, t.source.metadata, t.source.text, t.entities) for t in results)
            html_report.write_tagged(tagger.checkpoint.folder.resolve().name, tagger.labels, rows, stream)

        yield write


def _refuse(files: Sequence[Path], output: Path | None, html: Path | None, *, as_json: bool, resume: bool) -> None:
    """What cannot be asked for together, or has nowhere to go or to come from."""
    if is_same_file(html, output) or (html and _is_standard_output(html) and as_json):
        raise typer.BadParameter("--html and --output are one file")
    if resume and (output is None or is_device(output) or html or not _can_be_read_again(files)):
        raise typer.BadParameter("--resume needs a file as --output, and goes neither with --html nor with - or a pipe")
    if _DASH in files and sys.stdin is None:
        raise OSError(errno.EBADF, "is closed, so there is nothing to read", "standard input")
    for file in (output, html):
        if file:
            require_writable(file)
    if not output and (as_json or not html):
        require_output()


def _refuse_own_output(named: Sequence[Path], inputs: Sequence[Path], output: Path | None) -> None:
    """What an earlier run has put among the reports would be tagged as if it were reports."""
    if any(is_same_file(file, output) for file in inputs if file not in named):
        raise typer.BadParameter(f"--output {output} is in a folder that is tagged; write it elsewhere")


def _show(results: Iterable[Tagged], tagger: Tagger) -> None:
    from conflict_ner.reporting import tables

    console = open_console()
    for tagged in results:
        console.print(str(tagged.source.id), style="bold", highlight=False, markup=False)
        console.print(tables.highlight_entities(tagged.source.text, tagged.entities, tagger.labels), "\n")
