r"""Reads the rows of Excel workbooks and writes tables as `.xlsx`.

python-calamine reads whatever it opens (`.xlsx`, `.xlsm`, `.xlsb`, `.xls`, `.ods`) and XlsxWriter writes: two optional
packages, the extra `excel`. Reading needs the memory of one sheet. Writing does not: rows go to a temporary file.

A cell that was written reads back as it was, except that an empty text reads as null, a number has 16 digits, and a
list or an object is its JSON.

>>> from io import BytesIO
>>> stream = BytesIO()
>>> write_workbook([{"id": 7, "text": "=1+1"}], ["id", "text"], "reports", stream)
>>> list(excel_rows(stream, "r.xlsx", Columns(), print, lambda share: None))
[('r.xlsx/reports:2', {'id': 7, 'text': '=1+1'})]
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from conflict_ner.errors import JobError, Problem, excerpt, require_packages
from conflict_ner.inference.files.parquet_rows import plain
from conflict_ner.inference.files.table_readers import Columns, Complain, Row, distinct, format_names

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

MAX_ROWS = 1_048_576  # of a sheet, with its header
MAX_COLUMNS = 16_384
MAX_CHARACTERS = 32_767  # of a cell, as UTF-16 counts them
_MAX_DIGITS = 15  # of a number that Excel shows in full; longer ones are ids, and stay whole as text
_EXACT = 2**53  # up to here a floating-point number is a whole number without doubt
_MAX_CELLS = 100_000_000  # of a sheet that is read: python-calamine holds the whole rectangle, 32 bytes a cell
_CREATED = datetime(2000, 1, 1)  # of every workbook, so that the same rows are the same bytes
_WIDEST = 60  # characters of a column
_FORMULA = ("=", "+", "-", "@")  # a text that begins so would become a formula when a person edits its cell
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension ref="[A-Z]+\d+:([A-Z]+)(\d+)"')
_FILLED_CELL = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_OLD_FORMAT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the first bytes of a .xls, and of any locked workbook
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the name of what is inside a locked .xlsx
# python-calamine ends the process at some damaged .xls (allocations of many gigabytes), so a child process goes first.
_TRY_TO_READ = """
import io, sys
from python_calamine import CalamineWorkbook, PasswordError
try:
    book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    for name in book.sheet_names:
        book.get_sheet_by_name(name)
except PasswordError:
    pass
