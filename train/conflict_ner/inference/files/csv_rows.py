r"""Reads the rows of CSV files (RFC 4180) and never returns a row that is made of pieces of another one.

A row comes with the number of the line on which it begins; a quoted field may have several lines. A row that has
more or fewer fields than the header, or bytes that are not in the file's encoding, is reported as a problem with
its line, and the rows after it are read.

A misplaced quote does more harm: after it, it is unknown whether a line begins a row or lies within a quoted
text, and a line of a text can look exactly like a row. Therefore

- rows are pending, and returned only when a later row with a properly quoted field confirms them, or after
  `_MAX_PENDING` further rows, or at the end of the file;
- after a misplaced quote no row is returned until the broken row can have ended and a row with a properly quoted
  field (`,"..."`) follows: see `_Table._resume`. The lines left out are reported as one problem with their range.

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

from conflict_ner.data.text_files.encodings import describe_decoding_error, open_text
from conflict_ner.errors import Problem, excerpt
from conflict_ner.inference.files.csv_parser import DOUBLE_QUOTE, Lines, Parsed, Parser, QuoteError
from conflict_ner.inference.files.table_readers import DEFAULT_DIALECT, Columns, Complain, Dialect, Row, distinct

DELIMITERS = {",": "a comma", ";": "';'", "\t": "a tab", "|": "'|'"}
_MAX_PENDING = 100  # rows without a quoted field: so many lines of one text will hardly all look like rows
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)  # a first line that spreadsheet programs write


def csv_rows(
    stream: IO[bytes],
    name: str,
    columns: Columns,
    complain: Complain,
    dialect: Dialect = DEFAULT_DIALECT,
    default_delimiter: str = ",",
) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header; all values are strings. Blank lines are skipped.

    Args:
        complain: called with each problem.
        dialect: the delimiter, encoding and escaping that the user specified.
        default_delimiter: tried first if the user specified none. If the header does not have the required
            columns with it, the first other delimiter with which it has them is taken, and reported in a note.
    """
    text, encoding = open_text(stream, dialect.encoding)
    lines = Lines(text)
    try:
        table = _open_table(lines, name, columns, complain, replace(dialect, encoding=encoding), default_delimiter)
        if table:
            yield from table.rows()
    finally:
        text.detach()  # otherwise it would close a stream that is not ours


def _open_table(
    lines: Lines, name: str, columns: Columns, complain: Complain, dialect: Dialect, default_delimiter: str
) -> _Table | None:
    """Read the header and return the table below it; report a problem and return None if it lacks the columns."""
    first = lines.read().removeprefix("\ufeff")
    separator = _SEPARATOR.fullmatch(first)
    if separator:
        dialect = replace(dialect, delimiter=dialect.delimiter or separator[1])
    elif first:
        lines.unread([first])
    choices = [dialect.delimiter] if dialect.delimiter else list(dict.fromkeys((default_delimiter, *DELIMITERS)))
    candidates: dict[str, tuple[_Table, Problem | None]] = {}
    for delimiter in choices:
        header, problem = _read_header(lines, name, columns, replace(dialect, delimiter=delimiter))
        candidates[delimiter] = _Table(lines, name, header, complain, replace(dialect, delimiter=delimiter)), problem
    suitable = [delimiter for delimiter in choices if candidates[delimiter][1] is None]
    delimiter = suitable[0] if suitable else max(choices, key=lambda choice: candidates[choice][0].width)
    table, problem = candidates[delimiter]
    if problem:
        if delimiter != choices[0]:
            problem = replace(problem, what=f"the delimiter is {DELIMITERS[delimiter]}, and there is {problem.what}")
        complain(problem)
        return None
    if delimiter != choices[0]:
        complain(Problem(name, f"fields are separated by {DELIMITERS[delimiter]}", note=True))
    table.skip_header()
    return table


