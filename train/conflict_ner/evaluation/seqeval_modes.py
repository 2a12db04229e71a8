"""Holds our counts against seqeval's (Nakayama 2018), in both of its modes.

seqeval reads tag sequences. A document's units are here the pieces of text between all gold and
predicted edges, so that every mention can be said exactly, whatever words are.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from conflict_ner.data.document import Document, Span
from conflict_ner.data.labels import LabelScheme
from conflict_ner.evaluation.scores import Scores

_ROUNDING = 1e-9


def agree_with_seqeval(
    strict: Scores, gold: Sequence[Document], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> tuple[Mapping[str, float | None], float | None]:
    """The F1 a label and the micro F1 of seqeval's default mode; None where there is nothing to count.

    Raises:
        AssertionError: if seqeval's strict mode counts otherwise than we did (a defect of this package).
    """
    scheme = LabelScheme(tuple(labels))
    pairs = [_tag_pieces(document.mentions, spans, scheme) for document, spans in zip(gold, predicted, strict=True)]
    truth, guess = [pair[0] for pair in pairs if pair[0]], [pair[1] for pair in pairs if pair[0]]
    if not truth:  # seqeval cannot take the empty case: nothing to find and nothing found
        return dict.fromkeys(labels), None
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    options = {"output_dict": True, "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label without gold is told by None, not by a warning
        table: dict[str, Any] = classification_report(truth, guess, mode="strict", scheme=IOB2, **options)
        default: dict[str, Any] = classification_report(truth, guess, **options)
    for label, figures in strict.labels.items():
        row = table.get(label, {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0})
        ours = (figures.precision or 0.0, figures.recall or 0.0, figures.f1 or 0.0)
        theirs = (float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
        apart = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if figures.gold != row["support"] or not apart < _ROUNDING:
            raise AssertionError(f"seqeval disagrees on {label}")
    by_label = {label: float(default[label]["f1-score"]) if label in default else None for label in labels}
    return by_label, float(default["micro avg"]["f1-score"])


def _tag_pieces(gold: Sequence[Span], spans: Sequence[Span], scheme: LabelScheme) -> tuple[list[str], list[str]]:
    """Tags of the pieces between all edges of both sides."""
    edges = sorted({edge for span in (*gold, *spans) for edge in (span.start, span.end)})
    index = {edge: k for k, edge in enumerate(edges)}

    def tags(side: Sequence[Span]) -> list[str]:
        pieces = ((index[span.start], index[span.end], span.label) for span in side)
        return [scheme.tags[tag] for tag in scheme.encode(pieces, max(len(edges) - 1, 0))]

    return tags(gold), tags(spans)
