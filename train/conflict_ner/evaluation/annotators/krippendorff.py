"""Krippendorff's alpha for labeled spans: how far annotators agree beyond what chance would give.

This is the unitizing alpha (u-alpha) of Krippendorff, Mathet, Bouvry and Widlöcher (2016), as in Krippendorff (2019,
section 12.6). The text between mentions counts as one more label. Agreement is measured in characters: where two
annotators overlap, the characters that they share agree and the others do not. By chance a character could meet every
other one but those of its own mention. Reports that only some annotators have labeled count with those who have, as in
every alpha. docs/comparing.md says why this alpha and no other.

>>> from conflict_ner.data.document import Mention
>>> rebels, far_rebels, goma = Mention(0, 6, "ACTOR"), Mention(0, 11, "ACTOR"), Mention(12, 16, "LOCATION")
>>> counts = span_lengths([[rebels, goma], [far_rebels, goma]], len("Rebels left Goma."), ["ACTOR", "LOCATION"])
>>> alphas = Alphas.of(counts[None], ["ACTOR", "LOCATION"])
>>> round(alphas.overall.value, 2), round(alphas.labels["ACTOR"].value, 2), alphas.labels["LOCATION"].value
(0.61, 0.5, 1.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Span
from conflict_ner.evaluation.scores import Float64, Interval, percentile_interval, resample, varies

_DIFFERING, _LENGTH, _UNPAIRABLE = range(3)  # the columns of `span_lengths`


class Alpha(BaseModel):
    """One alpha: 1 is full agreement, 0 what chance would give, less than 0 is worse than chance.

    value: None where nobody has a mention, or all of the text has one label.
    interval: 95 %, by bootstrap over documents; None where fewer than two documents have anything to count.
    """

    model_config = ConfigDict(frozen=True)

    value: float | None
    interval: Interval | None = None


class Alphas(BaseModel):
    """The alphas of one set of annotators.

    overall: over all labels. labels: each label against all other text.
    any_label: over mentions whatever their labels: whether annotators find the same ones.
    """

    model_config = ConfigDict(frozen=True)

    overall: Alpha
    any_label: Alpha
    labels: Mapping[str, Alpha]

    @classmethod
    def of(cls, counts: Float64, labels: Sequence[str]) -> Alphas:
        """Compute the alphas of all documents together.

        Args:
            counts: shape (documents, labels + 1, 3), what `span_lengths` returns for each document.
        """
        by_label = {
            label: _alpha(_against_the_rest(counts[:, k], counts[:, k, _DIFFERING], counts))
            for k, label in enumerate(labels, start=1)
        }
        # A mention for one annotator and none for another, whatever its label: so much text without a label differs.
        any_label = _against_the_rest(counts[:, 1:].sum(axis=1), counts[:, 0, _DIFFERING], counts)
        return cls(overall=_alpha(counts), any_label=_alpha(any_label), labels=by_label)


def span_lengths(readings: Sequence[Sequence[Span]], length: int, labels: Sequence[str]) -> Float64:
    """Count the characters that the annotators of one document have labeled.

    Args:
        readings: the mentions of each annotator who has labeled the document, two at least; those of one annotator
            must not overlap each other.
        length: of the text, in characters.

    Returns:
        Shape (labels + 1, 3): for text without a label (row 0) and each label, the characters labeled so by one
        annotator and not by another, as a mean over the others; the characters labeled so; and the pairs of them that
        chance must not pair, because they lie in one mention.
    """
    edges = sorted({0, length, *(edge for spans in readings for span in spans for edge in (span.start, span.end))})
    pieces = np.diff(edges)
    index = {label: k for k, label in enumerate(labels, start=1)}
    place = {edge: k for k, edge in enumerate(edges)}
    codes = np.zeros((len(readings), len(pieces)), np.int64)
    counts = np.zeros((len(labels) + 1, 3))
    for row, spans in zip(codes, readings, strict=True):
        for span in spans:
            row[place[span.start] : place[span.end]] = index[span.label]
            counts[index[span.label], _UNPAIRABLE] += (span.end - span.start) ** 2
    annotators = np.array([(codes == k).sum(axis=0) for k in range(len(labels) + 1)])  # with each label, on each piece
    counts[:, _DIFFERING] = (annotators * (len(readings) - annotators)) @ pieces / (len(readings) - 1)
    counts[:, _LENGTH] = annotators @ pieces
    counts[0, _UNPAIRABLE] = counts[0, _LENGTH]  # text without a label is no unit: only itself is not to be paired
    return counts


def _against_the_rest(chosen: Float64, differing: Float64, counts: Float64) -> Float64:
    """Return counts, shape (documents, 2, 3), of chosen mentions (row 1) and of all other text (row 0).

    Args:
        chosen: the counts of these mentions, shape (documents, 3).
        differing: the characters that are one for an annotator and the other for another one, shape (documents,).
    """
    rest = counts[:, :, _LENGTH].sum(axis=1) - chosen[:, _LENGTH]
    rows = np.stack([np.stack([differing, rest, rest], axis=1), chosen], axis=1)
    rows[:, 1, _DIFFERING] = differing
    return rows


def _alpha(counts: Float64) -> Alpha:
    value = _compute(counts.sum(axis=0))
    has_mentions = counts[:, 1:, _LENGTH].sum(axis=1)
    interval = percentile_interval(_compute(resample(counts))) if varies(has_mentions) else None
    return Alpha(value=None if np.isnan(value) else float(value), interval=interval)


def _compute(counts: Float64) -> Float64:
    """Compute 1 - observed / expected disagreement from summed counts, shape (..., labels + 1, 3); nan if undefined.

    Equations 32 to 34 of Krippendorff (2019) with the terms that cancel each other left out.
    """
    lengths = counts[..., _LENGTH].astype(np.float64)
    total = lengths.sum(axis=-1)
    different = total**2 - (lengths**2).sum(axis=-1)  # pairs of characters with different labels
    with np.errstate(invalid="ignore", divide="ignore"):
        pairable = total - counts[..., _UNPAIRABLE].sum(axis=-1) / total
        alpha = 1 - pairable * counts[..., _DIFFERING].sum(axis=-1) / different
    values: Float64 = np.where(different > 0, alpha, np.nan)
    return values
