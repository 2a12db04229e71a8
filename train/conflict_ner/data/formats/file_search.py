r"""Searches folders for files, and says which names count as hidden; archives follow the same rules.

Hidden are names that begin with `.`, the lock files of office programs (`~$report.txt`) and `__MACOSX`: what tools
leave beside the reports of a person. They are left out and counted. A path that the user names is never hidden, only
what lies below it.

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
_STRAY_BYTES = range(0xDC80, 0xDD00)  # how Python writes bytes of a name that are not UTF-8
_HERE = (".", "..")


def is_hidden(name: str) -> bool:
    """Whether an entry of a folder or an archive is one that tools put there, by its name alone."""
    return name not in _HERE and (name.startswith((".", "~$")) or name == "__MACOSX")


def find_hidden_part(name: str) -> str | None:
    """The path in an archive up to its first hidden entry, None if nothing in it is hidden."""
    parts = re.split(r"[/\\]", name)
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if is_hidden(part)), None)


def printable(name: str | Path) -> str:
    r"""A file's name as text that can be written as UTF-8, on one line: other bytes and control characters escaped."""
    return _UNPRINTABLE.sub(_escape, str(name))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    is_half = code >= 0xD800 and code not in _STRAY_BYTES  # noqa: PLR2004 - of a surrogate pair
    return f"\\u{code:04x}" if is_half else f"\\x{code & 0xFF:02x}"


def describe_hidden(hidden: Collection[str]) -> str:
    """Say in one line which entries were left out because they are hidden.

    >>> describe_hidden({"notes/.git", "notes/._a.txt"})
    '2 hidden entries left out, such as notes/._a.txt; what you name is read'
    """
    entries = "1 hidden entry" if len(hidden) == 1 else f"{len(hidden):,} hidden entries"
    example = printable(min(hidden))
    return f"{entries} left out, {'such as ' if len(hidden) > 1 else ''}{example}; what you name is read"


@dataclass(slots=True)
class SearchResult:
    """What a search of a folder found.

    files: in the order of their names.
    problems: entries that could not be looked at, the rest was searched.
    hidden: paths that were left out because of their names.
    """

    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def search_folder(folder: Path, wanted: Callable[[str], object]) -> SearchResult:
    """Search a folder and everything below it for files of wanted names.

    Links are followed. A folder that several links lead to is searched once, so circles end: under its own name if
    it lies below the searched folder itself.
    """
    found = SearchResult()
    search = _Search(found, wanted)
    waiting = [folder]
    while waiting:
        # All that is no link first: its files keep their own names.
        folders, waiting = waiting, []
        for each in folders:
            waiting += search.below(each)
        waiting.sort()
    found.files.sort()
    found.problems.sort(key=lambda problem: problem.where)
    found.hidden.sort()
    return found


@dataclass(slots=True)
class _Search:
    found: SearchResult
    wanted: Callable[[str], object]
    seen: set[tuple[int, int]] = field(default_factory=set)

    def below(self, folder: Path) -> list[Path]:
        """Search a folder, unless it has been searched, and those in it; the links to other folders come back."""
        links: list[Path] = []
        folders = [folder]
        while folders:
            here = folders.pop()
            try:
                identity = here.stat()
                if (identity.st_dev, identity.st_ino) in self.seen:
                    continue
                self.seen.add((identity.st_dev, identity.st_ino))
                with os.scandir(here) as entries:
                    for entry in sorted(entries, key=lambda entry: entry.name):
                        self._look(entry, here / entry.name, folders, links)
            except OSError as error:
                self._complain(here, f"cannot be read: {error.strerror or error}", "check its permissions")
        return links

    def _look(self, entry: os.DirEntry[str], path: Path, folders: list[Path], links: list[Path]) -> None:
        try:
            is_folder = entry.is_dir()
            # `is_dir` and `is_file` say no of a link that leads nowhere.
            exists = is_folder or entry.is_file() or bool(entry.stat())
        except OSError as error:
            if is_hidden(entry.name):
                self.found.hidden.append(str(path))
            elif entry.is_symlink():
                self._complain(path, f"is a link that leads nowhere: {error.strerror}", "mend or remove it")
            else:
                self._complain(path, f"cannot be read: {error.strerror}", "check its permissions")
            return
        if is_hidden(entry.name):
            if is_folder or self.wanted(entry.name):
                self.found.hidden.append(str(path))
        elif is_folder:
            (links if entry.is_symlink() else folders).append(path)
        elif self.wanted(entry.name):
            if exists and entry.is_file():
                self.found.files.append(path)
            else:
                self._complain(path, "is a pipe or a device, not a file", "to read it, name it")

    def _complain(self, path: Path, what: str, fix: str) -> None:
        self.found.problems.append(Problem(printable(path), what, fix, unreadable=True))
