r"""Rows of CSV files (RFC 4180), none of them made of the pieces of another.

A row comes with the line on which it begins; a quoted field may have several lines. A row of another number of
fields than the header, or of bytes that are not in the file's encoding, is a problem with its line, and the rows
after it are read.

A quote in a wrong place is more: from there on it is unknown whether a line begins a row or lies within a quoted
text, and a line of a text can look just like a row. So

- rows are given out only when a later row with a properly quoted field shows that the quotes are in step,
  or after `_HELD` further rows, or at the end of the file;
- after a wrong quote nothing is given out until the broken row can have ended and a row with a properly quoted
  field (`,"..."`) follows: see `_Table._resume`. The lines left out are a problem that names them as a range.

>>> from io import BytesIO
>>> problems = []
>>> broken = b'id,text\n6,Goma\n7,"They said "we fled" when\nrebels came, killing 3"\n8,"Beni fell"\n'
>>> list(csv_rows(BytesIO(broken), "r.csv", Columns(), problems.append))
[('r.csv:2', {'id': '6', 'text': 'Goma'}), ('r.csv:5', {'id': '8', 'text': 'Beni fell'})]
>>> print(problems[0])  # doctest: +NORMALIZE_WHITESPACE
r.csv:3: not CSV: the quote that closes a field is followed by 'w' on line 3; lines 3 to 4 are left out;
double the quotes that stand in quoted fields
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO

from conflict_ner.data.formats.encodings import describe_decoding_error, open_text
from conflict_ner.errors import Problem, excerpt
from conflict_ner.inference.files.csv_parser import DOUBLE_QUOTE, Lines, Parsed, Parser, QuoteError
from conflict_ner.inference.files.table_readers import PLAIN, Columns, Complain, Dialect, Row, distinct

DELIMITERS = {",": "a comma", ";": "';'", "\t": "a tab", "|": "'|'"}
_HELD = 100  # rows without a quoted field: that so many lines of one text look like rows is not to be expected
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)  # a first line that spreadsheet programs write


def csv_rows(
    stream: IO[bytes],
    name: str,
    columns: Columns,
    complain: Complain,
    dialect: Dialect = PLAIN,
    usual: str = ",",
) -> Iterator[Row]:
    """The rows of a CSV file with a header; all values are strings. Blank lines are passed over.

    Args:
        dialect: what the user says of the file.
        usual: the delimiter if the user gives none and the header has the columns asked for with it; otherwise it
            is another with which it has them, and a note says so.
    """
    text, encoding = open_text(stream, dialect.encoding)
    lines = Lines(text)
    try:
        table = _opened(lines, name, columns, complain, replace(dialect, encoding=encoding), usual)
        if table:
            yield from table.rows()
    finally:
        text.detach()  # it would close a stream that is not ours


def _opened(
    lines: Lines, name: str, columns: Columns, complain: Complain, dialect: Dialect, usual: str
) -> _Table | None:
    """The table below a header; None, and a problem, if it has not the columns asked for."""
    first = lines.read().removeprefix("\ufeff")
    separator = _SEPARATOR.fullmatch(first)
    if separator:
        dialect = replace(dialect, delimiter=dialect.delimiter or separator[1])
    elif first:
        lines.unread([first])
    choices = [dialect.delimiter] if dialect.delimiter else list(dict.fromkeys((usual, *DELIMITERS)))
    tried: dict[str, tuple[_Table, Problem | None]] = {}
    for delimiter in choices:
        header, problem = _header(lines, name, columns, replace(dialect, delimiter=delimiter))
        tried[delimiter] = _Table(lines, name, header, complain, replace(dialect, delimiter=delimiter)), problem
    fitting = [delimiter for delimiter in choices if tried[delimiter][1] is None]
    delimiter = fitting[0] if fitting else max(choices, key=lambda choice: tried[choice][0].width)
    table, problem = tried[delimiter]
    if problem:
        if delimiter != choices[0]:
            problem = replace(problem, what=f"the delimiter is {DELIMITERS[delimiter]}, and there is {problem.what}")
        complain(problem)
        return None
    if delimiter != choices[0]:
        complain(Problem(name, f"read with {DELIMITERS[delimiter]} as delimiter, as its header has it", note=True))
    table.skip_header()
    return table


def _header(lines: Lines, name: str, columns: Columns, dialect: Dialect) -> tuple[Sequence[str], Problem | None]:
    """The names of the columns with a delimiter, and what is wrong with them; the lines are given back."""
    assert dialect.delimiter
    where = f"{name}:{lines.number + 1}"
    try:
        row = Parser(lines, dialect.delimiter, escape=dialect.escape).row()
    except QuoteError as error:
        lines.unread(error.lines)
        return [], Problem(where, f"not CSV: {error.what}", error.fix)
    lines.unread(row.lines if row else [])
    header = [field.strip() for field in row.fields] if row else []
    return header, _header_problem(row, header, name, columns, dialect)


def _header_problem(
    row: Parsed | None, header: Sequence[str], name: str, columns: Columns, dialect: Dialect
) -> Problem | None:
    assert dialect.encoding
    raw = "".join(row.lines).encode("utf-8", "surrogateescape") if row else b""
    if row and (not row.is_text or "\0" in raw.decode("utf-8", "ignore")[:1000]):
        if raw.startswith(b"PK\x03\x04"):
            return Problem(name, "a zip or a spreadsheet, not CSV", "save the sheet as CSV, or name the file .zip")
        if not row.is_text or raw[:1000].count(0) * 4 > len(raw[:1000]):
            return Problem(f"{name}:{row.number}", *describe_decoding_error(raw, dialect.encoding))
    return columns.problem(header, name)


class _Table:
    """The rows below a header."""

    def __init__(self, lines: Lines, name: str, header: Sequence[str], complain: Complain, dialect: Dialect) -> None:
        assert dialect.delimiter
        self._lines, self._name, self._complain = lines, name, complain
        self._dialect = dialect
        self._delimiter = dialect.delimiter
        self.width = len(header)
        self._fewest = max((i for i, column in enumerate(header, start=1) if column), default=self.width)
        self._names = distinct(header)
        several = header.count("") > 1
        self._unnamed = {name for name, column in zip(self._names, header, strict=True) if several and not column}
        self._held: deque[Parsed] = deque()
        self._parser = Parser(lines, self._delimiter, escape=dialect.escape)

    def skip_header(self) -> None:
        """Pass over the header, which was read; see whether a blank stands after each of its delimiters."""
        row = self._parser.row()
        if row and self.width > 1:
            after = "".join(row.lines).split(self._delimiter)[1:]
            self._parser.spaced = self._delimiter != "\t" and all(field[:1] == " " for field in after if field.strip())

    def rows(self) -> Iterator[Row]:
        """The rows in order, each given out when it is certain."""
        while True:
            begin = self._lines.number + 1
            try:
                row = self._parser.row()
                if row and row.doubtful and not self._fits(row):
                    what = f"a quote on line {begin} may begin a field or end one"
                    raise QuoteError(what, row.lines, DOUBLE_QUOTE, before=True)
            except QuoteError as error:
                if not self._casts_doubt(error):
                    yield from self._out()
                if not self._resume(error, begin):
                    return
                continue
            if row is None:
                break
            if row.is_blank or not self._is_whole(row):
                continue
            if row.in_step:
                yield from self._out()
            self._held.append(row)
            if len(self._held) > _HELD:
                yield self._named(self._held.popleft())
        yield from self._out()

    def _out(self) -> Iterator[Row]:
        yield from map(self._named, self._held)
        self._held.clear()

    def _casts_doubt(self, error: QuoteError) -> bool:
        """Whether the rows held may be pieces of a text in which the wrong quote stands.

        Two quotes at the begin of a field can be one of a text whose own first quote is missing. They hardly are if
        what stands first on the line looks like the ids of the rows held: digits where those have digits.
        """
        if not error.pair or not self._held:
            return error.before
        lines = [error.lines[0], *(row.lines[0] for row in self._held)]
        firsts = {re.sub(r"\d+", "0", re.sub(r"[^\W\d]+", "a", line.split(self._delimiter)[0])) for line in lines}
        return len(firsts) > 1 or error.lines[0].startswith('""')

    def _named(self, row: Parsed) -> Row:
        fields = dict(zip(self._names, row.fields, strict=False))
        return f"{self._name}:{row.number}", {
            key: value for key, value in fields.items() if value or key not in self._unnamed
        }

    def _fits(self, row: Parsed) -> bool:
        """Whether a row has the header's fields; columns without a name at its end may be missing."""
        return self._fewest <= len(row.fields) <= self.width

    def _is_whole(self, row: Parsed) -> bool:
        where = f"{self._name}:{row.number}"
        if not row.is_text:
            assert self._dialect.encoding
            raw = "".join(row.lines).encode("utf-8", "surrogateescape")
            self._complain(Problem(where, *describe_decoding_error(raw, self._dialect.encoding)))
        elif not self._fits(row):
            fields = len(row.fields)
            said = f"{fields} field{'s' if fields != 1 else ''} where the header has {self.width}"
            self._complain(Problem(where, said, self._hint(row)))
        else:
            return True
        return False

    def _hint(self, row: Parsed) -> str:
        delimiter = DELIMITERS.get(self._delimiter, excerpt(self._delimiter))
        if len(row.fields) > self.width:
            return f"put fields with {delimiter} in them in quotes"
        others = (other for other in DELIMITERS if other != self._delimiter)
        other = next((other for other in others if row.lines[0].count(other) == self.width - 1 > 0), None)
        if other:
            return f"the header is parted by {delimiter} and this row by {DELIMITERS[other]}: make them one"
        return "add what is missing; if it goes on with the text above, put the whole text in quotes"

    def _resume(self, error: QuoteError, begin: int) -> bool:
        """Find where a row certainly begins after a wrong quote, and say which lines are left out.

        First the broken row must have had a chance to end: a quote before a delimiter or an end of line, and as many
        fields as the header. Then come rows without quotes up to one that is in step: neither can be
        the end of a quoted text, which has a quote with no partner. Or such rows up to the file's end.
        """
        first = self._held[0].number if self._held else begin
        self._held.clear()
        end = None
        if not error.hopeless and self.width > 1:
            self._lines.unread(error.lines)
            if self._skip_broken_row():
                end = self._find_rows()
        if end is None:
            while not error.hopeless and self._lines.read():
                pass
        last = end or self._lines.number
        left = f"line {first} is left out" if first == last else f"lines {first} to {last} are left out"
        if error.hopeless:
            left = f"nothing from line {first} to the end of the file is read"
        elif end is None:
            left += ", up to the end of the file, as it is not certain where a row begins again"
        self._complain(Problem(f"{self._name}:{first}", f"not CSV: {error.what}; {left}", error.fix))
        return end is not None

    def _skip_broken_row(self) -> bool:
        """Read up to the first line with which a row whose quotes are wrong can have ended."""
        inside, fields = False, 0
        while line := self._lines.read():
            at: int | None = 0
            ended = False
            while at is not None:
                at, ended = self._after_field(line, at, inside=inside)
                inside = False
                fields += ended or at is not None
            if ended and fields >= self.width:
                return True
            inside = True
        return False

    def _after_field(self, line: str, at: int, *, inside: bool) -> tuple[int | None, bool]:
        """Where the next field of a line begins, if one does; and whether this one ends with the line.

        Quotes that stand before neither a delimiter nor the end of the line belong to the field.
        """
        end = len(line.rstrip("\r\n"))
        while not inside and line[at : at + 1] == " ":
            at += 1
        if not inside and line[at : at + 1] != '"':
            found = line.find(self._delimiter, at, end)
            return (None, True) if found < 0 else (found + 1, False)
        for run in re.compile('"+').finditer(line, at if inside else at + 1, end):
            if len(run[0]) % 2 == 1 and run.end() == end:
                return None, True
            if len(run[0]) % 2 == 1 and line.startswith(self._delimiter, run.end()):
                return run.end() + 1, False
        return None, False

    def _find_rows(self) -> int | None:
        """Go on to rows that are certain and hold them; the last line before them, None if there are none."""
        passed = False
        while True:
            try:
                row = self._parser.row(most=_HELD)
            except QuoteError as error:
                row, again = None, error.lines
            else:
                if row is None:
                    # The quote that would end the broken field was not found up to the end of the file.
                    certain = self._held and not passed and self._lines.last.endswith(("\n", "\r"))
                    return self._held[0].number - 1 if certain else None
                again = row.lines
            if row and self._fits(row) and row.is_text and (row.in_step or '"' not in row.lines[0]):
                self._held.append(row)
                if row.in_step or len(self._held) > _HELD:
                    return self._held[0].number - 1
                continue
            self._lines.unread(again[1:])
            self._held.clear()
            passed = True
