"""Loads the labeled reports that a model is compared with: with the labels that it knows, as deep as the data is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.formats import report_files
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.label_levels import first_levels, kinds_below, resolve_label
from conflict_ner.data.validation import MISSING_KIND
from conflict_ner.errors import ConfigError, DataError, Problem, format_count
from conflict_ner.inference.tagger import Tagger


def load_labeled(
    tagger: Tagger,
    paths: Sequence[Path],
    labels: Sequence[str],
    *,
    leave_others_out: bool,
    strict: bool = True,
    on_skipped: Callable[[Problem], None] = lambda _: None,
    guidelines: bool | None = None,
    options: ReadOptions = NO_OPTIONS,
) -> tuple[Corpus, str | None]:
    """Load the reports that a model is compared with, as `load_reports` does, and say how they were read.

    Args:
        strict, on_skipped, guidelines: as in `evaluate`.
        options: as in `corpus.load`.

    Raises:
        DataError: if the data has problems, or there is no report in it.
    """
    loaded, left_out = load_reports(
        paths,
        labels,
        leave_others_out=leave_others_out,
        strict=strict,
        guidelines=_training_guidelines(tagger.checkpoint) if guidelines is None else guidelines,
        options=options,
    )
    if loaded.labels != tuple(labels):
        print("note: no label of the data has a kind: scored at the first level", file=sys.stderr)
    for problem in loaded.skipped:
        on_skipped(problem)
    if not loaded["data"]:
        raise DataError([Problem(", ".join(map(str, paths)), "no report to score", "name files with reports")])
    return loaded, left_out


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


def _advise_first_level(problem: Problem) -> Problem:
    """Add to the fix of a mention without its kind that it need not be labeled anew to be scored."""
    if not problem.kind.startswith(MISSING_KIND):
        return problem
    return replace(problem, fix=f"{problem.fix}, or score the first level with --first-level")


def cut_labels(entities: Iterable[Entity], labels: Sequence[str]) -> list[Entity]:
    """Return entities with kinds that are not among `labels` cut off, without those that then have another label."""
    resolved = ((entity, resolve_label(entity.label, labels)) for entity in entities)
    return [replace(entity, label=label) for entity, label in resolved if label is not None]


def _training_guidelines(checkpoint: Checkpoint) -> bool | None:
    """Return `data.guidelines` of a checkpoint's training run; None if it was not set or its config cannot be read."""
    try:
        return checkpoint.config().data.guidelines
    except ConfigError:
        return None
