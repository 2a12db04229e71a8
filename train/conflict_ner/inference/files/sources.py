"""Reads the reports to tag one at a time from files, folders, archives and standard input.

`.txt` holds one report, `.md` any number of our labeled ones, `.jsonl` one per line, `.csv`, `.parquet` and `.xlsx` one
per row. All but Parquet, which has its own compression, may be compressed (`.gz`, `.bz2`, `.xz`, `.zst`); a `.zip` or
`.tar` may hold any number of them. Only a `.txt` or `.md`, an array of JSON and a sheet of Excel are read into memory
as a whole.

A report that cannot be read is reported as a problem with its file and row, and the others are read.

>>> form_of("reports.jsonl.gz"), form_of("reports.csv"), form_of("reports.gz")
(('jsonl', '.gz'), ('csv', ''), None)
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, Any, Literal

from conflict_ner.data.formats import markup
from conflict_ner.data.formats.format import Sample
from conflict_ner.data.text_files.compression import READ_ERRORS, compression_suffix, open_decompressed
from conflict_ner.data.text_files.encodings import describe_decoding_error, detect_encoding, guess_file_encoding
from conflict_ner.data.text_files.file_search import printable, search_folder
from conflict_ner.errors import Problem, excerpt
from conflict_ner.files import is_device
from conflict_ner.inference.files.archives import Contents, tar_members, zip_members
from conflict_ner.inference.files.csv_rows import csv_rows
from conflict_ner.inference.files.excel import excel_rows, require_reader
from conflict_ner.inference.files.parquet_rows import parquet_rows
from conflict_ner.inference.files.table_readers import (
    DEFAULT_DIALECT,
    Columns,
    Complain,
    Dialect,
    Row,
    format_names,
    json_rows,
)

Form = Literal["txt", "md", "jsonl", "csv", "tsv", "parquet", "excel", "zip", "tar"]
STDIN = Path("-")
_TEXT_FORMS: tuple[Form, ...] = ("txt", "md", "jsonl", "csv", "tsv")
FORMS: Mapping[str, Form] = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "md",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "excel"),
    ".zip": "zip",
    ".tar": "tar",
}
_SHORT = {".tgz": ".tar.gz", ".tbz2": ".tar.bz2", ".tbz": ".tar.bz2", ".txz": ".tar.xz", ".tzst": ".tar.zst"}
RESERVED = ("id", "text", "entities")  # keys of a result, which metadata cannot use
TEXT_COLUMNS = Columns()
_ENDINGS = "use .txt, .md, .jsonl, .json, .csv, .tsv, .xlsx or .parquet, or .gz, .bz2, .xz, .zst, .zip or .tar of them"
_OTHER_FORMS = {  # how to convert files of other forms that reports often come in
    ".numbers": "export it as .xlsx or CSV",
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pdf", ".html", ".htm"), "save it as plain text (.txt, UTF-8)"),
    **dict.fromkeys((".rar", ".7z"), "unpack it, or make a .zip of what is in it"),
    **dict.fromkeys((".dta", ".sav", ".rds", ".rdata", ".feather", ".arrow", ".sqlite"), "export it as CSV or Parquet"),
}
_ERROR_CONTEXT = 200  # bytes before an undecodable one, from which another encoding is guessed
_LARGEST_PACKED = 64 * 1024 * 1024  # bytes of a packed .txt or Excel file: a small file may unpack to any size


@dataclass(frozen=True, slots=True)
class Source:
    """A text to tag; `id` and `metadata` are passed through to the result unchanged.

    position: the bytes of all files that had been read before it, for a progress bar.
    """

    id: Any
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    position: int = field(default=0, compare=False)


def guess_encoding(stream: IO[bytes], compression: str) -> str | None:
    """Return the encoding of a file that is certainly not UTF-8, else None; the file is then rewound."""

    def reopen() -> IO[bytes]:
        stream.seek(0)
        return open_decompressed(stream, compression)

    guess = None
    with suppress(*READ_ERRORS):  # reported when the file is read
        guess = guess_file_encoding(reopen)
    stream.seek(0)
    return guess


def form_of(name: str) -> tuple[Form, str] | None:
    """Return a file's form and the suffix of its compression (or ""), by its name; None if it cannot be read."""
    path = PurePath(name.lower())
    if not path.name:  # `.` or `/`
        return None
    path = path.with_suffix(_SHORT.get(path.suffix, path.suffix))
    compression = compression_suffix(path.name)
    form = FORMS.get(path.with_suffix("").suffix if compression else path.suffix)
    return None if form is None or (form == "zip" and compression) else (form, compression)


