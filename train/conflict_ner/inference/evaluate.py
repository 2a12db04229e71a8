"""Evaluates checkpoints on labeled reports, one alone or two for a comparison.

from conflict_ner import compare, evaluate

print(compare(evaluate("models/a", "data/test"), evaluate("models/b", "data/test")).verdict)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, is_own, shipped_model
from conflict_ner.config import ColumnsConfig
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.label_levels import first_levels, kinds_below
from conflict_ner.data.silver import refuse_silver
from conflict_ner.errors import ConfigError, DataError, Problem
from conflict_ner.evaluation import predictions as saved_evaluations
from conflict_ner.evaluation import report as scoring
from conflict_ner.evaluation import slices
from conflict_ner.evaluation.comparison import check_same_labels
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.files import as_paths, require_writable
from conflict_ner.inference.labeled_reports import cut_labels, load_labeled
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.hub_cache import find_folder, missing_folder_advice
from conflict_ner.modeling.model_files import read_token_classifier


def evaluate(
    checkpoint: str | Path | None,
    data: str | Path | Iterable[str | Path],
    *,
    strict: bool = True,
    columns: ColumnsConfig | None = None,
    trim: bool = False,
    options: ReadOptions = NO_OPTIONS,
    device: str = "auto",
    fields: str | Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    on_skipped: Callable[[Problem], None] = lambda _: None,
    guidelines: bool | None = None,
    predictions: str | Path | None = None,
    first_level: bool = False,
    names: str | Path | None = None,
    silver: bool = False,
    label_map: Mapping[str, str | None] | None = None,
    labels: str | Sequence[str] | None = None,
) -> Evaluation:
    """Score a checkpoint on labeled files and folders.

    Args:
        checkpoint: its folder, or whatever else `Tagger.load` takes; None for the model that comes with the package.
        data: labeled files and folders, one or several.
        strict: refuse data with problems; if False, reports with problems are left out.
        columns: the columns of words and tags in CoNLL files; None: they are detected.
        trim: leave white space and punctuation at the edges of the reports' mentions outside.
        options: further choices that the formats of the files leave open, such as whose annotations to read.
        fields: metadata fields to slice by; None: all fields with few values.
        thresholds: by label, the lowest score with which a prediction counts.
        on_skipped: called with the problem of each report that is left out.
        guidelines: check the reports against our annotation guidelines; None: as in the checkpoint's training
            run, or if that left it open, check them if the labels are exactly ours.
        first_level: score labels at their first level only: NUMBER.killed counts as NUMBER. Also done, with a note
            on standard error, where the checkpoint knows kinds of a label and the data has none.
        names: a file with names and their labels, which win over what the model finds (see `Tagger.load`).
        silver: also score on reports that a model has labeled (`labels: silver`).
        label_map: for a plain transformers model, the label that each of its labels is read as (see `Tagger.load`).
        labels: score only these; mentions and entities with other labels are left out. None: all that the checkpoint
            knows. For a plain model, mentions of further labels in the data are then left out with a note.
        predictions: a file to which the evaluation is written too, as JSONL that `compare` reads.

    Raises:
        CheckpointError: if the checkpoint is incomplete, or none is named and the package was built without its model.
        ConfigError: if a threshold, or one of `labels`, is not a label that the checkpoint knows, or the list of names
            or the map of labels has problems.
        DataError: if the data has problems, such as a label that the checkpoint does not know,
            no report to score, reports that a model has labeled, or no report with a field to slice by.
        OSError: if the file for predictions cannot be written.
    """
    folder, paths = shipped_model() if checkpoint is None else Path(checkpoint), as_paths(data)
    if predictions is not None:
        require_writable(Path(predictions))  # before tagging, which may take minutes
    # In full precision: a published figure must be the same on every machine.
    tagger = Tagger.load(folder, device, thresholds, "fp32", names=names, label_map=label_map)
    known = first_levels(tagger.labels) if first_level else tagger.labels
    loaded, left_out = load_labeled(
        tagger,
        paths,
        known if labels is None else _chosen_labels(labels, known),
        leave_others_out=labels is not None or tagger.checkpoint.manifest.plain is not None,
        strict=strict,
        on_skipped=on_skipped,
        guidelines=guidelines,
        options=options.updated(ReadOptions(columns=columns, trim=trim)),
    )
    documents = loaded["data"]
    data_name = ", ".join(map(str, paths))
    if not silver:
        refuse_silver(data_name, documents, "name reports that were labeled by reading, or allow these with --silver")
    fields = [fields] if isinstance(fields, str) else fields
    slices.check_fields(fields or (), documents)  # before tagging, which may take minutes
    found = tagger.tag([document.text for document in documents])
    if loaded.labels != tagger.labels:
        found = [cut_labels(entities, loaded.labels) for entities in found]
    report = scoring.score(
        documents,
        found,
        loaded.labels,
        seen=tagger.checkpoint.seen_mentions(),
        fields=fields,
        threshold=tagger.thresholds,
    )
    unverified = tagger.checkpoint.unverified
    evaluation = Evaluation(
        name=tagger.checkpoint.name,
        data=data_name,
        labels=loaded.labels,
        documents=documents,
        predicted=tuple(map(tuple, found)),
        report=report.model_copy(update={"notes": tuple(filter(None, (unverified, left_out)))}),
        history=tagger.checkpoint.manifest.history,
    )
    if predictions is not None:
        saved_evaluations.save(evaluation, Path(predictions))
    return evaluation


def _chosen_labels(labels: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that a user chose to score.

    Raises:
        ConfigError: if one is neither a label that the checkpoint knows nor above one.
    """
    chosen = tuple(dict.fromkeys([labels] if isinstance(labels, str) else labels))
    problems = [
        Problem(f"labels: {label}", "not a label of this checkpoint", f"the labels are {', '.join(known)}")
        for label in chosen
        if label not in known and not kinds_below(label, known)
    ]
    if problems or not chosen:
        nothing = Problem("labels", "none is named", f"the labels are {', '.join(known)}")
        raise ConfigError("the choice of labels", problems or [nothing])
    return chosen


