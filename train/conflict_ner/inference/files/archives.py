"""Reads the members of `.zip` and `.tar` archives one after another; nothing of them is written to the disk.

A member that cannot be opened is a problem under its own name, and the rest goes on. Names in an archive are only
names: one such as `../a.txt` leads nowhere.

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

from conflict_ner.data.formats.compression import READ_ERRORS, compression_suffix, strip_compression_suffix
from conflict_ner.data.formats.file_search import find_hidden_part, printable
from conflict_ner.errors import Problem

_BLOCK = 512  # bytes of a tar archive, which ends with one of zeros
_ENCRYPTED = 1  # bits of a zip member's flags
_UTF8 = 0x800
_END = b"PK\5\6"  # begins what stands at the end of a zip
_END_SIZE = 22
_COUNTS = 1 << 16  # that it can count to
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd"}
_UNOPENED: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError)
_UNPACK = "unpack the archive first"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive, to be read before the next one is asked for.

    file: its name in the archive.
    name: that of the archive and its own, by which it is known; no two members have the same.
    """

    file: str
    name: str
    stream: IO[bytes]


@dataclass(slots=True)
class Contents:
    """Chooses what of an archive is read, and names it.

    wanted: tells by a name whether a file is read; archives are, by themselves, and not in another one.
    hidden: what was left out because of its name.
    found: how many wanted members there were, also those that could not be read.
    """

    archive: str
    kind: Literal["zip", "tar"]
    wanted: Callable[[str], object]
    complain: Callable[[Problem], None]
    hidden: set[str] = field(default_factory=set)
    found: int = 0
    _names: Counter[str] = field(default_factory=Counter)

    def choose(self, file: str, *, is_folder: bool) -> str | None:
        """The name by which a member is known, None if it is not to be read."""
        part = find_hidden_part(file)
        if part is not None:
            if is_folder or part != file or self.wanted(file):
                self.hidden.add(f"{self.archive}/{part}")
            return None
        if is_folder or not self.wanted(file):
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
        """Say why a member is not read."""
        self.complain(Problem(name, what, fix, unreadable=True))


def zip_members(stream: IO[bytes], contents: Contents) -> Iterator[Member]:
    """The members of a zip that are wanted and can be opened, in its order."""
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
                except _UNOPENED as error:
                    contents.refuse(name, f"damaged: {error}", "it is not read; get the archive anew")
                    continue
                yield Member(file, name, opened)
        counted, there = _counted(stream, archive), len(archive.infolist())
        if counted is not None and counted != there % _COUNTS:
            what = f"damaged: it should hold {counted:,} entries, and {there:,} are listed"
            contents.refuse(contents.archive, what, "the others are not read; get the archive anew")


def _counted(stream: IO[bytes], archive: zipfile.ZipFile) -> int | None:
    """How many entries a zip says at its end that it has: a damaged list loses some, and Python does not compare."""
    size = _END_SIZE + len(archive.comment)
    stream.seek(-size, 2)
    end = stream.read(size)
    number = int.from_bytes(end[10:12], "little")
    return number if end.startswith(_END) and number != _COUNTS - 1 else None  # the largest stands for more


def _name_of(info: zipfile.ZipInfo) -> str:
    """A member's name; many programs write UTF-8 without the flag that says so, and Python takes it for cp437."""
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
    named = f"{_METHODS[number]}, " if number in _METHODS else ""
    return f"is packed by a method that is not read ({named}number {number})"


def tar_members(stream: IO[bytes], contents: Contents) -> Iterator[Member]:
    """The files of a tar that are wanted, read once from begin to end.

    Raises:
        EOFError: if it breaks off before its end.
        tarfile.TarError: if it is damaged.
    """
    tail = _Tail(stream)
    with tarfile.open(fileobj=tail, mode="r|", tarinfo=_Entry) as archive:  # type: ignore[call-overload] # it is only read from
        for info in archive:
            name = contents.choose(info.name, is_folder=info.isdir())
            if name is None:
                continue
            opened = archive.extractfile(info) if info.isfile() else None
            if opened is None:
                contents.refuse(name, "is a link, a pipe or a device in a .tar, which is not read")
                continue
            yield Member(info.name, name, opened)
    if not tail.is_whole():
        raise EOFError("the archive breaks off before its end")


class _Entry(tarfile.TarInfo):
    """A header of a tar. A damaged one is an error: `tarfile` itself takes it for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Entry:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined] # not in the stubs
            raise tarfile.ReadError(f"{error}, so a file in it has no beginning") from None


class _Tail:
    """Reads a stream and remembers how it ends."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._last = stream, b""

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._last = (self._last + block)[-_BLOCK:]
        return block

    def is_whole(self) -> bool:
        """Whether the stream, read to its end, ends with a block of zeros."""
        while self.read(1 << 16):
            pass
        return self._last == bytes(_BLOCK)
