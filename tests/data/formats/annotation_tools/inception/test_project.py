"""Exports of INCEpTION projects, packed and unpacked: several annotators, curation, skipped documents, faults."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import report_files
from conflict_ner.data.formats.annotation_tools.inception import project
from conflict_ner.data.formats.annotation_tools.inception.tsv_writer import dump
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.errors import Problem

TEXT = "Rebels left Goma."
ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")


def table(*mentions: Mention, text: str = TEXT) -> str:
    """A document's annotations as WebAnno TSV."""
    return dump(Document("x", text, mentions))


FILES = {
    "exportedproject123.json": json.dumps(
        {"name": "p", "annotation_documents": [{"name": "c.txt", "user": "ben", "state": "IGNORE"}]}
    ),
    "source/a.txt": TEXT,
    "annotation/a.txt/INITIAL_CAS.tsv": table(),
    "annotation/a.txt/anna.tsv": table(ACTOR, PLACE),
    "annotation/a.txt/ben.tsv": table(ACTOR, PLACE),
    "annotation/b.txt/anna.tsv": table(ACTOR),
    "annotation/b.txt/ben.tsv": table(PLACE),
    "annotation/c.txt/anna.tsv": table(PLACE),
    "annotation/c.txt/ben.tsv": table(),
}
CURATED = {"curation/b.txt/CURATION_USER.tsv": table(PLACE)}


def unpacked(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return folder


def packed(file: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def read(path: Path, **options: str | bool) -> tuple[dict[str, tuple[Mention, ...]], list[Problem], list[str]]:
    """The mentions of each report of a path, the problems, and the notes as text."""
    documents, problems = report_files.read_file(path, ReadOptions(**options))  # type: ignore[arg-type]
    notes = [each.what for each in problems if each.note]
    return {each.id: each.mentions for each in documents}, [each for each in problems if not each.note], notes


@pytest.mark.parametrize("write", [unpacked, packed])
def test_curated_documents_and_those_that_annotators_agree_on_are_read(write: object, tmp_path: Path) -> None:
    long = {"annotation/a.txt/INITIAL_CAS.ser": "".join(map(str, range(99_999)))}  # hides what follows in 64 KB
    path = write(tmp_path / "p.zip", long | FILES | CURATED)  # type: ignore[operator]
    detection = detect_format(path)
    assert detection is not None
    assert (detection.format, detection.reason) == (project.FORMAT, "a project of INCEpTION")
    documents, problems, notes = read(path)
    assert (documents, problems) == ({"a": (ACTOR, PLACE), "b": (PLACE,), "c": (PLACE,)}, [])
    assert notes == [
        "1 document labeled differently by several annotators: the labels marked as ground truth were read",
        "1 document left out: the annotator skipped it",
    ]


def test_each_annotator_has_the_documents_that_she_labeled(tmp_path: Path) -> None:
    path = packed(tmp_path / "p.zip", FILES | CURATED)
    items = list(project.read_annotators(path, ReadOptions()))
    assert [(item[0], item[1].id, item[1].mentions) for item in items if isinstance(item, tuple)] == [
        ("anna", "a", (ACTOR, PLACE)),
        ("ben", "a", (ACTOR, PLACE)),
        ("anna", "b", (ACTOR,)),
        ("ben", "b", (PLACE,)),
        ("anna", "c", (PLACE,)),
    ]
    assert [item.what for item in items if isinstance(item, Problem)] == [
        "1 document left out: the annotator skipped it"
    ]


def test_annotators_who_differ_are_an_error_or_one_is_chosen(tmp_path: Path) -> None:
    path = packed(tmp_path / "p.zip", FILES)
    _, (problem,), _ = read(path)
    assert problem.where == f"{path}/b.txt"
    assert problem.what == "anna (1 mention) and ben (1 mention) label it differently"
    assert "--annotator" in problem.fix
    assert read(path, annotator="Anna")[0] == {"a": (ACTOR, PLACE), "b": (ACTOR,), "c": (PLACE,)}
    documents, problems, notes = read(path, annotator="ben")
    assert (documents, problems) == ({"a": (ACTOR, PLACE), "b": (PLACE,)}, [])
    assert "1 document left out: not labeled by ben" in notes
    assert read(path, annotator="ben", skipped=True)[0]["c"] == ()
    assert "no labels of 'eve'" in read(path, annotator="eve")[1][0].what


def test_faults_name_the_file_in_the_project(tmp_path: Path) -> None:
    wrong = {"annotation/a.txt/ben.tsv": "x", "annotation/c.txt/anna.tsv": table(PLACE).replace("Goma\t", "Bunia\t")}
    path = unpacked(tmp_path / "p", FILES | CURATED | wrong)
    documents, problems, _ = read(path)
    assert {each.where.removeprefix(f"{path}/").rpartition(":")[0] for each in problems} == set(wrong)
    assert "b" in documents
    other = {"annotation/c.txt/ben.tsv": table(text="Another text."), "exportedproject.json": "{"}
    (problem,) = read(unpacked(tmp_path / "q", {**FILES, **CURATED, **other, "exportedproject123.json": "[]"}))[1]
    assert problem.what == "its text is not the same for all annotators"
    (tmp_path / "p.zip").write_bytes(packed(tmp_path / "q.zip", FILES).read_bytes()[:1500])
    (problem,) = read(tmp_path / "p.zip")[1]
    assert problem.unreadable


def test_xmi_is_read_from_archives_in_the_project(tmp_path: Path) -> None:
    pytest.importorskip("cassis")
    from conflict_ner.data.formats.annotation_tools.inception import uima_cas

    uima_cas.write([Document("anna", TEXT, (ACTOR,))], tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "anna.zip", "w") as archive:
        for name in ("anna.xmi", "TypeSystem.xml"):
            archive.write(tmp_path / "out" / name, name)
    path = unpacked(tmp_path / "p", {"exportedproject.json": "{}", "annotation/a.txt/ben.tsv": table(ACTOR)})
    (path / "annotation" / "a.txt" / "anna.zip").write_bytes((tmp_path / "anna.zip").read_bytes())
    assert read(path)[:2] == ({"a": (ACTOR,)}, [])


def test_curated_documents_alone_are_read(tmp_path: Path) -> None:
    found, problems, _ = read(packed(tmp_path / "curated.zip", CURATED))
    assert (found, problems) == ({"b": (PLACE,)}, [])


def test_an_archive_of_something_else_is_no_text_in_a_wrong_encoding(tmp_path: Path) -> None:
    (problem,) = read(packed(tmp_path / "a.zip", {"a.tsv": table(ACTOR)}))[1]
    assert "not recognized as INCEpTION project" in problem.what
    assert problem.fix == "unpack it, and name the folder or a file in it"
