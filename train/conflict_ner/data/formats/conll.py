r"""Parser of the CoNLL format of benchmarks: a word and its tag per line, a blank line after each sentence.

The column format of CoNLL-2003 (Tjong Kim Sang & De Meulder 2003): columns are separated by tabs
or spaces, usually with the word first and its tag last; other columns are detected (`conll_columns`)
and reported in a note. A line that begins with `-DOCSTART-` begins a document. Tags are IOB2. A `#`
is a word like any other, unless the line is clearly a comment.

Each sentence becomes a `Document`: its words joined by single spaces, with an id from the file's name
and the sentence's first line. There is no writer: the format has no spaces, ids or headers.

>>> documents, problems = parse("Rebels B-ACTOR\nleft O\nEl B-LOCATION\nFasher I-LOCATION\n. O\n", "demo.conll")
>>> documents[0].id, documents[0].text, problems
('demo:1', 'Rebels left El Fasher .', [])
>>> [documents[0].slice(mention) for mention in documents[0].mentions]
['Rebels', 'El Fasher']
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.conll_columns import Columns, Row, common_width, find_columns, is_header
from conflict_ner.data.formats.format import Format, Sample, reader_of_text
from conflict_ner.data.labels import detect_other_scheme, is_tag, is_tag_like, read_tags
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.errors import Problem, format_count

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

DOCUMENT_START = "-DOCSTART-"
_BLANK = " \t"  # separators and blank lines; other spaces are part of the text
# A file with more faults than both has another format, and is reported once, not a thousand times.
_MAX_FAULTS, _MAX_FAULT_SHARE = 20, 0.1

# Indices of CoNLL-U: 1-2 is a multiword token, 1.1 an empty node, 1 a word.
_MULTIWORD, _EMPTY_NODE, _INDEX = re.compile(r"\d+-\d+"), re.compile(r"\d+\.\d+"), re.compile(r"\d+")
_MIN_TAGGED = 0.8  # of the lines of a file end in a tag
_COMMENT = re.compile(r"#\s*[\w.:-]+\s*=|#(begin|end) document")


@dataclass(frozen=True, slots=True)
class _Sentence:
    rows: tuple[Row, ...]
    metadata: dict[str, Any]


def parse(source: str, file: str, columns: ColumnsConfig | None = None) -> tuple[list[Document], list[Problem]]:
    """Parse a file's text; return the documents that could be read and all problems.

    A file that is not in this format at all, such as plain prose, is reported as one problem. Columns
    other than the usual ones, and rows that were skipped, are reported as a problem that is a note.

    Args:
        columns: the columns of words and tags; without it they are detected.
    """
    empty = Problem(file, "no sentence in this file", "write a word and its tag on each line", unreadable=True)
    sentences, skipped = _without_comments(list(_split_sentences(source, _stem(file))))
    sentences, header = _without_header(sentences)
    if not sentences:
        return [], [empty]
    layout = find_columns([sentence.rows for sentence in sentences], file, columns, header)
    if isinstance(layout, Problem):
        return [], [layout]
    skipped += [f"a header (line {header.line})"] if header else []
    sentences, multiword = _without_multiword_rows(sentences, layout)
    skipped += [f"{format_count(multiword, 'row')} of multiword or empty tokens, such as 1-2"] if multiword else []
    if not sentences:
        return [], [empty]
    documents, problems = [], []
    for sentence in sentences:
        document, faults = _parse_sentence(sentence, layout, file)
        documents.append(document)
        problems += faults
    other_format = _detect_other_format(sentences, layout, file, problems)
    if other_format:
        return [], [other_format]
    return documents, [*problems, *_note(layout, columns, skipped, file)]


def _detect_other_format(
    sentences: Sequence[_Sentence], layout: Columns, file: str, problems: Sequence[Problem]
) -> Problem | None:
    """Return a problem for a file with tags of another scheme or with more faults than a person corrects by hand."""
    rows = [row for sentence in sentences for row in sentence.rows]
    scheme = detect_other_scheme([[_tag(row, layout) for row in sentence.rows] for sentence in sentences])
    if scheme not in (None, "IOB1"):
        tags = [(row, _tag(row, layout)) for row in rows]
        others = [(row, tag) for row, tag in tags if is_tag_like(tag) and not is_tag(tag)]
        kinds = " and ".join(sorted({f"{tag[:2]}" for _, tag in others}))
        what = f"this is {scheme}, not IOB2: {format_count(len(others), 'tag')} with {kinds}"
        fix = "write B- for the first word of each mention and I- for its other words"
        return Problem(f"{file}:{others[0][0].line}", what, fix, unreadable=True)
    if scheme is None and len(problems) <= max(_MAX_FAULTS, _MAX_FAULT_SHARE * len(rows)):
        return None
    first = problems[0]
    what = f"{len(problems):,} faults in {len(rows):,} lines" + (": this is IOB1, not IOB2" if scheme else "")
    fix = f"write IOB2 (every mention begins with B-); the first: {first.what}; {first.fix}"
    return Problem(first.where, what, fix, unreadable=True)


def _note(layout: Columns, named: ColumnsConfig | None, skipped: Sequence[str], file: str) -> list[Problem]:
    """Return a note on skipped rows, and on columns other than the usual ones unless the user named them."""
    notes = []
    is_usual = (layout.word, layout.tag) == (0, layout.width - 1)
    if not is_usual and not (named and named.word and named.tag):
        notes.append(f"words are read from column {layout.word + 1} and tags from column {layout.tag + 1}")
    if skipped:
        notes.append(f"skipped: {', '.join(skipped)}")
    if not notes:
        return []
    fix = "" if is_usual else "if that is wrong, name the columns with --word N --tag N"
    return [Problem(file, "; ".join(notes), fix, note=True)]


def _without_comments(sentences: Sequence[_Sentence]) -> tuple[list[_Sentence], list[str]]:
    """Remove lines that are clearly comments; return the other rows and a description of how many were removed."""
    rows = [row for sentence in sentences for row in sentence.rows]
    if not rows:
        return [], []
    width = common_width([row for row in rows if not row.columns[0].startswith("#")] or rows)
    remaining, count = [], 0
    for sentence in sentences:
        words: list[Row] = []
        for row in sentence.rows:
            if not _is_comment(row, width, is_first=not words):
                words.append(row)
        count += len(sentence.rows) - len(words)
        remaining.append(replace(sentence, rows=tuple(words)))
    return [sentence for sentence in remaining if sentence.rows], [format_count(count, "comment line")] if count else []


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


def _without_header(sentences: Sequence[_Sentence]) -> tuple[list[_Sentence], Row | None]:
    """Remove the row that names the columns, wherever it is repeated; return the other rows and that row."""
    header = sentences[0].rows[0] if sentences else None
    if header is None or not is_header(header):
        return list(sentences), None
    remaining = (
        replace(sentence, rows=tuple(row for row in sentence.rows if row.columns != header.columns))
        for sentence in sentences
    )
    return [sentence for sentence in remaining if sentence.rows], header


def _without_multiword_rows(sentences: Sequence[_Sentence], layout: Columns) -> tuple[list[_Sentence], int]:
    """Remove rows of multiword tokens and empty nodes (CoNLL-U), if the first column is an index.

    A row with a mention's tag is not removed: its sentence is a problem.
    """
    rows = [row for sentence in sentences for row in sentence.rows]
    indices = [row for row in rows if _INDEX.fullmatch(row.columns[0])]
    if layout.word == 0 or 2 * len(indices) < len(rows):
        return list(sentences), 0
    filtered = (
        replace(sentence, rows=tuple(row for row in sentence.rows if _has_mention(row, layout) or _is_word(row)))
        for sentence in sentences
    )
    remaining = [sentence for sentence in filtered if sentence.rows]
    return remaining, len(rows) - sum(len(sentence.rows) for sentence in remaining)


def _is_word(row: Row) -> bool:
    """Return whether a row is not a multiword token or empty node by its index."""
    return not (_MULTIWORD.fullmatch(row.columns[0]) or _EMPTY_NODE.fullmatch(row.columns[0]))


def _has_mention(row: Row, layout: Columns) -> bool:
    return _tag(row, layout) not in ("O", "_", "-", "*", "")


def _split_sentences(source: str, stem: str) -> Iterator[_Sentence]:
    rows: list[Row] = []
    metadata: dict[str, Any] = {}
    lines = source.replace("\r\n", "\n").split("\n")
    for number, line in enumerate([*lines, ""], start=1):
        begins_document = line.split("\t")[0].split(" ")[0] == DOCUMENT_START
        if line.strip(_BLANK) and not begins_document:
            rows.append(Row(number, _split_columns(line)))
        elif rows:
            yield _Sentence(tuple(rows), metadata)
            rows = []
        if begins_document:
            metadata = {"document": f"{stem}:{number}"}


def _stem(file: str) -> str:
    return Path(strip_compression_suffix(file)).stem


def _split_columns(line: str) -> tuple[str, ...]:
    if "\t" in line:
        return tuple(column.strip(" ") for column in line.split("\t"))
    return tuple(re.split(" +", line.rstrip(" ")))


def _tag(row: Row, layout: Columns) -> str:
    """Return a row's tag. In a row of another width it is known only if it is in the last column."""
    if len(row.columns) == layout.width:
        return row.columns[layout.tag]
    return row.columns[-1] if layout.tag == layout.width - 1 and len(row.columns) > 1 else ""


