"""Rows of CSV are exactly rows of the file, and a problem names the lines that are left out."""

from __future__ import annotations

import csv
import io

import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files.csv_rows import csv_rows
from conflict_ner.inference.files.table_readers import DEFAULT_DIALECT, Columns, Dialect
from hypothesis import example, given, settings
from hypothesis import strategies as st

FUZZ = settings(deadline=None, derandomize=True, max_examples=40, database=None)
Fields = tuple[str, ...]


def read(
    content: bytes | str,
    dialect: Dialect = DEFAULT_DIALECT,
    columns: Columns = Columns(),  # noqa: B008
    default_delimiter: str = ",",
) -> tuple[list[Fields], list[Problem]]:
    problems: list[Problem] = []
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    rows = [
        tuple(row.values()) for _, row in csv_rows(stream, "f", columns, problems.append, dialect, default_delimiter)
    ]
    return rows, problems


def written(rows: list[Fields], *, quote_all: bool = False) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(
        [("id", "text"), *rows]
    )
    return stream.getvalue()


UNDOUBLED = '7,"Locals said "we fled" when\nrebels shelled Tolvik, killing 3 soldiers"\n'


def test_a_row_with_undoubled_quotes_is_left_out_whole_and_the_rows_around_it_are_read() -> None:
    rows, (problem,) = read(f"id,text\n6,Goma fell\n{UNDOUBLED}8,Beni is calm\n9,Goma too\n")
    assert rows == [("6", "Goma fell"), ("8", "Beni is calm"), ("9", "Goma too")]
    assert problem.where == "f:3"
    assert "lines 3 to 4 are left out" in problem.what
    assert "double the quotes" in problem.fix


@pytest.mark.parametrize(
    ("rest", "resumed"),
    [
        ("Goma, 3 dead\nBeni, 5 dead\n", False),  # more lines of the text may look like this
        ('Goma, 3 dead\nBeni, 5 dead"\n8,"Goma fell"\n', True),
        ('the army, "too late"\ncame."\n8,"Goma fell"\n', True),
        ('"We fled", he said\nfrom Goma, to Beni"\n8,"Goma fell"\n', True),
    ],
)
def test_lines_of_a_broken_text_that_look_like_rows_are_no_rows(rest: str, resumed: bool) -> None:
    rows, problems = read(f'id,text\n7,"Casualties "so far":\n{rest}')
    assert rows == ([("8", "Goma fell")] if resumed else [])
    assert problems[0].where == "f:2"


def test_rows_that_may_be_pieces_of_a_text_whose_first_quote_is_missing_are_held_back() -> None:
    rows, (problem,) = read('id,text\n6,"Goma, too"\n7,Casualties so far:\nGoma, 3\nBeni, 5"\n8,"Bunia"\n')
    assert rows == [("8", "Bunia")]
    assert "lines 2 to 5 are left out" in problem.what


def test_a_quote_in_the_middle_of_a_field_is_a_quote() -> None:
    assert read('id,text\n1,a 6" gun\n2,said "go" twice\n') == ([("1", 'a 6" gun'), ("2", 'said "go" twice')], [])


def test_a_quote_that_is_never_closed_is_said_with_the_lines_it_takes_in() -> None:
    rows, (problem,) = read('id,text\n1,"Goma\n2,Beni\n3,Bunia\n')
    assert rows == []
    assert str(problem).startswith(
        "f:2: not CSV: the quote that opens on line 2 is never closed and takes in 2 lines after it; "
        "lines 2 to 4 are left out, up to the end of the file"
    )


def test_quotes_escaped_with_a_backslash_are_read_where_that_is_said() -> None:
    content = 'id,text\n1,"Locals said \\"we fled\\", and \\\\ left"\n2,"Goma\\nfell"\n3,"C:\\temp\\\\"\n'
    rows, problems = read(content)
    assert rows == []
    assert "--escape" in problems[0].fix
    expected = [("1", 'Locals said "we fled", and \\ left'), ("2", "Goma\\nfell"), ("3", "C:\\temp\\")]
    assert read(content, Dialect(escape=True)) == (expected, [])


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("id;text\n1;Goma, Beni\n", "fields are separated by ';'"),
        ("id\ttext\n1\tGoma, Beni\n", "fields are separated by a tab"),
        ("id|text\n1|Goma, Beni\n", "fields are separated by '|'"),
        ('sep=;\nid;text\n1;"Goma, Beni"\n', ""),
        ('\ufeff"sep=;"\r\nid;text\r\n1;"Goma, Beni"\r\n', ""),
        ('sep=,\nid,text\n1,"Goma, Beni"\n', ""),
        ('id, text\n1, "Goma, Beni"\n', ""),
        ('id,text,,\n1,"Goma, Beni",,\n', ""),
        ('id,text,,\n1,"Goma, Beni"\n', ""),
    ],
)
def test_tables_of_spreadsheets_are_read_and_a_guess_is_said(content: str, note: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        rows, problems = read(content.encode(encoding))
        assert rows == [("1", "Goma, Beni")]
        assert [problem.note for problem in problems] == ([True] if note else [])
        assert not note or note in problems[0].what


def test_a_delimiter_and_an_encoding_may_be_named() -> None:
    assert read("id:text\n1:Goma\n", Dialect(delimiter=":"))[0] == [("1", "Goma")]
    assert read("id,text\n1,café\n".encode("cp1252"), Dialect(encoding="cp1252"))[0] == [("1", "café")]
    assert read("id\ttext\n1\tGoma\n", default_delimiter="\t") == ([("1", "Goma")], [])


def test_an_encoding_that_would_read_a_row_is_named() -> None:
    rows, (problem,) = read(b"id,text\n1,caf\xe9 attacked\n2,Goma\n")
    assert rows == [("2", "Goma")]
    assert str(problem) == (
        "f:2: not UTF-8: read as cp1252 it is '1,café attacked'; if that is right, give --encoding cp1252"
    )
    assert "--encoding utf-16-le" in read("id,text\n1,Goma\n".encode("utf-16-le"))[1][0].fix


def test_columns_twice_that_are_not_asked_for_are_told_apart() -> None:
    problems: list[Problem] = []
    rows = list(csv_rows(io.BytesIO(b"text,x,x,,\na,1,2,,3\n"), "f", Columns(), problems.append))
    assert rows == [("f:2", {"text": "a", "x": "1", "x.2": "2", "column 5": "3"})]
    assert problems == []


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("8", "add what is missing; if it goes on with the text above, put the whole text in quotes"),
        ("8,Goma, Beni", "put fields with a comma in them in quotes"),
        ("8;Goma", "the header is parted by a comma and this row by ';': make them one"),
    ],
)
def test_a_row_of_another_number_of_fields_gets_a_hint_that_fits(row: str, hint: str) -> None:
    rows, (problem,) = read(f"id,text\n{row}\n9,Goma\n")
    assert (rows, problem.where, problem.fix) == ([("9", "Goma")], "f:2", hint)


