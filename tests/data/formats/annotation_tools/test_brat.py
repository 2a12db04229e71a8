"""Pairs of .txt and .ann files: the documented samples, faults, options, and what is written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats import conversion, report_files
from conflict_ner.data.formats.annotation_tools import brat
from conflict_ner.data.formats.format import PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.errors import DataError, Problem

# The samples of BRAT's documentation of the format, with lines of every kind.
SALE = "Sony announced today a joint venture with Ericsson. It said Sony was founded in Tokyo.\n"
SALE_LINES = """\
T1\tOrganization 0 4\tSony
T2\tMERGE-ORG 23 36\tjoint venture
T3\tOrganization 42 50\tEricsson
T4\tCountry 80 85\tTokyo
E1\tMERGE-ORG:T2 Org1:T1 Org2:T3
R1\tOrigin Arg1:T3 Arg2:T4
*\tEquiv T1 T3
A1\tNegation E1
A2\tConfidence E1 L1
N1\tReference T1 Wikipedia:534366\tSony
#1\tAnnotatorNotes T1\tthis annotation is suspect
"""


def pair(folder: Path, name: str, text: str | bytes, lines: str | bytes) -> Path:
    """Write a pair of files; return the .ann."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".txt", text), (".ann", lines)):
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}{suffix}").write_bytes(raw)
    return folder / f"{name}.ann"


def read(path: Path, **options: bool) -> tuple[list[Document], list[Problem], list[Problem]]:
    """The documents, problems and notes of a path."""
    documents, problems = report_files.read_file(path, ReadOptions(**options), brat.FORMAT)  # type: ignore[arg-type]
    return documents, [each for each in problems if not each.note], [each for each in problems if each.note]


def surfaces(document: Document) -> list[tuple[str, str]]:
    return [(mention.label, document.slice(mention)) for mention in document.mentions]


def test_the_documented_lines_are_read_and_other_lines_counted(tmp_path: Path) -> None:
    ann = pair(tmp_path, "sale", SALE, SALE_LINES)
    (document,), problems, (note,) = read(ann)
    assert problems == []
    assert (document.id, document.text) == ("sale", SALE)
    assert surfaces(document)[0::3] == [("Organization", "Sony"), ("Country", "Tokyo")]
    assert document.place(1) == f"{ann}:2"
    assert note.what == (
        "left out, as only mentions are read: 2 attributes, 1 equivalence, 1 event, 1 normalization, 1 note, 1 relation"
    )
    assert read(tmp_path / "sale.txt")[0] == [document]


def test_a_mention_of_several_parts_is_an_error_or_its_hull(tmp_path: Path) -> None:
    ann = pair(tmp_path, "a", "North and South America", "T1\tLocation 0 5;16 23\tNorth America\n")
    _, (problem,), _ = read(ann)
    assert problem.where == f"{ann}:1"
    assert problem.what == "the mention T1 (Location) has 2 parts: 'North America'"
    assert "'North and South America'" in problem.fix
    (document,), problems, (note,) = read(ann, hull=True)
    assert (problems, surfaces(document)) == ([], [("Location", "North and South America")])
    assert "1 mention of several parts read from the first part to the last" in note.what
    pair(tmp_path, "a", "North and South America", "T1\tLocation 0 5;16 23\tNorthAmerica\n")  # as before version 1.3
    assert read(ann, hull=True)[0] == [document]


def test_parts_with_only_white_space_between_are_one_mention(tmp_path: Path) -> None:
    ann = pair(tmp_path, "a", "He left El\nFasher.", "T1\tLOC 8 10;11 17\tEl Fasher\n")
    (document,), problems, notes = read(ann)
    assert (surfaces(document), problems, notes) == ([("LOC", "El\nFasher")], [], [])


