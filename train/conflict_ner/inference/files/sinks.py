r"""Writes tagged reports as JSONL, CSV, Parquet or Excel, with one row per report or one row per mention.

`reports`: the columns `id`, the metadata, `text`, `entities` (in CSV and Excel as JSON).
`mentions`: `id` of the report, `label`, `text` (of the mention), `start`, `end`, `score`, the metadata.

A metadata column with such a name becomes `report.NAME`. All forms but JSONL are written from all records of a job,
which are read twice, because the columns and their types are known only after the last record. In Parquet a column
has the type of its values; if they have several types, or are lists or objects, the column is text, with lists and
objects as JSON. CSV is UTF-8 with `\n`, every text in quotes; `CsvStyle` may say otherwise.

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
from dataclasses import dataclass
from typing import IO, Any, Literal

from conflict_ner.inference.files.excel import write_workbook
from conflict_ner.inference.files.sources import RESERVED, rename_reserved

OutputForm = Literal["jsonl", "csv", "parquet", "xlsx"]
Table = Literal["reports", "mentions"]
Kind = Literal["bool", "int", "float", "text", "mixed"]
Record = Mapping[str, Any]
TableWriter = Callable[[Callable[[], Iterator[dict[str, Any]]], IO[bytes]], None]
OUTPUT_FORMS: Mapping[str, OutputForm] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
TABLES = ("reports", "mentions")
ENTITY: Mapping[str, Kind] = {"label": "text", "text": "text", "start": "int", "end": "int", "score": "float"}
_encode = json.JSONEncoder(ensure_ascii=False).encode  # created once: `json.dumps` creates one per call
_MENTION_COLUMNS = frozenset(ENTITY) - {"text"}  # a record's metadata has no `text`
_GROUP_CHARACTERS = 16 * 1024 * 1024  # of text in a Parquet row group, about
_GROUP_ROWS = 100_000
_INT64_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How CSV is written.

    bom: whether it begins with a byte-order mark, without which Excel takes UTF-8 for cp1252.
    """

    delimiter: str = ","
    bom: bool = False


DEFAULT_STYLE = CsvStyle()


def output_form(name: str) -> OutputForm | None:
    """Return the form of an output by its name: JSONL if it has no ending; None for an ending that is not written.

    `.json` is not written: programs expect a single document in such a file, not a line per row.

    >>> output_form("a.csv"), output_form("a.NDJSON"), output_form("results")
    ('csv', 'jsonl', 'jsonl')
    >>> output_form("a.XLSX"), output_form("a.csv.gz")
    ('xlsx', None)
    """
    _, dot, ending = name.lower().rpartition(".")  # of `.csv` too, which is no suffix to pathlib
    return OUTPUT_FORMS.get(dot + ending) if dot else "jsonl"


def rows_of(record: Record, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a report in a table: the report itself, or its mentions."""
    if table == "reports":
        yield dict(record)
        return
    metadata = rename_reserved({key: value for key, value in record.items() if key not in RESERVED}, _MENTION_COLUMNS)
    for entity in record["entities"]:
        yield {"id": record["id"], **entity, **metadata}


def line(row: Record) -> str:
    """Format a row as a line of JSONL."""
    return _encode(row) + "\n"


def writer(form: OutputForm, table: Table, style: CsvStyle = DEFAULT_STYLE) -> TableWriter | None:
    """Return the function that writes a form; None if the output is the lines of the records themselves.

    It takes a function that reads the records, which it may call twice, and the stream to write to.
    """
    if form == "jsonl" and table == "reports":
        return None

    def write(records: Callable[[], Iterator[dict[str, Any]]], stream: IO[bytes]) -> None:
        if form == "jsonl":
            stream.writelines(line(row).encode("utf-8") for record in records() for row in rows_of(record, table))
            return
        columns = columns_of(records(), table)
        if form == "xlsx":
            rows = (row for record in records() for row in rows_of(record, table))
            write_workbook(rows, list(columns), table, stream)
            return
        if form == "csv":
            write_csv(records(), columns, table, stream, style)
        else:
            write_parquet(records(), columns, table, stream)

    return write


def columns_of(records: Iterable[Record], table: Table) -> dict[str, Kind]:
    """Return the columns of a table and the kinds of their values, metadata in the order of first appearance.

    `id` and the metadata of reports without a mention count as well.
    """
    kinds: dict[str, Kind | None] = {"id": None}
    for record in records:
        for key, value in record.items():
            if key not in ("text", "entities"):
                kinds[key] = _common_kind(kinds.get(key), _kind(value))
    metadata = {key: kind or "text" for key, kind in kinds.items() if key != "id"}
    id_column: dict[str, Kind] = {"id": kinds["id"] or "text"}
    if table == "reports":
        return {**id_column, **metadata, "text": "text", "entities": "mixed"}
    return {**id_column, **ENTITY, **rename_reserved(metadata, _MENTION_COLUMNS)}


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64_LIMIT <= value < _INT64_LIMIT else "mixed"
    return "float" if isinstance(value, float) else "text" if isinstance(value, str) else "mixed"


def _common_kind(one: Kind | None, other: Kind | None) -> Kind | None:
    if one is None or other is None or one == other:
        return one or other
    return "float" if {one, other} == {"int", "float"} else "mixed"


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_csv(
    records: Iterable[Record],
    columns: Mapping[str, Kind],
    table: Table,
    stream: IO[bytes],
    style: CsvStyle = DEFAULT_STYLE,
) -> None:
    """Write a table as CSV with a header; nulls are empty."""
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig" if style.bom else "utf-8", newline="")
    # All texts are quoted: some readers split lines at characters that the writer would not quote.
    writer = csv.writer(lines, delimiter=style.delimiter, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for record in records:
        for row in rows_of(record, table):
            values = (row.get(column) for column in columns)
            writer.writerow([v if type(v) in (int, float) else _as_text(v) for v in values])
    lines.detach()  # flushes, and leaves the stream open for its owner


def write_parquet(records: Iterable[Record], columns: Mapping[str, Kind], table: Table, stream: IO[bytes]) -> None:
    """Write a table as Parquet, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    column_types = {column: types.get(kind, pa.string()) for column, kind in columns.items()}
    if table == "reports":
        column_types["entities"] = pa.list_(
            pa.struct([(key, types.get(kind, pa.string())) for key, kind in ENTITY.items()])
        )
    schema = pa.schema(list(column_types.items()))
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
        if len(group) == _GROUP_ROWS or characters > _GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group
