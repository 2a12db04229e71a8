"""Files: writing them so that a broken-off run never looks like a finished one, and telling them apart."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_LINKS = 40  # that a name may lead through; Linux follows as many
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class _NamedStream(io.TextIOWrapper):
    """A file of text that is written, whose errors name it."""

    def __init__(self, raw: IO[bytes], target: Path) -> None:
        super().__init__(raw, encoding="utf-8", newline="\n")
        self.target = target

    def write(self, text: str) -> int:
        with naming(self.target):
            return super().write(text)

    def flush(self) -> None:
        with naming(self.target):
            super().flush()

    def close(self) -> None:
        with naming(self.target):
            super().close()


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Let errors of the system in the block name a file, under the name that the user knows."""
    try:
        yield
    except OSError as error:
        error.filename = str(target)
        raise


def descriptor_of(target: Path) -> int | None:
    """The number of the open file that a name such as `/dev/stdout` or `/dev/fd/3` stands for.

    >>> descriptor_of(Path("/dev/stdout")), descriptor_of(Path("/dev/fd/3")), descriptor_of(Path("out.csv"))
    (1, 3, None)
    """
    for _ in range(_LINKS):
        name = str(target)
        number = _DESCRIPTOR.fullmatch(name)
        if number or name in _STREAMS:
            return int(number[1]) if number else _STREAMS[name]
        if not target.is_symlink():
            break
        target = target.parent / target.readlink()
    return None


def is_device(target: Path | None) -> bool:
    """Whether an output is written to directly: a device, a pipe or an open file, which nothing can replace."""
    if target is None:
        return False
    return descriptor_of(target) is not None or (target.exists() and not target.is_file() and not target.is_dir())


@contextmanager
def replaced(target: Path) -> Iterator[TextIO]:
    """A file that takes the target's place when the block ends well; a device is written to directly.

    Raises:
        IsADirectoryError: if the target is a folder.
        OSError: if it cannot be written.
    """
    descriptor = descriptor_of(target)
    if descriptor is not None:
        # The open file itself: by its name it would be truncated, or not be found at all where it is a pipe.
        with naming(target):
            raw = os.fdopen(os.dup(descriptor), "wb")
        with _NamedStream(raw, target) as stream:
            yield stream
        return
    shown, target = target, target.resolve()
    if is_device(shown) or target.is_dir():
        with _NamedStream(target.open("wb"), shown) as stream:
            yield stream
        return
    # Aside first: a broken-off run must not look like a finished one.
    aside = target.with_name(f".{target.name}.partial")
    with naming(target):
        stream = _NamedStream(aside.open("wb"), target)
    try:
        with stream:
            yield stream
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def require_writable(target: Path) -> None:
    """See that an output can be written, before the work for it.

    Raises:
        OSError: if its folder is not there or may not be written in, or it is a folder itself.
    """
    if is_device(target):
        return
    folder = target.resolve().parent
    wrong = errno.EISDIR if target.is_dir() else errno.ENOENT if not folder.exists() else 0
    wrong = wrong or (errno.ENOTDIR if not folder.is_dir() else 0 if os.access(folder, os.W_OK) else errno.EACCES)
    if wrong:
        raise OSError(wrong, os.strerror(wrong), str(target))


def one_file(first: Path | None, second: Path | None) -> bool:
    """Whether two outputs, each of them optional, would be one file."""
    return first is not None and second is not None and first.resolve() == second.resolve()


def sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def short(path: Path) -> str:
    """A path as one would type it here."""
    try:
        here = Path.cwd()
    except OSError:  # the working folder was the checkpoint that has been replaced
        return str(path)
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
