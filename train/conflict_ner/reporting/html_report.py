"""HTML pages of an evaluation with its errors, or of tagged reports: one file each, without network access.

An evaluation's page shows only what its `Evaluation` holds; its `Report` is in the page as JSON too.
Report texts, ids, labels and metadata are untrusted: Jinja escapes all of them, and the page's content
security policy allows no network access and no script but its own.

>>> from conflict_ner.data.document import Entity
>>> from io import StringIO
>>> stream = StringIO()
>>> rows = [("r1", {}, "<b>Rebels</b> left.", [Entity("ACTOR", "Rebels", 3, 9, 0.98)])]
>>> write_tagged("models/default", ["ACTOR"], rows, stream)
>>> "&lt;b&gt;" in stream.getvalue(), "<b>Rebels" in stream.getvalue()
(True, False)
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, TextIO

from conflict_ner import errors
from conflict_ner.data.document import Document, Entity, Span
from conflict_ner.data.entity_html import COLORS, LOW_SCORE, tint
from conflict_ner.evaluation.matching import CORRECT, ERRORS, Pair, align
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.reporting import charts, tables
from conflict_ner.reporting.error_list import Error, Piece, caption, cut_pieces, list_errors

if TYPE_CHECKING:
    from jinja2 import Template

_PACKAGES = {"matplotlib": "matplotlib>=3.10", "jinja2": "jinja2>=3.1"}
_EDGE_CLASSES = {"gold begins": "gs", "gold ends": "ge", "predicted begins": "ps", "predicted ends": "pe"}
Row = tuple[Any, Mapping[str, Any], str, Sequence[Entity]]  # id, metadata, text, entities


def require() -> None:
    """Check that the packages for a page are installed, before any long work for one.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed, with the command that installs it.
    """
    errors.require_packages("a page", _PACKAGES)


def write(evaluation: Evaluation, stream: TextIO) -> None:
    """Write the page of an evaluation: scores, charts, every error in its sentence, every report.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    require()
    report, labels = evaluation.report, evaluation.labels
    pairs = [align(d.mentions, spans) for d, spans in zip(evaluation.documents, evaluation.predicted, strict=True)]
    error_list = list_errors(pairs, evaluation.documents)
    template = load_template("report.html.j2", labels)
    stream.writelines(
        template.generate(
            evaluation=evaluation,
            report=report,
            kinds=ERRORS,
            headings=tables.HEADINGS,
            rows=tables.rows(report),
            charts={
                "bars": charts.f1_bars(report.strict),
                "reliability": charts.reliability_diagram(report.calibration),
                "curves": charts.precision_recall_curves(report.curves),
                "learning": charts.learning_curve(evaluation.history),
            },
            errors=error_list,
            sentence=partial(_error_sentence, evaluation.documents, labels),
            reports=_evaluated_reports(evaluation, pairs, error_list),
        )
    )


def write_tagged(name: str, labels: Sequence[str], rows: Iterable[Row], stream: TextIO) -> None:
    """Write a page of tagged reports one after the other, with only one report in memory at a time.

    Args:
        name: of the model that tagged them.
        rows: the id, metadata, text and entities of each report.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    require()
    reports = (
        _ShownReport(
            number,
            Document(str(key), text, metadata=metadata),
            _scored_pieces(text, entities, labels),
            _label_indices(entities, labels),
            errors=0,
            correct=0,
        )
        for number, (key, metadata, text, entities) in enumerate(rows, start=1)
    )
    stream.writelines(
        load_template("tagged.html.j2", labels).generate(name=name, low=f"{LOW_SCORE:.2f}", reports=reports)
    )


@dataclass(frozen=True, slots=True)
class Chip:
    """The words after a marked mention; number: of the error that it links to, or None."""

    text: str
    color: int
    number: int | None
    score: str = ""  # with two digits, on pages without gold
    low: bool = False


@dataclass(frozen=True, slots=True)
class ShownPiece:
    """A stretch of text on a page with its marks."""

    text: str
    css: str  # empty for plain text
    chips: tuple[Chip, ...] = ()
    hover: str = ""


@dataclass(frozen=True, slots=True)
class _ShownReport:
    number: int
    document: Document
    pieces: Sequence[ShownPiece]
    labels: str  # the indices of its labels, as the filter reads them
    errors: int
    correct: int


def _evaluated_reports(
    evaluation: Evaluation, pairs: Sequence[Sequence[Pair]], error_list: Sequence[Error]
) -> Iterator[_ShownReport]:
    numbers = {id(error.pair): error.number for error in error_list}
    labels = evaluation.labels
    for number, (document, document_pairs) in enumerate(zip(evaluation.documents, pairs, strict=True), start=1):
        yield _ShownReport(
            number,
            document,
            _marked_pieces(cut_pieces(document.text, document_pairs), labels, numbers),
            _label_indices([span for pair in document_pairs for span in pair.spans], labels),
            errors=sum(pair.kind in ERRORS for pair in document_pairs),
            correct=sum(pair.kind == CORRECT for pair in document_pairs),
        )


def _error_sentence(documents: Sequence[Document], labels: Sequence[str], error: Error) -> Sequence[ShownPiece]:
    """Mark an error's sentence; the chips are left out, because the page shows the labels below the sentence."""
    pieces = cut_pieces(documents[error.document].text, error.overlapping, error.start, error.end)
    return [ShownPiece(piece.text, piece_classes(piece, labels)) for piece in pieces]


