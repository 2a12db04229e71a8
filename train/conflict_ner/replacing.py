"""How a checkpoint folder gets into its place: whole or not at all, whenever a process is killed."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conflict_ner.checkpoint import refuse_other_folder
from conflict_ner.errors import CheckpointError


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place when the block ends well.

    Killed at any moment, or left by an error, the old folder stays as it was; a killed
    process leaves its `.NAME.partial-*` folder, which the next export clears away.

    Raises:
        CheckpointError: if `folder` exists and is something other than a checkpoint.
    """
    refuse_other_folder(folder)
    folder = folder.resolve()  # of a link it is the folder behind it that is replaced
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(folder)
        aside = folder.parent / f".{folder.name}.partial-{os.getpid()}"
        aside.mkdir()
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        yield aside
        try:
            _put_in_place(aside, folder)
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be replaced: {error.strerror}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _clear_leftovers(folder: Path) -> None:
    """Remove what exports left that were killed; put back a folder that one had just moved away."""
    for left in folder.parent.iterdir():
        name = re.fullmatch(rf"\.{re.escape(folder.name)}\.partial-(\d+)(\.old)?", left.name)
        if name and not _alive(int(name[1])):
            if name[2] and not folder.exists():
                left.rename(folder)
            else:
                shutil.rmtree(left, ignore_errors=True)


def _put_in_place(aside: Path, folder: Path) -> None:
    if folder.exists():
        if _exchange(aside, folder):
            return  # the old content is now aside and is cleared away
        # Without an atomic exchange the old folder is away for the time of one rename.
        old = aside.with_name(f"{aside.name}.old")
        folder.rename(old)
        aside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        aside.rename(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux: renameat2)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    at_cwd, exchange = -100, 2
    if renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):  # a file system without it
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
