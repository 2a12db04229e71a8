"""Detection of the columns of words and tags in a CoNLL file.

Files in use have an index or a file name first, a second column of tags, a confidence last,
or a header. The columns are classified by their cells in the whole file. If that leaves a
doubt, the result is a `Problem` that shows the columns and asks for `--word N --tag N`:
words that are read from a wrong column cannot be recognized later.

>>> rows = [Row(n, tuple(line.split())) for n, line in enumerate(["1 In O 0.9", "2 Varga B-LOC 0.8"], start=1)]
>>> find_columns([rows], "demo.conll", None)
Columns(word=1, tag=2, width=4)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conflict_ner.data.formats.tagged_words.tag_schemes import is_tag_like
from conflict_ner.errors import Problem, excerpt

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

_TAG_NAMES = "tag tags ner nertag nertags nerlabel label labels entity entities netag bio iob iob2 gold"
_WORD_NAMES = "word words token tokens form text"
SENTENCE_NAMES = frozenset(("sentence", "sentenceid", "sentenceidx", "sentenceno", "sentid", "sent"))
_CHUNKS = "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP"
# Universal Dependencies, then the Penn Treebank.
_PARTS_OF_SPEECH = (
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X "
    "CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP TO UH VB VBD VBG VBN VBP VBZ "
    "WDT WP WP$ WRB -LRB- -RRB- HYPH NFP ADD AFX GW XX"
)
TAG_NAMES, WORD_NAMES, CHUNKS, PARTS_OF_SPEECH = (
    frozenset(names.split()) for names in (_TAG_NAMES, _WORD_NAMES, _CHUNKS, _PARTS_OF_SPEECH)
)
_NUMBER = re.compile(r"[-+]?[\d.][\d.,:/eE+-]*")
_DOCUMENT_NAME = re.compile(r"[/_]|\w\.\w\w|\w\d|^X$")  # of a file or document: bc/x, a.txt, doc1
_BRACKETS = re.compile(r"\*|\([A-Z_]+\*?\)?|\*\)|\([A-Z_]+\)")
_MIN_TAG_SHARE = 0.5  # of a column's cells; the rest may be faults
_RIVAL_SHARE = 0.8  # of the best column's share: such a column may be the right one
_MAJORITY = 0.5  # of the cells or rows
_MIN_SHARE = 0.9  # of a column's cells for it to be a column of numbers or ids
_MIN_VOCABULARY = 5  # different words, so that a constant column next to them is not a column of words
_MAX_SHOWN = 12  # columns in a message

_COLUMNS_FIX = "name the columns: --word N --tag N, counted from 1 (in a config, data.columns: {word: N, tag: N})"


@dataclass(frozen=True, slots=True)
class Row:
    """A line that is not blank: its number and its cells."""

    line: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the words and of the tags, counted from 0, and the number of columns of a row."""

    word: int
    tag: int
    width: int


def common_width(rows: Sequence[Row]) -> int:
    """Return the number of columns that most rows have; of two, the one that comes first."""
    return Counter(len(row.columns) for row in rows).most_common(1)[0][0]


def is_header(row: Row) -> bool:
    """Return whether a file's first row names its columns.

    >>> is_header(Row(1, ("id", "Word", "NER_tag"))), is_header(Row(1, ("label", "O")))
    (True, False)
    """
    names = [normalize(cell) for cell in row.columns]
    if any(is_tag_like(cell) for cell in row.columns):
        return False
    return len(names) > 1 and any(name in TAG_NAMES or name in WORD_NAMES for name in names)


def find_columns(
    sentences: Sequence[Sequence[Row]],
    file: str,
    named: ColumnsConfig | None,
    header: Row | None = None,
    *,
    plain_labels: bool = False,
) -> Columns | Problem:
    """Find the columns of words and tags; return a problem if they are uncertain.

    Args:
        sentences: the rows of each sentence.
        file: the file's name, for problems.
        named: the columns that the user named, which are used as they are.
        header: the row that names the columns, if there is one; it is not in `sentences`.
        plain_labels: a tag may be a label without a prefix, so that a named column need not look like tags.
    """
    rows = [row for sentence in sentences for row in sentence]
    width = common_width(rows)
    table = _Table(sentences, width, file)
    word = named.word - 1 if named and named.word else None
    tag = named.tag - 1 if named and named.tag else None
    for number in (word, tag):
        if number is not None and number >= width:
            return Problem(file, f"there is no column {number + 1}: lines have {width}", _COLUMNS_FIX, unreadable=True)
    if word is not None and word == tag:
        return Problem(
            file, f"column {word + 1} cannot hold both the words and the tags", _COLUMNS_FIX, unreadable=True
        )
    tag_column = table.find_tag(word, plain_labels=plain_labels) if tag is None else tag
    if isinstance(tag_column, Problem):
        return tag_column
    if tag is not None and table.tag_shares[tag] <= _MIN_TAG_SHARE and not plain_labels:
        return _no_tags_problem(rows, file, tag)
    word_column = table.find_word(tag_column, header) if word is None else word
    if isinstance(word_column, Problem):
        return word_column
    return Columns(word_column, tag_column, width)


