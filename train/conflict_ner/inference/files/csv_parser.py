r"""Parts lines of CSV into rows and fields, and knows when a quote makes it uncertain where a row ends.

A field is quoted if it begins with a quote. Its quotes are doubled, or escaped with a backslash where that is
asked for, and its last one stands before a delimiter or the end of a line. A field that is not quoted may hold
quotes (`a 6" gun`), but none that looks like the begin or the end of a quoted field and has no partner.

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

# Without a limit a stray quote would make one field, in memory, of all the rest of a file.
LARGEST_FIELD = 64 * 1024 * 1024  # characters
DOUBLE_QUOTE = "double the quotes that stand in quoted fields"
_ESCAPED = 'if quotes are written \\", give --escape; else double those that stand in quoted fields'


class QuoteError(Exception):
    """A quote in a wrong place.

    lines: those read of the row, the last one that in which it was noticed.
    before: whether rows before this one may be pieces of the same field.
    pair: whether the field begins with two quotes, which may also be a doubled one within a text.
    hopeless: whether nothing after it can be read.
    """

    def __init__(
        self,
        what: str,
        lines: Sequence[str],
        fix: str,
        *,
        before: bool = False,
        pair: bool = False,
        hopeless: bool = False,
    ) -> None:
        super().__init__(what)
        self.what, self.lines, self.fix = what, lines, fix
        self.before, self.pair, self.hopeless = before, pair, hopeless


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row. in_step: it has a quoted field after its first delimiter, whose first quote can be no last one.

    doubtful: it has one whose first quote may as well be the last of a text.
    """

    number: int  # of its first line
    lines: Sequence[str]
    fields: Sequence[str]
    in_step: bool
    doubtful: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether nothing stands on its line."""
        return len(self.lines) == 1 and not self.lines[0].strip("\r\n")

    @property
    def is_text(self) -> bool:
        """Whether all of it is in the encoding of the file."""
        return all(map(is_encodable, self.lines))


class Lines:
    """Lines of a file, with the number of the last one read; lines can be given back."""

    def __init__(self, stream: TextIO) -> None:
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
        """Give back the last lines read: they are read again."""
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)


class Parser:
    """Parts lines into rows and fields, and knows when it cannot.

    spaced: whether a quoted field may begin after blanks, as in a file whose header is `id, text`.
    """

    def __init__(self, lines: Lines, delimiter: str, *, escape: bool = False, spaced: bool = False) -> None:
        self._lines, self._delimiter, self._escape, self.spaced = lines, delimiter, escape, spaced
        self._quote = re.compile(r'\\[\\"\r\n]|"' if escape else '"')

    def row(self, most: int | None = None) -> Parsed | None:
        """The next row, None at the end of the file.

        Args:
            most: how many lines it may have.

        Raises:
            QuoteError: if a quote makes it uncertain where the row ends.
        """
        line = self._lines.read()
        if not line:
            return None
        read, number = [line], self._lines.number
        if len(line) > LARGEST_FIELD:
            raise QuoteError(f"a line of more than {LARGEST_FIELD:,} characters", read, DOUBLE_QUOTE, hopeless=True)
        if '"' not in line and not self._escape:
            return Parsed(number, read, line.rstrip("\r\n").split(self._delimiter), in_step=False)
        fields: list[str] = []
        in_step = doubtful = False
        at = 0
        while True:
            start = at
            while self.spaced and line[start : start + 1] == " ":
                start += 1
            if line[start : start + 1] == '"':
                opens = line[start + 1 : start + 2] not in ("", "\r", "\n", '"', self._delimiter)
                in_step = in_step or (opens and start == at and bool(fields))
                doubtful = doubtful or (not opens and line[start + 1 : start + 2] != '"')
                field, at = self._quoted(read, start + 1, most)
                line = read[-1]
            else:
                field, at = self._unquoted(read, at)
            fields.append(field)
            if not line.startswith(self._delimiter, at):
                return Parsed(number, read, fields, in_step, doubtful)
            at += 1

    def _unquoted(self, read: Sequence[str], at: int) -> tuple[str, int]:
        line = read[-1]
        end = line.find(self._delimiter, at)
        end = len(line.rstrip("\r\n")) if end < 0 else end
        field = line[at:end]
        trimmed = field.strip(" ")
        if '""' in field or (field.count('"') % 2 == 1 and '"' in (trimmed[:1], trimmed[-1:])):
            what = f"a quote without a partner in {excerpt(field)} on line {self._lines.number}"
            raise QuoteError(what, read, 'put the whole field in quotes, and double those in it ("")', before=True)
        if self._escape and field.endswith("\\"):
            what = f"a backslash at the end of {excerpt(field)} on line {self._lines.number}, in a field without quotes"
            raise QuoteError(what, read, "put the whole field in quotes", before=True)
        return field, end

    def _quoted(self, read: list[str], at: int, most: int | None) -> tuple[str, int]:
        """A quoted field and where it ends, further lines read as it needs them."""
        opened, following = self._lines.number, read[-1][at : at + 1]
        closes, pair = following in ("", "\r", "\n", self._delimiter), following == '"'  # as within a text
        parts: list[str] = []
        size = 0
        while True:
            line = read[-1]
            found = self._quote.search(line, at)
            if not found:
                parts.append(line[at:])
                size += len(line)
                self._next(read, opened, size, most, before=closes, pair=pair)
                at = 0
                continue
            parts.append(line[at : found.start()])
            at = found.end()
            if len(found[0]) > 1:  # escaped; \r may be followed by \n, which then stands by itself
                parts.append(found[0][1:])
                if at == len(line):
                    self._next(read, opened, size, most, before=closes, pair=pair)
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
            fix = _ESCAPED if escaped else DOUBLE_QUOTE
            raise QuoteError(what, read, fix, before=closes, pair=pair, hopeless=escaped)
        return "".join(parts), at

    def _next(self, read: list[str], opened: int, size: int, most: int | None, *, before: bool, pair: bool) -> None:
        line = self._lines.read() if size <= LARGEST_FIELD else ""
        if line and (most is None or len(read) < most):
            read.append(line)
            return
        if line:
            read.append(line)
        what = f"the quote that opens on line {opened} is never closed"
        fix = f"close it, or {DOUBLE_QUOTE}"
        if size > LARGEST_FIELD:
            what = f"the quote that opens on line {opened} is not closed within {LARGEST_FIELD:,} characters"
        elif not line:
            swallowed = self._lines.number - opened
            what += f" and takes in {swallowed} line{'s' if swallowed != 1 else ''} after it"
        escaped = '\\"' in "".join(read[:2]) and not self._escape
        hopeless = escaped or size > LARGEST_FIELD
        raise QuoteError(what, read, _ESCAPED if escaped else fix, before=before, pair=pair, hopeless=hopeless)