def evaluate_pair(
    first: Path,
    second: Path,
    data: Sequence[Path] = (),
    device: str = "auto",
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
    label_map: Mapping[str, str | None] | None = None,
) -> tuple[Evaluation, Evaluation]:
    """Return two evaluations: a checkpoint's folder is evaluated on the data, a file is a saved evaluation.

    Everything that can be checked without running a model is checked first. If both have the same name,
    their paths become their names. If one is a plain transformers model, checkpoints are evaluated on the labels that
    both know, with a note where that leaves some out.

    Args:
        data: labeled files and folders; required for a checkpoint, refused for two saved evaluations.
        guidelines: as in `evaluate`.
        columns: the columns of words and tags in CoNLL files; None: they are detected.
        label_map: of the plain transformers models among the two; each takes from it the labels that it has.

    Raises:
        CheckpointError: if a folder is not a complete checkpoint.
        ConfigError: if there is no data for a checkpoint, or data and no checkpoint, or the map of labels is wrong.
        DataError: if a path does not exist, a saved evaluation or the data has problems, or
            the two have different labels.
    """
    paths = tuple(map(find_folder, (first, second)))
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
    maps = _maps_by_checkpoint(list(dict.fromkeys(folders)), label_map)
    checkpoints = {path: Checkpoint.load(path, maps.get(path)) for path in folders}
    labels = [(evaluations.get(path) or checkpoints[path].manifest).labels for path in paths]
    shared = _shared_labels(paths, labels, checkpoints)
    for path in checkpoints:
        evaluations[path] = evaluate(
            path, data, device=device, guidelines=guidelines, columns=columns, label_map=maps.get(path), labels=shared
        )
    one, other = (evaluations[path] for path in paths)
    if one.name == other.name:
        return replace(one, name=str(first)), replace(other, name=str(second))
    return one, other


def _maps_by_checkpoint(
    folders: Sequence[Path], label_map: Mapping[str, str | None] | None
) -> dict[Path, Mapping[str, str | None]]:
    """Return for each plain model among the checkpoints the part of the map for its own labels.

    Raises:
        ConfigError: if there is a map and no plain model, or no model has a label that it names.
    """
    if label_map is None:
        return {}
    own_labels = {path: read_token_classifier(path).tags.labels for path in folders if not is_own(path)}
    if not own_labels:
        fault = Problem("--map", "is not used: no plain transformers model is compared", "leave it out")
        raise ConfigError("the command line", [fault])
    if unknown := [label for label in label_map if not any(label in labels for labels in own_labels.values())]:
        labels = ", ".join(dict.fromkeys(label for labels in own_labels.values() for label in labels))
        faults = [Problem(f"--map {label}", f"no model has this label; their labels are {labels}") for label in unknown]
        raise ConfigError("the map of labels", faults)
    return {
        path: part
        for path, labels in own_labels.items()
        if (part := {label: name for label, name in label_map.items() if label in labels})
    }


def _shared_labels(
    paths: Sequence[Path], labels: Sequence[Sequence[str]], checkpoints: Mapping[Path, Checkpoint]
) -> list[str] | None:
    """Return the labels on which two models are compared, if these are not all of both; None if they are.

    Raises:
        DataError: if the labels differ and no plain model is compared, or one of the two is a saved evaluation that has
            labels which the other does not know, or they share none.
    """
    shared = [label for label in labels[0] if label in labels[1]]
    has_plain = any(checkpoint.is_plain for checkpoint in checkpoints.values())
    saved_knows_more = any(
        set(known) - set(shared) for path, known in zip(paths, labels, strict=True) if path not in checkpoints
    )
    if not shared or not has_plain or saved_knows_more:
        check_same_labels([str(path) for path in paths], labels)
    if set(labels[0]) == set(labels[1]):
        return None
    print(f"note: compared on {', '.join(shared)}, the labels that both know", file=sys.stderr)
    return shared
