r"""The form benchmarks come in: a word and its tag a line, a blank line after each sentence.

CoNLL's column form (Tjong Kim Sang & De Meulder 2003): columns stand apart by tabs or
spaces, the word first, its tag last, those between are passed over; a line that begins
with `-DOCSTART-` opens a document. Tags are IOB2. A `#` is a word like any other.

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
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from conflict_ner.document import Document, Mention
from conflict_ner.errors import Problem
from conflict_ner.labels import is_tag, read_tags
from conflict_ner.unpacking import without_packing

DOCUMENT = "-DOCSTART-"
_BLANK = " \t"  # what layout may consist of; other spaces are somebody's text
# More faults than both, and the file as a whole is in another form: said once, not a thousand times.
_MANY, _MANY_SHARE = 20, 0.1


@dataclass(frozen=True, slots=True)
class _Row:
    """A line that is not blank: its number, and its columns."""

    line: int
    columns: tuple[str, ...]

    @property
    def tag(self) -> str:
        return self.columns[-1] if len(self.columns) > 1 else ""


@dataclass(frozen=True, slots=True)
class _Sentence:
    rows: tuple[_Row, ...]
    metadata: dict[str, Any]


def parse(source: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Read a whole file's text; what is wrong comes back beside what could be read.

    A file that is not in this form at all, such as plain prose, is one problem.
    """
    sentences = list(_sentences(source, _stem(file)))
    rows = [row for sentence in sentences for row in sentence.rows]
    if not rows:
        return [], [Problem(file, "no sentence in this file", "write a word and its tag a line", unreadable=True)]
    untagged = [row for row in rows if not is_tag(row.tag)]
    if 2 * len(untagged) > len(rows):
        fix = "labeled sentences have a word, a space and a tag on each line; plain text is for `tag` only"
        what = f"{len(untagged):,} of {len(rows):,} lines end in no tag (O, B-LABEL, I-LABEL): not a CoNLL file"
        return [], [Problem(f"{file}:{untagged[0].line}", what, fix, unreadable=True)]
    documents, problems = [], []
    for sentence in sentences:
        document, found = _document(sentence, len(rows[0].columns), file)
        documents.append(document)
        problems += found
    if len(problems) > max(_MANY, _MANY_SHARE * len(rows)):
        first, count = problems[0], len(problems)
        fix = f"write IOB2 (every mention begins with B-); the first: {first.what}; {first.fix}"
        return [], [Problem(first.where, f"{count:,} faults in {len(rows):,} lines", fix, unreadable=True)]
    return documents, problems


def _sentences(source: str, stem: str) -> Iterator[_Sentence]:
    rows: list[_Row] = []
    metadata: dict[str, Any] = {}
    lines = source.replace("\r\n", "\n").split("\n")
    for number, line in enumerate([*lines, ""], start=1):
        opens = line.split("\t")[0].split(" ")[0] == DOCUMENT
        if line.strip(_BLANK) and not opens:
            rows.append(_Row(number, _columns(line)))
        elif rows:
            yield _Sentence(tuple(rows), metadata)
            rows = []
        if opens:
            metadata = {"document": f"{stem}:{number}"}


def _stem(file: str) -> str:
    return Path(without_packing(file)).stem


def _columns(line: str) -> tuple[str, ...]:
    if "\t" in line:
        return tuple(column.strip(" ") for column in line.split("\t"))
    return tuple(re.split(" +", line.rstrip(" ")))


def _document(sentence: _Sentence, width: int, file: str) -> tuple[Document, list[Problem]]:
    rows = sentence.rows
    words = [row.columns[0] for row in rows]
    spans, misread = read_tags([row.tag or "O" for row in rows])
    faults = [(word, what, fix) for word, row in enumerate(rows) for what, fix in _row_faults(row, width)]
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
        sound=not problems,
    )
    return document, problems


def _row_faults(row: _Row, width: int) -> Iterator[tuple[str, str]]:
    """What is wrong with one line by itself, whatever its tag says."""
    word = row.columns[0]
    if not row.tag:
        yield f"no tag after {word[:40]!r}", "write the word, a space or a tab, and its tag"
    elif is_tag(row.tag) and len(row.columns) != width:
        yield f"{len(row.columns)} columns, {width} in the lines before", "write the same columns in every line"
    if not word:
        yield "no word before the tag", "write it, or remove the line"
    elif any(char.isspace() or unicodedata.category(char) == "Cc" for char in word):
        yield f"{word[:40]!r} has a space or control character in it", "part it into words, or remove the character"