class _Table:
    """The rows of the common width, by column."""

    def __init__(self, sentences: Sequence[Sequence[Row]], width: int, file: str) -> None:
        self.file, self.width = file, width
        self.all_rows = [row for sentence in sentences for row in sentence]
        complete = ([row for row in sentence if len(row.columns) == width] for sentence in sentences)
        self.sentences = [rows for rows in complete if rows]
        self.rows = [row for sentence in self.sentences for row in sentence]
        self.cells = [[row.columns[column] for row in self.rows] for column in range(width)]
        self.tag_shares = [_share(map(is_tag_like, cells)) for cells in self.cells]

    def find_tag(self, word: int | None, *, plain_labels: bool) -> int | Problem:
        candidates = [c for c in range(self.width) if self.tag_shares[c] > _MIN_TAG_SHARE and c != word]
        if plain_labels and not candidates:
            candidates = [c for c in range(1, self.width) if "O" in self.cells[c] and c != word][-1:]
        if self.width == 1 or not candidates:
            return self._brackets_problem() or _no_tags_problem(self.all_rows, self.file)
        candidates = [c for c in candidates if not self._holds_chunks(c)] or candidates
        with_mentions = [c for c in candidates if any(cell not in ("O", "_", "-", "") for cell in self.cells[c])]
        if not with_mentions:
            return self._brackets_problem() or candidates[-1]
        best = max(self.tag_shares[c] for c in with_mentions)
        rivals = {tuple(self.cells[c]): c for c in with_mentions if self.tag_shares[c] >= _RIVAL_SHARE * best}
        if len(rivals) == 1:
            return next(iter(rivals.values()))
        return self._doubt("more than one column holds tags", sorted(rivals.values()), show_tags=True)

    def find_word(self, tag: int, header: Row | None) -> int | Problem:
        columns = [c for c in range(self.width) if c != tag]
        names = dict(enumerate(map(normalize, header.columns))) if header else {}
        named = [c for c in columns if names.get(c) in WORD_NAMES]
        if len(named) == 1:
            return named[0]
        if len(self.rows) == 1:  # too little to classify the columns
            return self._find_word_in_one_row(columns)
        # A second column of tags is not a column of words; a word may look like a tag.
        candidates = [c for c in columns if not self._is_number(c) and self.tag_shares[c] < _RIVAL_SHARE]
        candidates = [c for c in candidates if not self._is_part_of_speech(c)]
        if len(columns) > 1:
            varied = [c for c in candidates if not self._is_constant(c)]
            # A column of ids such as T1 or a3f9 is skipped only for a better one.
            candidates = [c for c in varied if not self._is_id(c)] or varied
        if not candidates and len(columns) == 1 and not self._is_number(columns[0]):
            candidates = [] if self._is_part_of_speech(columns[0]) else columns
        if not candidates:
            return self._doubt("no column looks like words", range(self.width))
        first, *others = candidates
        numbers = [c for c in columns if c < first and self._is_number(c) and not self._is_measure(c)]
        repeated = [c for c in columns if c < first and self._may_be_repeated_words(c)]
        if numbers or (repeated and len(set(self.cells[first])) < _MIN_VOCABULARY):
            return self._doubt("more than one column may hold the words", sorted({*numbers, *repeated, first}))
        if any(self._may_be_words(c, first) for c in others):
            return self._doubt("more than one column may hold the words", candidates)
        return first

    def _find_word_in_one_row(self, columns: Sequence[int]) -> int | Problem:
        first = columns[0]
        is_uncertain = len(columns) > 1 and (self._is_number(first) or self._is_part_of_speech(first))
        return self._doubt("one line is too little to tell the columns", range(self.width)) if is_uncertain else first

    def _may_be_words(self, column: int, first: int) -> bool:
        """Return whether a column is as likely to hold the words as a column to the left of it."""
        cells, first_cells = self.cells[column], self.cells[first]
        if cells == first_cells:
            return False
        if len(set(cells)) > len(set(first_cells)):
            return True
        # Class names are in capitals, words mostly not; a word and its lemma begin with the same letter.
        same_letter = _share(a[:1].casefold() == b[:1].casefold() for a, b in zip(first_cells, cells, strict=True))
        return _share(map(str.isupper, first_cells)) > _MAJORITY > max(_share(map(str.isupper, cells)), same_letter)

    def _is_number(self, column: int) -> bool:
        """Return whether a column holds numbers: an index, offsets, a confidence."""
        cells = [cell for cell in self.cells[column] if cell not in ("_", "-", "")]
        are_numbers = [bool(_NUMBER.fullmatch(cell)) and any(map(str.isdigit, cell)) for cell in cells]
        return bool(cells) and _share(are_numbers) >= _MIN_SHARE

    def _is_part_of_speech(self, column: int) -> bool:
        cells = [cell for cell in self.cells[column] if any(map(str.isalpha, cell))]
        if self.width == 2:  # noqa: PLR2004 - there is no other column: "to" and "in" may be words
            return bool(cells) and all(cell in PARTS_OF_SPEECH for cell in cells)
        return bool(cells) and all(map(_names_part_of_speech, cells))

    def _is_constant(self, column: int) -> bool:
        """Return whether a column has one value in each sentence, as a file's name does."""
        if len(set(self.cells[column])) == 1:
            return True
        longer = [sentence for sentence in self.sentences if len(sentence) > 1]
        return bool(longer) and all(len({row.columns[column] for row in sentence}) == 1 for sentence in longer)

    def _may_be_repeated_words(self, column: int) -> bool:
        """Return whether a column with one value in each sentence is not certainly a name or a filler."""
        if self._is_number(column) or self._is_part_of_speech(column) or not self._is_constant(column):
            return False
        return not all(_DOCUMENT_NAME.search(cell) or not any(map(str.isalnum, cell)) for cell in self.cells[column])

    def _is_id(self, column: int) -> bool:
        """Return whether a column has an id for each row, such as T1, T2 or s1_t1."""
        cells = self.cells[column]
        return len(set(cells)) == len(cells) and _share(any(map(str.isdigit, cell)) for cell in cells) >= _MIN_SHARE

    def _is_measure(self, column: int) -> bool:
        """Return whether a column of numbers is certainly not text: it rises in each sentence, or is in [0, 1]."""
        values = [[_value(row.columns[column]) for row in sentence] for sentence in self.sentences]
        is_rising = all(list(numbers) == sorted(numbers) for numbers in values)
        return is_rising or all(0 <= number <= 1 for numbers in values for number in numbers)

    def _holds_chunks(self, column: int) -> bool:
        tags = [cell for cell in self.cells[column] if is_tag_like(cell) and cell != "O"]
        return bool(tags) and all(tag[2:] in CHUNKS for tag in tags)

    def _brackets_problem(self) -> Problem | None:
        """Return a problem if a column has mentions in brackets, as in OntoNotes."""
        for cells in self.cells:
            if all(map(_BRACKETS.fullmatch, cells)) and any(cell.startswith("(") for cell in cells):
                what = "mentions are written with brackets, such as (ORG* and *), as in CoNLL-2012"
                return Problem(self.file, what, "convert them to tags: O, B-LABEL, I-LABEL", unreadable=True)
        return None

    def _doubt(self, message: str, columns: Sequence[int], *, show_tags: bool = False) -> Problem:
        """Return a problem that shows examples of the columns between which the user must choose."""
        shown = [f"{c + 1} ({self._examples(c, show_tags=show_tags)})" for c in columns[:_MAX_SHOWN]]
        more = f" and {len(columns) - _MAX_SHOWN} more" if len(columns) > _MAX_SHOWN else ""
        position = f"{self.file}:{self.rows[0].line}"
        return Problem(position, f"{message}: {', '.join(shown)}{more}", _COLUMNS_FIX, unreadable=True)

    def _examples(self, column: int, *, show_tags: bool) -> str:
        cells = [cell for cell in self.cells[column] if not show_tags or cell not in ("O", "_", "")]
        return ", ".join(excerpt(cell, 20) for cell in list(dict.fromkeys(cells or self.cells[column]))[:3])


