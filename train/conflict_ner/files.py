"""Files: writing them so that a broken-off run never looks like a finished one, and telling them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replaced(target: Path) -> Iterator[TextIO]:
    """A file that takes the target's place when the block ends well; a device is written to directly.

    Raises:
        IsADirectoryError: if the target is a folder.
        OSError: if it cannot be written.
    """
    target = target.resolve()
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        return
    # Aside first: a broken-off run must not look like a finished one.
    aside = target.with_name(f".{target.name}.partial")
    try:
        stream = aside.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        error.filename = str(target)  # the name that the user knows
        raise
    try:
        with stream:
            yield stream
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


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
