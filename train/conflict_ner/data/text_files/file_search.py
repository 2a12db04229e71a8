r"""Search of folders for files, and the rule for hidden entries, which also applies to archives.

Hidden are names that begin with `.`, the lock files of office programs (`~$report.txt`) and `__MACOSX`: entries that
tools create next to a person's reports. They are left out and counted. A path that the user names is never hidden,
only entries below it.

>>> find_hidden_part("notes/.git/HEAD"), find_hidden_part("./notes/../a.txt"), is_hidden("~$report.txt")
('notes/.git', None, True)
>>> printable("caf\udce9.txt")
'caf\\xe9.txt'
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from conflict_ner.errors import Problem

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_STRAY_BYTES = range(0xDC80, 0xDD00)  # how Python represents bytes of a name that are not UTF-8
_RELATIVE = (".", "..")


def is_hidden(name: str) -> bool:
    """Return whether an entry of a folder or archive is hidden, by its name alone."""
    return name not in _RELATIVE and (name.startswith((".", "~$")) or name == "__MACOSX")


def find_hidden_part(name: str) -> str | None:
    """Return a path in an archive up to its first hidden part; None if no part is hidden."""
    parts = re.split(r"[/\\]", name)
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if is_hidden(part)), None)


def printable(name: str | Path) -> str:
    r"""Return a file's name as one line of UTF-8 text, with other bytes and control characters escaped."""
    return _UNPRINTABLE.sub(_escape, str(name))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    is_half = code >= 0xD800 and code not in _STRAY_BYTES  # noqa: PLR2004 - of a surrogate pair
    return f"\\u{code:04x}" if is_half else f"\\x{code & 0xFF:02x}"


def describe_hidden(hidden: Collection[str]) -> str:
    """Describe in one line the entries that were left out because they are hidden.

    >>> describe_hidden({"notes/.git", "notes/._a.txt"})
    '2 hidden entries left out, such as notes/._a.txt; a path that you name is read'
    """
    entries = "1 hidden entry" if len(hidden) == 1 else f"{len(hidden):,} hidden entries"
    example = printable(min(hidden))
    return f"{entries} left out, {'such as ' if len(hidden) > 1 else ''}{example}; a path that you name is read"


@dataclass(slots=True)
class SearchResult:
    """The result of searching a folder.

    files: the files found, sorted by path.
    problems: one for each entry that could not be examined; the others were searched.
    hidden: paths that were left out because they are hidden.
    others: files with such a name that the caller then left out.
    """

    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def search_folder(folder: Path, is_wanted: Callable[[str], object]) -> SearchResult:
    """Search a folder and everything below it for files with names for which `is_wanted` is true.

    Links are followed. A folder that several links lead to is searched once, so cycles end. If it lies below the
    searched folder itself, its files are found under its own path and not under a link.
    """
    result = SearchResult()
    search = _Search(result, is_wanted)
    pending = [folder]
    while pending:
        # Folders before the links to them, so that files are found under their own paths.
        folders, pending = pending, []
        for start in folders:
            pending += search.search(start)
        pending.sort()
    result.files.sort()
    result.problems.sort(key=lambda problem: problem.where)
    result.hidden.sort()
    return result


@dataclass(slots=True)
class _Search:
    result: SearchResult
    is_wanted: Callable[[str], object]
    seen: set[tuple[int, int]] = field(default_factory=set)  # device and inode of each folder searched

    def search(self, folder: Path) -> list[Path]:
        """Search a folder and its subfolders, each unless it has been searched; return the links to other folders."""
        links: list[Path] = []
        folders = [folder]
        while folders:
            current = folders.pop()
            try:
                status = current.stat()
                if (status.st_dev, status.st_ino) in self.seen:
                    continue
                self.seen.add((status.st_dev, status.st_ino))
                with os.scandir(current) as entries:
                    for entry in sorted(entries, key=lambda entry: entry.name):
                        self._add_entry(entry, current / entry.name, folders, links)
            except OSError as error:
                self._report(current, f"cannot be read: {error.strerror or error}", "check its permissions")
        return links

    def _add_entry(self, entry: os.DirEntry[str], path: Path, folders: list[Path], links: list[Path]) -> None:
        try:
            is_folder = entry.is_dir()
            # For a broken link `is_dir` and `is_file` are false, and `stat` raises an error.
            exists = is_folder or entry.is_file() or bool(entry.stat())
        except OSError as error:
            if is_hidden(entry.name):
                self.result.hidden.append(str(path))
            elif entry.is_symlink():
                self._report(path, f"is a broken link: {error.strerror}", "repair or remove it")
            else:
                self._report(path, f"cannot be read: {error.strerror}", "check its permissions")
            return
        if is_hidden(entry.name):
            if is_folder or self.is_wanted(entry.name):
                self.result.hidden.append(str(path))
        elif is_folder:
            (links if entry.is_symlink() else folders).append(path)
        elif self.is_wanted(entry.name):
            if exists and entry.is_file():
                self.result.files.append(path)
            else:
                self._report(path, "is a pipe or a device, not a file", "to read it, name it")

    def _report(self, path: Path, what: str, fix: str) -> None:
        self.result.problems.append(Problem(printable(path), what, fix, unreadable=True))