"""
_CHUNK = 1 << 20  # bytes of XML that are searched at a time
_LONGEST_TAG = 1000  # bytes of the tag of a cell
_WRITE_ELSE = "write .csv or .parquet"


def require_reader() -> None:
    """Check that the package that reads workbooks is installed.

    Raises:
        MissingExtraError: if it is not, with the command that installs it.
    """
    require_packages("reading Excel files", {"python_calamine": "python-calamine>=0.9"})


def require_writer() -> None:
    """Check that the package that writes workbooks is installed.

    Raises:
        MissingExtraError: if it is not, with the command that installs it.
    """
    require_packages("writing .xlsx", {"xlsxwriter": "xlsxwriter>=3.2"})


def excel_rows(
    stream: IO[bytes],
    name: str,
    columns: Columns,
    complain: Complain,
    report_share: Callable[[float], None],
    sheet_name: str | None = None,
) -> Iterator[Row]:
    """Yield the rows of a workbook's sheet below its header, the first row that is not empty; empty rows are skipped.

    The value of a formula is the one that was saved. Whole numbers are integers, dates and times ISO 8601, empty cells
    and errors such as `#N/A` null.

    Args:
        stream: must be seekable.
        complain: called with each problem.
        report_share: called with the share of the sheet that has been read, from 0 to 1.
        sheet_name: the sheet to read; None: the only visible one that has the columns.

    Raises:
        MissingExtraError: if python-calamine is not installed.
    """
    require_reader()
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    problem = _problem_of_file(stream, name)
    if problem:
        complain(problem)
        return
    stream.seek(0)
    try:
        with CalamineWorkbook.from_filelike(stream) as book:
            found = _choose_sheet(book, name, columns, complain, sheet_name)
            if found:
                yield from _rows(found, f"{name}/{found.name}", columns, report_share)
    except PasswordError:
        complain(_locked(name))
    except CalamineError as error:
        complain(_damaged(name, f": {excerpt(str(error), 100)}"))


def _problem_of_file(stream: IO[bytes], name: str) -> Problem | None:
    """Return why a file must not be given to python-calamine, which some files would make end the whole process."""
    if zipfile.is_zipfile(stream):
        if _largest_area(stream) <= _MAX_CELLS:
            return None
        what = "a cell far from the others makes a sheet too large to read"
        return Problem(name, what, "delete what is below and beside the table, and save it again", unreadable=True)
    stream.seek(0)
    if stream.read(len(_OLD_FORMAT)) != _OLD_FORMAT:
        return None
    stream.seek(0)
    raw = stream.read()
    if _ENCRYPTED in raw:
        return _locked(name)
    attempt = subprocess.run(  # noqa: S603 # our own interpreter and code
        [sys.executable, "-c", _TRY_TO_READ],
        input=raw,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return _damaged(name) if attempt.returncode else None


def _locked(name: str) -> Problem:
    return Problem(name, "is locked with a password", "save it without one", unreadable=True)


def _damaged(name: str, details: str = "") -> Problem:
    fix = "open it in a spreadsheet program and save it as .xlsx"
    return Problem(name, f"damaged, or not a workbook{details}", fix, unreadable=True)


def _largest_area(stream: IO[bytes]) -> int:
    """Return the number of cells of the largest sheet of an `.xlsx`, from the first cell to the last that is filled.

    A single stray cell in the last row and column makes 17 billion, for which python-calamine would end the process.
    """
    largest = 0
    try:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", info.filename):
                    continue
                with archive.open(info) as sheet:
                    stated = _DIMENSION.search(sheet.read(4 * 1024))
                    if stated and _area(stated[1], stated[2]) <= _MAX_CELLS:
                        continue
                    sheet.seek(0)  # formats without content count in what is stated, and some programs state nothing
                    largest = max(largest, _filled_area(sheet))
    except (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile):
        return 0  # the reader says what is wrong
    return largest


def _filled_area(sheet: IO[bytes]) -> int:
    last_row, last_column, rest = 0, 0, b""
    while chunk := sheet.read(_CHUNK):
        text = rest + chunk
        for column, row in _FILLED_CELL.findall(text):
            last_row, last_column = max(last_row, int(row)), max(last_column, _column_number(column))
        rest = text[max(text.rfind(b"<"), len(text) - _LONGEST_TAG) :]
    return last_row * last_column


def _area(column: bytes, row: bytes) -> int:
    return _column_number(column) * int(row)


def _column_number(letters: bytes) -> int:
    """Return the number of a column, from 1: `A` is 1, `AA` is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _choose_sheet(
    book: CalamineWorkbook, name: str, columns: Columns, complain: Complain, sheet_name: str | None
) -> CalamineSheet | None:
    """Return the sheet to read; report a problem and return None if none or more than one has the columns."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    tables = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in tables if sheet.visible == SheetVisibleEnum.Visible]
    if sheet_name is not None:
        names = [sheet.name for sheet in tables]
        if sheet_name not in names:
            what = f"no sheet {excerpt(sheet_name)}; the sheets are {format_names(names, sheet_name)}"
            complain(Problem(name, what, "name one with --sheet"))
            return None
        visible = [sheet_name]
    chosen: CalamineSheet | None = None
    suitable, problems = list[str](), list[Problem]()
    for each in visible:  # one in memory at a time, and the chosen one
        sheet = book.get_sheet_by_name(each)
        header = _header(sheet)
        problem = columns.problem(header, f"{name}/{each}") if header or sheet_name else None
        if problem:
            # One with the text, and something else amiss, says more than all those without.
            problems.insert(0 if columns.text in header else len(problems), problem)
        elif header:
            suitable.append(each)
            chosen = chosen or sheet
    if len(suitable) > 1:
        what = f"several sheets have the column {excerpt(columns.text)}: {format_names(suitable, '')}"
        complain(Problem(name, what, "name one with --sheet"))
        return None
    if not chosen:
        complain(_no_sheet(name, problems, columns))
    return chosen


def _no_sheet(name: str, problems: Sequence[Problem], columns: Columns) -> Problem:
    if len(problems) > 1 and problems[0].what.startswith("no column"):
        what = f"no sheet has the columns; for example {problems[0].where.removeprefix(name + '/')}: {problems[0].what}"
        return Problem(name, what, problems[0].fix)
    if problems:
        return problems[0]
    return Problem(name, f"no visible sheet has a row, so there is no column {excerpt(columns.text)}", "check the file")


def _header(sheet: CalamineSheet) -> list[str]:
    """Return the names of a sheet's columns; an empty list if it has no row."""
    row = next((row for row in sheet.iter_rows() if any(cell != "" for cell in row)), [])
    return [_as_text(_value(cell)).strip() for cell in row]


def _rows(sheet: CalamineSheet, name: str, columns: Columns, report_share: Callable[[float], None]) -> Iterator[Row]:
    header = _header(sheet)
    names = distinct(header)
    unnamed = {name for name, column in zip(names, header, strict=True) if not column}
    last = (sheet.end or (0, 0))[0] + 1
    is_header_read = False
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        values = [_value(cell) for cell in cells]
        if all(value is None for value in values):
            continue
        if not is_header_read:
            is_header_read = True
            continue
        report_share(min(number / last, 1))
        row = dict(zip(names, values, strict=False))
        yield f"{name}:{number}", {key: value for key, value in row.items() if value is not None or key not in unnamed}


