"""Tables and sentences for a console, printed completely at any width.

Nothing is cut and no column is dropped. A table that is too wide is split into tables one below
the other, each of which begins with the first column. If even the first column and one other do
not fit, each row becomes two lines, its name above its numbers, or a few lines of `heading: value`.

The width is that of the terminal, or the environment variable `COLUMNS` if that is a positive
whole number. Output that goes to a file or a pipe has no width, so tables are not split there
unless `COLUMNS` asks for it; only sentences are wrapped, at 80 characters.

>>> table = ConsoleTable(("label", "precision", "recall"), [("ACTOR", "81.5", "79.0"), ("WEAPON", "n/a", "0.0")])
>>> for line in table.lines(20, rule="-"):
...     print(line)
label   precision
-----------------
ACTOR        81.5
WEAPON        n/a
<BLANKLINE>
label   recall
--------------
ACTOR     79.0
WEAPON     0.0
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

_DEFAULT_WIDTH = 80
_MIN_WIDTH = 20  # below this there is no useful layout; the terminal wraps the lines itself
_GAP = "  "
_RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ConsoleTable:
    """A table of text cells.

    Attributes:
        headings: one for each column; may be empty strings.
        rows: each has as many cells as there are headings.
        title: printed above the table; may be wrapped.
        caption: printed below the table; may be wrapped.
        key_columns: how many columns at the left identify a row; every part of a split table has them.
        text_columns: headings of the columns that hold text, not numbers, apart from the first.
        bold_rows: first cells of the rows that are printed in bold.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    caption: str = ""
    key_columns: int = 1
    text_columns: Collection[str] = ()
    bold_rows: Collection[str] = ()

    def lines(self, width: int | None = None, *, rule: str = _RULE) -> Iterator[Text]:
        """Yield the lines of the table.

        Args:
            width: in terminal cells; None for as wide as the table needs.
            rule: the character of the line below the headings.
        """
        from rich.text import Text

        for line in wrap_text(self.title, width):
            yield Text(line, style="italic")
        grid = [[_escape(cell) for cell in row] for row in (self.headings, *self.rows)]
        blocks = self._split_columns([max(map(_width, column)) for column in zip(*grid, strict=True)], width)
        if blocks is None:
            yield from self._two_line_rows(grid, width or 0, rule)
        for number, columns in enumerate(blocks or ()):
            if number:
                yield Text("")
            yield from self._block_lines(grid, columns, rule)
        for line in wrap_text(self.caption, width or _DEFAULT_WIDTH):
            yield Text(line, style="dim italic")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Let `console.print` draw the table at the console's width."""
        yield from self.lines(options.max_width, rule=_rule(options))

    def _split_columns(self, widths: Sequence[int], width: int | None) -> list[list[int]] | None:
        """Split the columns into blocks that fit the width; None if one column is too wide already."""
        keys, others = list(range(self.key_columns)), range(self.key_columns, len(widths))
        key_width = _total_width(widths[: self.key_columns])
        if width is None or not others:
            return [[*keys, *others]]
        blocks: list[list[int]] = []
        remaining = -1
        for column in others:
            needed = len(_GAP) + widths[column]
            if key_width + needed > width:
                return None
            if needed > remaining:
                blocks.append([*keys])
                remaining = width - key_width
            blocks[-1].append(column)
            remaining -= needed
        return blocks

    def _block_lines(self, grid: Sequence[Sequence[str]], columns: Sequence[int], rule: str) -> Iterator[Text]:
        from rich.text import Text

        widths = [max(_width(row[column]) for row in grid) for column in columns]
        for number, row in enumerate(grid):
            yield Text(self._line(row, columns, widths), style="bold" if not number or row[0] in self.bold_rows else "")
            if not number:
                yield Text(rule * _total_width(widths), style="dim")

    def _line(self, row: Sequence[str], columns: Sequence[int], widths: Sequence[int]) -> str:
        cells = (self._align(row[column], column, width) for column, width in zip(columns, widths, strict=True))
        return _GAP.join(cells).rstrip()

    def _align(self, cell: str, column: int, width: int) -> str:
        padding = " " * (width - _width(cell))
        is_left_aligned = column == 0 or self.headings[column] in self.text_columns
        return cell + padding if is_left_aligned else padding + cell

    def _two_line_rows(self, grid: Sequence[Sequence[str]], width: int, rule: str) -> Iterator[Text]:
        """Yield two lines for each row, the numbers below the keys; more lines where the numbers do not fit on one."""
        from rich.text import Text

        columns = range(self.key_columns, len(self.headings))
        widths = [max(_width(row[column]) for row in grid) for column in columns]
        if len(_GAP) + _total_width(widths) > width:
            yield from self._heading_value_rows(grid, width)
            return
        for number, row in enumerate(grid):
            yield Text(_GAP.join(row[: self.key_columns]), style="bold")
            yield Text(_GAP + self._line(row, columns, widths), style="bold" if not number else "")
            if not number:
                yield Text(rule * (len(_GAP) + _total_width(widths)), style="dim")

    def _heading_value_rows(self, grid: Sequence[Sequence[str]], width: int) -> Iterator[Text]:
        """Yield the lines of each row: its first cell, then its other cells, each after its heading."""
        from rich.text import Text

        headings, *rows = grid
        for row in rows:
            yield Text(row[0], style="bold")
            line = ""
            for heading, cell in zip(headings[1:], row[1:], strict=True):
                pair = _GAP + (f"{heading}: {cell}" if heading else cell)
                if not cell:
                    continue
                if line and _width(line + pair) > width:
                    yield Text(line)
                    line = ""
                line += pair
            if line:
                yield Text(line)


