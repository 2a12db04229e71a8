"""Reads a user's list of names: CSV, TSV, JSONL, Excel or Parquet with the columns `name`, `label`, `aliases`, `case`.

    name,label,aliases,case
    March 23 Movement,ACTOR,M23;M23/AFC,
    El Fasher,LOCATION,Al-Fashir|Al Fashir,ignore

`aliases` are other spellings, separated by `;` or `|`. `case` is `exact`, which is the default, or `ignore`. Only
`name` and `label` are required; other columns are not read. All problems of a list are raised together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from conflict_ner.data.label_levels import kinds_below, resolve_label
from conflict_ner.data.text_files.compression import READ_ERRORS, open_decompressed
from conflict_ner.errors import ConfigError, Problem, excerpt, replace_advice
from conflict_ner.inference.files.csv_rows import csv_rows
from conflict_ner.inference.files.excel import excel_rows
from conflict_ner.inference.files.parquet_rows import parquet_rows
from conflict_ner.inference.files.sources import form_of, guess_encoding
from conflict_ner.inference.files.table_readers import Columns, Complain, Dialect, Row, json_rows
from conflict_ner.inference.names import Name, NameMatcher, name_keys

_COLUMNS = Columns(text="name", id="label")
_HEADER = "begin with the header name,label or name,label,aliases,case"
_CASES = {"": False, "exact": False, "ignore": True}
_OPTIONAL = {"alias": "aliases", "aliases": "aliases", "case": "case"}
_SEPARATORS = re.compile("[;|]")
# What the readers advise with options of `tag` that a list does not have.
_ADVICE = {
    "--column": _HEADER,
    "--id-column": _HEADER,
    "--encoding": "save it as UTF-8",
    "--sheet": "leave these columns in one sheet",
}


def load_names(file: Path | str, labels: Sequence[str]) -> NameMatcher:
    """Read a list of names.

    Args:
        labels: of the checkpoint. A name gets the most specific of them that is its own or one above it.

    Raises:
        ConfigError: with a problem for each fault of the file: it cannot be read, a name is empty, a label is not one
            of the checkpoint's, a name has two labels.
        MissingExtraError: if it is an Excel file and the package that reads those is not installed.
    """
    file = Path(file)
    problems: list[Problem] = []
    rows = list(_rows(file, problems.append))
    problems += _misspelled_columns(rows)
    listed = [name for row in rows for name in _read_row(*row, labels, problems.append)]
    problems += _find_conflicts(listed)
    if not listed and not problems:
        problems.append(Problem(str(file), "holds no names", "write one a line, below the header name,label"))
    if problems:
        raise ConfigError(f"the list of names {file}", problems)
    return NameMatcher(each.name for each in listed)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A name and its place in the file."""

    where: str
    name: Name


def _rows(file: Path, complain: Complain) -> Iterator[Row]:
    form, compression = form_of(file.name) or ("", "")
    if form not in ("csv", "tsv", "jsonl", "excel", "parquet") or (compression and form in ("excel", "parquet")):
        complain(Problem(str(file), "no list of names has this ending", "use .csv, .tsv, .jsonl, .xlsx or .parquet"))
        return

    def complain_of_list(problem: Problem) -> None:
        if problem.note:  # such as which delimiter there is
            return
        complain(replace_advice(problem, _ADVICE))

    def ignore_share(share: float) -> None:
        pass

    try:
        with file.open("rb") as raw:
            if form == "excel":
                yield from excel_rows(raw, str(file), _COLUMNS, complain_of_list, ignore_share)
            elif form == "parquet":
                yield from parquet_rows(raw, str(file), _COLUMNS, complain_of_list, ignore_share)
            else:
                dialect = Dialect(encoding=_guess_encoding(raw, file, compression))
                stream = open_decompressed(raw, compression)
                if form == "jsonl":
                    yield from json_rows(stream, str(file), complain_of_list, dialect)
                else:
                    delimiter = "\t" if form == "tsv" else ","
                    yield from csv_rows(stream, str(file), _COLUMNS, complain_of_list, dialect, delimiter)
    except READ_ERRORS as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or error or type(error).__name__}"
        complain(Problem(str(file), what, "check its path, its permissions and its content"))


