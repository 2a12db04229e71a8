"""Agreement in one export: of Label Studio with several annotators, and of an INCEpTION project."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.annotation_tools.inception.tsv_writer import dump
from conflict_ner.errors import DataError
from conflict_ner.evaluation.annotators.agreement import agree_files

LABELS = ("ACTOR", "LOCATION")
TEXT = "Rebels left Goma."
ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")


def annotation(by: Any, *mentions: Mention, **more: Any) -> dict[str, Any]:
    results = [
        {
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            "value": {"start": m.start, "end": m.end, "text": TEXT[m.start : m.end], "labels": [m.label]},
        }
        for m in mentions
    ]
    return {"completed_by": by, "result": results, **more}


def test_the_annotators_of_a_label_studio_export_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anna, ben = {"id": 1, "email": "anna@x.org"}, {"id": 2, "email": "ben@x.org"}
    tasks = [
        {"id": 1, "data": {"text": TEXT}, "annotations": [annotation(anna, ACTOR, PLACE), annotation(ben, ACTOR)]},
        {"id": 2, "data": {"text": TEXT}, "annotations": [annotation(anna, PLACE), annotation(ben, PLACE)]},
        {"id": 3, "data": {"text": TEXT}, "annotations": [annotation(ben, PLACE)]},
        {"id": 4, "data": {"text": TEXT}, "annotations": [annotation(ben, was_cancelled=True)]},
    ]
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    report = agree_files([file], LABELS, guidelines=False).report
    assert {name: each.mentions for name, each in report.annotators.items()} == {"ben@x.org": 2, "anna@x.org": 3}
    assert (report.documents, report.left_out) == (2, ("3",))
    assert report.strict.micro.f1 == pytest.approx(0.8)
    assert [each.text for each in report.differences] == ["Goma"]
    notes = capsys.readouterr().err
    assert notes.count("skipped or cancelled") == 1
    assert "not labeled by" not in notes
    file.write_text(json.dumps(tasks[2:]), encoding="utf-8")
    with pytest.raises(DataError, match=r"the labels of one annotator; .*or an export that says who"):
        agree_files([file], LABELS, guidelines=False)


def test_the_annotators_of_an_inception_project_are_compared(tmp_path: Path) -> None:
    labeled: dict[str, list[tuple[Mention, ...]]] = {
        "anna": [(ACTOR, PLACE), (PLACE,)],
        "ben": [(ACTOR,), (PLACE,)],
        "INITIAL_CAS": [(), ()],
    }
    for name, readings in labeled.items():
        for number, mentions in enumerate(readings):
            file = tmp_path / "project" / "annotation" / f"r{number}.txt" / f"{name}.tsv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dump(Document("x", TEXT, mentions)), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("exportedproject.json", "{}")
        for file in (tmp_path / "project").rglob("*.tsv"):
            archive.write(file, file.relative_to(tmp_path / "project"))
    for path in (tmp_path / "project", tmp_path / "project" / "annotation", tmp_path / "export.zip"):
        found = agree_files([path], LABELS, guidelines=False)
        assert list(found.report.annotators) == ["anna", "ben"]
        assert [each.id for each in found.documents] == ["r0", "r1"]
        assert found.report.strict.micro.f1 == pytest.approx(0.8)
    (tmp_path / "project" / "annotation" / "r0.txt" / "ben.tsv").write_text("no table", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in (tmp_path / "project").rglob("*.tsv"):
            archive.write(file, file.relative_to(tmp_path / "project"))
    with pytest.raises(DataError, match=r"export\.zip/annotation/r0\.txt/ben\.tsv"):
        agree_files([tmp_path / "export.zip"], LABELS, guidelines=False)


def test_what_is_wrong_with_a_mention_is_told_with_its_place_in_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for name in ("anna", "ben"):
            archive.writestr(f"annotation/a.txt/{name}.tsv", dump(Document("x", TEXT, (Mention(0, 6, "UNKNOWN"),))))
    with pytest.raises(DataError) as error:
        agree_files([tmp_path / "export.zip"], LABELS, guidelines=False)
    assert str(tmp_path / "export.zip/annotation/a.txt/anna.tsv:") in str(error.value)
