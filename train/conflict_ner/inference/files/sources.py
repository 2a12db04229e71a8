"""Reads what is to be tagged, a report at a time: files, folders, archives, standard input.

`.txt` is one report a file, `.jsonl` one a line, `.csv` and `.parquet` one a row. Each of them
may be compressed (`.gz`, `.bz2`, `.xz`, `.zst`) except Parquet, which is by itself; a `.zip` or `.tar` may
hold any number. Nothing is read whole but a `.txt` and an array of JSON.

What cannot be read is a problem with its file and row; the rest goes on.

>>> form_of("reports.jsonl.gz"), form_of("reports.csv"), form_of("reports.gz")
(('jsonl', '.gz'), ('csv', ''), None)
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, Any, Literal

from conflict_ner.data.formats.compression import READ_ERRORS, compression_suffix, open_decompressed
from conflict_ner.data.formats.encodings import describe_decoding_error, detect_encoding
from conflict_ner.data.formats.file_search import printable, search_folder
from conflict_ner.errors import Problem, excerpt
from conflict_ner.files import is_device
from conflict_ner.inference.files.archives import Contents, tar_members, zip_members
from conflict_ner.inference.files.csv_rows import csv_rows
from conflict_ner.inference.files.parquet_rows import parquet_rows
from conflict_ner.inference.files.table_readers import PLAIN, Columns, Complain, Dialect, Row, json_rows, listed

Form = Literal["txt", "jsonl", "csv", "tsv", "parquet", "zip", "tar"]
STDIN = Path("-")
FORMS: Mapping[str, Form] = {
    ".txt": "txt",
    ".text": "txt",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".zip": "zip",
    ".tar": "tar",
}
_SHORT = {".tgz": ".tar.gz", ".tbz2": ".tar.bz2", ".tbz": ".tar.bz2", ".txz": ".tar.xz", ".tzst": ".tar.zst"}
RESERVED = ("id", "text", "entities")  # keys of a result, which metadata cannot have
TEXT_COLUMNS = Columns()
_ENDINGS = "use .txt, .jsonl, .json, .csv, .tsv or .parquet, or .gz, .bz2, .xz, .zst, .zip or .tar of them"
_SHEET = "save the sheet as CSV (UTF-8)"
_OTHERWISE = {  # what to do with other files in which reports come
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pdf", ".html", ".htm"), "save it as plain text (.txt, UTF-8)"),
    **dict.fromkeys((".rar", ".7z"), "unpack it, or make a .zip of what is in it"),
    **dict.fromkeys((".dta", ".sav", ".rds", ".rdata", ".feather", ".arrow", ".sqlite"), "export it as CSV or Parquet"),
}
_BEFORE = 200  # bytes before a wrong one that tell in which encoding it is right
_LARGEST_TEXT = 64 * 1024 * 1024  # bytes of a .txt that is packed or in an archive: a small one may unpack to any size


@dataclass(frozen=True, slots=True)
class Source:
    """A text to tag; `id` and `metadata` are passed through to the result as they are.

    position: how many bytes of all files had been read when it came, for a progress bar.
    """

    id: Any
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    position: int = field(default=0, compare=False)


def form_of(name: str) -> tuple[Form, str] | None:
    """A file's form and the ending of its compression (or ""), by its name; None if it is not read."""
    path = PurePath(name.lower())
    if not path.name:  # `.` or `/`
        return None
    path = path.with_suffix(_SHORT.get(path.suffix, path.suffix))
    packing = compression_suffix(path.name)
    form = FORMS.get(path.with_suffix("").suffix if packing else path.suffix)
    return None if form is None or (form == "zip" and packing) else (form, packing)


def expand(paths: Iterable[Path], complain: Complain, hidden: set[str] | None = None) -> list[Path]:
    """The files that the paths name, folders searched; those whose form is not read are problems.

    hidden: collects what is left out of folders because of its name.
    """
    left_out: set[str] = set() if hidden is None else hidden
    return [file for path in paths for file in ([path] if path == STDIN else _files(path, complain, left_out))]


