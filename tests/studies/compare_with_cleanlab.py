"""Measure how many label errors `review` finds, beside cleanlab's token classification on the same probabilities.

    pip install cleanlab
    PYTHONPATH=tests python tests/studies/compare_with_cleanlab.py models/default data/validation data/test

Three mentions in a hundred are corrupted (label, edges, dropped, added; ten seeds). Printed is the share of the
corruptions that the first 5 % of each ranking lead to; docs/review.md has the table. The findings are those of
`review`; cleanlab scores words, and a finding has the lowest score of its words. `words alone` are cleanlab's words
without findings: as many of the lowest words as the others have findings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from conflict_ner.data.document import Document
from conflict_ner.data.labels import LabelScheme
from conflict_ner.evaluation.gold.label_errors import Finding, Reading, rank_findings
from conflict_ner.inference.labeled_reports import load_labeled
from conflict_ner.inference.labeling.review import read
from conflict_ner.inference.tagger import Tagger
from conflict_ner.reporting.tables import markdown_rows
from helpers.corruption import KINDS, Corruption, corrupt, found

SHARE, FRONT, SEEDS = 0.03, 0.05, 10
METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
Scores = list[npt.NDArray[np.float64]]  # of the words of each report


def cleanlab_scores(
    documents: Sequence[Document], readings: Sequence[Reading], scheme: LabelScheme, method: str, *, labels: bool
) -> Scores:
    """Score every word with cleanlab, from 0 (wrong) to 1; 1 for a word that the model does not read.

    labels: give it labels and their probabilities, without the prefixes of tags.
    """
    from cleanlab.token_classification.rank import get_label_quality_scores

    given, probabilities = [], []
    for document, reading in zip(documents, readings, strict=True):
        tags = scheme.encode(
            [
                (
                    int(np.searchsorted(reading.word_ends, m.start, side="right")),
                    int(np.searchsorted(reading.word_starts, m.end)),
                    m.label,
                )
                for m in document.mentions
            ],
            len(reading.word_starts),
        )[reading.is_read]
        by_tag = reading.probabilities[reading.is_read]
        if labels:
            numbers = scheme.label_numbers
            by_tag = np.stack([by_tag[:, numbers == k].sum(1) for k in range(len(scheme.labels) + 1)], axis=1)
            tags = numbers[tags]
        given.append(tags.tolist())
        probabilities.append(by_tag)
    _, words = get_label_quality_scores(given, probabilities, token_score_method=method)
    scores = []
    for reading, of_report in zip(readings, words, strict=True):
        scores.append(np.ones(len(reading.word_starts)))
        scores[-1][reading.is_read] = of_report.to_numpy()
    return scores


def by_lowest_word(
    findings: Sequence[Finding], documents: Sequence[Document], readings: Sequence[Reading], scores: Scores
) -> list[Finding]:
    """Sort findings by the lowest score of their words."""
    number = {document.id: k for k, document in enumerate(documents)}

    def lowest(finding: Finding) -> float:
        k = number[finding.document.id]
        inside = (readings[k].word_ends > finding.pair.start) & (readings[k].word_starts < finding.pair.end)
        return float(scores[k][inside].min(initial=1.0))

    return sorted(findings, key=lowest)


def words_alone(
    count: int, readings: Sequence[Reading], scores: Scores, corruptions: Sequence[Corruption]
) -> list[Corruption]:
    """Return the corruptions that the words with the lowest scores lead to."""
    limit = np.sort(np.concatenate(scores))[count - 1]
    places = [
        [(a, b) for a, b, score in zip(r.word_starts, r.word_ends, s, strict=True) if score <= limit]
        for r, s in zip(readings, scores, strict=True)
    ]
    return [c for c in corruptions if any(c.start < b and a < c.end for a, b in places[c.report])]


def measure(
    clean: Sequence[Document], readings: Sequence[Reading], scheme: LabelScheme, seed: int
) -> Iterator[tuple[str, list[float]]]:
    """Yield, for each ranking, the share of the corruptions that its front finds: all, then each kind."""
    documents, corruptions = corrupt(clean, SHARE, seed)
    ours = rank_findings(documents, readings, scheme)
    front = round(FRONT * len(ours))

    def shares(hits: Sequence[Corruption]) -> list[float]:
        by_kind = [sum(c.kind == kind for c in hits) / sum(c.kind == kind for c in corruptions) for kind in KINDS]
        return [len(hits) / len(corruptions), *by_kind]

    def find(first: Sequence[Finding]) -> list[Corruption]:
        return found(corruptions, first, documents)

    yield "review", shares(find(ours[:front]))
    likely = [finding for finding in ours if finding.is_likely]
    yield f"review, the likely ones ({100 * len(likely) / len(ours):.1f} % of the list)", shares(find(likely))
    for method in METHODS:
        scores = cleanlab_scores(documents, readings, scheme, method, labels=False)
        yield f"cleanlab {method}", shares(find(by_lowest_word(ours, documents, readings, scores)[:front]))
        if method == METHODS[0]:
            yield f"cleanlab {method}, words alone", shares(words_alone(front, readings, scores, corruptions))
            scores = cleanlab_scores(documents, readings, scheme, method, labels=True)
            merged = by_lowest_word(ours, documents, readings, scores)[:front]
            yield f"cleanlab {method}, B and I as one label", shares(find(merged))


def main(checkpoint: str, data: Sequence[str]) -> None:
    """Print the table."""
    tagger = Tagger.load(checkpoint, precision="fp32")
    documents = load_labeled(tagger, list(map(Path, data)), tagger.labels, leave_others_out=False)[0]["data"]
    scheme = LabelScheme(tagger.labels)
    readings = list(read(tagger.predictor, documents, scheme))
    rows: dict[str, list[list[float]]] = {}
    for seed in range(SEEDS):
        for name, shares in measure(documents, readings, scheme, seed):
            rows.setdefault(name.partition(" (")[0], []).append(shares)
    body = []
    for name, of_seeds in rows.items():
        mean, spread = 100 * np.mean(of_seeds, axis=0), 100 * np.std(of_seeds, axis=0, ddof=1)
        cells = [f"{share:.1f}" for share in mean]
        body.append((name, f"{cells[0]} ({spread[0]:.1f})", *cells[1:]))
    mentions = sum(len(document.mentions) for document in documents)
    print(f"{len(documents)} reports, {mentions:,} mentions, {round(SHARE * mentions)} corrupted, {SEEDS} seeds\n")
    print(markdown_rows(("ranking", "found, % (sd)", *KINDS), body))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
