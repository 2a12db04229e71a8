r"""Writes tagged reports as JSONL, CSV, Parquet or Excel; `layouts` says what a row holds.

All forms but JSONL are written from all records of a job,
which are read twice, because the columns and their types are known only after the last record. In Parquet a column
has the type of its values; if they have several types, or are lists or objects, the column is text, with lists and
objects as JSON. CSV is UTF-8 with `\n`, every text in quotes; `CsvStyle` may say otherwise.

>>> output_form("mentions.parquet")
'parquet'
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

from conflict_ner.inference.files.excel import write_workbook
from conflict_ner.inference.files.layouts import Kind, Layout, Record

OutputForm = Literal["jsonl", "csv", "parquet", "xlsx"]
TableWriter = Callable[[Callable[[], Iterator[dict[str, Any]]], IO[bytes]], None]
OUTPUT_FORMS: Mapping[str, OutputForm] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_encode = json.JSONEncoder(ensure_ascii=False).encode  # created once: `json.dumps` creates one per call
_GROUP_CHARACTERS = 16 * 1024 * 1024  # of text in a Parquet row group, about
_GROUP_ROWS = 100_000


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


def line(row: Record) -> str:
    """Format a row as a line of JSONL."""
    return _encode(row) + "\n"


def writer(form: OutputForm, layout: Layout, style: CsvStyle = DEFAULT_STYLE) -> TableWriter | None:
    """Return the function that writes a form; None if the output is the lines of the records themselves.

    It takes a function that reads the records, which it may call twice, and the stream to write to.
    """
    if form == "jsonl" and layout.table == "reports":
        return None

    def write(records: Callable[[], Iterator[dict[str, Any]]], stream: IO[bytes]) -> None:
        if form == "jsonl":
            stream.writelines(line(row).encode("utf-8") for record in records() for row in layout.rows(record))
            return
        columns = layout.columns(records())
        if form == "xlsx":
            rows = (row for record in records() for row in layout.rows(record))
            write_workbook(rows, list(columns), layout.table, stream)
            return
        if form == "csv":
            write_csv(records(), columns, layout, stream, style)
        else:
            write_parquet(records(), columns, layout, stream)

    return write


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_csv(
    records: Iterable[Record],
    columns: Mapping[str, Kind],
    layout: Layout,
    stream: IO[bytes],
    style: CsvStyle = DEFAULT_STYLE,
) -> None:
    """Write a table as CSV with a header; nulls are empty."""
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig" if style.bom else "utf-8", newline="")
    # All texts are quoted: some readers split lines at characters that the writer would not quote.
    writer = csv.writer(lines, delimiter=style.delimiter, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for record in records:
        for row in layout.rows(record):
            values = (row.get(column) for column in columns)
            writer.writerow([v if type(v) in (int, float) else _as_text(v) for v in values])
    lines.detach()  # flushes, and leaves the stream open for its owner


def write_parquet(records: Iterable[Record], columns: Mapping[str, Kind], layout: Layout, stream: IO[bytes]) -> None:
    """Write a table as Parquet, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    column_types = {column: types.get(kind, pa.string()) for column, kind in columns.items()}
    if layout.table == "reports":
        column_types["entities"] = pa.list_(
            pa.struct([(key, types.get(kind, pa.string())) for key, kind in layout.entity_columns.items()])
        )
    schema = pa.schema(list(column_types.items()))
    texts = {column for column, kind in columns.items() if kind in ("text", "mixed") and column != "entities"}
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(row for record in records for row in layout.rows(record)):
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
