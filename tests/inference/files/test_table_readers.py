"""Every row of a table is read with its place, or reported as a problem."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files import csv_parser
from conflict_ner.inference.files.csv_rows import csv_rows
from conflict_ner.inference.files.parquet_rows import parquet_rows
from conflict_ner.inference.files.table_readers import Columns, Row, distinct, json_rows
from hypothesis import given, settings
from hypothesis import strategies as st


def from_csv(content: bytes | str) -> tuple[list[Row], list[str]]:
    problems: list[Problem] = []
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    rows = list(csv_rows(stream, "f", Columns(), problems.append))
    assert not stream.closed
    return rows, [str(problem) for problem in problems]


def from_parquet(table: pa.Table, columns: Columns = Columns(), **settings: Any) -> tuple[list[Row], list[str]]:  # noqa: B008
    stream = io.BytesIO()
    pq.write_table(table, stream, **settings)
    problems: list[Problem] = []
    shares: list[float] = []
    rows = list(parquet_rows(stream, "f", columns, problems.append, shares.append))
    assert shares == sorted(shares)
    assert not shares or shares[-1] == 1
    return rows, [str(problem) for problem in problems]


def test_a_csv_field_may_hold_anything() -> None:
    text = '\ufeff"Goma"\r\nfell,\r too \u2028 \U0001f4a3\n\n'
    quoted = text.replace('"', '""')
    rows, problems = from_csv(f'\ufeffid,text\r\n1,"{quoted}"\r\n\r\n2,Beni\r\n')
    # A lone carriage return ends a line too, in Python and in editors.
    assert (rows, problems) == ([("f:2", {"id": "1", "text": text}), ("f:8", {"id": "2", "text": "Beni"})], [])


@pytest.mark.parametrize("characters", [131_073, 2_000_000])
def test_a_huge_csv_field_is_read(characters: int) -> None:
    assert from_csv("text\n" + "x" * characters + "\nGoma\n")[0] == [
        ("f:2", {"text": "x" * characters}),
        ("f:3", {"text": "Goma"}),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"2", "1 field where the header has 2"),
        (b"2,a,b", "3 fields where the header has 2"),
        (b"2,caf\xe9", "not UTF-8"),
    ],
)
def test_a_row_that_is_not_whole_is_said_with_its_line_and_the_rest_is_read(row: bytes, message: str) -> None:
    rows, (problem,) = from_csv(b"id,text\n1,a\n" + row + b"\n3,c\n")
    assert [where for where, _ in rows] == ["f:2", "f:4"]
    assert problem.startswith(f"f:3: {message}")


def test_a_quote_that_is_never_closed_does_not_make_one_report_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    content = 'id,text\n1,"a\n' + "".join(f"{n},Goma\n" for n in range(2, 1000))
    rows, (problem,) = from_csv(content)
    assert rows == []
    assert problem.startswith(
        "f:2: not CSV: the quote that opens on line 2 is never closed and takes in 998 lines after it; "
        "lines 2 to 1000 are left out"
    )
    monkeypatch.setattr(csv_parser, "LARGEST_FIELD", 1000)  # a file that is larger than this is not read into memory
    rows, (problem,) = from_csv(content)
    assert rows == []
    assert problem.startswith("f:2: not CSV: the quote that opens on line 2 is not closed within 1,000 characters")
    assert "nothing from line 2 to the end of the file is read" in problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f: no column 'text'; the columns are none; name one with --column"),
        (
            b"id;body\n1;Goma\n",
            "f: the delimiter is ';', and there is no column 'text'; the columns are id, body; name one with --column",
        ),
        (b"text,x,text\n", "f: two columns are called 'text'; give one another name"),
        (
            b"text,caf\xe9\nGoma,1\ntext,cafe\n",
            "f:1: not UTF-8: read as cp1252 it is 'text,café'; if that is right, give --encoding cp1252",
        ),
    ],
)
def test_a_table_without_the_column_is_said(content: bytes, message: str) -> None:
    assert from_csv(content) == ([], [message])


def test_parquet_values_are_what_json_can_have() -> None:
    record = {
        "text": "Goma",
        "day": date(2024, 5, 3),
        "at": datetime(2024, 5, 3, 12, tzinfo=UTC),
        "cost": Decimal("1.10"),
        "share": float("nan"),
        "raw": b"\xff",
        "places": [{"name": "Goma", "since": date(1994, 1, 1)}],
        "none": None,
        "known": True,
    }
    rows, problems = from_parquet(pa.Table.from_pylist([record]))
    expected = {
        "text": "Goma",
        "day": "2024-05-03",
        "at": "2024-05-03T12:00:00+00:00",
        "cost": "1.10",
        "share": None,
        "raw": "ff",
        "places": [{"name": "Goma", "since": "1994-01-01"}],
        "none": None,
        "known": True,
    }
    assert (rows, problems) == ([("f:1", expected)], [])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_parquet_text_is_text(kind: Any) -> None:
    texts = ["Goma", None, "Beni é"] * 300
    rows, problems = from_parquet(pa.table({"text": pa.array(texts).cast(kind)}), row_group_size=250)
    assert [record["text"] for _, record in rows] == texts
    assert [where for where, _ in rows] == [f"f:{n}" for n in range(1, 901)]
    assert problems == []


def test_parquet_bytes_that_are_no_utf8_are_said_with_their_row() -> None:
    rows, problems = from_parquet(pa.table({"text": pa.array([b"Goma", b"caf\xe9", b"Beni"], pa.binary())}))
    assert [where for where, _ in rows] == ["f:1", "f:3"]
    assert problems == ["f:2: not UTF-8; write the column as strings"]


def test_a_parquet_column_of_numbers_is_no_text() -> None:
    assert from_parquet(pa.table({"text": [1, 2]})) == (
        [],
        ["f: the column 'text' holds int64 and no text; name another with --column"],
    )
    assert "no column 'body'; the columns are text" in from_parquet(pa.table({"text": ["a"]}), Columns("body"))[1][0]


def test_a_parquet_file_of_no_rows_has_none() -> None:
    assert from_parquet(pa.table({"text": pa.array([], pa.string())})) == ([], [])


def test_json_lines_are_numbered_with_the_blank_ones(tmp_path: Path) -> None:
    problems: list[Problem] = []
    rows = list(json_rows(io.BytesIO(b'{"text": "a"}\n\n[]\n{"text": "b"}'), "f", problems.append))
    assert rows == [("f:1", {"text": "a"}), ("f:4", {"text": "b"})]
    assert [problem.where for problem in problems] == ["f:3"]


fuzzed = settings(max_examples=40, deadline=None, derandomize=True, database=None)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=3,
)


@fuzzed
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3), st.booleans(), st.booleans())
def test_objects_of_json_are_read_back_equal(records: list[dict[str, Any]], as_lines: bool, ascii_only: bool) -> None:
    def dump(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    content = "".join(dump(record) + "\n" for record in records) if as_lines else dump(records)
    problems: list[Problem] = []
    rows = list(json_rows(io.BytesIO(content.encode()), "f", problems.append))
    assert rows == [(f"f:{number}", record) for number, record in enumerate(records, start=1)]
    assert problems == []


@fuzzed
@given(st.lists(st.sampled_from(["", "x", "x.2", "x.3", "column 2"]), max_size=7))
def test_columns_get_unique_names_and_first_ones_keep_theirs(header: list[str]) -> None:
    names = distinct(header)
    assert len(names) == len(set(names)) == len(header)
    for column in set(header) - {""}:
        assert names[header.index(column)] == column


@fuzzed
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "text": TEXTS,
                "day": st.dates(),
                "at": st.datetimes(),
                "clock": st.times(),
                "number": st.decimals(0, 9, places=2),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_times_of_parquet_that_python_can_hold_are_written_as_python_writes_them(records: list[dict[str, Any]]) -> None:
    columns = {key: [record[key] for record in records] for key in records[0]}
    types = {
        "text": pa.string(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "clock": pa.time64("us"),
        "number": pa.decimal128(5, 2),
    }
    rows, problems = from_parquet(pa.table({key: pa.array(columns[key], kind) for key, kind in types.items()}))

    def formatted(value: Any) -> str:
        return value.isoformat() if isinstance(value, date | datetime | time) else str(value)

    expected = [{key: formatted(value) for key, value in record.items()} for record in records]
    assert ([row for _, row in rows], problems) == (expected, [])