def expand(paths: Iterable[Path], complain: Complain, hidden: set[str] | None = None) -> list[Path]:
    """Return the files that the paths name, after searching folders.

    Args:
        complain: called with a problem for each path that cannot be read.
        hidden: collects the files and folders that are left out because their names mark them as hidden.

    Raises:
        MissingExtraError: if there are Excel files and the package that reads them is not installed.
    """
    hidden = set() if hidden is None else hidden
    files = [file for path in paths for file in ([path] if path == STDIN else _find_files(path, complain, hidden))]
    if any((form_of(file.name) or ("", ""))[0] == "excel" for file in files):
        require_reader()
    return files


def read_sources(
    paths: Iterable[Path],
    complain: Complain,
    stdin_form: Form = "txt",
    columns: Columns = TEXT_COLUMNS,
    dialect: Dialect = DEFAULT_DIALECT,
    hidden: set[str] | None = None,
) -> Iterator[Source]:
    """Yield the texts of files, folders and standard input (`-`), in order, reading each as it is needed.

    Args:
        complain: called with a problem for each file or row that cannot be read; the others are read.
        stdin_form: the form of standard input, or of a pipe whose name has no ending; it is never guessed.
        columns: the columns of text and id in JSONL, CSV, Parquet and Excel.
        dialect: the delimiter and encoding of all text files, where they differ from the defaults, and the sheet of
            Excel files.
        hidden: collects the files and folders, also in archives, that are left out because their names mark
            them as hidden.
    """
    bytes_before = 0
    hidden = set() if hidden is None else hidden
    for path in paths:
        if path == STDIN:
            reader = _Reader(columns, complain, dialect, hidden)
            yield from reader.read(sys.stdin.buffer, "standard input", stdin_form, "")
            continue
        for file in _find_files(path, complain, hidden):
            try:
                with file.open("rb") as raw:
                    name, size = printable(file), file.stat().st_size
                    if is_device(file):
                        reader = _Reader(columns, complain, dialect, hidden, None, bytes_before)
                        yield from reader.read(raw, name, *(form_of(file.name) or (stdin_form, "")))
                        continue
                    yield from read_open_file(raw, name, size, complain, columns, dialect, hidden, bytes_before)
                    bytes_before += size
            except OSError as error:
                complain(Problem(printable(file), f"cannot be read: {error.strerror}", "check path and permissions"))


def read_open_file(
    raw: IO[bytes],
    name: str,
    size: int,
    complain: Complain,
    columns: Columns = TEXT_COLUMNS,
    dialect: Dialect = DEFAULT_DIALECT,
    hidden: set[str] | None = None,
    bytes_before: int = 0,
) -> Iterator[Source]:
    """Yield the texts of an open file, in which the reader can move; the ending of its name says what it holds.

    Args:
        name: for messages, and the id of a report that has none.
        bytes_before: of the files that were read before it; its own are its `size`. The others: as in `read_sources`.
    """
    reader = _Reader(columns, complain, dialect, set() if hidden is None else hidden, raw, bytes_before, size)
    form, compression = form_of(name) or ("txt", "")
    if form in _TEXT_FORMS:
        reader.guess_encoding(raw, name, compression)
    yield from reader.read(raw, name, form, compression)


def _find_files(path: Path, complain: Complain, hidden: set[str]) -> list[Path]:
    try:
        is_folder, is_unknown = path.is_dir(), path.exists() and not form_of(path.name) and not is_device(path)
    except OSError as error:  # no permission for a folder above it
        complain(Problem(printable(path), f"cannot be read: {error.strerror}", "check path and permissions"))
        return []
    if is_folder:
        found = search_folder(path, form_of)
        hidden.update(found.hidden)
        for problem in found.problems:
            complain(problem)
        if not found.files and not found.problems:
            complain(Problem(printable(path), "no file in this folder has a form that is tagged", _ENDINGS))
        return found.files
    if is_unknown:
        fix = _OTHER_FORMS.get(path.suffix.lower(), _ENDINGS)
        ending = printable(path.suffix) or "a file without ending"
        complain(Problem(printable(path), f"{ending} is not tagged", fix))
        return []
    return [path]


