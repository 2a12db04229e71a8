r"""Rows of files, one at a time: JSONL, CSV (RFC 4180, UTF-8) and Parquet.

A row comes with the place that messages and unnamed reports use for it: the file's line, in CSV that on
which the row begins (a quoted field may have several), in Parquet the number of the row, from 1.

A CSV row that is not whole (another number of fields than the header, a quote that is never
closed, bytes that are not UTF-8) is a problem with its line; the rows after it are read.

>>> from io import BytesIO
>>> problems = []
>>> rows = csv_rows(BytesIO(b'id,text\na,"Goma\nfell."\nb\n'), "r.csv", Columns(), problems.append)
>>> list(rows)
[('r.csv:2', {'id': 'a', 'text': 'Goma\nfell.'})]
>>> print(problems[0])
r.csv:4: 1 field where the header has 2; quote fields with commas in them
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from conflict_ner import strictjson
from conflict_ner.document import is_text
from conflict_ner.errors import Problem

Complain = Callable[[Problem], None]
Row = tuple[str, dict[str, Any]]  # its place and its fields

# Without a limit a stray quote would make one field, in memory, of all the rest of a file.
LARGEST_FIELD = 64 * 1024 * 1024  # characters
_ROWS = 256  # of a Parquet file held at a time: few, as a report may be long
_BUFFER = 1 << 20  # bytes read at a time, of each column


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
                listed = ", ".join(there) or "none"
                return Problem(name, f"no column {column!r}; the columns are {listed}", f"name one with {option}")
        twice = [column for column, count in Counter(there).items() if count > 1]
        if twice:
            return Problem(name, f"two columns are called {twice[0]!r}", "give one another name")
        return None


def json_rows(stream: IO[bytes], name: str, complain: Complain) -> Iterator[Row]:
    """The objects of a JSONL file, one a line. Blank lines are passed over."""
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            record = strictjson.loads(line.decode("utf-8").removeprefix("\ufeff"))
        except UnicodeDecodeError:
            complain(Problem(where, "not UTF-8", "convert the file with iconv"))
            continue
        except ValueError as error:
            complain(Problem(where, f"not JSON: {error}", "write one object a line"))
            continue
        if not isinstance(record, dict):
            complain(Problem(where, "no string under 'text' but no object at all", 'write {"id": ..., "text": ...}'))
        elif b"\\u" in line and not is_text(json.dumps(record, ensure_ascii=False)):  # UTF-8 itself has no halves
            complain(Problem(where, "half of a surrogate pair in the line", "write the character whole"))
        else:
            yield where, record


def csv_rows(stream: IO[bytes], name: str, columns: Columns, complain: Complain) -> Iterator[Row]:
    """The rows of a CSV file with a header; all values are strings. Blank lines are passed over."""
    csv.field_size_limit(LARGEST_FIELD)
    # Bytes that are no UTF-8 become halves of surrogate pairs: found a row at a time, where a decoder
    # would stop for good.
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        # Strict: a quote within a quoted field would otherwise vanish, and offsets be off by one.
        reader = csv.reader(lines, strict=True)
        broken: list[Problem] = []
        header = next(_parsed(reader, name, broken.append), ("", []))[1]
        problem = broken[0] if broken else columns.problem(header, name)
        if problem:
            complain(problem)
            return
        for where, fields in _parsed(reader, name, complain):
            if len(fields) == len(header):
                yield where, dict(zip(header, fields, strict=True))
                continue
            said = f"{len(fields)} field{'s' if len(fields) != 1 else ''} where the header has {len(header)}"
            complain(Problem(where, said, "quote fields with commas in them"))
    finally:
        lines.detach()  # it would close a stream that is not ours


def _parsed(reader: Any, name: str, complain: Complain) -> Iterator[tuple[str, list[str]]]:
    """Rows with their places; those that are no CSV or no UTF-8 are problems, and the next line is read."""
    while True:
        where = f"{name}:{reader.line_num + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            complain(Problem(where, f"not CSV: {error}", "double the quotes that stand in quoted fields"))
            continue
        if not all(map(is_text, fields)):
            complain(Problem(where, "not UTF-8", "convert the file with iconv"))
        elif fields:
            yield where, fields


def parquet_rows(
    stream: IO[bytes], name: str, columns: Columns, complain: Complain, share: Callable[[float], None]
) -> Iterator[Row]:
    """The rows of a Parquet file, a few at a time; values as JSON can have them (see `plain`).

    Args:
        share: told how much of the file has been read, from 0 to 1.

    Raises:
        OSError: if the file is damaged; pyarrow's own errors are of this kind or a ValueError.
    """
    import pyarrow.parquet as pq

    # By the page and not ahead: a row group can be as large as the file.
    file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)
    problem = columns.problem(file.schema_arrow.names, name)
    if problem:
        complain(problem)
        return
    kind = str(file.schema_arrow.field(columns.text).type)
    if not any(text in kind for text in ("string", "binary", "null")):
        complain(Problem(name, f"the column {columns.text!r} holds {kind} and no text", "name another with --column"))
        return
    number = 0
    for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
        for record in batch.to_pylist():
            number += 1
            if isinstance(record[columns.text], bytes) and not _is_utf8(record[columns.text]):
                complain(Problem(f"{name}:{number}", "not UTF-8", "write the column as strings"))
                continue
            yield f"{name}:{number}", {key: plain(value) for key, value in record.items()}
        share(number / max(file.metadata.num_rows, 1))


def plain(value: Any) -> Any:
    """A Parquet value as JSON can have it.

    Times become ISO 8601, decimals their digits, bytes text (hexadecimal if they are not UTF-8),
    what is no finite number null.

    >>> from datetime import date
    >>> plain({"day": date(2024, 5, 3), "share": float("nan"), "raw": b"Goma"})
    {'day': '2024-05-03', 'share': None, 'raw': 'Goma'}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode("utf-8") if _is_utf8(value) else value.hex()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
