"""UIMA CAS XMI as INCEpTION exports it: files and archives, with and without types; faults; what is written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats import conversion, report_files
from conflict_ner.data.formats.annotation_tools.inception import uima_cas
from conflict_ner.data.formats.annotation_tools.inception.layers import NAMED_ENTITY
from conflict_ner.data.formats.format import PredictedDocument, ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.errors import DataError, Problem

cassis = pytest.importorskip("cassis")

# The shape of INCEpTION's export, with an annotation of each kind that it writes.
EXPORT = """\
<?xml version="1.0" encoding="UTF-8"?>
<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore" xmi:version="2.0"
 xmlns:pos="http:///de/tudarmstadt/ukp/dkpro/core/api/lexmorph/type/pos.ecore"
 xmlns:tcas="http:///uima/tcas.ecore"
 xmlns:ner="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore"
 xmlns:seg="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore"
 xmlns:meta="http:///de/tudarmstadt/ukp/dkpro/core/api/metadata/type.ecore"
 xmlns:custom="http:///webanno/custom.ecore">
<cas:NULL xmi:id="0"/>
<meta:DocumentMetaData xmi:id="1" sofa="12" begin="0" end="24" language="x-unspecified" documentTitle="a.txt"/>
<seg:Sentence xmi:id="2" sofa="12" begin="0" end="24"/>
<seg:Token xmi:id="3" sofa="12" begin="3" end="9" order="0"/>
<pos:POS xmi:id="4" sofa="12" begin="3" end="9" PosValue="N"/>
<ner:NamedEntity xmi:id="5" sofa="12" begin="15" end="24" value="LOCATION" identifier="http://q"/>
<ner:NamedEntity xmi:id="6" sofa="12" begin="3" end="9" value="ACTOR"/>
{more}
<cas:FSArray xmi:id="7" elements="5 6"/>
<custom:Event xmi:id="8" sofa="12" begin="10" end="14"><roles>who</roles><roles>where</roles></custom:Event>
<cas:Sofa xmi:id="12" sofaNum="1" sofaID="_InitialView" mimeType="text"
 sofaString="&#128512; Rebels left El&#10;Fasher"/>
