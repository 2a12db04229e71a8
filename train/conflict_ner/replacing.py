"""Puts a checkpoint folder into its place, whole or not at all whenever a process is killed, and keeps the old one.

The checkpoint that is replaced is kept as `NAME.previous` until the next replacement. `NAME` and
`NAME.previous` are whole checkpoints, or absent, at every moment. Hidden folders beside them hold what is
on its way; a killed process leaves them, and the next export clears them up:

`.NAME.partial-PID`: a new checkpoint that is being written.
`.NAME.exchange-PID-INODE`: the new checkpoint before it is exchanged with the old one, and the old one
    after it. INODE is the old folder's, so the content of a leftover is known.
`.NAME.partial-PID.old`: the old checkpoint, where a file system cannot exchange two folders.
`.NAME.partial-PID.gone`: a `NAME.previous` that is being deleted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conflict_ner.errors import CheckpointError


@contextmanager
def written_aside(folder: Path, refuse_other_folder: Callable[[Path], None]) -> Iterator[Path]:
    """Give a new folder beside `folder` that takes its place when the block ends well.

    A checkpoint that was there is kept as `NAME.previous`. Killed at any moment, or left by an error,
    the old folder stays as it was or the new one is in its place.

    Args:
        refuse_other_folder: raises if a folder is something other than a checkpoint, and may not be replaced.

    Raises:
        CheckpointError: if the folder cannot be written or replaced, and what `refuse_other_folder` raises of
            `folder` and `NAME.previous`.
    """
    refuse_other_folder(folder)
    folder = folder.resolve()  # of a link it is the folder behind it that is replaced
    if folder.exists():
        refuse_other_folder(previous(folder))
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
        _remove(aside)


def _clear_leftovers(folder: Path) -> None:
    """Finish or undo what killed exports left behind."""
    mine = rf"\.{re.escape(folder.name)}\."
    for left in folder.parent.iterdir():
        name = re.fullmatch(rf"{mine}(?:partial-(\d+)(\.old|\.gone)?|exchange-(\d+)-(\d+))", left.name)
        if not name or _alive(int(name[1] or name[3])):
            continue
        if name[2] == ".old" and not folder.exists():
            left.rename(folder)
        elif name[2] == ".old" or (name[4] and left.stat().st_ino == int(name[4])):
            _keep(left, folder)
        else:
            _remove(left)


def _put_in_place(aside: Path, folder: Path) -> None:
    if not folder.exists():
        aside.rename(folder)
        return
    ready = folder.parent / f".{folder.name}.exchange-{os.getpid()}-{folder.stat().st_ino}"
    aside.rename(ready)
    if _exchange(ready, folder):
        _keep(ready, folder)
        return
    # Without an atomic exchange the old folder is away for the time of one rename.
    old = aside.with_name(f"{aside.name}.old")
    folder.rename(old)
    ready.rename(folder)
    _keep(old, folder)


def _keep(old: Path, folder: Path) -> None:
    """Make the folder that was replaced `NAME.previous`; an empty one is no checkpoint and goes."""
    kept = previous(folder)
    if not (old / "manifest.json").is_file():
        _remove(old)
    elif not os.path.lexists(kept):
        old.rename(kept)
    elif _exchange(old, kept):
        _remove(old)
    else:
        gone = folder.parent / f".{folder.name}.partial-{os.getpid()}.gone"
        kept.rename(gone)
        old.rename(kept)
        _remove(gone)


def previous(folder: Path) -> Path:
    """Name the folder in which the checkpoint that is replaced next is kept."""
    folder = folder.resolve()  # of a link it is the folder behind it that is replaced
    return folder.with_name(f"{folder.name}.previous")


def _remove(path: Path) -> None:
    """Delete a folder; of a link only the link, what it leads to is somebody else's."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


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
