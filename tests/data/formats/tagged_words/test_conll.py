"""The CoNLL format: what is read, the positions of faults, and files of other formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.tagged_words import conll
from conflict_ner.data.words import split_words
from conflict_ner.errors import DataError, Problem

SENTENCES = "Rebels B-ACTOR\nleft O\nEl B-LOCATION\nFasher I-LOCATION\n. O\n\nNobody O\ndied O\n"


def parse_one(source: str) -> tuple[Document, list[str]]:
    (document,), problems = conll.parse(source, "folder/demo.conll")
    return document, [str(problem).removeprefix("folder/demo.conll:") for problem in problems]


def marked(document: Document) -> list[tuple[str, str]]:
    return [(document.slice(mention), mention.label) for mention in document.mentions]


def test_each_sentence_is_a_document_named_by_its_first_line() -> None:
    documents, problems = conll.parse(SENTENCES, "folder/demo.conll")
    assert problems == []
    assert [(d.id, d.text) for d in documents] == [("demo:1", "Rebels left El Fasher ."), ("demo:7", "Nobody died")]
    assert marked(documents[0]) == [("Rebels", "ACTOR"), ("El Fasher", "LOCATION")]
    assert documents[0].places == ("folder/demo.conll:1", "folder/demo.conll:3")
    assert documents[1].origin == "folder/demo.conll:7"
    assert all(document.is_valid for document in documents)


@pytest.mark.parametrize(
    "source",
    [
        SENTENCES.replace("\n", "\r\n"),
        SENTENCES.replace(" ", "\t"),
        SENTENCES.replace(" ", "  "),
        SENTENCES.replace(" ", " NN B-NP "),
        SENTENCES.replace(" ", "\tNN\t"),
        SENTENCES.replace("\n\n", "\n \n"),
        SENTENCES.replace("\n", " \n"),
        SENTENCES.strip(),
    ],
    ids=["CRLF", "tabs", "wide", "columns", "columns by tabs", "blank of spaces", "spaces after", "no last break"],
)
def test_variants_of_the_layout_are_read_alike(source: str) -> None:
    assert conll.parse(source, "demo.conll")[0] == conll.parse(SENTENCES, "demo.conll")[0]
    assert conll.parse(source, "demo.conll")[1] == []


def test_more_blank_lines_only_change_the_line_of_the_next_sentence() -> None:
    documents, problems = conll.parse("\n\n" + SENTENCES.replace("\n\n", "\n\n\n\n") + "\n\n", "demo.conll")
    assert problems == []
    assert [document.id for document in documents] == ["demo:3", "demo:11"]


def test_a_docstart_is_no_sentence_and_names_the_document_of_those_after_it() -> None:
    source = "Before O\n\n-DOCSTART- -X- O O\n\nRebels X O B-ACTOR\n-DOCSTART- O\nleft X X O\n"
    documents, problems = conll.parse(source.replace("Before O", "Before X X O"), "demo.conll")
    assert problems == []
    assert [document.text for document in documents] == ["Before", "Rebels", "left"]
    assert [document.metadata.get("document") for document in documents] == [None, "demo:3", "demo:6"]


def test_neighbours_are_two_mentions_and_another_label_begins_one() -> None:
    document, problems = parse_one("Iran B-ACTOR\nIraq B-ACTOR\nSyria B-LOCATION\nsaid O\n")
    assert marked(document) == [("Iran", "ACTOR"), ("Iraq", "ACTOR"), ("Syria", "LOCATION")]
    assert problems == []


@pytest.mark.parametrize("word", ["#", "'", '"', "\u200e", "\ufeff", "\u0627", "\u0651", "don't", "3.5%", "O", "B-X"])
def test_odd_words_are_words_and_their_mentions_lie_on_word_edges(word: str) -> None:
    document, problems = parse_one(f"the O\n{word} B-ACTOR\n{word} I-ACTOR\n{word} O\n")
    assert problems == []
    assert marked(document) == [(f"{word} {word}", "ACTOR")]
    starts, ends = split_words(document.text)
    assert document.mentions[0].start in starts
    assert document.mentions[0].end in ends


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x", "3: no tag after 'x'; write the word, a space or a tab, and its tag"),
        ("x\t", "3: no tag after 'x'; write the word, a space or a tab, and its tag"),
        ("x Q", "3: 'Q' is not a tag; write O, B-LABEL or I-LABEL"),
        ("x B-", "3: 'B-' is not a tag; write O, B-LABEL or I-LABEL"),
        ("x I-ACTOR", "3: 'I-ACTOR' continues no mention; write B-ACTOR"),
        ("x y O", "3: 3 columns, 2 in the lines before; write the same columns in every line"),
        ("\tO", "3: no word before the tag; write it, or remove the line"),
        (" O", "3: no word before the tag; write it, or remove the line"),
        ("x y\tO", "3: 'x y' contains a space or control character; split it into words, or remove the character"),
        (
            "x\u00a0 O",
            "3: 'x\\xa0' contains a space or control character; split it into words, or remove the character",
        ),
        ("x\x07 O", "3: 'x\\x07' contains a space or control character; split it into words, or remove the character"),
    ],
)
def test_a_fault_has_its_line_and_its_fix(line: str, problem: str) -> None:
    document, problems = parse_one(f"Rebels B-ACTOR\nleft O\n{line}\n. O\n")
    assert problems == [problem]
    assert not document.is_valid


def test_an_inside_tag_of_another_label_continues_no_mention() -> None:
    _, problems = parse_one("El B-LOCATION\nFasher I-ACTOR\nfell O\nagain I-LOCATION\n")
    assert [problem.partition(";")[0] for problem in problems] == [
        "2: 'I-ACTOR' continues no mention",
        "4: 'I-LOCATION' continues no mention",
    ]


def test_a_faulty_sentence_is_refused_or_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.conll"
    file.write_text(SENTENCES + "\nbad I-ACTOR\nend O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.conll:10: 'I-ACTOR' continues no mention"):
        corpus.load({"train": [file]}, ["ACTOR", "LOCATION"])
    loaded = corpus.load({"train": [file]}, ["ACTOR", "LOCATION"], strict=False)
    assert [document.id for document in loaded["train"]] == ["a:1", "a:7"]
    assert len(loaded.skipped) == 1


def only_problem(source: str) -> Problem:
    documents, (problem,) = conll.parse(source, "demo.txt")
    assert documents == []
    assert problem.unreadable
    return problem


def test_plain_prose_is_one_problem() -> None:
    problem = only_problem("Rebels left Goma at dawn.\n\nNobody was hurt, the army said.\n" * 500)
    assert problem.where == "demo.txt:1"
    assert "1,000 of 1,000 lines do not end in a tag" in problem.what
    assert "plain text is for `tag` only" in problem.fix


def test_an_empty_file_is_one_problem() -> None:
    assert "no sentence" in only_problem("").what
    assert "no sentence" in only_problem("-DOCSTART- O\n\n").what


def test_a_file_with_many_faults_is_one_problem_that_names_its_first_line() -> None:
    source = "Nobody O\nRebels I-ACTOR\nleft O\n\nEl B-LOC\nwas O\nI-LOC O\n\n" * 30
    problem = only_problem(source)
    assert problem.where == "demo.txt:2"
    assert "30 faults in 180 lines" in problem.what
    assert "'I-ACTOR' continues no mention" in problem.fix


def test_a_file_in_another_scheme_than_the_one_named_is_one_problem_that_names_its_own() -> None:
    documents, (problem,) = conll.parse("El B-LOC\nFasher E-LOC\n" * 30, "demo.txt", scheme="IOB2")
    assert documents == []
    assert "its tags are BIOES, not IOB2" in problem.fix


def test_a_mention_has_offsets_in_the_joined_words() -> None:
    document, _ = parse_one("a O\nbc B-A\nd I-A\n")
    assert document.mentions == (Mention(2, 6, "A"),)