def read_sources(
    paths: Iterable[Path],
    complain: Complain,
    stdin_form: Form = "txt",
    columns: Columns = TEXT_COLUMNS,
    dialect: Dialect = PLAIN,
    hidden: set[str] | None = None,
) -> Iterator[Source]:
    """The texts of files, folders and standard input (`-`), in order, read as they are asked for.

    Args:
        complain: called with each thing that cannot be read; reading goes on after it.
        stdin_form: what standard input, or a pipe whose name has no ending, holds; nothing is guessed.
        columns: where text and id stand in JSONL, CSV and Parquet.
        dialect: delimiter and encoding of what is not Parquet, where they are not the usual ones.
        hidden: collects what is left out of folders and archives because of its name.
    """
    before = 0
    left_out: set[str] = set() if hidden is None else hidden
    for path in paths:
        if path == STDIN:
            yield from _Reader(columns, complain, dialect, left_out).read(
                sys.stdin.buffer, "standard input", stdin_form, ""
            )
            continue
        for file in _files(path, complain, left_out):
            try:
                with file.open("rb") as raw:
                    pipe = is_device(file)
                    size = 0 if pipe else file.stat().st_size
                    reader = _Reader(columns, complain, dialect, left_out, None if pipe else raw, before, size)
                    form, packing = form_of(file.name) or (stdin_form if pipe else "txt", "")
                    yield from reader.read(raw, printable(file), form, packing)
                    before += size
            except OSError as error:
                complain(Problem(printable(file), f"cannot be read: {error.strerror}", "check path and permissions"))


def _files(path: Path, complain: Complain, hidden: set[str]) -> list[Path]:
    try:
        is_folder, is_unknown = path.is_dir(), path.exists() and not form_of(path.name) and not is_device(path)
    except OSError as error:  # a folder above it is closed
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
        fix = _OTHERWISE.get(path.suffix.lower(), _ENDINGS)
        ending = printable(path.suffix) or "a file without ending"
        complain(Problem(printable(path), f"{ending} is not tagged", fix))
        return []
    return [path]


