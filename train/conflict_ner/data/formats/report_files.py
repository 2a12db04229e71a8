"""Labeled reports in files and folders, found and read in whatever format they are.

A folder is searched for the endings of all formats. Endings that mostly other files have are read only if the content
is labeled reports (`.json`), or if the file is named (`.txt`). Suffixes may be in capitals, and files may be
compressed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conflict_ner.data.document import Document
from conflict_ner.data.edges import trim_edges
from conflict_ner.data.formats import unsupported
from conflict_ner.data.formats.format import NO_OPTIONS, Format, ReadOptions, TrimmedEdges
from conflict_ner.data.formats.registry import (
    NAMED_ONLY,
    detect_format,
    endings_beside,
    formats_of_suffix,
    is_read_in_folders,
    recognize_content,
    suffix_of,
)
from conflict_ner.data.text_files.file_search import SearchResult, describe_hidden, printable, search_folder
from conflict_ner.data.text_files.reading import read_text
from conflict_ner.errors import Problem, describe_problems, format_count

_ARCHIVE = ".zip"
_MOST_OTHERS = 1000  # files of a folder that are looked into although they are not read


def search(entry: Path, form: Format | None = None) -> SearchResult:
    """Find the report files at a path, sorted by name, the entries that cannot be searched, and the hidden ones.

    A folder that is itself in one format, such as a data set of Hugging Face, is its only file.

    Args:
        entry: a file or a folder.
        form: the format to find; None: any.
    """
    try:
        is_folder, exists = entry.is_dir(), entry.exists()
    except OSError as error:  # a parent folder is not accessible
        return SearchResult(problems=[_no_files(entry, f"cannot be read: {error.strerror}", "check its permissions")])
    if is_folder:
        return _search_folder(entry, form)
    if not exists:
        return SearchResult(problems=[_no_files(entry, "no such file or folder", "correct the path")])
    if form is None and not formats_of_suffix(suffix_of(entry.name)):
        suffix = printable(entry.suffix) or "this"
        fault = f"reports are .md or .jsonl files, or a benchmark's .conll, not {suffix}"
        return SearchResult(problems=[_no_files(entry, fault, "convert or rename it")])
    return SearchResult([entry])


def _search_folder(folder: Path, form: Format | None) -> SearchResult:
    try:
        if (form and form.is_folder) or (form is None and detect_format(folder) is not None):
            return SearchResult([folder])
    except OSError as error:
        return SearchResult(problems=[_no_files(folder, f"cannot be read: {error.strerror}", "check its permissions")])
    result = search_folder(folder, lambda name: bool(formats_of_suffix(suffix_of(name))))
    if form is None:
        wanted = {file for file in result.files if is_read_in_folders(file)}
    else:
        wanted = {file for file in result.files if suffix_of(file.name) in form.suffixes}
    result.others = [file for file in result.files if file not in wanted]
    result.files = [file for file in result.files if file in wanted]
    if not result.files and not result.problems:
        fault, fix = "a folder with no .md or .jsonl file in it", "put report files there or name another folder"
        if any(suffix_of(file.name) in NAMED_ONLY for file in result.others):
            fix = "name its .txt files one by one, if they are in CoNLL format"
        if form is not None:
            fault = f"a folder with no {' or '.join(form.suffixes)} file in it, as {form.title} has them"
        result.problems.append(_no_files(folder, fault, fix))
    return result


def note_others(entry: Path, others: Sequence[Path]) -> list[Problem]:
    """Return a note on the files of a folder that hold labeled reports by their content and were not read."""
    labeled = [file for file in others[:_MOST_OTHERS] if not endings_beside(file) and recognize_content(file)]
    if not labeled:
        return []
    what = f"{format_count(len(labeled), 'file')} of labeled reports left out, such as {printable(labeled[0])}"
    return [Problem(printable(entry), what, "a file that you name is read", note=True)]


def read_documents(
    file: Path, options: ReadOptions = NO_OPTIONS, form: Format | None = None
) -> Iterator[Document | Problem]:
    """Yield the documents of a file, and a problem wherever something in it cannot be read (some are only notes).

    Args:
        file: the file, or a folder in a format that is a folder.
        options: the choices that its format may need.
        form: its format; None: it is recognized.
    """
    if form is None:
        try:
            detection = detect_format(file)
        except OSError as error:
            yield _no_files(file, f"cannot be read: {error.strerror}", "check its permissions")
            return
        if detection is None:
            yield _unrecognized(file)
            return
        form = detection.format
    items = form.read(file, options)
    yield from trimmed(items, file) if options.trim else items


def trimmed(items: Iterable[Document | Problem], file: Path) -> Iterator[Document | Problem]:
    """Yield what a reader yields, with mentions trimmed, and at the end a note of how many were."""
    total, first = 0, ""
    for item in items:
        if isinstance(item, Document):
            document, count = trim_edges(item)
            first = first or (item.origin if count else "")
            total += count
            yield document
        else:
            yield item
    if total:
        what = f"{format_count(total, 'mention')} trimmed: white space or punctuation stood at the edges"
        yield TrimmedEdges(printable(file), f"{what} (the first: {first})", note=True, count=total)


def _unrecognized(file: Path) -> Problem:
    """Return the problem of a file whose ending belongs to formats that do not recognize its content."""
    titles = " or ".join(each.title for each in formats_of_suffix(suffix_of(file.name)))
    if suffix_of(file.name) == _ARCHIVE:
        return _no_files(file, f"not recognized as {titles}", "unpack it, and name the folder or a file in it")
    text, problems = read_text(file)
    if text is None:
        return problems[0]
    if text.strip() in ("", "[]", "{}"):
        return _no_files(file, "an empty file", "export the reports again, or name another file")
    if other := unsupported.detect_other_format(text, printable(file)):
        return other
    fix = "look into it; if it is, say so to `convert` with --from"
    return _no_files(file, f"not recognized as {titles or 'labeled reports'}", fix)


def read_file(
    file: Path, options: ReadOptions = NO_OPTIONS, form: Format | None = None
) -> tuple[list[Document], list[Problem]]:
    """Read one file; return its documents and its problems with line and column (some are only notes)."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for item in read_documents(file, options, form):
        if isinstance(item, Document):
            documents.append(item)
        else:
            problems.append(item)
    return documents, problems


def read_entries(
    entries: Iterable[Path], hidden: list[str], options: ReadOptions = NO_OPTIONS
) -> tuple[tuple[Document, ...], list[Problem]]:
    """Read all documents in these files and folders; return them and the problems of what could not be read.

    Args:
        entries: the files and folders.
        hidden: paths that are left out because they are hidden are appended to it.
        options: the choices that their formats may need.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for entry in entries:
        result = search(entry)
        hidden += result.hidden
        problems += result.problems + note_others(entry, result.others)
        for file in result.files:
            file_documents, file_problems = read_file(file, options)
            documents += file_documents
            problems += file_problems
    return tuple(documents), problems


def print_hidden(hidden: Sequence[str]) -> None:
    """Print on standard error which entries were not read because they are hidden."""
    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)


def print_notes(problems: Sequence[Problem]) -> list[Problem]:
    """Print the problems that are only notes on standard error, and return the others."""
    for message in describe_problems(problem for problem in problems if problem.note):
        print(f"note: {message}", file=sys.stderr)
    return [problem for problem in problems if not problem.note]


def _no_files(entry: Path, fault: str, fix: str) -> Problem:
    return Problem(printable(entry), fault, fix, unreadable=True)
