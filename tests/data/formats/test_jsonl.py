"""The JSONL format: mistakes of programs are found and reported with their line."""

from __future__ import annotations

import json
import sys

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import jsonl
from conflict_ner.errors import Problem


def line(**changes: object) -> str:
    record: dict[str, object] = {"id": "a", "text": "Rebels left Goma.", "entities": []}
    return json.dumps({**record, **changes})


def entity(**changes: object) -> str:
    """A line with one entity."""
    return line(entities=[{"start": 0, "end": 6, "label": "ACTOR", **changes}])


def problems(source: str) -> list[Problem]:
    return jsonl.parse(source, "f.jsonl")[1]


def test_a_line_is_a_document_and_other_keys_are_metadata() -> None:
    source = entity() + "\n\n" + line(id="b", text="", theatre="Sudan", tags=["x", None], year=2024) + "\r\n"
    documents, found_problems = jsonl.parse(source, "f.jsonl")
    assert found_problems == []
    assert documents == [
        Document("a", "Rebels left Goma.", (Mention(0, 6, "ACTOR"),)),
        Document("b", "", (), {"theatre": "Sudan", "tags": ["x", None], "year": 2024}),
    ]
    assert [document.origin for document in documents] == ["f.jsonl:1", "f.jsonl:3"]


def test_mentions_are_sorted_by_their_offsets() -> None:
    entities = [{"start": 12, "end": 16, "label": "LOCATION"}, {"start": 0, "end": 6, "label": "ACTOR"}]
    (document,), _ = jsonl.parse(line(entities=entities), "f.jsonl")
    assert document.mentions == (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))


def test_offsets_count_code_points() -> None:
    source = line(text="\U0001f600 Goma", entities=[{"start": 2, "end": 6, "label": "L", "text": "Goma"}])
    (document,), found_problems = jsonl.parse(source, "f.jsonl")
    assert found_problems == []
    assert document.slice(document.mentions[0]) == "Goma"


@pytest.mark.parametrize(
    ("source", "where", "what"),
    [
        ("{", "1:2", "not JSON"),
        # Python 3.13 and newer name the comma, older ones what follows it.
        ('{"id": "a",}', "1:11" if sys.version_info >= (3, 13) else "1:12", "not JSON"),
        ("\n{'id': 1}", "2:2", "not JSON"),
        ("[]", "1", "not a JSON object"),
        ('"text"', "1", "not a JSON object"),
        ('{"text": "x", "entities": []}', "1", "'id' is missing"),
        (line(id=7), "1", "'id' is not a string"),
        (line(text=None), "1", "'text' is not a string"),
        (line(entities={}), "1", "'entities' is not a list"),
        (line(entities=["x"]), "1", "not an entity"),
        (line(entities=[{"start": 0, "end": 6}]), "1", "not an entity"),
        (entity(start="0"), "1", "entity"),
        (entity(end=6.0), "1", "entity"),
        (entity(start=False), "1", "entity"),
        (entity(end=True), "1", "entity"),
        (entity(label=1), "1", "entity"),
        (entity(text="Rebel"), "1", "'Rebels'"),
        (entity(note="x"), "1", "'note'"),
        ('{"id": "a", "id": "a", "text": "x", "entities": []}', "1", "duplicate key 'id'"),
        ('{"id": "a", "text": "x", "entities": [{"start": 0, "start": 0}]}', "1", "duplicate key 'start'"),
        ('{"id": "a", "text": "x", "entities": [], "k": {"j": 1, "j": 1}}', "1", "duplicate key 'j'"),
        (line(k=float("nan")), "1", "NaN"),
        (line(k=[float("inf")]), "1", "Infinity"),
        (line(k=float("-inf")), "1", "-Infinity"),
    ],
)
def test_a_mistake_has_its_line_and_a_fix(source: str, where: str, what: str) -> None:
    (found,) = problems(source)
    assert found.where == f"f.jsonl:{where}"
    assert what in found.what
    assert found.fix


def test_offsets_in_bytes_are_detected_by_the_text_of_the_entity() -> None:
    (found,) = problems(line(text="é Goma", entities=[{"start": 3, "end": 7, "label": "L", "text": "Goma"}]))
    assert "'oma'" in found.what
    assert "code points" in found.fix


def test_all_mistakes_of_a_file_are_returned_together_and_the_rest_is_read() -> None:
    source = "\n".join(["{", line(id=1, text=2), line(id="good"), entity(start=True), line(k=float("nan"))])
    documents, found_problems = jsonl.parse(source, "f.jsonl")
    assert [problem.where for problem in found_problems] == [f"f.jsonl:{at}" for at in ("1:2", "2", "2", "4", "5")]
    assert Document("good", "Rebels left Goma.") in documents


def test_a_document_is_one_line_whatever_its_text() -> None:
    written = jsonl.dump([Document("a", "x\ny\r\nz", (Mention(0, 1, "A"),), {"k": "\n"}), Document("b", "")])
    assert written.count("\n") == 2
    assert json.loads(written.split("\n")[0])["text"] == "x\ny\r\nz"


def test_letters_of_other_scripts_stay_readable() -> None:
    assert "كابل" in jsonl.dump([Document("a", "كابل")])


def test_a_number_too_large_for_a_float_is_not_taken_for_infinity() -> None:
    documents, found_problems = jsonl.parse('{"id": "a", "text": "x", "entities": [], "k": 1e999}', "f.jsonl")
    assert found_problems or jsonl.parse(jsonl.dump(documents), "f.jsonl") == (documents, [])


def test_a_line_of_many_brackets_is_a_problem_and_no_crash() -> None:
    assert [problem.where.split(":")[1] for problem in problems("[" * 20_000)] == ["1"]
