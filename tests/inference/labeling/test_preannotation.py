"""What is written for annotation tools: predictions, and the files of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conflict_ner.data.document import Mention
from conflict_ner.data.entity_html import COLORS
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.registry import FORMATS
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.errors import ConfigError, MissingExtraError
from conflict_ner.inference.labeling.preannotation import Project, find_tool

TEXT = "\U0001f4a5 Rebels left Goma."
ENTITIES = [
    {"label": "ACTOR", "text": "Rebels", "start": 2, "end": 8, "score": 0.98},
    {"label": "LOCATION", "text": "Goma", "start": 14, "end": 18, "score": 0.61, "source": "model"},
]
RECORDS: list[dict[str, Any]] = [
    {"id": 7, "year": 2012, "text": TEXT, "entities": ENTITIES},
    {"id": "none", "text": "Nothing.", "entities": []},
]
LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER.killed")


def write(tool: str, target: Path) -> Project:
    """Write the reports for a tool as a job does."""
    project = Project(find_tool(tool), target, LABELS, "small-1f00")
    project.check()
    draft = target.with_name("draft")
    project.write(lambda: iter(RECORDS), draft)
    draft.replace(target)
    project.finish()
    return project


@pytest.mark.parametrize("tool", ["Inception", *(form.name for form in FORMATS if form.write_predictions)])
def test_what_is_written_has_the_mentions_at_their_places(tool: str, tmp_path: Path) -> None:
    try:
        project = write(tool, tmp_path / "sudan")
    except MissingExtraError as error:
        pytest.skip(str(error))
    form = project.form
    assert all(path.exists() for path in project.paths)
    options = ReadOptions(predictions="predictions" in form.options)
    documents, problems = read_file(project.paths[0], options, form)
    assert [each for each in problems if not each.note] == []
    spans = {each.text: each.mentions for each in documents}
    assert spans == {TEXT: (Mention(2, 8, "ACTOR"), Mention(14, 18, "LOCATION")), "Nothing.": ()}


def test_a_folder_has_all_that_a_project_needs(tmp_path: Path) -> None:
    write("label-studio", tmp_path / "sudan")
    assert sorted(each.name for each in (tmp_path / "sudan").iterdir()) == ["label-studio-config.xml", "reports.json"]
    (labels, _) = ElementTree.fromstring((tmp_path / "sudan" / "label-studio-config.xml").read_text("utf-8"))
    assert [(each.get("value"), each.get("background")) for each in labels] == list(zip(LABELS, COLORS, strict=False))
    task = json.loads((tmp_path / "sudan" / "reports.json").read_text("utf-8"))[0]
    assert task["data"] == {"text": TEXT, "id": "7", "year": 2012}
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("small-1f00", 0.61)
    assert [each["score"] for each in prediction["result"]] == [0.98, 0.61]
    write("brat", tmp_path / "brat")
    assert "WEAPON" in (tmp_path / "brat" / "annotation.conf").read_text("utf-8")  # which the model has not found


def test_beside_a_file_stands_its_configuration(tmp_path: Path) -> None:
    project = write("doccano", tmp_path / "sudan.jsonl")
    assert project.paths == [tmp_path / "sudan.jsonl", tmp_path / "sudan-doccano-labels.json"]
    assert sorted(tmp_path.iterdir()) == sorted(project.paths)
    labels = json.loads(project.paths[1].read_text("utf-8"))
    assert [(each["text"], each["background_color"]) for each in labels] == list(zip(LABELS, COLORS, strict=False))


def test_unknown_tools_and_other_endings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"name inception, .*label-studio, .*doccano, prodigy"):
        find_tool("labelbox")
    with pytest.raises(ConfigError, match=r"name a file with \.json, or a folder"):
        Project(find_tool("label-studio"), Path("a.csv"), (), "").check()
