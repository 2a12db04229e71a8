r"""The form benchmarks come in: a word and its tag a line, a blank line after each sentence.

CoNLL's column form (Tjong Kim Sang & De Meulder 2003): columns stand apart by tabs or
spaces, mostly the word first and its tag last; other places are found (`conllcolumns`) and
said in a note. A line that begins with `-DOCSTART-` opens a document. Tags are IOB2. A `#`
is a word like any other, except where a line is plainly a comment.

Each sentence becomes a `Document` of its own: its words with one space between, under the
file's name and the sentence's first line. The form is read only: it keeps no spaces, ids or headers.

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
from conflict_ner.data.formats.compression import strip_compression_suffix
from conflict_ner.data.formats.conll_columns import Found, Row, common_width, find_columns, is_header
from conflict_ner.data.labels import detect_other_scheme, is_tag, is_tag_like, read_tags
from conflict_ner.errors import Problem

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

DOCUMENT = "-DOCSTART-"
_BLANK = " \t"  # what layout may consist of; other spaces are somebody's text
# More faults than both, and the file as a whole is in another form: said once, not a thousand times.
_MANY, _MANY_SHARE = 20, 0.1


# Rows of CoNLL-U that repeat or add words: 1-2 for a joined word, 1.1 for an empty one.
_JOINED, _EMPTY, _INDEX = re.compile(r"\d+-\d+"), re.compile(r"\d+\.\d+"), re.compile(r"\d+")
_COMMENT = re.compile(r"#\s*[\w.:-]+\s*=|#(begin|end) document")


@dataclass(frozen=True, slots=True)
class _Sentence:
    rows: tuple[Row, ...]
    metadata: dict[str, Any]


def parse(source: str, file: str, columns: ColumnsConfig | None = None) -> tuple[list[Document], list[Problem]]:
    """Read a whole file's text; what is wrong comes back beside what could be read.

    A file that is not in this form at all, such as plain prose, is one problem. What was found in
    another place than the usual is a problem that is marked as a note.

    Args:
        columns: where the words and the tags are; without it they are found.
    """
    sentences, passed_over = _without_comments(list(_sentences(source, _stem(file))))
    sentences, header = _without_header(sentences)
    if not sentences:
        return [], [Problem(file, "no sentence in this file", "write a word and its tag a line", unreadable=True)]
    found = find_columns([sentence.rows for sentence in sentences], file, columns, header)
    if isinstance(found, Problem):
        return [], [found]
    passed_over += [f"a header (line {header.line})"] if header else []
    sentences, repeated = _without_repeated_words(sentences, found)
    passed_over += [f"{_count(repeated, 'row')} of joined or empty words, such as 1-2"] if repeated else []
    if not sentences:
        return [], [Problem(file, "no sentence in this file", "write a word and its tag a line", unreadable=True)]
    documents, problems = [], []
    for sentence in sentences:
        document, faults = _document(sentence, found, file)
        documents.append(document)
        problems += faults
    other = _other_form(sentences, found, file, problems)
    return ([], [other]) if other else (documents, [*problems, *_note(found, columns, passed_over, file)])


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _other_form(sentences: Sequence[_Sentence], found: Found, file: str, problems: Sequence[Problem]) -> Problem | None:
    """Report a file whose tags are of another scheme, or which has more faults than one mends by hand."""
    rows = [row for sentence in sentences for row in sentence.rows]
    scheme = detect_other_scheme([[_tag(row, found) for row in sentence.rows] for sentence in sentences])
    if scheme not in (None, "IOB1"):
        tags = [(row, _tag(row, found)) for row in rows]
        others = [(row, tag) for row, tag in tags if is_tag_like(tag) and not is_tag(tag)]
        kinds = " and ".join(sorted({f"{tag[:2]}" for _, tag in others}))
        what = f"this is {scheme}, not IOB2: {_count(len(others), 'tag')} with {kinds}"
        fix = "write B- for the first word of each mention and I- for its others"
        return Problem(f"{file}:{others[0][0].line}", what, fix, unreadable=True)
    if scheme is None and len(problems) <= max(_MANY, _MANY_SHARE * len(rows)):
        return None
    first = problems[0]
    what = f"{len(problems):,} faults in {len(rows):,} lines" + (": this is IOB1, not IOB2" if scheme else "")
    fix = f"write IOB2 (every mention begins with B-); the first: {first.what}; {first.fix}"
    return Problem(first.where, what, fix, unreadable=True)


def _note(found: Found, asked: ColumnsConfig | None, passed_over: Sequence[str], file: str) -> list[Problem]:
    """Say what was found in another place than the usual, unless the user named that place."""
    notes = []
    usual = (found.word, found.tag) == (0, found.width - 1)
    if not usual and not (asked and asked.word and asked.tag):
        notes.append(f"words are read from column {found.word + 1} and tags from column {found.tag + 1}")
    if passed_over:
        notes.append(f"passed over: {', '.join(passed_over)}")
    if not notes:
        return []
    fix = "if that is wrong, name the columns with --word N --tag N" if not usual else ""
    return [Problem(file, "; ".join(notes), fix, note=True)]


def _without_comments(sentences: Sequence[_Sentence]) -> tuple[list[_Sentence], list[str]]:
    """Drop lines that are plainly comments, and describe how many."""
    rows = [row for sentence in sentences for row in sentence.rows]
    if not rows:
        return [], []
    width = common_width([row for row in rows if not row.columns[0].startswith("#")] or rows)
    kept, count = [], 0
    for sentence in sentences:
        words: list[Row] = []
        for row in sentence.rows:
            if not _is_comment(row, width, opens=not words):
                words.append(row)
        count += len(sentence.rows) - len(words)
        kept.append(replace(sentence, rows=tuple(words)))
    return [sentence for sentence in kept if sentence.rows], [_count(count, "comment line")] if count else []


def _is_comment(row: Row, width: int, *, opens: bool) -> bool:
    """Tell whether a row is a comment; a `#` with a tag is a word.

    opens: no word of the sentence stands before it.
    """
    line = " ".join(row.columns)
    same_width = len(row.columns) == width
    if not line.startswith("#") or (same_width and any(map(is_tag_like, row.columns[1:]))):
        return False
    if _COMMENT.match(line):
        return True
    plain = line.startswith("# ") and not is_tag_like(row.columns[-1])
    return opens and plain and (not same_width or "=" in line)


def _without_header(sentences: Sequence[_Sentence]) -> tuple[list[_Sentence], Row | None]:
    """Drop the row that names the columns, wherever it is repeated, and give it."""
    header = sentences[0].rows[0] if sentences else None
    if header is None or not is_header(header):
        return list(sentences), None
    kept = (
        replace(sentence, rows=tuple(row for row in sentence.rows if row.columns != header.columns))
        for sentence in sentences
    )
    return [sentence for sentence in kept if sentence.rows], header


def _without_repeated_words(sentences: Sequence[_Sentence], found: Found) -> tuple[list[_Sentence], int]:
    """Drop the rows of CoNLL-U that are no words of their own, where the first column is an index.

    A row that has a mention's tag stays: its sentence is refused.
    """
    rows = [row for sentence in sentences for row in sentence.rows]
    indices = [row for row in rows if _INDEX.fullmatch(row.columns[0])]
    if found.word == 0 or 2 * len(indices) < len(rows):
        return list(sentences), 0
    kept = (
        replace(sentence, rows=tuple(row for row in sentence.rows if _has_mention(row, found) or not _is_repeated(row)))
        for sentence in sentences
    )
    left = [sentence for sentence in kept if sentence.rows]
    return left, len(rows) - sum(len(sentence.rows) for sentence in left)


def _is_repeated(row: Row) -> bool:
    return bool(_JOINED.fullmatch(row.columns[0]) or _EMPTY.fullmatch(row.columns[0]))


def _has_mention(row: Row, found: Found) -> bool:
    return _tag(row, found) not in ("O", "_", "-", "*", "")


def _sentences(source: str, stem: str) -> Iterator[_Sentence]:
    rows: list[Row] = []
    metadata: dict[str, Any] = {}
    lines = source.replace("\r\n", "\n").split("\n")
    for number, line in enumerate([*lines, ""], start=1):
        opens = line.split("\t")[0].split(" ")[0] == DOCUMENT
        if line.strip(_BLANK) and not opens:
            rows.append(Row(number, _columns(line)))
        elif rows:
            yield _Sentence(tuple(rows), metadata)
            rows = []
        if opens:
            metadata = {"document": f"{stem}:{number}"}


def _stem(file: str) -> str:
    return Path(strip_compression_suffix(file)).stem


def _columns(line: str) -> tuple[str, ...]:
    if "\t" in line:
        return tuple(column.strip(" ") for column in line.split("\t"))
    return tuple(re.split(" +", line.rstrip(" ")))


def _tag(row: Row, found: Found) -> str:
    """Give a row's tag. In a row of another width it can only be known if it is the last column."""
    if len(row.columns) == found.width:
        return row.columns[found.tag]
    return row.columns[-1] if found.tag == found.width - 1 and len(row.columns) > 1 else ""


