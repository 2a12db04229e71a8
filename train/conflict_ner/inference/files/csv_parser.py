r"""Parses lines of CSV into rows and fields, and refuses quotes that make it uncertain where a row ends.

A field is quoted if it begins with a quote. Quotes within it are doubled, or with `escape` written `\"`, and the
closing quote stands before a delimiter or the end of a line. A field that is not quoted may hold quotes
(`a 6" gun`), but no unpaired quote that looks like the beginning or the end of a quoted field.

>>> from io import StringIO
>>> Parser(Lines(StringIO('7,"Goma\nfell",a 6" gun')), ",").row().fields
['7', 'Goma\nfell', 'a 6" gun']
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from conflict_ner.data.document import is_encodable
from conflict_ner.errors import excerpt

# Without a limit a stray quote would read all the rest of a file into one field in memory.
LARGEST_FIELD = 64 * 1024 * 1024  # characters
DOUBLE_QUOTE = "double the quotes that stand in quoted fields"
_ESCAPED = 'if quotes are written \\", give --escape; else double those that stand in quoted fields'


class QuoteError(Exception):
    """A misplaced quote.

    lines: the lines of the row that were read; the last one is where the error was noticed.
    taints_previous: whether rows before this one may be pieces of the same field.
    is_pair: whether the field begins with two quotes, which may also be a doubled quote within a text.
    is_fatal: whether nothing after it can be read.
    """

    def __init__(
        self,
        what: str,
        lines: Sequence[str],
        fix: str,
        *,
        taints_previous: bool = False,
        is_pair: bool = False,
        is_fatal: bool = False,
    ) -> None:
        super().__init__(what)
        self.what, self.lines, self.fix = what, lines, fix
        self.taints_previous, self.is_pair, self.is_fatal = taints_previous, is_pair, is_fatal


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row.

    number: of its first line in the file, from 1.
    is_anchor: whether it has a quoted field after its first delimiter whose opening quote cannot be a closing
        one, so that the row certainly begins where it was parsed to begin.
    is_ambiguous: whether it has a field whose opening quote may as well be the closing quote of a text.
    """

    number: int
    lines: Sequence[str]
    fields: Sequence[str]
    is_anchor: bool
    is_ambiguous: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether its line is empty."""
        return len(self.lines) == 1 and not self.lines[0].strip("\r\n")

    @property
    def is_text(self) -> bool:
        """Whether all of its bytes could be decoded."""
        return all(map(is_encodable, self.lines))


class Lines:
    """Lines of a file that can be unread.

    number: of the last line read, from 1.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unread: deque[str] = deque()
        self.number = 0
        self.last = ""

    def read(self) -> str:
        """Return the next line with its end, cut after `LARGEST_FIELD` + 1 characters; "" at the end of the file."""
        line = self._unread.popleft() if self._unread else self._stream.readline(LARGEST_FIELD + 1)
        if line:
            self.number += 1
            self.last = line
        return line

    def unread(self, lines: Sequence[str]) -> None:
        """Push the last lines read back, so that they are read again."""
        self._unread.extendleft(reversed(lines))
        self.number -= len(lines)