@pytest.mark.parametrize(
    "header", ["\0" * 1_000_000, ",".join(f"column_{n}" for n in range(5000)), "x" * 500_000 + ",y", "id,Text,notes"]
)
def test_a_header_is_never_printed_whole(header: str) -> None:
    for columns in (Columns(), Columns("\x1b[0m" * 1000)):
        (problem,) = read(header + "\n", columns=columns)[1]
        assert len(str(problem)) < 400
        assert str(problem).isprintable()
    assert "the columns are Text, id, notes" in read("id,Text,notes\n")[1][0].what


CHARACTERS = st.text('ab ,"\n', max_size=8)
ROWS = st.lists(CHARACTERS, min_size=1, max_size=6).map(
    lambda texts: [(str(n), text) for n, text in enumerate(texts, start=1)]
)


@FUZZ
@given(ROWS, st.booleans())
def test_good_files_are_read_whole(rows: list[Fields], quote_all: bool) -> None:
    assert read(written(rows, quote_all=quote_all)) == (rows, [])


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | CHARACTERS


@FUZZ
@given(
    st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT), max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]),
)
@example([("", "", ""), ('"', '""', "\r"), ("\ufeff", "\0", "\u2028")], ",", (csv.QUOTE_MINIMAL, "\r\n"))
def test_what_csv_writer_wrote_is_read_back_in_order(
    rows: list[Fields], delimiter: str, style: tuple[int, str]
) -> None:
    quoting, terminator = style
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=terminator)  # type: ignore[arg-type]
    writer.writerows([("id", "text", "note"), *rows])
    dialect = Dialect(delimiter=delimiter, encoding="utf-8")
    assert read(stream.getvalue(), dialect) == (rows, [])


def plain(row: Fields) -> Fields:
    """A row without what one stray or missing quote can change within a field."""
    return tuple(field.replace('"', "") for field in row)


@FUZZ
@given(ROWS, st.booleans(), st.integers(0, 200), st.sampled_from(["delete", "insert"]))
@example([("1", "a\n2,b"), ("3", "c")], False, 10, "delete")
def test_no_row_is_made_of_pieces_of_others_when_one_quote_is_wrong(
    rows: list[Fields], quote_all: bool, place: int, change: str
) -> None:
    content = written(rows, quote_all=quote_all)
    begin = content.index("\n") + 1
    if change == "insert":
        place = begin + place % (len(content) - begin)
        content = content[:place] + '"' + content[place:]
    else:
        quotes = [i for i in range(begin, len(content)) if content[i] == '"']
        if not quotes:
            return
        place = quotes[place % len(quotes)]
        content = content[:place] + content[place + 1 :]
    found, problems = read(content)
    assert set(map(plain, found)) <= set(map(plain, rows)), content
    assert problems or len(found) == len(rows)


@FUZZ
@given(ROWS, st.integers(0, 200))
def test_a_file_that_breaks_off_gives_no_row_but_its_own(rows: list[Fields], size: int) -> None:
    content = written(rows)
    content = content[: max(len("id,text\n"), size % len(content))]
    found, problems = read(content)
    # The last one can be cut where nobody can know: within a field without quotes, or at a quote of two.
    assert found[:-1] == rows[: max(len(found) - 1, 0)]
    assert not found or rows[len(found) - 1][1].startswith(found[-1][1])
    assert len(problems) <= 1


PIECES = st.tuples(st.sampled_from(["a", '"b"', '"c d"', '"e, f"']), st.sampled_from([" ", ", ", "\n", ",\n"]))
PROSE = st.lists(PIECES, min_size=1, max_size=6).map(lambda pieces: "".join(map("".join, pieces)) + "g")


@FUZZ
@given(st.lists(PROSE, min_size=1, max_size=6))
def test_no_row_is_made_of_pieces_where_no_quote_is_doubled(texts: list[str]) -> None:
    content = "id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts, start=1))
    for identity, text in read(content)[0]:
        assert identity.isdecimal()
        assert plain((text,)) == plain((texts[int(identity) - 1],)), content
