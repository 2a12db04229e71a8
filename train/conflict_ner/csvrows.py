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

import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from conflict_ner.document import is_text
from conflict_ner.encodings import not_in_encoding, open_text
from conflict_ner.errors import Problem, excerpt
from conflict_ner.tables import PLAIN, Columns, Complain, Dialect, Row, distinct

# Without a limit a stray quote would make one field, in memory, of all the rest of a file.
LARGEST_FIELD = 64 * 1024 * 1024  # characters
DELIMITERS = {",": "a comma", ";": "';'", "\t": "a tab", "|": "'|'"}
_HELD = 100  # rows without a quoted field: that so many lines of one text look like rows is not to be expected
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)  # a first line that spreadsheet programs write
_DOUBLE_QUOTE = "double the quotes that stand in quoted fields"
_ESCAPED = 'where quotes are written \\", give --escape'


class _QuoteError(Exception):
    """A quote in a wrong place.

    lines: those read of the row, the last one that in which it was noticed.
    before: whether rows before this one may be pieces of the same field.
    hopeless: whether nothing after it can be read.
    """

    def __init__(
        self, what: str, lines: Sequence[str], fix: str, *, before: bool = False, hopeless: bool = False
    ) -> None:
        super().__init__(what)
        self.what, self.lines, self.fix, self.before, self.hopeless = what, lines, fix, before, hopeless


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A row. in_step: it has a properly quoted field after its first delimiter."""

    number: int  # of its first line
    lines: Sequence[str]
    fields: Sequence[str]
    in_step: bool

    @property
    def is_blank(self) -> bool:
        return len(self.lines) == 1 and not self.lines[0].strip("\r\n")

    @property
    def is_text(self) -> bool:
        return all(map(is_text, self.lines))


class _Lines:
    """Lines of a file, with the number of the last one read; lines can be given back."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.number = 0
        self.last = ""

    def read(self) -> str:
        """The next line with its end, at most `LARGEST_FIELD` characters of it; "" at the end of the file."""
        line = self._again.popleft() if self._again else self._stream.readline(LARGEST_FIELD + 1)
        if line:
            self.number += 1
            self.last = line
        return line

    def unread(self, lines: Sequence[str]) -> None:
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)


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
    lines = _Lines(text)
    try:
        table = _opened(lines, name, columns, complain, replace(dialect, encoding=encoding), usual)
        if table:
            yield from table.rows()
    finally:
        text.detach()  # it would close a stream that is not ours


