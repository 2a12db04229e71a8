"""Reads the members of `.zip` and `.tar` archives one after another, without writing them to the disk.

A member that cannot be opened is reported as a problem under its own name, and the others are read. Names in an
archive are never used as paths: a name such as `../a.txt` is harmless.

>>> from io import BytesIO
>>> packed = BytesIO()
>>> with zipfile.ZipFile(packed, "w") as archive:
...     archive.writestr("a.txt", "Goma fell.")
...     archive.writestr("__MACOSX/._a.txt", "")
>>> contents = Contents("r.zip", "zip", lambda name: name.endswith(".txt"), print)
>>> [(member.name, member.stream.read()) for member in zip_members(packed, contents)], contents.hidden
([('r.zip/a.txt', b'Goma fell.')], {'r.zip/__MACOSX'})
"""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Literal

from conflict_ner.data.text_files.compression import READ_ERRORS, compression_suffix, strip_compression_suffix
from conflict_ner.data.text_files.file_search import find_hidden_part, printable
from conflict_ner.errors import Problem

_BLOCK = 512  # bytes of a block of a tar archive, which ends with a block of zeros
_ENCRYPTED = 1  # bits of a zip member's flags
_UTF8 = 0x800
_END_RECORD = b"PK\5\6"  # the signature of the "end of central directory" record of a zip
_END_RECORD_SIZE = 22  # bytes, without the archive's comment
_COUNT_LIMIT = 1 << 16  # the record counts entries modulo this
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd"}
_OPEN_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError)
_UNPACK = "unpack the archive first"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive; its stream can be read only until the next member is requested.

    file: its name in the archive.
    name: the archive's name and its own, unique among the archive's members.
    """

    file: str
    name: str
    stream: IO[bytes]


@dataclass(slots=True)
class Contents:
    """Chooses the members of an archive to read, and gives them unique names.

    is_wanted: returns by its name whether a file is to be read. An archive within an archive is a problem.
    complain: called with each problem.
    hidden: collects the names of hidden files and folders, which are left out.
    found: the number of wanted members, including those that could not be read.
    """

    archive: str
    kind: Literal["zip", "tar"]
    is_wanted: Callable[[str], object]
    complain: Callable[[Problem], None]
    hidden: set[str] = field(default_factory=set)
    found: int = 0
    _names: Counter[str] = field(default_factory=Counter)

    def choose(self, file: str, *, is_folder: bool) -> str | None:
        """Return the unique name of a member; None if it is not to be read."""
        part = find_hidden_part(file)
        if part is not None:
            if is_folder or part != file or self.is_wanted(file):
                self.hidden.add(f"{self.archive}/{part}")
            return None
        if is_folder or not self.is_wanted(file):
            return None
        self.found += 1
        name = f"{self.archive}/{printable(file)}"
        self._names[name] += 1
        if self._names[name] > 1:
            name += f"#{self._names[name]}"
        inner = strip_compression_suffix(file).lower() if compression_suffix(file) else file.lower()
        if inner.endswith((".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst")):
            self.refuse(name, f"an archive in a .{self.kind} is not read", "unpack it first")
            return None
        return name

    def refuse(self, name: str, what: str, fix: str = _UNPACK) -> None:
        """Report a member that is not read."""
        self.complain(Problem(name, what, fix, unreadable=True))


def zip_members(stream: IO[bytes], contents: Contents) -> Iterator[Member]:
    """Yield the members of a zip that are wanted and can be opened, in its order."""
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            file = _name_of(info)
            name = contents.choose(file, is_folder=info.is_dir())
            if name is None:
                continue
            if info.flag_bits & _ENCRYPTED:
                contents.refuse(name, "is locked with a password")
                continue
            with ExitStack() as stack:
                try:
                    opened = stack.enter_context(archive.open(info))
                except NotImplementedError as error:
                    contents.refuse(name, _unknown_method(info, error))
                    continue
                except _OPEN_ERRORS as error:
                    contents.refuse(name, f"damaged: {error}", "it is not read; get the archive anew")
                    continue
                yield Member(file, name, opened)
        expected, listed = _entry_count(stream, archive), len(archive.infolist())
        if expected is not None and expected != listed % _COUNT_LIMIT:
            what = f"damaged: it should hold {expected:,} entries, and {listed:,} are listed"
            contents.refuse(contents.archive, what, "the others are not read; get the archive anew")


def _entry_count(stream: IO[bytes], archive: zipfile.ZipFile) -> int | None:
    """Return the number of entries in a zip's end record; None if it has none or the number is too large for it.

    Python does not compare it with the entries that it lists, and a damaged list loses some.
    """
    size = _END_RECORD_SIZE + len(archive.comment)
    stream.seek(-size, 2)
    record = stream.read(size)
    count = int.from_bytes(record[10:12], "little")
    return count if record.startswith(_END_RECORD) and count != _COUNT_LIMIT - 1 else None


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return a member's name. Many programs write UTF-8 without setting its flag, and Python reads it as cp437."""
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _unknown_method(info: zipfile.ZipInfo, error: NotImplementedError) -> str:
    number = info.compress_type
    if number in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed in a way that is not read: {error}"
    name = f"{_METHODS[number]}, " if number in _METHODS else ""
    return f"is packed by a method that is not read ({name}number {number})"


def tar_members(stream: IO[bytes], contents: Contents) -> Iterator[Member]:
    """Yield the files of a tar that are wanted, in one pass from beginning to end.

    Raises:
        EOFError: if it is truncated.
        tarfile.TarError: if it is damaged.
    """
    monitored = _TailMonitor(stream)
    with tarfile.open(fileobj=monitored, mode="r|", tarinfo=_Entry) as archive:  # type: ignore[call-overload] # it is only read from
        for info in archive:
            name = contents.choose(info.name, is_folder=info.isdir())
            if name is None:
                continue
            opened = archive.extractfile(info) if info.isfile() else None
            if opened is None:
                contents.refuse(name, "is a link, a pipe or a device in a .tar, which is not read")
                continue
            yield Member(info.name, name, opened)
    if not monitored.is_complete():
        raise EOFError("the archive breaks off before its end")


class _Entry(tarfile.TarInfo):
    """A header of a tar. A damaged header raises an error; `tarfile` itself takes it for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Entry:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined] # not in the stubs
            raise tarfile.ReadError(f"{error}, so a file in it has no beginning") from None


class _TailMonitor:
    """Reads a stream and keeps the last block that was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._last_block = stream, b""

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._last_block = (self._last_block + data)[-_BLOCK:]
        return data

    def is_complete(self) -> bool:
        """Read the stream to its end and return whether it ends with a block of zeros."""
        while self.read(1 << 16):
            pass
        return self._last_block == bytes(_BLOCK)
