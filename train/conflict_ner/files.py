r"""Atomic writes of files and folders: the old or the new content is complete, whenever a process is killed.

A file is written under a temporary name in the same folder and renamed (`atomic_write`). So is a checkpoint folder
(`atomic_folder`), and the checkpoint that it replaces is kept as `NAME.previous` until the next replacement. `NAME`
and `NAME.previous` are complete checkpoints, or absent, at every moment. Hidden folders in the same parent folder
hold the intermediate states; a killed process leaves them behind, and the next export cleans them up:

`.NAME.partial-PID`: a new checkpoint that is being written.
`.NAME.exchange-PID-INODE`: the new checkpoint before it is exchanged with the old one, and the old one
    afterwards. INODE is the old folder's, so it is known which of the two a leftover is.
`.NAME.partial-PID.old`: the old checkpoint, where a file system cannot exchange two folders.
`.NAME.partial-PID.gone`: a `NAME.previous` that is being deleted.

A file that is appended to survives a power loss up to its last complete line, and a lock keeps it to one writer:

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
from tempfile import TemporaryDirectory
from typing import IO, Any, TextIO

from conflict_ner.errors import CheckpointError, ConfigError, Problem

_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_MAX_LINKS = 40  # symbolic links that are followed, as many as Linux follows
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class _NamedStream(io.TextIOWrapper):
    """A text file open for writing whose errors name the target."""

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
    """Make system errors raised in the block name the file by the path that the user knows."""
    try:
        yield
    except OSError as error:
        error.filename = str(target)
        raise


def file_descriptor(target: Path) -> int | None:
    """Return the descriptor of the open file that a path such as `/dev/stdout` or `/dev/fd/3` stands for.

    >>> file_descriptor(Path("/dev/stdout")), file_descriptor(Path("/dev/fd/3")), file_descriptor(Path("out.csv"))
    (1, 3, None)
    """
    for _ in range(_MAX_LINKS):
        name = str(target)
        number = _DESCRIPTOR.fullmatch(name)
        if number or name in _STREAMS:
            return int(number[1]) if number else _STREAMS[name]
        if not target.is_symlink():
            break
        target = target.parent / target.readlink()
    return None


def is_device(target: Path | None) -> bool:
    """Return whether an output is written to directly: a device, a pipe or an open file, which cannot be replaced."""
    if target is None:
        return False
    return file_descriptor(target) is not None or (target.exists() and not target.is_file() and not target.is_dir())


@contextmanager
def atomic_write(target: Path) -> Iterator[TextIO]:
    """Open a file that replaces the target when the block ends without an error; a device is written to directly.

    Raises:
        IsADirectoryError: if the target is a folder.
        OSError: if it cannot be written.
    """
    descriptor = file_descriptor(target)
    if descriptor is not None:
        # The open file itself: opened by its path it would be truncated, and a pipe could not be opened at all.
        with name_in_errors(target):
            raw = os.fdopen(os.dup(descriptor), "wb")
        with _NamedStream(raw, target) as stream:
            yield stream
        return
    named_target, target = target, target.resolve()
    if is_device(named_target) or target.is_dir():
        with _NamedStream(target.open("wb"), named_target) as stream:
            yield stream
        return
    # Under another name first: the output of an interrupted run must not look like a finished one.
    partial = target.with_name(f".{target.name}.partial")
    with name_in_errors(target):
        stream = _NamedStream(partial.open("wb"), target)
        _copy_mode(target, partial)  # before anything is in it: what others may not read, they may not read now
    try:
        with stream:
            yield stream
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_path(target: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """Yield a path for a new file or folder that replaces the target when the block ends without an error.

    What is written for a device is copied to it in the end. A folder may replace only an empty one.

    Raises:
        OSError: if the target cannot be written, before the block.
    """
    if not is_folder and is_device(target):
        with TemporaryDirectory() as folder:
            yield (draft := Path(folder) / target.name)
            with atomic_write(target) as stream, draft.open("rb") as content:
                shutil.copyfileobj(content, stream.buffer)
        return
    if is_folder:
        require_new_folder(target)
    else:
        require_writable(target)
    draft = target.resolve().with_name(f".partial-{target.resolve().name}")  # the ending stays: libraries go by it
    try:
        _remove(draft)
        yield draft
        _copy_mode(target, draft)
        draft.replace(target.resolve())
    except OSError as error:
        error.filename = str(target) if error.filename in (None, str(draft)) else error.filename
        raise
    finally:
        _remove(draft)


def _copy_mode(target: Path, draft: Path) -> None:
    """Give a file the permissions of the one that it will replace, if there is one."""
    if target.is_file():
        shutil.copymode(target, draft)


def require_new_folder(target: Path) -> None:
    """Raise if a folder cannot be written, before the work for it.

    Raises:
        OSError: if there is something other than an empty folder, or the folder above does not exist.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(errno.EEXIST, "exists and is not an empty folder", str(target))
    if not target.exists():
        require_writable(target)


def require_writable(target: Path) -> None:
    """Raise if an output cannot be written, before the work for it.

    Raises:
        OSError: if its folder does not exist or is not writable, or it is a folder itself.
    """
    if is_device(target):
        return
    folder = target.resolve().parent
    checks = [
        (target.is_dir(), errno.EISDIR),
        (not folder.exists(), errno.ENOENT),
        (not folder.is_dir(), errno.ENOTDIR),
        (not os.access(folder, os.W_OK), errno.EACCES),
    ]
    number = next((number for failed, number in checks if failed), None)
    if number is not None:
        raise OSError(number, os.strerror(number), str(target))


