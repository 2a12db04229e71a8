r"""The CoNLL format of benchmarks: a word and its tag per line, a blank line after each sentence.

The column format of CoNLL-2003 (Tjong Kim Sang & De Meulder 2003): columns are separated by tabs
or spaces (or by another mark, see `conll_rows`), usually with the word first and its tag last; other columns are
detected (`conll_columns`) and reported in a note, and so is a scheme of tags other than IOB2 (`tag_schemes`). A line
that begins with `-DOCSTART-` begins a document. A `#` is a word like any other, unless the line is clearly a comment.

Each sentence becomes a `Document`: its words joined by single spaces, with an id from the file's name
and the sentence's first line. A document is written as one sentence: its words and their tags.

>>> documents, problems = parse("Rebels B-ACTOR\nleft O\nEl B-LOCATION\nFasher I-LOCATION\n. O\n", "demo.conll")
>>> documents[0].id, documents[0].text, problems
('demo:1', 'Rebels left El Fasher .', [])
>>> [documents[0].slice(mention) for mention in documents[0].mentions]
['Rebels', 'El Fasher']
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import Feature, Format, Sample, reader_of_text
from conflict_ner.data.formats.tagged_words.conll_columns import Columns, Row, find_columns
from conflict_ner.data.formats.tagged_words.conll_rows import Sentence, read_table
from conflict_ner.data.formats.tagged_words.tag_schemes import (
    IOB2,
    Scheme,
    TagStatistics,
    find_scheme,
    is_tag_like,
    write_tags,
)
from conflict_ner.data.formats.tagged_words.tagged_documents import to_document, to_words, unwritable, word_faults
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.errors import DataError, Problem, format_count

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

# A file with more faults than both has another format, and is reported once, not a thousand times.
_MAX_FAULTS, _MAX_FAULT_SHARE = 20, 0.1

# Indices of CoNLL-U: 1-2 is a multiword token, 1.1 an empty node, 1 a word.
_MULTIWORD, _EMPTY_NODE, _INDEX = re.compile(r"\d+-\d+"), re.compile(r"\d+\.\d+"), re.compile(r"\d+")
_SUFFIXES = (".conll", ".bio", ".iob", ".iob1", ".iob2", ".ioe", ".io", ".bioes", ".iobes", ".bilou")
_MIN_TAGGED = 0.8  # of the lines of a file have a tag
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_TAGS = ("O", "_", "-", "*", "")


def parse(
    source: str, file: str, columns: ColumnsConfig | None = None, scheme: str | None = None
) -> tuple[list[Document], list[Problem]]:
    """Parse a file's text; return the documents that could be read and all problems.

    A file that is not in this format at all, such as plain prose, is reported as one problem. Columns
    other than the usual ones, another scheme of tags than IOB2, and rows that were skipped, are reported as a problem
    that is a note.

    Args:
        source: the text.
        file: the file's name, for messages and ids.
        columns: the columns of words and tags; without it they are detected.
        scheme: the scheme of the tags; without it they decide it.

    Raises:
        ConfigError: if there is no such scheme.
    """
    named = find_scheme(scheme) if scheme else None
    empty = Problem(file, "no sentence in this file", "write a word and its tag on each line", unreadable=True)
    table = read_table(source, _stem(file))
    if not table.sentences:
        return [], [empty]
    rows = [sentence.rows for sentence in table.sentences]
    layout = find_columns(rows, file, columns, table.header, plain_labels=named is not None and named.name == "IO")
    if isinstance(layout, Problem):
        return [], [layout]
    sentences, multiword = _without_multiword_rows(table.sentences, layout)
    if not sentences:
        return [], [empty]
    statistics = _count_tags(sentences, layout, file)
    found = statistics.decide(file, named)
    if isinstance(found, Problem):
        return [], [found]
    documents, problems = [], []
    for sentence in sentences:
        document, faults = _parse_sentence(sentence, layout, found, statistics.normalize, file)
        documents.append(document)
        problems += faults
    lines = sum(len(sentence.rows) for sentence in sentences)
    if len(problems) > max(_MAX_FAULTS, _MAX_FAULT_SHARE * lines):
        return [], [_many_faults(problems, lines, found, statistics)]
    note = "" if named else statistics.note(found)
    notes = [*_column_notes(layout, columns), *table.notes, *([note] if note else [])]
    if multiword:
        notes.append(f"skipped: {format_count(multiword, 'row')} of multiword or empty tokens, such as 1-2")
    fix = "if that is wrong, name the columns with --word N --tag N" if _column_notes(layout, columns) else ""
    return documents, problems + ([Problem(file, "; ".join(notes), fix, note=True)] if notes else [])


def _count_tags(sentences: Sequence[Sentence], layout: Columns, file: str) -> TagStatistics:
    statistics = TagStatistics()
    for sentence in sentences:
        statistics.add(_tags(sentence, layout), _placer(sentence, file))
    return statistics


def _placer(sentence: Sentence, file: str) -> Callable[[int], str]:
    """Return a function that returns the place of a word of a sentence."""
    return lambda word: f"{file}:{sentence.rows[word].line}"


def _many_faults(problems: Sequence[Problem], lines: int, scheme: Scheme, statistics: TagStatistics) -> Problem:
    """Return the problem of a file with more faults than a person corrects by hand."""
    first = problems[0]
    what = f"{len(problems):,} faults in {lines:,} lines"
    nearest = statistics.decide(first.where)
    if isinstance(nearest, Scheme) and nearest.name != scheme.name and not statistics.count_faults(nearest):
        fix = f"its tags are {nearest.name}, not {scheme.name}: leave out --scheme, or name that"
        return Problem(first.where, what, fix, unreadable=True)
    return Problem(first.where, what, f"write {scheme.name}; the first: {first.what}; {first.fix}", unreadable=True)


def _column_notes(layout: Columns, named: ColumnsConfig | None) -> list[str]:
    """Return a note on columns other than the usual ones, unless the user named them."""
    if (layout.word, layout.tag) == (0, layout.width - 1) or (named and named.word and named.tag):
        return []
    return [f"words are read from column {layout.word + 1} and tags from column {layout.tag + 1}"]


def _without_multiword_rows(sentences: Sequence[Sentence], layout: Columns) -> tuple[list[Sentence], int]:
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
    return _tag(row, layout) not in _NO_TAGS


def _stem(file: str) -> str:
    return Path(strip_compression_suffix(file)).stem


def _tags(sentence: Sentence, layout: Columns) -> list[str]:
    return [_tag(row, layout) or "O" for row in sentence.rows]


def _tag(row: Row, layout: Columns) -> str:
    """Return a row's tag. In a row of another width it is known only if it is in the last column."""
    if len(row.columns) == layout.width:
        return row.columns[layout.tag]
    return row.columns[-1] if layout.tag == layout.width - 1 and len(row.columns) > 1 else ""


