"""Files of other annotation tools: one message that names the format, and nothing is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.formats import jsonl
from conflict_ner.errors import DataError, Problem

TEXT = "Rebels left Goma."
MENTION = {"start": 0, "end": 6, "label": "ACTOR"}
OURS = {"id": "a", "text": TEXT, "entities": [MENTION]}
FORMATS: dict[str, tuple[str, Any]] = {
    "GLiNER": ("GLiNER", {"tokenized_text": ["Rebels", "left"], "ner": [[0, 0, "ACTOR"]]}),
    "tag, mentions": ("`tag --rows", {"id": 1, "label": "ACTOR", "text": "Rebels", "start": 0, "end": 6, "score": 0.9}),
    "evaluate": ("`evaluate", {"id": "a", "text": TEXT, "metadata": {}, "gold": [], "predicted": []}),
}


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def only_problem(source: str) -> Problem:
    documents, (problem,) = jsonl.parse(source, "f.jsonl")
    assert documents == []
    assert problem.unreadable
    assert problem.fix
    return problem


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_tool_is_one_problem_that_names_it(form: str) -> None:
    name, value = FORMATS[form]
    for count in (1, 5000):
        problem = only_problem(lines(*[value] * count))
        assert problem.where == "f.jsonl:1"
        assert name in problem.what
    assert "entities" in problem.fix or "reports that were evaluated" in problem.fix


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_another_tool_is_named_too(form: str, indent: int | None) -> None:
    name, value = FORMATS[form]
    assert name in only_problem(json.dumps([value] * 40, indent=indent)).what


@pytest.mark.parametrize("indent", [None, 2])
def test_the_fix_of_an_array_of_our_objects_is_to_write_lines(indent: int | None) -> None:
    problem = only_problem(json.dumps([OURS, {**OURS, "id": "b", "entities": []}], indent=indent))
    assert "array of 2 reports" in problem.what
    assert "one line" in problem.fix


def test_reports_inside_an_object_are_recognized() -> None:
    wrapped = {"classes": ["ACTOR"], "annotations": [FORMATS["GLiNER"][1]] * 20 + [None]}
    assert "GLiNER" in only_problem(json.dumps(wrapped)).what


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_several_formats_has_one_problem_per_line(form: str) -> None:
    source = lines(OURS, FORMATS[form][1], {**OURS, "id": "b"})
    documents, problems = jsonl.parse(source, "f.jsonl")
    assert {document.id for document in documents} >= {"a", "b"}
    assert {problem.where for problem in problems} == {"f.jsonl:2"}
    assert not any(problem.unreadable for problem in problems)


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_recognized_despite_a_few_damaged_lines(form: str) -> None:
    name, value = FORMATS[form]
    assert name in only_problem(lines(*[value] * 40) + "{broken\n").what


def test_keys_of_other_tools_are_metadata_in_a_valid_file() -> None:
    extra = {"spans": [], "label": [[0, 6, "ACTOR"]], "tokens": ["x"], "tags": ["O"], "gold": [], "predicted": []}
    documents, problems = jsonl.parse(lines({**OURS, **extra}), "f.jsonl")
    assert problems == []
    assert documents[0].metadata == extra


def test_an_array_of_tagged_reports_is_to_be_written_as_lines() -> None:
    tagged = {"id": 1, "text": TEXT, "entities": [{**MENTION, "text": "Rebels", "score": 0.9}]}
    problem = only_problem(json.dumps([tagged, {**OURS, "entities": []}], indent=2))
    assert "reports of `tag`" in problem.what
    assert "one line" in problem.fix


def test_thousands_of_lines_of_another_tool_give_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(*[FORMATS["GLiNER"][1]] * 5000), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        corpus.load({"data": [tmp_path]}, ["ACTOR"], strict=False)
    message = str(caught.value)
    assert message.count("\n") == 1
    assert "GLiNER (5,000 of 5,000 lines)" in message
    assert '{"start": 0, "end": 6, "label": "ACTOR"}' in message
