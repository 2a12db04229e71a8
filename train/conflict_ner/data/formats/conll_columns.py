"""Find which columns of a CoNLL file hold the words and the tags, and which lines are neither.

Files are found with an index or a file name first, with a second column of tags, with a
confidence last, with a header or comments. The columns are measured over the whole file.
Where the measures leave a doubt the answer is a `Problem` that shows the columns and asks
for `--word N --tag N`: words that are read from a wrong column cannot be told afterwards.

>>> rows = [Row(n, tuple(line.split())) for n, line in enumerate(["1 In O 0.9", "2 Varga B-LOC 0.8"], start=1)]
>>> find_columns([rows], "demo.conll", None)
Found(word=1, tag=2, width=4)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conflict_ner.data.labels import is_tag_like
from conflict_ner.errors import Problem, excerpt

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig

_TAG_NAMES = "tag tags ner nertag nertags nerlabel label labels entity entities netag bio iob iob2 gold"
_WORD_NAMES = "word words token tokens form text"
_CHUNKS = "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP"
# Of Universal Dependencies, then of the Penn Treebank.
_PARTS_OF_SPEECH = (
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X "
    "CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP TO UH VB VBD VBG VBN VBP VBZ "
    "WDT WP WP$ WRB -LRB- -RRB- HYPH NFP ADD AFX GW XX"
)
TAG_NAMES, WORD_NAMES, CHUNKS, PARTS_OF_SPEECH = (
    frozenset(names.split()) for names in (_TAG_NAMES, _WORD_NAMES, _CHUNKS, _PARTS_OF_SPEECH)
)
_NUMBER = re.compile(r"[-+]?[\d.][\d.,:/eE+-]*")
_NAME = re.compile(r"[/_]|\w\.\w\w|\w\d|^X$")  # of a file or document: bc/x, a.txt, doc1
_BRACKETS = re.compile(r"\*|\([A-Z_]+\*?\)?|\*\)|\([A-Z_]+\)")
_TAG_SHARE = 0.5  # of a column's cells; the rest may be faults
_RIVAL_SHARE = 0.8  # of the best column's share: such a column may be the one that is meant
_NUMBER_SHARE = 0.9  # of a column's cells
_SEPARATORS = (",", ";", "|", ":", "/")
_SURELY_WORDS = 5  # different cells, so that a column beside it that is always the same is no column of words
_EXAMPLES = 12  # columns in a message


@dataclass(frozen=True, slots=True)
class Row:
    """A line that is not blank: its number, and its columns."""

    line: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The numbers, from 0, of the columns with the words and the tags, and how many columns a row has."""

    word: int
    tag: int
    width: int


def common_width(rows: Sequence[Row]) -> int:
    """Give the number of columns that most rows have; of two, the one that comes first."""
    return Counter(len(row.columns) for row in rows).most_common(1)[0][0]


def is_header(row: Row) -> bool:
    """Tell whether a file's first row names its columns instead of holding a word and its tag.

    >>> is_header(Row(1, ("id", "Word", "NER_tag"))), is_header(Row(1, ("label", "O")))
    (True, False)
    """
    names = [_name(cell) for cell in row.columns]
    if any(is_tag_like(cell) for cell in row.columns):
        return False
    return len(names) > 1 and any(name in TAG_NAMES for name in names)


def find_columns(
    sentences: Sequence[Sequence[Row]], file: str, asked: ColumnsConfig | None, header: Row | None = None
) -> Found | Problem:
    """Find the columns of words and tags, or say why they cannot be known.

    Args:
        asked: the columns that the user named, which are believed.
        header: the row that names the columns, if there is one; it is not in `sentences`.
    """
    rows = [row for sentence in sentences for row in sentence]
    width = common_width(rows)
    table = _Table(sentences, width, file)
    word = asked.word - 1 if asked and asked.word else None
    tag = asked.tag - 1 if asked and asked.tag else None
    for number in (word, tag):
        if number is not None and number >= width:
            return Problem(file, f"there is no column {number + 1}: lines have {width}", _ASK, unreadable=True)
    if word is not None and word == tag:
        return Problem(file, f"column {word + 1} cannot hold both the words and the tags", _ASK, unreadable=True)
    found = table.find_tag(word) if tag is None else tag
    if isinstance(found, Problem):
        return found
    if tag is not None and table.shares[tag] <= _TAG_SHARE:
        return _no_tags(rows, file, tag)
    chosen = table.find_word(found, header) if word is None else word
    if isinstance(chosen, Problem):
        return chosen
    separator = _glued_separator(table.cells[chosen])
    return _other_separator(rows, file, separator) if separator else Found(chosen, found, width)


_ASK = "say which columns they are: --word N --tag N, counted from 1 (in a config, data.columns: {word: N, tag: N})"


