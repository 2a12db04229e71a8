"""Label Studio's JSON in the shapes of its versions: annotators, predictions, offsets and faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats import conversion
from conflict_ner.data.formats.annotation_tools import label_studio, label_studio_min
from conflict_ner.data.formats.format import NO_OPTIONS, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.errors import DataError, Problem

TEXT = "Rebels left Goma on Monday."


def region(start: int, end: int, label: str, text: str | None, **more: Any) -> dict[str, Any]:
    """A result as Label Studio 1.23 exports it."""
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    value = {key: each for key, each in value.items() if each is not None}
    names = {"from_name": "label", "to_name": "text", "type": "labels", "origin": "manual"}
    return {"value": value, "id": f"r{start}", **names, **more}


ACTOR, PLACE = region(0, 6, "ACTOR", "Rebels"), region(12, 16, "LOCATION", "Goma")


def annotation(*results: Any, by: Any = 1, **more: Any) -> dict[str, Any]:
    """An annotation as Label Studio 1.23 exports it."""
    return {
        "id": 22,
        "completed_by": by,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2024-01-30T02:40:43.893565Z",
        "updated_at": "2024-01-30T02:40:43.893578Z",
        "draft_created_at": None,
        "lead_time": 8.65,
        "prediction": {},
        "result_count": 0,
        "unique_id": "3bc9da85-967f-47a1-bfa8-410206e54cf9",
        "parent_prediction": None,
        **more,
    }


def task(number: int, *annotations: Any, text: str = TEXT, **more: Any) -> dict[str, Any]:
    """A task as Label Studio 1.23 exports it: its data are behind its annotations."""
    return {
        "id": number,
        "annotations": list(annotations),
        "file_upload": "a.json",
        "drafts": [],
        "predictions": [],
        "data": {"text": text},
        "meta": {},
        "inner_id": number,
        "total_annotations": len(annotations),
        **more,
    }


def read(
    folder: Path, *tasks: Any, options: ReadOptions = NO_OPTIONS, minimal: bool = False
) -> tuple[list[Document], list[Problem], list[Problem]]:
    """The reports of an export, its problems and its notes."""
    file = folder / "export.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    form = label_studio_min.FORMAT if minimal else label_studio.FORMAT
    documents, problems = read_file(file, options, form)
    return documents, [each for each in problems if not each.note], [each for each in problems if each.note]


def test_an_export_is_read_with_its_data_as_metadata(tmp_path: Path) -> None:
    data = {"text": TEXT, "id": "r-1", "year": 2024, "entities": ["x"]}
    documents, problems, notes = read(tmp_path, task(7, annotation(PLACE, ACTOR), data=data), task(8, annotation()))
    assert (problems, notes) == ([], [])
    assert documents == [
        Document(
            "r-1",
            TEXT,
            (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")),
            {"year": 2024, "data_entities": ["x"]},
        ),
        Document("8", TEXT),
    ]
    assert documents[0].origin.endswith("export.json, task 7")
    detection = detect_format(tmp_path / "export.json")
    assert detection is not None
    assert detection.format is label_studio.FORMAT


def test_a_long_first_task_is_recognized_before_its_data_come() -> None:
    start = json.dumps([task(1, annotation(*[ACTOR] * 1000))])[:65536]
    assert label_studio.FORMAT.detect(Sample("a.json", start.encode()))
    assert label_studio_min.FORMAT.detect(Sample("a.json", start.encode())) is None


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "completions": [{"id": 1, "result": [ACTOR], "created_username": "eric"}], "data": {"text": TEXT}},
        {"id": 5, "result": [ACTOR], "task": {"id": 1, "data": {"text": TEXT}}, "completed_by": {"id": 1}},
        task(1, annotation({"value": {**ACTOR["value"], "start": 0.0}, "from_name": "label"})),
        task(1, annotation(region(0, 6, "", "Rebels", type="hypertextlabels") | {"value": {
            "start": "/text()[1]", "end": "/text()[1]", "startOffset": 0, "endOffset": 6, "text": "Rebels",
            "globalOffsets": {"start": 0, "end": 6}, "hypertextlabels": ["ACTOR"]}})),
    ],
    ids=["0.5", "cloud storage", "no type", "hypertext"],
)  # fmt: skip
def test_shapes_of_other_versions_are_read(record: Any, tmp_path: Path) -> None:
    documents, problems, _ = read(tmp_path, record)
    assert problems == []
    assert [(each.id, each.mentions) for each in documents] == [("1", (Mention(0, 6, "ACTOR"),))]
    assert label_studio.FORMAT.detect(Sample("a.json", json.dumps([record]).encode()))


def test_annotators_who_differ_are_an_error_that_lists_them(tmp_path: Path) -> None:
    anna, ben = {"id": 3, "email": "anna@x.org", "first_name": "Anna", "last_name": "B"}, 4
    tasks = [
        task(1, annotation(ACTOR, by=anna), annotation(ACTOR, by=ben)),
        task(2, annotation(ACTOR, by=anna), annotation(ACTOR, PLACE, by=ben)),
        task(3, annotation(by=anna), annotation(PLACE, by=ben)),
        task(4, annotation(PLACE, by=anna)),
    ]
    documents, problems, _ = read(tmp_path, *tasks)
    assert [each.id for each in documents] == ["1", "4"]
    assert [each.where[-6:] for each in problems] == ["task 2", "task 3"]
    assert problems[0].what == "anna@x.org (1 mention) and 4 (2 mentions) label it differently"
    assert "--annotator: anna@x.org (4 tasks), 4 (3 tasks)" in problems[0].fix
    assert label_studio.list_annotators(tmp_path / "export.json") == ["anna@x.org", "4"]
    for name in ("anna@x.org", "3", "anna b"):
        documents, problems, notes = read(tmp_path, *tasks, options=ReadOptions(annotator=name))
        assert [len(each.mentions) for each in documents] == [1, 1, 0, 1]
        assert problems == notes == []
    documents, problems, (note,) = read(tmp_path, *tasks, options=ReadOptions(annotator="4"))
    assert [len(each.mentions) for each in documents] == [1, 2, 1]
    assert note.what == "1 task left out: not labeled by 4"
    documents, (problem,), _ = read(tmp_path, *tasks, options=ReadOptions(annotator="carl"))
    assert documents == []
    assert "no labels of 'carl'" in problem.what
    assert "anna@x.org (4 tasks), 4 (3 tasks)" in problem.fix


def test_what_is_marked_as_ground_truth_and_an_annotators_last_labels_count_more(tmp_path: Path) -> None:
    documents, problems, notes = read(
        tmp_path,
        task(1, annotation(ACTOR, by=1), annotation(PLACE, by=2, ground_truth=True)),
        task(2, annotation(PLACE, updated_at="2024-02-01"), annotation(ACTOR, updated_at="2024-01-01")),
    )
    assert [each.mentions[0].label for each in documents] == ["LOCATION", "LOCATION"]
    assert problems == []
    assert {note.what.partition(":")[2] for note in notes} == {
        " the labels marked as ground truth were read",
        " the last labels were read",
    }


def test_skipped_and_unlabeled_tasks_are_left_out_and_said(tmp_path: Path) -> None:
    prediction = {"model_version": "v1", "score": 0.9, "result": [ACTOR]}
    tasks = [
        task(1, annotation(ACTOR)),
        task(2, annotation(ACTOR, was_cancelled=True)),
        task(3),
        task(4, predictions=[prediction]),
        task(5, annotation(PLACE), annotation(was_cancelled=True, by=2)),
    ]
    documents, problems, notes = read(tmp_path, *tasks)
    assert [each.id for each in documents] == ["1", "5"]
    assert problems == []
    assert [note.what.partition(":")[0] for note in notes] == ["2 annotations left out"] + ["1 task left out"] * 2
    documents, problems, notes = read(tmp_path, *tasks[:4], options=ReadOptions(skipped=True))
    assert [each.id for each in documents] == ["1", "2"]
    documents, problems, notes = read(tmp_path, *tasks[:4], options=ReadOptions(predictions=True))
    assert [(each.id, len(each.mentions)) for each in documents] == [("4", 1)]
    assert [note.what for note in notes] == ["3 tasks left out: without predictions of a model"]
    documents, (problem,), _ = read(tmp_path, *tasks[2:4])
    assert documents == []
    assert "no labeled task in this file: 1 task left out: nobody has labeled them" in problem.what
    assert "--predictions" in problem.what


def test_predictions_of_several_models_are_chosen_between(tmp_path: Path) -> None:
    predictions = [{"model_version": "v1", "result": [ACTOR]}, {"model_version": "v2", "result": [PLACE]}, 17]
    record = task(1, predictions=predictions)
    _, (problem,), _ = read(tmp_path, record, options=ReadOptions(predictions=True))
    assert "v1 (1 mention) and v2 (1 mention)" in problem.what
    documents, problems, _ = read(tmp_path, record, options=ReadOptions(predictions=True, annotator="v2"))
    assert (problems, documents[0].mentions) == ([], (Mention(12, 16, "LOCATION"),))


def test_offsets_of_older_versions_are_mended(tmp_path: Path) -> None:
    text = "\U0001f4a5 Rebels left\r\nEl  Fasher."  # issues 1347 and 3078 of Label Studio
    results = [region(3, 9, "ACTOR", "Rebels"), region(16, 26, "LOCATION", "El Fasher")]
    documents, problems, (note,) = read(tmp_path, task(1, annotation(*results), text=text))
    assert problems == []
    assert [documents[0].slice(each) for each in documents[0].mentions] == ["Rebels", "El  Fasher"]
    assert "2 mentions were mended" in note.what
    without_texts = task(1, annotation(region(3, 9, "ACTOR", None)), text=text)
    documents, problems, (note,) = read(tmp_path, without_texts)
    assert [documents[0].slice(each) for each in documents[0].mentions] == ["Rebels"]
    assert "cut words unless they count UTF-16 units" in note.what


def test_choices_and_relations_are_left_out_and_said(tmp_path: Path) -> None:
    choice = {"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["attack"]}}
    relation = {"from_id": "r0", "to_id": "r12", "type": "relation", "direction": "right"}
    unlabeled = {**region(7, 11, "", "left"), "value": {"start": 7, "end": 11, "text": "left", "labels": []}}
    results = [ACTOR, choice, relation, {**choice, "id": "r0"}, unlabeled]
    documents, problems, notes = read(tmp_path, task(1, annotation(*results)))
    assert (problems, documents[0].mentions) == ([], (Mention(0, 6, "ACTOR"),))
    assert [note.what.partition(",")[0] for note in notes] == [
        "2 results left out: of the type choices",
        "1 result left out: of the type relation",
        "1 region left out: it has no label",
    ]


def test_a_region_may_have_several_labels(tmp_path: Path) -> None:
    both = {**ACTOR, "value": {**ACTOR["value"], "labels": ["ACTOR", "LOCATION"]}}
    documents, _, _ = read(tmp_path, task(1, annotation(both)))
    assert documents[0].mentions == (Mention(0, 6, "ACTOR"), Mention(0, 6, "LOCATION"))


@pytest.mark.parametrize(
    ("data", "to_name", "field"),
    [
        ({"title": "Attack", "report": TEXT}, "report", "report"),
        ({"report": TEXT, "source": "BBC News"}, "doc", "report"),  # only there the mentions are
        ({"text": "Rebels attack.", "body": TEXT}, "doc", "body"),
        ({"id": "r-1", "report": TEXT}, "doc", "report"),
        ({"text": TEXT, "copy": TEXT}, "doc", "text"),
        ({"copy": TEXT, "doc": TEXT}, "doc", "doc"),
    ],
)
def test_the_field_with_the_text_is_found(data: Any, to_name: str, field: str, tmp_path: Path) -> None:
    first = task(1, annotation(), data={key: f"{value}." for key, value in data.items()})  # it shows nothing by itself
    results = [{**ACTOR, "to_name": to_name}, {**PLACE, "to_name": to_name}]
    documents, problems, _ = read(tmp_path, first, task(2, annotation(*results), data=data))
    assert problems == []
    assert [each.text for each in documents] == [f"{data[field]}.", TEXT]
    assert field not in documents[1].metadata


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (task(3, annotation(region(0, 6, "ACTOR", "Bandits"))), "should be 'Bandits', but 'Rebels' is at its offsets"),
        (task(3, annotation(region(20, 99, "ACTOR", None))), "not in the text, which has 27 characters"),
        (task(3, annotation(region(9, 9, "ACTOR", None))), "not in the text"),
        (task(3, annotation(ACTOR), data={"a": TEXT, "b": TEXT}), "which field of `data` has the text is not clear: a"),
        (task(3, annotation(), data={"n": 1}), "no text in `data`"),
        (task(3, annotation(), data={"text": "/data/upload/1/a.txt"}), "not in the export, only its address"),
        (task(3, annotation(ACTOR, {**PLACE, "to_name": "title"})), "labels in several texts of one task: text, title"),
        (task(3, annotation({**ACTOR, "type": "paragraphlabels"})), "of the type paragraphlabels"),
        (task(3, annotation({**ACTOR, "value": {"start": "/p[1]/text()[1]", "labels": ["X"]}})), "count nodes of HTML"),
        (task(3, annotation({**ACTOR, "value": {"start": None, "labels": ["X"]}})), "not whole numbers"),
        (task(3, annotation({**ACTOR, "value": {"start": 0, "end": 6, "labels": [1]}})), "not a label of text"),
        (task(3, annotation("x")), "not a label of text"),
        (task(3, {**annotation(), "result": 5}), "without a list of results"),
        ({"id": 3, "annotations": []}, "not a task of Label Studio: it has no `data`"),
        ([3], "not a task of Label Studio"),
    ],
)
def test_a_fault_has_its_file_and_task(record: Any, what: str, tmp_path: Path) -> None:
    documents, (problem,), _ = read(tmp_path, task(1, annotation(ACTOR)), record, task(4, annotation(PLACE)))
    assert what in problem.what
    assert problem.fix
    assert problem.where.endswith("task 3" if "task of Label" not in problem.what else "record 2")
    assert {"1", "4"} <= {each.id for each in documents if each.is_valid}
    assert not any(each.is_valid for each in documents if each.id == "3")


@pytest.mark.parametrize("content", ["[]", "", "{}", json.dumps([task(1, annotation(ACTOR))])[:-30], '[{"id": 1, "a'])
def test_empty_and_truncated_exports_are_errors_and_write_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    for source_format in (None, "label-studio", "label-studio-min"):
        with pytest.raises(DataError, match=r"a\.json"):
            conversion.convert(tmp_path / "a.json", tmp_path / "b.jsonl", source_format)
    assert not (tmp_path / "b.jsonl").exists()


def test_junk_is_never_an_exception(tmp_path: Path) -> None:
    junk: list[Any] = [None, 5, "x", [], {}, {"a": 1}, [1], [{"result": 1}], {"value": []}, {"start": "x"}]
    for key in ("data", "annotations", "predictions", "id", "completions", "task"):
        for value in junk:
            for minimal in (False, True):
                read(tmp_path, {**task(1, annotation(ACTOR)), key: value}, minimal=minimal)
    for key in annotation():
        for value in junk:
            read(tmp_path, task(1, {**annotation(ACTOR), key: value}))


def minimal_record(number: int, by: Any, *values: Any, **more: Any) -> dict[str, Any]:
    """A record of JSON-MIN as the converter of label-studio-sdk 2.1 writes it."""
    labels = {"label": [each["value"] for each in values]} if values else {}
    times = {"created_at": "2024-01-30T02:40:43.8Z", "updated_at": "2024-01-30T02:40:43.8Z", "lead_time": 8.65}
    return {"text": TEXT, "year": 2024, "id": number, **labels, "annotator": by, "annotation_id": 1, **times, **more}


def test_json_min_is_read_and_its_annotators_are_chosen_between(tmp_path: Path) -> None:
    records = [
        minimal_record(1, "anna@x.org", ACTOR, PLACE, topic="attack"),
        minimal_record(2, "anna@x.org", ACTOR),
        minimal_record(2, "ben@x.org", PLACE),
        minimal_record(3, "anna@x.org"),
        minimal_record(4, None, annotation_id=None),
    ]
    documents, (problem,), (note,) = read(tmp_path, *records, minimal=True)
    both = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))
    assert documents == [
        Document("1", TEXT, both, {"year": 2024, "topic": "attack"}),
        Document("3", TEXT, (), {"year": 2024}),
    ]
    assert "anna@x.org (1 mention) and ben@x.org (1 mention) label it differently" in problem.what
    assert problem.where.endswith("export.json, task 2")
    assert note.what == "1 task left out: nobody has labeled them"
    detection = detect_format(tmp_path / "export.json")
    assert detection is not None
    assert detection.format is label_studio_min.FORMAT
    assert label_studio_min.list_annotators(tmp_path / "export.json") == ["anna@x.org", "ben@x.org"]
    documents, problems, _ = read(tmp_path, *records, options=ReadOptions(annotator="ben@x.org"), minimal=True)
    assert (problems, documents) == ([], [Document("2", TEXT, both[1:], {"year": 2024})])


def test_json_min_without_annotation_ids_is_labeled(tmp_path: Path) -> None:
    old = {"id": 1, "text": TEXT, "label": [ACTOR["value"]], "annotator": 1}
    documents, problems, _ = read(tmp_path, old, [1], minimal=True)
    assert documents == [Document("1", TEXT, (Mention(0, 6, "ACTOR"),))]
    assert "not a task" in problems[0].what


PREDICTED = PredictedDocument(
    "r-1", TEXT, (Entity("ACTOR", "Rebels", 0, 6, 0.98765), Entity("LOCATION", "Goma", 12, 16, 0.5)), {"year": 2024}
)


def test_predictions_are_written_as_label_studio_imports_them(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    label_studio.write_predictions([PREDICTED, PredictedDocument("r-2", "Nothing.")], file, "small 1.0")
    first, second = json.loads(file.read_text(encoding="utf-8"))
    assert first["data"] == {"text": TEXT, "id": "r-1", "year": 2024}
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("small 1.0", 0.5)
    assert prediction["result"][0] == {
        "id": "1-1",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 0, "end": 6, "text": "Rebels", "labels": ["ACTOR"]},
        "score": 0.9877,
    }
    assert second["predictions"] == [{"model_version": "small 1.0", "result": []}]
    _, (problem,) = read_file(file)
    assert "--predictions reads that" in problem.what
    documents, problems = read_file(file, ReadOptions(predictions=True))
    assert problems == []
    assert [(each.id, len(each.mentions)) for each in documents] == [("r-1", 2), ("r-2", 0)]


def test_the_labeling_config_names_what_the_tasks_name() -> None:
    (config,) = label_studio.labeling_config(["ACTOR", 'a "b" & <c>']).values()
    view = ElementTree.fromstring(config)
    labels, text = view
    assert (labels.tag, labels.get("name"), labels.get("toName")) == ("Labels", "label", "text")
    assert (text.tag, text.get("name"), text.get("value")) == ("Text", "text", "$text")
    assert [each.get("value") for each in labels] == ["ACTOR", 'a "b" & <c>']
    assert len({each.get("background") for each in labels}) == 2


def test_label_studios_own_converter_reads_what_is_written(tmp_path: Path) -> None:
    converter = pytest.importorskip("label_studio_sdk.converter")
    text = "\U0001f4a5 Rebels left\nGoma ."
    report = Document("r-1", text, (Mention(2, 8, "ACTOR"), Mention(14, 18, "LOCATION")), {"year": 2024})
    label_studio.write([report], tmp_path / "a.json")
    (config,) = label_studio.labeling_config(["ACTOR", "LOCATION"]).values()
    reader = converter.Converter(config, str(tmp_path))
    reader.convert_to_conll2003(str(tmp_path / "a.json"), str(tmp_path / "conll"), is_dir=False)
    lines = (tmp_path / "conll" / "result.conll").read_text(encoding="utf-8").splitlines()
    assert [line.split()[::3] for line in lines[1:] if line] == [
        ["\U0001f4a5", "O"],
        ["Rebels", "B-ACTOR"],
        ["left", "O"],
        ["Goma", "B-LOCATION"],
        [".", "O"],
    ]
    reader.convert_to_json_min(str(tmp_path / "a.json"), str(tmp_path / "min"), is_dir=False)
    (document,), problems = read_file(tmp_path / "min" / "result.json")
    assert problems == []
    assert (document.text, document.mentions, document.metadata) == (text, report.mentions, {"year": 2024})


def test_line_ends_that_older_versions_escaped_are_line_ends(tmp_path: Path) -> None:
    value = {"start": 0, "end": 9, "text": "army\\nleft", "labels": ["ACTOR"]}
    result = {"from_name": "label", "to_name": "text", "type": "labels", "value": value}
    file = tmp_path / "a.json"
    file.write_text(json.dumps([{"id": 1, "data": {"text": "army\nleft"}, "annotations": [{"result": [result]}]}]))
    (document, *problems) = label_studio.read(file, ReadOptions())
    assert isinstance(document, Document)
    assert (document.mentions, problems) == ((Mention(0, 9, "ACTOR"),), [])


def test_labels_in_a_dialogue_are_refused_as_such(tmp_path: Path) -> None:
    result = {"to_name": "d", "type": "paragraphlabels", "value": {"start": "0", "paragraphlabels": ["ACTOR"]}}
    file = tmp_path / "a.json"
    task = {"id": 1, "data": {"d": [{"text": "Rebels left"}]}, "annotations": [{"result": [result]}]}
    file.write_text(json.dumps([task]))
    problems = [each.what for each in label_studio.read(file, ReadOptions()) if isinstance(each, Problem)]
    assert "paragraphlabels" in problems[0]
    assert not any("no text" in what for what in problems)