def _read_header(lines: Lines, name: str, columns: Columns, dialect: Dialect) -> tuple[Sequence[str], Problem | None]:
    """Return the names of the columns with a delimiter, and their problem, if any; the lines are unread."""
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
            fix = "give the file the ending that it should have: .xlsx, .ods or .zip"
            return Problem(name, "a zip or a spreadsheet, not CSV", fix)
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
        self._min_width = max((i for i, column in enumerate(header, start=1) if column), default=self.width)
        self._names = distinct(header)
        several = header.count("") > 1
        self._unnamed = {name for name, column in zip(self._names, header, strict=True) if several and not column}
        self._pending: deque[Parsed] = deque()
        self._parser = Parser(lines, self._delimiter, escape=dialect.escape)

    def skip_header(self) -> None:
        """Skip the header, which has been read; if a space follows each delimiter, fields may begin after one."""
        row = self._parser.row()
        if row and self.width > 1:
            after = "".join(row.lines).split(self._delimiter)[1:]
            self._parser.spaced = self._delimiter != "\t" and all(field[:1] == " " for field in after if field.strip())

    def rows(self) -> Iterator[Row]:
        """Yield the rows in order, each as soon as it is certain."""
        while True:
            begin = self._lines.number + 1
            try:
                row = self._parser.row()
                if row and row.is_ambiguous and not self._has_all_fields(row):
                    what = f"a quote on line {begin} may begin a field or end one"
                    raise QuoteError(what, row.lines, DOUBLE_QUOTE, taints_previous=True)
            except QuoteError as error:
                if not self._taints_pending(error):
                    yield from self._release()
                if not self._resume(error, begin):
                    return
                continue
            if row is None:
                break
            if row.is_blank or not self._is_valid(row):
                continue
            if row.is_anchor:
                yield from self._release()
            self._pending.append(row)
            if len(self._pending) > _MAX_PENDING:
                yield self._with_names(self._pending.popleft())
        yield from self._release()

    def _release(self) -> Iterator[Row]:
        yield from map(self._with_names, self._pending)
        self._pending.clear()

    def _taints_pending(self, error: QuoteError) -> bool:
        """Return whether the pending rows may be pieces of the text with the misplaced quote.

        Two quotes at the beginning of a field can be a doubled quote of a text whose opening quote is missing. That
        is unlikely if the first field of the line has the shape of the first fields of the pending rows, usually
        their ids: digits where they have digits, letters where they have letters.
        """
        if not error.is_pair or not self._pending:
            return error.taints_previous
        lines = [error.lines[0], *(row.lines[0] for row in self._pending)]
        shapes = {re.sub(r"\d+", "0", re.sub(r"[^\W\d]+", "a", line.split(self._delimiter)[0])) for line in lines}
        return len(shapes) > 1 or error.lines[0].startswith('""')

    def _with_names(self, row: Parsed) -> Row:
        fields = dict(zip(self._names, row.fields, strict=False))
        return f"{self._name}:{row.number}", {
            key: value for key, value in fields.items() if value or key not in self._unnamed
        }

    def _has_all_fields(self, row: Parsed) -> bool:
        """Return whether a row has the header's fields; unnamed columns at its end may be missing."""
        return self._min_width <= len(row.fields) <= self.width

    def _is_valid(self, row: Parsed) -> bool:
        """Return whether a row was decoded and has the header's fields; report a problem if not."""
        where = f"{self._name}:{row.number}"
        if not row.is_text:
            assert self._dialect.encoding
            raw = "".join(row.lines).encode("utf-8", "surrogateescape")
            self._complain(Problem(where, *describe_decoding_error(raw, self._dialect.encoding)))
        elif not self._has_all_fields(row):
            fields = len(row.fields)
            what = f"{fields} field{'s' if fields != 1 else ''} where the header has {self.width}"
            self._complain(Problem(where, what, self._suggest_fix(row)))
        else:
            return True
        return False

    def _suggest_fix(self, row: Parsed) -> str:
        delimiter = DELIMITERS.get(self._delimiter, excerpt(self._delimiter))
        if len(row.fields) > self.width:
            return f"put fields with {delimiter} in them in quotes"
        others = (other for other in DELIMITERS if other != self._delimiter)
        other = next((other for other in others if row.lines[0].count(other) == self.width - 1 > 0), None)
        if other:
            return f"the header is parted by {delimiter} and this row by {DELIMITERS[other]}: make them one"
        return "add what is missing; if it goes on with the text above, put the whole text in quotes"

    def _resume(self, error: QuoteError, begin: int) -> bool:
        """Find the next line on which a row certainly begins after a misplaced quote; report the lines left out.

        First the broken row must have had a chance to end: a quote before a delimiter or an end of line, and as many
        fields as the header. Then follow rows without quotes and an anchor (or the end of the file): none of them
        can be the end of a quoted text, which would have an unpaired quote.

        Returns:
            Whether rows can be read on.
        """
        first = self._pending[0].number if self._pending else begin
        self._pending.clear()
        end = None
        if not error.is_fatal and self.width > 1:
            self._lines.unread(error.lines)
            if self._skip_broken_row():
                end = self._find_rows()
        if end is None:
            while not error.is_fatal and self._lines.read():
                pass
        last = end or self._lines.number
        loss = f"line {first} is left out" if first == last else f"lines {first} to {last} are left out"
        if error.is_fatal:
            loss = f"nothing from line {first} to the end of the file is read"
        elif end is None:
            loss += ", up to the end of the file, as it is not certain where a row begins again"
        self._complain(Problem(f"{self._name}:{first}", f"not CSV: {error.what}; {loss}", error.fix))
        return end is not None

    def _skip_broken_row(self) -> bool:
        """Read up to the first line on which a row with a misplaced quote can end; return whether there is one."""
        is_inside, fields = False, 0
        while line := self._lines.read():
            at: int | None = 0
            ends_with_line = False
            while at is not None:
                at, ends_with_line = self._end_of_field(line, at, is_inside=is_inside)
                is_inside = False
                fields += ends_with_line or at is not None
            if ends_with_line and fields >= self.width:
                return True
            is_inside = True
        return False

    def _end_of_field(self, line: str, at: int, *, is_inside: bool) -> tuple[int | None, bool]:
        """Return where the next field of a line begins (None: there is none) and whether this one ends with the line.

        Quotes that stand before neither a delimiter nor the end of the line belong to the field.

        Args:
            is_inside: whether the line begins inside a quoted field.
        """
        end = len(line.rstrip("\r\n"))
        while not is_inside and line[at : at + 1] == " ":
            at += 1
        if not is_inside and line[at : at + 1] != '"':
            delimiter = line.find(self._delimiter, at, end)
            return (None, True) if delimiter < 0 else (delimiter + 1, False)
        for run in re.compile('"+').finditer(line, at if is_inside else at + 1, end):
            if len(run[0]) % 2 == 1 and run.end() == end:
                return None, True
            if len(run[0]) % 2 == 1 and line.startswith(self._delimiter, run.end()):
                return run.end() + 1, False
        return None, False

    def _find_rows(self) -> int | None:
        """Read on to rows that are certain, which become pending.

        Returns:
            The number of the last line before them; None if there are none.
        """
        has_skipped = False
        while True:
            try:
                row = self._parser.row(max_lines=_MAX_PENDING)
            except QuoteError as error:
                row, lines = None, error.lines
            else:
                if row is None:
                    # The quote that would end the broken field was not found up to the end of the file.
                    is_certain = self._pending and not has_skipped and self._lines.last.endswith(("\n", "\r"))
                    return self._pending[0].number - 1 if is_certain else None
                lines = row.lines
            if row and self._has_all_fields(row) and row.is_text and (row.is_anchor or '"' not in row.lines[0]):
                self._pending.append(row)
                if row.is_anchor or len(self._pending) > _MAX_PENDING:
                    return self._pending[0].number - 1
                continue
            self._lines.unread(lines[1:])
            self._pending.clear()
            has_skipped = True
