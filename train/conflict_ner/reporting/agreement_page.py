"""The page of an agreement: the figures, every difference as each annotator reads it, and every report.

Texts, ids, labels and names of annotators are untrusted, as on the other pages (`html_report`).

>>> from io import StringIO
>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.annotators.agreement import agree
>>> anna, ben = Document("r1", "<b>Rebels</b> left.", (Mention(3, 9, "ACTOR"),)), Document("r1", "<b>Rebels</b> left.")
>>> stream = StringIO()
>>> write(agree({"anna": [anna], "ben": [ben]}, ["ACTOR"]), stream)
>>> "only one has it" in stream.getvalue(), "<b>Rebels" in stream.getvalue()
(True, False)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.annotators.agreement import Agreement
from conflict_ner.evaluation.annotators.disagreements import KINDS, Difference, Reading
from conflict_ner.evaluation.matching import Pair
from conflict_ner.reporting import agreement_tables
from conflict_ner.reporting.error_list import Piece, cut_pieces, find_sentence
from conflict_ner.reporting.html_report import Chip, ShownPiece, label_color, load_template, require

_DIFFERS = "differs"  # the class of text in which annotators differ


@dataclass(frozen=True, slots=True)
class _ShownReading:
    """The sentence of a difference as some annotators have labeled it."""

    annotators: str
    pieces: Sequence[ShownPiece]
    is_empty: bool


@dataclass(frozen=True, slots=True)
class _ShownDifference:
    number: int
    difference: Difference
    readings: Sequence[_ShownReading]
    labels: str  # the indices of its labels, as the filter reads them
    minority: str  # the indices of the annotators who differ from most others


@dataclass(frozen=True, slots=True)
class _ShownReport:
    number: int
    document: Document
    annotators: str
    pieces: Sequence[ShownPiece]
    labels: str
    differences: int
    agreed: int


def write(agreement: Agreement, stream: TextIO) -> None:
    """Write the page of an agreement.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    require()
    report, labels = agreement.report, agreement.labels
    names = list(report.annotators)
    by_document: dict[str, list[_ShownDifference]] = {document.id: [] for document in agreement.documents}
    texts = {document.id: document.text for document in agreement.documents}
    for number, difference in enumerate(report.differences, start=1):
        by_document[difference.document].append(_show(number, difference, texts[difference.document], names, labels))
    template = load_template("agreement.html.j2", labels)
    stream.writelines(
        template.generate(
            report=report,
            annotators=names,
            kinds=KINDS,
            tables=agreement_tables,
            differences=[shown for of_one in by_document.values() for shown in of_one],
            reports=_reports(agreement, by_document),
        )
    )


def _show(
    number: int, difference: Difference, text: str, names: Sequence[str], labels: Sequence[str]
) -> _ShownDifference:
    readings = [
        _ShownReading(", ".join(reading.annotators), _mark(difference, reading, text, labels), not reading.mentions)
        for reading in difference.readings
    ]
    present = {mention.label for reading in difference.readings for mention in reading.mentions}
    first, second, *_ = (len(reading.annotators) for reading in difference.readings)
    others = difference.readings[1:] if first > second else difference.readings  # without a majority: all of them
    minority = {name for reading in others for name in reading.annotators}
    return _ShownDifference(number, difference, readings, _indices(present, labels), _indices(minority, names))


def _reports(agreement: Agreement, by_document: Mapping[str, Sequence[_ShownDifference]]) -> Iterator[_ShownReport]:
    for number, (document, reading) in enumerate(zip(agreement.documents, agreement.readings, strict=True), start=1):
        differences = by_document[document.id]
        places = [(shown.difference.start, shown.difference.end) for shown in differences]
        # Outside the differences all annotators have the same mentions.
        first = next(iter(reading.values()))
        agreed = [m for m in first if not any(start <= m.start < end for start, end in places)]
        present = {mention.label for mentions in reading.values() for mention in mentions}
        yield _ShownReport(
            number,
            document,
            ", ".join(reading),
            _mark_report(document.text, agreed, differences, agreement.labels),
            _indices(present, agreement.labels),
            len(differences),
            len(agreed),
        )


def _mark(difference: Difference, reading: Reading, text: str, labels: Sequence[str]) -> list[ShownPiece]:
    """Mark the mentions of a reading in the sentence of a difference, and what of its place has none of them."""
    place = Pair(Mention(difference.start, difference.end, ""), None, "")
    own = [Pair(None, Mention(m.start, m.end, m.label), "") for m in reading.mentions]
    window = find_sentence(text, difference.start, difference.end)
    return [_show_piece(piece, labels) for piece in cut_pieces(text, [place, *own], *window)]


def _show_piece(piece: Piece, labels: Sequence[str]) -> ShownPiece:
    css = "" if piece.gold is None else _DIFFERS
    if piece.predicted is not None:
        css = _box(piece.predicted, labels)
    mentions = [pair.predicted for pair in piece.ending if pair.predicted]
    return ShownPiece(piece.text, css, tuple(Chip(m.label, label_color(m.label, labels), None) for m in mentions))


def _box(label: str, labels: Sequence[str]) -> str:
    return f"p p{label_color(label, labels)} ps pe"


def _mark_report(
    text: str, agreed: Sequence[Mention], differences: Sequence[_ShownDifference], labels: Sequence[str]
) -> list[ShownPiece]:
    """Mark what all agree on with its label, and where they differ with a link to the difference."""
    marks: list[tuple[int, int, str, Chip]] = [
        (m.start, m.end, _box(m.label, labels), Chip(m.label, label_color(m.label, labels), None)) for m in agreed
    ]
    marks += [
        (shown.difference.start, shown.difference.end, _DIFFERS, Chip(f"{shown.number:,}", 0, shown.number))
        for shown in differences
    ]
    pieces, position = [], 0
    for start, end, css, chip in sorted(marks, key=lambda mark: mark[0]):
        pieces += [ShownPiece(text[position:start], ""), ShownPiece(text[start:end], css, (chip,))]
        position = end
    return [*pieces, ShownPiece(text[position:], "")]


def _indices(present: set[str], names: Sequence[str]) -> str:
    return " ".join(str(index) for index, name in enumerate(names) if name in present)