def as_paths(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the paths that a script names, be it one or several, as strings or as Path.

    A string is one path, never a path for each of its characters:

    >>> as_paths("data") == as_paths(["data"]) == as_paths(Path("data")) == [Path("data")]
    True
    """
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def is_same_file(first: Path | None, second: Path | None) -> bool:
    """Return whether two outputs, either of which may be None, would be the same file."""
    return first is not None and second is not None and first.resolve() == second.resolve()


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def short_path(path: Path) -> str:
    """Return a path relative to the working folder if it is inside it, else as it is."""
    try:
        working_folder = Path.cwd()
    except OSError:  # the working folder was the checkpoint that has been replaced
        return str(path)
    return str(path.relative_to(working_folder)) if path.is_relative_to(working_folder) else str(path)


def parse_complete_lines(raw: bytes) -> tuple[list[dict[str, Any]], int]:
    """Parse JSON lines up to the first that a kill or a power loss cut off; return them and their length in bytes."""
    records, length = [], 0
    for line in raw.splitlines(keepends=True):
        try:
            records.append(json.loads(line if line.endswith(b"\n") else b""))
        except ValueError:
            break
        length += len(line)
    return records, length


def lock_output(stream: IO[bytes], target: Path) -> None:
    """Lock an output against other processes by locking an open file that belongs to it.

    Raises:
        ConfigError: if another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = "another process is writing it at this moment"
        raise ConfigError("the output", [Problem(str(target), message, "let it end, or name another output")]) from None


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a file created or renamed in it survives a power loss; do nothing if it cannot be."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_folder(folder: Path, refuse_non_checkpoint: Callable[[Path], None]) -> Iterator[Path]:
    """Create a draft folder that replaces `folder` when the block ends without an error.

    The checkpoint that it replaces is kept as `NAME.previous`. If the process is killed or the block raises,
    `folder` is either unchanged or replaced completely.

    Args:
        refuse_non_checkpoint: raises if a folder is something other than a checkpoint, and may not be replaced.

    Raises:
        CheckpointError: if the folder cannot be written or replaced.
        Exception: whatever `refuse_non_checkpoint` raises for `folder` or `NAME.previous`.
    """
    refuse_non_checkpoint(folder)
    folder = folder.resolve()  # a symbolic link stays, and its target is replaced
    if folder.exists():
        refuse_non_checkpoint(previous_folder(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(folder)
        draft_folder = folder.parent / f".{folder.name}.partial-{os.getpid()}"
        draft_folder.mkdir()
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        yield draft_folder
        try:
            _replace_folder(folder, draft_folder)
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be replaced: {error.strerror}") from None
    finally:
        _remove(draft_folder)


def _clear_leftovers(folder: Path) -> None:
    """Finish or undo what killed exports left behind."""
    prefix = rf"\.{re.escape(folder.name)}\."
    for leftover in folder.parent.iterdir():
        name = re.fullmatch(rf"{prefix}(?:partial-(\d+)(\.old|\.gone)?|exchange-(\d+)-(\d+))", leftover.name)
        if not name or _is_other_process(int(name[1] or name[3])):
            continue
        if name[2] == ".old" and not folder.exists():
            leftover.rename(folder)
        elif name[2] == ".old" or (name[4] and leftover.stat().st_ino == int(name[4])):
            _keep_as_previous(leftover, folder)
        else:
            _remove(leftover)


def _replace_folder(folder: Path, draft_folder: Path) -> None:
    if not folder.exists():
        draft_folder.rename(folder)
        return
    exchange_folder = folder.parent / f".{folder.name}.exchange-{os.getpid()}-{folder.stat().st_ino}"
    draft_folder.rename(exchange_folder)
    if _exchange(exchange_folder, folder):
        _keep_as_previous(exchange_folder, folder)  # after the exchange it is the old one
        return
    # Without an atomic exchange `folder` does not exist between two renames.
    old = draft_folder.with_name(f"{draft_folder.name}.old")
    folder.rename(old)
    exchange_folder.rename(folder)
    _keep_as_previous(old, folder)


def _keep_as_previous(old: Path, folder: Path) -> None:
    """Rename the folder that was replaced to `NAME.previous`; delete it if it was empty, so no checkpoint."""
    previous = previous_folder(folder)
    if not (old / "manifest.json").is_file():
        _remove(old)
    elif not os.path.lexists(previous):
        old.rename(previous)
    elif _exchange(old, previous):
        _remove(old)
    else:
        to_delete = folder.parent / f".{folder.name}.partial-{os.getpid()}.gone"
        previous.rename(to_delete)
        old.rename(previous)
        _remove(to_delete)


def previous_folder(folder: Path) -> Path:
    """Return the folder in which a checkpoint at `folder` is kept when it is replaced."""
    folder = folder.resolve()  # a symbolic link stays, and its target is replaced
    return folder.with_name(f"{folder.name}.previous")


def _remove(path: Path) -> None:
    """Delete a folder or a file; if it is a symbolic link, only the link."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders atomically (Linux: renameat2); return False where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    at_cwd, exchange = -100, 2
    if renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):  # the file system or the kernel cannot
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _is_other_process(process: int) -> bool:
    """Return whether a process id is of a running process other than this one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
