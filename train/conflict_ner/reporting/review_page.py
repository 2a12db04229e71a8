"""The page and the table of a review: each finding with what gold says and what the model reads, in its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from conflict_ner.data.document import Entity, Span
from conflict_ner.errors import format_count
from conflict_ner.evaluation.gold.label_errors import AGREED, KINDS, Finding, Review
from conflict_ner.evaluation.matching import Pair
from conflict_ner.reporting.console import ConsoleTable, open_console, print_table, print_wrapped
from conflict_ner.reporting.error_list import Piece, cut_pieces, find_sentence
from conflict_ner.reporting.html_report import Chip, ShownPiece, label_color, load_template, piece_classes, require

MOST = 1000  # findings on a page: nobody reads more of them in one go, and JSONL has all
_HEADINGS = ("rank", "score", "likely", "kind", "gold", "model", "place")
_NO_COLOR = -1  # no label has it
_MAX_WIDTH = 32  # characters of a mention in the table


@dataclass(frozen=True, slots=True)
class _ShownFinding:
    """A finding with its sentence as gold labels it and as the model does."""

    rank: int
    finding: Finding
    gold: Sequence[ShownPiece]
    predicted: Sequence[ShownPiece]
    labels: str  # the indices of its labels, as the filter reads them


def write(review: Review, stream: TextIO) -> None:
    """Write the page of a review: the first findings, each with both readings in its sentence.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    require()
    entities: dict[str, list[Entity]] = {}
    for finding in review.findings:
        if finding.predicted:
            entities.setdefault(finding.document.id, []).append(finding.predicted)
    shown = (
        _show(rank, finding, entities, review.labels) for rank, finding in enumerate(review.findings[:MOST], start=1)
    )
    template = load_template("review.html.j2", review.labels)
    counts = [(kind, review.kinds[kind]) for kind in KINDS]
    stream.writelines(template.generate(review=review, counts=counts, kinds=KINDS, findings=shown, most=MOST))


def _show(
    rank: int, finding: Finding, entities: Mapping[str, Sequence[Entity]], labels: Sequence[str]
) -> _ShownFinding:
    pair, document = finding.pair, finding.document
    found = entities.get(document.id, ())
    present = dict.fromkeys(labels.index(span.label) for span in pair.spans)
    return _ShownFinding(
        rank,
        finding,
        _pieces(finding, document.mentions, finding.gold, labels, is_gold=True),
        _pieces(finding, found, finding.predicted, labels, is_gold=False),
        " ".join(map(str, present)),
    )


def _pieces(
    finding: Finding, spans: Sequence[Span], own: Span | None, labels: Sequence[str], *, is_gold: bool
) -> list[ShownPiece]:
    """Mark one side's mentions in the finding's sentence, and the text of the other side's where this one has none.

    Args:
        spans: all mentions of this side in the report.
        own: the one that the finding is about.
    """
    text, pair = finding.document.text, finding.pair
    pairs = [_one_sided(span, is_gold=is_gold) for span in spans]
    if own is None:
        pairs += [_one_sided(span, is_gold=not is_gold) for span in pair.spans]
    pieces = cut_pieces(text, pairs, *find_sentence(text, pair.start, pair.end))
    return [_shown_piece(piece, own, labels, is_gold=is_gold) for piece in pieces]


def _one_sided(span: Span, *, is_gold: bool) -> Pair:
    return Pair(span, None, "") if is_gold else Pair(None, span, "")  # type: ignore[arg-type]


def _shown_piece(piece: Piece, own: Span | None, labels: Sequence[str], *, is_gold: bool) -> ShownPiece:
    label, absent = (piece.gold, piece.predicted) if is_gold else (piece.predicted, piece.gold)
    side = "gold" if is_gold else "predicted"
    marked = replace(
        piece,
        gold=label if is_gold else None,
        predicted=None if is_gold else label,
        edges=frozenset(edge for edge in piece.edges if edge.startswith(side)),
    )
    chips = []
    for pair in piece.ending:
        span = pair.gold if is_gold else pair.predicted
        if span is None:
            chips.append(Chip("no mention", _NO_COLOR, None))
        elif span is own:
            score = f"{span.score:.2f}" if isinstance(span, Entity) else ""
            chips.append(Chip(span.label, label_color(span.label, labels), None, score))
    css = " ".join(filter(None, [piece_classes(marked, labels), "absent" if absent else ""]))
    return ShownPiece(piece.text, css, tuple(chips), label or "")


def show(review: Review, count: int) -> None:
    """Print the number of findings and the first ones on a terminal."""
    console = open_console()
    title = f"{review.data}, read by {review.name}: where gold is most likely wrong"
    shown = [(f"{rank:,}", finding) for rank, finding in enumerate(review.findings[:count], start=1)]
    print_table(
        ConsoleTable(
            _HEADINGS,
            [(rank, *_cells(finding)) for rank, finding in shown],
            title,
            text_columns=("likely", "kind", "gold", "model", "place"),
        ),
        console,
    )
    print_wrapped(f"\n{summary(review)}", console)


def summary(review: Review) -> str:
    """Describe a review in two sentences."""
    found, reports = format_count(len(review.findings), "mention"), format_count(len(review.documents), "report")
    differing = len(review.findings) - review.kinds[AGREED]
    return (
        f"{found} of gold or the model in {reports}; the model reads {differing:,} otherwise than gold. "
        f"Likely errors of gold: {review.likely:,}."
    )


def _cells(finding: Finding) -> tuple[str, ...]:
    gold, predicted = (
        "-" if span is None else f"{shorten(finding.document.slice(span), _MAX_WIDTH)} ({span.label})"
        for span in (finding.gold, finding.predicted)
    )
    return f"{finding.score:.4f}", "yes" * finding.is_likely, finding.kind, gold, predicted, finding.place


def shorten(text: str, width: int) -> str:
    r"""Return a text in one line, cut if it is longer than `width` characters.

    >>> shorten("Rebels left\nGoma on Monday", 18)
    'Rebels left Gom...'
    """
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 3]}..."
