r"""Standard streams made safe for a command: they may be closed, full, broken or in another encoding.

Output that cannot be written is an `OSError` that names standard output. Messages that cannot be written are
dropped without an error: a job of hours does not end because nobody reads its progress.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

OUTPUT = "standard output"
_CLOSED = "is closed, so the results cannot be printed; redirect it to a file or to /dev/null"


class _ClosedOutput(io.TextIOBase):
    """Replacement for a closed standard output: raises an error where Python would drop the text silently."""

    encoding = "utf-8"

    def write(self, text: str) -> NoReturn:
        """Raise an error.

        Raises:
            OSError: naming standard output.
        """
        raise OSError(errno.EBADF, _CLOSED, OUTPUT)


class _ForgivingError:
    """Standard error whose failures (closed, full, no reader) are ignored; all else is passed to the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write if possible."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush if possible."""
        try:
            self._stream.flush()
        except OSError:
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def prepare() -> None:
    """Make the standard streams of a command safe to write to, in UTF-8.

    Streams that were replaced, as in a test, keep their type.
    """
    _restart_in_utf8()
    _occupy_closed_descriptors()
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()  # None where the descriptor was closed
    if sys.stderr is None:  # `print(file=None)` would print messages among the results
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Reports are UTF-8, whatever the locale says; names of files may hold other bytes.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.__stderr__ is not None and sys.stderr is sys.__stderr__:
        sys.stderr = cast("TextIO", _ForgivingError(sys.__stderr__))


def require_output() -> None:
    """Verify that results can be printed, before the work.

    Raises:
        OSError: if standard output is closed.
    """
    if isinstance(sys.stdout, _ClosedOutput):
        sys.stdout.write("")


def flush_output() -> None:
    """Write buffered output, while a failure can still be reported.

    Raises:
        OSError: if it cannot be written; the rest is then dropped, so that Python does not fail on it at exit.
    """
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
        raise


def drop_output() -> None:
    """Send the rest of standard output to /dev/null."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _occupy_closed_descriptors() -> None:
    """Open descriptors 0, 1 and 2 to /dev/null if they are closed: the next file opened would get what is printed."""
    opened = os.open(os.devnull, os.O_RDWR)
    while opened <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(opened, True)
        opened = os.open(os.devnull, os.O_RDWR)
    os.close(opened)


def _restart_in_utf8() -> None:
    """Restart the command in UTF-8 mode if Python takes file names as ASCII (LC_ALL=C, with both its remedies off).

    Only then: names in other scripts are surrogates in this process, which neither JSON nor the libraries that
    load weights and tokenizers accept, and Python cannot change this while it runs.
    """
    arguments = sys.argv[1:]
    is_command = bool(arguments) and sys.orig_argv[-len(arguments) :] == arguments
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode and is_command:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - ourselves
