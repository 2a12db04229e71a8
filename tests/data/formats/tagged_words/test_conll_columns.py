"""Columns of CoNLL files: detected if they are certain, an error that asks for them if not."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.cli.main import app
from conflict_ner.config import ColumnsConfig, load_config
from conflict_ner.data import corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.tagged_words import conll
from conflict_ner.data.splits import config_of_reports
from conflict_ner.errors import DataError, Problem
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

READ = {
    "index first": "1\tIn\tO\n2\tVarga\tB-LOC\n3\tfell\tO\n",
    "index and a second column of O": "1\tIn\tO\tO\n2\tVarga\tB-LOC\tO\n3\tfell\tO\tO\n",
    "index right aligned": "  9 In O\n  10 Varga B-LOC\n  11 fell O\n".replace("  9", " 9").replace("  1", " 1"),
    "file name first": "bc/x 0 0 In IN O\nbc/x 0 1 Varga NNP B-LOC\nbc/x 0 2 fell VBD O\n",
    "offsets": "0 2 In O\n3 8 Varga B-LOC\n9 13 fell O\n",
    "offsets after the word": "In 0 2 O\nVarga 3 8 B-LOC\nfell 9 13 O\n",
    "ids": "s1_t1 In O\ns1_t2 Varga B-LOC\ns1_t3 fell O\n",
    "confidence last": "In O 0.9\nVarga B-LOC 0.83\nfell O 1\n",
    "tag first": "O In\nB-LOC Varga\nO fell\n",
    "part of speech first": "IN In O\nNNP Varga B-LOC\nVBD fell O\n",
    "lemma": "In in O\nVarga varga B-LOC\nfell fall O\n",
    "chunks": "In IN B-PP O\nVarga NNP B-NP B-LOC\nfell VBD B-VP O\n",
    "header": "id\tpos\tToken\tNER\n1\tIN\tIn\tO\n2\tNNP\tVarga\tB-LOC\n3\tVBD\tfell\tO\n",
    "comments": "# sent_id = 1\n# text = In Varga O fell\n# a remark on it\nIn O\nVarga B-LOC\nfell O\n",
    "comments of one width": "# id x domain=en\nIn _ _ O\nVarga _ _ B-LOC\nfell _ _ O\n",
    "begin and end": "#begin document (a); part 000\nIn O\nVarga B-LOC\nfell O\n#end document\n",
    "CoNLL-U": "1-2\tInVarga\t_\t_\n1\tIn\tADP\tO\n2\tVarga\tPROPN\tB-LOC\n2.1\tx\t_\t_\n3\tfell\tVERB\tO\n",
    "tab at the end": "In\tO\t\nVarga\tB-LOC\t\nfell\tO\t\n",
}


@pytest.mark.parametrize("source", READ.values(), ids=READ.keys())
def test_columns_are_found_in_any_order(source: str) -> None:
    documents, problems = conll.parse(source, "a.conll")
    assert [problem for problem in problems if not problem.note] == []
    assert [document.text for document in documents] == ["In Varga fell"]
    assert [(m.start, m.end, m.label) for m in documents[0].mentions] == [(3, 8, "LOC")]


def test_an_index_of_the_file_or_of_each_sentence_is_not_a_column_of_words() -> None:
    for numbers in ((1, 2, 1, 2), (0, 1, 2, 3)):
        a, b, c, d = numbers
        documents, _ = conll.parse(f"{a} In O\n{b} Varga B-LOC\n\n{c} They O\n{d} fled O\n", "a.conll")
        assert [document.text for document in documents] == ["In Varga", "They fled"]


def test_a_hash_with_a_tag_is_a_word() -> None:
    documents, problems = conll.parse("# O\nVarga B-LOC\n\n#Bakhmut O\nfell O\n", "a.conll")
    assert ([document.text for document in documents], problems) == (["# Varga", "#Bakhmut fell"], [])


def test_a_chunk_column_is_not_taken_where_no_entity_is_marked() -> None:
    documents, problems = conll.parse("In IN B-PP O\nthey PRP B-NP O\n", "a.conll")
    assert (documents[0].mentions, problems) == ((), [])


UNSURE = {
    "two columns of tags": ("In O O\nVarga B-LOC B-GPE\n", "more than one column holds tags: 2 ('B-LOC'), 3 ('B-GPE')"),
    "no words, index": ("1 O\n2 B-LOC\n", "no column looks like words"),
    "no words, parts of speech": ("IN O\nNNP B-LOC\n", "no column looks like words"),
    "unknown parts of speech first": ("APPR In O\nNE Varga B-LOC\n", "1 ('APPR', 'NE'), 2 ('In', 'Varga')"),
    "numbers in no order first": ("7 a O\n3 b B-LOC\n", "more than one column may hold the words"),
    "one line": ("1 Varga B-LOC\n", "one line is too little"),
}


@pytest.mark.parametrize(("source", "what"), UNSURE.values(), ids=UNSURE.keys())
def test_a_doubt_is_an_error_that_shows_the_columns_and_asks(source: str, what: str) -> None:
    problem = only_problem(source)
    assert what in problem.what
    assert "--word N --tag N" in problem.fix


def only_problem(source: str, columns: ColumnsConfig | None = None) -> Problem:
    documents, (problem,) = conll.parse(source, "a.conll", columns)
    assert documents == []
    assert problem.unreadable
    return problem


def test_brackets_of_ontonotes_are_named() -> None:
    assert "(ORG*" in only_problem("x In IN (TOP(S* *\nx Varga NNP (NP*) (ORG*)\n").what


def test_named_columns_are_used_as_they_are() -> None:
    source = "In in O O\nVarga varga B-LOC B-GPE\n"
    documents, problems = conll.parse(source, "a.conll", ColumnsConfig(word=2, tag=4))
    assert (documents[0].text, documents[0].mentions[0].label, problems) == ("in varga", "GPE", [])
    assert "no column 7" in only_problem(source, ColumnsConfig(tag=7)).what
    assert "cannot hold both" in only_problem(source, ColumnsConfig(word=3, tag=3)).what
    assert "2 of 2 lines have no tag in column 2" in only_problem(source, ColumnsConfig(tag=2)).what


def test_unusual_columns_are_reported_in_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.conll"
    file.write_text(READ["header"], encoding="utf-8")
    assert corpus.load({"data": [file]}, ["LOC"]).skipped == ()
    output = capsys.readouterr().err
    assert "words are read from column 3 and tags from column 4; skipped: a header (line 1)" in output
    assert output.count("note: ") == 1


def test_a_multiword_row_with_a_mention_is_a_fault() -> None:
    documents, problems = conll.parse("1-2\tx\tB-LOC\n1\tIn\tO\n2\tVarga\tO\n3\tfell\tO\n", "a.conll")
    assert "the tag 'B-LOC' of 1-2 is lost" in problems[0].what
    assert not documents[0].is_valid


def test_a_single_wrong_tag_is_not_another_scheme() -> None:
    _, problems = conll.parse("El B-LOC\nFasher E-LOC\n\nVarga B-LOC\nx B-A\ny B-A\n", "a.conll")
    assert [problem.what for problem in problems] == ["'E-LOC' is not a tag of IOB2"]


def test_commands_take_the_columns(tmp_path: Path) -> None:
    file, target = tmp_path / "a.conll", tmp_path / "a.jsonl"
    file.write_text("In O O\nVarga B-LOC B-GPE\n", encoding="utf-8")
    named = ["--word", "1", "--tag", "3"]
    run = CliRunner().invoke
    assert isinstance(run(app, ["check", str(file), "--labels", "GPE"]).exception, DataError)
    assert run(app, ["check", str(file), "--labels", "GPE", *named]).exit_code == 0
    assert run(app, ["convert", str(file), str(target), *named]).exit_code == 0
    assert '"GPE"' in target.read_text(encoding="utf-8")
    assert run(app, ["agree", str(file), str(file), "--labels", "GPE", *named]).exit_code == 0
    for command in ("evaluate", "compare"):
        assert "--word" in run(app, [command, "--help"], env={"COLUMNS": "200"}).output


def test_a_config_names_the_columns(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.conll").write_text("In O O\nVarga B-LOC B-GPE\n", encoding="utf-8")
    config = tmp_path / "c.yaml"
    config.write_text(
        "labels: [GPE]\noutput: m\ndata: {train: [a.conll], validation: [b.conll], allow_copies: true, "
        "columns: {word: 1, tag: 3}}\n",
        encoding="utf-8",
    )
    assert load_config(config).data.columns == ColumnsConfig(word=1, tag=3)
    assert CliRunner().invoke(app, ["check", str(config)]).exit_code == 0


def test_commands_and_configs_take_the_other_choices_of_reading(tmp_path: Path) -> None:
    rows, mixed = tmp_path / "a.jsonl", tmp_path / "b.conll"
    rows.write_text('{"id": "a", "tokens": ["Varga", "fell"], "ner_tags": [1, 0]}\n', encoding="utf-8")
    mixed.write_text("Varga B-LOC\nx S-LOC\ny O\n", encoding="utf-8")  # one fault in IOB2 and in BIOES
    run = CliRunner().invoke
    for file, choice in ((rows, ["--tag-names", "O,B-LOC"]), (mixed, ["--scheme", "BIOES"])):
        assert isinstance(run(app, ["check", str(file), "--labels", "LOC"]).exception, DataError)
        result = run(app, ["check", str(file), "--labels", "LOC", *choice])
        assert (result.exit_code == 0) == (file == rows)
    assert "'B-LOC' cannot stand here in BIOES" in str(result.exception)
    config = tmp_path / "c.yaml"
    config.write_text(
        "labels: [LOC]\noutput: m\ndata: {train: [a.jsonl], validation: [a.jsonl], allow_copies: true, "
        "tag_names: [O, B-LOC], scheme: IOB2, annotator: anna, hull: true}\n",
        encoding="utf-8",
    )
    options = ReadOptions.of(load_config(config).data)
    assert options == ReadOptions(scheme="IOB2", tag_names=("O", "B-LOC"), annotator="anna", hull=True)
    assert options.updated(ReadOptions(scheme="IO", trim=True)) == ReadOptions(
        scheme="IO", tag_names=("O", "B-LOC"), annotator="anna", hull=True, trim=True
    )
    with pytest.raises(DataError, match=r"--annotator: JSON with tokens and tags has no such option.*--hull"):
        corpus.load({"data": [rows]}, ["LOC"], options=options)
    options = ReadOptions(scheme="IOB2", tag_names=("O", "B-LOC"))
    read = corpus.load({"data": [rows]}, ["LOC"], options=options)
    assert [len(document.mentions) for document in read["data"]] == [1]
    assert corpus.load_corpus(train=rows, labels="LOC", options=options).counts("train").total() == 1
    assert config_of_reports(rows, ["data.tag_names=[O, B-LOC]"]).labels == ("LOC",)
    evaluate_help = run(app, ["evaluate", "--help"], env={"COLUMNS": "200"}).output
    for option in ("--scheme", "--tag-names", "--annotator", "--skipped", "--hull", "--layer"):
        assert option in evaluate_help


_TEXT = "In In Varga Varga El El Fasher Fasher rebels fled . , 12 killed the The army #x don't U.N. of and said"
WORDS = _TEXT.split()
CHANGES = 4
POS = {"In": "IN", "12": "CD", ".": ".", ",": ",", "the": "DT", "The": "DT", "of": "IN", "and": "CC", "fled": "VBD"}


@st.composite
def good_rows(draw: st.DrawFn) -> list[list[str]]:
    """Rows of word, part of speech and tag; an empty row after each sentence."""
    tagged = st.tuples(st.sampled_from(WORDS), st.sampled_from("OOBI"))
    rows: list[list[str]] = []
    for sentence in draw(st.lists(st.lists(tagged, min_size=1, max_size=8), max_size=5)):
        before = "O"
        for word, tag in sentence:
            before = "B" if tag == "I" and before == "O" else tag
            rows.append([word, POS.get(word, "NN"), before if before == "O" else f"{before}-LOC"])
        rows.append([])
    return rows


def break_columns(kinds: list[str], rows: list[list[str]], change: str, column: int) -> list[list[str]]:
    """Lose, double or add a column; `kinds` says what stands in each. The last column of words stays."""
    if change == "index":
        kinds.insert(0, "index")
        return [[str(n), *row] if row else row for n, row in enumerate(rows)]
    if change == "double":
        kinds.append(kinds[column])
        return [[*row, *row[column : column + 1]] for row in rows]
    if kinds[column] != "word" or kinds.count("word") > 1:
        kinds.pop(column)
        return [row[:column] + row[column + 1 :] for row in rows]
    return rows


def break_rows(rows: list[list[str]], change: str, place: int, column: int) -> None:
    """Damage a cell or move a line."""
    row = rows[place]
    if change == "character" and len(row) > column:
        row[column] = row[column][1:]
    elif change == "cell" and sum(map(bool, rows)) > 2 * CHANGES:  # most rows stay whole
        rows[place] = row[:column] + row[column + 1 :]
    elif change == "swap" and place:
        rows[place - 1], rows[place] = row, rows[place - 1]
    elif change == "blank":
        rows.insert(place, [])


@st.composite
def broken_files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A good file with columns and lines lost, doubled, moved or damaged, and the words in its column of words."""
    rows, kinds = draw(good_rows()), ["word", "pos", "tag"]
    for _ in range(draw(st.integers(0, CHANGES)) if rows else 0):
        change = draw(st.sampled_from(["drop", "double", "index", "character", "cell", "swap", "blank"]))
        column = draw(st.integers(0, len(kinds) - 1))
        if change in ("drop", "double", "index"):
            rows = break_columns(kinds, rows, change, column)
        else:
            break_rows(rows, change, draw(st.integers(0, len(rows) - 1)), column)
    words = [row[kinds.index("word")] for row in rows if len(row) == len(kinds)]
    return "\n".join("\t".join(row) for row in rows), words


@settings(max_examples=80, deadline=None, derandomize=True)
@given(broken_files())
def test_no_word_is_read_from_another_column_however_a_file_is_broken(file: tuple[str, list[str]]) -> None:
    source, column = file
    documents, problems = conll.parse(source, "a.conll")
    assert all(isinstance(problem, Problem) for problem in problems)
    remaining = iter(column)
    for document in documents:
        edges = word_edges(document)
        assert all(m.start in edges[0] and m.end in edges[1] for m in document.mentions)
        if document.is_valid:
            assert all(word in remaining for word in document.text.split(" ")), (document.text, column)


def word_edges(document: Document) -> tuple[set[int], set[int]]:
    text = document.text
    spaces = [index for index, char in enumerate(text) if char == " "]
    return {0, *(space + 1 for space in spaces)}, {len(text), *spaces}