def _no_tags_problem(rows: Sequence[Row], file: str, tag: int | None = None) -> Problem:
    """Return the problem of a file with mostly untagged lines: it is not a CoNLL file."""
    cells = [row.columns[-1] if tag is None else "".join(row.columns[tag : tag + 1]) for row in rows]
    untagged = [row for row, cell in zip(rows, cells, strict=True) if len(row.columns) == 1 or not is_tag_like(cell)]
    fault = "do not end in a tag" if tag is None else f"have no tag in column {tag + 1}"
    what = f"{len(untagged):,} of {len(rows):,} lines {fault} (O, B-LABEL, I-LABEL): not a CoNLL file"
    fix = "labeled sentences have a word, a space and a tag on each line; plain text is for `tag` only"
    if len(rows) > len(untagged) > 0 and all(len(row.columns) > 1 for row in rows):
        fix += "; if the tags are labels without prefixes, say --scheme IO"
    if tag is not None:
        what, fix = what.removesuffix(": not a CoNLL file"), _COLUMNS_FIX
    return Problem(f"{file}:{(untagged or rows)[0].line}", what, fix, unreadable=True)


def normalize(cell: str) -> str:
    """Return the name of a column without capitals, spaces and marks."""
    return re.sub(r"[\W_]", "", cell).casefold()


def _names_part_of_speech(cell: str) -> bool:
    # In lower case only the longer names: "in" and "to" are words.
    return cell in PARTS_OF_SPEECH or (cell.islower() and len(cell) > len("to") and cell.upper() in PARTS_OF_SPEECH)


def _value(cell: str) -> float:
    number = re.search(r"\d+(\.\d+)?", cell)
    return float(number.group()) if number else 0.0


def _share(flags: Iterable[bool]) -> float:
    """Return the share of true flags, 0 if there are none."""
    values = list(flags)
    return sum(values) / len(values) if values else 0.0
