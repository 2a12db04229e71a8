r"""Writer of WebAnno TSV 3.3, one file a report; `webanno_tsv` describes the format and reads it.

White space that INCEpTION would lose is kept: a sentence goes up to the next one, and what comes before the first token
stands in a line of its own, which INCEpTION ignores, if it is not blanks.

>>> dump(Document("a", "Rebels left El Fasher.", (Mention(12, 21, "PLACE"),))).split("\n")[7:9]
['1-3\t12-14\tEl\tPLACE[1]\t', '1-4\t15-21\tFasher\tPLACE[1]\t']
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.annotation_tools.document_files import FileNames, require_encodable
from conflict_ner.data.formats.annotation_tools.inception.layers import LABEL, NAMED_ENTITY
from conflict_ner.data.formats.annotation_tools.inception.segmentation import Sentence, split_sentences
from conflict_ner.data.formats.format import PredictedDocument
from conflict_ner.errors import DataError, Problem

SUFFIX = ".tsv"
FORMAT_LINE = "#FORMAT=WebAnno TSV "
TEXT_LINE, START_LINE = "#Text=", "#Start="  # START_LINE: white space before the first token, which only we write
LETTERS = {"\t": "t", "\n": "n", "\f": "f", "\r": "r", "\b": "b", "\\": "\\"}  # that are escaped by a letter
_CONTROLS = re.compile(r"[\x00-\x0a\x0c-\x1f\\]")
_RESERVED = re.compile(r"->|[\\\[\]|_;\t\n*]")
_BEYOND_BMP = 0xFFFF

_Unit = tuple[int, int]  # start and end of a token, or of a part of one


def utf16_width(char: str) -> int:
    """Return how many UTF-16 units a character has."""
    return 2 if ord(char) > _BEYOND_BMP else 1


def dump(document: Document) -> str:
    """Return a report in this format; read again it is the same, but for its id and metadata.

    Raises:
        DataError: if a mention begins or ends with white space, or has no word.
    """
    text = document.text
    sentences = split_sentences(text, document.mentions)
    tokens = [token for sentence in sentences for token in sentence.tokens]
    units = [_units(mention, tokens) for mention in document.mentions]
    _require_edges(document, units)
    cells = _cells(document.mentions, units)
    lines = [f"{FORMAT_LINE}3.3", f"#T_SP={NAMED_ENTITY}|{LABEL}", "", ""]
    start = text[: sentences[0].start] if sentences else text
    lines += [START_LINE + _escape_text(start)] if start.strip(" ") or not sentences else []
    offsets = list(accumulate(map(utf16_width, text), initial=0))
    edges = [*(sentence.start for sentence in sentences), len(text)]
    for number, (sentence, (first, last)) in enumerate(zip(sentences, pairwise(edges), strict=True), start=1):
        lines += [f"{TEXT_LINE}{_escape_text(line)}" for line in text[first:last].split("\n")]
        for name, (begin, end) in _named_units(sentence, number, cells):
            values = "|".join(cells.get((begin, end), ["_"]))
            lines.append(f"{name}\t{offsets[begin]}-{offsets[end]}\t{text[begin:end]}\t{values}\t")
        lines.append("")
    return "\n".join(lines)


def _units(mention: Mention, tokens: Sequence[_Unit]) -> list[_Unit]:
    """Return the tokens and the parts of tokens that a mention covers."""
    return [
        (max(start, mention.start), min(end, mention.end))
        for start, end in tokens
        if start < mention.end and mention.start < end
    ]


def _require_edges(document: Document, units: Sequence[Sequence[_Unit]]) -> None:
    problems = []
    for index, (mention, covered) in enumerate(zip(document.mentions, units, strict=True)):
        if not covered or (covered[0][0], covered[-1][1]) != (mention.start, mention.end):
            what = f"the mention {mention.start}:{mention.end} ({mention.label}) begins or ends with white space"
            problems.append(Problem(document.place(index), what, "correct its edges", kind="white space at the edge"))
    if problems:
        raise DataError(problems)


def _cells(mentions: Sequence[Mention], units: Sequence[Sequence[_Unit]]) -> dict[_Unit, list[str]]:
    """Return the values of each unit that has some, numbered where a mention has several units or a unit several."""
    counts = Counter(unit for covered in units for unit in covered)
    cells: dict[_Unit, list[str]] = {}
    number = 0
    for mention, covered in zip(mentions, units, strict=True):
        label = _RESERVED.sub(lambda match: "\\" + LETTERS.get(match[0], match[0]), mention.label)
        if len(covered) > 1 or any(counts[unit] > 1 for unit in covered):
            number += 1
            label += f"[{number}]"
        for unit in covered:
            cells.setdefault(unit, []).append(label)
    return cells


def _named_units(sentence: Sentence, number: int, cells: Iterable[_Unit]) -> list[tuple[str, _Unit]]:
    """Return the tokens of a sentence, each followed by the parts of it that have values, with their names."""
    inside = sorted(unit for unit in cells if sentence.start <= unit[0] < sentence.end and unit not in sentence.tokens)
    named = []
    for place, token in enumerate(sentence.tokens, start=1):
        name = f"{number}-{place}"
        named.append((name, token))
        parts = [unit for unit in inside if token[0] <= unit[0] < token[1]] if inside else []
        named += [(f"{name}.{part}", unit) for part, unit in enumerate(parts, start=1)]
    return named


def _escape_text(text: str) -> str:
    return _CONTROLS.sub(lambda match: "\\" + LETTERS.get(match[0], match[0]), text)


def write(documents: Iterable[Document], folder: Path) -> None:
    """Write reports to a new folder, a file for each.

    Raises:
        DataError: if a mention has white space at an edge, or a text is not valid Unicode.
    """
    folder.mkdir()
    names, problems = FileNames(), list[Problem]()
    for document in require_encodable(documents):
        try:
            content = dump(document)
        except DataError as error:
            problems += error.problems
        else:
            (folder / f"{names.name(document.id)}{SUFFIX}").write_text(content, encoding="utf-8", newline="\n")
    if problems:
        raise DataError(problems)


def write_predictions(documents: Iterable[PredictedDocument], folder: Path, _: str) -> None:
    """Write predictions as annotations; the format has no place for their scores and the model's name."""
    write(
        (
            Document(each.id, each.text, tuple(Mention(found.start, found.end, found.label) for found in each.entities))
            for each in documents
        ),
        folder,
    )
