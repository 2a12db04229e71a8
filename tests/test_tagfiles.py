"""Files in, tagged texts out: what cannot be read is said, the rest goes on."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conflict_ner.errors import Problem
from conflict_ner.tagfiles import STDIN, Form, Source, Tagged, read_sources, tag_files
from conflict_ner.tagger import Tagger
from conftest import SENTENCES


def read(*paths: Path, form: Form = "txt") -> tuple[list[Source], list[str]]:
    """The texts that can be read, and what is said of the others."""
    problems: list[Problem] = []
    sources = list(read_sources(paths, problems.append, form))
    return sources, [str(problem) for problem in problems]


def complain(problem: Problem) -> None:
    raise AssertionError(problem)


def write(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_a_text_file_is_one_report_under_its_path(tmp_path: Path) -> None:
    content = "\ufeffGoma fell.\r\n\r\nBeni \U0001f4a3 too.\n"
    file = write(tmp_path / "report.txt", content)
    assert read(file) == ([Source(str(file), content)], [])


def test_a_jsonl_file_is_a_report_a_line(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Goma\nfell."}, {"text": "Beni \u2028 too."}, {"id": 7, "text": ""}]
    file = write(tmp_path / "reports.jsonl", "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\r\n")
    sources, problems = read(file)
    assert [(source.id, source.text) for source in sources] == [
        ("a", "Goma\nfell."),
        (f"{file}:3", "Beni \u2028 too."),
        (7, ""),
    ]
    assert problems == []


def test_a_byte_order_mark_before_json_does_no_harm(tmp_path: Path) -> None:
    assert read(write(tmp_path / "r.jsonl", '\ufeff{"id": "a", "text": "Goma"}\n')) == ([Source("a", "Goma")], [])


def test_a_folder_is_searched_in_order_and_what_else_lies_there_is_left_alone(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/y.jsonl", "c.pdf", "README"):
        write(tmp_path / name, json.dumps({"id": name, "text": name}))
    sources, problems = read(tmp_path)
    names = [Path(source.id).name for source in sources]
    assert names == ["y.jsonl", "z.txt", "b.txt"]
    assert problems == []


def test_paths_are_read_in_the_order_given(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.txt", name) for name in "cab"]
    assert [source.text for source in read(*files)[0]] == ["c", "a", "b"]


def test_standard_input_is_text_or_jsonl_as_said_and_not_as_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"id": "a", "text": "Goma"}\n'
    standard_input(monkeypatch, line)
    assert read(STDIN) == ([Source("standard input", line.decode())], [])
    standard_input(monkeypatch, line + b"{\n")
    sources, problems = read(STDIN, form="jsonl")
    assert sources == [Source("a", "Goma")]
    assert [problem.partition(": ")[0] for problem in problems] == ["standard input:2"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": "x", "text": "Goma"', "not JSON"),
        (b"Goma fell.", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "Goma \xff"}', "not UTF-8"),
        (b'{"id": "x"}', "no string under 'text'"),
        (b'{"text": null}', "no string under 'text'"),
        (b'{"text": ["Goma"]}', "no string under 'text'"),
        (b'"Goma fell."', "no string under 'text'"),
        (b"3", "no string under 'text'"),
    ],
    ids=["cut off", "plain text", "nested", "latin-1", "no text", "null", "list", "string", "number"],
)
def test_a_broken_line_is_reported_with_file_and_line_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, said: str
) -> None:
    good = b'{"id": "%d", "text": "Goma"}'
    file = write(tmp_path / "r.jsonl", b"\n".join([good % 1, line, good % 3, b""]))
    sources, problems = read(file)
    assert [source.id for source in sources] == ["1", "3"]
    (problem,) = problems
    assert problem.startswith(f"{file}:2: {said}")


def test_a_text_that_is_half_a_character_is_reported_and_the_rest_goes_on(tmp_path: Path, tagger: Tagger) -> None:
    # "\ud800" is valid JSON, and what programs write that cut texts in UTF-16; no encoder can read it.
    file = write(tmp_path / "r.jsonl", '{"id": "1", "text": "Goma \\ud83d"}\n{"id": "2", "text": "Goma"}\n')
    problems: list[Problem] = []
    assert [tagged.source.id for tagged in tag_files(tagger, [file], problems.append)] == ["2"]
    assert [problem.where for problem in problems] == [f"{file}:1"]


def test_a_text_file_that_is_not_utf8_is_reported_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = write(tmp_path / "a.txt", "one\ntwo caf\xe9\n".encode("latin-1"))
    good = write(tmp_path / "b.txt", "Goma")
    sources, problems = read(bad, good)
    assert [source.text for source in sources] == ["Goma"]
    assert problems == [f"{bad}:2: not UTF-8 (byte 0xe9); convert it with iconv"]


@pytest.mark.parametrize(("name", "said"), [("a.pdf", ".pdf is not tagged"), ("a", "without ending is not tagged")])
def test_an_unknown_ending_is_reported_and_the_rest_goes_on(tmp_path: Path, name: str, said: str) -> None:
    bad, good = write(tmp_path / name, "Goma"), write(tmp_path / "b.txt", "Goma")
    sources, problems = read(bad, good)
    assert [source.id for source in sources] == [str(good)]
    assert said in problems[0]


def test_what_is_not_there_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    good, empty = write(tmp_path / "b.txt", "Goma"), tmp_path / "empty"
    empty.mkdir()
    missing = [tmp_path / "a.txt", tmp_path / "a.jsonl", tmp_path / "folder"]
    sources, problems = read(*missing, empty, good)
    assert [source.id for source in sources] == [str(good)]
    assert [problem.partition(": ")[0] for problem in problems] == [str(path) for path in (*missing, empty)]


def test_metadata_is_passed_through(tmp_path: Path, tagger: Tagger) -> None:
    row = {"id": "a", "theatre": "Kivu", "date": {"year": 2024}, "text": "Goma", "entities": ["old"], "tags": [1, None]}
    (tagged,) = tag_files(tagger, [write(tmp_path / "r.jsonl", json.dumps(row))], complain)
    record = tagged.to_record()
    assert {key: record[key] for key in ("id", "theatre", "date", "text", "tags")} == {
        key: row[key] for key in ("id", "theatre", "date", "text", "tags")
    }
    assert "old" not in record["entities"]


def test_each_text_comes_with_its_own_entities_in_order(tmp_path: Path, tagger: Tagger) -> None:
    texts = [*SENTENCES, "", SENTENCES[0]] * 50  # more than are read at a time
    rows = [json.dumps({"id": number, "text": text}) for number, text in enumerate(texts)]
    files = [write(tmp_path / "r.jsonl", "\n".join(rows)), write(tmp_path / "last.txt", SENTENCES[0])]
    tagged = list(tag_files(tagger, files, complain))
    assert [item.source.text for item in tagged] == [*texts, SENTENCES[0]]
    assert [item.source.id for item in tagged] == [*range(len(texts)), str(files[1])]
    for item in tagged:
        assert all(item.source.text[entity.start : entity.end] == entity.text for entity in item.entities)
    assert [(entity.label, entity.text) for entity in tagged[-1].entities][-1] == ("LOCATION", "El Fasher")


def test_standard_input_is_tagged(monkeypatch: pytest.MonkeyPatch, tagger: Tagger) -> None:
    standard_input(monkeypatch, SENTENCES[0].encode())
    (tagged,) = tag_files(tagger, [STDIN], complain)
    assert tagged.entities == tagger.tag(SENTENCES[0])


def test_files_are_read_as_they_are_tagged(tmp_path: Path, tagger: Tagger) -> None:
    opened: list[str] = []

    def paths() -> Iterator[Path]:
        for number in range(4000):
            opened.append(str(number))
            yield write(tmp_path / f"{number}.txt", "Goma")

    next(iter(tag_files(tagger, paths(), complain)))
    assert 0 < len(opened) < 4000


def test_a_record_is_json_with_entities_that_slice_its_text(tagger: Tagger) -> None:
    text = SENTENCES[0]
    record: dict[str, Any] = json.loads(json.dumps(Tagged(Source("a", text), tagger.tag(text)).to_record()))
    assert list(record) == ["id", "text", "entities"]
    assert record["entities"]
    for entity in record["entities"]:
        assert list(entity) == ["label", "text", "start", "end", "score"]
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["score"] <= 1