<cas:View sofa="12" members="1 2 3 4 5 6 {members} 8"/>
</xmi:XMI>
"""
TEXT = "\U0001f600 Rebels left El\nFasher"
MENTIONS = (Mention(2, 8, "ACTOR"), Mention(14, 23, "LOCATION"))


def export(*more: str) -> str:
    """The export with further annotations, whose ids are 20, 21 ..."""
    annotations = "".join(f'<{each} xmi:id="{20 + n}" sofa="12"/>' for n, each in enumerate(more))
    return EXPORT.format(more=annotations, members=" ".join(str(20 + n) for n in range(len(more))))


def types() -> str:
    """The types of the export, and one of a kind of named entity."""
    system = cassis.TypeSystem()
    entity = system.create_type(NAMED_ENTITY, "uima.tcas.Annotation")
    for name in ("value", "identifier"):
        system.create_feature(entity, name, "uima.cas.String")
    system.create_type("de.tudarmstadt.ukp.dkpro.core.api.ner.type.Person", NAMED_ENTITY)
    return str(system.to_xml())


def write(file: Path, source: str, type_source: str | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    if type_source:
        (file.parent / "TypeSystem.xml").write_text(type_source, encoding="utf-8")
    return file


def read(path: Path, **options: str) -> tuple[list[Document], list[Problem], list[str]]:
    """The documents of a path, its problems, and its notes as text."""
    documents, problems = report_files.read_file(path, ReadOptions(**options), uima_cas.FORMAT)  # type: ignore[arg-type]
    return documents, [each for each in problems if not each.note], [each.what for each in problems if each.note]


@pytest.mark.parametrize("with_types", [True, False])
def test_named_entities_are_mentions_and_other_layers_are_named(with_types: bool, tmp_path: Path) -> None:
    file = write(tmp_path / "sub" / "a%2Fb.xmi", export(), types() if with_types else None)
    (document,), problems, notes = read(file)
    assert (document, problems) == (Document("a/b", TEXT, MENTIONS), [])
    assert document.place(0) == f"{file}, annotation 6"
    assert len(notes) == (0 if with_types else 1)  # a type that TypeSystem.xml does not have is unknown
    assert all("webanno.custom.Event" in note for note in notes)
    assert [each.id for each in read(tmp_path)[0]] == ["sub/a/b"]


def test_an_archive_is_a_document_with_its_types(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "report 1.zip", "w") as archive:
        archive.writestr("anna.xmi", export())
        archive.writestr("TypeSystem.xml", types())
    detection = detect_format(tmp_path / "report 1.zip")
    assert detection is not None
    assert (detection.format, detection.reason) == (uima_cas.FORMAT, "an archive with .xmi files")
    documents, problems = report_files.read_entries([tmp_path], [])
    assert (documents, problems) == ((Document("report 1", TEXT, MENTIONS),), [])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("notes.txt", "x")
    assert detect_format(tmp_path / "other.zip") is None
    (tmp_path / "report 1.zip").write_bytes((tmp_path / "report 1.zip").read_bytes()[:900])
    assert read(tmp_path / "report 1.zip")[1][0].unreadable


def test_a_kind_of_named_entity_is_one(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xmi", export('ner:Person begin="10" end="14"'), types())
    (document,), problems, _ = read(file)
    assert (document.mentions[1], problems) == (Mention(9, 13, "Person"), [])


def test_the_layer_may_be_named(tmp_path: Path) -> None:
    arms = 'custom:Arms begin="10" end="14" kind="gun"'
    file = write(tmp_path / "a.xmi", export(arms))
    (document,), problems, (note,) = read(file, layer="Arms")
    assert (document.mentions, problems) == ((Mention(9, 13, "gun"),), [])
    assert "the others left out: " in note
    without = export(arms).replace("ner:NamedEntity", "pos:POS").replace('value="', 'PosValue="')
    _, (problem,), _ = read(write(tmp_path / "a.xmi", without))
    assert problem.what == "several layers may hold the mentions"
    assert set(problem.fix.removeprefix("name one with --layer: ").split(", ")) == {
        *("webanno.custom.Arms", "webanno.custom.Event"),
    }


def test_every_fault_of_a_document_is_reported_with_its_annotation(tmp_path: Path) -> None:
    faulty = (
        'ner:NamedEntity begin="3" end="900" value="X"',
        'ner:NamedEntity begin="3" end="9"',
        'ner:NamedEntity begin="3" end="3" value="X"',
        'ner:NamedEntity begin="9" end="3" value="X"',
    )
    file = write(tmp_path / "a.xmi", export(*faulty), types())
    (document,), problems, _ = read(file)
    assert (document.is_valid, document.mentions) == (False, MENTIONS)
    assert {each.where.rpartition(" ")[2]: each.what.partition(",")[0] for each in problems} == {
        "20": "the mention 2:900 (X) is not in the text",
        "21": f"an annotation of {NAMED_ENTITY} without a label",
        "22": "an empty annotation (X)",
        "23": "the mention 8:2 (X) is not in the text",
    }
    inside = write(tmp_path / "a.xmi", export('ner:NamedEntity begin="1" end="9" value="X"'), types())
    (problem,) = read(inside)[1]
    assert "1 offset inside a character" in problem.what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda source: source[:900], "not XML"),
        (lambda source: "{}", "not XML"),
        (lambda source: "", "not XML"),
        (lambda source: source.replace('sofa="12"', 'sofa="99"'), "not UIMA CAS XMI"),
        (lambda source: source.replace("sofaString=", "other="), "not UIMA CAS XMI"),
        (lambda source: source.replace('sofaString="', 'sofaURI="'), "without text"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(change: object, what: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.xmi", change(export()), types())  # type: ignore[operator]
    documents, (problem,), _ = read(file)
    assert (documents, problem.unreadable) == ([], True)
    assert what in problem.what
    with pytest.raises(DataError):
        conversion.convert(file, tmp_path / "a.jsonl")
    assert not (tmp_path / "a.jsonl").exists()


def test_what_is_written_is_read_by_cassis(tmp_path: Path) -> None:
    document = Document("a/b", TEXT + "\x07\r\n", MENTIONS, origin="x")
    uima_cas.write([document], tmp_path / "out")
    system = cassis.load_typesystem(tmp_path / "out" / "TypeSystem.xml")
    cas = cassis.load_cas_from_xmi(tmp_path / "out" / "a%2Fb.xmi", system)
    assert cas.sofa_string == TEXT + " \r\n"
    found = [(each.value, each.get_covered_text()) for each in cas.select(NAMED_ENTITY)]
    assert found == [("ACTOR", "Rebels"), ("LOCATION", "El\nFasher")]
    tokens = cas.select("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token")
    assert [each.get_covered_text() for each in tokens][:3] == ["\U0001f600", "Rebels", "left"]


def test_predictions_have_their_score_and_the_model(tmp_path: Path) -> None:
    entity = Entity("ACTOR", "Rebels", 2, 8, 0.91234)
    uima_cas.write_predictions([PredictedDocument("a", TEXT, (entity,))], tmp_path / "out", "small 1.0")
    (document,), problems, _ = read(tmp_path / "out")
    assert (document.mentions, problems) == ((Mention(2, 8, "ACTOR"),), [])
    source = (tmp_path / "out" / "a.xmi").read_text(encoding="utf-8")
    assert 'score="0.9123" model="small 1.0"' in source