def _guess_encoding(raw: IO[bytes], file: Path, compression: str) -> str | None:
    """Return the encoding of a file that is certainly not UTF-8, and say so; None if it is, or nothing is certain."""
    guess = guess_encoding(raw, compression)
    if guess:
        print(f"note: {file}: is not UTF-8 and is read as {guess}; save it as UTF-8 if that is wrong", file=sys.stderr)
    return guess


def _misspelled_columns(rows: Sequence[Row]) -> Iterator[Problem]:
    """Yield a problem for each column that is meant for the aliases or the case and would not be read."""
    places = {column: where for where, row in reversed(rows) for column in row}
    for column, where in places.items():
        meant = _OPTIONAL.get(column.strip().lower())
        if meant and meant != column and meant not in places:
            yield Problem(where, f"the column {excerpt(column)} is not read", f"call it {meant}")


def _read_row(where: str, row: Mapping[str, Any], labels: Sequence[str], complain: Complain) -> Iterator[_Listed]:
    """Yield the name of a row and its aliases; report what is wrong with it."""
    for column in ("name", "label", "aliases", "case"):
        cell = row.get(column)
        values = cell if column == "aliases" and isinstance(cell, list) else [cell]
        if not all(value is None or isinstance(value, str | int | float) for value in values):
            what = f"{column} is not a text: {excerpt(str(cell))}"
            complain(Problem(where, what, "write it in quotes", kind="no text"))
            return
    spellings = [_as_text(row.get("name")), *_aliases(row.get("aliases"))]
    case = _as_text(row.get("case")).lower()
    label = _as_text(row.get("label"))
    resolved = resolve_label(label, labels)
    if not spellings[0]:
        complain(Problem(where, "the name is empty", "write it, or delete the row"))
    for spelling in spellings:
        if spelling and not any(map(str.isalnum, spelling)):
            complain(Problem(where, f"{excerpt(spelling)} has no letter or digit", "delete it", kind="no letter"))
    if case not in _CASES:
        complain(Problem(where, f"the case {excerpt(case)} is unknown", "write exact or ignore"))
    if resolved is None:
        known = kinds_below(label, labels) or labels
        what = f"{excerpt(label)} is not a label of the checkpoint" if label else "the label is empty"
        similar = next((each for each in known if each.casefold() == label.casefold()), None)
        fix = f"did you mean {similar}?" if similar else f"write one of {', '.join(known)}"
        complain(Problem(where, what, fix))
    else:
        for spelling in filter(None, spellings):
            yield _Listed(where, Name(spelling, resolved, ignore_case=_CASES.get(case, False)))


def _aliases(cell: Any) -> list[str]:
    pieces = cell if isinstance(cell, list) else _SEPARATORS.split(_as_text(cell))
    return [text for piece in pieces if (text := _as_text(piece))]


def _as_text(cell: Any) -> str:
    """Return a cell without the white space around it; a number, which Excel makes of a name of digits, as text."""
    return "" if cell is None or isinstance(cell, bool) else str(cell).strip()


def _find_conflicts(listed: Sequence[_Listed]) -> Iterator[Problem]:
    """Yield a problem for each name that stands in the list with another label before."""
    seen: dict[tuple[str, bool], _Listed] = {}
    for keys, each in zip(name_keys([each.name for each in listed]), listed, strict=True):
        before = [seen.setdefault((key, each.name.ignore_case), each) for key in keys]
        first = next((other for other in before if other.name.label != each.name.label), None)
        if first:
            what = f"{excerpt(each.name.text)} is {each.name.label} here and {first.name.label} at {first.where}"
            yield Problem(each.where, what, "give a name one label", kind="two labels")
