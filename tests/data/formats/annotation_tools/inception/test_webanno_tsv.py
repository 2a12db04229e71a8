"""WebAnno TSV 3: the shapes of its documentation, files of other programs, faults, and the choice of a layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data.document import Document
from conflict_ner.data.formats import report_files
from conflict_ner.data.formats.annotation_tools.inception import webanno_tsv
from conflict_ner.data.formats.annotation_tools.inception.layers import NAMED_ENTITY
from conflict_ner.data.formats.format import MendedOffsets, ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.errors import Problem

HEADER = "#FORMAT=WebAnno TSV 3.3\n"
ENTITIES = f"{HEADER}#T_SP={NAMED_ENTITY}|value\n\n\n"


def parse(source: str, layer: str | None = None) -> tuple[Document, list[Problem]]:
    """The report of a file, and its problems and notes."""
    document, problems = webanno_tsv.parse(source, "a.tsv", "a", layer)
    assert document is not None
    return document, problems


def surfaces(document: Document) -> list[tuple[str, str]]:
    return [(mention.label, document.slice(mention)) for mention in document.mentions]


def sentence(text: str, *rows: str) -> str:
    """The lines of a sentence."""
    return "\n".join([*(f"#Text={line}" for line in text.split("\n")), *rows, ""])


def test_tokens_parts_of_tokens_and_stacked_annotations_are_mentions() -> None:
    source = ENTITIES + sentence(
        "Anti-Houthi forces of Ms. Haag",
        "1-1\t0-4\tAnti\t_\t",
        "1-2\t4-5\t-\t_\t",
        "1-3\t5-11\tHouthi\tORG\t",
        "1-4\t12-18\tforces\t_\t",
        "1-4.1\t12-17\tforce\tPART\t",
        "1-5\t19-21\tof\t_\t",
        "1-6\t22-25\tMs.\tPER[1]|PERpart[2]\t",
        "1-7\t26-30\tHaag\tPER[1]\t",
    )
    document, problems = parse(source)
    assert problems == []
    assert document.text == "Anti-Houthi forces of Ms. Haag"
    assert surfaces(document) == [("ORG", "Houthi"), ("PART", "force"), ("PERpart", "Ms."), ("PER", "Ms. Haag")]
    assert document.place(0) == "a.tsv:8"


def test_a_mention_from_a_suffix_to_a_prefix_is_one() -> None:
    source = ENTITIES + sentence(
        "aaaaaa bbbbbb cccccc",
        *("1-1\t0-6\taaaaaa\t_\t", "1-1.1\t3-6\taaa\t9[4]\t", "1-2\t7-13\tbbbbbb\t9[4]\t"),
        *("1-3\t14-20\tcccccc\t_\t", "1-3.1\t14-17\tccc\t9[4]\t"),
    )
    assert surfaces(parse(source)[0]) == [("9", "aaa bbbbbb ccc")]


def test_a_mention_may_go_over_sentences_and_lines() -> None:
    source = ENTITIES + "\n".join(
        [
            sentence("He left\nGoma .", "1-1\t0-2\tHe\t_\t", "1-2\t3-7\tleft\tX[1]\t", "1-3\t8-12\tGoma\tX[1]\t"),
            sentence("She too", "2-1\t15-18\tShe\tX[1]\t", "2-2\t19-22\ttoo\t_\t"),
        ]
    )
    document, _ = parse(source)
    assert document.text == "He left\nGoma .\nShe too"
    assert surfaces(document) == [("X", "left\nGoma .\nShe")]


@pytest.mark.parametrize(("begin", "between"), [(7, ""), (8, "\n"), (10, "\n  ")])
def test_what_is_between_two_sentences_follows_from_the_offsets(begin: int, between: str) -> None:
    second = f"2-1\t{begin}-{begin + 4}\tGoma\tLOC\t"
    document, problems = parse(ENTITIES + sentence("He left", "1-1\t0-2\tHe\t_\t") + "\n" + sentence("Goma", second))
    assert (document.text, surfaces(document), problems) == (f"He left{between}Goma", [("LOC", "Goma")], [])


def test_offsets_count_utf16_units() -> None:
    rows = ("1-1\t0-2\t\U0001f60a\t_\t", "1-2\t3-7\tGoma\tLOC\t")
    second = sentence("\U0001f60a Bunia", "2-1\t8-10\t\U0001f60a\t_\t", "2-2\t11-16\tBunia\tLOC\t")
    document, problems = parse(ENTITIES + sentence("\U0001f60a Goma", *rows) + "\n" + second)
    assert (surfaces(document), problems) == ([("LOC", "Goma"), ("LOC", "Bunia")], [])


@pytest.mark.parametrize(
    ("rows", "unit"),
    [
        (("1-1\t0-1\t\U0001f60a\t_", "1-2\t2-6\tGoma\tLOC", "1-3\t7-13\tfällt\t_"), "characters"),
        (("1-1\t0-4\t\U0001f60a\t_", "1-2\t5-9\tGoma\tLOC", "1-3\t10-16\tfällt\t_"), "bytes of UTF-8"),
    ],
)
def test_offsets_of_other_programs_are_mended_by_the_tokens(rows: tuple[str, ...], unit: str) -> None:
    rows = rows if unit != "characters" else (*rows[:2], "1-3\t7-12\tfällt\t_")
    document, (note,) = parse(ENTITIES + sentence("\U0001f60a Goma fällt", *rows))
    assert surfaces(document) == [("LOC", "Goma")]
    assert isinstance(note, MendedOffsets)
    assert unit in note.what


def test_a_text_may_begin_with_the_space_before_its_first_token() -> None:
    document, problems = parse(ENTITIES + sentence("  one two", "1-1\t2-5\tone\tX\t", "1-2\t6-9\ttwo\t_\t"))
    assert (document.text, surfaces(document), problems) == ("  one two", [("X", "one")], [])
    document, problems = parse(ENTITIES + sentence("one two", "1-1\t2-5\tone\tX\t", "1-2\t6-9\ttwo\t_\t"))
    assert (document.text, surfaces(document), problems) == ("  one two", [("X", "one")], [])


def test_escaped_characters_are_not_structure() -> None:
    rows = ("1-1\t0-1\ta\tX\\[0\\]\t", "1-2\t2-3\tb\t\\_\t", "1-3\t4-5\tc\ta\\|b\\*\\->\\;\\\\\\t\t")
    document, problems = parse(ENTITIES + sentence("a\\tb\\\\\\u0041\\rc", *rows))
    assert document.text == "a\tb\\\\u0041\rc"
    assert [mention.label for mention in parse(ENTITIES + sentence("a b c", *rows))[0].mentions] == [
        *("X[0]", "_", "a|b*->;\\\t"),
    ]
    assert len(problems) == 1  # the third token is elsewhere in that text


def test_old_versions_have_the_escapes_of_java() -> None:
    source = ENTITIES.replace("3.3", "3.1") + sentence("\\u0047oma\\tfell", "1-1\t0-4\tGoma\tLOC\t")
    document, problems = parse(source)
    assert (document.text, surfaces(document), problems) == ("Goma\tfell", [("LOC", "Goma")], [])


def test_columns_of_all_kinds_of_layers_are_counted() -> None:
    header = (
        "#FORMAT=WebAnno TSV 3.3\r\n"
        "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\r\n"
        f"#T_SP={NAMED_ENTITY}|identifier|value\r\n#T_SP=webanno.custom.Mark|\r\n"
        "#T_SP=webanno.custom.Frame|FE|ROLE_webanno.custom.Frame:Roles_webanno.custom.FrameRolesLink|webanno.custom.Lu\r\n"
        "#T_CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceRelation|referenceType\r\n"
        "#T_RL=webanno.custom.Rel|kind|BT_webanno.custom.Frame\r\n\r\n\r\n"
    )
    row = "1-1\t0-4\tGoma\tPROPN\tNNP\thttp://q\tLOC\t*\t_\tseller\t1-1\t_\tpr[1]\t_\t_\t\r\n"
    document, (note,) = parse(header + "#Sentence.id=s1\r\n#Text=Goma\r\n" + row + "\r\n")
    assert surfaces(document) == [("LOC", "Goma")]
    assert note.note
    assert "the others left out: webanno.custom.Mark, webanno.custom.Frame" in note.what


def test_the_layer_is_the_only_one_or_named() -> None:
    two = f"{HEADER}#T_SP=webanno.custom.Arms|kind\n#T_SP=webanno.custom.Place|role|type\n\n\n"
    source = two + sentence("AK47 Goma", "1-1\t0-4\tAK47\tgun\t_\t_\t", "1-2\t5-9\tGoma\t_\tr\ttown\t")
    document, (problem,) = webanno_tsv.parse(source, "a.tsv", "a")
    assert document is None
    assert problem.what == "several layers may hold the mentions"
    assert problem.fix == "name one with --layer: webanno.custom.Arms, webanno.custom.Place"
    assert surfaces(parse(source, "Arms")[0]) == [("gun", "AK47")]
    assert surfaces(parse(source, "webanno.custom.Place.type")[0]) == [("town", "Goma")]
    _, (problem,) = webanno_tsv.parse(source, "a.tsv", "a", "Place")
    assert "webanno.custom.Place.role, webanno.custom.Place.type" in problem.fix
    _, (problem,) = webanno_tsv.parse(source, "a.tsv", "a", "Weapon")
    assert problem.what == "there is no layer Weapon"
    assert parse(HEADER + "\n\n" + sentence("Goma", "1-1\t0-4\tGoma\t"), "Weapon")[0].mentions == ()


def test_every_fault_of_a_file_is_reported_with_its_line() -> None:
    source = ENTITIES + sentence(
        "Goma fell again",
        *(
            "1-1\t0-4\tGoma\t*\t",
            "1-2\t5-9\tFell\tX\t",
            "1-2.1\t5-5\t\tY\t",
            "1-3\t10-15\tagain",
            "x",
            "1-3\t90-95\tagain\tX",
        ),
    )
    document, problems = parse(source)
    assert not document.is_valid
    assert {each.where: each.what for each in problems} == {
        "a.tsv:6": f"an annotation of {NAMED_ENTITY} without a label",
        "a.tsv:7": "the token 'Fell' is not at 5-9 of 'Goma fell again'",
        "a.tsv:8": "an empty annotation (Y)",
        "a.tsv:9": "3 fields, but the header has columns for 4",
        "a.tsv:10": "not a line of a token: 'x'",
        "a.tsv:11": "the token 'again' is not at 90-95 of 'Goma fell again'",
    }


def test_a_layer_without_labels_and_sentences_that_overlap_are_errors() -> None:
    mark = f"{HEADER}#T_SP=webanno.custom.Mark|\n\n\n" + sentence("Goma", "1-1\t0-4\tGoma\t*\t")
    assert "without a label" in parse(mark)[1][0].what
    source = ENTITIES + sentence("He left", "1-1\t0-2\tHe\t_\t") + "\n" + sentence("Goma", "2-1\t3-7\tGoma\t_\t")
    (problem,) = parse(source)[1]
    assert (problem.where, problem.what.split(",")[0]) == ("a.tsv:9", "the sentence begins at 3")


@pytest.mark.parametrize("source", ["1-1\tGoma\tO\n", "", "#FORMAT=WebAnno TSV 2.0\n"])
def test_other_tables_are_refused(source: str) -> None:
    document, (problem,) = webanno_tsv.parse(source, "a.tsv", "a")
    assert (document, problem.unreadable, problem.where) == (None, True, "a.tsv:1")


def test_files_are_recognized_and_named_by_their_place(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    source = ENTITIES + sentence("Goma", "1-1\t0-4\tGoma\tLOC\t")
    file = tmp_path / "sub" / "a%2Fb.tsv"
    file.write_text(source, encoding="utf-8")
    detection = detect_format(file)
    assert detection is not None
    assert (detection.format, detection.reason) == (webanno_tsv.FORMAT, "the header of WebAnno TSV 3")
    documents, _ = report_files.read_file(tmp_path, ReadOptions(), webanno_tsv.FORMAT)
    assert [document.id for document in documents] == ["sub/a/b"]
    assert report_files.read_entries([tmp_path], [])[0][0].id == "a/b"
    file.write_bytes(source.replace("Goma", "Gomé").encode("cp1252"))
    (problem,) = report_files.read_file(file)[1]
    assert "not UTF-8" in problem.what
    file.unlink()
    (problem,) = report_files.read_file(tmp_path, form=webanno_tsv.FORMAT)[1]
    assert "without .tsv files" in problem.what