def _word(row: Row, found: Found) -> str:
    return row.columns[min(found.word, len(row.columns) - 1)]


def _document(sentence: _Sentence, found: Found, file: str) -> tuple[Document, list[Problem]]:
    rows = sentence.rows
    words = [_word(row, found) for row in rows]
    spans, misread = read_tags([_tag(row, found) or "O" for row in rows])
    faults = [(word, what, fix) for word, row in enumerate(rows) for what, fix in _row_faults(row, found)]
    problems = [Problem(f"{file}:{rows[word].line}", what, fix) for word, what, fix in sorted([*faults, *misread])]
    ends = list(accumulate(len(word) + 1 for word in words))  # each past the space that follows the word
    document = Document(
        id=f"{_stem(file)}:{rows[0].line}",
        text=" ".join(words),
        mentions=tuple(
            Mention(ends[first] - len(words[first]) - 1, ends[last - 1] - 1, lb) for first, last, lb in spans
        ),
        metadata=sentence.metadata,
        origin=f"{file}:{rows[0].line}",
        places=tuple(f"{file}:{rows[first].line}" for first, _, _ in spans),
        is_valid=not problems,
    )
    return document, problems


def _row_faults(row: Row, found: Found) -> Iterator[tuple[str, str]]:
    """Say what is wrong with one line by itself, whatever its tag says."""
    word, tag, width = _word(row, found), _tag(row, found), len(row.columns)
    if width != found.width and (is_tag(tag) or width > 1):
        yield f"{width} columns, {found.width} in the lines before", "write the same columns in every line"
    elif not tag:
        yield f"no tag after {word[:40]!r}", "write the word, a space or a tab, and its tag"
    elif found.word > 0 and _is_repeated(row) and _has_mention(row, found):
        yield f"the tag {tag[:40]!r} of {row.columns[0]} is lost", "give the tag to the words that follow"
    if not word:
        yield "no word before the tag", "write it, or remove the line"
    elif any(char.isspace() or unicodedata.category(char) == "Cc" for char in word):
        yield f"{word[:40]!r} has a space or control character in it", "part it into words, or remove the character"
