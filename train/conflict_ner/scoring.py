"""Scores a checkpoint on labeled reports, as `conflict-ner evaluate` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conflict_ner import corpus, evaluation
from conflict_ner.evaluation import Report
from conflict_ner.tagger import Tagger


def evaluate(folder: Path, entries: Sequence[Path], *, strict: bool = True, device: str = "auto") -> Report:
    """Score a checkpoint on labeled files and folders.

    Args:
        strict: refuse data with problems; if False, reports at fault are left out.

    Raises:
        CheckpointError: if the checkpoint is not whole.
        DataError: if the data has problems; a label that the checkpoint does not know is one.
    """
    tagger = Tagger.load(folder, device)
    documents = corpus.load({"data": entries}, tagger.labels, strict=strict)["data"]
    found = tagger.tag([document.text for document in documents])
    return evaluation.score(documents, found, tagger.labels)
