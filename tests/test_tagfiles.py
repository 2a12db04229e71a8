"""Files in, tagged texts out: what cannot be read is said, the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import standard_input, write
from conflict_ner.errors import Problem
from conflict_ner.sources import STDIN, Source
from conflict_ner.tagfiles import Tagged, tag_files
from conflict_ner.tagger import Tagger
from conftest import SENTENCES


def complain(problem: Problem) -> None:
    raise AssertionError(problem)


def test_a_text_that_is_half_a_character_is_reported_and_the_rest_goes_on(tmp_path: Path, tagger: Tagger) -> None:
    # "\ud800" is valid JSON, and what programs write that cut texts in UTF-16; no encoder can read it.
    file = write(tmp_path / "r.jsonl", '{"id": "1", "text": "Goma \\ud83d"}\n{"id": "2", "text": "Goma"}\n')
    problems: list[Problem] = []
    assert [tagged.source.id for tagged in tag_files(tagger, [file], problems.append)] == ["2"]
    assert [problem.where for problem in problems] == [f"{file}:1"]


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