def test_parts_that_do_not_give_the_text_are_an_error(tmp_path: Path) -> None:
    ann = pair(tmp_path, "a", "North and South America", "T1\tLocation 0 5;16 23\tSouth Africa\n")
    _, (problem,), _ = read(ann, hull=True)
    assert problem.what == "the mention T1 should be 'South Africa', but 'North America' is at its offsets"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\U0001f600 Goma fell.", "T1\tLOC 3 7\tGoma"),  # UTF-16
        ("Die Städte: Goma fiel.", "T1\tLOC 13 17\tGoma"),  # bytes
        ("One.\r\nTwo.\r\nGoma fell.", "T1\tLOC 10 14\tGoma"),  # \r\n as one
        ("\ufeffGoma fell in Goma.", "T1\tLOC 1 5\tGoma\nT2\tLOC 14 18\tGoma"),  # the byte-order mark counted
        ("\ufeffGoma fell in Goma.", "T1\tLOC 0 4\tGoma\nT2\tLOC 13 17\tGoma"),
    ],
)
def test_offsets_are_mended_by_the_texts(text: str, line: str, tmp_path: Path) -> None:
    (document,), problems, _ = read(pair(tmp_path, "a", text, line.replace("\n", "\r\n") + "\r\n"))
    assert problems == []
    assert {surface for _, surface in surfaces(document)} == {"Goma"}
    assert len(document.mentions) == line.count("LOC")
    assert not document.text.startswith("\ufeff")


def test_every_fault_of_a_file_is_reported_with_its_line(tmp_path: Path) -> None:
    lines = """\
T1\tACTOR 0 6\tRebels
T1\tACTOR 0 6\tRebels
T2\tACTOR 0 six\tRebels
T3\tACTOR 90 96\tRebels
T4\tACTOR 0 6\tSoldiers

Rebels
"""
    ann = pair(tmp_path, "a", "Rebels left.", lines)
    (document,), problems, _ = read(ann)
    assert not document.is_valid
    assert sorted(int(each.where.removeprefix(f"{ann}:")) for each in problems) == [2, 3, 4, 5, 7]
    (problem,) = [each for each in problems if "Soldiers" in each.what]
    assert problem.what == "the mention 0:6 (ACTOR) should be 'Soldiers', but 'Rebels' is at its offsets"
    pair(tmp_path, "a", "Rebels left.", "T1\tACTOR 8 96\n")
    assert "is not in the text, which has 12 characters" in read(ann)[1][0].what


def test_half_a_pair_is_an_error_and_a_text_alone_in_a_folder_a_note(tmp_path: Path) -> None:
    pair(tmp_path, "a", "Rebels left.", "").unlink()
    assert "there is no .ann file" in read(tmp_path / "a.txt")[1][0].what
    assert "without .ann files" in read(tmp_path)[1][0].what
    pair(tmp_path / "sub", "b", "Rebels left.", "")
    (document,), problems, (note,) = read(tmp_path)
    assert (document.id, problems) == ("sub/b", [])
    assert "1 .txt file without an .ann file left out, such as" in note.what
    (tmp_path / "c.ann").touch()
    (problem,) = read(tmp_path)[1]
    assert (problem.where, problem.unreadable) == (str(tmp_path / "c.ann"), True)


def test_a_text_that_is_not_utf8_is_an_error_with_its_place(tmp_path: Path) -> None:
    pair(tmp_path, "a", "le général".encode("cp1252"), "T1\tACTOR 0 2\tle\n")
    documents, (problem,), _ = read(tmp_path)
    assert (documents, problem.where) == ([], f"{tmp_path / 'a.txt'}:1:5")
    assert "not UTF-8" in problem.what


def test_files_may_be_compressed(tmp_path: Path) -> None:
    for suffix, content in ((".TXT.gz", "Rebels left."), (".ann.gz", "T1\tACTOR 0 6\tRebels\n")):
        (tmp_path / f"a{suffix}").write_bytes(gzip.compress(content.encode()))
    assert surfaces(read(tmp_path)[0][0]) == surfaces(read(tmp_path / "a.ann.gz")[0][0]) == [("ACTOR", "Rebels")]


def test_pairs_are_recognized_by_either_file_and_as_a_folder(tmp_path: Path) -> None:
    ann = pair(tmp_path / "pairs", "sale", SALE, SALE_LINES)
    (tmp_path / "pairs" / "annotation.conf").touch()
    (tmp_path / "b.txt").write_text("Plain prose.", encoding="utf-8")
    for path in (ann, ann.with_suffix(".txt"), ann.parent):
        detection = detect_format(path)
        assert detection is not None
        assert detection.format is brat.FORMAT
    assert brat.FORMAT.detect(Sample("b.txt", b"Plain prose.")) is None
    assert brat.FORMAT.detect(Sample("x.ann", SALE_LINES.encode())) == "lines of a label, offsets and a text"
    assert brat.FORMAT.detect(Sample("x", entries=("a.ann", "b.md"))) is None


