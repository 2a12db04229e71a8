"""How training reports are divided: set aside for validation, held out as a fold, or left out.

Reports are kept whole and drawn with the run's seed, each division by itself, in this
order: validation first, so that every fold and every share is validated on the same
reports; then the fold; then the share of the rest that is trained on.

>>> reports = tuple(Document(f"r{n}", "Rebels left.", metadata={"theatre": "ABCD"[n % 4]}) for n in range(8))
>>> parts = make_folds(reports, 2, "theatre", seed=7)
>>> [(group_values(part, "theatre"), [report.id for report in part]) for part in parts]
[(['B', 'D'], ['r1', 'r3', 'r5', 'r7']), (['A', 'C'], ['r0', 'r2', 'r4', 'r6'])]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conflict_ner.config import Config, DataConfig
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.errors import DataError, Problem

_VALIDATION, _FOLDS = 1, 2  # each draws with numbers of its own


def divide_corpus(data: Corpus, settings: DataConfig, seed: int) -> Corpus:
    """The splits as a config asks for them; a fold that is held out is the split `fold`.

    Raises:
        DataError: if the training reports cannot be parted into the folds asked for.
    """
    if settings.validation_share is not None:
        data = set_aside_validation(data, settings.validation_share, seed)
    if settings.fold:
        part = make_folds(data["train"], settings.fold.count, settings.fold.group, seed)[settings.fold.number - 1]
        held = set(map(id, part))
        rest = tuple(document for document in data["train"] if id(document) not in held)
        data = replace(data, splits={**data.splits, "train": rest, "fold": part})
    if settings.train_share < 1:
        data = data.sample("train", settings.train_share, seed)
    return data


def describe_splits(settings: DataConfig, seed: int) -> dict[str, str]:
    """Of each split that is drawn from the training reports, how; for the record."""
    drawn = {}
    if settings.validation_share is not None:
        drawn["validation"] = f"{settings.validation_share:g} of the training reports, drawn with seed {seed}"
    if settings.fold:
        grouped = f", whole by {settings.fold.group}" if settings.fold.group else ""
        drawn["fold"] = f"part {settings.fold.number} of {settings.fold.count} of the training reports{grouped}"
    if settings.train_share < 1:
        drawn["train"] = f"{settings.train_share:g} of the training reports, drawn with seed {seed}"
    return drawn


def set_aside_validation(data: Corpus, share: float, seed: int) -> Corpus:
    """Move a random share of the training reports, at least one, to validation."""
    train = data["train"]
    order = np.random.default_rng((seed, _VALIDATION)).permutation(len(train))
    chosen = set(order[: max(round(share * len(train)), 1)].tolist())
    parts = [tuple(report for n, report in enumerate(train) if (n in chosen) == wanted) for wanted in (False, True)]
    # In the order in which splits are always named.
    rest = {split: documents for split, documents in data.splits.items() if split != "train"}
    return replace(data, splits={"train": parts[0], "validation": parts[1], **rest})


def make_folds(
    documents: Sequence[Document], count: int, group: str | None, seed: int
) -> tuple[tuple[Document, ...], ...]:
    """Part reports into folds of about as many reports each, for a cross-validation.

    The reports that share a value of the metadata field `group` stay together, as in
    scikit-learn's GroupKFold: the largest group first, each into the smallest fold so far;
    groups of one size come in random order. Without a group each report stands by itself.

    Raises:
        DataError: if a report lacks the field, or there are fewer groups than folds.
    """
    groups = _groups(documents, group)
    if len(groups) < count:
        held = f"values of {group!r}" if group else "reports"
        what = f"{len(groups)} {held} among the training reports, too few for {count} folds"
        raise DataError([Problem("data.train", what, f"ask for {len(groups)} folds or fewer")])
    shuffled = np.random.default_rng((seed, _FOLDS)).permutation(len(groups))
    names = [list(groups)[n] for n in shuffled]
    sizes, homes = [0] * count, {}
    for name in sorted(names, key=lambda name: -len(groups[name])):
        smallest = sizes.index(min(sizes))
        homes[name] = smallest
        sizes[smallest] += len(groups[name])
    of = {number: homes[name] for name, numbers in groups.items() for number in numbers}
    return tuple(tuple(d for n, d in enumerate(documents) if of[n] == number) for number in range(count))


def group_values(documents: Sequence[Document], group: str) -> list[str]:
    """The values of a metadata field in these reports, sorted.

    Raises:
        DataError: if a report lacks the field.
    """
    return sorted(_groups(documents, group))


def _groups(documents: Sequence[Document], group: str | None) -> dict[str, list[int]]:
    """The numbers of the reports of each group."""
    if group is None:
        return {str(n): [n] for n in range(len(documents))}
    named = [document.metadata_text(group) for document in documents]
    lacking = [document for document, value in zip(documents, named, strict=True) if not value]
    if lacking:
        fix = "add it, or hold out by another field"
        whats = [f"report {document.id!r} has no {group!r} in its header" for document in lacking]
        kind = f"no {group}"
        raise DataError([Problem(d.origin, what, fix, kind=kind) for d, what in zip(lacking, whats, strict=True)])
    groups: dict[str, list[int]] = {}
    for number, value in enumerate(named):
        groups.setdefault(value or "", []).append(number)
    return groups


def read_splits(config: Config) -> Corpus:
    """The data that a config names, checked, each split as its files have it."""
    paths = {split: getattr(config.data, split) for split in corpus.SPLITS}
    present = {split: entries for split, entries in paths.items() if entries}
    settings = config.data
    return corpus.load(
        present,
        config.labels,
        strict=settings.strict,
        allow_copies=settings.allow_copies,
        guidelines=settings.guidelines,
        columns=settings.columns,
    )
