"""Reads the rows of JSON files, and holds what all readers of tables share: dialects and columns.

A row comes with its place, which messages and reports without an id use: the number of its line, in CSV of the
line on which it begins (a quoted field may have several), in Parquet, Excel and in a JSON array the number of the
row, all from 1. `csv_rows`, `parquet_rows` and `excel` read the other tables.

>>> from io import BytesIO
>>> list(json_rows(BytesIO(b'{"text": "Goma fell."}'), "r.jsonl", print))
[('r.jsonl:1', {'text': 'Goma fell.'})]
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import IO, Any

from conflict_ner.data.document import is_encodable
from conflict_ner.data.text_files import strict_json
from conflict_ner.data.text_files.encodings import describe_decoding_error, open_text
from conflict_ner.errors import Problem, excerpt

Complain = Callable[[Problem], None]
Row = tuple[str, dict[str, Any]]  # its place and its fields

_MAX_NAME = 40  # characters of a name that is shown in full
_MAX_NAMES = 160  # characters of column names in a message


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""The user's settings for how files are read.

    delimiter: of CSV; None: detected from the header, see `csv_rows`.
    encoding: None: UTF-8, or UTF-16 or UTF-32 if a byte-order mark says so, or of a file what is certain (`sources`).
    escape: whether quotes in quoted fields of CSV are written `\"`, as in database dumps.
    sheet: of Excel files; None: the only visible one that has the columns.
    """

    delimiter: str | None = None
    encoding: str | None = None
    escape: bool = False
    sheet: str | None = None


DEFAULT_DIALECT = Dialect()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns (in JSONL: keys) that hold a report's text and its id; id None: `id`, if there is one."""

    text: str = "text"
    id: str | None = None

    @property
    def id_name(self) -> str:
        """The column that may hold an id."""
        return "id" if self.id is None else self.id

    def problem(self, header: Sequence[str], name: str) -> Problem | None:
        """Return the problem of a table with this header: a required column is missing or not unique; None if fine."""
        needed = [("--column", self.text)] + ([("--id-column", self.id)] if self.id is not None else [])
        for option, column in needed:
            if column not in header:
                what = f"no column {excerpt(column)}; the columns are {format_names(header, column)}"
                return Problem(name, what, f"name one with {option}")
            if header.count(column) > 1:
                return Problem(name, f"two columns are called {excerpt(column)}", "give one another name")
        return None


def format_names(names: Sequence[str], wanted: str) -> str:
    """Format names for a message: those similar to the wanted one first, then others as space allows.

    >>> format_names(["id", "Text", "notes"], "text")
    'Text, id, notes'
    """
    by_lower = {name.lower(): name for name in names if len(name) <= _MAX_NAME}
    similar = [by_lower[name] for name in difflib.get_close_matches(wanted.lower(), list(by_lower))]
    ordered = list(dict.fromkeys([*similar, *names]))
    shown: list[str] = []
    for name in ordered:
        plain = name if name.isprintable() and len(name) <= _MAX_NAME else excerpt(name)
        if shown and sum(map(len, shown)) + len(plain) > _MAX_NAMES:
            break
        shown.append(plain)
    more = len(ordered) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more:,} more" if more else "")


def distinct(header: Sequence[str]) -> list[str]:
    """Return unique names of columns: a second `x` becomes `x.2`; if several are unnamed, `column NUMBER`.

    >>> distinct(["id", "x", "x", "x.2", ""]), distinct(["id", "", ""])
    (['id', 'x', 'x.3', 'x.2', ''], ['id', 'column 2', 'column 3'])
    """
    used, names = set(header), list[str]()
    for number, column in enumerate(header, start=1):
        name = column
        if column == "" and header.count("") > 1:
            name = f"column {number}"
        if name in names or (name != column and name in used):
            name = next(new for suffix in count(2) if (new := f"{name}.{suffix}") not in used)
        used.add(name)
        names.append(name)
    return names


def json_rows(stream: IO[bytes], name: str, complain: Complain, dialect: Dialect = DEFAULT_DIALECT) -> Iterator[Row]:
    """Yield the objects of a JSON file: one per line, or one array of objects. Blank lines are skipped."""
    text, encoding = open_text(stream, dialect.encoding, newline="\n")
    try:
        for number, line in enumerate(text, start=1):
            if line.strip("\ufeff \t\r\n"):
                if line.lstrip("\ufeff \t").startswith("[") or line.strip("\ufeff \t\r\n") == "{":
                    # The first line shows that there is no object per line.
                    yield from _read_document(line + text.read(), number, name, complain, encoding)
                    return
                yield from _read_lines(chain([line], text), number, name, complain, encoding)
                return
    finally:
        text.detach()  # otherwise it would close a stream that is not ours


def _read_document(source: str, number: int, name: str, complain: Complain, encoding: str) -> Iterator[Row]:
    """Yield the objects of an array, with their numbers, or a single object; if it is neither, read it by lines."""
    try:
        value = strict_json.loads(source.lstrip("\ufeff")) if is_encodable(source) else None
    except ValueError as error:
        value = None
        if source.split("\n", 1)[0].strip() in ("[", "{") and not _second_is_object(source):
            complain(Problem(name, f"not JSON: {error}", "write one object a line, or one array of objects"))
            return
    if isinstance(value, dict):
        yield from _check_record(f"{name}:{number}", value, source, complain)
    elif isinstance(value, list) and (not value or isinstance(value[0], dict)):
        for index, record in enumerate(value, start=1):
            yield from _check_record(f"{name}:{index}", record, source, complain)
    else:
        yield from _read_lines(source.split("\n"), number, name, complain, encoding)


def _second_is_object(source: str) -> bool:
    """Return whether the second line is an object by itself, so that only the first is broken."""
    try:
        return isinstance(strict_json.loads([*source.split("\n", 2), ""][1]), dict)
    except ValueError:
        return False


def _read_lines(lines: Iterable[str], first: int, name: str, complain: Complain, encoding: str) -> Iterator[Row]:
    """Yield the objects of lines, the first of which has the number `first`; a line that is none is a problem."""
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        if not is_encodable(line):
            complain(Problem(where, *describe_decoding_error(line.encode("utf-8", "surrogateescape"), encoding)))
            continue
        try:
            record = strict_json.loads(line.removeprefix("\ufeff"))
        except ValueError as error:
            complain(Problem(where, f"not JSON: {error}", "write one object a line"))
        else:
            yield from _check_record(where, record, line, complain)


def _check_record(where: str, record: Any, source: str, complain: Complain) -> Iterator[Row]:
    """Yield a row if it is an object without halves of surrogate pairs; report a problem if not."""
    if not isinstance(record, dict):
        complain(Problem(where, "no string under 'text' but no object at all", 'write {"id": ..., "text": ...}'))
    elif "\\u" in source and not is_encodable(json.dumps(record, ensure_ascii=False)):  # UTF-8 itself has no halves
        complain(Problem(where, "half of a surrogate pair in the line", "write the character whole"))
    else:
        yield where, record
