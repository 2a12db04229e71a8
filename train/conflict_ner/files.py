r"""Files and folders that are written whole or not at all, whenever a process is killed.

A file is written beside its target and renamed (`atomic_write`). A checkpoint folder is too (`atomic_folder`), and
the checkpoint that it replaces is kept as `NAME.previous` until the next replacement. `NAME` and
`NAME.previous` are whole checkpoints, or absent, at every moment. Hidden folders beside them hold what is
on its way; a killed process leaves them, and the next export clears them up:

`.NAME.partial-PID`: a new checkpoint that is being written.
`.NAME.exchange-PID-INODE`: the new checkpoint before it is exchanged with the old one, and the old one
    after it. INODE is the old folder's, so the content of a leftover is known.
`.NAME.partial-PID.old`: the old checkpoint, where a file system cannot exchange two folders.
`.NAME.partial-PID.gone`: a `NAME.previous` that is being deleted.

A file that grows outlasts a power loss by whole lines and synced folders, and a lock keeps it to one writer:

>>> parse_complete_lines(b'{"done": 1}\n{"done": 2}\n{"do')
([{'done': 1}, {'done': 2}], 24)
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from conflict_ner.errors import CheckpointError, ConfigError, Problem

_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_LINKS = 40  # that a name may lead through; Linux follows as many
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class _NamedStream(io.TextIOWrapper):
    """A file of text that is written, whose errors name it."""

    def __init__(self, raw: IO[bytes], target: Path) -> None:
        super().__init__(raw, encoding="utf-8", newline="\n")
        self.target = target

    def write(self, text: str) -> int:
        with name_in_errors(self.target):
            return super().write(text)

    def flush(self) -> None:
        with name_in_errors(self.target):
            super().flush()

    def close(self) -> None:
        with name_in_errors(self.target):
            super().close()


@contextmanager
def name_in_errors(target: Path) -> Iterator[None]:
    """Let errors of the system in the block name a file, under the name that the user knows."""
    try:
        yield
    except OSError as error:
        error.filename = str(target)
        raise


def file_descriptor(target: Path) -> int | None:
    """The number of the open file that a name such as `/dev/stdout` or `/dev/fd/3` stands for.

    >>> file_descriptor(Path("/dev/stdout")), file_descriptor(Path("/dev/fd/3")), file_descriptor(Path("out.csv"))
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
    return file_descriptor(target) is not None or (target.exists() and not target.is_file() and not target.is_dir())


@contextmanager
def atomic_write(target: Path) -> Iterator[TextIO]:
    """A file that takes the target's place when the block ends well; a device is written to directly.

    Raises:
        IsADirectoryError: if the target is a folder.
        OSError: if it cannot be written.
    """
    descriptor = file_descriptor(target)
    if descriptor is not None:
        # The open file itself: by its name it would be truncated, or not be found at all where it is a pipe.
        with name_in_errors(target):
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
    with name_in_errors(target):
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


def as_paths(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the paths that a script names, be it one or several, as strings or as Path.

    A string is one path, never a path for each of its characters:

    >>> as_paths("data") == as_paths(["data"]) == as_paths(Path("data")) == [Path("data")]
    True
    """
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def is_same_file(first: Path | None, second: Path | None) -> bool:
    """Whether two outputs, each of them optional, would be one file."""
    return first is not None and second is not None and first.resolve() == second.resolve()


def sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def short_path(path: Path) -> str:
    """A path as one would type it here."""
    try:
        here = Path.cwd()
    except OSError:  # the working folder was the checkpoint that has been replaced
        return str(path)
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def parse_complete_lines(raw: bytes) -> tuple[list[dict[str, Any]], int]:
    """The lines up to the first that a kill or a power loss broke off, and their length in bytes."""
    said, length = [], 0
    for each in raw.splitlines(keepends=True):
        try:
            said.append(json.loads(each if each.endswith(b"\n") else b""))
        except ValueError:
            break
        length += len(each)
    return said, length


def lock_output(stream: IO[bytes], target: Path) -> None:
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


def sync_folder(folder: Path) -> None:
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


@contextmanager
def atomic_folder(folder: Path, refuse_non_checkpoint: Callable[[Path], None]) -> Iterator[Path]:
    """Give a new folder beside `folder` that takes its place when the block ends well.

    A checkpoint that was there is kept as `NAME.previous`. Killed at any moment, or left by an error,
    the old folder stays as it was or the new one is in its place.

    Args:
        refuse_non_checkpoint: raises if a folder is something other than a checkpoint, and may not be replaced.

    Raises:
        CheckpointError: if the folder cannot be written or replaced, and what `refuse_non_checkpoint` raises of
            `folder` and `NAME.previous`.
    """
    refuse_non_checkpoint(folder)
    folder = folder.resolve()  # of a link it is the folder behind it that is replaced
    if folder.exists():
        refuse_non_checkpoint(previous_folder(folder))
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
    kept = previous_folder(folder)
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


def previous_folder(folder: Path) -> Path:
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