class _Table:
    """The rows of the common width, by column."""

    def __init__(self, sentences: Sequence[Sequence[Row]], width: int, file: str) -> None:
        self.file, self.width = file, width
        self.all_rows = [row for sentence in sentences for row in sentence]
        whole = ([row for row in sentence if len(row.columns) == width] for sentence in sentences)
        self.sentences = [rows for rows in whole if rows]
        self.rows = [row for sentence in self.sentences for row in sentence]
        self.cells = [[row.columns[column] for row in self.rows] for column in range(width)]
        self.shares = [_share(map(is_tag_like, cells)) for cells in self.cells]

    def find_tag(self, word: int | None) -> int | Problem:
        candidates = [c for c in range(self.width) if self.shares[c] > _TAG_SHARE and c != word]
        if self.width == 1 or not candidates:
            return self._brackets() or _no_tags(self.all_rows, self.file)
        candidates = [c for c in candidates if not self._holds_chunks(c)] or candidates
        marked = [c for c in candidates if any(cell not in ("O", "_", "-", "") for cell in self.cells[c])]
        if not marked:
            return self._brackets() or candidates[-1]
        best = max(self.shares[c] for c in marked)
        rivals = {tuple(self.cells[c]): c for c in marked if self.shares[c] >= _RIVAL_SHARE * best}
        if len(rivals) == 1:
            return next(iter(rivals.values()))
        return self._doubt("more than one column holds tags", sorted(rivals.values()), tagged=True)

    def find_word(self, tag: int, header: Row | None) -> int | Problem:
        columns = [c for c in range(self.width) if c != tag]
        named = [c for c in columns if header and c < len(header.columns) and _name(header.columns[c]) in WORD_NAMES]
        if len(named) == 1:
            return named[0]
        if len(self.rows) == 1:  # nothing can be measured
            return self._find_word_in_one_row(columns)
        # A second column of tags is no column of words; a word may look like a tag.
        open_columns = [c for c in columns if not self._is_number(c) and self.shares[c] < _RIVAL_SHARE]
        open_columns = [c for c in open_columns if not self._is_part_of_speech(c)]
        if len(columns) > 1:
            varied = [c for c in open_columns if not self._is_constant(c)]
            # An id such as T1 or a3f9 is passed over only for a better column.
            open_columns = [c for c in varied if not self._is_id(c)] or varied
        if not open_columns and len(columns) == 1 and not self._is_number(columns[0]):
            open_columns = [] if self._is_part_of_speech(columns[0]) else columns
        if not open_columns:
            return self._doubt("no column looks like words", range(self.width))
        first, *others = open_columns
        numbers = [c for c in columns if c < first and self._is_number(c) and not self._is_measure(c)]
        repeated = [c for c in columns if c < first and self._may_be_repeated_words(c)]
        if numbers or (repeated and len(set(self.cells[first])) < _SURELY_WORDS):
            return self._doubt("more than one column may hold the words", sorted({*numbers, *repeated, first}))
        if any(self._may_be_the_words(c, first) for c in others):
            return self._doubt("more than one column may hold the words", open_columns)
        return first

    def _find_word_in_one_row(self, columns: Sequence[int]) -> int | Problem:
        first = columns[0]
        doubtful = len(columns) > 1 and (self._is_number(first) or self._is_part_of_speech(first))
        return self._doubt("one line is too little to tell the columns", range(self.width)) if doubtful else first

    def _may_be_the_words(self, column: int, first: int) -> bool:
        """Tell whether a column is as likely to hold the words as one that stands to the left of it."""
        cells, before = self.cells[column], self.cells[first]
        if cells == before:
            return False
        if len(set(cells)) > len(set(before)):
            return True
        # Names of classes are written in capitals, words mostly not, and a word and its lemma begin alike.
        alike = _share(a[:1].casefold() == b[:1].casefold() for a, b in zip(before, cells, strict=True))
        return _share(map(str.isupper, before)) > _TAG_SHARE > max(_share(map(str.isupper, cells)), alike)

    def _is_number(self, column: int) -> bool:
        """Tell whether a column counts or measures: an index, offsets, a confidence."""
        cells = [cell for cell in self.cells[column] if cell not in ("_", "-", "")]
        with_digits = [bool(_NUMBER.fullmatch(cell)) and any(map(str.isdigit, cell)) for cell in cells]
        return bool(cells) and _share(with_digits) >= _NUMBER_SHARE

    def _is_part_of_speech(self, column: int) -> bool:
        named = [cell for cell in self.cells[column] if any(map(str.isalpha, cell))]
        if self.width == 2:  # noqa: PLR2004 - there is no other column: "to" and "in" may be words
            return bool(named) and all(cell in PARTS_OF_SPEECH for cell in named)
        return bool(named) and all(_names_part_of_speech(cell) for cell in named)

    def _is_constant(self, column: int) -> bool:
        """Tell whether a column says the same in all words of each sentence, as a file's name does."""
        if len(set(self.cells[column])) == 1:
            return True
        longer = [sentence for sentence in self.sentences if len(sentence) > 1]
        return bool(longer) and all(len({row.columns[column] for row in sentence}) == 1 for sentence in longer)

    def _may_be_repeated_words(self, column: int) -> bool:
        """Tell whether a column that says the same in all words of each sentence is not surely a name or a filler."""
        if self._is_number(column) or self._is_part_of_speech(column) or not self._is_constant(column):
            return False
        return not all(_NAME.search(cell) or not any(map(str.isalnum, cell)) for cell in self.cells[column])

    def _is_id(self, column: int) -> bool:
        """Tell whether a column names each row, such as T1, T2 or s1_t1."""
        cells = self.cells[column]
        return len(set(cells)) == len(cells) and _share(any(map(str.isdigit, cell)) for cell in cells) >= _NUMBER_SHARE

    def _is_measure(self, column: int) -> bool:
        """Tell whether a column of numbers is surely no text: it rises through each sentence, or is a share of 1."""
        values = [[_value(row.columns[column]) for row in sentence] for sentence in self.sentences]
        rises = all(list(numbers) == sorted(numbers) for numbers in values)
        return rises or all(0 <= number <= 1 for numbers in values for number in numbers)

    def _holds_chunks(self, column: int) -> bool:
        return all(cell[2:] in CHUNKS for cell in self.cells[column] if is_tag_like(cell) and cell != "O") and any(
            is_tag_like(cell) and cell != "O" for cell in self.cells[column]
        )

    def _brackets(self) -> Problem | None:
        """Report a column of mentions in brackets, as OntoNotes has them."""
        for cells in self.cells:
            if all(map(_BRACKETS.fullmatch, cells)) and any(cell.startswith("(") for cell in cells):
                what = "mentions are written with brackets, such as (ORG* and *), as in CoNLL-2012"
                return Problem(self.file, what, "convert them to tags: O, B-LABEL, I-LABEL", unreadable=True)
        return None

    def _doubt(self, what: str, columns: Sequence[int], *, tagged: bool = False) -> Problem:
        shown = [f"{c + 1} ({self._example(c, tagged=tagged)})" for c in columns[:_EXAMPLES]]
        more = f" and {len(columns) - _EXAMPLES} more" if len(columns) > _EXAMPLES else ""
        place = f"{self.file}:{self.rows[0].line}"
        return Problem(place, f"{what}: {', '.join(shown)}{more}", _ASK, unreadable=True)

    def _example(self, column: int, *, tagged: bool) -> str:
        cells = [cell for cell in self.cells[column] if cell not in ("O", "_", "")] if tagged else self.cells[column]
        return ", ".join(excerpt(cell, 20) for cell in list(dict.fromkeys(cells or self.cells[column]))[:3])