def _word(row: Row, layout: Columns) -> str:
    return row.columns[min(layout.word, len(row.columns) - 1)]


def _parse_sentence(
    sentence: Sentence, layout: Columns, scheme: Scheme, normalize: Callable[[str], str], file: str
) -> tuple[Document, list[Problem]]:
    rows = sentence.rows
    words = [_word(row, layout) for row in rows]
    row_faults = [(word, *fault) for word, row in enumerate(rows) for fault in _row_faults(row, layout)]
    return to_document(
        f"{_stem(file)}:{rows[0].line}",
        words,
        list(map(normalize, _tags(sentence, layout))),
        _placer(sentence, file),
        scheme,
        metadata=sentence.metadata,
        faults=[*row_faults, *word_faults(words)],
    )


def _row_faults(row: Row, layout: Columns) -> Iterator[tuple[str, str]]:
    """Return the faults of one row alone and their fixes; those of its word and tag are found elsewhere."""
    word, tag, width = _word(row, layout), _tag(row, layout), len(row.columns)
    if width != layout.width and (is_tag_like(tag) or width > 1):
        yield f"{width} columns, {layout.width} in the lines before", "write the same columns in every line"
    elif not tag:
        yield f"no tag after {word[:40]!r}", "write the word, a space or a tab, and its tag"
    elif layout.word > 0 and not _is_word(row) and _has_mention(row, layout):
        yield f"the tag {tag[:40]!r} of {row.columns[0]} is lost", "give the tag to the words that follow"


def write(documents: Iterable[Document], file: Path, scheme: Scheme = IOB2) -> None:
    """Write documents to a file: a word, a space and its tag on a line, a blank line after each document.

    In a file that ends in .tsv or .csv there is a tab or a comma instead of the space.

    Raises:
        DataError: with all reports that have no words, or words and labels that this format cannot hold.
    """
    problems: list[Problem] = []
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        if file.suffix.lower() == ".csv":
            rows = csv.writer(stream, lineterminator="\n")
        else:
            separator = "\t" if file.suffix.lower() == ".tsv" else " "
            rows = csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        for document in documents:
            # What is no word here becomes white space, which is lost anyway.
            words, spans = to_words(replace(document, text=_CONTROL.sub(" ", document.text)))
            problems += unwritable(document, words)
            try:
                tags = write_tags(spans, len(words), scheme)
            except ValueError as error:
                problems.append(Problem(document.origin or document.id, str(error), "write another scheme"))
                continue
            if not problems:
                rows.writerows(zip(words, tags, strict=True))
                stream.write("\n")
    if problems:
        raise DataError(problems)


def writer(scheme: str) -> Callable[[Iterable[Document], Path], None]:
    """Return `write` for a scheme other than IOB2.

    Raises:
        ConfigError: if there is no such scheme.
    """
    return partial(write, scheme=find_scheme(scheme, "--to-scheme"))


def _detect(sample: Sample) -> str | None:
    sentences = read_table("\n".join(sample.lines[:-1] or sample.lines), "").sentences
    rows = [row.columns for sentence in sentences for row in sentence.rows]
    for column, name in ((-1, "end in"), (1, "have"), (0, "begin with")):
        tagged = sum(len(cells) > 1 and is_tag_like(cells[column]) for cells in rows)
        if rows and tagged >= _MIN_TAGGED * len(rows):
            return f"lines that {name} a tag"
    return None


FORMAT = Format(
    name="conll",
    title="CoNLL",
    suffixes=(*_SUFFIXES, ".conllu", ".txt", ".tsv", ".csv"),
    default_for=(*_SUFFIXES, ".txt"),
    detect=_detect,
    read=reader_of_text(lambda source, file, options: parse(source, file, options.columns, options.scheme)),
    write=write,
    write_scheme=writer,
    carries=frozenset({Feature.INSIDE_TOKENS}),
    options=frozenset({"columns", "scheme"}),
)