def _opened(
    lines: _Lines, name: str, columns: Columns, complain: Complain, dialect: Dialect, usual: str
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


def _header(lines: _Lines, name: str, columns: Columns, dialect: Dialect) -> tuple[Sequence[str], Problem | None]:
    """The names of the columns with a delimiter, and what is wrong with them; the lines are given back."""
    assert dialect.delimiter
    where = f"{name}:{lines.number + 1}"
    try:
        row = _Parser(lines, dialect.delimiter, escape=dialect.escape).row()
    except _QuoteError as error:
        lines.unread(error.lines)
        return [], Problem(where, f"not CSV: {error.what}", error.fix)
    lines.unread(row.lines if row else [])
    header = [field.strip() for field in row.fields] if row else []
    return header, _header_problem(row, header, name, columns, dialect)


def _header_problem(
    row: _Parsed | None, header: Sequence[str], name: str, columns: Columns, dialect: Dialect
) -> Problem | None:
    assert dialect.encoding
    raw = "".join(row.lines).encode("utf-8", "surrogateescape") if row else b""
    if row and (not row.is_text or "\0" in raw.decode("utf-8", "ignore")[:1000]):
        if raw.startswith(b"PK\x03\x04"):
            return Problem(name, "a zip or a spreadsheet, not CSV", "save the sheet as CSV, or name the file .zip")
        if not row.is_text or raw[:1000].count(0) * 4 > len(raw[:1000]):
            return Problem(f"{name}:{row.number}", *not_in_encoding(raw, dialect.encoding))
    return columns.problem(header, name)


class _Table:
    """The rows below a header."""

    def __init__(self, lines: _Lines, name: str, header: Sequence[str], complain: Complain, dialect: Dialect) -> None:
        assert dialect.delimiter
        self._lines, self._name, self._complain = lines, name, complain
        self._dialect = dialect
        self._delimiter = dialect.delimiter
        self.width = len(header)
        self._fewest = max((i for i, column in enumerate(header, start=1) if column), default=self.width)
        self._names = distinct(header)
        several = header.count("") > 1
        self._unnamed = {name for name, column in zip(self._names, header, strict=True) if several and not column}
        self._held: deque[_Parsed] = deque()
        self._parser = _Parser(lines, self._delimiter, escape=dialect.escape)

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
            except _QuoteError as error:
                yield from self._out() if not error.before else ()
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

    def _named(self, row: _Parsed) -> Row:
        fields = dict(zip(self._names, row.fields, strict=False))
        return f"{self._name}:{row.number}", {
            key: value for key, value in fields.items() if value or key not in self._unnamed
        }

    def _fits(self, row: _Parsed) -> bool:
        """Whether a row has the header's fields; columns without a name at its end may be missing."""
        return self._fewest <= len(row.fields) <= self.width

    def _is_whole(self, row: _Parsed) -> bool:
        where = f"{self._name}:{row.number}"
        if not row.is_text:
            assert self._dialect.encoding
            raw = "".join(row.lines).encode("utf-8", "surrogateescape")
            self._complain(Problem(where, *not_in_encoding(raw, self._dialect.encoding)))
        elif not self._fits(row):
            fields = len(row.fields)
            said = f"{fields} field{'s' if fields != 1 else ''} where the header has {self.width}"
            self._complain(Problem(where, said, self._hint(row)))
        else:
            return True
        return False

    def _hint(self, row: _Parsed) -> str:
        delimiter = DELIMITERS.get(self._delimiter, excerpt(self._delimiter))
        if len(row.fields) > self.width:
            return f"put fields with {delimiter} in them in quotes"
        others = (other for other in DELIMITERS if other != self._delimiter)
        other = next((other for other in others if row.lines[0].count(other) == self.width - 1 > 0), None)
        if other:
            return f"the header is parted by {delimiter} and this row by {DELIMITERS[other]}: make them one"
        return "add what is missing; if it goes on with the text above, put the whole text in quotes"

    def _resume(self, error: _QuoteError, begin: int) -> bool:
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
            except _QuoteError as error:
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


class _Parser:
    """Parts lines into rows and fields, and knows when it cannot.

    spaced: whether a quoted field may begin after blanks, as in a file whose header is `id, text`.
    """

    def __init__(self, lines: _Lines, delimiter: str, *, escape: bool, spaced: bool = False) -> None:
        self._lines, self._delimiter, self._escape, self.spaced = lines, delimiter, escape, spaced
        self._quote = re.compile(r'\\[\\"\r\n]|"' if escape else '"')

    def row(self, most: int | None = None) -> _Parsed | None:
        """The next row, None at the end of the file.

        Args:
            most: how many lines it may have.

        Raises:
            _QuoteError: if a quote makes it uncertain where the row ends.
        """
        line = self._lines.read()
        if not line:
            return None
        read, number = [line], self._lines.number
        if len(line) > LARGEST_FIELD:
            raise _QuoteError(f"a line of more than {LARGEST_FIELD:,} characters", read, _DOUBLE_QUOTE, hopeless=True)
        if '"' not in line and not self._escape:
            return _Parsed(number, read, line.rstrip("\r\n").split(self._delimiter), in_step=False)
        fields: list[str] = []
        in_step = False
        at = 0
        while True:
            start = at
            while self.spaced and line[start : start + 1] == " ":
                start += 1
            if line[start : start + 1] == '"':
                in_step = in_step or (start == at and bool(fields))
                field, at = self._quoted(read, start + 1, most)
                line = read[-1]
            else:
                field, at = self._unquoted(read, at)
            fields.append(field)
            if not line.startswith(self._delimiter, at):
                return _Parsed(number, read, fields, in_step)
            at += 1

    def _unquoted(self, read: Sequence[str], at: int) -> tuple[str, int]:
        line = read[-1]
        end = line.find(self._delimiter, at)
        end = len(line.rstrip("\r\n")) if end < 0 else end
        field = line[at:end]
        trimmed = field.strip(" ")
        if '""' in field or (field.count('"') % 2 == 1 and '"' in (trimmed[:1], trimmed[-1:])):
            what = f"a quote without a partner in {excerpt(field)} on line {self._lines.number}"
            raise _QuoteError(what, read, 'put the whole field in quotes, and double those in it ("")', before=True)
        if self._escape and field.endswith("\\"):
            what = f"a backslash at the end of {excerpt(field)} on line {self._lines.number}, in a field without quotes"
            raise _QuoteError(what, read, "put the whole field in quotes", before=True)
        return field, end

    def _quoted(self, read: list[str], at: int, most: int | None) -> tuple[str, int]:
        """A quoted field and where it ends, further lines read as it needs them."""
        opened, first = self._lines.number, at == 1 and len(read) == 1
        parts: list[str] = []
        size = 0
        while True:
            line = read[-1]
            found = self._quote.search(line, at)
            if not found:
                parts.append(line[at:])
                size += len(line)
                self._next(read, opened, size, most)
                at = 0
                continue
            parts.append(line[at : found.start()])
            at = found.end()
            if len(found[0]) > 1:  # escaped; \r may be followed by \n, which then stands by itself
                parts.append(found[0][1:])
                if at == len(line):
                    self._next(read, opened, size, most)
                    at = 0
            elif line.startswith('"', at):
                parts.append('"')
                at += 1
            else:
                break
        rest = line[at:]
        if rest.strip("\r\n") and not rest.startswith(self._delimiter):
            escaped = line[: at - 1].endswith("\\") and not self._escape
            what = f"the quote that closes a field is followed by {excerpt(rest[0])} on line {self._lines.number}"
            # A line of a text can begin with a doubled quote; an unquoted row of ours hardly does.
            before = first and line.startswith('""') and at == len('""')
            raise _QuoteError(what, read, _ESCAPED if escaped else _DOUBLE_QUOTE, before=before)
        return "".join(parts), at

    def _next(self, read: list[str], opened: int, size: int, most: int | None) -> None:
        line = self._lines.read() if size <= LARGEST_FIELD else ""
        if line and (most is None or len(read) < most):
            read.append(line)
            return
        if line:
            read.append(line)
        what = f"the quote that opens on line {opened} is never closed"
        fix = f"close it, or {_DOUBLE_QUOTE}"
        if size > LARGEST_FIELD:
            what = f"the quote that opens on line {opened} is not closed within {LARGEST_FIELD:,} characters"
        elif not line:
            swallowed = self._lines.number - opened
            what += f" and takes in {swallowed} line{'s' if swallowed != 1 else ''} after it"
        if '\\"' in "".join(read[:2]) and not self._escape:
            fix = _ESCAPED
        raise _QuoteError(what, read, fix, hopeless=size > LARGEST_FIELD)