def test_in_a_folder_of_several_formats_each_file_is_read_by_its_own(tmp_path: Path) -> None:
    pair(tmp_path, "a", "Rebels left.", "T1\tACTOR 0 6\tRebels\n")
    (tmp_path / "b.md").write_text("=== b\n\n[Rebels](ACTOR) left.\n", encoding="utf-8")
    documents, problems = report_files.read_entries([tmp_path], [])
    assert {document.id: surfaces(document) for document in documents} == {
        "a": [("ACTOR", "Rebels")],
        "b": [("ACTOR", "Rebels")],
    }
    assert problems == []


def test_other_files_among_pairs_are_counted(tmp_path: Path) -> None:
    pair(tmp_path, "a", "Rebels left.", "")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").touch()
    assert "1 other file left out, such as" in read(tmp_path)[2][0].what


def test_what_is_written_is_a_project_of_brat(tmp_path: Path) -> None:
    text = "At least\n19 died in Goma."
    mentions = (Mention(0, 11, "NUMBER.killed"), Mention(20, 24, "LOCATION"))
    Corpus({"data": (Document("a/b", text, mentions),)}).save(tmp_path / "a.jsonl")
    conversion.convert(tmp_path / "a.jsonl", tmp_path / "out", target_format="brat")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        *("a%2Fb.ann", "a%2Fb.txt", "annotation.conf", "visual.conf"),
    ]
    assert (tmp_path / "out" / "a%2Fb.ann").read_text(encoding="utf-8") == (
        "T1\tNUMBER_killed 0 8;9 11\tAt least 19\nT2\tLOCATION 20 24\tGoma\n"
    )
    assert (
        (tmp_path / "out" / "annotation.conf")
        .read_text(encoding="utf-8")
        .startswith("[entities]\nNUMBER_killed\nLOCATION\n\n[relations]\n")
    )
    assert "NUMBER_killed | NUMBER.killed\n" in (tmp_path / "out" / "visual.conf").read_text(encoding="utf-8")
    (document,), _, _ = read(tmp_path / "out")
    assert (document.id, document.mentions) == ("a/b", mentions)


def test_what_brat_cannot_hold_is_refused_together_and_nothing_is_written(tmp_path: Path) -> None:
    documents = (
        Document("a", "Rebels left.\nX", (Mention(0, 6, "A.b"), Mention(7, 13, "C")), origin="a"),
        Document("b", "Rebels", (Mention(0, 6, "A_b"),), origin="b"),
    )
    Corpus({"data": documents}).save(tmp_path / "a.jsonl")
    with pytest.raises(DataError) as caught:
        conversion.convert(tmp_path / "a.jsonl", tmp_path / "out", target_format="brat")
    message = str(caught.value)
    assert "would store the labels A.b and A_b as A_b" in message
    assert "7:13 (C) begins or ends with a line end" in message
    assert not (tmp_path / "out").exists()


def test_predictions_are_mentions_with_a_note_of_their_score(tmp_path: Path) -> None:
    entity = Entity("ACTOR", "Rebels", 0, 6, 0.91234)
    brat.write_predictions([PredictedDocument("a", "Rebels left.", (entity,))], tmp_path / "out", "small 1.0")
    assert (tmp_path / "out" / "a.ann").read_text(encoding="utf-8") == (
        "T1\tACTOR 0 6\tRebels\n#1\tAnnotatorNotes T1\tscore 0.912, small 1.0\n"
    )
    assert surfaces(read(tmp_path / "out")[0][0]) == [("ACTOR", "Rebels")]


def test_reports_of_a_collection_in_folders_are_called_by_their_folders_too(tmp_path: Path) -> None:
    for place in ("sudan", "congo/east"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "1.txt").write_text("Goma fell.", encoding="utf-8")
        (tmp_path / place / "1.ann").write_text("T1\tLOCATION 0 4\tGoma\n", encoding="utf-8")
    (tmp_path / "annotation.conf").write_text("[entities]\nLOCATION\n", encoding="utf-8")
    (found,) = report_files.search(tmp_path).files
    assert sorted(each.id for each in report_files.read_file(found)[0]) == ["congo/east/1", "sudan/1"]
