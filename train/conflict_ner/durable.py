r"""What a file needs to outlast a kill or a power loss: whole lines, synced folders, one writer.

>>> whole_lines(b'{"done": 1}\n{"done": 2}\n{"do')
([{'done': 1}, {'done': 2}], 24)
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from conflict_ner.errors import ConfigError, Problem


def whole_lines(raw: bytes) -> tuple[list[dict[str, Any]], int]:
    """The lines up to the first that a kill or a power loss broke off, and their length in bytes."""
    said, length = [], 0
    for each in raw.splitlines(keepends=True):
        try:
            said.append(json.loads(each if each.endswith(b"\n") else b""))
        except ValueError:
            break
        length += len(each)
    return said, length


def lock(stream: IO[bytes], target: Path) -> None:
    """Keep other processes from an output, by a file of it that is open.

    Raises:
        ConfigError: if another process does.
    """
    try:
        import fcntl
    except ImportError:  # a system without it
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = "another process is writing it at this moment"
        raise ConfigError("the output", [Problem(str(target), said, "let it end, or name another output")]) from None


def to_disk(folder: Path) -> None:
    """Make a name that was given in a folder outlast a power loss, where folders can be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