class Parser:
    r"""Parses lines into rows and fields.

    escape: whether quotes in quoted fields are written `\"`.
    spaced: whether a quoted field may begin after spaces, as in a file whose header is `id, text`.
    """

    def __init__(self, lines: Lines, delimiter: str, *, escape: bool = False, spaced: bool = False) -> None:
        self._lines, self._delimiter, self._escape, self.spaced = lines, delimiter, escape, spaced
        self._quote = re.compile(r'\\[\\"\r\n]|"' if escape else '"')

    def row(self, max_lines: int | None = None) -> Parsed | None:
        """Return the next row; None at the end of the file.

        Args:
            max_lines: the largest number of lines that it may have.

        Raises:
            QuoteError: if a quote makes it uncertain where the row ends.
        """
        line = self._lines.read()
        if not line:
            return None
        read, number = [line], self._lines.number
        if len(line) > LARGEST_FIELD:
            raise QuoteError(f"a line of more than {LARGEST_FIELD:,} characters", read, DOUBLE_QUOTE, is_fatal=True)
        if '"' not in line and not self._escape:
            return Parsed(number, read, line.rstrip("\r\n").split(self._delimiter), is_anchor=False)
        fields: list[str] = []
        is_anchor = is_ambiguous = False
        at = 0
        while True:
            start = at
            while self.spaced and line[start : start + 1] == " ":
                start += 1
            if line[start : start + 1] == '"':
                opens = line[start + 1 : start + 2] not in ("", "\r", "\n", '"', self._delimiter)
                is_anchor = is_anchor or (opens and start == at and bool(fields))
                is_ambiguous = is_ambiguous or (not opens and line[start + 1 : start + 2] != '"')
                field, at = self._quoted(read, start + 1, max_lines)
                line = read[-1]
            else:
                field, at = self._unquoted(read, at)
            fields.append(field)
            if not line.startswith(self._delimiter, at):
                return Parsed(number, read, fields, is_anchor, is_ambiguous)
            at += 1

    def _unquoted(self, read: Sequence[str], at: int) -> tuple[str, int]:
        """Return the unquoted field that begins at a place in the last line read, and where it ends."""
        line = read[-1]
        end = line.find(self._delimiter, at)
        end = len(line.rstrip("\r\n")) if end < 0 else end
        field = line[at:end]
        trimmed = field.strip(" ")
        if '""' in field or (field.count('"') % 2 == 1 and '"' in (trimmed[:1], trimmed[-1:])):
            what = f"a quote without a partner in {excerpt(field)} on line {self._lines.number}"
            fix = 'put the whole field in quotes, and double those in it ("")'
            raise QuoteError(what, read, fix, taints_previous=True)
        if self._escape and field.endswith("\\"):
            what = f"a backslash at the end of {excerpt(field)} on line {self._lines.number}, in a field without quotes"
            raise QuoteError(what, read, "put the whole field in quotes", taints_previous=True)
        return field, end

    def _quoted(self, read: list[str], at: int, max_lines: int | None) -> tuple[str, int]:
        """Return the quoted field whose text begins at a place in the last line read, and where it ends.

        Further lines are read and appended to `read` as they are needed.
        """
        first_line, following = self._lines.number, read[-1][at : at + 1]
        # Before these characters the opening quote may be the closing quote of a text that began earlier.
        closes, is_pair = following in ("", "\r", "\n", self._delimiter), following == '"'
        parts: list[str] = []
        size = 0
        while True:
            line = read[-1]
            found = self._quote.search(line, at)
            if not found:
                parts.append(line[at:])
                size += len(line)
                self._read_next(read, first_line, size, max_lines, taints_previous=closes, is_pair=is_pair)
                at = 0
                continue
            parts.append(line[at : found.start()])
            at = found.end()
            if len(found[0]) > 1:  # an escaped character; an escaped \r leaves the \n after it
                parts.append(found[0][1:])
                if at == len(line):
                    self._read_next(read, first_line, size, max_lines, taints_previous=closes, is_pair=is_pair)
                    at = 0
            elif line.startswith('"', at):
                parts.append('"')
                at += 1
            else:
                break
        rest = line[at:]
        if rest.strip("\r\n") and not rest.startswith(self._delimiter):
            is_escaped = line[: at - 1].endswith("\\") and not self._escape
            what = f"the quote that closes a field is followed by {excerpt(rest[0])} on line {self._lines.number}"
            fix = _ESCAPED if is_escaped else DOUBLE_QUOTE
            raise QuoteError(what, read, fix, taints_previous=closes, is_pair=is_pair, is_fatal=is_escaped)
        return "".join(parts), at

    def _read_next(
        self,
        read: list[str],
        first_line: int,
        size: int,
        max_lines: int | None,
        *,
        taints_previous: bool,
        is_pair: bool,
    ) -> None:
        """Read the next line of a quoted field, unless the field is too large or has too many lines.

        Args:
            first_line: the number of the line on which the field's quote opens.
            size: characters of the field that have been read.
        """
        line = self._lines.read() if size <= LARGEST_FIELD else ""
        has_room = max_lines is None or len(read) < max_lines
        if line:
            read.append(line)
            if has_room:
                return
        what = f"the quote that opens on line {first_line} is never closed"
        fix = f"close it, or {DOUBLE_QUOTE}"
        if size > LARGEST_FIELD:
            what = f"the quote that opens on line {first_line} is not closed within {LARGEST_FIELD:,} characters"
        elif not line:
            count = self._lines.number - first_line
            what += f" and takes in {count} line{'s' if count != 1 else ''} after it"
        is_escaped = '\\"' in "".join(read[:2]) and not self._escape
        is_fatal = is_escaped or size > LARGEST_FIELD
        fix = _ESCAPED if is_escaped else fix
        raise QuoteError(what, read, fix, taints_previous=taints_previous, is_pair=is_pair, is_fatal=is_fatal)