def _marked_pieces(
    pieces: Sequence[Piece], labels: Sequence[str], error_numbers: Mapping[int, int]
) -> list[ShownPiece]:
    """Mark pieces and add a chip after each pair. error_numbers: by the identity of the pair."""
    return [
        ShownPiece(
            piece.text,
            piece_classes(piece, labels),
            tuple(Chip(caption(p), label_color(p.label, labels), error_numbers.get(id(p))) for p in piece.ending),
        )
        for piece in pieces
    ]


def _scored_pieces(text: str, entities: Sequence[Entity], labels: Sequence[str]) -> list[ShownPiece]:
    """Mark the entities of a text, with the label and score after each; low scores stand out."""
    pieces = cut_pieces(text, [Pair(None, entity, "") for entity in entities])
    return [_scored_piece(piece, labels) for piece in pieces]


def _scored_piece(piece: Piece, labels: Sequence[str]) -> ShownPiece:
    css = piece_classes(piece, labels)
    if not piece.ending:
        return ShownPiece(piece.text, css)
    [pair] = piece.ending  # entities never overlap
    entity = pair.predicted
    assert isinstance(entity, Entity)
    score, words = f"{entity.score:.2f}", [entity.label, *tables.describe_value(entity)]
    is_low = float(score) < LOW_SCORE  # the score as shown: 0.70 never counts as lower than 0.70
    chip = Chip(entity.label, label_color(entity.label, labels), None, score, is_low)
    return ShownPiece(
        piece.text, css + " low" * is_low, (chip,), ", ".join([" ".join(words), f"score {entity.score:.4f}"])
    )


def _label_indices(spans: Sequence[Span], labels: Sequence[str]) -> str:
    present = {span.label for span in spans}
    return " ".join(str(index) for index, label in enumerate(labels) if label in present)


def piece_classes(piece: Piece, labels: Sequence[str]) -> str:
    """CSS classes: `g` and `p` mark gold and predicted text, the number after them is the color."""
    classes = []
    if piece.gold is not None:
        classes += ["g", f"g{label_color(piece.gold, labels)}"]
    if piece.predicted is not None:
        classes += ["p", f"p{label_color(piece.predicted, labels)}"]
    return " ".join([*classes, *(css for edge, css in _EDGE_CLASSES.items() if edge in piece.edges)])


def label_color(label: str, labels: Sequence[str]) -> int:
    """Return the number of a label's color in the palette of a page."""
    return labels.index(label) % len(COLORS)


def load_template(name: str, labels: Sequence[str]) -> Template:
    """Return the template of a page, with the style, the script and the colors of these labels."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("conflict_ner.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # and no sorted keys: labels keep their order
    folder = resources.files("conflict_ner.reporting") / "templates"
    script = (folder / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        script=Markup(script),  # noqa: S704 - our own file, like the next
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),  # noqa: S704
        script_hash=f"'sha256-{digest}'",
        palette=[(color, tint(color)) for color in COLORS],
        labels=labels,
        color=partial(label_color, labels=labels),
        percent=tables.percent,
        format_interval=tables.format_interval,
    )
    environment.filters["svg"] = Markup  # for the charts, in which matplotlib has escaped all text
    return environment.get_template(name)
