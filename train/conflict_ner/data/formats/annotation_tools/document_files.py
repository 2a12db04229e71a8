"""Formats with one file a report, whose name is the report's id.

An id may have characters that a file name must not have, or that annotation tools misread in addresses: they are
written as in a URL, and read back.

>>> names = FileNames()
>>> names.name("sudan/2024: a"), names.name("sudan-1"), names.name("sudan-1")
('sudan%2F2024%3A a', 'sudan-1', 'sudan-1-2')
>>> report_id("sudan%2F2024%3A a"), report_id("50% of it")
('sudan/2024: a', '50% of it')
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from urllib.parse import quote, unquote

from conflict_ner.data.document import Document, Mention, is_encodable
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable, search_folder
from conflict_ner.errors import DataError, Problem

_ENDINGS = (".tsv", ".xmi", ".json", ".txt", ".ann", ".zip")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff/\\:*?"<>|#&%]|\A[.~]|\A\s|[.\s]\Z')
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_ANY_CHARACTER = re.compile("((?:%[0-9A-F]{2})*)(.)")  # that is not part of an escape
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?=\.|\Z)")  # of Windows, whatever their ending
_LONGEST = 220  # bytes of a name, so that it fits in the 255 of file systems with an ending
_DIGEST = 12  # characters that tell long names apart


class FileNames:
    """Names of files for the ids of reports: safe on every system, and each only once whatever its capitals."""

    def __init__(self) -> None:
        self._reports: dict[str, str] = {}  # by name, in lower case

    def name(self, report: str) -> str:
        """Return the name, without an ending, of the file of the report with this id."""
        first = name = _safe_name(report)
        if self._reports.get(name.casefold(), report) != report:
            first = name = _ANY_CHARACTER.sub(lambda match: match[1] + _escape(match[2]), name, count=1)  # the same id
        number = 2
        while name.casefold() in self._reports:
            name = f"{first}-{number}"
            number += 1
        self._reports[name.casefold()] = report
        return name


def report_id(name: str) -> str:
    """Return the id of the report in a file with this name, without its ending."""
    try:
        return unquote(name, errors="strict") if _ESCAPE.search(name) else name
    except UnicodeDecodeError:
        return name


def require_encodable(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents up to the first whose text cannot be written as UTF-8, and raise once all have been seen.

    Raises:
        DataError: with a problem for each text with half of a surrogate pair.
    """
    problems: list[Problem] = []
    for document in documents:
        if not is_encodable(document.text):
            what = "the text has half of a surrogate pair, which cannot be written as UTF-8"
            problems.append(Problem(document.origin or document.id, what, "correct the text", kind=what))
        elif not problems:
            yield document
    if problems:
        raise DataError(problems)


def _safe_name(report: str) -> str:
    name = _UNSAFE.sub(lambda match: _escape(match[0]), report) or "report"
    if _RESERVED.match(name):
        name = _escape(name[0]) + name[1:]
    if len(name.encode()) <= _LONGEST:
        return name
    kept = name.encode()[: _LONGEST - _DIGEST - 1].decode("utf-8", "ignore")
    digest = hashlib.sha256(report.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{re.sub('%[0-9A-F]?$', '', kept)}-{digest[:_DIGEST]}"


def _escape(char: str) -> str:
    """Return a character as in a URL, even one that may stand there."""
    return (
        quote(char, safe="", errors="replace") if not re.fullmatch(r"[\w.~-]", char, re.ASCII) else f"%{ord(char):02X}"
    )


def find_files(path: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[Problem]]:
    """Return a file itself, or the files with these endings in a folder and below it, and problems of the search."""
    if not path.is_dir():
        return [path], []
    found = search_folder(path, lambda name: PurePath(strip_compression_suffix(name)).suffix.lower() in suffixes)
    if not found.files and not found.problems:
        what = f"a folder without {' or '.join(suffixes)} files"
        return [], [Problem(printable(path), what, "name another one", unreadable=True)]
    return found.files, found.problems


def file_id(file: PurePath | str, folder: PurePath | None = None) -> str:
    """Return the id of the report in a file.

    Args:
        file: its path, or only its name.
        folder: the folder in which it was found: the id is its path below it, without its ending.

    >>> file_id("report%2F1.txt"), file_id("export/a/b.tsv.gz", PurePath("export"))
    ('report/1', 'a/b')
    """
    path = PurePath(file)
    inside = PurePath(path.name) if folder is None or path == folder else path.relative_to(folder)
    name = PurePath(strip_compression_suffix(inside.as_posix()))
    stem = name.with_suffix("") if name.suffix.lower() in _ENDINGS else name
    return "/".join(map(report_id, stem.parts))


def document_of(
    report: str, text: str, mentions: Iterable[tuple[Mention, str]], file: str, problems: Iterable[Problem]
) -> Document:
    """Return the report in a file.

    Args:
        report: its id.
        text: its text.
        mentions: its mentions, each with its place in the file.
        file: the name of the file, for messages.
        problems: those of the report and notes on it; it is valid if there are only notes.
    """
    found = tuple(mentions)
    return Document(
        id=report,
        text=text,
        mentions=tuple(mention for mention, _ in found),
        origin=file,
        places=tuple(place for _, place in found),
        is_valid=all(problem.note for problem in problems),
    )
