"""Pages to look at: an evaluation with its errors, or tagged reports. One file of HTML, nothing fetched.

Everything shown comes from the one `Evaluation`, whose report is in the page as JSON too. Report
texts, ids, labels and metadata are anybody's: Jinja escapes all of them, and the page's content
security policy allows no network and no script but its own.

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
from conflict_ner.evaluation.matching import CORRECT, ERRORS, Pair, align
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.reporting import charts, tables
from conflict_ner.reporting.error_list import Error, Piece, caption, errors_of, pieces

if TYPE_CHECKING:
    from jinja2 import Template

_NEEDED = {"matplotlib": "matplotlib>=3.10", "jinja2": "jinja2>=3.1"}
_LOW = 0.7  # mentions that score below it are to be looked at first
_TINT = 0.16  # how much of a label's colour stands behind a prediction
Row = tuple[Any, Mapping[str, Any], str, Sequence[Entity]]  # id, metadata, text, entities
_CSS = {"gold begins": "gs", "gold ends": "ge", "predicted begins": "ps", "predicted ends": "pe"}


def require() -> None:
    """See that a page can be made, before any long work for one.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed; it says what to type.
    """
    errors.require_packages("a page", _NEEDED)


def write(evaluation: Evaluation, stream: TextIO) -> None:
    """Write an evaluation's page: figures, charts, every error in its sentence, every report.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    require()
    report, labels = evaluation.report, evaluation.labels
    pairs = [align(d.mentions, found) for d, found in zip(evaluation.documents, evaluation.predicted, strict=True)]
    errors = errors_of(pairs, evaluation.documents)
    drawn = {
        "bars": charts.bars(report.strict),
        "reliability": charts.reliability(report.calibration),
        "curves": charts.precision_recall(report.curves),
        "learning": charts.learning(evaluation.history),
    }
    template = _template("report.html.j2", labels)
    stream.writelines(
        template.generate(
            evaluation=evaluation,
            report=report,
            kinds=ERRORS,
            headings=tables.HEADINGS,
            rows=tables.rows(report),
            charts=drawn,
            errors=errors,
            sentence=partial(_sentence, evaluation.documents, labels),
            reports=_reports(evaluation, pairs, errors),
        )
    )


def write_tagged(name: str, labels: Sequence[str], rows: Iterable[Row], stream: TextIO) -> None:
    """Write tagged reports as a page, each as it comes: the memory needed is that of one report.

    Args:
        name: what tagged them.
        rows: of each report its id, metadata, text and entities.

    Raises:
        MissingExtraError: if Jinja2 is not installed.
    """
    require()
    shown = (
        _ShownReport(
            number,
            Document(str(key), text, metadata=metadata),
            _scored(text, found, labels),
            _present(found, labels),
            errors=0,
            correct=0,
        )
        for number, (key, metadata, text, found) in enumerate(rows, start=1)
    )
    stream.writelines(_template("tagged.html.j2", labels).generate(name=name, low=f"{_LOW:.2f}", reports=shown))


@dataclass(frozen=True, slots=True)
class _Chip:
    """The words after a marked mention; number: of the error that it links to, or None."""

    text: str
    colour: int
    number: int | None
    score: str = ""  # with two digits, on pages without gold
    low: bool = False


@dataclass(frozen=True, slots=True)
class _ShownPiece:
    text: str
    css: str  # no class where it is plain text
    chips: tuple[_Chip, ...] = ()
    hover: str = ""


@dataclass(frozen=True, slots=True)
class _ShownReport:
    number: int
    document: Document
    pieces: Sequence[_ShownPiece]
    labels: str  # the places of its labels, as the filter reads them
    errors: int
    correct: int

    @classmethod
    def of(
        cls,
        number: int,
        document: Document,
        pairs: Sequence[Pair],
        labels: Sequence[str],
        numbers: Mapping[int, int] | None = None,
    ) -> _ShownReport:
        """Args: numbers: an error's number by its pair's identity."""
        spans = [span for pair in pairs for span in (pair.gold, pair.predicted) if span]
        marked = _mark(pieces(document.text, pairs), labels, numbers or {})
        correct = sum(pair.kind == CORRECT for pair in pairs)
        wrong = sum(pair.kind in ERRORS for pair in pairs)
        return cls(number, document, marked, _present(spans, labels), wrong, correct)


