"""Prodigy's JSONL: answers, annotators, predictions and faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats.annotation_tools import prodigy
from conflict_ner.data.formats.format import NO_OPTIONS, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.errors import Problem

TEXT = "Rebels left Goma."
ACTOR = {"start": 0, "end": 6, "token_start": 0, "token_end": 0, "label": "ACTOR"}
PLACE = {"start": 12, "end": 16, "token_start": 2, "token_end": 2, "label": "LOCATION", "text": "Goma", "source": "sm"}


def task(number: int, *spans: Any, by: str | None = "ner-anna", text: str = TEXT, **more: Any) -> dict[str, Any]:
    """A task as `db-out` of Prodigy 1.15 writes it."""
    return {
        "text": text,
        "meta": {"id": f"r-{number}", "year": 2024},
        "_input_hash": number,
        "_task_hash": -number,
        "_is_binary": False,
        "tokens": [{"text": "Rebels", "start": 0, "end": 6, "id": 0, "ws": True}],
        "_view_id": "ner_manual",
        "spans": list(spans),
        "answer": "accept",
        "_timestamp": 1707211049,
        "_annotator_id": by,
        "_session_id": by,
        **more,
    }


def read(
    folder: Path, *records: Any, options: ReadOptions = NO_OPTIONS
) -> tuple[list[Document], list[Problem], list[Problem]]:
    """The reports of an export, its problems and its notes."""
    file = folder / "ner.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    documents, problems = read_file(file, options, prodigy.FORMAT)
    return documents, [each for each in problems if not each.note], [each for each in problems if each.note]


def test_an_export_is_read_and_recognized(tmp_path: Path) -> None:
    documents, problems, notes = read(
        tmp_path,
        task(1, PLACE, ACTOR, origin="BBC"),
        {"text": TEXT, "spans": [ACTOR]},
        {"text": TEXT, "answer": "accept"},
    )
    assert (problems, notes) == ([], [])
    both = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))
    assert documents == [
        Document("r-1", TEXT, both, {"year": 2024, "origin": "BBC"}),
        Document("ner:2", TEXT, both[:1]),
        Document("ner:3", TEXT),
    ]
    detection = detect_format(tmp_path / "ner.jsonl")
    assert detection is not None
    assert detection.format is prodigy.FORMAT
    assert (
        prodigy.FORMAT.detect(Sample("a.jsonl", b'{"id": "a", "text": "x", "entities": [], "spans": [{"start": 0}]}'))
        is None
    )


def test_only_accepted_tasks_are_read(tmp_path: Path) -> None:
    records = [
        task(1, ACTOR),
        task(2, ACTOR, answer="reject"),
        task(3, ACTOR, answer="ignore"),
        task(4, answer="reject"),
    ]
    documents, problems, notes = read(tmp_path, *records)
    assert ([each.id for each in documents], problems) == (["r-1"], [])
    assert [note.what for note in notes] == [
        "2 tasks left out: the answer is reject; --skipped reads them",
        "1 task left out: the answer is ignore; --skipped reads them",
    ]
    documents, problems, notes = read(tmp_path, *records, options=ReadOptions(skipped=True))
    assert ([each.id for each in documents], problems, notes) == (["r-1", "r-2", "r-3", "r-4"], [], [])


def test_annotators_of_one_input_are_compared_wherever_their_tasks_stand(tmp_path: Path) -> None:
    records = [
        task(1, ACTOR, by="ner-anna"),
        task(2, ACTOR, by="ner-anna"),
        task(3, by="ner-anna", answer="reject"),
        task(1, ACTOR, by="ner-ben"),
        task(2, ACTOR, PLACE, by="ner-ben"),
        task(3, PLACE, by="ner-ben"),
    ]
    documents, (problem,), _ = read(tmp_path, *records)
    assert [each.id for each in documents] == ["r-1", "r-3"]
    assert problem.where.endswith("ner.jsonl:2")
    assert problem.what == "ner-anna (1 mention) and ner-ben (2 mentions) label it differently"
    assert "--annotator: ner-ben (3 tasks), ner-anna (2 tasks)" in problem.fix
    for name in ("ben", "ner-ben"):
        documents, problems, _ = read(tmp_path, *records, options=ReadOptions(annotator=name))
        assert problems == []
        assert [(each.id, len(each.mentions)) for each in documents] == [("r-1", 1), ("r-2", 2), ("r-3", 1)]


def test_the_annotators_of_an_export_are_listed(tmp_path: Path) -> None:
    read(tmp_path, task(1, by="ner-anna"), task(2, by="ner-ben"), task(3, by="ner-ben"), task(4, by=None))
    assert prodigy.list_annotators(tmp_path / "ner.jsonl") == ["ner-ben", "ner-anna"]


def test_the_last_labels_of_an_annotator_count(tmp_path: Path) -> None:
    documents, problems, (note,) = read(
        tmp_path, task(1, PLACE, _timestamp=1707211099), task(1, ACTOR, _timestamp=1707211049)
    )
    assert (problems, documents[0].mentions) == ([], (Mention(12, 16, "LOCATION"),))
    assert "the last labels were read" in note.what


def test_the_sentences_of_one_report_have_ids_of_their_own(tmp_path: Path) -> None:
    documents, problems, _ = read(tmp_path, task(1, ACTOR), task(1, text="Goma fell."), task(1, text="Police came."))
    assert problems == []
    assert [each.id for each in documents] == ["r-1", "r-1#2", "r-1#3"]


def test_equal_texts_that_prodigy_has_not_made_tasks_of_are_kept(tmp_path: Path) -> None:
    documents, problems, _ = read(tmp_path, {"text": TEXT, "spans": [ACTOR]}, {"text": TEXT, "spans": [PLACE]})
    assert (len(documents), problems) == (2, [])


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (task(2, {**ACTOR, "end": 99}), "0:99 (ACTOR) is not in the text"),
        (task(2, {**PLACE, "text": "Bunia"}), "should be 'Bunia'"),
        (task(2, {"start": 0, "end": 6}), "0:6 has no label"),
        (task(2, {"start": "0", "end": 6}), "not a span"),
        (task(2, 5), "not a span"),
        (task(2, spans="x"), "`spans` is not a list"),
        (task(2, ACTOR, _is_binary=True), "a yes or no to one span"),
        (task(2, text=5), "it has no `text`"),  # type: ignore[arg-type]
        ([1], "not a task of Prodigy"),
    ],
)
def test_a_fault_has_its_file_and_line(record: Any, what: str, tmp_path: Path) -> None:
    documents, (problem,), _ = read(tmp_path, task(1, ACTOR), record, task(3, PLACE))
    assert what in problem.what
    assert problem.where.endswith("ner.jsonl:2")
    assert problem.fix
    assert sum(each.is_valid for each in documents) == 2


def test_junk_is_never_an_exception(tmp_path: Path) -> None:
    junk: list[Any] = [None, 5, "x", [], {}, [1], [{}], [None]]
    for key in task(1):
        for value in junk:
            for options in (NO_OPTIONS, ReadOptions(predictions=True)):
                read(tmp_path, {**task(1, ACTOR), key: value}, options=options)


PREDICTED = PredictedDocument("r-1", TEXT, (Entity("ACTOR", "Rebels", 0, 6, 0.98765),), {"year": 2024})


def test_predictions_are_tasks_without_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    prodigy.write_predictions([PREDICTED, PredictedDocument("r-2", "Nothing.")], file, "small 1.0")
    first, second = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    span = {"start": 0, "end": 6, "label": "ACTOR", "score": 0.9877, "source": "small 1.0"}
    assert first == {
        "text": TEXT,
        "spans": [span],
        "meta": {"id": "r-1", "year": 2024},
        "model_version": "small 1.0",
    }
    _, (problem,) = read_file(file)
    assert "2 tasks left out: a model has labeled them and nobody has accepted that" in problem.what
    documents, problems = read_file(file, ReadOptions(predictions=True))
    assert ([(each.id, len(each.mentions)) for each in documents], problems) == ([("r-1", 1), ("r-2", 0)], [])
    answered = [{**each, "answer": "accept"} for each in (first, second)]
    documents, problems, notes = read(tmp_path, *answered)
    assert ([each.id for each in documents], problems, notes) == (["r-1", "r-2"], [], [])


def test_classes_of_whole_texts_are_not_read_as_texts_without_mentions(tmp_path: Path) -> None:
    one = {"text": TEXT, "label": "POSITIVE", "answer": "accept"}
    many = {"text": TEXT, "options": [{"id": 1, "text": "Attack"}], "accept": [1], "answer": "accept"}
    assert [each.what for each in read(tmp_path, one, many)[1]] == [
        "a class of the whole text, and no labels in it"
    ] * 2