def _no_tags(rows: Sequence[Row], file: str, tag: int | None = None) -> Problem:
    """Report that most lines have no tag: columns stand apart by another character, or it is no CoNLL file."""
    separator = next((s for s in _SEPARATORS if _share(_is_parted_by(row, s) for row in rows) > _TAG_SHARE), None)
    if separator:
        return _other_separator(rows, file, separator)
    cells = [row.columns[-1] if tag is None else "".join(row.columns[tag : tag + 1]) for row in rows]
    untagged = [row for row, cell in zip(rows, cells, strict=True) if len(row.columns) == 1 or not is_tag_like(cell)]
    place = "end in no tag" if tag is None else f"have no tag in column {tag + 1}"
    what = f"{len(untagged):,} of {len(rows):,} lines {place} (O, B-LABEL, I-LABEL): not a CoNLL file"
    fix = "labeled sentences have a word, a space and a tag on each line; plain text is for `tag` only"
    if tag is not None:
        what, fix = what.removesuffix(": not a CoNLL file"), _ASK
    return Problem(f"{file}:{(untagged or rows)[0].line}", what, fix, unreadable=True)


def _is_parted_by(row: Row, separator: str) -> bool:
    cells = " ".join(row.columns).split(separator)
    return len(cells) > 1 and any(is_tag_like(cell.strip(" \"'")) for cell in cells)


def _glued_separator(words: Sequence[str]) -> str | None:
    """Give the separator that ends nearly all words, as in `Varga, B-LOC`."""
    return next(
        (s for s in _SEPARATORS if len(words) > 1 and _share(w.endswith(s) for w in words) > _NUMBER_SHARE), None
    )


def _other_separator(rows: Sequence[Row], file: str, separator: str) -> Problem:
    what = f"columns stand apart by {separator!r}, not by tabs or spaces"
    return Problem(f"{file}:{rows[0].line}", what, "write a tab in its place", unreadable=True)


def _name(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell).casefold()


def _names_part_of_speech(cell: str) -> bool:
    # In small letters only the longer names: "in" and "to" are words.
    return cell in PARTS_OF_SPEECH or (cell.islower() and len(cell) > len("to") and cell.upper() in PARTS_OF_SPEECH)


def _value(cell: str) -> float:
    number = re.search(r"\d+(\.\d+)?", cell)
    return float(number.group()) if number else 0.0


def _share(truths: Iterable[bool]) -> float:
    listed = list(truths)
    return sum(listed) / len(listed) if listed else 0.0
