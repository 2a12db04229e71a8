r"""WebAnno TSV 3, the tables that INCEpTION and WebAnno export: a token a line, a column for each feature of a layer.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value

    #Text=Rebels left El Fasher .
    1-1<TAB>0-6<TAB>Rebels<TAB>ACTOR
    1-3<TAB>12-14<TAB>El<TAB>LOCATION[1]

`_` is no annotation, `*` one without a value, `a|b` are two on one token. A number in brackets joins the tokens of one
annotation, and tells apart those that share a token. A sub-token (`1-2.1`) is a part of the token in the line above.
Offsets count UTF-16 units; the texts of the tokens show it where another program has counted otherwise.

The format: https://inception-project.github.io/releases/36.0/docs/user-guide.html#sect_webannotsv

>>> _values("PER[1]|a\\|b[2]"), _values("*"), _values("_")
([('PER', 1), ('a|b', 2)], [(None, None)], [])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.annotation_tools.document_files import document_of, file_id, find_files
from conflict_ner.data.formats.annotation_tools.inception.layers import (
    LabelFeature,
    Layer,
    LayerError,
    choose_layer,
    project_files,
)
from conflict_ner.data.formats.annotation_tools.inception.tsv_writer import (
    FORMAT_LINE,
    LETTERS,
    START_LINE,
    SUFFIX,
    TEXT_LINE,
    utf16_width,
    write,
    write_predictions,
)
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, MendedOffsets, ReadOptions, Sample
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_text
from conflict_ner.errors import Problem, excerpt, format_count

_LAYER = re.compile(r"#T_(SP|CH|RL)=([^|]+)\|?(.*)")
_UNIT = re.compile(r"(\d+-\d+(?:\.\d+)?)\t(\d+)-(\d+)\t")
_FIELDS = 3  # of a line before the columns of layers
_STACKED = re.compile(r"(?:[^\\|]|\\.?)+", re.DOTALL)
_VALUE = re.compile(r"((?:[^\\]|\\.)*?)(?:\[(\d+)\])?", re.DOTALL)
_OF_JAVA = re.compile(r"\\(?:u+([0-9a-fA-F]{4})|(.))", re.DOTALL)
_OLD_ESCAPES = ("3.0", "3.1")  # versions with the escapes of Java in texts


@dataclass(frozen=True, slots=True)
class _Row:
    """A token or a part of one."""

    start: int
    end: int
    surface: str
    cells: tuple[str, ...]
    place: str


@dataclass(slots=True)
class _Sentence:
    lines: list[str] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(slots=True)
class _Table:
    """A file as it stands: columns are the layer and the feature of each."""

    version: str = ""
    layers: list[Layer] = field(default_factory=list)
    columns: list[tuple[str, str | None]] = field(default_factory=list)
    start: str | None = None
    sentences: list[_Sentence] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse(source: str, file: str, report: str, layer: str | None = None) -> tuple[Document | None, list[Problem]]:
    """Parse a file's text; return its report, and all problems and notes.

    Args:
        source: the text of the file.
        file: its name, for messages.
        report: the id of the report.
        layer: the layer of the mentions, as `choose_layer` takes it.
    """
    table = _parse_table(source, file)
    if not table.version:
        return None, table.problems
    try:
        chosen = choose_layer(table.layers, layer)
    except LayerError as error:
        return None, [error.problem(file)]
    text, places, problems = _assemble(table, file)
    problems = [*table.problems, *problems]
    mentions: list[tuple[Mention, str]] = []
    if chosen is not None:
        problems += chosen.notes(file)
        mentions, faults = _mentions(table, places, chosen)
        problems += faults
    return document_of(report, text, mentions, file, problems), problems


def _parse_table(source: str, file: str) -> _Table:
    lines = [line.removesuffix("\r") for line in source.split("\n")]
    table, sentence = _Table(), _Sentence()
    if not lines[0].startswith(f"{FORMAT_LINE}3"):
        what, fix = f"not WebAnno TSV 3: it begins with {excerpt(lines[0])}", "export it as WebAnno TSV v3.3"
        table.problems.append(Problem(f"{file}:1", what, fix, unreadable=True, kind="not WebAnno TSV 3"))
        return table
    table.version = lines[0].removeprefix(FORMAT_LINE).strip()
    for number, line in enumerate(lines[1:], start=2):
        place = f"{file}:{number}"
        layer = _LAYER.fullmatch(line)
        if layer and not table.sentences and not sentence.lines:
            features = [feature for feature in layer[3].split("|") if feature]
            table.columns += [(layer[2], feature) for feature in features] or [(layer[2], None)]
            if layer[1] == "SP":
                simple = [each for each in features if not each.startswith("ROLE_") and "." not in each]
                table.layers.append(Layer(layer[2], tuple(simple)))
        elif line.startswith(START_LINE) and table.start is None:
            table.start = _unescape_text(line.removeprefix(START_LINE), table.version)
        elif line.startswith(TEXT_LINE):
            if sentence.rows:
                table.sentences.append(sentence)
                sentence = _Sentence()
            sentence.lines.append(_unescape_text(line.removeprefix(TEXT_LINE), table.version))
        elif line and not line.startswith("#"):
            _parse_row(line, place, sentence, table)
    if sentence.rows:
        table.sentences.append(sentence)
    return table


def _parse_row(line: str, place: str, sentence: _Sentence, table: _Table) -> None:
    match, fields = _UNIT.match(line), line.split("\t")
    wanted = _FIELDS + len(table.columns)
    if match is None or not sentence.lines:
        what = f"not a line of a token: {excerpt(line)}" if match is None else "a token without a line of its text"
        fix = "write 1-1, tab, START-END, tab, the token and its columns, below a line with #Text="
        table.problems.append(Problem(place, what, fix, kind="not a line of a token"))
    elif len(fields) < wanted:
        what = f"{len(fields)} fields, but the header has columns for {wanted}"
        table.problems.append(Problem(place, what, "export it again", kind="too few fields"))
    else:
        cells = tuple(fields[_FIELDS:wanted])
        sentence.rows.append(_Row(int(match[2]), int(match[3]), fields[2], cells, place))


def _unescape_text(text: str, version: str) -> str:
    if "\\" not in text:
        return text
    characters = {letter: char for char, letter in LETTERS.items()}
    if version in _OLD_ESCAPES:
        return _OF_JAVA.sub(
            lambda match: chr(int(match[1], 16)) if match[1] else characters.get(match[2], match[2]), text
        )
    return re.sub(r"\\(.)", lambda match: characters.get(match[1], match[1] if match[1] < " " else match[0]), text)


def _values(cell: str) -> list[tuple[str | None, int | None]]:
    """Return the value of each annotation in a cell, None if it has none, and its number, None if it needs none."""
    found = []
    for piece in _STACKED.findall(cell):
        match = _VALUE.fullmatch(piece)
        value, number = (match[1], match[2]) if match else (piece, None)
        if value != "_":
            unescaped = re.sub(r"\\(->|.)", lambda each: {"t": "\t", "n": "\n"}.get(each[1], each[1]), value)
            found.append((None if value == "*" else unescaped, int(number) if number else None))
    return found


def _one(_: str) -> int:
    return 1


def _utf8(char: str) -> int:
    return len(char.encode("utf-8", "surrogatepass"))


_OF_FORMAT = "UTF-16 units"
_UNITS: dict[str, Callable[[str], int]] = {_OF_FORMAT: utf16_width, "characters": _one, "bytes of UTF-8": _utf8}


class _Placed:
    """A sentence with the place of each row in its text, None if the row's own text is not there.

    Args:
        sentence: the sentence.
        width: how many units of its offsets a character has.
    """

    def __init__(self, sentence: _Sentence, width: Callable[[str], int]) -> None:
        self.text, first = sentence.text, sentence.rows[0].start
        offsets = list(accumulate(map(width, self.text), initial=0))
        self.length = offsets[-1]
        place = {offset: index for index, offset in enumerate(offsets)}
        blank = offsets[len(self.text) - len(self.text.lstrip())]
        # By the definition the text begins with the first token; some programs write the space before it too.
        for self.start in dict.fromkeys((first, first - blank)):
            self.spans = [self._span(place, row) for row in sentence.rows]
            if None not in self.spans:
                break
        else:
            self.start = first
            self.spans = [self._span(place, row) for row in sentence.rows]

    def _span(self, place: dict[int, int], row: _Row) -> tuple[int, int] | None:
        start, end = place.get(row.start - self.start), place.get(row.end - self.start)
        is_there = start is not None and end is not None and self.text[start:end] == row.surface
        return (start, end) if is_there and start is not None and end is not None else None


def _place(sentences: list[_Sentence]) -> tuple[list[_Placed], str]:
    """Return sentences with the places of their rows, and the unit of offsets in which most rows are found."""
    best, unit, missing = list[_Placed](), "", 0
    for name, width in _UNITS.items():
        placed = [_Placed(sentence, width) for sentence in sentences]
        faults = sum(each.spans.count(None) for each in placed)
        if not unit or faults < missing:
            best, unit, missing = placed, name, faults
        if not faults:
            break
    return best, unit


def _assemble(table: _Table, file: str) -> tuple[str, dict[str, tuple[int, int]], list[Problem]]:
    """Return the text of a report, the span of each row in it by its place in the file, and problems and notes."""
    sentences, unit = _place(table.sentences)
    text, length = "" if sentences else table.start or "", 0  # of the text, in units
    places: dict[str, tuple[int, int]] = {}
    problems: list[Problem] = []
    for sentence, placed in zip(table.sentences, sentences, strict=True):
        if text and placed.start > length:
            text, length = text + "\n", length + 1
        if placed.start < length:
            what = f"the sentence begins at {placed.start}, inside the one before it, which ends at {length}"
            problems.append(Problem(sentence.rows[0].place, what, "export it again", kind="sentences overlap"))
        gap = placed.start - length
        text += table.start if not text and table.start and len(table.start) == gap else " " * gap
        for row, span in zip(sentence.rows, placed.spans, strict=True):
            if span is not None:
                places[row.place] = (len(text) + span[0], len(text) + span[1])
            else:
                what = f"the token {excerpt(row.surface)} is not at {row.start}-{row.end} of {excerpt(placed.text, 60)}"
                problems.append(Problem(row.place, what, "export it again", kind="offsets that do not give the text"))
        text, length = text + placed.text, max(placed.start, length) + placed.length
    if unit != _OF_FORMAT and not problems:
        what = f"the offsets of {format_count(len(places), 'token')} were mended by their texts: they count {unit}"
        problems.append(MendedOffsets(file, what, note=True, count=len(places)))
    return text, places, problems


def _mentions(
    table: _Table, places: dict[str, tuple[int, int]], chosen: LabelFeature
) -> tuple[list[tuple[Mention, str]], list[Problem]]:
    """Return the mentions of a layer, each with its place in the file, and the problems of those that are not one."""
    column = next(
        index
        for index, (layer, feature) in enumerate(table.columns)
        if layer == chosen.layer and chosen.feature in (feature, None)
    )
    parts: dict[tuple[str, int], list[tuple[int, int]]] = {}
    labels: dict[tuple[str, int], tuple[str | None, str]] = {}
    for row in (row for sentence in table.sentences for row in sentence.rows if row.place in places):
        for stacked, (label, number) in enumerate(_values(row.cells[column])):
            key = ("", number) if number is not None else (row.place, stacked)
            labels.setdefault(key, (None if chosen.feature is None else label, row.place))
            parts.setdefault(key, []).append(places[row.place])
    found, problems = [], []
    for key, (label, place) in labels.items():
        mention = Mention(min(start for start, _ in parts[key]), max(end for _, end in parts[key]), label or "")
        if not label:
            what = f"an annotation of {chosen.layer} without a label"
            problems.append(Problem(place, what, "give it one, or delete it", kind="an annotation without a label"))
        elif mention.start == mention.end:
            what = f"an empty annotation ({label})"
            problems.append(Problem(place, what, "delete it", kind="an empty annotation"))
        else:
            found.append((mention, place))
    return sorted(found), problems


def read(path: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the report of a file, or those of all `.tsv` files in a folder and below it."""
    files, problems = find_files(path, (SUFFIX,))
    yield from problems
    for file in files:
        source, faults = read_text(file)
        document = None
        if source is not None:
            document, faults = parse(source, printable(file), file_id(file, path), options.layer)
        if document is not None:
            yield document
        yield from faults


def _detect(sample: Sample) -> str | None:
    return "the header of WebAnno TSV 3" if sample.text.startswith(f"{FORMAT_LINE}3") else None


FORMAT = Format(
    name="webanno-tsv",
    title="WebAnno TSV 3",
    suffixes=(SUFFIX,),
    detect=_detect,
    read=read,
    write=write,
    carries=EVERYTHING - {Feature.METADATA},
    options=frozenset({"layer"}),
    write_predictions=write_predictions,
    project_files=project_files,
    is_folder=True,
)
