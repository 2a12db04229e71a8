"""Training data of spaCy 2: documents with BILUO tags, and pairs of a text and its entities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import read_file

TEXT = "Rebels left El Fasher."
TOKENS = [
    {"id": 0, "orth": "Rebels", "space": " ", "tag": "NNS", "ner": "U-ACTOR"},
    {"id": 1, "orth": "left", "space": " ", "ner": "-"},
    {"id": 2, "orth": "El", "space": " ", "ner": "B-LOCATION"},
    {"id": 3, "orth": "Fasher", "space": "", "ner": "L-LOCATION"},
    {"id": 4, "orth": ".", "space": ""},
]
PAIR = [TEXT, {"entities": [[0, 6, "ACTOR"], [12, 21, "LOCATION"]]}]
MARKED = [("Rebels", "ACTOR"), ("El Fasher", "LOCATION")]


def paragraph(**changes: Any) -> dict[str, Any]:
    return {"raw": TEXT, "sentences": [{"tokens": TOKENS[:2]}, {"tokens": TOKENS[2:]}], **changes}


def read(value: Any, folder: Path, name: str = "a.json") -> tuple[list[Document], list[str], str]:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    documents, problems = read_file(folder / name)
    detection = detect_format(folder / name)
    faults = [str(problem).removeprefix(f"{folder / name}") for problem in problems if not problem.note]
    return documents, faults, detection.format.name if detection else ""


def marked(document: Document) -> list[tuple[str, str]]:
    return [(document.slice(mention), mention.label) for mention in document.mentions]


@pytest.mark.parametrize("raw", [TEXT, None], ids=["raw", "no raw"])
def test_each_paragraph_is_a_report_with_its_exact_text(raw: str | None, tmp_path: Path) -> None:
    trees = [{"id": 0, "paragraphs": [paragraph(raw=raw)]}, {"id": "x", "paragraphs": [paragraph(raw=raw)] * 2}]
    documents, faults, form = read(trees, tmp_path)
    assert ([document.id for document in documents], faults, form) == (["a:0", "x:1", "x:2"], [], "spacy-json")
    assert all((document.text, marked(document)) == (TEXT, MARKED) for document in documents)


def test_tokens_without_text_and_spaces_are_joined(tmp_path: Path) -> None:
    tokens = [{key: token[key] for key in token if key != "space"} for token in TOKENS]
    trees = [{"id": 0, "paragraphs": [{"sentences": [{"tokens": tokens}]}]}]
    assert read(trees, tmp_path)[0][0].text == "Rebels left El Fasher ."


ENTITIES = {"raw": "Goma fell.", "entities": [[0, 4, "LOCATION"]], "sentences": [{"tokens": [{"orth": "Goma"}]}]}


@pytest.mark.parametrize("broken", [3, {"sentences": 3}, {"sentences": [{"tokens": [3]}]}, ENTITIES])
def test_a_paragraph_of_another_form_is_an_error(broken: Any, tmp_path: Path) -> None:
    documents, (fault,), _ = read([{"id": 0, "paragraphs": [paragraph()]}, {"paragraphs": [broken]}], tmp_path)
    assert (len(documents), fault) == (1, ", record 2: not an object with columns; write one object a row")


@pytest.mark.parametrize(
    "source",
    [
        json.dumps([PAIR, None, PAIR]),
        json.dumps([PAIR, PAIR], indent=2),
        json.dumps({"classes": ["ACTOR"], "annotations": [PAIR, None, PAIR]}),
    ],
    ids=["array", "indented", "object"],
)
def test_pairs_are_read_wherever_they_stand(source: str, tmp_path: Path) -> None:
    documents, faults, form = read(source, tmp_path)
    assert (len(documents), faults, form) == (2, [], "spacy-pairs")
    assert all((document.text, marked(document)) == (TEXT, MARKED) for document in documents)


@pytest.mark.parametrize(
    ("entity", "fault"),
    [
        ([0, 60, "ACTOR"], ", record 2: the mention 0:60 (ACTOR) is not in the text, which has 22 characters"),
        ([0, "ACTOR"], ", record 2: not [text, {'entities': [[start, end, label]]}]"),
    ],
)
def test_a_fault_has_its_record(entity: list[Any], fault: str, tmp_path: Path) -> None:
    documents, (problem,), _ = read([PAIR, [TEXT, {"entities": [entity]}]], tmp_path)
    assert problem.startswith(fault)
    assert sum(document.is_valid for document in documents) == 1