@dataclass(slots=True)
class _Reader:
    """Reads one file, and what is packed in it.

    hidden: collects what is left out of archives because of its name.
    raw: the file as it lies on disk, to see how far reading is; None: nobody knows.
    before, size: bytes of the files before it, and of it.
    share: how much of it has been read, where it is not read from its begin to its end.
    """

    columns: Columns
    complain: Complain
    dialect: Dialect = PLAIN
    hidden: set[str] = field(default_factory=set)
    raw: IO[bytes] | None = None
    before: int = 0
    size: int = 0
    share: float | None = None

    def read(self, stream: IO[bytes], name: str, form: Form, packing: str, archive: str = "") -> Iterator[Source]:
        """The texts of a file, or of an archive's member; where it breaks off, the rest is a problem."""
        count = 0
        try:
            for source in self._opened(stream, name, form, packing, archive):
                count += 1
                yield source
        except READ_ERRORS as error:
            said = f"damaged after {count} report{'s' if count != 1 else ''}: {str(error) or type(error).__name__}"
            fix = "what follows is not tagged; get the file anew"
            if count and any(word in said.lower() for word in ("crc", "checksum")):
                fix = f"what was read before may be wrong, and {fix}"
            self.complain(Problem(name, said, fix, unreadable=True))

    def _opened(self, stream: IO[bytes], name: str, form: Form, packing: str, archive: str) -> Iterator[Source]:
        if form in ("zip", "parquet") and not packing and not archive and not stream.seekable():
            self.complain(Problem(name, f"a {form} file cannot be read from a pipe", "write it to a file first"))
        elif form in ("zip", "tar"):
            yield from self._members(open_decompressed(stream, packing), name, form)
        elif form == "parquet":
            if packing or archive:
                self.complain(Problem(name, "a Parquet file that is packed again is not read", "unpack it first"))
                return
            yield from self._sources(parquet_rows(stream, name, self.columns, self.complain, self._told))
        else:
            plain = open_decompressed(stream, packing)
            if form == "txt":
                yield from self._text(
                    plain.read(_LARGEST_TEXT + 1 if packing or archive else -1), name, packing or archive
                )
            elif form in ("csv", "tsv"):
                usual = "\t" if form == "tsv" else ","
                yield from self._sources(csv_rows(plain, name, self.columns, self.complain, self.dialect, usual))
            else:
                yield from self._sources(json_rows(plain, name, self.complain, self.dialect))

    def _members(self, stream: IO[bytes], name: str, kind: Literal["zip", "tar"]) -> Iterator[Source]:
        contents = Contents(name, kind, form_of, self.complain, self.hidden)
        for member in (zip_members if kind == "zip" else tar_members)(stream, contents):
            form, packing = form_of(member.file) or ("txt", "")
            yield from self.read(member.stream, member.name, form, packing, kind)
        if not contents.found:
            self.complain(Problem(name, "no file in it has a form that is tagged", _ENDINGS))

    def _text(self, raw: bytes, name: str, packed: str) -> Iterator[Source]:
        if packed and len(raw) > _LARGEST_TEXT:
            said = f"unpacks to a text of more than {_LARGEST_TEXT // 1024**2} MiB"
            self.complain(Problem(name, said, "if that is one report, unpack it first", unreadable=True))
            return
        encoding = detect_encoding(raw[:4], self.dialect.encoding)
        try:
            # Decoded as it is, a byte-order mark and CRLF too: offsets are those of the file's text.
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            row = raw.count(b"\n", 0, error.start) + 1
            said, fix = describe_decoding_error(raw[max(error.start - _BEFORE, 0) :], encoding)
            self.complain(Problem(f"{name}:{row}", said, fix))
            return
        yield Source(name, text, position=self._position())

    def _sources(self, rows: Iterable[Row]) -> Iterator[Source]:
        """What each row says of its report; a row without a text is a problem with its id."""
        for where, record in rows:
            name, text = record.get(self.columns.id_name), record.get(self.columns.text)
            unnamed = name is None or name == ""  # CSV has no null
            if not isinstance(text, str):
                but = f" but {_kind(text)}" if self.columns.text in record else ""
                of = "" if unnamed else f" (id {excerpt(name) if isinstance(name, str) else str(name)[:40]})"
                said = f"no string under {excerpt(self.columns.text)}{but}{of}"
                fix = "the row is left out"
                if self.columns.text not in record:
                    fix += f"; its keys are {listed(list(record), self.columns.text)}: name one with --column"
                self.complain(Problem(where, said, fix))
                continue
            own = (self.columns.id_name, self.columns.text, "entities")
            metadata = {key: value for key, value in record.items() if key not in own}
            yield Source(where if unnamed else name, text, renamed(metadata, RESERVED), self._position())

    def _told(self, share: float) -> None:
        self.share = share

    def _position(self) -> int:
        if self.share is not None:
            return self.before + int(self.share * self.size)
        return self.before + (self.raw.tell() if self.raw else 0)


def renamed(metadata: Mapping[str, Any], reserved: Container[str]) -> Mapping[str, Any]:
    """Metadata whose keys stay clear of reserved ones: `id` becomes `report.id`, that `report.report.id`."""

    def clashes(key: str) -> bool:
        while key.startswith("report."):
            key = key.removeprefix("report.")
        return key in reserved

    if not any(map(clashes, metadata)):
        return metadata
    return {f"report.{key}" if clashes(key) else key: value for key, value in metadata.items()}


def _kind(value: Any) -> str:
    kinds = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
