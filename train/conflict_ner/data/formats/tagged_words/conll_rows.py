r"""Lines of a CoNLL file, split into cells by whatever separates them, without headers and comments, by sentence.

Columns are separated by tabs or spaces, else by the comma, semicolon or other mark that divides most lines into a word
and a tag. Cells of such files may be quoted as in CSV; a separator more than in other lines is part of the word.

>>> table = read_table('Goma,B-LOC\n",",O\n\nSake,B-LOC\n', "a")
>>> [[row.columns for row in sentence.rows] for sentence in table.sentences], table.notes
([[('Goma', 'B-LOC'), (',', 'O')], [('Sake', 'B-LOC')]], ["columns are separated by ','"])
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from conflict_ner.data.formats.tagged_words.conll_columns import (
    SENTENCE_NAMES,
    Row,
    common_width,
    is_header,
    normalize,
)
from conflict_ner.data.formats.tagged_words.tag_schemes import is_tag_like
from conflict_ner.errors import format_count

DOCUMENT_START = "-DOCSTART-"
_BLANK = " \t"  # separators and blank lines; other spaces are part of the text
_SEPARATORS = (",", ";", "|", ":", "/")
_SAMPLE = 5000  # lines by which the separator is found
_MAJORITY, _NEARLY_ALL = 0.5, 0.9  # of the lines
_COMMENT = re.compile(r"#\s*[\w.:-]+\s*=|#(begin|end) document")

Split = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sentence:
    """The rows of a sentence, and what the file says of it."""

    rows: tuple[Row, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The sentences of a file, the row that names the columns if there is one, and what was skipped or unusual."""

    sentences: list[Sentence]
    header: Row | None
    notes: list[str]


def read_table(source: str, stem: str) -> Table:
    """Split a file's text into the cells of its sentences.

    Args:
        source: the text.
        stem: the file's name, of which the names of its documents are made.
    """
    lines = source.replace("\r\n", "\n").split("\n")
    separator = _find_separator([line for line in lines if line.strip(_BLANK)][:_SAMPLE])
    split = _splitter(separator, lines) if separator else _split_columns
    notes = [f"columns are separated by {separator!r}"] if separator else []
    sentences, comments = _without_comments(list(_split_sentences(lines, split, stem)))
    sentences, header = _without_header(sentences)
    if header and (names := [normalize(cell) in SENTENCE_NAMES for cell in header.columns]) and any(names):
        sentences = [part for sentence in sentences for part in _split_by_column(sentence, names.index(True))]
    skipped = [format_count(comments, "comment line")] if comments else []
    skipped += [f"a header (line {header.line})"] if header else []
    return Table(sentences, header, notes + ([f"skipped: {', '.join(skipped)}"] if skipped else []))


def _find_separator(lines: Sequence[str]) -> str:
    """Return the mark that separates columns; empty if they are separated by tabs or spaces."""
    cells = [_split_columns(line) for line in lines]
    if _share(len(each) > 1 and any(map(is_tag_like, each)) for each in cells) > _MAJORITY:
        firsts = [each[0] for each in cells if len(each) > 1]
        trailing = (s for s in _SEPARATORS if len(firsts) > 1 and _share(c.endswith(s) for c in firsts) > _NEARLY_ALL)
        return next(trailing, "")
    return next((s for s in _SEPARATORS if _share(_is_separated_by(line, s) for line in lines) > _MAJORITY), "")


def _is_separated_by(line: str, separator: str) -> bool:
    cells = line.split(separator)
    return len(cells) > 1 and any(is_tag_like(cell.strip(" \"'")) for cell in cells)


def _split_columns(line: str) -> tuple[str, ...]:
    if "\t" in line:
        return tuple(column.strip(" ") for column in line.split("\t"))
    return tuple(re.split(" +", line.rstrip(" ")))


