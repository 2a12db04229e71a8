r"""TableWriter what was found: JSONL, CSV or Parquet, a row a report or a row a mention.

`reports`: the columns `id`, the metadata, `text`, `entities` (in CSV as JSON).
`mentions`: `id` of the report, `label`, `text` (of the mention), `start`, `end`, `score`, the metadata.

A metadata column of such a name is called `report.NAME`. Tables are made from the records of a whole
job, read twice: which columns there are, and what they hold, is known only after the last.
In Parquet a column has the one type of its values; where they are of several, or are lists
or objects, it is text, the latter as JSON. CSV is UTF-8 with `\n`, every text in quotes.

>>> record = {"id": 7, "year": 2012, "text": "Goma fell.", "entities": [
...     {"label": "LOCATION", "text": "Goma", "start": 0, "end": 4, "score": 0.9}]}
>>> list(rows_of(record, "mentions"))
[{'id': 7, 'label': 'LOCATION', 'text': 'Goma', 'start': 0, 'end': 4, 'score': 0.9, 'year': 2012}]
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Literal

from conflict_ner.inference.files.sources import RESERVED, rename_reserved

OutputForm = Literal["jsonl", "csv", "parquet"]
Table = Literal["reports", "mentions"]
Kind = Literal["bool", "int", "float", "text", "mixed"]
Record = Mapping[str, Any]
TableWriter = Callable[[Callable[[], Iterator[dict[str, Any]]], IO[bytes]], None]
OUTPUT_FORMS: Mapping[str, OutputForm] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
TABLES = ("reports", "mentions")
ENTITY: Mapping[str, Kind] = {"label": "text", "text": "text", "start": "int", "end": "int", "score": "float"}
_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: `json.dumps` makes one a call
_OWN = frozenset(ENTITY) - {"text"}  # a record's metadata has no `text`
_GROUP = 16 * 1024 * 1024  # characters, about, that a Parquet row group is made of
_GROUP_ROWS = 100_000
_LARGEST = 2**63  # of what Parquet has for a whole number


def output_form(name: str) -> OutputForm | None:
    """What an output of this name is to be: JSONL where it has no ending; None for an ending that is not written.

    `.json` is none of them: programs expect one document in such a file, and this writes a line a row.

    >>> output_form("a.csv"), output_form("a.NDJSON"), output_form("results")
    ('csv', 'jsonl', 'jsonl')
    >>> output_form("a.xlsx"), output_form("a.csv.gz")
    (None, None)
    """
    _, dot, ending = name.lower().rpartition(".")  # of `.csv` too, which is no suffix to pathlib
    return OUTPUT_FORMS.get(dot + ending) if dot else "jsonl"


def rows_of(record: Record, table: Table) -> Iterator[dict[str, Any]]:
    """The rows that a report has in a table: itself, or its mentions."""
    if table == "reports":
        yield dict(record)
        return
    metadata = rename_reserved({key: value for key, value in record.items() if key not in RESERVED}, _OWN)
    for entity in record["entities"]:
        yield {"id": record["id"], **entity, **metadata}


def line(row: Record) -> str:
    """A row of JSONL."""
    return _encode(row) + "\n"


def writer(form: OutputForm, table: Table) -> TableWriter | None:
    """What writes a form, given the records as often as it asks; None where it is their lines as they are."""
    if form == "jsonl" and table == "reports":
        return None

    def write(records: Callable[[], Iterator[dict[str, Any]]], stream: IO[bytes]) -> None:
        if form == "jsonl":
            stream.writelines(line(row).encode("utf-8") for record in records() for row in rows_of(record, table))
            return
        table_of = write_csv if form == "csv" else write_parquet
        table_of(records(), columns_of(records(), table), table, stream)

    return write


def columns_of(records: Iterable[Record], table: Table) -> dict[str, Kind]:
    """The columns of a table and what they hold, the metadata in the order in which it first appears.

    `id` and the metadata count also where a report has no mention.
    """
    kinds: dict[str, Kind | None] = {"id": None}
    for record in records:
        for key, value in record.items():
            if key not in ("text", "entities"):
                kinds[key] = _both(kinds.get(key), _kind(value))
    metadata = {key: kind or "text" for key, kind in kinds.items() if key != "id"}
    name: dict[str, Kind] = {"id": kinds["id"] or "text"}
    if table == "reports":
        return {**name, **metadata, "text": "text", "entities": "mixed"}
    return {**name, **ENTITY, **rename_reserved(metadata, _OWN)}


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_LARGEST <= value < _LARGEST else "mixed"
    return "float" if isinstance(value, float) else "text" if isinstance(value, str) else "mixed"


def _both(one: Kind | None, other: Kind | None) -> Kind | None:
    if one is None or other is None or one == other:
        return one or other
    return "float" if {one, other} == {"int", "float"} else "mixed"


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_csv(records: Iterable[Record], columns: Mapping[str, Kind], table: Table, stream: IO[bytes]) -> None:
    """Write a table as CSV with a header; nulls are empty."""
    lines = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    # Quoted whatever is in them: readers part lines at more characters than the writer knows.
    writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for record in records:
        for row in rows_of(record, table):
            values = (row.get(column) for column in columns)
            writer.writerow([v if type(v) in (int, float) else _as_text(v) for v in values])
    lines.detach()  # flushes, and leaves the stream to its owner


def write_parquet(records: Iterable[Record], columns: Mapping[str, Kind], table: Table, stream: IO[bytes]) -> None:
    """Write a table as Parquet, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    of = {column: types.get(kind, pa.string()) for column, kind in columns.items()}
    if table == "reports":
        of["entities"] = pa.list_(pa.struct([(key, types.get(kind, pa.string())) for key, kind in ENTITY.items()]))
    schema = pa.schema(list(of.items()))
    texts = {column for column, kind in columns.items() if kind in ("text", "mixed") and column != "entities"}
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(row for record in records for row in rows_of(record, table)):
            values = {
                column: [_as_text(row.get(column)) if column in texts else row.get(column) for row in group]
                for column in columns
            }
            writer.write_table(pa.table(values, schema=schema))


def _groups(rows: Iterable[Record]) -> Iterator[Sequence[Record]]:
    group: list[Record] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(group) == _GROUP_ROWS or characters > _GROUP:
            yield group
            group, characters = [], 0
    if group:
        yield group
