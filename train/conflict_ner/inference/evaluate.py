"""Evaluates checkpoints on labeled reports, one alone or two for a comparison.

from conflict_ner import compare, evaluate

print(compare(evaluate("models/a", "data/test"), evaluate("models/b", "data/test")).verdict)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, missing_folder_advice, shipped_model
from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.data.document import Entity
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.label_levels import first_levels, resolve_label
from conflict_ner.data.silver import refuse_silver
from conflict_ner.data.validation import MISSING_KIND
from conflict_ner.errors import ConfigError, DataError, Problem
from conflict_ner.evaluation import predictions as saved_evaluations
from conflict_ner.evaluation import report as scoring
from conflict_ner.evaluation import slices
from conflict_ner.evaluation.comparison import check_same_labels
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.files import as_paths, require_writable
from conflict_ner.inference.tagger import Tagger


def evaluate(
    checkpoint: str | Path | None,
    data: str | Path | Iterable[str | Path],
    *,
    strict: bool = True,
    columns: ColumnsConfig | None = None,
    device: str = "auto",
    fields: str | Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    on_skipped: Callable[[Problem], None] = lambda _: None,
    guidelines: bool | None = None,
    predictions: str | Path | None = None,
    first_level: bool = False,
    names: str | Path | None = None,
    silver: bool = False,
) -> Evaluation:
    """Score a checkpoint on labeled files and folders.

    Args:
        checkpoint: its folder; None for the model that comes with the package.
        data: labeled files and folders, one or several.
        strict: refuse data with problems; if False, reports with problems are left out.
        columns: the columns of words and tags in CoNLL files; None: they are detected.
        fields: metadata fields to slice by; None: all fields with few values.
        thresholds: by label, the lowest score with which a prediction counts.
        on_skipped: called with the problem of each report that is left out.
        guidelines: check the reports against our annotation guidelines; None: as in the checkpoint's training
            run, or if that left it open, check them if the labels are exactly ours.
        first_level: score labels at their first level only: NUMBER.killed counts as NUMBER. Also done, with a note
            on standard error, where the checkpoint knows kinds of a label and the data has none.
        names: a file with names and their labels, which win over what the model finds (see `Tagger.load`).
        silver: also score on reports that a model has labeled (`labels: silver`).
        predictions: a file to which the evaluation is written too, as JSONL that `compare` reads.

    Raises:
        CheckpointError: if the checkpoint is incomplete, or none is named and the package was built without its model.
        ConfigError: if a threshold is for a label that the checkpoint does not know, or the list of names has problems.
        DataError: if the data has problems, such as a label that the checkpoint does not know,
            no report to score, reports that a model has labeled, or no report with a field to slice by.
        OSError: if the file for predictions cannot be written.
    """
    folder, paths = shipped_model() if checkpoint is None else Path(checkpoint), as_paths(data)
    if predictions is not None:
        require_writable(Path(predictions))  # before tagging, which may take minutes
    # In full precision: a published figure must be the same on every machine.
    tagger = Tagger.load(folder, device, thresholds, "fp32", names=names)
    if guidelines is None:
        guidelines = _training_guidelines(tagger.checkpoint)
    try:
        loaded = corpus.load(
            {"data": paths},
            first_levels(tagger.labels) if first_level else tagger.labels,
            strict=strict,
            guidelines=guidelines,
            options=ReadOptions(columns=columns),
            as_deep_as_data=True,
        )
    except DataError as error:
        raise DataError([_advise_first_level(problem) for problem in error.problems]) from None
    if not first_level and loaded.labels != tagger.labels:
        print("note: no label of the data has a kind: scored at the first level", file=sys.stderr)
    for problem in loaded.skipped:
        on_skipped(problem)
    documents = loaded["data"]
    data_name = ", ".join(map(str, paths))
    if not documents:
        raise DataError([Problem(data_name, "no report to score", "name files with reports")])
    if not silver:
        refuse_silver(data_name, documents, "name reports that were labeled by reading, or allow these with --silver")
    fields = [fields] if isinstance(fields, str) else fields
    slices.check_fields(fields or (), documents)  # before tagging, which may take minutes
    found = tagger.tag([document.text for document in documents])
    if loaded.labels != tagger.labels:
        found = [_cut_labels(entities, loaded.labels) for entities in found]
    report = scoring.score(
        documents,
        found,
        loaded.labels,
        seen=tagger.checkpoint.seen_mentions(),
        fields=fields,
        threshold=tagger.thresholds,
    )
    evaluation = Evaluation(
        name=folder.resolve().name,
        data=data_name,
        labels=loaded.labels,
        documents=documents,
        predicted=tuple(map(tuple, found)),
        report=report,
        history=tagger.checkpoint.manifest.history,
    )
    if predictions is not None:
        saved_evaluations.save(evaluation, Path(predictions))
    return evaluation


def _advise_first_level(problem: Problem) -> Problem:
    """Add to the fix of a mention without its kind that it need not be labeled anew to be scored."""
    if not problem.kind.startswith(MISSING_KIND):
        return problem
    return replace(problem, fix=f"{problem.fix}, or score the first level with --first-level")


def _cut_labels(entities: Iterable[Entity], labels: Sequence[str]) -> list[Entity]:
    """Return entities whose kinds that are not among `labels` are cut off."""
    return [replace(entity, label=resolve_label(entity.label, labels) or entity.label) for entity in entities]


def _training_guidelines(checkpoint: Checkpoint) -> bool | None:
    """Return `data.guidelines` of a checkpoint's training run; None if it was not set or its config cannot be read."""
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
    """Return two evaluations: a checkpoint's folder is evaluated on the data, a file is a saved evaluation.

    Everything that can be checked without running a model is checked first. If both have the same name,
    their paths become their names.

    Args:
        data: labeled files and folders; required for a checkpoint, refused for two saved evaluations.
        guidelines: as in `evaluate`.
        columns: the columns of words and tags in CoNLL files; None: they are detected.

    Raises:
        CheckpointError: if a folder is not a complete checkpoint.
        ConfigError: if there is no data for a checkpoint, or data and no checkpoint.
        DataError: if a path does not exist, a saved evaluation or the data has problems, or
            the two have different labels.
    """
    paths = (first, second)
    folders = [path for path in paths if path.is_dir()]
    fix = "name a checkpoint's folder, or a file that `evaluate --predictions` wrote"
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError(
            [Problem(str(p), "no such file or folder", f"{fix}; {missing_folder_advice(p)}") for p in missing]
        )
    if folders and not data:
        fault = Problem("DATA", "is missing", f"name labeled reports to evaluate {folders[0]} on")
        raise ConfigError("the command line", [fault])
    if data and not folders:
        fault = Problem(str(data[0]), "is not used: saved evaluations hold their reports", "leave it out")
        raise ConfigError("the command line", [fault])
    evaluations = {path: saved_evaluations.load(path) for path in paths if path not in folders}
    labels = [
        evaluations[path].labels if path in evaluations else Checkpoint.load(path).manifest.labels for path in paths
    ]
    check_same_labels([str(path) for path in paths], labels)
    for path in dict.fromkeys(folders):
        evaluations[path] = evaluate(path, data, device=device, guidelines=guidelines, columns=columns)
    one, other = (evaluations[path] for path in paths)
    if one.name == other.name:
        return replace(one, name=str(first)), replace(other, name=str(second))
    return one, other
