"""Evaluates checkpoints on labeled reports, alone or as the two sides of a comparison.

from conflict_ner.evaluation.comparison import compare
from conflict_ner.inference.evaluate import evaluations

print(compare(*evaluations(Path("models/a"), Path("b.jsonl"), [Path("data/test")])).verdict)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, folder_advice
from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.errors import ConfigError, DataError, Problem
from conflict_ner.evaluation import predictions, slices
from conflict_ner.evaluation import report as evaluation
from conflict_ner.evaluation.comparison import check_same_labels
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
        guidelines = _training_guidelines(tagger.checkpoint)
    data = corpus.load({"data": entries}, tagger.labels, strict=strict, guidelines=guidelines, columns=columns)
    for problem in data.skipped:
        left_out(problem)
    documents = data["data"]
    named = ", ".join(map(str, entries))
    if not documents:
        raise DataError([Problem(named, "no report to score", "name files with reports")])
    slices.check_fields(fields or (), documents)  # before the minutes that tagging may take
    found = tagger.tag([document.text for document in documents])
    report = evaluation.score(
        documents,
        found,
        tagger.labels,
        seen=tagger.checkpoint.seen_mentions(),
        fields=fields,
        threshold=tagger.thresholds,
    )
    return Evaluation(
        name=folder.resolve().name,
        data=named,
        labels=tagger.labels,
        documents=documents,
        predicted=tuple(map(tuple, found)),
        report=report,
        history=tagger.checkpoint.manifest.history,
    )


def _training_guidelines(checkpoint: Checkpoint) -> bool | None:
    """Return `data.guidelines` of the run that trained a checkpoint; None where it is not set or cannot be read."""
    try:
        return checkpoint.config().data.guidelines
    except ConfigError:
        return None


def evaluate_pair(
    first: Path,
    second: Path,
    data: Sequence[Path] = (),
    device: str = "auto",
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
) -> tuple[Evaluation, Evaluation]:
    """Evaluate what is a checkpoint's folder on the data, read what is a file.

    What can be found out without running a model is found out first. Two sides of one name
    are named by their paths.

    Args:
        data: labeled files and folders; needed for a checkpoint, and for nothing else.
        guidelines: hold them to our guidelines; None does if the labels are exactly ours.
        columns: where CoNLL files have their words and tags; without it they are found.

    Raises:
        CheckpointError: if a folder is no whole checkpoint.
        ConfigError: if there is no data for a checkpoint, or data and no checkpoint.
        DataError: if a path does not exist, a saved evaluation or the data has problems, or
            the two sides have other labels.
    """
    paths = (first, second)
    folders = [path for path in paths if path.is_dir()]
    fix = "name a checkpoint's folder, or a file that `evaluate --predictions` wrote"
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError([Problem(str(p), "no such file or folder", f"{fix}; {folder_advice(p)}") for p in missing])
    if folders and not data:
        fault = Problem("DATA", "is missing", f"name labeled reports to evaluate {folders[0]} on")
        raise ConfigError("the command line", [fault])
    if data and not folders:
        fault = Problem(str(data[0]), "is not used: saved evaluations hold their reports", "leave it out")
        raise ConfigError("the command line", [fault])
    read = {path: predictions.load(path) for path in paths if path not in folders}
    labels = [read[path].labels if path in read else Checkpoint.load(path).manifest.labels for path in paths]
    check_same_labels([str(path) for path in paths], labels)
    for path in folders:
        read[path] = read.get(path) or evaluate(path, data, device=device, guidelines=guidelines, columns=columns)
    one, other = (read[path] for path in paths)
    if one.name == other.name:
        return replace(one, name=str(first)), replace(other, name=str(second))
    return one, other
