"""The `conflict-ner` command: thin wrappers around functions that a script could call.

Results go to standard output, everything else to standard error. Exit codes: 0 success;
1 the data or some inputs have problems; 2 the command or the config is wrong;
3 the encoder, the checkpoint, the training or the disk failed; 130 interrupted; 141 the
reader of standard output has ended (`| head`).

Heavy imports are inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from conflict_ner import __version__
from conflict_ner.cli import benchmark, data, deployment, evaluate, labeling, standard_streams, tag, train
from conflict_ner.errors import ConfigError, ConflictNerError, DataError, OverwriteError
from conflict_ner.reporting import console

_BOX_WIDTH = 72  # columns that help in boxes needs, so that the name of every option fits
_INTERRUPTED = 130  # as in shells: 128 plus the number of SIGINT
_BROKEN_PIPE = 141  # 128 plus the number of SIGPIPE
_WRITE_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EBADF)


class _PlainHelp:
    """Help that shows flags without a type, and fits a narrow terminal."""

    rich_markup_mode: Any

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the arguments and options."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            # typer prints `<bool>` after a flag, which takes no value.
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, without boxes if a box would truncate the names of options."""
        width = console.width_of(sys.stdout)
        if width is not None and width < _BOX_WIDTH:
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
    evaluate.evaluate,
    evaluate.compare,
    evaluate.agree,
    benchmark.benchmark,
    benchmark.tradeoff,
    tag.tag,
    deployment.serve,
    labeling.label,
    labeling.review,
    train.train,
    deployment.export,
    deployment.push,
):
    app.command(cls=_Command)(command)
app.command("config", cls=_Command)(train.print_config)


def main() -> None:
    """Run the command and convert errors to messages and exit codes."""
    standard_streams.prepare()
    console.ignore_unusable_sizes()
    try:
        try:
            app(prog_name="conflict-ner")
        finally:
            standard_streams.flush_output()
    except SystemExit as exit_:
        _handle_cause(exit_)
        raise
    except KeyboardInterrupt as interrupt:
        _exit_interrupted(interrupt)
    except ConflictNerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, DataError) else 2 if isinstance(error, ConfigError | OverwriteError) else 3)
    except OSError as error:
        _exit_on_os_error(error)


def _handle_cause(exit_: SystemExit) -> None:
    """Handle an interrupt or a broken pipe that typer has converted to an exit without a message."""
    failure: BaseException | None = exit_
    while failure is not None:
        if isinstance(failure, KeyboardInterrupt):
            _exit_interrupted(failure)
        if isinstance(failure, BrokenPipeError):
            _exit_on_os_error(failure)
        failure = failure.__cause__ or failure.__context__


def _exit_interrupted(interrupt: KeyboardInterrupt) -> NoReturn:
    details = f"; {interrupt}" if str(interrupt) else ""
    print(f"interrupted{details}", file=sys.stderr)
    sys.exit(_INTERRUPTED)


def _exit_on_os_error(error: OSError) -> NoReturn:
    """Exit after an error of the system; without a message, as other programs do, if the reader of a pipe has ended."""
    standard_streams.drop_output()
    if isinstance(error, BrokenPipeError) and not error.filename:
        sys.exit(_BROKEN_PIPE)
    # Errors of files that are written name the file.
    unnamed = standard_streams.OUTPUT if error.errno in _WRITE_ERRORS else "reading or writing"
    print(f"error: {error.filename or unnamed}: {error.strerror or error}", file=sys.stderr)
    sys.exit(3)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"conflict-ner {__version__}")
        raise typer.Exit


@app.callback()
def conflict_ner(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find actors, weapons, locations and numbers in conflict reports.

    Check labeled reports, train a model on them, evaluate it, and tag other reports with it.
    """


if __name__ == "__main__":
    main()
