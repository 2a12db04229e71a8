"""The command that tags: a report on a terminal, or an archive into a table."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conflict_ner import __version__
from conflict_ner.errors import Problem
from conflict_ner.evalcommands import DeviceOption, ThresholdOption, parse_thresholds
from conflict_ner.files import one_file, replaced

if TYPE_CHECKING:
    from conflict_ner.resuming import Counts
    from conflict_ner.sinks import Table, Written
    from conflict_ner.sources import Source
    from conflict_ner.tables import Dialect
    from conflict_ner.tagfiles import Tagged
    from conflict_ner.tagger import Tagger
    from conflict_ner.tagprogress import Watch

_STDIN = Path("-")
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
        typer.Option("--output", "-o", help="Write here: CSV or Parquet if it ends in .csv or .parquet, else JSONL."),
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted job with this output stopped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSONL on a terminal too.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to look at here; JSONL then only with --output or --json.")
    ] = None,
    stdin_form: Annotated[
        str, typer.Option("--stdin", help="What standard input holds: txt, jsonl, csv or tsv.")
    ] = "txt",
    threshold: ThresholdOption = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: DeviceOption = "auto",
) -> None:
    """Tag reports: JSONL, a report a line; coloured text on a terminal; a table with --output.

    A large job may be interrupted: --resume goes on with it. More is in docs/tagging.md.
    """
    for option, value in (("--stdin", stdin_form), ("--rows", rows or "reports"), ("--precision", precision)):
        if value not in _CHOICES[option]:
            raise typer.BadParameter(f"{option} is one of {', '.join(_CHOICES[option])}")
    _refuse(files, output, html, resume=resume)
    thresholds = parse_thresholds(threshold or ())
    dialect = _dialect(delimiter, encoding, escape=escape)
    from conflict_ner import jobfacts, page, sources, tagprogress
    from conflict_ner.sinks import form_written
    from conflict_ner.tables import Columns
    from conflict_ner.tagger import Tagger

    if html:
        page.require()
    form = form_written(output.name) if output else "jsonl"
    if form is None or (form != "jsonl" and _is_device(output)):
        raise typer.BadParameter(f"--output {output}: write a file of .jsonl, .csv or .parquet, and pack it afterwards")
    problems: list[Problem] = []

    def complain(problem: Problem) -> None:
        if not problem.note:
            problems.append(problem)
        print(f"{'note' if problem.note else 'error'}: {problem}", file=sys.stderr)

    inputs = sources.expand(files, complain)
    _refuse_own_output(files, inputs, output)
    tagger = Tagger.load(checkpoint, device, thresholds, precision)  # type: ignore[arg-type]
    table: Any = rows or ("reports" if form == "jsonl" else "mentions")
    facts = jobfacts.facts_of(
        inputs,
        version=__version__,
        checkpoint=tagger.checkpoint.manifest.weights_sha256,
        thresholds=thresholds,
        rows=table,
        column=column,
        id_column=id_column,
        precision=precision,
        delimiter=delimiter,
        encoding=encoding,
        escape=escape,
    )
    texts = sources.read_sources(inputs, complain, stdin_form, Columns(column, id_column), dialect)  # type: ignore[arg-type]
    began = time.monotonic()
    counts, before = _tag(tagger, texts, _Out(output, form, table, html, as_json), facts, resume=resume)
    print(tagprogress.summary(counts, len(problems), time.monotonic() - began, before), file=sys.stderr)
    if problems:
        raise typer.Exit(1)


def _dialect(delimiter: str | None, encoding: str | None, *, escape: bool) -> Dialect:
    from conflict_ner.encodings import known_encoding
    from conflict_ner.tables import Dialect

    if delimiter in ("tab", "\\t"):
        delimiter = "\t"
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\\'):
        raise typer.BadParameter("--delimiter is one character, for example ';', or tab")
    if encoding is not None and not known_encoding(encoding):
        raise typer.BadParameter(f"--encoding {encoding} is not known; cp1252, cp1251 and utf-16 are, for example")
    return Dialect(delimiter, encoding, escape)


@dataclass(frozen=True, slots=True)
class _Out:
    """Where the results go."""

    file: Path | None
    form: Written
    table: Table
    html: Path | None
    as_json: bool

    @property
    def on_terminal(self) -> bool:
        """Whether results come to a terminal, where a bar would be in their way."""
        return not self.file and sys.stdout.isatty() and (self.as_json or not self.html)


def _tag(
    tagger: Tagger, texts: Iterator[Source], out: _Out, facts: Mapping[str, Any], *, resume: bool
) -> tuple[Counts, Counts | None]:
    """Do the work. What is done in all, and what of it an interrupted process had done."""
    from conflict_ner import tagprogress

    sizes = [size for _, size, _ in facts["inputs"]]
    total = None if None in sizes else sum(sizes)
    visible = sys.stderr.isatty() and not out.on_terminal
    with tagprogress.shown(total, visible=visible) as watch, _using(tagger, out) as use:
        if out.file and not _is_device(out.file):
            return _into_file(tagger, texts, out, use, watch, facts, resume=resume)
        return _into_stream(tagger, texts, out, use, watch), None


def _into_file(
    tagger: Tagger,
    texts: Iterator[Source],
    out: _Out,
    use: Callable[[Iterable[Tagged]], None],
    watch: Watch,
    facts: Mapping[str, Any],
    *,
    resume: bool,
) -> tuple[Counts, Counts]:
    from conflict_ner import resuming, sinks, tagfiles

    assert out.file
    again = all(name != str(_STDIN) for name, *_ in facts["inputs"])
    with resuming.job(out.file, facts, resume=resume, kept=again) as made:
        before = replace(made.counts)
        try:
            use(tagfiles.tag_into(made, tagger, texts, watch))
            made.finish(sinks.writer(out.form, out.table))
        except KeyboardInterrupt:
            if again and made.safe:
                said = f"interrupted; reports that are safe: {made.safe}; the same command with --resume goes on"
                print(said, file=sys.stderr)
            raise
    return made.counts, before


def _into_stream(
    tagger: Tagger, texts: Iterator[Source], out: _Out, use: Callable[[Iterable[Tagged]], None], watch: Watch
) -> Counts:
    from conflict_ner import resuming, tagfiles

    counts = resuming.Counts()
    results = tagfiles.counted(tagfiles.tag_sources(tagger, texts), counts, watch)
    with replaced(out.file) if out.file else nullcontext(sys.stdout) as stream:
        # Not written are results that are only looked at: on a page, or on a terminal.
        only_shown = not out.file and not out.as_json and (out.html or sys.stdout.isatty())
        use(results if only_shown else tagfiles.written(results, out.table, stream))
    return counts


@contextmanager
def _using(tagger: Tagger, out: _Out) -> Iterator[Callable[[Iterable[Tagged]], None]]:
    """What is done with results beside writing them: a page, coloured text, or nothing."""
    if not out.html:
        coloured = out.on_terminal and not out.as_json
        yield (lambda results: _show(results, tagger)) if coloured else (lambda results: deque(results, 0).clear())
        return
    from conflict_ner import page

    with replaced(out.html) as stream:

        def write(results: Iterable[Tagged]) -> None:
            rows = ((t.source.id, t.source.metadata, t.source.text, t.entities) for t in results)
            page.write_tagged(tagger.checkpoint.folder.resolve().name, tagger.labels, rows, stream)

        yield write


def _is_device(output: Path | None) -> bool:
    return output is not None and output.exists() and not output.is_file() and not output.is_dir()


def _refuse(files: Sequence[Path], output: Path | None, html: Path | None, *, resume: bool) -> None:
    """What cannot be asked for together."""
    if one_file(html, output):
        raise typer.BadParameter("--html and --output are one file")
    if resume and (output is None or _is_device(output) or html or _STDIN in files):
        raise typer.BadParameter("--resume needs a file as --output, and goes neither with --html nor with -")


def _refuse_own_output(named: Sequence[Path], inputs: Sequence[Path], output: Path | None) -> None:
    """What an earlier run has put among the reports would be tagged as if it were reports."""
    if any(one_file(file, output) for file in inputs if file not in named):
        raise typer.BadParameter(f"--output {output} is in a folder that is tagged; write it elsewhere")


def _show(results: Iterable[Tagged], tagger: Tagger) -> None:
    from rich.console import Console

    from conflict_ner import views

    console = Console()
    for tagged in results:
        console.print(str(tagged.source.id), style="bold", highlight=False, markup=False)
        console.print(views.coloured(tagged.source.text, tagged.entities, tagger.labels), "\n")
