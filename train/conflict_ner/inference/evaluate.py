"""Evaluates checkpoints on labeled reports, one alone or two for a comparison.

from conflict_ner import compare, evaluate

print(compare(evaluate("models/a", "data/test"), evaluate("models/b", "data/test")).verdict)
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, is_own, shipped_model
from conflict_ner.config import ColumnsConfig
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.formats import report_files
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.label_levels import first_levels, kinds_below, resolve_label
from conflict_ner.data.silver import refuse_silver
from conflict_ner.data.validation import MISSING_KIND
from conflict_ner.errors import ConfigError, DataError, Problem, format_count
from conflict_ner.evaluation import predictions as saved_evaluations
from conflict_ner.evaluation import report as scoring
from conflict_ner.evaluation import slices
from conflict_ner.evaluation.comparison import check_same_labels
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.files import as_paths, require_writable
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
    if guidelines is None:
        guidelines = _training_guidelines(tagger.checkpoint)
    known = first_levels(tagger.labels) if first_level else tagger.labels
    scored = known if labels is None else _chosen_labels(labels, known)
    loaded, left_out = load_reports(
        paths,
        scored,
        leave_others_out=labels is not None or tagger.checkpoint.manifest.plain is not None,
        strict=strict,
        guidelines=guidelines,
        options=ReadOptions(columns=columns, trim=trim),
    )
    if not first_level and loaded.labels != scored:
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


def _advise_first_level(problem: Problem) -> Problem:
    """Add to the fix of a mention without its kind that it need not be labeled anew to be scored."""
    if not problem.kind.startswith(MISSING_KIND):
        return problem
    return replace(problem, fix=f"{problem.fix}, or score the first level with --first-level")


def load_reports(
    paths: Sequence[Path],
    labels: Sequence[str],
    *,
    leave_others_out: bool,
    strict: bool = True,
    guidelines: bool | None = None,
    options: ReadOptions = NO_OPTIONS,
) -> tuple[Corpus, str | None]:
    """Load labeled reports with the mentions whose labels are scored.

    Args:
        paths: files and folders.
        labels: the labels to score; `Corpus.labels` are these, or their first levels if the data has no others.
        leave_others_out: leave out mentions of other labels, with a note on standard error; if False, they are errors.
        strict, guidelines, options: as in `corpus.load`.

    Returns:
        The reports, as the split `data`, and what was left out, in words; None if nothing was.

    Raises:
        DataError: if the data has problems, or no mention of it has one of the labels and some have others.
    """
    others = _other_labels(paths, labels, options) if leave_others_out else Counter()
    try:
        loaded = corpus.load(
            {"data": paths},
            [*labels, *others],
            strict=strict,
            guidelines=guidelines,
            options=options,
            as_deep_as_data=True,
        )
    except DataError as error:
        raise DataError([_advise_first_level(problem) for problem in error.problems]) from None
    if not others:
        return loaded, None
    scored = tuple(label for label in loaded.labels if label in {*labels, *first_levels(labels)})
    documents = tuple(_with_labels(document, scored) for document in loaded["data"])
    counts = ", ".join(f"{format_count(count, 'mention')} of {label}" for label, count in others.items())
    if not any(document.mentions for document in documents):
        fix = f"map the model's labels to those of the data, such as --map {labels[0]}={next(iter(others))}"
        fault = f"no mention has one of the labels that are scored ({', '.join(scored)}): there are {counts}"
        raise DataError([Problem(", ".join(map(str, paths)), fault, fix)])
    left_out = f"not scored: {counts}; scored are {', '.join(scored)}"
    print(f"note: {left_out}", file=sys.stderr)
    return replace(loaded, splits={"data": documents}, labels=scored), left_out


def _other_labels(paths: Sequence[Path], labels: Sequence[str], options: ReadOptions) -> Counter[str]:
    """Count the mentions of labeled files whose label is neither one of `labels`, nor a kind of one, nor above one."""
    documents, _ = report_files.read_entries(paths, [], options)  # their problems are reported where they are loaded
    counts = Counter(mention.label for document in documents for mention in document.mentions)
    return Counter(
        {
            label: count
            for label, count in counts.most_common()
            if resolve_label(label, labels) is None and not kinds_below(label, labels)
        }
    )


def _with_labels(document: Document, labels: Sequence[str]) -> Document:
    """Return a document with only those of its mentions that have one of the labels."""
    kept = [index for index, mention in enumerate(document.mentions) if mention.label in labels]
    places = tuple(document.place(index) for index in kept) if document.places else ()
    return replace(document, mentions=tuple(document.mentions[index] for index in kept), places=places)


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


def _cut_labels(entities: Iterable[Entity], labels: Sequence[str]) -> list[Entity]:
    """Return entities with kinds that are not among `labels` cut off, without those that then have another label."""
    resolved = ((entity, resolve_label(entity.label, labels)) for entity in entities)
    return [replace(entity, label=label) for entity, label in resolved if label is not None]


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