def _splitter(separator: str, lines: Sequence[str]) -> Split:
    """Return a function that splits lines by a mark other than tabs and spaces."""
    parts = [line.split(separator) for line in lines if line.strip(_BLANK)]
    width = Counter(map(len, parts)).most_common(1)[0][0]
    has_index = _share(cells[0].strip(' "').isdecimal() for cells in parts) > _MAJORITY
    column = 1 if has_index and width > 2 else 0  # noqa: PLR2004 # an index, a word, a tag

    def split(line: str) -> tuple[str, ...]:
        cells = line.split(separator)
        if len(cells) > width and '"' in line:
            cells = _split_quoted(line, separator) or cells
        extra = len(cells) - width
        if extra > 0:  # the word is the separator, or has it inside: 1,000
            cells[column : column + extra + 1] = [separator.join(cells[column : column + extra + 1])]
        return tuple(_unquote(cell.strip(_BLANK)) for cell in cells) if any(map(str.strip, cells)) else ()

    return split


def _split_quoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # such as a carriage return
        return []


def _unquote(cell: str) -> str:
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if is_quoted else cell


def _split_sentences(lines: Sequence[str], split: Split, stem: str) -> Iterator[Sentence]:
    rows: list[Row] = []
    metadata: dict[str, Any] = {}
    for number, line in enumerate([*lines, ""], start=1):
        cells = split(line) if line.strip(_BLANK) else ()
        begins_document = bool(cells) and cells[0].split(" ")[0] == DOCUMENT_START
        if cells and not begins_document:
            rows.append(Row(number, cells))
        elif rows:
            yield Sentence(tuple(rows), metadata)
            rows = []
        if begins_document:
            metadata = {"document": f"{stem}:{number}"}


def _split_by_column(sentence: Sentence, column: int) -> Iterator[Sentence]:
    """Yield the sentences of rows that say in a column to which one they belong; an empty cell is of the last one."""
    current = ""
    names = []
    for row in sentence.rows:
        current = (row.columns[column] if column < len(row.columns) else "") or current
        names.append(current)
    for _, group in groupby(zip(names, sentence.rows, strict=True), key=lambda each: each[0]):
        yield Sentence(tuple(row for _, row in group), sentence.metadata)


def _without_comments(sentences: Sequence[Sentence]) -> tuple[list[Sentence], int]:
    """Remove lines that are clearly comments; return the other rows and how many were removed."""
    rows = [row for sentence in sentences for row in sentence.rows]
    if not rows:
        return [], 0
    width = common_width([row for row in rows if not row.columns[0].startswith("#")] or rows)
    remaining, count = [], 0
    for sentence in sentences:
        words: list[Row] = []
        for row in sentence.rows:
            if not _is_comment(row, width, is_first=not words):
                words.append(row)
        count += len(sentence.rows) - len(words)
        remaining.append(replace(sentence, rows=tuple(words)))
    return [sentence for sentence in remaining if sentence.rows], count


def _is_comment(row: Row, width: int, *, is_first: bool) -> bool:
    """Return whether a row is a comment; a `#` with a tag is a word.

    Args:
        is_first: no word of the sentence is before it.
    """
    line = " ".join(row.columns)
    same_width = len(row.columns) == width
    if not line.startswith("#") or (same_width and any(map(is_tag_like, row.columns[1:]))):
        return False
    if _COMMENT.match(line):
        return True
    is_untagged = line.startswith("# ") and not is_tag_like(row.columns[-1])
    return is_first and is_untagged and (not same_width or "=" in line)


def _without_header(sentences: Sequence[Sentence]) -> tuple[list[Sentence], Row | None]:
    """Remove the row that names the columns, wherever it is repeated; return the other rows and that row."""
    header = sentences[0].rows[0] if sentences else None
    if header is None or not is_header(header):
        return list(sentences), None
    remaining = (
        replace(sentence, rows=tuple(row for row in sentence.rows if row.columns != header.columns))
        for sentence in sentences
    )
    return [sentence for sentence in remaining if sentence.rows], header


def _share(flags: Iterator[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else 0.0
