"""Scores a checkpoint on labeled reports, as `conflict-ner evaluate` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from conflict_ner.config import ColumnsConfig, load_config
from conflict_ner.data import corpus
from conflict_ner.errors import ConfigError, DataError, Problem
from conflict_ner.evaluation import report as evaluation
from conflict_ner.evaluation import slices
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.inference.tagger import Tagger


def evaluate(
    folder: Path,
    entries: Sequence[Path],
    *,
    strict: bool = True,
    columns: ColumnsConfig | None = None,
    device: str = "auto",
    fields: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    left_out: Callable[[Problem], None] = lambda _: None,
    guidelines: bool | None = None,
) -> Evaluation:
    """Score a checkpoint on labeled files and folders.

    Args:
        strict: refuse data with problems; if False, reports at fault are left out.
        columns: where CoNLL files have their words and tags; without it they are found.
        fields: metadata fields to slice by; None takes all with few values.
        thresholds: a label's least score; predictions below it do not count.
        left_out: called with the problem of each report that is.
        guidelines: hold the reports to our guidelines; None does as the checkpoint's run was told to.

    Raises:
        CheckpointError: if the checkpoint is not whole.
        ConfigError: if a threshold is for a label that the checkpoint does not know.
        DataError: if the data has problems, such as a label that the checkpoint does not know,
            no report to score, or no report with a field to slice by.
    """
    # In full precision: a figure to publish is the same on every machine.
    tagger = Tagger.load(folder, device, thresholds, "fp32")
    if guidelines is None:
        guidelines = _trained_with(folder)
    data = corpus.load({"data": entries}, tagger.labels, strict=strict, guidelines=guidelines, columns=columns)
    for problem in data.skipped:
        left_out(problem)
    documents = data["data"]
    named = ", ".join(map(str, entries))
    if not documents:
        raise DataError([Problem(named, "no report to score", "name files with reports")])
    slices.refuse_unknown(fields or (), documents)  # before the minutes that tagging may take
    found = tagger.tag([document.text for document in documents])
    report = evaluation.score(
        documents,
        found,
        tagger.labels,
        memory=tagger.checkpoint.memory(),
        fields=fields,
        threshold=tagger.thresholds,
    )
    return Evaluation(
        name=folder.resolve().name,
        data=named,
        labels=tagger.labels,
        documents=documents,
        found=tuple(map(tuple, found)),
        report=report,
        history=tagger.checkpoint.manifest.history,
    )


def _trained_with(folder: Path) -> bool | None:
    """Return what a checkpoint's run had set for `data.guidelines`; None if it had not, or cannot be asked."""
    try:
        return load_config(folder / "run.yaml").data.guidelines
    except ConfigError:
        return None