def _reports(
    evaluation: Evaluation, pairs: Sequence[Sequence[Pair]], errors: Sequence[Error]
) -> Iterator[_ShownReport]:
    numbers = {id(error.pair): error.number for error in errors}
    for number, (document, each) in enumerate(zip(evaluation.documents, pairs, strict=True), start=1):
        yield _ShownReport.of(number, document, each, evaluation.labels, numbers)


def _sentence(documents: Sequence[Document], labels: Sequence[str], error: Error) -> Sequence[_ShownPiece]:
    """An error's sentence with its marks; what stands behind them is said beside it."""
    text = documents[error.document].text
    cut = pieces(text, error.touching, error.start, error.end)
    return [_ShownPiece(piece.text, piece.css) for piece in _mark(cut, labels, {})]


def _mark(cut: Sequence[Piece], labels: Sequence[str], numbers: Mapping[int, int]) -> list[_ShownPiece]:
    return [
        _ShownPiece(
            piece.text,
            _classes(piece, labels),
            tuple(_Chip(caption(p), _colour(p.label, labels), numbers.get(id(p))) for p in piece.closed),
        )
        for piece in cut
    ]


def _scored(text: str, found: Sequence[Entity], labels: Sequence[str]) -> list[_ShownPiece]:
    """A text with the label and the score of every mention after it; low scores are marked."""
    cut = pieces(text, [Pair(None, entity, "") for entity in found])
    return [_with_score(piece, labels) for piece in cut]


def _with_score(piece: Piece, labels: Sequence[str]) -> _ShownPiece:
    css = _classes(piece, labels)
    if not piece.closed:
        return _ShownPiece(piece.text, css)
    [pair] = piece.closed  # mentions that were found never overlap
    entity = pair.predicted
    assert isinstance(entity, Entity)
    score = f"{entity.score:.2f}"
    low = float(score) < _LOW  # as it is shown: 0.70 is never called lower than 0.70
    chip = _Chip(entity.label, _colour(entity.label, labels), None, score, low)
    return _ShownPiece(piece.text, css + " low" * low, (chip,), f"{entity.label}, score {entity.score:.4f}")


def _present(spans: Sequence[Span], labels: Sequence[str]) -> str:
    return " ".join(str(k) for k, label in enumerate(labels) if any(span.label == label for span in spans))


def _classes(piece: Piece, labels: Sequence[str]) -> str:
    """`g` and `p` say that gold or a prediction is there, the number which colour it has."""
    found = []
    if piece.gold is not None:
        found += ["g", f"g{_colour(piece.gold, labels)}"]
    if piece.predicted is not None:
        found += ["p", f"p{_colour(piece.predicted, labels)}"]
    return " ".join([*found, *(css for edge, css in _CSS.items() if edge in piece.edges)])


def _colour(label: str, labels: Sequence[str]) -> int:
    return labels.index(label) % len(charts.COLORS)


def _template(name: str, labels: Sequence[str]) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("conflict_ner.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # labels in their order
    folder = resources.files("conflict_ner.reporting") / "templates"
    script = (folder / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        script=Markup(script),  # noqa: S704 - our own file, as the next
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),  # noqa: S704
        script_hash=f"'sha256-{digest}'",
        palette=[(colour, _tint(colour)) for colour in charts.COLORS],
        labels=labels,
        colour=partial(_colour, labels=labels),
        percent=tables.percent,
        between=tables.between,
    )
    environment.filters["svg"] = Markup  # what charts.py draws; its text is escaped there
    return environment.get_template(name)


def _tint(colour: str) -> str:
    """A colour's light shade, for a background."""
    channels = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(255 - _TINT * (255 - channel)):02x}" for channel in channels)
