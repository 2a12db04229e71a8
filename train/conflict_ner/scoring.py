"""Scores a checkpoint on labeled reports, as `conflict-ner evaluate` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from conflict_ner import corpus, evaluation
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation import Report
from conflict_ner.tagger import Tagger


def evaluate(
    folder: Path,
    entries: Sequence[Path],
    *,
    strict: bool = True,
    device: str = "auto",
    left_out: Callable[[Problem], None] = lambda _: None,
) -> Report:
    """Score a checkpoint on labeled files and folders.

    Args:
        strict: refuse data with problems; if False, reports at fault are left out.
        left_out: called with the problem of each report that is.

    Raises:
        CheckpointError: if the checkpoint is not whole.
        DataError: if the data has problems, such as a label that the checkpoint does not know,
            or no report to score.
    """
    tagger = Tagger.load(folder, device)
    data = corpus.load({"data": entries}, tagger.labels, strict=strict)
    for problem in data.skipped:
        left_out(problem)
    documents = data["data"]
    if not documents:
        raise DataError([Problem(", ".join(map(str, entries)), "no report to score", "name files with reports")])
    found = tagger.tag([document.text for document in documents])
    return evaluation.score(documents, found, tagger.labels)
