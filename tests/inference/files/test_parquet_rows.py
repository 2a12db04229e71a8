"""Rows of Parquet files: a value that Python cannot hold does not lose its row."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files.parquet_rows import parquet_rows
from conflict_ner.inference.files.table_readers import Columns


def read(table: pa.Table, **settings: Any) -> tuple[list[dict[str, Any]], list[str]]:
    stream = io.BytesIO()
    pq.write_table(table, stream, **settings)
    problems: list[Problem] = []
    rows = parquet_rows(stream, "f", Columns(), problems.append, lambda share: None)
    return [row for _, row in rows], [str(problem) for problem in problems]


END = 253_402_300_799  # 9999-12-31T23:59:59, in seconds


@pytest.mark.parametrize(
    ("value", "kind", "formatted"),
    [
        (END, pa.timestamp("ms", "UTC"), "1978-01-11T21:31:40.799000+00:00"),
        (END * 1000, pa.timestamp("ms", "+03:00"), "9999-12-31T23:59:59+00:00"),
        (END * 1000, pa.timestamp("ms", "America/New_York"), "9999-12-31T18:59:59-05:00"),
        (0, pa.timestamp("ms", "Z"), "1970-01-01T00:00:00+00:00"),
        (0, pa.timestamp("ms", "GMT+3"), "1970-01-01T00:00:00+00:00"),
        (0, pa.timestamp("ms", "Mars/Base"), "1970-01-01T00:00:00+00:00"),
        (0, pa.timestamp("ms", "+03:00"), "1970-01-01T03:00:00+03:00"),
        ((END + 1) * 1000, pa.timestamp("ms"), "10000-01-01T00:00:00"),
        (-62_167_219_200_000, pa.timestamp("ms"), "0000-01-01T00:00:00"),
        (1, pa.timestamp("ns"), "1970-01-01T00:00:00.000000001"),
        (1, pa.time64("ns"), "00:00:00.000000001"),
        (2_932_897, pa.date32(), "10000-01-01"),
        (-719_528, pa.date32(), "0000-01-01"),
        (2**62, pa.duration("ms"), "P53375995583DT15H36M27.904000S"),
        (-1500, pa.duration("ms"), "-PT1.500000S"),
        (0, pa.duration("ms"), "PT0S"),
    ],
)
def test_times_that_python_cannot_hold_are_iso_text(value: int, kind: Any, formatted: str) -> None:
    column = pa.array([value, None], pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)
    assert read(pa.table({"text": ["Goma", "Beni"], "at": column})) == (
        [{"text": "Goma", "at": formatted}, {"text": "Beni", "at": None}],
        [],
    )


def test_times_within_lists_and_objects_are_text_too() -> None:
    far = pa.array([(END + 1) * 1000, 0], pa.int64()).cast(pa.timestamp("ms", "Z"))
    lists = pa.ListArray.from_arrays([0, 1, 2], far)
    structs = pa.StructArray.from_arrays([far, pa.array(["a", None])], names=["at", "of"])
    maps = pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())).cast(pa.map_(pa.string(), pa.duration("s")))
    rows, problems = read(pa.table({"text": ["Goma", "Beni"], "lists": lists, "structs": structs, "maps": maps}))
    assert problems == []
    assert rows == [
        {
            "text": "Goma",
            "lists": ["10000-01-01T00:00:00+00:00"],
            "structs": {"at": "10000-01-01T00:00:00+00:00", "of": "a"},
            "maps": [["a", "PT1S"]],
        },
        {
            "text": "Beni",
            "lists": ["1970-01-01T00:00:00+00:00"],
            "structs": {"at": "1970-01-01T00:00:00+00:00", "of": None},
            "maps": None,
        },
    ]


def wrong(values: list[bytes | None]) -> pa.Array:
    """Strings of which one is not UTF-8, as careless writers leave them."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def test_a_string_that_is_not_utf8_costs_its_row_alone() -> None:
    text = wrong([b"Goma", b"caf\xe9", None, b"Beni"])
    rows, problems = read(pa.table({"text": text}))
    assert rows == [{"text": "Goma"}, {"text": None}, {"text": "Beni"}]
    assert problems == ["f:2: not UTF-8; write the column as strings"]
    rows, problems = read(pa.table({"text": ["Goma", "Beni"], "of": wrong([b"\xe9", b"b"])}))
    assert rows == [{"text": "Beni", "of": "b"}]
    assert problems == ["f:1: not UTF-8 in the column 'of'; write the column as strings"]


def test_old_times_of_nanoseconds_do_not_overflow() -> None:
    table = pa.table({"text": ["Goma"], "at": pa.array([END * 10**6], pa.int64()).cast(pa.timestamp("us"))})
    assert read(table, use_deprecated_int96_timestamps=True)[0][0]["at"] == "9999-12-31T23:59:59"


def test_columns_of_one_name_are_told_apart_and_a_list_is_no_text() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array([1]), pa.array([2])], names=["text", "x", "x"])
    assert read(table) == ([{"text": "a", "x": 1, "x.2": 2}], [])
    assert "holds list" in read(pa.table({"text": [["a"]]}))[1][0]


def test_a_page_whose_checksum_is_wrong_gives_no_row() -> None:
    stream = io.BytesIO()
    settings: dict[str, Any] = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    pq.write_table(pa.table({"text": ["Goma fell"] * 3}), stream, **settings)
    damaged = stream.getvalue().replace(b"Goma fell", b"Goma held")
    with pytest.raises(OSError, match=r"(?i)crc"):
        list(parquet_rows(io.BytesIO(damaged), "f", Columns(), lambda problem: None, lambda share: None))
