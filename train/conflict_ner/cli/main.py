"""The `conflict-ner` command: thin wrappers around functions that a script could call.

Results go to standard output, everything else to standard error. Exit codes: 0 all went
well; 1 the data or some inputs have problems; 2 the command or the config is wrong;
3 the encoder, the checkpoint, the training or the disk failed; 130 interrupted; 141 nobody
reads standard output any more (`| head`).

Imports stand in the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from conflict_ner import __version__
from conflict_ner.cli import benchmark, evaluate, standard_streams, tag, train
from conflict_ner.cli import data as datacommands
from conflict_ner.cli.evaluate import DeviceOption
from conflict_ner.cli.train import OverwriteFlag, typed_command
from conflict_ner.errors import ConfigError, ConflictNerError, DataError, OverwriteError
from conflict_ner.files import short
from conflict_ner.reporting import console

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint

_HELP_WIDTH = 72  # cells that help in boxes needs to show every option whole
_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it
_BROKEN_PIPE = 141  # and of SIGPIPE
_WRITING = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EBADF)  # errors that only writing gives


def _without_flag_types(params: list[Any]) -> list[Any]:
    """Show a flag without the `<bool>` that typer prints beside it: nobody types a value there."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


def _plain_if_narrow(mode: Any) -> Any:
    """Choose help without boxes where a box would cut the names of options."""
    width = console.width_of(sys.stdout)
    return None if width is not None and width < _HELP_WIDTH else mode


class _Command(TyperCommand):
    """A command whose help shows flags as flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the command's arguments and options."""
        return _without_flag_types(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.rich_markup_mode = _plain_if_narrow(self.rich_markup_mode)
        super().format_help(ctx, formatter)


class _Group(TyperGroup):
    """The same for the help of `conflict-ner` itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the group's options."""
        return _without_flag_types(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.rich_markup_mode = _plain_if_narrow(self.rich_markup_mode)
        super().format_help(ctx, formatter)


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    datacommands.check,
    datacommands.convert,
    datacommands.agree,
    evaluate.evaluate,
    evaluate.compare,
    benchmark.benchmark,
    tag.tag,
    train.train,
):
    app.command(cls=_Command)(command)
app.command("config", cls=_Command)(train.print_config)


def main() -> None:
    """Run the command and turn our errors into messages and exit codes."""
    standard_streams.prepare()
    console.ignore_unusable_sizes()
    try:
        try:
            app(prog_name="conflict-ner")
        finally:
            standard_streams.flush_output()
    except SystemExit as exit_:
        _explain(exit_)
        raise
    except KeyboardInterrupt as interruption:
        _exit_interrupted(interruption)
    except ConflictNerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, DataError) else 2 if isinstance(error, ConfigError | OverwriteError) else 3)
    except OSError as error:
        _exit_unwritable(error)


def _explain(exit_: SystemExit) -> None:
    """Say what typer, which turns some failures into exits without a word, has left unsaid."""
    failure: BaseException | None = exit_
    while failure is not None:
        if isinstance(failure, KeyboardInterrupt):
            _exit_interrupted(failure)
        if isinstance(failure, BrokenPipeError):
            _exit_unwritable(failure)
        failure = failure.__cause__ or failure.__context__


def _exit_interrupted(interruption: KeyboardInterrupt) -> NoReturn:
    said = f"; {interruption}" if str(interruption) else ""
    print(f"interrupted{said}", file=sys.stderr)
    sys.exit(_INTERRUPTED)


def _exit_unwritable(error: OSError) -> NoReturn:
    """Exit after an error of the system; quietly, as other programs do, if nobody reads the results any more."""
    standard_streams.drop_output()
    if isinstance(error, BrokenPipeError) and not error.filename:
        sys.exit(_BROKEN_PIPE)
    # Files that are written name themselves.
    unnamed = standard_streams.OUTPUT if error.errno in _WRITING else "reading or writing"
    print(f"error: {error.filename or unnamed}: {error.strerror or error}", file=sys.stderr)
    sys.exit(3)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"conflict-ner {__version__}")
        raise typer.Exit


@app.callback()
def conflict_ner(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find actors, weapons, locations and numbers in conflict reports.

    Check labeled reports, train a model on them, evaluate it, tag other reports with it.
    """


@app.command(cls=_Command)
def export(
    checkpoint: Annotated[Path, typer.Argument(help="An exported checkpoint's folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    data: Annotated[list[Path] | None, typer.Option(help="Labeled files whose texts to verify on.")] = None,
    form: Annotated[str, typer.Option("--format", help="torch, or onnx to tag without PyTorch.")] = "torch",
    precision: Annotated[str, typer.Option(help="Of onnx: fp32 or int8, compared with the original first.")] = "fp32",
    device: DeviceOption = "auto",
    overwrite: OverwriteFlag = False,
) -> None:
    """Write a checkpoint to another folder, verified in a fresh process before it takes its place."""
    if form not in ("torch", "onnx"):
        raise typer.BadParameter("--format is torch or onnx")
    try:
        done = _export(checkpoint, out, data or (), form, precision, device, overwrite)
    except OverwriteError as error:
        raise error.for_command(typed_command()) from None
    print(f"exported to {short(done.folder)} and verified", file=sys.stderr)


def _export(
    checkpoint: Path, out: Path, data: Sequence[Path], form: str, precision: str, device: str, overwrite: bool
) -> Checkpoint:
    if form == "onnx":
        from conflict_ner.export.onnx.export import export_onnx

        done = export_onnx(checkpoint, out, precision, data, overwrite=overwrite)
        print(done.manifest.exported.verdict if done.manifest.exported else "", file=sys.stderr)
        return done
    if precision != "fp32":
        raise typer.BadParameter("--precision is of --format onnx; the torch format keeps the weights as they are")
    from conflict_ner.export.checkpoint_writer import export_again

    return export_again(checkpoint, out, data, device, overwrite=overwrite)


if __name__ == "__main__":
    main()
