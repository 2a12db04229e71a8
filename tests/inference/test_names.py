"""A user's list of names, which wins over the model: what matches, what is removed, and the faults of lists."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conflict_ner.data.document import Entity
from conflict_ner.errors import ConfigError
from conflict_ner.inference.evaluate import evaluate
from conflict_ner.inference.name_lists import load_names
from conflict_ner.inference.names import Name, NameMatcher, merge
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import SENTENCES
from helpers.runs import LABELS
from hypothesis import given, settings
from hypothesis import strategies as st

REPORT = SENTENCES[0]  # At least 19 fighters died in a drone strike near El Fasher.


def matcher(*names: str, ignore_case: bool = False) -> NameMatcher:
    return NameMatcher(Name(name, "ACTOR", ignore_case) for name in names)


def found(names: NameMatcher, text: str) -> list[str]:
    (entities,) = names.find([text])
    for entity in entities:
        assert text[entity.start : entity.end] == entity.text
        assert (entity.score, entity.source) == (1.0, "names")
    return [entity.text for entity in entities]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Jama", "Jama'at and Jama", ["Jama"]),
        ("M23", "M23-held, M2 3, AM23, M23's", ["M23", "M23"]),
        ("Houthi", "Houthi-held Houthis", ["Houthi"]),
        ("Al-Shabaab", "Al\u2013Shabaab, Al-\nShabaab", ["Al\u2013Shabaab", "Al-\nShabaab"]),
        ("Jama'at", "Jama\u2019at or Jama&#39;at", ["Jama\u2019at", "Jama&#39;at"]),
        ("Jama\u02bcat", "Jama'at", ["Jama'at"]),
        ("El Fasher", "El\u00a0Fasher, El&nbsp;Fasher, El \t\r\n Fasher", None),
        ("El  Fasher ", "El Fasher", ["El Fasher"]),
        ("El Fasher", "El\n\nFasher, El<p>Fasher, ElFasher", []),
        ("S\u00e3o", "Sa\u0303o S\u00e3o Sao", ["Sa\u0303o", "S\u00e3o"]),
        ("Yahoo!", "at Yahoo! (Yahoo)", ["Yahoo!"]),
        ("\U0001f4a3 Goma", "\U0001f4a3\U0001f4a3 Goma", ["\U0001f4a3 Goma"]),
        ("Goma", "GOMA goma", []),
    ],
)
def test_a_name_is_found_as_whole_words_however_they_are_typed(
    name: str, text: str, expected: list[str] | None
) -> None:
    assert found(matcher(name), text) == (text.split(", ") if expected is None else expected)


@pytest.mark.parametrize(
    "name",
    ["N'Djamena", "M'Bale", "O'Brien", "F-16C", "T-72B3", "Su-27SM", "Mi-24P", "MiG29", "Shahed136", "Grad21", "M23"],
)
def test_a_name_in_any_case_is_found_as_written_and_in_capitals_and_in_lower_case(name: str) -> None:
    for text in (name, name.upper(), name.lower(), name.title()):
        assert found(matcher(name, ignore_case=True), f"An {text} fell.") == [text]


def test_names_have_labels_of_the_model(checkpoint_folder: Path) -> None:
    with pytest.raises(ConfigError, match="CITY: is not one of the model's labels; use one of ACTOR"):
        Tagger.load(checkpoint_folder, "cpu", names=NameMatcher([Name("Goma", "CITY")]))


def test_of_two_labels_of_a_name_the_first_counts() -> None:
    names = NameMatcher([Name("Goma", "LOCATION"), Name("Goma", "ACTOR")])
    assert [entity.label for entity in names.find(["Goma"])[0]] == ["LOCATION"]


def test_case_is_exact_unless_a_name_ignores_it() -> None:
    assert found(matcher("Goma", ignore_case=True), "GOMA goma \uff27oma") == ["GOMA", "goma", "\uff27oma"]
    assert found(matcher("\u0130zmir", ignore_case=True), "\u0130ZM\u0130R, \u0130zmir") == [
        "\u0130ZM\u0130R",
        "\u0130zmir",
    ]
    both = NameMatcher([Name("us", "WEAPON", True), Name("US", "LOCATION")])
    assert [entity.label for entity in both.find(["US us"])[0]] == ["LOCATION", "WEAPON"]


def test_of_overlapping_names_the_longest_counts_then_the_first() -> None:
    names = matcher("El Fasher", "Fasher North Gate", "North", "North Gate", "Goma", "Goma Goma")
    assert found(names, "El Fasher North, El Fasher North Gate") == ["El Fasher", "North", "Fasher North Gate"]
    assert found(names, "Goma Goma Goma") == ["Goma Goma", "Goma"]


def test_names_stay_in_their_own_text() -> None:
    assert [len(entities) for entities in matcher("El Fasher").find(["El", "Fasher", "", "El Fasher", "\n\nEl"])] == [
        0, 0, 0, 1, 0
    ]  # fmt: skip
    assert matcher("Goma").find([]) == []
    assert matcher("&shy;", "Goma").find(["Goma Beni"])[0][0].text == "Goma"  # a name without a word is not found


def spans(*edges: tuple[int, int]) -> list[Entity]:
    return [Entity("ACTOR", "x" * (end - start), start, end, 0.5) for start, end in edges]


def test_an_entity_that_overlaps_a_name_is_removed() -> None:
    kept = merge(spans((0, 2), (3, 6), (8, 9), (9, 12), (20, 21)), spans((5, 8), (10, 11)))
    assert [(e.start, e.end) for e in kept] == [(0, 2), (5, 8), (8, 9), (10, 11), (20, 21)]
    assert merge(spans((0, 2)), []) == spans((0, 2))


PIECES = st.lists(st.sampled_from(["El", "Fasher", "Go", "ma", " ", "\n", "-", "'", "7", "\u2019", "&nbsp;", "\u200b"]))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.lists(PIECES.map("".join), max_size=4), st.lists(PIECES.map("".join), min_size=1, max_size=4))
def test_names_of_any_list_slice_any_text_in_order(names: list[str], texts: list[str]) -> None:
    for text, entities in zip(texts, matcher(*names).find(texts), strict=True):
        assert all(text[e.start : e.end] == e.text != "" for e in entities)
        assert all(one.end <= two.start for one, two in pairwise(entities))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(PIECES.map(lambda pieces: " ".join(piece for piece in pieces if piece.isalnum())).filter(bool))
def test_a_list_with_the_whole_text_finds_it(text: str) -> None:
    assert found(matcher(text), text) == [text]


def test_texts_may_be_read_ahead_of_their_entities() -> None:
    def tag(texts: Iterable[str]) -> Iterator[list[Entity]]:
        held = list(texts)
        yield from ([Entity("LOCATION", text[:1], 0, 1, 0.5)] for text in held)

    tagged = list(matcher("Goma").overlay(iter(["Goma", "Beni", "a Goma"]), tag))
    assert [[e.text for e in entities] for entities in tagged] == [["Goma"], ["B"], ["a", "Goma"]]


@pytest.fixture
def names_file(tmp_path: Path) -> Path:
    file = tmp_path / "names.csv"
    file.write_text("name,label,aliases,case\nstrike near,ACTOR,,ignore\n", encoding="utf-8")
    return file


def test_a_tagger_returns_listed_names_and_says_so(checkpoint_folder: Path, tagger: Tagger, names_file: Path) -> None:
    named = Tagger.load(checkpoint_folder, names=names_file, thresholds={"ACTOR": 0.0}, values=True)
    entities = named.tag(REPORT)
    assert [(e.label, e.text, e.source) for e in entities] == [
        ("NUMBER", "At least 19", "model"),
        ("ACTOR", "fighters", "model"),
        ("ACTOR", "strike near", "names"),
        ("LOCATION", "El Fasher", "model"),
    ]
    assert entities[0].value is not None
    names_file.unlink()  # a copy does without the file
    assert pickle.loads(pickle.dumps(named)).tag(REPORT) == entities
    assert copy.copy(named).tag(REPORT) == entities
    assert {entity.source for entity in tagger.tag(REPORT)} == {"model"}


def test_evaluation_scores_what_is_returned(checkpoint_folder: Path, reports_file: Path, names_file: Path) -> None:
    plain, named = (evaluate(checkpoint_folder, reports_file, names=names) for names in (None, names_file))
    assert plain.report.strict.micro.correct == named.report.strict.micro.correct + 1
    assert any(entity.source == "names" for entities in named.predicted for entity in entities)


def load(tmp_path: Path, name: str, content: str, encoding: str = "utf-8") -> list[tuple[str, str, bool]]:
    file = tmp_path / name
    file.write_text(content, encoding=encoding)
    listed = load_names(file, [*LABELS, "NUMBER.killed"]).names
    return [(each.text, each.label, each.ignore_case) for each in listed]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.csv",
            "name,label,aliases,case,note\nM23, ACTOR ,M23/AFC;ARC| ,,\n" + "Goma,LOCATION,,Ignore,x\n" * 2,
        ),
        (
            "a.csv",
            "\ufefflabel;name;case;aliases\nACTOR;M23;exact;M23/AFC|ARC\n" + "LOCATION;Goma;ignore;\n" * 2,
        ),
        ("a.tsv", "name\tlabel\taliases\tcase\nM23\tACTOR\tM23/AFC;ARC\t\n" + "Goma\tLOCATION\t\tignore\n" * 2),
        (
            "a.jsonl",
            '{"name": "M23", "label": "ACTOR", "aliases": ["M23/AFC", "ARC"]}\n'
            + '{"name": "Goma", "label": "LOCATION", "case": "ignore"}\n' * 2,
        ),
    ],
)  # fmt: skip
def test_lists_are_read_from_all_forms(tmp_path: Path, name: str, content: str) -> None:
    assert load(tmp_path, name, content) == [
        ("M23", "ACTOR", False), ("M23/AFC", "ACTOR", False), ("ARC", "ACTOR", False),
        ("Goma", "LOCATION", True), ("Goma", "LOCATION", True),
    ]  # fmt: skip


def test_a_label_is_read_as_deep_as_the_checkpoint_knows_it(tmp_path: Path) -> None:
    assert load(tmp_path, "a.csv", "name,label\nFARDC,ACTOR.army\ntoll,NUMBER.killed\n") == [
        ("FARDC", "ACTOR", False), ("toll", "NUMBER.killed", False)
    ]  # fmt: skip


def test_all_faults_of_a_list_are_named_together(tmp_path: Path) -> None:
    rows = ["name,label,case", " ,ACTOR,", "Goma,PLACE,", "M23,actor,", "Beni,,", "--,ACTOR,", "Sake,LOCATION,upper"]
    rows += [
        "Goma,LOCATION,",
        "El Fasher,LOCATION,",
        "El  Fasher,ACTOR,",
        "IS,ACTOR,ignore",
        "is,LOCATION,ignore",
        "is,LOCATION,",
    ]
    with pytest.raises(ConfigError) as error:
        load(tmp_path, "a.csv", "\n".join(rows) + "\n")
    described = [(p.where.rpartition(":")[2], p.what) for p in error.value.problems]
    assert described == [
        ("2", "the name is empty"),
        ("3", "'PLACE' is not a label of the checkpoint"),
        ("4", "'actor' is not a label of the checkpoint"),
        ("5", "the label is empty"),
        ("6", "'--' has no letter or digit"),
        ("7", "the case 'upper' is unknown"),
        ("10", f"'El  Fasher' is ACTOR here and LOCATION at {tmp_path / 'a.csv'}:9"),
        ("12", f"'is' is LOCATION here and ACTOR at {tmp_path / 'a.csv'}:11"),
    ]
    assert "did you mean ACTOR?" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "name,labels\nGoma,LOCATION\n",
            "no column 'label'; the columns are labels, name; begin with the header",
        ),
        ("a.csv", "name,label\n", "holds no names"),
        ("a.csv", "", "begin with the header"),
        ("a.csv", "name,label\nGoma\n", "1 field where the header has 2"),
        ("a.txt", "Goma", "no list of names has this ending"),
        ("a.jsonl", '{"name": "Goma"}\n', "the label is empty"),
        ("a.jsonl", "Goma\n", "not JSON"),
        ("a.jsonl", '{"name": ["Goma", "Sake"], "label": "LOCATION"}\n', "name is not a text"),
        ("a.jsonl", '{"name": "Goma", "label": "LOCATION", "aliases": {"a": 1}}\n', "aliases is not a text"),
        ("a.csv", "name,label,Aliases\nGoma,LOCATION,x\n", "the column 'Aliases' is not read; call it aliases"),
        ("a.csv", "name,label,alias\nGoma,LOCATION,x\n", "the column 'alias' is not read; call it aliases"),
        ("a.csv", "name,label,CASE\nGoma,LOCATION,ignore\n", "the column 'CASE' is not read; call it case"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, name, content)
    assert message in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_list_and_other_encodings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_names(tmp_path / "none.csv", LABELS)
    western = "name,label\n" + "Général Héctor,ACTOR\n" * 3
    assert load(tmp_path, "a.csv", western, "cp1252")[0][0] == "Général Héctor"
    assert "is not UTF-8 and is read as cp1252" in capsys.readouterr().err
    (tmp_path / "b.csv").write_bytes(b"name,label\nGoma \xff\xfe,LOCATION\n" + "Zürich é ö 漢,LOCATION\n".encode() * 9)
    with pytest.raises(ConfigError, match=r"not UTF-8.*save it as UTF-8"):
        load_names(tmp_path / "b.csv", LABELS)


def test_a_list_of_thousands_of_faults_is_a_short_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, "a.csv", "name,label\n" + "Goma,PLACE\n" * 500)
    assert len(error.value.problems) == 500
    assert len(str(error.value)) < 1000


def test_a_workbook_of_names(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    with xlsxwriter.Workbook(tmp_path / "names.xlsx") as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate([("name", "label"), ("Goma", "LOCATION"), (313, "ACTOR")]):
            sheet.write_row(row, 0, cells)
    listed = load_names(tmp_path / "names.xlsx", LABELS).names
    assert [(each.text, each.label) for each in listed] == [("Goma", "LOCATION"), ("313", "ACTOR")]
