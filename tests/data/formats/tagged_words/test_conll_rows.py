"""Lines of CoNLL files: any separator, cells in quotes, sentences by blank lines or by a column."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from conflict_ner.data.formats import conversion
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.data.formats.tagged_words import conll
from conflict_ner.errors import ConfigError, DataError

SENTENCES = "In O\nVarga B-LOC\nfell O\n\nThey B-ACTOR\nfled O\n"


@pytest.mark.parametrize("separator", ["\t", "  ", "   ", " \t ", ",", ", ", ";", " ; ", "|", ":", "/"])
def test_any_separator_is_found(separator: str) -> None:
    documents, problems = conll.parse(SENTENCES.replace(" ", separator), "a.conll")
    assert [problem for problem in problems if not problem.note] == []
    assert documents == conll.parse(SENTENCES, "a.conll")[0]
    marks = [mark for mark in ",;|:/" if mark == separator.strip()]
    assert [problem.what for problem in problems] in (
        [],
        [f"columns are separated by {mark!r}" for mark in marks],
        [f"words are read from column 1 and tags from column 3; columns are separated by {mark!r}" for mark in marks],
    )


@pytest.mark.parametrize(
    "source",
    [
        'In,O\n",",O\nVarga,B-LOC\n"""",O\n"1,000",O\n',
        'In,O\n,,O\nVarga,B-LOC\n",O\n1,000,O\n',
        'id,word,tag\n1,In,O\n2,",",O\n3,Varga,B-LOC\n4,"""",O\n5,"1,000",O\n',
        'word,pos,tag\nIn,IN,O\n",",",",O\nVarga,NNP,B-LOC\n"""",``,O\n"1,000",CD,O\n',
    ],
    ids=["quoted", "unquoted", "index", "part of speech"],
)
def test_a_separator_may_be_a_word(source: str) -> None:
    (document,), problems = conll.parse(source, "a.conll")
    assert [problem for problem in problems if not problem.note] == []
    assert document.text == 'In , Varga " 1,000'
    assert [document.slice(mention) for mention in document.mentions] == ["Varga"]


def test_lines_of_separators_alone_are_blank() -> None:
    assert len(conll.parse("In,O\nVarga,B-LOC\n,\nThey,O\nfled,O\n", "a.conll")[0]) == 2


def test_sentences_may_be_named_in_a_column() -> None:
    source = "Sentence #,Word,POS,Tag\nSentence: 1,In,IN,O\n,Varga,NNP,B-LOC\nSentence: 2,They,PRP,O\n,fled,VBD,O\n"
    documents, (note,) = conll.parse(source, "a.csv")
    assert [document.text for document in documents] == ["In Varga", "They fled"]
    assert note.note
    documents, _ = conll.parse("sentence_id,words,labels\n0,In,O\n0,Varga,B-LOC\n1,They,O\n1,fled,O\n", "a.csv")
    assert [document.text for document in documents] == ["In Varga", "They fled"]


@pytest.mark.parametrize("name", ["a.conll", "a.bioes", "a.tsv", "a.csv", "A.IOB", "a.conll.gz", "a.csv.gz"])
def test_endings_and_compressed_files(name: str, tmp_path: Path) -> None:
    source = SENTENCES.replace(" ", "," if ".csv" in name else "\t").encode()
    (tmp_path / name).write_bytes(gzip.compress(source) if name.endswith(".gz") else source)
    documents, problems = read_file(tmp_path / name)
    assert [document.text for document in documents] == ["In Varga fell", "They fled"]
    assert [problem for problem in problems if not problem.note] == []


def test_a_target_is_written_in_any_scheme_and_formats_without_tags_have_none(tmp_path: Path) -> None:
    source, target = tmp_path / "a.conll", tmp_path / "b.conll"
    source.write_text("El I-LOC\nFasher I-LOC\nGoma B-LOC\nfell O\n", encoding="utf-8")
    conversion.convert(source, target, target_scheme="bioes")
    assert target.read_text(encoding="utf-8") == "El B-LOC\nFasher E-LOC\nGoma S-LOC\nfell O\n\n"
    with pytest.raises(DataError, match="IO cannot tell neighboring mentions of one label apart"):
        conversion.convert(source, tmp_path / "c.conll", target_scheme="IO")
    assert not (tmp_path / "c.conll").exists()
    with pytest.raises(
        ConfigError, match="--to-scheme: JSONL has no tags of words; leave it out, or write one of conll"
    ):
        conversion.convert(source, tmp_path / "c.jsonl", target_scheme="BIOES")


@pytest.mark.parametrize(("name", "line"), [("b.tsv", "1,000\tO"), ("b.csv", '"1,000",O'), ("b.conll", "1,000 O")])
def test_the_ending_of_a_target_says_what_separates_columns(name: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": "a", "text": "http://x.org/1,000 \\" O", "entities": []}', encoding="utf-8"
    )
    conversion.convert(tmp_path / "a.jsonl", tmp_path / name, target_format="conll")
    assert line.replace("1,000", "http://x.org/1,000") in (tmp_path / name).read_text(encoding="utf-8").splitlines()
    (document,), _ = read_file(tmp_path / name)
    assert document.text == 'http://x.org/1,000 " O'


def test_what_cannot_be_a_word_with_a_tag_is_refused_all_at_once(tmp_path: Path) -> None:
    lines = [
        '{"id": "a", "text": "x\\ud800", "entities": []}',
        '{"id": "b", "text": " ", "entities": []}',
        '{"id": "c", "text": "Goma", "entities": [{"start": 0, "end": 4, "label": "A B"}]}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match="3 problems") as caught:
        conversion.convert(tmp_path / "a.jsonl", tmp_path / "b.conll")
    assert [problem.where.rpartition(":")[2] for problem in caught.value.problems] == ["1", "2", "3"]
    assert not (tmp_path / "b.conll").exists()