def _value(cell: Any) -> Any:
    """Return the value of a cell as JSON can hold it.

    >>> _value(7.0), _value(2.5), _value(1e300), _value(""), _value(datetime(2024, 5, 3, 12))
    (7, 2.5, 1e+300, None, '2024-05-03T12:00:00')
    """
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= _EXACT:
        return int(cell)
    return None if cell == "" else plain(cell)


def _as_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def refuse_unfit_cells(report_id: Any, cells: Mapping[str, Any]) -> None:
    """Raise if a report has a value that no cell of a workbook can hold.

    Raises:
        JobError: with the report's id and what to do.
    """
    for column, value in cells.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        text = _as_text(value)
        # Most are far too short to be counted in UTF-16.
        if len(text) * 2 > MAX_CHARACTERS and (units := len(text.encode("utf-16-le")) // 2) > MAX_CHARACTERS:
            what = f"report {excerpt(str(report_id))}: its {excerpt(column)} has {units:,} characters"
            fix = f"{_WRITE_ELSE}, or --rows mentions" if column in ("text", "entities") else _WRITE_ELSE
            raise JobError(f"{what}, and a cell of Excel holds {MAX_CHARACTERS:,}; {fix}")


def refuse_unfit_row(number: int, report_id: Any) -> None:
    """Raise if a sheet does not hold this many rows below its header.

    Raises:
        JobError: with the id of the report that is too many, and what to do.
    """
    if number >= MAX_ROWS:
        what = f"with report {excerpt(str(report_id))} there are more than {MAX_ROWS - 1:,} rows"
        raise JobError(f"{what}, and a sheet of Excel holds no more; {_WRITE_ELSE}")


def write_workbook(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str, stream: IO[bytes]) -> None:
    """Write a table as the only sheet of an `.xlsx`: its header bold and always in view, with a filter for each column.

    A text stays a text, whatever it begins with. Integers of more than 15 digits are text, because Excel shows only
    so many. Control characters, which XML cannot hold, are written as Excel itself does (`_x0001_`). The same rows are
    the same bytes.

    Args:
        rows: each with the `id` of its report, for messages.
        title: the name of the sheet.

    Raises:
        JobError: if a cell, or the table, is too large for Excel.
        MissingExtraError: if XlsxWriter is not installed.
        OSError: if the disk is full.
    """
    require_writer()
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError, FileSizeError

    if len(columns) > MAX_COLUMNS:
        raise JobError(f"{len(columns):,} columns, and a sheet of Excel holds {MAX_COLUMNS:,}; {_WRITE_ELSE}")
    if max(map(len, columns), default=0) * 2 > MAX_CHARACTERS:
        raise JobError(f"the name of a column is longer than a cell of Excel; {_WRITE_ELSE}")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        book = Workbook(stream, {"constant_memory": True, "tmpdir": folder})
        book.set_properties({"created": _CREATED})
        _write_sheet(book, rows, columns, title)
        try:
            book.close()
        except FileCreateError as error:
            raise error.args[0] from None
        except FileSizeError:
            raise JobError(f"the table is larger than the 4 GB that a sheet of Excel may have; {_WRITE_ELSE}") from None


def _write_sheet(book: Any, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    sheet = book.add_worksheet(title)
    bold, quoted = book.add_format({"bold": True}), book.add_format({"quote_prefix": True})
    widths = [len(column) + 2 for column in columns]  # the arrow of the filter stands beside the name
    for index, column in enumerate(columns):
        sheet.write_string(0, index, column, bold)
    last = 0
    for last, row in enumerate(rows, start=1):
        refuse_unfit_row(last, row["id"])
        refuse_unfit_cells(row["id"], row)
        for index, column in enumerate(columns):
            value = row.get(column)
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(last, index, value)
            elif _is_shown_in_full(value):
                sheet.write_number(last, index, value)
            else:
                text = _as_text(value)
                sheet.write_string(last, index, text, quoted if text.startswith(_FORMULA) else None)
                widths[index] = max(widths[index], len(text))
    for index, width in enumerate(widths):
        sheet.set_column(index, index, min(width + 1, _WIDEST))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last, len(columns) - 1)


def _is_shown_in_full(value: Any) -> bool:
    """Return whether a value is a number that a cell can hold as such."""
    return (isinstance(value, int) and abs(value) < 10**_MAX_DIGITS) or (
        isinstance(value, float) and math.isfinite(value)
    )
