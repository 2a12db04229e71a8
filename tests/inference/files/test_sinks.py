"""Written tables read back equal, with any characters in texts and metadata."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files import sinks
from conflict_ner.inference.files.layouts import TABLES, Layout, Table
from conflict_ner.inference.files.sinks import CsvStyle, OutputForm, output_form, writer
from conflict_ner.inference.files.sources import read_sources
from hypothesis import given, settings
from hypothesis import strategies as st


def entity(text: str, start: int, label: str = "LOCATION", score: float = 0.9) -> dict[str, Any]:
    return {"label": label, "text": text, "start": start, "end": start + len(text), "score": score}


HARD = 'Goma,\r"é"\n\u2028\r\n\U0001f4a3;=1+1'
RECORDS: list[dict[str, Any]] = [
    {"id": "a", "year": 2012, "text": f"in {HARD}", "entities": [entity(HARD, 3), entity("in", 0, "ACTOR")]},
    {"id": "b", "note": None, "text": "", "entities": []},
    {"id": "c", "year": None, "tags": ["x", "é"], "text": "Beni", "entities": [entity("Beni", 0, score=1.0)]},
]


def written(form: OutputForm, table: Table, records: list[dict[str, Any]] = RECORDS) -> io.BytesIO:
    stream = io.BytesIO()
    write = writer(form, Layout(table))
    assert write
    write(lambda: iter(records), stream)
    stream.seek(0)
    return stream


def from_csv(table: Table, records: list[dict[str, Any]] = RECORDS) -> list[dict[str, str]]:
    stream = io.TextIOWrapper(written("csv", table, records), encoding="utf-8", newline="")
    return list(csv.DictReader(stream, strict=True))


def from_parquet(table: Table, records: list[dict[str, Any]] = RECORDS) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(written("parquet", table, records)).to_pylist()
    return rows


def test_json_lines_of_reports_need_no_other_form() -> None:
    assert writer("jsonl", Layout("reports")) is None
    assert list(Layout("reports").rows(RECORDS[0])) == [RECORDS[0]]


def test_json_lines_of_mentions_are_a_line_each() -> None:
    rows = [json.loads(line) for line in written("jsonl", "mentions")]
    assert rows == [row for record in RECORDS for row in Layout("mentions").rows(record)]
    assert [(row["id"], row["text"]) for row in rows] == [("a", HARD), ("a", "in"), ("c", "Beni")]


def test_csv_reads_back_with_any_character() -> None:
    rows = from_csv("mentions")
    assert list(rows[0]) == ["id", "label", "text", "start", "end", "score", "year", "note", "tags"]
    assert [row["text"] for row in rows] == [HARD, "in", "Beni"]
    assert [(row["start"], row["score"], row["year"]) for row in rows] == [
        ("3", "0.9", "2012"),
        ("0", "0.9", "2012"),
        ("0", "1.0", ""),
    ]
    assert json.loads(rows[2]["tags"]) == ["x", "é"]
    reports = from_csv("reports")
    assert [row["text"] for row in reports] == [record["text"] for record in RECORDS]
    assert [json.loads(row["entities"]) for row in reports] == [record["entities"] for record in RECORDS]


def test_parquet_reads_back_with_its_types() -> None:
    rows = from_parquet("mentions")
    assert rows[0] == {"id": "a", **entity(HARD, 3), "year": 2012, "note": None, "tags": None}
    assert rows[2]["tags"] == '["x", "é"]'
    reports = from_parquet("reports")
    assert [(row["id"], row["text"], row["entities"]) for row in reports] == [
        (record["id"], record["text"], record["entities"]) for record in RECORDS
    ]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([1, None, 2], "int", [1, None, 2]),
        ([1, 2.5], "float", [1.0, 2.5]),
        ([True, None], "bool", [True, None]),
        ([True, 1], "mixed", ["true", "1"]),
        ([2**63, 1], "mixed", [str(2**63), "1"]),
        ([2**53 + 1, 0.5], "mixed", [str(2**53 + 1), "0.5"]),
        ([2**53 + 1, 1], "int", [2**53 + 1, 1]),
        (["x", 1, None], "mixed", ["x", "1", None]),
        ([None, None], "text", [None, None]),
        ([{"a": 1}], "mixed", ['{"a": 1}']),
    ],
)
def test_a_parquet_column_has_the_one_type_of_its_values(values: list[Any], kind: str, read: list[Any]) -> None:
    records = [{"id": v, "x": v, "text": "Goma", "entities": [entity("Goma", 0)]} for v in values]
    columns = Layout("mentions").columns(records)
    assert (columns["id"], columns["x"]) == (kind, kind)
    rows = from_parquet("mentions", records)
    assert [row["x"] for row in rows] == [row["id"] for row in rows] == read


def test_metadata_does_not_take_the_place_of_what_was_found() -> None:
    record = {
        "id": 1,
        "label": "secret",
        "score": 7,
        "report.label": 2,
        "text": "Goma",
        "entities": [entity("Goma", 0)],
    }
    (row,) = from_parquet("mentions", [record])
    assert row == {"id": 1, **entity("Goma", 0), "report.label": "secret", "report.score": 7, "report.report.label": 2}
    assert from_csv("reports", [record])[0]["label"] == "secret"


def test_columns_stand_where_no_mention_was_found() -> None:
    records = [{"id": 1, "year": 2012, "text": "", "entities": []}]
    assert written("csv", "mentions", records).read() == b'"id","label","text","start","end","score","year"\n'
    table = pq.read_table(written("parquet", "mentions", records))
    assert (table.num_rows, table.column_names[-1]) == (0, "year")
    assert from_parquet("reports", []) == []


def test_a_large_parquet_file_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "_GROUP_ROWS", 10)
    records = [{"id": n, "text": "Goma", "entities": [entity("Goma", 0)]} for n in range(25)]
    assert pq.ParquetFile(written("parquet", "mentions", records)).num_row_groups == 3
    monkeypatch.setattr(sinks, "_GROUP_CHARACTERS", 50)
    assert pq.ParquetFile(written("parquet", "mentions", records)).num_row_groups > 3
    assert [row["id"] for row in from_parquet("mentions", records)] == list(range(25))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.CSV", "csv"),
        ("a.parquet", "parquet"),
        ("a.jsonl", "jsonl"),
        ("a", "jsonl"),
        ("a.NDJSON", "jsonl"),
        ("a.json", None),
        ("a.XLSX", "xlsx"),
        ("a.xls", None),
        ("a.tsv", None),
        ("a.2024", None),
        ("a.", None),
        (".csv", "csv"),
        ("a.jsonl.gz", None),
        ("a.zip", None),
    ],
)
def test_the_form_is_chosen_by_the_name(name: str, form: str | None) -> None:
    assert output_form(name) == form


def test_csv_is_written_for_spreadsheet_programs_of_other_countries(tmp_path: Path) -> None:
    write = writer("csv", Layout("mentions"), CsvStyle(";", bom=True))
    assert write
    with (tmp_path / "out.csv").open("wb") as stream:
        write(lambda: iter(RECORDS), stream)
    content = (tmp_path / "out.csv").read_bytes()
    assert content.startswith(b'\xef\xbb\xbf"id";"label";"text"')
    assert content.count(b"\xef\xbb\xbf") == 1
    assert [source.text for source in read_sources([tmp_path / "out.csv"], lambda note: None)] == [HARD, "in", "Beni"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# A column has values of one kind or null; where a table must have one type, they read back as they were.
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "known": st.booleans(),
    "year": st.integers(-(2**63), 2**63 - 1),
    "share": st.floats(allow_nan=False, allow_infinity=False),
    "label": TEXTS,
}


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        text = draw(TEXTS)
        metadata = draw(st.fixed_dictionaries({}, optional={key: kind | st.none() for key, kind in KINDS.items()}))
        ends = st.integers(0, len(text))
        spans = draw(st.lists(st.tuples(ends, ends).map(sorted).filter(lambda span: span[0] < span[1]), max_size=3))
        score = draw(st.floats(0, 1))
        entities = [entity(text[start:end], start, score=score) for start, end in spans] if text else []
        found.append({"id": number, **metadata, "text": text, "entities": entities})
    return found


def as_csv(value: Any) -> str:
    """Format a value as a field of CSV."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


