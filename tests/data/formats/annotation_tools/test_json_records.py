"""Records of JSON files: arrays, lines and objects are read one after the other, and faults have a place."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records, write_array, write_lines
from conflict_ner.errors import Problem

VALUES: list[Any] = [{"id": 1, "text": "é \u2028 \ud83d"}, {"id": 2, "n": 1.5}, {"id": 3, "list": [[], {}]}]


def read(file: Path, content: str | bytes) -> tuple[list[Any], list[Problem]]:
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    items = list(read_records(file))
    values = [item.value for item in items if isinstance(item, Record)]
    return values, [item for item in items if isinstance(item, Problem)]


@pytest.mark.parametrize("indent", [None, 2])
def test_arrays_lines_and_objects_have_the_same_records(indent: int | None, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    objects = [json.dumps(value, indent=indent) for value in VALUES]
    assert read(file, json.dumps(VALUES, indent=indent)) == (VALUES, [])
    assert read(file, "\n\n".join(objects)) == (VALUES, [])
    assert read(file, "\ufeff" + objects[0]) == (VALUES[:1], [])
    assert read(file, "\r\n".join(map(json.dumps, VALUES)).encode("utf-16")) == (VALUES, [])
    zipped = tmp_path / "a.json.gz"
    assert read(zipped, gzip.compress(json.dumps(VALUES).encode())) == (VALUES, [])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for write in (write_array, write_lines):
        write(VALUES, tmp_path / "a.json")
        assert [item.value for item in read_records(tmp_path / "a.json") if isinstance(item, Record)] == VALUES
    write_array([], tmp_path / "a.json")
    assert read(tmp_path / "a.json", (tmp_path / "a.json").read_bytes()) == ([], [])
    assert read(tmp_path / "a.json", "") == ([], [])


def test_a_record_may_be_longer_than_a_piece_of_the_file(tmp_path: Path) -> None:
    values = [{"text": "x" * 200_000 + str(n), "n": n * 1_000_003} for n in range(3)]
    assert read(tmp_path / "a.json", json.dumps(values)) == (values, [])
    assert read(tmp_path / "a.json", "\n".join(map(json.dumps, values))) == (values, [])


def test_values_that_python_writes_although_json_does_not_have_them_are_null(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", '[{"a": NaN, "b": -Infinity, "c": 1e999}]') == (
        [{"a": None, "b": None, "c": None}],
        [],
    )


@pytest.mark.parametrize(
    ("content", "count", "where", "what"),
    [
        ('[{"id": 1},\n {"id": 2, "text": "Reb', 1, "a.json:2:20", "the file is cut off in record 2"),
        ('[{"id": 1},\n {"id": 2}', 2, "a.json:2:11", "the file is cut off in record 2"),
        ('[{"id": 1},', 1, "a.json:1:12", "the file is cut off in record 2"),
        ('[{"id": 1}, {"a": tr', 1, "a.json:1:19", "the file is cut off in record 2"),
        ("[", 0, "a.json:1:2", "the file is cut off in record 1"),
        ('[{"id": 1}\n {"id": 2}]', 1, "a.json:2:2", "not JSON: Expecting ',' delimiter (record 1)"),
        ('[{"id": 1}, {id: 2}]', 1, "a.json:1:14", "not JSON: Expecting property name"),
        ('[{"id": 1}] left', 1, "a.json:1:13", "text after the end of the JSON array"),
        ('[{"id": 1, "id": 2}]', 0, "a.json, record 1", "duplicate key 'id'"),
        ('{\n "id": 1,\n', 0, "a.json:3:1", "the file is cut off in record 1"),
        ("[" * 100_000, 0, "a.json, record 1", "nested too deeply"),
        (b'[{"id": 1, "text": "caf\xe9 "}]', 0, "a.json:1:24", "read as cp1252"),
    ],
)
def test_a_fault_has_its_place_and_what_is_before_it_is_read(
    content: str | bytes, count: int, where: str, what: str, tmp_path: Path
) -> None:
    values, (problem,) = read(tmp_path / "a.json", content)
    assert len(values) == count
    assert problem.where.endswith(where)
    assert what in str(problem)
    assert problem.fix


def test_every_line_is_read_whatever_is_wrong_with_others(tmp_path: Path) -> None:
    values, problems = read(tmp_path / "a.jsonl", '{"id": 1}\n{"id": }\n\n{"id": 3, "id": 3}\n{"id": 4}\n{"id"')
    assert values == [{"id": 1}, {"id": 4}]
    assert [problem.where.rpartition("/")[2] for problem in problems] == ["a.jsonl:2:8", "a.jsonl:4", "a.jsonl:6:6"]


def test_memory_stays_flat_in_a_file_of_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_array(({"id": n, "text": "x" * 1000} for n in range(8000)), file)
    file.write_text(file.read_text(encoding="utf-8").replace("\n", ""), encoding="utf-8")
    tracemalloc.start()
    assert sum(1 for _ in read_records(file)) == 8000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000 < file.stat().st_size