def _word(row: Row, layout: Columns) -> str:
    return row.columns[min(layout.word, len(row.columns) - 1)]


def _parse_sentence(sentence: _Sentence, layout: Columns, file: str) -> tuple[Document, list[Problem]]:
    rows = sentence.rows
    words = [_word(row, layout) for row in rows]
    spans, tag_faults = read_tags([_tag(row, layout) or "O" for row in rows])
    row_faults = [(word, what, fix) for word, row in enumerate(rows) for what, fix in _row_faults(row, layout)]
    faults = sorted([*row_faults, *tag_faults])
    problems = [Problem(f"{file}:{rows[word].line}", what, fix) for word, what, fix in faults]
    ends = list(accumulate(len(word) + 1 for word in words))  # each after the space that follows the word
    document = Document(
        id=f"{_stem(file)}:{rows[0].line}",
        text=" ".join(words),
        mentions=tuple(
            Mention(ends[first] - len(words[first]) - 1, ends[last - 1] - 1, label) for first, last, label in spans
        ),
        metadata=sentence.metadata,
        origin=f"{file}:{rows[0].line}",
        places=tuple(f"{file}:{rows[first].line}" for first, _, _ in spans),
        is_valid=not problems,
    )
    return document, problems


def _row_faults(row: Row, layout: Columns) -> Iterator[tuple[str, str]]:
    """Return the faults of one row alone and their fixes; those of its tag are found by `read_tags`."""
    word, tag, width = _word(row, layout), _tag(row, layout), len(row.columns)
    if width != layout.width and (is_tag(tag) or width > 1):
        yield f"{width} columns, {layout.width} in the lines before", "write the same columns in every line"
    elif not tag:
        yield f"no tag after {word[:40]!r}", "write the word, a space or a tab, and its tag"
    elif layout.word > 0 and not _is_word(row) and _has_mention(row, layout):
        yield f"the tag {tag[:40]!r} of {row.columns[0]} is lost", "give the tag to the words that follow"
    if not word:
        yield "no word before the tag", "write it, or remove the line"
    elif any(char.isspace() or unicodedata.category(char) == "Cc" for char in word):
        yield f"{word[:40]!r} contains a space or control character", "split it into words, or remove the character"


def _detect(sample: Sample) -> str | None:
    rows = [_split_columns(line) for line in sample.lines[:-1] or sample.lines]
    tagged = sum(len(columns) > 1 and is_tag_like(columns[-1]) for columns in rows)
    return "lines that end in a tag" if rows and tagged >= _MIN_TAGGED * len(rows) else None


FORMAT = Format(
    name="conll",
    title="CoNLL",
    suffixes=(".conll", ".bio", ".iob2", ".txt"),
    default_for=(".conll", ".bio", ".iob2", ".txt"),
    detect=_detect,
    read=reader_of_text(lambda source, file, options: parse(source, file, options.columns)),
    options=frozenset({"columns"}),
)