fuzzed = settings(max_examples=20, deadline=None, derandomize=True, database=None)


@fuzzed
@given(records(), st.sampled_from(TABLES[:2]))
def test_what_was_written_reads_back_equal(found: list[dict[str, Any]], table: Table) -> None:
    rows = [row for record in found for row in Layout(table).rows(record)]
    columns = list(Layout(table).columns(found))
    filled = [{column: row.get(column) for column in columns} for row in rows]
    assert from_parquet(table, found) == filled
    assert from_csv(table, found) == [{column: as_csv(value) for column, value in row.items()} for row in filled]
    lines = written("jsonl", table, found).read() if table == "mentions" else "".join(map(sinks.line, found)).encode()
    assert [json.loads(line) for line in lines.splitlines()] == rows


@fuzzed
@given(records())
def test_reports_that_were_written_can_be_tagged_again(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("again")
    (folder / "r.jsonl").write_text("".join(map(sinks.line, found)), encoding="utf-8")
    (folder / "r.csv").write_bytes(written("csv", "reports", found).read())
    (folder / "r.parquet").write_bytes(written("parquet", "reports", found).read())
    for file in folder.iterdir():
        problems: list[Problem] = []
        sources = list(read_sources([file], problems.append))
        assert [(str(source.id), source.text) for source in sources] == [(str(r["id"]), r["text"]) for r in found]
        assert problems == []
