"""doccano's JSONL in all shapes that its versions export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats.annotation_tools import doccano
from conflict_ner.data.formats.format import NO_OPTIONS, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.errors import DataError, Problem

TEXT = "Rebels left Goma."
BOTH = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))
TRIPLES = [[12, 16, "LOCATION"], [0, 6, "ACTOR"]]
OFFSETS = [{"id": n, "label": label, "start_offset": s, "end_offset": e} for n, (s, e, label) in enumerate(TRIPLES)]


def read(
    folder: Path, *records: Any, options: ReadOptions = NO_OPTIONS
) -> tuple[list[Document], list[Problem], list[Problem]]:
    """The reports of an export, its problems and its notes."""
    file = folder / "all.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    documents, problems = read_file(file, options, doccano.FORMAT)
    return documents, [each for each in problems if not each.note], [each for each in problems if each.note]


@pytest.mark.parametrize(
    "record",
    [
        {"id": 7, "text": TEXT, "label": TRIPLES, "Comments": []},  # 1.8, sequence labeling
        {"id": 7, "text": TEXT, "entities": OFFSETS, "relations": [], "Comments": []},  # 1.8, with relations
        {"id": 7, "text": TEXT, "cats": None, "entities": TRIPLES},  # 1.8, intent detection and slot filling
        {"id": 7, "data": TEXT, "label": TRIPLES},  # 1.4
        {"id": 7, "text": TEXT, "meta": {}, "annotation_approver": None, "labels": TRIPLES},  # 1.0, text labels
        {"id": 7, "text": TEXT, "annotations": [{**each, "user": 1} for each in OFFSETS], "meta": {}},  # 1.0
    ],
    ids=["labels", "relations", "intent", "data", "text labels", "users"],
)
def test_the_shapes_of_all_versions_are_read_and_recognized(record: Any, tmp_path: Path) -> None:
    documents, problems, notes = read(tmp_path, record)
    assert (documents, problems, notes) == ([Document("7", TEXT, BOTH)], [], [])
    detection = detect_format(tmp_path / "all.jsonl")
    assert detection is not None
    assert detection.format is doccano.FORMAT
    assert doccano.FORMAT.detect(Sample("a.json", json.dumps([record]).encode()))


def test_an_export_of_which_the_first_reports_have_no_labels_is_recognized(tmp_path: Path) -> None:
    empty = {"id": 7, "text": TEXT, "entities": [], "relations": [], "Comments": []}
    documents, problems, _ = read(tmp_path, empty)
    assert (documents, problems) == ([Document("7", TEXT)], [])
    assert doccano.is_report(empty)
    assert not doccano.is_report({"id": "7", "text": TEXT, "entities": []})


def test_all_other_fields_are_metadata(tmp_path: Path) -> None:
    records = [
        {"id": "r-1", "text": TEXT, "year": 2024.0, "theatre": None, "label": [], "Comments": ["unsure"]},
        {"text": TEXT, "label": [], "meta": {"source": "BBC"}},
    ]
    documents, problems, _ = read(tmp_path, *records)
    assert problems == []
    assert documents == [
        Document("r-1", TEXT, (), {"year": 2024, "Comments": ["unsure"]}),
        Document("all:2", TEXT, (), {"source": "BBC"}),
    ]


def test_relations_are_left_out_and_said(tmp_path: Path) -> None:
    relation = {"id": 0, "from_id": 0, "to_id": 1, "type": "in"}
    _, problems, (note,) = read(tmp_path, {"text": TEXT, "entities": OFFSETS, "relations": [relation] * 2})
    assert problems == []
    assert note.what == "2 relations left out: only labels are read"


def test_users_who_differ_are_an_error_that_lists_them(tmp_path: Path) -> None:
    record = {"id": 1, "text": TEXT, "annotations": [{**OFFSETS[0], "user": 1}, {**OFFSETS[1], "user": 2}]}
    documents, (problem,), _ = read(tmp_path, record)
    assert documents == []
    assert "1 (1 mention) and 2 (1 mention) label it differently" in problem.what
    assert doccano.list_annotators(tmp_path / "all.jsonl") == ["1", "2"]
    documents, problems, _ = read(tmp_path, record, options=ReadOptions(annotator="2"))
    assert (problems, documents[0].mentions) == ([], BOTH[:1])


def test_offsets_that_count_graphemes_are_mended(tmp_path: Path) -> None:
    text = "\U0001f1f8\U0001f1e9 Rebels left Cafe\u0301 Goma \U0001f468\u200d\U0001f469\u200d\U0001f467 today."
    spans = [[2, 8, "ACTOR"], [19, 23, "LOCATION"], [26, 31, "TIME"]]
    documents, problems, (note,) = read(tmp_path, {"id": 1, "text": text, "label": spans})
    assert problems == []
    assert [documents[0].slice(each) for each in documents[0].mentions] == ["Rebels", "Goma", "today"]
    assert "cut words unless they count characters as they are seen" in note.what
    emoji = {"id": 1, "text": "\U0001f4a5 Rebels left.", "label": [[2, 8, "ACTOR"]]}
    documents, problems, notes = read(tmp_path, emoji)
    assert (documents[0].mentions, problems, notes) == ((Mention(2, 8, "ACTOR"),), [], [])


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"id": 1, "text": TEXT, "label": [[0, 99, "ACTOR"]]}, "0:99 (ACTOR) is not in the text"),
        ({"id": 1, "text": TEXT, "label": [[6, 6, "ACTOR"]]}, "is not in the text"),
        ({"id": 1, "text": TEXT, "label": ["attack"]}, "'attack' is of the whole text"),
        ({"id": 1, "text": TEXT, "label": [[0, 6]]}, "not a label"),
        ({"id": 1, "text": TEXT, "label": [["0", 6, "ACTOR"]]}, "not a label"),
        ({"id": 1, "text": TEXT, "label": [[0, 6, None]]}, "is not a string"),
        ({"id": 1, "text": TEXT, "annotations": [{**OFFSETS[0], "label": 5}]}, "is the number 5"),
        ({"id": 1, "text": TEXT}, "a report without `label`"),
        ({"id": 1, "label": []}, "it has no `text`"),
        ([1], "not a report of doccano"),
    ],
)
def test_a_fault_has_its_file_and_line(record: Any, what: str, tmp_path: Path) -> None:
    documents, (problem,), _ = read(tmp_path, {"text": TEXT, "label": []}, record, {"text": TEXT, "label": []})
    assert what in problem.what
    assert problem.where.endswith("all.jsonl:2")
    assert problem.fix
    assert sum(each.is_valid for each in documents) == 2


def test_junk_is_never_an_exception(tmp_path: Path) -> None:
    junk: list[Any] = [None, 5, "x", [], {}, [1], [[1]], [{}], {"user": []}, [{"user": []}]]
    for key in ("text", "label", "labels", "entities", "annotations", "meta", "relations", "Comments", "id", "scores"):
        for value in junk:
            read(tmp_path, {"text": TEXT, key: value})
            doccano.FORMAT.detect(Sample("a.jsonl", json.dumps({"text": TEXT, key: value}).encode()))


PREDICTED = PredictedDocument("r-1", TEXT, (Entity("ACTOR", "Rebels", 0, 6, 0.98765),), {"year": 2024})


def test_predictions_are_written_as_labels_with_the_model_as_metadata(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    doccano.write_predictions([PREDICTED], file, "small 1.0")
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "id": "r-1",
        "text": TEXT,
        "label": [[0, 6, "ACTOR"]],
        "year": 2024,
        "scores": [0.9877],
        "model_version": "small 1.0",
    }
    (document,), (note,) = read_file(file)
    assert document.metadata == {"year": 2024, "model_version": "small 1.0"}
    of_a_table = replace(PREDICTED, metadata={"label": "attack", "meta": 1})
    doccano.write_predictions([of_a_table], file, "small 1.0")
    assert read_file(file)[0][0].metadata.items() >= {"data_label": "attack", "data_meta": 1}.items()
    assert note.note
    assert "labeled by small 1.0 before" in note.what


def test_metadata_that_would_be_read_as_labels_is_refused(tmp_path: Path) -> None:
    reports = [Document("a", TEXT), Document("b", TEXT, (), {"label": 1}), Document("c", TEXT, (), {"meta": {}})]
    with pytest.raises(DataError) as caught:
        doccano.write(reports, tmp_path / "a.jsonl")
    assert [each.where for each in caught.value.problems] == ["b", "c"]
    assert "the metadata 'label' has a name that means something else" in caught.value.problems[0].what


def test_the_labels_of_a_project_have_distinct_keys_and_colors() -> None:
    (config,) = doccano.label_config([f"L{n}" for n in range(40)]).values()
    labels = json.loads(config)
    assert labels[0] == {
        "text": "L0",
        "prefix_key": None,
        "suffix_key": "1",
        "background_color": "#00639c",
        "text_color": "#ffffff",
    }
    assert len({each["background_color"] for each in labels}) == 40
    keys = [each["suffix_key"] for each in labels if each["suffix_key"]]
    assert len(set(keys)) == len(keys) == 35
