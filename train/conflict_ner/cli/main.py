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
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from conflict_ner import __version__
from conflict_ner.cli import benchmark, data, evaluate, export, standard_streams, tag, train
from conflict_ner.errors import ConfigError, ConflictNerError, DataError, OverwriteError
from conflict_ner.reporting import console

_HELP_WIDTH = 72  # cells that help in boxes needs to show every option whole
_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it
_BROKEN_PIPE = 141  # and of SIGPIPE
_WRITING = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EBADF)  # errors that only writing gives


class _PlainHelp:
    """Help that shows a flag without a type, and fits a narrow terminal."""

    rich_markup_mode: Any

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the arguments and options."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            # typer prints `<bool>` beside a flag, but nobody types a value there.
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, without boxes where a box would cut the names of options."""
        width = console.width_of(sys.stdout)
        if width is not None and width < _HELP_WIDTH:
            self.rich_markup_mode = None
        super().format_help(ctx, formatter)  # type: ignore[misc]


class _Command(_PlainHelp, TyperCommand):
    """A command of `conflict-ner`."""


class _Group(_PlainHelp, TyperGroup):
    """`conflict-ner` itself."""


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    data.check,
    data.convert,
    data.agree,
    evaluate.evaluate,
    evaluate.compare,
    benchmark.benchmark,
    tag.tag,
    train.train,
    export.export,
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


if __name__ == "__main__":
    main()