def print_table(table: ConsoleTable, console: Console | None = None) -> None:
    """Print a table completely, on standard output if no other console is given."""
    console = console or open_console()
    for line in table.lines(width_of(console.file), rule=_rule(console.options)):
        console.print(line, soft_wrap=True)


def print_wrapped(text: str, console: Console | None = None, *, style: str | None = None) -> None:
    """Print text wrapped between words, never inside one, so that paths and numbers stay intact."""
    from rich.text import Text

    console = console or open_console()
    width = width_of(console.file) or _DEFAULT_WIDTH
    for paragraph in text.split("\n"):
        for line in wrap_text(paragraph, width) or [""]:
            console.print(Text(line, style=style or ""), soft_wrap=True)


def wrap_text(text: str, width: int | None) -> list[str]:
    """Wrap a text between words; a word that is longer than the width gets a line of its own."""
    if not text:
        return []
    text = _escape(text)
    if width is None:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def open_console() -> Console:
    """Open a console on standard output that prints text as it is: no highlighting, no markup, no emoji."""
    from rich.console import Console

    width = width_of(sys.stdout) or _DEFAULT_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def width_of(stream: IO[str] | None) -> int | None:
    """Return the width of a stream in cells, at least 20; None if it is no terminal and `COLUMNS` sets no width."""
    width = _parse_positive(os.environ.get("COLUMNS", ""))
    if width is None:
        try:
            width = os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH if stream else None
        except (OSError, ValueError, AttributeError):  # a file, a pipe, a stream in memory
            width = None
    if width is None:
        return None
    return max(width, _MIN_WIDTH)


def ignore_unusable_sizes() -> None:
    """Remove `COLUMNS` and `LINES` from the environment unless they are positive whole numbers.

    Rich, which draws the help and the progress bars, would print nothing for 0 and fail on "²".
    """
    for name in ("COLUMNS", "LINES"):
        if name in os.environ and _parse_positive(os.environ[name]) is None:
            del os.environ[name]


def _rule(options: ConsoleOptions) -> str:
    return "-" if options.ascii_only else _RULE


def _parse_positive(text: str) -> int | None:
    """Parse a positive whole number of at most six digits; None if it is anything else."""
    return int(text) if re.fullmatch(r"0*[1-9][0-9]{0,5}", text) else None


def _escape(text: str) -> str:
    """Escape characters that would break a line or control the terminal."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _total_width(widths: Sequence[int]) -> int:
    """Return the width of columns side by side, with the gaps between them."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
