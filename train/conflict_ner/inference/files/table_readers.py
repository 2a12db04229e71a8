"""What readers of tables share: rows, their places, and which columns hold the text; and the reader of JSON.

A row comes with the place that messages and unnamed reports use for it: the file's line, in CSV that on
which the row begins (a quoted field may have several), in Parquet and in a JSON array the number of the row, from 1.
Tables are read by `csvrows` and `parquetrows`.

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
from conflict_ner.data.formats import strict_json
from conflict_ner.data.formats.encodings import describe_decoding_error, open_text
from conflict_ner.errors import Problem, excerpt

Complain = Callable[[Problem], None]
Row = tuple[str, dict[str, Any]]  # its place and its fields

_LONG = 40  # characters of a name, shown without being cut
_LISTED = 160  # characters of column names in a message


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""What a user says of text files that they do not say of themselves.

    delimiter: of CSV; None: see `csvrows`.
    encoding: None: UTF-8, or UTF-16 or UTF-32 where a byte-order mark says so.
    escape: whether quotes in quoted fields of CSV are written `\"`, as database dumps have them.
    """

    delimiter: str | None = None
    encoding: str | None = None
    escape: bool = False


PLAIN = Dialect()


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns (in JSONL: keys) hold a report's text and its id; id None: `id`, where there is one."""

    text: str = "text"
    id: str | None = None

    @property
    def id_name(self) -> str:
        """Where an id is looked for."""
        return "id" if self.id is None else self.id

    def problem(self, there: Sequence[str], name: str) -> Problem | None:
        """What makes a table with these columns unreadable, if anything."""
        needed = [("--column", self.text)] + ([("--id-column", self.id)] if self.id is not None else [])
        for option, column in needed:
            if column not in there:
                said = f"no column {excerpt(column)}; the columns are {listed(there, column)}"
                return Problem(name, said, f"name one with {option}")
            if there.count(column) > 1:
                return Problem(name, f"two columns are called {excerpt(column)}", "give one another name")
        return None


def listed(names: Sequence[str], wanted: str) -> str:
    """Some names for a message, those near to the wanted one first, others as far as there is room.

    >>> listed(["id", "Text", "notes"], "text")
    'Text, id, notes'
    """
    near = {name.lower(): name for name in names if len(name) <= _LONG}
    first = [near[name] for name in difflib.get_close_matches(wanted.lower(), list(near))]
    ordered = list(dict.fromkeys([*first, *names]))
    shown: list[str] = []
    for name in ordered:
        plain = name if name.isprintable() and len(name) <= _LONG else excerpt(name)
        if shown and sum(map(len, shown)) + len(plain) > _LISTED:
            break
        shown.append(plain)
    more = len(ordered) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more:,} more" if more else "")


def distinct(header: Sequence[str]) -> list[str]:
    """Names of columns, each once: a second `x` is called `x.2`, of several without a name each `column NUMBER`.

    >>> distinct(["id", "x", "x", "x.2", ""]), distinct(["id", "", ""])
    (['id', 'x', 'x.3', 'x.2', ''], ['id', 'column 2', 'column 3'])
    """
    taken, names = set(header), list[str]()
    for number, column in enumerate(header, start=1):
        name = column
        if column == "" and header.count("") > 1:
            name = f"column {number}"
        if name in names or (name != column and name in taken):
            name = next(new for suffix in count(2) if (new := f"{name}.{suffix}") not in taken)
        taken.add(name)
        names.append(name)
    return names


def json_rows(stream: IO[bytes], name: str, complain: Complain, dialect: Dialect = PLAIN) -> Iterator[Row]:
    """The objects of a JSON file: one a line, or one array of them. Blank lines are passed over."""
    text, encoding = open_text(stream, dialect.encoding, newline="\n")
    try:
        for number, line in enumerate(text, start=1):
            if line.strip("\ufeff \t\r\n"):
                if line.lstrip("\ufeff \t").startswith("[") or line.strip("\ufeff \t\r\n") == "{":
                    # Not an object on a line of its own; the first line tells.
                    yield from _whole(line + text.read(), number, name, complain, encoding)
                    return
                yield from _lines(chain([line], text), number, name, complain, encoding)
                return
    finally:
        text.detach()  # it would close a stream that is not ours


def _whole(source: str, number: int, name: str, complain: Complain, encoding: str) -> Iterator[Row]:
    """The objects of an array, by their numbers, or one object; lines if it is neither."""
    try:
        value = strict_json.loads(source.lstrip("\ufeff")) if is_encodable(source) else None
    except ValueError as error:
        value = None
        if source.split("\n", 1)[0].strip() in ("[", "{") and not _second_is_object(source):
            complain(Problem(name, f"not JSON: {error}", "write one object a line, or one array of objects"))
            return
    if isinstance(value, dict):
        yield from _checked(f"{name}:{number}", value, source, complain)
    elif isinstance(value, list) and (not value or isinstance(value[0], dict)):
        for place, record in enumerate(value, start=1):
            yield from _checked(f"{name}:{place}", record, source, complain)
    else:
        yield from _lines(source.split("\n"), number, name, complain, encoding)


def _second_is_object(source: str) -> bool:
    """Whether the second line is an object by itself, so that only the first is broken."""
    try:
        return isinstance(strict_json.loads([*source.split("\n", 2), ""][1]), dict)
    except ValueError:
        return False


def _lines(lines: Iterable[str], begin: int, name: str, complain: Complain, encoding: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=begin):
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
            yield from _checked(where, record, line, complain)


def _checked(where: str, record: Any, source: str, complain: Complain) -> Iterator[Row]:
    """A row, if it is an object of whole characters."""
    if not isinstance(record, dict):
        complain(Problem(where, "no string under 'text' but no object at all", 'write {"id": ..., "text": ...}'))
    elif "\\u" in source and not is_encodable(json.dumps(record, ensure_ascii=False)):  # UTF-8 itself has no halves
        complain(Problem(where, "half of a surrogate pair in the line", "write the character whole"))
    else:
        yield where, record
