"""The `conflict-ner` command: thin wrappers around functions that a script could call.

Results go to standard output, everything else to standard error. Exit codes: 0 all went
well; 1 the data or some inputs have problems; 2 the command or the config is wrong;
3 the encoder, the checkpoint, the training or the disk failed; 130 interrupted.

Imports stand in the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from conflict_ner import benchcommands, datacommands, evalcommands, traincommands
from conflict_ner.errors import ConfigError, ConflictNerError, DataError, Problem
from conflict_ner.evalcommands import DeviceOption, ThresholdOption, parse_thresholds
from conflict_ner.files import one_file, replaced, short

if TYPE_CHECKING:
    from conflict_ner.tagfiles import Tagged
    from conflict_ner.tagger import Tagger

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find actors, weapons, locations and numbers in conflict reports: label, train, evaluate, compare, tag.",
)

for command in (
    datacommands.check,
    datacommands.convert,
    datacommands.agree,
    evalcommands.evaluate,
    evalcommands.compare,
    benchcommands.benchmark,
    traincommands.train,
):
    app.command()(command)


def main() -> None:
    """Run the command and turn our errors into messages and exit codes."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")  # reports are, whatever the locale says
        app(prog_name="conflict-ner")
    except ConflictNerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, DataError) else 2 if isinstance(error, ConfigError) else 3)
    except OSError as error:
        print(f"error: {error.filename or 'input or output'}: {error.strerror}", file=sys.stderr)
        sys.exit(3)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write; a checkpoint there is replaced.")],
    data: Annotated[list[Path] | None, typer.Option(help="Labeled files whose texts to verify on.")] = None,
    form: Annotated[str, typer.Option("--format", help="torch, or onnx to tag without PyTorch.")] = "torch",
    precision: Annotated[str, typer.Option(help="Of onnx: fp32 or int8, compared with the original first.")] = "fp32",
    device: DeviceOption = "auto",
) -> None:
    """Write a checkpoint to another folder, verified in a fresh process before it takes its place."""
    if form not in ("torch", "onnx"):
        raise typer.BadParameter("--format is torch or onnx")
    if form == "onnx":
        from conflict_ner.onnxexport import export_onnx

        done = export_onnx(checkpoint, out, precision, data or ())
        print(done.manifest.exported.verdict if done.manifest.exported else "", file=sys.stderr)
    else:
        if precision != "fp32":
            raise typer.BadParameter("--precision is of --format onnx; the torch format keeps the weights as they are")
        from conflict_ner.export import export_again

        done = export_again(checkpoint, out, data or (), device)
    print(f"exported to {short(done.folder)} and verified", file=sys.stderr)


@app.command()
def tag(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    files: Annotated[list[Path], typer.Argument(help=".txt and .jsonl files, folders, or - for standard input.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSONL here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSONL on a terminal too.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to look at here; JSONL then only with --output or --json.")
    ] = None,
    stdin_form: Annotated[str, typer.Option("--stdin", help="What standard input holds: txt or jsonl.")] = "txt",
    threshold: ThresholdOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Tag reports: JSONL, a report a line; coloured text on a terminal."""
    if stdin_form not in ("txt", "jsonl"):
        raise typer.BadParameter("--stdin is txt or jsonl")
    if one_file(html, output):
        raise typer.BadParameter("--html and --output are one file")
    thresholds = parse_thresholds(threshold or ())
    from conflict_ner import page
    from conflict_ner.tagfiles import tag_files
    from conflict_ner.tagger import Tagger

    if html:
        page.require()
    tagger = Tagger.load(checkpoint, device, thresholds)
    problems = []

    def complain(problem: Problem) -> None:
        problems.append(problem)
        print(f"error: {problem}", file=sys.stderr)

    results = tag_files(tagger, files, complain, stdin_form)  # type: ignore[arg-type]
    as_lines = output is not None or as_json
    with replaced(output) if output else nullcontext(sys.stdout) as stream:
        if html:
            rows = (
                (tagged.source.id, tagged.source.metadata, tagged.source.text, tagged.entities)
                for tagged in (_written(results, stream) if as_lines else results)
            )
            with replaced(html) as file:
                page.write_tagged(checkpoint.resolve().name, tagger.labels, rows, file)
        elif not as_lines and sys.stdout.isatty():
            _show(results, tagger)
        else:
            for _ in _written(results, stream):
                pass
    if problems:
        print(f"{len(problems)} inputs could not be read", file=sys.stderr)
        raise typer.Exit(1)


def _written(results: Iterable[Tagged], stream: TextIO) -> Iterator[Tagged]:
    """The same results, each written as a line of JSON when it is asked for."""
    for tagged in results:
        print(json.dumps(tagged.to_record(), ensure_ascii=False), file=stream)
        yield tagged


def _show(results: Iterable[Tagged], tagger: Tagger) -> None:
    from rich.console import Console

    from conflict_ner import views

    console = Console()
    for tagged in results:
        console.print(tagged.source.id, style="bold", highlight=False, markup=False)
        console.print(views.coloured(tagged.source.text, tagged.entities, tagger.labels), "\n")


if __name__ == "__main__":
    main()
