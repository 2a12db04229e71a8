"""A saved evaluation comes back as it was, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.errors import DataError
from conflict_ner.evaluation import predictions
from conflict_ner.evaluation.report import Evaluation, score
from helpers.evaluations import entity, labelings, properties
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("ACTOR", "LOCATION")


def evaluation(documents: list[Document], found: list[tuple[Entity, ...]], **facts: Any) -> Evaluation:
    report = score(documents, found, LABELS, threshold={"ACTOR": 0.25})
    return Evaluation("base", "demo.md", LABELS, tuple(documents), tuple(found), report, **facts)


@pytest.fixture
def saved() -> Evaluation:
    documents = [
        Document("a", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")), {"year": 2024}),
        Document("b", "\U0001f600 كابل\u2028fell\n", (), {"id": "x", "gold": [1.5, None, {"k": "\u00e9"}]}),
    ]
    found = [
        (Entity("ACTOR", "Rebels", 0, 6, 1 / 3), Entity("ACTOR", "Goma", 12, 16, 0.1 + 0.2)),
        (Entity("LOCATION", "كابل", 2, 6, 1.0),),
    ]
    return evaluation(documents, found, history=({"epoch": 1, "loss": 0.1, "strict_f1": 2 / 3},))


def test_an_evaluation_comes_back_exactly(tmp_path: Path, saved: Evaluation) -> None:
    predictions.save(saved, tmp_path / "saved.jsonl")
    again = predictions.load(tmp_path / "saved.jsonl")
    assert again == saved
    assert again.report.model_dump_json() == saved.report.model_dump_json()
    assert [document.origin.rpartition("saved")[2] for document in again.documents] == [".jsonl:2", ".jsonl:3"]
    assert list(tmp_path.iterdir()) == [tmp_path / "saved.jsonl"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=20, max_size=30).map(lambda text: text + ".")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("aé\n"),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text("ab"), values, max_size=2),
    max_leaves=4,
)
REPORTS = st.tuples(
    TEXTS, labelings(20, "AL"), labelings(20, "AL"), st.floats(0, 1), st.dictionaries(st.text("xy"), JSON)
)


@settings(properties, max_examples=25)
@given(st.lists(REPORTS, min_size=1, max_size=5))
def test_any_evaluation_comes_back_exactly(reports: list[tuple[str, list[Mention], list[Mention], float, Any]]) -> None:
    names = {"A": "ACTOR", "L": "LOCATION"}
    documents, predicted = [], []
    for number, (text, gold, spans, confidence, metadata) in enumerate(reports):
        mentions = tuple(Mention(m.start, m.end, names[m.label]) for m in gold)
        documents.append(Document(str(number), text, mentions, metadata))
        predicted.append(tuple(entity(text, m.start, m.end, names[m.label], confidence) for m in spans))
    original = evaluation(documents, predicted)
    assert predictions.parse("".join(predictions.dump(original)), "f") == (original, [])


def faults(saved: Evaluation, row: int, **changes: Any) -> list[str]:
    """Return the problems of the file with keys of one line changed; None removes a key."""
    lines = [json.loads(line) for line in predictions.dump(saved)]
    lines[row] = {key: value for key, value in (lines[row] | changes).items() if value is not None}
    found, problems = predictions.parse("\n".join(json.dumps(line) for line in lines), "f")
    assert (found is None) == bool(problems)
    return [str(problem) for problem in problems]


ENTITY = {"label": "ACTOR", "text": "Rebels", "start": 0, "end": 6, "score": 0.5}


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        (0, {"format": 2}, "f:1: format 2, this version reads 1; upgrade"),
        (0, {"format": None}, "f:1: not a saved evaluation"),
        (0, {"name": 7}, "f:1: name: input should be a valid string"),
        (0, {"report": None}, "f:1: report: field required"),
        (0, {"mood": 1}, "f:1: mood: extra inputs"),
        (0, {"labels": ["ACTOR"]}, "'Goma' (LOCATION, 12:16) has an unknown label"),
        (0, {"labels": ["LOCATION", "ACTOR", "X"]}, "f:1: its scores do not match"),
        (1, {"id": None}, "f:2: id: field required"),
        (1, {"id": "b"}, "f:3: the id 'b' is already used at f:2"),
        (1, {"gold": []}, "f:1: its scores do not match the reports below"),
        (1, {"gold": [{"start": 0, "end": 60, "label": "ACTOR"}]}, "lies outside the text of 17 characters"),
        (1, {"gold": [{"start": "0", "end": 6, "label": "ACTOR"}]}, "f:2: gold.0.start: input should be a valid"),
        (1, {"predicted": [ENTITY | {"score": 1.5}]}, "f:2: entity at 0:6 has the score 1.5; scores are from 0 to 1"),
        (
            1,
            {"predicted": [ENTITY | {"text": "Rebel"}]},
            "entity at 0:6 has the text 'Rebel', but its offsets give 'Rebels'",
        ),
        (1, {"predicted": [ENTITY, ENTITY]}, "f:2: 'Rebels' (ACTOR, 0:6) lies inside"),
        (1, {"predicted": [ENTITY | {"label": "X"}]}, "f:2: 'Rebels' (X, 0:6) has an unknown label"),
        (2, {"text": " "}, "f:3: report 'b' is empty"),
    ],
)
def test_a_changed_file_is_refused(saved: Evaluation, row: int, changes: dict[str, Any], message: str) -> None:
    found = faults(saved, row, **changes)
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "f:1: not a saved evaluation: its first line has no 'format'; write it again: conflict-ner evaluate"),
        ('{"id": "a", "text": "x", "entities": []}\n', "f:1: not a saved evaluation"),
        ("=== a\n\nRebels left.\n", "f:1: not a saved evaluation"),
    ],
)
def test_a_file_that_is_no_saved_evaluation_is_refused(source: str, message: str) -> None:
    found, problems = predictions.parse(source, "f")
    assert found is None
    assert str(problems[0]).startswith(message)


def test_a_file_that_was_cut_off_is_refused(saved: Evaluation) -> None:
    head, *lines = predictions.dump(saved)
    assert predictions.parse(head, "f")[1][0].what == "no report in this file"
    assert predictions.parse(head + lines[0], "f")[1][0].what == "reports in it: 1; its first line says 2"
    assert predictions.parse(head + lines[0] + lines[1][:-20], "f")[1][0].where.startswith("f:3:")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('"id": "a"', '"id": "a", "id": "a"', "duplicate key 'id'"), ('"year": 2024', '"year": NaN', "NaN")],
)
def test_what_is_not_valid_json_is_refused(saved: Evaluation, old: str, new: str, message: str) -> None:
    (problem,) = predictions.parse("".join(predictions.dump(saved)).replace(old, new), "f")[1]
    assert problem.where == "f:2"
    assert message in problem.what


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read: No such file"):
        predictions.load(tmp_path / "none.jsonl")
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"x: not UTF-8 \(byte 0xff\)"):
        predictions.load(tmp_path / "x")