@dataclass(slots=True)
class _Reader:
    """Reads one file, and the members of an archive.

    hidden: collects hidden members of archives.
    raw: the file on disk, which tells how much of it has been read; None if that is unknown.
    bytes_before, size: the bytes of the files before it, and its own.
    share: the share of it that has been read, from 0 to 1, if it is not read from its beginning to its end.
    """

    columns: Columns
    complain: Complain
    dialect: Dialect = DEFAULT_DIALECT
    hidden: set[str] = field(default_factory=set)
    raw: IO[bytes] | None = None
    bytes_before: int = 0
    size: int = 0
    share: float | None = None

    def guess_encoding(self, stream: IO[bytes], name: str, compression: str) -> None:
        """Read a file in another encoding if that is beyond doubt, and say so in a note; the file is then rewound."""
        if self.dialect.encoding is None and (guess := guess_encoding(stream, compression)):
            self.dialect = replace(self.dialect, encoding=guess)
            what = f"is not UTF-8 and is read as {guess}"
            self.complain(Problem(name, what, "give --encoding if that is wrong", note=True, kind=what))

    def read(self, stream: IO[bytes], name: str, form: Form, compression: str, archive: str = "") -> Iterator[Source]:
        """Yield the texts of a file, or of an archive's member; if it is damaged, report a problem and stop.

        Args:
            compression: the suffix of its compression, or "".
            archive: "zip" or "tar" for an archive's member, or "".
        """
        count = 0
        try:
            for source in self._read(stream, name, form, compression, archive):
                count += 1
                yield source
        except READ_ERRORS as error:
            what = f"damaged after {count} report{'s' if count != 1 else ''}: {str(error) or type(error).__name__}"
            fix = "what follows in it is not tagged; get the file anew"
            if count and any(word in what.lower() for word in ("crc", "checksum")):
                fix = f"what was read before may be wrong, and {fix}"
            self.complain(Problem(name, what, fix, unreadable=True))

    def _read(self, stream: IO[bytes], name: str, form: Form, compression: str, archive: str) -> Iterator[Source]:
        if form in ("zip", "parquet") and not compression and not archive and not stream.seekable():
            self.complain(Problem(name, f"a {form} file cannot be read from a pipe", "write it to a file first"))
        elif form in ("zip", "tar"):
            yield from self._read_members(open_decompressed(stream, compression), name, form)
        elif form == "parquet":
            if compression or archive:
                self.complain(Problem(name, "a Parquet file that is packed again is not read", "unpack it first"))
                return
            yield from self._to_sources(parquet_rows(stream, name, self.columns, self.complain, self._set_share))
        elif form == "excel":
            is_plain_file = not compression and not archive and stream.seekable()
            book = stream if is_plain_file else self._in_memory(open_decompressed(stream, compression), name)
            report_share = self._set_share if is_plain_file else lambda share: None
            if book:
                rows = excel_rows(book, name, self.columns, self.complain, report_share, self.dialect.sheet)
                yield from self._to_sources(rows, cells=True)
        else:
            plain = open_decompressed(stream, compression)
            if form in ("txt", "md"):
                text = self._read_text(plain, name, _LARGEST_PACKED if compression or archive else None)
                yield from self._whole(text, name, form) if text is not None else ()
            elif form in ("csv", "tsv"):
                delimiter = "\t" if form == "tsv" else ","
                yield from self._to_sources(csv_rows(plain, name, self.columns, self.complain, self.dialect, delimiter))
            else:
                yield from self._to_sources(json_rows(plain, name, self.complain, self.dialect))

    def _read_members(self, stream: IO[bytes], name: str, kind: Literal["zip", "tar"]) -> Iterator[Source]:
        contents = Contents(name, kind, form_of, self.complain, self.hidden)
        for member in (zip_members if kind == "zip" else tar_members)(stream, contents):
            form, compression = form_of(member.file) or ("txt", "")
            yield from self.read(member.stream, member.name, form, compression, kind)
        if not contents.found:
            self.complain(Problem(name, "no file in it has a form that is tagged", _ENDINGS))

    def _in_memory(self, stream: IO[bytes], name: str) -> IO[bytes] | None:
        """Return a copy of a stream in which a reader can move; report a problem and return None if it is large."""
        raw = stream.read(_LARGEST_PACKED + 1)
        if len(raw) <= _LARGEST_PACKED:
            return BytesIO(raw)
        what = f"an Excel file of more than {_LARGEST_PACKED // 1024**2} MiB in an archive or a pipe"
        self.complain(Problem(name, what, "write it to a file of its own first", unreadable=True))
        return None

    def _read_text(self, stream: IO[bytes], name: str, limit: int | None) -> str | None:
        """Return the text of a file; report a problem and return None if it is too large or cannot be decoded."""
        raw = stream.read(-1 if limit is None else limit + 1)
        if limit is not None and len(raw) > limit:
            what = f"unpacks to a text of more than {limit // 1024**2} MiB"
            self.complain(Problem(name, what, "if that is one report, unpack it first", unreadable=True))
            return None
        encoding = detect_encoding(raw[:4], self.dialect.encoding)
        try:
            # A byte-order mark and CRLF are kept: offsets are those of the file's text.
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            row = raw.count(b"\n", 0, error.start) + 1
            what, fix = describe_decoding_error(raw[max(error.start - _ERROR_CONTEXT, 0) :], encoding)
            self.complain(Problem(f"{name}:{row}", what, fix))
            return None

    def _whole(self, text: str, name: str, form: Form) -> Iterator[Source]:
        """Yield a text, or the reports of our labeled text form without their labels; other Markdown is left out."""
        if form == "txt":
            yield Source(name, text, position=self._position())
            return
        text = text.removeprefix("\ufeff")
        if not markup.FORMAT.detect(Sample(name, text.encode("utf-8", "surrogatepass"))):
            what = "Markdown without lines of `=== id` is not tagged"
            self.complain(Problem(name, what, "rename it to .txt, which is one report", note=True, kind=what))
            return
        documents, problems = markup.parse(text, name)
        for problem in problems:
            self.complain(problem)
        for document in documents:
            if document.is_valid:
                yield Source(document.id, document.text, document.metadata, self._position())

    def _to_sources(self, rows: Iterable[Row], *, cells: bool = False) -> Iterator[Source]:
        """Yield the report of each row; a row without a text is reported as a problem with its id.

        cells: the rows are those of a sheet, in which nothing is an empty cell, for the message.
        """
        for where, record in rows:
            report_id, text = record.get(self.columns.id_name), record.get(self.columns.text)
            has_id = report_id is not None and report_id != ""  # CSV has no null
            if not isinstance(text, str):
                self.complain(
                    Problem(where, *self._describe_missing_text(record, report_id if has_id else None, cells))
                )
                continue
            used = (self.columns.id_name, self.columns.text, "entities")
            metadata = {key: value for key, value in record.items() if key not in used}
            yield Source(report_id if has_id else where, text, rename_reserved(metadata, RESERVED), self._position())

    def _describe_missing_text(self, record: Mapping[str, Any], report_id: Any, cells: bool) -> tuple[str, str]:
        """Return what is wrong with a row without a text, and how to fix it."""
        column = self.columns.text
        what, fix = f"no string under {excerpt(column)}", "the row is left out"
        if cells and column in record and record[column] is None:
            what = f"the cell under {excerpt(column)} is empty"
        elif column in record:
            what += f" but {_json_type(record[column])}"
        else:
            fix += f"; its keys are {format_names(list(record), column)}: name one with --column"
        if report_id is not None:
            what += f" (id {excerpt(report_id) if isinstance(report_id, str) else str(report_id)[:40]})"
        return what, fix

    def _set_share(self, share: float) -> None:
        self.share = share

    def _position(self) -> int:
        if self.share is not None:
            return self.bytes_before + int(self.share * self.size)
        return self.bytes_before + (self.raw.tell() if self.raw else 0)


def rename_reserved(metadata: Mapping[str, Any], reserved: Container[str]) -> Mapping[str, Any]:
    """Return metadata without reserved keys: `id` becomes `report.id`, and `report.id` becomes `report.report.id`."""

    def clashes(key: str) -> bool:
        while key.startswith("report."):
            key = key.removeprefix("report.")
        return key in reserved

    if not any(map(clashes, metadata)):
        return metadata
    return {f"report.{key}" if clashes(key) else key: value for key, value in metadata.items()}


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
